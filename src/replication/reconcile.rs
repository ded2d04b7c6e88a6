//! Keeps the membership true while this node leads: observes every node, asks
//! [`plan`] what to change, changes it, and looks again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use openraft::{ChangeMembers, RaftMetrics};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    NodeInfo,
    membership::{Change, Health, Observed, Part, plan, spare},
    node::Node,
    peers::Contact,
};
use crate::domain::NodeId;

/// Between two looks while nothing is heard.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A node that has not answered for this long is dead: ten heartbeats.
const SILENT_FOR: Duration = Duration::from_secs(1);
/// A node that refuses connections for this long is dead, also where the router has not said so.
const REFUSED_FOR: Duration = Duration::from_millis(300);
/// A node away for this long is forgotten; should it return, it joins as a newcomer.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);
/// Entries that a caught-up node may be behind: what is under way.
const NEARLY: u64 = 64;
/// How long a new leader leaves the membership as it is: the clients of the one before are waiting,
/// and every change costs the nodes, and their disks, two more rounds.
const CLIENTS_FIRST: Duration = Duration::from_millis(50);
/// It does so only where this many more may die meanwhile without taking the quorum along: the
/// leader itself, the one after it, and one for good measure.
const SPARE: usize = 3;
/// A change that takes longer has lost its quorum; it stays proposed, and is looked at again.
const CHANGE_WITHIN: Duration = Duration::from_secs(5);

/// The nodes that the router knows of, as its newest roster says.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// By id.
    pub members: BTreeMap<NodeId, Listed>,
    /// When it came; none before the first.
    pub received: Option<Instant>,
}

/// One node on the roster.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Names and addresses.
    pub info: NodeInfo,
    /// The router lost it.
    pub down: bool,
    /// It is about to stop.
    pub leaving: bool,
}

impl Roster {
    /// Whether a master other than `own` is there to stay.
    pub fn others_stay(&self, own: NodeId) -> bool {
        self.members.iter().any(|(id, listed)| {
            *id != own && !listed.info.witness && !listed.down && !listed.leaving
        })
    }
}

/// Runs until cancelled.
pub async fn run(node: Node, mut roster: watch::Receiver<Roster>, cancelled: CancellationToken) {
    let mut metrics = node.raft().server_metrics();
    let mut leading = Leading::default();
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // A standby sleeps until it is told something: most of the cluster is standbys.
        let leads = node.leads();
        tokio::select! {
            () = cancelled.cancelled() => return,
            changed = roster.changed() => if changed.is_err() { return },
            changed = metrics.changed() => if changed.is_err() { return },
            _ = ticks.tick(), if leads => {}
        }
        if !node.leads() {
            leading = Leading::default();
            continue;
        }
        let roster = roster.borrow_and_update().clone();
        if leading.is_new() && is_settled(&node) && spare(&leading.observe(&node, &roster)) >= SPARE
        {
            continue;
        }
        while let Some(change) = plan(node.id(), &leading.observe(&node, &roster)) {
            if !make(&node, change).await {
                break;
            }
        }
    }
}

/// Whether no change of the membership is half made.
fn is_settled(node: &Node) -> bool {
    let metrics = node.raft().metrics();
    let metrics = metrics.borrow();
    metrics.membership_config.membership().get_joint_config().len() == 1
}

/// What a leader remembers from look to look.
#[derive(Default)]
struct Leading {
    since: Option<Instant>,
    away_since: BTreeMap<NodeId, Instant>,
}

impl Leading {
    fn is_new(&self) -> bool {
        self.since.is_none_or(|since| since.elapsed() < CLIENTS_FIRST)
    }

    fn observe(&mut self, node: &Node, roster: &Roster) -> Vec<Observed> {
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let metrics = node.raft().metrics().borrow().clone();
        let membership = metrics.membership_config.membership();
        let voters: BTreeSet<NodeId> = membership.voter_ids().collect();
        let known: BTreeMap<NodeId, &NodeInfo> =
            membership.nodes().map(|(id, info)| (*id, info)).collect();
        let ids: BTreeSet<NodeId> = known.keys().chain(roster.members.keys()).copied().collect();
        let mut nodes = Vec::new();
        for id in ids {
            let listed = roster.members.get(&id);
            let noted = known.get(&id).copied();
            let Some(info) = listed.map(|listed| &listed.info).or(noted).cloned() else { continue };
            let part = match noted {
                None => Part::Absent,
                Some(_) if voters.contains(&id) => Part::Voter,
                Some(_) => Part::Learner,
            };
            let moved = noted.is_some_and(|noted| *noted != info);
            let health = if id == node.id() {
                Health::CaughtUp
            } else if noted.is_none() {
                newcomer(listed)
            } else {
                let sight = Sight { contact: node.peers().contact(id), listed, roster, since, now };
                let lag = lag(&metrics, id);
                self.patience(id, sight.health(lag), replaced(id, &info, roster), now)
            };
            let leaving = listed.is_some_and(|listed| listed.leaving);
            nodes.push(Observed { id, info, part, health, moved, leaving });
        }
        nodes
    }

    /// Turns a death that has lasted into a departure.
    fn patience(&mut self, id: NodeId, health: Health, replaced: bool, now: Instant) -> Health {
        if replaced {
            return Health::Gone;
        }
        if health != Health::Dead {
            self.away_since.remove(&id);
            return health;
        }
        let away_since = *self.away_since.entry(id).or_insert(now);
        if now - away_since > FORGOTTEN_AFTER { Health::Gone } else { Health::Dead }
    }
}

