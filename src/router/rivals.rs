//! Two processes with one identity: which of them is the master. Pure.
//!
//! A slot belongs to one process at a time, so a second one means either that the first is dead and
//! its stream has not noticed yet (its machine has stopped, or its network is cut), or that
//! somebody has copied the slot. The second waits until this is clear: if the first is lost, it
//! takes its place, and if both are alive, the one that started later is turned away.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::registry::{Hello, SessionId};
use crate::domain::NodeId;

/// Processes that wait for the outcome of another process of their node.
#[derive(Debug, Default)]
pub struct Rivals {
    waiting: BTreeMap<SessionId, Rival>,
}

#[derive(Debug)]
struct Rival {
    hello: Hello,
    since: Instant,
}

/// What to do about two living processes; the text is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Turn away this one, which came second.
    Turn(SessionId, String),
    /// Turn away the one that came first, because it is nevertheless the one that started later.
    Replace(String),
}

impl Rivals {
    /// `hello` came while another process of its node was reporting.
    pub fn wait(&mut self, session: SessionId, hello: Hello, now: Instant) {
        self.waiting.insert(session, Rival { hello, since: now });
    }

    /// A stream has ended.
    pub fn lost(&mut self, session: SessionId) {
        self.waiting.remove(&session);
    }

    /// Those whose other process `is_lost`, in the order in which they came.
    pub fn take(&mut self, is_lost: impl Fn(NodeId) -> bool) -> Vec<(SessionId, Hello)> {
        let free = self.waiting.extract_if(.., |_, rival| is_lost(rival.hello.node));
        free.map(|(session, rival)| (session, rival.hello)).collect()
    }

    /// `reporting` has just reported. If that is at least `patience` after another process came, so
    /// that the report was not simply on its way, both are alive.
    pub fn judge(
        &mut self,
        reporting: &Hello,
        now: Instant,
        patience: Duration,
    ) -> Option<Verdict> {
        let (session, rival) = self.waiting.iter().find(|(_, rival)| {
            rival.hello.node == reporting.node && now - rival.since > patience
        })?;
        if rival.hello.started < reporting.started {
            return Some(Verdict::Replace(reason(&rival.hello)));
        }
        let session = *session;
        self.waiting.remove(&session);
        Some(Verdict::Turn(session, reason(reporting)))
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
