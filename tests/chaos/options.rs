//! What a run is asked for.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::faults::Fault;

/// How to ask for it.
pub const USAGE: &str = "run [--seed NUMBER] [--seconds NUMBER | --minutes NUMBER] [--masters NUMBER] \
                         [--faults NAME,NAME] [--keep FOLDER] [--page FILE] [--schedule NUMBER]";

/// What a run is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Everything that is drawn follows from it.
    pub seed: u64,
    /// How long faults strike, before everything is checked.
    pub lasting: Duration,
    pub masters: usize,
    pub faults: Vec<Fault>,
    /// Where logs and the history stay; without it, in the build's folder for tests, and only if the
    /// run fails.
    pub keep: Option<PathBuf>,
    /// The page whose figures are to be written.
    pub page: Option<PathBuf>,
    /// Only print this many steps of the schedule.
    pub schedule: Option<usize>,
}

impl Options {
    /// A run of a minute, with a seed of this moment.
    fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            seed: u64::from(now.subsec_nanos()),
            lasting: Duration::from_mins(1),
            masters: 5,
            faults: Fault::ALL.to_vec(),
            keep: None,
            page: None,
            schedule: None,
        }
    }

    /// What the words ask for; in words, what is wrong with them.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut options = Self::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("{word} needs a number"));
            match word.as_str() {
                "--seed" => options.seed = number()?,
                "--seconds" => options.lasting = Duration::from_secs(number()?),
                "--minutes" => options.lasting = Duration::from_secs(60 * number()?),
                "--masters" => options.masters = in_range(number()?, 1..=8)?,
                "--schedule" => options.schedule = Some(in_range(number()?, 1..=10_000)?),
                "--keep" => options.keep = Some(value.into()),
                "--page" => options.page = Some(value.into()),
                "--faults" => {
                    let named =
                        |name| Fault::named(name).ok_or(format!("no fault is called {name}"));
                    options.faults = value.split(',').map(named).collect::<Result<_, _>>()?;
                }
                _ => return Err(format!("{word} is not an option: {USAGE}")),
            }
        }
        Ok(options)
    }
}

fn in_range(number: u64, range: std::ops::RangeInclusive<usize>) -> Result<usize, String> {
    let fits = usize::try_from(number).ok().filter(|number| range.contains(number));
    fits.ok_or_else(|| format!("{number} is not between {} and {}", range.start(), range.end()))
}
