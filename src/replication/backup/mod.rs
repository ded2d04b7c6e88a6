//! A copy of a network in one file: made of what a running master has, without stopping anything, and made the
//! beginning of a new cluster.
//!
//! - [`mod@format`]: the file (pure); [`mod@file`]: written and read
//! - [`source`]: from a running master
//! - [`place`]: where it is kept: a file, or an object in a store
//! - [`founding`]: the data of the first master of a new cluster
//!
//! What a file holds is what a snapshot does that one node sends to another
//! ([`snapshot`](super::snapshot)).

pub mod file;
pub mod format;
pub mod founding;
pub mod place;
pub mod source;

#[cfg(test)]
mod tests;