/// Whether `id` is the witness of a router that has lost its disk since: there is one router, so
/// its newest witness is the only one.
fn replaced(id: NodeId, info: &NodeInfo, roster: &Roster) -> bool {
    let other_witness = |(other, listed): (&NodeId, &Listed)| listed.info.witness && *other != id;
    info.witness && roster.members.iter().any(other_witness)
}

fn newcomer(listed: Option<&Listed>) -> Health {
    if listed.is_some_and(|listed| !listed.down) { Health::Unclear } else { Health::Dead }
}

/// How many entries `id` is behind the leader.
fn lag(metrics: &RaftMetrics<NodeId, NodeInfo>, id: NodeId) -> u64 {
    let matched = metrics
        .replication
        .as_ref()
        .and_then(|replication| replication.get(&id).copied().flatten())
        .map_or(0, |log_id| log_id.index);
    metrics.last_log_index.unwrap_or(0).saturating_sub(matched)
}

/// All that the leader knows about one node's health.
struct Sight<'a> {
    contact: Contact,
    listed: Option<&'a Listed>,
    roster: &'a Roster,
    /// Since when this node leads, and so has been sending heartbeats.
    since: Instant,
    now: Instant,
}

impl Sight<'_> {
    fn health(&self, lag: u64) -> Health {
        let heard = self.contact.answered.is_some_and(|at| self.now - at < SILENT_FOR);
        // The router's word counts until the node itself has spoken later.
        let reported_down = self.listed.is_some_and(|listed| listed.down)
            && self.contact.answered < self.roster.received;
        let refused =
            self.contact.refused_since.is_some_and(|since| self.now - since > REFUSED_FOR);
        if reported_down || refused {
            return Health::Dead;
        }
        if heard && self.contact.refused_since.is_none() {
            return if lag <= NEARLY { Health::CaughtUp } else { Health::Behind };
        }
        if self.now - self.since > SILENT_FOR && !heard { Health::Dead } else { Health::Unclear }
    }
}

/// Makes a change; false where it did not come about and is to be looked at anew.
async fn make(node: &Node, change: Change) -> bool {
    tracing::info!(?change, "membership");
    let raft = node.raft();
    let outcome = match change {
        Change::Voters(voters) => {
            timeout(CHANGE_WITHIN, raft.change_membership(voters, true)).await
        }
        Change::Add(id, info) => timeout(CHANGE_WITHIN, raft.add_learner(id, info, false)).await,
        Change::Move(id, info) => {
            let nodes = ChangeMembers::SetNodes(BTreeMap::from([(id, info)]));
            timeout(CHANGE_WITHIN, raft.change_membership(nodes, true)).await
        }
        Change::Forget(id) => {
            let nodes = ChangeMembers::RemoveNodes(BTreeSet::from([id]));
            timeout(CHANGE_WITHIN, raft.change_membership(nodes, true)).await
        }
    };
    match outcome {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            tracing::debug!(%error, "membership not changed");
            false
        }
        Err(_elapsed) => {
            tracing::warn!("a change of membership finds no quorum");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGAN: Duration = Duration::from_mins(1);

    /// How a node fares that answered, was refused and was reported down so many milliseconds ago,
    /// at a leader that has led for a minute.
    fn health(answered: Option<u64>, refused: Option<u64>, down: Option<u64>, lag: u64) -> Health {
        let now = Instant::now() + BEGAN;
        let ago = |millis: u64| now - Duration::from_millis(millis);
        let contact = Contact { answered: answered.map(ago), refused_since: refused.map(ago) };
        let listed = Listed { info: NodeInfo::default(), down: down.is_some(), leaving: false };
        let roster = Roster { received: down.map(ago), ..Roster::default() };
        let since = now - BEGAN;
        let sight = Sight { contact, listed: Some(&listed), roster: &roster, since, now };
        sight.health(lag)
    }

    #[test]
    fn who_answers_is_alive_and_caught_up_when_it_is_nearly_level() {
        assert_eq!(health(Some(100), None, None, NEARLY), Health::CaughtUp);
        assert_eq!(health(Some(100), None, None, NEARLY + 1), Health::Behind);
    }

    #[test]
    fn the_routers_word_counts_at_once_until_the_node_has_spoken_later() {
        assert_eq!(health(Some(20), None, Some(10), 0), Health::Dead);
        assert_eq!(health(None, None, Some(10), 0), Health::Dead);
        assert_eq!(health(Some(10), None, Some(20), 0), Health::CaughtUp);
    }

    #[test]
    fn refused_connections_count_sooner_than_silence() {
        assert_eq!(health(Some(200), Some(100), None, 0), Health::Unclear);
        assert_eq!(health(Some(400), Some(301), None, 0), Health::Dead);
        assert_eq!(health(Some(999), None, None, 0), Health::CaughtUp);
        assert_eq!(health(Some(1_001), None, None, 0), Health::Dead);
    }

    #[test]
    fn a_new_leader_waits_before_it_takes_silence_for_death() {
        let now = Instant::now();
        let roster = Roster::default();
        let contact = Contact::default();
        let sight = Sight { contact, listed: None, roster: &roster, since: now, now };
        assert_eq!(sight.health(0), Health::Unclear);
    }
}
