//! Entries, commands and stores for the tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

use openraft::{CommittedLeaderId, EntryPayload, Membership, storage::RaftStateMachine as _};
use tempfile::TempDir;

use crate::{
    domain::{ClientId, Draft, NodeId, PostText, RequestKey, UnixMillis, UserId, UserName},
    envelope::{SupportedVersions, Version},
    replication::{Batch, Entry, LogId, NodeInfo, log_store::LogStore, state_store::StateStore},
    social::{Command, Context, Row, Stamped, StateReader, View, sessions::SessionRef},
};

pub fn log_id(term: u64, index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(term, NodeId::new(1)), index)
}

pub fn blank(term: u64, index: u64) -> Entry {
    Entry { log_id: log_id(term, index), payload: EntryPayload::Blank }
}

pub fn batch(term: u64, index: u64, commands: impl IntoIterator<Item = Command>) -> Entry {
    let at = UnixMillis::new(index.try_into().expect("small"));
    let stamped: Vec<Stamped> =
        commands.into_iter().map(|command| Stamped { at, command }).collect();
    let payload = EntryPayload::Normal(Batch::new(&stamped));
    Entry { log_id: log_id(term, index), payload }
}

/// A membership of one voter that supports `supported_versions`.
pub fn members(index: u64, supported_versions: SupportedVersions) -> Entry {
    let info = NodeInfo { supported_versions, ..NodeInfo::default() };
    let nodes = BTreeMap::from([(NodeId::new(1), info)]);
    let membership = Membership::new(vec![BTreeSet::from([NodeId::new(1)])], nodes);
    Entry { log_id: log_id(1, index), payload: EntryPayload::Membership(membership) }
}

/// From here on, the cluster writes in the version with this number.
pub fn upgrade(index: u64, version: u8) -> Entry {
    let payload = EntryPayload::Normal(Batch::upgrade(Version::new(version)));
    Entry { log_id: log_id(1, index), payload }
}

pub fn name(text: &str) -> UserName {
    UserName::new(text).expect("tests use valid names")
}

pub fn account(text: &str) -> Command {
    Command::CreateAccount { name: name(text), password_hash: None }
}

/// A request of `user`'s only client.
pub fn context(user: u64, sequence: u64) -> Context {
    let key = RequestKey::Counted { client: ClientId(user.into()), sequence, answered_below: 0 };
    Context { user: UserId(user), session: SessionRef::Unlisted(0), key }
}

pub fn publish(user: u64, sequence: u64) -> Command {
    Command::Publish {
        context: context(user, sequence),
        draft: Draft::of(PostText::new(format!("post {sequence}"), 100).expect("valid")),
    }
}

/// Entry 1 creates two accounts; each later one, up to `last`, publishes two posts.
pub fn history(last: u64) -> Vec<Entry> {
    let first = batch(1, 1, [account("ann"), account("bob")]);
    let posts = (2..=last).map(|index| batch(1, index, [publish(1, index), publish(2, index)]));
    std::iter::once(first).chain(posts).collect()
}

pub fn open_state(directory: &Path) -> StateStore {
    StateStore::open(directory, Arc::new(|_| {})).expect("the state opens")
}

pub fn open_log(directory: &Path) -> LogStore {
    LogStore::open(&directory.join("raft.redb")).expect("the log opens")
}

/// What would be on disk if the process were killed now.
pub fn crash(directory: &TempDir) -> TempDir {
    let image = tempfile::tempdir().expect("a temporary directory");
    copy_all(directory.path(), image.path());
    image
}

/// Copies everything that is in a directory.
pub fn copy_all(from: &Path, to: &Path) {
    for file in fs::read_dir(from).expect("readable") {
        let file = file.expect("readable");
        let copy = to.join(file.file_name());
        if file.file_type().expect("readable").is_dir() {
            fs::create_dir(&copy).expect("made");
            copy_all(&file.path(), &copy);
        } else {
            fs::copy(file.path(), copy).expect("copied");
        }
    }
}

pub fn dump(state: &StateReader) -> Vec<Row> {
    view(state).rows().map(|row| row.expect("readable")).collect()
}

pub fn view(state: &StateReader) -> View {
    state.view().expect("readable")
}

pub async fn applied(state: &mut StateStore) -> Option<LogId> {
    state.applied_state().await.expect("readable").0
}
