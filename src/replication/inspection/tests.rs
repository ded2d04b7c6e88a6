//! What is found of data that was damaged while nobody had it open, and that nothing of it is changed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use openraft::{
    EntryPayload, Membership, Vote,
    storage::{RaftLogStorage as _, RaftLogStorageExt as _, RaftStateMachine as _},
};
use tempfile::TempDir;

use super::{
    Inspection, Looked, NodeKind,
    finding::{Finding, Others, Remedy, Source},
    inspect,
};
use crate::{
    domain::{ClusterId, NodeId},
    host::disk,
    replication::{
        Entry, NodeInfo, StoredMembership,
        log_segments::SegmentDamage,
        node::LOG_FILE,
        tests::entries::{copy_all, crash, history, log_id, open_log, open_state},
    },
    social::Content,
};

/// Enough for more than one segment.
const ENTRIES: u64 = 1_200;
/// Enough to be in the middle of what there is.
const PURGED: u64 = 200;

/// How a node is to be found.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    is_purged: bool,
    has_others: bool,
}

const NEW: Slot = Slot { is_purged: false, has_others: true };
const OLD: Slot = Slot { is_purged: true, has_others: true };
const ALONE: Slot = Slot { is_purged: true, has_others: false };

/// A membership of the node, and of another master.
fn members(own: NodeId, has_others: bool) -> Entry {
    let mut nodes = BTreeMap::from([(own, NodeInfo::default())]);
    if has_others {
        nodes.insert(NodeId::new(2), NodeInfo::default());
    }
    let membership = Membership::new(vec![BTreeSet::from([own])], nodes);
    Entry { log_id: log_id(1, ENTRIES + 1), payload: EntryPayload::Membership(membership) }
}

/// Its data, as it is left when it is stopped.
async fn stopped(Slot { is_purged, has_others }: Slot) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(directory.path());
    log.save_cluster_id(ClusterId::new(7)).await.expect("saved");
    log.save_vote(&Vote::new(1, NodeId::new(1))).await.expect("saved");
    let mut entries = history(ENTRIES);
    entries.push(members(log.node_id(), has_others));
    for some in entries.chunks(50) {
        log.blocking_append(some.to_vec()).await.expect("appended");
    }
    let mut state = open_state(directory.path());
    for some in entries.chunks(400) {
        state.apply(some.to_vec()).await.expect("applied");
        state.state().flush().expect("on disk");
    }
    if is_purged {
        log.purge(log_id(1, PURGED)).await.expect("purged");
    }
    drop((log, state));
    closed(&directory);
    directory
}

/// Waits until the log is closed: its writer closes it in a moment.
fn closed(directory: &TempDir) {
    while disk::open(&directory.path().join(LOG_FILE)).is_err() {
        std::thread::yield_now();
    }
}

type Files = BTreeMap<PathBuf, (Vec<u8>, SystemTime, u32)>;

/// Everything that can be seen of all files and directories.
fn all_of(directory: &Path) -> Files {
    let mut all = Files::new();
    for entry in fs::read_dir(directory).expect("readable") {
        let path = entry.expect("readable").path();
        let found = fs::metadata(&path).expect("there");
        let contents = if path.is_dir() { Vec::new() } else { fs::read(&path).expect("readable") };
        if path.is_dir() {
            all.extend(all_of(&path));
        }
        let modified = found.modified().expect("known");
        all.insert(path, (contents, modified, found.permissions().mode()));
    }
    all
}

/// Looks at a directory of which every file is open to all, which would be changed by everybody else.
fn look_at(directory: &Path, kind: NodeKind) -> Inspection {
    for (path, (_, _, mode)) in all_of(directory) {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode | 0o044)).expect("ours");
    }
    let before = all_of(directory);
    let mut looked = 0;
    let inspection = inspect(directory, kind, &mut |at| match at {
        Looked::AtLog(some) | Looked::AtState(some) | Looked::AtRows(some) => looked += some,
    });
    assert!(before == all_of(directory), "it has changed");
    inspection.expect("it can be looked at")
}

fn flip(directory: &Path, file: &str, at: usize) {
    let path = directory.join(file);
    let mut bytes = fs::read(&path).expect("readable");
    bytes[at] ^= 0x10;
    fs::write(path, bytes).expect("written");
}

fn flip_in_the_middle(directory: &Path, file: &str) {
    let length = fs::metadata(directory.join(file)).expect("there").len();
    flip(directory, file, usize::try_from(length / 2).expect("short"));
}

fn cut(directory: &Path, file: &str, bytes: u64) {
    let file = fs::OpenOptions::new().write(true).open(directory.join(file)).expect("there");
    let length = file.metadata().expect("there").len();
    file.set_len(length - bytes).expect("ours");
}

