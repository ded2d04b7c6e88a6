//! The slave's decisions: `(state, input, now) → (state, effects)`.
//!
//! Pure: it forks no process, sends no signal and reads no clock.

use std::time::{Duration, Instant};

/// A process id.
pub type Pid = i32;

/// The exit code of a process whose settings were refused (`EX_USAGE` of sysexits.h).
pub const REFUSED: u8 = 64;
/// The exit code of a slave that had to kill its master, or whose master failed while stopping.
pub const NOT_DRAINED: u8 = 1;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this code.
    Exited(u8),
    /// A signal with this number killed it.
    Killed(i32),
}

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A master was forked; this is its process.
    Booted(Pid),
    /// A master could not be forked.
    BootFailed,
    /// A child process, by birth or by adoption, has ended.
    Ended(Pid, Ending),
    /// The slave was asked to stop.
    Stop,
    /// Time has passed.
    Tick,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Fork a master.
    Boot {
        /// How often a master was forked before; 0 for the first.
        reboots: u32,
    },
    /// Ask the master to drain and exit.
    Drain(Pid),
    /// Kill the master at once.
    Kill(Pid),
    /// Log that the master has ended, and clean up after it.
    Reaped(Pid, Ending),
    /// Log that a reboot will follow.
    AnnounceReboot {
        /// From now.
        after: Duration,
    },
    /// Exit from the slave with this code.
    Leave(u8),
}

/// Delays and time limits.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// From a master's end to its reboot.
    pub reboot_delay: Duration,
    /// From the request to stop to the master's end.
    pub drain_timeout: Duration,
}

/// The state of the supervision.
#[derive(Clone, Debug)]
pub struct Supervision {
    timing: Timing,
    boots: u32,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A master was to be forked, and the outcome is expected.
    Booting,
    Running {
        master: Pid,
    },
    /// Waiting for the time of the reboot.
    Waiting {
        until: Instant,
    },
    /// The master was asked to exit.
    Draining {
        master: Pid,
        until: Instant,
    },
    /// The master did not exit in time.
    Killing {
        master: Pid,
    },
    Left,
}

impl Supervision {
    /// Begins with the first boot.
    pub fn begin(timing: Timing) -> (Self, Vec<Effect>) {
        let mut supervision = Self { timing, boots: 0, phase: Phase::Left };
        let effects = supervision.boot();
        (supervision, effects)
    }

    /// Processes an event, and returns what to do, in this order.
    pub fn step(&mut self, input: Input, now: Instant) -> Vec<Effect> {
        match (self.phase, input) {
            (Phase::Booting, Input::Booted(master)) => {
                self.phase = Phase::Running { master };
                vec![]
            }
            (Phase::Booting, Input::BootFailed) => self.schedule_reboot(now),
            (Phase::Running { master }, Input::Ended(pid, ending)) if pid == master => {
                self.reaped(master, ending, now)
            }
            (Phase::Running { master }, Input::Stop) => {
                self.phase = Phase::Draining { master, until: now + self.timing.drain_timeout };
                vec![Effect::Drain(master)]
            }
            (Phase::Waiting { until }, Input::Tick) if now >= until => self.boot(),
            (Phase::Waiting { .. } | Phase::Booting, Input::Stop) => self.leave(0),
            (Phase::Draining { master, .. }, Input::Ended(pid, ending)) if pid == master => {
                let mut effects = vec![Effect::Reaped(master, ending)];
                effects.extend(self.leave(code_after_drain(ending)));
                effects
            }
            (Phase::Draining { master, until }, Input::Tick) if now >= until => {
                self.phase = Phase::Killing { master };
                vec![Effect::Kill(master)]
            }
            (Phase::Killing { master }, Input::Ended(pid, ending)) if pid == master => {
                let mut effects = vec![Effect::Reaped(master, ending)];
                effects.extend(self.leave(NOT_DRAINED));
                effects
            }
            // Orphans that end, a second request to stop, a tick without a deadline.
            _ => vec![],
        }
    }

    /// When a `Tick` is due, if nothing else happens before.
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting { until } | Phase::Draining { until, .. } => Some(until),
            Phase::Booting | Phase::Running { .. } | Phase::Killing { .. } | Phase::Left => None,
        }
    }

    fn boot(&mut self) -> Vec<Effect> {
        self.phase = Phase::Booting;
        let reboots = self.boots;
        self.boots = self.boots.saturating_add(1);
        vec![Effect::Boot { reboots }]
    }

    fn schedule_reboot(&mut self, now: Instant) -> Vec<Effect> {
        let after = self.timing.reboot_delay;
        self.phase = Phase::Waiting { until: now + after };
        vec![Effect::AnnounceReboot { after }]
    }

    fn reaped(&mut self, master: Pid, ending: Ending, now: Instant) -> Vec<Effect> {
        let mut effects = vec![Effect::Reaped(master, ending)];
        // At the first boot, a refusal is a mistake in the settings, and whoever made it should see
        // it now. Later, the same settings have worked before, so what was refused (such as a port
        // that another process took meanwhile) may work again.
        effects.extend(if self.boots == 1 && ending == Ending::Exited(REFUSED) {
            self.leave(REFUSED)
        } else {
            self.schedule_reboot(now)
        });
        effects
    }

    fn leave(&mut self, code: u8) -> Vec<Effect> {
        self.phase = Phase::Left;
        vec![Effect::Leave(code)]
    }
}

