//! Everything that reaches outside the program: sockets, the wall clock, randomness, the disk; and
//! what comes in from there: what a process inherits, standard streams, files that people write.
//!
//! **Architecture invariant:** no other module opens a socket, reads the wall clock, draws a random
//! number or opens a database file. A simulation replaces this folder and nothing else. (Time that
//! only passes comes from `tokio::time`, which a simulation controls already.)

pub mod clock;
pub mod database_fault;
pub mod disk;
pub mod file_header;
pub mod net;
pub mod process_setup;
pub mod random;
pub mod stdio;
pub mod text_file;
