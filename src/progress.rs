//! How far something is that takes long: a line every few seconds on standard error, for people who wait.

use std::time::{Duration, Instant};

use crate::host::stdio;

/// Between two lines, and before the first: most is done in less.
pub const EVERY: Duration = Duration::from_secs(2);

/// Lines that are not printed too often.
pub struct ProgressLines {
    last: Instant,
}

impl ProgressLines {
    /// The first line comes after [`EVERY`].
    pub fn new() -> Self {
        Self { last: Instant::now() }
    }

    /// Prints a line if one is due.
    pub fn print(&mut self, line: impl FnOnce() -> String) {
        if self.last.elapsed() >= EVERY {
            self.last = Instant::now();
            stdio::print_error(&line());
        }
    }
}

impl Default for ProgressLines {
    fn default() -> Self {
        Self::new()
    }
}
