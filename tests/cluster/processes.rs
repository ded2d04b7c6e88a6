//! A cluster of real processes on loopback: the router, slaves with their masters, and all data in
//! a temporary folder. Dropping it ends every process that it started, by process id.

use std::{
    fmt::Debug,
    fs,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::sys::signal::Signal;
use tempfile::TempDir;
use tinysns::client::{self, Client, ClientOptions, ClusterStatus, MasterState, MasterStatus};
use tokio::time::{Instant, sleep};

pub use super::pids::{is_alive, parent, signal};
use super::ports::free_ports;

/// Generous: reached only if something hangs.
pub const DEADLINE: Duration = Duration::from_secs(90);
/// Between two checks of something that sends no event.
pub const LOOK_EVERY: Duration = Duration::from_millis(20);
/// For people who do more than anybody may usually do.
pub const NO_RATE_LIMITS: (&str, &str) = ("TINYSNS_RATE_LIMITS", "off");
pub const SECRET: &str = "the secret of a cluster under test";

/// A running cluster.
pub struct Cluster {
    binary: PathBuf,
    folder: TempDir,
    router_port: u16,
    witness_port: u16,
    metrics_port: u16,
    reboot_delay: String,
    more_settings: Vec<(&'static str, &'static str)>,
    /// Where all logs go; without it, each goes into a file of its own.
    log: Option<OwnedFd>,
    router: Option<Child>,
    slaves: Vec<Child>,
    logs: usize,
    starts_next_version: bool,
}

/// Checks until the value is as it should be. If that never happens, prints the last value.
pub async fn eventually<T: Debug>(
    what: &str,
    mut look: impl AsyncFnMut() -> T,
    accept: impl Fn(&T) -> bool,
) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let seen = look().await;
        if accept(&seen) {
            return seen;
        }
        assert!(
            Instant::now() < deadline,
            "this never happened: {what}; the last value is {seen:#?}"
        );
        sleep(LOOK_EVERY).await;
    }
}

impl Cluster {
    /// Starts a router and `servers` slaves, whose masters are rebooted `reboot_delay` after a
    /// crash, and waits until all masters vote.
    pub async fn start(binary: &str, servers: usize, reboot_delay: &str) -> Self {
        Self::start_with(binary, servers, reboot_delay, &[]).await
    }

    /// Like [`Cluster::start`], with additional variables for every process.
    pub async fn start_with(
        binary: &str,
        servers: usize,
        reboot_delay: &str,
        more_settings: &[(&'static str, &'static str)],
    ) -> Self {
        let mut cluster = Self::prepare(binary, reboot_delay, more_settings);
        cluster.begin(servers).await;
        cluster
    }

    /// Like [`Cluster::start`], for people who do more than anybody may usually do.
    pub async fn start_unlimited(binary: &str, servers: usize, reboot_delay: &str) -> Self {
        Self::start_with(binary, servers, reboot_delay, &[NO_RATE_LIMITS]).await
    }

    /// Like [`Cluster::start_with`], with all logs going to `log`.
    pub async fn start_logging_to(
        log: OwnedFd,
        binary: &str,
        servers: usize,
        reboot_delay: &str,
        more_settings: &[(&'static str, &'static str)],
    ) -> Self {
        let mut cluster = Self::prepare(binary, reboot_delay, more_settings);
        cluster.log = Some(log);
        cluster.begin(servers).await;
        cluster
    }

    /// A cluster of which no process is started yet.
    pub fn prepare(
        binary: &str,
        reboot_delay: &str,
        more_settings: &[(&'static str, &'static str)],
    ) -> Self {
        Self {
            binary: binary.into(),
            folder: tempfile::tempdir().expect("a temporary folder"),
            router_port: free_ports(1),
            witness_port: free_ports(1),
            metrics_port: free_ports(1),
            reboot_delay: reboot_delay.to_owned(),
            more_settings: more_settings.to_vec(),
            log: None,
            router: None,
            slaves: Vec::new(),
            logs: 0,
            starts_next_version: false,
        }
    }

    async fn begin(&mut self, servers: usize) {
        self.start_router();
        self.start_slaves(servers);
        self.all_vote(servers).await;
    }

    /// The router, host:port.
    pub fn router(&self) -> String {
        format!("127.0.0.1:{}", self.router_port)
    }

    /// Where the router answers monitoring, host:port.
    pub fn metrics(&self) -> String {
        format!("127.0.0.1:{}", self.metrics_port)
    }

