//! Crash images: what a crash may leave on disk is made of what the program really did to its files, at every
//! single operation, and opened again.
//!
//! The state and the log live on real files, and every operation on these is recorded. From a recording follows
//! what is on disk if the process is killed after so many operations, and what may be there if the power goes:
//! any first part of what was not synced, torn and reordered. In each such image, what was acknowledged must be
//! there, and the rest whole or absent; and it must be of use. Some lives begin where another was killed, so
//! that they build upon what was never synced.
//!
//! | file | what it is |
//! | --- | --- |
//! | `operation` | what is done to a disk, and what is on it after that (pure) |
//! | `interposed` | what is taken from the C library: everything that changes files |
//! | `recorder` | notes it, in its order |
//! | `disk` | what a disk may hold after a crash (pure) |
//! | `recording` | lives of a subject, and what may be found when |
//! | `state_life` | what happens to a state, and what must be found of it |
//! | `log_life` | the same for the log |
//! | `image` | what a disk holds, as files |
//! | `run` | all images of a life |
//! | `command_line` | for people (`just crash-images`) and test runners |
//! | `suite` | the tests that `cargo nextest` sees |

#![allow(missing_docs, reason = "tests")]

mod command_line;
mod disk;
mod image;
mod interposed;
mod log_life;
mod operation;
mod recorder;
mod recording;
mod run;
mod state_life;
#[path = "../stories/mod.rs"]
mod stories;
mod suite;

use std::process::ExitCode;

use nix::sys::stat::{Mode, umask};
use tinysns::host::thread;

fn main() -> ExitCode {
    // So that the order of operations is always the same.
    thread::stay_on_one();
    // As what is opened would be made otherwise.
    umask(Mode::from_bits_truncate(0o077));
    command_line::run()
}
