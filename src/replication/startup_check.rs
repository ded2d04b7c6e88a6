//! The condition of a master's log and state when it starts, and what to do about it.
//!
//! `raft.redb` and the segments of the log beside it hold what nobody else can restore: the votes, and
//! copies of entries that others may rely on. The state only holds what the log produced; if that part of
//! the log is gone, another
//! master has the same state. So a state that is damaged or older than the log is replaced, but a
//! lost log is not.
//!
//! **Architecture invariant:** a node never starts with a state that is older than the beginning of
//! its log ([`log_reaches_state`]). It could not apply the next entries, and as a leader it could
//! not serve.

use std::{io, path::Path};

use super::{
    LogId, NodeInfo,
    log_error::LogError,
    log_store::{self, LogStore},
    node::{LOG_FILE, StartError},
    state_store::{self, StateFile},
};
use crate::{domain::NodeId, host::disk, social::State};

/// The file that names the folder into which the files of a node are being put.
const PUTTING_ASIDE: &str = "putting-aside";
/// What such a folder is called, before a number.
const ASIDE: &str = "old-";

/// What a master has to do before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartupCheck {
    /// Nothing.
    Ready,
    /// Get the state from another master: [`state_fetch`](super::state_fetch).
    NeedsState {
        /// The fetched state must reach at least this far.
        purged: LogId,
        /// Why its own state cannot be used.
        reason: String,
    },
}

/// What to do. Pure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StartupAction {
    /// Nothing is wrong.
    Start,
    /// Put the state aside; the log rebuilds it.
    StartOver,
    /// Put the state aside; another master has it. It must reach this far.
    Fetch(LogId),
    /// The log was lost, but the state was not.
    Refuse,
}

/// Whether a log whose entries up to `purged` are gone can continue a state at `applied`.
pub fn log_reaches_state(applied: Option<LogId>, purged: Option<LogId>) -> bool {
    applied >= purged
}

/// `belongs`: whether the log knows a cluster, which it does before anything is in the log or the
/// state.
pub(super) fn decide(belongs: bool, purged: Option<LogId>, state: &StateFile) -> StartupAction {
    match (state, purged) {
        (StateFile::Sound(Some(_)), _) if !belongs => StartupAction::Refuse,
        (StateFile::Sound(applied), purged) if log_reaches_state(*applied, purged) => {
            StartupAction::Start
        }
        (StateFile::Missing, None) => StartupAction::Start,
        (StateFile::Damaged(_) | StateFile::Sound(_), None) => StartupAction::StartOver,
        (_, Some(purged)) => StartupAction::Fetch(purged),
    }
}

/// Refuses a slot whose log is missing or empty though it has a state, however little that holds: a
/// new slot gets its log first. Called before the log is opened, which would make a new one.
pub fn refuse_lost_log(directory: &Path) -> Result<(), StartError> {
    let failed = |error: io::Error| StartError::log(directory, error.into());
    let log = disk::length(&directory.join(LOG_FILE)).map_err(failed)?;
    match (log, State::is_there(directory).map_err(failed)?) {
        (None | Some(0), true) => Err(StartError::LogLost { directory: directory.to_owned() }),
        _ => Ok(()),
    }
}

/// Examines the files in `directory`, whose log is open already, and repairs what can be repaired
/// without the other masters.
pub fn examine(directory: &Path, log: &LogStore) -> Result<StartupCheck, StartError> {
    let failed = |source| StartError::log(directory, source);
    let belongs = log.cluster_id().map_err(failed)?.is_some();
    let purged = log.purged().map_err(failed)?;
    let state = state_store::examine(directory)
        .map_err(|source| StartError::State { directory: directory.to_owned(), source })?;
    let reason = || match &state {
        StateFile::Missing => "it is missing".to_owned(),
        StateFile::Damaged(reason) => reason.clone(),
        StateFile::Sound(None) => "it is empty".to_owned(),
        StateFile::Sound(Some(applied)) => {
            format!("it is an old copy, of log index {}", applied.index)
        }
    };
    match decide(belongs, purged, &state) {
        StartupAction::Start => Ok(StartupCheck::Ready),
        StartupAction::StartOver => {
            tracing::warn!(reason = reason(), "the state is damaged; rebuilding it from the log");
            put_aside(directory).map_err(|error| StartError::State {
                directory: directory.to_owned(),
                source: error.into(),
            })?;
            Ok(StartupCheck::Ready)
        }
        StartupAction::Fetch(purged) => {
            let reason = reason();
            if !is_elsewhere(log).map_err(failed)? {
                return Err(StartError::StateLost { directory: directory.to_owned(), reason });
            }
            Ok(StartupCheck::NeedsState { purged, reason })
        }
        StartupAction::Refuse => Err(StartError::LogLost { directory: directory.to_owned() }),
    }
}

/// Whether a state that cannot be used can be had again: from the log, or from another master.
pub fn can_be_replaced(log: &LogStore) -> Result<bool, LogError> {
    Ok(log.purged()?.is_none() || is_elsewhere(log)?)
}

/// Whether other masters may have the state, as far as the log knows.
fn is_elsewhere(log: &LogStore) -> Result<bool, LogError> {
    Ok(other_masters(log)?.is_none_or(|others| !others.is_empty()))
}

/// The other masters and their addresses, by the newest membership in the log; none if it has never
/// had one.
pub fn other_masters(log: &LogStore) -> Result<Option<Vec<(NodeId, String)>>, LogError> {
    let own = log.node_id();
    Ok(log.members()?.map(|members| {
        let masters = members.into_iter().filter(|(id, info)| is_other_master(own, *id, info));
        masters.map(|(id, info)| (id, info.peer_address)).collect()
    }))
}

