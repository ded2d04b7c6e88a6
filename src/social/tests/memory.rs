//! Repeated requests: carried out once, answered alike, kept for a day and limited.

use super::*;
use crate::social::requests::{REPLIES_PER_ACCOUNT, VISITS_PER_COMMAND};

const DAY_MS: i64 = 24 * HOUR_MS;

/// Changes nothing, except that time passes.
fn nothing() -> Command {
    Command::BootstrapCluster { signing_key: [0; 32] }
}

impl State {
    /// Something happens every half an hour.
    fn pass(&self, from: i64, to: i64) {
        let step = usize::try_from(HOUR_MS / 2).unwrap();
        for at in (from..=to).step_by(step) {
            self.apply(at, nothing());
        }
        self.apply(to, nothing());
    }

    /// How many rows a table has.
    fn count(&self, table: Table) -> usize {
        self.rows_of(table).len()
    }
}

fn published(post: u64) -> Reply {
    Reply::Published { post: PostId::new(post), posted_at: UnixMillis::EPOCH }
}

#[test]
fn a_repeated_request_gets_the_same_reply_and_changes_nothing() {
    let state = State::with_users(&["u1", "u2"]);
    let mut commands = vec![
        publish(1, request(7, 1), "hello"),
        follow(1, request(7, 2), "u2"),
        follow(1, request(7, 3), "u2"),
        unfollow(1, request(7, 4), "u2"),
        follow(1, request(7, 5), "nobody"),
        publish(1, opaque("a key of its own"), "hello"),
    ];
    commands.extend(social_commands(1, 10));
    let first: Vec<_> = commands.iter().map(|command| state.apply(1, command.clone())).collect();
    let before = state.every_row();
    for (command, (reply, _)) in commands.into_iter().zip(first) {
        assert_eq!(earlier_reply(&state.view(), &command).unwrap(), Some(reply.clone()));
        assert_eq!(state.apply(1, command.clone()), (reply, vec![]), "{command:?}");
    }
    assert_eq!(state.every_row(), before);
    // The account has been created meanwhile, but the refusal is still repeated.
    state.apply(1, Command::CreateAccount { name: name("nobody"), password_hash: None });
    let again = state.apply(1, follow(1, request(7, 5), "nobody"));
    assert_eq!(again, refused(CommandRefusal::NoSuchUser));
}

#[test]
fn a_key_that_is_used_again_for_something_else_is_refused_and_nothing_is_done() {
    let state = State::with_users(&["u1", "u2"]);
    for key in [request(7, 1), opaque("k")] {
        let first = state.apply(1, publish(1, key.clone(), "hello"));
        let before = state.every_row();
        for other in [
            publish(1, key.clone(), "hello!"),
            follow(1, key.clone(), "u2"),
            set_password(context(1, key.clone()), None),
        ] {
            assert_eq!(state.apply(1, other), refused(CommandRefusal::KeyReused));
        }
        assert_eq!(state.every_row(), before);
        assert_eq!(state.apply(1, publish(1, key, "hello")).0, first.0);
    }
}

#[test]
fn requests_of_other_clients_of_other_users_and_of_other_forms_are_other_requests() {
    let state = State::with_users(&["u1", "u2"]);
    let same_bytes = OpaqueKey::new(7_u128.to_be_bytes()).expect("16 bytes");
    for (user, key, post) in [
        (1, request(7, 1), 1),
        (1, request(8, 1), 2),
        (2, request(7, 1), 3),
        (1, RequestKey::Opaque(same_bytes), 4),
    ] {
        let (reply, _) = state.apply(0, publish(user, key, "hello"));
        assert_eq!(reply, published(post));
    }
}

#[test]
fn requests_come_in_any_order_and_are_remembered_however_many_follow() {
    let state = State::with_users(&["u1"]);
    let publish = |sequence| state.apply(0, publish(1, request(1, sequence), "hello")).0;
    assert_eq!(publish(1_000), published(1));
    assert_eq!(publish(1), published(2));
    let others = (2..400).map(|sequence| super::publish(1, request(1, sequence), "hello"));
    let others: Vec<_> = others.map(|command| Stamped { at: UnixMillis::EPOCH, command }).collect();
    state.apply_all(&others);
    assert_eq!((publish(1), publish(1_000)), (published(2), published(1)));
}

#[test]
fn what_its_client_calls_answered_is_forgotten_and_never_done_again() {
    let state = State::with_users(&["u1"]);
    let publish = |sequence, answered_below| {
        state.apply(0, publish(1, answered(1, sequence, answered_below), "hello")).0
    };
    for sequence in 1..=300 {
        // The client does not have the answers to the last ten yet.
        publish(sequence, sequence.saturating_sub(9));
    }
    let kept = state.count(Table::Replies);
    assert!((10..=74).contains(&kept), "{kept} replies are kept");
    let before = state.every_row();
    for sequence in 291..=300 {
        assert_eq!(publish(sequence, 1), published(sequence));
    }
    for sequence in [0, 1, 200] {
        assert_eq!(publish(sequence, 0), Reply::Refused(CommandRefusal::StaleRequest));
    }
    assert_eq!(state.every_row(), before);
}

