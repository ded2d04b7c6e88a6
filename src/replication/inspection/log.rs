//! A node's log: its facts in `raft.redb`, and its entries.

use std::path::{Path, PathBuf};

use openraft::EntryPayload;
use serde::de::DeserializeOwned;

use super::{InspectionError, Looked, Progress};
use crate::{
    domain::{ClusterId, NodeId},
    envelope::SupportedVersions,
    host::{
        database_fault::DatabaseFault,
        disk,
        untouched::{self, UntouchedFolder},
    },
    replication::{
        Entry, LogId, StoredMembership, Vote,
        log_error::LogError,
        log_facts::{Fact, LogFacts},
        log_segments::{self, SegmentDamage, SegmentReader},
        log_store::{Checkpoint, SEGMENTS, higher},
        node::LOG_FILE,
    },
};

/// Entries that are read at a time.
const ENTRIES: u64 = 256;

/// Something of a log that is damaged.
pub struct LogDamage {
    pub file: PathBuf,
    pub position: Option<String>,
    pub what: String,
}

/// What is known of a log.
#[derive(Default)]
pub struct InspectedLog {
    /// Whether there is one.
    pub is_there: bool,
    /// Everything that is damaged.
    pub damage: Vec<LogDamage>,
    pub node: Option<NodeId>,
    pub cluster: Option<ClusterId>,
    pub vote: Option<Vote>,
    pub purged: Option<LogId>,
    pub checkpoint: Option<Checkpoint>,
    pub members: Option<StoredMembership>,
    /// The first and the last entry that can be read.
    pub first: Option<LogId>,
    pub last: Option<LogId>,
    reader: Option<SegmentReader>,
}

impl InspectedLog {
    /// Looks at the log in `directory`.
    pub fn of(directory: &Path, progress: &mut Progress<'_>) -> Result<Self, InspectionError> {
        let path = directory.join(LOG_FILE);
        let segments = UntouchedFolder::new(directory.join(SEGMENTS));
        let failed = |source: LogError| InspectionError::log(&path, source);
        let in_segments = |source: std::io::Error| failed(source.into());
        let mut log = Self::default();
        let contents = untouched::read(&path).map_err(in_segments)?.unwrap_or_default();
        if contents.is_empty() {
            // An empty file says that the segments beside it are void, which are about to be removed.
            let is_void = disk::length(&path).map_err(in_segments)?.is_some();
            if !is_void && log_segments::has_entries(&segments).map_err(in_segments)? {
                log.damaged(LOG_FILE, None, "it is missing, with the votes of the node");
            }
            return Ok(log);
        }
        log.is_there = true;
        let opened = disk::open_copy(&contents).map_err(LogError::from).and_then(LogFacts::open);
        let facts = match opened {
            Ok(facts) => facts,
            Err(error) if error.fault() == DatabaseFault::Damaged => {
                log.damaged(LOG_FILE, None, error.to_string());
                return Ok(log);
            }
            Err(error) => return Err(failed(error)),
        };
        let id = log.read_facts(&facts).map_err(failed)?;
        match id {
            Some(id) => log.read_segments(&segments, id, progress).map_err(failed)?,
            None if log_segments::has_entries(&segments).map_err(in_segments)? => {
                log.damaged(LOG_FILE, Some("fact log_id"), "the id of the log is missing");
            }
            None => {}
        }
        log.compare_vote();
        Ok(log)
    }

    /// The entry with this index, if it can be read.
    pub fn entry_at(&self, index: u64) -> Option<LogId> {
        let entries = self.reader.as_ref()?.entries(index..index + 1, |_| true).ok()?;
        entries.first().map(|entry| entry.log_id)
    }

    /// The entries from this index on.
    pub fn entries_from(&self, index: u64) -> Result<Vec<Entry>, LogError> {
        let Some(reader) = &self.reader else { return Ok(Vec::new()) };
        reader.entries(index..reader.end().max(index), |_| true)
    }

    fn damaged(
        &mut self,
        file: impl Into<PathBuf>,
        position: Option<&str>,
        what: impl Into<String>,
    ) {
        let position = position.map(str::to_owned);
        self.damage.push(LogDamage { file: file.into(), position, what: what.into() });
    }

    /// The value of a fact, or none if it is damaged.
    fn fact<T: DeserializeOwned>(
        &mut self,
        facts: &LogFacts,
        fact: Fact,
    ) -> Result<Option<T>, LogError> {
        match facts.read(fact) {
            Err(error) if error.fault() == DatabaseFault::Damaged => {
                let position = format!("fact {}", fact.name());
                self.damaged(LOG_FILE, Some(&position), error.to_string());
                Ok(None)
            }
            read => read,
        }
    }

