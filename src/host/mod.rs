//! Everything that reaches outside the program: sockets, the wall clock, randomness, the disk,
//! threads and tasks; and what comes in from there: what a process inherits, standard streams, files
//! that people write.
//!
//! **Architecture invariant:** no other module opens a socket, reads the wall clock, draws a random
//! number, creates a file or changes a directory, or starts a thread or a task. A simulation replaces this folder and nothing else. (Time that
//! only passes comes from `tokio::time`, which a simulation controls already.)

pub mod clock;
pub mod database_fault;
pub mod disk;
pub mod file_header;
mod files;
pub mod hidden_line;
pub mod label;
pub mod net;
pub mod new_file;
pub mod panics;
pub mod privacy;
pub mod process_setup;
pub mod random;
pub mod random_access;
#[cfg(feature = "laboratory")]
pub mod simulated;
mod socket;
pub mod stdio;
pub mod task;
pub mod text_file;
pub mod thread;
pub mod untouched;
