//! What a process says of itself in its metrics, and where all of a cluster's do. Pure.

use serde::Deserialize;

/// What a process takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProcessFigures {
    pub resident_bytes: f64,
    /// In all since it was started, in whole seconds.
    pub cpu_seconds: f64,
}

/// A node, as the router lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it answers monitoring, host:port.
    pub address: String,
    pub role: String,
    pub name: String,
}

/// The answer is not what a node answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its answer cannot be understood: {lacks}")]
pub struct NotUnderstood {
    lacks: String,
}

impl ProcessFigures {
    /// In Prometheus' text format.
    pub fn parse(metrics: &str) -> Result<Self, NotUnderstood> {
        let value = |name: &str| {
            let mut samples = metrics.lines().filter_map(|line| line.split_once(' '));
            let sample = samples.find(|(found, _)| *found == name);
            let value = sample.and_then(|(_, value)| value.trim().parse().ok());
            value.ok_or_else(|| NotUnderstood { lacks: format!("it has no {name}") })
        };
        Ok(Self {
            resident_bytes: value("process_resident_memory_bytes")?,
            cpu_seconds: value("process_cpu_seconds_total")?,
        })
    }
}

impl Node {
    /// All nodes, by the router's answer to `/targets`.
    pub fn parse_all(targets: &str) -> Result<Vec<Self>, NotUnderstood> {
        #[derive(Deserialize)]
        struct Group {
            targets: Vec<String>,
            labels: Labels,
        }
        #[derive(Deserialize)]
        struct Labels {
            role: String,
            node: String,
        }
        let groups: Vec<Group> = serde_json::from_str(targets)
            .map_err(|error| NotUnderstood { lacks: error.to_string() })?;
        let node = |Group { targets, labels: Labels { role, node } }| {
            let address = targets.into_iter().next()?;
            Some(Self { address, role, name: node })
        };
        Ok(groups.into_iter().filter_map(node).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_a_process_are_found_among_its_metrics() {
        let metrics = "# HELP process_cpu_seconds_total Time.\n\
            # TYPE process_cpu_seconds_total counter\n\
            process_cpu_seconds_total 12\n\
            process_resident_memory_bytes 16777216\n\
            process_resident_memory_bytes_max 1\n";
        let expected = ProcessFigures { resident_bytes: 16_777_216.0, cpu_seconds: 12.0 };
        assert_eq!(ProcessFigures::parse(metrics), Ok(expected));
        let lacking =
            ProcessFigures::parse("process_cpu_seconds_total 12\n").expect_err("one lacks");
        assert!(lacking.to_string().contains("process_resident_memory_bytes"), "{lacking}");
    }

    #[test]
    fn the_router_lists_all_nodes() {
        let targets = r#"[{"targets":["h:1"],"labels":{"role":"router","node":"router"}},
            {"targets":["h:2"],"labels":{"role":"master","node":"server-1"}}]"#;
        let node = |address: &str, role: &str, name: &str| Node {
            address: address.to_owned(),
            role: role.to_owned(),
            name: name.to_owned(),
        };
        let expected = vec![node("h:1", "router", "router"), node("h:2", "master", "server-1")];
        assert_eq!(Node::parse_all(targets), Ok(expected));
        assert!(Node::parse_all("the router knows all nodes: ask it").is_err());
    }
}
