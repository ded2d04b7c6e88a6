//! Rules of sessions.

use super::*;
use crate::social::{
    administration::{Administration, CodeHash, OPERATOR},
    sessions::MOST_SESSIONS,
};

const ANN: UserId = UserId(1);

fn ended() -> Vec<Event> {
    vec![Event::SessionsEnded { user: ANN }]
}

fn new(login: u128) -> NewSession {
    NewSession {
        user: ANN,
        password_version: 0,
        login: LoginId(login),
        client: ClientName::new("a client"),
        expires_at: None,
        grant: None,
    }
}

fn begin(state: &State, at: i64, session: NewSession) -> SessionKey {
    match state.apply(at, Command::BeginSession(session)).0 {
        Reply::SessionBegun { session, .. } => session,
        other => panic!("{other:?}"),
    }
}

fn within(session: SessionKey, sequence: u64) -> Context {
    Context { session: SessionRef::Listed(session), ..context(1, request(1, sequence)) }
}

fn says(context: Context) -> Command {
    Command::Publish { context, draft: Draft::of(text("hello")) }
}

fn end(context: Context, which: EndedSessions) -> Command {
    Command::EndSessions { context, which }
}

fn numbers(state: &State) -> Vec<u64> {
    let sessions = state.view().sessions(ANN).unwrap();
    sessions.into_iter().map(|(number, _)| number).collect()
}

#[test]
fn a_login_begins_one_session_however_often_it_is_repeated() {
    let state = State::with_users(&["ann"]);
    let first = begin(&state, 5, new(7));
    assert_eq!(begin(&state, 9, new(7)), first);
    assert_eq!(first, SessionKey { number: 1, begun_at: UnixMillis::new(5) });
    assert_eq!(begin(&state, 9, new(8)).number, 2);
    assert_eq!(numbers(&state), [1, 2]);
    let nobody = NewSession { user: UserId(9), ..new(9) };
    let refusal = state.apply(9, Command::BeginSession(nobody));
    assert_eq!(refusal, refused(CommandRefusal::NoSuchAccount));
    assert_eq!(state.damage(), []);
}

#[test]
fn a_session_that_was_ended_changes_nothing_and_the_others_go_on() {
    let state = State::with_users(&["ann"]);
    let [one, two, three] = [1, 2, 3].map(|login| begin(&state, 0, new(login)));
    let which = EndedSessions::One(one.number);
    assert_eq!(state.apply(0, end(within(two, 1), which)), (Reply::Done, ended()));
    let before = state.every_row();
    for command in [says(within(one, 2)), end(within(one, 3), EndedSessions::Others)] {
        assert_eq!(state.apply(0, command), refused(CommandRefusal::SessionRevoked));
    }
    assert_eq!(state.every_row(), before);
    assert!(matches!(state.apply(0, says(within(three, 4))).0, Reply::Published { .. }));
    // A repetition is answered, and ends nothing again.
    assert_eq!(state.apply(0, end(within(two, 1), which)), (Reply::Done, vec![]));
    let gone = state.apply(0, end(within(two, 5), which)).0;
    assert_eq!(gone, Reply::Refused(CommandRefusal::NoSuchSession));
    assert_eq!(state.apply(0, end(within(two, 6), EndedSessions::Others)), (Reply::Done, ended()));
    assert_eq!(numbers(&state), [2]);
    assert_eq!(state.apply(0, end(within(two, 7), EndedSessions::Own)), (Reply::Done, ended()));
    assert_eq!(state.apply(0, end(within(two, 7), EndedSessions::Own)), (Reply::Done, vec![]));
    assert!(numbers(&state).is_empty());
    assert_eq!(begin(&state, 0, new(4)).number, 4, "no number is given twice");
}

#[test]
fn a_number_that_was_given_again_opens_nothing_to_whoever_had_it_before() {
    let state = State::with_users(&["ann"]);
    let session = begin(&state, 5, new(1));
    let lost = SessionKey { begun_at: UnixMillis::new(4), ..session };
    let refusal = state.apply(6, says(within(lost, 1)));
    assert_eq!(refusal, refused(CommandRefusal::SessionRevoked));
}

