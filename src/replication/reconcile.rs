//! Keeps the membership up to date while this node leads: observes every node, asks [what to
//! change](Observation::plan), makes the change, and observes again.
//!
//! A node counts as dead on this node's own evidence: its connection is broken, or it does not
//! answer. A report from the router only makes that evidence count sooner.

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
    NodeInfo, log_length,
    membership::{Change, Health, MembershipRole, Observation, Observed},
    node::Node,
    peers::Contact,
};
use crate::{
    control::{ReceivedRoster, RosterEntry},
    domain::NodeId,
    envelope::Version,
    metrics,
    planted::{self, PlantedFault},
};

/// Between two observations while nothing happens.
const RECONCILE_EVERY: Duration = Duration::from_millis(100);
/// A node that has not answered for this long is dead: ten of the usual heartbeats, which are as many
/// when they are rarer.
const SILENT_FOR: Duration = Duration::from_secs(1);
const SILENT_HEARTBEATS: u32 = 10;
/// A node that refuses connections for this long is dead, even if the router has not said so.
const REFUSED_FOR: Duration = Duration::from_millis(300);
/// A node that the router has lost too is dead after this many heartbeats without an answer.
const UNANSWERED_HEARTBEATS: u32 = 3;
/// After this long, a master is not just rebooting any more: several times the usual reboot delay.
const REBOOT_WITHIN: Duration = Duration::from_mins(2);
/// A node that has stopped on purpose and is not back within this time was not restarted.
const RESTARTED_WITHIN: Duration = Duration::from_mins(1);
/// A node that is away for this long is removed; if it returns, it joins as a new node.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);
/// How long a new leader leaves the membership as it is: the clients of the previous one are
/// waiting, and every change costs the nodes and their disks two more rounds.
const CLIENTS_FIRST: Duration = Duration::from_millis(50);
/// It does so only if this many more nodes may die meanwhile without breaking the quorum: the
/// leader itself, the next one, and one to be safe.
const MIN_FAULT_MARGIN: usize = 3;
/// A change that takes longer has lost its quorum; it stays proposed, and is checked again later.
const CHANGE_WITHIN: Duration = Duration::from_secs(5);

/// Runs until cancelled.
pub async fn run(
    node: Node,
    mut roster: watch::Receiver<ReceivedRoster>,
    cancelled: CancellationToken,
) {
    let mut metrics = node.raft().server_metrics();
    let mut log = node.raft().data_metrics();
    let mut addresses = node.peers().changes();
    let mut cut_off = node.peers().cut_off();
    let mut leading = LeaderTenure::default();
    let mut committed = true;
    let mut ticks = interval(RECONCILE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // A standby sleeps until something changes: most of the cluster is standbys.
        let leads = node.leads();
        tokio::select! {
            biased;
            () = cancelled.cancelled() => return,
            changed = roster.changed() => if changed.is_err() { return },
            changed = metrics.changed() => if changed.is_err() { return },
            changed = log.changed(), if leads && !committed => if changed.is_err() { return },
            changed = addresses.changed() => if changed.is_err() { return },
            changed = cut_off.changed() => if changed.is_err() { return },
            _ = ticks.tick(), if leads => {}
        }
        if !node.leads() {
            leading = LeaderTenure::default();
            continue;
        }
        let known = roster.borrow_and_update().clone();
        let mut observation = leading.observe(&node, &known);
        if leading.is_new()
            && observation.voter_sets.len() == 1
            && observation.fault_margin() >= MIN_FAULT_MARGIN
        {
            continue;
        }
        while let Some(change) = observation.plan() {
            let made = apply_change(&node, change).await;
            // The router may have said more meanwhile.
            let known = roster.borrow_and_update().clone();
            observation = leading.observe(&node, &known);
            if !made {
                break;
            }
        }
        committed = observation.committed;
    }
}

/// What a leader remembers between observations.
#[derive(Default)]
struct LeaderTenure {
    since: Option<Instant>,
    dead_since: BTreeMap<NodeId, Instant>,
}

impl LeaderTenure {
    fn is_new(&self) -> bool {
        self.since.is_none_or(|since| since.elapsed() < CLIENTS_FIRST)
    }