/// The tables of the state, in the order of their names.
fn tables(directory: &Path) -> Vec<String> {
    let names = disk::names(&directory.join("state/1/tables")).expect("readable");
    names.iter().map(|name| format!("state/1/tables/{name}")).collect()
}

/// The engine's list of tables.
fn list_of_tables(directory: &Path) -> String {
    let current = fs::read(directory.join("state/1/current")).expect("there");
    let (version, _) = current.split_first_chunk().expect("it begins with a number");
    format!("state/1/v{}", u64::from_le_bytes(*version))
}

/// The segments, in their order.
fn segments(directory: &Path) -> Vec<String> {
    let names = disk::names(&directory.join("raft-log")).expect("readable");
    names.iter().filter(|name| *name != "spare").map(|name| format!("raft-log/{name}")).collect()
}

#[tokio::test]
async fn what_a_node_leaves_is_good_and_says_what_it_is() {
    for (slot, first_index) in [(NEW, 1), (OLD, PURGED + 1), (ALONE, PURGED + 1)] {
        let directory = stopped(slot).await;
        let found = look_at(directory.path(), NodeKind::Master);
        assert_eq!(found.findings, []);
        assert_eq!(found.cluster, Some(ClusterId::new(7)));
        assert!(found.node.is_some());
        let end = Some(log_id(1, ENTRIES + 1));
        assert_eq!((found.term, found.end, found.applied), (1, end, end));
        assert_eq!(found.first_index, Some(first_index));
        assert_eq!(found.content, Content { users: 2, posts: 2 * (ENTRIES - 1) });
    }
}

#[tokio::test]
async fn a_directory_without_data_is_good_and_so_is_a_state_that_its_log_can_make_again() {
    let empty = tempfile::tempdir().expect("a temporary directory");
    assert_eq!(look_at(empty.path(), NodeKind::Master).findings, []);
    let directory = stopped(NEW).await;
    fs::remove_dir_all(directory.path().join("state")).expect("removed");
    assert_eq!(look_at(directory.path(), NodeKind::Master).findings, []);
}

#[tokio::test]
async fn what_an_interrupted_write_has_left_is_no_damage() {
    let directory = stopped(OLD).await;
    let last = segments(directory.path()).pop().expect("some");
    let path = directory.path().join(last);
    let mut bytes = fs::read(&path).expect("readable");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("it is in use") + 1;
    let next = end.next_multiple_of(512);
    bytes[next + 512..next + 1024].fill(7);
    fs::write(&path, bytes).expect("written");
    let found = look_at(directory.path(), NodeKind::Master);
    assert_eq!(found.findings, []);
    assert_eq!(found.end, Some(log_id(1, ENTRIES + 1)));
}

type DamageIt = fn(&Path);

