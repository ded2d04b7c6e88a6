//! What each fault does to a cluster, and how it is healed.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::sys::signal::Signal;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    cluster::{Cluster, disk, name, slot},
    damage,
    faults::Fault,
    network::{self, Node, Place, Rule, address, ports, shell},
    pids::signal,
    relay::Relays,
    schedule::{Injection, Target},
};

/// How far a clock is set ahead or behind, in seconds: within what the network tolerates, beyond it,
/// and by more than it remembers replies.
const CLOCK_STEPS: [i64; 7] = [-100_000, -3_600, -2, 2, 60, 3_600, 100_000];
/// How many descriptors a process may still open.
const DESCRIPTORS_LEFT: usize = 3;
/// How many connections want one each.
const CALLERS: usize = 24;
/// How many connections want memory each.
const EATERS: usize = 192;
/// What a client of the API says first, for which a server makes room.
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// How long a connection to a process without descriptors is tried.
const CALL_TIMEOUT: Duration = Duration::from_millis(200);

/// A fault that is in force.
pub struct Active {
    pub fault: Fault,
    /// What was done, and to whom.
    pub what: String,
    /// The node whose file was damaged.
    pub damaged: Option<Node>,
    undo: Undo,
}

/// What ends it.
enum Undo {
    Nothing,
    Rules(Vec<Rule>),
    Relays(Relays),
    Flapping(CancellationToken, JoinHandle<()>),
    Continue(u32),
    Start(Vec<Node>),
    RemoveBallast(Node),
    MakeWritable(Node),
    SetClockRight(Node),
    RaiseDescriptors(u32, Vec<TcpStream>),
    RaiseMemory(u32, Vec<TcpStream>),
}

/// Lets a fault strike.
pub async fn inject(cluster: &mut Cluster, injection: &Injection) -> Active {
    let random = &mut StdRng::seed_from_u64(injection.seed);
    let nodes = match &injection.target {
        Target::Node(node) => vec![*node],
        Target::Nodes(nodes) => nodes.clone(),
        Target::Available => {
            let otherwise = random.random_range(1..=cluster.masters);
            vec![Cluster::available().await.unwrap_or(otherwise)]
        }
    };
    let names: Vec<String> = nodes.iter().map(|node| name(*node)).collect();
    let fault = injection.fault;
    let (how, undo) = match fault {
        Fault::SiteLost | Fault::PowerLost => {
            for node in &nodes {
                cluster.kill_node(*node).await;
            }
            (String::new(), Undo::Start(nodes.clone()))
        }
        _ => strike(cluster, fault, nodes[0], random).await,
    };
    let damaged = matches!(fault, Fault::BytesFlipped | Fault::FileTorn).then(|| nodes[0]);
    let how = if how.is_empty() { how } else { format!(" ({how})") };
    Active { fault, what: format!("{fault}: {}{how}", names.join(", ")), damaged, undo }
}

/// Lets a fault strike one node; says what is particular to it.
async fn strike(
    cluster: &mut Cluster,
    fault: Fault,
    node: Node,
    random: &mut StdRng,
) -> (String, Undo) {
    let plain = |undo| (String::new(), undo);
    match fault {
        Fault::MasterKilled => {
            if let Some(pid) = cluster.pid(node) {
                signal(pid, Signal::SIGKILL);
            }
            plain(Undo::Nothing)
        }
        Fault::RouterKilled => {
            cluster.kill_node(node).await;
            plain(Undo::Start(vec![node]))
        }
        Fault::MasterStopped => {
            cluster.stop_node(node).await;
            plain(Undo::Start(vec![node]))
        }
        Fault::MasterPaused | Fault::RouterPaused => {
            let Some(pid) = cluster.pid(node) else { return plain(Undo::Nothing) };
            signal(pid, Signal::SIGSTOP);
            plain(Undo::Continue(pid))
        }
        Fault::NodeCutOff | Fault::OneWayCut | Fault::PairCut | Fault::LossyLink => {
            let (how, rules) = links(cluster, fault, node, random);
            network::add(&rules).await;
            (how, Undo::Rules(rules))
        }
        Fault::FlappingLink => plain(flap(node, random)),
        Fault::SlowLink => slow_down(cluster, node, random).await,
        Fault::DiskFull => {
            fill(node);
            plain(Undo::RemoveBallast(node))
        }
        Fault::DiskReadOnly => {
            // The kernel allows it only while nobody has a file open for writing.
            cluster.kill_node(node).await;
            shell(&format!("mount -o remount,ro {}", disk(node).display())).await;
            cluster.start_node(node);
            plain(Undo::MakeWritable(node))
        }
        Fault::BytesFlipped | Fault::FileTorn => {
            cluster.kill_node(node).await;
            let how = damage_a_file(fault, node, random);
            cluster.start_node(node);
            (how, Undo::Nothing)
        }
        Fault::MasterDiskLost | Fault::RouterDiskLost => {
            cluster.kill_node(node).await;
            remove_slot(node);
            cluster.start_node(node);
            plain(Undo::Nothing)
        }
        Fault::ClockStep => {
            if !clock::can_be_set() {
                return ("not done: libfaketime is missing".to_owned(), Undo::Nothing);
            }
            let seconds = CLOCK_STEPS[random.random_range(0..CLOCK_STEPS.len())];
            clock::set(node, seconds);
            (format!("{seconds:+} s"), Undo::SetClockRight(node))
        }
        Fault::FewDescriptors => plain(take_descriptors(cluster, node).await),
        Fault::LittleMemory => plain(take_memory(cluster, node).await),
        Fault::SiteLost | Fault::PowerLost => unreachable!("they strike several nodes"),
    }
}

