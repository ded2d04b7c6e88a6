//! The bytes are pinned, and each kind of damage leads to the right error.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

const TWO: SupportedVersions =
    SupportedVersions { oldest: Version::new(2), newest: Version::new(3) };

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        hex
    })
}

/// An envelope that this program would never make.
fn forged(kind: u8, version: u8, body: &[u8]) -> Vec<u8> {
    let mut sealed = vec![kind, version, 0, 0, 0, 0, u8::try_from(body.len()).expect("short")];
    sealed.extend(body);
    let checksum = checksum(&sealed).to_le_bytes();
    sealed[CHECKSUM].copy_from_slice(&checksum);
    sealed
}

fn damage(sealed: &[u8]) -> Damage {
    match open::<&str>(Kind::Vote, sealed) {
        Err(Error::Damaged { wanted: Kind::Vote, damage }) => damage,
        other => panic!("{}: {other:?}", hex(sealed)),
    }
}

#[test]
fn the_bytes_never_change() {
    assert_eq!(hex(&seal(Kind::Vote, &())), "04018f4053e100");
    assert_eq!(hex(&seal(Kind::Vote, "hello")), "04012eb060b4060568656c6c6f");
    assert_eq!(hex(&seal_in(Version::new(7), Kind::Post, &1_u8)), "23079ec890f80101");
    let long = seal(Kind::Post, &[7_u8; 200][..]);
    assert_eq!(hex(&long[..10]), "23019a5de95bca01c801");
    assert_eq!(long.len(), 210);
}

#[test]
fn kinds_and_their_bytes_never_change() {
    let kinds: Vec<(u8, &str)> = Kind::ALL.iter().map(|kind| (kind.byte(), kind.name())).collect();
    let golden = [
        (1, "log entry"),
        (2, "batch of commands"),
        (3, "change of the cluster's format"),
        (4, "vote"),
        (5, "log position"),
        (6, "node id"),
        (7, "cluster id"),
        (8, "checkpoint of the witness"),
        (9, "count of starts"),
        (10, "log segment"),
        (11, "log frame"),
        (12, "id of a log"),
        (16, "log file"),
        (17, "state file"),
        (18, "membership"),
        (19, "cluster's format"),
        (20, "note of what was erased"),
        (32, "state record"),
        (33, "user record"),
        (34, "follow record"),
        (35, "post record"),
        (36, "series of requests"),
        (37, "reply record"),
        (38, "certification"),
        (39, "block record"),
        (40, "mute record"),
        (41, "follow request"),
        (42, "note"),
        (43, "profile"),
        (44, "revision of a post"),
        (45, "marks of a post"),
        (46, "notification"),
        (47, "state of notifications"),
        (48, "snapshot header"),
        (49, "snapshot chunk"),
        (50, "snapshot end"),
        (56, "backup header"),
        (57, "block of a backup"),
        (58, "end of a backup"),
        (64, "call to append"),
        (65, "answer to an append"),
        (66, "call for a vote"),
        (67, "answer to a call for a vote"),
        (68, "answer to a snapshot"),
        (80, "session token"),
        (81, "client id"),
        (82, "authorization code"),
        (83, "token of an app"),
        (96, "change in the feed"),
        (104, "session"),
        (112, "settings of the network"),
        (113, "counts of administration"),
        (114, "standing"),
        (115, "invitation"),
        (116, "report"),
        (117, "announcement"),
        (118, "entry of the log of moderators"),
        (128, "work that goes on"),
        (129, "reserved name"),
        (136, "personal record"),
        (137, "list of people"),
        (138, "membership in lists"),
        (139, "word filter"),
        (144, "picture"),
        (145, "piece of a picture"),
    ];
    assert_eq!(kinds, golden);
    assert!(Kind::ALL.iter().all(|kind| Kind::of(kind.byte()) == Some(*kind)));
}

#[test]
fn the_first_of_several_envelopes_is_split_off_and_none_that_is_not_whole() {
    let [one, other] = [300_u64, 7].map(|value| seal(Kind::Starts, &value));
    let both = [one.as_slice(), &other].concat();
    assert_eq!(split_first(&both), Some((one.as_slice(), other.as_slice())));
    assert_eq!(split_first(&other), Some((other.as_slice(), &[][..])));
    assert!((0..one.len()).all(|length| split_first(&one[..length]).is_none()));
}

#[test]
fn bodies_of_every_length_come_out_again() {
    for length in [0, 1, 126, 127, 128, 129, 16_382, 16_383, 16_384, 3_000_000] {
        let text = "x".repeat(length);
        let sealed = seal(Kind::Vote, &text);
        assert_eq!(open::<&str>(Kind::Vote, &sealed), Ok(text.as_str()), "{length}");
        assert_eq!(peek(&sealed), Some((Kind::Vote, Version::FIRST)));
    }
}

#[test]
fn every_changed_byte_is_damage_and_never_another_version_or_kind() {
    let sealed = seal(Kind::Vote, "hello");
    for position in 0..sealed.len() {
        for flipped in 1..=u8::MAX {
            let mut changed = sealed.clone();
            changed[position] ^= flipped;
            damage(&changed);
        }
    }
}

