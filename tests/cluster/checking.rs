//! `tinysns check` and what is left of clusters.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

use super::{
    BINARY,
    load::Writer,
    processes::{Cluster, eventually},
    stored_rows,
};

fn check(arguments: &[&str], directory: &Path) -> Output {
    let mut command = Command::new(BINARY);
    command.arg("check").args(arguments).arg(directory).output().expect("it runs")
}

fn words(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).expect("text")
}

/// What it prints with `--json`, and its exit code.
fn json(directory: &Path) -> (Value, Option<i32>) {
    let output = check(&["--json"], directory);
    (serde_json::from_slice(&output.stdout).expect("JSON"), output.status.code())
}

#[tokio::test]
async fn what_killed_processes_leave_is_good_and_a_running_node_is_not_looked_at() {
    let mut cluster = Cluster::start_unlimited(BINARY, 2, "1s").await;
    let writer = Writer::start(&cluster, "writer").await;
    writer.posts_more(50).await;
    let [masters, router] = ["masters", "router"].map(|name| cluster.folder().join(name));
    for directory in [&masters, &masters.join("slot-002"), &router] {
        let refused = check(&[], directory);
        assert_eq!(refused.status.code(), Some(64), "{refused:?}");
        let said = words(&refused.stderr);
        assert!(said.contains("in use by a running node"), "{said}");
        assert!(refused.stdout.is_empty(), "{refused:?}");
    }
    cluster.kill_everything();
    drop(writer);
    // The kernel gives its locks back in a moment.
    let exits = async || check(&[], &masters).status.code();
    eventually("nothing is running any more", exits, |code| *code != Some(64)).await;
    for directory in [&masters, &masters.join("slot-002"), &router] {
        let good = check(&[], directory);
        let said = words(&good.stdout);
        assert_eq!(good.status.code(), Some(0), "{said}");
        assert!(said.contains(": good; "), "{said}");
    }
    let (report, code) = json(&masters);
    assert_eq!((code, &report["good"]), (Some(0), &Value::Bool(true)));
    let nodes = report["nodes"].as_array().expect("a list");
    assert_eq!(nodes.len(), 2);
    assert!(nodes.iter().all(|node| node["kind"] == "master"), "{report}");
    assert_eq!(nodes[0]["cluster_id"], nodes[1]["cluster_id"]);
    assert_eq!(json(&router).0["nodes"][0]["kind"], "witness");
    // Whoever looked at it has changed nothing that would keep it from going on.
    cluster.start_router();
    cluster.start_slaves(2);
    cluster.all_vote(2).await;
}

#[tokio::test]
async fn damage_is_told_with_its_place_and_what_to_do() {
    let mut cluster = Cluster::start(BINARY, 1, "1s").await;
    let ann = cluster.client("ann").await;
    ann.publish("hello").await.expect("published");
    cluster.stop_slaves(1);
    cluster.kill_router();
    let masters = cluster.folder().join("masters");
    let slot = masters.join("slot-001");

    lead_a_name_astray(&slot.join("state/1"));
    let (report, code) = json(&masters);
    assert_eq!(code, Some(1), "{report}");
    let finding = &report["nodes"][0]["findings"][0];
    assert_eq!(finding["file"], "state/1", "{report}");
    assert_eq!(
        (&finding["position"], &finding["remedy"]),
        (&"user 1".into(), &"remove-state".into())
    );
    let output = check(&[], &slot);
    let said = words(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in ["slot-001: DAMAGED; master ", "slot-001/state/1 (user 1): ", "what to do: remove "]
    {
        assert!(said.contains(part), "{part} is not in {said}");
    }

    // What it says helps.
    fs::remove_dir_all(slot.join("state")).expect("there");
    assert_eq!(json(&masters).1, Some(0));
    fs::write(masters.join("cluster-id"), "something else").expect("written");
    let (report, code) = json(&masters);
    assert_eq!((code, &report["findings"][0]["remedy"]), (Some(1), &"remove-file".into()));
    fs::remove_file(masters.join("cluster-id")).expect("there");
    let router = cluster.folder().join("router");
    fs::write(router.join("certification"), "something else").expect("written");
    let (report, code) = json(&router);
    let finding = &report["nodes"][0]["findings"][0];
    assert_eq!((code, &finding["file"]), (Some(1), &"certification".into()), "{report}");
    assert_eq!(finding["remedy"], "start", "{report}");
    cluster.start_router();
    cluster.start_slaves(1);
    cluster.all_vote(1).await;
    assert_eq!(
        ann.posts("ann", tinysns::client::Cursor::Newest, None).await.expect("read").posts.len(),
        1
    );
}

#[test]
fn where_there_is_nothing_of_ours_that_is_said() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (directory, part) in [
        (directory.path().to_owned(), "no data of tinysns"),
        (directory.path().join("missing"), "No such file"),
    ] {
        let refused = check(&[], &directory);
        assert_eq!(refused.status.code(), Some(64), "{refused:?}");
        let said = words(&refused.stderr);
        assert!(said.contains(part) && said.contains(&*directory.to_string_lossy()), "{said}");
    }
}

/// Writes into the state at `path` that the names of the accounts lead to another.
fn lead_a_name_astray(path: &Path) {
    const NAMES: u8 = 4;
    stored_rows::rewrite(path, NAMES, |_| 77_u64.to_be_bytes().to_vec());
}
