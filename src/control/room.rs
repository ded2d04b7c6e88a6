//! How much room a master has on its disk, and what that means. Pure.
//!
//! What a master may take is bounded twice: by a quota on its own data, and by a part of its disk that is left free.
//! A master without room still has what is left free, for the log to go on while leadership is handed over, and for
//! merging files.

use std::{collections::BTreeSet, fmt};

use super::Names;
use crate::domain::NodeId;

/// The part of the quota below which somebody should do something.
const LOW_PART: u64 = 5;
/// There is room again only if this part of the quota is.
const BACK_PART: u64 = 20;
/// The same for the disk, beside what is left free: in bytes, and as a part of it, of which the lesser counts.
const LOW_OF_DISK: (u64, u64) = (1 << 30, 10);
const BACK_OF_DISK: (u64, u64) = (32 << 20, 100);

/// What a master may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomLimits {
    /// Of its own data, in bytes.
    pub quota: Option<u64>,
    /// What is left free on its disk, in bytes.
    pub reserve: u64,
}

/// What was measured, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// What a master's own data takes.
    pub used: u64,
    /// Its disk, if that is known.
    pub disk: Option<Disk>,
}

/// A disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// All of it.
    pub total: u64,
    /// What is free.
    pub free: u64,
}

/// How much room a master has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// What that means.
    pub condition: RoomCondition,
    /// The bytes that it may still take.
    pub left: u64,
}

/// What little room means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoomCondition {
    /// Nothing.
    #[default]
    Plenty,
    /// Somebody should do something.
    Low,
    /// Nothing more should be written.
    None,
}

impl Room {
    /// What was measured comes to; `before` is what the last measurement came to.
    pub fn of(
        Measured { used, disk }: Measured,
        limits: RoomLimits,
        before: RoomCondition,
    ) -> Self {
        let RoomLimits { quota, reserve } = limits;
        let within = |left: u64, low: u64, back: u64| {
            let is_out = left == 0 || (before == RoomCondition::None && left < back);
            let is_low = left < if before == RoomCondition::Plenty { low } else { low + low / 4 };
            let condition = match (is_out, is_low) {
                (true, _) => RoomCondition::None,
                (false, true) => RoomCondition::Low,
                (false, false) => RoomCondition::Plenty,
            };
            Self { condition, left }
        };
        let of_quota = quota
            .map(|quota| within(quota.saturating_sub(used), quota / LOW_PART, quota / BACK_PART));
        let of_disk = disk.map(|Disk { total, free }| {
            let least = |(bytes, part): (u64, u64)| bytes.min(total / part);
            within(free.saturating_sub(reserve), least(LOW_OF_DISK), least(BACK_OF_DISK))
        });
        let rooms = [of_quota, of_disk].into_iter().flatten();
        let unbounded = Self { condition: RoomCondition::Plenty, left: u64::MAX };
        rooms.fold(unbounded, |one, other| Self {
            condition: one.condition.max(other.condition),
            left: one.left.min(other.left),
        })
    }
}

/// What there is left, in words.
impl fmt::Display for Room {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: u64 = 1 << 20;
        match self.condition {
            RoomCondition::None => formatter.write_str("has no room for more"),
            _ => write!(formatter, "has room for {} MiB more", self.left / MIB),
        }
    }
}

