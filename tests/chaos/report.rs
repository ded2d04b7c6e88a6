//! What a run came to, as a table.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    time::Duration,
};

use crate::{
    faults::Fault,
    laboratory::{
        history::{History, Outcome, Recorded},
        violation::{Promise, Violation},
    },
};

/// The beginning of the names of people who come for the first time.
const NEWCOMERS: &str = "guest-";
/// How much of what is wrong is explained.
const EXPLAINED: usize = 5;

/// One step of the schedule, as it went.
#[derive(Clone, Debug)]
pub struct Struck {
    pub faults: Vec<Fault>,
    /// From when to when it is to be blamed, in nanoseconds of the history.
    pub from: u64,
    pub until: u64,
    /// How long after the end of the fault everything was well; none if it never was.
    pub whole_after: Option<Duration>,
    /// What ended, was refused or repaired.
    pub notes: Vec<String>,
    /// What should not have happened.
    pub failures: Vec<String>,
}

/// What is counted for each kind of fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub times: usize,
    pub acknowledged: usize,
    pub lost: usize,
    pub doubled: usize,
    pub stale: usize,
    /// Out of order, or with a gap.
    pub disordered: usize,
    pub altered: usize,
    /// Of people who were there before.
    pub longest_pause: Duration,
    /// Of people who come for the first time.
    pub longest_arrival: Duration,
    pub longest_recovery: Duration,
    /// What was said, and how often.
    pub notes: BTreeMap<String, usize>,
}

/// What a run came to.
pub struct Report {
    seed: u64,
    masters: usize,
    history: History,
    rows: BTreeMap<Fault, Row>,
    /// While nothing was wrong.
    quiet: Row,
    violations: Vec<Violation>,
    failures: Vec<String>,
}

impl Report {
    /// Blames each fault for what happened while it struck.
    pub fn new(
        seed: u64,
        masters: usize,
        history: History,
        struck: &[Struck],
        violations: Vec<Violation>,
        failures: Vec<String>,
    ) -> Self {
        let mut report = Self {
            seed,
            masters,
            history,
            rows: BTreeMap::new(),
            quiet: Row::default(),
            violations,
            failures,
        };
        report.count(struck);
        report
    }

    fn count(&mut self, struck: &[Struck]) {
        for step in struck {
            for fault in &step.faults {
                let row = self.rows.entry(*fault).or_default();
                row.times += 1;
                let recovery = step.whole_after.unwrap_or_default();
                row.longest_recovery = row.longest_recovery.max(recovery);
                for note in &step.notes {
                    *row.notes.entry(without_numbers(note)).or_default() += 1;
                }
            }
        }
        let Self { history, violations, rows, quiet, .. } = self;
        let mut blame = Blame { struck, rows, quiet };
        for recorded in history.operations() {
            let Some((returned, outcome)) = &recorded.returned else { continue };
            let (begin, end) = (recorded.invoked.at, returned.at);
            if matches!(outcome, Outcome::Done(_)) {
                blame.during(end, end, |row, _| row.acknowledged += 1);
            }
            let is_newcomer = recorded.user.starts_with(NEWCOMERS);
            blame.during(begin, end, |row, pause| {
                let longest =
                    if is_newcomer { &mut row.longest_arrival } else { &mut row.longest_pause };
                *longest = (*longest).max(pause);
            });
        }
        for violation in violations {
            let (begin, end) = span(violation, history);
            blame.during(begin, end, |row, _| row.count(violation.promise));
        }
    }

    /// Whether every promise was kept.
    pub fn is_kept(&self) -> bool {
        self.violations.is_empty() && self.failures.is_empty()
    }

    fn acknowledged(&self) -> usize {
        let is_done = |recorded: &&Recorded| matches!(recorded.outcome(), Outcome::Done(_));
        self.history.operations().iter().filter(is_done).count()
    }

    /// The table for `docs/faults.md`.
    pub fn to_markdown(&self) -> String {
        let mut text = format!(
            "From a run with {} masters and seed {}: {} operations acknowledged.\n\n\
             | fault | times | acknowledged | lost | doubled | stale | out of order | altered | longest \
             pause | newcomer's pause | whole again after | what was said |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
            self.masters,
            self.seed,
            self.acknowledged()
        );
        for fault in Fault::ALL {
            let row = self.rows.get(&fault).cloned().unwrap_or_default();
            let notes = row.notes.iter().map(|(note, times)| format!("{times} × {note}"));
            let notes = notes.collect::<Vec<_>>().join("; ").replace('|', "/");
            let cells = row.cells().join(" | ");
            writeln!(text, "| `{fault}` | {cells} | {notes} |").expect("text grows");
        }
        text
    }
}

