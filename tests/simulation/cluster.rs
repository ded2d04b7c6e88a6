//! A whole cluster in the world: the router's process, slaves that reboot their masters, clients;
//! and what happens to them, in the order of time.

use std::{
    cell::RefCell,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    mem,
    path::{Path, PathBuf},
};

use tinysns::{
    cli::{self, Subcommand},
    host::{
        disk, panics,
        simulated::{
            self, Machine,
            clock::{self, MILLISECOND},
            files::{self, DirectoryCopy},
            network,
        },
    },
    master,
    replication::observed,
    router,
    settings::{MasterSettings, RouterSettings},
    slot::SlotInfo,
    social::State,
};
use tokio_util::sync::CancellationToken;

use crate::{
    invariants::WITNESS,
    plan::{Place, Plan},
    process::Process,
};

/// Docker starts a router again soon.
const ROUTER_REBOOT_MS: u64 = 1_000;
/// How long a machine is without power that has lost it in a write.
const POWERLESS_MS: u64 = 1_000;

/// How a process has ended.
pub type Ended = anyhow::Result<()>;

/// A machine with what runs on it.
#[expect(clippy::struct_excessive_bools, reason = "they have nothing to do with each other")]
pub struct Host {
    pub place: Place,
    pub machine: Machine,
    process: Option<Process<Ended>>,
    stop: CancellationToken,
    pub paused: bool,
    pub powered: bool,
    /// Somebody wants it to run; a master that was scaled down is not.
    pub wanted: bool,
    reboots: u32,
    /// A copy of its state that was put by.
    copied_state: Option<DirectoryCopy>,
    /// The version of its program: the next one, or this one.
    pub is_upgraded: bool,
}

impl Host {
    /// Whether its process runs and does not stand still.
    pub fn is_up(&self) -> bool {
        self.process.is_some() && self.powered && !self.paused
    }

    /// Its process ends in the middle of something. If it was about to stop for good, it is started
    /// again all the same: the others may still need it.
    fn dies(&mut self) {
        self.wanted |= self.process.is_some();
        self.process = None;
        self.paused = false;
    }

    /// Whether its process is about to end and not to be started again.
    pub fn leaves_for_good(&self) -> bool {
        self.process.is_some() && !self.wanted
    }

    /// Whether its process was asked to stop.
    pub fn stops(&self) -> bool {
        self.stop.is_cancelled()
    }
}

/// What the world does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happening {
    /// A host's process is started, unless it runs.
    Start(usize),
    /// A host has power again.
    PowerOn(usize),
    /// The fault with this number begins.
    Begin(usize),
    /// It is over.
    End(usize),
    /// The membership changes, or a leader begins.
    Change,
    /// One step of a fault that has several.
    Step(usize, u32),
}

