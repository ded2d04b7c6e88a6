//! When a copy of a log entry counts: the one rule that lets followers write beside their leader
//! (Ongaro, "Consensus: Bridging Theory and Practice", 10.2.1).
//!
//! The consensus counts a leader's own copy as soon as [`append`](super::log_store) returns, and
//! [`Appending`] lets it return before the disk has the entry. What makes that safe are three parts,
//! all of them here:
//!
//! 1. [`Appending`] (pure) decides who may return early: a leader, for its own entries, which nobody
//!    can commit without the answer of another voter.
//! 2. [`Durable`] says how far the log on this node's disk reaches. A leader holds every answer of
//!    another node back until its own disk has what that answer tells about
//!    ([`peers`](super::peers)), so that nothing is committed that its own disk does not have.
//! 3. [`Writer`] moves that end, in the order in which the log was told to change.
//!
//! [`Stall`] lets a leader whose disk hangs fall silent, and [`Unanswered`] (pure) keeps a slow disk
//! from looking like a lost message: what the other node has acknowledged is not sent to it again.
//!
//! **Invariant: first in, first out.** Entries reach the disk in the order of their indexes, without
//! gaps, and after every vote that was saved before them. Asserted where a change is queued and again
//! where it has been written. A node that led, and follows now, relies on it: it may acknowledge an
//! entry from memory, but what commits that entry is one of a later term, behind it in the queue.
//!
//! **Invariant: commit behind the disk.** What a leader commits is on its own disk. Asserted in
//! [`LogStore::save_committed`](super::log_store::LogStore).
//!
//! **Fails closed.** When the writer is gone, [`Durable::reaches`] is an error and never an answer.

use std::{
    collections::BTreeSet,
    future,
    sync::atomic::{AtomicU64, Ordering},
};

use openraft::{EntryPayload, RaftLogId as _, raft::AppendEntriesRequest};
use tokio::sync::watch;

use super::{Consensus, Entry, LogId, Vote};
use crate::domain::NodeId;

/// When an append may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// At once: the answers of others are held back instead.
    Early,
    /// When it is on the disk.
    Durable,
}

/// Decides when an append is answered. Pure.
#[derive(Debug)]
pub struct Appending {
    own: NodeId,
    vote: Option<Vote>,
    /// How many voters the smallest part of the newest membership has; 0 where it is not known.
    fewest_voters: usize,
}

impl Appending {
    /// For the node `own`, which has not voted since it started, and does not know who votes.
    pub fn new(own: NodeId) -> Self {
        Self { own, vote: None, fewest_voters: 0 }
    }

    /// `vote` was saved.
    pub fn voted(&mut self, vote: Vote) {
        self.vote = Some(vote);
    }

    /// Entries were cut off, the newest membership perhaps among them.
    pub fn truncated(&mut self) {
        self.fewest_voters = 0;
    }

    /// Whether this node leads, by the last vote that it saved.
    pub fn leads(&self) -> bool {
        self.vote.is_some_and(|vote| vote.is_committed() && vote.leader_id().node_id == self.own)
    }

    /// `entries` are about to be appended. They may be answered early where they are this node's own
    /// as leader, and where every part of the newest membership needs another voter as well.
    pub fn append(&mut self, entries: &[Entry]) -> Answered {
        for entry in entries {
            if let EntryPayload::Membership(membership) = &entry.payload {
                let parts = membership.get_joint_config().iter();
                self.fewest_voters = parts.map(BTreeSet::len).min().unwrap_or(0);
            }
        }
        let ours = |entry: &Entry| {
            self.vote.is_some_and(|vote| {
                let (leader, by) = (vote.leader_id(), entry.log_id.leader_id);
                (by.term, by.node_id) == (leader.term, leader.node_id)
            })
        };
        if self.leads() && self.fewest_voters > 1 && entries.iter().all(ours) {
            Answered::Early
        } else {
            Answered::Durable
        }
    }
}

/// How the log's extent changes with a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Not at all.
    Unchanged,
    /// Entries with the indexes `first` to `last` were appended.
    Appended {
        /// Index of the first.
        first: u64,
        /// Index of the last.
        last: u64,
    },
    /// The entries from this index on were removed.
    Truncated(u64),
    /// The entries up to this index were removed, or replaced by a snapshot.
    Purged(u64),
}