fn other_places(cluster: &Cluster, node: Node) -> Vec<Place> {
    let nodes = cluster.nodes().filter(|other| *other != node).map(Place::Node);
    nodes.chain([Place::Clients]).collect()
}

fn links(cluster: &Cluster, fault: Fault, node: Node, random: &mut StdRng) -> (String, Vec<Rule>) {
    let here = Place::Node(node);
    match fault {
        Fault::OneWayCut if random.random_bool(0.5) => {
            ("it hears nobody".to_owned(), vec![Rule::filter(here, "INPUT -i eth0 -j DROP")])
        }
        Fault::OneWayCut => {
            ("nobody hears it".to_owned(), vec![Rule::filter(here, "OUTPUT -o eth0 -j DROP")])
        }
        Fault::PairCut => {
            let others = other_places(cluster, node);
            let other = others[random.random_range(0..others.len())];
            let named = match other {
                Place::Clients => "the clients".to_owned(),
                Place::Node(node) => name(node),
            };
            let rules = vec![network::cut(here, other), network::cut(other, here)];
            (format!("from {named}"), rules)
        }
        Fault::LossyLink => {
            let percent = random.random_range(5..=40);
            let lose = |chain: &str| {
                let lot = format!("-m statistic --mode random --probability 0.{percent:02}");
                Rule::filter(here, format!("{chain} eth0 {lot} -j DROP"))
            };
            (format!("{percent} % each way"), vec![lose("INPUT -i"), lose("OUTPUT -o")])
        }
        _ => (String::new(), network::cut_off(node)),
    }
}

/// A link that fails and returns, several times a second.
fn flap(node: Node, random: &mut StdRng) -> Undo {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let mut random = StdRng::seed_from_u64(random.random());
    let task = tokio::spawn(async move {
        let rules = network::cut_off(node);
        while !stopped.is_cancelled() {
            network::add(&rules).await;
            sleep(Duration::from_millis(random.random_range(20..=400))).await;
            network::remove(&rules).await;
            sleep(Duration::from_millis(random.random_range(20..=400))).await;
        }
    });
    Undo::Flapping(stop, task)
}

async fn slow_down(cluster: &Cluster, node: Node, random: &mut StdRng) -> (String, Undo) {
    let delay = random.random_range(20..=300);
    let others = other_places(cluster, node);
    let relays = Relays::around(node, &others, Duration::from_millis(delay)).await;
    network::add(&relays.rules).await;
    (format!("{delay} ms each way"), Undo::Relays(relays))
}

fn ballast(node: Node) -> PathBuf {
    disk(node).join("ballast")
}

/// Leaves no room on a node's disk.
fn fill(node: Node) {
    let chunk = vec![0x5a; 1 << 16];
    let mut file = fs::File::create(ballast(node)).expect("a file in its own folder");
    // First in large pieces, then to the last page.
    for size in [chunk.len(), 4096] {
        while file.write_all(&chunk[..size]).is_ok() {}
    }
}

