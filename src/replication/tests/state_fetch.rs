//! Damaged files of a stopped master: what the others can restore, and what they cannot.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use super::{
    cluster::{CLUSTER, DEADLINE, Member, cluster, credentials, start_master, until},
    entries::{account, copy_all, crash, name, open_log, view},
};
use crate::host::disk;
use crate::replication::{
    addresses::AddressSource,
    log_store::LogStore,
    node::StartError,
    startup_check::{StartupCheck, examine},
    state_fetch,
};

const DAMAGED: &str = "state.damaged";

type Damage<'a> = Box<dyn Fn(&Path) + 'a>;

/// Makes what `member` has applied durable.
async fn checkpoint(member: &Member) -> u64 {
    let raft = member.node.raft();
    let applied = raft.metrics().borrow().last_applied.expect("something is applied").index;
    raft.trigger().snapshot().await.expect("runs");
    until(member, "a checkpoint", |now| now.snapshot.is_some_and(|at| at.index >= applied)).await;
    applied
}

/// Makes it durable, and purges the earlier log.
async fn purge(member: &Member) {
    let applied = checkpoint(member).await;
    member.node.raft().trigger().purge_log(applied).await.expect("runs");
    until(member, "a purge", |now| now.purged.is_some_and(|at| at.index >= applied)).await;
}

/// Changes all files of rows of a state.
fn overwrite_tables(state: &Path, change: impl Fn(&[u8]) -> Vec<u8>) {
    for table in fs::read_dir(state.join("1/tables")).expect("readable") {
        let path = table.expect("readable").path();
        fs::write(&path, change(&fs::read(&path).expect("readable"))).expect("written");
    }
}

/// Damages the state in `slot` so that it cannot be opened.
fn spoil(slot: &TempDir) {
    fs::write(slot.path().join("state/current"), "").expect("written");
}

