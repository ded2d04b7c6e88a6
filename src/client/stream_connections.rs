//! Over which connections a node's live timelines come.
//!
//! One person's come over the connection over which the calls are made. A node has those of many
//! people, whom a server lets open only so many connections together: so some dozen share one, none of
//! which takes so much room there that the others would have to wait for a reader who is slow
//! ([`net::streams_channel`]).

use std::sync::Arc;

use parking_lot::Mutex;

use super::connections::Connections;
use crate::host::net::{self, Security};

/// Where the connections of live timelines come from; clones share them.
#[derive(Clone)]
pub struct StreamConnections {
    security: Security,
    pool: Arc<Mutex<Vec<Arc<Connections>>>>,
}

impl StreamConnections {
    /// Connections that are protected like this; none are open at first.
    pub fn new(security: Security) -> Self {
        Self { security, pool: Arc::default() }
    }

    /// What the next live timeline uses.
    pub fn next(&self) -> Arc<Connections> {
        let mut pool = self.pool.lock();
        // Those that nobody uses any more are closed. One reference is the pool's.
        pool.retain(|connections| Arc::strong_count(connections) > 1);
        let has_room =
            |connections: &&Arc<Connections>| Arc::strong_count(connections) <= net::STREAMS;
        if let Some(connections) = pool.iter().find(has_room) {
            return Arc::clone(connections);
        }
        let connections = Arc::new(Connections::of_streams(self.security.clone()));
        pool.push(Arc::clone(&connections));
        connections
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_dozen_timelines_share_a_connection_and_what_nobody_uses_is_closed() {
        let streams = StreamConnections::new(Security::InClear);
        let open = |count| (0..count).map(|_| streams.next()).collect::<Vec<_>>();
        let different = |all: &[Arc<Connections>]| {
            let mut pointers: Vec<_> = all.iter().map(Arc::as_ptr).collect();
            pointers.sort_unstable();
            pointers.dedup();
            pointers.len()
        };
        let mut timelines = open(10 * net::STREAMS);
        assert_eq!(different(&timelines), 10);
        // Places that have become free are used again.
        timelines.drain(net::STREAMS / 2..net::STREAMS);
        timelines.extend(open(net::STREAMS / 2));
        assert_eq!(different(&timelines), 10);
        timelines.clear();
        let one = open(1);
        assert_eq!(streams.pool.lock().len(), one.len());
    }
}
