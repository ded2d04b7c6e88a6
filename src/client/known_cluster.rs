//! What is known of the cluster, combined from the answers of the router and of the masters.
//!
//! Pure. An answer may be late, or come from a server that was cut off, so only terms count: the
//! available server with the highest term wins, and an older one never returns.

use std::time::Duration;

use super::route::Route;
use crate::wire::v1;

/// An available server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name, like `server-4`; empty where only the address is known.
    pub name: String,
    /// host:port.
    pub address: String,
    /// The term that it leads.
    pub term: u64,
}

impl Server {
    /// Its name if known, otherwise its address.
    pub fn label(&self) -> &str {
        if self.name.is_empty() { &self.address } else { &self.name }
    }
}

/// What is known of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownCluster {
    /// The newest available server that was ever named.
    pub server: Option<Server>,
    /// False while the directory names no available server: `server` may be gone, but as long as it
    /// answers there is no reason to leave it.
    pub certain: bool,
    /// host:port of the masters known to live.
    pub masters: Vec<String>,
    /// Why the router cannot be reached.
    pub router_error: Option<String>,
    /// Which masters are missing and what to do, if there can be no available server.
    pub waiting: Option<String>,
    /// host:port of the master that is being elected.
    pub candidate: Option<String>,
    /// host:port of the node by which the network was entered: the last that has answered of those that the user
    /// has named. Absent inside a node.
    pub entry: Option<String>,
    /// How long that took to answer when it was reached: an answer from as far away takes as long.
    pub entry_took: Duration,
    /// Whether the servers cannot be dialled at their own addresses.
    pub direct_is_given_up: bool,
}

/// One answer of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryAnswer {
    /// The available server, if there is one.
    pub server: Option<Server>,
    /// host:port of the masters that live.
    pub masters: Vec<String>,
    /// Which masters are missing and what to do; only a router knows.
    pub waiting: Option<String>,
    /// host:port of the master that is being elected; only a router knows.
    pub candidate: Option<String>,
}

impl From<v1::Location> for DirectoryAnswer {
    fn from(location: v1::Location) -> Self {
        let v1::Location { hostname, port, term, name, masters, waiting, candidate } = location;
        let candidate = Some(candidate).filter(|candidate| !candidate.is_empty());
        let waiting = Some(waiting).filter(|waiting| !waiting.is_empty());
        let server = (!hostname.is_empty() && port != 0).then(|| Server {
            name,
            address: join(&hostname, port),
            term,
        });
        Self { server, masters, waiting, candidate }
    }
}

/// host:port, with the brackets that an IPv6 address needs.
fn join(hostname: &str, port: u32) -> String {
    if hostname.contains(':') && !hostname.starts_with('[') {
        format!("[{hostname}]:{port}")
    } else {
        format!("{hostname}:{port}")
    }
}

impl KnownCluster {
    /// Why the router cannot be reached, if there is no other node to ask.
    pub fn out_of_reach(&self) -> Option<&str> {
        let knows_somebody = self.server.is_some() || !self.masters.is_empty();
        self.router_error.as_deref().filter(|_| !knows_somebody)
    }

    /// By which route the available server is reached.
    pub fn route(&self) -> Route {
        let entry = self.entry.clone().filter(|_| self.direct_is_given_up);
        entry.map_or(Route::Direct, Route::Through)
    }

