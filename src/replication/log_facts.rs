//! What is known of the log as a whole, and of the node that it belongs to, in `raft.redb`. The
//! entries are in segments beside it ([`log_segments`](super::log_segments)).
//!
//! The node's identity is in the same file as its votes: a node that loses one loses the other,
//! because a node that has forgotten its votes must not continue under its old id.

use std::{io, sync::Arc};

use redb::{Database, ReadableDatabase as _, TableDefinition, TableHandle as _};
use serde::{Serialize, de::DeserializeOwned};

use super::log_error::LogError;
use crate::{
    domain::NodeId,
    envelope::{self, Kind},
    host::{file_header, random},
};

const FACTS: TableDefinition<&str, &[u8]> = TableDefinition::new("facts");
/// Where entries were before they were in segments.
const ENTRIES_OF_OLD: &str = "log";

/// The name of a fact, and what it is.
#[derive(Clone, Copy)]
pub struct Fact {
    key: &'static str,
    kind: Kind,
}

impl Fact {
    /// The node's vote. The frames of the log may know a higher one.
    pub const VOTE: Self = Self::new("vote", Kind::Vote);
    /// The last entry that was purged.
    pub const PURGED: Self = Self::new("purged", Kind::Position);
    /// The node's id.
    pub const NODE_ID: Self = Self::new("node_id", Kind::NodeId);
    /// How often the node has started.
    pub const STARTS: Self = Self::new("starts", Kind::Starts);
    /// The cluster that the node belongs to.
    pub const CLUSTER_ID: Self = Self::new("cluster_id", Kind::ClusterId);
    /// How far a witness has counted.
    pub const CHECKPOINT: Self = Self::new("checkpoint", Kind::Checkpoint);
    /// The newest membership among all entries ever appended. It is there before its entry is.
    pub const MEMBERS: Self = Self::new("members", Kind::Membership);
    /// What all segments of this log carry. It is there as soon as there is a segment.
    pub const LOG_ID: Self = Self::new("log_id", Kind::LogId);

    const fn new(key: &'static str, kind: Kind) -> Self {
        Self { key, kind }
    }

    /// Under which name it is there.
    pub fn name(self) -> &'static str {
        self.key
    }

    /// This fact, with a value.
    pub fn of<T: Serialize>(self, value: &T) -> NewFact {
        (self, envelope::seal(self.kind, value))
    }
}

/// A fact and its sealed value.
pub type NewFact = (Fact, Vec<u8>);

/// Who a log belongs to.
#[derive(Clone, Copy)]
pub struct Identity {
    /// The node's id.
    pub node: NodeId,
    /// How often this file has been opened under this id, including now.
    pub starts: u64,
}

/// Handle on the facts; clones share it.
#[derive(Clone)]
pub struct LogFacts {
    database: Arc<Database>,
}

impl LogFacts {
    /// The facts in `database`, which may be new.
    pub fn open(database: Database) -> Result<Self, LogError> {
        file_header::check(&database, Kind::LogFile)?;
        let facts = Self { database: Arc::new(database) };
        let found = facts.database.begin_read()?;
        if found.list_tables()?.any(|table| table.name() == ENTRIES_OF_OLD) {
            let old = "its entries are where an older tinysns kept them";
            return Err(io::Error::new(io::ErrorKind::Unsupported, old).into());
        }
        // So that there is a table to read from.
        facts.write(&[])?;
        Ok(facts)
    }

    /// Reads the node's id, or makes one if the file is new, and counts this start.
    pub fn start(&self) -> Result<Identity, LogError> {
        let known = self.read(Fact::NODE_ID)?.map(NodeId::new);
        let identity = Identity {
            node: known.unwrap_or_else(|| NodeId::new(random::id())),
            starts: self.read(Fact::STARTS)?.unwrap_or(0_u64) + 1,
        };
        self.write(&[Fact::NODE_ID.of(&identity.node), Fact::STARTS.of(&identity.starts)])?;
        Ok(identity)
    }

    /// A fact, if it is there.
    pub fn read<T: DeserializeOwned>(&self, fact: Fact) -> Result<Option<T>, LogError> {
        let facts = self.database.begin_read()?.open_table(FACTS)?;
        let value = facts.get(fact.key)?;
        Ok(value.map(|value| envelope::open(fact.kind, value.value())).transpose()?)
    }

    /// Writes facts, all of them or none. They are on disk when this returns.
    pub fn write(&self, new: &[NewFact]) -> Result<(), LogError> {
        let transaction = self.database.begin_write()?;
        {
            let mut facts = transaction.open_table(FACTS)?;
            for (fact, value) in new {
                facts.insert(fact.key, value.as_slice())?;
            }
        }
        Ok(transaction.commit()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{database_fault::DatabaseFault, disk};

    #[test]
    fn a_log_whose_entries_an_older_program_has_written_is_not_taken_for_an_empty_one() {
        let database = disk::in_memory().expect("opens");
        file_header::check(&database, Kind::LogFile).expect("new");
        let entries: TableDefinition<u64, &[u8]> = TableDefinition::new(ENTRIES_OF_OLD);
        let transaction = database.begin_write().expect("writable");
        transaction.open_table(entries).expect("opens");
        transaction.commit().expect("committed");
        let refused = LogFacts::open(database).err().expect("refused");
        assert_eq!(refused.fault(), DatabaseFault::OtherVersion);
        assert!(refused.to_string().contains("older tinysns"), "{refused}");
    }
}