/// Whether this member is a master, and not this node.
pub(super) fn is_other_master(own: NodeId, id: NodeId, info: &NodeInfo) -> bool {
    id != own && !info.witness
}

/// Removes the files of a node in `directory`, which must have stopped, so that a new node starts
/// there.
///
/// The state goes first: a state without a log would be taken for a lost log.
pub fn reset_node(directory: &Path) -> io::Result<()> {
    State::remove(directory)?;
    log_store::remove(&directory.join(LOG_FILE))
}

/// Puts the files of a node in `directory`, which must have stopped, into a folder of their own there, so that a
/// new node starts in their place. If that is interrupted, [`finish_putting_aside`] completes it.
pub fn put_node_aside(directory: &Path) -> io::Result<()> {
    let free = (1..).map(|number: u64| format!("{ASIDE}{number}"));
    let name = free.into_iter().find(|name| !disk::is_directory(&directory.join(name)));
    let name = name.expect("there are more numbers than folders");
    let mark = directory.join(PUTTING_ASIDE);
    disk::replace_durably(&mark, &mark.with_extension("new"), name.as_bytes())?;
    finish_putting_aside(directory)
}

/// Completes what [`put_node_aside`] has begun in `directory`, if anything.
pub fn finish_putting_aside(directory: &Path) -> io::Result<()> {
    let Some(name) = disk::read_text(&directory.join(PUTTING_ASIDE))? else { return Ok(()) };
    let is_ours = name.strip_prefix(ASIDE).is_some_and(|number| number.parse::<u64>().is_ok());
    if !is_ours {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it does not name a folder of ours",
        ));
    }
    let aside = directory.join(name);
    disk::create_private_directory(&aside)?;
    State::move_to(directory, &aside)?;
    log_store::move_to(&directory.join(LOG_FILE), &aside)?;
    tracing::warn!(kept = %aside.display(), "put the data of the old node aside");
    disk::remove_durably(directory, &[PUTTING_ASIDE])
}

/// A planted fault: if there is no log at `path`, begins one for the node that `name` always is.
pub fn keep_identity(path: &Path, name: &str) -> Result<(), StartError> {
    let failed = |error: io::Error| StartError::log(path, error.into());
    if disk::length(path).map_err(failed)?.is_some() {
        return Ok(());
    }
    let id = NodeId::new(crc32fast::hash(name.as_bytes()).into());
    Ok(LogStore::take_over_identity(path, id, 0)?)
}

/// Renames the state in `directory`, if there is one, so that it is no longer used.
pub fn put_aside(directory: &Path) -> io::Result<()> {
    if let Some(aside) = State::put_aside(directory)? {
        tracing::warn!(kept = %aside.display(), "put the unusable state aside");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use openraft::CommittedLeaderId;

    use super::*;
    use crate::social::MemoryBudget;

    #[test]
    fn a_slot_that_has_a_state_and_no_log_is_refused_however_often_it_is_started() {
        let slot = tempfile::tempdir().expect("a temporary directory");
        let log = slot.path().join(LOG_FILE);
        assert!(refuse_lost_log(slot.path()).is_ok(), "a new one");
        LogStore::open(&log).expect("a new log");
        // Nothing of it is durable, as after a crash before the first checkpoint.
        let _state = State::open(slot.path(), MemoryBudget::default()).expect("a new state");
        assert!(refuse_lost_log(slot.path()).is_ok(), "nothing is lost");
        // Its writer closes it in a moment.
        while disk::open(&log).is_err() {
            std::thread::yield_now();
        }
        std::fs::write(&log, []).expect("emptied");
        for missing in [false, false, true, true] {
            if missing {
                disk::remove(&log).expect("removed");
            }
            let refused = refuse_lost_log(slot.path()).expect_err("it is lost");
            assert!(matches!(refused, StartError::LogLost { .. }), "{refused}");
        }
        State::remove(slot.path()).expect("removed");
        assert!(refuse_lost_log(slot.path()).is_ok(), "it joins as a new node");
    }

    #[test]
    fn what_the_log_or_the_others_can_give_is_mended_and_the_rest_refused() {
        let at = |index| LogId::new(CommittedLeaderId::new(1, NodeId::new(1)), index);
        let sound = |index: Option<u64>| StateFile::Sound(index.map(at));
        let damaged = || StateFile::Damaged("its contents are damaged".to_owned());
        let table = [
            // Whether the log belongs to a cluster, up to where it is purged, and the state.
            (false, None, StateFile::Missing, StartupAction::Start),
            (false, None, sound(None), StartupAction::Start),
            (false, None, damaged(), StartupAction::StartOver),
            (false, None, sound(Some(9)), StartupAction::Refuse),
            (true, None, StateFile::Missing, StartupAction::Start),
            (true, None, sound(None), StartupAction::Start),
            (true, None, sound(Some(9)), StartupAction::Start),
            (true, None, damaged(), StartupAction::StartOver),
            (true, Some(5), sound(Some(5)), StartupAction::Start),
            (true, Some(5), sound(Some(9)), StartupAction::Start),
            (true, Some(5), sound(Some(4)), StartupAction::Fetch(at(5))),
            (true, Some(5), sound(None), StartupAction::Fetch(at(5))),
            (true, Some(5), StateFile::Missing, StartupAction::Fetch(at(5))),
            (true, Some(5), damaged(), StartupAction::Fetch(at(5))),
        ];
        for (belongs, purged, state, expected) in table {
            let action = decide(belongs, purged.map(at), &state);
            assert_eq!(action, expected, "{belongs} {purged:?} {state:?}");
        }
    }
}
