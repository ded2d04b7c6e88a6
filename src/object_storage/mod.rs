//! Objects in a store that speaks the protocol of Amazon S3, which many do.
//!
//! - [`address`]: which object of which bucket (pure)
//! - [`bucket`]: what is in a bucket: looked for, listed, removed
//! - [`upload`]: an object that is being written, in parts; it appears when it is complete
//! - [`download`]: an object as it is read
//! - `transport`: one request to the store
//! - [`failure`]: what went wrong, and what to do (pure)
//!
//! The protocol is the affair of the crate `object_store`, of which nobody else sees a type. How the store is
//! reached, and who asks, is in the usual variables `AWS_*`. Everything that is asked of it has an end: a
//! connection, an answer and each piece of a content have their deadlines, and what fails is tried again a few times.

pub mod address;
pub mod bucket;
pub mod download;
pub mod failure;
mod transport;
pub mod upload;

#[cfg(test)]
mod tests;
