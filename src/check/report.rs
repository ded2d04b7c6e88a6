//! What was found, in words or JSON. Pure.

use std::{fmt::Write as _, path::Path};

use serde_json::{Value, json};

use crate::replication::{
    LogId,
    inspection::{Inspection, NodeKind, finding::Finding},
};

/// What was found of all nodes.
pub struct Report {
    /// What is damaged and belongs to none of them.
    pub findings: Vec<Finding>,
    /// Each of them.
    pub nodes: Vec<CheckedNode>,
}

/// What was found of one node.
pub struct CheckedNode {
    /// What its directory is called.
    pub name: String,
    /// What was found.
    pub inspection: Inspection,
}

impl Report {
    /// Whether nothing is damaged.
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
            && self.nodes.iter().all(|node| node.inspection.findings.is_empty())
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            describe(&mut text, Path::new(""), finding);
        }
        for CheckedNode { name, inspection } in &self.nodes {
            let is_good = inspection.findings.is_empty();
            let condition = if is_good { "good" } else { "DAMAGED" };
            line(&mut text, &format!("{name}: {condition}; {}", summary(inspection)));
            for finding in &inspection.findings {
                describe(&mut text, Path::new(name), finding);
            }
        }
        text
    }

    /// For programs.
    pub fn to_json(&self) -> String {
        let nodes = self.nodes.iter().map(|CheckedNode { name, inspection }| {
            let Inspection { node, cluster, term, first_index, end, applied, content, .. } =
                inspection;
            json!({
                "name": name,
                "kind": kind(inspection.kind),
                "good": inspection.findings.is_empty(),
                "node_id": node.map(|node| node.to_string()),
                "cluster_id": cluster.map(|cluster| cluster.to_string()),
                "term": term,
                "first_log_index": first_index,
                "last_log_index": index(*end),
                "applied_index": index(*applied),
                "accounts": content.users,
                "posts": content.posts,
                "findings": findings(&inspection.findings),
            })
        });
        let value = json!({
            "good": self.is_good(),
            "findings": findings(&self.findings),
            "nodes": nodes.collect::<Vec<_>>(),
        });
        format!("{value:#}\n")
    }
}

fn findings(findings: &[Finding]) -> Vec<Value> {
    let value = |finding: &Finding| {
        json!({
            "file": finding.file.display().to_string(),
            "position": finding.position,
            "damage": finding.damage,
            "remedy": finding.remedy.name(),
            "what_to_do": finding.remedy.words(),
        })
    };
    findings.iter().map(value).collect()
}

fn kind(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Master => "master",
        NodeKind::Witness => "witness",
    }
}

/// Whose data it is, and how far it reaches.
fn summary(inspection: &Inspection) -> String {
    let Inspection { kind: of, node, cluster, first_index, end, applied, content, .. } = inspection;
    let mut text = kind(*of).to_owned();
    match node {
        Some(node) => write!(text, " {node}").expect("it is memory"),
        None => text += " without an id",
    }
    match cluster {
        Some(cluster) => write!(text, " of cluster {cluster}").expect("it is memory"),
        None => text += " of no cluster",
    }
    let log = match first_index {
        Some(first) => format!("; log from entry {first} to {}", index(*end)),
        None => format!("; log without entries, at {}", index(*end)),
    };
    text += &log;
    match of {
        NodeKind::Master => {
            let (users, posts) = (content.users, content.posts);
            let applied = index(*applied);
            let state = format!("; state at {applied}: {users} accounts, {posts} posts");
            text += &state;
        }
        NodeKind::Witness => {
            write!(text, "; counted to {}", index(*applied)).expect("it is memory");
        }
    }
    text
}

/// Indexes count from 1; 0 is before the first.
fn index(position: Option<LogId>) -> u64 {
    position.map_or(0, |position| position.index)
}

fn describe(text: &mut String, directory: &Path, finding: &Finding) {
    let file = directory.join(&finding.file);
    let position = finding.position.as_ref().map(|at| format!(" ({at})")).unwrap_or_default();
    line(text, &format!("  {}{position}: {}", file.display(), finding.damage));
    line(text, &format!("    what to do: {}", finding.remedy.words()));
}

fn line(text: &mut String, words: &str) {
    text.push_str(words);
    text.push('\n');
}
