//! Crash images of recordings: which there are, whether what is found in each is as it should be, and what is
//! kept of those in which it is not.

use std::{
    any::Any,
    collections::BTreeSet,
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use crate::{
    disk::{Choice, Disk, Lie},
    image,
    operation::Contents,
    recording::{Life, Recording, Subject},
};

/// An image: of a life, after so many of its operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    pub life: Life,
    pub point: usize,
    /// 0 has all that was not synced, 1 nothing of it, any other some.
    pub choice: u64,
}

impl Case {
    fn choice(self) -> Choice {
        match self.choice {
            0 => Choice::All,
            1 => Choice::None,
            _ => {
                let mut hasher = DefaultHasher::new();
                (self.life.seed, self.life.number, self.point, self.choice).hash(&mut hasher);
                Choice::Some(hasher.finish())
            }
        }
    }
}

/// As the command line has it.
impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { life: Life { seed, number }, point, choice } = self;
        write!(formatter, "{seed} {number} {point} {choice}")
    }
}

/// What became of images.
#[derive(Debug, Default)]
pub struct Summary {
    pub cases: u64,
    pub failed: Vec<Case>,
    /// So many of those that fail are told and kept.
    pub told: usize,
}

impl Summary {
    /// Whether none has failed.
    pub fn is_good(&self) -> bool {
        self.failed.is_empty()
    }
}

/// Examines the images of a life: at most so many at each point, no two of which are the same.
pub fn examine_life<S: Subject>(life: Life, choices: u64, lie: Option<Lie>, summary: &mut Summary) {
    let recording = Recording::of::<S>(life);
    let directory = image::temporary_directory().expect("a temporary directory");
    let mut disk = Disk::new(lie);
    let mut seen = BTreeSet::new();
    for point in 0..=recording.operations.len() {
        if let Some(before) = point.checked_sub(1) {
            disk.happen(&recording.operations[before]);
        }
        if point < recording.begins || point == 0 {
            continue;
        }
        let (number, expected) = recording.expectations.at(point);
        for choice in 0..choices {
            let case = Case { life, point, choice };
            let (contents, mark) = disk.after(case.choice());
            if !seen.insert((number, mark)) {
                continue;
            }
            summary.cases += 1;
            let Err(words) = examine::<S>(&contents, directory.path(), case, expected) else {
                continue;
            };
            if summary.failed.len() < summary.told {
                tell::<S>(case, &contents, &words);
            }
            summary.failed.push(case);
        }
    }
}

/// Examines one image, and keeps it; false if it is not as it should be.
pub fn examine_case<S: Subject>(case: Case) -> bool {
    let recording = Recording::of::<S>(case.life);
    let mut disk = Disk::new(None);
    let operations = recording.operations.iter().take(case.point);
    operations.for_each(|operation| disk.happen(operation));
    let (contents, _) = disk.after(case.choice());
    let directory = image::temporary_directory().expect("a temporary directory");
    let (_, expected) = recording.expectations.at(case.point);
    let outcome = examine::<S>(&contents, directory.path(), case, expected);
    let kept = keep::<S>(case, &contents);
    println!("image: {}", kept.display());
    println!("expected: {expected:?}");
    if let Some(next) = recording.operations.get(case.point) {
        println!("before: {next:?}");
    }
    match outcome {
        Ok(()) => println!("it is as it should be"),
        Err(ref words) => println!("{words}"),
    }
    outcome.is_ok()
}

fn examine<S: Subject>(
    contents: &Contents,
    directory: &Path,
    case: Case,
    expected: &S::Expected,
) -> Result<(), String> {
    let directory = directory.join("slot");
    image::write(contents, &directory).expect("there is room");
    let examined =
        catch_unwind(AssertUnwindSafe(|| S::examine(&directory, case.life.seed, expected)));
    examined.unwrap_or_else(|panic| Err(format!("it panics: {}", words(panic.as_ref()))))
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}

fn tell<S: Subject>(case: Case, contents: &Contents, words: &str) {
    println!("{} {case}: {words}", S::NAME);
    println!("  image: {}", keep::<S>(case, contents).display());
    println!("  again: just crash-image {} {case}", S::NAME);
}

/// Keeps an image, for people to look at; says where.
fn keep<S: Subject>(case: Case, contents: &Contents) -> PathBuf {
    let name = format!("{}-{case}", S::NAME).replace(' ', "-");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crash-images").join(name);
    image::write(contents, &path).expect("there is room");
    path
}
