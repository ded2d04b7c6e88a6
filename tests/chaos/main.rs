//! A chaos run: the real program in a network of its own, with every kind of fault, while people use
//! it. At the end, nothing acknowledged is lost, doubled or out of order, and no read was stale.
//!
//! The test runs for some two minutes. `just chaos --minutes 30 --seed 7` runs for as long as one
//! likes; the same seed gives the same schedule of faults, though not the same interleaving. It needs
//! the right to make namespaces; without it, it says so and is skipped, or fails if
//! `REQUIRE_NAMESPACES` is 1.
//!
//! | file | what it is |
//! | --- | --- |
//! | `options` | what a run is asked for |
//! | `namespaces` | this program again, where nothing that it does is seen outside |
//! | `network` | a namespace a node, and packet filters |
//! | `cluster` | the processes of the nodes |
//! | `clock` | their wall clocks |
//! | `faults` | the kinds of faults; pure |
//! | `schedule` | which strike, when, and whom; pure |
//! | `injection` | what each does, and how it is healed |
//! | `damage` | damaged files |
//! | `relay` | slow links |
//! | `operator` | waits until a cluster is well, and does what programs ask for |
//! | `workload` | people, and the history of what they were told |
//! | `staleness` | a check of that history; the others are in `tests/laboratory` |
//! | `run` | all of it together |
//! | `report` | the table at the end |
//! | `page` | the figures in `docs/faults.md` |
//! | `suite` | the tests |

#![allow(missing_docs, reason = "tests")]

mod clock;
mod cluster;
mod damage;
mod faults;
mod injection;
#[path = "../laboratory/mod.rs"]
mod laboratory;
mod namespaces;
mod network;
mod operator;
mod options;
mod page;
#[path = "../cluster/pids.rs"]
#[allow(dead_code, reason = "other tests use all of it")]
mod pids;
mod relay;
mod report;
mod run;
mod schedule;
mod staleness;
#[path = "../stories/mod.rs"]
mod stories;
mod suite;
mod workload;

use std::{env, process::ExitCode};

use options::Options;
use schedule::Schedule;

/// The first argument of this program in its namespaces.
const INSIDE: &str = "inside";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(INSIDE) => match Options::parse(&arguments[1..]) {
            Ok(options) => {
                namespaces::end_with_parent();
                run::run(&options)
            }
            Err(words) => refuse(&words),
        },
        Some("run") => match Options::parse(&arguments[1..]) {
            Ok(Options { schedule: Some(steps), seed, masters, faults, .. }) => {
                let schedule = Schedule::new(seed, masters, &faults);
                schedule.take(steps).for_each(|step| println!("{step}"));
                ExitCode::SUCCESS
            }
            Ok(_) => run_inside(&arguments[1..]),
            Err(words) => refuse(&words),
        },
        _ => suite::run(&arguments),
    }
}

fn refuse(words: &str) -> ExitCode {
    eprintln!("{words}");
    ExitCode::from(64)
}

/// Runs with these options in namespaces; succeeds if they cannot be had and need not be.
fn run_inside(words: &[String]) -> ExitCode {
    let mut arguments = vec![INSIDE];
    arguments.extend(words.iter().map(String::as_str));
    match namespaces::run_inside(&arguments) {
        Some(status) if !status.success() => ExitCode::FAILURE,
        Some(_) | None => ExitCode::SUCCESS,
    }
}
