//! What a parent hands down to the process that it starts: blocked and ignored signals, limits,
//! standard streams. Whatever it was, the process begins as if it had been started from a shell.
//!
//! Two things are done before `main`, by Rust's own start: `SIGPIPE` is ignored, so that writing to
//! a reader that has left is an error and not the end; and a standard stream that is closed is
//! opened on `/dev/null`, so that no socket or database takes its place.

use std::fs;

use nix::sys::{
    resource::{Resource, getrlimit, setrlimit},
    signal::{SigHandler, SigSet, Signal, signal},
};

/// Puts right what every role relies on. To be called first, before any thread is started.
pub fn put_right() {
    // Those who ignore a child's end are never told of it, nor can they wait for it.
    // SAFETY: the default is to do nothing, and runs no code of ours.
    #[expect(unsafe_code, reason = "handlers may be unsafe, and the default is set like one")]
    let heeded = unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) };
    heeded.expect("SIGCHLD may have its default");
    // A file that grows beyond the limit is an error of the one who writes, not the end of all.
    let blocked: SigSet = [Signal::SIGXFSZ].into_iter().collect();
    blocked.thread_set_mask().expect("a mask of signals that exist");
    // The lower limit is there for programs of old, which cannot deal with more than 1,024. Where
    // it cannot be raised, less is open.
    if let Ok((_soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Makes a node independent of the terminal that it was started from: it goes on when that is closed
/// (`SIGHUP`), and writes its log there from the background too (`SIGTTOU`). Both are blocked, for
/// this thread and those that it starts.
pub fn outlive_the_terminal() {
    let left_alone: SigSet = [Signal::SIGHUP, Signal::SIGTTOU].into_iter().collect();
    left_alone.thread_block().expect("a mask of signals that exist");
}

/// Whether a signal is ignored, as `nohup` wants it for `SIGHUP`: then it is to stay so.
pub fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status).is_some_and(|signals| signals >> (signal as u32 - 1) & 1 == 1)
}

/// The signals that the kernel's description of a process calls ignored, from the lowest bit.
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
        // Rust's start sees to the one, and nobody to the other.
        assert!(is_ignored(Signal::SIGPIPE));
        assert!(!is_ignored(Signal::SIGTERM));
    }
}
