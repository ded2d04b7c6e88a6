//! What a run of the laboratory has shown, and whether the promises of `docs/guarantees.md` were
//! kept. Pure: it is told what clients did and saw, and neither waits nor reads anything.
//!
//! | file | what it is |
//! | --- | --- |
//! | `history` | what clients did and saw, in the order of one clock |
//! | `numbering` | numbers posts from 1, whatever else has positions in their feed |
//! | `violation` | a promise that was not kept, in words |
//! | `timing` | between which events a change was applied, as far as a history tells |
//! | `exactly_once` | each acknowledged change is in the final state, once, and nothing else |
//! | `feeds` | what subscriptions and timelines showed: no gap, nothing twice, in order |
//! | `sessions` | sessions end with the password that they began with |
//! | `model` | the network as one process that does one thing after the other would be |
//! | `calls` | what of an operation is to be found in an order of all of them |
//! | `facts` | what the answers say about that order, before any is tried |
//! | `linearizability` | whether there is an order in which the model gives every answer that clients got |
//!
//! Test targets include it by `#[path = "../laboratory/mod.rs"] mod laboratory;`. Its own tests are the
//! target `laboratory`. To add a command: [`history::Operation`], what it does in `model`, and the two
//! rules in `calls` that say what it can see.

#![allow(dead_code, reason = "each of the test targets uses a part of it")]

mod calls;
pub mod exactly_once;
mod facts;
pub mod feeds;
pub mod history;
pub mod linearizability;
pub mod model;
pub mod numbering;
pub mod sessions;
mod timing;
pub mod violation;

use self::{history::History, violation::Violation};

/// Every promise that was not kept, as far as the history tells.
pub fn check(history: &History) -> Vec<Violation> {
    let history = &numbering::without_gaps(history);
    let mut violations = exactly_once::check(history);
    violations.extend(feeds::check(history));
    violations.extend(sessions::check(history));
    violations.extend(linearizability::check(history));
    violations
}
