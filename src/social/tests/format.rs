//! The contents of logs and snapshots are pinned: to change them, make a new version of the format.

use std::fmt::Write as _;

use super::*;
use crate::{
    domain::{
        AcmeAccount, AcmeChallenge, CertificationStep, ClusterId, Dimensions, DomainCertificate,
        FilterAction, FilterContext, FilterSettings, Focus, Hashtag, KeywordChange, Language,
        ListSettings, MediaDisplay, NewKeyword, PersonalChange, PersonalId, PictureAddress,
        PictureDescription, PictureFile, PictureFormat, PictureId, PicturePurpose, PictureWords,
        Preferences, PrivateText, ProfileLink, RepliesPolicy, Visibility, Website,
    },
    envelope::{Error, Kind, Version, seal_in},
    social::pictures::NewPicture,
};

fn hex<T: serde::Serialize>(value: &T) -> String {
    hex_of(&postcard::to_stdvec(value).unwrap())
}

fn hex_of(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in bytes {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

/// A grant: its login, what it grants (hashes, the challenge and texts), and until when it can be redeemed.
const GRANT: &str = concat!(
    "021401020301630001",
    "de7d1b721a1e0632b7cf04edf5032c8ecffa9f9a08492152b926f1a5a7e765d7",
    "0108687474703a2f2f7709726561642070757368",
    "48425a4ff6ac129ff6406ab031b141246cdf0209c0a5d3b4789842733b97d8dd",
    "010707070707070707070707070707070707070707070707070707070707070707",
    "04",
);

#[test]
fn commands_and_replies_keep_their_encoding() {
    let stamp = |command| Stamped { at: UnixMillis::new(1), command };
    let account = Account {
        user: UserId(1),
        name: name("u1"),
        created: true,
        password_hash: None,
        password_version: 2,
    };
    let set = set_password(context(1, request(2, 3)), Some("h"));
    let session = SessionKey { number: 5, begun_at: UnixMillis::new(1) };
    let begins = NewSession {
        user: UserId(1),
        password_version: 2,
        login: LoginId(3),
        client: ClientName::new("c"),
        expires_at: Some(UnixMillis::new(1)),
        grant: None,
    };
    let grant = Grant {
        app: AppId::of("i"),
        website: Some(Website::new("http://w").unwrap()),
        scopes: Scopes::parse("read push").unwrap(),
        redirect: RedirectId::of("r:r"),
        challenge: Some([7; 32]),
    };
    let grant = Some(NewGrant { grant, until: UnixMillis::new(2) });
    let grants = NewSession { expires_at: None, grant, ..begins.clone() };
    let (user, attempt) = (UserId(1), LoginId(3));
    let ends = |which| {
        let session = SessionRef::Listed(session);
        let context = Context { session, ..context(1, request(2, 3)) };
        Command::EndSessions { context, which }
    };
    let certify = |step| Command::Certify { step };
    let short = |text: &str| text.to_owned();
    let account_step = CertificationStep::Account(AcmeAccount {
        directory: short("d"),
        credentials: PrivateText::new("c"),
    });
    let challenges_step = CertificationStep::Challenges(vec![AcmeChallenge {
        token: short("t"),
        answer: short("a"),
    }]);
    let certificate_step = CertificationStep::Certificate(DomainCertificate {
        domain: short("n"),
        chain: short("c"),
        key: PrivateText::new("k"),
    });
    for (found, golden) in [
        (
            hex(&stamp(Command::BootstrapCluster { signing_key: [0; 32] })),
            "0200".to_owned() + &"00".repeat(32),
        ),
        (
            hex(&stamp(Command::CreateAccount { name: name("u1"), password_hash: None })),
            "020102753100".to_owned(),
        ),
        (hex(&stamp(set)), "020201000000020300010168".to_owned()),
        (hex(&stamp(follow(1, request(2, 3), "u1"))), "020301000000020300027531".to_owned()),
        (hex(&stamp(unfollow(1, request(2, 3), "u1"))), "020401000000020300027531".to_owned()),
        (
            hex(&stamp(publish(1, request(2, 3), "hi"))),
            "0205010000000203000268690000000000019adda9bf0d000000".to_owned(),
        ),
        (
            hex(&stamp(publish(1, opaque("k"), "hi"))),
            "020501000001016b0268690000000000019adda9bf0d000000".to_owned(),
        ),
        (hex(&stamp(Command::AbandonCluster { to: ClusterId::new(1) })), "020601".to_owned()),
        (hex(&stamp(certify(account_step))), "02070001640163".to_owned()),
        (hex(&stamp(certify(challenges_step))), "0207010101740161".to_owned()),
        (hex(&stamp(certify(certificate_step))), "020702016e0163016b".to_owned()),
        (hex(&stamp(Command::BeginSession(begins))), "02140102030163010200".to_owned()),
        (hex(&stamp(Command::BeginSession(grants))), GRANT.to_owned()),
        (hex(&stamp(Command::RedeemGrant { user, session, attempt })), "021701050203".to_owned()),
        (hex(&stamp(Command::EndAppSession { user, session })), "0218010502".to_owned()),
        (hex(&stamp(ends(EndedSessions::One(7)))), "021501010502000203000007".to_owned()),
        (hex(&stamp(ends(EndedSessions::Own))), "0215010105020002030001".to_owned()),
        (hex(&stamp(ends(EndedSessions::Others))), "0215010105020002030002".to_owned()),
        (hex(&Reply::SessionBegun { session, expires_at: None }), "07050200".to_owned()),
        (hex(&Reply::Refused(CommandRefusal::SessionRevoked)), "0322".to_owned()),
        (
            hex(&Command::DeleteAccount { context: context(1, request(2, 3)) }),
            "1201000000020300".to_owned(),
        ),
        (hex(&Command::GoOn { chore: PostId::new(5) }), "1305".to_owned()),
        (hex(&Reply::Done), "00".to_owned()),
        (hex(&Reply::Account(account)), "0101027531010002".to_owned()),
        (
            hex(&Reply::Published { post: PostId::new(5), posted_at: UnixMillis::new(1) }),
            "020502".to_owned(),
        ),
        (hex(&Reply::Refused(CommandRefusal::NoSuchUser)), "0300".to_owned()),
        (hex(&Reply::Refused(CommandRefusal::NoSuchAccount)), "0305".to_owned()),
        (hex(&Reply::Refused(CommandRefusal::TooManyRequests)), "0308".to_owned()),
        (hex(&Reply::Refused(CommandRefusal::FollowsTooMany)), "0313".to_owned()),
        (hex(&Reply::Requested), "04".to_owned()),
    ] {
        assert_eq!(found, golden);
    }
}

/// One of each command of the social model, with all that it can have.
fn social_commands() -> Vec<Command> {
    let by = || context(1, request(2, 3));
    let post = PostId::new(5);
    let content = PostContent {
        warning: Some(text("w")),
        sensitive: true,
        language: Some(Language::new("en").unwrap()),
        ..PostContent::of(text("@u2 #a"))
    };
    let visibility = Visibility::Followers;
    let draft = Draft { content: content.clone(), reply_to: Some(post), visibility };
    let links = vec![ProfileLink { label: "l".to_owned(), value: "v".to_owned() }];
    let (display_name, bio) = ("D".to_owned(), "b".to_owned());
    let profile = Profile { display_name, bio, links, bot: true, discoverable: true, locked: true };
    let relate = |change| Command::Relate { context: by(), target: name("U2"), change };
    let until = Some(UnixMillis::new(1));
    let notifications = |change| Command::ChangeNotifications { context: by(), change };
    let mark = |mark| Command::Mark { context: by(), post, mark, set: true };
    vec![
        Command::Publish { context: by(), draft },
        Command::Edit { context: by(), post, content },
        Command::Delete { context: by(), post },
        Command::Boost { context: by(), post, set: true },
        mark(Mark::Like),
        mark(Mark::Bookmark),
        mark(Mark::Pin),
        mark(Mark::Mute),
        relate(RelationChange::Block),
        relate(RelationChange::Unblock),
        relate(RelationChange::Mute { notifications: true, until }),
        relate(RelationChange::Unmute),
        relate(RelationChange::RemoveFollower),
        relate(RelationChange::AcceptRequest),
        relate(RelationChange::RejectRequest),
        relate(RelationChange::Note("n".to_owned())),
        Command::SetProfile { context: by(), words: profile.words(), profile },
        notifications(NotificationChange::ReadUpTo(post)),
        notifications(NotificationChange::Dismiss(post)),
        notifications(NotificationChange::Clear),
    ]
}

/// One of each change of what people keep for themselves, with all that it can have.
fn personal_commands() -> Vec<Command> {
    let (list, filter) = (PersonalId::new(1), PersonalId::new(2));
    let list_settings =
        ListSettings { title: "t".to_owned(), replies: RepliesPolicy::None, exclusive: true };
    let preferences = Preferences {
        visibility: Visibility::Followers,
        sensitive: true,
        language: Some(Language::new("en").unwrap()),
        media: MediaDisplay::HideAll,
        expand_warnings: true,
        autoplay: true,
    };
    let settings = FilterSettings {
        title: "t".to_owned(),
        contexts: FilterContext::ALL.into(),
        action: FilterAction::Hide,
        until: Some(UnixMillis::new(1)),
    };
    let keyword = || NewKeyword { text: "k".to_owned(), whole_word: true };
    let keywords = vec![
        KeywordChange::Add(keyword()),
        KeywordChange::Replace(PersonalId::new(3), keyword()),
        KeywordChange::Remove(PersonalId::new(4)),
    ];
    let hashtag = Hashtag::new("a").unwrap();
    let post = PostId::new(5);
    let changes = [
        PersonalChange::CreateList(list_settings.clone()),
        PersonalChange::ChangeList(list, list_settings),
        PersonalChange::DeleteList(list),
        PersonalChange::SetMembers { list, people: vec![name("u2")], present: true },
        PersonalChange::FollowHashtag { hashtag, set: true },
        PersonalChange::ReadHomeUpTo(post),
        PersonalChange::SetPreferences(preferences),
        PersonalChange::CreateFilter { settings: settings.clone(), keywords: vec![keyword()] },
        PersonalChange::ChangeFilter { filter, settings: Some(settings), keywords },
        PersonalChange::DeleteFilter(filter),
        PersonalChange::FilterPost { filter, post },
        PersonalChange::UnfilterPost { filter, entry: PersonalId::new(6) },
    ];
    let by = || context(1, request(2, 3));
    changes.into_iter().map(|change| Command::ChangePersonal { context: by(), change }).collect()
}

#[test]
fn changes_of_what_people_keep_have_a_pinned_encoding_and_fingerprint() {
    let golden = [
        ("16010000000203000001740201", 0x7f18_7940_a495_8a6a),
        ("1601000000020300010101740201", 0xec75_71b1_2979_e9b6),
        ("16010000000203000201", 0x4735_6cb7_1111_f1d8),
        ("160100000002030003010102753201", 0xa9f9_71c5_402f_ac53),
        ("160100000002030004016101", 0x91af_52be_7f32_9122),
        ("16010000000203000505", 0xfdbc_5865_ed2d_dcaf),
        ("16010000000203000602010102656e020101", 0x4723_1066_b52c_731a),
        ("160100000002030007017405000102030402010201016b01", 0x6906_bd44_a681_0dae),
        (
            "160100000002030008020101740500010203040201020300016b010103016b010204",
            0xa090_edfb_6470_c3ca,
        ),
        ("16010000000203000902", 0x850e_b01d_ad05_c24c),
        ("16010000000203000a0205", 0x62a4_cbf2_fef3_19f1),
        ("16010000000203000b0206", 0x01d3_764e_2a1e_81e3),
    ];
    assert_eq!(
        encoded(personal_commands()),
        golden.map(|(hex, fingerprint)| (hex.to_owned(), fingerprint))
    );
}

#[test]
fn rows_of_what_people_keep_are_pinned() {
    let state = State::with_users(&["u1", "u2"]);
    state.apply(0, follow(1, request(2, 1), "u2"));
    state.apply(1, publish(2, request(2, 1), "hi"));
    for (sequence, command) in (10..).zip(personal_commands()) {
        let Command::ChangePersonal { change, .. } = command else { continue };
        let is_kept = !matches!(
            change,
            PersonalChange::DeleteList(_)
                | PersonalChange::ChangeFilter { .. }
                | PersonalChange::DeleteFilter(_)
                | PersonalChange::FilterPost { .. }
                | PersonalChange::UnfilterPost { .. }
        );
        if is_kept {
            let context = context(1, request(2, sequence));
            let (reply, _) = state.apply(1, Command::ChangePersonal { context, change });
            assert!(!matches!(reply, Reply::Refused(_)), "{reply:?}");
        }
    }
    let rows = state.rows_of(Table::Personal);
    let found: Vec<_> = rows.iter().map(|(key, row)| (hex_of(key), hex_of(row))).collect();
    let found: Vec<_> = found.iter().map(|(key, row)| (key.as_str(), row.as_str())).collect();
    let golden = [
        ("2d000000000000000100", "880164ed83f80f03020102000002010102656e020101"),
        ("2d0000000000000001010000000000000001", "89015d10496b050174020101"),
        ("2d0000000000000001027532", "8a01fac5a44c03020101"),
        ("2d00000000000000010361", ""),
        (
            "2d0000000000000001040000000000000002",
            "8b01eec38d421101740500010203040201020103016b0100",
        ),
    ];
    assert_eq!(found, golden);
}

/// One of each command about pictures, with all that it can have.
fn picture_commands() -> Vec<Command> {
    let by = || context(1, request(2, 3));
    let picture = PictureId::new(5);
    let words = PictureWords {
        description: PictureDescription::new("d").unwrap(),
        focus: Focus::new(-1, 2),
    };
    let dimensions = Dimensions { width: 3, height: 4 };
    let file = |format, bytes| PictureFile { format, dimensions, bytes };
    let new = NewPicture {
        purpose: PicturePurpose::Header,
        uploaded: [0xaa; 32],
        address: PictureAddress::new([0xbb; 16]),
        original: file(PictureFormat::Gif, 2),
        small: file(PictureFormat::Png, 1),
        blurhash: "h".to_owned(),
        words: words.clone(),
    };
    let purpose = PicturePurpose::Avatar;
    vec![
        Command::BeginPicture { context: by(), picture: new },
        Command::DescribePicture { context: by(), picture, words },
        Command::DiscardPicture { context: by(), picture },
        Command::SetProfilePicture { context: by(), purpose, picture: Some(picture) },
    ]
}

#[test]
fn what_is_stored_of_pictures_is_pinned() {
    let golden = [
        (
            concat!(
                "190100000002030002",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                "02030402010304010168010164010104",
            ),
            0x4f9f_94d4_13cf_4305,
        ),
        ("1b0100000002030005010164010104", 0x11b1_187b_21ca_6e29),
        ("1c0100000002030005", 0x8cbe_9b40_a9ca_ad87),
        ("1d01000000020300010105", 0x1aae_4cad_14ad_96d3),
    ];
    assert_eq!(
        encoded(picture_commands()),
        golden.map(|(hex, fingerprint)| (hex.to_owned(), fingerprint))
    );
    let piece = Command::PutPiece {
        owner: UserId(1),
        picture: PictureId::new(1),
        number: 0,
        bytes: vec![1, 2, 3],
    };
    assert_eq!(hex(&piece), "1a01010003010203");
    assert_eq!(hex(&Command::ForgetPictures), "1e");
    let state = State::with_users(&["u1"]);
    state.apply(1, picture_commands().remove(0));
    assert_eq!(state.apply(2, piece).0, Reply::Done);
    let rows = |table| state.rows_of(table).iter().map(|(_, row)| hex_of(row)).collect::<Vec<_>>();
    let picture = concat!(
        "90018865191d26010201",
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        "02030402010304010168010164010104020100",
    );
    assert_eq!(rows(Table::Pictures), [picture]);
    assert_eq!(rows(Table::PicturePieces), ["9101722147520403010203"]);
}

/// Requests as they are stored, and their fingerprints.
fn encoded(commands: Vec<Command>) -> Vec<(String, u64)> {
    let encoded = |command: Command| (hex(&command), command.fingerprint().expect("it has a key"));
    commands.into_iter().map(encoded).collect()
}

#[test]
fn commands_of_the_social_model_keep_their_encoding_and_their_fingerprints() {
    let golden = [
        (
            "050100000002030006407532202361010177010102656e01027532010161029f9cd9f401cef6fdab0900010502",
            0x2008_463c_a02d_3d5e,
        ),
        (
            "08010000000203000506407532202361010177010102656e01027532010161029f9cd9f401cef6fdab0900",
            0xdfdb_5c95_a09d_a64d,
        ),
        ("090100000002030005", 0x4a35_ad75_f928_b236),
        ("0a010000000203000501", 0x55c8_2873_c82d_78e4),
        ("0b01000000020300050001", 0x164a_b36f_9a85_30b1),
        ("0b01000000020300050101", 0x790d_6f5a_a3ed_6fcc),
        ("0b01000000020300050201", 0x5fc6_60c3_bd54_6a67),
        ("0b01000000020300050301", 0x4d8f_ccc8_9fba_d95e),
        ("0c0100000002030002553200", 0xc3df_2f5c_1b34_fad7),
        ("0c0100000002030002553201", 0xd74b_c6cc_20b6_a89c),
        ("0c0100000002030002553202010102", 0x92d6_2b9e_a1cb_a514),
        ("0c0100000002030002553203", 0x7db1_2652_25ea_e283),
        ("0c0100000002030002553204", 0x79d2_3e03_8675_c2a8),
        ("0c0100000002030002553205", 0xe2a7_ea9c_88b8_d450),
        ("0c0100000002030002553206", 0xb0e4_1ffd_5d19_6ff6),
        ("0c0100000002030002553207016e", 0x50b5_f70d_223d_cc26),
        ("0d010000000203000144016201016c0176010101010164", 0x846a_4528_2320_db1e),
        ("0e010000000203000005", 0x4b7c_4813_af31_df01),
        ("0e010000000203000105", 0xffcc_a8e5_d82a_1f3a),
        ("0e0100000002030002", 0xad40_6961_a651_8e07),
    ];
    assert_eq!(
        encoded(social_commands()),
        golden.map(|(hex, fingerprint)| (hex.to_owned(), fingerprint))
    );
}

#[test]
fn fingerprints_stay_what_they_are() {
    let key = || request(2, 3);
    for (command, fingerprint) in [
        (Command::BootstrapCluster { signing_key: [0; 32] }, None),
        (Command::CreateAccount { name: name("u1"), password_hash: None }, None),
        (set_password(context(1, key()), Some("h")), Some(0x6e34_0b9c_ffb3_7a98)),
        (set_password(context(2, opaque("k")), None), Some(0x6e34_0b9c_ffb3_7a98)),
        (follow(1, key(), "u1"), Some(0xdbcb_0105_2225_e491)),
        (follow(1, key(), "U1"), Some(0xdbcb_0105_2225_e491)),
        (unfollow(1, key(), "u1"), Some(0x8da4_eea5_1a4c_b650)),
        (publish(1, key(), "hi"), Some(0x402f_7cee_1072_0d08)),
    ] {
        assert_eq!(command.fingerprint(), fingerprint, "{command:?}");
    }
}

#[test]
fn rows_survive_the_way_to_another_node() {
    let state = State::with_users(&["u1", "u2"]);
    state.apply(3, Command::BootstrapCluster { signing_key: [3; 32] });
    state.apply(3, follow(1, request(u128::MAX, u64::MAX), "u2"));
    state.apply(3, publish(2, request(1, 1), "hello"));
    let rows = state.dump();
    assert_eq!(rows.len(), 1 + 2 + 1 + 1 + 2 + 2 + 2);
    for row in rows {
        let bytes = postcard::to_stdvec(&row).unwrap();
        assert_eq!(postcard::from_bytes::<Row>(&bytes).unwrap(), row);
    }
}

/// The last row of a table.
fn last(state: &State, table: Table) -> Vec<u8> {
    state.rows_of(table).pop().expect("a row").1
}

#[test]
fn rows_lie_in_envelopes_whose_bytes_are_pinned() {
    let state = State::with_users(&["u1", "u2"]);
    state.apply(0, follow(1, request(2, 3), "u2"));
    state.apply(1, publish(2, request(2, 3), "hi"));
    let mut sequence = 10;
    let mut by = |user| {
        sequence += 1;
        context(user, request(2, sequence))
    };
    let (post, target) = (PostId::new(2), name("u2"));
    let profile = Profile { locked: true, ..Profile::default() };
    let (until, notifications) = (Some(UnixMillis::new(9)), true);
    let relate = |context, change| Command::Relate { context, target: target.clone(), change };
    for command in [
        Command::Edit { context: by(2), post, content: PostContent::of(text("#a @u1")) },
        Command::Mark { context: by(1), post, mark: Mark::Like, set: true },
        Command::Boost { context: by(1), post, set: true },
        relate(by(1), RelationChange::Mute { notifications, until }),
        relate(by(1), RelationChange::Note("n".to_owned())),
        Command::SetProfile { context: by(2), profile, words: vec!["w".to_owned()] },
    ] {
        assert!(!matches!(state.apply(1, command).0, Reply::Refused(_)));
    }
    let mut found = Vec::new();
    for table in [
        Table::Users,
        Table::Following,
        Table::Posts,
        Table::Mutes,
        Table::Notes,
        Table::Profiles,
        Table::Revisions,
        Table::Marks,
        Table::Notifications,
        Table::NotificationStates,
        Table::Changes,
    ] {
        found.push(hex_of(&last(&state, table)));
    }
    // The boost.
    found.push(hex_of(&state.rows_of(Table::Posts)[0].1));
    let session = NewSession {
        user: UserId(1),
        password_version: 0,
        login: LoginId(3),
        client: ClientName::new("c"),
        expires_at: Some(UnixMillis::new(9)),
        grant: None,
    };
    state.apply(1, Command::BeginSession(session));
    found.push(hex_of(&last(&state, Table::Sessions)));
    state.apply(1, unfollow(1, request(2, 30), "u2"));
    state.apply(1, follow(1, request(2, 31), "u2"));
    found.push(hex_of(&last(&state, Table::Requests)));
    state.apply(1, relate(by(1), RelationChange::Block));
    found.push(hex_of(&last(&state, Table::Blocks)));
    // What is left of a post.
    state.apply(1, Command::Delete { context: by(2), post });
    found.push(hex_of(&last(&state, Table::Posts)));
    let golden = [
        "21018a7648cd080275320000000000",
        "2201f05a2df4020200",
        "23010eda02ba230200062361204075310000000000020101010161029f9cd9f401f1bbb5aa0801020100",
        "2801553f8b1e0402010112",
        "2a01dda8b5880302016e",
        "2b01dca4dde00b0000000000010101770000",
        "2c0155a26e9e0702026869000000",
        "2d0182837541080201050000000107",
        "2e010957529a06030201010202",
        "2f01472eab6a03030000",
        "600174b5bf8d0c020202000101000001016100",
        "230132a2af17050201020200",
        "68017bca40270702011203016300",
        "29014854a0930101",
        "2701c17276ea0102",
        "2301d3f4661a0402020002",
    ];
    assert_eq!(found, golden);
}

#[test]
fn a_damaged_row_and_one_of_a_newer_program_are_refused_and_told_apart() {
    let state = State::with_users(&["u1", "u2"]);
    state.apply(0, follow(1, request(2, 3), "u2"));
    state.apply(1, publish(2, request(2, 3), "hello"));
    let whole = last(&state, Table::Posts);
    let put = |row: &[u8]| state.put_row(&keys::post(UserId(2), PostId::new(2)), row);
    let read = || {
        let view = state.view();
        let read = whole_page(&view, view.followed(UserId(1), Cursor::After(PostId::NONE), 9));
        let error = read.expect_err("refused");
        error.envelope_error().expect("of the envelope").clone()
    };
    for position in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x20;
        put(&damaged);
        assert!(matches!(read(), Error::Damaged { wanted: Kind::Post, .. }), "byte {position}");
    }
    put(&seal_in(Version::new(9), Kind::Post, &"whatever"));
    assert!(read().is_another_version());
    put(&last(&state, Table::Users));
    assert_eq!(read(), Error::WrongKind { wanted: Kind::Post, found: Kind::User });
    put(&whole);
    let view = state.view();
    let read = whole_page(&view, view.followed(UserId(1), Cursor::After(PostId::NONE), 9));
    assert_eq!(read.unwrap().posts.len(), 1);
}