#[test]
fn no_request_can_call_itself_answered_and_much_is_forgotten_little_by_little() {
    let state = State::with_users(&["u1"]);
    let publish = |sequence, answered_below| {
        state.apply(0, publish(1, answered(1, sequence, answered_below), "hello")).0
    };
    let first = (1..=300).map(|sequence| super::publish(1, request(1, sequence), "hello"));
    let first: Vec<_> = first.map(|command| Stamped { at: UnixMillis::EPOCH, command }).collect();
    state.apply_all(&first);
    let mut left = Vec::new();
    for sequence in 301..=303 {
        publish(sequence, u64::MAX);
        left.push(state.count(Table::Replies));
    }
    assert_eq!(left, [173, 46, 47]);
    assert_eq!(publish(303, u64::MAX), published(303));
    assert_eq!(publish(128, 0), Reply::Refused(CommandRefusal::StaleRequest));
}

#[test]
fn a_reply_is_kept_for_a_day_of_the_logs_time_and_for_little_more() {
    for key in [request(1, 1), answered(1, 500, 499), opaque("k")] {
        let state = State::with_users(&["u1"]);
        let repeat = || state.apply(0, publish(1, key.clone(), "hello")).0;
        state.apply(0, nothing());
        let first = repeat();
        state.pass(0, DAY_MS);
        assert_eq!(repeat(), first);
        state.pass(DAY_MS, 26 * HOUR_MS);
        assert_eq!(repeat(), first, "to the millisecond");
        state.apply(26 * HOUR_MS + 1, nothing());
        assert_eq!(state.count(Table::Replies) + state.count(Table::Series), 0);
        assert_eq!(state.count(Table::SeriesByAge) + state.count(Table::RepliesKept), 0);
    }
}

#[test]
fn a_client_at_work_loses_what_is_a_day_old_and_nothing_else() {
    let state = State::with_users(&["u1"]);
    let publish = |hours: u64| {
        let at = i64::try_from(hours).unwrap() * HOUR_MS;
        state.apply(at, publish(1, request(1, hours), "hello")).0
    };
    let first: Vec<Reply> = (0..72).map(publish).collect();
    let kept = state.count(Table::Replies);
    assert!((25..=27).contains(&kept), "{kept} replies are kept");
    for hours in 72 - 25..72 {
        assert_eq!(publish(hours), first[usize::try_from(hours).unwrap()]);
    }
    // Its client is still active, so that they are not carried out again either.
    for hours in [0, 1, 40] {
        assert_eq!(publish(hours), Reply::Refused(CommandRefusal::StaleRequest));
    }
}

#[test]
fn a_clock_that_is_a_day_ahead_repeats_nothing() {
    let key = || opaque("k");
    for jump in [26 * HOUR_MS, 400 * DAY_MS] {
        // The repetition itself brings the new time.
        let state = State::with_users(&["u1"]);
        let first = state.apply(5, publish(1, key(), "hello")).0;
        assert_eq!(state.apply(5 + jump, publish(1, key(), "hello")), (first.clone(), vec![]));

        // Other commands come before it.
        let state = State::with_users(&["u1"]);
        assert_eq!(state.apply(5, publish(1, key(), "hello")).0, first);
        for number in 0..10 {
            state.apply(5 + jump, publish(1, request(1, number), "others"));
        }
        assert_eq!(state.apply(5 + jump, publish(1, key(), "hello")), (first, vec![]));
    }
}

#[test]
fn an_account_with_a_full_memory_is_refused_and_forgets_nothing() {
    let state = State::with_users(&["u1", "u2"]);
    let first = state.apply(0, publish(1, opaque("first"), "hello")).0;
    fill(&state, 1);
    let (key, post) = (opaque("one more"), "hello");
    let before = state.every_row();
    assert_eq!(
        state.apply(0, publish(1, key.clone(), post)),
        refused(CommandRefusal::TooManyRequests)
    );
    assert_eq!(state.every_row(), before);
    assert_eq!(state.apply(0, publish(1, opaque("first"), "hello")).0, first);
    // Nobody else is affected, nor is a new password.
    assert!(matches!(state.apply(0, publish(2, key.clone(), post)).0, Reply::Published { .. }));
    let change = set_password(context(1, request(1, 1)), Some("hash"));
    assert_eq!(state.apply(0, change).0, Reply::Done);
    // When there is room again, the refused request is carried out.
    state.pass(0, 26 * HOUR_MS + 1);
    let context = Context { session: SessionRef::Unlisted(1), ..context(1, key) };
    let again = Command::Publish { context, draft: Draft::of(text(post)) };
    assert!(matches!(state.apply(0, again).0, Reply::Published { .. }));
}

/// As if the account had its maximum of kept replies.
fn fill(state: &State, user: u64) {
    state.put_row(&keys::replies_kept(UserId(user)), &REPLIES_PER_ACCOUNT.to_be_bytes());
}

#[test]
fn forgetting_takes_a_bounded_amount_of_work_per_command() {
    let state = State::with_users(&["u1", "u2"]);
    for client in 1..=10 {
        state.apply(0, publish(1, request(client, 1), "hello"));
    }
    state.pass(0, 26 * HOUR_MS);
    let mut left = vec![];
    for _ in 0..6 {
        state.apply(26 * HOUR_MS + 1, nothing());
        left.push(state.count(Table::Replies));
    }
    assert_eq!(left, [8, 6, 4, 2, 0, 0]);
    assert_eq!(VISITS_PER_COMMAND, 2);
}
