//! The contents of logs and snapshots are pinned: to change them, make a new version of the format.

use std::fmt::Write as _;

use super::*;
use crate::{
    domain::{
        AcmeAccount, AcmeChallenge, CertificationStep, ClusterId, DomainCertificate, PostId,
        PrivateText,
    },
    envelope::{Error, Kind, Version, seal_in},
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
        (hex(&stamp(set)), "0202010000020300010168".to_owned()),
        (hex(&stamp(follow(1, request(2, 3), "u1"))), "0203010000020300027531".to_owned()),
        (hex(&stamp(unfollow(1, request(2, 3), "u1"))), "0204010000020300027531".to_owned()),
        (hex(&stamp(publish(1, request(2, 3), "hi"))), "0205010000020300026869".to_owned()),
        (hex(&stamp(publish(1, opaque("k"), "hi"))), "0205010001016b026869".to_owned()),
        (hex(&stamp(Command::AbandonCluster { to: ClusterId::new(1) })), "020601".to_owned()),
        (hex(&stamp(certify(account_step))), "02070001640163".to_owned()),
        (hex(&stamp(certify(challenges_step))), "0207010101740161".to_owned()),
        (hex(&stamp(certify(certificate_step))), "020702016e0163016b".to_owned()),
        (hex(&Reply::Done), "00".to_owned()),
        (hex(&Reply::Account(account)), "0101027531010002".to_owned()),
        (
            hex(&Reply::Published { post: PostId::new(5), posted_at: UnixMillis::new(1) }),
            "020502".to_owned(),
        ),
        (hex(&Reply::Refused(CommandRefusal::NoSuchUser)), "0300".to_owned()),
        (hex(&Reply::Refused(CommandRefusal::NoSuchAccount)), "0305".to_owned()),
        (hex(&Reply::Refused(CommandRefusal::TooManyRequests)), "0308".to_owned()),
    ] {
        assert_eq!(found, golden);
    }
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
        (publish(1, key(), "hi"), Some(0xd865_f9a1_d15c_fb3d)),
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
    assert_eq!(rows.len(), 1 + 2 + 1 + 1 + 2 + 2);
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
    assert_eq!(hex_of(&last(&state, Table::Users)), "210196158aa7050275320000");
    assert_eq!(hex_of(&last(&state, Table::Following)), "2201f05a2df4020200");
    assert_eq!(hex_of(&last(&state, Table::Posts)), "2301acad226d0402026869");
}

#[test]
fn a_damaged_row_and_one_of_a_newer_program_are_refused_and_told_apart() {
    let state = State::with_users(&["u1", "u2"]);
    state.apply(0, follow(1, request(2, 3), "u2"));
    state.apply(1, publish(2, request(2, 3), "hello"));
    let whole = last(&state, Table::Posts);
    let put = |row: &[u8]| state.put_row(&keys::post(UserId(2), PostId::new(1)), row);
    let read = || {
        let view = state.view();
        let read = whole_page(&view, view.timeline(UserId(1), Cursor::After(PostId::NONE), 9));
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
    let read = whole_page(&view, view.timeline(UserId(1), Cursor::After(PostId::NONE), 9));
    assert_eq!(read.unwrap().0.len(), 1);
}
