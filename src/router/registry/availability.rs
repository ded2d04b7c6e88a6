//! Which master is available, whom to elect if none is, and who is missing for that.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::{Effect, Master, Registry, State, WitnessRecord};
use crate::{
    control::{Progress, VoterConfig, departure, directive::LostWitness},
    domain::{LogPosition, NodeId, UnixMillis},
    planted::{self, PlantedFault},
    replication::quorum::majority,
    router::{
        election::{Candidate, Cause, Order, Voter},
        observed_voters::MissingVoters,
        quorum_loss,
    },
};

/// How long a cluster without a leader is given to elect one by itself, if the router did not see
/// its leader die. Counts from the first report of a voter: until then there is nobody to elect,
/// and after a start of the router all masters report at about the same time.
const LEADERLESS: Duration = Duration::from_millis(300);
/// The same if other nodes hear a leader that this router does not know: a master tries to reach
/// the router once a second, and may need as long again to succeed. If it never does, clients that
/// only know the router are better served by another master.
const LEADER_ABSENT: Duration = Duration::from_secs(3);
/// How long a quorum must have been missing before that is reported: masters that start together
/// need about so long to arrive.
const LASTS_FOR: Duration = Duration::from_secs(1);

impl Registry {
    /// Which nodes have to come back before any master can serve, if none can.
    pub fn missing(&self) -> Option<MissingVoters> {
        let lives = |node| self.masters.get(&node).is_some_and(Master::lives);
        let is_there = |node| lives(node) || self.witness() == Some((node, true));
        if self.available.is_some() { None } else { self.observed_voters.missing(is_there) }
    }

    /// Decides which master is available, and directs an election if none is.
    pub(super) fn choose_available(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let leader = self
            .masters
            .values()
            .filter(|master| master.leads())
            .max_by_key(|master| master.progress.term)
            .map(|master| (master.hello.node, self.hands_over(master), &master.progress.voters));
        let last = self.available.map(|node| self.masters.get(&node));
        // Whoever gave this process up while it paused has ended its stream, and opens another soon.
        let has_just_woken = self.awake_since.is_some_and(|since| now - since < LEADER_ABSENT);
        let lost = last.is_some_and(|last| !last.is_some_and(Master::lives)) && !has_just_woken;
        let cut_off = last.flatten().is_some_and(|last| last.progress.cut_off);
        let before = std::mem::replace(&mut self.available, leader.map(|(node, ..)| node));
        if before != self.available {
            effects.push(Effect::Publish);
        }
        if let Some((.., voters)) = leader {
            self.voters.clone_from(voters);
        }
        let hands_over = leader.map(|(_, hands_over, _)| hands_over);
        match hands_over {
            Some(false) => {
                self.leaderless_since = None;
                self.election.end();
                return;
            }
            Some(true) => self.election.begin(Cause::Gone),
            None if lost => self.election.begin(Cause::Gone),
            None if cut_off => self.election.begin(Cause::Unclear),
            None if self.is_leaderless(now) => self.election.begin(Cause::Unclear),
            None => {}
        }
        let mut candidates = self.candidates(hands_over.is_some());
        if hands_over.is_none() {
            candidates.extend(self.witness_as_candidate());
        }
        // Before the first leader, the voters are unknown.
        let majority =
            if self.voters.is_empty() { usize::MAX } else { majority(self.voters.len()) };
        for order in self.election.advance(now, &candidates, majority) {
            match order {
                Order::Probe(voter, question) => effects.push(Effect::Probe(voter, question)),
                Order::Campaign(voter, after_term) => {
                    // Clients are told who that is, too.
                    effects.extend([Effect::Campaign(voter, after_term), Effect::Publish]);
                }
            }
        }
    }

    /// Whether there has been no leader for so long that none is to be expected.
    fn is_leaderless(&mut self, now: Instant) -> bool {
        let has_reported = |master: &Master| master.reported && master.lives();
        let is_voter = |master: &Master| has_reported(master) && master.progress.voter;
        if !self.masters.values().any(is_voter) {
            self.leaderless_since = None;
            return false;
        }
        let since = *self.leaderless_since.get_or_insert(now);
        if planted::is(PlantedFault::RestartedRouterReplacesTheLeader) {
            return true;
        }
        let is_absent = |leader: NodeId| {
            let is_witness = self.witness.as_ref().is_some_and(|witness| witness.node == leader);
            !is_witness && !self.masters.get(&leader).is_some_and(has_reported)
        };
        let masters = self.masters.values().filter(|master| has_reported(master));
        let mut leaders =
            masters.filter_map(|master| master.progress.known_leader).chain(self.witness_leader);
        now - since >= if leaders.any(is_absent) { LEADER_ABSENT } else { LEADERLESS }
    }

    /// Whether a leader hands over: it leaves (`control::departure`), or it is not fit to lead and another is.
    fn hands_over(&self, leader: &Master) -> bool {
        leader.leaving || (!leader.is_fit() && self.another_is_fit())
    }

