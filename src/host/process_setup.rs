//! What a process inherits from its parent: blocked and ignored signals, limits, standard streams.
//! Whatever it was, the process begins as if it had been started from a shell.
//!
//! Two things are done before `main`, by Rust's own startup code: `SIGPIPE` is ignored, so that
//! writing to a reader that has gone is an error and does not end the process; and a standard
//! stream that is closed is opened on `/dev/null`, so that no socket or database gets its number.

use std::fs;

use nix::sys::{
    prctl,
    resource::{Resource, getrlimit, setrlimit},
    signal::{SigHandler, SigSet, Signal, signal},
    stat::{Mode, umask},
};

/// Restores what every role relies on. Call this first, before any thread is started.
pub fn reset_inherited() {
    // A process that ignores SIGCHLD is never told that a child has ended, and cannot wait for it.
    // SAFETY: the default is to do nothing, and runs no code of ours.
    #[expect(unsafe_code, reason = "handlers may be unsafe, and the default is set like one")]
    let heeded = unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) };
    heeded.expect("SIGCHLD may have its default");
    // Writing to a file beyond its size limit should be an error for the writer, and not end the
    // process.
    let blocked: SigSet = [Signal::SIGXFSZ].into_iter().collect();
    blocked.thread_set_mask().expect("a mask of signals that exist");
    // The soft limit is there for old programs that cannot handle more than 1,024 descriptors. If
    // it cannot be raised, fewer are available.
    if let Ok((_soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Keeps passwords and secrets to this process: other processes of the same user cannot read its memory or
/// environment through `/proc`, and it leaves no core dump. Where that is forbidden, it goes on without.
pub fn hide_memory() {
    let _ = prctl::set_dumpable(false);
}

/// From now on, what this process or a library in it creates is for its owner alone.
pub fn keep_files_private() {
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
}

/// How many descriptors this process may have open.
pub fn most_descriptors() -> usize {
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map_or(1_024, |(soft, _hard)| soft);
    usize::try_from(soft).unwrap_or(usize::MAX)
}

/// Makes a node independent of the terminal that it was started from: it keeps running when that is
/// closed (`SIGHUP`), and can write its log there from the background (`SIGTTOU`). Both signals are
/// blocked, for this thread and those that it starts.
pub fn detach_from_terminal() {
    let left_alone: SigSet = [Signal::SIGHUP, Signal::SIGTTOU].into_iter().collect();
    left_alone.thread_block().expect("a mask of signals that exist");
}

/// Whether a signal is ignored, as `nohup` does with `SIGHUP`: then it should stay ignored.
pub fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status).is_some_and(|signals| signals >> (signal as u32 - 1) & 1 == 1)
}

/// The signals that the kernel reports as ignored by a process, from the lowest bit.
fn ignored(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_which_signals_are_ignored() {
        let status = "Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\nSigCgt:\t0\n";
        assert_eq!(ignored(status), Some(0x1001));
        assert_eq!(ignored("Name:\tx\n"), None);
        // Rust's startup code ignores the one, and nobody ignores the other.
        assert!(is_ignored(Signal::SIGPIPE));
        assert!(!is_ignored(Signal::SIGTERM));
    }
}
