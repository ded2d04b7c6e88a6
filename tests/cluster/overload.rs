//! What a careless or hostile user may ask for, and what the available server and its neighbours notice of
//! it: none of it may cost a server its role.

use std::{collections::BTreeMap, time::Duration};

use nix::sys::signal::Signal;
use tinysns::{
    client::Client,
    wire::v1::{TimelineRequest, WatchRequest, directory_service_client::DirectoryServiceClient},
};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};
use tonic::{Code, Request};

use super::{
    BINARY,
    abuse::p99,
    callers::{Api, channel, connect, log_in},
    processes::{Cluster, DEADLINE, signal},
};

/// How many the reader follows, and how many pages are asked for at a time, and how often.
const FOLLOWED: usize = 6_000;
const READS: usize = 250;
const ROUNDS: usize = 4;
/// How many people prepare it.
const CROWD: usize = 64;

/// Makes accounts whom `reader` follows.
async fn is_a_fan_of_thousands(cluster: &Cluster, reader: &Client) {
    let mut crowd = JoinSet::new();
    for one in 0..CROWD {
        let (router, reader) = (cluster.router(), reader.clone());
        crowd.spawn(async move {
            for number in (one..FOLLOWED).step_by(CROWD) {
                let name = format!("followed-{number}");
                let options = tinysns::client::ClientOptions::new(&router);
                let client = Client::connect(options).expect("an address");
                client.log_in(&name, None).await.expect("a new account");
                reader.follow(&name).await.expect("followed");
            }
        });
    }
    crowd.join_all().await;
}

#[tokio::test]
async fn hundreds_of_costly_reads_at_a_time_cost_nobody_a_role_and_a_neighbour_little() {
    let cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    let reader = cluster.client("reader").await;
    is_a_fan_of_thousands(&cluster, &reader).await;
    let neighbour = cluster.client("neighbour").await;
    let before = (cluster.available().await, p99(&neighbour).await);

    let mut api = connect(&cluster, "127.0.0.1").await;
    let session = log_in(&mut api, "reader", "").await.expect("logged in");
    let attack = tokio::spawn(async move {
        let mut ended = BTreeMap::new();
        for _ in 0..ROUNDS {
            let mut reads = JoinSet::new();
            for _ in 0..READS {
                reads.spawn(read(api.clone(), session.clone()));
            }
            for code in reads.join_all().await {
                *ended.entry(format!("{code:?}")).or_insert(0) += 1;
            }
        }
        ended
    });
    let during = p99(&neighbour).await;
    let ended = timeout(DEADLINE, attack).await.expect("in time").expect("no panic");
    let after = cluster.available().await;
    println!(
        "of {} reads: {ended:?}; a neighbour waits {during:?} instead of {:?} (99th percentile)",
        READS * ROUNDS,
        before.1
    );
    assert_eq!((after.pid, after.term), (before.0.pid, before.0.term), "nobody was deposed");
    assert!(ended.get("Ok").is_some_and(|answered| *answered > 0), "{ended:?}");
}

/// Reads the largest page; how that ended.
async fn read(mut api: Api, session: String) -> Code {
    let mut request =
        Request::new(TimelineRequest { page_size: 100, ..TimelineRequest::default() });
    let bearer = format!("Bearer {session}").parse().expect("ASCII");
    request.metadata_mut().insert("authorization", bearer);
    match timeout(DEADLINE, api.timeline(request)).await.expect("it is answered") {
        Ok(_) => Code::Ok,
        Err(refusal) => refusal.code(),
    }
}

/// From how many addresses a crowd watches, and how many streams each of them has: nearly as many as there
/// may be in all.
const ADDRESSES: u8 = 15;
const STREAMS: usize = 1_000;
const STREAMS_ON_A_CONNECTION: usize = 250;

/// Kills the available server; how long it takes until a post is acknowledged by the next one.
async fn failover(cluster: &Cluster, writer: &Client) -> Duration {
    let killed = cluster.available().await;
    signal(killed.pid, Signal::SIGKILL);
    let began = Instant::now();
    writer.publish("after").await.expect("published");
    let took = began.elapsed();
    cluster.all_vote(3).await;
    took
}

#[tokio::test]
async fn a_crowd_that_waits_for_a_failover_does_not_delay_it_for_long() {
    let cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    let writer = cluster.client("writer").await;
    let mut alone = Vec::new();
    for _ in 0..3 {
        alone.push(failover(&cluster, &writer).await);
    }
    let mut crowd = JoinSet::new();
    let mut opened = JoinSet::new();
    for address in 1..=ADDRESSES {
        for _ in 0..STREAMS / STREAMS_ON_A_CONNECTION {
            let router = cluster.router();
            opened.spawn(async move {
                let channel = channel(&router, &format!("127.0.1.{address}")).await;
                let mut streams = Vec::new();
                for _ in 0..STREAMS_ON_A_CONNECTION {
                    let mut directory = DirectoryServiceClient::new(channel.clone());
                    let stream = directory.watch(WatchRequest {}).await.expect("opened");
                    streams.push(stream.into_inner());
                }
                streams
            });
        }
    }
    for mut stream in opened.join_all().await.into_iter().flatten() {
        crowd.spawn(async move { while let Ok(Some(_)) = stream.message().await {} });
    }
    let mut watched = Vec::new();
    for _ in 0..3 {
        watched.push(failover(&cluster, &writer).await);
    }
    println!("a failover takes {alone:?} alone and {watched:?} with {} watchers", crowd.len());
    assert_eq!(crowd.len(), usize::from(ADDRESSES) * STREAMS);
    assert!(watched.iter().all(|took| *took < DEADLINE), "{watched:?}");
}
