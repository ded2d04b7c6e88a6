//! The tests of the checkers: histories by hand that keep the promises, one for each kind of violation
//! that breaks one, and random ones.

#![allow(missing_docs, reason = "tests")]

#[path = "mod.rs"]
mod laboratory;
mod tests;
