//! The operator of a cluster, after a fault: waits until everything is well, and otherwise does what
//! the programs say is to be done.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    cluster::{Cluster, Ended, LOOK_EVERY, disk, name},
    injection::remove_slot,
    network::{Node, ROUTER},
    workload::Workload,
};

/// How long the operator waits for a cluster to be whole. The promise is far shorter; this allows for
/// a machine that does much else.
pub const WHOLE_WITHIN: Duration = Duration::from_secs(45);
/// A master that was started this often by its slave, and does not vote, will not by itself.
const MANY_REBOOTS: usize = 5;
/// Words by which a program tells its operator to give up what a node has on its disk.
const GIVE_UP_WORDS: [&str; 2] =
    ["remove the directory that contains it", "remove the whole slot directory"];

/// How a cluster recovered.
#[derive(Debug, Default)]
pub struct Recovery {
    /// How long it took after the fault ended; none if it never happened.
    pub whole_after: Option<Duration>,
    /// What ended by itself or was given up, and with which words.
    pub notes: Vec<String>,
    /// What should not have happened.
    pub faults: Vec<String>,
}

/// The identity of each master, as its log tells.
pub type Identities = BTreeMap<Node, String>;

/// Waits until everyone is served whom a cluster has to serve.
pub async fn served(workload: &Workload) -> Result<(), String> {
    let (began, since) = (Instant::now(), workload.now());
    while !workload.is_served_since(since) {
        if began.elapsed() >= WHOLE_WITHIN {
            return Err(format!("whole, but not everyone is served after {WHOLE_WITHIN:?}"));
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Waits until a cluster is whole.
pub async fn recover(cluster: &mut Cluster) -> Recovery {
    let mut recovery = Recovery::default();
    let began = Instant::now();
    let mut given_up = false;
    while began.elapsed() < WHOLE_WITHIN {
        for ended in cluster.collect_ended() {
            restart(cluster, &ended, &mut recovery);
        }
        let status = Cluster::status().await;
        if status.is_some_and(|status| cluster.is_whole(&status)) {
            recovery.whole_after = Some(began.elapsed());
            return recovery;
        }
        if !given_up && let Some((node, words)) = reboots_for_ever(cluster) {
            given_up = true;
            let what = format!("{} is started again and again: {words}", name(node));
            recovery.faults.push(what);
            cluster.kill_node(node).await;
            remove_slot(node);
            cluster.start_node(node);
        }
        sleep(LOOK_EVERY).await;
    }
    let status = Cluster::status().await;
    recovery.faults.push(format!("not whole after {WHOLE_WITHIN:?}: {status:#?}"));
    recovery
}

fn restart(cluster: &mut Cluster, ended: &Ended, recovery: &mut Recovery) {
    let Ended { node, status, words } = ended;
    let (node, code) = (*node, status.code());
    let note = match code {
        Some(64) => format!("refused: {}", anonymous(words, node)),
        _ => format!("ended by itself ({status}): {}", anonymous(words, node)),
    };
    recovery.notes.push(note);
    if GIVE_UP_WORDS.iter().any(|given| words.contains(given)) {
        remove_slot(node);
    }
    cluster.start_node(node);
}

/// The same words for every node.
fn anonymous(words: &str, node: Node) -> String {
    words.replace(&format!("{}/", disk(node).display()), "").replace(&name(node), "a server")
}

/// A master whose slave starts it over and over, and what it says.
fn reboots_for_ever(cluster: &Cluster) -> Option<(Node, String)> {
    let masters = cluster.nodes().filter(|node| *node != ROUTER && cluster.is_started(*node));
    masters.into_iter().find_map(|node| {
        let said = cluster.said(node);
        let ends = said.lines().filter(|line| line.contains("the master has ended"));
        let error =
            said.lines().rev().find(|line| line.contains("ERROR") || line.contains("panic"));
        (ends.count() >= MANY_REBOOTS).then(|| (node, error.unwrap_or("no word").to_owned()))
    })
}

/// Who each master says it is.
pub fn identities(cluster: &Cluster) -> Identities {
    let masters = cluster.nodes().filter(|node| *node != ROUTER);
    masters.filter_map(|node| Some((node, identity(&cluster.said(node))?))).collect()
}

fn identity(said: &str) -> Option<String> {
    let line = said.lines().rev().find(|line| line.contains("master is up"))?;
    let (_, rest) = line.split_once(" node=")?;
    Some(rest.split(' ').next().unwrap_or(rest).to_owned())
}