/// The name, the data, what is done to it, and which file, which position and which remedy is named.
type Case = (&'static str, Slot, DamageIt, &'static str, &'static str, Remedy);

const CASES: &[Case] = &[
    (
        "a byte in the middle of the log",
        OLD,
        |slot| flip(slot, &segments(slot)[0], 512 + 300),
        "raft-log/0000000001",
        "byte 512",
        Remedy::JoinAnew(Others::HaveIt),
    ),
    (
        "a byte of a segment's header",
        OLD,
        |slot| flip(slot, &segments(slot)[0], 20),
        "raft-log/0000000001",
        "byte 0",
        Remedy::JoinAnew(Others::HaveIt),
    ),
    (
        "the log of the only master",
        ALONE,
        |slot| flip(slot, &segments(slot)[0], 512 + 300),
        "raft-log/0000000001",
        "byte 512",
        Remedy::JoinAnew(Others::None),
    ),
    (
        "the end of a segment is cut off",
        OLD,
        |slot| cut(slot, &segments(slot)[0], 600),
        "raft-log/0000000001",
        "",
        Remedy::JoinAnew(Others::HaveIt),
    ),
    (
        "a segment is missing",
        OLD,
        |slot| fs::remove_file(slot.join(&segments(slot)[0])).expect("there"),
        "raft-log",
        "",
        Remedy::JoinAnew(Others::HaveIt),
    ),
    (
        "all segments are missing",
        OLD,
        |slot| fs::remove_dir_all(slot.join("raft-log")).expect("there"),
        "raft-log",
        "",
        Remedy::JoinAnew(Others::HaveIt),
    ),
    (
        "the log's database is cut off",
        OLD,
        |slot| cut(slot, LOG_FILE, 9_000),
        LOG_FILE,
        "",
        Remedy::JoinAnew(Others::Unknown),
    ),
    (
        "the log's database is something else",
        OLD,
        |slot| fs::write(slot.join(LOG_FILE), [7; 70_000]).expect("written"),
        LOG_FILE,
        "",
        Remedy::JoinAnew(Others::Unknown),
    ),
    (
        "the log's database is missing",
        OLD,
        |slot| fs::remove_file(slot.join(LOG_FILE)).expect("there"),
        LOG_FILE,
        "",
        Remedy::JoinAnew(Others::Unknown),
    ),
    (
        "the name of the state",
        OLD,
        |slot| flip(slot, "state/current", 30),
        "state/current",
        "",
        Remedy::Start(Source::AnotherMaster),
    ),
    (
        "the name of a state that the log can make again",
        NEW,
        |slot| fs::write(slot.join("state/current"), "").expect("written"),
        "state/current",
        "",
        Remedy::Start(Source::Log),
    ),
    (
        "the name of the only state",
        ALONE,
        |slot| flip(slot, "state/current", 30),
        "state/current",
        "",
        Remedy::LastCopy,
    ),
    (
        "the directory of the state is missing",
        OLD,
        |slot| fs::remove_dir_all(slot.join("state/1")).expect("there"),
        "state/1",
        "",
        Remedy::Start(Source::AnotherMaster),
    ),
    (
        "the state is missing",
        OLD,
        |slot| fs::remove_dir_all(slot.join("state")).expect("there"),
        "state",
        "",
        Remedy::Start(Source::AnotherMaster),
    ),
    (
        "the list of tables",
        OLD,
        |slot| flip(slot, &list_of_tables(slot), 40),
        "state/1/current",
        "",
        Remedy::Start(Source::AnotherMaster),
    ),
    (
        "the name of the list of tables is missing",
        OLD,
        |slot| fs::remove_file(slot.join("state/1/current")).expect("there"),
        "state/1/current",
        "",
        Remedy::Start(Source::AnotherMaster),
    ),
    (
        "a byte of a table's rows",
        OLD,
        |slot| flip_in_the_middle(slot, &tables(slot)[0]),
        "state/1/tables/",
        "",
        Remedy::RemoveState(Source::AnotherMaster),
    ),
    (
        "a byte of a table's rows that the log can make again",
        NEW,
        |slot| flip_in_the_middle(slot, &tables(slot)[0]),
        "state/1/tables/",
        "",
        Remedy::RemoveState(Source::Log),
    ),
    (
        "the end of a table is cut off",
        OLD,
        |slot| cut(slot, &tables(slot)[0], 30),
        "state/1/tables/",
        "",
        Remedy::Start(Source::AnotherMaster),
    ),
    (
        "a table is missing",
        OLD,
        |slot| fs::remove_file(slot.join(&tables(slot)[0])).expect("there"),
        "state/1",
        "",
        Remedy::Start(Source::AnotherMaster),
    ),
];

#[tokio::test]
async fn every_damage_is_found_and_named_with_what_helps() {
    let sound = [NEW, OLD, ALONE].map(|slot| async move { (slot, stopped(slot).await) });
    let sound = futures::future::join_all(sound).await;
    for (name, wanted, damage_it, file, position, remedy) in CASES {
        let slot = sound.iter().find(|(slot, _)| slot == wanted).expect("all are there");
        let directory = crash(&slot.1);
        damage_it(directory.path());
        let found = look_at(directory.path(), NodeKind::Master).findings;
        let is_named = |finding: &Finding| {
            finding.file.starts_with(Path::new(file).parent().expect("relative"))
                && finding.file.to_string_lossy().starts_with(file)
                && finding.position.as_deref().unwrap_or_default() == *position
                && finding.remedy == *remedy
        };
        assert!(found.iter().any(is_named), "{name}: {found:#?}");
        assert!(found.iter().all(|finding| !finding.damage.is_empty()), "{name}: {found:#?}");
    }
}

#[tokio::test]
async fn of_several_damages_all_are_named() {
    let directory = stopped(OLD).await;
    let before = segments(directory.path());
    assert!(before.len() > 1, "{before:?}");
    for segment in &before {
        flip(directory.path(), segment, 20);
    }
    flip(directory.path(), "state/current", 30);
    let found = look_at(directory.path(), NodeKind::Master).findings;
    let files: Vec<_> = found.iter().map(|finding| finding.file.display().to_string()).collect();
    assert_eq!(files, [before, vec!["state/current".to_owned()]].concat());
    // A new node takes nothing over.
    assert!(found.iter().all(|it| it.remedy == Remedy::JoinAnew(Others::HaveIt)), "{found:#?}");
}

#[tokio::test]
async fn a_state_that_does_not_meet_its_log_is_named() {
    let directory = stopped(OLD).await;
    let early = tempfile::tempdir().expect("a temporary directory");
    let mut state = open_state(early.path());
    state.apply(history(PURGED / 2)).await.expect("applied");
    state.state().flush().expect("on disk");
    drop(state);
    let old = crash(&directory);
    put_in_place(&early, &old);
    let found = look_at(old.path(), NodeKind::Master).findings;
    let [Finding { file, damage, remedy, .. }] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(file, Path::new("state"));
    assert!(
        damage.contains("ends at entry 100 of term 1") && damage.contains("entry 200"),
        "{damage}"
    );
    assert_eq!(*remedy, Remedy::Start(Source::AnotherMaster));

    // Of another history.
    let other = tempfile::tempdir().expect("a temporary directory");
    let mut state = open_state(other.path());
    let mut entries = history(PURGED + 20);
    for entry in &mut entries {
        entry.log_id = log_id(9, entry.log_id.index);
    }
    state.apply(entries).await.expect("applied");
    state.state().flush().expect("on disk");
    drop(state);
    put_in_place(&other, &directory);
    let found = look_at(directory.path(), NodeKind::Master).findings;
    let said: Vec<_> = found.iter().map(|finding| finding.damage.as_str()).collect();
    assert!(said[0].contains("has applied entry 220 of term 9"), "{said:?}");
}

fn put_in_place(from: &TempDir, to: &TempDir) {
    let [from, to] = [from, to].map(|slot| slot.path().join("state"));
    fs::remove_dir_all(&to).expect("there");
    fs::create_dir(&to).expect("made");
    copy_all(&from, &to);
}

#[tokio::test]
async fn a_log_that_was_made_anew_beside_a_state_was_lost() {
    let directory = stopped(OLD).await;
    fs::remove_file(directory.path().join(LOG_FILE)).expect("there");
    fs::remove_dir_all(directory.path().join("raft-log")).expect("there");
    drop(open_log(directory.path()));
    closed(&directory);
    let found = look_at(directory.path(), NodeKind::Master).findings;
    assert!(found[0].damage.contains("the log was lost"), "{found:#?}");
    assert_eq!(found[0].remedy, Remedy::JoinAnew(Others::Unknown));
}

#[tokio::test]
async fn a_vote_that_was_lost_is_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(directory.path());
    log.save_vote(&Vote::new(1, NodeId::new(1))).await.expect("saved");
    let mut entries = history(9);
    for entry in &mut entries {
        entry.log_id = log_id(4, entry.log_id.index);
    }
    log.blocking_append(entries).await.expect("appended");
    drop(log);
    closed(&directory);
    let found = look_at(directory.path(), NodeKind::Witness).findings;
    let [Finding { file, position, damage, remedy }] = &found[..] else { panic!("{found:#?}") };
    assert_eq!((file.as_path(), position.as_deref()), (Path::new(LOG_FILE), Some("fact vote")));
    assert!(damage.contains("term 1") && damage.contains("term 4"), "{damage}");
    assert_eq!(*remedy, Remedy::NewWitness);
}

