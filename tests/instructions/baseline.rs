//! What the paths took when somebody last looked: a line each, its name and the instructions of running it
//! once.

use std::{collections::BTreeMap, fmt::Write as _, fs};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/instructions/baseline.txt");
/// What is between two builds of the same code is less. In percent.
const TOLERANCE: u64 = 10;

/// What each path took.
pub struct Baseline(BTreeMap<String, u64>);

impl Baseline {
    /// As it is on record.
    pub fn read() -> Self {
        let text = fs::read_to_string(FILE).unwrap_or_default();
        let lines = text.lines().map(|line| {
            let (name, taken) = line.rsplit_once(' ').expect("a name and a number");
            (name.to_owned(), taken.parse().expect("a number"))
        });
        Self(lines.collect())
    }

    /// Puts on record what a path takes.
    pub fn write(path: &str, taken: u64) {
        let Self(mut all) = Self::read();
        all.insert(path.to_owned(), taken);
        let mut text = String::new();
        for (name, taken) in all {
            writeln!(text, "{name} {taken}").expect("memory");
        }
        fs::write(FILE, text).expect("the baseline can be written");
    }

    /// Fails if a path takes much more or less than is on record, and says what to do.
    pub fn compare(&self, path: &str, taken: u64) -> Result<(), String> {
        let before = *self.0.get(path).ok_or("it is not in the baseline")?;
        if taken * 100 > before * (100 + TOLERANCE) {
            return Err(format!(
                "it took {before} instructions and now takes {taken}: mend that, or say why it has to \
                 and put it on record (see tests/instructions)"
            ));
        }
        if taken * (100 + TOLERANCE) < before * 100 {
            return Err(format!(
                "it took {before} instructions and now takes only {taken}: put that on record (see \
                 tests/instructions)"
            ));
        }
        Ok(())
    }
}
