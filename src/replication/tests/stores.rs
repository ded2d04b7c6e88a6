//! What a crash leaves on disk, and what a node does with it.

use std::{
    fs,
    path::Path,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use openraft::{
    EntryPayload, LogState, RaftLogReader as _, RaftSnapshotBuilder as _, Vote,
    storage::{RaftLogStorage as _, RaftLogStorageExt as _, RaftStateMachine as _},
};
use redb::{ReadableTable as _, TableDefinition};
use tokio::{task::yield_now, time::timeout};

use super::cluster::{DEADLINE, start_master};
use super::entries::{
    applied, batch, blank, crash, dump, history, log_id, members, open_log, open_state, view,
};
use crate::{
    cli,
    domain::{ClusterId, NodeId, PostId},
    envelope::{Kind, SupportedVersions, Version, line, seal_in},
    host::{database_fault::DatabaseFault, disk, file_header::tests::write_newer_header},
    replication::{
        StoredMembership, encode, log_store::LogStore, node::StartError, startup_check,
        witness_store::WitnessStore,
    },
    social::Command,
};

#[tokio::test]
async fn appended_entries_and_votes_survive_a_crash_right_after() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(directory.path());
    let entries = history(20);
    log.blocking_append(entries.clone()).await.expect("appended");
    log.save_vote(&Vote::new(3, NodeId::new(7))).await.expect("saved");

    let image = crash(&directory);
    let mut log = open_log(image.path());
    let found = log.try_get_log_entries(0..100).await.expect("read");
    assert_eq!(encode(&found), encode(&entries));
    assert_eq!(log.read_vote().await.expect("read"), Some(Vote::new(3, NodeId::new(7))));
    assert_eq!(log.last_log_id().expect("read"), Some(log_id(1, 20)));
}

#[tokio::test]
async fn while_a_long_log_is_applied_other_tasks_have_their_turn() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut state = open_state(directory.path());
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            yield_now().await;
        }
    });
    let replies = state.apply(history(500)).await.expect("applied");
    other.abort();
    assert_eq!(replies.len(), 500);
    let turns = turns.load(Ordering::Relaxed);
    assert!(turns > 30, "{turns}");

    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut singly = open_state(directory.path());
    for entry in history(500) {
        singly.apply([entry]).await.expect("applied");
    }
    assert_eq!(dump(&state.reader()), dump(&singly.reader()), "steps make no difference");
}

#[tokio::test]
async fn an_election_that_was_won_may_be_forgotten_until_its_leader_has_written() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(directory.path());
    log.save_vote(&Vote::new(3, NodeId::new(7))).await.expect("saved");
    log.save_vote(&Vote::new_committed(3, NodeId::new(7))).await.expect("saved");
    assert_eq!(log.read_vote().await.expect("read"), Some(Vote::new_committed(3, NodeId::new(7))));
    let forgetful = open_log(crash(&directory).path()).read_vote().await.expect("read");
    assert!(
        forgetful >= Some(Vote::new(3, NodeId::new(7))),
        "{forgetful:?} forgets a vote that was granted"
    );

    log.save_vote(&Vote::new_committed(4, NodeId::new(8))).await.expect("saved");
    log.blocking_append([blank(4, 1)]).await.expect("appended");
    let mut log = open_log(crash(&directory).path());
    assert_eq!(log.read_vote().await.expect("read"), Some(Vote::new_committed(4, NodeId::new(8))));
}

#[tokio::test]
async fn a_leader_that_starts_again_follows() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (node, _state) = start_master(directory.path()).await.expect("started");
    let own = node.id();
    let other = NodeId::new(own.get() + 1);
    node.stop().await;
    drop(node);
    let mut log = open_log(crash(&directory).path());
    log.save_vote(&Vote::new_committed(3, own)).await.expect("saved");
    log.blocking_append([blank(3, 1)]).await.expect("appended");
    assert_eq!(log.read_vote().await.expect("read"), Some(Vote::new(3, own)));
    log.save_vote(&Vote::new_committed(4, other)).await.expect("saved");
    assert_eq!(log.read_vote().await.expect("read"), Some(Vote::new_committed(4, other)));
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
        let reached = timeout(DEADLINE, log.durable().wait_for_entry(Some(log_id(1, 9)))).await;
        reached.expect("all that there is to be written").expect("written");
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
    assert_eq!(view(&state.reader()).newest_post(), PostId::new(118));
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
async fn a_state_says_how_far_it_is_applied_and_which_membership_was_the_last() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut state = open_state(directory.path());
    let found = state.applied_state().await.expect("read");
    assert_eq!(found, (None, StoredMembership::default()));
    let entry = members(3, SupportedVersions::BUILD);
    let EntryPayload::Membership(membership) = entry.payload.clone() else { panic!("{entry:?}") };
    let stored = StoredMembership::new(Some(log_id(1, 3)), membership);
    state.apply([entry]).await.expect("applied");
    let found = state.applied_state().await.expect("read");
    assert_eq!(found, (Some(log_id(1, 3)), stored.clone()));
    state.apply([blank(1, 4), blank(2, 5)]).await.expect("applied");
    let found = state.applied_state().await.expect("read");
    assert_eq!(found, (Some(log_id(2, 5)), stored));
    assert_eq!(state.applied(), Some(log_id(2, 5)));
}