    /// Takes in an answer; true if it changed anything.
    pub fn learn(&mut self, answer: DirectoryAnswer) -> bool {
        let before = self.clone();
        // A directory that has just started knows no masters yet; the old list is better than none.
        if !answer.masters.is_empty() {
            self.masters = answer.masters;
        }
        match answer.server {
            None => {
                self.certain = false;
                // Masters answer while the router names no server; they do not contradict it.
                self.waiting = answer.waiting.or(self.waiting.take());
                self.candidate = answer.candidate.or(self.candidate.take());
            }
            Some(named) => {
                self.waiting = None;
                self.candidate = None;
                let known = self.server.as_ref().map_or(0, |server| server.term);
                if self.server.is_none() || named.term >= known {
                    self.server = Some(named);
                    self.certain = true;
                }
            }
        }
        *self != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(port: u32, term: u64) -> Server {
        Server { name: format!("server-{port}"), address: format!("h:{port}"), term }
    }

    fn answer(server: Option<Server>, masters: &[&str]) -> DirectoryAnswer {
        let masters = masters.iter().map(ToString::to_string).collect();
        DirectoryAnswer { server, masters, waiting: None, candidate: None }
    }

    #[test]
    fn servers_that_cannot_be_dialled_are_reached_through_the_node_by_which_the_network_was_entered()
     {
        let entry = || Some("h:9".to_owned());
        for (entry, direct_is_given_up, route) in [
            (entry(), false, Route::Direct),
            (entry(), true, Route::Through("h:9".to_owned())),
            (None, true, Route::Direct),
        ] {
            let view = KnownCluster { entry, direct_is_given_up, ..KnownCluster::default() };
            assert_eq!(view.route(), route);
        }
    }

    #[test]
    fn who_is_missing_is_known_until_a_server_is_named() {
        let mut view = KnownCluster::default();
        let waiting = Some("waiting for server-2".to_owned());
        view.learn(DirectoryAnswer { waiting: waiting.clone(), ..answer(None, &[]) });
        assert_eq!(view.waiting, waiting);
        view.learn(answer(None, &["h:1"]));
        assert_eq!(view.waiting, waiting, "a master does not know");
        view.learn(answer(Some(server(1, 1)), &[]));
        assert_eq!(view.waiting, None);
    }

    #[test]
    fn who_is_being_elected_is_known_until_a_server_is_named() {
        let mut view = KnownCluster::default();
        let candidate = Some("h:2".to_owned());
        view.learn(DirectoryAnswer { candidate: candidate.clone(), ..answer(None, &[]) });
        view.learn(answer(None, &["h:1"]));
        assert_eq!(view.candidate, candidate, "a master does not know");
        let other = Some("h:3".to_owned());
        view.learn(DirectoryAnswer { candidate: other.clone(), ..answer(None, &[]) });
        assert_eq!(view.candidate, other);
        view.learn(answer(Some(server(3, 1)), &[]));
        assert_eq!(view.candidate, None);
    }

    #[test]
    fn the_greatest_term_wins_and_an_older_one_never_comes_back() {
        for (known, told, wins) in [
            (None, server(1, 1), server(1, 1)),
            (None, server(1, 0), server(1, 0)),
            (Some(server(1, 5)), server(2, 6), server(2, 6)),
            (Some(server(1, 5)), server(2, 4), server(1, 5)),
            // The same leader at a new address: within one term, the newest answer counts.
            (Some(server(1, 5)), server(3, 5), server(3, 5)),
        ] {
            let mut view = KnownCluster { server: known.clone(), ..KnownCluster::default() };
            view.learn(answer(Some(told.clone()), &[]));
            assert_eq!(view.server, Some(wins), "{known:?} told {told:?}");
        }
    }

    #[test]
    fn a_directory_that_names_nobody_casts_doubt_but_takes_nothing_away() {
        let mut view = KnownCluster::default();
        view.learn(answer(Some(server(1, 5)), &["a", "b"]));
        assert!(view.learn(answer(None, &[])));
        assert_eq!(view.server, Some(server(1, 5)));
        assert_eq!(view.masters, ["a", "b"]);
        assert!(!view.certain);
        assert!(
            !view.learn(answer(Some(server(2, 4)), &[])),
            "an old answer does not make it certain"
        );
        assert!(view.learn(answer(Some(server(1, 5)), &["b"])));
        assert!(view.certain);
        assert_eq!(view.masters, ["b"]);
    }

    #[test]
    fn reads_locations_from_the_wire() {
        let location = |hostname: &str, port| v1::Location {
            waiting: String::new(),
            candidate: String::new(),
            hostname: hostname.into(),
            port,
            term: 3,
            name: "server-1".into(),
            masters: vec![],
        };
        for (hostname, port, address) in [
            ("localhost", 3011, Some("localhost:3011")),
            ("::1", 3011, Some("[::1]:3011")),
            ("[::1]", 3011, Some("[::1]:3011")),
            ("", 0, None),
            ("localhost", 0, None),
        ] {
            let answer = DirectoryAnswer::from(location(hostname, port));
            assert_eq!(answer.server.map(|server| server.address).as_deref(), address);
        }
    }
}
