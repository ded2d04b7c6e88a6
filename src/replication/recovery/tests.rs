//! What is made of which copies, and that it can be started.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use openraft::{
    EntryPayload, Membership, Vote,
    storage::{RaftLogStorage as _, RaftLogStorageExt as _, RaftStateMachine as _},
};
use tempfile::TempDir;

use super::{
    assessment::{Copy, Loss, NoPlan, Plan, VoterCount, assess},
    founding::found,
};
use crate::{
    domain::{ClusterId, NodeId},
    host::disk,
    replication::{
        Entry, LogId, NodeInfo, StoredMembership,
        inspection::{self, NodeKind},
        node::LOG_FILE,
        startup_check::{self, StartupCheck},
        tests::entries::{
            account, batch, dump, history, log_id, open_log, open_state, publish, view,
        },
    },
    social::{Content, Reply},
};

const CLUSTER: ClusterId = ClusterId::new(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
const WITNESS: u64 = 9;

fn membership(voter_sets: &[&[u64]]) -> Membership<NodeId, NodeInfo> {
    let sets: Vec<BTreeSet<NodeId>> =
        voter_sets.iter().map(|set| NodeId::all(set.iter().copied())).collect();
    let info = |node: NodeId| NodeInfo {
        name: format!("server-{node}"),
        witness: node.get() == WITNESS,
        ..NodeInfo::default()
    };
    let nodes: BTreeMap<NodeId, NodeInfo> =
        sets.iter().flatten().map(|node| (*node, info(*node))).collect();
    Membership::new(sets, nodes)
}

/// A node whose log ends at entry `end`, with everything applied but the last.
fn copy(node: u64, end: u64, voter_sets: &[&[u64]]) -> Copy {
    let is_master = node != WITNESS;
    Copy {
        name: format!("slot-{node}"),
        kind: if is_master { NodeKind::Master } else { NodeKind::Witness },
        node: NodeId::new(node),
        cluster: CLUSTER,
        term: 3,
        purged: Some(log_id(1, 2)),
        end: Some(log_id(2, end)),
        applied: is_master.then(|| log_id(2, end - 1)),
        members: Some(StoredMembership::new(Some(log_id(1, 1)), membership(voter_sets))),
    }
}

const FIVE: &[&[u64]] = &[&[1, 2, 3, 4, 5]];
const FOUR: &[&[u64]] = &[&[1, 2, 3, WITNESS]];

fn plan(copies: &[Copy]) -> Plan {
    assess(copies, &BTreeSet::new()).expect("it can be recovered")
}

#[test]
fn nothing_is_lost_exactly_if_one_of_those_that_are_left_is_in_every_quorum() {
    type Case = (&'static [&'static [u64]], &'static [u64], bool);
    let table: [Case; 9] = [
        (FIVE, &[1], false),
        (FIVE, &[1, 2], false),
        (FOUR, &[1], false),
        (FOUR, &[1, WITNESS], true),
        (&[&[1, 2, 3, 4]], &[1, 2], true),
        (&[&[1, 2]], &[2], true),
        (&[&[1, 2, 3], &[1, 2]], &[2], true),
        (&[&[1, 2, 3], &[3, 4, 5]], &[4], false),
        (&[&[1, 2, WITNESS]], &[1], false),
    ];
    for (voter_sets, here, is_complete) in table {
        let copies: Vec<Copy> = here.iter().map(|node| copy(*node, 12, voter_sets)).collect();
        let plan = plan(&copies);
        let expected = if is_complete { Loss::Nothing } else { Loss::After(log_id(2, 12)) };
        assert_eq!(plan.loss, expected, "{voter_sets:?} {here:?}");
        let count = VoterCount { here: here.len(), all: voter_sets[0].len() };
        assert!(voter_sets.len() > 1 || plan.voter_sets == [count], "{voter_sets:?} {here:?}");
        assert_eq!(plan.term, 3);
    }
}

#[test]
fn the_furthest_state_and_the_newest_log_that_goes_on_from_it_are_taken() {
    let with = |change: fn(&mut Copy), node, end| {
        let mut copy = copy(node, end, FIVE);
        change(&mut copy);
        copy
    };
    let same = |_: &mut Copy| {};
    // The copies, whose state and whose log are taken, and where that ends.
    let table = [
        (vec![with(same, 1, 12)], Some(0), 0, log_id(2, 12)),
        (vec![with(same, 1, 12), with(same, 2, 14)], Some(1), 1, log_id(2, 14)),
        // The newer term counts, not the longer log.
        (
            vec![with(|copy| copy.end = Some(log_id(3, 13)), 1, 13), with(same, 2, 14)],
            Some(1),
            0,
            log_id(3, 13),
        ),
        (
            vec![with(|copy| copy.applied = None, 1, 20), with(same, 2, 14)],
            Some(1),
            0,
            log_id(2, 20),
        ),
        // A log with its beginning needs no state.
        (
            vec![with(|copy| (copy.applied, copy.purged) = (None, None), 1, 20)],
            None,
            0,
            log_id(2, 20),
        ),
        // A log that begins too late for every state is of no use.
        (
            vec![
                with(|copy| (copy.applied, copy.purged) = (None, copy.end), 1, 20),
                with(same, 2, 14),
            ],
            Some(1),
            1,
            log_id(2, 14),
        ),
    ];
    for (copies, state_of, log_of, end) in table {
        let plan = plan(&copies);
        assert_eq!((plan.state_of, plan.log_of, plan.end), (state_of, log_of, end), "{copies:#?}");
        assert_eq!(plan.loss, Loss::After(end), "three of five are lost");
    }
    let mut late = copy(WITNESS, 20, FOUR);
    late.purged = late.end;
    let plan = plan(&[copy(1, 14, FOUR), late]);
    assert_eq!(plan.loss, Loss::After(log_id(2, 14)), "more is known to have been there");
}

#[test]
fn what_can_go_on_by_itself_is_not_recovered_and_what_makes_no_sense_neither() {
    let of = |nodes: &[u64], voter_sets| {
        let copies: Vec<Copy> = nodes.iter().map(|node| copy(*node, 9, voter_sets)).collect();
        assess(&copies, &BTreeSet::new()).expect_err("refused")
    };
    assert!(matches!(of(&[1, 2, 3], FIVE), NoPlan::Quorum { .. }));
    assert!(matches!(of(&[1, 2, WITNESS], FOUR), NoPlan::Quorum { .. }));
    assert!(matches!(of(&[1, 2], FOUR), NoPlan::WitnessOnly(_)));
    assert_eq!(of(&[], FIVE), NoPlan::NoState);
    assert_eq!(of(&[WITNESS], FOUR), NoPlan::NoState, "its log has no beginning");
    assert!(matches!(of(&[1, 1], FIVE), NoPlan::SameNode { .. }));
    // Those that are still running could go on, too; but nothing is known of what they have.
    let plan = assess(&[copy(1, 9, FOUR)], &NodeId::all([WITNESS])).expect("it can be recovered");
    assert_eq!((plan.voter_sets[0].here, plan.loss), (2, Loss::After(log_id(2, 9))));
    let up = NodeId::all([2, 3]);
    let refused = assess(&[copy(1, 9, FIVE)], &up).expect_err("refused");
    assert_eq!(
        refused.to_string(),
        "3 of 5 voters are here, and 3 are needed: nothing has to be recovered; start server-1, server-2 and \
         server-3 with the data that they have"
    );
    let mut foreign = copy(2, 9, FIVE);
    foreign.cluster = ClusterId::new(7);
    let refused = assess(&[copy(1, 9, FIVE), foreign], &BTreeSet::new()).expect_err("refused");
    assert!(matches!(refused, NoPlan::SeveralClusters { .. }));
    // A membership that is known before its entry is there does not count: nothing is known of what it needs.
    let mut early = copy(1, 9, FIVE);
    early.members = Some(StoredMembership::new(Some(log_id(2, 10)), membership(FIVE)));
    assert_eq!(assess(&[early], &BTreeSet::new()), Err(NoPlan::NoMembers));
}

/// Makes the data of a stopped node, whose log has `entries` and whose state the first `applied` of them.
async fn stopped(node: u64, entries: &[Entry], applied: usize) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join(LOG_FILE);
    crate::replication::log_store::LogStore::take_over_identity(&path, NodeId::new(node), 0)
        .expect("made");
    let mut log = open_log(directory.path());
    log.save_cluster_id(CLUSTER).await.expect("saved");
    log.save_vote(&Vote::new(2, NodeId::new(1))).await.expect("saved");
    log.blocking_append(entries.to_vec()).await.expect("appended");
    if node == WITNESS {
        let counted = (Some(log_id(1, 1)), StoredMembership::default());
        log.save_checkpoint(&counted).await.expect("saved");
    } else {
        let mut state = open_state(directory.path());
        state.apply(entries[..applied].to_vec()).await.expect("applied");
        state.state().flush().expect("on disk");
    }
    drop(log);
    while disk::open(&path).is_err() {
        std::thread::yield_now();
    }
    directory
}