thread_local! {
    /// What was said in panics since this was last looked at.
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// What was said in panics that nobody has looked at: this program's own, if it ends with one.
pub fn unseen_panics() -> Vec<String> {
    PANICS.take()
}

/// Notes panics instead of printing them.
pub fn note_panics() {
    std::panic::set_hook(Box::new(|info| {
        if panics::are_contained() {
            return;
        }
        PANICS.with_borrow_mut(|panics| panics.push(info.to_string().replace('\n', " ")));
    }));
}

/// The cluster.
pub struct Cluster {
    pub hosts: Vec<Host>,
    happenings: BinaryHeap<Reverse<(u64, u64, Happening)>>,
    counted: u64,
    reboot_delay_ms: u64,
    /// Heartbeats, elections and reports take so many times as long as by default.
    pub slower: u64,
    stream_queue: usize,
    /// What must not happen, and did.
    pub violations: Vec<String>,
    /// How often things happened, by their names.
    pub counts: BTreeMap<String, u64>,
    /// The program of each client.
    clients: Box<dyn Fn(usize, String) -> ClientMain>,
    /// The names of nodes whose disks were lost, until somebody has taken note.
    pub lost: Vec<String>,
}

/// What runs on a client's machine.
pub type ClientMain = std::pin::Pin<Box<dyn Future<Output = Ended>>>;

impl Cluster {
    /// A cluster according to the plan, whose processes start at once.
    pub fn new(plan: &Plan, clients: impl Fn(usize, String) -> ClientMain + 'static) -> Self {
        let mut cluster = Self {
            hosts: Vec::new(),
            happenings: BinaryHeap::new(),
            counted: 0,
            reboot_delay_ms: plan.reboot_delay_ms,
            slower: plan.slower,
            stream_queue: plan.stream_queue,
            violations: Vec::new(),
            counts: BTreeMap::new(),
            clients: Box::new(clients),
            lost: Vec::new(),
        };
        let slots = (0..plan.masters).map(Place::Slot);
        let clients = (0..plan.clients).map(Place::Client);
        for place in std::iter::once(Place::Router).chain(slots).chain(clients) {
            cluster.add(place);
        }
        for (number, planned) in plan.faults.iter().enumerate() {
            cluster.schedule(planned.at_ms * MILLISECOND, Happening::Begin(number));
        }
        cluster
    }

    /// Adds a machine, which starts at once.
    pub fn add(&mut self, place: Place) {
        let number = self.hosts.len();
        self.hosts.push(Host {
            place,
            machine: Machine::add(),
            process: None,
            stop: CancellationToken::new(),
            paused: false,
            powered: true,
            wanted: true,
            reboots: 0,
            copied_state: None,
            // Once the upgrade has begun, the old program is installed nowhere any more.
            is_upgraded: self.hosts.iter().any(|host| host.is_upgraded),
        });
        self.schedule(clock::now(), Happening::Start(number));
    }

    /// The number of the host at a place, if it exists.
    pub fn at(&self, place: Place) -> Option<usize> {
        self.hosts.iter().position(|host| host.place == place)
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.hosts.iter().filter(|host| matches!(host.place, Place::Slot(_))).count()
    }

    /// How many masters are to run.
    pub fn wanted_slots(&self) -> usize {
        let wanted = |host: &&Host| host.wanted && matches!(host.place, Place::Slot(_));
        self.hosts.iter().filter(wanted).count()
    }

    /// The place of a node by its name.
    pub fn place_of(&self, name: &str) -> Option<Place> {
        let mut places = self.hosts.iter().map(|host| host.place);
        places.find(|place| match place {
            Place::Router => name == WITNESS,
            Place::Slot(slot) => name == name_of(*slot),
            Place::Client(_) | Place::Leader => false,
        })
    }

    /// The names of the masters that are to run.
    pub fn expected_voters(&self) -> BTreeSet<String> {
        let wanted = self.hosts.iter().filter(|host| host.wanted);
        let name = |host: &Host| match host.place {
            Place::Slot(slot) => Some(name_of(slot)),
            Place::Router | Place::Client(_) | Place::Leader => None,
        };
        wanted.filter_map(name).collect()
    }

    pub fn schedule(&mut self, at: u64, what: Happening) {
        self.counted += 1;
        self.happenings.push(Reverse((at, self.counted, what)));
    }

    pub fn count(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    fn router_address(&self) -> String {
        let router = &self.hosts[self.at(Place::Router).expect("there is one")];
        format!("{}:3010", router.machine.ip())
    }

    /// Starts a host's process, unless it runs, has no power, or is not wanted.
    fn start(&mut self, number: usize) {
        let (router, slower) = (self.router_address(), self.slower);
        let stream_queue = self.stream_queue.to_string();
        let host = &mut self.hosts[number];
        if host.process.is_some() || !host.powered || !host.wanted {
            return;
        }
        host.stop = CancellationToken::new();
        let stop = host.stop.clone();
        let process = match host.place {
            Place::Router => {
                Process::start(host.machine, || router::run(router_settings(slower), stop))
            }
            Place::Slot(slot) => {
                let reboots = host.reboots;
                host.reboots += 1;
                let settings = master_settings(&router, slot, slower, &stream_queue);
                Process::start(host.machine, move || run_master(settings, reboots, stop))
            }
            Place::Client(client) => {
                Process::start(host.machine, || (self.clients)(client, router))
            }
            Place::Leader => unreachable!("it is somewhere"),
        };
        host.process = Some(process);
    }

    /// Kills a host's process, if it runs; it is started again, after a while.
    pub fn kill(&mut self, number: usize) {
        let host = &mut self.hosts[number];
        if !host.powered {
            return;
        }
        host.machine.kill();
        host.dies();
        self.reboot_later(number);
    }

    /// A host loses its power; [`power_on`](Self::power_on) has to follow.
    pub fn power_off(&mut self, number: usize) {
        let host = &mut self.hosts[number];
        host.machine.power_off();
        host.dies();
        host.powered = false;
    }

    /// A host without power gets an empty disk.
    pub fn lose_disk(&mut self, number: usize) {
        let host = &mut self.hosts[number];
        host.machine.lose_disk();
        host.copied_state = None;
        match host.place {
            Place::Router => self.lost.push(WITNESS.to_owned()),
            Place::Slot(slot) => self.lost.push(name_of(slot)),
            Place::Client(_) | Place::Leader => {}
        }
    }

    /// Puts a copy of a master's state by, if it has one.
    pub fn copy_state(&mut self, number: usize) {
        let host = &mut self.hosts[number];
        host.copied_state = files::copy_directory(host.machine, &state_directory());
    }

    /// Replaces the state of a master that is down by the copy that was put by; false if there is none.
    pub fn restore_state(&mut self, number: usize) -> bool {
        let host = &mut self.hosts[number];
        let Some(copy) = host.copied_state.take() else { return false };
        files::put_directory(host.machine, &copy);
        true
    }

    pub fn power_on(&mut self, number: usize) {
        let host = &mut self.hosts[number];
        if !mem::replace(&mut host.powered, true) {
            host.machine.power_on();
            self.schedule(clock::now(), Happening::Start(number));
        }
    }

    /// Asks a host's process to stop in good order.
    pub fn ask_to_stop(&mut self, number: usize) {
        self.hosts[number].stop.cancel();
    }

    /// Starts it, if it does not run.
    pub fn start_now(&mut self, number: usize) {
        self.schedule(clock::now(), Happening::Start(number));
    }

    fn reboot_later(&mut self, number: usize) {
        let delay = match self.hosts[number].place {
            Place::Router => ROUTER_REBOOT_MS,
            Place::Slot(_) | Place::Client(_) | Place::Leader => self.reboot_delay_ms,
        };
        self.schedule(clock::now() + delay * MILLISECOND, Happening::Start(number));
    }

    /// Lets the world go on until the next thing happens that is not a process's own affair, and
    /// returns it; none if `until` (nanoseconds) comes first.
    pub fn next(&mut self, until: u64) -> Option<Happening> {
        loop {
            let wakes = self.hosts.iter().filter_map(|host| {
                if host.paused { None } else { host.process.as_ref()?.wakes_at }
            });
            let planned = self.happenings.peek().map(|Reverse((at, _, _))| *at);
            let next = wakes.chain(planned).chain(network::next_event()).min();
            let next = next.unwrap_or(until).max(clock::now());
            if next >= until {
                clock::advance(until);
                return None;
            }
            clock::advance(next);
            if planned.is_some_and(|at| at <= next) {
                let Reverse((_, _, what)) = self.happenings.pop().expect("it was there");
                match what {
                    Happening::Start(number) => self.start(number),
                    Happening::PowerOn(number) => self.power_on(number),
                    what => return Some(what),
                }
            }
            self.run_hosts(next);
            if observed::has_news() {
                return Some(Happening::Change);
            }
        }
    }

    fn run_hosts(&mut self, now: u64) {
        let touched = network::run_events();
        for number in 0..self.hosts.len() {
            let host = &mut self.hosts[number];
            let Some(process) = &mut host.process else { continue };
            let is_due = process.wakes_at.is_some_and(|at| at <= now);
            if host.paused || !(is_due || touched.contains(&host.machine)) {
                continue;
            }
            tinysns::envelope::version::simulate_next_version(host.is_upgraded);
            let ended = process.run();
            self.look_at(number, ended);
        }
    }

    /// What a run of a host's process came to.
    fn look_at(&mut self, number: usize, ended: Option<Ended>) {
        let panics = PANICS.take();
        let host = &mut self.hosts[number];
        if simulated::is_stopping(host.machine) {
            // Its power has gone in the middle of a write; whatever it did since reached nobody.
            self.power_off(number);
            self.count("stopped in a write");
            self.schedule(clock::now() + POWERLESS_MS * MILLISECOND, Happening::PowerOn(number));
            return;
        }
        let disk_fails = host.machine.disk_fails();
        if !panics.is_empty() {
            let place = host.place;
            return self.violations.push(format!("{place:?} panicked: {}", panics.join("; ")));
        }
        let Some(ended) = ended else { return };
        let place = host.place;
        let was_asked = host.stops();
        host.machine.kill();
        host.process = None;
        match (place, ended) {
            (Place::Client(_), Ok(())) => {}
            (_, Ok(())) if was_asked => {
                self.count("stopped in good order");
                self.start_now(number);
            }
            (_, Ok(())) => self.violations.push(format!("{place:?} stopped by itself")),
            (_, Err(error)) => {
                if disk_fails {
                    self.count("ended by a failing disk");
                } else {
                    self.violations.push(format!("{place:?} ended: {error:#}"));
                }
                self.reboot_later(number);
            }
        }
    }
}

fn settings(arguments: &[&str]) -> Subcommand {
    let program = ["tinysns"].into_iter().chain(arguments.iter().copied());
    let parsed = cli::parse(program, [("TINYSNS_SECRET", "a secret of the cluster")]);
    parsed.unwrap_or_else(|refused| panic!("{refused}")).command
}

/// How long nodes take by default, in milliseconds, which `slower` multiplies.
const NODE: [(&str, u64); 3] =
    [("--heartbeat", 100), ("--election-min", 500), ("--election-max", 1_000)];
const ROUTER: [(&str, u64); 1] = [("--down-after", 500)];
const MASTER: [(&str, u64); 1] = [("--report-interval", 200)];

/// Nobody listens in on simulated connections.
const IN_CLEAR: [&str; 2] = ["--node-encryption", "off"];

fn timings(of_role: [(&str, u64); 1], slower: u64) -> Vec<String> {
    let all = NODE.into_iter().chain(of_role);
    all.flat_map(|(name, by_default)| [name.to_owned(), format!("{}ms", by_default * slower)])
        .collect()
}

fn router_settings(slower: u64) -> RouterSettings {
    let timings = timings(ROUTER, slower);
    let mut arguments = vec!["router", "--router-data-dir", "/data/router"];
    arguments.extend(IN_CLEAR);
    arguments.extend(timings.iter().map(String::as_str));
    match settings(&arguments) {
        Subcommand::Router(settings) => settings,
        _ => unreachable!("it is a router"),
    }
}

/// What the master in a slot is called.
fn name_of(slot: usize) -> String {
    format!("server-{}", slot + 1)
}

fn master_settings(router: &str, slot: usize, slower: u64, stream_queue: &str) -> MasterSettings {
    let (name, timings) = (name_of(slot), timings(MASTER, slower));
    let mut arguments = vec!["master", "--router", router, "--data-dir", "/data", "--name", &name];
    arguments.extend(IN_CLEAR);
    arguments.extend(["--stream-queue", stream_queue, "--rate-limits", "off"]);
    arguments.extend(timings.iter().map(String::as_str));
    match settings(&arguments) {
        Subcommand::Master(settings) => settings,
        _ => unreachable!("it is a master"),
    }
}

/// Where the slot of a master is, on its machine.
const SLOT: &str = "/data/slot-001";

fn state_directory() -> PathBuf {
    Path::new(SLOT).join(State::DIRECTORY)
}

/// What a slave does, without the fork.
async fn run_master(settings: MasterSettings, reboots: u32, stop: CancellationToken) -> Ended {
    let directory = PathBuf::from(SLOT);
    disk::create_private_directory(&directory)?;
    master::run(settings, SlotInfo { number: 1, directory, reboots }, stop).await
}