/// A master that was asked to drain before it could handle that signal has not lost anything
/// either.
fn code_after_drain(ending: Ending) -> u8 {
    /// `SIGTERM` on every architecture of Linux.
    const SIGTERM: i32 = 15;
    match ending {
        Ending::Exited(0) | Ending::Killed(SIGTERM) => 0,
        Ending::Exited(_) | Ending::Killed(_) => NOT_DRAINED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_secs(25);
    const DRAIN: Duration = Duration::from_secs(10);
    const KILLED: Ending = Ending::Killed(9);

    /// Plays inputs at these seconds after the start, and checks the effects of each.
    fn play(script: &[(u64, Input, &[Effect])]) {
        let start = Instant::now();
        let timing = Timing { reboot_delay: DELAY, drain_timeout: DRAIN };
        let (mut supervision, effects) = Supervision::begin(timing);
        assert_eq!(effects, [Effect::Boot { reboots: 0 }]);
        for (line, (seconds, input, expected)) in script.iter().enumerate() {
            let effects = supervision.step(*input, start + Duration::from_secs(*seconds));
            assert_eq!(effects, *expected, "line {line}: {input:?}");
        }
    }

    #[test]
    fn whatever_ends_the_master_it_is_rebooted_after_the_delay_and_counted() {
        let countdown = Effect::AnnounceReboot { after: DELAY };
        for ending in [Ending::Exited(0), Ending::Exited(1), KILLED, Ending::Killed(15)] {
            play(&[
                (0, Input::Booted(7), &[]),
                (5, Input::Ended(7, ending), &[Effect::Reaped(7, ending), countdown]),
                (29, Input::Tick, &[]),
                (30, Input::Tick, &[Effect::Boot { reboots: 1 }]),
                (30, Input::Booted(8), &[]),
                (40, Input::Ended(8, ending), &[Effect::Reaped(8, ending), countdown]),
                (65, Input::Tick, &[Effect::Boot { reboots: 2 }]),
            ]);
        }
    }

    #[test]
    fn a_first_master_whose_settings_are_refused_takes_the_slave_with_it() {
        let refused = Ending::Exited(REFUSED);
        play(&[
            (0, Input::Booted(7), &[]),
            (0, Input::Ended(7, refused), &[Effect::Reaped(7, refused), Effect::Leave(REFUSED)]),
        ]);
    }

    #[test]
    fn a_later_master_whose_settings_are_refused_is_tried_again() {
        let refused = Ending::Exited(REFUSED);
        let countdown = Effect::AnnounceReboot { after: DELAY };
        play(&[
            (0, Input::Booted(7), &[]),
            (1, Input::Ended(7, KILLED), &[Effect::Reaped(7, KILLED), countdown]),
            (26, Input::Tick, &[Effect::Boot { reboots: 1 }]),
            (26, Input::Booted(8), &[]),
            (27, Input::Ended(8, refused), &[Effect::Reaped(8, refused), countdown]),
        ]);
    }

    #[test]
    fn a_boot_that_fails_is_tried_again_after_the_delay() {
        play(&[
            (0, Input::BootFailed, &[Effect::AnnounceReboot { after: DELAY }]),
            (24, Input::Tick, &[]),
            (25, Input::Tick, &[Effect::Boot { reboots: 1 }]),
        ]);
    }

    #[test]
    fn a_stopping_slave_waits_for_its_master_to_drain() {
        for (ending, code) in [
            (Ending::Exited(0), 0),
            (Ending::Killed(15), 0),
            (Ending::Exited(1), NOT_DRAINED),
            (KILLED, NOT_DRAINED),
        ] {
            play(&[
                (0, Input::Booted(7), &[]),
                (1, Input::Stop, &[Effect::Drain(7)]),
                (2, Input::Stop, &[]),
                (10, Input::Tick, &[]),
                (10, Input::Ended(7, ending), &[Effect::Reaped(7, ending), Effect::Leave(code)]),
            ]);
        }
    }

    #[test]
    fn a_master_that_does_not_drain_in_time_is_killed() {
        play(&[
            (0, Input::Booted(7), &[]),
            (1, Input::Stop, &[Effect::Drain(7)]),
            (11, Input::Tick, &[Effect::Kill(7)]),
            (12, Input::Tick, &[]),
            (12, Input::Stop, &[]),
            (12, Input::Ended(7, KILLED), &[Effect::Reaped(7, KILLED), Effect::Leave(NOT_DRAINED)]),
        ]);
    }

    #[test]
    fn a_stop_during_the_countdown_ends_the_slave_at_once() {
        play(&[
            (0, Input::Booted(7), &[]),
            (
                1,
                Input::Ended(7, KILLED),
                &[Effect::Reaped(7, KILLED), Effect::AnnounceReboot { after: DELAY }],
            ),
            (2, Input::Stop, &[Effect::Leave(0)]),
            (30, Input::Tick, &[]),
        ]);
    }

    #[test]
    fn orphans_that_end_change_nothing() {
        play(&[
            (0, Input::Booted(7), &[]),
            (1, Input::Ended(99, KILLED), &[]),
            (2, Input::Stop, &[Effect::Drain(7)]),
            (3, Input::Ended(99, Ending::Exited(0)), &[]),
            (
                4,
                Input::Ended(7, Ending::Exited(0)),
                &[Effect::Reaped(7, Ending::Exited(0)), Effect::Leave(0)],
            ),
        ]);
    }

    #[test]
    fn a_tick_is_asked_for_only_when_time_decides() {
        let now = Instant::now();
        let timing = Timing { reboot_delay: DELAY, drain_timeout: DRAIN };
        let (mut supervision, _) = Supervision::begin(timing);
        supervision.step(Input::Booted(7), now);
        assert_eq!(supervision.deadline(), None);
        let mut stopping = supervision.clone();
        stopping.step(Input::Stop, now);
        assert_eq!(stopping.deadline(), Some(now + DRAIN));
        supervision.step(Input::Ended(7, KILLED), now);
        assert_eq!(supervision.deadline(), Some(now + DELAY));
    }
}
