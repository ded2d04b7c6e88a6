//! The available server is lost, and people carry on.

use std::time::Duration;

use nix::sys::signal::Signal;
use tinysns::{
    client::{Cursor, MasterState},
    domain::{PostId, UserName},
};

use super::{
    BINARY,
    load::{Writer, assert_posts},
    processes::{Cluster, parent, signal, voters},
};

/// While a test with this delay runs, no master is rebooted.
const NEVER: &str = "1h";

#[tokio::test]
async fn masters_killed_one_after_another_leave_a_service_that_lost_nothing() {
    let cluster = Cluster::start_unlimited(BINARY, 8, NEVER).await;
    let writer = Writer::start(&cluster, "writer").await;
    let reader = cluster.client("reader").await;
    let mut followed = Vec::new();
    for left in (1..8).rev() {
        let lost = cluster.available().await;
        signal(lost.pid, Signal::SIGKILL);
        let name = format!("friend-{left}");
        cluster.client(&name).await;
        reader.follow(&name).await.expect("the service goes on");
        followed.push(name);
        cluster
            .until("the others have taken over", |status| {
                voters(status) == left && status.available.as_ref().is_some_and(|n| *n != lost.name)
            })
            .await;
    }
    followed.sort();
    let following = reader.list(&tinysns::client::ListKind::Following).await.expect("readable");
    assert!(following.iter().map(UserName::as_str).eq(&followed), "{following:?}");
    let written = writer.finish().await;
    assert!(written.ids.len() > 7, "{} posts", written.ids.len());
}

#[tokio::test]
async fn four_of_eight_killed_at_once_are_survived() {
    let cluster = Cluster::start_unlimited(BINARY, 8, NEVER).await;
    let writer = Writer::start(&cluster, "writer").await;
    let status = cluster.all_vote(8).await;
    let available = cluster.available().await;
    let others = status.masters.iter().filter(|master| master.name != available.name).take(3);
    for master in others.chain([&available]) {
        signal(master.pid, Signal::SIGKILL);
    }
    cluster.all_vote(4).await;
    writer.finish().await;
}

#[tokio::test]
async fn a_hung_server_is_replaced_and_does_not_take_the_role_back() {
    let cluster = Cluster::start_unlimited(BINARY, 3, NEVER).await;
    let writer = Writer::start(&cluster, "writer").await;
    let hung = cluster.available().await;
    signal(hung.pid, Signal::SIGSTOP);
    let moved = |status: &tinysns::client::ClusterStatus| {
        status.available.as_ref().is_some_and(|name| *name != hung.name)
    };
    cluster.until("another server is available", moved).await;
    signal(hung.pid, Signal::SIGCONT);
    let healed = cluster.all_vote(3).await;
    assert!(moved(&healed), "{healed:?}");
    writer.finish().await;
}

#[tokio::test]
async fn a_planned_stop_of_the_available_server_is_not_noticed() {
    let mut cluster = Cluster::start_unlimited(BINARY, 3, NEVER).await;
    let writer = Writer::start(&cluster, "writer").await;
    for left in [2, 1] {
        cluster.stop_slaves(1);
        cluster.all_vote(left).await;
    }
    let written = writer.finish().await;
    assert!(written.slowest < Duration::from_secs(20), "{written:?}");
}

#[tokio::test]
async fn a_master_that_waits_for_its_reboot_takes_over_when_all_others_were_stopped_for_good() {
    let mut cluster = Cluster::start_unlimited(BINARY, 3, "3s").await;
    let writer = Writer::start(&cluster, "writer").await;
    writer.posts_more(10).await;
    let stays = cluster.slave_pids()[0];
    let crashed = cluster.master_pids().into_iter().find(|pid| parent(*pid) == Some(stays));
    signal(crashed.expect("its master lives"), Signal::SIGKILL);
    writer.posts_more(10).await;
    cluster.stop_slaves(2);
    let left = cluster.all_vote(1).await;
    let serves = left.masters.iter().find(|master| Some(&master.name) == left.available.as_ref());
    assert_eq!(serves.expect("listed").reboots, 1, "{left:?}");
    writer.posts_more(10).await;
    writer.finish().await;
}

