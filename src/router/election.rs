//! A directed election: ask all who may stand where they are, then tell the most caught-up one to
//! stand. Pure.
//!
//! Reports come ten times a second, so under load they are stale when they are needed; a candidate
//! behind the others would lose. The question costs one round trip.
//!
//! The witness stands where what it wrote is needed and no living master has it: it leads until a
//! master has all of it, and then that one stands.
//!
//! Where the last leader was seen to die, the newest log decides, which is the quickest. Otherwise the
//! network may be broken anywhere, and the newest log be where no majority can be reached from. Then
//! the question is also a pre-vote: who may stand asks all who vote, and only one that would win is
//! told to stand. An election that nobody can win is so not begun, and costs no term.

use std::{cmp::Reverse, collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::registry::SessionId;
use crate::domain::NodeId;

/// How long answers are waited for where no majority gives any; who has not answered by then does
/// not stand, unless nobody has: then the first to answer does.
const ANSWERS_WITHIN: Duration = Duration::from_millis(20);
/// How long the first candidate has; later ones have twice as long each time.
const FIRST_PATIENCE: Duration = Duration::from_millis(250);
/// The longest pre-vote: an answer takes a millisecond or two, and the report waits for the last.
const LONGEST_PRE_VOTE: Duration = Duration::from_millis(100);
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
    /// By its pre-vote, it would win.
    pub electable: bool,
}

/// A question to all who may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// To be named in the answer; counts from 1.
    pub number: u64,
    /// How long a pre-vote may take; zero for none.
    pub pre_vote: Duration,
}

/// Why there is to be an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The last leader was lost, or is about to stop.
    Gone,
    /// It lives, or nobody knows.
    Unclear,
}

/// What is to be said to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Report, answering this question.
    Probe(Voter, Question),
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
    /// Only who would win is to stand.
    careful: bool,
    /// Who stood since the last leader: others that would win are tried first.
    stood: BTreeSet<NodeId>,
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
        /// Answers tell who would win.
        careful: bool,
        /// From then on one answer is enough; none when that time has passed.
        enough: Option<Instant>,
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
    pub fn begin(&mut self, cause: Cause) {
        if matches!(self.phase, Phase::Idle) {
            self.phase = Phase::Due;
            self.careful = cause == Cause::Unclear;
        }
    }

    /// There is a leader.
    pub fn end(&mut self) {
        self.phase = Phase::Idle;
        self.failures = 0;
        self.stood.clear();
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
        if let Phase::Standing { deadline, .. } | Phase::Probing { deadline, .. } = &mut self.phase
        {
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
            Phase::Probing { asked, answered, enough: Some(enough), .. }
                if !asked.is_disjoint(answered) =>
            {
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
        if matches!(self.phase, Phase::Due) && candidates.iter().any(Candidate::is_master) {
            orders = self.ask(now, candidates);
        }
        if let Some(best) = self.best(now, candidates, majority) {
            orders.push(Order::Stand(best.voter));
            self.stood.insert(best.node);
            let deadline = now + self.patience();
            self.phase = Phase::Standing { candidate: best, deadline };
        }
        orders
    }

    fn ask(&mut self, now: Instant, candidates: &[Candidate]) -> Vec<Order> {
        self.probe += 1;
        let patience = self.patience();
        let pre_vote =
            if self.careful { (patience / 5).min(LONGEST_PRE_VOTE) } else { Duration::ZERO };
        let masters = candidates.iter().filter(|who| who.is_master());
        self.phase = Phase::Probing {
            asked: masters.map(|who| who.node).collect(),
            answered: BTreeSet::new(),
            careful: self.careful,
            enough: Some(now + pre_vote + ANSWERS_WITHIN),
            deadline: now + patience,
        };
        let question = Question { number: self.probe, pre_vote };
        candidates.iter().map(|who| Order::Probe(who.voter, question)).collect()
    }

    /// Who should stand, by the answers so far.
    fn best(
        &mut self,
        now: Instant,
        candidates: &[Candidate],
        majority: usize,
    ) -> Option<Candidate> {
        let Phase::Probing { asked, answered, careful, enough, .. } = &mut self.phase else {
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
        let order = |who: &&Candidate| (who.last_log, who.is_master(), Reverse(who.node));
        if !*careful {
            return if answers >= majority {
                runs().filter(has_answered).max_by_key(order).copied()
            } else if answers > 0 && enough {
                runs().chain(witness).filter(has_answered).max_by_key(order).copied()
            } else {
                None
            };
        }
        let wins = |who: &&Candidate| has_answered(who) && who.electable;
        let order = |who: &&Candidate| (!self.stood.contains(&who.node), order(who));
        let master = runs().filter(wins).max_by_key(order);
        master.or_else(|| witness.filter(wins).find(|_| enough)).copied()
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
            self.careful = true;
        }
        if hopeless || now >= deadline {
            self.phase = Phase::Due;
        }
    }

    fn patience(&self) -> Duration {
        (FIRST_PATIENCE * 2u32.saturating_pow(self.failures.min(8))).min(LONGEST_PATIENCE)
    }
}
