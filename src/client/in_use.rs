//! Which server is in use, and how long the last move took.

use std::{
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use super::view::Server;

/// The server that answered last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InUse {
    /// Which one.
    pub server: Server,
    /// From the previous server's first failure to this one's first answer; absent for the first
    /// server, and after this one has failed itself.
    pub move_took: Option<Duration>,
    /// False from the first failure until this server, or another, answers.
    pub answers: bool,
}

/// Learns from all calls of one client.
pub struct Tracker {
    in_use: watch::Sender<Option<InUse>>,
    /// Since when the server in use has not answered.
    trouble_since: Mutex<Option<Instant>>,
}

impl Tracker {
    pub fn new() -> Self {
        Self { in_use: watch::Sender::new(None), trouble_since: Mutex::new(None) }
    }

    pub fn watch(&self) -> watch::Receiver<Option<InUse>> {
        self.in_use.subscribe()
    }

    /// `server` has failed a call, or was left for another.
    pub fn trouble(&self, server: &Server, now: Instant) {
        self.in_use.send_if_modified(|in_use| match in_use {
            Some(in_use) if in_use.server.address == server.address => {
                let mut since = self.trouble_since.lock().unwrap_or_else(PoisonError::into_inner);
                since.get_or_insert(now);
                in_use.move_took = None;
                mem::replace(&mut in_use.answers, false)
            }
            _ => false,
        });
    }

    /// `server` has answered a request that was sent at `asked_at`.
    pub fn answered(&self, server: &Server, asked_at: Instant, now: Instant) {
        self.in_use.send_if_modified(|in_use| {
            let mut since = self.trouble_since.lock().unwrap_or_else(PoisonError::into_inner);
            let move_took = match in_use {
                None => None,
                Some(before) if before.server.address == server.address => {
                    *since = None;
                    before.server.term = before.server.term.max(server.term);
                    return !mem::replace(&mut before.answers, true);
                }
                // A late answer from the server that was left.
                Some(before) if before.server.term > server.term => return false,
                Some(_) => Some(now - since.take().unwrap_or(asked_at)),
            };
            *in_use = Some(InUse { server: server.clone(), move_took, answers: true });
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(port: u32, term: u64) -> Server {
        Server { name: format!("server-{port}"), address: format!("h:{port}"), term }
    }

    #[test]
    fn a_move_takes_from_the_first_failure_to_the_first_answer() {
        let tracker = Tracker::new();
        let mut watch = tracker.watch();
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        tracker.answered(&server(1, 5), start, after(1));
        assert_eq!(watch.borrow_and_update().as_ref().and_then(|in_use| in_use.move_took), None);

        tracker.trouble(&server(1, 5), after(10));
        tracker.trouble(&server(1, 5), after(16));
        tracker.answered(&server(2, 6), after(20), after(22));
        let move_took = Some(Duration::from_millis(12));
        let moved = InUse { server: server(2, 6), move_took, answers: true };
        assert_eq!(watch.borrow_and_update().clone(), Some(moved));

        tracker.answered(&server(1, 5), after(9), after(30));
        tracker.answered(&server(2, 7), after(31), after(32));
        assert!(!watch.has_changed().expect("the tracker lives"), "neither is a move");
    }

    #[test]
    fn a_server_that_answers_again_has_not_been_moved_to() {
        let tracker = Tracker::new();
        let mut watch = tracker.watch();
        let start = Instant::now();
        let mut seen = || {
            let in_use = watch.borrow_and_update().clone().expect("one has answered");
            (in_use.answers, in_use.move_took)
        };
        tracker.answered(&server(1, 5), start, start);
        tracker.answered(&server(2, 6), start, start);
        assert_eq!(seen(), (true, Some(Duration::ZERO)));
        tracker.trouble(&server(1, 5), start);
        assert_eq!(seen(), (true, Some(Duration::ZERO)), "another server's trouble");
        tracker.trouble(&server(2, 6), start);
        assert_eq!(seen(), (false, None));
        tracker.answered(&server(2, 6), start, start);
        assert_eq!(seen(), (true, None));
    }
}
