//! Ids of users, nodes and clusters.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An account's number, counted from 1 in the order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserId(pub u64);

/// A node of the cluster: a master, or the router's witness. Random, created once for each data
/// slot; a wiped slot gets a new one, because the votes cast under the old one are forgotten.
pub type NodeId = u64;

/// A cluster's identity, created when it is bootstrapped and saved on every disk.
///
/// Sixteen random bytes, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterId(u128);

impl ClusterId {
    /// Takes 16 random bytes.
    pub const fn new(random: u128) -> Self {
        Self(random)
    }

    /// Another id, for a second attempt to bootstrap the cluster.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Not 32 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("a cluster id is 32 hexadecimal digits")]
pub struct ClusterIdError;

impl FromStr for ClusterId {
    type Err = ClusterIdError;

    fn from_str(text: &str) -> Result<Self, ClusterIdError> {
        if text.len() != 32 {
            return Err(ClusterIdError);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| ClusterIdError)
    }
}
