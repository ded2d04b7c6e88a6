//! The data of one node, looked at while it is stopped, and left as it is.
//!
//! - [`data`]: which nodes' data is in a directory, and that none of them is running
//! - `log`: the log; the state's own part is in [`social`](crate::social)
//! - [`finding`]: what is damaged, and what helps (pure)
//!
//! What a start would do by itself is decided where a start decides it ([`startup_check`]).

pub mod data;
pub mod finding;
mod log;

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use self::{
    finding::{Finding, Others, Remedy, Source},
    log::{InspectedLog, LogDamage},
};
use super::{
    Entry, LogId, StoredMembership,
    log_error::LogError,
    log_store::SEGMENTS,
    node::LOG_FILE,
    startup_check::{self, StartupAction},
    state_store::{self, StateFile},
};
use crate::{
    domain::{ClusterId, NodeId},
    host::{database_fault::DatabaseFault, disk},
    social::{Content, InspectedState, OpenedState, State, StateDamage, StateError},
};

/// What was looked at since the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// So many bytes of the log.
    AtLog(u64),
    /// So many bytes of the state.
    AtState(u64),
    /// So many rows of the state.
    AtRows(u64),
}

/// Is told how far it is.
pub type Progress<'a> = dyn FnMut(Looked) + 'a;

/// Everything that was looked at so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct LookedSoFar {
    log_bytes: u64,
    state_bytes: u64,
    rows: u64,
}

impl LookedSoFar {
    /// Adds what was looked at since.
    fn add(&mut self, looked: Looked) {
        match looked {
            Looked::AtLog(bytes) => self.log_bytes += bytes,
            Looked::AtState(bytes) => self.state_bytes += bytes,
            Looked::AtRows(rows) => self.rows += rows,
        }
    }
}

impl fmt::Display for LookedSoFar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: u64 = 1 << 20;
        let (log, state, rows) = (self.log_bytes / MIB, self.state_bytes / MIB, self.rows);
        write!(formatter, "looked at {log} MiB of the log, {state} MiB of the state, {rows} rows")
    }
}

/// Whose data it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A master's.
    Master,
    /// The router's witness's.
    Witness,
}

/// What was found.
#[derive(Debug)]
pub struct Inspection {
    /// Whose data it is.
    pub kind: NodeKind,
    /// The node, if it is known.
    pub node: Option<NodeId>,
    /// Its cluster, if it has ever joined one.
    pub cluster: Option<ClusterId>,
    /// The term in which it has voted last; 0 if it never has.
    pub term: u64,
    /// The index of the first entry of the log that is still there; none if none is.
    pub first_index: Option<u64>,
    /// The last entry that was purged.
    pub purged: Option<LogId>,
    /// Where the log ends.
    pub end: Option<LogId>,
    /// How far the log is applied to the state, or counted by the witness.
    pub applied: Option<LogId>,
    /// The newest membership among all entries that were ever in the log.
    pub members: Option<StoredMembership>,
    /// How much is in the state.
    pub content: Content,
    /// Everything that is damaged.
    pub findings: Vec<Finding>,
}

/// The data cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[error("cannot look at {path}: {source}; {}", remedy(*.fault))]
pub struct InspectionError {
    path: String,
    source: Box<dyn std::error::Error + Send + Sync>,
    /// What is in the way.
    pub fault: DatabaseFault,
}

fn remedy(fault: DatabaseFault) -> &'static str {
    match fault {
        DatabaseFault::Damaged | DatabaseFault::Failing => {
            "if the disk is beyond repair, give the node an empty directory on another one, and it joins as a new node"
        }
        other => other.remedy(),
    }
}

impl InspectionError {
    /// Whether an administrator has to do something first.
    pub fn is_refusal(&self) -> bool {
        !matches!(self.fault, DatabaseFault::Damaged | DatabaseFault::Failing)
    }

    fn log(path: &Path, source: LogError) -> Self {
        let fault = source.fault();
        Self { path: path.display().to_string(), source: source.into(), fault }
    }

    fn state(directory: &Path, source: StateError) -> Self {
        let fault = source.fault();
        let path = directory.join(State::DIRECTORY).display().to_string();
        Self { path, source: source.into(), fault }
    }
}

/// Whether there is data of a node in `directory`.
pub fn is_of_node(directory: &Path) -> io::Result<bool> {
    let has_log = disk::length(&directory.join(LOG_FILE))?.is_some();
    Ok(has_log || has_state(directory) || disk::is_directory(&directory.join(SEGMENTS)))
}

