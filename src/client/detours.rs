//! By way of the router to servers that cannot be reached from here.
//!
//! A server is called at its own address where that is possible. But the address of a container is often
//! known to its host alone, and a network may be cut between just these two. The router serves everybody
//! by passing calls on; so whoever gets no answer at all at a server's address asks the router
//! for a while.

use std::{
    collections::BTreeMap,
    error::Error,
    io::{self, ErrorKind},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;
use tonic::Status;

use super::known_cluster::Server;

/// After this time a server is tried at its own address again.
const TRIES_AGAIN: Duration = Duration::from_mins(1);

/// Knows which servers cannot be reached.
pub struct Detours {
    /// The router, host:port; empty for a node, which has no way round.
    router: String,
    /// When a connection to each of these addresses was tried in vain.
    unreachable: Mutex<BTreeMap<String, Instant>>,
}

impl Detours {
    /// None so far.
    pub fn by_way_of(router: &str) -> Self {
        Self { router: router.to_owned(), unreachable: Mutex::default() }
    }

    /// At which address `server` is called, host:port.
    pub fn address_of(&self, server: &Server) -> String {
        let mut unreachable = self.unreachable.lock();
        unreachable.retain(|_, tried| tried.elapsed() < TRIES_AGAIN);
        let is_direct = !unreachable.contains_key(&server.address);
        if is_direct { server.address.clone() } else { self.router.clone() }
    }

    /// A call to `server` at `address` has failed with this status.
    pub fn failed(&self, server: &Server, address: &str, status: &Status) {
        let mut unreachable = self.unreachable.lock();
        if address != server.address {
            // The way round has failed too: perhaps the direct one is open now.
            unreachable.remove(&server.address);
        } else if !self.router.is_empty() && is_out_of_reach(status) {
            tracing::debug!(server = %address, router = %self.router, "cannot be reached: asking the router");
            unreachable.insert(server.address.clone(), Instant::now());
        }
    }
}

/// Whether nobody has answered at an address. If a machine answers that nobody listens there, the server has
/// ended, and there is no way round.
fn is_out_of_reach(status: &Status) -> bool {
    const SILENT: [ErrorKind; 3] =
        [ErrorKind::TimedOut, ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable];
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| SILENT.contains(&error.kind())) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn server() -> Server {
        Server { name: "server-1".to_owned(), address: "10.0.0.1:3020".to_owned(), term: 1 }
    }

    fn failure(kind: ErrorKind) -> Status {
        let mut status = Status::unavailable("tcp connect error");
        status.set_source(Arc::new(io::Error::from(kind)));
        status
    }

    #[tokio::test]
    async fn a_server_that_cannot_be_reached_is_called_by_way_of_the_router_until_that_fails_too() {
        let (server, router) = (server(), "router:3010");
        for (kind, way_round) in [
            (ErrorKind::TimedOut, true),
            (ErrorKind::HostUnreachable, true),
            (ErrorKind::ConnectionRefused, false),
            (ErrorKind::ConnectionReset, false),
        ] {
            let detours = Detours::by_way_of(router);
            assert_eq!(detours.address_of(&server), server.address);
            detours.failed(&server, &server.address, &failure(kind));
            let expected = if way_round { router } else { &server.address };
            assert_eq!(detours.address_of(&server), expected, "{kind}");
            detours.failed(&server, router, &failure(ErrorKind::ConnectionRefused));
            assert_eq!(detours.address_of(&server), server.address);
        }
        let node = Detours::by_way_of("");
        node.failed(&server, &server.address, &failure(ErrorKind::TimedOut));
        assert_eq!(node.address_of(&server), server.address, "a node has no way round");
    }
}
