//! A new cluster, made of what is left of one whose voters are no longer a quorum, because their disks are lost.
//!
//! - [`assessment`]: what is left, what may be lost, and which copies are taken (pure)
//! - [`founding`]: the data of the first master of the new cluster
//!
//! The id of the new cluster says that it succeeds the old one
//! ([ADR 39](../../../docs/adr/0039-a-recovered-cluster-succeeds-the-old-one.md)): nodes of the old one that come
//! back are told so by the router.

pub mod assessment;
pub mod founding;

#[cfg(test)]
mod tests;
