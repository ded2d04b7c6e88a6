//! Files whose bits were flipped while nobody had them open.

use std::{
    fs,
    path::{Path, PathBuf},
};

use openraft::storage::{RaftLogStorageExt as _, RaftStateMachine as _};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tempfile::TempDir;

use super::entries::{crash, dump, history, members, open_log, open_state};
use crate::{
    envelope::{SupportedVersions, Version},
    host::{database_fault::DatabaseFault, disk},
    replication::{
        log_store::LogStore,
        state_store::{self, StateFile},
    },
};

const ENTRIES: u64 = 300;
const PAGE: usize = 4096;

/// Whatever bits of a state are flipped: it cannot be opened, or reading it fails, or it is as it was.
#[tokio::test]
async fn a_damaged_state_never_shows_anything_else() {
    let sound = tempfile::tempdir().expect("a temporary directory");
    let mut state = open_state(sound.path());
    state.apply(history(ENTRIES)).await.expect("applied");
    let rows = dump(&state.reader());
    state.state().flush().expect("on disk");
    drop(state);
    let (mut refused, mut noticed) = (0, 0);
    for seed in 0..SEEDS {
        let damaged = crash(&sound);
        flip_in_one_of(&files_in(&damaged.path().join("state")), seed);
        match state_store::examine(damaged.path()).expect("it can be read") {
            StateFile::Damaged(_) => {
                refused += 1;
                continue;
            }
            found => assert!(matches!(found, StateFile::Sound(_)), "seed {seed}: {found:?}"),
        }
        let state = open_state(damaged.path());
        let read =
            state.reader().view().and_then(|view| view.rows().collect::<Result<Vec<_>, _>>());
        match read {
            Ok(found) => assert!(found == rows, "seed {seed} has other rows"),
            Err(error) => {
                noticed += 1;
                assert_eq!(error.fault(), DatabaseFault::Damaged, "seed {seed}: {error}");
            }
        }
    }
    assert!(refused > 0 && noticed > 0, "{refused} refused, {noticed} noticed");
    assert!(refused + noticed > SEEDS / 2, "{refused} and {noticed} of {SEEDS} did harm");
}

/// A start reads facts that were written long ago, which lie in another file than the latest.
#[tokio::test]
async fn whatever_a_start_reads_of_a_state_is_examined_before() {
    /// Within the first rows of a file: facts come before everything else.
    const FIRST_ROWS: usize = 40;
    let sound = tempfile::tempdir().expect("a temporary directory");
    let mut state = open_state(sound.path());
    let change = state.state().begin();
    state_store::save_version(&change, Version::FIRST);
    change.commit_durably().expect("on disk");
    let known = members(ENTRIES + 1, SupportedVersions::of_this_program());
    state.apply(history(ENTRIES).into_iter().chain([known])).await.expect("applied");
    state.state().flush().expect("on disk");
    drop(state);
    let tables = files_in(&sound.path().join("state/1/tables"));
    assert!(tables.len() > 1, "{tables:?}");
    for table in tables {
        let damaged = crash(&sound);
        let table = damaged.path().join(table.strip_prefix(sound.path()).expect("it is there"));
        let mut bytes = fs::read(&table).expect("readable");
        bytes[FIRST_ROWS] ^= 1;
        fs::write(&table, bytes).expect("written");
        let found = state_store::examine(damaged.path()).expect("it can be read");
        assert!(matches!(found, StateFile::Damaged(_)), "{table:?}: {found:?}");
    }
}

fn files_in(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for file in fs::read_dir(directory).expect("readable") {
        let path = file.expect("readable").path();
        if path.is_dir() {
            files.extend(files_in(&path));
        } else if fs::metadata(&path).expect("readable").len() > 0 {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Flips one to 64 bits of one of the files.
fn flip_in_one_of(files: &[PathBuf], seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let path = &files[random.random_range(0..files.len())];
    let mut bytes = fs::read(path).expect("readable");
    for _ in 0..1 << random.random_range(0..=6) {
        let at = random.random_range(0..bytes.len());
        bytes[at] ^= 1 << random.random_range(0..8);
    }
    fs::write(path, bytes).expect("written");
}

#[tokio::test]
async fn a_damaged_log_is_refused() {
    let sound = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(sound.path());
    log.blocking_append(history(ENTRIES)).await.expect("appended");
    let last = log.last_log_id().expect("read");
    drop(log);
    // Its writer closes it in a moment.
    while disk::open(&sound.path().join("raft.redb")).is_err() {
        std::thread::yield_now();
    }
    for file in ["raft.redb", "raft-log/0000000001"] {
        let mut harmless = 0;
        for (seed, (damaged, _)) in flipped(&sound, file) {
            match LogStore::open(&damaged.path().join("raft.redb")) {
                Err(error) => assert_eq!(error.fault, DatabaseFault::Damaged, "seed {seed}"),
                Ok(log) => {
                    harmless += 1;
                    assert_eq!(log.last_log_id().expect("read"), last, "seed {seed}");
                }
            }
        }
        assert!(harmless < SEEDS / 2, "{harmless} of {SEEDS} did no harm to {file}");
    }
}

const SEEDS: u64 = 100;

/// Copies of everything, with one to 64 bits of `file` flipped, in pages that are in use.
fn flipped<'a>(
    sound: &'a TempDir,
    file: &str,
) -> impl Iterator<Item = (u64, (TempDir, PathBuf))> + use<'a> {
    let path = sound.path().join(file);
    let bytes = fs::read(&path).expect("readable");
    let is_used = |page: &[u8]| page.iter().any(|byte| *byte != 0);
    let used: Vec<usize> =
        (0..bytes.len()).step_by(PAGE).filter(|at| is_used(&bytes[*at..*at + PAGE])).collect();
    let name = PathBuf::from(file);
    (0..SEEDS).map(move |seed| {
        let mut random = StdRng::seed_from_u64(seed);
        let mut bytes = bytes.clone();
        for _ in 0..1 << random.random_range(0..=6) {
            let page = used[random.random_range(0..used.len())];
            bytes[page + random.random_range(0..PAGE)] ^= 1 << random.random_range(0..8);
        }
        let directory = crash(sound);
        let path = directory.path().join(&name);
        fs::write(&path, bytes).expect("written");
        (seed, (directory, path))
    })
}
