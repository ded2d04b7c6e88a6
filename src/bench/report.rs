//! Everything that a run tells: the figures, the machine, the settings, and what may be wrong with them.

use std::{fs, thread};

use serde::Serialize;

use super::{
    failover::Watched, figures::Figures, footprint::Footprint, growth::GrowthStep,
    http::IdleStreams, mounts::Mount, recovery::Recovery, refusals::Refused, table,
};
use crate::settings::BenchSettings;

/// Everything that is told. The names of the fields stay.
#[derive(Debug, Serialize)]
pub struct Report {
    pub version: &'static str,
    /// Whether this program was built without optimisation: then its figures are of no use.
    pub debug_build: bool,
    pub processors: usize,
    pub processor: Option<String>,
    /// Where the durable bare server writes, if it was asked.
    pub disk: Option<Mount>,
    pub masters: Option<usize>,
    pub encrypted: bool,
    pub callers: usize,
    pub clients: usize,
    /// Calls that were to begin in a second; none if each began when another ended.
    pub rate: Option<u32>,
    pub rounds: u32,
    pub round_seconds: f64,
    pub readers: usize,
    pub people: usize,
    pub scenarios: Vec<Figures>,
    pub http_idle: Option<IdleStreams>,
    pub failover: Option<Watched>,
    pub standstill: Option<Watched>,
    pub footprint: Option<Footprint>,
    pub recovery: Option<Recovery>,
    pub growth: Vec<GrowthStep>,
    /// Scenarios that could not be measured, and why.
    pub left_out: Vec<String>,
    /// What the network has refused because it was too much: then its limits were measured.
    pub refused: Vec<Refused>,
}

impl Report {
    /// Of a run with these settings, against so many masters.
    pub fn begin(settings: &BenchSettings, masters: Option<usize>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            debug_build: cfg!(debug_assertions),
            processors: thread::available_parallelism().map_or(1, usize::from),
            processor: processor(),
            disk: None,
            masters,
            encrypted: settings.client.name.is_some(),
            callers: settings.callers,
            clients: settings.clients,
            rate: settings.rate,
            rounds: settings.rounds,
            round_seconds: settings.round.as_secs_f64(),
            readers: settings.readers,
            people: settings.people,
            scenarios: Vec::new(),
            http_idle: None,
            failover: None,
            standstill: None,
            footprint: None,
            recovery: None,
            growth: Vec::new(),
            left_out: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Whether every acknowledged post was there once, as far as anybody has looked.
    pub fn lost_nothing(&self) -> bool {
        let mut watched = [&self.failover, &self.standstill].into_iter().flatten();
        watched.all(|watched| watched.findings.is_good())
    }

    /// For programs.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain data") + "\n"
    }

    /// For people.
    pub fn to_table(&self) -> String {
        table::of(self)
    }
}

/// The name of the processor, if the system tells.
fn processor() -> Option<String> {
    let told = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}
