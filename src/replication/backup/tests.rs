//! Backups of states and of running masters, and what is made of them.

use std::{
    fs,
    sync::{Arc, atomic::AtomicU64},
};

use openraft::storage::RaftStateMachine as _;
use tempfile::TempDir;

use super::{
    file::{self, BackupReader, WriteError},
    format::BackupHeader,
    founding::{FoundingError, SessionsAfter, found},
    source::BackupSource,
};
use crate::{
    domain::{ClusterId, NodeId, UnixMillis},
    host::disk,
    replication::{
        inspection::{self, NodeKind},
        snapshot,
        startup_check::{self, StartupCheck},
        tests::{
            cluster::{CLUSTER, Member, QUICK, auth, cluster},
            entries::{account, batch, dump, history, log_id, open_log, open_state, view},
        },
    },
    social::{Command, Content, StateReader},
    wire::internal::SnapshotChunk,
};

const NODE: NodeId = NodeId::new(4711);
const NEW: ClusterId = ClusterId::new(88);

fn header() -> BackupHeader {
    BackupHeader { made_at: UnixMillis::new(9), cluster: CLUSTER, applied: log_id(1, 300) }
}

fn chunks_of(state: &StateReader) -> Vec<SnapshotChunk> {
    let mut chunks = Vec::new();
    let sent = snapshot::send_rows(&view(state), &mut |chunk| {
        chunks.push(chunk);
        true
    });
    sent.expect("readable");
    chunks
}

/// A network of two, and a backup of it.
async fn network() -> (StateReader, Vec<u8>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut state = open_state(directory.path());
    let mut entries = vec![batch(1, 1, [Command::BootstrapCluster { signing_key: [7; 32] }])];
    entries.extend(history(300).into_iter().map(|mut entry| {
        entry.log_id = log_id(1, entry.log_id.index + 1);
        entry
    }));
    state.apply(entries).await.expect("applied");
    let mut backup = Vec::new();
    let mut chunks = chunks_of(&state.reader()).into_iter();
    file::write(&mut backup, &header(), &mut chunks, &mut |_| {}).expect("written");
    (state.reader(), backup)
}

fn restore(
    backup: &[u8],
    slot: &TempDir,
    sessions: SessionsAfter,
) -> Result<Content, FoundingError> {
    let mut reader = BackupReader::new(backup);
    assert_eq!(reader.header().expect("a header"), header());
    let mut read = 0;
    let made = found(
        reader,
        header().applied,
        slot.path(),
        (NEW, NODE, "server-1"),
        sessions,
        &mut |some| read += some,
    );
    assert!(read > 0 || made.is_err());
    made
}

#[tokio::test]
async fn what_is_made_of_a_backup_has_everything_and_can_be_started() {
    let (before, backup) = network().await;
    for sessions in [SessionsAfter::Kept, SessionsAfter::Ended] {
        let slot = tempfile::tempdir().expect("a temporary directory");
        let content = restore(&backup, &slot, sessions).expect("restored");
        assert_eq!(content, Content { users: 2, posts: 598 });
        let found = inspection::inspect(slot.path(), NodeKind::Master, &mut |_| {});
        let found = found.expect("it can be looked at");
        assert_eq!(found.findings, []);
        assert_eq!((found.node, found.cluster), (Some(NODE), Some(NEW)));
        assert_eq!(found.content, content);
        let log = open_log(slot.path());
        let check = startup_check::examine(slot.path(), &log).expect("no refusal");
        assert_eq!(check, StartupCheck::Ready);
        let state = open_state(slot.path());
        let after = dump(&state.reader());
        // But for the general facts, all is the same.
        assert_eq!(after[1..], dump(&before)[1..]);
        assert!(view(&state.reader()).newest_post().get() >= 1 << 32, "no id is given twice");
        let is_kept = view(&state.reader()).signing_key() == Some([7; 32]);
        assert_eq!(is_kept, sessions == SessionsAfter::Kept);
    }
}

