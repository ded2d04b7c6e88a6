//! Rules of what people let apps do.

use super::*;
use crate::social::{
    administration::{Administration, CodeHash, OPERATOR},
    sessions::MOST_SESSIONS,
};

const ANN: UserId = UserId(1);

fn ended() -> Vec<Event> {
    vec![Event::SessionsEnded { user: ANN }]
}

/// A state with ann, who has a password.
fn state() -> State {
    let state = State::new();
    let (name, password_hash) = (name("ann"), Some("hash".to_owned()));
    state.apply(0, Command::CreateAccount { name, password_hash });
    state
}

fn new(login: u128, until: i64) -> NewSession {
    let grant = Grant {
        app: AppId::of("a client id"),
        website: None,
        scopes: Scopes::parse("read write").unwrap(),
        redirect: RedirectId::of("app://"),
        challenge: None,
    };
    NewSession {
        user: ANN,
        password_version: 0,
        login: LoginId(login),
        client: ClientName::new("an app"),
        expires_at: None,
        grant: Some(NewGrant { grant, until: UnixMillis::new(until) }),
    }
}

fn begin(state: &State, at: i64, session: NewSession) -> SessionKey {
    match state.apply(at, Command::BeginSession(session)).0 {
        Reply::SessionBegun { session, .. } => session,
        other => panic!("{other:?}"),
    }
}

fn redeem(session: SessionKey, attempt: u128) -> Command {
    Command::RedeemGrant { user: ANN, session, attempt: LoginId(attempt) }
}

fn begun(session: SessionKey) -> Outcome {
    (Reply::SessionBegun { session, expires_at: None }, Vec::new())
}

fn within(session: SessionKey, sequence: u64) -> Context {
    Context { session: SessionRef::Listed(session), ..context(1, request(1, sequence)) }
}

fn says(session: SessionKey, sequence: u64) -> Command {
    let context = within(session, sequence);
    Command::Publish { context, draft: Draft::of(text("hello")) }
}

#[test]
fn a_grant_is_no_session_until_it_is_redeemed_and_then_it_lasts() {
    let state = state();
    let session = begin(&state, 5, new(1, 10));
    assert_eq!(begin(&state, 6, new(1, 11)), session, "the same login");
    let refusal = state.apply(6, says(session, 1));
    assert_eq!(refusal, refused(CommandRefusal::SessionRevoked));
    assert_eq!(state.apply(9, redeem(session, 7)), begun(session));
    // Long after the code is over, and through every other login.
    begin(&state, 1_000, new(2, 2_000));
    assert!(matches!(state.apply(1_000, says(session, 2)).0, Reply::Published { .. }));
    assert_eq!(state.damage(), []);
}

#[test]
fn a_repeated_attempt_gets_the_same_answer_and_another_ends_the_session() {
    let state = state();
    let session = begin(&state, 0, new(1, 10));
    for at in [1, 2, 100] {
        assert_eq!(state.apply(at, redeem(session, 7)), begun(session));
    }
    let before = state.every_row();
    assert_eq!(state.apply(100, redeem(session, 7)), begun(session));
    assert_eq!(state.every_row(), before);
    let reused = (Reply::Refused(CommandRefusal::GrantReused), ended());
    assert_eq!(state.apply(101, redeem(session, 8)), reused);
    let refusal = state.apply(101, says(session, 1));
    assert_eq!(refusal, refused(CommandRefusal::SessionRevoked));
    for attempt in [7, 8] {
        let gone = state.apply(102, redeem(session, attempt));
        assert_eq!(gone, refused(CommandRefusal::NoSuchGrant));
    }
}

#[test]
fn a_grant_that_nobody_redeems_in_time_is_gone() {
    let state = state();
    let session = begin(&state, 0, new(1, 10));
    assert_eq!(state.apply(10, redeem(session, 7)), refused(CommandRefusal::NoSuchGrant));
    assert!(state.view().sessions(ANN).unwrap().is_empty());
    begin(&state, 10, new(2, 20));
    begin(&state, 20, new(3, 30));
    let numbers: Vec<u64> = state.view().sessions(ANN).unwrap().iter().map(|it| it.0).collect();
    assert_eq!(numbers, [3], "the next login takes it away");
    // They count among the sessions, of which there are so many.
    for login in 4..4 + u128::try_from(MOST_SESSIONS).unwrap() {
        begin(&state, 20, new(login, 30));
    }
    assert_eq!(state.view().sessions(ANN).unwrap().len(), MOST_SESSIONS);
}

