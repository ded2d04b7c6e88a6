//! Signals that end the client: before they do, the terminal is given back as it was.
//!
//! A thread of its own waits for them, so that they are obeyed also where all else waits for a
//! terminal that is gone.

use std::{
    io::{self, IsTerminal as _},
    thread,
};

use crossterm::{event::DisableBracketedPaste, execute};
use nix::{
    sys::{
        signal::{SigSet, Signal, raise},
        termios::{self, SetArg, Termios},
    },
    unistd::{getpgrp, tcgetpgrp},
};

use super::fullscreen;
use crate::host::inheritance;

/// Heeds them from now on; where nobody types, there is nothing to heed. To be called before
/// any thread is started: threads inherit that these signals are left to this one.
pub fn heed() -> io::Result<()> {
    if !io::stdin().is_terminal() {
        return Ok(());
    }
    let before = termios::tcgetattr(io::stdin())?;
    // What was ignored when we were started (`nohup` and its like) is to go on being ignored.
    let ending = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM];
    let ending: SigSet =
        ending.into_iter().filter(|signal| !inheritance::is_ignored(*signal)).collect();
    ending.thread_block()?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let Ok(signal) = ending.wait() else { return };
        fullscreen::give_back();
        restore(&before);
        // Ends the process as it would have ended without all this.
        let _ = ending.thread_unblock();
        let _ = raise(signal);
    })?;
    Ok(())
}

/// Takes back what a line editor has set. In the background the terminal is somebody else's.
fn restore(before: &Termios) {
    if tcgetpgrp(io::stdin()) == Ok(getpgrp()) {
        // Each fails only where the terminal is gone.
        if io::stdout().is_terminal() {
            let _ = execute!(io::stdout(), DisableBracketedPaste);
        }
        let _ = termios::tcsetattr(io::stdin(), SetArg::TCSANOW, before);
    }
}
