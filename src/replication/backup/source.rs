//! A backup of what a running master has applied, sent by it as to a master that has lost its own.

use std::{
    io::{self, BufWriter, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::{
    file::{self, WriteError},
    format::BackupHeader,
};
use crate::{
    domain::{ClusterId, NodeId, UnixMillis},
    host::thread,
    node_auth::NodeAuth,
    replication::{
        LogId,
        node_credentials::NodeCredentials,
        snapshot::{self, CHUNKS_WAITING},
        state_fetch,
    },
    wire::internal::SnapshotChunk,
};

/// What a master sends.
pub struct BackupSource {
    cluster: ClusterId,
    applied: LogId,
    chunks: Streaming<SnapshotChunk>,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The master, or the way to it.
    #[error("{}", .0.message())]
    Master(#[from] Status),
    /// The file.
    #[error(transparent)]
    File(#[from] WriteError),
}

impl BackupSource {
    /// Asks the master `node` of `cluster` at `address` (host:port) for its state.
    pub async fn open(
        auth: &NodeAuth,
        cluster: ClusterId,
        (node, address): (NodeId, &str),
    ) -> Result<Self, Status> {
        let credentials = NodeCredentials::new(auth);
        credentials.join(cluster);
        let (header, chunks) = state_fetch::open(&credentials, node, address).await?;
        let nothing = || Status::failed_precondition("it has applied nothing yet");
        let applied = header.meta.last_log_id.ok_or_else(nothing)?;
        Ok(Self { cluster, applied, chunks })
    }

    /// How far the state is applied.
    pub fn applied(&self) -> LogId {
        self.applied
    }

    /// Writes all of it to `file`, which is given back. `written` always says how many bytes that were.
    pub async fn write_to<W: Write + Send + 'static>(
        mut self,
        file: W,
        made_at: UnixMillis,
        written: Arc<AtomicU64>,
    ) -> Result<W, BackupError> {
        let header = BackupHeader { made_at, cluster: self.cluster, applied: self.applied };
        let (sender, chunks) = mpsc::channel(CHUNKS_WAITING);
        let forward = snapshot::forward(&mut self.chunks, sender);
        let write = thread::consume(chunks, move |chunks| {
            let mut file = BufWriter::new(file);
            let mut wrote = |bytes| _ = written.fetch_add(bytes, Ordering::Relaxed);
            file::write(&mut file, &header, chunks, &mut wrote)?;
            file.into_inner().map_err(|error| WriteError::Disk(error.into_error()))
        });
        let (forwarded, file) = tokio::join!(forward, write);
        forwarded?;
        Ok(file.map_err(|lost| WriteError::Disk(io::Error::from(lost)))??)
    }
}
