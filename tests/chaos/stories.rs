//! The tests of this target, listed and run as test runners ask for it.

use std::process::ExitCode;

use crate::run_inside;

type Story = (&'static str, fn() -> ExitCode);

const STORIES: [Story; 1] =
    [("nothing_acknowledged_is_lost_under_every_kind_of_fault", every_kind_of_fault)];

/// Lists the stories, or runs those that are asked for.
pub fn run(arguments: &[String]) -> ExitCode {
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    if has("--list") {
        // Test runners ask for this; no test is ignored.
        let stories = STORIES.iter().filter(|_| !has("--ignored"));
        stories.for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let filters: Vec<_> = arguments.iter().filter(|word| !word.starts_with('-')).collect();
    for (name, story) in STORIES {
        if filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str())) {
            if story() != ExitCode::SUCCESS {
                println!("test {name} ... FAILED");
                return ExitCode::FAILURE;
            }
            println!("test {name} ... ok");
        }
    }
    ExitCode::SUCCESS
}

/// The whole test is bounded to three minutes.
fn every_kind_of_fault() -> ExitCode {
    run_inside(&["--seconds", "120"].map(str::to_owned))
}
