//! A promise that was not kept, in words.

use std::fmt;

use super::history::{History, OperationNumber, SubscriptionNumber};

/// The promises, as `docs/guarantees.md` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// What is acknowledged is there.
    NothingLost,
    /// Nothing is done twice, or without being asked for.
    ExactlyOnce,
    /// One order of all posts, and it is that of the clock.
    Order,
    /// What is read and received is what was written.
    Unaltered,
    /// A feed has everything that belongs to it, once, in order, and nothing else.
    Feeds,
    /// All answers are those of one process that does one thing after the other.
    Linearizable,
}

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub promise: Promise,
    /// What is wrong, for people.
    pub what: String,
    /// What it concerns.
    pub operations: Vec<OperationNumber>,
    /// What it concerns.
    pub subscription: Option<SubscriptionNumber>,
}

impl Violation {
    /// One that concerns these operations.
    pub fn of(
        promise: Promise,
        operations: impl IntoIterator<Item = OperationNumber>,
        what: impl Into<String>,
    ) -> Self {
        let operations = operations.into_iter().collect();
        Self { promise, what: what.into(), operations, subscription: None }
    }

    /// One that concerns a subscription.
    pub fn of_subscription(
        promise: Promise,
        subscription: SubscriptionNumber,
        what: impl Into<String>,
    ) -> Self {
        let subscription = Some(subscription);
        Self { promise, what: what.into(), operations: Vec::new(), subscription }
    }

    /// What is wrong, and all that the history has of what it concerns.
    pub fn explain(&self, history: &History) -> String {
        let mut lines = vec![self.to_string()];
        for number in &self.operations {
            let recorded = &history.operations()[number.0];
            let (client, user, asked) = (recorded.client, &recorded.user, &recorded.operation);
            let (number, outcome) = (number.0, recorded.outcome());
            lines.push(format!("  {number}, client {client} as {user}: {asked}: {outcome}"));
        }
        if let Some(number) = self.subscription {
            let subscription = &history.subscriptions()[number.0];
            let ids: Vec<_> = subscription.received.iter().map(|(_, post)| post.id).collect();
            let (user, ended) = (&subscription.user, &subscription.ended);
            let after = subscription.after;
            lines.push(format!("  subscription of {user} after {after:?}: {ids:?}, {ended:?}"));
        }
        lines.join("\n")
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.promise, self.what)
    }
}
