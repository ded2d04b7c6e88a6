//! Stories of a whole cluster of real processes.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod abuse;
mod addresses;
mod authority;
mod benching;
mod callers;
mod certificates;
mod checking;
mod classic;
mod commands;
mod conversations;
mod encryption;
mod failover;
mod first_steps;
mod floods;
mod fullscreen;
mod hostile;
mod keeping;
mod load;
mod logins;
mod observing;
mod overload;
mod pids;
mod ports;
mod privacy;
mod process_environment;
mod processes;
mod prometheus;
mod python;
mod python_client;
mod rates;
mod raw_http2;
mod recovery;
mod refusals;
mod relay;
mod stored_rows;
mod strangers;
mod tmux;
mod upgrading;

/// The program under test.
const BINARY: &str = env!("CARGO_BIN_EXE_tinysns");