#[tokio::test]
async fn a_witness_has_a_log_and_how_far_it_has_counted() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(directory.path());
    log.save_vote(&Vote::new(1, NodeId::new(1))).await.expect("saved");
    log.blocking_append(history(50)).await.expect("appended");
    let counted = (Some(log_id(1, 40)), StoredMembership::default());
    log.save_checkpoint(&counted).await.expect("saved");
    log.purge(log_id(1, 30)).await.expect("purged");
    let image = crash(&directory);
    let found = look_at(image.path(), NodeKind::Witness);
    assert_eq!(found.findings, []);
    assert_eq!((found.first_index, found.applied), (Some(31), Some(log_id(1, 40))));
    log.purge(log_id(1, 45)).await.expect("purged");
    let found = look_at(crash(&directory).path(), NodeKind::Witness).findings;
    assert!(found[0].damage.contains("counted to entry 40"), "{found:#?}");
    assert_eq!(found[0].remedy, Remedy::NewWitness);
}

#[test]
fn a_damage_says_where_it_is() {
    let damage = |segment: Option<&str>, at| {
        let segment = segment.map(str::to_owned);
        SegmentDamage { what: "it has changed".to_owned(), segment, at }.to_string()
    };
    assert_eq!(damage(None, None), "it has changed");
    assert_eq!(damage(Some("0000000003"), None), "it has changed (segment 0000000003)");
    assert_eq!(
        damage(Some("0000000003"), Some(512)),
        "it has changed (segment 0000000003, byte 512)"
    );
}
