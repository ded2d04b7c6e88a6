//! How long a failover keeps a client waiting, what a post costs, and what an idle cluster costs.
//! Prints a table.
//!
//! Real processes on loopback: a router, and eight slaves with their masters. Variables: `ROUNDS`
//! (default 50) is how often the available server is killed, `SERVERS` (default 8) the number of
//! masters, `LOAD` (default 4) the number of other clients that post continuously, and
//! `TINYSNS_BIN` another build of the program.

#[path = "../tests/cluster/pids.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod pids;
#[path = "../tests/cluster/ports.rs"]
mod ports;
#[path = "../tests/cluster/processes.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use all of it")]
mod processes;

use std::{
    env, fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use nix::{
    sys::signal::Signal,
    unistd::{SysconfVar, sysconf},
};
use processes::{Cluster, signal};
use tinysns::client::{Client, ClusterStatus, MasterStatus};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

/// Between the return of a server and the loss of another.
const PAUSE: Duration = Duration::from_millis(500);
/// How long an idle cluster is watched.
const IDLE: Duration = Duration::from_secs(20);
/// How long clients post while nothing is killed.
const PUBLISHING: Duration = Duration::from_secs(10);
/// Before it is observed, so that its start is over.
const SETTLE: Duration = Duration::from_secs(5);

fn setting(name: &str, default: usize) -> usize {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn binary() -> String {
    env::var("TINYSNS_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_tinysns").to_owned())
}

fn main() {
    // `cargo bench` passes flags that are meant for the standard harness.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let servers = setting("SERVERS", 8);
        let rounds = setting("ROUNDS", 50);
        let load = setting("LOAD", 4);
        println!("{servers} masters, {load} other clients posting, {rounds} rounds each");
        idle(servers).await;
        publishing(servers, load).await;
        failovers("kill -9", Signal::SIGKILL, servers, load, rounds).await;
        failovers("SIGSTOP", Signal::SIGSTOP, servers, load, rounds.div_ceil(5)).await;
    });
}

/// Waits until the server that was lost in the last round has been back for a while, with all that was
/// posted meanwhile: otherwise its start would be part of the next failover.
async fn settled(cluster: &Cluster, servers: usize) -> ClusterStatus {
    let posted = cluster.all_vote(servers).await;
    let newest = posted.masters.iter().map(|master| master.last_log_index).max().unwrap_or(0);
    let has_all = |master: &MasterStatus| master.applied_index >= newest;
    let all_have_all = |status: &ClusterStatus| status.masters.iter().all(has_all);
    cluster.until("all masters have everything", all_have_all).await;
    sleep(PAUSE).await;
    cluster.all_vote(servers).await
}

/// From the loss of the available server to the same client's next acknowledged post.
async fn failovers(what: &str, loss: Signal, servers: usize, load: usize, rounds: usize) {
    let cluster = Cluster::start_unlimited(&binary(), servers, "500ms").await;
    let client = cluster.client("measured").await;
    let load = Load::start(&cluster, load).await;
    let mut waits = Vec::with_capacity(rounds);
    for round in 0..rounds {
        let lost = settled(&cluster, servers).await;
        let lost = lost.masters.iter().find(|m| Some(&m.name) == lost.available.as_ref());
        let pid = lost.expect("it is among the masters").pid;
        client.publish("before").await.expect("acknowledged");
        signal(pid, loss);
        let began = Instant::now();
        client.publish(&format!("after {round}")).await.expect("acknowledged");
        waits.push(began.elapsed());
        if loss == Signal::SIGSTOP {
            signal(pid, Signal::SIGCONT);
        }
    }
    let posted = load.stop().await;
    waits.sort_unstable();
    let at = |share: f64| {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small and positive"
        )]
        let index = (share * waits.len() as f64) as usize;
        waits[index.min(waits.len() - 1)]
    };
    println!(
        "{what:8} next acknowledged post: median {:.1?}, 90th {:.1?}, 99th {:.1?}, worst {:.1?} \
         ({posted} posts by other clients)",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
}

/// Clients that post continuously.
struct Load {
    stop: Arc<AtomicBool>,
    posted: Arc<AtomicUsize>,
    clients: JoinSet<()>,
}

impl Load {
    async fn start(cluster: &Cluster, count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let posted = Arc::new(AtomicUsize::new(0));
        let mut clients = JoinSet::new();
        for number in 0..count {
            let client = cluster.client(&format!("load-{number}")).await;
            clients.spawn(post(client, Arc::clone(&stop), Arc::clone(&posted)));
        }
        Self { stop, posted, clients }
    }

    async fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.join_all().await;
        self.posted.load(Ordering::Relaxed)
    }
}

async fn post(client: Client, stop: Arc<AtomicBool>, posted: Arc<AtomicUsize>) {
    while !stop.load(Ordering::Relaxed) {
        client.publish("a post beside the one that is measured").await.expect("acknowledged");
        posted.fetch_add(1, Ordering::Relaxed);
    }
}

/// Posts a second while nothing is killed, and the processor time of one.
async fn publishing(servers: usize, load: usize) {
    if load == 0 {
        return;
    }
    let cluster = Cluster::start_unlimited(&binary(), servers, "1h").await;
    let leader = cluster.available().await.pid;
    let router = cluster.status().await.expect("it is there").router.pid;
    let masters = cluster.master_pids();
    let times = || {
        let of = |pids: &[u32]| pids.iter().map(|pid| processor_seconds(*pid)).sum::<f64>();
        [of(&[leader]), of(&masters) - of(&[leader]), of(&[router])]
    };
    let load = Load::start(&cluster, load).await;
    let before = times();
    let began = Instant::now();
    sleep(PUBLISHING).await;
    let posted = load.stop().await;
    let took = began.elapsed();
    let after = times();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let posts = posted.max(1) as f64;
    let [leader, others, router] =
        std::array::from_fn(|index| (after[index] - before[index]) / posts * 1e6);
    println!(
        "posting  {:.0} posts/s; for each {leader:.0} µs of the leader's processor time, \
         {others:.0} of the other masters' together, {router:.0} of the router's",
        posts / took.as_secs_f64()
    );
}

/// Processor time and memory of an unused cluster.
async fn idle(servers: usize) {
    let cluster = Cluster::start_unlimited(&binary(), servers, "1h").await;
    sleep(SETTLE).await;
    let masters = cluster.master_pids();
    let mut all = cluster.slave_pids();
    all.extend(&masters);
    all.extend(cluster.status().await.map(|status| status.router.pid));
    let before: f64 = all.iter().map(|pid| processor_seconds(*pid)).sum();
    sleep(IDLE).await;
    let after: f64 = all.iter().map(|pid| processor_seconds(*pid)).sum();
    let share = (after - before) / IDLE.as_secs_f64() * 100.0;
    let resident = masters.iter().map(|pid| resident_mib(*pid)).fold(0.0, f64::max);
    println!(
        "idle     {share:.1} % of one core for all {} processes; the largest master has {resident:.1} MiB resident",
        all.len()
    );
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn processor_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // utime and stime, fields 14 and 15 of proc(5), counted from after the name.
    let ticks: u64 = fields.iter().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
    ticks as f64 / per_second as f64
}

fn resident_mib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
