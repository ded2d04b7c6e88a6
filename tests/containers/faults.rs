//! Crashes, kills, pauses and cut networks, while a client keeps posting.

use tinysns::client::{MasterState, MasterStatus};

use crate::{
    cluster::{Cluster, available, names},
    engine::{docker, turn},
    writer::Writer,
};

#[tokio::test]
async fn a_master_crashed_by_exec_is_rebooted_in_its_container_while_clients_go_on() {
    let Some((engine, _turn)) = turn().await else { return };
    let cluster = Cluster::up(engine, 3).await;
    let writer = Writer::start(cluster.port, "crasher").await;
    let status = cluster.settled(3).await;
    let victim = available(&status);
    let container = cluster.container_of(victim);
    let index = format!("--index={}", container.number);
    let pid = victim.pid.to_string();
    cluster.compose(&["exec", "-T", &index, "server", "kill", "-9", &pid]);
    cluster
        .until("another server to be available while the victim waits for its reboot", |now| {
            let is_down = |m: &MasterStatus| m.name == victim.name && m.state == MasterState::Down;
            now.available.as_ref().is_some_and(|name| *name != victim.name)
                && now.masters.iter().any(is_down)
        })
        .await;
    let healed = cluster.settled(3).await;
    let rebooted = healed.masters.iter().find(|master| master.name == victim.name).unwrap();
    assert_eq!(rebooted.reboots, 1);
    assert_eq!(cluster.container_of(rebooted).id, container.id);

    // The one-line command of the documentation, which needs no pid.
    let victim = available(&healed);
    let container = cluster.container_of(victim);
    let (index, before) = (format!("--index={}", container.number), victim.reboots);
    cluster.compose(&["exec", "-T", &index, "server", "pkill", "-KILL", "-P", "1"]);
    cluster
        .until("the recovery from the second crash", |now| {
            let rebooted = now.masters.iter().find(|master| master.name == victim.name);
            rebooted.is_some_and(|master| master.reboots == before + 1 && master.voter)
        })
        .await;
    writer.finish().await;
}

#[tokio::test]
async fn a_killed_container_is_survived_and_comes_back_with_its_data() {
    let Some((engine, _turn)) = turn().await else { return };
    let cluster = Cluster::up(engine, 3).await;
    let before = cluster.settled(3).await;
    let writer = Writer::start(cluster.port, "killer").await;
    let victim = cluster.container_of(available(&before));
    docker(&["kill", &victim.id]);
    cluster.settled(2).await;
    // A container that was killed by hand stays away until it is started by hand.
    let after = cluster.scale(3).await;
    assert_eq!(names(&after), names(&before), "it has found its slot again");
    let router = &cluster.containers("router")[0];
    docker(&["kill", &router.id]);
    cluster.scale(3).await;
    writer.finish().await;
}

#[tokio::test]
async fn a_paused_available_server_is_replaced_and_returns_as_a_standby() {
    let Some((engine, _turn)) = turn().await else { return };
    let cluster = Cluster::up(engine, 3).await;
    let writer = Writer::start(cluster.port, "pauser").await;
    let status = cluster.settled(3).await;
    let victim = available(&status);
    let container = cluster.container_of(victim);
    docker(&["pause", &container.id]);
    cluster
        .until("another server to be available", |now| {
            now.available.as_ref().is_some_and(|name| *name != victim.name)
        })
        .await;
    docker(&["unpause", &container.id]);
    let healed = cluster.settled(3).await;
    let returned = healed.masters.iter().find(|master| master.name == victim.name).unwrap();
    assert_eq!(returned.reboots, 0, "a pause is not a crash");
    writer.finish().await;
}

#[tokio::test]
async fn a_master_cut_off_from_the_network_is_replaced_and_returns_also_by_another_address() {
    let Some((engine, _turn)) = turn().await else { return };
    let cluster = Cluster::up(engine, 3).await;
    let writer = Writer::start(cluster.port, "cutter").await;
    let status = cluster.settled(3).await;
    let victim = available(&status);
    let container = cluster.container_of(victim);
    docker(&["network", "disconnect", &cluster.network(), &container.id]);
    cluster.settled(2).await;
    // Takes the freed address, so that the master cannot have it back.
    let squatter = docker(&[
        "run",
        "-d",
        "--rm",
        "--network",
        &cluster.network(),
        "--entrypoint",
        "sleep",
        &engine.image,
        "3600",
    ]);
    let squatter = Squatter(squatter.trim().to_owned());
    docker(&["network", "connect", &cluster.network(), &container.id]);
    cluster.settled(3).await;
    drop(squatter);
    writer.finish().await;
}

#[tokio::test]
async fn a_router_cut_off_from_the_network_disturbs_nobody_and_returns() {
    let Some((engine, _turn)) = turn().await else { return };
    let cluster = Cluster::up(engine, 3).await;
    let status = cluster.settled(3).await;
    let writer = Writer::start(cluster.port, "severer").await;
    let router = cluster.containers("router")[0].id.clone();
    docker(&["network", "disconnect", &cluster.network(), &router]);
    // The witness's vote is missing too: one more server may be lost.
    let victim = status
        .masters
        .iter()
        .find(|master| !master.voter || master.name != available(&status).name);
    let container = cluster.container_of(victim.expect("there are three"));
    docker(&["restart", &container.id]);
    docker(&["network", "connect", "--alias", "router", &cluster.network(), &router]);
    cluster.settled(3).await;
    writer.finish().await;
}

/// A container that only takes an address.
struct Squatter(String);

impl Drop for Squatter {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.0]);
    }
}
