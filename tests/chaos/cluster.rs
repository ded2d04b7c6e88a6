//! A cluster of real processes, each node in its network namespace and with its data on a file system
//! of its own.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::Read as _,
    io::{Seek as _, SeekFrom},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use nix::sys::signal::Signal;
use tinysns::client::{self, ClusterStatus, MasterState, MasterStatus};
use tokio::time::{Instant, sleep};

use crate::{
    clock,
    namespaces::FOLDER,
    network::{
        CLIENT_PORT, Node, PEER_PORT, Place, ROUTER, ROUTER_PORT, WITNESS_PORT, address, shell,
    },
    pids::{is_alive, signal},
};

/// Between two checks of something that sends no event.
pub const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Shorter than the shipped 25 s, so that a run has time for many faults; long enough to see the others
/// carry on without a master.
const REBOOT_DELAY: &str = "1s";
/// Far longer than a killed process needs to end.
const END_WITHIN: Duration = Duration::from_secs(20);
/// Each node's disk. A run of some minutes writes a tenth of it.
const DISK_MIB: u64 = 192;
const SECRET: &str = "the secret of a cluster under test";
const BINARY: &str = env!("CARGO_BIN_EXE_tinysns");
/// Another build of the program, such as a release.
const OTHER_BINARY: &str = "TINYSNS_BIN";

/// A running cluster.
pub struct Cluster {
    /// How many masters it has.
    pub masters: usize,
    logs: PathBuf,
    processes: BTreeMap<Node, Child>,
    /// Where each node's log ended when its process was started last.
    log_begins: BTreeMap<Node, u64>,
    clocks_can_be_set: bool,
}

/// A process that has ended by itself.
#[derive(Clone, Debug)]
pub struct Ended {
    pub node: Node,
    pub status: ExitStatus,
    /// Its last words.
    pub words: String,
}

impl Cluster {
    /// Starts a router and this many slaves, and waits until all masters vote.
    pub async fn start(masters: usize, logs: &Path) -> Self {
        let mut cluster = Self {
            masters,
            logs: logs.to_owned(),
            processes: BTreeMap::new(),
            log_begins: BTreeMap::new(),
            clocks_can_be_set: clock::can_be_set(),
        };
        for node in cluster.nodes() {
            let disk = disk(node);
            fs::create_dir_all(&disk).expect("a folder");
            let disk = disk.display();
            shell(&format!("mount -t tmpfs -o size={DISK_MIB}m tmpfs {disk}")).await;
            clock::set_right(node);
            cluster.start_node(node);
        }
        cluster
    }

    /// The router and the masters.
    pub fn nodes(&self) -> impl Iterator<Item = Node> + use<> {
        ROUTER..=self.masters
    }

    /// Where clients find the router.
    pub fn router() -> String {
        format!("{}:{ROUTER_PORT}", address(ROUTER))
    }

    fn command(&self, node: Node) -> Command {
        let mut command = Command::new("sh");
        let binary = env::var(OTHER_BINARY).unwrap_or_else(|_| BINARY.to_owned());
        let role = if node == ROUTER { "router" } else { "slave" };
        let own = address(node);
        let enter = Place::Node(node).enter();
        command
            .args(["-c", &format!("exec {enter} env $ENVIRONMENT \"$0\" \"$@\""), &binary, role])
            .env("TINYSNS_ROUTER", Self::router())
            .env("TINYSNS_ROUTER_LISTEN", format!("{own}:{ROUTER_PORT}"))
            .env("TINYSNS_WITNESS_LISTEN", format!("{own}:{WITNESS_PORT}"))
            .env("TINYSNS_ROUTER_DATA_DIR", disk(node).join("data"))
            .env("TINYSNS_DATA_DIR", disk(node).join("data"))
            .env("TINYSNS_CLIENT_LISTEN", format!("{own}:{CLIENT_PORT}"))
            .env("TINYSNS_PEER_LISTEN", format!("{own}:{PEER_PORT}"))
            .env("TINYSNS_NAME", name(node))
            .env("TINYSNS_SECRET", SECRET)
            .env("TINYSNS_REBOOT_DELAY", REBOOT_DELAY)
            .env("TINYSNS_RATE_LIMITS", "off")
            .env(
                "ENVIRONMENT",
                if self.clocks_can_be_set { clock::variables(node) } else { String::new() },
            );
        if node == ROUTER {
            command.env_remove("TINYSNS_NAME");
        }
        command
    }

    /// Starts a node's process, which must not be running.
    pub fn start_node(&mut self, node: Node) {
        let path = self.log(node);
        let log = File::options().create(true).append(true).open(path).expect("a log file");
        self.log_begins.insert(node, log.metadata().expect("of an open file").len());
        let mut command = self.command(node);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let process = command.spawn().expect("the program starts");
        let before = self.processes.insert(node, process);
        assert!(before.is_none(), "node {node} was running");
    }

    /// A node's log.
    pub fn log(&self, node: Node) -> PathBuf {
        self.logs.join(format!("{}.log", name(node)))
    }

