//! Log lines on standard error: readable on a terminal, one JSON object a line for machines.
//!
//! Starts no thread, so that a supervisor may set it up before it forks.

use std::{
    io::{self, IsTerminal as _},
    panic, process,
};

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, LogSettings};

/// Sets up logging for the rest of the process's life.
pub fn start(settings: &LogSettings) {
    let filter = EnvFilter::new(&settings.filter);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match settings.format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => lines.with_ansi(colourful()).init(),
    }
}

/// Makes every panic end the process, in whatever task it happens: a broken invariant is repaired
/// by a reboot from what is on disk, not by going on without the task that noticed it.
pub fn end_the_process_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        report(info);
        process::abort();
    }));
}

/// By the convention of <https://no-color.org>, an empty `NO_COLOR` does not count.
fn colourful() -> bool {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !no_colour
}
