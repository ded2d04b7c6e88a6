//! Two processes with one identity: which of them is the master. Pure.
//!
//! A slot belongs to one process at a time, so a second one means either that the first is dead and
//! its stream has not noticed yet (its machine has stopped, or its network is cut), or that
//! somebody has copied the slot. The second waits until this is clear: if the first is lost, it
//! takes its place, and if both are alive, the one that started later is rejected.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::registry::MasterStreamId;
use crate::{control::Hello, domain::NodeId};

/// Processes that wait for the outcome of another process of their node.
#[derive(Debug, Default)]
pub struct Duplicates {
    waiting: BTreeMap<MasterStreamId, WaitingDuplicate>,
}

#[derive(Debug)]
struct WaitingDuplicate {
    hello: Hello,
    since: Instant,
}

/// What to do about two living processes; the text is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DuplicateResolution {
    /// Turn away this one, which came second.
    RejectSecond(MasterStreamId, String),
    /// Turn away the one that came first, because it is nevertheless the one that started later.
    RejectFirst(String),
}

impl Duplicates {
    /// `hello` came while another process of its node was reporting.
    pub fn add(&mut self, stream: MasterStreamId, hello: Hello, now: Instant) {
        self.waiting.insert(stream, WaitingDuplicate { hello, since: now });
    }

    /// A stream has ended.
    pub fn remove(&mut self, stream: MasterStreamId) {
        self.waiting.remove(&stream);
    }

    /// The streams of those that wait.
    pub fn streams(&self) -> impl Iterator<Item = MasterStreamId> {
        self.waiting.keys().copied()
    }

    /// Those whose other process `is_lost`, in the order in which they came.
    pub fn take_replacements(
        &mut self,
        is_lost: impl Fn(NodeId) -> bool,
    ) -> Vec<(MasterStreamId, Hello)> {
        let free = self.waiting.extract_if(.., |_, duplicate| is_lost(duplicate.hello.node));
        free.map(|(stream, duplicate)| (stream, duplicate.hello)).collect()
    }

    /// `reporting` has just reported. If that is at least `grace` after another process came, so
    /// that the report was not simply on its way, both are alive.
    pub fn resolve(
        &mut self,
        reporting: &Hello,
        now: Instant,
        grace: Duration,
    ) -> Option<DuplicateResolution> {
        let (stream, duplicate) = self.waiting.iter().find(|(_, duplicate)| {
            duplicate.hello.node == reporting.node && now - duplicate.since > grace
        })?;
        if duplicate.hello.started < reporting.started {
            return Some(DuplicateResolution::RejectFirst(reason(&duplicate.hello)));
        }
        let stream = *stream;
        self.waiting.remove(&stream);
        Some(DuplicateResolution::RejectSecond(stream, reason(reporting)))
    }
}

fn reason(other: &Hello) -> String {
    let Hello { node, name, client_address, pid, .. } = other;
    format!(
        "another master with this slot's identity (node {node}) reports from {client_address}: \
         {name}, process {pid}; a slot directory must not be copied: remove the copy, and its \
         master joins as a new node"
    )
}
