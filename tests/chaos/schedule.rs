//! Which faults strike, in which order, whom and for how long: all from a seed. Pure.
//!
//! Every kind strikes once before any strikes again. From the second round on, two may strike at once.

use std::{fmt, time::Duration};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

use crate::{
    faults::{Fault, Victim},
    network::{Node, ROUTER},
};

/// One fault that is to strike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injection {
    pub fault: Fault,
    pub target: Target,
    /// For what is particular to the fault: how strong it is, or which bytes it damages.
    pub seed: u64,
}

/// Whom it befalls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Whichever master is the available server then.
    Available,
    Node(Node),
    Nodes(Vec<Node>),
}

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Counted from 1.
    pub number: usize,
    /// One, or two at once.
    pub injections: Vec<Injection>,
    pub lasting: Duration,
}

/// The steps, without end.
pub struct Schedule {
    random: StdRng,
    masters: usize,
    faults: Vec<Fault>,
    /// Those that have not struck in this round.
    left: Vec<Fault>,
    steps: usize,
}

impl Schedule {
    /// Of these faults, for a cluster of this many masters.
    pub fn new(seed: u64, masters: usize, faults: &[Fault]) -> Self {
        assert!(!faults.is_empty() && masters > 0, "somebody is struck by something");
        let random = StdRng::seed_from_u64(seed);
        Self { random, masters, faults: faults.to_vec(), left: Vec::new(), steps: 0 }
    }

    fn is_first_round(&self) -> bool {
        self.steps <= self.faults.len()
    }

    fn draw(&mut self) -> Fault {
        if self.left.is_empty() {
            self.left.clone_from(&self.faults);
            self.left.shuffle(&mut self.random);
        }
        self.left.pop().expect("it was filled")
    }

    fn inject(&mut self, fault: Fault) -> Injection {
        Injection { fault, target: self.target(fault), seed: self.random.random() }
    }

    fn target(&mut self, fault: Fault) -> Target {
        let random = &mut self.random;
        match fault.victim() {
            Victim::Router => Target::Node(ROUTER),
            Victim::Master | Victim::Any if random.random_bool(0.5) => Target::Available,
            Victim::Master => Target::Node(random.random_range(1..=self.masters)),
            Victim::Any => Target::Node(random.random_range(ROUTER..=self.masters)),
            Victim::Several if fault == Fault::PowerLost => {
                Target::Nodes((ROUTER..=self.masters).collect())
            }
            Victim::Several => {
                let sites = sites(self.masters);
                let site = random.random_range(0..sites.len());
                Target::Nodes(sites.into_iter().nth(site).expect("one of them"))
            }
        }
    }
}

/// The sites of a cluster: at most two nodes each, and the router beside the last master.
pub fn sites(masters: usize) -> Vec<Vec<Node>> {
    let mut sites: Vec<Vec<Node>> =
        (1..masters).collect::<Vec<_>>().chunks(2).map(<[Node]>::to_vec).collect();
    sites.push(vec![ROUTER, masters]);
    sites
}

impl Iterator for Schedule {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        self.steps += 1;
        let first = self.draw();
        let mut injections = vec![self.inject(first)];
        if !self.is_first_round() && first.combines() && self.random.random_bool(0.5) {
            let others = self.faults.iter().copied();
            let mut others: Vec<Fault> =
                others.filter(|other| other.combines() && *other != first).collect();
            others.shuffle(&mut self.random);
            if let Some(second) = others.pop() {
                let second = self.inject(second);
                injections.push(second);
            }
        }
        let [least, most] = first.lasting_ms();
        let lasting = Duration::from_millis(self.random.random_range(least..=most));
        Some(Step { number: self.steps, injections, lasting })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, injections, lasting } = self;
        let words: Vec<String> = injections.iter().map(ToString::to_string).collect();
        write!(formatter, "{number:3}. {}, for {} ms", words.join(", and "), lasting.as_millis())
    }
}

impl fmt::Display for Injection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, target, seed: _ } = self;
        match target {
            Target::Available => write!(formatter, "{fault}: the available server"),
            Target::Node(ROUTER) => write!(formatter, "{fault}: the router"),
            Target::Node(node) => write!(formatter, "{fault}: server-{node}"),
            Target::Nodes(nodes) => write!(formatter, "{fault}: {nodes:?}"),
        }
    }
}
