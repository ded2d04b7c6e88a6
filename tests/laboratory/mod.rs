//! What a run of the laboratory has shown, and whether the promises of `docs/guarantees.md` were
//! kept. Pure: it is told what clients did and saw, and neither waits nor reads anything.
//!
//! | file | what it is |
//! | --- | --- |
//! | `history` | what clients did and saw, in the order of one clock |
//! | `violation` | a promise that was not kept, in words |
//! | `timing` | between which events a change was applied, as far as a history tells |
//! | `exactly_once` | each acknowledged change is in the final state, once, and nothing else |
//! | `feeds` | what subscriptions and timelines showed: no gap, nothing twice, in order |
//!
//! Test targets include it by `#[path = "../laboratory/mod.rs"] mod laboratory;`. Its own tests are the
//! target `laboratory`.

#![allow(dead_code, reason = "each of the test targets uses a part of it")]

pub mod exactly_once;
pub mod feeds;
pub mod history;
mod timing;
pub mod violation;

use self::{history::History, violation::Violation};

/// Every promise that was not kept, as far as the history tells.
pub fn check(history: &History) -> Vec<Violation> {
    let mut violations = exactly_once::check(history);
    violations.extend(feeds::check(history));
    violations
}
