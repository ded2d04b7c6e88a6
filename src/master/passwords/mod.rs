//! Passwords: hashed and verified outside the runtime's thread, one at a time, in an order that is fair
//! to all who ask, and without hurry for those who guess.
//!
//! - [`asker`]: who asks: an account, an origin and a connection
//! - [`checks`]: the task that hashes, and the way to ask it
//! - [`turns`]: who is next, and who is refused
//! - [`fair_queue`]: those who wait
//! - [`guesses`]: what is remembered of passwords that were wrong
//! - [`bursts`]: what is logged of them
//! - [`choice`]: which passwords nobody may choose
//! - [`hashing`]: what is computed, by argon2id

pub mod asker;
pub mod bursts;
pub mod checks;
pub mod choice;
pub mod fair_queue;
pub mod guesses;
pub mod hashing;
#[cfg(test)]
mod tests;
pub mod turns;

pub use asker::Asker;
pub use checks::Passwords;
pub use turns::Unchecked;

/// Longest password in bytes: hashing a longer one costs time and adds nothing.
pub const MAX_BYTES: usize = 1_024;