impl Extent {
    /// The index behind the last entry, after this change to a log that ended before `end`.
    ///
    /// # Panics
    /// Where entries do not follow those before them: first in, first out is broken.
    pub fn after(self, end: u64) -> u64 {
        match self {
            Self::Unchanged => end,
            Self::Appended { first, last } => {
                // An empty log begins anywhere.
                assert!(
                    end == 0 || first == end,
                    "first in, first out: entries {first} to {last} follow index {end}"
                );
                last + 1
            }
            Self::Truncated(since) => end.min(since),
            Self::Purged(upto) => end.max(upto + 1),
        }
    }
}

/// The thread that writes the log is gone, and with it the knowledge of what is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log cannot be written any more")]
pub struct WriterGone;

/// How far the log on this node's disk reaches; clones share it.
#[derive(Clone, Debug)]
pub struct Durable {
    end: watch::Receiver<u64>,
}

impl Durable {
    /// Returns when the entry `last`, and all before it, are on the disk.
    pub async fn reaches(&self, last: Option<LogId>) -> Result<(), WriterGone> {
        self.reaches_end(behind(last)).await
    }

    async fn reaches_end(&self, wanted: u64) -> Result<(), WriterGone> {
        let mut end = self.end.clone();
        let _end = end.wait_for(|end| *end >= wanted).await.map_err(|_| WriterGone)?;
        Ok(())
    }

    /// Whether the entry `last`, and all before it, are on the disk by now.
    pub fn has(&self, last: Option<LogId>) -> bool {
        *self.end.borrow() >= behind(last)
    }

    /// Returns when the writer is gone.
    pub async fn lost(&self) -> WriterGone {
        let mut end = self.end.clone();
        while end.changed().await.is_ok() {}
        WriterGone
    }
}

/// Tells a disk that hangs from one that is at work. The consensus does not wait for what it leads to
/// be written, so that it alone would not show a hung disk to whoever asks how this node fares.
#[derive(Debug, Default)]
pub struct Stall {
    /// The index behind the log's last entry, when this was last asked.
    end: AtomicU64,
}

impl Stall {
    /// Returns when the disk of `durable` has what the log held when this was last asked, which has
    /// been on its way for long enough; never while the disk hangs, or when the writer is gone. The
    /// log ends with `last` now.
    pub async fn over(&self, durable: &Durable, last: Option<LogId>) {
        let end = behind(last);
        let before = self.end.swap(end, Ordering::Relaxed);
        if durable.reaches_end(before.min(end)).await.is_err() {
            future::pending::<()>().await;
        }
    }
}

/// The index behind `last`.
fn behind(last: Option<LogId>) -> u64 {
    last.map_or(0, |last| last.index + 1)
}

/// Tells every [`Durable`] how far the log on the disk reaches. When it is dropped, they fail.
#[derive(Debug)]
pub struct Writer {
    end: watch::Sender<u64>,
}

/// The two ends of one log that ends with `last`.
pub fn track(last: Option<LogId>) -> (Writer, Durable) {
    let (sender, end) = watch::channel(behind(last));
    (Writer { end: sender }, Durable { end })
}

impl Writer {
    /// A change is on the disk.
    pub fn wrote(&self, extent: Extent) {
        self.end.send_if_modified(|end| {
            let before = std::mem::replace(end, extent.after(*end));
            before != *end
        });
    }
}

/// What another node has acknowledged of the entries that are on their way to it, although the answer
/// is still held back. Pure.
///
/// The consensus takes an answer that is held back for longer than a heartbeat for lost, and sends
/// the same entries again.
#[derive(Debug, Default)]
pub struct Unanswered {
    acknowledged: Option<(Vote, LogId)>,
}

