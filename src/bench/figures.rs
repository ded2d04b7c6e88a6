//! What came of the rounds of a scenario. Pure.

use hdrhistogram::Histogram;
use serde::Serialize;

use super::load::{self, Round};

/// All rounds against one server.
pub struct Rounds {
    rates: Vec<f64>,
    latencies: Histogram<u64>,
}

impl Rounds {
    /// None yet.
    pub fn new() -> Self {
        Self { rates: Vec::new(), latencies: load::histogram() }
    }

    /// Adds one.
    pub fn add(&mut self, round: &Round) {
        self.rates.push(round.rate);
        self.latencies.add(&round.latencies).expect("a histogram grows as it has to");
    }

    fn ceiling(&self) -> Ceiling {
        Ceiling {
            rate_median: median(&self.rates),
            p50_us: self.latencies.value_at_quantile(0.5),
            p99_us: self.latencies.value_at_quantile(0.99),
        }
    }
}

/// Of a bare server.
struct Ceiling {
    rate_median: f64,
    p50_us: u64,
    p99_us: u64,
}

/// What is told of a scenario. Rates are answers, or deliveries, in a second; latencies are in microseconds.
/// The names of the fields stay.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    pub scenario: &'static str,
    pub rate_median: f64,
    pub rate_min: f64,
    pub rate_max: f64,
    pub p50_us: u64,
    pub p99_us: u64,
    pub max_us: u64,
    pub bare_rate_median: f64,
    pub bare_p50_us: u64,
    pub bare_p99_us: u64,
    /// The median rate, as a share of the bare server's.
    pub ratio: f64,
    /// The same beside a bare server that writes to a disk; none unless this is about posts.
    pub durable_rate_median: Option<f64>,
    pub durable_p50_us: Option<u64>,
    pub durable_p99_us: Option<u64>,
    pub durable_ratio: Option<f64>,
}

impl Figures {
    /// Of the network, of a bare server, and of a durable one.
    pub fn of(
        scenario: &'static str,
        ours: &Rounds,
        bare: &Rounds,
        durable: Option<&Rounds>,
    ) -> Self {
        let (bare, durable) = (bare.ceiling(), durable.map(Rounds::ceiling));
        let rate_median = median(&ours.rates);
        Self {
            scenario,
            rate_median,
            rate_min: ours.rates.iter().copied().fold(f64::INFINITY, f64::min),
            rate_max: ours.rates.iter().copied().fold(0.0, f64::max),
            p50_us: ours.latencies.value_at_quantile(0.5),
            p99_us: ours.latencies.value_at_quantile(0.99),
            max_us: ours.latencies.max(),
            bare_rate_median: bare.rate_median,
            bare_p50_us: bare.p50_us,
            bare_p99_us: bare.p99_us,
            ratio: rate_median / bare.rate_median,
            durable_rate_median: durable.as_ref().map(|durable| durable.rate_median),
            durable_p50_us: durable.as_ref().map(|durable| durable.p50_us),
            durable_p99_us: durable.as_ref().map(|durable| durable.p99_us),
            durable_ratio: durable.map(|durable| rate_median / durable.rate_median),
        }
    }
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(all: &[(f64, &[u64])]) -> Rounds {
        let mut rounds = Rounds::new();
        for (rate, micros) in all {
            let mut latencies = load::histogram();
            for latency in *micros {
                latencies.record(*latency).expect("short");
            }
            rounds.add(&Round { rate: *rate, latencies });
        }
        rounds
    }

    #[test]
    fn the_median_of_the_rounds_is_told_and_its_share_of_the_bare_servers() {
        let ours = rounds(&[(90.0, &[100, 900]), (10.0, &[100, 900]), (50.0, &[100, 900])]);
        let bare = rounds(&[(400.0, &[10]), (100.0, &[10]), (200.0, &[10])]);
        let durable = rounds(&[(100.0, &[50])]);
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
            durable_rate_median: None,
            durable_p50_us: None,
            durable_p99_us: None,
            durable_ratio: None,
        };
        assert_eq!(Figures::of("list", &ours, &bare, None), expected);
        let with_disk = Figures {
            durable_rate_median: Some(100.0),
            durable_p50_us: Some(50),
            durable_p99_us: Some(50),
            durable_ratio: Some(0.5),
            ..expected
        };
        assert_eq!(Figures::of("list", &ours, &bare, Some(&durable)), with_disk);
        assert_eq!(median(&[1.0, 3.0]).to_bits(), 2.0_f64.to_bits());
    }
}
