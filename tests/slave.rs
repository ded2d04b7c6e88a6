//! The slave as a process: what it does to its master, and what happens to each when the other
//! dies.
//!
//! This test has a `main` of its own: started with the argument `slave` it **is** a slave, with a
//! master that only waits to be stopped. A fork needs a process without other threads, unlike the
//! usual test harness.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

#[path = "stories/mod.rs"]
mod stories;

use std::{
    env, fs,
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{SigSet, Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tinysns::{
    cli,
    settings::MasterSettings,
    slave,
    slot::{Slot, SlotInfo},
};

use stories::Story;

/// Far longer than a process needs to start or to end on a busy machine.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// Between two checks of a condition.
const POLL_EVERY: Duration = Duration::from_millis(2);
/// How the fake master behaves: `obedient`, `stubborn` or `refusing`.
const BEHAVIOUR: &str = "FAKE_MASTER";

const STORIES: [(&str, fn()); 7] = [
    ("a_killed_master_is_forked_again_in_its_slot", a_killed_master_is_forked_again_in_its_slot),
    ("a_stopping_slave_drains_its_master", a_stopping_slave_drains_its_master),
    ("a_master_ends_with_its_slave", a_master_ends_with_its_slave),
    ("a_stubborn_master_is_killed_in_the_end", a_stubborn_master_is_killed_in_the_end),
    ("a_slave_whose_first_master_is_refused_ends", a_slave_whose_first_master_is_refused_ends),
    ("a_slave_stops_at_once_while_it_counts_down", a_slave_stops_at_once_while_it_counts_down),
    ("a_slot_is_held_until_slave_and_master_are_gone", a_slot_is_held_until_both_are_gone),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "slave") {
        return be_a_slave();
    }
    stories::run(STORIES.map(|(name, tell)| Story::new(name, tell)), &arguments)
}

fn be_a_slave() -> ExitCode {
    match cli::parse(env::args_os(), env::vars_os()).expect("the test's flags are valid") {
        cli::Invocation { command: cli::Subcommand::Slave(settings), .. } => {
            slave::run(settings, be_a_master).expect("the slave begins")
        }
        other => panic!("not a slave: {other:?}"),
    }
}

/// Records that it was started, then waits to be stopped.
#[expect(clippy::needless_pass_by_value, reason = "the type of a master's entry")]
fn be_a_master(_settings: MasterSettings, slot: SlotInfo) -> u8 {
    let behaviour = env::var(BEHAVIOUR).expect("set by the story");
    if behaviour == "refusing" {
        return slave::REFUSED;
    }
    let own_mask = SigSet::thread_get_mask().expect("a thread has a mask");
    assert!(!own_mask.contains(Signal::SIGTERM), "the slave's mask is not its master's");
    let mut end = SigSet::empty();
    end.add(Signal::SIGTERM);
    end.thread_block().expect("SIGTERM can be blocked");
    let note = slot.directory.join(format!("booted-{}", slot.reboots));
    fs::write(note, "").expect("the slot can be written");
    if behaviour == "stubborn" {
        // Not for ever: a story that fails must not leave a process behind.
        thread::sleep(CALL_TIMEOUT * 3);
        return 1;
    }
    end.wait().expect("SIGTERM can be awaited");
    0
}

/// A slave under test; killed with the story, if it is still there.
struct Case {
    data: TempDir,
    slave: Child,
}

impl Case {
    fn start(behaviour: &str, flags: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let slave = Command::new(env::current_exe().unwrap())
            .args(["slave", "--data-dir"])
            .arg(data.path())
            .args(flags)
            .env(BEHAVIOUR, behaviour)
            .env("TINYSNS_SECRET", "0123456789012345")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self { data, slave }
    }

    fn slot(&self, file: &str) -> PathBuf {
        self.data.path().join("slot-001").join(file)
    }

    /// Waits until the master is ready that was forked after `reboots` others, and returns its
    /// process id.
    fn booted(&self, reboots: u32) -> Pid {
        wait_until("a master is running", || self.slot(&format!("booted-{reboots}")).exists());
        wait_until("its pid is recorded", || self.slot("master.pid").exists());
        let pid = fs::read_to_string(self.slot("master.pid")).unwrap();
        Pid::from_raw(pid.trim().parse().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.slave.id().cast_signed()), signal).unwrap();
    }

    fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the slave ends", || {
            status = self.slave.try_wait().unwrap();
            status.is_some()
        });
        status.expect("waited for")
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        let _ = self.slave.kill();
        let _ = self.slave.wait();
    }
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + CALL_TIMEOUT;
    while !condition() {
        assert!(Instant::now() < deadline, "timed out waiting for this: {what}");
        thread::sleep(POLL_EVERY);
    }
}

/// Whether a process has ended; a zombie has.
fn is_gone(pid: Pid) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')),
        Err(_) => true,
    }
}

fn name_of(pid: Pid) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap().trim().to_owned()
}

fn a_killed_master_is_forked_again_in_its_slot() {
    let case = Case::start("obedient", &["--reboot-delay", "10ms"]);
    let mut last = case.booted(0);
    assert_eq!(name_of(last), "tinysns-master");
    assert_eq!(name_of(Pid::from_raw(case.slave.id().cast_signed())), "tinysns-slave");
    for (reboots, signal) in [(1, Signal::SIGKILL), (2, Signal::SIGTERM), (3, Signal::SIGABRT)] {
        kill(last, signal).unwrap();
        let next = case.booted(reboots);
        assert_ne!(next, last);
        assert!(is_gone(last));
        last = next;
    }
}

fn a_stopping_slave_drains_its_master() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut case = Case::start("obedient", &[]);
        let master = case.booted(0);
        case.signal(signal);
        assert_eq!(case.ended().code(), Some(0));
        assert!(is_gone(master));
        assert!(!case.slot("master.pid").exists());
    }
}

fn a_master_ends_with_its_slave() {
    let mut case = Case::start("obedient", &[]);
    let master = case.booted(0);
    case.signal(Signal::SIGKILL);
    assert_eq!(case.ended().signal(), Some(9));
    wait_until("the master ends", || is_gone(master));
}

fn a_stubborn_master_is_killed_in_the_end() {
    let mut case = Case::start("stubborn", &["--drain-timeout", "100ms"]);
    let master = case.booted(0);
    case.signal(Signal::SIGTERM);
    assert_eq!(case.ended().code(), Some(1));
    assert!(is_gone(master));
}

fn a_slave_whose_first_master_is_refused_ends() {
    let mut case = Case::start("refusing", &[]);
    assert_eq!(case.ended().code(), Some(i32::from(slave::REFUSED)));
}

fn a_slave_stops_at_once_while_it_counts_down() {
    let mut case = Case::start("obedient", &["--reboot-delay", "1h"]);
    let master = case.booted(0);
    kill(master, Signal::SIGKILL).unwrap();
    wait_until("the master's pid file is removed", || !case.slot("master.pid").exists());
    case.signal(Signal::SIGTERM);
    assert_eq!(case.ended().code(), Some(0));
}

fn a_slot_is_held_until_both_are_gone() {
    let mut case = Case::start("stubborn", &[]);
    let master = case.booted(0);
    assert_eq!(Slot::claim(case.data.path()).unwrap().number(), 2);
    case.signal(Signal::SIGKILL);
    case.ended();
    assert_eq!(Slot::claim(case.data.path()).unwrap().number(), 2, "the master is still there");
    kill(master, Signal::SIGKILL).unwrap();
    wait_until("the slot is free", || Slot::claim(case.data.path()).unwrap().number() == 1);
}
