//! What a loss of power leaves of files: everything that was synced, and of the rest what the disk
//! likes, but nothing that was not written.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use redb::StorageBackend as _;

use super::*;
use crate::host::simulated::{backend::SimulatedFile, files};

const NAME: &str = "/data/file";
const SECTOR: usize = 512;

fn path(name: &str) -> &Path {
    Path::new(name)
}

fn write_synced(machine: Machine, name: &str, contents: &str) {
    files::write(machine, path(name), contents.as_bytes(), true).expect("a good disk");
}

fn sync_names(machine: Machine) {
    files::sync_directory(machine).expect("a good disk");
}

fn rename(machine: Machine, from: &str, to: &str) {
    files::rename(machine, path(from), path(to)).expect("it is there");
}

/// The contents of a file, if it is there.
fn text(machine: Machine, name: &str) -> Option<String> {
    files::read_to_string(machine, path(name)).ok()
}

/// A file with these contents, all of it on the disk.
fn durable_file(machine: Machine, contents: &str) -> SimulatedFile {
    let file = SimulatedFile::open(machine, path(NAME)).expect("a good disk");
    file.write(0, contents.as_bytes()).expect("a good disk");
    file.sync_data().expect("a good disk");
    sync_names(machine);
    file
}

/// How often what was there after a loss of power, in how many worlds, each prepared by `prepare`.
/// What is there then is also there after another loss.
fn outcomes<T: Ord + Clone + std::fmt::Debug>(
    prepare: impl Fn(Machine),
    look: impl Fn(Machine) -> T,
) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for seed in SEEDS {
        let [one] = world(seed);
        prepare(one);
        one.power_off();
        let outcome = look(one);
        one.power_on();
        one.power_off();
        assert_eq!(look(one), outcome, "seed {seed}: the second time");
        *counts.entry(outcome).or_default() += 1;
    }
    counts
}

/// What is left of a file of `before` to which these are written, at offsets, and not synced.
fn left_of(before: &str, writes: &[(u64, &str)]) -> BTreeMap<String, usize> {
    outcomes(
        |one| {
            let file = durable_file(one, before);
            for (offset, bytes) in writes {
                file.write(*offset, bytes.as_bytes()).expect("a good disk");
            }
        },
        |one| text(one, NAME).expect("its name is on the disk"),
    )
}

fn keys<V>(outcomes: &BTreeMap<String, V>) -> BTreeSet<&str> {
    outcomes.keys().map(String::as_str).collect()
}

#[test]
fn what_was_synced_survives_whatever_is_written_beside_it() {
    let synced = "s".repeat(3 * SECTOR);
    let left = outcomes(
        |one| {
            let file = durable_file(one, &synced);
            file.write(synced.len() as u64, "u".repeat(SECTOR).as_bytes()).expect("a good disk");
            file.write(0, b"S").expect("a good disk");
            file.sync_data().expect("a good disk");
            file.write(synced.len() as u64, "v".repeat(SECTOR).as_bytes()).expect("a good disk");
        },
        |one| {
            let text = text(one, NAME).expect("its name is on the disk");
            assert_eq!(text[..synced.len()], format!("S{}", &synced[1..]));
            text[synced.len()..].to_owned()
        },
    );
    let [old, new] = ["u", "v"].map(|letter| letter.repeat(SECTOR));
    assert_eq!(keys(&left), [old.as_str(), &new].into(), "the old or the new, and both occur");
}

#[test]
fn an_unsynced_write_is_there_or_not_or_in_part_by_whole_sectors() {
    let (before, new) = ("o".repeat(4 * SECTOR), "n".repeat(3 * SECTOR));
    let left = left_of(&before, &[(0, &new)]);
    let kept = |sectors: usize| "n".repeat(sectors * SECTOR) + &"o".repeat((4 - sectors) * SECTOR);
    let expected = [0, 1, 2, 3].map(kept);
    assert_eq!(keys(&left), expected.iter().map(String::as_str).collect());
    let whole = [left[&expected[0]], left[&expected[3]]];
    assert!(whole.iter().all(|count| *count > 50), "nothing and all are usual: {whole:?}");
}

#[test]
fn a_write_is_torn_where_a_sector_of_the_disk_ends() {
    let before = "o".repeat(2 * SECTOR);
    let left = left_of(&before, &[(508, "nnnnnnnn")]);
    let with = |written: &str| before[..508].to_owned() + written + &before[516..];
    let expected = ["oooooooo", "nnnnoooo", "nnnnnnnn"].map(with);
    assert_eq!(keys(&left), expected.iter().map(String::as_str).collect());
    // Within a sector, there is no such place.
    let left = left_of(&before, &[(500, "nnnnnnnn")]);
    assert_eq!(left.len(), 2, "{:?}", left.values());
}