    fn observe(&mut self, node: &Node, roster: &ReceivedRoster) -> Observation {
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        let heartbeat = Duration::from_millis(node.raft().config().heartbeat_interval);
        let metrics = node.raft().metrics().borrow().clone();
        let version = *node.version().borrow();
        let membership = metrics.membership_config.membership();
        let voter_sets = membership.get_joint_config().clone();
        let known: BTreeMap<NodeId, &NodeInfo> =
            membership.nodes().map(|(id, info)| (*id, info)).collect();
        let callers = node.peers().callers();
        let ids: BTreeSet<NodeId> =
            known.keys().chain(roster.members.keys()).chain(&callers).copied().collect();
        let mut nodes = Vec::new();
        for id in ids {
            let listed = roster.members.get(&id);
            let noted = known.get(&id).copied();
            let word = listed.map(|listed| &listed.info);
            let Some(info) = node.peers().newest(id, noted, word) else { continue };
            let role = match noted {
                None => MembershipRole::Absent,
                Some(_) if voter_sets.iter().any(|set| set.contains(&id)) => MembershipRole::Voter,
                Some(_) => MembershipRole::Learner,
            };
            let moved = noted.is_some_and(|noted| !noted.is_same_but_for_version(&info));
            let leaving = listed.is_some_and(|listed| listed.leaving);
            let mut dead_for = Duration::ZERO;
            let health = if id == node.id() {
                Health::CaughtUp
            } else if replaced(id, &info, roster) {
                Health::Gone
            } else if noted.is_none() {
                // Whoever was removed for being dead so long is given time when it returns.
                self.dead_since.remove(&id);
                newcomer_health(&info, lives(listed, callers.contains(&id)), version)
            } else {
                let contact = node.peers().contact(id);
                let evidence = HealthEvidence { contact, listed, roster, heartbeat, since, now };
                match evidence.health(lag(&metrics, id)) {
                    Health::Dead => {
                        dead_for = self.dead_for(id, now);
                        away_health(dead_for, leaving, info.witness)
                    }
                    health => {
                        self.dead_since.remove(&id);
                        health
                    }
                }
            };
            nodes.push(Observed { id, info, role, health, moved, leaving, dead_for });
        }
        let decided = metrics.membership_config.log_id().map(|id| id.index);
        let committed = decided <= metrics.last_applied.map(|id| id.index);
        Observation { own: node.id(), voter_sets, committed, nodes }
    }

    fn dead_for(&mut self, id: NodeId, now: Instant) -> Duration {
        now - *self.dead_since.entry(id).or_insert(now)
    }
}

/// The health of a node that has been dead for this long. The router, and with it the witness, is
/// always expected back.
fn away_health(lasted: Duration, leaving: bool, witness: bool) -> Health {
    match lasted {
        _ if lasted > FORGOTTEN_AFTER && !witness => Health::Gone,
        _ if leaving && lasted > RESTARTED_WITHIN => Health::Left,
        _ if lasted > REBOOT_WITHIN => Health::Away,
        _ => Health::Dead,
    }
}

/// Whether `id` is the witness of a router that has since lost its disk: there is one router, so
/// only its newest witness counts. A new witness that calls before the router has said that it is the
/// one waits for that word: added on its call, it would be removed on the older word, again and again.
fn replaced(id: NodeId, info: &NodeInfo, roster: &ReceivedRoster) -> bool {
    let other_witness =
        |(other, listed): (&NodeId, &RosterEntry)| listed.info.witness && *other != id;
    info.witness
        && roster.members.iter().any(other_witness)
        && !planted::is(PlantedFault::LostWitnessKeepsItsVote)
}

/// Whether a node outside the membership is alive: the router says so, or it has called. While the
/// router is away, a node that was removed may return.
fn lives(listed: Option<&RosterEntry>, calls: bool) -> bool {
    calls || listed.is_some_and(|listed| !listed.down)
}

/// Whether a node may join: only if it speaks the `version` in which the cluster writes. Otherwise
/// the router tells it why not.
fn newcomer_health(info: &NodeInfo, lives: bool, version: Version) -> Health {
    if lives && info.supported_versions.includes(version) { Health::Unclear } else { Health::Dead }
}

/// How many entries `id` is behind the leader; none until the leader knows.
fn lag(metrics: &RaftMetrics<NodeId, NodeInfo>, id: NodeId) -> Option<u64> {
    let replication = metrics.replication.as_ref()?;
    let matched = replication.get(&id).copied().flatten()?;
    Some(metrics.last_log_index.unwrap_or(0).saturating_sub(matched.index))
}

/// Everything that the leader knows about one node's health.
struct HealthEvidence<'a> {
    contact: Contact,
    listed: Option<&'a RosterEntry>,
    roster: &'a ReceivedRoster,
    heartbeat: Duration,
    /// Since when this node leads, and has been sending heartbeats.
    since: Instant,
    now: Instant,
}

