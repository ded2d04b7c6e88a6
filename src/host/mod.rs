//! Everything that reaches outside the program: sockets, the wall clock, randomness, the disk.
//!
//! **Architecture invariant:** no other module opens a socket, reads the wall clock, draws a random
//! number or opens a database file. A simulation replaces this folder and nothing else. (Time that
//! only passes comes from `tokio::time`, which a simulation controls already.)

pub mod clock;
pub mod disk;
pub mod net;
pub mod random;
pub mod trouble;
