//! What happens in the world of a seed: how large the cluster is, how it is set, and which faults
//! come when. Pure: everything follows from the seed. (`ordinary_days` plans another kind of world.)

use std::fmt;

use rand::{
    Rng as _, SeedableRng as _,
    rngs::SmallRng,
    seq::{IndexedRandom as _, IteratorRandom as _},
};

/// How long faults come, in milliseconds of the world.
const FAULTS_UNTIL: u64 = 600_000;
/// A pause between two things that somebody does, on average.
const THINKS_MS: u64 = 1_800;
/// The first fault comes when the cluster has had time to form.
const FIRST_FAULT: u64 = 5_000;
/// The longest time between the beginnings of two faults.
const BETWEEN_FAULTS: u64 = 35_000;
/// A rush begins at most so long before the fault that strikes in it.
const RUSH_MS: u64 = 20;
/// Nobody does anything for this time before a fault, and for as long as it lasts, up to so long.
const HUSH_MS: u64 = 1_000;
const LONGEST_HUSH_MS: u64 = 10_000;
/// A fault that is shorter is soon forgotten.
const SHORT: u64 = 100;
/// The most slots that scaling up may come to.
pub const MOST_SLOTS: usize = 6;

/// A machine by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Router,
    /// Whoever leads when it comes to that.
    Leader,
    /// The slot with this number, from 0.
    Slot(usize),
    /// The client with this number, from 0.
    Client(usize),
}

/// Everything that is fixed before the world begins.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many masters there are at first.
    pub masters: usize,
    pub clients: usize,
    pub reboot_delay_ms: u64,
    /// Heartbeats, elections and reports take so many times as long as by default.
    pub slower: u64,
    /// A pause between two things that somebody does, on average.
    pub thinks_ms: u64,
    /// How long faults come, in milliseconds.
    pub until_ms: u64,
    /// Live timelines are closed that have more posts than this waiting.
    pub stream_queue: usize,
    /// The faults, in the order in which they begin.
    pub faults: Vec<PlannedFault>,
}

/// A fault, when it begins and how long it lasts.
#[derive(Clone, Debug)]
pub struct PlannedFault {
    pub at_ms: u64,
    pub lasts_ms: u64,
    pub timing: Timing,
    pub fault: Fault,
}

/// At which moment a fault begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// Whatever happens.
    Any,
    /// When everybody has been busy for so many milliseconds.
    InARush(u64),
    /// While nobody does anything: then all logs are equally long.
    InAHush,
    /// When next the membership changes, or a leader begins.
    InAChange,
    /// When next another fault ends.
    InARelief,
}

/// What may go wrong, or be done on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The processes of these places are killed; a slave reboots its master.
    Kill(Vec<Place>),
    /// These machines lose their power for a while.
    PowerLoss(Vec<Place>),
    /// A machine loses its power in the middle of what it writes.
    PowerLossInWrite { place: Place, operations: u32 },
    /// A process stands still.
    Pause(Vec<Place>),
    /// Nothing gets from the first to the second, and back unless it is one-way.
    Cut { from: Vec<Place>, to: Vec<Place>, one_way: bool },
    /// A link fails and works again, many times.
    Flap { one: Place, other: Place },
    /// Every link of a machine is slow, and not always equally slow.
    Delay { place: Place, most_ms: u64 },
    /// The links of a machine lose this many of a thousand segments.
    Loss { place: Place, per_mille: u32 },
    /// All connections between two machines are reset.
    Reset { one: Place, other: Place },
    /// A disk is slow.
    SlowDisk { place: Place, most_ms: u64 },
    /// A disk refuses every write.
    FailingDisk(Place),
    /// A disk is full.
    FullDisk(Place),
    /// Wall clocks are set, by these milliseconds.
    ClockSet { places: Vec<Place>, forward_ms: i64 },
    /// The clocks of a machine gain or lose these millionths.
    ClockDrift { place: Place, gains: i64 },
    /// These machines get empty disks.
    LostDisk(Vec<Place>),
    /// Copies of these masters' states are put by.
    StateCopied(Vec<Place>),
    /// A master's state is replaced by the last copy that was put by, while it is down.
    StateRestored(Place),
    /// Another master joins.
    ScaleUp,
    /// These masters are stopped for good, just after another was killed, if one is named.
    ScaleDown { stopped: Vec<Place>, killed: Option<Place> },
    /// All masters are stopped and started, one after the other, with the next version of the
    /// program.
    Upgrade,
}

