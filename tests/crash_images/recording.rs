//! What a program did to its disk in one life or in two, and what had to be there meanwhile.

use std::{fmt::Debug, path::Path};

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};
use tinysns::host::random;

use crate::{
    disk::{Choice, Disk},
    image,
    operation::{Contents, Operation},
    recorder,
};

/// What is kept on disk.
pub trait Subject {
    /// What may be found after a crash.
    type Expected: Clone + Debug;

    /// What it is called on a command line.
    const NAME: &'static str;

    /// What may be found where nothing has ever been.
    fn nothing() -> Self::Expected;

    /// Lives in a directory, in which what may be found was found, and says what may be found from then on.
    /// A later life is short.
    fn live(directory: &Path, life: Life, expectations: &mut Expectations<Self::Expected>);

    /// Opens what a crash has left, compares it with what may be found, and uses it.
    fn examine(directory: &Path, seed: u64, expected: &Self::Expected) -> Result<(), String>;
}

/// One of a program's lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    pub seed: u64,
    /// 0 is the first. Each other one begins where the first was killed at another point.
    pub number: u64,
}

impl Life {
    /// Chooses what happens in it.
    pub fn random(self) -> SmallRng {
        SmallRng::seed_from_u64(self.seed << 16 | self.number)
    }
}

/// What may be found, since which operation.
#[derive(Clone, Debug)]
pub struct Expectations<E> {
    since: Vec<(usize, E)>,
}

impl<E: Clone> Expectations<E> {
    /// From now on, this may be found.
    pub fn set(&mut self, expected: E) {
        self.since.push((recorder::count(), expected));
    }

    /// What may be found now.
    pub fn now(&self) -> &E {
        &self.since.last().expect("there is a first one").1
    }

    /// What may be found after so many operations; and its number.
    pub fn at(&self, operations: usize) -> (usize, &E) {
        let number = self.since.partition_point(|(since, _)| *since <= operations) - 1;
        (number, &self.since[number].1)
    }

    /// The same up to so many operations.
    fn until(&self, operations: usize) -> Self {
        Self { since: self.since[..=self.at(operations).0].to_vec() }
    }
}

/// Operations, and what may be found.
pub struct Recording<E> {
    pub operations: Vec<Operation>,
    pub expectations: Expectations<E>,
    /// The life that begins here is the one to be looked at.
    pub begins: usize,
}

impl<E: Clone + Debug> Recording<E> {
    /// Records a life.
    pub fn of<S: Subject<Expected = E>>(life: Life) -> Self {
        let first = Self {
            operations: vec![],
            expectations: Expectations { since: vec![(0, S::nothing())] },
            begins: 0,
        };
        if life.number == 0 {
            return first.goes_on::<S>(life);
        }
        let first = first.goes_on::<S>(Life { number: 0, ..life });
        first.killed(life).goes_on::<S>(life)
    }

    /// The operations without what they concern: libraries make up names.
    pub fn shape(&self) -> Vec<String> {
        let shape = |operation: &Operation| match operation {
            Operation::Write { file, at, bytes } => format!("write {file} {at} {}", bytes.len()),
            Operation::SetLength { file, length } => format!("set length {file} {length}"),
            Operation::SyncFile(node) | Operation::SyncDirectory(node) => format!("sync {node}"),
            names => format!("names of {:?}", names.directories().collect::<Vec<_>>()),
        };
        self.operations.iter().map(shape).collect()
    }

    /// Up to where this life is killed so that another one begins: just before something would have been made
    /// durable, since the most is at stake then.
    fn killed(&self, next: Life) -> Self {
        let is_sync = |operation: &Operation| {
            matches!(operation, Operation::SyncFile(_) | Operation::SyncDirectory(_))
        };
        let operations = self.operations.iter().enumerate();
        let syncs = operations.filter(|(_, operation)| is_sync(operation));
        let syncs: Vec<usize> = syncs.map(|(number, _)| number).collect();
        let point = syncs[next.random().random_range(0..syncs.len())];
        Self {
            operations: self.operations[..point].to_vec(),
            expectations: self.expectations.until(point),
            begins: point,
        }
    }

    /// Lives on from here.
    fn goes_on<S: Subject<Expected = E>>(mut self, life: Life) -> Self {
        let directory = image::temporary_directory().expect("a temporary directory");
        image::write(&self.contents(), directory.path()).expect("written");
        random::seed(life.seed << 16 | life.number);
        recorder::begin(directory.path(), &self.operations);
        S::live(directory.path(), life, &mut self.expectations);
        self.operations = recorder::end();
        let found = image::read(directory.path()).expect("readable");
        let seen = self.contents().tree();
        let differing = seen.iter().filter(|(path, file)| found.get(*path) != Some(*file));
        let differing: Vec<_> = differing.map(|(path, _)| path).collect();
        let unseen: Vec<_> = found.keys().filter(|path| !seen.contains_key(*path)).collect();
        assert!(
            differing.is_empty() && unseen.is_empty(),
            "not everything was recorded: {differing:?} are not so on disk, and {unseen:?} are new"
        );
        self
    }

    /// Everything that it has left.
    fn contents(&self) -> Contents {
        let mut disk = Disk::new(None);
        self.operations.iter().for_each(|operation| disk.happen(operation));
        disk.after(Choice::All).0
    }
}
