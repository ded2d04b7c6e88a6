//! What many seeds have shown: printed, and as the parts of `docs/faults.md` that are written by runs.

use std::{collections::BTreeMap, fmt::Write as _};

use tinysns::planted::PlantedFault;

use crate::seed::Outcome;

/// What seeds came to.
#[derive(Default)]
pub struct Summary {
    pub seeds: u64,
    pub failed: Vec<Outcome>,
    operations: u64,
    simulated_s: u64,
    took_ms: Vec<u64>,
    counts: BTreeMap<String, u64>,
}

impl Summary {
    pub fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.operations += outcome.operations;
        self.simulated_s += outcome.simulated_s;
        self.took_ms.push(outcome.took_ms);
        for (name, count) in &outcome.counts {
            let total = self.counts.entry(name.clone()).or_default();
            // What begins with this is a longest time.
            *total = if name.starts_with('>') { *count.max(total) } else { *total + count };
        }
        if !outcome.violations.is_empty() {
            self.failed.push(outcome);
        }
    }

    /// In a sentence.
    fn in_short(&self) -> String {
        format!(
            "{} seeds, {} failed: {} operations in {} simulated minutes",
            self.seeds,
            self.failed.len(),
            self.operations,
            self.simulated_s / 60
        )
    }

    /// Prints what the seeds have covered.
    pub fn print(&self) {
        print_counts(&self.counts);
        println!("{}; a seed took {} ms (median)", self.in_short(), median(&self.took_ms));
    }

    /// The same for the page.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("{}.\n\n| what | how often |\n| --- | --- |\n", self.in_short());
        let listed = |prefix: &'static str| {
            self.counts.iter().filter_map(move |(name, count)| {
                let name = if prefix.is_empty() { name } else { name.strip_prefix(prefix)? };
                Some((name.trim(), count))
            })
        };
        let is_fault = |name: &str| !name.starts_with(['=', '>']);
        for (name, count) in listed("").filter(|(name, _)| is_fault(name)) {
            _ = writeln!(text, "| {name} | {count} |");
        }
        for (name, count) in listed("=") {
            _ = writeln!(text, "| *seen:* {name} | {count} |");
        }
        for (name, most) in listed(">") {
            _ = writeln!(text, "| *most:* {name} | {most} |");
        }
        text
    }
}

/// Prints how often things happened.
pub fn print_counts(counts: &BTreeMap<String, u64>) {
    for (name, count) in counts {
        println!("{count:>10}  {name}");
    }
}

/// A deliberate bug, and what has found it.
pub struct Found {
    pub fault: PlantedFault,
    /// How many seeds it took; none if it was not found.
    pub seeds: Option<u64>,
    /// What was wrong.
    pub what: Option<String>,
}

impl Found {
    /// A line of the table.
    pub fn line(&self) -> String {
        let seeds = self.seeds.map_or("not found".to_owned(), |seeds| seeds.to_string());
        let what = in_words(self.what.as_deref().unwrap_or_default());
        format!("| `{}` | {seeds} | {what} |", self.fault)
    }
}

/// The head of the table.
pub const FOUND: &str = "| planted fault | found by seed | by this |\n| --- | --- | --- |";

/// How many were found, and by how many seeds.
pub fn how_soon(found: &[Found]) -> String {
    let seeds: Vec<u64> = found.iter().filter_map(|found| found.seeds).collect();
    let worst = seeds.iter().max().copied().unwrap_or_default();
    format!(
        "{} of {} are found, half of those by seed {}, and all by seed {worst}.",
        seeds.len(),
        found.len(),
        median(&seeds)
    )
}

/// The table, for the page.
pub fn found_to_markdown(found: &[Found]) -> String {
    let lines: Vec<String> = found.iter().map(Found::line).collect();
    format!("{}\n\n{FOUND}\n{}", how_soon(found), lines.join("\n"))
}

/// What was wrong, without the numbers and paths that belong to one run, and not too long.
fn in_words(violation: &str) -> String {
    const LONGEST: usize = 120;
    let mut words = String::new();
    for word in violation.split_whitespace() {
        // A file of a library, from the library's name on; without the line.
        let word = word.rsplit_once("/src/index").map_or(word, |(_, rest)| {
            rest.split_once('/').map_or(rest, |(_, in_library)| in_library)
        });
        let numberless: String =
            word.split(|c: char| c.is_ascii_digit()).collect::<Vec<_>>().join("N");
        words.push_str(&numberless.replace('|', "/"));
        words.push(' ');
    }
    while words.contains("NN") {
        words = words.replace("NN", "N");
    }
    let mut shown: String = words.trim().chars().take(LONGEST).collect();
    if shown.len() < words.trim().len() {
        shown.push('…');
    }
    shown
}

fn median(of: &[u64]) -> u64 {
    let mut sorted = of.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
