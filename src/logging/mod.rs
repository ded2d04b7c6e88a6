//! Log lines on standard error: readable on a terminal, one JSON object a line for machines.
//!
//! - `lines`: where lines go, and what happens to those that cannot be written
//! - `log_writer`: standard error, without waiting for it
//!
//! **Architecture invariant:** logging never harms the service. No logged line waits for the reader
//! of the log, fails or panics. Lines that could not be written are counted, and the count is
//! logged as soon as something can be written again.
//!
//! What is logged may be changed later ([`set_filter`]).
//!
//! [`start`] starts no thread, so that a supervisor may log before it forks; in a node that serves,
//! a thread of its own writes the lines ([`write_in_background`]).

mod lines;
mod log_writer;

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    env,
    io::{self, IsTerminal as _},
    panic, process,
    sync::OnceLock,
};

use parking_lot::Mutex;
use tracing::Level;
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry, fmt, layer::SubscriberExt as _, reload,
    util::SubscriberInitExt as _,
};

use crate::{
    ansi,
    host::panics,
    settings::{LogFormat, LogSettings},
};
use lines::Lines;
use log_writer::LogWriter;

static LINES: OnceLock<Lines> = OnceLock::new();
/// The way to change what is logged, and what it is, as it was given.
static FILTER: OnceLock<(reload::Handle<EnvFilter, Registry>, Mutex<String>)> = OnceLock::new();

/// Sets up logging for the rest of the process's life.
pub fn start(settings: &LogSettings) {
    let lines = LINES.get_or_init(|| Lines::new(settings.format, LogWriter::standard_error()));
    // Internal errors would be printed to standard error, which panics if that fails.
    let layer = fmt::layer().log_internal_errors(false).with_writer(move || lines);
    let layer = match settings.format {
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
        LogFormat::Text => {
            let is_terminal = io::stderr().is_terminal();
            let colour = ansi::wants_colour(is_terminal, |name| env::var_os(name));
            layer.with_ansi(colour).boxed()
        }
    };
    let (filter, handle) = reload::Layer::new(EnvFilter::new(&settings.filter));
    tracing_subscriber::registry().with(filter).with(layer).init();
    let given = Mutex::new(settings.filter.clone());
    assert!(FILTER.set((handle, given)).is_ok(), "logging is started once");
    panic::set_hook(Box::new(move |info| {
        if panics::are_contained() {
            return;
        }
        let backtrace = Backtrace::capture();
        let mut message = info.to_string().replace('\n', " ");
        if backtrace.status() == BacktraceStatus::Captured {
            message = format!("{message}\n{backtrace}");
        }
        lines.tell(Level::ERROR, &message, None);
    }));
}

/// From now on, what this filter lets through is logged; or why the filter cannot be used.
pub fn set_filter(given: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(given).map_err(|error| error.to_string())?;
    let Some((handle, now)) = FILTER.get() else {
        return Err("this process does not log".to_owned());
    };
    handle.reload(filter).map_err(|error| error.to_string())?;
    given.clone_into(&mut now.lock());
    Ok(())
}

/// What is logged.
pub fn filter() -> String {
    FILTER.get().map_or_else(|| "off".to_owned(), |(_, given)| given.lock().clone())
}

/// From now on a thread writes the lines, so that a hanging disk under the log holds up nobody
/// else. A thread does not survive a fork: call this after the last one.
pub fn write_in_background() {
    if let Some(lines) = LINES.get() {
        lines.write_in_background();
    }
}

/// Gives unwritten lines a moment: call this before the process ends.
pub fn finish() {
    if let Some(lines) = LINES.get() {
        lines.finish();
    }
}

/// Makes every panic end the process, in whatever task it happens: a broken invariant is repaired
/// by a reboot from what is on disk, not by going on without the task that noticed it.
pub fn end_the_process_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if panics::are_contained() {
            return;
        }
        report(info);
        finish();
        process::abort();
    }));
}
