//! A network goes to other machines while people use it, by the command and the steps of `docs/operate.md`.

use std::{
    fs::{self, File},
    process::Stdio,
};

use nix::sys::signal::Signal;

use super::{
    BINARY,
    keeping::{command, write_secret},
    load::Writer,
    processes::{Cluster, NO_RATE_LIMITS, eventually, signal},
};

/// How many servers there are before, and after.
const SERVERS: usize = 2;

#[tokio::test]
async fn a_network_moves_to_other_machines_while_people_use_it() {
    let mut cluster = Cluster::start_unlimited(BINARY, SERVERS, "1s").await;
    write_secret(&cluster);
    let before = cluster.all_vote(SERVERS).await;
    let writer = Writer::start(&cluster, "writer").await;
    writer.posts_more(50).await;
    for _ in 0..SERVERS {
        let mut slave = command(&cluster, "tinysns slave ");
        for setting in ["TINYSNS_CLIENT_LISTEN", "TINYSNS_PEER_LISTEN"] {
            slave.env(setting, "127.0.0.1:0");
        }
        slave.envs([NO_RATE_LIMITS]);
        slave.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        cluster.adopt_slave(slave.spawn().expect("it starts"));
    }
    cluster.all_vote(2 * SERVERS).await;
    writer.posts_more(50).await;
    for left in (SERVERS..2 * SERVERS).rev() {
        cluster.stop_oldest_slave();
        cluster.all_vote(left).await;
        writer.posts_more(50).await;
    }
    cluster.kill_router();
    cluster.wipe_router();
    writer.posts_more(50).await;
    cluster.start_router();
    let after = cluster.all_vote(SERVERS).await;
    assert_eq!(after.cluster_id, before.cluster_id);
    writer.posts_more(50).await;
    writer.finish().await;

    let shown = cluster.folder().join("shown");
    let mut status = command(&cluster, "tinysns status ");
    status.stdin(Stdio::null()).stdout(File::create(&shown).expect("made"));
    let mut status = status.spawn().expect("it starts");
    let words = async || fs::read_to_string(&shown).expect("readable");
    eventually("the new servers are shown", words, |words| {
        words.contains("server-3") && words.contains("server-4")
    })
    .await;
    signal(status.id(), Signal::SIGINT);
    assert!(status.wait().expect("ours").success());
}
