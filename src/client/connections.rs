//! The connection in use: one at a time, shared by all calls, and replaced once it has failed. Beside it, one
//! that will be in use soon.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tonic::transport::Channel;

use super::{known_cluster::Server, route::Route};
use crate::host::net::{self, Security};

/// Holds the connection in use.
pub struct Connections {
    current: Mutex<Option<Connection>>,
    /// To a server that is about to become available.
    prepared: Mutex<Option<Connection>>,
    made: AtomicU64,
    /// How those to servers are protected.
    security: Security,
    /// How those to the node are by which the network was entered.
    entry_security: Security,
    /// For live timelines, of which some dozen share one.
    of_streams: bool,
}

/// A connection to one server.
#[derive(Clone)]
pub struct Connection {
    /// Shared by the requests of many callers.
    pub channel: Channel,
    address: String,
    /// Whether it leads to the node by which the network was entered, and calls go on from there.
    is_entry: bool,
    number: u64,
}

impl Connections {
    /// Connections that are protected like this; none yet.
    pub fn new(security: Security) -> Self {
        Self {
            current: Mutex::default(),
            prepared: Mutex::default(),
            made: AtomicU64::new(0),
            entry_security: security.clone(),
            security,
            of_streams: false,
        }
    }

    /// The same for live timelines, of which some dozen share one.
    pub fn of_streams(security: Security) -> Self {
        Self { of_streams: true, ..Self::new(security) }
    }

    /// The same, with other protection of those to the node by which the network was entered.
    #[must_use]
    pub fn entered_by(self, entry_security: Security) -> Self {
        Self { entry_security, ..self }
    }

    /// The connection to `server` by `route`; it is dialled when first used.
    pub fn to(
        &self,
        server: &Server,
        route: &Route,
    ) -> Result<Connection, tonic::transport::Error> {
        let (address, is_entry) = (route.dialled(server), route.entry().is_some());
        let leads_there =
            |it: &Connection| (it.address.as_str(), it.is_entry) == (address, is_entry);
        let mut current = self.current.lock();
        if let Some(connection) = current.as_ref().filter(|current| leads_there(current)) {
            return Ok(connection.clone());
        }
        // Until it is available, calls still try the last server now and then.
        let prepared = self.prepared.lock().take_if(|prepared| leads_there(prepared));
        if let Some(prepared) = prepared {
            return Ok(current.insert(prepared).clone());
        }
        Ok(current.insert(self.make(address, is_entry)?).clone())
    }

    /// A connection to the server at `address` (host:port) that [`to`](Self::to) will use if it is the next one; none
    /// if there is one already, or if that is no address.
    pub fn prepare(&self, address: &str) -> Option<Channel> {
        let current = self.current.lock();
        if current.as_ref().is_some_and(|current| current.is_to_server(address)) {
            return None;
        }
        let prepared = self.make(address, false).ok()?;
        Some(self.prepared.lock().insert(prepared).channel.clone())
    }

    /// The connection to the server at `address` (host:port) that is in use, or else one that will be in use if that
    /// is the next server; none if that is no address.
    pub fn channel_to(&self, address: &str) -> Option<Channel> {
        let in_use = self.current.lock().clone().filter(|current| current.is_to_server(address));
        in_use.map(|current| current.channel).or_else(|| self.prepare(address))
    }

    fn make(&self, address: &str, is_entry: bool) -> Result<Connection, tonic::transport::Error> {
        let security = if is_entry { &self.entry_security } else { &self.security };
        Ok(Connection {
            channel: if self.of_streams {
                net::streams_channel(address, security)?
            } else {
                net::channel(address, security)?
            },
            address: address.to_owned(),
            is_entry,
            number: self.made.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// Drops a connection that failed, unless another has already replaced it.
    pub fn lost(&self, connection: &Connection) {
        let mut current = self.current.lock();
        current.take_if(|current| current.number == connection.number);
    }
}

impl Connection {
    /// Whether it leads to the server at `address` directly.
    fn is_to_server(&self, address: &str) -> bool {
        !self.is_entry && self.address == address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_prepared_connection_is_used_by_whoever_goes_there_next() {
        let connections = Connections::new(Security::InClear);
        let number = |address: &str| {
            let server = Server { name: String::new(), address: address.to_owned(), term: 1 };
            connections.to(&server, &Route::Direct).expect("an address").number
        };
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

    #[tokio::test]
    async fn the_same_address_is_another_connection_if_it_is_that_of_a_server_or_of_the_entry() {
        let connections = Connections::new(Security::InClear);
        let server = Server { name: String::new(), address: "h:1".to_owned(), term: 1 };
        let number = |route: &Route| connections.to(&server, route).expect("an address").number;
        let entry = Route::Through("h:1".to_owned());
        let direct = number(&Route::Direct);
        assert_ne!(number(&entry), direct);
        assert_eq!(number(&entry), number(&entry));
        let prepared = connections.channel_to("h:1");
        assert!(prepared.is_some(), "what leads to the entry is no connection to the server");
        let made = connections.made.load(Ordering::Relaxed);
        assert_eq!(number(&Route::Direct), made - 1, "what was prepared");
        assert!(connections.channel_to("h:1").is_some());
        assert_eq!(connections.made.load(Ordering::Relaxed), made, "that is in use");
    }
}
