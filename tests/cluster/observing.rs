//! What an operator sees of a cluster: by Prometheus, by the shipped dashboard and alerts, and by the
//! commands of `docs/observe.md`.

use std::{
    fs,
    os::unix,
    process::{Command, Stdio},
};

use nix::sys::signal::Signal;
use serde_json::Value;
use tinysns::client::{Client, ClientOptions};

use super::{
    BINARY,
    ports::free_ports,
    processes::{Cluster, eventually, signal},
    prometheus::{Prometheus, SHIPPED, Sample, assert_conventional, get, said},
};

/// While a test with this delay runs, no master is rebooted.
const NEVER: &str = "1h";
/// They count what nobody does here.
const NOTHING_COUNTED: [&str; 3] = [
    "tinysns_rate_limited_total",
    "tinysns_connections_refused_total",
    "tinysns_handshakes_failed_total",
];

/// Every query of the shipped dashboard, as Grafana would ask it.
fn dashboard_queries() -> Vec<String> {
    let dashboard = fs::read_to_string(format!("{SHIPPED}/dashboard.json")).expect("readable");
    let dashboard: Value = serde_json::from_str(&dashboard).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let expressions = targets.map(|target| target["expr"].as_str().expect("an expression"));
    expressions.map(|expression| expression.replace("$__rate_interval", "1m")).collect()
}

fn only_node(samples: &[Sample]) -> Option<&str> {
    match samples {
        [only] => only.labels.get("node").map(String::as_str),
        _ => None,
    }
}

/// Where the nodes of a cluster answer monitoring, as its router says.
fn targets(cluster: &Cluster) -> Vec<String> {
    let targets = get(&format!("http://{}/targets", cluster.metrics()), &[]).expect("answered");
    let targets: Value = serde_json::from_str(&targets).expect("JSON");
    let groups = targets.as_array().expect("groups").iter();
    groups.map(|group| group["targets"][0].as_str().expect("an address").to_owned()).collect()
}

#[tokio::test]
async fn prometheus_sees_a_failover_and_answers_every_question_of_the_dashboard_and_the_alerts() {
    let cluster = Cluster::start(BINARY, 3, NEVER).await;
    let prometheus = Prometheus::watch(&cluster).await;
    prometheus.until("count(up == 1)", |nodes| nodes.iter().any(|all| all.value > 3.5)).await;
    let (ann, bob) = (cluster.client("ann").await, cluster.client("bob").await);
    ann.set_password(None, Some("correct horse")).await.expect("set");
    let guesser = Client::connect(ClientOptions::new(cluster.router())).expect("an address");
    assert!(guesser.log_in("ann", Some("wrong battery")).await.is_err());
    ann.follow("bob").await.expect("followed");
    let mut timeline = ann.subscribe(None).await.expect("subscribed");
    bob.publish("before").await.expect("published");
    assert_eq!(timeline.next().await.expect("goes on").expect("a post").text, "before");

    let lost = cluster.available().await;
    let leads = "tinysns_leads == 1";
    prometheus.until(leads, |nodes| only_node(nodes) == Some(&lost.name)).await;
    // A count of nothing must have been seen before something can be seen to grow.
    let failovers = "tinysns_failover_duration_seconds_count{role=\"router\"}";
    prometheus.until(failovers, |seen| seen.len() == 1 && seen[0].value < 0.5).await;
    for address in targets(&cluster) {
        let metrics = get(&format!("http://{address}/metrics"), &[]).expect("answered");
        assert_conventional(&metrics);
        assert!(get(&format!("http://{address}/readyz"), &[]).is_ok(), "{address} is ready");
    }

    signal(lost.pid, Signal::SIGKILL);
    bob.publish("after").await.expect("published");
    assert_eq!(timeline.next().await.expect("goes on").expect("a post").text, "after");
    let leader = cluster.available().await;
    assert_ne!(leader.name, lost.name);
    prometheus.until(failovers, |seen| seen.iter().any(|count| count.value > 0.5)).await;
    let others = format!("tinysns_leads{{node!=\"{}\"}} == 1", lost.name);
    prometheus.until(&others, |nodes| only_node(nodes) == Some(&leader.name)).await;
    let took_over = format!("changes(tinysns_leads{{node=\"{}\"}}[5m])", leader.name);
    prometheus.until(&took_over, |seen| seen.iter().any(|times| times.value > 0.5)).await;
    let grew = "increase(tinysns_failover_duration_seconds_count{role=\"router\"}[5m])";
    prometheus.until(grew, |seen| seen.iter().any(|times| times.value > 0.5)).await;
    prometheus.until("up == 0", |nodes| only_node(nodes) == Some(&lost.name)).await;

    // What was refused is counted by a node that goes on answering Prometheus.
    assert!(guesser.log_in("ann", Some("wrong battery")).await.is_err());
    let queries = dashboard_queries();
    assert!(queries.len() > 30, "{queries:?}");
    for query in queries {
        let has_data = !NOTHING_COUNTED.iter().any(|metric| query.contains(metric));
        prometheus.until(&query, |samples| samples.is_empty() != has_data).await;
    }
    let alerts = eventually(
        "every alert is evaluated, and those about the dead master are active",
        async || prometheus.alerts(),
        |alerts| {
            let is_active = |name| alerts.iter().any(|a| a.name == name && a.state != "inactive");
            alerts.iter().all(|alert| alert.health == "ok")
                && is_active("TinySnsMasterDown")
                && is_active("TinySnsNodeNotScraped")
        },
    )
    .await;
    assert!(alerts.len() > 10, "{alerts:?}");
    for alert in alerts {
        prometheus.query(&alert.expression).expect("a valid expression");
    }
}