    /// The folder with all its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A command of the program, with the cluster's settings in its environment.
    pub fn command(&self, role: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg(role)
            .env("TINYSNS_ROUTER", self.router())
            .env("TINYSNS_ROUTER_LISTEN", self.router())
            .env("TINYSNS_WITNESS_LISTEN", format!("127.0.0.1:{}", self.witness_port))
            .env("TINYSNS_ROUTER_DATA_DIR", self.folder().join("router"))
            .env("TINYSNS_DATA_DIR", self.folder().join("masters"))
            .env("TINYSNS_ROUTER_METRICS_LISTEN", self.metrics())
            .env("TINYSNS_CLIENT_LISTEN", "127.0.0.1:0")
            .env("TINYSNS_PEER_LISTEN", "127.0.0.1:0")
            .env("TINYSNS_SECRET", SECRET)
            .env("TINYSNS_REBOOT_DELAY", &self.reboot_delay)
            .envs(self.more_settings.iter().copied());
        if self.starts_next_version {
            command.env("LABORATORY_NEXT_VERSION", "1");
        }
        command
    }

    /// With the masters' data in this folder, and settings of its own.
    fn spawn_in(&mut self, masters: &str, role: &str, settings: &[(&str, String)]) -> Child {
        self.logs += 1;
        let log = if let Some(log) = &self.log {
            log.try_clone().expect("another handle")
        } else {
            let log = self.folder().join(format!("{:03}-{role}.log", self.logs));
            fs::File::create(log).expect("a log file").into()
        };
        self.command(role)
            .env("TINYSNS_DATA_DIR", self.folder().join(masters))
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the program starts")
    }

    /// Starts the router again, at the same address.
    pub fn start_router(&mut self) {
        self.start_router_with(&[]);
    }

    /// The same, with settings of its own.
    pub fn start_router_with(&mut self, settings: &[(&str, String)]) {
        self.router = Some(self.spawn_in("masters", "router", settings));
    }

    /// Kills the router.
    pub fn kill_router(&mut self) {
        if let Some(mut router) = self.router.take() {
            router.kill().expect("ours");
            router.wait().expect("ours");
        }
    }

    /// Deletes everything on the router's disk; call it while the router is not running.
    pub fn wipe_router(&self) {
        fs::remove_dir_all(self.folder().join("router")).expect("the router's own folder");
    }

    /// Starts `count` more slaves.
    pub fn start_slaves(&mut self, count: usize) {
        self.start_slaves_in("masters", count);
    }

    /// Starts `count` more slaves, as on another machine: with their data in a folder of their own.
    pub fn start_slaves_in(&mut self, folder: &str, count: usize) {
        for _ in 0..count {
            self.start_slave_with(folder, &[]);
        }
    }

    /// One with settings of its own.
    pub fn start_slave_with(&mut self, folder: &str, settings: &[(&str, String)]) {
        let slave = self.spawn_in(folder, "slave", settings);
        self.slaves.push(slave);
    }

    /// A slave that somebody else has started.
    pub fn adopt_slave(&mut self, slave: Child) {
        self.slaves.push(slave);
    }

    /// Stops the oldest slave, and waits for it.
    pub fn stop_oldest_slave(&mut self) {
        self.slaves.rotate_left(1);
        self.stop_slaves(1);
    }

    /// Stops the newest `count` slaves as an orchestrator would, and waits for them.
    pub fn stop_slaves(&mut self, count: usize) {
        let stopped = self.slaves.split_off(self.slaves.len() - count);
        for slave in &stopped {
            signal(slave.id(), Signal::SIGTERM);
        }
        for mut slave in stopped {
            let status = slave.wait().expect("ours");
            assert!(status.success(), "a stopped slave exits successfully: {status}");
        }
    }

    /// Kills every process at once, as a power failure would.
    pub fn kill_everything(&mut self) {
        self.kill_router();
        let masters = self.master_pids();
        for slave in &self.slaves {
            signal(slave.id(), Signal::SIGKILL);
        }
        for pid in masters {
            signal(pid, Signal::SIGKILL);
        }
        for mut slave in std::mem::take(&mut self.slaves) {
            slave.wait().expect("ours");
        }
    }

    /// The slaves' process ids.
    pub fn slave_pids(&self) -> Vec<u32> {
        self.slaves.iter().map(Child::id).collect()
    }