#[tokio::test]
async fn of_two_masters_killed_one_after_the_other_the_first_serves_again_without_the_second() {
    let cluster = Cluster::start_unlimited(BINARY, 2, "2s").await;
    let writer = Writer::start(&cluster, "writer").await;
    let first = cluster.available().await;
    signal(first.pid, Signal::SIGKILL);
    // What is acknowledged now is not on the first master's disk.
    writer.posts_more(10).await;
    let second = cluster.available().await;
    assert_ne!(first.name, second.name);
    signal(parent(second.pid).expect("its slave lives"), Signal::SIGKILL);
    signal(second.pid, Signal::SIGKILL);
    let serves =
        |status: &tinysns::client::ClusterStatus| status.available.as_ref() == Some(&first.name);
    cluster.until("the first one serves", serves).await;
    writer.posts_more(10).await;
    writer.finish().await;
}

#[tokio::test]
async fn a_live_timeline_goes_on_through_failovers_without_gap_or_duplicate() {
    let cluster = Cluster::start_unlimited(BINARY, 4, NEVER).await;
    let reader = cluster.client("reader").await;
    cluster.client("writer").await;
    reader.follow("writer").await.expect("followed");
    let mut timeline = reader.subscribe(Some(PostId::NONE)).await.expect("subscribed");
    let writer = Writer::start(&cluster, "writer").await;
    let mut seen = Vec::new();
    for left in [3, 2] {
        for _ in 0..20 {
            seen.push(timeline.next().await.expect("goes on").expect("a post").id);
        }
        cluster.lose_the_available_server(left).await;
    }
    let written = writer.finish().await;
    while seen.len() < written.ids.len() {
        seen.push(timeline.next().await.expect("goes on").expect("a post").id);
    }
    assert_eq!(seen, written.ids);
}

#[tokio::test]
async fn the_router_may_be_restarted_and_lose_its_disk_while_people_post() {
    let mut cluster = Cluster::start_unlimited(BINARY, 3, NEVER).await;
    let writer = Writer::start(&cluster, "writer").await;
    let before = cluster.all_vote(3).await;
    for wiped in [false, true] {
        cluster.kill_router();
        if wiped {
            cluster.wipe_router();
        }
        assert!(cluster.status().await.is_none(), "the router is away");
        writer.posts_more(20).await;
        cluster.start_router();
        let after = cluster.all_vote(3).await;
        assert_eq!(after.cluster_id, before.cluster_id);
        assert_eq!(after.available, before.available, "a restart of the router changes nothing");
    }
    writer.finish().await;
    // The new witness has replaced the old one: one of three may die now.
    cluster.lose_the_available_server(2).await;
    cluster.client("late").await;
}

#[tokio::test]
async fn a_master_lost_while_the_router_is_away_is_replaced_all_the_same() {
    let mut cluster = Cluster::start_unlimited(BINARY, 3, NEVER).await;
    let writer = Writer::start(&cluster, "writer").await;
    writer.posts_more(10).await;
    let lost = cluster.available().await;
    cluster.kill_router();
    // Two of four voters are left, which is not a majority: the router's witness is the third.
    signal(lost.pid, Signal::SIGKILL);
    cluster.start_router();
    cluster.all_vote(2).await;
    writer.finish().await;
}

#[tokio::test]
async fn a_rebooted_master_catches_up_and_leaves_the_role_where_it_is() {
    let cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    let writer = Writer::start(&cluster, "writer").await;
    let lost = cluster.available().await;
    signal(lost.pid, Signal::SIGKILL);
    let rebooted = cluster
        .until("the rebooted master votes", |status| {
            voters(status) == 3
                && status.masters.iter().any(|m| m.name == lost.name && m.reboots == 1)
        })
        .await;
    let rebooted = rebooted.masters.iter().find(|m| m.name == lost.name).expect("listed");
    assert_eq!(rebooted.state, MasterState::Standby);
    let written = writer.finish().await;
    // Its data is the same: make it serve.
    let others: Vec<_> = cluster.all_vote(3).await.masters;
    for other in others.iter().filter(|master| master.name != lost.name) {
        signal(other.pid, Signal::SIGKILL);
    }
    let reader = cluster.client("reader").await;
    assert_posts(&reader, "writer", &written.ids).await;
    assert!(reader.posts("writer", Cursor::Newest, Some(1)).await.is_ok());
}
