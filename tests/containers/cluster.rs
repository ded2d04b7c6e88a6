//! A cluster from the shipped Compose files, under a project name of its own. Dropping it removes
//! it completely, even if the test fails, in which case its logs are printed.

use std::{
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use tinysns::{
    client::{self, Client, ClientOptions, ClusterStatus, MasterState, MasterStatus, Viewer},
    settings::Secret,
};
use tokio::time::{Instant, interval};

use crate::{
    engine::{self, Engine, docker, docker_lines},
    ports::free_ports,
};

/// Far longer than any step takes on a busy machine; containers alone take seconds to start.
const CALL_TIMEOUT: Duration = Duration::from_mins(2);
/// Between two checks of the cluster.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Shorter than the shipped 25 s, so that a story does not take minutes; long enough to see the
/// others carry on without the master.
const REBOOT_DELAY: &str = "3s";

/// A running cluster.
pub struct Cluster {
    engine: &'static Engine,
    project: String,
    /// The router's port on this host.
    pub port: u16,
    operator: OnceLock<Viewer>,
}

impl Cluster {
    /// Starts a cluster and waits until all its servers vote.
    pub async fn up(engine: &'static Engine, servers: usize) -> Self {
        let (project, port) = (project_name(), free_ports(1));
        let cluster = Self { engine, project, port, operator: OnceLock::new() };
        cluster.scale(servers).await;
        cluster
    }

    /// Runs `compose` with these arguments in this project; returns its output.
    pub fn compose(&self, arguments: &[&str]) -> String {
        engine::run(self.command().args(arguments))
    }

    /// The environment and the first words of every command on this cluster.
    fn command(&self) -> Command {
        let mut command = Command::new(self.engine.compose[0]);
        command
            .args(&self.engine.compose[1..])
            .args(["--project-name", &self.project])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .envs(self.environment());
        command
    }

    /// The settings that distinguish this cluster from others.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("COMPOSE_PROJECT_NAME", self.project.clone()),
            ("TINYSNS_IMAGE", self.engine.image.clone()),
            ("ROUTER_PORT", self.port.to_string()),
            ("TINYSNS_REBOOT_DELAY", REBOOT_DELAY.to_owned()),
            // Its writers never rest.
            ("TINYSNS_RATE_LIMITS", "off".to_owned()),
        ]
    }

    /// Runs `up --scale server=…`, and waits until exactly that many servers are alive and vote.
    pub async fn scale(&self, servers: usize) -> ClusterStatus {
        let scale = format!("server={servers}");
        // In a thread of its own, because a writer runs meanwhile.
        let mut command = self.command();
        command.args(["up", "-d", "--no-build", "--no-recreate", "--scale", &scale]);
        away(move || engine::run(&mut command)).await;
        self.settled(servers).await
    }

    /// Waits until exactly `servers` masters are alive, all of them vote, and one is available.
    pub async fn settled(&self, servers: usize) -> ClusterStatus {
        self.until(&format!("{servers} servers to settle"), |status| {
            let living = living(status);
            status.available.is_some()
                && living.len() == servers
                && living.iter().all(|master| master.voter)
        })
        .await
    }

    /// Waits until the cluster is in the right state.
    pub async fn until(&self, what: &str, check: impl Fn(&ClusterStatus) -> bool) -> ClusterStatus {
        let deadline = Instant::now() + CALL_TIMEOUT;
        let mut looks = interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            let status = client::cluster_for(&self.router(), self.operator()).await;
            match status {
                Ok(status) if check(&status) => return status,
                other => assert!(Instant::now() < deadline, "waited for {what}: {other:#?}"),
            }
        }
    }

    /// A client on the host.
    pub fn client(&self) -> Client {
        Client::connect(ClientOptions::new(self.router())).expect("it is an address")
    }

    fn router(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Who has the cluster's secret, which its router has as soon as it is up.
    fn operator(&self) -> &Viewer {
        let read = || self.compose(&["exec", "-T", "router", "cat", "/run/tinysns/secret"]);
        self.operator.get_or_init(|| Viewer::with_secret(Secret::new(&read())).expect("a secret"))
    }

    /// The containers of a service, sorted by number.
    pub fn containers(&self, service: &str) -> Vec<Container> {
        let project = format!("label=com.docker.compose.project={}", self.project);
        let service = format!("label=com.docker.compose.service={service}");
        let format = "{{.Label \"com.docker.compose.container-number\"}} {{.ID}}";
        let lines = docker_lines(&[
            "ps", "-a", "--filter", &project, "--filter", &service, "--format", format,
        ]);
        let container = |line: String| {
            let (number, id) = line.split_once(' ').expect("the format has two parts");
            Container { number: number.parse().expect("compose numbers them"), id: id.to_owned() }
        };
        let mut containers: Vec<_> = lines.into_iter().map(container).collect();
        containers.sort_by_key(|container| container.number);
        containers
    }

    /// The container in which a master runs.
    pub fn container_of(&self, master: &MasterStatus) -> Container {
        let (ip, _) = master.address.rsplit_once(':').expect("an address has a port");
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let is_there =
            |container: &Container| docker(&["inspect", "-f", format, &container.id]).trim() == ip;
        let found = self.containers("server").into_iter().find(is_there);
        found.unwrap_or_else(|| panic!("no container has the address of {master:?}"))
    }

    /// The cluster's network.
    pub fn network(&self) -> String {
        format!("{}_default", self.project)
    }
}

/// One container of a service.
#[derive(Clone, Debug)]
pub struct Container {
    /// As counted by `compose exec --index`.
    pub number: u32,
    /// As named by `docker`.
    pub id: String,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if thread::panicking() {
            // If the engine itself has failed, the test's own failure is the one to report.
            let logs = engine::outcome(self.command().args(["logs", "--no-color", "--tail=100"]));
            eprintln!("--- the logs of {}\n{}", self.project, logs.unwrap_or_else(|error| error));
        }
        // A paused container takes no signal.
        for container in self.containers("server") {
            let _running = engine::outcome(Command::new("docker").args(["unpause", &container.id]));
        }
        let down = ["down", "--volumes", "--remove-orphans", "--timeout", "1"];
        if let Err(error) = engine::outcome(self.command().args(down)) {
            eprintln!("{} could not be removed: {error}", self.project);
        }
    }
}

/// The living masters.
pub fn living(status: &ClusterStatus) -> Vec<&MasterStatus> {
    status.masters.iter().filter(|master| master.state != MasterState::Down).collect()
}

/// The available server.
pub fn available(status: &ClusterStatus) -> &MasterStatus {
    let name = status.available.as_ref().expect("a server is available");
    status.masters.iter().find(|master| master.name == *name).expect("it is on the list")
}

/// The names of the living masters.
pub fn names(status: &ClusterStatus) -> Vec<String> {
    living(status).iter().map(|master| master.name.clone()).collect()
}

/// Does something slow without holding up the rest of the test.
pub async fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("the command ends well")
}

/// Different from any other on this engine.
pub fn project_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("tinysns-test-{}-{count}", std::process::id())
}
