//! `tinysns bench` against a running network.

use std::process::{Output, Stdio};

use serde_json::Value;

use super::{
    BINARY,
    processes::{Cluster, NO_RATE_LIMITS},
};

fn bench(cluster: &Cluster, arguments: &[&str]) -> Output {
    let mut command = cluster.command("bench");
    command.args(["--round", "200ms", "--rounds", "2", "--callers", "8"]).args(arguments);
    command.stdin(Stdio::null()).output().expect("the program starts")
}

#[tokio::test]
async fn a_network_is_measured_beside_a_bare_server() {
    let cluster = Cluster::start_with(BINARY, 3, "1s", &[NO_RATE_LIMITS]).await;
    let said = bench(&cluster, &["--json"]);
    assert!(said.status.success(), "{said:?}");
    let report: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert_eq!((&report["masters"], &report["callers"]), (&3.into(), &8.into()));
    let scenarios = report["scenarios"].as_array().expect("scenarios");
    let names: Vec<_> = scenarios.iter().map(|of| of["scenario"].as_str().expect("text")).collect();
    assert_eq!(names, ["publish", "list", "timeline", "posts"]);
    for of in scenarios {
        let number = |field: &str| of[field].as_f64().expect("a number");
        assert!(number("rate_median") > 0.0 && number("bare_rate_median") > 0.0, "{of}");
        assert!(number("ratio") > 0.0 && 0.0 < number("p50_us"), "{of}");
        assert!(
            number("p50_us") <= number("p99_us") && number("p99_us") <= number("max_us"),
            "{of}"
        );
    }

    // People see how far it is, and then a table.
    let said = bench(&cluster, &["list", "--rate", "50"]);
    let [table, progress] = [said.stdout, said.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(said.status.success(), "{progress}");
    assert_eq!(progress, "list, warm-up\nlist, round 1\nlist, round 2\n");
    assert!(table.contains("3 masters; 50 calls a second by at most 8 callers"), "{table}");
    let row = table.lines().find(|line| line.starts_with("list ")).expect("a row");
    let rate: f64 = row.split_whitespace().nth(1).expect("a rate").parse().expect("a number");
    assert!(rate <= 51.0, "calls begin as often as they are to: {row}");
}

#[tokio::test]
async fn whoever_measures_nothing_is_told_why() {
    let mut cluster = Cluster::prepare(BINARY, "1s", &[]);
    let said = bench(&cluster, &["--router", "127.0.0.1:1"]);
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(!said.status.success() && words.contains("127.0.0.1:1"), "{words}");
    let said = bench(&cluster, &["speed"]);
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(!said.status.success() && words.contains("publish, list, timeline, posts"), "{words}");
    cluster.kill_everything();
}
