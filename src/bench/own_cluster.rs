//! A network of the bench's own (`--start`): a router, and slaves with their masters, as processes of this
//! program on loopback, with all data in a directory for temporary files. Dropping it ends the processes and
//! removes the directory.
//!
//! Other settings of theirs come from the environment, as always.

use std::{
    env,
    fs::{self, File},
    io,
    net::TcpListener,
    os::unix::fs::FileExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{
    client::{self, ClusterStatus, MasterState, MasterStatus, Viewer},
    host::{disk, random},
};

/// Between two looks at the cluster.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Reached only if something hangs: a large state takes minutes to be fetched.
const GIVE_UP_AFTER: Duration = Duration::from_mins(30);
/// How soon a slave reboots its master here: whoever measures many losses does not wait for each.
const REBOOT_DELAY: &str = "500ms";
/// Everybody comes from one address here, and many connections are what some scenarios measure.
const ROOMY: [(&str, &str); 2] =
    [("TINYSNS_CONNECTIONS_PER_ADDRESS", "8192"), ("TINYSNS_CALLS_PER_ADDRESS", "16384")];
/// How much of the end of a log is told, in bytes.
const LAST_WORDS: u64 = 2_048;

/// The processes, and where their data is.
pub struct OwnCluster {
    program: PathBuf,
    addresses: Addresses,
    secret: String,
    router: Option<Process>,
    slaves: Vec<Process>,
    /// Directories of masters that began without data.
    begun_empty: usize,
    /// Removed when all processes have ended: fields are dropped in this order.
    directory: TempDir,
}

/// A process of ours. It is waited for when it is dropped.
struct Process {
    role: &'static str,
    child: Child,
    log: File,
}

/// Where the router listens, host:port.
struct Addresses {
    router: String,
    witness: String,
    metrics: String,
}

/// Why there is no such network, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum OwnClusterError {
    /// No directory, no port or no process.
    #[error("cannot start a network on this machine: {0}")]
    Start(#[from] io::Error),
    /// A process has ended by itself.
    #[error("a {role} of the network that was started here has ended; the end of its log:\n{log}")]
    Ended { role: &'static str, log: String },
    /// What was waited for has not happened.
    #[error(
        "the network that was started here hangs: for {GIVE_UP_AFTER:?}, it was waited until {what}"
    )]
    Hangs { what: String },
}

impl OwnCluster {
    /// Starts a router and so many masters, and waits until all of them vote.
    pub async fn start(masters: usize) -> Result<Self, OwnClusterError> {
        let directory = tempfile::Builder::new().prefix("tinysns-bench-").tempdir()?;
        let mut cluster = Self {
            program: env::current_exe()?,
            directory,
            addresses: Addresses::free()?,
            secret: format!("{:032x}", random::id()),
            router: None,
            slaves: Vec::new(),
            begun_empty: 0,
        };
        cluster.start_all(masters)?;
        cluster.until_all_vote(masters).await?;
        Ok(cluster)
    }

    /// The router, host:port.
    pub fn router(&self) -> &str {
        &self.addresses.router
    }

    /// Where the router answers monitoring, host:port.
    pub fn metrics(&self) -> &str {
        &self.addresses.metrics
    }

    /// How many masters it has.
    pub fn size(&self) -> usize {
        self.slaves.len()
    }

    /// Starts the router and so many slaves, each of which takes the data of a master that is not running.
    pub fn start_all(&mut self, masters: usize) -> Result<(), OwnClusterError> {
        self.router = Some(self.spawn(self.command("router"), "router")?);
        for _ in 0..masters {
            self.start_slave()?;
        }
        Ok(())
    }

    /// Starts one more slave, which takes the data of a master that is not running.
    pub fn start_slave(&mut self) -> Result<(), OwnClusterError> {
        let slave = self.spawn(self.command("slave"), "slave")?;
        self.slaves.push(slave);
        Ok(())
    }

    /// Starts one more slave, whose master has no data yet.
    pub fn start_empty(&mut self) -> Result<(), OwnClusterError> {
        self.begun_empty += 1;
        let name = format!("joined-{}", self.begun_empty);
        let mut command = self.command("slave");
        command
            .env("TINYSNS_DATA_DIR", self.directory.path().join(&name))
            .env("TINYSNS_NAME", name);
        let slave = self.spawn(command, "slave")?;
        self.slaves.push(slave);
        Ok(())
    }

    /// Lets the newest slave leave the cluster together with its master.
    pub fn stop_newest(&mut self) {
        if let Some(slave) = self.slaves.pop() {
            signal(slave.child.id(), Signal::SIGTERM);
        }
    }

    /// Kills a master together with its slave, as if their machine had lost its power.
    pub fn kill_with_slave(&mut self, master: u32) -> io::Result<()> {
        let slave = parent(master);
        let Some(index) = self.slaves.iter().position(|of| Some(of.child.id()) == slave) else {
            return Err(io::Error::other(format!("process {master} is no master of this network")));
        };
        let mut slave = self.slaves.swap_remove(index);
        // The slave first: otherwise it reboots its master.
        slave.child.kill()?;
        signal(master, Signal::SIGKILL);
        Ok(())
    }

    /// The same for all masters, and for the router.
    pub async fn kill_all(&mut self) -> Result<(), OwnClusterError> {
        let masters = self.status().await.map(|status| status.masters).unwrap_or_default();
        for master in masters.iter().filter(|master| votes(master)) {
            self.kill_with_slave(master.pid)?;
        }
        if let Some(mut router) = self.router.take() {
            router.child.kill()?;
        }
        Ok(())
    }

