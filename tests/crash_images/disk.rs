//! What a disk may hold after a crash. Pure.
//!
//! - What was synced is there: the contents of a file once it is synced, names once their directory is.
//! - Of the names that were changed in a directory since, the first ones are there, up to any one. Directories
//!   know nothing of each other, except that a renaming has happened in both or in neither.
//! - Of the writes to a file since, any are there, in whole or in part: sectors that are not there are as they
//!   were before, or zeros if the file has become longer.
//!
//! If only a process is killed, all of it is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher as _},
    sync::Arc,
};

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};

use crate::operation::{Contents, Node, Operation};

/// What a disk writes as a whole, in bytes.
const SECTOR: u64 = 512;

/// What a disk says that it does, and does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// It does not make contents durable.
    Files,
    /// It does not make names durable.
    Directories,
}

/// How the operations that were not synced end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Choice {
    /// All are there, as after the death of a process.
    All,
    /// None is.
    None,
    /// Some are, by this seed.
    Some(u64),
}

/// A disk to which operations happen.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    synced: Contents,
    /// With their numbers.
    unsynced: Vec<(usize, Operation)>,
    happened: usize,
    /// Of all that is synced, in any order.
    fingerprint: u64,
    lie: Option<Lie>,
}

impl Disk {
    /// An empty disk, which may lie.
    pub fn new(lie: Option<Lie>) -> Self {
        Self { lie, ..Self::default() }
    }

    /// The next operation happens.
    pub fn happen(&mut self, operation: &Operation) {
        match operation {
            Operation::SyncFile(_) if self.lie == Some(Lie::Files) => {}
            Operation::SyncDirectory(_) if self.lie == Some(Lie::Directories) => {}
            Operation::SyncFile(file) => self.sync(|unsynced| {
                let is_its = |(_, operation): &(usize, Operation)| operation.file() == Some(*file);
                unsynced.iter().map(is_its).collect()
            }),
            Operation::SyncDirectory(directory) => {
                self.sync(|unsynced| names_there(unsynced, |node, _| node == *directory));
            }
            operation => self.unsynced.push((self.happened, operation.clone())),
        }
        self.happened += 1;
    }

    fn sync(&mut self, which: impl FnOnce(&[(usize, Operation)]) -> Vec<bool>) {
        let mut is_synced = which(&self.unsynced).into_iter();
        for (number, operation) in std::mem::take(&mut self.unsynced) {
            if is_synced.next().expect("one for each") {
                self.synced.apply(&operation);
                self.fingerprint = self.fingerprint.wrapping_add(fingerprint(&number));
            } else {
                self.unsynced.push((number, operation));
            }
        }
    }

    /// What is on it after a crash; and a number that is another one for every other outcome.
    pub fn after(&self, choice: Choice) -> (Contents, u64) {
        let mut contents = self.synced.clone();
        let mut mark = self.fingerprint;
        let parts: Vec<Part> = match choice {
            Choice::All => vec![Part::Whole; self.unsynced.len()],
            Choice::None => vec![Part::None; self.unsynced.len()],
            Choice::Some(seed) => self.draw(&mut SmallRng::seed_from_u64(seed)),
        };
        for ((number, operation), part) in self.unsynced.iter().zip(parts) {
            match (&part, operation) {
                (Part::None, _) => continue,
                (Part::Whole, _) => {
                    contents.apply(operation);
                    mark = mark.wrapping_add(fingerprint(number));
                    continue;
                }
                (Part::Torn(pieces), Operation::Write { file, at, bytes }) => {
                    for (begin, end) in pieces {
                        let bytes = Arc::from(&bytes[*begin..*end]);
                        let at = at + *begin as u64;
                        contents.apply(&Operation::Write { file: *file, at, bytes });
                    }
                }
                (Part::Torn(_), operation) => unreachable!("{operation:?} cannot be torn"),
            }
            mark = mark.wrapping_add(fingerprint(&(number, part)));
        }
        (contents, mark)
    }