impl Unanswered {
    /// Takes out of `request` what the other node has acknowledged under the same vote. What is left
    /// is a heartbeat at least: its answer tells that the node still follows.
    pub fn trim(&self, request: &mut AppendEntriesRequest<Consensus>) {
        let Some((vote, last)) = self.acknowledged else { return };
        let known = |entry: &Entry| *entry.get_log_id() == last;
        if request.vote == vote
            && let Some(known) = request.entries.iter().position(known)
        {
            request.entries.drain(..=known);
            request.prev_log_id = Some(last);
        }
    }

    /// The other node has acknowledged the log up to `last` under `vote`.
    pub fn acknowledged(&mut self, vote: Vote, last: Option<LogId>) {
        self.acknowledged = last.map(|last| (vote, last));
    }

    /// The other node has answered something else.
    pub fn forget(&mut self) {
        self.acknowledged = None;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use futures::FutureExt as _;
    use openraft::{CommittedLeaderId, Membership};

    use super::*;
    use crate::replication::NodeInfo;

    const OWN: NodeId = 1;
    const OTHER: NodeId = 2;

    fn id(term: u64, leader: NodeId, index: u64) -> LogId {
        LogId::new(CommittedLeaderId::new(term, leader), index)
    }

    fn blank(term: u64, leader: NodeId, index: u64) -> Entry {
        Entry { log_id: id(term, leader, index), payload: EntryPayload::Blank }
    }

    /// An entry of `leader` in term 3 that makes all of `parts` the voters.
    fn membership(leader: NodeId, parts: &[&[NodeId]]) -> Entry {
        let parts: Vec<BTreeSet<NodeId>> =
            parts.iter().map(|part| part.iter().copied().collect()).collect();
        let nodes = parts.iter().flatten().map(|id| (*id, NodeInfo::default()));
        let nodes: BTreeMap<_, _> = nodes.collect();
        let payload = EntryPayload::Membership(Membership::new(parts.clone(), nodes));
        Entry { log_id: id(3, leader, 1), payload }
    }

    #[test]
    fn only_a_leader_that_needs_others_is_answered_early() {
        let both: &[NodeId] = &[OWN, OTHER];
        let alone: &[NodeId] = &[OWN];
        let leads = Vote::new_committed(3, OWN);
        for (why, vote, entry, answered) in [
            ("it needs another", leads, membership(OWN, &[both]), Answered::Early),
            ("it commits alone", leads, membership(OWN, &[alone]), Answered::Durable),
            ("it is about to", leads, membership(OWN, &[both, alone]), Answered::Durable),
            ("it cannot tell who votes", leads, blank(3, OWN, 1), Answered::Durable),
            ("it only stands", Vote::new(3, OWN), membership(OWN, &[both]), Answered::Durable),
            (
                "it follows",
                Vote::new_committed(3, OTHER),
                membership(OWN, &[both]),
                Answered::Durable,
            ),
            (
                "the entry is of an earlier term",
                Vote::new_committed(4, OWN),
                membership(OWN, &[both]),
                Answered::Durable,
            ),
            ("the entry is another's", leads, membership(OTHER, &[both]), Answered::Durable),
        ] {
            let mut appending = Appending::new(OWN);
            appending.voted(vote);
            assert_eq!(appending.append(&[entry]), answered, "{why}");
        }
    }

    #[test]
    fn who_voted_is_forgotten_with_what_was_cut_off() {
        let mut appending = Appending::new(OWN);
        appending.voted(Vote::new_committed(3, OWN));
        appending.append(&[membership(OWN, &[&[OWN, OTHER]])]);
        assert_eq!(appending.append(&[blank(3, OWN, 2)]), Answered::Early);
        appending.truncated();
        assert_eq!(appending.append(&[blank(3, OWN, 1)]), Answered::Durable);
    }

    #[test]
    fn the_end_of_the_log_follows_every_change() {
        for (end, change, after) in [
            (0, Extent::Appended { first: 1, last: 3 }, 4),
            (4, Extent::Appended { first: 4, last: 4 }, 5),
            (5, Extent::Unchanged, 5),
            (5, Extent::Truncated(3), 3),
            (3, Extent::Truncated(9), 3),
            (5, Extent::Purged(2), 5),
            (5, Extent::Purged(20), 21),
        ] {
            assert_eq!(change.after(end), after, "{change:?}");
        }
    }

    #[test]
    #[should_panic(expected = "first in, first out")]
    fn a_gap_in_the_log_breaks_the_invariant() {
        Extent::Appended { first: 6, last: 7 }.after(5);
    }

    #[test]
    #[should_panic(expected = "first in, first out")]
    fn an_entry_that_is_overtaken_breaks_the_invariant() {
        Extent::Appended { first: 4, last: 4 }.after(5);
    }

    #[test]
    #[should_panic(expected = "first in, first out")]
    fn entries_that_leave_a_gap_are_not_taken_for_written() {
        let (writer, _durable) = track(Some(id(1, OWN, 4)));
        writer.wrote(Extent::Appended { first: 6, last: 7 });
    }

    #[test]
    fn what_is_not_on_the_disk_is_waited_for_and_refused_when_its_writer_is_gone() {
        let (writer, durable) = track(Some(id(1, OWN, 4)));
        let reaches = |last| durable.reaches(last).now_or_never();
        assert_eq!(reaches(None), Some(Ok(())));
        assert_eq!(reaches(Some(id(1, OWN, 4))), Some(Ok(())));
        assert_eq!(reaches(Some(id(1, OWN, 5))), None);
        writer.wrote(Extent::Appended { first: 5, last: 5 });
        assert_eq!(reaches(Some(id(1, OWN, 5))), Some(Ok(())));
        assert!(durable.has(Some(id(1, OWN, 5))) && !durable.has(Some(id(1, OWN, 6))));
        drop(writer);
        assert_eq!(reaches(Some(id(1, OWN, 6))), Some(Err(WriterGone)));
        assert_eq!(durable.lost().now_or_never(), Some(WriterGone));
    }

    #[test]
    fn a_disk_hangs_when_what_was_asked_for_before_is_still_not_on_it() {
        let (writer, durable) = track(None);
        let stall = Stall::default();
        let over = |last| stall.over(&durable, Some(id(1, OWN, last))).now_or_never();
        assert_eq!(over(3), Some(()), "on its way");
        assert_eq!(over(4), None, "still not there");
        writer.wrote(Extent::Appended { first: 1, last: 4 });
        assert_eq!(over(6), Some(()), "there now, and more on its way");
        assert_eq!(over(4), Some(()), "cut off meanwhile");
        over(9);
        drop(writer);
        assert_eq!(over(9), None, "nobody writes it any more");
    }

    fn request(vote: Vote, before: u64, entries: &[u64]) -> AppendEntriesRequest<Consensus> {
        AppendEntriesRequest {
            vote,
            prev_log_id: Some(id(3, OWN, before)),
            entries: entries.iter().map(|index| blank(3, OWN, *index)).collect(),
            leader_commit: None,
        }
    }

    #[test]
    fn what_was_acknowledged_is_not_sent_again() {
        let vote = Vote::new_committed(3, OWN);
        let later = Vote::new_committed(4, OWN);
        for (why, acknowledged, vote, before, sent) in [
            ("nothing yet", None, vote, 3, vec![4, 5, 6]),
            ("some", Some(5), vote, 5, vec![6]),
            ("all: a heartbeat is left", Some(6), vote, 6, vec![]),
            ("in another term", Some(5), later, 3, vec![4, 5, 6]),
            ("before these", Some(3), vote, 3, vec![4, 5, 6]),
            ("behind these", Some(9), vote, 3, vec![4, 5, 6]),
        ] {
            let mut unanswered = Unanswered::default();
            let last = acknowledged.map(|index| id(3, OWN, index));
            unanswered.acknowledged(Vote::new_committed(3, OWN), last);
            let mut asked = request(vote, 3, &[4, 5, 6]);
            unanswered.trim(&mut asked);
            let indexes: Vec<u64> = asked.entries.iter().map(|entry| entry.log_id.index).collect();
            assert_eq!((asked.prev_log_id, indexes), (Some(id(3, OWN, before)), sent), "{why}");
            unanswered.forget();
            let mut asked = request(vote, 3, &[4, 5, 6]);
            unanswered.trim(&mut asked);
            assert_eq!(asked.entries.len(), 3, "{why}");
        }
    }
}
