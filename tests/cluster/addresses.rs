//! Masters whose addresses change, and two with the same identity.

use std::{fs, path::Path, process::Stdio};

use nix::sys::signal::Signal;
use tinysns::client::{ClusterStatus, MasterState, MasterStatus};
use tokio::time::{Instant, sleep};

use super::{
    BINARY,
    load::Writer,
    processes::{Cluster, DEADLINE, LOOK_EVERY, signal},
};

#[tokio::test]
async fn masters_killed_while_the_router_is_away_come_back_at_other_addresses_and_nobody_is_deposed()
 {
    let mut cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    let before = cluster.all_vote(3).await;
    let writer = Writer::start(&cluster, "writer").await;
    writer.posts_more(10).await;
    cluster.kill_router();
    let standbys = || before.masters.iter().filter(|m| m.state == MasterState::Standby);
    for standby in standbys() {
        signal(standby.pid, Signal::SIGKILL);
    }
    // Only one of four voters is left: nothing is acknowledged before the others are found.
    writer.posts_more(30).await;
    cluster.start_router();
    let after = cluster.all_vote(3).await;
    assert_eq!(after.available, before.available);
    // The router hears of the others' terms later.
    let term = |status: &ClusterStatus| {
        let leads = |master: &&MasterStatus| master.state == MasterState::Available;
        status.masters.iter().find(leads).map(|leader| leader.term)
    };
    assert_eq!(term(&after), term(&before), "nobody campaigned");
    let moved = |now: &&MasterStatus| {
        standbys().any(|then| then.name == now.name && then.address != now.address)
    };
    assert_eq!(after.masters.iter().filter(moved).count(), 2);
    writer.finish().await;
}

/// Copies what is in a directory.
fn copy_directory(from: &Path, to: &Path) {
    for file in fs::read_dir(from).expect("readable") {
        let file = file.expect("readable");
        let (from, to) = (file.path(), to.join(file.file_name()));
        if from.is_dir() {
            fs::create_dir(&to).expect("made");
            copy_directory(&from, &to);
        } else {
            fs::copy(from, to).expect("copied");
        }
    }
}

#[tokio::test]
async fn a_copied_slot_is_rejected_with_a_reason_and_the_cluster_does_not_mind() {
    let mut cluster = Cluster::start(BINARY, 2, "1s").await;
    cluster.stop_slaves(1);
    let left = cluster.all_vote(1).await;
    let voter = left.masters.iter().find(|master| master.voter).expect("one votes");
    let stopped = if voter.name == "server-1" { "slot-002" } else { "slot-001" };
    let (slots, copies) = (cluster.folder().join("masters"), cluster.folder().join("copies"));
    fs::create_dir_all(copies.join("slot-001")).expect("made");
    copy_directory(&slots.join(stopped), &copies.join("slot-001"));
    cluster.start_slaves(1);
    let before = cluster.all_vote(2).await;

    let log = cluster.folder().join("copy.txt");
    let mut copy = tokio::process::Command::from(cluster.command("slave"))
        .env("TINYSNS_DATA_DIR", &copies)
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).expect("a file"))
        .spawn()
        .expect("the program starts");
    let deadline = Instant::now() + DEADLINE;
    let told = |what: &str| fs::read_to_string(&log).expect("readable").contains(what);
    while !(told("another master with this slot's identity") && told("remove the copy")) {
        assert!(Instant::now() < deadline, "{}", fs::read_to_string(&log).expect("readable"));
        sleep(LOOK_EVERY).await;
    }
    let after = cluster.all_vote(2).await;
    for (now, then) in after.masters.iter().zip(&before.masters) {
        assert_eq!((&now.address, now.pid), (&then.address, then.pid));
    }
    cluster.client("late").await;
    // Its master ends with it.
    copy.kill().await.expect("ours");
}
