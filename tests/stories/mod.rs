//! Tests of a target that has a `main` of its own, listed and run as test runners ask for it.
//!
//! Test targets include it by `#[path = "../stories/mod.rs"] mod stories;`.

use std::{borrow::Cow, process::ExitCode};

/// A test. It panics if it fails.
pub struct Story {
    name: Cow<'static, str>,
    tell: Box<dyn Fn()>,
}

impl Story {
    /// A test called `name`.
    pub fn new(name: impl Into<Cow<'static, str>>, tell: impl Fn() + 'static) -> Self {
        Self { name: name.into(), tell: Box::new(tell) }
    }
}

/// Lists the stories, or runs those that are asked for by a part of their names; by the whole name,
/// if that is asked for.
pub fn run(stories: impl IntoIterator<Item = Story>, arguments: &[String]) -> ExitCode {
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    if has("--list") {
        // Test runners ask for this; no test is ignored.
        let listed = stories.into_iter().filter(|_| !has("--ignored"));
        listed.for_each(|story| println!("{}: test", story.name));
        return ExitCode::SUCCESS;
    }
    let filters: Vec<_> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    for Story { name, tell } in stories {
        let is_meant = |filter: &&String| {
            if has("--exact") { **filter == name } else { name.contains(filter.as_str()) }
        };
        if filters.is_empty() || filters.iter().any(is_meant) {
            tell();
            println!("test {name} ... ok");
        }
    }
    ExitCode::SUCCESS
}