    /// Waits until so many masters vote, and all have what was posted until now.
    pub async fn until_all_vote(
        &mut self,
        masters: usize,
    ) -> Result<ClusterStatus, OwnClusterError> {
        let what = format!("{masters} masters vote, one of them available");
        let status = self
            .until(&what, |status| {
                status.available.is_some()
                    && status.masters.iter().filter(|master| votes(master)).count() == masters
                    && (status.router.voter || masters == 1)
            })
            .await?;
        let newest = status.masters.iter().map(|master| master.last_log_index).max().unwrap_or(0);
        let has_all = |master: &MasterStatus| !votes(master) || master.applied_index >= newest;
        self.until("all masters have everything", |status| status.masters.iter().all(has_all)).await
    }

    /// Waits until the cluster is as it should be.
    pub async fn until(
        &mut self,
        what: &str,
        accept: impl Fn(&ClusterStatus) -> bool,
    ) -> Result<ClusterStatus, OwnClusterError> {
        let began = Instant::now();
        while began.elapsed() < GIVE_UP_AFTER {
            // Until it listens, the router cannot say anything.
            if let Some(status) = self.status().await.filter(&accept) {
                return Ok(status);
            }
            self.check_processes()?;
            sleep(LOOK_EVERY).await;
        }
        Err(OwnClusterError::Hangs { what: what.to_owned() })
    }

    /// The bytes that a master has on its disk, on average over all.
    pub fn bytes_on_disk(&self) -> io::Result<u64> {
        let all = disk::length_of_directory(&self.directory.path().join("servers"))?;
        Ok(all.unwrap_or(0) / self.slaves.len().max(1) as u64)
    }

    async fn status(&self) -> Option<ClusterStatus> {
        client::cluster_for(self.router(), &Viewer::default()).await.ok()
    }

    fn command(&self, role: &str) -> Command {
        let directory = self.directory.path();
        let mut command = Command::new(&self.program);
        command
            .arg(role)
            .env_remove("TINYSNS_SECRET_FILE")
            .env("TINYSNS_SECRET", &self.secret)
            .env("TINYSNS_ROUTER", &self.addresses.router)
            .env("TINYSNS_ROUTER_LISTEN", &self.addresses.router)
            .env("TINYSNS_WITNESS_LISTEN", &self.addresses.witness)
            .env("TINYSNS_ROUTER_METRICS_LISTEN", &self.addresses.metrics)
            .env("TINYSNS_ROUTER_DATA_DIR", directory.join("router"))
            .env("TINYSNS_CLIENT_LISTEN", "127.0.0.1:0")
            .env("TINYSNS_PEER_LISTEN", "127.0.0.1:0")
            .env("TINYSNS_METRICS_LISTEN", "127.0.0.1:0")
            .env("TINYSNS_DATA_DIR", directory.join("servers"))
            .env("TINYSNS_REBOOT_DELAY", REBOOT_DELAY)
            .env("TINYSNS_RATE_LIMITS", "off")
            .envs(ROOMY.into_iter().filter(|(name, _)| env::var_os(name).is_none()));
        command
    }

    fn spawn(&self, mut command: Command, role: &'static str) -> io::Result<Process> {
        let log = tempfile::tempfile_in(self.directory.path())?;
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.try_clone()?).spawn()?;
        Ok(Process { role, child, log })
    }

    fn check_processes(&mut self) -> Result<(), OwnClusterError> {
        for process in self.slaves.iter_mut().chain(&mut self.router) {
            if process.child.try_wait()?.is_some() {
                let (role, log) = (process.role, process.last_words()?);
                return Err(OwnClusterError::Ended { role, log });
            }
        }
        Ok(())
    }
}

impl Process {
    /// The end of its log.
    fn last_words(&self) -> io::Result<String> {
        let mut words = vec![0; usize::try_from(LAST_WORDS).expect("few")];
        let length = self.log.metadata()?.len();
        let read = self.log.read_at(&mut words, length.saturating_sub(LAST_WORDS))?;
        words.truncate(read);
        Ok(String::from_utf8_lossy(&words).trim_end().to_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Who was killed has ended, and who was asked to end does so within seconds: a slave sees to its
        // master's end before its own.
        let _ended = self.child.wait();
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        for process in self.slaves.iter().chain(&self.router) {
            signal(process.child.id(), Signal::SIGTERM);
        }
    }
}

impl Addresses {
    /// Ports that nobody uses now.
    fn free() -> io::Result<Self> {
        let listeners = [bind()?, bind()?, bind()?];
        let [router, witness, metrics] =
            listeners.each_ref().map(|listener| listener.local_addr().map(|at| at.to_string()));
        Ok(Self { router: router?, witness: witness?, metrics: metrics? })
    }
}

fn bind() -> io::Result<TcpListener> {
    TcpListener::bind("127.0.0.1:0")
}

/// Whether a master votes: it serves, or is ready to.
pub fn votes(master: &MasterStatus) -> bool {
    matches!(master.state, MasterState::Available | MasterState::Standby)
}

/// Sends a signal to a process of ours, which may have ended.
pub fn signal(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _gone = kill(Pid::from_raw(pid), signal);
    }
}

/// The process that has forked this one.
fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}
