//! Stories of a whole cluster of real processes.

#![allow(missing_docs, reason = "tests")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod abuse;
mod addresses;
mod administering;
mod anywhere;
mod api_client;
mod authority;
mod benching;
mod callers;
mod certificates;
mod checking;
mod choosing;
mod classic;
mod commands;
mod conversations;
mod counting;
mod doorway;
mod encryption;
mod erasing;
mod failover;
mod fake_store;
mod first_steps;
mod floods;
mod full_disks;
mod fullscreen;
mod hostile;
mod hostile_http;
mod hostile_requests;
mod keeping;
mod kills;
#[path = "../laboratory/mod.rs"]
mod laboratory;
mod live_changes;
mod load;
mod logins;
mod lost_authority;
mod mastodon;
mod moving;
mod observing;
mod overload;
mod pids;
mod portability;
mod ports;
mod privacy;
mod process_environment;
mod processes;
mod prometheus;
mod python;
mod python_client;
mod rates;
mod raw_http;
mod raw_http2;
mod recovering;
mod recovery;
mod refusals;
mod relay;
mod restored_history;
#[cfg(feature = "laboratory")]
mod rolling;
mod sessions;
mod stored_backups;
mod stored_rows;
mod strangers;
mod tmux;
mod upgrading;
#[path = "../chaos/workload.rs"]
mod workload;

/// The program under test.
const BINARY: &str = env!("CARGO_BIN_EXE_tinysns");