impl HealthEvidence<'_> {
    /// How long a node that lives may be silent.
    fn silence(&self) -> Duration {
        SILENT_FOR.max(self.heartbeat * SILENT_HEARTBEATS)
    }

    fn health(&self, lag: Option<u64>) -> Health {
        let silent_for =
            self.now - self.contact.answered.map_or(self.since, |at| at.max(self.since));
        let is_refused = self.contact.refused_since.is_some();
        let refused_for = self.contact.refused_since.map(|since| self.now - since.max(self.since));
        // The router's report counts until the node itself has been heard later.
        let stale_counts = planted::is(PlantedFault::StaleRosterBelieved);
        let reported_down = self.listed.is_some_and(|listed| listed.down)
            && (self.contact.answered < self.roster.received || stale_counts);
        let is_missed = is_refused
            || silent_for > self.heartbeat * UNANSWERED_HEARTBEATS
            || planted::is(PlantedFault::DemotionOnTheRoutersWord)
            || stale_counts;
        if (reported_down && is_missed)
            || refused_for.is_some_and(|time| time > REFUSED_FOR)
            || silent_for > self.silence()
        {
            return Health::Dead;
        }
        let heard = self.contact.answered.is_some_and(|at| self.now - at < self.silence());
        if !heard || is_refused {
            return Health::Unclear;
        }
        match lag {
            Some(lag) if lag <= log_length::caught_up_within() => Health::CaughtUp,
            Some(lag) if lag <= log_length::lagging_beyond() => Health::Behind,
            // A new leader does not know yet: it looks for the last entry that both have from the
            // middle of its log, so what it has found so far may be far behind.
            _ if self.now - self.since <= self.silence() => Health::Behind,
            _ => Health::Lagging,
        }
    }
}

