//! The figures, for people and for programs. Pure, but for what it says of the machine.

use std::{fmt::Write as _, fs, thread};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::load::{self, Round};
use crate::settings::{BenchSettings, Scenario};

/// What came of a scenario.
pub struct Measured {
    scenario: Scenario,
    rates: Vec<f64>,
    bare_rates: Vec<f64>,
    latencies: Histogram<u64>,
    bare_latencies: Histogram<u64>,
}

impl Measured {
    /// Of which nothing has been measured yet.
    pub fn new(scenario: Scenario) -> Self {
        let [latencies, bare_latencies] = [load::histogram(), load::histogram()];
        Self { scenario, rates: Vec::new(), bare_rates: Vec::new(), latencies, bare_latencies }
    }

    /// Adds a round, and one of the bare server.
    pub fn add(&mut self, ours: &Round, bare: &Round) -> anyhow::Result<()> {
        self.rates.push(ours.rate);
        self.bare_rates.push(bare.rate);
        self.latencies.add(&ours.latencies)?;
        self.bare_latencies.add(&bare.latencies)?;
        Ok(())
    }
}

/// Everything that is told. The names of the fields stay.
#[derive(Debug, Serialize)]
pub struct Report {
    version: &'static str,
    /// Whether this program was built without optimisation: then its figures are of no use.
    debug_build: bool,
    processors: usize,
    processor: Option<String>,
    masters: Option<usize>,
    encrypted: bool,
    callers: usize,
    clients: usize,
    /// Calls that were to begin in a second; none if each began when another ended.
    rate: Option<u32>,
    rounds: u32,
    round_seconds: f64,
    scenarios: Vec<Figures>,
}

/// What is told of a scenario. Rates are answers in a second, latencies are in microseconds.
#[derive(Debug, PartialEq, Serialize)]
struct Figures {
    scenario: &'static str,
    rate_median: f64,
    rate_min: f64,
    rate_max: f64,
    p50_us: u64,
    p99_us: u64,
    max_us: u64,
    bare_rate_median: f64,
    bare_p50_us: u64,
    bare_p99_us: u64,
    /// The median rate, as a share of the bare server's.
    ratio: f64,
}

impl Report {
    /// Of a run with these settings, against so many masters.
    pub fn begin(settings: &BenchSettings, masters: Option<usize>) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            debug_build: cfg!(debug_assertions),
            processors: thread::available_parallelism().map_or(1, usize::from),
            processor: processor(),
            masters,
            encrypted: settings.client.name.is_some(),
            callers: settings.callers,
            clients: settings.clients,
            rate: settings.rate,
            rounds: settings.rounds,
            round_seconds: settings.round.as_secs_f64(),
            scenarios: Vec::new(),
        }
    }

    /// Adds a scenario.
    pub fn add(&mut self, measured: Measured) {
        let Measured { scenario, rates, bare_rates, latencies, bare_latencies } = measured;
        let (rate_median, bare_rate_median) = (median(&rates), median(&bare_rates));
        self.scenarios.push(Figures {
            scenario: scenario.name(),
            rate_median,
            rate_min: rates.iter().copied().fold(f64::INFINITY, f64::min),
            rate_max: rates.iter().copied().fold(0.0, f64::max),
            p50_us: latencies.value_at_quantile(0.5),
            p99_us: latencies.value_at_quantile(0.99),
            max_us: latencies.max(),
            bare_rate_median,
            bare_p50_us: bare_latencies.value_at_quantile(0.5),
            bare_p99_us: bare_latencies.value_at_quantile(0.99),
            ratio: rate_median / bare_rate_median,
        });
    }

    /// For programs.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain data") + "\n"
    }

    /// For people.
    pub fn to_table(&self) -> String {
        let mut text = String::new();
        let masters = self.masters.map_or("?".to_owned(), |masters| masters.to_string());
        let load = match self.rate {
            Some(rate) => format!("{rate} calls a second by at most {} callers", self.callers),
            None => format!("{} callers", self.callers),
        };
        let encrypted = if self.encrypted { "encrypted" } else { "not encrypted" };
        let told = writeln!(
            text,
            "tinysns {}, {masters} masters; {load} on {} connections, {encrypted}; {} rounds of {} s; {} \
             processors{}\n",
            self.version,
            self.clients,
            self.rounds,
            self.round_seconds,
            self.processors,
            self.processor.as_ref().map(|name| format!(" ({name})")).unwrap_or_default(),
        );
        told.expect("memory does not fail");
        if self.debug_build {
            text += "This program was built without optimisation: its figures are of no use.\n\n";
        }
        text += "            a second  (min to max)         p50       p99       max     bare server    ratio\n";
        for of in &self.scenarios {
            let spread = format!("({:.0} to {:.0})", of.rate_min, of.rate_max);
            let line = writeln!(
                text,
                "{:<10}{:>10.0}  {:<18}{:>7} {:>9} {:>9} {:>12.0}/s {:>8.2}",
                of.scenario,
                of.rate_median,
                spread,
                time(of.p50_us),
                time(of.p99_us),
                time(of.max_us),
                of.bare_rate_median,
                of.ratio,
            );
            line.expect("memory does not fail");
        }
        text
    }
}

/// A latency with its unit.
fn time(micros: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "nobody waits for so long")]
    let millis = micros as f64 / 1_000.0;
    if millis < 10.0 { format!("{millis:.2} ms") } else { format!("{millis:.0} ms") }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The name of the processor, if the system tells.
fn processor() -> Option<String> {
    let told = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(rate: f64, micros: &[u64]) -> Round {
        let mut latencies = load::histogram();
        for latency in micros {
            latencies.record(*latency).expect("short");
        }
        Round { rate, latencies }
    }

    #[test]
    fn the_median_of_the_rounds_is_told_and_its_share_of_the_bare_server() {
        let mut measured = Measured::new(Scenario::List);
        for (rate, bare) in [(90.0, 400.0), (10.0, 100.0), (50.0, 200.0)] {
            let added = measured.add(&round(rate, &[100, 900]), &round(bare, &[10]));
            added.expect("histograms grow");
        }
        let mut report = Report {
            version: "1",
            debug_build: false,
            processors: 2,
            processor: None,
            masters: Some(3),
            encrypted: false,
            callers: 64,
            clients: 4,
            rate: None,
            rounds: 3,
            round_seconds: 5.0,
            scenarios: Vec::new(),
        };
        report.add(measured);
        let expected = Figures {
            scenario: "list",
            rate_median: 50.0,
            rate_min: 10.0,
            rate_max: 90.0,
            p50_us: 100,
            p99_us: 900,
            max_us: 900,
            bare_rate_median: 200.0,
            bare_p50_us: 10,
            bare_p99_us: 10,
            ratio: 0.25,
        };
        assert_eq!(report.scenarios, [expected]);
        let table = report.to_table();
        assert!(table.starts_with("tinysns 1, 3 masters; 64 callers on 4 connections"), "{table}");
        assert!(table.contains("50  (10 to 90)"), "{table}");
        let told: serde_json::Value = serde_json::from_str(&report.to_json()).expect("JSON");
        assert_eq!(told["scenarios"][0]["ratio"], 0.25);
        assert_eq!(median(&[1.0, 3.0]).to_bits(), 2.0_f64.to_bits());
    }
}
