//! One seed: its world from beginning to end.

use std::time::Instant;

use tinysns::host::{
    random,
    simulated::{self, clock},
    thread,
};

use crate::{
    cluster::{self, Cluster},
    interposed,
    invariants::Invariants,
    laboratory,
    nemesis::Nemesis,
    plan::{FAULTS_UNTIL, Plan},
    workload::{self, Workload},
};

const MILLISECOND: u64 = 1_000_000;
/// While nothing is wrong, every call is answered within this time.
const ANSWERED_WITHIN: u64 = 10_000 * MILLISECOND;
/// When everything was healed, the cluster is whole again within this time.
const WHOLE_WITHIN: u64 = 90_000 * MILLISECOND;
/// And clients have read everything.
const READ_WITHIN: u64 = 150_000 * MILLISECOND;

pub fn run(seed: u64, log: Option<String>, keep: Option<String>) {
    let began = Instant::now();
    interposed::simulate(seed);
    simulated::create(seed);
    thread::stay_on_one();
    random::seed(seed);
    if let Some(filter) = log.filter(|filter| filter != "-") {
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_timer(WorldTime)
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("the first");
    }
    cluster::note_panics();
    let mut plan = Plan::of(seed);
    if let Some(keep) = keep {
        let keep: Vec<usize> = keep.split(',').filter_map(|n| n.parse().ok()).collect();
        let mut number = 0;
        plan.faults.retain(|_| { number += 1; keep.contains(&(number - 1)) });
    }
    for fault in &plan.faults { println!("{fault}"); }
    let workload = Workload::new(plan.clients);
    let for_clients = workload.clone();
    let mut world = Cluster::new(&plan, move |number, router| {
        Box::pin(workload::run(for_clients.clone(), number, router, seed))
    });
    let mut nemesis = Nemesis::new(plan.clone());
    let mut invariants = Invariants::default();
    let until = FAULTS_UNTIL * MILLISECOND;
    let mut step = |world: &mut Cluster, nemesis: &mut Nemesis, invariants: &mut Invariants, until: u64| {
        while clock::now() < until && world.violations.is_empty() {
            let next = (clock::now() + 100 * MILLISECOND).min(until);
            if let Some(what) = world.next(next) {
                nemesis.happens(world, what);
            }
            let (wrong, _demoted) = invariants.look();
            world.violations.extend(wrong);
            if let Some(calm) = nemesis.calm_since(world)
                && let Some(oldest) = workload.oldest_open()
                && clock::now().saturating_sub(calm.max(oldest)) > ANSWERED_WITHIN
            {
                world.violations.push(format!("{} s: nothing is wrong since {} s, and a call from {} s is not answered", clock::now() / 1_000_000_000, calm / 1_000_000_000, oldest / 1_000_000_000));
            }
        }
    };
    step(&mut world, &mut nemesis, &mut invariants, until);
    nemesis.heal(&mut world);
    let healed = clock::now();
    step(&mut world, &mut nemesis, &mut invariants, healed + WHOLE_WITHIN);
    workload.finish();
    step(&mut world, &mut nemesis, &mut invariants, healed + WHOLE_WITHIN + 20 * 1000 * MILLISECOND);
    let mut until = clock::now();
    while !workload.is_finished() && world.violations.is_empty() && clock::now() < healed + WHOLE_WITHIN + READ_WITHIN {
        until += 1_000 * MILLISECOND;
        step(&mut world, &mut nemesis, &mut invariants, until);
    }
    if world.violations.is_empty() && !workload.is_finished() {
        world.violations.push("the clients could not read everything in the end".to_owned());
    }
    let history = workload.take_history();
    let simulated = clock::now() / 1_000_000_000;
    println!("{simulated} s, {} runs, {} ops, {} entries, {} terms, {} memberships ({} joint), {} replaced; {:?}", world.runs, history.operations().len(), invariants.entries(), invariants.terms(), invariants.memberships, invariants.joint, invariants.replaced, began.elapsed());
    println!("{:?}", world.counts);
    if world.violations.is_empty() {
        world.violations.extend(laboratory::check(&history).iter().map(|v| format!("{v:?}")));
    }
    println!("checked {:?}", began.elapsed());
    for violation in &world.violations { println!("VIOLATION {violation}"); }
    std::process::exit(i32::from(!world.violations.is_empty()));
}

struct WorldTime;
impl tracing_subscriber::fmt::time::FormatTime for WorldTime {
    fn format_time(&self, writer: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        let now = clock::now();
        let machine = simulated::Machine::current().map_or(99, simulated::Machine::number);
        write!(writer, "{:>10}.{:03} m{machine}", now / 1_000_000, now / 1000 % 1000)
    }
}
