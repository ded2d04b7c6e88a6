//! `footprint`: what the network's processes take while nothing happens, without live timelines and with
//! some that are idle. They say it themselves, where they answer monitoring.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use tokio::time::sleep;

use super::{
    audience::Audience,
    load::LoadError,
    process_figures::{Node, ProcessFigures},
    progress::Progress,
    workload::Workload,
};
use crate::{client::ClientOptions, monitoring::asking, settings::BenchSettings};

/// What came of it. The names of the fields stay.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Footprint {
    /// How long each time was.
    pub seconds: f64,
    pub streams: usize,
    pub nodes: Vec<NodeFootprint>,
    /// Nodes that could not be asked, and why.
    pub left_out: Vec<String>,
}

/// What a process takes. Of the processor, as a share of one; whole seconds are counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeFootprint {
    pub role: String,
    pub node: String,
    pub idle_bytes: f64,
    pub idle_cpu: f64,
    pub streams_bytes: f64,
    pub streams_cpu: f64,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum FootprintError {
    /// The nodes do not tell.
    #[error(
        "footprint is left out: {0}. It needs the address at which the router answers monitoring \
             (--metrics HOST:PORT, docs/observe.md), and those of the masters must be reachable too"
    )]
    NotTold(String),
    /// The live timelines could not be opened.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// What all nodes say at one moment.
type Sample = BTreeMap<String, ProcessFigures>;

/// Watches twice for as long as the settings say. Also returns what servers have refused because it was
/// too much.
pub async fn measure(
    options: &ClientOptions,
    settings: &BenchSettings,
    progress: Progress,
) -> Result<(Footprint, BTreeMap<String, u64>), FootprintError> {
    let targets = asking::get(&settings.metrics, "/targets").await;
    let targets = targets.map_err(|why| FootprintError::NotTold(why.to_string()))?;
    let nodes = Node::parse_all(&targets);
    let nodes =
        nodes.map_err(|why| FootprintError::NotTold(format!("{}: {why}", settings.metrics)))?;
    let mut left_out = BTreeMap::new();
    let duration = humantime::format_duration(settings.duration);
    progress.say(&format!("footprint: the network is left alone for {duration}"));
    let idle = watch(&nodes, settings.duration, &mut left_out).await;
    let audience = Audience::gather(options, settings.readers, progress).await?;
    progress
        .say(&format!("footprint: {} live timelines are idle for {duration}", settings.readers));
    let streams = watch(&nodes, settings.duration, &mut left_out).await;
    let footprint = Footprint {
        seconds: settings.duration.as_secs_f64(),
        streams: settings.readers,
        nodes: compare(&nodes, settings.duration, &idle, &streams),
        left_out: left_out.into_iter().map(|(node, why)| format!("{node}: {why}")).collect(),
    };
    if footprint.nodes.is_empty() {
        return Err(FootprintError::NotTold(footprint.left_out.join("; ")));
    }
    Ok((footprint, Workload::Fanout(audience).pushbacks()))
}

/// At the beginning and at the end of a time.
async fn watch(
    nodes: &[Node],
    duration: Duration,
    left_out: &mut BTreeMap<String, String>,
) -> [Sample; 2] {
    let before = sample(nodes, left_out).await;
    sleep(duration).await;
    [before, sample(nodes, left_out).await]
}

async fn sample(nodes: &[Node], left_out: &mut BTreeMap<String, String>) -> Sample {
    let mut sample = Sample::new();
    for Node { address, name, .. } in nodes {
        let told = match asking::get(address, "/metrics").await {
            Ok(metrics) => ProcessFigures::parse(&metrics).map_err(|why| why.to_string()),
            Err(why) => Err(why.to_string()),
        };
        match told {
            Ok(figures) => {
                sample.insert(name.clone(), figures);
            }
            Err(why) => {
                left_out.insert(name.clone(), why);
            }
        }
    }
    sample
}

/// Of the nodes that were there all the time.
fn compare(
    nodes: &[Node],
    duration: Duration,
    idle: &[Sample; 2],
    streams: &[Sample; 2],
) -> Vec<NodeFootprint> {
    let of = |name: &str, [before, after]: &[Sample; 2]| {
        let (before, after) = (before.get(name)?, after.get(name)?);
        let cpu = after.cpu_seconds - before.cpu_seconds;
        // Less than before: it was started again.
        (cpu >= 0.0).then(|| (after.resident_bytes, cpu / duration.as_secs_f64()))
    };
    let compared = nodes.iter().filter_map(|Node { role, name, .. }| {
        let (idle_bytes, idle_cpu) = of(name, idle)?;
        let (streams_bytes, streams_cpu) = of(name, streams)?;
        let (role, node) = (role.clone(), name.clone());
        Some(NodeFootprint { role, node, idle_bytes, idle_cpu, streams_bytes, streams_cpu })
    });
    compared.collect()
}

impl Footprint {
    /// Of all processes together.
    pub fn sum(&self) -> NodeFootprint {
        let sum = |of: fn(&NodeFootprint) -> f64| self.nodes.iter().map(of).sum();
        NodeFootprint {
            role: "all".to_owned(),
            node: String::new(),
            idle_bytes: sum(|node| node.idle_bytes),
            idle_cpu: sum(|node| node.idle_cpu),
            streams_bytes: sum(|node| node.streams_bytes),
            streams_cpu: sum(|node| node.streams_cpu),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_compared_that_were_there_all_the_time() {
        let node = |name: &str| Node {
            address: String::new(),
            role: "master".to_owned(),
            name: name.to_owned(),
        };
        let sample = |all: &[(&str, f64, f64)]| -> Sample {
            let figures =
                |resident_bytes, cpu_seconds| ProcessFigures { resident_bytes, cpu_seconds };
            all.iter()
                .map(|(name, bytes, cpu)| ((*name).to_owned(), figures(*bytes, *cpu)))
                .collect()
        };
        let idle = [
            sample(&[("one", 100.0, 4.0), ("two", 100.0, 9.0), ("three", 100.0, 1.0)]),
            sample(&[("one", 120.0, 5.0), ("two", 100.0, 0.0), ("three", 100.0, 1.0)]),
        ];
        let streams = [
            sample(&[("one", 150.0, 5.0), ("two", 100.0, 0.0)]),
            sample(&[("one", 160.0, 7.0), ("two", 100.0, 0.0)]),
        ];
        let nodes = ["one", "two", "three"].map(node);
        let compared = compare(&nodes, Duration::from_secs(10), &idle, &streams);
        let expected = NodeFootprint {
            role: "master".to_owned(),
            node: "one".to_owned(),
            idle_bytes: 120.0,
            idle_cpu: 0.1,
            streams_bytes: 160.0,
            streams_cpu: 0.2,
        };
        assert_eq!(
            compared,
            std::slice::from_ref(&expected),
            "two was started again, and three has gone"
        );
        let twice = vec![expected.clone(), expected];
        let footprint = Footprint { seconds: 10.0, streams: 5, nodes: twice, left_out: Vec::new() };
        let sum = footprint.sum();
        assert_eq!((sum.idle_bytes, sum.streams_bytes), (240.0, 320.0));
    }
}
