//! What servers have refused because it was too much. The client asks again by itself, so that whoever
//! calls it sees only that it takes longer; who measures has to know why.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tonic::{Code, Status};

/// Reasons that are told apart: there are a dozen, and what a server says is not limited.
const REASONS: usize = 32;

/// How often what was refused.
#[derive(Default)]
pub struct Pushbacks {
    counts: Mutex<BTreeMap<String, u64>>,
}

impl Pushbacks {
    /// Counts the answer of a server, if it is such a refusal.
    pub fn note(&self, status: &Status) {
        if status.code() != Code::ResourceExhausted {
            return;
        }
        // After the colon is when to come again, which always differs.
        let message = status.message();
        let reason = message.split_once(':').map_or(message, |(reason, _)| reason);
        let mut counts = self.counts.lock();
        if let Some(count) = counts.get_mut(reason) {
            *count += 1;
        } else if counts.len() < REASONS {
            counts.insert(reason.to_owned(), 1);
        }
    }

    /// How often, by the reason that the server gave.
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_their_reason_whenever_one_may_come_again() {
        let pushbacks = Pushbacks::default();
        for seconds in 1..=3 {
            let message = format!("too many posts: try again in {seconds} s");
            pushbacks.note(&Status::resource_exhausted(message));
        }
        pushbacks.note(&Status::resource_exhausted("full"));
        pushbacks.note(&Status::unavailable("elsewhere"));
        let expected = [("full".to_owned(), 1), ("too many posts".to_owned(), 3)];
        assert_eq!(pushbacks.counts(), expected.into());
    }

    #[test]
    fn a_server_that_always_says_something_else_takes_no_room() {
        let pushbacks = Pushbacks::default();
        for number in 0..10 * REASONS {
            pushbacks.note(&Status::resource_exhausted(number.to_string()));
        }
        assert_eq!(pushbacks.counts().len(), REASONS);
    }
}
