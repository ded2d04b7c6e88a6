//! Links: how what one machine sends to another is carried, each way with its own delay and losses.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng as _, rngs::SmallRng};

use super::super::{Machine, clock::MILLISECOND, with};

/// The first pause before a lost segment is sent again, and the longest (RFC 6298; Linux).
const RETRANSMIT_FIRST: u64 = 200 * MILLISECOND;
const RETRANSMIT_LAST: u64 = 120_000 * MILLISECOND;

/// How long a kernel waits before it sends again what was lost so often before.
pub fn pause(losses: u32) -> u64 {
    // Far more doublings than it takes to get to the longest.
    (RETRANSMIT_FIRST << losses.min(12)).min(RETRANSMIT_LAST)
}

/// How a link carries what one machine sends to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// It carries nothing.
    pub cut: bool,
    /// The shortest and the longest delay, in microseconds.
    pub delay: (u64, u64),
    /// How many of a thousand segments are lost, and sent again.
    pub loses: u32,
}

impl Default for Link {
    /// A good local network.
    fn default() -> Self {
        Self { cut: false, delay: (50, 400), loses: 0 }
    }
}

/// All links, and the machines that nothing reaches.
#[derive(Default)]
pub struct Links {
    changed: BTreeMap<(Machine, Machine), Link>,
    off: BTreeSet<Machine>,
}

impl Links {
    fn between(&self, from: Machine, to: Machine) -> Link {
        self.changed.get(&(from, to)).copied().unwrap_or_default()
    }

    /// Whether nothing gets from one to the other.
    pub fn is_cut(&self, from: Machine, to: Machine) -> bool {
        self.between(from, to).cut || self.off.contains(&to) || self.off.contains(&from)
    }

    /// How long a segment takes, with the pauses after which it was sent again.
    pub fn delay(&self, from: Machine, to: Machine, random: &mut SmallRng) -> u64 {
        let link = self.between(from, to);
        let mut delay = random.random_range(link.delay.0..=link.delay.1) * 1_000;
        let mut again = RETRANSMIT_FIRST;
        while link.loses > 0
            && random.random_range(0..1_000) < link.loses
            && again < RETRANSMIT_LAST
        {
            delay += again;
            again *= 2;
        }
        delay
    }

    pub fn power_off(&mut self, machine: Machine) {
        self.off.insert(machine);
    }

    pub fn power_on(&mut self, machine: Machine) {
        self.off.remove(&machine);
    }
}

/// Changes how a link carries what `from` sends to `to`.
pub fn set_link(from: Machine, to: Machine, change: impl FnOnce(&mut Link)) {
    with(|world| {
        let links = &mut world.network.links;
        let mut link = links.between(from, to);
        change(&mut link);
        links.changed.insert((from, to), link);
    });
}
