//! Many seeds, each in a process of its own: because what is taken from the C library, and what a
//! process has once for all, belongs to one world.

use std::{
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

use crate::{
    report::{Found, Summary},
    seed::{Life, Outcome},
};

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

/// Looks for each of these deliberate bugs with one seed after the other; tells of each.
pub fn find_planted(
    faults: impl Iterator<Item = PlantedFault>,
    seeds: Range<u64>,
    jobs: usize,
    tell: impl Fn(&Found),
) -> Vec<Found> {
    let find = |fault| {
        let batch = Batch { seeds: seeds.clone(), life: Life::Faults, jobs, planted: Some(fault) };
        let failed = batch.run(|_| {}).failed;
        let first = failed.into_iter().min_by_key(|outcome| outcome.seed);
        let found = Found {
            fault,
            seeds: first.as_ref().map(|outcome| outcome.seed + 1 - seeds.start),
            what: first.and_then(|outcome| outcome.violations.into_iter().next()),
        };
        tell(&found);
        found
    };
    faults.map(find).collect()
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
