//! The social graph as a replicated state machine: accounts, who follows whom, posts, and the
//! replies already given.
//!
//! - `command`: what the state can be asked to change, and the replies
//! - `apply`: the one place where the state changes
//! - `requests`: the memory of replies, which distinguishes a retry from a new request
//! - `read`: all reads; `merge`: the merge behind every page of posts
//! - `dump`: the whole state as a stream of rows, for snapshots
//! - `tables`: how all of it is stored in redb
//!
//! **Architecture invariant:** pure and synchronous. The same commands give the same bytes on every
//! node, however they are batched into transactions: nothing here knows a clock, a random number, a
//! network or a log. Time and password hashes come with the command; ids are counted in the state.
//! A request that cannot be fulfilled is refused; only a failing disk or a corrupt file is an
//! error.

mod apply;
mod command;
mod dump;
mod merge;
mod read;
mod requests;
mod store;
mod tables;

#[cfg(test)]
mod tests;

pub use apply::Graph;
pub use command::{Account, Command, CommandRefusal, Context, Event, Reply, Stamped};
pub use dump::{Row, dump, restore};
pub use merge::Cursor;
pub use read::{Page, View};
pub use store::StateError;