#[tokio::test]
async fn of_a_backup_that_is_damaged_or_cut_off_nothing_is_made() {
    let (_, backup) = network().await;
    let beginning = {
        let mut reader = BackupReader::new(&*backup);
        reader.header().expect("a header");
        usize::try_from(reader.at()).expect("short")
    };
    let damages = (beginning..backup.len()).step_by(97).flat_map(|at| {
        let mut changed = backup.clone();
        changed[at] ^= 1;
        [changed, backup[..at].to_vec()]
    });
    let surplus = [&*backup, b"more"].concat();
    for damaged in damages.chain([surplus]) {
        let slot = tempfile::tempdir().expect("a temporary directory");
        let refused = restore(&damaged, &slot, SessionsAfter::Ended).expect_err("refused");
        assert!(matches!(refused, FoundingError::Backup(_)), "{refused}");
        assert!(refused.to_string().starts_with("at byte "), "{refused}");
        assert!(disk::length(&slot.path().join("raft.redb")).expect("readable").is_none());
        assert!(disk::length(&slot.path().join("state/current")).expect("readable").is_none());
    }
}

#[tokio::test]
async fn a_snapshot_that_ends_too_early_makes_no_backup() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut state = open_state(directory.path());
    state.apply(history(300)).await.expect("applied");
    let mut chunks = chunks_of(&state.reader());
    chunks.pop();
    let mut backup = Vec::new();
    let refused = file::write(&mut backup, &header(), &mut chunks.into_iter(), &mut |_| {});
    assert!(matches!(refused, Err(WriteError::Truncated)));
}

#[tokio::test]
async fn a_standby_gives_a_backup_of_which_a_new_cluster_begins() {
    let (masters, _witness) = cluster(2).await;
    for name in ["ann", "bob", "eve"] {
        masters[0].writes().submit(account(name)).await.expect("written");
    }
    let standby = &masters[1];
    standby.level_with(&masters[0]).await;
    let address = standby.info.peer_address.as_str();
    let source = BackupSource::open(&auth(), CLUSTER, (standby.id(), address)).await;
    let source = source.expect("it answers");
    let applied = source.applied();
    // What comes later is not in it, and waits for nothing.
    masters[0].writes().submit(account("zoe")).await.expect("written");
    let written = Arc::new(AtomicU64::new(0));
    let backup = source.write_to(Vec::new(), UnixMillis::new(9), Arc::clone(&written)).await;
    let backup = backup.expect("all of it");
    assert_eq!(written.load(std::sync::atomic::Ordering::Relaxed), backup.len() as u64);

    let slot = tempfile::tempdir().expect("a temporary directory");
    let mut reader = BackupReader::new(&*backup);
    let header = reader.header().expect("a header");
    assert_eq!((header.cluster, header.applied), (CLUSTER, applied));
    let names = (NEW, NODE, "server-1");
    let made = found(reader, applied, slot.path(), names, SessionsAfter::Ended, &mut |_| {});
    assert_eq!(made.expect("restored").users, 3);
    let first = Member::started_in("server-1", slot, QUICK).await;
    first.leads().await;
    assert_eq!(first.node.cluster(), Some(NEW));
    first.writes().submit(account("dan")).await.expect("written");
    assert_eq!(view(first.state()).users(None, 9).expect("readable").names.len(), 4);
}

#[tokio::test]
async fn who_is_not_asked_as_itself_gives_nothing() {
    let (masters, witness) = cluster(1).await;
    let address = masters[0].info.peer_address.as_str();
    let other = BackupSource::open(&auth(), NEW, (masters[0].id(), address)).await.err();
    assert!(other.expect("another cluster").message().contains("belongs to cluster"));
    let other = BackupSource::open(&auth(), CLUSTER, (NodeId::new(1), address)).await.err();
    assert!(other.expect("another node").message().contains("the node you are calling"));
    let address = witness.info.peer_address.as_str();
    let none = BackupSource::open(&auth(), CLUSTER, (witness.id(), address)).await.err();
    assert!(none.expect("a witness").message().contains("no state"));
}

#[test]
fn a_file_that_is_something_else_is_not_taken_for_a_backup() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("file");
    for contents in [&b""[..], b"text", &[0; 100], &[255; 100]] {
        fs::write(&path, contents).expect("written");
        let refused = BackupReader::new(fs::File::open(&path).expect("there")).header();
        let said = refused.expect_err("refused").to_string();
        assert_eq!(said, "at byte 0: it does not begin like a backup", "{contents:?}");
    }
}
