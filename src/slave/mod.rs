//! The slave: a small supervisor that forks a master, and forks another when that ends.
//!
//! - `supervision`: its decisions; pure.
//! - `fork`: how it creates a child.
//! - here: the shell, which waits for signals and carries out the decisions.
//!
//! **Architecture invariant:** single-threaded and without a runtime, so that `fork()` is safe and
//! little can go wrong. It does not know what a master is: it is given a function.

mod fork;
mod supervision;

use std::{
    os::fd::AsFd as _,
    process::ExitCode,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        prctl,
        signal::{SigSet, SigmaskHow, Signal, kill},
        signalfd::{SfdFlags, SignalFd},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use tracing::{error, info, warn};

use crate::{
    host::process_setup,
    settings::{MasterSettings, SlaveSettings},
    slot::{Slot, SlotError, SlotInfo},
};
use supervision::{Effect, Ending, Input, Supervision, Timing};

pub use supervision::REFUSED;

/// The whole life of a master: takes its settings and its slot, and returns its exit code.
pub type Master = fn(MasterSettings, SlotInfo) -> u8;

/// Why a slave could not start, or not continue.
#[derive(Debug, thiserror::Error)]
pub enum SlaveError {
    /// No slot of the data directory could be claimed.
    #[error("cannot claim a slot: {0}")]
    Slot(#[from] SlotError),
    /// The kernel refuses to let it wait for signals.
    #[error("cannot wait for signals: {0}")]
    Signals(#[from] Errno),
}

/// Supervises until it is asked to stop. Must run on the main thread, which must be the only one.
pub fn run(settings: SlaveSettings, master: Master) -> Result<ExitCode, SlaveError> {
    prctl::set_name(c"tinysns-slave")?;
    process_setup::detach_from_terminal();
    process_setup::keep_files_private();
    let slot = Slot::claim(&settings.master.data_dir)?;
    let mut awaited = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT] {
        awaited.add(signal);
    }
    let mask = awaited.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
    let signals = SignalFd::with_flags(&awaited, flags)?;
    info!(role = "slave", slot = slot.number(), "supervising");
    Slave { settings, master, slot, mask, signals }.supervise()
}

struct Slave {
    settings: SlaveSettings,
    master: Master,
    slot: Slot,
    /// The signal mask for masters: the slave's own, before it blocked the signals that it waits
    /// for.
    mask: SigSet,
    signals: SignalFd,
}

impl Slave {
    fn supervise(self) -> Result<ExitCode, SlaveError> {
        let (mut supervision, effects) = Supervision::begin(Timing {
            reboot_delay: self.settings.reboot_delay,
            drain_timeout: self.settings.master.drain_timeout,
        });
        let mut code = self.perform_all(&mut supervision, effects);
        while code.is_none() {
            for input in self.wait_for_signals(supervision.deadline())? {
                let effects = supervision.step(input, Instant::now());
                code = code.or(self.perform_all(&mut supervision, effects));
            }
        }
        Ok(code.unwrap_or_default().into())
    }

    /// Carries out effects and whatever follows from them; returns the exit code once it is time to
    /// exit.
    fn perform_all(&self, supervision: &mut Supervision, effects: Vec<Effect>) -> Option<u8> {
        let mut code = None;
        for effect in effects {
            let follows = match effect {
                Effect::Boot { reboots } => supervision.step(self.boot(reboots), Instant::now()),
                Effect::Leave(with) => {
                    info!(role = "slave", code = with, "leaving");
                    code = Some(with);
                    vec![]
                }
                effect => {
                    self.perform(effect);
                    vec![]
                }
            };
            code = code.or(self.perform_all(supervision, follows));
        }
        code
    }

    fn perform(&self, effect: Effect) {
        match effect {
            Effect::Drain(pid) => {
                info!(role = "slave", pid, "stopping the master");
                signal(pid, Signal::SIGTERM);
            }
            Effect::Kill(pid) => {
                warn!(role = "slave", pid, "the master did not drain in time: killing it");
                signal(pid, Signal::SIGKILL);
            }
            Effect::Reaped(pid, ending) => {
                match ending {
                    Ending::Exited(code) => {
                        info!(role = "slave", pid, code, "the master has ended");
                    }
                    Ending::Killed(number) => {
                        let signal = Signal::try_from(number).map_or("unknown", Signal::as_str);
                        warn!(role = "slave", pid, signal, "the master was killed");
                    }
                }
                if let Err(error) = self.slot.forget_master() {
                    warn!(role = "slave", %error, "cannot remove master.pid");
                }
            }
            Effect::AnnounceReboot { after } => {
                let after = humantime::format_duration(after);
                info!(role = "slave", %after, "a new master will be forked");
            }
            Effect::Boot { .. } | Effect::Leave(_) => {
                unreachable!("perform_all carries out effects that have consequences")
            }
        }
    }

    fn boot(&self, reboots: u32) -> Input {
        let master = || (self.master)(self.settings.master.clone(), self.slot.info(reboots));
        match fork::fork(&self.mask, master) {
            Ok(pid) => {
                info!(role = "slave", pid = pid.as_raw(), reboots, "forked a master");
                if let Err(error) = self.slot.record_master(pid.as_raw().unsigned_abs()) {
                    warn!(role = "slave", %error, "cannot write master.pid");
                }
                Input::Booted(pid.as_raw())
            }
            Err(error) => {
                error!(role = "slave", %error, "cannot fork a master");
                Input::BootFailed
            }
        }
    }

    /// Waits for signals until `deadline`, and returns what they meant. A request to stop comes
    /// first: a master that ended because of the same Ctrl-C must not count as crashed.
    fn wait_for_signals(&self, deadline: Option<Instant>) -> Result<Vec<Input>, SlaveError> {
        let mut ready = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, poll_timeout(deadline)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut inputs = vec![];
        let mut children = false;
        while let Some(signal) = self.signals.read_signal()? {
            match i32::try_from(signal.ssi_signo).map(Signal::try_from) {
                Ok(Ok(Signal::SIGCHLD)) => children = true,
                _ => inputs.push(Input::Stop),
            }
        }
        if children {
            inputs.extend(reap());
        }
        inputs.push(Input::Tick);
        Ok(inputs)
    }
}

/// Collects every child that has ended: our master and, in the first process of a container,
/// orphans. One `SIGCHLD` may stand for several of them.
fn reap() -> Vec<Input> {
    let mut inputs = vec![];
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => {
                // The kernel keeps the low 8 bits of an exit code.
                let code = u8::try_from(code & 0xff).unwrap_or_default();
                inputs.push(Input::Ended(pid.as_raw(), Ending::Exited(code)));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                inputs.push(Input::Ended(pid.as_raw(), Ending::Killed(signal as i32)));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return inputs,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => {
                error!(role = "slave", %error, "cannot collect ended processes");
                return inputs;
            }
        }
    }
}

/// A master that has ended but was not yet collected accepts every signal.
fn signal(pid: supervision::Pid, signal: Signal) {
    if let Err(error) = kill(Pid::from_raw(pid), signal) {
        error!(role = "slave", pid, %signal, %error, "cannot signal the master");
    }
}

/// Rounded up: if a tick came a little early, the loop would spin until it is time.
fn poll_timeout(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    let left = deadline.saturating_duration_since(Instant::now());
    PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
}
