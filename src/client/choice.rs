//! Where a call goes next, and when. Pure.

use std::time::Duration;

use super::{
    known_cluster::{KnownCluster, Server},
    route::Route,
};

/// The history of one call.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    /// Failures so far.
    pub failures: u32,
    /// The highest term in which the call was tried.
    term: u64,
    /// Addresses at which it was tried in that term, without success.
    tried: Vec<String>,
    /// The server to which the last one that failed referred the call, unless that was tried
    /// already.
    hint: Option<Server>,
    /// The last server, if it is alive and asked for patience.
    same: Option<Server>,
    /// How much patience it asked for, at least.
    pub patience: Duration,
    /// By which route it was tried last.
    pub route: Option<Route>,
}

/// Where a call goes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// To this server, now.
    Go(Server),
    /// To this server, after a pause, or sooner if there is news.
    Pause(Server),
    /// Nowhere, until there is news.
    Wait,
}

impl Attempts {
    /// `server` failed the call, and referred it to `available`, if to anyone.
    pub fn failed(&mut self, server: &Server, available: Option<String>) {
        self.failures = self.failures.saturating_add(1);
        self.same = None;
        self.patience = Duration::ZERO;
        if server.term > self.term {
            self.term = server.term;
            self.tried.clear();
        }
        if !self.tried.contains(&server.address) {
            self.tried.push(server.address.clone());
        }
        // Each address once a term: two servers that name each other must not make a call loop.
        self.hint = available
            .filter(|address| !self.tried.contains(address))
            .map(|address| Server { name: String::new(), address, term: server.term });
    }

    /// `server` is alive and asked for patience: at least so much.
    pub fn asked_to_wait(&mut self, server: &Server, patience: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.hint = None;
        self.same = Some(server.clone());
        self.patience = patience;
    }

    /// `server` was left for a newer one, which does not count as a failure of the call.
    pub fn superseded(&mut self) {
        self.hint = None;
        self.same = None;
        self.patience = Duration::ZERO;
    }
}

/// Chooses from what is known.
pub fn choose(view: &KnownCluster, attempts: &Attempts) -> Choice {
    let named = view.server.as_ref();
    let untried = named.filter(|server| {
        server.term > attempts.term
            || (server.term == attempts.term && !attempts.tried.contains(&server.address))
    });
    if let Some(same) = &attempts.same {
        return match named {
            Some(newer) if newer.term > same.term && newer.address != same.address => {
                Choice::Go(newer.clone())
            }
            _ => Choice::Pause(same.clone()),
        };
    }
    match (untried, &attempts.hint, named) {
        (Some(server), Some(hint), _) if server.term <= hint.term => Choice::Go(hint.clone()),
        (Some(server), _, _) => Choice::Go(server.clone()),
        (None, Some(hint), _) => Choice::Go(hint.clone()),
        // By another route, it is as if it had not been tried.
        (None, None, Some(server))
            if attempts.route.as_ref().is_some_and(|by| *by != view.route()) =>
        {
            Choice::Go(server.clone())
        }
        (None, None, Some(server)) => Choice::Pause(server.clone()),
        (None, None, None) => Choice::Wait,
    }
}