#[tokio::test]
async fn the_commands_of_the_page_about_watching_work_as_they_are_written() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/observe.md");
    let page = fs::read_to_string(page).expect("readable");
    let cluster = Cluster::start(BINARY, 1, NEVER).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let docker = concat!(env!("CARGO_MANIFEST_DIR"), "/docker");
    unix::fs::symlink(docker, folder.path().join("docker")).expect("made");
    let port = free_ports(1);
    let shell = |script: &str| {
        let mut shell = Command::new("sh");
        shell.arg("-euc").arg(script).current_dir(folder.path()).stdin(Stdio::null());
        shell
    };
    let (mut printed, mut servers) = (String::new(), Vec::new());
    for block in page.split("```sh\n").skip(1) {
        let (script, _) = block.split_once("```").expect("a block ends");
        let script = script
            .replace("localhost:3012", &cluster.metrics())
            .replace("127.0.0.1:9090", &format!("127.0.0.1:{port}"))
            .replace("localhost:9090", &format!("127.0.0.1:{port}"));
        if script.starts_with("docker compose ") {
            // It needs images that are not there everywhere.
        } else if script.starts_with("prometheus ") {
            let log = folder.path().join("log");
            let server = Prometheus::started(shell(&format!("exec {script}")), port, log, None);
            servers.push(server.await);
        } else {
            let strict = "curl() { command curl --silent --show-error --fail-with-body \"$@\"; }";
            let output = shell(&format!("{strict}\n{script}")).output().expect("a shell");
            printed += &said(&output).unwrap_or_else(|why| panic!("{script}{why}"));
        }
    }
    for line in [
        "[+] available server: server-1",
        "alive",
        "tinysns_available 1",
        "\"labels\":{\"role\":\"master\",\"node\":\"server-1\"}",
        "[+] consensus: leads",
        "is valid prometheus config file syntax",
        "\"status\":\"success\"",
        "debug",
    ] {
        assert!(printed.contains(line), "no {line} in:\n{printed}");
    }
    assert_eq!(servers.len(), 1);
    let now = get(&format!("http://{}/log", cluster.metrics()), &[]).expect("answered");
    let mut filter: Vec<&str> = now.trim().split(',').collect();
    filter.sort_unstable();
    assert_eq!(filter, ["info", "openraft=off"], "as the last command has it");
}
