//! A snapshot of the state on its way from one node to another.
//!
//! It travels as chunks: first a header, then the rows of the state. The sender reads them from a
//! read transaction, the receiver writes them to a database file beside its own; neither ever
//! holds the whole state in memory.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use openraft::SnapshotMeta;
use redb::{Database, ReadTransaction};
use serde::{Deserialize, Serialize};
use tokio::{sync::mpsc, task};

use super::{NodeInfo, Vote, encode};
use crate::{
    domain::NodeId,
    host::disk,
    social::{self, Row},
    wire::internal::SnapshotChunk,
};

/// Rows are gathered into chunks of about this size in bytes.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks that may wait between the disk and the network.
const CHUNKS_WAITING: usize = 8;

/// What openraft carries as a snapshot's data.
pub enum SnapshotData {
    /// Of our own state.
    Of(ReadTransaction),
    /// From another node, ready to take over.
    Received(Incoming),
    /// A witness's: there is no state.
    Nothing,
}

/// A received state in a database file of its own.
pub struct Incoming {
    /// The open database.
    pub database: Database,
    /// Its file.
    pub path: PathBuf,
}

impl fmt::Debug for SnapshotData {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Of(_) => "SnapshotData::Of",
            Self::Received(_) => "SnapshotData::Received",
            Self::Nothing => "SnapshotData::Nothing",
        })
    }
}

/// The first chunk.
#[derive(Debug, Serialize, Deserialize)]
pub struct Header {
    /// The sender's vote, which says whether it still leads.
    pub vote: Vote,
    /// What the snapshot holds.
    pub meta: SnapshotMeta<NodeId, NodeInfo>,
}

/// Sends `header` and then the rows of `data`, if any, into the returned channel.
pub fn send(header: &Header, data: SnapshotData) -> mpsc::Receiver<SnapshotChunk> {
    let (chunks, receiver) = mpsc::channel(CHUNKS_WAITING);
    let first = chunk(encode(header));
    task::spawn_blocking(move || {
        if chunks.blocking_send(first).is_err() {
            return;
        }
        let SnapshotData::Of(transaction) = data else { return };
        if let Err(error) = send_rows(&transaction, &chunks) {
            // The receiver sees a snapshot without its end mark and refuses it.
            tracing::error!(%error, "cannot read the state for a snapshot");
        }
    });
    receiver
}

fn chunk(payload: Vec<u8>) -> SnapshotChunk {
    SnapshotChunk { payload: payload.into() }
}

fn send_rows(
    transaction: &ReadTransaction,
    chunks: &mpsc::Sender<SnapshotChunk>,
) -> Result<(), redb::Error> {
    let mut payload = Vec::new();
    for row in social::dump(transaction)? {
        payload.extend(encode(&row?));
        if payload.len() >= CHUNK_BYTES
            && chunks.blocking_send(chunk(std::mem::take(&mut payload))).is_err()
        {
            return Ok(());
        }
    }
    if !payload.is_empty() && chunks.blocking_send(chunk(payload)).is_err() {
        return Ok(());
    }
    // An empty chunk is the end mark.
    let _gone = chunks.blocking_send(chunk(Vec::new()));
    Ok(())
}

/// A snapshot that did not arrive whole.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The stream ended before the end mark.
    #[error("the snapshot ended before its end")]
    Truncated,
    /// A chunk that is no row.
    #[error("a snapshot's row does not decode: {0}")]
    Undecodable(#[from] postcard::Error),
    /// Our own disk.
    #[error(transparent)]
    Disk(#[from] redb::Error),
}

/// Writes the chunks after the header to a new database at `path`.
pub async fn receive(
    path: &Path,
    chunks: mpsc::Receiver<SnapshotChunk>,
) -> Result<Incoming, ReceiveError> {
    let path = path.to_owned();
    task::spawn_blocking(move || write_rows(path, chunks))
        .await
        .map_err(|lost| ReceiveError::Disk(redb::Error::Io(lost.into())))?
}

fn write_rows(
    path: PathBuf,
    mut chunks: mpsc::Receiver<SnapshotChunk>,
) -> Result<Incoming, ReceiveError> {
    if path.exists() {
        std::fs::remove_file(&path).map_err(redb::Error::Io)?;
    }
    let database = disk::open(&path).map_err(redb::Error::from)?;
    let transaction = database.begin_write().map_err(redb::Error::from)?;
    let mut ended = Err(ReceiveError::Truncated);
    let rows = std::iter::from_fn(|| match chunks.blocking_recv() {
        Some(chunk) if chunk.payload.is_empty() => {
            ended = Ok(());
            None
        }
        Some(chunk) => match decode_rows(&chunk.payload) {
            Ok(rows) => Some(rows),
            Err(error) => {
                ended = Err(error.into());
                None
            }
        },
        None => None,
    });
    social::restore(&transaction, rows.flatten())?;
    ended?;
    transaction.commit().map_err(redb::Error::from)?;
    Ok(Incoming { database, path })
}

fn decode_rows(mut payload: &[u8]) -> Result<Vec<Row>, postcard::Error> {
    let mut rows = Vec::new();
    while !payload.is_empty() {
        let (row, rest) = postcard::take_from_bytes(payload)?;
        rows.push(row);
        payload = rest;
    }
    Ok(rows)
}
