//! More than a quorum is lost; after the reboots, everything acknowledged is still there.

use std::{fs, path::Path};

use nix::sys::signal::Signal;
use tinysns::{
    client::{ClusterStatus, Cursor},
    domain::UserName,
};

use super::{
    BINARY,
    load::{Writer, assert_posts},
    processes::{Cluster, eventually, is_alive, signal, voters},
    stored_rows,
};

#[tokio::test]
async fn eight_of_eight_killed_at_once_come_back_with_everything() {
    let cluster = Cluster::start_unlimited(BINARY, 8, "1s").await;
    let writer = Writer::start(&cluster, "writer").await;
    writer.posts_more(50).await;
    for pid in cluster.master_pids() {
        signal(pid, Signal::SIGKILL);
    }
    let back = cluster
        .until("all are back", |status| {
            status.available.is_some() && status.masters.iter().all(|m| m.reboots == 1 && m.voter)
        })
        .await;
    assert_eq!(back.masters.len(), 8);
    writer.posts_more(10).await;
    writer.finish().await;
}

#[tokio::test]
async fn a_power_failure_loses_nothing_that_was_acknowledged() {
    let mut cluster = Cluster::start_unlimited(BINARY, 4, "1s").await;
    let before = cluster.all_vote(4).await;
    let writer = Writer::start(&cluster, "writer").await;
    let reader = cluster.client("reader").await;
    reader.follow("writer").await.expect("followed");
    writer.posts_more(100).await;
    cluster.kill_everything();
    cluster.start_router();
    cluster.start_slaves(4);
    let after = cluster.all_vote(4).await;
    assert_eq!(after.cluster_id, before.cluster_id);
    // The writer itself has kept running throughout.
    writer.posts_more(10).await;
    let written = writer.finish().await;
    let reader = cluster.client("reader").await;
    assert_posts(&reader, "writer", &written.ids).await;
    let following = reader.list(&tinysns::client::ListKind::Following).await.expect("readable");
    assert!(following.iter().map(UserName::as_str).eq(["writer"]), "{following:?}");
}

#[tokio::test]
async fn a_master_that_reads_a_damaged_row_replaces_its_state() {
    let mut cluster = Cluster::start(BINARY, 1, "1s").await;
    let ann = cluster.client("ann").await;
    ann.publish("hello").await.expect("published");
    cluster.stop_slaves(1);
    damage_the_posts(&cluster.folder().join("masters/slot-001/state/1"));
    cluster.start_slaves(1);
    cluster.all_vote(1).await;
    let texts = async || {
        let page = ann.posts("ann", Cursor::Newest, None).await;
        page.map(|page| page.posts.into_iter().map(|post| post.text).collect::<Vec<_>>())
    };
    let read = eventually("the post is back", texts, Result::is_ok).await;
    assert_eq!(read.expect("read"), ["hello"]);
    assert_eq!(cluster.available().await.reboots, 0, "its slave had nothing to do with it");
}

#[tokio::test]
async fn a_state_that_cannot_be_opened_is_made_anew() {
    let mut cluster = Cluster::start_unlimited(BINARY, 1, "1s").await;
    let writer = Writer::start(&cluster, "writer").await;
    writer.posts_more(50).await;
    let written = writer.finish().await;
    let reader = cluster.client("reader").await;
    cluster.stop_slaves(1);
    let state = cluster.folder().join("masters/slot-001/state");
    for table in fs::read_dir(state.join("1/tables")).expect("it was written to disk at the end") {
        fs::write(table.expect("readable").path(), [7; 9_000]).expect("written");
    }
    cluster.start_slaves(1);
    let back = cluster.all_vote(1).await;
    assert_eq!(back.masters[0].reboots, 0, "it has not panicked");
    assert_posts(&reader, "writer", &written.ids).await;
}