impl Fault {
    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Kill(places) if places.len() > 1 => "several killed at once",
            Self::Kill(places) if places == &[Place::Router] => "router killed",
            Self::Kill(_) => "killed",
            Self::PowerLoss(places) if places.len() > 1 => "power of several lost",
            Self::PowerLoss(_) => "power lost",
            Self::PowerLossInWrite { .. } => "power lost in a write",
            Self::Pause(_) => "paused",
            Self::Cut { one_way: true, .. } => "links cut, one way",
            Self::Cut { from, to, .. } if from.len() + to.len() < MOST_SLOTS => "links cut",
            Self::Cut { from, to, .. } if from.len().min(to.len()) > 1 => "partition",
            Self::Cut { .. } => "cut off",
            Self::Flap { .. } => "flapping link",
            Self::Delay { .. } => "slow network",
            Self::Loss { .. } => "lossy network",
            Self::Reset { .. } => "connections reset",
            Self::SlowDisk { .. } => "slow disk",
            Self::FailingDisk(_) => "failing disk",
            Self::FullDisk(_) => "full disk",
            Self::ClockSet { .. } => "wall clock set",
            Self::ClockDrift { .. } => "clock drifts",
            Self::LostDisk(places) if places.len() > 1 => "several disks lost",
            Self::LostDisk(places) if places == &[Place::Router] => "router's disk lost",
            Self::LostDisk(_) => "disk lost",
            Self::StateCopied(_) => "state copied",
            Self::StateRestored(_) => "old state restored",
            Self::ScaleUp => "scaled up",
            Self::ScaleDown { killed: Some(_), .. } => "scaled down, another killed",
            Self::ScaleDown { stopped, .. } if stopped.len() > 1 => "scaled down by several",
            Self::ScaleDown { .. } => "scaled down",
            Self::Upgrade => "upgraded",
        }
    }
}

impl fmt::Display for PlannedFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_ms, lasts_ms, timing, fault } = self;
        write!(formatter, "at {at_ms} ms for {lasts_ms} ms, {timing:?}: {fault:?}")
    }
}

impl Plan {
    /// When everybody becomes busy, in milliseconds.
    pub fn rushes(&self) -> Vec<u64> {
        let rush = |planned: &PlannedFault| match planned.timing {
            Timing::InARush(lasts_ms) => Some(planned.at_ms - lasts_ms),
            _ => None,
        };
        let mut rushes: Vec<u64> = self.faults.iter().filter_map(rush).collect();
        rushes.sort_unstable();
        rushes
    }

    /// When nobody does anything: from when until when, in milliseconds.
    pub fn hushes(&self) -> Vec<(u64, u64)> {
        let hush = |planned: &PlannedFault| {
            let PlannedFault { at_ms, lasts_ms, timing, .. } = *planned;
            let until = at_ms + lasts_ms.min(LONGEST_HUSH_MS);
            (timing == Timing::InAHush).then(|| (at_ms.saturating_sub(HUSH_MS), until))
        };
        self.faults.iter().filter_map(hush).collect()
    }

    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let masters = *[1, 2, 2, 3, 3, 3, 4, 5].choose(&mut random).expect("some");
        let clients = random.random_range(4..=5);
        let reboot_delay_ms = *[1_000, 5_000, 25_000].choose(&mut random).expect("some");
        let slower = *[1, 3].choose(&mut random).expect("some");
        let stream_queue = *[2, 256].choose(&mut random).expect("some");
        let mut faults = Vec::new();
        let mut slots = masters;
        let mut at_ms = FIRST_FAULT;
        let mut upgraded = false;
        while at_ms < FAULTS_UNTIL {
            let fault = loop {
                let fault = Fault::any(&mut random, slots, clients);
                match fault {
                    Fault::ScaleUp if slots == MOST_SLOTS => {}
                    Fault::Upgrade if upgraded => {}
                    fault => break fault,
                }
            };
            match fault {
                Fault::ScaleUp => slots += 1,
                Fault::Upgrade => upgraded = true,
                _ => {}
            }
            // Many short ones, some long ones.
            let longest = *[300, 2_000, 8_000, 30_000].choose(&mut random).expect("some");
            let lasts_ms = random.random_range(20..=longest);
            let timing = match random.random_range(0..10) {
                0..5 => Timing::InARush(random.random_range(0..=RUSH_MS)),
                5 | 6 => Timing::InAChange,
                7 => Timing::InARelief,
                8 => Timing::InAHush,
                _ => Timing::Any,
            };
            let planned = PlannedFault { at_ms, lasts_ms, timing, fault };
            let besides = misfortune(&mut random, &planned);
            faults.push(planned);
            faults.extend(besides);
            at_ms += random.random_range(0..=BETWEEN_FAULTS);
        }
        let (thinks_ms, until_ms) = (THINKS_MS, FAULTS_UNTIL);
        Self {
            masters,
            clients,
            reboot_delay_ms,
            slower,
            thinks_ms,
            until_ms,
            stream_queue,
            faults,
        }
    }
}

