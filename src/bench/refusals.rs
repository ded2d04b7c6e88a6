//! Which limits of the network a run has met, and what to change. Pure.
//!
//! The client library waits and asks again, so that a limit makes a network look slow, and is seen
//! nowhere else.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::client::{ClientError, RefusalKind};

/// What a network has refused in a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    pub scenario: &'static str,
    /// In the server's words.
    pub reason: String,
    pub calls: u64,
    /// The setting of the nodes that limits it, if one does.
    pub setting: Option<&'static str>,
    /// What to do.
    pub remedy: &'static str,
}

/// A limit: a part of the words in which a server refuses, the setting, and what to do.
type Limit = (&'static str, Option<&'static str>, &'static str);

/// Those that are no rates.
const LIMITS: [Limit; 8] = [
    ("too many live timelines", Some("subscriptions_per_account"), "raise it, or lower --readers"),
    ("limit of live timelines", Some("subscriptions"), "raise it, or lower --readers"),
    (
        "calls from this address",
        Some("calls_per_address"),
        "raise it, or lower --callers or --readers",
    ),
    ("calls in progress", Some("calls_per_address"), "raise it, or lower --callers or --readers"),
    ("overloaded", Some("pending_writes"), "raise it, or lower --callers"),
    ("too many reads", None, "lower --callers"),
    ("people are logging in", None, "lower --readers or --people"),
    ("a request has at most", None, "lower --callers"),
];
/// All others limit how often something may be done.
const RATES: Limit = ("", Some("rate_limits"), "start the nodes with rate_limits = off");

fn limit(reason: &str) -> Limit {
    LIMITS.into_iter().find(|(words, ..)| reason.contains(words)).unwrap_or(RATES)
}

/// What was refused in a scenario, by the reasons that servers gave.
pub fn of(
    scenario: &'static str,
    pushbacks: BTreeMap<String, u64>,
) -> impl Iterator<Item = Refused> {
    pushbacks.into_iter().map(move |(reason, calls)| {
        let (_, setting, remedy) = limit(&reason);
        Refused { scenario, reason, calls, setting, remedy }
    })
}

/// Adds what other clients were refused.
pub fn add(all: &mut BTreeMap<String, u64>, more: BTreeMap<String, u64>) {
    for (reason, calls) in more {
        *all.entry(reason).or_default() += calls;
    }
}

/// What to do about an error, after a semicolon, if it comes from a limit.
pub fn remedy_of(error: &ClientError) -> String {
    match error.refusal_kind() {
        Some(RefusalKind::TooMuch) => format!("; {}", told(limit(&error.to_string()))),
        _ => String::new(),
    }
}

impl Refused {
    /// For people, in one line.
    pub fn line(&self) -> String {
        let Self { scenario, reason, calls, setting, remedy } = self;
        let told = told(("", *setting, remedy));
        format!("{scenario}: {calls} calls were refused, and made again later: {reason}. {told}")
    }
}

fn told((_, setting, remedy): Limit) -> String {
    match setting {
        Some(setting) if !remedy.contains(setting) => format!("The setting is {setting}: {remedy}"),
        _ => format!("To measure without that limit, {remedy}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::network::Refusal;

    #[test]
    fn every_refusal_of_too_much_names_the_setting_that_limits_it() {
        let soon = Duration::from_secs(1);
        for (refusal, setting) in [
            (Refusal::overloaded(), Some("pending_writes")),
            (Refusal::too_many_timelines(), Some("subscriptions")),
            (Refusal::too_many_timelines_of_account(), Some("subscriptions_per_account")),
            (Refusal::too_many_reads(soon), None),
            (Refusal::too_many_waiting(soon), None),
            (Refusal::too_many_wrong_passwords(soon), Some("rate_limits")),
            (Refusal::too_often("you have made too many posts", soon), Some("rate_limits")),
        ] {
            let pushbacks = [(refusal.message.clone().into_owned(), 3)].into();
            let all: Vec<_> = of("publish", pushbacks).collect();
            assert_eq!((all.len(), all[0].setting, all[0].calls), (1, setting, 3), "{refusal}");
            assert!(all[0].line().contains(all[0].remedy), "{refusal}");
        }
    }

    #[test]
    fn only_an_error_that_comes_from_a_limit_has_a_remedy() {
        let refusal = Refusal::too_often("too many accounts", Duration::from_secs(9));
        assert!(remedy_of(&refusal.into()).contains("rate_limits = off"));
        assert_eq!(remedy_of(&Refusal::invalid("no").into()), "");
        assert_eq!(remedy_of(&ClientError::NotLoggedIn), "");
    }

    #[test]
    fn what_several_clients_were_refused_is_counted_together() {
        let mut all = BTreeMap::from([("a".to_owned(), 1)]);
        add(&mut all, [("a".to_owned(), 2), ("b".to_owned(), 5)].into());
        assert_eq!(all, [("a".to_owned(), 3), ("b".to_owned(), 5)].into());
    }
}
