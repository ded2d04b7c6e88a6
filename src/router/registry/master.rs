//! What the registry knows about one master, and about the router's own witness.

use tokio::time::Instant;

use super::MasterStreamId;
use crate::{
    control::{Hello, Progress, RoomCondition},
    domain::{NodeId, UnixMillis},
};

/// A master's state, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It serves all clients.
    Available,
    /// It is alive and votes.
    Standby,
    /// It is alive but does not vote yet.
    CatchingUp,
    /// It does not report.
    Down,
}

/// What is known about one master.
#[derive(Clone, Debug)]
pub struct Master {
    /// As it introduced itself.
    pub hello: Hello,
    /// As it last reported.
    pub progress: Progress,
    /// When it entered its state.
    pub since: UnixMillis,
    /// Its state.
    pub state: State,
    /// How far its clock is ahead of the router's, in milliseconds, not counting travel time.
    pub ahead_ms: i64,
    pub(super) stream: Option<MasterStreamId>,
    /// Whether it has reported on this stream.
    pub(super) reported: bool,
    pub(super) last_report: Instant,
    pub(super) silent: bool,
    pub(super) leaving: bool,
}

impl Master {
    /// Whether it is alive, because it reports.
    pub fn lives(&self) -> bool {
        self.stream.is_some() && !self.silent
    }

    /// Its stream, unless that has ended.
    pub fn stream(&self) -> Option<MasterStreamId> {
        self.stream
    }

    /// Whether it is about to stop.
    pub fn leaves(&self) -> bool {
        self.leaving
    }

    /// Whether it can accept connections, and has room on its disk.
    pub(super) fn is_fit(&self) -> bool {
        !self.progress.cannot_accept && self.progress.room.condition != RoomCondition::None
    }

    /// Whether it is alive and leads.
    pub fn leads(&self) -> bool {
        self.lives() && self.progress.leading
    }
}

/// What is known about the router's own witness.
pub(super) struct WitnessRecord {
    pub(super) node: NodeId,
    /// As it last reported.
    pub(super) progress: Progress,
    /// Why it cannot continue.
    pub(super) broken: Option<String>,
}