#[tokio::test]
#[should_panic(expected = "entry T1-N1-5 after")]
async fn an_entry_that_leaves_a_gap_is_not_applied() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut state = open_state(directory.path());
    state.apply([blank(1, 3)]).await.expect("applied");
    let _never = state.apply([blank(1, 5)]).await;
}

#[tokio::test]
#[should_panic(expected = "entry T1-N1-3 after")]
async fn an_entry_is_not_applied_twice_either_after_a_restart() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut state = open_state(directory.path());
    state.apply([blank(1, 3)]).await.expect("applied");
    state.state().flush().expect("on disk");
    drop(state);
    let _never = open_state(directory.path()).apply([blank(1, 3)]).await;
}

#[tokio::test]
async fn a_crash_does_not_forget_that_the_cluster_was_abandoned() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let better = ClusterId::new(7);
    let mut state = open_state(directory.path());
    state.apply([batch(1, 1, [Command::AbandonCluster { to: better }])]).await.expect("applied");
    let again = open_state(crash(&directory).path());
    assert_eq!(view(&again.reader()).abandoned_for(), Some(better));
}

#[tokio::test]
async fn a_witness_goes_on_from_its_checkpoint() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut witness = WitnessStore::open(open_log(directory.path())).expect("opens");
    witness.apply([blank(1, 1), blank(1, 2)]).await.expect("counted");
    witness.get_snapshot_builder().await.build_snapshot().await.expect("saved");
    witness.apply([blank(1, 3)]).await.expect("counted");
    let mut again = WitnessStore::open(open_log(crash(&directory).path())).expect("opens");
    let (at, _) = again.applied_state().await.expect("read");
    assert_eq!(at, Some(log_id(1, 2)));
}

#[tokio::test]
async fn a_witness_purges_its_log_only_when_its_checkpoint_is_on_disk() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(directory.path());
    log.blocking_append(history(9)).await.expect("appended");
    log.purge_after_checkpoints().expect("read");
    let mut purging = log.clone();
    let mut purge = pin!(purging.purge(log_id(1, 5)));
    let waits = timeout(Duration::from_millis(50), &mut purge).await;
    assert!(waits.is_err(), "nothing says what the log was counted to");
    assert_eq!(log.purged().expect("read"), None);
    let checkpoint = (Some(log_id(1, 5)), StoredMembership::default());
    log.save_checkpoint(&checkpoint).await.expect("saved");
    purge.await.expect("purged");
    assert_eq!(log.purged().expect("read"), Some(log_id(1, 5)));
}

#[tokio::test]
async fn a_master_whose_state_is_gone_does_not_start_on_the_rest_of_its_log() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(directory.path());
    log.blocking_append(history(9)).await.expect("appended");
    log.purge(log_id(1, 5)).await.expect("purged");
    let image = crash(&directory);
    let started = start_master(image.path()).await;
    assert!(matches!(started, Err(StartError::StateLost { .. })));
}

#[tokio::test]
async fn a_log_is_cut_off_where_it_contradicts_a_state_and_kept_where_it_does_not() {
    for (applied, kept) in [(log_id(1, 10), 20), (log_id(2, 10), 9), (log_id(2, 30), 20)] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut log = open_log(directory.path());
        log.blocking_append(history(20)).await.expect("appended");
        log.truncate_conflicts(applied).await.expect("cut off");
        assert_eq!(log.last_log_id().expect("read"), Some(log_id(1, kept)), "{applied}");
    }
}

type Spoiler = fn(Vec<u8>) -> Vec<u8>;

/// Rewrites one value in the log of `directory`, in place.
fn spoil(directory: &Path, key: &str, spoilt: Spoiler) {
    let database = disk::open(&directory.join("raft.redb")).expect("opens");
    let facts: TableDefinition<&str, &[u8]> = TableDefinition::new("facts");
    let transaction = database.begin_write().expect("writable");
    {
        let mut facts = transaction.open_table(facts).expect("opens");
        let fact = facts.get(key).expect("readable").expect("is there").value().to_vec();
        facts.insert(key, spoilt(fact).as_slice()).expect("written");
    }
    transaction.commit().expect("committed");
}

