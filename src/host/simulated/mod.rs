//! The hosts of a simulated world, in the place of the system: their clocks, their network, their
//! disks. Compiled only with the feature `laboratory`.
//!
//! - [`clock`]: what time it is in the world, and on each machine's clocks
//! - [`network`]: connections, and the links that carry them; [`stream`] is one end of a connection
//! - [`files`]: disks that may lose what was not synced; [`open_file`] is a file on one that is open,
//!   [`backend`] a database
//!
//! The world is one for the process, since a process simulates one seed. It does nothing by itself:
//! `tests/simulation` runs its machines, one after the other on one thread, each on a runtime of its
//! own, and moves the clock between them. What runs on a machine runs inside [`Machine::enter`];
//! outside, everything in `host` is real.
//!
//! **Architecture invariant:** a machine reaches another only through an event of [`network`]; so it
//! can be stopped at any moment, and what it does meanwhile takes no time.

pub mod backend;
pub mod clock;
pub(crate) mod connector;
pub mod files;
mod library_files;
pub mod network;
pub mod open_file;
mod segments;
pub mod stream;
#[cfg(test)]
mod tests;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};

use self::{clock::Clocks, files::Disks, network::Network};

/// Nothing runs on a machine.
const NONE: u16 = u16::MAX;
/// The machine on which code runs now.
static CURRENT: AtomicU16 = AtomicU16::new(NONE);

static WORLD: Mutex<Option<World>> = Mutex::new(None);

/// Everything that is simulated.
struct World {
    random: SmallRng,
    clocks: Clocks,
    network: Network,
    disks: Disks,
    /// How often each machine's processes have been started and ended.
    lives: Vec<u32>,
    /// Machines whose disk has just had the last operation that it was to have.
    stopping: Vec<Machine>,
}

/// Makes a world in which nothing runs yet; everything that happens by chance follows from `seed`.
pub fn create(seed: u64) {
    *WORLD.lock() = Some(World {
        random: SmallRng::seed_from_u64(seed),
        clocks: Clocks::default(),
        network: Network::default(),
        disks: Disks::default(),
        lives: Vec::new(),
        stopping: Vec::new(),
    });
}

/// Removes what the machines have on real disks. None of them may be used after that.
pub fn remove_real_files() {
    with(|world| world.disks.remove_real_files());
}

fn with<T>(f: impl FnOnce(&mut World) -> T) -> T {
    f(WORLD.lock().as_mut().expect("the world has been created"))
}

/// A number from `low` to `high`, both included.
pub fn between(low: u64, high: u64) -> u64 {
    with(|world| world.random.random_range(low..=high))
}

/// A machine of the world: one for each slot, the router and each client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Machine(u16);

/// Where code runs again that has entered a machine and leaves it.
struct Entered {
    outer: u16,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.store(self.outer, Ordering::Relaxed);
    }
}

/// One life of a machine's process: it ends with a crash, and what belonged to it is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Life {
    machine: Machine,
    number: u32,
}

impl Machine {
    /// Adds a machine to the world.
    pub fn add() -> Self {
        with(|world| {
            let machine = Self(u16::try_from(world.lives.len()).expect("few machines"));
            world.lives.push(0);
            world.clocks.add();
            world.disks.add();
            machine
        })
    }

    /// The machine on which this code runs, if it is simulated.
    pub fn current() -> Option<Self> {
        match CURRENT.load(Ordering::Relaxed) {
            NONE => None,
            machine => Some(Self(machine)),
        }
    }

    /// Runs `f` on this machine.
    pub fn enter<T>(self, f: impl FnOnce() -> T) -> T {
        let _left_even_by_a_panic = Entered { outer: CURRENT.swap(self.0, Ordering::Relaxed) };
        with(|world| world.clocks.show(self));
        f()
    }

    /// Its number, from 0.
    pub fn number(self) -> u16 {
        self.0
    }

    fn index(self) -> usize {
        self.0.into()
    }

    /// Its only address.
    pub fn ip(self) -> IpAddr {
        let [high, low] = self.0.to_be_bytes();
        Ipv4Addr::new(10, 0, high, low + 1).into()
    }

    /// The machine at an address.
    fn at(ip: IpAddr) -> Option<Self> {
        let IpAddr::V4(ip) = ip else { return None };
        let [10, 0, high, low] = ip.octets() else { return None };
        let machine = Self(u16::from_be_bytes([high, low.checked_sub(1)?]));
        with(|world| machine.index() < world.lives.len()).then_some(machine)
    }

    /// What it calls itself.
    pub fn name(self) -> String {
        format!("machine-{}", self.0)
    }

    fn life(self) -> Life {
        with(|world| Life { machine: self, number: world.lives[self.index()] })
    }

    /// Its processes are gone: the kernel closes their connections, and keeps their files.
    pub fn kill(self) {
        with(|world| {
            world.end(self);
            world.network.close_all_of(self, world.clocks.now(), &mut world.random);
            world.disks.close_all_of(self);
        });
    }

    /// It loses power: nobody hears of it, and its disk keeps of each unsynced write all, nothing or
    /// a part. It answers nothing until [`power_on`](Self::power_on).
    pub fn power_off(self) {
        with(|world| {
            world.end(self);
            world.network.power_off(self);
            world.disks.power_off(self, &mut world.random);
        });
    }

    /// It can be reached again.
    pub fn power_on(self) {
        with(|world| world.network.power_on(self));
    }

    /// Whether its disk refuses something, so that its process may end.
    pub fn disk_fails(self) -> bool {
        with(|world| world.disks.refuses(self))
    }

    /// Everything on its disk is gone, as if it had been exchanged.
    pub fn lose_disk(self) {
        with(|world| world.disks.lose(self));
    }
}

impl World {
    fn end(&mut self, machine: Machine) {
        self.lives[machine.index()] += 1;
        self.stopping.retain(|stopping| *stopping != machine);
    }

    fn lives(&self, life: Life) -> bool {
        self.lives[life.machine.index()] == life.number && !self.stopping.contains(&life.machine)
    }
}

/// Whether a machine's disk has had its last operation before a crash that was asked for.
pub fn is_stopping(machine: Machine) -> bool {
    with(|world| world.stopping.contains(&machine))
}

/// How long what a machine does takes, other than computing: a job on another thread, or a sync.
pub(super) async fn job_takes_a_while() {
    let Some(machine) = Machine::current() else { return };
    let takes = with(|world| world.disks.next_job_takes(machine, &mut world.random));
    if takes > Duration::ZERO {
        tokio::time::sleep(takes).await;
    }
}
