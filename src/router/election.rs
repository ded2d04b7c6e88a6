//! A directed election: ask all possible candidates how far their logs reach, then tell the most
//! up-to-date one to campaign. Pure.
//!
//! Reports come ten times a second, so under load they are out of date when they are needed; a
//! candidate that is behind the others would lose. Asking costs one round trip.
//!
//! The witness campaigns if it has entries that are needed and that no living master has: it leads
//! until a master has all of them, and then that master campaigns.
//!
//! If the last leader was seen to die, the newest log decides, which is fastest. Otherwise the
//! network may be broken anywhere, and the node with the newest log may not reach a majority. Then
//! the question is also a pre-vote: each possible candidate asks all voters, and only one that
//! would win is told to campaign. So an election that nobody can win is not started, and costs no
//! term.

use std::{cmp::Reverse, collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::registry::MasterStreamId;
use crate::{
    control::ProbeRequest,
    domain::{LogPosition, NodeId},
    planted::{self, PlantedFault},
};

/// How long to wait for answers if no majority answers. A node that has not answered by then does
/// not campaign, unless none has: then the first one to answer does.
const ANSWERS_WITHIN: Duration = Duration::from_millis(20);
/// How long the first candidate has; each later one has twice as long.
const FIRST_ATTEMPT_TIMEOUT: Duration = Duration::from_millis(250);
/// The longest pre-vote: an answer takes a millisecond or two, and the report waits for the last
/// one.
const LONGEST_PRE_VOTE: Duration = Duration::from_millis(100);
/// If no majority is alive, one attempt within this time is enough.
const LONGEST_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// A node that can be given orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voter {
    /// A master, addressed by its stream.
    Master(MasterStreamId),
    /// The router's own witness.
    Witness,
}

/// A node that may campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its node.
    pub node: NodeId,
    /// How to address it.
    pub voter: Voter,
    /// Its newest term.
    pub term: u64,
    /// Term and index of its last log entry.
    pub last_log: LogPosition,
    /// According to its pre-vote, it would win.
    pub electable: bool,
}

/// Why an election is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The last leader was lost, or is about to stop.
    Gone,
    /// It is alive, or nobody knows.
    Unclear,
}

/// An order, and the node it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Report, with an answer to this question.
    Probe(Voter, ProbeRequest),
    /// Campaign, in a later term than this.
    Campaign(Voter, u64),
}

/// The election in progress, if any.
#[derive(Debug, Default)]
pub struct Election {
    phase: Phase,
    /// Number of the newest probe.
    probe: u64,
    /// Attempts in a row that produced no leader.
    failures: u32,
    /// Only a node that would win may campaign.
    needs_pre_vote: bool,
    /// The nodes that have campaigned since the last leader: others that would win are tried first.
    campaigned: BTreeSet<NodeId>,
    /// The newest term in which somebody may stand who was told to. It may take long until that one
    /// does: it must not depose whoever was elected meanwhile, as it could in the same term, where
    /// openraft prefers the greater id.
    stands_in: u64,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Idle,
    Due,
    Probing {
        /// Masters only.
        asked: BTreeSet<NodeId>,
        /// May include the witness.
        answered: BTreeSet<NodeId>,
        /// The answers say which nodes would win.
        needs_pre_vote: bool,
        /// From then on, one answer is enough; none if that time has passed.
        enough: Option<Instant>,
        /// If there is no answer by then, all are asked again.
        deadline: Instant,
    },
    Campaigning {
        candidate: Candidate,
        deadline: Instant,
    },
}

impl Candidate {
    fn is_master(&self) -> bool {
        matches!(self.voter, Voter::Master(_))
    }
}

impl Election {
    /// Begins an election, unless one is in progress.
    pub fn begin(&mut self, cause: Cause) {
        if matches!(self.phase, Phase::Idle) {
            self.phase = Phase::Due;
            self.needs_pre_vote = cause == Cause::Unclear;
        }
    }

    /// There is a leader: ends the election.
    pub fn end(&mut self) {
        self.phase = Phase::Idle;
        self.failures = 0;
        self.campaigned.clear();
    }

    /// The witness leads, and a majority has all its entries: a master can take over.
    pub fn handed_over(&mut self) {
        if matches!(&self.phase, Phase::Campaigning { candidate, .. } if !candidate.is_master()) {
            self.phase = Phase::Due;
        }
    }

    /// A node joined, whose vote may be the missing one: do not wait long for the next attempt.
    pub fn retry_soon(&mut self, now: Instant) {
        self.failures = 0;
        if let Phase::Campaigning { deadline, .. } | Phase::Probing { deadline, .. } =
            &mut self.phase
        {
            *deadline = (*deadline).min(now + FIRST_ATTEMPT_TIMEOUT);
        }
    }

    /// `node` reported, having seen the probe `number`.
    pub fn answered(&mut self, node: NodeId, number: u64) {
        if let Phase::Probing { answered, .. } = &mut self.phase
            && number == self.probe
        {
            answered.insert(node);
        }
    }

    /// The master that was told to campaign last, if an election is in progress.
    pub fn candidate(&self) -> Option<NodeId> {
        match &self.phase {
            Phase::Campaigning { candidate, .. } if candidate.is_master() => Some(candidate.node),
            _ => None,
        }
    }

