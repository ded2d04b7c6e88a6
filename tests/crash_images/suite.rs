//! The tests, as `cargo nextest` lists and runs them.

use std::{ops::Range, process::ExitCode};

use tinysns::planted::{self, PlantedFault};

use crate::{
    disk::Lie,
    log_life::LogLives,
    recording::{Life, Recording, Subject},
    run::{Summary, examine_life},
    state_life::StateLives,
    stories::{self, Story},
};

/// New seeds of a run.
const SEEDS: Range<u64> = 1..3;
/// Lives of a seed: the first, and those that begin where it was killed.
const LIVES: u64 = 7;
/// Images at each point of a life at most.
const CHOICES: u64 = 5;
/// What the tests of state and log examine at least, each.
const CASES: u64 = 5_000;
/// Of many failures, the first ones say enough.
const TOLD: usize = 10;

/// Lives of which an image has failed once, by their seeds and numbers. All their images are examined, since what
/// mends one changes what is done, and so the numbers of the points.
///
/// A process relied on names that were not durable, since the one that had given them was killed: of a list of
/// tables, of a directory, of the file that names the state.
const STATES_THAT_FAILED: &[(u64, u64)] = &[(1, 1), (2, 4), (6, 3), (6, 4)];
/// A database was half made; its name was not durable, as above.
const LOGS_THAT_FAILED: &[(u64, u64)] = &[(1, 0), (2, 6)];

/// Lists the tests, or runs those that are asked for.
pub fn run(arguments: &[String]) -> ExitCode {
    let tests = [
        Story::new("a_crash_leaves_the_state_as_of_one_change", || {
            none_fails::<StateLives>(STATES_THAT_FAILED);
        }),
        Story::new("a_crash_leaves_all_of_the_log_that_was_acknowledged", || {
            none_fails::<LogLives>(LOGS_THAT_FAILED);
        }),
        Story::new("a_disk_that_lies_about_syncs_is_found_out", || {
            for lie in [Lie::Files, Lie::Directories] {
                is_found_out::<StateLives>(lie);
                is_found_out::<LogLives>(lie);
            }
        }),
        Story::new("a_log_that_acknowledges_before_it_syncs_is_found_out", || {
            planted::choose(Some(PlantedFault::AcknowledgeBeforeFsync));
            let failed = failures::<LogLives>(None);
            planted::choose(None);
            assert!(failed > 0, "an entry is not synced, and nothing fails");
        }),
        Story::new("the_same_seed_gives_the_same_operations", || {
            is_repeatable::<StateLives>();
            is_repeatable::<LogLives>();
        }),
    ];
    stories::run(tests, arguments)
}

/// Examines all images of these seeds.
pub fn examine<S: Subject>(seeds: Range<u64>) -> Summary {
    let mut summary = Summary { told: TOLD, ..Summary::default() };
    for seed in seeds {
        for number in 0..LIVES {
            examine_life::<S>(Life { seed, number }, CHOICES, None, &mut summary);
        }
    }
    println!("{}: {} crash images, {} failed", S::NAME, summary.cases, summary.failed.len());
    summary
}

fn none_fails<S: Subject>(failed_once: &[(u64, u64)]) {
    for &(seed, number) in failed_once {
        let mut summary = Summary { told: TOLD, ..Summary::default() };
        examine_life::<S>(Life { seed, number }, CHOICES, None, &mut summary);
        assert!(summary.is_good(), "life {number} of seed {seed} fails again");
    }
    let summary = examine::<S>(SEEDS);
    assert!(summary.is_good(), "{} fail", summary.failed.len());
    assert!(summary.cases >= CASES, "only {} images", summary.cases);
}

fn is_found_out<S: Subject>(lie: Lie) {
    assert!(failures::<S>(Some(lie)) > 0, "no sync of {lie:?} matters to the {}", S::NAME);
}

/// How many images of a life are not as they should be.
fn failures<S: Subject>(lie: Option<Lie>) -> usize {
    /// Few are enough.
    const CHOICES: u64 = 3;
    let mut summary = Summary::default();
    examine_life::<S>(Life { seed: 1, number: 0 }, CHOICES, lie, &mut summary);
    println!("{}: {} of {} images fail", S::NAME, summary.failed.len(), summary.cases);
    summary.failed.len()
}

fn is_repeatable<S: Subject>() {
    let life = Life { seed: 1, number: 1 };
    let [one, other] = [(); 2].map(|()| Recording::<S::Expected>::of::<S>(life).shape());
    assert_eq!(one, other, "of {}", S::NAME);
}
