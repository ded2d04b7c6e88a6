//! The connection in use: one at a time, shared by all calls, and replaced once it has failed. Beside it, one
//! that will be in use soon.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tonic::transport::Channel;

use crate::host::net::{self, Security};

/// Holds the connection in use.
pub struct Connections {
    current: Mutex<Option<Connection>>,
    /// To a server that is about to become available.
    prepared: Mutex<Option<Connection>>,
    made: AtomicU64,
    security: Security,
    /// For live timelines, of which some dozen share one.
    of_streams: bool,
}

/// A connection to one server.
#[derive(Clone)]
pub struct Connection {
    /// Shared by the requests of many callers.
    pub channel: Channel,
    address: String,
    number: u64,
}

impl Connections {
    /// Connections that are protected like this; none yet.
    pub fn new(security: Security) -> Self {
        Self {
            current: Mutex::default(),
            prepared: Mutex::default(),
            made: AtomicU64::new(0),
            security,
            of_streams: false,
        }
    }

    /// The same for live timelines, of which some dozen share one.
    pub fn of_streams(security: Security) -> Self {
        Self { of_streams: true, ..Self::new(security) }
    }

    /// The connection to `address` (host:port); it is dialled when first used.
    pub fn to(&self, address: &str) -> Result<Connection, tonic::transport::Error> {
        let mut current = self.current.lock();
        if let Some(connection) = current.as_ref().filter(|current| current.address == address) {
            return Ok(connection.clone());
        }
        // Until it is available, calls still try the last server now and then.
        let prepared = self.prepared.lock().take_if(|prepared| prepared.address == address);
        if let Some(prepared) = prepared {
            return Ok(current.insert(prepared).clone());
        }
        Ok(current.insert(self.make(address)?).clone())
    }

    /// A connection to `address` that [`to`](Self::to) will use if it is the next one; none if there is one
    /// already, or if that is no address.
    pub fn prepare(&self, address: &str) -> Option<Channel> {
        let current = self.current.lock();
        if current.as_ref().is_some_and(|current| current.address == address) {
            return None;
        }
        let prepared = self.make(address).ok()?;
        Some(self.prepared.lock().insert(prepared).channel.clone())
    }

    fn make(&self, address: &str) -> Result<Connection, tonic::transport::Error> {
        Ok(Connection {
            channel: if self.of_streams {
                net::streams_channel(address, &self.security)?
            } else {
                net::channel(address, &self.security)?
            },
            address: address.to_owned(),
            number: self.made.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// Drops a connection that failed, unless another has already replaced it.
    pub fn lost(&self, connection: &Connection) {
        let mut current = self.current.lock();
        current.take_if(|current| current.number == connection.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_prepared_connection_is_used_by_whoever_goes_there_next() {
        let connections = Connections::new(Security::InClear);
        let number = |address| connections.to(address).expect("an address").number;
        let before = number("h:1");
        assert!(connections.prepare("h:1").is_none(), "that is where calls go already");
        assert!(connections.prepare("no address").is_none());
        assert!(connections.prepare("h:2").is_some());
        let made = connections.made.load(Ordering::Relaxed);
        assert_eq!(number("h:1"), before, "it stays in use until somebody goes elsewhere");
        assert_eq!((number("h:2"), number("h:2")), (made - 1, made - 1));
        assert!(connections.prepare("h:3").is_some());
        assert_eq!(number("h:1"), made + 1, "whoever is gone may be back");
        assert_eq!(number("h:3"), made);
    }
}
