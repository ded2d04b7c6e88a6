//! The tests, and how a history is written by hand.

mod exactly_once;
mod executions;
mod feeds;
mod history;
mod linearizability;
mod numbering;
mod random;
mod story;
