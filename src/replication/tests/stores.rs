//! What a crash leaves on the disk, and what a node makes of it.

use openraft::{
    LogState, RaftLogReader as _, RaftSnapshotBuilder as _, Vote,
    storage::{RaftLogStorage as _, RaftLogStorageExt as _, RaftStateMachine as _},
};
use tokio::time::timeout;

use super::cluster::{DEADLINE, start_master};
use super::entries::{applied, blank, crash, dump, history, log_id, open_log, open_state, view};
use crate::{
    domain::ClusterId,
    replication::{encode, node::StartError, witness::Witness},
};

#[tokio::test]
async fn appended_entries_and_votes_survive_a_crash_right_after() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(directory.path());
    let entries = history(20);
    log.blocking_append(entries.clone()).await.expect("appended");
    log.save_vote(&Vote::new(3, 7)).await.expect("saved");

    let image = crash(&directory);
    let mut log = open_log(image.path());
    let found = log.try_get_log_entries(0..100).await.expect("read");
    assert_eq!(encode(&found), encode(&entries));
    assert_eq!(log.read_vote().await.expect("read"), Some(Vote::new(3, 7)));
    assert_eq!(log.last_log_id().expect("read"), Some(log_id(1, 20)));
}

#[tokio::test]
async fn an_election_that_was_won_may_be_forgotten_until_its_leader_has_written() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(directory.path());
    log.save_vote(&Vote::new(3, 7)).await.expect("saved");
    log.save_vote(&Vote::new_committed(3, 7)).await.expect("saved");
    assert_eq!(log.read_vote().await.expect("read"), Some(Vote::new_committed(3, 7)));
    let forgetful = open_log(crash(&directory).path()).read_vote().await.expect("read");
    assert!(forgetful >= Some(Vote::new(3, 7)), "{forgetful:?} forgets a vote that was granted");

    log.save_vote(&Vote::new_committed(4, 8)).await.expect("saved");
    log.blocking_append([blank(4, 1)]).await.expect("appended");
    let mut log = open_log(crash(&directory).path());
    assert_eq!(log.read_vote().await.expect("read"), Some(Vote::new_committed(4, 8)));
}

#[tokio::test]
async fn a_leader_that_starts_again_follows() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (node, _state) = start_master(directory.path()).await.expect("started");
    let own = node.id();
    node.stop().await;
    drop(node);
    let mut log = open_log(crash(&directory).path());
    log.save_vote(&Vote::new_committed(3, own)).await.expect("saved");
    log.blocking_append([blank(3, 1)]).await.expect("appended");
    assert_eq!(log.read_vote().await.expect("read"), Some(Vote::new(3, own)));
    log.save_vote(&Vote::new_committed(4, own + 1)).await.expect("saved");
    assert_eq!(log.read_vote().await.expect("read"), Some(Vote::new_committed(4, own + 1)));
}

#[tokio::test]
async fn truncation_and_purge_survive_a_crash_right_after() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(directory.path());
    log.blocking_append(history(20)).await.expect("appended");
    log.truncate(log_id(1, 15)).await.expect("truncated");
    log.purge(log_id(1, 5)).await.expect("purged");
    let mut log = open_log(crash(&directory).path());
    let expected =
        LogState { last_purged_log_id: Some(log_id(1, 5)), last_log_id: Some(log_id(1, 14)) };
    assert_eq!(log.get_log_state().await.expect("read"), expected);
    let found = log.try_get_log_entries(..).await.expect("read");
    assert_eq!(
        found.iter().map(|entry| entry.log_id.index).collect::<Vec<_>>(),
        [6, 7, 8, 9, 10, 11, 12, 13, 14]
    );
}

#[tokio::test]
async fn a_log_that_was_purged_whole_remembers_where_it_ended() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(directory.path());
    log.blocking_append(history(3)).await.expect("appended");
    log.purge(log_id(2, 9)).await.expect("purged");
    for mut log in [log, open_log(crash(&directory).path())] {
        assert_eq!(log.last_log_id().expect("read"), Some(log_id(2, 9)));
        timeout(DEADLINE, log.written(9)).await.expect("all that there is to be written");
        let state = log.get_log_state().await.expect("read");
        assert_eq!(state.last_log_id, Some(log_id(2, 9)));
        log.blocking_append([blank(2, 10)]).await.expect("appended");
        assert_eq!(log.last_log_id().expect("read"), Some(log_id(2, 10)));
    }
}

#[tokio::test]
async fn identity_and_cluster_stay_with_the_file_and_a_wiped_slot_gets_a_new_identity() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let log = open_log(directory.path());
    assert_eq!(log.cluster_id().expect("read"), None);
    log.save_cluster_id(ClusterId::new(5)).await.expect("saved");
    let again = open_log(crash(&directory).path());
    assert_eq!(again.node_id(), log.node_id());
    assert_eq!(again.cluster_id().expect("read"), Some(ClusterId::new(5)));
    let wiped = tempfile::tempdir().expect("a temporary directory");
    assert_ne!(open_log(wiped.path()).node_id(), log.node_id());
}

#[tokio::test]
async fn a_crashed_state_is_at_its_checkpoint_at_least_and_catches_up_from_the_log() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut state = open_state(directory.path());
    let entries = history(60);
    state.apply(entries[..40].to_vec()).await.expect("applied");
    let built = state.get_snapshot_builder().await.build_snapshot().await.expect("built");
    assert_eq!(built.meta.last_log_id, Some(log_id(1, 40)));
    state.apply(entries[40..].to_vec()).await.expect("applied");
    let complete = dump(&state.reader());

    let image = crash(&directory);
    let mut state = open_state(image.path());
    let at = applied(&mut state).await.expect("something is applied").index;
    assert!((40..=60).contains(&at), "{at}");
    let rest = entries.into_iter().filter(|entry| entry.log_id.index > at);
    state.apply(rest.collect::<Vec<_>>()).await.expect("applied");
    assert_eq!(dump(&state.reader()), complete);
    assert_eq!(view(&state.reader()).newest_post(), 118);
}

#[tokio::test]
async fn a_state_without_a_checkpoint_begins_anew_and_catches_up() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut state = open_state(directory.path());
    state.apply(history(10)).await.expect("applied");
    let image = crash(&directory);
    let mut again = open_state(image.path());
    let at = applied(&mut again).await.map_or(0, |log_id| log_id.index);
    let rest = history(10).into_iter().filter(|entry| entry.log_id.index > at);
    again.apply(rest.collect::<Vec<_>>()).await.expect("applied");
    assert_eq!(dump(&again.reader()), dump(&state.reader()));
}

#[tokio::test]
async fn a_witness_goes_on_from_its_checkpoint() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut witness = Witness::open(open_log(directory.path())).expect("opens");
    witness.apply([blank(1, 1), blank(1, 2)]).await.expect("counted");
    witness.get_snapshot_builder().await.build_snapshot().await.expect("saved");
    witness.apply([blank(1, 3)]).await.expect("counted");
    let mut again = Witness::open(open_log(crash(&directory).path())).expect("opens");
    let (at, _) = again.applied_state().await.expect("read");
    assert_eq!(at, Some(log_id(1, 2)));
}

#[tokio::test]
async fn a_master_whose_state_is_gone_does_not_start_on_the_rest_of_its_log() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(directory.path());
    log.blocking_append(history(9)).await.expect("appended");
    log.purge(log_id(1, 5)).await.expect("purged");
    let image = crash(&directory);
    let started = start_master(image.path()).await;
    assert!(matches!(started, Err(StartError::Consensus(_))));
}