/// Which faults are to blame for something.
struct Blame<'a> {
    struck: &'a [Struck],
    rows: &'a mut BTreeMap<Fault, Row>,
    quiet: &'a mut Row,
}

impl Blame<'_> {
    /// Counts something that took from `begin` to `end` for every fault that struck meanwhile, with
    /// how long it took during that fault's step; or else for none.
    fn during(&mut self, begin: u64, end: u64, mut count: impl FnMut(&mut Row, Duration)) {
        let mut is_blamed = false;
        for step in self.struck.iter().filter(|step| step.from <= end && begin <= step.until) {
            let taken = end.min(step.until) - begin.max(step.from);
            for fault in &step.faults {
                is_blamed = true;
                count(self.rows.entry(*fault).or_default(), Duration::from_nanos(taken));
            }
        }
        if !is_blamed {
            count(self.quiet, Duration::from_nanos(end - begin));
        }
    }
}

/// When a violation happened.
fn span(violation: &Violation, history: &History) -> (u64, u64) {
    if let Some(number) = violation.operations.first() {
        let recorded = &history.operations()[number.0];
        let begin = recorded.invoked.at;
        return (begin, recorded.returned.as_ref().map_or(begin, |(moment, _)| moment.at));
    }
    let Some(number) = violation.subscription else { return (0, 0) };
    let subscription = &history.subscriptions()[number.0];
    let begin = subscription.asked.at;
    (begin, subscription.ended.as_ref().map_or(begin, |(moment, _)| moment.at))
}

impl Row {
    fn count(&mut self, promise: Promise) {
        match promise {
            Promise::NothingLost => self.lost += 1,
            Promise::ExactlyOnce => self.doubled += 1,
            Promise::Order | Promise::Feeds => self.disordered += 1,
            Promise::Unaltered => self.altered += 1,
            Promise::Linearizable => self.stale += 1,
        }
    }

    fn cells(&self) -> [String; 10] {
        let Self { times, acknowledged, lost, doubled, stale, disordered, altered, .. } = self;
        let taken = [self.longest_pause, self.longest_arrival, self.longest_recovery];
        let [pause, arrival, recovery] = taken.map(|time| format!("{:.1} s", time.as_secs_f64()));
        let counts = [times, acknowledged, lost, doubled, stale, disordered, altered];
        let [times, acknowledged, lost, doubled, stale, disordered, altered] =
            counts.map(ToString::to_string);
        [times, acknowledged, lost, doubled, stale, disordered, altered, pause, arrival, recovery]
    }
}

/// A note in which whatever differs from run to run is left out: addresses and paths stay, numbers of
/// more than two digits do not.
fn without_numbers(note: &str) -> String {
    let mut text = String::new();
    let mut digits = String::new();
    for character in note.chars().chain(['\0']) {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        text += if digits.len() > 2 { "N" } else { &digits };
        digits.clear();
        if character != '\0' {
            text.push(character);
        }
    }
    text
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles = [
            "times", "acked", "lost", "doubled", "stale", "disorder", "altered", "pause",
            "newcomer", "whole in",
        ];
        write!(formatter, "{:18}", "fault")?;
        titles.iter().try_for_each(|title| write!(formatter, "{title:>9}"))?;
        writeln!(formatter)?;
        let named =
            Fault::ALL.into_iter().filter_map(|fault| Some((fault.name(), self.rows.get(&fault)?)));
        for (name, row) in named.chain([("(none)", &self.quiet)]) {
            write!(formatter, "{name:18}")?;
            row.cells().iter().try_for_each(|cell| write!(formatter, "{cell:>9}"))?;
            writeln!(formatter)?;
            for (note, times) in &row.notes {
                writeln!(formatter, "    {times} × {note}")?;
            }
        }
        for violation in self.violations.iter().take(EXPLAINED) {
            write!(formatter, "VIOLATION {}", violation.explain(&self.history))?;
        }
        for failure in &self.failures {
            writeln!(formatter, "FAILURE {failure}")?;
        }
        let verdict =
            if self.is_kept() { "every promise was kept" } else { "promises were broken" };
        writeln!(
            formatter,
            "seed {}: {} operations acknowledged, {} violations, {} failures: {verdict}",
            self.seed,
            self.acknowledged(),
            self.violations.len(),
            self.failures.len()
        )
    }
}