#[tokio::test]
async fn a_damaged_or_newer_fact_stops_a_node_before_it_votes_and_is_told_apart() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(directory.path());
    log.save_cluster_id(ClusterId::new(7)).await.expect("saved");
    log.save_checkpoint(&Default::default()).await.expect("saved");
    log.save_vote(&Vote::new(3, NodeId::new(7))).await.expect("saved");
    log.blocking_append(history(3)).await.expect("appended");
    log.purge(log_id(1, 2)).await.expect("purged");
    for key in ["node_id", "vote", "purged", "cluster_id", "checkpoint"] {
        let damaged = |mut fact: Vec<u8>| {
            let last = fact.len() - 1;
            fact[last] ^= 1;
            fact
        };
        let newer = |fact: Vec<u8>| {
            let kind = Kind::of(fact[0]).expect("ours");
            seal_in(Version::new(9), kind, &"whatever")
        };
        let spoilers: [(&str, Spoiler); 2] =
            [("damaged", damaged), ("written by a newer tinysns", newer)];
        for (said, spoilt) in spoilers {
            let image = crash(&directory);
            spoil(image.path(), key, spoilt);
            let refusal = refusal(image.path()).await;
            assert!(refusal.contains(said), "{key}: {refusal}");
        }
    }
}

/// The error that a node gives for `directory`, whatever fails first.
async fn refusal(directory: &Path) -> String {
    let mut log = match LogStore::open(&directory.join("raft.redb")) {
        Ok(log) => log,
        Err(error) => return error.to_string(),
    };
    let read = log.read_vote().await.map(|_| ()).map_err(|error| error.to_string());
    let read = read.and_then(|()| log.cluster_id().map(|_| ()).map_err(|e| e.to_string()));
    read.and_then(|()| log.checkpoint().map(|_| ()).map_err(|error| error.to_string()))
        .expect_err("refused")
}

#[tokio::test]
async fn entries_without_their_facts_and_facts_without_their_entries_are_a_lost_log() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(directory.path());
    log.blocking_append(history(9)).await.expect("appended");
    for lost in ["raft.redb", "raft-log/0000000001"] {
        let image = crash(&directory);
        fs::remove_file(image.path().join(lost)).expect("there");
        for _ in 0..2 {
            let refused = LogStore::open(&image.path().join("raft.redb")).err().expect("refused");
            assert_eq!(refused.fault, DatabaseFault::Damaged, "{refused}");
            assert!(refused.to_string().contains("joins as a new node"), "{refused}");
        }
    }
}

#[tokio::test]
async fn a_node_that_was_reset_is_a_new_one_even_if_that_was_interrupted() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(directory.path());
    log.blocking_append(history(9)).await.expect("appended");
    let interrupted = crash(&directory);
    fs::write(interrupted.path().join("raft.redb"), b"").expect("emptied");
    let complete = crash(&directory);
    startup_check::reset_node(complete.path()).expect("removed");
    assert!(!complete.path().join("raft.redb").exists());
    for slot in [interrupted, complete] {
        let new = open_log(slot.path());
        assert_ne!(new.node_id(), log.node_id());
        assert_eq!(new.last_log_id().expect("read"), None);
    }
}

#[tokio::test]
async fn appends_that_wait_together_are_all_on_disk_when_the_last_of_them_is() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let log = open_log(directory.path());
    let entries = history(60);
    let appends = entries.chunks(3).map(|some| {
        let mut log = log.clone();
        async move { log.blocking_append(some.to_vec()).await }
    });
    for appended in join_all(appends).await {
        appended.expect("appended");
    }
    let mut log = open_log(crash(&directory).path());
    let found = log.try_get_log_entries(..).await.expect("read");
    assert_eq!(encode(&found), encode(&entries));
}

#[tokio::test]
async fn a_slot_that_a_newer_program_wrote_is_refused_with_what_to_do_and_left_as_it_is() {
    let log = |image: &Path| {
        let database = disk::open(&image.join("raft.redb")).expect("opens");
        write_newer_header(&database, Kind::LogFile);
    };
    let state = |image: &Path| {
        let current = image.join("state/current");
        let line = line::seal_in(Version::new(200), Kind::StateFile, "1");
        fs::write(current, line).expect("written");
    };
    let cases: [(_, fn(&Path)); 2] = [("raft.redb", log), ("state/current", state)];
    for (file, rewrite) in cases {
        let directory = tempfile::tempdir().expect("a temporary directory");
        start_master(directory.path()).await.expect("started").0.stop().await;
        let image = crash(&directory);
        rewrite(image.path());
        let error = start_master(image.path()).await.err().expect("refused");
        let message = error.to_string();
        assert!(message.contains("written by a newer tinysns"), "{message}");
        assert!(message.contains("upgrade this node"), "{message}");
        assert!(!message.contains("remove"), "{message}");
        assert_eq!(
            cli::exit_code(Err(error.into())),
            64,
            "as for a setting: a reboot does not help"
        );
        assert!(image.path().join(file).exists());
    }
}
