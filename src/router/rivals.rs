//! Two processes with one identity: which of them is the master. Pure.
//!
//! A slot belongs to one process at a time, so a second one means either that the first is dead and
//! its stream does not know it yet (its machine has stopped, or its network is cut), or that somebody
//! has copied the slot. The second waits until it is clear: it takes the first one's place where that
//! is lost, and where both live, the one that started later is turned away.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::registry::{Hello, SessionId};
use crate::domain::NodeId;

/// Those who wait for what becomes of another process of theirs.
#[derive(Debug, Default)]
pub struct Rivals {
    waiting: BTreeMap<SessionId, Rival>,
}

#[derive(Debug)]
struct Rival {
    hello: Hello,
    since: Instant,
}

/// What is to be done about two that live; the text is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Turn this one away, who came second.
    Turn(SessionId, String),
    /// Turn the one away who came first, and is the later one all the same.
    Replace(String),
}

impl Rivals {
    /// `hello` came while another process of its node reported.
    pub fn wait(&mut self, session: SessionId, hello: Hello, now: Instant) {
        self.waiting.insert(session, Rival { hello, since: now });
    }

    /// A stream has ended.
    pub fn lost(&mut self, session: SessionId) {
        self.waiting.remove(&session);
    }

    /// Those whose other process `is_lost`, in the order of their coming.
    pub fn take(&mut self, is_lost: impl Fn(NodeId) -> bool) -> Vec<(SessionId, Hello)> {
        let free = self.waiting.extract_if(.., |_, rival| is_lost(rival.hello.node));
        free.map(|(session, rival)| (session, rival.hello)).collect()
    }

    /// `reporting` has just reported. Where it does so `patience` after another came, and so not by
    /// something that was on its way, both live.
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
         master joins anew"
    )
}
