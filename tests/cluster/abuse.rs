//! What one hostile caller may hold, and what its neighbours notice of it.

use std::{fs, process::Command, time::Duration};

use tinysns::{
    client::{Client, Cursor},
    wire::v1::{LogInRequest, social_service_client::SocialServiceClient},
};
use tokio::{
    io::AsyncReadExt as _,
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{
    BINARY,
    processes::{Cluster, DEADLINE, eventually},
    raw_http2::{RawCaller, silent},
};

pub const LOCATE: &str = "/tinysns.v1.DirectoryService/Locate";
const WATCH: &str = "/tinysns.v1.DirectoryService/Watch";
const TIMELINE: &str = "/tinysns.v1.SocialService/Timeline";
/// What is on its way arrives within this time.
const A_MOMENT: Duration = Duration::from_millis(20);
/// What an attack may take of a process's memory, in KiB: what one address may hold, some copies of
/// it on its way, and what the allocator keeps for a while, for each size of what was freed.
pub const MOST_KIB: u64 = 48 << 10;

/// The 99th percentile of what somebody waits for a page of posts.
pub async fn p99(client: &Client) -> Duration {
    let mut waits = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        let page = timeout(DEADLINE, client.posts("neighbour", Cursor::Newest, None)).await;
        page.expect("in time").expect("answered");
        waits.push(began.elapsed());
    }
    waits.sort_unstable();
    waits[waits.len() * 99 / 100]
}

/// What a process has in memory, in KiB.
pub fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it says so");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// A cluster of one master, its address and its process, and somebody who uses it.
pub async fn served() -> (Cluster, String, u32, Client) {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let master = cluster.available().await;
    let neighbour = cluster.client("neighbour").await;
    (cluster, master.address, master.pid, neighbour)
}

#[tokio::test]
async fn silent_connections_are_closed_and_keep_nobody_out() {
    let (cluster, master, _, neighbour) = served().await;
    let before = p99(&neighbour).await;
    for server in [cluster.router(), master] {
        let mut silent_ones = Vec::new();
        for _ in 0..1_100 {
            silent_ones.extend(silent(&server).await);
        }
        let during = p99(&neighbour).await;
        println!("a neighbour waits {during:?} instead of {before:?} (99th percentile)");
        cluster.client("newcomer").await;
        for mut connection in silent_ones {
            let read = timeout(DEADLINE, connection.read(&mut [0; 64])).await.expect("it ends");
            assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
        }
    }
}

#[tokio::test]
async fn a_leader_that_has_no_descriptors_left_hands_over() {
    let cluster = Cluster::start(BINARY, 3, "1s").await;
    let client = cluster.client("ann").await;
    client.publish("before").await.expect("posted");
    let leader = cluster.available().await;
    let limit = |descriptors: usize| {
        let mut command = Command::new("prlimit");
        let arguments = [format!("--pid={}", leader.pid), format!("--nofile={descriptors}:")];
        assert!(command.args(arguments).status().expect("it is installed").success());
    };
    let open = fs::read_dir(format!("/proc/{}/fd", leader.pid)).expect("it runs").count();
    limit(open);
    let mut strangers = Vec::new();
    let hands_over = async || {
        // What was closed meanwhile has left room for some.
        strangers.push(TcpStream::connect(&leader.address).await.expect("it listens"));
        cluster.status().await.and_then(|status| status.available)
    };
    let other = |now: &Option<String>| now.as_ref().is_some_and(|now| *now != leader.name);
    eventually("another leads", hands_over, other).await;
    client.publish("after").await.expect("posted");
    limit(1_024);
}

#[tokio::test]
async fn connections_that_are_not_used_make_room_for_those_that_are() {
    let (cluster, master, _, neighbour) = served().await;
    let before = p99(&neighbour).await;
    let mut unused = Vec::new();
    for _ in 0..1_000 {
        unused.push(RawCaller::connect(&master, 1 << 16).await.expect("the latest gets in"));
    }
    let during = p99(&neighbour).await;
    println!("a neighbour waits {during:?} instead of {before:?} (99th percentile)");
    cluster.client("newcomer").await;
    let mut open = 0;
    for caller in &mut unused {
        // Nothing more is said to a caller, unless it is closed.
        open += usize::from(timeout(A_MOMENT, caller.next_end()).await.is_err());
    }
    assert!(open <= 256, "{open} are open");
}

#[tokio::test]
async fn unfinished_requests_hold_little_and_are_refused_after_a_while() {
    let (_cluster, master, pid, neighbour) = served().await;
    let (before, memory) = (p99(&neighbour).await, resident_kib(pid));
    let mut callers = Vec::new();
    for _ in 0..250 {
        let mut caller = RawCaller::connect(&master, 1 << 16).await.expect("connected");
        for _ in 0..4 {
            // The last bytes never come.
            caller.call(LOCATE, None, &vec![0; 60_000], 65_000).await.expect("sent");
        }
        callers.push(caller);
    }
    let during = p99(&neighbour).await;
    let more = resident_kib(pid).saturating_sub(memory);
    println!("a neighbour waits {during:?} instead of {before:?} (99th percentile); {more} KiB");
    assert!(more < MOST_KIB, "{more} KiB more");
    // There was room for those of the first, so they are waited for.
    let refused = timeout(DEADLINE, callers[0].next_end()).await;
    refused.expect("in time").expect("a request that does not arrive is refused");
}

#[tokio::test]
async fn answers_that_nobody_takes_hold_little() {
    let (_cluster, master, pid, neighbour) = served().await;
    for _ in 0..100 {
        neighbour.publish(&"x".repeat(1_000)).await.expect("published");
    }
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{master}")).unwrap();
    let mut api = SocialServiceClient::new(endpoint.connect_lazy());
    let login = LogInRequest { username: "neighbour".to_owned(), ..LogInRequest::default() };
    let session = api.log_in(login).await.expect("logged in").into_inner().session_token;
    let (before, memory) = (p99(&neighbour).await, resident_kib(pid));
    // page_size = 100
    let wanted = [0x18, 100];
    for takes in [0, 1, 20_000] {
        let mut callers = Vec::new();
        for _ in 0..4 {
            let mut caller = RawCaller::connect(&master, takes).await.expect("connected");
            for _ in 0..250 {
                let call = caller.call(TIMELINE, Some(&session), &wanted, wanted.len());
                call.await.expect("sent");
            }
            callers.push(caller);
        }
        let during = p99(&neighbour).await;
        let more = resident_kib(pid).saturating_sub(memory);
        println!(
            "a neighbour waits {during:?} instead of {before:?} (99th percentile); {more} KiB"
        );
        assert!(more < MOST_KIB, "{more} KiB more");
    }
}

#[tokio::test]
async fn one_address_watches_only_so_often() {
    let (cluster, _, _, neighbour) = served().await;
    let before = p99(&neighbour).await;
    let mut callers = Vec::new();
    for _ in 0..20 {
        let mut caller = RawCaller::connect(&cluster.router(), 1 << 16).await.expect("connected");
        for _ in 0..100 {
            caller.call(WATCH, None, &[], 0).await.expect("sent");
        }
        callers.push(caller);
    }
    let during = p99(&neighbour).await;
    println!("a neighbour waits {during:?} instead of {before:?} (99th percentile)");
    let mut refused = 0;
    for caller in &mut callers {
        while let Ok(Ok(())) = timeout(A_MOMENT, caller.next_end()).await {
            refused += 1;
        }
    }
    assert_eq!(refused, 2_000 - 1_024, "so many watch");
    cluster.client("newcomer").await;
}
