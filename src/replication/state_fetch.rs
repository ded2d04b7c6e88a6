//! Fetches from another master a state that was lost while the log was not.
//!
//! This happens before the node starts: until its state meets its log it neither votes nor leads,
//! so openraft never sees a gap. Any master's state will do, whether that master leads or not, if
//! it reaches the beginning of this log: what is applied anywhere is committed.

use std::{path::Path, time::Duration};

use tokio::time::timeout;
use tonic::{Status, Streaming};

use super::{
    LogId,
    link::{Client, MESSAGE_BYTES},
    log_error::LogError,
    log_store::LogStore,
    node_credentials::NodeCredentials,
    snapshot::{self, Header},
    startup_check, state_store,
};
use crate::{
    domain::NodeId,
    envelope::{self, Kind},
    host::net,
    social::StateError,
    wire::internal::{FetchStateRequest, SnapshotChunk},
};

/// How long a master has until it begins to send its state: another can be asked.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// Why a master did not provide its state.
#[derive(Debug, thiserror::Error)]
pub enum StateFetchError {
    /// It cannot be reached, or has no state.
    #[error("{}", .0.message())]
    Refused(#[from] Status),
    /// Its state does not reach the beginning of this log.
    #[error("its own state is older than this log")]
    Older,
    /// What arrived is incomplete.
    #[error(transparent)]
    Garbled(#[from] snapshot::ReceiveError),
    /// Our own disk, where the log is.
    #[error("this node's own disk: {0}")]
    Log(#[from] LogError),
    /// Our own disk, where the state is.
    #[error("this node's own disk: {0}")]
    State(#[from] StateError),
}

/// Asks `other` at `address` (host:port) for its state: what it is, and the chunks that follow.
pub async fn open(
    credentials: &NodeCredentials,
    other: NodeId,
    address: &str,
) -> Result<(Header, Streaming<SnapshotChunk>), Status> {
    let invalid = |error| Status::unavailable(format!("{error}"));
    let channel = net::node_channel(address, credentials.security()).map_err(invalid)?;
    let mut client = Client::new(channel).max_decoding_message_size(MESSAGE_BYTES);
    let request = credentials.request(other, FetchStateRequest {});
    let first = async {
        let mut stream = client.fetch_state(request).await?.into_inner();
        let first = stream.message().await?.ok_or_else(|| Status::aborted("no header"))?;
        Ok::<_, Status>((stream, first))
    };
    let silent = |_elapsed| Status::unavailable("it does not answer");
    let (stream, first) = timeout(ANSWERS_WITHIN, first).await.map_err(silent)??;
    let header = envelope::open(Kind::SnapshotHeader, &first.payload)
        .map_err(|error| Status::aborted(error.to_string()))?;
    Ok((header, stream))
}

/// Replaces the state in `directory` with that of `other` at `address` (host:port). `log` begins
/// after `purged`.
pub async fn fetch(
    directory: &Path,
    log: &mut LogStore,
    credentials: &NodeCredentials,
    (other, address): (NodeId, &str),
    purged: LogId,
) -> Result<(), StateFetchError> {
    let (header, mut stream) = open(credentials, other, address).await?;
    let Some(applied) = header.meta.last_log_id.filter(|applied| *applied >= purged) else {
        return Err(StateFetchError::Older);
    };
    let incoming = snapshot::receive_from(directory, &mut stream).await??;
    // The log first: a state must not be ahead of a log whose entries contradict it.
    log.truncate_conflicts(applied).await?;
    startup_check::put_aside(directory).map_err(StateError::from)?;
    state_store::install(directory, &header.meta, incoming)?;
    tracing::info!(
        from = other.get(),
        applied = applied.index,
        "fetched the state from another master"
    );
    Ok(())
}
