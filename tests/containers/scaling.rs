//! More servers and fewer, stopping and restarting, rolling re-creation, and two clusters side by
//! side.

use std::process::Command;

use tinysns::client::{Client, ListKind};

use crate::{
    cluster::{Cluster, away, living, names},
    engine::{docker, run, turn},
    visitor::Visitor,
    writer::{Writer, posts_of},
};

/// Everyone who has an account.
async fn users(client: &Client) -> Vec<String> {
    let users = client.list(&ListKind::Users).await.expect("listed");
    users.into_iter().map(String::from).collect()
}

#[tokio::test]
async fn scaling_up_and_down_under_a_writing_client_loses_nothing() {
    let Some((engine, _turn)) = turn().await else { return };
    let cluster = Cluster::up(engine, 3).await;
    let writer = Writer::start(cluster.port, "scaler").await;
    for servers in [8, 2, 5] {
        cluster.scale(servers).await;
        eprintln!("scaled to {servers}");
    }
    writer.finish().await;
    let status = cluster.settled(5).await;
    let all: Vec<String> = status.masters.iter().map(|master| master.name.clone()).collect();
    assert!(all.len() <= 8, "no server has a new name after being away: {all:?}");
}

#[tokio::test]
async fn a_cluster_that_was_taken_down_comes_up_with_its_servers_and_data() {
    let Some((engine, _turn)) = turn().await else { return };
    let cluster = Cluster::up(engine, 3).await;
    let before = cluster.settled(3).await;
    let client = cluster.client();
    client.log_in("keeper", None).await.unwrap();
    let posts: Vec<String> = (0..50).map(|number| format!("post {number}")).collect();
    for post in &posts {
        client.publish(post).await.unwrap();
    }
    cluster.compose(&["down"]);
    assert!(cluster.containers("server").is_empty());
    let after = cluster.scale(3).await;
    assert_eq!(names(&after), names(&before));
    assert_eq!(after.cluster_id, before.cluster_id);
    let client = cluster.client();
    client.log_in("keeper", None).await.unwrap();
    assert_eq!(posts_of(&client, "keeper").await, posts);
}

#[tokio::test]
async fn servers_are_created_anew_one_after_another_without_a_failed_request() {
    let Some((engine, _turn)) = turn().await else { return };
    let cluster = Cluster::up(engine, 3).await;
    let before = cluster.settled(3).await;
    let old = cluster.containers("server");
    let writer = Writer::start(cluster.port, "roller").await;
    let mut roll = Command::new("sh");
    roll.arg("docker/roll.sh").current_dir(env!("CARGO_MANIFEST_DIR")).envs(cluster.environment());
    eprintln!("{}", away(move || run(&mut roll)).await);
    let account = writer.finish().await;
    let after = cluster.settled(3).await;
    assert_eq!(names(&after), names(&before), "every server keeps its slot");
    let new = cluster.containers("server");
    assert_eq!(new.len(), old.len());
    assert!(new.iter().all(|container| old.iter().all(|other| other.id != container.id)));
    assert!(account.longest.as_secs() < 5, "{account:?}");
}

#[tokio::test]
async fn clusters_on_one_engine_do_not_mix() {
    let Some((engine, _turn)) = turn().await else { return };
    let one = Cluster::up(engine, 2).await;
    let other = Cluster::up(engine, 2).await;
    let (first, second) = (one.settled(2).await, other.settled(2).await);
    assert_ne!(first.cluster_id, second.cluster_id);
    for (cluster, name) in [(&one, "ann"), (&other, "bob")] {
        let client = cluster.client();
        client.log_in(name, None).await.unwrap();
        assert_eq!(users(&client).await, [name]);
    }
    let secret = |cluster: &Cluster| {
        cluster.compose(&["exec", "-T", "router", "cat", "/run/tinysns/secret"])
    };
    assert!(secret(&one).len() >= 32);
    assert_ne!(secret(&one), secret(&other));
    // Even if they share a network: the other router knows neither the cluster nor the secret.
    let stranger = &other.containers("server")[0];
    docker(&["network", "connect", &one.network(), &stranger.id]);
    assert_eq!(living(&one.settled(2).await).len(), 2);
    docker(&["network", "disconnect", &one.network(), &stranger.id]);
    other.settled(2).await;
}

#[tokio::test]
async fn a_client_inside_reads_what_one_on_the_host_has_posted_and_the_other_way_round() {
    let Some((engine, _turn)) = turn().await else { return };
    let cluster = Cluster::up(engine, 2).await;
    let host = cluster.client();
    host.log_in("host", None).await.unwrap();
    let visitor = Visitor::enter(&engine.image, &cluster.network()).await;
    let talk = "tinysns client --router router:3010 -u guest";
    let inside = visitor.run(&format!("printf 'FOLLOW host\\n' | {talk}")).await;
    assert_eq!(inside.code, 0, "{inside:?}");
    host.publish("from the host").await.unwrap();
    let inside = visitor.run(&format!("printf 'TIMELINE\\nfrom inside\\n' | {talk}")).await;
    assert!(inside.stdout.contains("from the host"), "{inside:?}");
    assert_eq!(posts_of(&host, "guest").await, ["from inside"]);
    // As users start a client.
    let shipped = cluster.compose(&["run", "--rm", "-T", "client", "-u", "shipped"]);
    assert!(!shipped.contains("cannot"), "{shipped}");
    assert_eq!(users(&host).await, ["guest", "host", "shipped"]);
}
