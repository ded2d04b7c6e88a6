//! How far it is, on standard error: a line every few seconds, for people who wait.

use std::time::{Duration, Instant};

use crate::{host::stdio, replication::inspection::Looked};

/// Between two lines, and before the first: most data is looked at in less.
const EVERY: Duration = Duration::from_secs(2);
const MIB: u64 = 1 << 20;

/// The lines about one node.
pub struct ProgressLines {
    node: String,
    log_bytes: u64,
    state_bytes: u64,
    rows: u64,
    last: Instant,
}

impl ProgressLines {
    /// About this node.
    pub fn of(node: &str) -> Self {
        let node = node.to_owned();
        Self { node, log_bytes: 0, state_bytes: 0, rows: 0, last: Instant::now() }
    }

    /// Prints a line if that is due.
    pub fn looked(&mut self, looked: Looked) {
        match looked {
            Looked::AtLog(bytes) => self.log_bytes += bytes,
            Looked::AtState(bytes) => self.state_bytes += bytes,
            Looked::AtRows(rows) => self.rows += rows,
        }
        if self.last.elapsed() >= EVERY {
            self.last = Instant::now();
            let Self { node, log_bytes, state_bytes, rows, .. } = self;
            let (log, state) = (*log_bytes / MIB, *state_bytes / MIB);
            stdio::print_error(&format!(
                "{node}: looked at {log} MiB of the log, {state} MiB of the state, {rows} rows"
            ));
        }
    }
}