/// Waits until the log in `slot` is closed: its writer thread closes it last.
async fn closed(slot: &TempDir) {
    let path = slot.path().join("raft.redb");
    let lets_go = async {
        while disk::open(&path).is_err() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(DEADLINE, lets_go).await.expect("in time");
}

/// So many masters and a witness; the slot of the last, which was stopped when its log began after
/// "bob"; and an older copy of that, from when there was only "ann".
pub async fn stopped(count: usize) -> (Vec<Member>, Member, TempDir, TempDir) {
    let (masters, witness) = cluster(count).await;
    let last = masters.last().expect("some");
    masters[0].writes().submit(account("ann")).await.expect("written");
    last.level_with(&masters[0]).await;
    checkpoint(last).await;
    let old = last.image();
    masters[0].writes().submit(account("bob")).await.expect("written");
    for other in &masters[1..] {
        other.level_with(&masters[0]).await;
    }
    purge(last).await;
    last.kill().await;
    let slot = last.image();
    (masters, witness, slot, old)
}

async fn fetch_from(other: &Member, slot: &Path, log: &mut LogStore) {
    let StartupCheck::NeedsState { purged, .. } = examine(slot, log).expect("no refusal") else {
        panic!("it needs a state");
    };
    let from = (other.id(), other.info.peer_address.as_str());
    state_fetch::fetch(slot, log, &credentials(), from, purged).await.expect("given");
}

#[tokio::test]
async fn a_master_whose_state_is_damaged_or_old_gets_it_from_another_and_serves() {
    let (masters, witness, slot, old) = stopped(2).await;
    let state = |slot: &TempDir| slot.path().join("state");
    let cases: [(&str, Damage<'_>); 6] = [
        ("names nothing", Box::new(|state| fs::write(state.join("current"), "").expect("written"))),
        ("none", Box::new(|state| fs::remove_dir_all(state).expect("removed"))),
        (
            "without its contents",
            Box::new(|state| fs::remove_dir_all(state.join("1")).expect("gone")),
        ),
        ("something else", Box::new(|state| overwrite_tables(state, |_| vec![7; 9_000]))),
        (
            "truncated",
            Box::new(|state| overwrite_tables(state, |all| all[..all.len() / 2].to_vec())),
        ),
        (
            "old",
            Box::new(|state| {
                fs::remove_dir_all(state).expect("removed");
                fs::create_dir(state).expect("made");
                copy_all(&old.path().join("state"), state);
            }),
        ),
    ];
    let mut last = None;
    for (case, damage) in cases {
        let slot = crash(&slot);
        damage(&state(&slot));
        let started = start_master(crash(&slot).path()).await.map(drop);
        let refused =
            matches!(started, Err(StartError::StateLost { .. } | StartError::State { .. }));
        assert!(refused, "{case}: {started:?}");
        let mut log = open_log(slot.path());
        fetch_from(&masters[0], slot.path(), &mut log).await;
        assert_eq!(slot.path().join(DAMAGED).exists(), case != "none", "{case}");
        assert_eq!(examine(slot.path(), &log).expect("read"), StartupCheck::Ready, "{case}");
        drop(log);
        closed(&slot).await;
        last = Some(slot);
    }

    let back = Member::master_in(last.expect("some"), "server-2").await;
    assert_eq!(back.id(), masters[1].id(), "with everything that it had voted for");
    for who in ["ann", "bob"] {
        let found = view(back.state()).account_by_name(&name(who)).expect("readable");
        assert!(found.is_some(), "{who}");
    }
    for (from, to) in [(&masters[0], &back), (&back, &witness), (&witness, &back)] {
        from.node.peers().learn(to.id(), to.info.clone(), AddressSource::Router);
    }
    masters[0].writes().submit(account("cat")).await.expect("written");
    back.level_with(&masters[0]).await;
    masters[0].kill().await;
    back.node.campaign(0).await;
    back.leads().await;
    back.reads().confirm().await.expect("a quorum of it and the witness");
    let found = view(back.state()).account_by_name(&name("cat")).expect("readable");
    assert!(found.is_some());
}

#[tokio::test]
async fn a_state_that_is_older_than_the_log_is_not_taken() {
    let (masters, _witness, slot, old) = stopped(2).await;
    spoil(&slot);
    masters[0].kill().await;
    let older = Member::master_in(old, "server-1").await;
    let mut log = open_log(slot.path());
    let purged = log.purged().expect("read").expect("purged");
    let from = (older.id(), older.info.peer_address.as_str());
    let taken = state_fetch::fetch(slot.path(), &mut log, &credentials(), from, purged).await;
    assert!(matches!(taken, Err(state_fetch::StateFetchError::Older)), "{taken:?}");
    assert!(!slot.path().join(DAMAGED).exists(), "nothing was touched");
}

#[tokio::test]
async fn the_only_master_does_not_start_without_its_state_and_is_told_what_to_do() {
    let alone = Member::master("server-1").await;
    alone.node.bootstrap(CLUSTER, alone.info.clone()).await.expect("bootstrapped");
    alone.leads().await;
    alone.writes().submit(account("ann")).await.expect("written");
    purge(&alone).await;
    alone.kill().await;
    let slot = alone.image();
    spoil(&slot);
    let log = open_log(slot.path());
    let refused = examine(slot.path(), &log).expect_err("nobody has it");
    assert!(refused.is_refusal());
    let said = refused.to_string();
    assert!(said.contains("keep the directory, and restore a backup"), "{said}");
}

#[tokio::test]
async fn a_damaged_state_whose_log_is_whole_is_made_anew() {
    let (masters, _witness) = cluster(2).await;
    masters[0].writes().submit(account("ann")).await.expect("written");
    masters[1].level_with(&masters[0]).await;
    masters[1].kill().await;
    let slot = masters[1].image();
    spoil(&slot);
    let log = open_log(slot.path());
    assert_eq!(examine(slot.path(), &log).expect("mended"), StartupCheck::Ready);
    drop(log);
    closed(&slot).await;
    assert!(slot.path().join(DAMAGED).exists());
    let back = Member::master_in(slot, "server-2").await;
    masters[0].node.peers().learn(back.id(), back.info.clone(), AddressSource::Router);
    back.level_with(&masters[0]).await;
    assert!(view(back.state()).account_by_name(&name("ann")).expect("readable").is_some());
}

#[tokio::test]
async fn a_slot_whose_log_is_damaged_or_lost_is_refused_with_the_way_out() {
    let (masters, _witness, slot, _old) = stopped(2).await;
    drop(masters);
    let ways_out: BTreeSet<String> = [None, Some(&[][..]), Some(&[7; 9_000][..])]
        .into_iter()
        .map(|left: Option<&[u8]>| {
            let slot = crash(&slot);
            let path = slot.path().join("raft.redb");
            match left {
                None => fs::remove_file(&path).expect("removed"),
                Some(bytes) => fs::write(&path, bytes).expect("written"),
            }
            let opened = LogStore::open(&path).map_err(StartError::from);
            let refused = opened.and_then(|log| examine(slot.path(), &log)).expect_err("refused");
            assert!(refused.is_refusal(), "{refused}");
            assert!(refused.to_string().contains("joins as a new node"), "{refused}");
            assert!(!slot.path().join(DAMAGED).exists(), "nothing was touched");
            refused.to_string()
        })
        .collect();
    assert_eq!(ways_out.len(), 3, "{ways_out:?}");
}
