//! What is refused, and with which messages.

use std::process::Stdio;

use super::{
    BINARY,
    ports::free_ports,
    processes::{Cluster, eventually, signal},
};

/// Runs a command of the cluster until it ends; returns its exit code and output.
fn refused(mut command: std::process::Command) -> (Option<i32>, String) {
    let output = command.stdin(Stdio::null()).output().expect("the program starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn a_port_in_use_is_a_clear_error_and_is_never_shared() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let (code, words) = refused(cluster.command("router"));
    assert_eq!(code, Some(64), "{words}");
    assert!(words.contains("router_listen") && words.contains(&cluster.router()), "{words}");

    let mut slave = cluster.command("slave");
    slave.env("TINYSNS_CLIENT_LISTEN", cluster.router());
    let (code, words) = refused(slave);
    assert_eq!(code, Some(64), "{words}");
    assert!(words.contains("client_listen"), "{words}");
}

#[tokio::test]
async fn a_setting_that_does_not_exist_is_refused_before_any_port_is_bound() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let mut router = cluster.command("router");
    router.env("TINYSNS_ROUTER_LISTENS", "127.0.0.1:1");
    let (code, words) = refused(router);
    assert_eq!(code, Some(64), "{words}");
    assert!(words.contains("TINYSNS_ROUTER_LISTENS"), "{words}");
}

#[tokio::test]
async fn a_node_without_the_secret_or_of_another_cluster_stays_outside() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let other = Cluster::start(BINARY, 1, "1s").await;
    let data = |name: &str| cluster.folder().join(name);

    let mut stranger = cluster.command("slave");
    stranger
        .env("TINYSNS_SECRET", "a secret of somebody else")
        .env("TINYSNS_DATA_DIR", data("stranger"));
    let mut neighbour = cluster.command("slave");
    neighbour.env("TINYSNS_DATA_DIR", other.folder().join("neighbour"));
    std::fs::create_dir_all(other.folder().join("neighbour")).expect("a folder");
    other.all_vote(1).await;
    let its_cluster = other.folder().join("masters/cluster-id");
    std::fs::copy(its_cluster, other.folder().join("neighbour/cluster-id")).expect("copied");

    for (command, why) in [(stranger, "secret"), (neighbour, "belongs to cluster")] {
        let log = data("outsider.log");
        let stderr = std::fs::File::create(&log).expect("a log file");
        // Killed even if it never says why.
        let mut command = tokio::process::Command::from(command);
        let command = command.stdin(Stdio::null()).stderr(stderr).kill_on_drop(true);
        let mut child = command.spawn().expect("starts");
        let says = async || std::fs::read_to_string(&log).expect("its log");
        eventually("it says why", says, |said| said.contains(why)).await;
        signal(child.id().expect("it runs"), nix::sys::signal::Signal::SIGTERM);
        child.wait().await.expect("ours");
    }
    assert_eq!(cluster.all_vote(1).await.masters.len(), 1);
}

#[test]
fn a_data_directory_of_the_router_that_cannot_be_used_is_refused_like_any_other_setting() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut router = std::process::Command::new(BINARY);
    router
        .args(["router", "--router-listen", "127.0.0.1:0", "--witness-listen", "127.0.0.1:0"])
        .args(["--router-metrics-listen", "127.0.0.1:0"])
        .arg("--router-data-dir")
        .arg(file.path())
        .env("TINYSNS_SECRET", "the secret of a cluster under test");
    let (code, words) = refused(router);
    assert_eq!(code, Some(64), "{words}");
    assert!(words.contains("router_data_dir"), "{words}");
}

#[tokio::test]
async fn status_says_why_it_has_nothing_to_show() {
    let nobody = format!("127.0.0.1:{}", free_ports(1));
    let mut status = std::process::Command::new(BINARY);
    status.args(["status", "--router", &nobody]);
    let (code, words) = refused(status);
    assert_eq!(code, Some(69), "{words}");
    assert!(words.contains(&nobody), "{words}");
}