/// True if a call that hangs on `server`, to which it has gone by `route`, had better be repeated on the one that
/// `view` names, or by another route. That the server can be dialled again is no reason.
pub fn is_superseded(view: &KnownCluster, server: &Server, route: &Route) -> bool {
    let is_route_given_up = || {
        let newest = view.route();
        newest != *route && newest != Route::Direct
    };
    let is_left = |named: &Server| named.term > server.term && named.address != server.address;
    view.server.as_ref().is_some_and(is_left) || is_route_given_up()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(port: u32, term: u64) -> Server {
        Server { name: String::new(), address: format!("h:{port}"), term }
    }

    fn view(server: Option<Server>) -> KnownCluster {
        KnownCluster { certain: server.is_some(), server, ..KnownCluster::default() }
    }

    #[test]
    fn a_first_attempt_goes_to_the_available_server_or_waits_for_one() {
        let attempts = Attempts::default();
        assert_eq!(choose(&view(None), &attempts), Choice::Wait);
        assert_eq!(choose(&view(Some(server(1, 5))), &attempts), Choice::Go(server(1, 5)));
        let doubted = KnownCluster { certain: false, ..view(Some(server(1, 5))) };
        assert_eq!(choose(&doubted, &attempts), Choice::Go(server(1, 5)));
    }

    #[test]
    fn after_a_failure_only_a_newer_server_is_tried_at_once() {
        let mut attempts = Attempts::default();
        attempts.failed(&server(1, 5), None);
        for (named, choice) in [
            (server(1, 5), Choice::Pause(server(1, 5))),
            (server(2, 6), Choice::Go(server(2, 6))),
            // Rebooted and elected again at the same address.
            (server(1, 6), Choice::Go(server(1, 6))),
            (server(2, 5), Choice::Go(server(2, 5))),
        ] {
            assert_eq!(choose(&view(Some(named.clone())), &attempts), choice, "{named:?}");
        }
    }

    #[test]
    fn a_hint_is_followed_once_and_two_servers_that_name_each_other_do_not_make_a_call_spin() {
        let mut attempts = Attempts::default();
        let known = view(Some(server(1, 5)));
        attempts.failed(&server(1, 5), Some("h:2".into()));
        assert_eq!(choose(&known, &attempts), Choice::Go(server(2, 5)));
        attempts.failed(&server(2, 5), Some("h:1".into()));
        assert_eq!(choose(&known, &attempts), Choice::Pause(server(1, 5)));
        assert_eq!(choose(&view(Some(server(3, 6))), &attempts), Choice::Go(server(3, 6)));
    }

    #[test]
    fn news_of_a_newer_term_comes_before_a_hint() {
        let mut attempts = Attempts::default();
        attempts.failed(&server(1, 5), Some("h:2".into()));
        assert_eq!(choose(&view(Some(server(3, 6))), &attempts), Choice::Go(server(3, 6)));
    }

    #[test]
    fn a_server_that_asks_for_patience_is_asked_again_unless_another_takes_over() {
        let mut attempts = Attempts::default();
        attempts.asked_to_wait(&server(1, 5), Duration::ZERO);
        for (named, choice) in [
            (Some(server(1, 5)), Choice::Pause(server(1, 5))),
            (None, Choice::Pause(server(1, 5))),
            (Some(server(2, 6)), Choice::Go(server(2, 6))),
        ] {
            assert_eq!(choose(&view(named.clone()), &attempts), choice, "{named:?}");
        }
    }

    #[test]
    fn a_hanging_call_leaves_only_for_another_server_of_a_newer_term() {
        for (named, leaves) in [
            (None, false),
            (Some(server(1, 5)), false),
            (Some(server(1, 6)), false),
            (Some(server(2, 5)), false),
            (Some(server(2, 6)), true),
        ] {
            let view = view(named.clone());
            assert_eq!(is_superseded(&view, &server(1, 5), &Route::Direct), leaves, "{named:?}");
        }
    }

    #[test]
    fn a_call_leaves_a_route_that_is_given_up_and_is_tried_by_another_without_a_pause() {
        let by = |entry: &str, direct_is_given_up| KnownCluster {
            entry: Some(entry.to_owned()),
            direct_is_given_up,
            ..view(Some(server(1, 5)))
        };
        let through = |entry: &str| Route::Through(entry.to_owned());
        for (view, route, leaves) in [
            (by("a:1", false), Route::Direct, false),
            (by("a:1", true), Route::Direct, true),
            (by("a:1", true), through("a:1"), false),
            (by("b:1", true), through("a:1"), true),
            // What is on its way arrives.
            (by("a:1", false), through("a:1"), false),
        ] {
            assert_eq!(is_superseded(&view, &server(1, 5), &route), leaves, "{route:?}");
            let mut attempts = Attempts { route: Some(route.clone()), ..Attempts::default() };
            attempts.failed(&server(1, 5), None);
            let choice = choose(&view, &attempts);
            let is_tried_at_once = choice == Choice::Go(server(1, 5));
            assert_eq!(is_tried_at_once, route != view.route(), "{route:?} {choice:?}");
        }
    }
}
