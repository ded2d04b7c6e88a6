//! The transfer of a snapshot from one master's disk to another's.

use std::sync::Arc;

use openraft::{Snapshot, Vote, storage::RaftStateMachine as _};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::entries::{
    account, applied, batch, crash, dump, history, log_id, members, open_state, upgrade, view,
};
use crate::{
    domain::{NodeId, PostId},
    envelope::{self, Kind, SupportedVersions, Version},
    replication::{
        Consensus,
        snapshot::{self, Header, ReceiveError, SnapshotData},
        state_store::StateStore,
    },
    social::{MemoryBudget, StagedState},
    wire::internal::SnapshotChunk,
};

async fn taken(state: &mut StateStore) -> Snapshot<Consensus> {
    state.get_current_snapshot().await.expect("read").expect("something is applied")
}

/// The chunks of `snapshot`, without the header.
async fn chunks(snapshot: Snapshot<Consensus>) -> Vec<SnapshotChunk> {
    let header = Header { vote: Vote::new(1, NodeId::new(1)), meta: snapshot.meta };
    let mut sent = snapshot::send(&header, *snapshot.snapshot);
    let first = sent.recv().await.expect("a header");
    let read: Header = envelope::open(Kind::SnapshotHeader, &first.payload).expect("a header");
    assert_eq!(read.meta, header.meta);
    let mut chunks = Vec::new();
    while let Some(chunk) = sent.recv().await {
        chunks.push(chunk);
    }
    chunks
}

async fn receive(
    directory: &TempDir,
    chunks: Vec<SnapshotChunk>,
) -> Result<StagedState, ReceiveError> {
    let (sender, receiver) = mpsc::channel(chunks.len().max(1));
    for chunk in chunks {
        sender.send(chunk).await.expect("there is room");
    }
    drop(sender);
    snapshot::receive(directory.path(), receiver).await
}

#[tokio::test]
async fn a_received_snapshot_replaces_the_state_and_survives_a_crash() {
    let (ours, theirs) = (tempfile::tempdir().expect("temp"), tempfile::tempdir().expect("temp"));
    let mut sender = open_state(ours.path());
    sender.apply(history(2_000)).await.expect("applied");
    let mut receiver = open_state(theirs.path());
    receiver.apply([batch(1, 1, [account("zoe")])]).await.expect("applied");
    let before = view(&receiver.reader());

    let snapshot = taken(&mut sender).await;
    let meta = snapshot.meta.clone();
    let chunks = chunks(snapshot).await;
    assert!(chunks.len() > 2, "more than one chunk of rows");
    let incoming = receive(&theirs, chunks).await.expect("whole");
    let reader = receiver.reader();
    receiver
        .install_snapshot(&meta, Box::new(SnapshotData::Received(incoming)))
        .await
        .expect("installed");

    assert_eq!(dump(&reader), dump(&sender.reader()));
    assert_eq!(applied(&mut receiver).await, Some(log_id(1, 2_000)));
    let left = before.rows().collect::<Result<Vec<_>, _>>().expect("still readable");
    assert_eq!(left.len(), 1 + 1, "the general facts and zoe: not a mixture");
    let image = crash(&theirs);
    let mut again = open_state(image.path());
    assert_eq!(applied(&mut again).await, Some(log_id(1, 2_000)));
    assert_eq!(dump(&again.reader()), dump(&sender.reader()));
    let more = batch(1, 2_001, [account("cat")]);
    receiver.apply([more.clone()]).await.expect("applied");
    sender.apply([more]).await.expect("applied");
    assert_eq!(dump(&reader), dump(&sender.reader()));
}

#[tokio::test]
#[should_panic(expected = "replaces a state at")]
async fn a_snapshot_that_would_take_the_state_back_is_not_installed() {
    let (ours, theirs) = (tempfile::tempdir().expect("temp"), tempfile::tempdir().expect("temp"));
    let mut sender = open_state(ours.path());
    sender.apply(history(4)).await.expect("applied");
    let mut receiver = open_state(theirs.path());
    receiver.apply(history(5)).await.expect("applied");
    let snapshot = taken(&mut sender).await;
    let meta = snapshot.meta.clone();
    let incoming = receive(&theirs, chunks(snapshot).await).await.expect("whole");
    let incoming = Box::new(SnapshotData::Received(incoming));
    let _never = receiver.install_snapshot(&meta, incoming).await;
}