/// Whether there is a state in `directory`, as masters have one.
pub fn has_state(directory: &Path) -> bool {
    disk::is_directory(&directory.join(State::DIRECTORY))
}

/// Which files of the node in `directory` are locked while it is running.
pub fn locks(directory: &Path) -> [PathBuf; 2] {
    [directory.join(LOG_FILE), State::lock_file(directory)]
}

/// Looks at the data of the node in `directory`, which must not be running.
pub fn inspect(
    directory: &Path,
    kind: NodeKind,
    progress: &mut Progress<'_>,
) -> Result<Inspection, InspectionError> {
    let log = InspectedLog::of(directory, progress)?;
    let state = match kind {
        NodeKind::Master => FoundState::of(directory, progress)
            .map_err(|source| InspectionError::state(directory, source))?,
        NodeKind::Witness => FoundState::default(),
    };
    let counted = log.checkpoint.as_ref().and_then(|(applied, _)| *applied);
    let applied = match kind {
        NodeKind::Master => state.applied,
        NodeKind::Witness => counted,
    };
    Ok(Inspection {
        kind,
        node: log.node,
        cluster: log.cluster,
        term: log.vote.map_or(0, |vote| vote.leader_id().term),
        first_index: log.first.map(|first| first.index),
        purged: log.purged,
        end: log.last.or(log.purged),
        applied,
        members: log.members.clone(),
        content: state.content,
        findings: match kind {
            NodeKind::Master => of_master(&log, state),
            NodeKind::Witness => of_witness(&log, counted),
        },
    })
}

/// The entries after `after` of the log in `directory`, of which nothing was found damaged.
pub fn entries_after(
    directory: &Path,
    after: Option<LogId>,
) -> Result<Vec<Entry>, InspectionError> {
    let log = InspectedLog::of(directory, &mut |_| {})?;
    let next = after.map_or(0, |after| after.index + 1);
    log.entries_from(next).map_err(|source| InspectionError::log(directory, source))
}

/// A state as it was found.
#[derive(Default)]
struct FoundState {
    is_there: bool,
    applied: Option<LogId>,
    content: Content,
    /// What the next start notices by itself.
    noticed: Vec<StateDamage>,
    /// What is noticed only when it is read, if at all.
    hidden: Vec<StateDamage>,
}

impl FoundState {
    fn of(directory: &Path, progress: &mut Progress<'_>) -> Result<Self, StateError> {
        match InspectedState::open(directory)? {
            InspectedState::Missing => Ok(Self::default()),
            InspectedState::Damaged(noticed) => {
                Ok(Self { is_there: true, noticed, ..Self::default() })
            }
            InspectedState::Opened(state) => Self::of_opened(&state, progress),
        }
    }

