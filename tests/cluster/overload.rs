//! What a careless or hostile user may ask for, and what the available server and its neighbours notice of
//! it: none of it may cost a server its role.

use std::{
    collections::BTreeMap,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::sys::signal::Signal;
use tinysns::{
    client::{Client, ClientOptions, MasterState, MasterStatus},
    wire::v1::{
        Location, TimelineRequest, WatchRequest, directory_service_client::DirectoryServiceClient,
    },
};
use tokio::{
    runtime::Builder,
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Streaming};

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
                let options = ClientOptions::new(&router);
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

/// From how many addresses a crowd watches the router, and how many streams each of them has: nearly as many
/// as there may be in all.
const ADDRESSES: u8 = 15;
const STREAMS: usize = 1_000;
const STREAMS_ON_A_CONNECTION: usize = 250;

/// A crowd that watches the router, on a thread of its own, until it is dropped.
struct Crowd {
    leaves: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Crowd {
    /// Returns when all of them watch.
    fn gather(router: String) -> Self {
        let leaves = CancellationToken::new();
        let (watch, all_watch) = mpsc::channel();
        let ended = leaves.clone();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let mut opened = JoinSet::new();
                for address in 1..=ADDRESSES {
                    for _ in 0..STREAMS / STREAMS_ON_A_CONNECTION {
                        opened.spawn(watches(router.clone(), format!("127.0.1.{address}")));
                    }
                }
                let streams: Vec<_> = opened.join_all().await.into_iter().flatten().collect();
                watch.send(streams.len()).expect("the test waits");
                let mut crowd = JoinSet::new();
                for mut stream in streams {
                    crowd.spawn(async move { while let Ok(Some(_)) = stream.message().await {} });
                }
                ended.cancelled().await;
            });
        });
        let count = all_watch.recv_timeout(DEADLINE).expect("in time");
        assert_eq!(count, usize::from(ADDRESSES) * STREAMS);
        Self { leaves, thread: Some(thread) }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.leaves.cancel();
        let thread = self.thread.take().expect("it is joined once");
        thread.join().expect("the crowd does not panic");
    }
}

/// The streams of one connection.
async fn watches(router: String, from: String) -> Vec<Streaming<Location>> {
    let channel = channel(&router, &from).await;
    let mut streams = Vec::new();
    for _ in 0..STREAMS_ON_A_CONNECTION {
        let mut directory = DirectoryServiceClient::new(channel.clone());
        let stream = directory.watch(WatchRequest {}).await.expect("opened");
        streams.push(stream.into_inner());
    }
    streams
}

/// Kills the available server; how long it takes until a post is acknowledged by the next one, for somebody
/// who is not in the crowd: who asks another master.
async fn failover(cluster: &Cluster) -> Duration {
    let status = cluster.all_vote(3).await;
    let is_standby = |master: &&MasterStatus| master.state == MasterState::Standby;
    let standby = status.masters.iter().find(is_standby).expect("there are two");
    let options = ClientOptions::new(&standby.address);
    let writer = Client::connect(options).expect("an address");
    writer.log_in("writer", None).await.expect("logged in");
    writer.publish("before").await.expect("published");
    signal(cluster.available().await.pid, Signal::SIGKILL);
    let began = Instant::now();
    writer.publish("after").await.expect("published");
    began.elapsed()
}

#[tokio::test]
async fn a_failover_does_not_wait_for_a_crowd_that_watches() {
    let cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    let mut alone = Vec::new();
    for _ in 0..5 {
        alone.push(failover(&cluster).await);
    }
    let _crowd = Crowd::gather(cluster.router());
    let mut watched = Vec::new();
    for _ in 0..5 {
        watched.push(failover(&cluster).await);
    }
    println!("a failover takes {alone:?}, and {watched:?} while 15,000 watch");
    assert!(watched.iter().all(|took| *took < DEADLINE), "{watched:?}");
}
