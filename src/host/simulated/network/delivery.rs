//! Delivery: the segments of connections on their way from one machine to another, and what the
//! kernels of both make of a connection of which one end is gone.
//!
//! A link that is cut loses everything; senders try again, with pauses that double, as TCP does, so a
//! connection goes on when the link is mended soon enough.

use std::task::Waker;

use rand::rngs::SmallRng;

use super::{
    super::{
        Machine, World,
        segments::{Closed, Segment},
        with,
    },
    Network,
    events::Event,
    links::{RETRANSMIT_FIRST, RETRANSMIT_LAST},
};

/// One of the two directions of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirectionId {
    pub(super) connection: u64,
    /// From the one who connected.
    pub(super) forth: bool,
}

impl DirectionId {
    pub fn reverse(self) -> Self {
        Self { forth: !self.forth, ..self }
    }
}

impl Network {
    pub(super) fn send(
        &mut self,
        id: DirectionId,
        segment: Segment,
        now: u64,
        random: &mut SmallRng,
    ) {
        let Some(direction) = self.directions.get(&id) else { return };
        let at = now + self.links.delay(direction.from.machine, direction.to.machine, random);
        let direction = self.directions.get_mut(&id).expect("it is there");
        if direction.send(at, segment) {
            let at = direction.next_arrival().expect("it was sent");
            self.events.schedule(at, Event::Arrival(id));
        }
    }

    pub(super) fn forget(&mut self, machine: Machine, tells: bool) {
        self.listening.retain(|(at, _), _| *at != machine);
        self.connecting.retain(|_, connecting| connecting.from.machine != machine);
        let mut told = Vec::new();
        for (id, direction) in &mut self.directions {
            if direction.to.machine == machine {
                direction.unwanted = true;
                direction.reader = None;
            }
            if direction.from.machine == machine {
                direction.writer = None;
                direction.abandoned = true;
                if tells {
                    told.push(*id);
                }
            }
        }
        if !tells {
            self.directions.retain(|_, direction| !direction.is_over());
        }
        for id in told {
            // Behind what was sent before: that is on its way.
            let direction = self.directions.get_mut(&id).expect("it is there");
            let at = direction.next_arrival().unwrap_or(0);
            if direction.send(at, Segment::Reset) {
                self.events.schedule(at, Event::Arrival(id));
            }
        }
    }

    /// The receiver's machine answers a segment of a connection that it does not know.
    fn answer_with_reset(&mut self, id: DirectionId, now: u64, random: &mut SmallRng) {
        if let Some(direction) = self.directions.get_mut(&id) {
            direction.reset();
        }
        self.send(id.reverse(), Segment::Reset, now, random);
    }
}

impl World {
    pub(super) fn arrives(&mut self, id: DirectionId, wakers: &mut Vec<Waker>) {
        let now = self.clocks.now();
        let Some(direction) = self.network.directions.get(&id) else { return };
        let Some(at) = direction.next_arrival() else { return };
        let (from, to) = (direction.from, direction.to);
        if at > now {
            return self.network.events.schedule(at, Event::Arrival(id));
        }
        if self.network.links.is_cut(from.machine, to.machine) {
            let direction = self.network.directions.get_mut(&id).expect("it is there");
            let pause = RETRANSMIT_FIRST << direction.losses.min(12);
            direction.losses += 1;
            let again = now + pause.min(RETRANSMIT_LAST);
            // A machine that has lost its power sends nothing again.
            if self.lives[from.machine.index()] == from.number {
                self.network.events.schedule(again, Event::Arrival(id));
            } else {
                self.network.directions.remove(&id);
            }
            return;
        }
        let is_known = self.lives[to.machine.index()] == to.number;
        let direction = self.network.directions.get_mut(&id).expect("it is there");
        if is_known && !direction.unwanted {
            direction.arrive();
            wakers.extend(direction.reader.take());
            if direction.closed == Some(Closed::Reset) {
                self.voids(id.reverse(), wakers);
            }
        } else if direction.is_being_reset() {
            // Nobody answers that.
            direction.reset();
        } else {
            self.network.answer_with_reset(id, now, &mut self.random);
        }
        self.network.touched.insert(to.machine);
        let Some(direction) = self.network.directions.get(&id) else { return };
        if direction.is_over() {
            self.network.directions.remove(&id);
            return;
        }
        if let Some(at) = direction.next_arrival() {
            self.network.events.schedule(at, Event::Arrival(id));
        }
    }

    /// There is room in a direction again: whoever waits to write in it is told.
    pub(super) fn has_room(&mut self, id: DirectionId, wakers: &mut Vec<Waker>) {
        if let Some(direction) = self.network.directions.get_mut(&id) {
            wakers.extend(direction.writer.take());
            self.network.touched.insert(direction.from.machine);
        }
    }

    /// Whoever writes in this direction is told that the connection is void.
    fn voids(&mut self, id: DirectionId, wakers: &mut Vec<Waker>) {
        if let Some(direction) = self.network.directions.get_mut(&id) {
            direction.reset();
            wakers.extend(direction.writer.take());
            wakers.extend(direction.reader.take());
        }
    }
}

/// Resets all connections between two machines, as an overloaded router between them may.
pub fn reset_connections(one: Machine, other: Machine) {
    let wakers = with(|world| {
        let mut wakers = Vec::new();
        for direction in world.network.directions.values_mut() {
            let ends = [direction.from.machine, direction.to.machine];
            if ends == [one, other] || ends == [other, one] {
                direction.reset();
                wakers.extend(direction.reader.take());
                wakers.extend(direction.writer.take());
                world.network.touched.extend(ends);
            }
        }
        wakers
    });
    wakers.into_iter().for_each(Waker::wake);
}