    /// What a node has logged since its process was started last.
    pub fn said(&self, node: Node) -> String {
        let mut text = String::new();
        let begin = self.log_begins.get(&node).copied().unwrap_or_default();
        let read = File::open(self.log(node)).and_then(|mut log| {
            log.seek(SeekFrom::Start(begin))?;
            log.read_to_string(&mut text)
        });
        read.expect("logs are text");
        text
    }

    /// The process to signal, so that a node stops in the middle of what it is doing: the router, or
    /// a master; none if it is not running.
    pub fn pid(&self, node: Node) -> Option<u32> {
        if node == ROUTER {
            return self.processes.get(&node).map(Child::id);
        }
        let pid = fs::read_to_string(slot(node).join("master.pid")).ok()?;
        pid.trim().parse().ok().filter(|pid| is_alive(*pid))
    }

    /// Kills a node's processes, as the end of its machine would.
    pub async fn kill_node(&mut self, node: Node) {
        let Some(mut process) = self.processes.remove(&node) else { return };
        // The slave first, which would start another master.
        signal(process.id(), Signal::SIGSTOP);
        let master = if node == ROUTER { None } else { self.pid(node) };
        signal(process.id(), Signal::SIGKILL);
        if let Some(master) = master {
            signal(master, Signal::SIGKILL);
        }
        process.wait().expect("ours");
        // Until it was collected, by the first process of these namespaces: as long as one of its
        // threads lives, it has its files and ports.
        let is_there = |pid: u32| Path::new("/proc").join(pid.to_string()).exists();
        let deadline = Instant::now() + END_WITHIN;
        while master.is_some_and(is_there) {
            assert!(Instant::now() < deadline, "a killed process ends");
            sleep(LOOK_EVERY).await;
        }
    }

    /// Asks a slave to stop, as an orchestrator would; whoever does not obey is killed.
    pub async fn stop_node(&mut self, node: Node) {
        let Some(mut process) = self.processes.remove(&node) else { return };
        signal(process.id(), Signal::SIGTERM);
        let deadline = Instant::now() + END_WITHIN;
        while process.try_wait().expect("ours").is_none() {
            if Instant::now() >= deadline {
                self.processes.insert(node, process);
                return Box::pin(self.kill_node(node)).await;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Whether a node's process, or its slave, has been started and has not been killed.
    pub fn is_started(&self, node: Node) -> bool {
        self.processes.contains_key(&node)
    }

    /// The processes that have ended by themselves since the last time.
    pub fn collect_ended(&mut self) -> Vec<Ended> {
        let mut ended = Vec::new();
        for (node, process) in &mut self.processes {
            if let Some(status) = process.try_wait().expect("ours") {
                ended.push((*node, status));
            }
        }
        let words = |(node, status)| Ended { node, status, words: last_error(&self.said(node)) };
        let ended: Vec<_> = ended.into_iter().map(words).collect();
        for Ended { node, .. } in &ended {
            self.processes.remove(node);
        }
        ended
    }

    /// The cluster as the router sees it; none while the router is away.
    pub async fn status() -> Option<ClusterStatus> {
        client::cluster(&Self::router()).await.ok()
    }

    /// The node that is the available server, if the router knows one.
    pub async fn available() -> Option<Node> {
        Self::status().await?.available.as_deref().and_then(node_named)
    }

    /// Whether all masters vote, and one of them is available.
    pub fn is_whole(&self, status: &ClusterStatus) -> bool {
        let votes = |master: &&MasterStatus| {
            matches!(master.state, MasterState::Available | MasterState::Standby) && master.voter
        };
        status.available.is_some()
            && status.masters.iter().filter(votes).count() == self.masters
            && (status.router.voter || self.masters == 1)
    }
}

impl Drop for Cluster {
    /// The end of the namespaces would do it too; but a failed run should not go on.
    fn drop(&mut self) {
        for (node, process) in &self.processes {
            signal(process.id(), Signal::SIGKILL);
            if let Some(pid) = self.pid(*node) {
                signal(pid, Signal::SIGKILL);
            }
        }
        for process in self.processes.values_mut() {
            let _reaped = process.wait();
        }
    }
}

/// What a node is called.
pub fn name(node: Node) -> String {
    if node == ROUTER { "router".to_owned() } else { format!("server-{node}") }
}

fn node_named(name: &str) -> Option<Node> {
    name.strip_prefix("server-")?.parse().ok()
}

/// A node's file system.
pub fn disk(node: Node) -> PathBuf {
    Path::new(FOLDER).join(name(node))
}

/// Where a node has its files.
pub fn slot(node: Node) -> PathBuf {
    let data = disk(node).join("data");
    if node == ROUTER { data } else { data.join("slot-001") }
}

/// The reason in the last line with an error, or else the last line.
fn last_error(log: &str) -> String {
    let mut lines = log.lines().rev();
    let line = lines.clone().find(|line| line.contains("ERROR") || line.starts_with("tinysns: "));
    let line = line.or_else(|| lines.next()).unwrap_or("it said nothing");
    let reason = line.split_once("error=").map_or(line, |(_, reason)| reason);
    reason.trim_matches('"').to_owned()
}
