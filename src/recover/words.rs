//! What is left, what may be lost, and what is about to be made, in words. Pure.

use std::path::Path;

use super::running::{Answer, Running, RunningNode};
use crate::{
    control::Names,
    domain::ClusterId,
    replication::{
        LogId,
        inspection::NodeKind,
        recovery::assessment::{Copy, Loss, Plan, Unusable, VoterCount, in_words},
    },
};

/// What is left.
pub struct Left {
    /// Each node.
    pub nodes: Vec<LeftNode>,
}

/// What is left of one node.
pub struct LeftNode {
    /// Its directory.
    pub name: String,
    /// Its data, if it can be used.
    pub copy: Result<Copy, Unusable>,
}

impl Left {
    /// What can be used.
    pub fn copies(&self) -> impl Iterator<Item = &Copy> {
        self.nodes.iter().filter_map(|node| node.copy.as_ref().ok())
    }

    /// A line for each node.
    pub fn to_text(&self) -> String {
        let line = |LeftNode { name, copy }: &LeftNode| match copy {
            Ok(copy) => format!("{name}: {}\n", describe(copy)),
            Err(Unusable::Damaged) => {
                format!("{name}: DAMAGED, and not used; tinysns check says what is wrong with it\n")
            }
            Err(Unusable::OfNoCluster) => format!("{name}: of no cluster, and not used\n"),
        };
        self.nodes.iter().map(line).collect()
    }
}

fn describe(copy: &Copy) -> String {
    let kind = match copy.kind {
        NodeKind::Master => "master",
        NodeKind::Witness => "witness",
    };
    let log = copy.end.map_or_else(|| "no log".to_owned(), |end| format!("log to {}", entry(end)));
    let state = match (copy.kind, copy.applied) {
        (NodeKind::Witness, _) => String::new(),
        (NodeKind::Master, None) => "; no state".to_owned(),
        (NodeKind::Master, Some(applied)) => format!("; state at entry {}", applied.index),
    };
    format!("{kind} {} of cluster {}; {log}{state}", copy.node, copy.cluster)
}

fn entry(LogId { leader_id, index }: LogId) -> String {
    format!("entry {index} of term {}", leader_id.term)
}

/// What may be lost, and what is about to be made. `log_of` is the directory of the newest log.
pub fn plan(plan: &Plan, log_of: &str, running: &Running, data_dir: &Path) -> String {
    let counts = plan.voter_sets.iter().map(|count| {
        let VoterCount { here, all } = count;
        format!("{here} of {all} voters are here, and {} are needed", count.needed())
    });
    let missing = Names(plan.missing.iter().map(in_words).collect());
    let counts: Vec<String> = counts.collect();
    let loss = match plan.loss {
        Loss::Nothing => "Nothing that was acknowledged is lost.".to_owned(),
        Loss::After(end) => format!(
            "What was acknowledged after {}, if anything was, is LOST: nobody here can say.",
            entry(end)
        ),
    };
    format!(
        "\n{}; missing: {missing}.\n{}\nThe newest log ends at {}, in {log_of}.\n{loss}\n\n\
         About to be made: a new cluster with all of that, in {}. Accounts, posts and sessions stay as they are. \
         Nodes of the old cluster {} that come back become new nodes of this one, and put their data aside.\n",
        counts.join("; "),
        running_words(running),
        entry(plan.end),
        data_dir.display(),
        plan.cluster,
    )
}

fn running_words(Running { router, answer }: &Running) -> String {
    let up = |nodes: &[RunningNode]| {
        let words =
            |node: &RunningNode| format!("{} (log to entry {})", node.name, node.last_log_index);
        Names(nodes.iter().map(words).collect())
    };
    match answer {
        Answer::None(reason) => format!(
            "The router at {router} cannot be asked who else is up ({reason}): make sure that no server of this \
             cluster is, and that none has a newer log."
        ),
        Answer::OfAnother(cluster) => format!(
            "The router at {router} is of {}: make sure that no server of this cluster is up, and that none has a newer \
             log.",
            cluster.map_or_else(|| "no cluster".to_owned(), |cluster| format!("cluster {cluster}"))
        ),
        Answer::Up(nodes) => {
            format!(
                "The router at {router} says that no server is available, and who is up: {}.",
                up(nodes)
            )
        }
    }
}

/// What was made, and how to go on.
pub fn made(cluster: ClusterId, directory: &Path, data_dir: &Path) -> String {
    format!(
        "{}: the new cluster {cluster}\n\
         start a router, with the directory that it had or an empty one (router_data_dir), then a slave with this \
         data (data_dir = {}); all other slaves may be started as they are, or with empty directories\n",
        directory.display(),
        data_dir.display(),
    )
}
