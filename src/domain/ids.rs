//! Ids of users, nodes and clusters.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An account's number, counted from 1 in the order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserId(pub u64);

/// A node of the cluster: a master, or the router's witness. Random, created once for each data
/// slot; a wiped slot gets a new one, because the votes cast under the old one are forgotten.
///
/// A message that says "0 for none" means by it that there is no node: no node draws a 0.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(u64);

impl NodeId {
    /// The greatest id, which wins a comparison of two votes in one term.
    pub const MAX: Self = Self(u64::MAX);

    /// Takes the number that the node has drawn, or that a message or a file names.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number, for a message, a file or a table's key.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The node that a message names; none for 0.
    pub fn from_wire(number: u64) -> Option<Self> {
        (number != 0).then_some(Self(number))
    }

    /// For a message in which 0 means none.
    pub fn to_wire(node: Option<Self>) -> u64 {
        node.map_or(0, Self::get)
    }
}

#[cfg(test)]
impl NodeId {
    /// The nodes with these numbers.
    pub(crate) fn all<C: FromIterator<Self>>(numbers: impl IntoIterator<Item = u64>) -> C {
        numbers.into_iter().map(Self::new).collect()
    }
}

impl From<u64> for NodeId {
    fn from(number: u64) -> Self {
        Self::new(number)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Like a bare number: log lines show nodes this way.
impl fmt::Debug for NodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

/// A cluster's identity, created when it is bootstrapped and saved on every disk: 16 bytes, written as 32
/// hexadecimal digits. The first ten bytes are those of the network, the next two count how often its cluster was
/// recovered, and the last four are drawn again each time
/// ([ADR 39](../../docs/adr/0039-a-recovered-cluster-succeeds-the-old-one.md)).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterId(u128);

impl ClusterId {
    const DRAWN_BITS: u32 = 32;
    const GENERATION_BITS: u32 = 16;

    /// Takes 16 random bytes.
    pub const fn new(random: u128) -> Self {
        Self(random)
    }

    /// Another id, for a second attempt to bootstrap the cluster.
    #[must_use]
    pub const fn next(self) -> Self {
        self.drawn_as(self.drawn().wrapping_add(1))
    }

    /// The id of the cluster that is made of what is left of this one. `random` tells two apart that are made of
    /// the same.
    #[must_use]
    pub const fn successor(self, random: u32) -> Self {
        let network = self.0 >> (Self::DRAWN_BITS + Self::GENERATION_BITS);
        let generation = self.generation().wrapping_add(1);
        let counted = (network << Self::GENERATION_BITS) | generation as u128;
        Self(counted << Self::DRAWN_BITS).drawn_as(random)
    }

    /// Whether this cluster was made of what was left of `other`, or of one that was. At most half of all
    /// generations are later than one, as with the serial numbers of RFC 1982.
    pub const fn succeeds(self, other: Self) -> bool {
        let bits = Self::DRAWN_BITS + Self::GENERATION_BITS;
        let later = self.generation().wrapping_sub(other.generation());
        self.0 >> bits == other.0 >> bits && later > 0 && later < 1 << (Self::GENERATION_BITS - 1)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the rest is something else")]
    const fn generation(self) -> u16 {
        (self.0 >> Self::DRAWN_BITS) as u16
    }

    #[expect(clippy::cast_possible_truncation, reason = "the rest is something else")]
    const fn drawn(self) -> u32 {
        self.0 as u32
    }

    const fn drawn_as(self, drawn: u32) -> Self {
        Self(((self.0 >> Self::DRAWN_BITS) << Self::DRAWN_BITS) | drawn as u128)
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
        // A number may begin with a sign, an id may not.
        if text.len() != 32 || text.starts_with('+') {
            return Err(ClusterIdError);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| ClusterIdError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_written_as_its_bare_number_everywhere() {
        let node = NodeId::new(300);
        assert_eq!((format!("{node}"), format!("{node:?}")), ("300".to_owned(), "300".to_owned()));
        let encoded = postcard::to_stdvec(&node).expect("it encodes");
        assert_eq!(encoded, postcard::to_stdvec(&300_u64).expect("it encodes"));
        assert_eq!(postcard::from_bytes::<NodeId>(&encoded), Ok(node));
    }

    #[test]
    fn a_cluster_that_was_recovered_succeeds_every_earlier_one_and_no_other() {
        for random in [0, 1 << 32, u128::MAX, 0x0123_4567_89ab_cdef_0123_ffff_ffff_ffff] {
            let old = ClusterId::new(random);
            let (one, other) = (old.successor(7), old.successor(8));
            let later = one.successor(7);
            for (new, old) in [(one, old), (other, old), (later, one), (later, old), (later, other)]
            {
                assert!(new.succeeds(old) && !old.succeeds(new), "{new} {old}");
            }
            for (one, other) in [(old, old), (one, other), (old, old.next()), (one, one.next())] {
                assert!(!one.succeeds(other) && !other.succeeds(one), "{one} {other}");
            }
            let of_another_network = ClusterId::new(random ^ (1 << 100));
            assert!(!one.succeeds(of_another_network));
            assert_eq!(old.next().next().drawn(), old.drawn().wrapping_add(2));
        }
    }

    #[test]
    fn zero_is_nobody_in_a_message() {
        assert_eq!(NodeId::from_wire(0), None);
        assert_eq!(NodeId::from_wire(7), Some(NodeId::new(7)));
        for node in [None, Some(NodeId::new(7))] {
            assert_eq!(NodeId::from_wire(NodeId::to_wire(node)), node);
        }
    }
}
