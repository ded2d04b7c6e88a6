//! The same Compose file under Docker Swarm, on a swarm of one machine.

use std::{io::Write as _, process::Command, thread, time::Duration};

use crate::{
    cluster::project_name,
    engine::{docker, docker_lines, outcome, run, turn},
    ports::free_ports,
    visitor::Visitor,
};
use serde_json::Value;
use tokio::time::{Instant, interval};

const SECRET: &str = "tinysns_secret";
const SECRET_TEXT: &str = "only-for-this-test-0123456789";
const SERVERS: usize = 3;
/// A swarm creates networks, pulls tasks and reboots masters at its own pace.
const CALL_TIMEOUT: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_swarm_runs_the_same_file_and_a_crashed_master_is_rebooted_there() {
    let Some((engine, _turn)) = turn().await else { return };
    if docker(&["info", "--format", "{{.Swarm.LocalNodeState}}"]).trim() != "inactive" {
        eprintln!("SKIPPED: this engine takes part in a swarm already, which is not ours to use");
        return;
    }
    let swarm = Swarm::deploy(&engine.image);
    let visitor = Visitor::enter(&engine.image, &format!("{}_default", swarm.stack)).await;
    let status = settled(&visitor, 0).await;

    let available = status["available"].as_str().expect("a server is available").to_owned();
    let address = address_of(&status, &available);
    let victim = swarm.container_at(&address);
    docker(&["exec", &victim, "pkill", "-KILL", "-P", "1"]);
    let healed = settled(&visitor, 1).await;
    assert_eq!(swarm.container_at(&address_of(&healed, &available)), victim);

    let talk = "printf 'TIMELINE\\nhello\\n' | tinysns client --router router:3010 -u ann";
    let said = visitor.run(talk).await;
    assert_eq!(said.code, 0, "{said:?}");
}

/// Waits until all servers vote and one is available, after this many reboots in all.
async fn settled(visitor: &Visitor, reboots: u64) -> Value {
    let deadline = Instant::now() + CALL_TIMEOUT;
    let mut looks = interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        // The image names a file, which a visitor does not have.
        let status = format!(
            "TINYSNS_SECRET_FILE= TINYSNS_SECRET={SECRET_TEXT} tinysns status --json --router router:3010"
        );
        let printed = visitor.run(&status).await;
        let status: Value = serde_json::from_str(&printed.stdout).unwrap_or_default();
        let masters = status["masters"].as_array().cloned().unwrap_or_default();
        let voters = masters.iter().filter(|master| master["voter"] == true).count();
        let counted: u64 = masters.iter().filter_map(|master| master["reboots"].as_u64()).sum();
        if status["available"].is_string() && voters == SERVERS && counted >= reboots {
            return status;
        }
        assert!(Instant::now() < deadline, "the stack does not settle: {printed:?}");
    }
}

fn address_of(status: &Value, name: &str) -> String {
    let masters = status["masters"].as_array().expect("masters are a list");
    let master = masters.iter().find(|master| master["name"] == name).expect("it is on the list");
    let address = master["address"].as_str().expect("an address is text");
    address.rsplit_once(':').expect("it has a port").0.to_owned()
}

/// A swarm of only this engine, with our stack in it; removed when dropped.
struct Swarm {
    stack: String,
}

impl Swarm {
    fn deploy(image: &str) -> Self {
        docker(&["swarm", "init", "--advertise-addr", "127.0.0.1"]);
        let swarm = Self { stack: project_name() };
        let node = docker(&["node", "ls", "--quiet"]);
        docker(&["node", "update", "--label-add", "tinysns.router=true", node.trim()]);
        let mut secret = tempfile::NamedTempFile::new().expect("a file for the secret");
        secret.write_all(SECRET_TEXT.as_bytes()).expect("the secret is written");
        docker(&["secret", "create", SECRET, &secret.path().to_string_lossy()]);
        run(Command::new("docker")
            .args(["stack", "deploy", "-c", "docker-compose.yml", "-c", "docker/swarm.yml"])
            .arg(&swarm.stack)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("TINYSNS_IMAGE", image)
            .env("ROUTER_PORT", free_ports(1).to_string())
            .env("SERVERS", SERVERS.to_string())
            .env("SERVERS_PER_MACHINE", SERVERS.to_string())
            .env("TINYSNS_REBOOT_DELAY", "3s"));
        swarm
    }

    /// The container of the server that has this address on the stack's network.
    fn container_at(&self, ip: &str) -> String {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
        let found = self.containers().into_iter().find(|container| {
            docker(&["inspect", "-f", format, container]).split_whitespace().any(|at| at == ip)
        });
        found.unwrap_or_else(|| panic!("no container has the address {ip}"))
    }

    fn containers(&self) -> Vec<String> {
        let label = format!("label=com.docker.stack.namespace={}", self.stack);
        docker_lines(&["ps", "-aq", "--filter", &label])
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        let quietly = |arguments: &[&str]| outcome(Command::new("docker").args(arguments));
        if thread::panicking() {
            for service in ["router", "server"] {
                let service = format!("{}_{service}", self.stack);
                let logs = quietly(&["service", "logs", "--tail", "50", &service]);
                eprintln!("--- the logs of {service}\n{}", logs.unwrap_or_else(|error| error));
            }
        }
        let _gone = quietly(&["stack", "rm", &self.stack]);
        // Leaving the swarm removes its services, networks and secrets; it takes a moment until the
        // containers are gone and their volumes can be removed.
        let _left = quietly(&["swarm", "leave", "--force"]);
        for container in self.containers() {
            let _gone = quietly(&["rm", "--force", &container]);
        }
        for volume in ["router", "servers"] {
            let volume = format!("{}_{volume}", self.stack);
            if let Err(error) = quietly(&["volume", "rm", "--force", &volume]) {
                eprintln!("the volume {volume} could not be removed: {error}");
            }
        }
    }
}