    /// The masters' process ids, as their slaves have recorded them.
    pub fn master_pids(&self) -> Vec<u32> {
        let inside = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
        inside(self.folder().to_owned())
            .flat_map(|folder| inside(folder.path()))
            .filter_map(|slot| fs::read_to_string(slot.path().join("master.pid")).ok())
            .filter_map(|pid| pid.trim().parse().ok())
            .collect()
    }

    /// A client that is logged in as `user`.
    pub async fn client(&self, user: &str) -> Client {
        let client = Client::connect(ClientOptions::new(self.router())).expect("a valid address");
        client.log_in(user, None).await.expect("logged in");
        client
    }

    /// The cluster as the router sees it; none while the router is away.
    pub async fn status(&self) -> Option<ClusterStatus> {
        client::cluster(&self.router()).await.ok()
    }

    /// Waits until the cluster is in the right state.
    pub async fn until(
        &self,
        what: &str,
        accept: impl Fn(&ClusterStatus) -> bool,
    ) -> ClusterStatus {
        let deadline = Instant::now() + DEADLINE;
        let mut last = None;
        while Instant::now() < deadline {
            if let Some(status) = self.status().await {
                if accept(&status) {
                    return status;
                }
                last = Some(status);
            }
            sleep(LOOK_EVERY).await;
        }
        panic!("the cluster never reached this state: {what}; it is {last:#?}");
    }

    /// Waits until `count` masters vote (and, if there are several, the witness), and one of them
    /// is available. Whether the witness votes beside a single master depends on whether another is
    /// expected back.
    pub async fn all_vote(&self, count: usize) -> ClusterStatus {
        let what = format!("{count} masters vote, one of them available");
        let settled =
            |status: &ClusterStatus| voters(status) == count && (status.router.voter || count == 1);
        self.until(&what, |status| status.available.is_some() && settled(status)).await
    }

    /// Kills the available server, and waits until `count` masters vote again, or still.
    pub async fn lose_the_available_server(&self, count: usize) {
        signal(self.available().await.pid, Signal::SIGKILL);
        self.all_vote(count).await;
    }

    /// The available server.
    pub async fn available(&self) -> MasterStatus {
        let status = self.until("there is an available server", |s| s.available.is_some()).await;
        let available = |master: &MasterStatus| master.state == MasterState::Available;
        status.masters.into_iter().find(available).expect("it is among the masters")
    }
}

/// Versions roll through a cluster.
#[cfg(feature = "laboratory")]
impl Cluster {
    /// From now on, nodes are started as the next version of the program, which speaks the next version of the
    /// format, too; or as this one.
    pub fn starts_next_version(&mut self, is_next: bool) {
        self.starts_next_version = is_next;
    }

    /// Stops a slave as an orchestrator would, counted from the oldest, and starts another, which claims its slot;
    /// those who use the cluster meanwhile are not held up.
    pub async fn restart_slave(&mut self, number: usize) {
        let mut slave = self.slaves.remove(number);
        Self::stop(&mut slave).await;
        self.start_slaves(1);
    }

    /// The same for the router.
    pub async fn restart_router(&mut self) {
        let mut router = self.router.take().expect("it runs");
        Self::stop(&mut router).await;
        self.start_router();
    }

    /// Asks a process to stop, and waits until it has.
    async fn stop(process: &mut Child) {
        signal(process.id(), Signal::SIGTERM);
        let ended = async || process.try_wait().expect("ours");
        let status = eventually("a stopped process ends", ended, Option::is_some).await;
        assert!(status.is_some_and(|status| status.success()), "it exits successfully: {status:?}");
    }
}

/// How many masters vote.
pub fn voters(status: &ClusterStatus) -> usize {
    let votes = |master: &&MasterStatus| {
        matches!(master.state, MasterState::Available | MasterState::Standby)
    };
    status.masters.iter().filter(votes).count()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print_logs();
        }
        for pid in self.master_pids() {
            signal(pid, Signal::SIGCONT);
        }
        self.kill_everything();
    }
}

impl Cluster {
    fn print_logs(&self) {
        const LAST_LINES: usize = 40;
        let Ok(files) = fs::read_dir(self.folder()) else { return };
        let mut logs: Vec<PathBuf> = files.filter_map(|file| Some(file.ok()?.path())).collect();
        logs.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
        logs.sort();
        for log in logs {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            eprintln!("--- {}", log.display());
            for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
                eprintln!("{line}");
            }
        }
    }
}