#[test]
fn of_several_unsynced_writes_any_may_be_there_in_any_order() {
    let left = left_of("....", &[(0, "a"), (2, "b")]);
    assert_eq!(keys(&left), ["....", "a...", "..b.", "a.b."].into(), "any of them");
    let left = left_of("..", &[(0, "a"), (0, "b")]);
    assert_eq!(keys(&left), ["..", "a.", "b."].into());
    assert!(left["a."] > left.values().sum::<usize>() / 10, "written last, or alone: {left:?}");
    // Both are there, the first one over the second: they have changed places.
    let left = left_of("...", &[(0, "ab"), (1, "cd")]);
    assert_eq!(keys(&left), ["...", "ab.", ".cd", "acd", "abd"].into());
}

#[test]
fn what_was_never_written_reads_as_zeros_before_what_was() {
    let left = left_of("", &[(0, "a"), (2, "b")]);
    assert_eq!(keys(&left), ["", "a", "\0\0b", "a\0b"].into());
}

#[test]
fn an_unsynced_length_is_the_old_one_or_the_new_one() {
    for (length, expected) in [(2, "ab"), (6, "abcd\0\0")] {
        let left = outcomes(
            |one| durable_file(one, "abcd").set_len(length).expect("a good disk"),
            |one| text(one, NAME).expect("its name is on the disk"),
        );
        assert_eq!(keys(&left), ["abcd", expected].into());
    }
}

#[test]
fn a_new_name_may_be_gone_until_the_directory_is_synced() {
    let named = |syncs: bool| {
        outcomes(
            |one| {
                write_synced(one, NAME, "one");
                if syncs {
                    sync_names(one);
                }
            },
            |one| text(one, NAME),
        )
    };
    let both = [None, Some("one".to_owned())];
    assert!(named(false).into_keys().eq(both.clone()), "there or not, but never in part");
    assert!(named(true).into_keys().eq(both[1..].to_vec()));
}

#[test]
fn a_durable_name_may_be_of_a_file_whose_contents_are_gone() {
    let left = outcomes(
        |one| {
            files::write(one, path(NAME), b"one", false).expect("a good disk");
            sync_names(one);
        },
        |one| text(one, NAME).expect("its name is on the disk"),
    );
    assert_eq!(keys(&left), ["", "one"].into());
}

#[test]
fn a_rename_is_done_or_not_and_surely_once_the_directory_is_synced() {
    let owned = |texts: [&str; 2]| texts.map(str::to_owned);
    let renamed = |syncs: bool| {
        outcomes(
            |one| {
                write_synced(one, NAME, "old");
                sync_names(one);
                write_synced(one, "/data/unfinished", "new");
                rename(one, "/data/unfinished", NAME);
                if syncs {
                    sync_names(one);
                }
            },
            |one| [text(one, NAME), text(one, "/data/unfinished")].map(Option::unwrap_or_default),
        )
    };
    let any = [["new", ""], ["old", ""], ["old", "new"]];
    assert_eq!(renamed(false).into_keys().collect::<BTreeSet<_>>(), any.map(owned).into());
    assert_eq!(renamed(true).into_keys().collect::<Vec<_>>(), [owned(any[0])]);
}

#[test]
fn a_file_that_was_removed_may_be_there_again_until_the_directory_is_synced() {
    let removed = |syncs: bool| {
        outcomes(
            |one| {
                let file = durable_file(one, "abcd");
                file.write(0, b"A").expect("a good disk");
                files::remove(one, path(NAME)).expect("it is there");
                if syncs {
                    sync_names(one);
                }
            },
            |one| text(one, NAME).unwrap_or_else(|| "gone".to_owned()),
        )
    };
    assert_eq!(keys(&removed(false)), ["gone", "abcd", "Abcd"].into());
    assert_eq!(keys(&removed(true)), ["gone"].into());
}

#[test]
fn names_change_in_the_order_of_a_journal() {
    let left = outcomes(
        |one| {
            for name in ["a", "b", "c"] {
                write_synced(one, name, name);
            }
        },
        |one| ["a", "b", "c"].map(|name| text(one, name).unwrap_or_default()).concat(),
    );
    assert_eq!(keys(&left), ["", "a", "ab", "abc"].into(), "none without those before it");
}

#[test]
fn a_loss_of_power_takes_nothing_from_other_machines() {
    for seed in SEEDS {
        let [one, other] = world(seed);
        files::write(other, path(NAME), b"one", false).expect("a good disk");
        one.power_off();
        assert_eq!(text(other, NAME).as_deref(), Some("one"), "seed {seed}");
    }
}