/// Misfortunes seldom come singly: what comes besides this fault.
fn misfortune(random: &mut SmallRng, planned: &PlannedFault) -> Option<PlannedFault> {
    let PlannedFault { at_ms, lasts_ms, .. } = *planned;
    if lasts_ms <= SHORT || !random.random_bool(0.4) {
        return None;
    }
    let is_a_cut = matches!(planned.fault, Fault::Cut { .. });
    if random.random_bool(if is_a_cut { 0.5 } else { 0.25 }) {
        // Nobody can be told who should lead.
        let lasts_ms = random.random_range(lasts_ms..=2 * lasts_ms);
        let fault = Fault::PowerLoss(vec![Place::Router]);
        return Some(PlannedFault { at_ms, lasts_ms, timing: Timing::Any, fault });
    }
    let is_at_its_end = random.random_bool(0.5);
    let later = if is_at_its_end { lasts_ms } else { random.random_range(0..lasts_ms) };
    let mut places = vec![Place::Leader];
    places.extend(random.random_bool(0.3).then_some(Place::Router));
    Some(PlannedFault {
        at_ms: at_ms + later,
        lasts_ms: SHORT,
        timing: Timing::InARush(random.random_range(0..=RUSH_MS)),
        fault: Fault::Kill(places),
    })
}

impl Fault {
    fn any(random: &mut SmallRng, slots: usize, clients: usize) -> Self {
        let node = |random: &mut SmallRng| any_node(random, slots);
        let some = |random: &mut SmallRng| some_nodes(random, slots);
        match random.random_range(0..100) {
            0..=19 => Self::Kill(some(random)),
            20..=25 => Self::PowerLoss(some(random)),
            26..=31 => {
                let operations = random.random_range(0..200);
                Self::PowerLossInWrite { place: node(random), operations }
            }
            32..=39 => Self::Pause(some(random)),
            40..=55 => Self::cut(random, slots, clients),
            56..=58 => Self::Flap { one: node(random), other: any_place(random, slots, clients) },
            59..=61 => {
                let most_ms = *[5, 60, 400, 3_000].choose(random).expect("some");
                Self::Delay { place: node(random), most_ms }
            }
            62..=64 => {
                let per_mille = random.random_range(5..=300);
                Self::Loss { place: node(random), per_mille }
            }
            65..=68 => Self::Reset { one: node(random), other: any_place(random, slots, clients) },
            69..=72 => {
                let most_ms = *[10, 100, 1_000, 6_000].choose(random).expect("some");
                Self::SlowDisk { place: node(random), most_ms }
            }
            73..=75 => Self::FailingDisk(node(random)),
            76 => Self::StateCopied((0..slots).map(Place::Slot).collect()),
            77 => Self::FullDisk(node(random)),
            78..=82 => {
                let far = *[1_000, 60_000, 200_000_000].choose(random).expect("some");
                let forward_ms = random.random_range(-far..=far);
                Self::ClockSet { places: vec![node(random)], forward_ms }
            }
            83..=84 => {
                let gains = random.random_range(-200_000..=200_000);
                Self::ClockDrift { place: node(random), gains }
            }
            85..=88 => Self::LostDisk(few_nodes(random, slots)),
            89 => Self::StateRestored(Place::Slot(random.random_range(0..slots))),
            90..=93 => Self::ScaleUp,
            94..=97 => {
                let several = random.random_range(1..=slots);
                let mut stopped = (0..slots).map(Place::Slot).choose_multiple(random, several);
                let killed = stopped.pop_if(|_| random.random_bool(0.4));
                Self::ScaleDown { stopped, killed }
            }
            _ => Self::Upgrade,
        }
    }

