//! `tinysns bench` against a running network.

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines, Read as _},
    process::{Child, ChildStderr, Command, Output, Stdio},
};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    BINARY,
    processes::{Cluster, NO_RATE_LIMITS, signal},
};

/// So that a test is short.
const SHORT: [(&str, &str); 6] = [
    ("TINYSNS_ROUND", "200ms"),
    ("TINYSNS_ROUNDS", "2"),
    ("TINYSNS_CALLERS", "8"),
    ("TINYSNS_READERS", "20"),
    ("TINYSNS_PEOPLE", "20"),
    ("TINYSNS_DURATION", "1s"),
];

fn command(cluster: &Cluster, arguments: &[&str]) -> Command {
    let mut command = cluster.command("bench");
    command.envs(SHORT).env("TINYSNS_METRICS", cluster.metrics());
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Of a network that the bench starts, with all its files in this folder.
fn command_of_its_own(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["bench", "--start", "3"]).args(arguments).envs(SHORT);
    command.env("TMPDIR", folder.path()).stdin(Stdio::null());
    command
}

/// Starts it, and returns the lines that tell how far it is.
fn watch(mut command: Command) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    (child, lines)
}

fn is_empty(folder: &TempDir) -> bool {
    fs::read_dir(folder.path()).expect("readable").next().is_none()
}

fn bench(cluster: &Cluster, arguments: &[&str]) -> Output {
    command(cluster, arguments).output().expect("the program starts")
}

/// The report of a run that has succeeded.
fn report(cluster: &Cluster, arguments: &[&str]) -> Value {
    let said = bench(cluster, &[arguments, &["--json"]].concat());
    assert!(said.status.success(), "{said:?}");
    serde_json::from_slice(&said.stdout).expect("JSON")
}

