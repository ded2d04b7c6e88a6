//! A real Prometheus that watches a cluster under test as the shipped configuration has it, only more
//! often. Dropping it ends its process.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    ports::free_ports,
    processes::{Cluster, eventually},
};

/// The shipped configuration.
pub const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docker/observe");

/// A running Prometheus.
pub struct Prometheus {
    process: Child,
    port: u16,
    log: PathBuf,
    _folder: Option<TempDir>,
}

/// One series of an answer, and its value now.
#[derive(Debug)]
pub struct Sample {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// An alert, as Prometheus knows it.
#[derive(Debug)]
pub struct Alert {
    pub name: String,
    pub expression: String,
    /// How the last evaluation went: ok, err, or unknown if there was none.
    pub health: String,
    /// Inactive, pending or firing.
    pub state: String,
}

impl Prometheus {
    /// Watches `cluster`.
    pub async fn watch(cluster: &Cluster) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let shipped = Path::new(SHIPPED);
        let settings = fs::read_to_string(shipped.join("prometheus.yml")).expect("readable");
        let settings = settings.replace("router:3012", &cluster.metrics()).replace("5s", "500ms");
        fs::write(folder.path().join("prometheus.yml"), settings).expect("written");
        fs::copy(shipped.join("alerts.yml"), folder.path().join("alerts.yml")).expect("copied");
        let port = free_ports(1);
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg("--storage.tsdb.retention.time=1h")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let log = folder.path().join("log");
        Self::started(command, port, log, Some(folder)).await
    }

    /// Started by `command`, which becomes its process, at this port.
    pub async fn started(
        mut command: Command,
        port: u16,
        log: PathBuf,
        folder: Option<TempDir>,
    ) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(&log).expect("a log file"));
        let process = command.spawn().expect("prometheus is installed: sh scripts/setup packages");
        let prometheus = Self { process, port, log, _folder: folder };
        let ready = format!("{}/-/ready", prometheus.url());
        eventually("Prometheus is ready", async || get(&ready, &[]).is_ok(), |is_ready| *is_ready)
            .await;
        prometheus
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The value of an expression now; or why it is not valid.
    pub fn query(&self, expression: &str) -> Result<Vec<Sample>, String> {
        let query = format!("query={expression}");
        let answer =
            get(&format!("{}/api/v1/query", self.url()), &["-G", "--data-urlencode", &query])?;
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let samples = answer["data"]["result"].as_array().ok_or_else(|| answer.to_string())?;
        Ok(samples.iter().map(sample).collect())
    }

    /// Waits until the value of a valid expression is as it should be.
    pub async fn until(&self, expression: &str, accept: impl Fn(&[Sample]) -> bool) -> Vec<Sample> {
        let look = async || self.query(expression).expect("a valid expression");
        eventually(expression, look, |samples| accept(samples)).await
    }

    /// All alerts of the shipped rules.
    pub fn alerts(&self) -> Vec<Alert> {
        let answer = get(&format!("{}/api/v1/rules", self.url()), &[]).expect("answered");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let groups = answer["data"]["groups"].as_array().expect("groups");
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules"));
        rules.map(alert).collect()
    }
}

fn sample(sample: &Value) -> Sample {
    let labels = sample["metric"].as_object().expect("labels");
    let label = |(name, value): (&String, &Value)| (name.clone(), text(value));
    let value = text(&sample["value"][1]).parse().expect("a number");
    Sample { labels: labels.iter().map(label).collect(), value }
}

fn alert(rule: &Value) -> Alert {
    let [name, expression, health, state] =
        ["name", "query", "health", "state"].map(|field| text(&rule[field]));
    Alert { name, expression, health, state }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _status = self.process.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("--- Prometheus\n{log}");
        }
    }
}

/// The answer of `url`, whatever its status is if `curl` was not told otherwise; or what went wrong.
pub fn get(url: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail-with-body", "--max-time", "30"]);
    let output = command.args(arguments).arg(url).output().expect("curl is installed");
    said(&output)
}

/// What a program printed, if it succeeded.
pub fn said(output: &Output) -> Result<String, String> {
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(printed)
    } else {
        Err(printed + &String::from_utf8_lossy(&output.stderr))
    }
}

/// Asserts that these metrics follow Prometheus' conventions.
pub fn assert_conventional(metrics: &str) {
    let mut check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    let mut input = check.stdin.take().expect("piped");
    input.write_all(metrics.as_bytes()).expect("it reads everything");
    drop(input);
    let output = check.wait_with_output().expect("ours");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{complaints}\nin:\n{metrics}");
}
