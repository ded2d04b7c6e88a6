//! `docs/guarantees.md` names the tests that hold up each promise: they exist.

#![allow(missing_docs, reason = "tests")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// How the page names a test.
const NAMED: &str = "`tests::";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of tests on a page.
fn named(page: &str) -> BTreeSet<&str> {
    let names = page.split(NAMED).skip(1);
    names.map(|rest| rest.split_once('`').expect("a name ends").0).collect()
}

/// The names of the tests in a source: functions with an attribute that makes them one.
fn defined(source: &str) -> BTreeSet<String> {
    let mut is_test = false;
    let mut names = BTreeSet::new();
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        } else if !line.starts_with("//") {
            let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            if let (true, Some(function)) = (is_test, function) {
                names.extend(function.split('(').next().map(str::to_owned));
            }
            is_test = false;
        }
    }
    names
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of sources");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let inner = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    paths.flat_map(inner).filter(|path| path.extension().is_some_and(|kind| kind == "rs")).collect()
}

/// Targets that list their tests themselves: one forks, one records what the whole process does.
const LISTS: [&str; 2] = ["tests/slave.rs", "tests/crash_images/suite.rs"];

/// The names in such a list.
fn listed(source: &str) -> BTreeSet<String> {
    let quoted = source.split('"').skip(1).step_by(2);
    quoted.filter(|name| !name.contains(char::is_whitespace)).map(str::to_owned).collect()
}

#[test]
fn every_test_that_a_promise_names_exists() {
    let page = fs::read_to_string(root().join("docs/guarantees.md")).expect("readable");
    let mut tests = BTreeSet::new();
    for path in ["src", "tests"].iter().flat_map(|folder| sources(&root().join(folder))) {
        let source = fs::read_to_string(&path).expect("UTF-8");
        tests.extend(defined(&source));
        if LISTS.iter().any(|list| path.ends_with(list)) {
            tests.extend(listed(&source));
        }
    }
    let named = named(&page);
    let missing: Vec<_> = named.iter().filter(|name| !tests.contains(**name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(named.len() > 50, "the page names its tests by {NAMED}");
}

#[test]
fn every_promise_names_a_test() {
    let page = fs::read_to_string(root().join("docs/guarantees.md")).expect("readable");
    let promises = page.split("\n### ").skip(1);
    let (mut count, mut unheld) = (0, Vec::new());
    for promise in promises {
        count += 1;
        let own = promise.split("\n## ").next().expect("the promise itself");
        if !own.contains(NAMED) {
            unheld.push(own.lines().next().unwrap_or_default());
        }
    }
    assert!(count >= 8 && unheld.is_empty(), "{count} promises, without a test: {unheld:?}");
}

#[test]
fn tests_are_known_by_their_attributes() {
    let source = "#[test]\nfn one() {}\n\n#[tokio::test(start_paused = true)]\n// Why.\nasync fn \
                  two() {\n}\n\nfn three() {}\n";
    assert_eq!(defined(source), ["one", "two"].map(str::to_owned).into());
    assert_eq!(named("as `tests::one` and\n`tests::two`: `three`"), ["one", "two"].into());
}
