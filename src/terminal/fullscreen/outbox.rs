//! The user's own posts before they are made: they are sent one at a time, so that they keep their
//! order, and a refused one is given back. Pure.

use std::collections::VecDeque;

use super::desk::Purpose;

/// Posts that may wait; a user who types further ahead during an outage is asked to wait.
const MOST: usize = 32;

/// One post that is not made yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsent {
    /// As it was typed.
    pub text: String,
    pub purpose: Purpose,
    /// Why it was refused; absent while it waits or is in progress.
    pub refused: Option<String>,
}

/// Posts that are not made yet, oldest first.
#[derive(Default)]
pub struct Outbox {
    unsent: VecDeque<Unsent>,
    is_sending: bool,
}

impl Outbox {
    /// The posts to show, oldest first.
    pub fn unsent(&self) -> &VecDeque<Unsent> {
        &self.unsent
    }

    /// Whether there is no room for another.
    pub fn is_full(&self) -> bool {
        self.unsent.len() >= MOST
    }

    /// Adds a post; it is sent when its turn comes.
    pub fn push(&mut self, purpose: Purpose, text: String) {
        self.unsent.push_back(Unsent { text, purpose, refused: None });
    }

    /// The post to send now, if any.
    pub fn send(&mut self) -> Option<&Unsent> {
        if self.is_sending {
            return None;
        }
        let next = self.unsent.iter().find(|unsent| unsent.refused.is_none())?;
        self.is_sending = true;
        Some(next)
    }

    /// The post in progress was made; returns it.
    pub fn sent(&mut self) -> Option<Unsent> {
        let at = self.under_way()?;
        self.is_sending = false;
        self.unsent.remove(at)
    }

    /// The post in progress was refused, for this reason.
    pub fn refused(&mut self, reason: String) {
        if let Some(at) = self.under_way() {
            self.is_sending = false;
            self.unsent[at].refused = Some(reason);
        }
    }

    /// Gives back the oldest refused post.
    pub fn take_back(&mut self) -> Option<Unsent> {
        let at = self.unsent.iter().position(|unsent| unsent.refused.is_some())?;
        self.unsent.remove(at)
    }

    fn under_way(&self) -> Option<usize> {
        if !self.is_sending {
            return None;
        }
        self.unsent.iter().position(|unsent| unsent.refused.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(outbox: &mut Outbox, text: &str) {
        outbox.push(Purpose::Post, text.to_owned());
    }

    fn send(outbox: &mut Outbox) -> Option<String> {
        outbox.send().map(|unsent| unsent.text.clone())
    }

    fn sent(outbox: &mut Outbox) -> Option<String> {
        outbox.sent().map(|unsent| unsent.text)
    }

    #[test]
    fn sends_one_at_a_time_in_order() {
        let mut outbox = Outbox::default();
        assert_eq!(send(&mut outbox), None);
        push(&mut outbox, "one");
        push(&mut outbox, "two");
        assert_eq!(send(&mut outbox).as_deref(), Some("one"));
        assert_eq!(send(&mut outbox), None, "one is under way");
        assert_eq!(sent(&mut outbox).as_deref(), Some("one"));
        assert_eq!(send(&mut outbox).as_deref(), Some("two"));
        assert_eq!(sent(&mut outbox).as_deref(), Some("two"));
        assert_eq!((send(&mut outbox), sent(&mut outbox)), (None, None));
    }

    #[test]
    fn gives_back_what_was_refused_and_sends_the_rest() {
        let mut outbox = Outbox::default();
        push(&mut outbox, "one");
        push(&mut outbox, "two");
        outbox.send();
        outbox.refused("too long".to_owned());
        assert_eq!(send(&mut outbox).as_deref(), Some("two"));
        let refused = outbox.take_back().expect("one is refused");
        assert_eq!((refused.text.as_str(), refused.refused.as_deref()), ("one", Some("too long")));
        assert_eq!(outbox.take_back(), None);
        assert_eq!(sent(&mut outbox).as_deref(), Some("two"), "taking back did not confuse it");
    }

    #[test]
    fn is_full_at_its_limit() {
        let mut outbox = Outbox::default();
        for number in 0..MOST {
            assert!(!outbox.is_full());
            push(&mut outbox, &number.to_string());
        }
        assert!(outbox.is_full());
    }
}
