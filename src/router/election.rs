//! A directed election: ask all who may stand where they are, then tell the most caught-up one to
//! stand. Pure.
//!
//! Reports come ten times a second, so under load they are stale when they are needed; a candidate
//! behind the others would lose. The question costs one round trip.
//!
//! The witness stands where what it wrote is needed and no living master has it: it leads until a
//! master has all of it, and then that one stands.

use std::{cmp::Reverse, collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::registry::SessionId;
use crate::domain::NodeId;

/// How long answers are waited for where no majority gives any; who has not answered by then does
/// not stand, unless nobody has: then the first to answer does.
const ANSWERS_WITHIN: Duration = Duration::from_millis(20);
/// How long the first candidate has; later ones have twice as long each time.
const FIRST_PATIENCE: Duration = Duration::from_millis(250);
/// Where no majority lives, one attempt in this time is enough.
const LONGEST_PATIENCE: Duration = Duration::from_secs(2);

/// Who may be given orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voter {
    /// A master, by its stream.
    Master(SessionId),
    /// The router's own witness.
    Witness,
}

/// A node that may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its node.
    pub node: NodeId,
    /// How it is told.
    pub voter: Voter,
    /// Term and index of its last log entry.
    pub last_log: (u64, u64),
}

/// What is to be said to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Report, naming this number.
    Probe(Voter, u64),
    /// Stand for election.
    Stand(Voter),
}

/// The election under way, if any.
#[derive(Debug, Default)]
pub struct Election {
    phase: Phase,
    /// Number of the newest probe.
    probe: u64,
    /// Attempts in a row that brought no leader.
    failures: u32,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Idle,
    Due,
    Probing {
        /// Masters only.
        asked: BTreeSet<NodeId>,
        /// The witness may be among them.
        answered: BTreeSet<NodeId>,
        /// From now on one answer is enough.
        enough: Instant,
        /// If there is none by now, all are asked anew.
        deadline: Instant,
    },
    Standing {
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
    /// Begins, unless one is under way.
    pub fn begin(&mut self) {
        if matches!(self.phase, Phase::Idle) {
            self.phase = Phase::Due;
        }
    }

    /// There is a leader.
    pub fn end(&mut self) {
        self.phase = Phase::Idle;
        self.failures = 0;
    }

    /// The witness leads, and a majority has all that it had: a master can take over.
    pub fn handed_over(&mut self) {
        if matches!(&self.phase, Phase::Standing { candidate, .. } if !candidate.is_master()) {
            self.phase = Phase::Due;
        }
    }

    /// Someone joined, whose vote may be the missing one: do not wait long for the next attempt.
    pub fn encourage(&mut self, now: Instant) {
        self.failures = 0;
        if let Phase::Standing { deadline, .. } = &mut self.phase {
            *deadline = (*deadline).min(now + FIRST_PATIENCE);
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

    /// When [`Election::advance`] is due though nothing is heard.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Idle | Phase::Due => None,
            Phase::Probing { asked, answered, enough, .. } if !asked.is_disjoint(answered) => {
                Some(*enough)
            }
            Phase::Probing { deadline, .. } | Phase::Standing { deadline, .. } => Some(*deadline),
        }
    }

    /// Goes as far as it can. The answers of masters that are a `majority` of those who vote are
    /// enough: they are the votes that the furthest of them needs. Where there are fewer, the
    /// witness's vote is needed too, and so is all that it knows.
    pub fn advance(
        &mut self,
        now: Instant,
        candidates: &[Candidate],
        majority: usize,
    ) -> Vec<Order> {
        let mut orders = Vec::new();
        self.give_up(now, candidates);
        let masters = || candidates.iter().filter(|who| who.is_master());
        if matches!(self.phase, Phase::Due) && masters().next().is_some() {
            self.probe += 1;
            orders.extend(candidates.iter().map(|who| Order::Probe(who.voter, self.probe)));
            self.phase = Phase::Probing {
                asked: masters().map(|who| who.node).collect(),
                answered: BTreeSet::new(),
                enough: now + ANSWERS_WITHIN,
                deadline: now + self.patience(),
            };
        }
        if let Phase::Probing { asked, answered, enough, .. } = &mut self.phase {
            answered.retain(|node| candidates.iter().any(|who| who.node == *node));
            let runs = || masters().filter(|who| asked.contains(&who.node));
            let has_answered = |who: &&Candidate| answered.contains(&who.node);
            let answers = runs().filter(has_answered).count();
            let witness = candidates.iter().filter(|who| !who.is_master());
            let all = answers == runs().count() && witness.clone().all(|who| has_answered(&who));
            let order = |who: &&Candidate| (who.last_log, who.is_master(), Reverse(who.node));
            let best = if answers >= majority {
                runs().filter(has_answered).max_by_key(order)
            } else if answers > 0 && (all || now >= *enough) {
                runs().chain(witness).filter(has_answered).max_by_key(order)
            } else {
                None
            };
            if let Some(best) = best {
                orders.push(Order::Stand(best.voter));
                let deadline = now + self.patience();
                self.phase = Phase::Standing { candidate: *best, deadline };
            }
        }
        orders
    }

    /// Begins anew where nothing is to be hoped for any more.
    fn give_up(&mut self, now: Instant, candidates: &[Candidate]) {
        let runs = |node: &NodeId| candidates.iter().any(|who| who.node == *node);
        let (hopeless, deadline) = match &self.phase {
            Phase::Idle | Phase::Due => return,
            Phase::Probing { asked, deadline, .. } => (!asked.iter().any(runs), *deadline),
            Phase::Standing { candidate, deadline } if candidate.is_master() => {
                (!runs(&candidate.node), *deadline)
            }
            Phase::Standing { deadline, .. } => (false, *deadline),
        };
        if now >= deadline {
            self.failures += 1;
        }
        if hopeless || now >= deadline {
            self.phase = Phase::Due;
        }
    }

    fn patience(&self) -> Duration {
        (FIRST_PATIENCE * 2u32.saturating_pow(self.failures.min(8))).min(LONGEST_PATIENCE)
    }
}
