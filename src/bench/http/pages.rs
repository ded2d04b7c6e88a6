//! Those who read one page again and again, each over a connection of its own, as apps do.

use super::{
    app::App,
    connection::{Connection, HttpError},
};

/// All who read it.
pub struct PageReaders {
    connections: Vec<Connection>,
    path: String,
}

impl PageReaders {
    /// So many of them, at one of the servers.
    pub async fn at(
        address: &str,
        app: &App,
        path: &str,
        callers: usize,
    ) -> Result<Self, HttpError> {
        let mut connections = Vec::new();
        for _ in 0..callers {
            connections.push(Connection::open(address, &app.token).await?);
        }
        Ok(Self { connections, path: path.to_owned() })
    }

    /// One of them reads it once.
    pub async fn read(&self, caller: usize) -> Result<(), HttpError> {
        self.connections[caller].get(&self.path).await.map(drop)
    }
}
