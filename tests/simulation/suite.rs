//! The tests, as `cargo nextest` lists and runs them.

use std::{fs, ops::Range, process::ExitCode};

use tinysns::planted::PlantedFault;

use crate::{
    page,
    seed::Life,
    seeds::{Batch, run_one},
    stories::{self, Story},
};

/// Deliberate bugs that few seeds find; `just sim-planted` looks for all.
const SOON_FOUND: &[PlantedFault] = &[
    PlantedFault::AcknowledgeBeforeFsync,
    PlantedFault::CountUnwrittenOwnCopy,
    PlantedFault::LostAnswerCountsAsYes,
    PlantedFault::WitnessPurgesWithoutItsCheckpoint,
    PlantedFault::ApplyOutOfOrder,
    PlantedFault::ClockInApply,
    PlantedFault::SnapshotInNameOnly,
    PlantedFault::SnapshotWithoutTheReplies,
    PlantedFault::SkipTheDedup,
];
/// As few as these.
const FEW_SEEDS: u64 = 8;

/// How many new seeds there are, and in how many tests.
const SEEDS: u64 = 100;
const PARTS: u64 = 10;

fn tests() -> Vec<Story> {
    let mut tests = vec![
        Story::new("the_same_seed_gives_the_same_history", || {
            let [one, other] = [(); 2].map(|()| run_one(1, Life::Faults, None, None));
            assert_eq!(one.history, other.history, "of seed 1");
            assert_eq!(one.counts, other.counts, "of seed 1");
        }),
        Story::new("deliberate_bugs_are_found", || {
            for fault in SOON_FOUND {
                let seeds = 1..1 + FEW_SEEDS;
                let batch = Batch { seeds, life: Life::Faults, jobs: 1, planted: Some(*fault) };
                let summary = batch.run(|line| println!("{fault}: {line}"));
                assert!(!summary.failed.is_empty(), "{fault} is not found by {FEW_SEEDS} seeds");
            }
        }),
        Story::new("no_promise_is_broken_in_a_day_of_ordinary_life", || {
            none_fails(1..2, Life::Ordinary);
        }),
        Story::new("the_page_lists_every_deliberate_bug", || {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/faults.md");
            let page = fs::read_to_string(path).expect("the page is there");
            let found = page::read(&page, "planted faults").expect("it has a part for figures");
            for fault in PlantedFault::ALL {
                let begins = format!("| `{fault}` |");
                let is_listed = found.lines().any(|line| line.starts_with(&begins));
                assert!(is_listed, "`{fault}` is not listed: `just sim-planted --page {path}`");
            }
        }),
    ];
    for part in 0..PARTS {
        let first = 1 + part * (SEEDS / PARTS);
        let seeds = first..first + SEEDS / PARTS;
        let name = format!("no_promise_is_broken_in_seeds_{}_to_{}", seeds.start, seeds.end - 1);
        tests.push(Story::new(name, move || {
            none_fails(seeds.clone(), Life::Faults);
        }));
    }
    tests
}

/// Runs these seeds, and prints what happened in their worlds.
fn none_fails(seeds: Range<u64>, life: Life) {
    let batch = Batch { seeds, life, jobs: 1, planted: None };
    let summary = batch.run(|line| println!("{line}"));
    summary.print();
    assert!(summary.failed.is_empty(), "{:#?}", summary.failed);
}

/// Lists the tests, or runs those that are asked for.
pub fn run(arguments: &[String]) -> ExitCode {
    stories::run(tests(), arguments)
}
