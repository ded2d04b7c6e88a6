//! Counts the instructions of a path by running this program under valgrind.

use std::{
    env,
    process::{Command, Output},
};

/// Asks this program to run a path so often: `run NAME TIMES`.
pub const RUN: &str = "run";
/// Often enough for what happens only once in a while to have happened.
const AT_LEAST: u64 = 20;

/// The instructions that running the path once takes, on average of so many times. What comes before them is not quite
/// the same in each run, since some libraries draw lots: it differs by a million or so.
pub fn instructions(path: &str, times: u64) -> u64 {
    let [few, many] = [AT_LEAST, AT_LEAST + times].map(|times| counted(path, times));
    (many - few) / times
}

/// The instructions of the whole program that runs the path so often.
fn counted(path: &str, times: u64) -> u64 {
    let this = env::current_exe().expect("this program");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--"])
        .arg(this)
        .args([RUN, path, &times.to_string()])
        .output()
        .expect("valgrind runs: sh scripts/setup installs it");
    let Output { status, stderr, .. } = output;
    let told = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "valgrind: {status}: {told}");
    let collected = told.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.unwrap_or_else(|| panic!("no count: {told}"));
    count.trim().parse().expect("a number")
}