#[test]
fn what_is_missing_or_too_much_is_told_apart() {
    let sealed = seal(Kind::Vote, "hello");
    for end in 0..sealed.len() {
        assert_eq!(damage(&sealed[..end]), Damage::TooShort, "{end} bytes");
    }
    let longer = [&sealed[..], &[0]].concat();
    assert_eq!(damage(&longer), Damage::TooLong);
    assert_eq!(damage(&[0xff; 30]), Damage::TooShort);
    let mut changed = sealed;
    changed[9] ^= 1;
    assert_eq!(damage(&changed), Damage::Checksum);
}

#[test]
fn a_body_of_another_layout_does_not_decode_also_where_it_is_longer() {
    assert!(matches!(damage(&seal(Kind::Vote, &9_u8)), Damage::Undecodable(_)));
    assert!(matches!(damage(&seal(Kind::Vote, &("hello", 1_u8))), Damage::Undecodable(_)));
}

#[test]
fn newer_older_and_misplaced_ones_are_no_damage() {
    let read =
        |supported_versions, sealed: &[u8]| open_as::<u8>(supported_versions, Kind::Vote, sealed);
    let one = SupportedVersions::default();
    for (supported_versions, kind, version, message) in [
        (
            one,
            4,
            2,
            "vote in format 2 was written by a newer tinysns; this one speaks format 1: upgrade this node",
        ),
        (
            TWO,
            4,
            4,
            "vote in format 4 was written by a newer tinysns; this one speaks formats 2 to 3: upgrade this node",
        ),
        (
            one,
            99,
            1,
            "kind 99 in format 1 was written by a newer tinysns; this one speaks format 1: upgrade this node",
        ),
        (
            TWO,
            4,
            1,
            "vote in format 1 was written by an older tinysns; this one speaks formats 2 to 3: start a version in between first",
        ),
        (one, 5, 1, "log position instead of vote"),
    ] {
        let error = read(supported_versions, &forged(kind, version, &[1])).expect_err("refused");
        assert_eq!(error.to_string(), message);
        assert_eq!(error.is_another_version(), kind != 5);
    }
    assert_eq!(read(TWO, &forged(4, 3, &[1])), Ok(1));
}

#[test]
fn a_line_for_people_is_refused_in_the_same_ways() {
    let sealed = line::seal(Kind::ClusterId, "0abc");
    assert_eq!(sealed, "tinysns cluster-id 1 0abc 12495f90\n");
    assert_eq!(line::open(Kind::ClusterId, &sealed), Ok("0abc"));
    for position in 0..sealed.len() {
        let mut changed = sealed.clone().into_bytes();
        changed[position] ^= 1;
        let changed = String::from_utf8(changed).expect("ASCII");
        let error = line::open(Kind::ClusterId, &changed).expect_err("damaged");
        assert!(matches!(error, Error::Damaged { .. }), "{changed}: {error}");
        let error = line::open(Kind::ClusterId, &sealed[..position]).expect_err("damaged");
        assert!(matches!(error, Error::Damaged { .. }), "{position}: {error}");
    }
    let with_checksum =
        |words: &str| format!("{words} {:08x}\n", crc32fast::hash(words.as_bytes()));
    let newer = with_checksum("tinysns cluster-id 2 0abc");
    let error = line::open(Kind::ClusterId, &newer).expect_err("newer");
    assert!(matches!(error, Error::Newer { .. }), "{error}");
    let other = with_checksum("tinysns vote 1 0abc");
    let error = line::open(Kind::ClusterId, &other).expect_err("misplaced");
    assert!(matches!(error, Error::WrongKind { found: Kind::Vote, .. }), "{error}");
}

#[test]
fn versions_that_are_none_are_not_taken_from_the_wire() {
    let first = Some(SupportedVersions::default());
    for (oldest, newest, received) in [
        (0, 0, first),
        (1, 1, first),
        (2, 3, Some(TWO)),
        (2, 1, None),
        (1, 256, None),
        (300, 300, None),
    ] {
        assert_eq!(SupportedVersions::from_wire(oldest, newest), received, "{oldest} to {newest}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_one_changed_byte_in_anything_is_found(
        body in proptest::collection::vec(any::<u8>(), 0..600),
        position: prop::sample::Index,
        flipped in 1..=u8::MAX,
    ) {
        let mut sealed = seal(Kind::Post, &body);
        prop_assert_eq!(open::<Vec<u8>>(Kind::Post, &sealed), Ok(body));
        let position = position.index(sealed.len());
        sealed[position] ^= flipped;
        let outcome = open::<Vec<u8>>(Kind::Post, &sealed);
        let damaged = matches!(outcome, Err(Error::Damaged { .. }));
        prop_assert!(damaged, "{:?}", outcome);
    }

    #[test]
    fn any_bytes_are_opened_or_refused_without_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let _any = open::<Vec<u8>>(Kind::Post, &bytes);
        let _any = line::open(Kind::ClusterId, &String::from_utf8_lossy(&bytes));
    }
}
