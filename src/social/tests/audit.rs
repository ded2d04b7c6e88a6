//! Rows that are not whole, or contradict each other, are found and named, whichever they are.

use super::{super::store::UserRecord, *};
use crate::{
    domain::PostId,
    envelope::{self, Kind},
};

/// Some of everything.
fn network() -> State {
    let state = State::with_users(&["ann", "bob", "eve"]);
    state.apply(5, follow(1, request(7, 1), "bob"));
    state.apply(6, follow(3, request(8, 1), "bob"));
    for sequence in 2..6 {
        state.apply(
            10 * i64::try_from(sequence).unwrap(),
            publish(1, request(7, sequence), "hello"),
        );
    }
    state.apply(60, publish(2, opaque("a key"), "hello"));
    state
}

fn user(text: &str) -> Vec<u8> {
    let record = UserRecord { name: name(text), password_version: 0, password_hash: None };
    envelope::seal(Kind::User, &record)
}

/// Which rows an audit names, and what it says of them.
fn named(state: &State) -> Vec<String> {
    state.damage().iter().map(|found| format!("{}: {}", found.row, found.what)).collect()
}

#[test]
fn a_state_in_use_has_no_damage_and_neither_has_an_empty_one() {
    assert_eq!(State::new().damage(), []);
    let state = network();
    assert_eq!(state.damage(), []);
    // A day later, much is forgotten.
    let day = 24 * HOUR_MS;
    for hour in 1..60 {
        state.apply(hour * HOUR_MS, Command::BootstrapCluster { signing_key: [0; 32] });
    }
    state.apply(3 * day, unfollow(1, answered(7, 9, 9), "bob"));
    assert_eq!(state.damage(), []);
}

#[test]
fn rows_that_were_changed_are_named() {
    let post = |author: u64, post: u64| keys::post(UserId(author), PostId::new(post));
    let edge = |table, user: u64, name: &str| keys::edge(table, UserId(user), name);
    let count = |number: u64| number.to_be_bytes().to_vec();
    let series = b"\x00\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07".as_slice();
    let of_series = format!("series {}07 of user 1: ", "00".repeat(16));
    let table: Vec<(Key, Vec<u8>, &str)> = vec![
        (keys::meta(), vec![7; 20], "state record: "),
        (keys::user(UserId(2)), user("bob")[..9].to_vec(), "user 2: "),
        // Two rows have changed places.
        (
            keys::user(UserId(2)),
            user("eve"),
            "user 2: the state contradicts itself: its name leads to user 3",
        ),
        (keys::user(UserId(9)), user("zoe"), "user 9: "),
        (keys::name("bob"), count(3), "name bob: "),
        (keys::name("zoe"), count(9), "name zoe: "),
        (keys::name("bob"), vec![1], "name bob: "),
        (edge(Table::Following, 1, "bob"), vec![1, 2, 3], "follow of bob by user 1: "),
        (edge(Table::Followers, 2, "ann"), count(3), "follower ann of user 2: "),
        (edge(Table::Followers, 3, "ann"), count(1), "follower ann of user 3: "),
        (post(1, 2), vec![0; 12], "post 2 of user 1: "),
        (post(9, 2), vec![0; 12], "post 2 of user 9: "),
        (keys::series(UserId(1), series).unwrap(), vec![9], &of_series),
        (
            keys::series_by_age(77, UserId(1), series),
            vec![],
            "series of user 1 by its age, 77 ms: ",
        ),
        (keys::reply(UserId(1), series, 3).unwrap(), vec![9], "reply 3 to user 1: "),
        (keys::reply(UserId(1), b"another", 3).unwrap(), vec![9], "reply 3 to user 1: "),
        (keys::replies_kept(UserId(1)), count(99), "count of replies to user 1: "),
        (keys::replies_kept(UserId(3)), vec![], "count of replies to user 3: "),
        (keys::certification(), vec![7], "certification: "),
    ];
    for (key, row, expected) in table {
        let state = network();
        state.put_row(&key, &row);
        let found = named(&state);
        assert!(found.iter().any(|found| found.starts_with(expected)), "{expected}: {found:#?}");
    }
}

#[test]
fn rows_that_are_missing_are_named_or_counted() {
    let state = network();
    let rows = state.every_row();
    assert!(rows.len() > 20);
    for (gone, _) in &rows {
        let state = State::new();
        let change = state.0.begin();
        for (key, row) in rows.iter().filter(|(key, _)| key != gone) {
            change.put(&Key::of_bytes(key), row);
        }
        change.commit();
        assert!(!state.damage().is_empty(), "{gone:?} is not missed");
    }
}

#[test]
fn a_post_that_is_older_than_the_one_before_it_is_named() {
    let state = network();
    let posts = state.rows_of(Table::Posts);
    let swapped = [(&posts[0].0, &posts[1].1), (&posts[1].0, &posts[0].1)];
    for (key, row) in swapped {
        state.put_row(&Key::of_bytes(key), row);
    }
    assert_eq!(
        named(&state),
        [
            "post 2 of user 1: the state contradicts itself: it is older than the author's post before it"
        ]
    );
}

#[test]
fn of_many_rows_some_are_named_and_the_rest_are_counted() {
    let state = State::with_users(&["ann"]);
    for sequence in 1..=50 {
        state.apply(1, publish(1, request(7, sequence), "hello"));
    }
    for (key, _) in state.rows_of(Table::Posts) {
        state.put_row(&Key::of_bytes(&key), b"nothing");
    }
    let found = named(&state);
    assert_eq!(found.len(), 21, "{found:#?}");
    assert_eq!(found[20], "30 more posts: they are damaged, too");
}
