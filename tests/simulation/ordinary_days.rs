//! What happens in a day of ordinary life: now and then something is stopped, moved, replaced, scaled
//! or upgraded, clocks are corrected, and people do little. Pure: everything follows from the seed.

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng, seq::IndexedRandom as _};

use crate::plan::{Fault, MOST_SLOTS, Place, Plan, PlannedFault, Timing, node_of};

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
/// The first event.
const FIRST: u64 = 5 * MINUTE_MS;
/// The longest time between two events.
const BETWEEN: u64 = 60 * MINUTE_MS;
/// Somebody does something about every two minutes.
const THINKS_MS: u64 = 110_000;
/// Nodes take their time, so that a day can be simulated within a minute.
const SLOWER: u64 = 8;

/// The day of a seed.
pub fn plan(seed: u64) -> Plan {
    let mut random = SmallRng::seed_from_u64(seed);
    let masters = random.random_range(2..=4);
    let mut slots = masters;
    let mut faults = Vec::new();
    let mut at_ms = FIRST;
    let upgraded_ms = random.random_range(FIRST..DAY_MS);
    let mut is_upgraded = false;
    while at_ms < DAY_MS {
        let (fault, most_minutes) = event(&mut random, slots, !is_upgraded && at_ms >= upgraded_ms);
        match fault {
            Fault::ScaleUp => slots += 1,
            Fault::Upgrade => is_upgraded = true,
            _ => {}
        }
        let lasts_ms = random.random_range(1_000..=most_minutes * MINUTE_MS);
        let timing = if random.random_bool(0.3) { Timing::InARush(0) } else { Timing::Any };
        faults.push(PlannedFault { at_ms, lasts_ms, timing, fault });
        at_ms += random.random_range(MINUTE_MS..=BETWEEN);
    }
    // Clocks that a leap second is inserted into are a second ahead until they are set back. At
    // midnight, all are.
    let places = (0..=masters).map(node_of).collect();
    let leap = Fault::ClockSet { places, forward_ms: -1_000 };
    let midnight = DAY_MS / 2;
    let timing = Timing::InARush(500);
    faults.push(PlannedFault { at_ms: midnight, lasts_ms: DAY_MS, timing, fault: leap });
    faults.sort_by_key(|planned| planned.at_ms);
    Plan {
        masters,
        clients: 4,
        reboot_delay_ms: 25_000,
        slower: SLOWER,
        thinks_ms: THINKS_MS,
        until_ms: DAY_MS,
        stream_queue: 256,
        faults,
    }
}

/// An event, and the most minutes that it lasts.
fn event(random: &mut SmallRng, slots: usize, is_upgrade_due: bool) -> (Fault, u64) {
    let place = Place::Slot(random.random_range(0..slots));
    match random.random_range(0..100) {
        _ if is_upgrade_due => (Fault::Upgrade, 1),
        // A machine is maintained, or moved.
        0..=24 => (Fault::PowerLoss(vec![place]), 20),
        // A laptop is closed.
        25..=32 => (Fault::Pause(vec![place]), 60),
        33..=42 => (Fault::Kill(vec![place]), 1),
        43..=52 => (Fault::Kill(vec![Place::Router]), 1),
        53..=57 => (Fault::PowerLoss(vec![Place::Router]), 10),
        // Everything is in one house.
        58..=60 => (Fault::PowerLoss((0..=slots).map(node_of).collect()), 10),
        61..=68 if slots < MOST_SLOTS => (Fault::ScaleUp, 1),
        61..=76 => (Fault::ScaleDown { stopped: vec![place], killed: None }, 1),
        77..=80 => (Fault::LostDisk(vec![place]), 30),
        81..=87 => (Fault::StateCopied((0..slots).map(Place::Slot).collect()), 1),
        88..=91 => (Fault::StateRestored(place), 10),
        // A clock that nobody corrects, until somebody does.
        92..=95 => {
            let forward_ms =
                *[-3_600_000, -40_000, 30_000, 3_600_000].choose(random).expect("some");
            (Fault::ClockSet { places: vec![place], forward_ms }, 120)
        }
        // A link that is out of order.
        _ => (Fault::Loss { place, per_mille: 50 }, 30),
    }
}
