//! Which server is in use, and how long the last move took.

use std::{mem, time::Duration};

use parking_lot::Mutex;
use tokio::{sync::watch, time::Instant};

use super::{known_cluster::Server, route::Route};

/// The server that answered last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveServer {
    /// Which one.
    pub server: Server,
    /// host:port of the node through which it answered, if it cannot be dialled at its own address.
    pub through: Option<String>,
    /// From the previous server's first failure to this one's first answer; absent for the first
    /// server, and after this one has failed itself.
    pub move_took: Option<Duration>,
    /// False from the first failure until this server, or another, answers.
    pub answers: bool,
}

/// Learns from all calls of one client.
pub struct ActiveServerMonitor {
    active_server: watch::Sender<Option<ActiveServer>>,
    /// Since when the active server has not answered.
    failing_since: Mutex<Option<Instant>>,
}

impl ActiveServerMonitor {
    pub fn new() -> Self {
        Self { active_server: watch::Sender::new(None), failing_since: Mutex::new(None) }
    }

    pub fn watch(&self) -> watch::Receiver<Option<ActiveServer>> {
        self.active_server.subscribe()
    }

    /// `server` has failed a call, or was left for another.
    pub fn failed(&self, server: &Server, now: Instant) {
        self.active_server.send_if_modified(|active_server| match active_server {
            Some(active_server) if active_server.server.address == server.address => {
                let mut since = self.failing_since.lock();
                since.get_or_insert(now);
                active_server.move_took = None;
                mem::replace(&mut active_server.answers, false)
            }
            _ => false,
        });
    }

    /// `server` has answered a request that was sent by `route` at `asked_at`.
    pub fn answered(&self, server: &Server, route: &Route, asked_at: Instant, now: Instant) {
        let through = route.entry();
        self.active_server.send_if_modified(|active_server| {
            let mut since = self.failing_since.lock();
            let move_took = match active_server {
                None => None,
                Some(before) if before.server.address == server.address => {
                    *since = None;
                    before.server.term = before.server.term.max(server.term);
                    let is_by_another_route = before.through.as_deref() != through;
                    if is_by_another_route {
                        before.through = through.map(str::to_owned);
                        // That is no move.
                        before.move_took = None;
                    }
                    return !mem::replace(&mut before.answers, true) || is_by_another_route;
                }
                // A late answer from the server that was left.
                Some(before) if before.server.term > server.term => return false,
                Some(_) => Some(now - since.take().unwrap_or(asked_at)),
            };
            let through = through.map(str::to_owned);
            let (server, answers) = (server.clone(), true);
            *active_server = Some(ActiveServer { server, through, move_took, answers });
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
        let monitor = ActiveServerMonitor::new();
        let mut watch = monitor.watch();
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        monitor.answered(&server(1, 5), &Route::Direct, start, after(1));
        assert_eq!(
            watch.borrow_and_update().as_ref().and_then(|active_server| active_server.move_took),
            None
        );

        monitor.failed(&server(1, 5), after(10));
        monitor.failed(&server(1, 5), after(16));
        monitor.answered(&server(2, 6), &Route::Direct, after(20), after(22));
        let move_took = Some(Duration::from_millis(12));
        let moved = ActiveServer { server: server(2, 6), through: None, move_took, answers: true };
        assert_eq!(watch.borrow_and_update().clone(), Some(moved));

        monitor.answered(&server(1, 5), &Route::Direct, after(9), after(30));
        monitor.answered(&server(2, 7), &Route::Direct, after(31), after(32));
        assert!(!watch.has_changed().expect("the monitor lives"), "neither is a move");
    }

    #[test]
    fn a_server_that_answers_again_has_not_been_moved_to() {
        let monitor = ActiveServerMonitor::new();
        let mut watch = monitor.watch();
        let start = Instant::now();
        let mut seen = || {
            let active_server = watch.borrow_and_update().clone().expect("one has answered");
            (active_server.answers, active_server.move_took)
        };
        monitor.answered(&server(1, 5), &Route::Direct, start, start);
        monitor.answered(&server(2, 6), &Route::Direct, start, start);
        assert_eq!(seen(), (true, Some(Duration::ZERO)));
        monitor.failed(&server(1, 5), start);
        assert_eq!(seen(), (true, Some(Duration::ZERO)), "another server's trouble");
        monitor.failed(&server(2, 6), start);
        assert_eq!(seen(), (false, None));
        monitor.answered(&server(2, 6), &Route::Direct, start, start);
        assert_eq!(seen(), (true, None));
    }

    #[test]
    fn a_server_that_is_reached_by_another_route_has_not_been_moved_to() {
        let monitor = ActiveServerMonitor::new();
        let mut watch = monitor.watch();
        let start = Instant::now();
        let through = Route::Through("entry:1".to_owned());
        monitor.answered(&server(1, 5), &Route::Direct, start, start);
        monitor.answered(&server(2, 6), &Route::Direct, start, start);
        watch.mark_unchanged();
        monitor.answered(&server(2, 6), &through, start, start);
        let seen = watch.borrow_and_update().clone().expect("one has answered");
        assert_eq!((seen.through.as_deref(), seen.move_took), (Some("entry:1"), None));
        monitor.answered(&server(2, 6), &through, start, start);
        assert!(!watch.has_changed().expect("the monitor lives"), "no news");
    }
}