/// Makes a change; false if it was not made and has to be considered again.
async fn apply_change(node: &Node, change: Change) -> bool {
    tracing::info!(?change, "membership");
    let raft = node.raft();
    let outcome = match change {
        Change::Voters(voters) => {
            let before =
                raft.metrics().borrow().membership_config.membership().voter_ids().collect();
            let taken = BTreeSet::difference(&before, &voters).count();
            let outcome = timeout(CHANGE_WITHIN, raft.change_membership(voters, true)).await;
            if matches!(outcome, Ok(Ok(_))) {
                metrics::VOTES_TAKEN.inc_by(taken as u64);
            }
            outcome
        }
        Change::Add(id, info) => timeout(CHANGE_WITHIN, raft.add_learner(id, info, false)).await,
        Change::UpdateAddress(id, info) => {
            let nodes = ChangeMembers::SetNodes(BTreeMap::from([(id, info)]));
            timeout(CHANGE_WITHIN, raft.change_membership(nodes, true)).await
        }
        Change::Remove(id) => {
            let nodes = ChangeMembers::RemoveNodes(BTreeSet::from([id]));
            timeout(CHANGE_WITHIN, raft.change_membership(nodes, true)).await
        }
    };
    match outcome {
        Ok(Ok(_)) => {
            metrics::MEMBERSHIP_CHANGES.inc();
            true
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "the membership was not changed");
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

    const HEARTBEAT: Duration = Duration::from_millis(100);

    /// The health of a node that answered, was refused, and was reported down this many
    /// milliseconds ago, and is this many entries behind, at a leader that has led for a minute.
    fn health(answered: Option<u64>, refused: Option<u64>, down: Option<u64>, lag: u64) -> Health {
        evidence(BEGAN, answered, refused, down, Some(lag))
    }

    /// The same at a leader that has led for `led`.
    fn evidence(
        led: Duration,
        answered: Option<u64>,
        refused: Option<u64>,
        down: Option<u64>,
        lag: Option<u64>,
    ) -> Health {
        let now = Instant::now() + BEGAN;
        let ago = |millis: u64| now - Duration::from_millis(millis);
        let contact = Contact { answered: answered.map(ago), refused_since: refused.map(ago) };
        let listed = RosterEntry {
            info: NodeInfo::default(),
            down: down.is_some(),
            leaving: false,
            full: false,
        };
        let roster = &ReceivedRoster { received: down.map(ago), ..ReceivedRoster::default() };
        let (listed, heartbeat, since) = (Some(&listed), HEARTBEAT, now - led);
        HealthEvidence { contact, listed, roster, heartbeat, since, now }.health(lag)
    }

    #[test]
    fn who_answers_is_alive_and_fares_by_how_far_it_is_behind() {
        assert_eq!(health(Some(100), None, None, log_length::caught_up_within()), Health::CaughtUp);
        assert_eq!(
            health(Some(100), None, None, log_length::caught_up_within() + 1),
            Health::Behind
        );
        assert_eq!(health(Some(100), None, None, log_length::lagging_beyond()), Health::Behind);
        assert_eq!(
            health(Some(100), None, None, log_length::lagging_beyond() + 1),
            Health::Lagging
        );
    }

    #[test]
    fn a_leader_that_does_not_know_yet_how_far_others_are_takes_no_vote_away() {
        for lag in [None, Some(log_length::lagging_beyond() + 1)] {
            let led = |millis| evidence(Duration::from_millis(millis), Some(10), None, None, lag);
            assert_eq!(led(20), Health::Behind);
            assert_eq!(led(1_000), Health::Behind);
            assert_eq!(led(1_001), Health::Lagging);
        }
    }

    #[test]
    fn the_routers_word_alone_is_no_death() {
        assert_eq!(health(Some(20), None, Some(10), 0), Health::CaughtUp);
        assert_eq!(health(Some(300), None, Some(10), 0), Health::CaughtUp);
        let new = Duration::from_millis(300);
        assert_eq!(evidence(new, None, None, Some(10), None), Health::Unclear);
    }

    #[test]
    fn the_routers_word_makes_own_evidence_count_at_once() {
        assert_eq!(health(Some(20), Some(1), Some(10), 0), Health::Dead);
        assert_eq!(health(Some(301), None, Some(10), 0), Health::Dead);
        assert_eq!(health(None, Some(1), Some(10), 0), Health::Dead);
        let new = Duration::from_millis(1);
        assert_eq!(evidence(new, None, Some(2), Some(1), None), Health::Dead);
    }

    #[test]
    fn the_routers_word_counts_no_more_when_the_node_has_spoken_later() {
        assert_eq!(health(Some(10), None, Some(20), 0), Health::CaughtUp);
        assert_eq!(health(Some(10), Some(5), Some(20), 0), Health::Unclear);
    }

    #[test]
    fn who_does_not_speak_the_clusters_format_does_not_join() {
        let listed =
            RosterEntry { info: NodeInfo::default(), down: false, leaving: false, full: false };
        let joins = |version| {
            newcomer_health(&listed.info, lives(Some(&listed), false), Version::new(version))
        };
        assert_eq!(joins(1), Health::Unclear);
        assert_eq!(joins(2), Health::Dead, "a node that speaks the first version alone");
        let down = RosterEntry { down: true, ..listed.clone() };
        let dead = lives(Some(&down), false);
        assert_eq!(newcomer_health(&down.info, dead, Version::FIRST), Health::Dead);
        assert!(lives(None, true), "it has called");
    }

    #[test]
    fn refused_connections_count_sooner_than_silence() {
        assert_eq!(health(Some(200), Some(100), None, 0), Health::Unclear);
        assert_eq!(health(Some(400), Some(301), None, 0), Health::Dead);
        assert_eq!(health(Some(999), None, None, 0), Health::CaughtUp);
        assert_eq!(health(Some(1_001), None, None, 0), Health::Dead);
    }

    #[test]
    fn where_heartbeats_are_rare_a_node_may_be_silent_for_longer() {
        let now = Instant::now() + BEGAN;
        let heartbeat = Duration::from_secs(2);
        for (silent_s, health) in [(19, Health::CaughtUp), (21, Health::Dead)] {
            let answered = Some(now - Duration::from_secs(silent_s));
            let contact = Contact { answered, refused_since: None };
            let (listed, roster, since) = (None, &ReceivedRoster::default(), now - BEGAN);
            let evidence = HealthEvidence { contact, listed, roster, heartbeat, since, now };
            assert_eq!(evidence.health(Some(0)), health, "silent for {silent_s} s");
        }
    }

    #[test]
    fn a_new_leader_waits_before_it_takes_silence_or_an_old_failure_for_death() {
        let new = Duration::ZERO;
        assert_eq!(evidence(new, None, None, None, None), Health::Unclear);
        assert_eq!(evidence(new, Some(60_000), None, None, None), Health::Unclear);
        assert_eq!(evidence(new, None, Some(60_000), None, None), Health::Unclear);
    }

    #[test]
    fn a_death_that_lasts_becomes_a_departure_sooner_where_it_was_on_purpose() {
        let after = |seconds, leaving| away_health(Duration::from_secs(seconds), leaving, false);
        assert_eq!(after(60, false), Health::Dead);
        assert_eq!(after(60, true), Health::Dead);
        assert_eq!(after(61, true), Health::Left);
        assert_eq!(after(121, false), Health::Away);
        assert_eq!(after(601, false), Health::Gone);
        assert_eq!(after(601, true), Health::Gone);
        assert_eq!(away_health(Duration::from_secs(601), false, true), Health::Away);
    }
}
