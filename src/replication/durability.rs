//! When a copy of a log entry counts: the rule that lets followers write at the same time as their
//! leader (Ongaro, "Consensus: Bridging Theory and Practice", 10.2.1).
//!
//! The consensus counts a leader's own copy as soon as [`append`](super::log_store) returns, and
//! [`AppendPolicy`] lets it return before the entry is on disk. Three parts make this safe, all of
//! them here:
//!
//! 1. [`AppendPolicy`] (pure) decides who may return early: a leader, for its own entries, which
//!    nobody can commit without the answer of another voter.
//! 2. [`DurableIndex`] says how far the log on this node's disk reaches. A leader holds back every
//!    answer of another node until its own disk has the entries that were acknowledged
//!    ([`peers`](super::peers)), so that nothing is committed that its own disk does not have.
//! 3. [`DurableIndexWriter`] advances that position, in the order in which the log was told to
//!    change.
//!
//! [`StallDetector`] makes a leader with a hung disk fall silent, and [`HeldAcks`] (pure) keeps a
//! slow disk from looking like a lost message: entries that the other node has acknowledged are not
//! sent again.
//!
//! **Invariant: first in, first out.** Entries reach the disk in the order of their indexes,
//! without gaps, and after every vote that was saved before them. Asserted where a change is queued
//! and again where it has been written. A node that led and now follows relies on this: it may
//! acknowledge an entry from memory, but that entry is committed by one of a later term, which is
//! behind it in the queue.
//!
//! **Invariant: commit behind the disk.** What a leader commits is on its own disk. Asserted in
//! [`LogStore::save_committed`](super::log_store::LogStore).
//!
//! **Fails closed.** If the writer is gone, [`DurableIndex::wait_for_entry`] is an error and never
//! an answer.

use std::{
    collections::BTreeSet,
    future,
    sync::atomic::{AtomicU64, Ordering},
};

use openraft::{EntryPayload, RaftLogId as _, raft::AppendEntriesRequest};
use tokio::sync::watch;

use super::{Consensus, Entry, LogId, Vote};
use crate::{
    domain::NodeId,
    planted::{self, PlantedFault},
};

/// When an append may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendAck {
    /// Immediately: the answers of other nodes are held back instead.
    Early,
    /// Once it is on disk.
    Durable,
}

/// Decides when an append is answered. Pure.
#[derive(Debug)]
pub struct AppendPolicy {
    own: NodeId,
    vote: Option<Vote>,
    /// The number of voters in the smallest voter set of the newest membership; 0 if it is not
    /// known.
    fewest_voters: usize,
}

impl AppendPolicy {
    /// For the node `own`, which has not voted since it started, and does not know yet who votes.
    pub fn new(own: NodeId) -> Self {
        Self { own, vote: None, fewest_voters: 0 }
    }

    /// `vote` was saved.
    pub fn voted(&mut self, vote: Vote) {
        self.vote = Some(vote);
    }

    /// The last vote that was saved.
    pub fn last_vote(&self) -> Option<Vote> {
        self.vote
    }

    /// The same, if it is higher than `vote`.
    pub fn higher_vote(&self, vote: &Vote) -> Option<Vote> {
        self.vote.filter(|saved| saved > vote)
    }

    /// Entries were cut off, possibly including the newest membership.
    pub fn truncated(&mut self) {
        self.fewest_voters = 0;
    }

    /// Whether this node leads, according to the last vote that it saved.
    pub fn leads(&self) -> bool {
        self.vote.is_some_and(|vote| vote.is_committed() && vote.leader_id().node_id == self.own)
    }