fn damage_a_file(fault: Fault, node: Node, random: &mut StdRng) -> String {
    let log = slot(node).join("raft.redb");
    let segments = fs::read_dir(slot(node).join("raft-log")).into_iter().flatten();
    let newest = segments.flatten().map(|segment| segment.path()).max();
    // The router's witness has no state.
    let of_the_state = files_in(&slot(node).join("state"));
    let table = of_the_state.get(random.random_range(0..of_the_state.len().max(1))).cloned();
    let files: Vec<PathBuf> = [Some(log), newest, table].into_iter().flatten().collect();
    let file = files[random.random_range(0..files.len())].clone();
    let done = match fault {
        Fault::BytesFlipped => damage::flip(&file, random),
        _ => damage::tear(&file, random),
    };
    done.unwrap_or_else(|error| format!("not done: {}: {error}", file.display()))
}

/// All files that are not empty in a directory, which may not exist.
fn files_in(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => files.extend(files_in(&entry.path())),
            Ok(metadata) if metadata.len() > 0 => files.push(entry.path()),
            _ => {}
        }
    }
    files.sort();
    files
}

/// Removes everything that a node has on its disk, as its operator does when it is told to, or as a new
/// disk does.
pub fn remove_slot(node: Node) {
    fs::remove_dir_all(slot(node)).expect("a folder of a node that is not running");
}

/// Leaves a process with hardly a descriptor, and asks it for more.
async fn take_descriptors(cluster: &Cluster, node: Node) -> Undo {
    let Some(pid) = cluster.pid(node) else { return Undo::Nothing };
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Undo::Nothing };
    let limit = open.count() + DESCRIPTORS_LEFT;
    limit_to(pid, "nofile", &format!("{limit}")).await;
    Undo::RaiseDescriptors(pid, call_often(node, CALLERS).await)
}

/// Opens connections to both ports of a node, as far as it accepts them.
async fn call_often(node: Node, times: usize) -> Vec<TcpStream> {
    let mut connections = Vec::new();
    for caller in 0..times {
        let port = ports(node)[caller % 2];
        let attempt = TcpStream::connect((address(node), port));
        let Ok(Ok(mut connection)) = timeout(CALL_TIMEOUT, attempt).await else { break };
        // If it is refused by then, that is as good.
        let _refused = connection.write_all(GREETING).await;
        connections.push(connection);
    }
    connections
}

/// Leaves a process with no more memory than it uses, and asks it for more.
async fn take_memory(cluster: &Cluster, node: Node) -> Undo {
    let Some(pid) = cluster.pid(node) else { return Undo::Nothing };
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let size = size.and_then(|words| words.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let Some(kibibytes) = size else { return Undo::Nothing };
    limit_to(pid, "as", &format!("{}", kibibytes * 1024)).await;
    Undo::RaiseMemory(pid, call_often(node, EATERS).await)
}

/// Sets the soft limit of a process, which may have ended.
async fn limit_to(pid: u32, what: &str, limit: &str) {
    shell(&format!("prlimit --pid {pid} --{what}={limit}: 2>/dev/null || true")).await;
}

impl Active {
    /// Ends the fault; what it has broken may take its time to recover.
    pub async fn heal(self, cluster: &mut Cluster) {
        match self.undo {
            Undo::Nothing => {}
            Undo::Rules(rules) => network::remove(&rules).await,
            Undo::Relays(relays) => network::remove(&relays.rules).await,
            Undo::Flapping(stop, task) => {
                stop.cancel();
                task.await.expect("it ends with its link up");
            }
            Undo::Continue(pid) => signal(pid, Signal::SIGCONT),
            Undo::Start(nodes) => {
                for node in nodes {
                    if !cluster.is_started(node) {
                        cluster.start_node(node);
                    }
                }
            }
            Undo::RemoveBallast(node) => {
                fs::remove_file(ballast(node)).expect("it was made by the fault");
            }
            Undo::MakeWritable(node) => {
                shell(&format!("mount -o remount,rw {}", disk(node).display())).await;
            }
            Undo::SetClockRight(node) => clock::set_right(node),
            Undo::RaiseDescriptors(pid, connections) => {
                drop(connections);
                raise(pid, "nofile").await;
            }
            Undo::RaiseMemory(pid, connections) => {
                drop(connections);
                raise(pid, "as").await;
            }
        }
    }
}

/// Sets the soft limit of a process to its hard one.
async fn raise(pid: u32, what: &str) {
    let hard = format!("prlimit --pid {pid} --{what} --noheadings --raw --output HARD 2>/dev/null");
    shell(&format!("if hard=$({hard}); then prlimit --pid {pid} --{what}=$hard: || true; fi"))
        .await;
}
