//! The address of every node, by the newest information about it. Pure.
//!
//! Each piece of information has a version, which the node itself counts, so that it does
//! not matter in which way and order the pieces arrive: from the node itself, from the router, or
//! from other nodes.

use std::collections::BTreeMap;

use super::NodeInfo;
use crate::domain::NodeId;

/// Versions between one start of a node's process and the next: no node changes its address more
/// often than this.
const ADDRESS_VERSIONS_PER_START: u64 = 1 << 20;

/// The first version for a node that has been started this many times.
pub fn first_address_version(starts: u64) -> u64 {
    starts.saturating_mul(ADDRESS_VERSIONS_PER_START)
}

/// Where a piece of information comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressSource {
    /// The node itself.
    Itself,
    /// The router, which is in contact with all nodes, and is the authority on its own witness.
    Router,
}

/// All known addresses.
#[derive(Debug, Default)]
pub struct AddressBook {
    known: BTreeMap<NodeId, NodeInfo>,
}

impl AddressBook {
    /// Adds information; true if it is new.
    pub fn learn(&mut self, node: NodeId, info: NodeInfo, source: AddressSource) -> bool {
        let is_news = self.known.get(&node).is_none_or(|known| {
            info.address_version > known.address_version
                || (source == AddressSource::Router
                    && info.address_version == known.address_version
                    && info != *known)
        });
        if is_news {
            self.known.insert(node, info);
        }
        is_news
    }

    /// What is known of `node`.
    pub fn get(&self, node: NodeId) -> Option<&NodeInfo> {
        self.known.get(&node)
    }

    /// The newest information about `node`: the one `noted` in the membership, the one in this
    /// book, or the one `listed` on a roster.
    pub fn newest<'a>(
        &'a self,
        node: NodeId,
        noted: Option<&'a NodeInfo>,
        listed: Option<&'a NodeInfo>,
    ) -> Option<&'a NodeInfo> {
        let addresses = noted.into_iter().chain(self.known.get(&node)).chain(listed);
        // Of equal editions, the last one.
        addresses.max_by_key(|info| info.address_version)
    }

    /// All known nodes.
    pub fn all(&self) -> impl Iterator<Item = (NodeId, &NodeInfo)> {
        self.known.iter().map(|(node, info)| (*node, info))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEVEN: NodeId = NodeId::new(7);

    fn at_port(port: u16, address_version: u64) -> NodeInfo {
        NodeInfo { peer_address: format!("host:{port}"), address_version, ..NodeInfo::default() }
    }

    #[test]
    fn the_newest_address_counts_whoever_tells_it_and_whenever_it_comes() {
        for (known, told, source, counts) in [
            (None, at_port(1, 0), AddressSource::Itself, at_port(1, 0)),
            (Some(at_port(1, 4)), at_port(2, 5), AddressSource::Itself, at_port(2, 5)),
            (Some(at_port(1, 4)), at_port(2, 5), AddressSource::Router, at_port(2, 5)),
            (Some(at_port(1, 4)), at_port(2, 3), AddressSource::Itself, at_port(1, 4)),
            (Some(at_port(1, 4)), at_port(2, 3), AddressSource::Router, at_port(1, 4)),
            (Some(at_port(1, 4)), at_port(2, 4), AddressSource::Itself, at_port(1, 4)),
            (Some(at_port(1, 4)), at_port(2, 4), AddressSource::Router, at_port(2, 4)),
        ] {
            let mut book = AddressBook::default();
            if let Some(known) = known.clone() {
                book.learn(SEVEN, known, AddressSource::Itself);
            }
            let before = book.get(SEVEN).cloned();
            let is_news = book.learn(SEVEN, told.clone(), source);
            assert_eq!(book.get(SEVEN), Some(&counts), "{known:?}, then {told:?} by {source:?}");
            assert_eq!(is_news, book.get(SEVEN) != before.as_ref());
            assert!(!book.learn(SEVEN, told, source), "only once");
        }
    }

    #[test]
    fn the_membership_and_the_roster_count_where_they_know_better() {
        let mut book = AddressBook::default();
        assert_eq!(book.newest(SEVEN, None, None), None);
        assert_eq!(book.newest(SEVEN, Some(&at_port(1, 3)), None), Some(&at_port(1, 3)));
        book.learn(SEVEN, at_port(2, 3), AddressSource::Itself);
        for (noted, listed, newest) in [
            (2, 2, at_port(2, 3)),
            (3, 2, at_port(2, 3)),
            (4, 2, at_port(8, 4)),
            (2, 3, at_port(9, 3)),
            (4, 5, at_port(9, 5)),
        ] {
            let [noted_word, listed_word] = [at_port(8, noted), at_port(9, listed)];
            let found = book.newest(SEVEN, Some(&noted_word), Some(&listed_word));
            assert_eq!(found, Some(&newest), "{noted} {listed}");
        }
    }

    #[test]
    fn a_start_is_newer_than_every_move_before_it() {
        assert!(first_address_version(2) > first_address_version(1) + 1_000);
        assert!(first_address_version(1) > NodeInfo::default().address_version);
    }
}
