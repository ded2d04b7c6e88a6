//! The tests, and how a history is written by hand.

mod exactly_once;
mod feeds;
mod history;
mod story;