    /// When [`Election::advance`] is due even if nothing is heard.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Idle | Phase::Due => None,
            Phase::Probing { asked, answered, enough: Some(enough), .. }
                if !asked.is_disjoint(answered) =>
            {
                Some(*enough)
            }
            Phase::Probing { deadline, .. } | Phase::Campaigning { deadline, .. } => {
                Some(*deadline)
            }
        }
    }

    /// Advances as far as possible. Answers from masters that are a `majority` of the voters are
    /// enough: theirs are the votes that the most up-to-date one needs. If there are fewer, the
    /// witness's vote is needed too, and so are all entries that it has.
    pub fn advance(
        &mut self,
        now: Instant,
        candidates: &[Candidate],
        majority: usize,
    ) -> Vec<Order> {
        let mut orders = Vec::new();
        self.restart_if_hopeless(now, candidates);
        if matches!(self.phase, Phase::Due) && candidates.iter().any(Candidate::is_master) {
            orders = self.ask(now, candidates);
        }
        if let Some(best) = self.best(now, candidates, majority) {
            orders.push(Order::Campaign(best.voter, self.stands_in));
            self.stands_in = self.stands_in.max(best.term) + 1;
            self.campaigned.insert(best.node);
            let deadline = now + self.attempt_timeout();
            self.phase = Phase::Campaigning { candidate: best, deadline };
        }
        orders
    }

    fn ask(&mut self, now: Instant, candidates: &[Candidate]) -> Vec<Order> {
        self.probe += 1;
        let attempt_timeout = self.attempt_timeout();
        let pre_vote = if self.needs_pre_vote {
            (attempt_timeout / 5).min(LONGEST_PRE_VOTE)
        } else {
            Duration::ZERO
        };
        let masters = candidates.iter().filter(|who| who.is_master());
        self.phase = Phase::Probing {
            asked: masters.map(|who| who.node).collect(),
            answered: BTreeSet::new(),
            needs_pre_vote: self.needs_pre_vote,
            enough: Some(now + pre_vote + ANSWERS_WITHIN),
            deadline: now + attempt_timeout,
        };
        let question = ProbeRequest { number: self.probe, pre_vote };
        candidates.iter().map(|who| Order::Probe(who.voter, question)).collect()
    }

    /// Which node should campaign, according to the answers so far.
    fn best(
        &mut self,
        now: Instant,
        candidates: &[Candidate],
        majority: usize,
    ) -> Option<Candidate> {
        let Phase::Probing { asked, answered, needs_pre_vote, enough, .. } = &mut self.phase else {
            return None;
        };
        answered.retain(|node| candidates.iter().any(|who| who.node == *node));
        let has_answered = |who: &&Candidate| answered.contains(&who.node);
        let runs = || candidates.iter().filter(|who| who.is_master() && asked.contains(&who.node));
        let witness = candidates.iter().filter(|who| !who.is_master());
        let answers = runs().filter(has_answered).count();
        let all = answers == runs().count() && witness.clone().all(|who| has_answered(&who));
        enough.take_if(|enough| now >= *enough);
        let enough = all || enough.is_none();
        let order = |who: &&Candidate| {
            let counts = !planted::is(PlantedFault::DirectedElectionIgnoresTheLogs);
            let last_log = if counts { who.last_log } else { LogPosition::EMPTY };
            (last_log, who.is_master(), Reverse(who.node))
        };
        if !*needs_pre_vote {
            return if answers >= majority {
                runs().filter(has_answered).max_by_key(order).copied()
            } else if answers > 0 && enough {
                runs().chain(witness).filter(has_answered).max_by_key(order).copied()
            } else {
                None
            };
        }
        let wins = |who: &&Candidate| has_answered(who) && who.electable;
        let order = |who: &&Candidate| (!self.campaigned.contains(&who.node), order(who));
        let master = runs().filter(wins).max_by_key(order);
        master.or_else(|| witness.filter(wins).find(|_| enough)).copied()
    }

    /// Starts over if the current attempt has no chance any more.
    fn restart_if_hopeless(&mut self, now: Instant, candidates: &[Candidate]) {
        let runs = |node: &NodeId| candidates.iter().any(|who| who.node == *node);
        let (hopeless, deadline) = match &self.phase {
            Phase::Idle | Phase::Due => return,
            Phase::Probing { asked, deadline, .. } => (!asked.iter().any(runs), *deadline),
            Phase::Campaigning { candidate, deadline } if candidate.is_master() => {
                (!runs(&candidate.node), *deadline)
            }
            Phase::Campaigning { deadline, .. } => (false, *deadline),
        };
        if now >= deadline {
            self.failures += 1;
            self.needs_pre_vote = true;
        }
        if hopeless || now >= deadline {
            self.phase = Phase::Due;
        }
    }

    fn attempt_timeout(&self) -> Duration {
        (FIRST_ATTEMPT_TIMEOUT * 2u32.saturating_pow(self.failures.min(8)))
            .min(LONGEST_ATTEMPT_TIMEOUT)
    }
}