    /// Whether a master that stays could lead, and is fit to.
    fn another_is_fit(&self) -> bool {
        self.could_lead().any(|master| !master.leaving && master.is_fit())
    }

    /// The masters that could lead and do not; one that is cut off still believes that it does. Whether
    /// they vote, according to their last report, may be a moment old, and the last leader may know
    /// better; once they have been asked, only their own answers count.
    fn could_lead(&self) -> impl Iterator<Item = &Master> {
        self.masters.values().filter(|master| {
            let votes = master.progress.voter || self.voters.contains(&master.hello.node);
            let leads = master.progress.leading || master.progress.cut_off;
            master.lives() && votes && !leads
        })
    }

    /// The masters that may campaign. Who is not fit to lead is no help to anybody, unless there is nobody
    /// else.
    fn candidates(&self, is_led: bool) -> Vec<Candidate> {
        let any_stays = self.could_lead().any(|master| !master.leaving);
        let any_is_fit = is_led && self.another_is_fit();
        let eligible = |master: &&Master| {
            departure::may_be_elected(master.leaving, is_led, any_stays)
                && (master.is_fit() || !any_is_fit)
        };
        let candidate = |master: &Master| {
            Some(Candidate {
                node: master.hello.node,
                voter: Voter::Master(master.stream?),
                term: master.progress.term,
                last_log: master.progress.last_log,
                electable: master.progress.electable,
            })
        };
        self.could_lead().filter(eligible).filter_map(candidate).collect()
    }

    fn witness_as_candidate(&self) -> Option<Candidate> {
        let WitnessRecord { node, progress, broken } = self.witness.as_ref()?;
        let eligible = broken.is_none() && progress.voter && !progress.leading;
        let Progress { term, last_log, electable, .. } = *progress;
        let voter = Voter::Witness;
        eligible.then_some(Candidate { node: *node, voter, term, last_log, electable })
    }

    /// Lets a new witness replace a lost one, if that is all that is missing.
    pub(super) fn replace_witness(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let Some(WitnessRecord { node, progress, broken: None }) = &self.witness else { return };
        let is_new = progress.last_log == LogPosition::EMPTY && progress.voter_config.index == 0;
        let lasts = self.leaderless_since.is_some_and(|since| now - since >= LEADERLESS);
        if !is_new || !lasts || self.replacing_witness == Some(*node) {
            return;
        }
        let living = || self.masters.iter().filter(|(_, master)| master.lives());
        let reports: Vec<(NodeId, &VoterConfig)> =
            living().map(|(node, master)| (*node, &*master.progress.voter_config)).collect();
        if let Some(lost) = quorum_loss::replaceable_witness(Some(*node), &reports) {
            let term = living().map(|(_, master)| master.progress.term).max().unwrap_or(0);
            self.replacing_witness = Some(*node);
            effects.push(Effect::ReplaceWitness(LostWitness { node: lost, term }));
        }
    }

    /// Reports which nodes are missing, once this has lasted: in a restart of everything, they come
    /// back one by one.
    pub(super) fn note_quorum_loss(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let masters = self.masters.iter().filter(|(_, master)| master.lives());
        let witness = self.witness.iter().filter(|witness| witness.broken.is_none());
        let here: BTreeSet<NodeId> =
            masters.map(|(node, _)| *node).chain(witness.map(|witness| witness.node)).collect();
        let missing = match self.available {
            Some(_) => None,
            None => quorum_loss::describe(&self.voter_config, &here),
        };
        let before = self.quorum_loss().map(str::to_owned);
        let since = self.quorum_loss.take().map_or(now, |(since, _)| since);
        self.quorum_loss = missing.map(|missing| (since, missing));
        self.quorum_loss_lasts = self.quorum_loss.is_some() && now - since >= LASTS_FOR;
        let after = self.quorum_loss();
        if before.as_deref() != after {
            if let Some(missing) = after {
                tracing::warn!("{missing}");
            } else {
                tracing::info!("there is a quorum again");
            }
            effects.push(Effect::Publish);
        }
    }

    /// Updates the state in which each master is shown.
    pub(super) fn update_states(&mut self, wall: UnixMillis, effects: &mut Vec<Effect>) {
        let available = self.available;
        let voters = self.available().map(|leader| leader.progress.voters.clone());
        for (node, master) in &mut self.masters {
            let votes = match &voters {
                Some(voters) => voters.contains(node),
                // A master that was away may not know yet that it has lost its vote.
                None => self.observed_voters.votes(*node).unwrap_or(master.progress.voter),
            };
            let state = if !master.lives() {
                State::Down
            } else if available == Some(*node) {
                State::Available
            } else if votes {
                State::Standby
            } else {
                State::CatchingUp
            };
            if state != master.state {
                tracing::info!(master = %master.hello.name, ?state, "now");
                if State::Down == state || State::Down == master.state {
                    effects.push(Effect::Publish);
                }
                master.state = state;
                master.since = wall;
            }
        }
    }
}
