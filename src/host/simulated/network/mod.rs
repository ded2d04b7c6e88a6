//! The network: links between machines, and connections, whose segments they carry.
//!
//! - `links`: what carries segments, and how well
//! - `events`: what happens, and when; for what runs the world
//! - `delivery`: segments arrive, or are lost and sent again, or meet nobody
//! - `requests`: listening and connecting
//! - `ends`: what the ends of a connection do
//!
//! Everything that reaches another machine is an event, at a time.

mod delivery;
mod ends;
mod events;
mod links;
mod requests;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use self::requests::{connect, listen};
pub(super) use self::{
    delivery::DirectionId,
    ends::{close, end, poll_read, poll_write},
    requests::{poll_accept, stop_listening},
};
pub use self::{
    delivery::reset_connections,
    events::{next_event, run_events},
    links::{Link, set_link},
};

use self::{
    events::Events,
    links::Links,
    requests::{Connecting, Listening},
};
use super::{Machine, segments::Direction};

#[derive(Default)]
pub(super) struct Network {
    links: Links,
    events: Events,
    listening: BTreeMap<(Machine, u16), Listening>,
    connecting: BTreeMap<u64, Connecting>,
    directions: BTreeMap<DirectionId, Direction>,
    /// How many connections have been asked for.
    connections: u64,
    /// Machines for which something has happened.
    touched: BTreeSet<Machine>,
}

#[cfg(test)]
impl Network {
    /// How many directions of connections it knows.
    pub(super) fn directions(&self) -> usize {
        self.directions.len()
    }
}
