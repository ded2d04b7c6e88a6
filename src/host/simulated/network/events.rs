//! What happens on the network, in the order of time. Whatever runs the world asks when the next of it
//! is ([`next_event`]) and lets it happen ([`run_events`]).

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
    task::Waker,
};

use super::{
    super::{Machine, World, with},
    delivery::DirectionId,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// The first segment of a direction arrives.
    Arrival(DirectionId),
    /// Somebody asks for a connection.
    Request(u64),
    /// The answer to that arrives.
    Answer(u64, bool),
    /// The news that there is room in a direction again arrives, after it was lost so often.
    Room(DirectionId, u32),
}

/// The events to come.
#[derive(Default)]
pub struct Events {
    waiting: BinaryHeap<Reverse<(u64, u64, Event)>>,
    /// How many events there have been: those of one moment happen in their order.
    counted: u64,
}

impl Events {
    pub fn schedule(&mut self, at: u64, event: Event) {
        self.counted += 1;
        self.waiting.push(Reverse((at, self.counted, event)));
    }

    /// When the next one happens.
    fn next(&self) -> Option<u64> {
        self.waiting.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Takes the next one, if it is due.
    fn take_due(&mut self, now: u64) -> Option<Event> {
        self.next().filter(|at| *at <= now)?;
        self.waiting.pop().map(|Reverse((_, _, event))| event)
    }
}

/// The time of the next event.
pub fn next_event() -> Option<u64> {
    with(|world| world.network.events.next())
}

/// Lets everything happen that is due, and returns the machines that it concerns.
pub fn run_events() -> BTreeSet<Machine> {
    let mut wakers = Vec::new();
    let touched = with(|world| {
        let now = world.clocks.now();
        while let Some(event) = world.network.events.take_due(now) {
            world.happens(event, &mut wakers);
        }
        std::mem::take(&mut world.network.touched)
    });
    wakers.into_iter().for_each(Waker::wake);
    touched
}

impl World {
    fn happens(&mut self, event: Event, wakers: &mut Vec<Waker>) {
        match event {
            Event::Arrival(id) => self.arrives(id, wakers),
            Event::Request(connection) => self.is_requested(connection, wakers),
            Event::Answer(connection, accepted) => self.is_answered(connection, accepted, wakers),
            Event::Room(id, losses) => self.has_room(id, losses, wakers),
        }
    }
}