    /// Chooses what is there of each operation.
    fn draw(&self, random: &mut SmallRng) -> Vec<Part> {
        let mut ends = BTreeMap::new();
        let mut habits = BTreeMap::new();
        for (_, operation) in &self.unsynced {
            for directory in operation.directories() {
                *ends.entry(directory).or_insert(0_usize) += 1;
            }
            if let Some(file) = operation.file() {
                *habits.entry(file).or_insert(0_usize) += 1;
            }
        }
        // How many of its names each directory has.
        for end in ends.values_mut() {
            *end = random.random_range(0..=*end);
        }
        let mut habits: BTreeMap<Node, Habit> = habits
            .into_iter()
            .map(|(file, operations)| (file, Habit::draw(operations, random)))
            .collect();
        let names = names_there(&self.unsynced, |node, number| number < ends[&node]);
        let operations = self.unsynced.iter().map(|(_, operation)| operation);
        let part = |(operation, is_there): (&Operation, bool)| match operation.file() {
            Some(file) => {
                let habit = habits.get_mut(&file).expect("there is one for each");
                habit.next(operation, self.synced.length(file), random)
            }
            None if is_there => Part::Whole,
            None => Part::None,
        };
        operations.zip(names).map(part).collect()
    }
}

/// What is there of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Part {
    None,
    Whole,
    /// These pieces of what was written. An empty one makes a file as long as that.
    Torn(Vec<(usize, usize)>),
}

/// How the writes to one file end.
enum Habit {
    /// The first ones are there, and the last of so many is torn.
    First(usize),
    /// Each may be there, or some of it.
    Any,
}

impl Habit {
    fn draw(operations: usize, random: &mut SmallRng) -> Self {
        if random.random_bool(0.5) {
            Self::First(random.random_range(0..=operations))
        } else {
            Self::Any
        }
    }

    fn next(&mut self, operation: &Operation, length: u64, random: &mut SmallRng) -> Part {
        match self {
            Self::First(0) => Part::None,
            Self::First(left) => {
                *left -= 1;
                if *left == 0 { torn(operation, length, random) } else { Part::Whole }
            }
            Self::Any => match random.random_range(0..3) {
                0 => Part::None,
                1 => Part::Whole,
                _ => torn(operation, length, random),
            },
        }
    }
}

/// Some of a write to a file that had this length when it was last synced.
fn torn(operation: &Operation, length: u64, random: &mut SmallRng) -> Part {
    let Operation::Write { at, bytes, .. } = operation else { return Part::Whole };
    let mut sectors = Vec::new();
    let mut begin = 0;
    while begin < bytes.len() {
        let rest = SECTOR - (at + begin as u64) % SECTOR;
        let end = bytes.len().min(begin + usize::try_from(rest).expect("a sector"));
        sectors.push((begin, end));
        begin = end;
    }
    let all = sectors.len();
    let mut pieces: Vec<_> = match random.random_range(0..3) {
        // At any byte, where nothing has been yet: that is how long the file has become.
        0 if *at >= length => vec![(0, random.random_range(0..bytes.len().max(1)))],
        0 | 1 => sectors[..random.random_range(0..=all)].to_vec(),
        _ => sectors.iter().filter(|_| random.random_bool(0.5)).copied().collect(),
    };
    if pieces == sectors {
        return Part::Whole;
    }
    if random.random_bool(0.5) {
        // The file is as long as it should be.
        pieces.push((bytes.len(), bytes.len()));
    }
    Part::Torn(pieces)
}

/// Which operations on names are there, if those are of which a directory says so by their number among its
/// own: they, and what was before them in any directory that they touch.
fn names_there(
    operations: &[(usize, Operation)],
    is_there: impl Fn(Node, usize) -> bool,
) -> Vec<bool> {
    let mut counts: BTreeMap<Node, usize> = BTreeMap::new();
    let all = || operations.iter().map(|(_, operation)| operation);
    for directory in all().flat_map(Operation::directories) {
        *counts.entry(directory).or_default() += 1;
    }
    let mut complete = BTreeSet::new();
    let mut there: Vec<bool> = all()
        .rev()
        .map(|operation| {
            let mut is_needed = false;
            for directory in operation.directories() {
                let count = counts.get_mut(&directory).expect("counted");
                *count -= 1;
                is_needed |= complete.contains(&directory) || is_there(directory, *count);
            }
            if is_needed {
                complete.extend(operation.directories());
            }
            is_needed
        })
        .collect();
    there.reverse();
    there
}

fn fingerprint(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