#[tokio::test]
async fn a_network_is_measured_beside_a_bare_server() {
    let cluster = Cluster::start_with(BINARY, 3, "1s", &[NO_RATE_LIMITS]).await;
    let told = report(&cluster, &[]);
    assert_eq!((&told["masters"], &told["callers"]), (&3.into(), &8.into()));
    assert_eq!((&told["readers"], &told["people"]), (&20.into(), &20.into()));
    let scenarios = told["scenarios"].as_array().expect("scenarios");
    let names: Vec<_> = scenarios.iter().map(|of| of["scenario"].as_str().expect("text")).collect();
    assert_eq!(names, ["publish", "list", "timeline", "posts", "fanout", "mixed"]);
    for of in scenarios {
        let number = |field: &str| of[field].as_f64().expect("a number");
        assert!(number("rate_median") > 0.0 && number("bare_rate_median") > 0.0, "{of}");
        assert!(number("ratio") > 0.0 && 0.0 < number("p50_us"), "{of}");
        assert!(
            number("p50_us") <= number("p99_us") && number("p99_us") <= number("max_us"),
            "{of}"
        );
        let is_durable = of["durable_ratio"].as_f64().is_some_and(|ratio| ratio > 0.0);
        assert_eq!(is_durable, of["scenario"] == "publish", "{of}");
    }
    assert!(told["disk"]["file_system"].is_string(), "{}", told["disk"]);
    assert_eq!(told["refused"], Value::Array(Vec::new()), "no limit was met");

    // People see how far it is, and then a table.
    let said = bench(&cluster, &["list", "--rate", "50"]);
    let [table, progress] = [said.stdout, said.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(said.status.success(), "{progress}");
    assert_eq!(progress, "list, warm-up\nlist, round 1\nlist, round 2\n");
    assert!(table.contains("3 masters; 50 calls a second by at most 8 callers"), "{table}");
    let row = table.lines().find(|line| line.starts_with("list ")).expect("a row");
    let rate: f64 = row.split_whitespace().nth(1).expect("a rate").parse().expect("a number");
    assert!(rate <= 51.0, "calls begin as often as they are to: {row}");

    // At a rate, each reader has as many posts as were made.
    let told = report(&cluster, &["fanout", "--rate", "50", "--readers", "10"]);
    let rate = told["scenarios"][0]["rate_median"].as_f64().expect("a number");
    assert!((1.0..=510.0).contains(&rate), "{told}");
}

#[tokio::test]
async fn what_apps_do_is_measured_beside_a_bare_server_of_http() {
    let cluster = Cluster::start_with(BINARY, 3, "1s", &[NO_RATE_LIMITS]).await;
    let told = report(&cluster, &["http"]);
    let scenarios = told["scenarios"].as_array().expect("scenarios");
    let names: Vec<_> = scenarios.iter().map(|of| of["scenario"].as_str().expect("text")).collect();
    assert_eq!(names, ["http home", "http posts", "http events"]);
    for of in scenarios {
        let number = |field: &str| of[field].as_f64().expect("a number");
        assert!(number("rate_median") > 0.0 && number("bare_rate_median") > 0.0, "{of}");
        assert!(number("p50_us") <= number("p99_us"), "{of}");
    }
    let idle = &told["http_idle"];
    assert_eq!(idle["streams"], 40, "{told}");
    assert!(idle["with_bytes"].as_f64().is_some_and(|bytes| bytes > 1e6), "{idle}");
    assert_eq!(told["left_out"], Value::Array(Vec::new()));

    let said = bench(&cluster, &["http", "--metrics", "127.0.0.1:1"]);
    let table = String::from_utf8(said.stdout).expect("text");
    let rows = table.lines().filter(|line| line.starts_with("http ")).count();
    assert!(said.status.success() && rows == 3, "{table}");
    assert!(table.contains("idle streams of http take is left out: "), "{table}");
}

#[tokio::test]
async fn whoever_crashes_the_available_server_meanwhile_sees_the_pause_and_that_nothing_is_lost() {
    let cluster = Cluster::start_with(BINARY, 3, "1s", &[NO_RATE_LIMITS]).await;
    let available = cluster.available().await;
    let (mut watching, mut lines) = watch(command(&cluster, &["failover", "--duration", "5s"]));
    let mut next = || lines.next().expect("it goes on").expect("text");
    // The bench asks on the router's machine.
    let what_to_do = next();
    assert!(what_to_do.contains(&format!("kill -9 {}", available.pid)), "{what_to_do}");
    signal(available.pid, Signal::SIGKILL);
    let taken_over = format!("has taken over from {}", available.name);
    // Other pauses may be told before it.
    while !next().contains(&taken_over) {}
    let mut table = String::new();
    watching.stdout.take().expect("piped").read_to_string(&mut table).expect("text");
    assert!(watching.wait().expect("ours").success(), "{table}");
    assert!(table.contains("0 lost, 0 doubled"), "{table}");
    // How often depends on the machine: one that stands still for half a second takes a leader's quorum away.
    assert!(table.contains("another server has taken over"), "{table}");

    let told = &report(&cluster, &["failover"])["failover"];
    assert!(told["acknowledged"].as_u64().is_some_and(|count| count > 0), "{told}");
    assert_eq!((&told["failovers"], &told["failover_max_us"]), (&0.into(), &Value::Null), "{told}");
    assert_eq!((&told["lost"], &told["doubled"]), (&0.into(), &0.into()), "{told}");
}

#[tokio::test]
async fn the_processes_say_what_they_take_or_it_is_said_why_that_is_not_known() {
    let cluster = Cluster::start_with(BINARY, 3, "1s", &[NO_RATE_LIMITS]).await;
    let told = &report(&cluster, &["footprint"])["footprint"];
    let nodes = told["nodes"].as_array().expect("nodes");
    let roles: Vec<_> = nodes.iter().map(|node| node["role"].as_str().expect("text")).collect();
    assert_eq!(roles, ["router", "master", "master", "master"]);
    for node in nodes {
        let number = |field: &str| node[field].as_f64().expect("a number");
        assert!(number("idle_bytes") > 1e6 && number("streams_bytes") > 1e6, "{node}");
        assert!(number("idle_cpu") >= 0.0 && number("streams_cpu") >= 0.0, "{node}");
    }
    assert_eq!((&told["streams"], &told["left_out"]), (&20.into(), &Value::Array(Vec::new())));

    let told = report(&cluster, &["footprint", "--metrics", "127.0.0.1:1"]);
    let why = told["left_out"][0].as_str().expect("a reason");
    assert!(why.contains("127.0.0.1:1") && why.contains("--metrics"), "{why}");
    assert_eq!(told["footprint"], Value::Null);
}

#[tokio::test]
async fn a_network_that_limits_rates_is_measured_with_a_warning() {
    let cluster = Cluster::start(BINARY, 3, "1s").await;
    // So many that an account has posted more than it may in a moment.
    let arguments = ["publish", "--clients", "1", "--callers", "2", "--round", "2s"];
    let said = bench(&cluster, &arguments);
    let [table, progress] = [said.stdout, said.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(said.status.success(), "{progress}");
    assert!(table.contains("WARNING") && table.contains("rate_limits = off"), "{table}");
    let told = report(&cluster, &arguments);
    let refused = &told["refused"].as_array().expect("a list").last().expect("one").clone();
    assert_eq!(
        (&refused["scenario"], &refused["setting"]),
        (&"publish".into(), &"rate_limits".into())
    );
    assert!(refused["calls"].as_u64().is_some_and(|calls| calls > 0), "{refused}");
}

#[test]
fn a_network_of_its_own_is_started_loses_its_servers_grows_and_is_removed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let arguments = ["failover", "standstill", "recovery", "growth", "footprint"];
    let more = ["--duration", "4s", "--posts", "1000", "--json"];
    let said = command_of_its_own(&folder, &[&arguments[..], &more].concat()).output();
    let said = said.expect("the program starts");
    assert!(said.status.success(), "{said:?}");
    let told: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    for scenario in ["failover", "standstill"] {
        let told = &told[scenario];
        assert!(told["failovers"].as_u64().is_some_and(|count| count > 0), "{scenario}: {told}");
        assert_eq!((&told["lost"], &told["doubled"]), (&0.into(), &0.into()), "{scenario}: {told}");
        assert!(told["failover_p50_us"].as_u64() <= told["failover_p99_us"].as_u64(), "{told}");
    }
    let recovery = &told["recovery"];
    for times in ["restart_seconds", "restart_of_all_seconds", "join_seconds"] {
        let times = recovery[times].as_array().expect("a list");
        assert_eq!(times.len(), 2, "{recovery}");
        assert!(
            times.iter().all(|took| took.as_f64().is_some_and(|took| took > 0.0)),
            "{recovery}"
        );
    }
    let growth = told["growth"].as_array().expect("a list");
    let posts: Vec<_> =
        growth.iter().map(|step| step["posts"].as_u64().expect("a number")).collect();
    assert!(posts.is_sorted() && posts.last() == Some(&1_000), "{posts:?}");
    for step in growth {
        let number = |field: &str| step[field].as_f64().expect("a number");
        assert!(number("publish_rate") > 0.0 && number("timeline_rate") > 0.0, "{step}");
        assert!(number("memory_bytes") > 1e6 && number("disk_bytes") > 1e3, "{step}");
    }
    let [nodes, left_out] = ["nodes", "left_out"].map(|list| &told["footprint"][list]);
    assert_eq!(nodes.as_array().map(Vec::len), Some(4), "{told}");
    let joined = left_out.as_array().expect("a list");
    assert!(joined.iter().all(|node| node.as_str().is_some_and(|name| name.contains("joined"))));
    assert!(is_empty(&folder), "its files are removed");
}

#[test]
fn whoever_interrupts_the_bench_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let command = command_of_its_own(&folder, &["failover", "--duration", "10m"]);
    let (mut measuring, mut lines) = watch(command);
    let mut next = || lines.next().expect("it goes on").expect("text");
    while !next().contains("clients post for 10m") {}
    assert!(!is_empty(&folder));
    signal(measuring.id(), Signal::SIGTERM);
    let said: Vec<_> = lines.map_while(Result::ok).collect();
    assert!(!measuring.wait().expect("ours").success());
    assert!(said.iter().any(|line| line.contains("asked to stop")), "{said:?}");
    assert!(is_empty(&folder), "its files are removed");
}

#[test]
fn scenarios_that_need_a_network_of_their_own_say_so() {
    for scenario in ["standstill", "recovery", "growth"] {
        let said = Command::new(BINARY).args(["bench", scenario]).output();
        let said = said.expect("the program starts");
        let words = String::from_utf8_lossy(&said.stderr).into_owned();
        assert_eq!(said.status.code(), Some(64), "{words}");
        assert!(words.contains(scenario) && words.contains("`start`"), "{words}");
    }
}

#[tokio::test]
async fn whoever_measures_nothing_is_told_why() {
    let mut cluster = Cluster::prepare(BINARY, "1s", &[]);
    let said = bench(&cluster, &["--router", "127.0.0.1:1"]);
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(!said.status.success() && words.contains("127.0.0.1:1"), "{words}");
    let said = bench(&cluster, &["speed"]);
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    let all = "publish, list, timeline, posts, fanout, mixed, http, failover, standstill, footprint, recovery, growth";
    assert!(!said.status.success() && words.contains(all), "{words}");
    cluster.kill_everything();
}