#[test]
fn a_new_password_ends_all_sessions_but_the_one_that_sets_it() {
    let state = State::with_users(&["ann", "bob"]);
    let [one, two] = [1, 2].map(|login| begin(&state, 0, new(login)));
    let bobs = NewSession { user: UserId(2), ..new(3) };
    begin(&state, 0, bobs);
    assert_eq!(state.apply(0, set_password(within(two, 1), Some("new"))), (Reply::Done, ended()));
    let refusal = state.apply(0, says(within(one, 2)));
    assert_eq!(refusal, refused(CommandRefusal::SessionRevoked));
    assert!(matches!(state.apply(0, says(within(two, 3))).0, Reply::Published { .. }));
    assert_eq!(state.view().sessions(UserId(2)).unwrap().len(), 1);
    // Nor does what was proved with the old one begin another.
    let stale = state.apply(0, Command::BeginSession(new(4)));
    assert_eq!(stale, refused(CommandRefusal::PasswordChanged));
    begin(&state, 0, NewSession { password_version: 1, ..new(4) });
    // Who has no password yet had no session that is kept.
    let context = Context { session: SessionRef::Unlisted(1), ..context(1, request(1, 4)) };
    assert_eq!(state.apply(0, set_password(context, Some("other"))), (Reply::Done, ended()));
    assert!(numbers(&state).is_empty());
}

#[test]
fn sessions_that_are_over_go_when_another_begins_and_the_oldest_if_there_are_too_many() {
    let state = State::with_users(&["ann"]);
    let expires = |login, at| NewSession { expires_at: Some(UnixMillis::new(at)), ..new(login) };
    begin(&state, 0, expires(1, 10));
    begin(&state, 0, expires(2, 11));
    begin(&state, 10, new(3));
    assert_eq!(numbers(&state), [2, 3]);
    begin(&state, 11, new(4));
    assert_eq!(numbers(&state), [3, 4]);
    for login in 5..=u128::try_from(MOST_SESSIONS).unwrap() + 2 {
        assert_eq!(state.apply(12, Command::BeginSession(new(login))).1, vec![]);
    }
    assert_eq!(numbers(&state).len(), MOST_SESSIONS);
    assert_eq!(state.apply(12, Command::BeginSession(new(1_000))).1, ended());
    let left = numbers(&state);
    assert_eq!((left.len(), left[0]), (MOST_SESSIONS, 4));
    assert_eq!(state.damage(), []);
}

#[test]
fn an_account_without_a_password_has_no_sessions_to_end() {
    let state = State::with_users(&["ann"]);
    for (sequence, which, refusal) in [
        (1, EndedSessions::Others, CommandRefusal::NoPassword),
        (2, EndedSessions::Own, CommandRefusal::NoPassword),
        (3, EndedSessions::One(1), CommandRefusal::NoSuchSession),
    ] {
        let command = end(context(1, request(1, sequence)), which);
        assert_eq!(state.apply(0, command), refused(refusal));
    }
}

#[test]
fn a_code_is_used_up_by_the_login_with_it() {
    let state = State::with_users(&["ann"]);
    let kept = begin(&state, 0, new(1));
    let reset = |at, sequence| {
        let code = CodeHash { hash: "code".to_owned(), until: UnixMillis::new(100) };
        let request = Administration::ResetPassword { name: name("ann"), code };
        let session = SessionRef::Unlisted(0);
        let context = Context { user: OPERATOR, session, key: super::request(1, sequence) };
        assert_eq!(state.apply(at, Command::Administer { context, request }).1, ended());
    };
    reset(1, 1);
    let refusal = state.apply(2, says(within(kept, 1)));
    assert_eq!(refusal, refused(CommandRefusal::SessionRevoked));
    let with_code = |login| NewSession { password_version: 1, ..new(login) };
    let session = begin(&state, 3, with_code(2));
    assert_eq!(begin(&state, 4, with_code(2)), session, "the same login");
    let again = state.apply(4, Command::BeginSession(with_code(3)));
    assert_eq!(again, refused(CommandRefusal::CodeUsed));
    // Whoever has used it chooses a password, and logs in with that.
    assert_eq!(state.apply(5, set_password(within(session, 2), Some("own"))).0, Reply::Done);
    begin(&state, 6, NewSession { password_version: 2, ..new(4) });
    reset(7, 2);
    let late = NewSession { password_version: 3, ..new(5) };
    let expired = state.apply(100, Command::BeginSession(late));
    assert_eq!(expired, refused(CommandRefusal::CodeExpired));
}
