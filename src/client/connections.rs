//! The connection in use: one at a time, shared by all calls, and replaced once it has failed.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tonic::transport::Channel;

use crate::host::net::{self, Security};

/// Holds the connection in use.
pub struct Connections {
    current: Mutex<Option<Connection>>,
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
        Self { current: Mutex::default(), made: AtomicU64::new(0), security, of_streams: false }
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
        let connection = Connection {
            channel: if self.of_streams {
                net::streams_channel(address, &self.security)?
            } else {
                net::channel(address, &self.security)?
            },
            address: address.to_owned(),
            number: self.made.fetch_add(1, Ordering::Relaxed),
        };
        Ok(current.insert(connection).clone())
    }

    /// Drops a connection that failed, unless another has already replaced it.
    pub fn lost(&self, connection: &Connection) {
        let mut current = self.current.lock();
        current.take_if(|current| current.number == connection.number);
    }
}
