//! Many seeds, each in a process of its own: because what is taken from the C library, and what a
//! process has once for all, belongs to one world.

use std::{
    collections::BTreeMap,
    env,
    io::BufRead as _,
    ops::Range,
    process::{Command, Stdio},
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use tinysns::planted::PlantedFault;

use crate::seed::{Life, Outcome};

/// Which seeds to run.
pub struct Batch {
    pub seeds: Range<u64>,
    /// Of which kind their worlds are.
    pub life: Life,
    /// How many at a time.
    pub jobs: usize,
    /// A deliberate bug that is in the program meanwhile: the first seed that finds it is the last.
    pub planted: Option<PlantedFault>,
}

/// What they came to.
#[derive(Default)]
pub struct Summary {
    pub seeds: u64,
    pub failed: Vec<Outcome>,
    operations: u64,
    simulated_s: u64,
    took_ms: Vec<u64>,
    counts: BTreeMap<String, u64>,
}

impl Batch {
    /// Runs all; tells of failures, and now and then how far it is.
    pub fn run(&self, tell: impl Fn(String)) -> Summary {
        let next = AtomicU64::new(self.seeds.start);
        let (sender, outcomes) = mpsc::channel();
        let mut summary = Summary::default();
        thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= self.seeds.end
                            || sender.send(run_one(seed, self.life, None, self.planted)).is_err()
                        {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            for outcome in outcomes {
                if let Some(violation) = outcome.violations.first() {
                    tell(format!("seed {} fails: {violation}", outcome.seed));
                }
                summary.add(outcome);
                if self.planted.is_some() && !summary.failed.is_empty() {
                    next.store(self.seeds.end, Ordering::Relaxed);
                }
                if summary.seeds.is_multiple_of(20) {
                    tell(format!("{} of {} seeds", summary.seeds, self.seeds.clone().count()));
                }
            }
        });
        summary
    }
}

/// Runs one seed in a process of its own.
pub fn run_one(
    seed: u64,
    life: Life,
    keep: Option<&[usize]>,
    planted: Option<PlantedFault>,
) -> Outcome {
    let program = env::current_exe().expect("this program's own file");
    let mut command = Command::new(program);
    command.args(["seed", &seed.to_string()]).stdout(Stdio::piped()).stderr(Stdio::piped());
    if life == Life::Ordinary {
        command.arg("--ordinary");
    }
    if let Some(keep) = keep {
        let keep: Vec<String> = keep.iter().map(ToString::to_string).collect();
        command.args(["--keep", &keep.join(",")]);
    }
    if let Some(planted) = planted {
        command.args(["--planted", planted.name()]);
    }
    let output = command.output().expect("it can be run");
    let last = output.stdout.lines().map_while(Result::ok).last();
    let outcome = last.and_then(|line| serde_json::from_str(&line).ok());
    outcome.unwrap_or_else(|| {
        let error = String::from_utf8_lossy(&output.stderr);
        let told: String = error.chars().take(2_000).collect();
        let violations = vec![format!("the process ended with {}: {told}", output.status)];
        Outcome { seed, violations, ..Outcome::default() }
    })
}

/// Looks for each of these deliberate bugs with one seed after the other; prints a table. False if one
/// is not found.
pub fn find_planted(
    faults: impl Iterator<Item = PlantedFault>,
    seeds: Range<u64>,
    jobs: usize,
) -> bool {
    println!("| planted fault | seeds | first found by | what was wrong |");
    println!("| --- | --- | --- | --- |");
    let mut needed = Vec::new();
    let mut missed = 0;
    for fault in faults {
        let batch = Batch { seeds: seeds.clone(), life: Life::Faults, jobs, planted: Some(fault) };
        let summary = batch.run(|_| {});
        let first = summary.failed.iter().min_by_key(|outcome| outcome.seed);
        let Some(found) = first else {
            missed += 1;
            println!("| {fault} | not in {} | | |", summary.seeds);
            continue;
        };
        let count = found.seed + 1 - seeds.start;
        needed.push(count);
        let wrong = found.violations.first().map_or("", String::as_str).replace('|', "/");
        let wrong: String = wrong.chars().take(160).collect();
        println!("| {fault} | {count} | seed {} | {wrong} |", found.seed);
    }
    needed.sort_unstable();
    let median = needed.get(needed.len() / 2).copied().unwrap_or_default();
    let worst = needed.last().copied().unwrap_or_default();
    println!("\nfound {}, missed {missed}; median {median} seeds, worst {worst}", needed.len());
    missed == 0
}

/// Takes away one fault after the other, as long as the seed fails in the same way; prints what is
/// left. False if it does not fail.
pub fn shrink(seed: u64, life: Life) -> bool {
    let whole = run_one(seed, life, None, None);
    let Some(violation) = whole.violations.first() else {
        println!("seed {seed} does not fail");
        return false;
    };
    println!("seed {seed} fails: {violation}");
    // Not the same numbers, but the same words.
    let words =
        |text: &str| -> String { text.chars().filter(|c| !c.is_ascii_digit()).take(60).collect() };
    let fails = |keep: &[usize]| {
        let outcome = run_one(seed, life, Some(keep), None);
        outcome.violations.first().is_some_and(|found| words(found) == words(violation))
    };
    let mut keep: Vec<usize> = (0..whole.planned).collect();
    let mut size = keep.len().div_ceil(2);
    while size > 0 {
        let mut start = 0;
        while start < keep.len() {
            let mut fewer = keep.clone();
            fewer.drain(start..(start + size).min(keep.len()));
            if fails(&fewer) {
                keep = fewer;
                println!("{} faults are enough", keep.len());
            } else {
                start += size;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    let list: Vec<String> = keep.iter().map(ToString::to_string).collect();
    println!("repeat it: just sim-seed {seed} --print --keep {}", list.join(","));
    true
}

impl Summary {
    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.operations += outcome.operations;
        self.simulated_s += outcome.simulated_s;
        self.took_ms.push(outcome.took_ms);
        for (name, count) in &outcome.counts {
            let total = self.counts.entry(name.clone()).or_default();
            // What begins with this is a longest time.
            *total = if name.starts_with('>') { *count.max(total) } else { *total + count };
        }
        if !outcome.violations.is_empty() {
            self.failed.push(outcome);
        }
    }

    /// Prints what the seeds have covered.
    pub fn print(&self) {
        print_counts(&self.counts);
        let mut took = self.took_ms.clone();
        took.sort_unstable();
        let median = took.get(took.len() / 2).copied().unwrap_or_default();
        println!(
            "{} seeds, {} failed: {} operations in {} simulated minutes; a seed took {median} ms (median)",
            self.seeds,
            self.failed.len(),
            self.operations,
            self.simulated_s / 60
        );
    }
}

/// Prints how often things happened.
pub fn print_counts(counts: &BTreeMap<String, u64>) {
    for (name, count) in counts {
        println!("{count:>10}  {name}");
    }
}