    /// Whom it strikes.
    pub fn places(&self) -> Vec<Place> {
        self.clone().places_mut().into_iter().map(|place| *place).collect()
    }

    /// The same fault for whoever leads.
    #[must_use]
    pub fn aimed_at(mut self, leader: Place) -> Self {
        for place in self.places_mut() {
            if *place == Place::Leader {
                *place = leader;
            }
        }
        self
    }

    fn places_mut(&mut self) -> Vec<&mut Place> {
        match self {
            Self::Kill(places)
            | Self::PowerLoss(places)
            | Self::Pause(places)
            | Self::ClockSet { places, .. }
            | Self::LostDisk(places)
            | Self::StateCopied(places) => places.iter_mut().collect(),
            Self::Cut { from, to, .. } => from.iter_mut().chain(to).collect(),
            Self::ScaleDown { stopped, killed } => killed.iter_mut().chain(stopped).collect(),
            Self::Flap { one, other } | Self::Reset { one, other } => vec![one, other],
            Self::PowerLossInWrite { place, .. }
            | Self::Delay { place, .. }
            | Self::Loss { place, .. }
            | Self::SlowDisk { place, .. }
            | Self::FailingDisk(place)
            | Self::FullDisk(place)
            | Self::ClockDrift { place, .. }
            | Self::StateRestored(place) => vec![place],
            Self::ScaleUp | Self::Upgrade => Vec::new(),
        }
    }

    /// Cuts some from all others, or only from some of them.
    fn cut(random: &mut SmallRng, slots: usize, clients: usize) -> Self {
        let all = || {
            let nodes = (0..=slots).map(node_of);
            nodes.chain((0..clients).map(Place::Client))
        };
        if random.random_bool(0.2) {
            // Both sides have a slot that is still linked with the other side.
            let bridge = Place::Slot(random.random_range(0..slots));
            let others = all().filter(|place| *place != bridge);
            let (from, to) = others.partition(|_| random.random_bool(0.5));
            return Self::Cut { from, to, one_way: false };
        }
        let mut from = some_nodes(random, slots);
        if random.random_bool(0.4) {
            from.extend((0..clients).filter(|_| random.random_bool(0.5)).map(Place::Client));
        }
        let others = all().filter(|place| !from.contains(place));
        let kind = random.random_range(0..10);
        let mut to: Vec<_> = others
            .filter(|place| match kind {
                0..4 => true,
                // The masters' own network.
                4 | 5 => matches!(place, Place::Slot(_)),
                6 | 7 => !matches!(place, Place::Client(_)),
                _ => random.random_bool(0.4),
            })
            .collect();
        if random.random_bool(0.5) {
            std::mem::swap(&mut from, &mut to);
        }
        Self::Cut { from, to, one_way: random.random_bool(0.4) }
    }
}

/// The router and the slots, counted through.
pub fn node_of(number: usize) -> Place {
    number.checked_sub(1).map_or(Place::Router, Place::Slot)
}

fn any_node(random: &mut SmallRng, slots: usize) -> Place {
    if random.random_bool(0.3) {
        return Place::Leader;
    }
    node_of(random.random_range(0..=slots))
}

/// Mostly one; sometimes several, or all of them, with the router or without it.
fn some_nodes(random: &mut SmallRng, slots: usize) -> Vec<Place> {
    let several = match random.random_range(0..100) {
        0..65 => return vec![any_node(random, slots)],
        65..85 => random.random_range(1..=slots),
        _ => return (random.random_range(0..=1)..=slots).map(node_of).collect(),
    };
    (0..=slots).map(node_of).choose_multiple(random, several)
}

/// Mostly one; sometimes several, but seldom more than a whole cluster can do without.
fn few_nodes(random: &mut SmallRng, slots: usize) -> Vec<Place> {
    if random.random_bool(0.6) {
        return vec![any_node(random, slots)];
    }
    let several = random.random_range(1..=(slots / 2).max(1));
    let mut places = (0..slots).map(Place::Slot).choose_multiple(random, several);
    places.extend(random.random_bool(0.5).then_some(Place::Router));
    places
}

fn any_place(random: &mut SmallRng, slots: usize, clients: usize) -> Place {
    if random.random_bool(0.3) {
        Place::Client(random.random_range(0..clients))
    } else {
        any_node(random, slots)
    }
}
