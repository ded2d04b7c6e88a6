//! Dials the master that is about to become available, while it is being elected: when it is, the calls that
//! wait for it find a connection, and not a handshake before them.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time};
use tonic::transport::Channel;

use super::{connections::Connections, known_cluster::KnownCluster};
use crate::wire::v1::{LocateRequest, directory_service_client::DirectoryServiceClient};

/// A candidate that is elected answers in milliseconds.
const WITHIN: Duration = Duration::from_secs(1);

/// Dials each candidate that is named, until nobody tells of any more.
pub async fn run(mut views: watch::Receiver<KnownCluster>, connections: Arc<Connections>) {
    let mut dialled = None;
    loop {
        let candidate = views.borrow_and_update().candidate.clone();
        if candidate != dialled {
            let channel = candidate.as_deref().and_then(|address| connections.prepare(address));
            dialled = candidate;
            if let Some(channel) = channel {
                tokio::select! {
                    biased;
                    _ = time::timeout(WITHIN, open(channel)) => {}
                    // What was begun goes on by itself.
                    news = views.changed() => if news.is_err() { return } else { continue },
                }
            }
        }
        if views.changed().await.is_err() {
            return;
        }
    }
}

/// A connection is opened by its first call: so this one asks what costs nobody anything. True if it was answered.
pub async fn open(channel: Channel) -> bool {
    DirectoryServiceClient::new(channel).locate(LocateRequest::default()).await.is_ok()
}
