//! How long a master may be silent until it counts as down.
//!
//! Masters report to the router a few times a second. Of a leader, the router's own witness hears more: every
//! entry, and a heartbeat at least, over another connection. So a leader that is silent on both is missed
//! sooner than a master of which nothing but reports is heard. The more a leader has to do, which may delay
//! it, the more is heard of it.

use std::time::Duration;

use tokio::time::Instant;

/// A leader's heartbeats of which one may be late.
const HEARTBEATS: u32 = 2;

/// How long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// A master of which only reports are heard.
    reports: Duration,
    /// A leader that the witness hears, too.
    everything: Duration,
}

/// When a leader was last heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its last report to the router.
    pub report: Instant,
    /// The last that the witness has heard of it.
    pub entry: Instant,
    /// When the router, having stood still itself, could hear anybody again.
    pub listening_since: Instant,
}

impl Silence {
    /// Of masters that count as down after `down_after`, with these heartbeats.
    pub fn of(down_after: Duration, heartbeat: Duration) -> Self {
        let everything = (down_after / 2).max(heartbeat * HEARTBEATS + down_after / 10);
        Self { reports: down_after, everything: everything.min(down_after) }
    }

    /// How long a master may be silent of which only reports are heard.
    pub fn reports(self) -> Duration {
        self.reports
    }

    /// When a leader counts as down of which nothing more is heard. None if the witness heard nothing of it
    /// when it last reported: then its silence towards the witness says nothing.
    pub fn ends(self, heard: Heard) -> Option<Instant> {
        let Heard { report, entry, listening_since } = heard;
        let both_heard = entry + self.everything >= report;
        both_heard.then(|| report.max(entry).max(listening_since) + self.everything)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_leader_is_missed_sooner_if_its_entries_were_heard_too() {
        let silence = Silence::of(ms(500), ms(100));
        assert_eq!(silence, Silence { reports: ms(500), everything: ms(250) });
        let start = Instant::now() + ms(10_000);
        let ends = |report, entry, listening_since| {
            let [report, entry, listening_since] =
                [report, entry, listening_since].map(|millis| start + ms(millis));
            let end = silence.ends(Heard { report, entry, listening_since });
            end.map(|end| (end - start).as_millis())
        };
        assert_eq!(ends(200, 290, 0), Some(540), "a heartbeat after the last report");
        assert_eq!(ends(200, 190, 0), Some(450), "a report after the last heartbeat");
        assert_eq!(ends(200, 5_000, 0), Some(5_250), "its entries come, its reports do not");
        assert_eq!(ends(600, 349, 0), None, "the witness has heard nothing for long");
        assert_eq!(ends(200, 290, 400), Some(650), "nobody could have been heard");
    }

    #[test]
    fn one_late_heartbeat_is_no_silence_and_no_leader_gets_longer_than_any_master() {
        for (down_after, heartbeat, everything) in
            [(500, 100, 250), (500, 20, 250), (500, 200, 450), (500, 400, 500), (5_000, 100, 2_500)]
        {
            let silence = Silence::of(ms(down_after), ms(heartbeat));
            assert_eq!(silence.everything, ms(everything), "{down_after}, {heartbeat}");
        }
    }
}
