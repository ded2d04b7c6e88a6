//! What a simulation sees of the replicated log and state, besides what clients see of them. Without
//! the feature `laboratory` nothing is noted, and what notes it costs nothing.

use super::{Entry, LogId};
use crate::social::StateReader;

#[cfg(feature = "laboratory")]
pub use noted::{Observation, Observed, has_news, take};

/// How often masters compare their states, in entries.
#[cfg(feature = "laboratory")]
const COMPARED_EVERY: u64 = 256;

/// A state was opened to which the log is applied so far.
#[cfg_attr(not(feature = "laboratory"), expect(unused_variables, reason = "nothing is noted"))]
#[inline]
pub fn opened(applied: Option<LogId>) {
    #[cfg(feature = "laboratory")]
    noted::note(|| Observation::Opened(applied));
}

/// The state was replaced by one to which the log is applied so far.
#[cfg_attr(not(feature = "laboratory"), expect(unused_variables, reason = "nothing is noted"))]
#[inline]
pub fn replaced(applied: Option<LogId>) {
    #[cfg(feature = "laboratory")]
    noted::note(|| Observation::Replaced(applied));
}

/// An entry is about to be applied.
#[cfg_attr(not(feature = "laboratory"), expect(unused_variables, reason = "nothing is noted"))]
#[inline]
pub fn applied(entry: &Entry) {
    #[cfg(feature = "laboratory")]
    noted::note(|| noted::of_entry(entry));
}

/// A witness, which keeps no state, has come so far.
#[cfg_attr(not(feature = "laboratory"), expect(unused_variables, reason = "nothing is noted"))]
#[inline]
pub fn witnessed(position: Option<LogId>) {
    #[cfg(feature = "laboratory")]
    noted::note(|| Observation::Witnessed(position));
}

/// The state is what the log makes of it, up to this entry.
#[cfg_attr(not(feature = "laboratory"), expect(unused_variables, reason = "nothing is noted"))]
#[inline]
pub fn state(applied: Option<LogId>, reader: &StateReader) {
    #[cfg(feature = "laboratory")]
    if let Some(applied) = applied
        && applied.index.is_multiple_of(COMPARED_EVERY)
    {
        noted::note(|| Observation::State {
            index: applied.index,
            digest: noted::of_state(reader),
        });
    }
}

#[cfg(feature = "laboratory")]
mod noted {
    use std::{
        mem,
        sync::atomic::{AtomicBool, Ordering},
    };

    use openraft::EntryPayload;
    use parking_lot::Mutex;
    use sha2::{Digest as _, Sha256};

    use super::super::{StoredMembership, state_store};
    use super::{Entry, LogId, StateReader};
    use crate::{envelope, envelope::Kind, host::simulated::Machine};

    static NOTED: Mutex<Vec<Observed>> = Mutex::new(Vec::new());
    /// Something was noted that happens rarely.
    static NEWS: AtomicBool = AtomicBool::new(false);

    /// What was seen on a machine.
    #[derive(Debug)]
    pub struct Observed {
        /// Where.
        pub machine: Machine,
        /// What.
        pub what: Observation,
    }

    /// What was seen.
    #[derive(Debug)]
    pub enum Observation {
        /// A state was opened to which the log is applied so far.
        Opened(Option<LogId>),
        /// The state was replaced by one to which the log is applied so far.
        Replaced(Option<LogId>),
        /// An entry is about to be applied.
        Applied {
            /// Its place in the log.
            position: LogId,
            /// Of its contents.
            digest: [u8; 32],
            /// If it says who votes.
            membership: Option<StoredMembership>,
        },
        /// A witness has come so far.
        Witnessed(Option<LogId>),
        /// What the log up to this index has made of the state.
        State {
            /// Of the last entry.
            index: u64,
            /// Of all rows.
            digest: [u8; 32],
        },
    }

    /// Whether an entry was noted since the last time that says who votes, or with which a leader
    /// begins.
    pub fn has_news() -> bool {
        NEWS.load(Ordering::Relaxed)
    }

    /// Takes what was noted since the last time.
    pub fn take() -> Vec<Observed> {
        NEWS.store(false, Ordering::Relaxed);
        mem::take(&mut NOTED.lock())
    }

    pub fn note(what: impl FnOnce() -> Observation) {
        if let Some(machine) = Machine::current() {
            let what = what();
            NOTED.lock().push(Observed { machine, what });
        }
    }

    pub fn of_entry(entry: &Entry) -> Observation {
        if !matches!(entry.payload, EntryPayload::Normal(_)) {
            NEWS.store(true, Ordering::Relaxed);
        }
        let digest = Sha256::digest(envelope::seal(Kind::LogEntry, entry)).into();
        let membership = match &entry.payload {
            EntryPayload::Membership(members) => {
                Some(StoredMembership::new(Some(entry.log_id), members.clone()))
            }
            EntryPayload::Blank | EntryPayload::Normal(_) => None,
        };
        Observation::Applied { position: entry.log_id, digest, membership }
    }

    pub fn of_state(reader: &StateReader) -> [u8; 32] {
        let mut digest = Sha256::new();
        let view = reader.view().expect("the state can be read");
        let facts = state_store::all_facts(view.facts()).expect("the state can be read");
        digest.update(envelope::seal(Kind::SnapshotRows, &facts));
        for row in view.rows() {
            let row = row.expect("the state can be read");
            digest.update(envelope::seal(Kind::SnapshotRows, &row));
        }
        digest.finalize().into()
    }
}
