//! `recovery`: how long it takes until a network that holds many posts is whole again: after one of its
//! machines has lost its power, after all of them have, and with a new and empty one.

use serde::Serialize;
use tokio::time::Instant;

use super::{
    crowd::Crowd,
    own_cluster::{OwnCluster, OwnClusterError, votes},
    progress::Progress,
    table,
};
use crate::{
    client::{ClientOptions, MasterStatus},
    settings::BenchSettings,
};

/// Parts in which posts are made, after each of which people see how far it is.
const PARTS: u64 = 10;

/// What came of it, in seconds. The names of the fields stay.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recovery {
    pub posts: u64,
    /// What a master has on its disk.
    pub disk_bytes: u64,
    /// From the start of a master that was killed until it votes and has everything.
    pub restart_seconds: Vec<f64>,
    /// From the start of all until the first post is acknowledged.
    pub restart_of_all_seconds: Vec<f64>,
    /// From the start of a master without data until it votes and has everything.
    pub join_seconds: Vec<f64>,
}

/// Fills the network, and takes its machines away, each as often as there are rounds.
pub async fn measure(
    own: &mut OwnCluster,
    options: &ClientOptions,
    settings: &BenchSettings,
    progress: Progress,
) -> anyhow::Result<Recovery> {
    // Whoever starts all servers anew waits longer than for a failover.
    let options = ClientOptions { call_timeout: ClientOptions::CALL_TIMEOUT, ..options.clone() };
    let crowd = Crowd::gather(&options, settings.clients, settings.people, progress).await?;
    for part in 1..=PARTS {
        crowd.post(settings.callers, settings.posts / PARTS).await?;
        progress.say(&format!(
            "recovery: {} of {} posts",
            part * settings.posts / PARTS,
            settings.posts
        ));
    }
    let mut recovery = Recovery {
        posts: settings.posts,
        disk_bytes: own.bytes_on_disk()?,
        restart_seconds: Vec::new(),
        restart_of_all_seconds: Vec::new(),
        join_seconds: Vec::new(),
    };
    let said =
        |what: &str, took: f64| progress.say(&format!("recovery: {what} {}", table::seconds(took)));
    for _ in 0..settings.rounds {
        let took = restart(own).await?;
        said("a master that was killed is back after", took);
        recovery.restart_seconds.push(took);
    }
    for _ in 0..settings.rounds {
        let masters = own.size();
        own.until_all_vote(masters).await?;
        own.kill_all().await?;
        let began = Instant::now();
        own.start_all(masters)?;
        crowd.post(1, 1).await?;
        let took = began.elapsed().as_secs_f64();
        said("after all were killed, a post is acknowledged after", took);
        recovery.restart_of_all_seconds.push(took);
    }
    for _ in 0..settings.rounds {
        let masters = own.size();
        own.until_all_vote(masters).await?;
        let began = Instant::now();
        own.start_empty()?;
        own.until_all_vote(masters + 1).await?;
        let took = began.elapsed().as_secs_f64();
        said("an empty master has everything after", took);
        recovery.join_seconds.push(took);
        own.stop_newest();
        own.until_all_vote(masters).await?;
    }
    Ok(recovery)
}

/// Kills a standby and its slave, and starts them again.
async fn restart(own: &mut OwnCluster) -> Result<f64, OwnClusterError> {
    let masters = own.size();
    let status = own.until_all_vote(masters).await?;
    let is_standby = |master: &&MasterStatus| Some(&master.name) != status.available.as_ref();
    let lost = status.masters.iter().find(is_standby).or(status.masters.first());
    let Some(lost) = lost else { return Ok(0.0) };
    own.kill_with_slave(lost.pid)?;
    own.until("a master is known to be gone", |status| {
        status.masters.iter().all(|master| master.pid != lost.pid || !votes(master))
    })
    .await?;
    let began = Instant::now();
    own.start_slave()?;
    own.until_all_vote(masters).await?;
    Ok(began.elapsed().as_secs_f64())
}