fn found_in(directory: &Path, kind: NodeKind) -> Copy {
    let inspected = inspection::inspect(directory, kind, &mut |_| {}).expect("readable");
    assert_eq!(inspected.findings, []);
    Copy::of(&directory.display().to_string(), &inspected).expect("usable")
}

/// Everything that people see in what a state holds.
async fn all_posts(entries: &[Entry]) -> (Content, usize) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut state = open_state(directory.path());
    state.apply(entries.to_vec()).await.expect("applied");
    let rows = dump(&state.reader());
    (Content { users: 2, posts: 2 * (entries.len() as u64 - 2) }, rows.len())
}

#[tokio::test]
async fn a_master_gets_what_only_the_witness_has_and_goes_on_under_new_ids() {
    let mut entries = history(300);
    let members = EntryPayload::Membership(membership(FOUR));
    entries.insert(100, Entry { log_id: log_id(1, 0), payload: members });
    for (index, entry) in (1..).zip(&mut entries) {
        entry.log_id = log_id(1, index);
    }
    let master = stopped(1, &entries[..250], 200).await;
    let witness = stopped(WITNESS, &entries, 0).await;
    let copies =
        [found_in(master.path(), NodeKind::Master), found_in(witness.path(), NodeKind::Witness)];
    let plan = plan(&copies);
    assert_eq!((plan.state_of, plan.log_of, plan.end), (Some(0), 1, log_id(1, 301)));
    assert_eq!(plan.loss, Loss::Nothing);

    let slot = tempfile::tempdir().expect("a temporary directory");
    let (cluster, node) = (CLUSTER.successor(7), NodeId::new(4711));
    let (of, as_node) = ((Some(master.path()), witness.path()), (cluster, node, "server-1"));
    let mut made = Vec::new();
    found(&plan, of, slot.path(), as_node, &mut |some| made.push(some)).await.expect("made");
    assert!(!made.is_empty());
    let inspected = inspection::inspect(slot.path(), NodeKind::Master, &mut |_| {});
    let inspected = inspected.expect("readable");
    assert_eq!(inspected.findings, []);
    let (content, rows) = all_posts(&entries).await;
    assert_eq!((inspected.node, inspected.cluster), (Some(node), Some(cluster)));
    assert_eq!(inspected.content, content);
    let log = open_log(slot.path());
    assert_eq!(startup_check::examine(slot.path(), &log).expect("no refusal"), StartupCheck::Ready);
    let mut state = open_state(slot.path());
    assert_eq!(dump(&state.reader()).len(), rows);
    let applied = state.applied().expect("it begins somewhere");
    assert!(applied.leader_id.term > 1_000, "no lost node has seen such a term: {applied}");
    assert_eq!(applied.index, 302);
    assert_eq!(inspected.purged, Some(applied));

    // What the lost nodes may have given is not given again.
    let newest = view(&state.reader()).newest_post().get();
    let next = |index| LogId::new(applied.leader_id, applied.index + index);
    let mut later = [batch(1, 1, [publish(1, 900)]), batch(1, 2, [account("eve")])];
    later[0].log_id = next(1);
    later[1].log_id = next(2);
    let replies = state.apply(later).await.expect("applied");
    let Reply::Published { post, .. } = &replies[0][0] else { panic!("{replies:?}") };
    assert!(post.get() == newest + 1 && newest >= 1 << 32, "{post}");
    let Reply::Account(eve) = &replies[1][0] else { panic!("{replies:?}") };
    assert!(eve.user.0 > 1 << 32, "{eve:?}");
    state.state().flush().expect("on disk");
    drop((state, log));
    let inspected = loop {
        if disk::open(&slot.path().join(LOG_FILE)).is_ok() {
            break inspection::inspect(slot.path(), NodeKind::Master, &mut |_| {})
                .expect("readable");
        }
        std::thread::yield_now();
    };
    assert_eq!(inspected.findings, [], "the gap is known to the audit");
    let Content { users, posts } = inspected.content;
    assert_eq!((users, posts), (3, content.posts + 1));
}

