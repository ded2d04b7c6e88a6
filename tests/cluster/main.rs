//! Stories of a whole cluster of real processes.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod addresses;
mod classic;
mod commands;
mod conversations;
mod failover;
mod foreigner;
mod fullscreen;
mod hostile;
mod load;
mod newcomer;
mod ports;
mod processes;
mod recovery;
mod refusals;
mod surroundings;
mod tmux;

/// The program under test.
const BINARY: &str = env!("CARGO_BIN_EXE_tinysns");
