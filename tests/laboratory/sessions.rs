//! Whether sessions end with the password that they began with.
//!
//! A client has the passwords that it has logged in with or asked for, and logs in again by itself
//! with one of them. So whoever was answered while an account certainly had a password that this
//! client did not have yet was answered in a session that had ended.

use super::{
    history::{Effect, History, Operation, OperationNumber, Outcome, Recorded},
    violation::{Promise, Violation},
};

/// Calls that were answered in sessions that had ended. Exact if no two passwords of an account are
/// the same.
pub fn check(history: &History) -> Vec<Violation> {
    let operations = history.operations();
    let is_change = |one: &&Recorded| matches!(one.operation, Operation::SetPassword { .. });
    let changes: Vec<&Recorded> = operations.iter().filter(is_change).collect();
    if changes.is_empty() {
        return Vec::new();
    }
    let mut violations = Vec::new();
    for (number, call) in operations.iter().enumerate() {
        let Some((returned, Outcome::Done(_))) = &call.returned else { continue };
        if matches!(call.operation, Operation::LogIn { .. } | Operation::SetPassword { .. }) {
            continue;
        }
        let of_account = || changes.iter().filter(|change| change.user == call.user);
        let is_over =
            |change: &&&Recorded| change.known_at().is_some_and(|known| known < call.invoked.order);
        let last = of_account()
            .filter(|change| change.effect() == Effect::Made)
            .filter(is_over)
            .max_by_key(|change| change.known_at());
        let Some(last) = last else { continue };
        // Another may have been made since, or beside it.
        let is_certain = of_account().all(|change| {
            std::ptr::eq(*change, *last)
                || change.effect() == Effect::NotMade
                || change.known_at().is_some_and(|known| known < last.invoked.order)
                || change.invoked.order > returned.order
        });
        let Operation::SetPassword { new: password, .. } = &last.operation else { continue };
        let knows = |one: &Recorded| match &one.operation {
            Operation::LogIn { password: with, .. } => with == password,
            Operation::SetPassword { new, .. } => new == password,
            _ => false,
        };
        let knew = operations.iter().any(|one| {
            one.client == call.client
                && one.user == call.user
                && one.invoked.order < returned.order
                && knows(one)
        });
        if is_certain && !knew {
            violations.push(Violation::of(
                Promise::Linearizable,
                [OperationNumber(number)],
                format!("{} was answered in a session that had ended", call.user),
            ));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laboratory::history::Reply;

    /// Client 0 changes the password; then client 1 reads, having logged in with this one before.
    fn told(with: &str, change: Outcome, answer: Outcome) -> usize {
        let mut history = History::new();
        let read = || Operation::Timeline { cursor: tinysns::network::Cursor::Newest, limit: None };
        let password = |word: &str| Some(word.to_owned());
        let log_in = |word| Operation::LogIn { password: password(word), must_exist: false };
        let logged_in =
            || Outcome::Done(Reply::LoggedIn { name: "ann".to_owned(), created: false });
        for (client, operation, outcome) in [
            (0, log_in("old"), logged_in()),
            (1, log_in(with), logged_in()),
            (0, Operation::SetPassword { current: password("old"), new: password("new") }, change),
            (1, read(), answer),
        ] {
            let number = history.invoked(client, 0, "ann", operation);
            history.returned(number, 0, outcome);
        }
        check(&history).len()
    }

    #[test]
    fn who_is_answered_in_a_session_that_has_ended_is_found() {
        let refused = || Outcome::Refused(tinysns::network::RefusalKind::SessionEnded);
        let done = || Outcome::Done(Reply::Done);
        assert_eq!(told("old", done(), done()), 1);
        assert_eq!(told("old", done(), refused()), 0);
        assert_eq!(told("new", done(), done()), 0);
        assert_eq!(told("old", Outcome::Unknown, done()), 0);
    }
}
