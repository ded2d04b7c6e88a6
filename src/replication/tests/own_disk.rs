//! A leader's own disk: the followers do not wait for it, and everyone else does.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use openraft::{
    CommittedLeaderId, EntryPayload, Membership, Vote,
    storage::{RaftLogStorage as _, RaftLogStorageExt as _},
};
use tokio::time::timeout;

use super::{
    cluster::{DEADLINE, Member, cluster_led_by},
    entries::account,
    slow_disk::SlowDisk,
};
use crate::{
    domain::NodeId,
    replication::{Entry, LogId, NodeInfo},
};

/// For what does not happen, however long one waits.
const A_MOMENT: Duration = Duration::from_millis(100);
const OTHER: NodeId = 2;

/// An entry of `leader` in term 3 that makes all of `parts` the voters.
fn membership(leader: NodeId, index: u64, parts: &[&[NodeId]]) -> Entry {
    let parts: Vec<BTreeSet<NodeId>> =
        parts.iter().map(|part| part.iter().copied().collect()).collect();
    let nodes = parts.iter().flatten().map(|id| (*id, NodeInfo::default()));
    let membership = Membership::new(parts.clone(), nodes.collect::<BTreeMap<_, _>>());
    Entry {
        log_id: LogId::new(CommittedLeaderId::new(3, leader), index),
        payload: EntryPayload::Membership(membership),
    }
}

/// Whether the entry that `made` makes for a node is appended, under the vote that `voted` makes,
/// while the disk hangs.
async fn goes_on(
    voted: impl FnOnce(NodeId) -> Vote<NodeId>,
    made: impl FnOnce(NodeId) -> Entry,
) -> bool {
    let disk = SlowDisk::default();
    let mut log = disk.log();
    let own = log.node_id();
    log.save_vote(&voted(own)).await.expect("saved");
    disk.hang(true);
    let appended = timeout(A_MOMENT, log.blocking_append([made(own)])).await.is_ok();
    assert!(timeout(A_MOMENT, log.written(1)).await.is_err(), "nothing is on the disk");
    disk.hang(false);
    timeout(DEADLINE, log.written(1)).await.expect("the disk goes on");
    appended
}

#[tokio::test]
async fn only_a_leader_that_needs_others_goes_on_before_its_disk_has_an_entry() {
    let leads = |own| Vote::new_committed(3, own);
    assert!(goes_on(leads, |own| membership(own, 1, &[&[own, OTHER]])).await);

    assert!(!goes_on(leads, |own| membership(own, 1, &[&[own]])).await, "it commits alone");
    let half_made = |own| membership(own, 1, &[&[own, OTHER], &[own]]);
    assert!(!goes_on(leads, half_made).await, "it is about to commit alone");
    let blank = |own| Entry { payload: EntryPayload::Blank, ..membership(own, 1, &[]) };
    assert!(!goes_on(leads, blank).await, "it cannot tell");

    let among_others = |own| membership(own, 1, &[&[own, OTHER]]);
    assert!(!goes_on(|own| Vote::new(3, own), among_others).await, "it only stands");
    assert!(!goes_on(|_| Vote::new_committed(3, OTHER), among_others).await, "it follows");
    let returned = |own| Vote::new_committed(4, own);
    assert!(!goes_on(returned, among_others).await, "the entry is of an earlier term");
    let of_another = |own| membership(OTHER, 1, &[&[own, OTHER]]);
    assert!(!goes_on(leads, of_another).await, "the entry is another's");
}

#[tokio::test]
async fn after_a_truncation_a_leader_cannot_tell_who_votes() {
    let disk = SlowDisk::default();
    let mut log = disk.log();
    let own = log.node_id();
    log.save_vote(&Vote::new_committed(3, own)).await.expect("saved");
    let entry = membership(own, 1, &[&[own, OTHER]]);
    log.blocking_append([entry.clone()]).await.expect("appended");
    log.truncate(entry.log_id).await.expect("truncated");
    disk.hang(true);
    let blank = Entry { payload: EntryPayload::Blank, ..entry };
    assert!(timeout(A_MOMENT, log.blocking_append([blank])).await.is_err());
    assert!(timeout(A_MOMENT, log.written(1)).await.is_err(), "what was cut off is not written");
    disk.hang(false);
    timeout(DEADLINE, log.written(1)).await.expect("the disk goes on");
}

#[tokio::test]
async fn what_all_others_have_is_acknowledged_when_the_leaders_own_disk_has_it_too() {
    let disk = SlowDisk::default();
    let first = Member::master_on(&disk, "server-1").await;
    let (masters, _witness) = cluster_led_by(first, 3).await;
    let leader = &masters[0];
    let before = masters[1].node.last_log().await.expect("a log").index;
    disk.hang(true);
    let writes = leader.writes();
    let mut written = tokio::spawn(async move { writes.submit(account("ann")).await });
    for other in &masters[1..] {
        let has_it = other.node.raft().wait(Some(DEADLINE));
        has_it.log_index_at_least(Some(before + 1), "sent").await.expect("in time");
    }
    assert!(timeout(A_MOMENT, &mut written).await.is_err(), "acknowledged on too few disks");
    for other in &masters[1..] {
        let applied = other.node.progress(0).await.applied;
        assert_eq!(applied, before, "applied before it is committed");
    }
    leader.node.progress(0).await;
    let stands = timeout(A_MOMENT, leader.node.progress(0)).await;
    assert!(stands.is_err(), "a leader with a hung disk must not report as if it were well");

    disk.hang(false);
    let written = timeout(DEADLINE, written).await.expect("in time").expect("no panic");
    written.expect("written");
    timeout(DEADLINE, leader.node.progress(0)).await.expect("well again");
}