/// Changes a byte of every post in the state at `path`, so that the checksums of the rows are not right.
fn damage_the_posts(path: &Path) {
    const POSTS: u8 = 7;
    stored_rows::rewrite(path, POSTS, |row| {
        let mut row = row.to_vec();
        *row.last_mut().expect("not empty") ^= 1;
        row
    });
}

#[tokio::test]
async fn slots_are_claimed_again_when_the_cluster_grows_after_shrinking() {
    let mut cluster = Cluster::start_unlimited(BINARY, 8, "1s").await;
    let writer = Writer::start(&cluster, "writer").await;
    cluster.stop_slaves(5);
    cluster.all_vote(3).await;
    cluster.start_slaves(5);
    let grown = cluster.all_vote(8).await;
    let mut names: Vec<_> = grown.masters.iter().map(|master| master.name.as_str()).collect();
    names.sort_unstable();
    let expected: Vec<String> = (1..=8).map(|slot| format!("server-{slot}")).collect();
    assert_eq!(names, expected, "the same eight, and no others");
    let slots = fs::read_dir(cluster.folder().join("masters")).expect("the data directory");
    let slots = slots.filter(|slot| slot.as_ref().is_ok_and(|slot| slot.path().is_dir()));
    assert_eq!(slots.count(), 8);
    writer.finish().await;
}

#[tokio::test]
async fn a_master_whose_slave_dies_ends_too() {
    let cluster = Cluster::start(BINARY, 2, "1s").await;
    let [slave, _] = cluster.slave_pids()[..] else { panic!("two slaves") };
    let masters = cluster.master_pids();
    signal(slave, Signal::SIGKILL);
    let living = async || masters.iter().filter(|pid| is_alive(**pid)).count();
    eventually("one of two masters ends", living, |living| *living == 1).await;
    cluster.all_vote(1).await;
}

#[tokio::test]
async fn a_wiped_slot_joins_anew_under_its_old_name() {
    let mut cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    let writer = Writer::start(&cluster, "writer").await;
    cluster.stop_slaves(1);
    let left = cluster.all_vote(2).await;
    let gone = (1..=3)
        .find(|slot| {
            let name = format!("server-{slot}");
            !left.masters.iter().any(|master| master.name == name && master.voter)
        })
        .expect("one has left");
    let slot = cluster.folder().join(format!("masters/slot-{gone:03}"));
    fs::remove_dir_all(slot).expect("a free slot");
    cluster.start_slaves(1);
    let joined = cluster.all_vote(3).await;
    assert_eq!(joined.masters.len(), 3, "{joined:?}");
    writer.finish().await;
}

#[tokio::test]
async fn a_cluster_that_a_new_master_bootstrapped_beside_an_older_one_is_abandoned_for_it() {
    let mut cluster = Cluster::start(BINARY, 2, "1s").await;
    let older = cluster.all_vote(2).await.cluster_id;
    let ann = cluster.client("ann").await;
    ann.publish("from before").await.expect("acknowledged");
    cluster.kill_everything();
    cluster.wipe_router();

    cluster.start_router();
    cluster.start_slaves_in("newcomers", 1);
    let second = cluster.until("a second cluster", |status| status.available.is_some()).await;
    assert_ne!(second.cluster_id, older);
    // An account is nothing that his next login would not make again.
    drop(cluster.client("bob").await);

    cluster.start_slaves(2);
    let is_healed = |status: &ClusterStatus| voters(status) == 3 && status.problems.is_empty();
    let healed = cluster.until("one cluster of all", is_healed).await;
    assert_eq!(healed.cluster_id, older);
    ann.publish("from after").await.expect("acknowledged");
    let page = ann.posts("ann", Cursor::Newest, Some(10)).await.expect("readable");
    let texts: Vec<&str> = page.posts.iter().map(|post| post.text.as_str()).collect();
    assert_eq!(texts, ["from after", "from before"]);
    let bob = cluster.client("bob").await;
    bob.follow("ann").await.expect("whoever came in between goes on, too");
}
