//! How many instructions the hot paths take, beside what they took when somebody last looked
//! (`baseline.txt`). One that takes a tenth more fails; so does one that takes a tenth less, so that the gain
//! is kept.
//!
//! Instructions are counted by valgrind (callgrind), not timed: the count is the same however busy the machine
//! is. The program runs a path so often, and then more often; what the runs differ by is what the path takes.
//! That is of the profile in which tests are built, with all assertions, so it says what has changed, and not
//! how fast a release is.
//!
//! `just instructions` puts on record what they take now.

mod baseline;
mod callgrind;
mod paths;
#[path = "../stories/mod.rs"]
mod stories;

use std::{env, process::ExitCode};

use self::{baseline::Baseline, paths::Path, stories::Story};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [word, name, times] = arguments.as_slice()
        && word == callgrind::RUN
    {
        let times = times.parse().expect("a number");
        Path::named(name).expect("one of them").run(times);
        return ExitCode::SUCCESS;
    }
    let stories = Path::all().map(|path| Story::new(path.name, move || check(path)));
    stories::run(stories, &arguments)
}

fn check(path: Path) {
    let taken = callgrind::instructions(path.name, path.times);
    if env::var_os("WRITE_BASELINE").is_some() {
        Baseline::write(path.name, taken);
    }
    if let Err(changed) = Baseline::read().compare(path.name, taken) {
        panic!("{}: {changed}", path.name);
    }
}
