//! What an operator is given fits together: every metric is explained and used, the alerts are
//! explained, and Prometheus accepts them.

#![allow(missing_docs, reason = "tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tinysns::metrics;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).expect("readable")
}

/// The metrics that a text names; the series of a histogram are one.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let metrics = words.filter(|word| word.starts_with("tinysns_") || word.starts_with("process_"));
    let histograms = |word| {
        let series = ["_bucket", "_sum", "_count"].iter();
        series.fold(word, |word: &str, end| word.strip_suffix(end).unwrap_or(word))
    };
    metrics.map(histograms).collect()
}

/// The names of the alerts, as the rules or the page write them.
fn alerts<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix(before));
    lines.map(|rest| rest.split('`').next().expect("a word")).collect()
}

/// The types of all metrics that this process shows.
fn types(shown: &str) -> BTreeMap<&str, &str> {
    shown.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect()
}

#[test]
fn the_page_explains_every_metric_in_its_own_words_and_order() {
    let (page, shown) = (read("docs/observe.md"), metrics::text());
    let types = types(&shown);
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `tinysns_")).collect();
    for (row, (name, help)) in rows.iter().zip(metrics::ALL) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells[0], format!("`{name}`"));
        assert!(cells[2].starts_with(help.trim()), "{name} is explained as {help:?}");
        // One that has labels is shown once it has counted.
        assert!(types.get(name).is_none_or(|kind| *kind == cells[1]), "{row}");
        assert_eq!(name.ends_with("_total"), cells[1] == "counter", "{row}");
    }
    assert_eq!(rows.len(), metrics::ALL.len());
    for name in types.keys().filter(|name| name.starts_with("process_")) {
        assert!(page.contains(&format!("| `{name}` |")), "{name} is not explained");
    }
}

#[test]
fn the_dashboard_and_the_alerts_use_every_metric_and_no_other() {
    let (dashboard, rules) =
        (read("docker/observe/dashboard.json"), read("docker/observe/alerts.yml"));
    let shown = metrics::text();
    let ours = metrics::ALL.iter().map(|(name, _)| *name);
    let known: BTreeSet<&str> = ours.clone().chain(types(&shown).into_keys()).collect();
    let used: BTreeSet<&str> = named(&dashboard).union(&named(&rules)).copied().collect();
    let unknown: Vec<_> = used.difference(&known).collect();
    assert!(unknown.is_empty(), "no such metrics: {unknown:?}");
    let unused: Vec<_> = ours.filter(|name| !used.contains(name)).collect();
    assert!(unused.is_empty(), "in no panel and no alert: {unused:?}");
}

#[test]
fn the_page_explains_every_alert() {
    let (page, rules) = (read("docs/observe.md"), read("docker/observe/alerts.yml"));
    let defined: BTreeSet<_> = alerts(&rules, "- alert: ").into_iter().collect();
    let explained: BTreeSet<_> = alerts(&page, "| `TinySns").into_iter().collect();
    let defined: BTreeSet<_> = defined.iter().filter_map(|n| n.strip_prefix("TinySns")).collect();
    assert_eq!(explained, defined);
}

#[test]
fn what_compose_adds_is_confined_and_reached_from_this_host_only() {
    let compose = read("docker/observe.yml");
    let items = || compose.lines().filter_map(|line| line.trim().strip_prefix("- "));
    let ports: Vec<_> = items().filter(|item| item.starts_with('"')).collect();
    assert!(ports.len() == 2 && ports.iter().all(|port| port.starts_with("\"127.0.0.1:")));
    let mounted: Vec<_> = items().filter_map(|item| item.strip_prefix("./")).collect();
    for mount in &mounted {
        let (here, there) = mount.split_once(':').expect("a path in the container");
        assert!(path(here).exists() && there.ends_with(":ro"), "{mount}");
    }
    assert_eq!(mounted.len(), 4);
    for confined in ["read_only: true", "cap_drop: [ALL]", "no-new-privileges:true", "pids_limit:"]
    {
        assert!(compose.contains(confined), "{confined}");
    }
    assert_eq!(compose.matches("<<: *watcher").count(), 2);
    assert_eq!(compose.matches("memory: ").count(), 2);
}

fn promtool(arguments: &[&str]) {
    let mut promtool = Command::new("promtool");
    promtool.args(arguments).current_dir(path(""));
    let output = promtool.output().expect("promtool is installed: sh scripts/setup packages");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn prometheus_accepts_the_configuration_and_the_alerts() {
    promtool(&["check", "config", "--lint-fatal", "docker/observe/prometheus.yml"]);
    promtool(&["check", "rules", "--lint-fatal", "docker/observe/alerts.yml"]);
}

#[test]
fn alerts_fire_when_they_should_and_only_then() {
    promtool(&["test", "rules", "tests/observe/alerts.yml"]);
}