#[test]
fn what_is_no_grant_of_this_moment_is_not_redeemed() {
    let state = state();
    let session = begin(&state, 5, new(1, 10));
    let own = begin(&state, 5, NewSession { grant: None, ..new(2, 0) });
    let lost = SessionKey { begun_at: UnixMillis::new(4), ..session };
    let unknown = SessionKey { number: 9, ..session };
    let nobody = Command::RedeemGrant { user: UserId(9), session, attempt: LoginId(7) };
    for command in [redeem(own, 7), redeem(lost, 7), redeem(unknown, 7), nobody] {
        assert_eq!(state.apply(6, command), refused(CommandRefusal::NoSuchGrant));
    }
    assert!(matches!(state.apply(6, says(own, 1)).0, Reply::Published { .. }));
}

#[test]
fn nobody_lets_an_app_in_without_a_password_of_their_own() {
    let state = State::with_users(&["ann"]);
    let refusal = state.apply(0, Command::BeginSession(new(1, 10)));
    assert_eq!(refusal, refused(CommandRefusal::NoPasswordForApps));
    let code = CodeHash { hash: "code".to_owned(), until: UnixMillis::new(100) };
    let request = Administration::ResetPassword { name: name("ann"), code };
    let session = SessionRef::Unlisted(0);
    let context = Context { user: OPERATOR, session, key: super::request(1, 1) };
    assert_eq!(state.apply(1, Command::Administer { context, request }).1, ended());
    let with_code = |grant| NewSession { password_version: 1, grant, ..new(2, 10) };
    let refusal = state.apply(2, Command::BeginSession(with_code(new(2, 10).grant)));
    assert_eq!(refusal, refused(CommandRefusal::OwnPasswordFirst));
    begin(&state, 3, with_code(None));
}

#[test]
fn a_new_password_ends_what_apps_have_and_what_they_would_get() {
    let state = state();
    let own = begin(&state, 0, NewSession { grant: None, ..new(1, 0) });
    let [redeemed, pending] = [2, 3].map(|login| begin(&state, 0, new(login, 10)));
    state.apply(0, redeem(redeemed, 7));
    let changed = state.apply(1, set_password(within(own, 1), Some("new")));
    assert_eq!(changed, (Reply::Done, ended()));
    assert_eq!(state.apply(2, says(redeemed, 2)), refused(CommandRefusal::SessionRevoked));
    for session in [redeemed, pending] {
        assert_eq!(state.apply(2, redeem(session, 7)), refused(CommandRefusal::NoSuchGrant));
    }
    let stale = state.apply(2, Command::BeginSession(new(4, 10)));
    assert_eq!(stale, refused(CommandRefusal::PasswordChanged));
}

#[test]
fn with_an_account_all_goes_that_was_granted() {
    let state = state();
    let own = begin(&state, 0, NewSession { grant: None, ..new(1, 0) });
    let session = begin(&state, 0, new(2, 10));
    let deleted = state.apply(1, Command::DeleteAccount { context: within(own, 1) });
    assert_eq!(deleted.0, Reply::Done);
    let refusal = state.apply(2, redeem(session, 7)).0;
    assert_eq!(refusal, Reply::Refused(CommandRefusal::NoSuchGrant));
    assert!(state.view().sessions(ANN).unwrap().is_empty());
}

#[test]
fn a_token_that_is_given_back_ends_the_session_of_its_app_and_no_other() {
    let state = state();
    let own = begin(&state, 0, NewSession { grant: None, ..new(1, 0) });
    let [one, other] = [2, 3].map(|login| begin(&state, 0, new(login, 10)));
    for session in [one, other] {
        state.apply(0, redeem(session, 7));
    }
    let end = |session| Command::EndAppSession { user: ANN, session };
    let lost = SessionKey { begun_at: UnixMillis::new(9), ..one };
    for session in [own, lost] {
        assert_eq!(state.apply(1, end(session)), (Reply::Done, vec![]));
    }
    assert_eq!(state.apply(1, end(one)), (Reply::Done, ended()));
    assert_eq!(state.apply(1, end(one)), (Reply::Done, vec![]), "it is harmless to repeat");
    assert_eq!(state.apply(2, says(one, 1)), refused(CommandRefusal::SessionRevoked));
    for (session, sequence) in [(other, 2), (own, 3)] {
        assert!(matches!(state.apply(2, says(session, sequence)).0, Reply::Published { .. }));
    }
}