#[tokio::test]
async fn a_snapshot_shows_the_moment_it_was_taken() {
    let ours = tempfile::tempdir().expect("temp");
    let mut state = open_state(ours.path());
    state.apply(history(5)).await.expect("applied");
    let then = dump(&state.reader());
    let snapshot = taken(&mut state).await;
    state.apply([batch(1, 6, [account("cat")])]).await.expect("applied");
    let SnapshotData::Local(view) = *snapshot.snapshot else { panic!("our own") };
    let rows = view.rows();
    assert_eq!(rows.map(|row| row.expect("readable")).collect::<Vec<_>>(), then);
    assert_eq!(snapshot.meta.last_log_id, Some(log_id(1, 5)));
}

#[tokio::test]
async fn a_truncated_or_garbled_snapshot_is_refused_and_leaves_the_state_alone() {
    let (ours, theirs) = (tempfile::tempdir().expect("temp"), tempfile::tempdir().expect("temp"));
    let mut sender = open_state(ours.path());
    sender.apply(history(2_000)).await.expect("applied");
    let chunks = chunks(taken(&mut sender).await).await;
    let receiver = open_state(theirs.path());
    for kept in 0..chunks.len() {
        let refused = receive(&theirs, chunks[..kept].to_vec()).await;
        assert!(matches!(refused, Err(ReceiveError::Truncated)), "{kept} of {}", chunks.len());
    }
    for kept in 0..chunks.len() - 1 {
        let mut gap = chunks.clone();
        gap.remove(kept);
        let refused = receive(&theirs, gap).await;
        assert!(matches!(refused, Err(ReceiveError::Incomplete { .. })), "without {kept}");
    }
    let mut garbled = chunks.clone();
    let mut payload = garbled[1].payload.to_vec();
    let middle = payload.len() / 2;
    payload[middle] ^= 1;
    garbled[1].payload = payload.into();
    let newer = envelope::seal_in(Version::new(9), Kind::SnapshotRows, &"whatever");
    let mut of_the_future = chunks.clone();
    of_the_future[1].payload = newer.into();
    for (chunks, is_newer) in [(garbled, false), (of_the_future, true)] {
        let refused = receive(&theirs, chunks).await.err();
        let Some(ReceiveError::Unreadable(error)) = refused else { panic!("{refused:?}") };
        assert_eq!(error.is_another_version(), is_newer, "{error}");
    }
    assert_eq!(view(&receiver.reader()).newest_post(), PostId::NONE);
    assert!(receive(&theirs, chunks).await.is_ok(), "a second attempt starts afresh");
}

#[tokio::test]
async fn a_snapshot_carries_the_clusters_format_and_is_refused_where_that_is_not_spoken() {
    let both = SupportedVersions { oldest: Version::FIRST, newest: Version::new(2) };
    let open = |supported_versions, directory: &TempDir| {
        let (directory, memory) = (directory.path(), MemoryBudget::default());
        StateStore::open_as(supported_versions, directory, memory, Arc::new(|_| {})).expect("opens")
    };
    let ours = tempfile::tempdir().expect("temp");
    let mut sender = open(both, &ours);
    let entries = [members(1, both), upgrade(2, 2), batch(1, 3, [account("ann")])];
    sender.apply(entries).await.expect("applied");
    for (supported_versions, expected) in
        [(both, Version::new(2)), (SupportedVersions::default(), Version::FIRST)]
    {
        let theirs = tempfile::tempdir().expect("temp");
        let mut receiver = open(supported_versions, &theirs);
        let snapshot = taken(&mut sender).await;
        let meta = snapshot.meta.clone();
        let incoming = receive(&theirs, chunks(snapshot).await).await.expect("whole");
        let incoming = Box::new(SnapshotData::Received(incoming));
        let installed = receiver.install_snapshot(&meta, incoming).await;
        assert_eq!(installed.is_ok(), supported_versions == both, "{installed:?}");
        assert_eq!(*receiver.version().borrow(), expected);
    }
}
