//! Log lines on standard error: readable on a terminal, one JSON object a line for machines.
//!
//! Starts no thread, so that a supervisor may set it up before it forks.

use std::{
    env,
    io::{self, IsTerminal as _},
    panic, process,
};

use tracing_subscriber::EnvFilter;

use crate::{
    ansi,
    settings::{LogFormat, LogSettings},
};

/// Sets up logging for the rest of the process's life.
pub fn start(settings: &LogSettings) {
    let filter = EnvFilter::new(&settings.filter);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match settings.format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => {
            let is_terminal = io::stderr().is_terminal();
            lines.with_ansi(ansi::wants_colour(is_terminal, |name| env::var_os(name))).init();
        }
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
