//! The simulation: the real router, masters and client library in worlds that are made up, each from
//! a seed, with a process of its own for every world.
//!
//! | file | what it is |
//! | --- | --- |
//! | `interposed` | what is taken from the C library: clocks, randomness, waiting |
//! | `process` | a process of a machine, on a runtime of its own |
//! | `plan` | what is to happen in the world of a seed (pure) |
//! | `ordinary_days` | the same for a day of ordinary life |
//! | `cluster` | the machines, and what runs on them |
//! | `following` | how far each voter has to come |
//! | `evidence` | since when nothing has been wrong with whom |
//! | `nemesis` | faults that begin and end |
//! | `workload` | what clients share: the history, and whom nobody has answered yet |
//! | `person` | what people do meanwhile; `reader` is how they read live timelines |
//! | `invariants` | what must hold after every step |
//! | `votes` | that a change of who votes had a reason |
//! | `availability` | that what can serve does |
//! | `post_times` | that posts have the world's time |
//! | `seed` | one world, from beginning to end |
//! | `seeds` | many, each in a process; and which faults of a plan a failure needs |
//! | `report` | what many have shown; `page` writes it to `docs/faults.md` |
//! | `suite` | the tests that `cargo nextest` sees |
//!
//! `just sim` runs it by hand.

#![allow(missing_docs, reason = "tests")]

mod availability;
mod cluster;
mod command_line;
mod evidence;
mod following;
mod interposed;
mod invariants;
#[path = "../laboratory/mod.rs"]
mod laboratory;
mod nemesis;
mod ordinary_days;
#[path = "../chaos/page.rs"]
mod page;
mod person;
mod plan;
mod post_times;
mod process;
mod reader;
mod report;
mod seed;
mod seeds;
#[path = "../stories/mod.rs"]
mod stories;
mod suite;
mod votes;
mod workload;

use std::process::ExitCode;

fn main() -> ExitCode {
    command_line::run()
}