    /// `entries` are about to be appended. They may be answered early if this node made them as the
    /// leader, and if every voter set of the newest membership needs another voter as well.
    pub fn append(&mut self, entries: &[Entry]) -> AppendAck {
        for entry in entries {
            if let EntryPayload::Membership(membership) = &entry.payload {
                let voter_sets = membership.get_joint_config().iter();
                self.fewest_voters = voter_sets.map(BTreeSet::len).min().unwrap_or(0);
            }
        }
        let ours = |entry: &Entry| {
            self.vote.is_some_and(|vote| {
                let (leader, by) = (vote.leader_id(), entry.log_id.leader_id);
                (by.term, by.node_id) == (leader.term, leader.node_id)
            })
        };
        let is_too_early =
            planted::is(PlantedFault::FollowerAcknowledgesBeforeItsDisk) && !self.leads();
        let may = self.leads() && self.fewest_voters > 1 && entries.iter().all(ours);
        if may || is_too_early { AppendAck::Early } else { AppendAck::Durable }
    }
}

/// How the log changes with a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogChange {
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

impl LogChange {
    /// The index after the last entry, after this change to a log that ended before `end`.
    ///
    /// # Panics
    /// If the entries do not follow the existing ones: first in, first out is broken.
    pub fn after(self, end: u64) -> u64 {
        match self {
            Self::Unchanged => end,
            Self::Appended { first, last } => {
                // An empty log may begin at any index.
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

/// The thread that writes the log is gone, so it is no longer known what is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log cannot be written any more")]
pub struct WriterGone;

/// How far the log on this node's disk reaches; clones share it.
#[derive(Clone, Debug)]
pub struct DurableIndex {
    end: watch::Receiver<u64>,
}

impl DurableIndex {
    /// Returns when the entry `last`, and all before it, are on disk.
    pub async fn wait_for_entry(&self, last: Option<LogId>) -> Result<(), WriterGone> {
        match self.wait_for_end(behind(last)).await {
            Err(_gone) if planted::is(PlantedFault::GoneWriterCountsAsDone) => Ok(()),
            reached => reached,
        }
    }

    async fn wait_for_end(&self, wanted: u64) -> Result<(), WriterGone> {
        let mut end = self.end.clone();
        let _end = end.wait_for(|end| *end >= wanted).await.map_err(|_| WriterGone)?;
        Ok(())
    }

    /// Whether the entry `last`, and all before it, are on disk already.
    pub fn has(&self, last: Option<LogId>) -> bool {
        *self.end.borrow() >= behind(last)
    }

    /// Returns when the writer is gone.
    pub async fn writer_lost(&self) -> WriterGone {
        let mut end = self.end.clone();
        while end.changed().await.is_ok() {}
        WriterGone
    }
}

/// Distinguishes a hung disk from a busy one. The consensus does not wait until what a leader
/// appends is written, so a hung disk would not show when this node is asked how it is.
#[derive(Debug, Default)]
pub struct StallDetector {
    /// The index after the log's last entry when this was last asked.
    end: AtomicU64,
}

impl StallDetector {
    /// Returns when the disk of `durable` has everything that the log held when this was last
    /// asked, which has had enough time to be written; never while the disk hangs, or if the writer
    /// is gone. The log now ends with `last`.
    pub async fn wait_until_over(&self, durable: &DurableIndex, last: Option<LogId>) {
        let end = behind(last);
        let before = self.end.swap(end, Ordering::Relaxed);
        if durable.wait_for_end(before.min(end)).await.is_err() {
            future::pending::<()>().await;
        }
    }
}

/// The index after `last`.
fn behind(last: Option<LogId>) -> u64 {
    last.map_or(0, |last| last.index + 1)
}

/// Tells every [`DurableIndex`] how far the log on disk reaches. When this is dropped, they fail.
#[derive(Debug)]
pub struct DurableIndexWriter {
    end: watch::Sender<u64>,
}

/// Both ends for one log, which ends with `last`.
pub fn durable_index(last: Option<LogId>) -> (DurableIndexWriter, DurableIndex) {
    let (sender, end) = watch::channel(behind(last));
    (DurableIndexWriter { end: sender }, DurableIndex { end })
}

impl DurableIndexWriter {
    /// A change is on disk.
    pub fn wrote(&self, change: LogChange) {
        self.end.send_if_modified(|end| {
            let before = std::mem::replace(end, change.after(*end));
            before != *end
        });
    }
}

/// Which of the entries that are being sent to another node it has acknowledged, although the
/// answer is still held back. Pure.
///
/// If an answer is held back for longer than a heartbeat, the consensus takes it for lost, and
/// sends the same entries again.
#[derive(Debug, Default)]
pub struct HeldAcks {
    acknowledged: Option<(Vote, LogId)>,
}

impl HeldAcks {
    /// Removes from `request` what the other node has acknowledged under the same vote. At least a
    /// heartbeat is left, whose answer shows that the node still follows.
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

    /// Whether `request` has nothing for the other node that it has not acknowledged, except perhaps how
    /// far the log is committed.
    pub fn cover(&self, request: &AppendEntriesRequest<Consensus>) -> bool {
        let asked = request.prev_log_id.map(|last| (request.vote, last));
        request.entries.is_empty() && asked.is_some() && asked == self.acknowledged
    }

    /// The other node has acknowledged the log up to `last` under `vote`.
    pub fn acknowledged(&mut self, vote: Vote, last: Option<LogId>) {
        self.acknowledged = last.map(|last| (vote, last));
    }

    /// The other node has given a different answer.
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

    const OWN: NodeId = NodeId::new(1);
    const OTHER: NodeId = NodeId::new(2);

    fn id(term: u64, leader: NodeId, index: u64) -> LogId {
        LogId::new(CommittedLeaderId::new(term, leader), index)
    }

    fn blank(term: u64, leader: NodeId, index: u64) -> Entry {
        Entry { log_id: id(term, leader, index), payload: EntryPayload::Blank }
    }

    /// An entry of `leader` in term 3 that makes all of `voter_sets` voters.
    fn membership(leader: NodeId, voter_sets: &[&[NodeId]]) -> Entry {
        let voter_sets: Vec<BTreeSet<NodeId>> =
            voter_sets.iter().map(|set| set.iter().copied().collect()).collect();
        let nodes = voter_sets.iter().flatten().map(|id| (*id, NodeInfo::default()));
        let nodes: BTreeMap<_, _> = nodes.collect();
        let payload = EntryPayload::Membership(Membership::new(voter_sets.clone(), nodes));
        Entry { log_id: id(3, leader, 1), payload }
    }

    #[test]
    fn only_a_leader_that_needs_others_is_answered_early() {
        let both: &[NodeId] = &[OWN, OTHER];
        let alone: &[NodeId] = &[OWN];
        let leads = Vote::new_committed(3, OWN);
        for (why, vote, entry, answered) in [
            ("it needs another", leads, membership(OWN, &[both]), AppendAck::Early),
            ("it commits alone", leads, membership(OWN, &[alone]), AppendAck::Durable),
            ("it is about to", leads, membership(OWN, &[both, alone]), AppendAck::Durable),
            ("it cannot tell who votes", leads, blank(3, OWN, 1), AppendAck::Durable),
            ("it only campaigns", Vote::new(3, OWN), membership(OWN, &[both]), AppendAck::Durable),
            (
                "it follows",
                Vote::new_committed(3, OTHER),
                membership(OWN, &[both]),
                AppendAck::Durable,
            ),
            (
                "the entry is of an earlier term",
                Vote::new_committed(4, OWN),
                membership(OWN, &[both]),
                AppendAck::Durable,
            ),
            ("the entry is another's", leads, membership(OTHER, &[both]), AppendAck::Durable),
        ] {
            let mut appending = AppendPolicy::new(OWN);
            appending.voted(vote);
            assert_eq!(appending.append(&[entry]), answered, "{why}");
        }
    }

    #[test]
    fn who_voted_is_forgotten_with_what_was_cut_off() {
        let mut appending = AppendPolicy::new(OWN);
        appending.voted(Vote::new_committed(3, OWN));
        appending.append(&[membership(OWN, &[&[OWN, OTHER]])]);
        assert_eq!(appending.append(&[blank(3, OWN, 2)]), AppendAck::Early);
        appending.truncated();
        assert_eq!(appending.append(&[blank(3, OWN, 1)]), AppendAck::Durable);
    }

    #[test]
    fn the_end_of_the_log_follows_every_change() {
        for (end, change, after) in [
            (0, LogChange::Appended { first: 1, last: 3 }, 4),
            (4, LogChange::Appended { first: 4, last: 4 }, 5),
            (5, LogChange::Unchanged, 5),
            (5, LogChange::Truncated(3), 3),
            (3, LogChange::Truncated(9), 3),
            (5, LogChange::Purged(2), 5),
            (5, LogChange::Purged(20), 21),
        ] {
            assert_eq!(change.after(end), after, "{change:?}");
        }
    }

    #[test]
    #[should_panic(expected = "first in, first out")]
    fn a_gap_in_the_log_breaks_the_invariant() {
        LogChange::Appended { first: 6, last: 7 }.after(5);
    }

    #[test]
    #[should_panic(expected = "first in, first out")]
    fn an_entry_that_is_overtaken_breaks_the_invariant() {
        LogChange::Appended { first: 4, last: 4 }.after(5);
    }

    #[test]
    #[should_panic(expected = "first in, first out")]
    fn entries_that_leave_a_gap_are_not_taken_for_written() {
        let (writer, _durable) = durable_index(Some(id(1, OWN, 4)));
        writer.wrote(LogChange::Appended { first: 6, last: 7 });
    }

    #[test]
    fn what_is_not_on_the_disk_is_waited_for_and_refused_when_its_writer_is_gone() {
        let (writer, durable) = durable_index(Some(id(1, OWN, 4)));
        let reaches = |last| durable.wait_for_entry(last).now_or_never();
        assert_eq!(reaches(None), Some(Ok(())));
        assert_eq!(reaches(Some(id(1, OWN, 4))), Some(Ok(())));
        assert_eq!(reaches(Some(id(1, OWN, 5))), None);
        writer.wrote(LogChange::Appended { first: 5, last: 5 });
        assert_eq!(reaches(Some(id(1, OWN, 5))), Some(Ok(())));
        assert!(durable.has(Some(id(1, OWN, 5))) && !durable.has(Some(id(1, OWN, 6))));
        drop(writer);
        assert_eq!(reaches(Some(id(1, OWN, 6))), Some(Err(WriterGone)));
        assert_eq!(durable.writer_lost().now_or_never(), Some(WriterGone));
    }

    #[test]
    fn a_disk_hangs_when_what_was_asked_for_before_is_still_not_on_it() {
        let (writer, durable) = durable_index(None);
        let stall = StallDetector::default();
        let over = |last| stall.wait_until_over(&durable, Some(id(1, OWN, last))).now_or_never();
        assert_eq!(over(3), Some(()), "on its way");
        assert_eq!(over(4), None, "still not there");
        writer.wrote(LogChange::Appended { first: 1, last: 4 });
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
            let mut unanswered = HeldAcks::default();
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

    #[test]
    fn an_append_need_not_be_sent_that_says_nothing_but_how_far_the_log_is_committed() {
        let vote = Vote::new_committed(3, OWN);
        let later = Vote::new_committed(4, OWN);
        for (why, acknowledged, asked, covered) in [
            ("all is known", Some(6), request(vote, 6, &[]), true),
            ("there is something new", Some(6), request(vote, 6, &[7]), false),
            ("not as far", Some(5), request(vote, 6, &[]), false),
            ("farther, and who knows what follows there", Some(7), request(vote, 6, &[]), false),
            ("in another term", Some(6), request(later, 6, &[]), false),
            ("nothing yet, as for a read that asks a quorum", None, request(vote, 6, &[]), false),
        ] {
            let mut acks = HeldAcks::default();
            acks.acknowledged(vote, acknowledged.map(|index| id(3, OWN, index)));
            assert_eq!(acks.cover(&asked), covered, "{why}");
            acks.forget();
            assert!(!acks.cover(&asked), "{why}, and then another answer");
        }
    }
}