    fn of_opened(state: &OpenedState, progress: &mut Progress<'_>) -> Result<Self, StateError> {
        let mut found = Self { is_there: true, ..Self::default() };
        let file = state.name().to_owned();
        match state_store::all_facts(state.facts()) {
            Ok((applied, _, _)) => found.applied = applied,
            Err(error) if error.fault() == DatabaseFault::Damaged => {
                let row = Some("facts of how far the log is applied".to_owned());
                found.noticed.push(StateDamage { file, row, what: error.to_string() });
            }
            Err(error) => return Err(error),
        }
        let hidden = &mut found.hidden;
        let mut note = |damage| hidden.push(damage);
        state.compare_files(&mut |bytes| progress(Looked::AtState(bytes)), &mut note)?;
        // What is in damaged files says nothing about rows.
        if found.hidden.is_empty() && found.noticed.is_empty() {
            let hidden = &mut found.hidden;
            let mut note = |damage| hidden.push(damage);
            let audited = state.audit(&mut |rows| progress(Looked::AtRows(rows)), &mut note);
            match audited {
                Ok(content) => found.content = content,
                Err(error) if error.fault() == DatabaseFault::Damaged => {
                    let file = state.name().to_owned();
                    note(StateDamage { file, row: None, what: error.to_string() });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// As a start would see it.
    fn as_file(&self) -> StateFile {
        match self.noticed.first() {
            Some(damage) => StateFile::Damaged(damage.what.clone()),
            None if self.is_there => StateFile::Sound(self.applied),
            None => StateFile::Missing,
        }
    }
}

/// All that is damaged of a witness's data, which has counted so far.
fn of_witness(log: &InspectedLog, counted: Option<LogId>) -> Vec<Finding> {
    let mut findings = of_log(log, Remedy::NewWitness);
    if findings.is_empty() && counted < log.purged {
        let (counted, purged) = (words(counted), words(log.purged));
        findings.push(Finding {
            file: LOG_FILE.into(),
            position: Some("fact checkpoint".to_owned()),
            damage: format!("it has counted to {counted}, but its log begins after {purged}"),
            remedy: Remedy::NewWitness,
        });
    }
    findings
}

/// All that is damaged of a master's data, and what helps.
fn of_master(log: &InspectedLog, state: FoundState) -> Vec<Finding> {
    let others = others(log);
    let lost_log = Remedy::JoinAnew(others);
    let mut findings = of_log(log, lost_log);
    if findings.is_empty() {
        let apart = where_log_and_state_do_not_meet(log, &state);
        findings.extend(apart.map(|damage| Finding {
            file: LOG_FILE.into(),
            position: None,
            damage,
            remedy: lost_log,
        }));
    }
    let too_old = where_the_state_is_too_old(log, &state).filter(|_| findings.is_empty());
    let is_noticed = too_old.is_some() || !state.noticed.is_empty();
    let remedy = if findings.is_empty() {
        replacement(others, log.purged, is_noticed)
    } else {
        // A new node takes nothing over.
        lost_log
    };
    findings.extend(too_old.map(|damage| Finding {
        file: State::DIRECTORY.into(),
        position: None,
        damage,
        remedy,
    }));
    let damage = state.noticed.into_iter().chain(state.hidden);
    findings.extend(damage.map(|StateDamage { file, row, what }| Finding {
        file,
        position: row,
        damage: what,
        remedy,
    }));
    findings
}

fn of_log(log: &InspectedLog, remedy: Remedy) -> Vec<Finding> {
    let finding = |LogDamage { file, position, what }: &LogDamage| Finding {
        file: file.clone(),
        position: position.clone(),
        damage: what.clone(),
        remedy,
    };
    log.damage.iter().map(finding).collect()
}

/// What helps if a state cannot be used, but its log can, of which the entries up to `purged` are gone.
fn replacement(others: Others, purged: Option<LogId>, is_noticed: bool) -> Remedy {
    let source = match (purged, others) {
        (None, _) => Source::Log,
        (Some(_), Others::None) => return Remedy::LastCopy,
        (Some(_), Others::HaveIt | Others::Unknown) => Source::AnotherMaster,
    };
    if is_noticed { Remedy::Start(source) } else { Remedy::RemoveState(source) }
}

/// How the state does not reach the beginning of the log, if it does not, and is whole as far as a start sees.
fn where_the_state_is_too_old(log: &InspectedLog, state: &FoundState) -> Option<String> {
    let file = state.as_file();
    let StartupAction::Fetch(purged) =
        startup_check::decide(log.cluster.is_some(), log.purged, &file)
    else {
        return None;
    };
    let how = match file {
        StateFile::Missing => "it is missing".to_owned(),
        StateFile::Sound(None) => "it is empty".to_owned(),
        StateFile::Sound(applied) => format!("it ends at {}", words(applied)),
        StateFile::Damaged(_) => return None,
    };
    Some(format!("{how}, but the log begins after {}", words(Some(purged))))
}

/// What contradicts each other, if anything does. A state may be ahead of its log, as one that was fetched is
/// at first; it may be behind, as after a crash.
fn where_log_and_state_do_not_meet(log: &InspectedLog, state: &FoundState) -> Option<String> {
    if !log.is_there && state.is_there {
        return Some("the log is missing, and with it the votes of the node".to_owned());
    }
    let action = startup_check::decide(log.cluster.is_some(), log.purged, &state.as_file());
    if action == StartupAction::Refuse {
        return Some("the log is a new one, but the state is not: the log was lost".to_owned());
    }
    let applied = state.applied?;
    let entry = log.entry_at(applied.index)?;
    (entry != applied).then(|| {
        let (applied, entry) = (words(Some(applied)), words(Some(entry)));
        format!("the state has applied {applied}, but in the log this is {entry}")
    })
}

fn words(position: Option<LogId>) -> String {
    position.map_or_else(
        || "nothing".to_owned(),
        |LogId { leader_id, index }| format!("entry {index} of term {}", leader_id.term),
    )
}

/// Whether other masters have the data, as far as the log knows.
fn others(log: &InspectedLog) -> Others {
    let (Some(members), Some(own)) = (&log.members, log.node) else { return Others::Unknown };
    let mut nodes = members.membership().nodes();
    if nodes.any(|(id, info)| startup_check::is_other_master(own, *id, info)) {
        Others::HaveIt
    } else {
        Others::None
    }
}

#[cfg(test)]
mod tests;