    /// Reads all facts; gives the id that the segments carry.
    fn read_facts(&mut self, facts: &LogFacts) -> Result<Option<u64>, LogError> {
        self.node = self.fact(facts, Fact::NODE_ID)?.map(NodeId::new);
        self.cluster = self.fact(facts, Fact::CLUSTER_ID)?;
        self.vote = self.fact(facts, Fact::VOTE)?;
        self.purged = self.fact(facts, Fact::PURGED)?;
        self.checkpoint = self.fact(facts, Fact::CHECKPOINT)?;
        self.members = self.fact(facts, Fact::MEMBERS)?;
        let _starts: Option<u64> = self.fact(facts, Fact::STARTS)?;
        let id = self.fact(facts, Fact::LOG_ID)?;
        if self.node.is_none() && id.is_some() && self.damage.is_empty() {
            self.damaged(LOG_FILE, Some("fact node_id"), "the node's id is missing");
        }
        Ok(id)
    }

    fn read_segments(
        &mut self,
        segments: &UntouchedFolder,
        id: u64,
        progress: &mut Progress<'_>,
    ) -> Result<(), LogError> {
        let purged_end = self.purged.map_or(0, |purged| purged.index + 1);
        let mut looked = |bytes| progress(Looked::AtLog(bytes));
        let inspected = log_segments::inspect(segments, id, purged_end, &mut looked)?;
        for SegmentDamage { what, segment, at } in inspected.damage {
            let file =
                segment.map_or(PathBuf::from(SEGMENTS), |name| Path::new(SEGMENTS).join(name));
            let position = at.map(|at| format!("byte {at}"));
            self.damaged(file, position.as_deref(), what);
        }
        self.vote = higher(self.vote, inspected.vote);
        if let Some(reader) = inspected.reader {
            self.read_entries(&reader)?;
            self.reader = Some(reader);
        }
        Ok(())
    }

    /// Decodes all entries with what they contain, and compares their positions.
    fn read_entries(&mut self, reader: &SegmentReader) -> Result<(), LogError> {
        let end = reader.end();
        let mut next = self.purged.map_or(0, |purged| purged.index + 1);
        // Of an empty log, nothing is known of where it begins.
        while let Some(first) = (next < end).then_some(next) {
            let until = (first + ENTRIES).min(end);
            let entries = match reader.entries(first..until, |_| true) {
                Ok(entries) => entries,
                Err(error) if error.fault() == DatabaseFault::Damaged => {
                    let position = format!("entries {first} to {}", until - 1);
                    self.damaged(SEGMENTS, Some(&position), error.to_string());
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            for entry in &entries {
                self.examine(entry)?;
            }
            next = until;
        }
        Ok(())
    }

    fn examine(&mut self, entry: &Entry) -> Result<(), LogError> {
        let id = entry.log_id;
        let position = format!("entry {}", id.index);
        let before = self.last.or(self.purged);
        if let Some(before) = before
            && (before.leader_id > id.leader_id || before.index >= id.index)
        {
            let what = format!("it is at {id}, behind one at {before}: positions never go back");
            self.damaged(SEGMENTS, Some(&position), what);
        } else if let Some(last) = self.last
            && last.index + 1 != id.index
        {
            let what = format!("the one before it has the index {}", last.index);
            self.damaged(SEGMENTS, Some(&position), what);
        }
        if let EntryPayload::Normal(batch) = &entry.payload {
            match batch.content(SupportedVersions::of_this_program()) {
                Err(error) if error.is_another_version() => return Err(error.into()),
                Err(error) => self.damaged(SEGMENTS, Some(&position), error.to_string()),
                Ok(_) => {}
            }
        }
        self.first = self.first.or(Some(id));
        self.last = Some(id);
        Ok(())
    }

    /// A node takes entries of the terms only in which it has voted, or of which it knows the leader.
    fn compare_vote(&mut self) {
        let term = |vote: Vote| vote.leader_id().term;
        let voted = self.vote.map_or(0, term);
        if let Some(last) = self.last.or(self.purged)
            && self.damage.is_empty()
            && last.leader_id.term > voted
        {
            let what = format!(
                "the vote is of term {voted}, but the log has entries of term {}: it was lost",
                last.leader_id.term
            );
            self.damaged(LOG_FILE, Some("fact vote"), what);
        }
    }
}
