//! Calls, as many at a time or as often as the settings say, and how long each takes.

use std::{cell::Cell, time::Duration};

use futures::future::try_join_all;
use hdrhistogram::Histogram;
use tokio::time::{Instant, sleep_until};

use super::{PATIENCE, http::HttpError, refusals};
use crate::client::ClientError;

/// How many digits of a latency count.
const DIGITS: u8 = 3;

/// How the network is called.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Calls in progress at a time, at most.
    pub callers: usize,
    /// Calls that are to begin in a second, whether others have ended or not. Without it, a caller
    /// begins the next call when it has its answer: then a network that stalls is asked less, and
    /// the latencies look better than they are for those who come when they like.
    pub rate: Option<u32>,
}

/// What came of one round.
pub struct Round {
    /// Answers, or deliveries, in a second.
    pub rate: f64,
    /// How long each took, in microseconds: from when its call was to begin.
    pub latencies: Histogram<u64>,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A call was refused or not answered.
    #[error("a call has failed: {why}{}", refusals::remedy_of(.why))]
    Call {
        /// Why.
        #[from]
        why: ClientError,
    },
    /// The same of a call over HTTP.
    #[error("a call has failed: {0}")]
    Http(#[from] HttpError),
    /// Live timelines did not bring what they should.
    #[error(
        "{missing} deliveries have not come within {PATIENCE:?}: publish less at a time (--callers, --rate)"
    )]
    NotDelivered {
        /// How many.
        missing: u64,
    },
}

impl Round {
    /// With so many answers in a time.
    pub fn new(count: u64, took: Duration, latencies: Histogram<u64>) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "nobody counts so far")]
        let rate = count as f64 / took.as_secs_f64();
        Self { rate, latencies }
    }
}

/// Microseconds, of any length.
pub fn histogram() -> Histogram<u64> {
    Histogram::new(DIGITS).expect("so many digits are possible")
}

/// Adds how long something took.
pub fn record(latencies: &mut Histogram<u64>, took: Duration) {
    let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    latencies.record(took).expect("a histogram grows as it has to");
}

/// Those of all callers.
pub fn together(all: Vec<Histogram<u64>>) -> Histogram<u64> {
    let mut latencies = histogram();
    for of_caller in all {
        latencies.add(of_caller).expect("a histogram grows as it has to");
    }
    latencies
}

impl Load {
    /// Calls for so long. A call is told which caller makes it, and when it was to begin.
    pub async fn carry_out<Error>(
        self,
        length: Duration,
        call: impl AsyncFn(usize, Instant) -> Result<(), Error>,
    ) -> Result<Round, Error> {
        let began = Instant::now();
        let end = began + length;
        let (begun, call) = (&Cell::new(0), &call);
        let callers = (0..self.callers).map(|caller| async move {
            let mut latencies = histogram();
            while let Some(due) = self.next(begun, began).filter(|due| *due < end) {
                // Even for what is due, a timer takes up to a millisecond.
                if due > Instant::now() {
                    sleep_until(due).await;
                }
                call(caller, due).await?;
                record(&mut latencies, due.elapsed());
            }
            Ok::<_, Error>(latencies)
        });
        let all = try_join_all(callers).await?;
        // At a given rate, the last call may end before the round does.
        let took = began.elapsed().max(length);
        let latencies = together(all);
        Ok(Round::new(latencies.len(), took, latencies))
    }

    /// When the next call is to begin: at once, or when its turn has come.
    fn next(self, begun: &Cell<u32>, began: Instant) -> Option<Instant> {
        let Some(rate) = self.rate else { return Some(Instant::now()) };
        let number = begun.replace(begun.get().checked_add(1)?);
        began.checked_add(Duration::from_secs(1) * number / rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_are_due_at_the_rate_that_was_asked_for() {
        let load = Load { callers: 1, rate: Some(4) };
        let (begun, began) = (Cell::new(0), Instant::now());
        let due: Vec<Duration> =
            (0..5).map(|_| load.next(&begun, began).expect("soon") - began).collect();
        assert_eq!(due, [0, 250, 500, 750, 1_000].map(Duration::from_millis));
        let at_once = Load { rate: None, ..load }.next(&begun, began).expect("now");
        assert!(at_once >= began && begun.get() == 5);
    }
}