#[tokio::test]
async fn all_is_made_of_a_log_that_has_its_beginning_the_witnesss_too() {
    let mut entries = history(30);
    let members = EntryPayload::Membership(membership(FOUR));
    entries.push(Entry { log_id: log_id(1, 31), payload: members });
    let witness = stopped(WITNESS, &entries, 0).await;
    let plan = plan(&[found_in(witness.path(), NodeKind::Witness)]);
    assert_eq!((plan.state_of, plan.log_of), (None, 0));
    let slot = tempfile::tempdir().expect("a temporary directory");
    let as_node = (CLUSTER.successor(1), NodeId::new(4711), "server-1");
    found(&plan, (None, witness.path()), slot.path(), as_node, &mut |_| {}).await.expect("made");
    let inspected = inspection::inspect(slot.path(), NodeKind::Master, &mut |_| {});
    let inspected = inspected.expect("readable");
    assert_eq!((inspected.findings.len(), inspected.content), (0, all_posts(&entries).await.0));
}

#[tokio::test]
async fn a_node_that_was_put_aside_leaves_its_place_to_a_new_one_however_often_that_is_interrupted()
{
    let entries = history(20);
    for interrupted_after in 0..4 {
        let directory = stopped(1, &entries, 20).await;
        let path = |name: &str| directory.path().join(name);
        let aside = path("old-1");
        if interrupted_after > 0 {
            // As a crash in the middle leaves it.
            disk::replace_durably(&path("putting-aside"), &path("putting-aside.new"), b"old-1")
                .expect("written");
        }
        if interrupted_after > 1 {
            disk::create_private_directory(&aside).expect("made");
            crate::social::State::move_to(directory.path(), &aside).expect("moved");
        }
        if interrupted_after > 2 {
            crate::replication::log_store::move_to(&path(LOG_FILE), &aside).expect("moved");
        }
        if interrupted_after == 0 {
            startup_check::put_node_aside(directory.path()).expect("put aside");
        } else {
            startup_check::finish_putting_aside(directory.path()).expect("completed");
        }
        let kept = found_in(&aside, NodeKind::Master);
        assert_eq!((kept.node, kept.end), (NodeId::new(1), Some(log_id(1, 20))));
        startup_check::refuse_lost_log(directory.path()).expect("nothing is lost");
        assert!(!inspection::is_of_node(directory.path()).expect("readable"));
        let log = open_log(directory.path());
        assert_ne!(log.node_id(), NodeId::new(1));
        assert!(!path("putting-aside").exists(), "{interrupted_after}");
    }
}