/// Why nothing may be added at present: fewer voters than a quorum have room; none if enough have. `full` are the
/// nodes without room, with their names.
pub fn read_only(voter_sets: &[BTreeSet<NodeId>], full: &[(NodeId, String)]) -> Option<String> {
    let is_full = |voter: &NodeId| full.iter().any(|(node, _)| node == voter);
    let lacks_quorum = |set: &BTreeSet<NodeId>| {
        let with_room = set.iter().filter(|voter| !is_full(voter)).count();
        with_room <= set.len() / 2
    };
    voter_sets.iter().any(lacks_quorum).then(|| {
        let votes = |(node, _): &&(NodeId, String)| voter_sets.iter().any(|set| set.contains(node));
        let mut names: Vec<&str> =
            full.iter().filter(votes).map(|(_, name)| name.as_str()).collect();
        names.sort_unstable();
        let have = if names.len() == 1 { "has" } else { "have" };
        format!(
            "the network is read-only, because {} {have} no room for more on disk: it goes on by itself as soon as \
             there is room",
            Names(names)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    /// The voter sets, who is full, and whether that makes the network read-only.
    type Case = (&'static [&'static [u64]], &'static [u64], bool);
    const LIMITS: RoomLimits = RoomLimits { quota: Some(100 * MIB), reserve: 64 * MIB };

    #[test]
    fn the_alarm_comes_well_before_the_end_and_the_end_lasts_until_there_is_some_room() {
        use RoomCondition::{Low, None, Plenty};
        let table = [
            // MiB used and free, the condition before, the condition, and MiB left.
            (10, Some(9_000), Plenty, Plenty, 90),
            (79, Some(9_000), Plenty, Plenty, 21),
            (81, Some(9_000), Plenty, Low, 19),
            (79, Some(9_000), Low, Low, 21),
            (74, Some(9_000), Low, Plenty, 26),
            (100, Some(9_000), Low, None, 0),
            (104, Some(9_000), Low, None, 0),
            (96, Some(9_000), None, None, 4),
            (94, Some(9_000), None, Low, 6),
            (10, Some(1_080), Plenty, Low, 90),
            (10, Some(100), Low, Low, 36),
            (10, Some(64), Low, None, 0),
            (10, Some(80), None, None, 16),
            (10, Some(97), None, Low, 33),
            (10, Option::None, Plenty, Plenty, 90),
        ];
        for (used, free, before, condition, left) in table {
            let disk = free.map(|free| Disk { total: 100_000 * MIB, free: free * MIB });
            let measured = Measured { used: used * MIB, disk };
            let room = Room::of(measured, LIMITS, before);
            assert_eq!(
                (room.condition, room.left / MIB),
                (condition, left),
                "{used} {free:?} {before:?}"
            );
        }
        let unbounded = RoomLimits { quota: Option::None, reserve: MIB };
        let room = |disk| Room::of(Measured { used: MIB, disk }, unbounded, Plenty).condition;
        assert_eq!(room(Option::None), Plenty);
        // What is little on a large disk is much on a small one.
        let [much, little] = [25, 15].map(|free| Disk { total: 200 * MIB, free: free * MIB });
        assert_eq!((room(Some(much)), room(Some(little))), (Plenty, Low));
    }

    #[test]
    fn a_network_is_read_only_if_fewer_voters_than_a_quorum_have_room() {
        let named = |nodes: &[u64]| -> Vec<(NodeId, String)> {
            nodes.iter().map(|node| (NodeId::new(*node), format!("server-{node}"))).collect()
        };
        let table: [Case; 8] = [
            (&[&[1, 2, 3]], &[], false),
            (&[&[1, 2, 3]], &[1], false),
            (&[&[1, 2, 3]], &[1, 4], false),
            (&[&[1, 2, 3]], &[1, 3], true),
            (&[&[1, 2, 3, 9]], &[1, 2], true),
            (&[&[1]], &[1], true),
            (&[&[1, 2, 3], &[1]], &[1], true),
            (&[], &[1], false),
        ];
        for (voter_sets, full, expected) in table {
            let sets: Vec<BTreeSet<NodeId>> =
                voter_sets.iter().map(|set| NodeId::all(set.iter().copied())).collect();
            assert_eq!(
                read_only(&sets, &named(full)).is_some(),
                expected,
                "{voter_sets:?} {full:?}"
            );
        }
        let sets = [NodeId::all([1, 2, 3])];
        let reason = read_only(&sets, &named(&[1, 3])).expect("it is");
        assert!(reason.contains("server-1 and server-3 have no room"), "{reason}");
    }
}
