//! One seed: its world from beginning to end, and what is wrong with it.

use std::{collections::BTreeMap, time::Instant};

use serde::{Deserialize, Serialize};
use tinysns::{
    host::{
        random,
        simulated::{
            self,
            clock::{self, MILLISECOND},
        },
        thread,
    },
    planted::{self, PlantedFault},
};
use tracing_subscriber::fmt::{format::Writer, time::FormatTime};

use crate::{
    availability::Availability,
    cluster::{self, Cluster},
    evidence::Evidence,
    interposed,
    invariants::Invariants,
    laboratory,
    nemesis::Nemesis,
    ordinary_days, person,
    plan::Plan,
    post_times::PostTimes,
    workload::Workload,
};

const SECOND: u64 = 1_000 * MILLISECOND;
/// How often the nodes are looked at, at least; less often in a slow cluster.
const LOOK_EVERY: u64 = 100 * MILLISECOND;
/// When everything was healed, the cluster is whole again within this time.
const WHOLE_WITHIN: u64 = 60 * SECOND;
/// How long masters are struck then that the others can do without.
const STRUCK_FOR: u64 = 20 * SECOND;
/// And from then on, clients have read everything within this one.
const READ_WITHIN: u64 = 120 * SECOND;

/// A kind of world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Life {
    /// Ten minutes in which everything goes wrong.
    #[default]
    Faults,
    /// A day of ordinary life.
    Ordinary,
}

/// How a seed is run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub seed: u64,
    /// Of which kind its world is.
    pub life: Life,
    /// Which of the planned faults come; all, if none are named.
    pub keep: Option<Vec<usize>>,
    /// Prints the log of the nodes, as far as it passes this filter.
    pub log: Option<String>,
    /// A deliberate bug that is in the program meanwhile.
    pub planted: Option<PlantedFault>,
    /// Prints the plan and the history.
    pub print: bool,
}

/// What a seed came to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    pub seed: u64,
    pub violations: Vec<String>,
    /// How often things happened, by their names.
    pub counts: BTreeMap<String, u64>,
    pub operations: u64,
    /// How many faults were planned, including those that did not come.
    pub planned: usize,
    pub simulated_s: u64,
    pub took_ms: u64,
    /// A checksum of everything that clients did and saw.
    pub history: u32,
}

/// Runs a seed. The process must do nothing else, before or after.
pub fn run(options: &Options) -> Outcome {
    let began = Instant::now();
    let seed = options.seed;
    interposed::simulate(seed);
    simulated::create(seed);
    thread::stay_on_one();
    random::seed(seed);
    // Always, because it draws random numbers: the same world comes with a log and without one.
    show_log(options.log.as_deref().unwrap_or("off"));
    cluster::note_panics();
    planted::choose(options.planted);
    let mut plan = match options.life {
        Life::Faults => Plan::of(seed),
        Life::Ordinary => ordinary_days::plan(seed),
    };
    let planned = plan.faults.len();
    if let Some(keep) = &options.keep {
        let numbered = plan.faults.into_iter().enumerate();
        plan.faults = numbered.filter(|(n, _)| keep.contains(n)).map(|(_, fault)| fault).collect();
    }
    if options.print {
        for (number, fault) in plan.faults.iter().enumerate() {
            println!("{number:>3} {fault}");
        }
    }
    let mut world = World::new(&plan, seed);
    world.live(&plan);
    let history = world.workload.take_history();
    let mut violations = world.cluster.violations;
    if violations.is_empty() {
        violations.extend(laboratory::check(&history).iter().map(ToString::to_string));
    }
    let text = history.to_string();
    if options.print {
        print!("{text}");
    }
    let mut counts = world.cluster.counts;
    world.invariants.count(&mut counts);
    world.availability.count(&mut counts);
    counts.insert("= times of posts compared".to_owned(), world.post_times.compared);
    simulated::remove_real_files();
    Outcome {
        seed,
        violations,
        counts,
        operations: history.operations().len() as u64,
        planned,
        simulated_s: clock::now() / SECOND,
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        history: crc32fast::hash(text.as_bytes()),
    }
}

/// A cluster, its people, and what goes wrong.
struct World {
    cluster: Cluster,
    workload: Workload,
    nemesis: Nemesis,
    evidence: Evidence,
    invariants: Invariants,
    availability: Availability,
    post_times: PostTimes,
}

impl World {
    fn new(plan: &Plan, seed: u64) -> Self {
        let workload = Workload::new(plan);
        let for_clients = workload.clone();
        let cluster = Cluster::new(plan, move |number, router| {
            Box::pin(person::run(for_clients.clone(), number, router, seed))
        });
        let nemesis = Nemesis::new(plan.clone());
        Self {
            cluster,
            workload,
            nemesis,
            evidence: Evidence::default(),
            invariants: Invariants::default(),
            availability: Availability::default(),
            post_times: PostTimes::default(),
        }
    }

    fn live(&mut self, plan: &Plan) {
        self.until(plan.until_ms * MILLISECOND);
        self.nemesis.heal(&mut self.cluster);
        self.until(clock::now() + WHOLE_WITHIN);
        self.invariants.must_be_whole(&mut self.cluster);
        self.must_survive();
        self.workload.finish();
        // They notice the end after the pause that they are in.
        let read_by = clock::now() + 2 * plan.thinks_ms * MILLISECOND + READ_WITHIN;
        while !self.workload.is_finished() && self.is_sound() && clock::now() < read_by {
            self.until(clock::now() + SECOND);
        }
        if self.is_sound() && !self.workload.is_finished() {
            let wrong = "the clients could not read everything in the end".to_owned();
            self.cluster.violations.push(wrong);
        }
    }

    /// A cluster that is whole survives that as many of its masters as may be lose their power at
    /// once, the leader among them.
    fn must_survive(&mut self) {
        let struck = self.invariants.as_many_as_may_fail(&self.cluster);
        self.cluster.count(format!("{} struck at once in the end", struck.len()));
        for host in &struck {
            self.cluster.power_off(*host);
        }
        self.until(clock::now() + STRUCK_FOR);
        for host in struck {
            self.cluster.power_on(host);
        }
        self.until(clock::now() + WHOLE_WITHIN);
        self.invariants.must_be_whole(&mut self.cluster);
    }

    fn is_sound(&self) -> bool {
        self.cluster.violations.is_empty()
    }

    /// Lets everything happen until then, or until something is wrong.
    fn until(&mut self, until: u64) {
        while clock::now() < until && self.is_sound() {
            let look = (clock::now() + LOOK_EVERY * self.cluster.slower).min(until);
            let Self { cluster, workload, nemesis, evidence, .. } = self;
            let Self { invariants, availability, post_times, .. } = self;
            if let Some(what) = cluster.next(look) {
                nemesis.happens(cluster, invariants, what);
            }
            evidence.look(cluster, nemesis);
            let calm = nemesis.calm_since(cluster);
            invariants.look(cluster, evidence, calm);
            availability.look(cluster, evidence, invariants, workload);
            post_times.look(cluster, workload);
        }
    }
}

/// The world's time, and the machine.
struct WorldTime;

impl FormatTime for WorldTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        let now = clock::now() / 1_000;
        let machine =
            simulated::Machine::current().map_or_else(String::new, simulated::Machine::name);
        write!(writer, "{:>8}.{:03} {machine}", now / 1_000, now % 1_000)
    }
}

fn show_log(filter: &str) {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_timer(WorldTime)
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("there is no other");
}
