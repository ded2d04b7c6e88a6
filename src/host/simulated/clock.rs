//! What time it is: in the world, which nobody in it sees, and on each machine's two clocks. A
//! machine's clocks may run fast or slow, and its wall clock may be set.
//!
//! Nothing waits for this: time stands still while a machine computes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Machine, with};

/// In the world's time.
pub const MILLISECOND: u64 = 1_000_000;
/// Wall clocks begin here, in nanoseconds since 1970; monotonic clocks, at a day.
const EPOCH: u64 = 1_800_000_000_000_000_000;
const BOOTED: u64 = 86_400_000_000_000;
const MILLION: i128 = 1_000_000;

/// The clocks of the machine that runs.
static MONOTONIC: AtomicU64 = AtomicU64::new(BOOTED);
static WALL: AtomicU64 = AtomicU64::new(EPOCH);

/// The world's time, and every machine's.
#[derive(Default)]
pub(super) struct Clocks {
    now: u64,
    machines: Vec<MachineClock>,
}

/// A clock that showed `shown` at the world's time `at`, and gains `gains` millionths.
#[derive(Clone, Copy)]
struct MachineClock {
    at: u64,
    shown: u64,
    gains: i64,
    /// What its wall clock shows beyond that, in nanoseconds.
    wall: i64,
}

impl MachineClock {
    fn shows(self, now: u64) -> u64 {
        let passed = i128::from(now - self.at);
        let shown = i128::from(self.shown) + passed + passed * i128::from(self.gains) / MILLION;
        u64::try_from(shown).expect("it only runs forward")
    }

    /// On its wall clock.
    fn shows_on_the_wall(self, now: u64) -> u64 {
        right(self.shows(now)).saturating_add_signed(self.wall)
    }

    /// When it shows `shown`, in the world's time.
    fn when(self, shown: u64) -> u64 {
        let left = i128::from(shown) - i128::from(self.shown);
        let passes = left * MILLION / (MILLION + i128::from(self.gains));
        u64::try_from(i128::from(self.at) + passes.max(0) + 1).expect("within centuries")
    }
}

impl Clocks {
    pub(super) fn add(&mut self) {
        let (at, shown) = (self.now, self.now);
        self.machines.push(MachineClock { at, shown, gains: 0, wall: 0 });
    }

    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// Makes a machine's clocks those that are read.
    pub(super) fn show(&self, machine: Machine) {
        let clock = self.machines[machine.index()];
        MONOTONIC.store(BOOTED + clock.shows(self.now), Ordering::Relaxed);
        WALL.store(clock.shows_on_the_wall(self.now), Ordering::Relaxed);
    }
}

/// Nanoseconds since the beginning of the world.
pub fn now() -> u64 {
    with(|world| world.clocks.now)
}

/// Moves the world's time forward.
pub fn advance(to: u64) {
    with(|world| {
        assert!(to >= world.clocks.now, "time runs forward");
        world.clocks.now = to;
    });
}

/// What the running machine's clock shows that nobody can set, in nanoseconds.
pub fn monotonic() -> u64 {
    MONOTONIC.load(Ordering::Relaxed)
}

/// What the running machine's wall clock shows, in nanoseconds since 1970.
pub fn wall() -> u64 {
    WALL.load(Ordering::Relaxed)
}

/// What a wall clock shows that was never wrong, at a time of the world.
pub fn right(at: u64) -> u64 {
    EPOCH + at
}

/// What a machine's wall clock shows.
pub fn wall_of(machine: Machine) -> u64 {
    with(|world| world.clocks.machines[machine.index()].shows_on_the_wall(world.clocks.now))
}

/// When `nanoseconds` will have passed on a machine's clock, in the world's time.
pub fn after(machine: Machine, nanoseconds: u64) -> u64 {
    with(|world| {
        let clock = world.clocks.machines[machine.index()];
        clock.when(clock.shows(world.clocks.now) + nanoseconds)
    })
}

/// Sets a machine's wall clock forward by these milliseconds, or back.
pub fn set(machine: Machine, forward: i64) {
    with(|world| {
        world.clocks.machines[machine.index()].wall += forward * MILLISECOND.cast_signed();
    });
}

/// Makes a machine's clocks gain these millionths, or lose them.
pub fn drift(machine: Machine, gains: i64) {
    assert!(gains.abs() < 1_000_000, "a clock does not stand still");
    with(|world| {
        let now = world.clocks.now;
        let clock = &mut world.clocks.machines[machine.index()];
        let shown = clock.shows(now);
        *clock = MachineClock { at: now, shown, gains, wall: clock.wall };
    });
}
