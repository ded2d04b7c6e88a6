//! A directed election: ask all who may stand where they are, then tell the most caught-up one to
//! stand. Pure.
//!
//! Reports come ten times a second, so under load they are stale when they are needed; a candidate
//! behind the others would lose. The question costs one round trip.

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

/// A master that may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its node.
    pub node: NodeId,
    /// Its stream.
    pub session: SessionId,
    /// Term and index of its last log entry.
    pub last_log: (u64, u64),
}

/// What is to be said to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Report, naming this number.
    Probe(SessionId, u64),
    /// Stand for election.
    Stand(SessionId),
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
        asked: BTreeSet<NodeId>,
        answered: BTreeSet<NodeId>,
        /// From now on one answer is enough.
        enough: Instant,
        /// If there is none by now, all are asked anew.
        deadline: Instant,
    },
    Standing {
        candidate: NodeId,
        deadline: Instant,
    },
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
            Phase::Probing { answered, enough, .. } if !answered.is_empty() => Some(*enough),
            Phase::Probing { deadline, .. } | Phase::Standing { deadline, .. } => Some(*deadline),
        }
    }

    /// Goes as far as it can. The answers of a `majority` of those who vote are enough: they are
    /// the votes that the furthest of them needs.
    pub fn advance(
        &mut self,
        now: Instant,
        candidates: &[Candidate],
        majority: usize,
    ) -> Vec<Order> {
        let mut orders = Vec::new();
        self.give_up(now, candidates);
        if matches!(self.phase, Phase::Due) && !candidates.is_empty() {
            self.probe += 1;
            orders.extend(candidates.iter().map(|who| Order::Probe(who.session, self.probe)));
            self.phase = Phase::Probing {
                asked: candidates.iter().map(|who| who.node).collect(),
                answered: BTreeSet::new(),
                enough: now + ANSWERS_WITHIN,
                deadline: now + self.patience(),
            };
        }
        if let Phase::Probing { asked, answered, enough, .. } = &self.phase {
            let runs = || candidates.iter().filter(|who| asked.contains(&who.node));
            let has_answered = |who: &&Candidate| answered.contains(&who.node);
            let answers = runs().filter(has_answered).count();
            let enough = answers >= majority || answers == runs().count() || now >= *enough;
            let best =
                runs().filter(has_answered).max_by_key(|who| (who.last_log, Reverse(who.node)));
            if let Some(best) = best
                && enough
            {
                orders.push(Order::Stand(best.session));
                let deadline = now + self.patience();
                self.phase = Phase::Standing { candidate: best.node, deadline };
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
            Phase::Standing { candidate, deadline } => (!runs(candidate), *deadline),
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
