//! `growth`: what becomes of a network while it is filled with posts: how fast it is, and what its masters
//! take.

use serde::Serialize;

use super::{
    crowd::Crowd,
    load::{Load, Round},
    own_cluster::OwnCluster,
    process_figures::{Node, ProcessFigures},
    progress::Progress,
};
use crate::{client::ClientOptions, monitoring::asking, settings::BenchSettings};

/// How often it is measured on the way.
const STEPS: u64 = 20;

/// The network with so many posts. The names of the fields stay.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GrowthStep {
    pub posts: u64,
    /// Those of this step.
    pub publish_rate: f64,
    pub publish_p50_us: u64,
    pub publish_p99_us: u64,
    pub publish_max_us: u64,
    pub timeline_rate: f64,
    pub timeline_p50_us: u64,
    pub timeline_p99_us: u64,
    /// Of the master that takes most.
    pub memory_bytes: f64,
    /// What a master has on its disk.
    pub disk_bytes: u64,
}

/// Fills the network step by step.
pub async fn measure(
    own: &OwnCluster,
    options: &ClientOptions,
    settings: &BenchSettings,
    progress: Progress,
) -> anyhow::Result<Vec<GrowthStep>> {
    let crowd = Crowd::gather(options, settings.clients, settings.people, progress).await?;
    let load = Load { callers: settings.callers, rate: None };
    let mut steps = Vec::new();
    for step in 1..=STEPS {
        let published = crowd.post(settings.callers, settings.posts / STEPS).await?;
        let read = crowd.read_timelines(load, settings.round).await?;
        let posts = step * settings.posts / STEPS;
        progress.say(&format!(
            "growth: {posts} of {} posts; {:.0}/s just now",
            settings.posts, published.rate
        ));
        let at = |round: &Round, share| round.latencies.value_at_quantile(share);
        steps.push(GrowthStep {
            posts,
            publish_rate: published.rate,
            publish_p50_us: at(&published, 0.5),
            publish_p99_us: at(&published, 0.99),
            publish_max_us: published.latencies.max(),
            timeline_rate: read.rate,
            timeline_p50_us: at(&read, 0.5),
            timeline_p99_us: at(&read, 0.99),
            memory_bytes: most_memory(own.metrics()).await?,
            disk_bytes: own.bytes_on_disk()?,
        });
    }
    Ok(steps)
}

/// Of the master that takes most, by what all of them say.
async fn most_memory(router: &str) -> anyhow::Result<f64> {
    let nodes = Node::parse_all(&asking::get(router, "/targets").await?)?;
    let mut most = 0.0_f64;
    for master in nodes.iter().filter(|node| node.role == "master") {
        // The router also lists those that are down.
        if let Ok(metrics) = asking::get(&master.address, "/metrics").await {
            most = most.max(ProcessFigures::parse(&metrics)?.resident_bytes);
        }
    }
    Ok(most)
}
