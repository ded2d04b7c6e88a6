//! Signals that end the client: before that, the terminal is restored.
//!
//! A thread of its own waits for them, so that they work even if everything else waits for a
//! terminal that is gone.

use std::io::{self, IsTerminal as _};

use crossterm::{event::DisableBracketedPaste, execute};
use nix::{
    sys::{
        signal::{SigSet, Signal, raise},
        termios::{self, SetArg, Termios},
    },
    unistd::{getpgrp, tcgetpgrp},
};

use super::fullscreen;
use crate::host::{process_setup, thread};

/// Handles them from now on; without a terminal there is nothing to do. Call this before any thread
/// is started: threads inherit that these signals are blocked.
pub fn install() -> io::Result<()> {
    if !io::stdin().is_terminal() {
        return Ok(());
    }
    let before = termios::tcgetattr(io::stdin())?;
    // Signals that were ignored when we were started (`nohup` and the like) stay ignored.
    let ending = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM];
    let ending: SigSet =
        ending.into_iter().filter(|signal| !process_setup::is_ignored(*signal)).collect();
    ending.thread_block()?;
    thread::spawn("signals", move || {
        let Ok(signal) = ending.wait() else { return };
        fullscreen::give_back();
        restore(&before);
        // Ends the process as the signal would have by default.
        let _ = ending.thread_unblock();
        let _ = raise(signal);
    })
}

/// Undoes what a line editor has set. In the background, the terminal belongs to another process.
fn restore(before: &Termios) {
    if tcgetpgrp(io::stdin()) == Ok(getpgrp()) {
        // Each fails only if the terminal is gone.
        if io::stdout().is_terminal() {
            let _ = execute!(io::stdout(), DisableBracketedPaste);
        }
        let _ = termios::tcsetattr(io::stdin(), SetArg::TCSANOW, before);
    }
}
