//! The transfer of a snapshot of the state from one node to another.
//!
//! It travels in chunks: first a header, then the rows of the state, then an end mark that counts
//! them. The sender reads the rows from a view of the state, the receiver writes them to a file
//! beside its own; neither ever holds the whole state in memory.

use std::{fmt, io, path::Path};

use openraft::SnapshotMeta;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::{NodeInfo, Vote, state_store};
use crate::{
    domain::NodeId,
    envelope::{self, Kind, Version, seal},
    host::thread,
    social::{Row, StagedState, StateError, View},
    wire::internal::SnapshotChunk,
};

/// Rows are gathered into chunks of about this size in bytes.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks that may wait between the disk and the network.
pub(super) const CHUNKS_WAITING: usize = 8;

/// The data of a snapshot, as openraft passes it on.
pub enum SnapshotData {
    /// Of our own state.
    Local(Box<View>),
    /// Received from another node, ready to be installed.
    Received(StagedState),
    /// A witness's snapshot: there is no state.
    Empty,
}

impl fmt::Debug for SnapshotData {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Local(_) => "SnapshotData::Local",
            Self::Received(_) => "SnapshotData::Received",
            Self::Empty => "SnapshotData::Empty",
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

/// The last chunk.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct End {
    /// How many rows came before it.
    pub(crate) rows: u64,
    /// In which version of the format the cluster writes, as of the snapshot.
    pub(crate) version: Version,
}

/// Sends `header` and then the rows of `data`, if any, into the returned channel.
pub fn send(header: &Header, data: SnapshotData) -> mpsc::Receiver<SnapshotChunk> {
    let first = chunk(seal(Kind::SnapshotHeader, header));
    thread::produce(CHUNKS_WAITING, move |send| {
        if !send(first) {
            return;
        }
        let SnapshotData::Local(view) = data else { return };
        if let Err(error) = send_rows(&view, send) {
            view.facts().damage().note(&error);
            // The receiver sees a snapshot without its end mark and refuses it.
            tracing::error!(%error, "cannot read the state for a snapshot");
        }
    })
}

fn chunk(payload: Vec<u8>) -> SnapshotChunk {
    SnapshotChunk { payload: payload.into() }
}

/// Sends the chunks after the first.
pub(crate) fn send_rows(
    view: &View,
    send: &mut dyn FnMut(SnapshotChunk) -> bool,
) -> Result<(), StateError> {
    let mut end = End { rows: 0, version: state_store::version(view.facts())? };
    let mut rows = Vec::new();
    let mut bytes = 0;
    for row in view.rows() {
        let row = row?;
        bytes += row.size();
        rows.push(row);
        end.rows += 1;
        if bytes >= CHUNK_BYTES {
            if !send(chunk(seal(Kind::SnapshotRows, &rows))) {
                return Ok(());
            }
            rows.clear();
            bytes = 0;
        }
    }
    if !rows.is_empty() && !send(chunk(seal(Kind::SnapshotRows, &rows))) {
        return Ok(());
    }
    let _gone = send(chunk(seal(Kind::SnapshotEnd, &end)));
    Ok(())
}

/// A snapshot that did not arrive completely.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The stream ended before the end mark.
    #[error("the snapshot ended too early")]
    Truncated,
    /// Rows were lost on the way.
    #[error("the snapshot has {found} rows instead of {sent}")]
    Incomplete {
        /// Rows received.
        found: u64,
        /// Rows sent.
        sent: u64,
    },
    /// A chunk that is damaged, or of another version.
    #[error(transparent)]
    Unreadable(#[from] envelope::Error),
    /// Our own disk.
    #[error(transparent)]
    Disk(#[from] StateError),
}

/// Writes the chunks after the header to a new state beside that of `slot`.
pub async fn receive(
    slot: &Path,
    chunks: mpsc::Receiver<SnapshotChunk>,
) -> Result<StagedState, ReceiveError> {
    let slot = slot.to_owned();
    thread::consume(chunks, move |chunks| write_rows(&slot, chunks))
        .await
        .map_err(|lost| ReceiveError::Disk(io::Error::from(lost).into()))?
}

/// The same for the chunks that `stream` brings; the outer error is the stream's.
pub async fn receive_from(
    slot: &Path,
    stream: &mut Streaming<SnapshotChunk>,
) -> Result<Result<StagedState, ReceiveError>, Status> {
    let (sender, chunks) = mpsc::channel(CHUNKS_WAITING);
    let (forwarded, incoming) = tokio::join!(forward(stream, sender), receive(slot, chunks));
    forwarded?;
    Ok(incoming)
}

/// Passes on what `stream` brings, as long as somebody receives it.
pub(super) async fn forward(
    stream: &mut Streaming<SnapshotChunk>,
    sender: mpsc::Sender<SnapshotChunk>,
) -> Result<(), Status> {
    while let Some(chunk) = stream.message().await? {
        if sender.send(chunk).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn write_rows(
    slot: &Path,
    chunks: &mut dyn Iterator<Item = SnapshotChunk>,
) -> Result<StagedState, ReceiveError> {
    let mut staged = StagedState::create(slot)?;
    fill(&mut staged, chunks)?;
    staged.flush()?;
    Ok(staged)
}

/// Fills an empty state with all that `view` shows. `copied` is told how many rows were added since the last time.
pub(super) fn copy(
    view: &View,
    staged: &mut StagedState,
    copied: &mut dyn FnMut(u64),
) -> Result<(), StateError> {
    /// Rows that are added in one step.
    const ROWS: usize = 1_000;
    let mut rows = view.rows();
    loop {
        let some: Vec<Row> = rows.by_ref().take(ROWS).collect::<Result<_, _>>()?;
        if some.is_empty() {
            break;
        }
        copied(some.len() as u64);
        staged.add(some)?;
    }
    let change = staged.begin();
    state_store::save_version(&change, state_store::version(view.facts())?);
    change.commit();
    Ok(())
}

/// Fills an empty state, and notes the version in which the cluster writes, with what the chunks after
/// the header hold.
pub(crate) fn fill(
    staged: &mut StagedState,
    chunks: &mut dyn Iterator<Item = SnapshotChunk>,
) -> Result<(), ReceiveError> {
    let mut found = 0;
    for chunk in chunks {
        match read(&chunk.payload)? {
            ChunkBody::Rows(rows) => {
                found += rows.len() as u64;
                staged.add(rows)?;
            }
            ChunkBody::End(End { rows: sent, version }) if sent == found => {
                let change = staged.begin();
                state_store::save_version(&change, version);
                change.commit();
                return Ok(());
            }
            ChunkBody::End(End { rows: sent, .. }) => {
                return Err(ReceiveError::Incomplete { found, sent });
            }
        }
    }
    Err(ReceiveError::Truncated)
}

/// A chunk after the first.
enum ChunkBody {
    Rows(Vec<Row>),
    End(End),
}

fn read(payload: &[u8]) -> Result<ChunkBody, envelope::Error> {
    match envelope::peek(payload) {
        Some((Kind::SnapshotEnd, _)) => {
            envelope::open(Kind::SnapshotEnd, payload).map(ChunkBody::End)
        }
        _ => envelope::open(Kind::SnapshotRows, payload).map(ChunkBody::Rows),
    }
}
