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
        segments::{Closed, Direction, Segment},
        with,
    },
    Network,
    events::Event,
    links::pause,
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

    /// The end that sends in this direction is gone.
    pub(super) fn leave(&mut self, outgoing: DirectionId) {
        if let Some(direction) = self.directions.get_mut(&outgoing) {
            direction.abandoned = true;
            direction.writer = None;
        }
        if let Some(incoming) = self.directions.get_mut(&outgoing.reverse()) {
            incoming.unwanted = true;
            incoming.reader = None;
        }
        self.forget_if_over(outgoing);
        self.forget_if_over(outgoing.reverse());
    }

    /// The same, and its kernel tells the other end that the connection is void.
    pub(super) fn abandon(&mut self, outgoing: DirectionId, now: u64, random: &mut SmallRng) {
        self.send(outgoing, Segment::Reset, now, random);
        self.leave(outgoing);
    }

    /// The connections of a process that has ended are reset.
    pub(in super::super) fn close_all_of(
        &mut self,
        machine: Machine,
        now: u64,
        random: &mut SmallRng,
    ) {
        self.stop_asking_and_listening(machine);
        for outgoing in self.open_ends_of(machine) {
            self.abandon(outgoing, now, random);
        }
    }

    /// A machine sends nothing more, and knows nothing of its connections any more.
    pub(in super::super) fn power_off(&mut self, machine: Machine) {
        self.links.power_off(machine);
        self.stop_asking_and_listening(machine);
        for outgoing in self.open_ends_of(machine) {
            self.leave(outgoing);
        }
        for direction in self.directions.values_mut() {
            if direction.from.machine == machine {
                direction.silent = true;
                if direction.losses > 0 {
                    direction.lose();
                }
            }
        }
        self.directions.retain(|_, direction| !direction.is_over());
    }

    pub(in super::super) fn power_on(&mut self, machine: Machine) {
        self.links.power_on(machine);
    }

    /// What the machine's processes send in, unless they have closed their ends.
    fn open_ends_of(&self, machine: Machine) -> Vec<DirectionId> {
        let is_open =
            |direction: &Direction| direction.from.machine == machine && !direction.abandoned;
        let open = self.directions.iter().filter(|(_, direction)| is_open(direction));
        open.map(|(id, _)| *id).collect()
    }

    fn forget_if_over(&mut self, id: DirectionId) {
        if self.directions.get(&id).is_some_and(Direction::is_over) {
            self.directions.remove(&id);
        }
    }

    /// The first segment on its way got nowhere. Its sender's kernel sends it again, if it still can;
    /// but no kernel sends a reset again, unless it is asked once more.
    fn is_lost(&mut self, id: DirectionId, now: u64) {
        let Some(direction) = self.directions.get_mut(&id) else { return };
        if direction.silent || direction.is_being_reset() {
            direction.lose();
            return self.forget_if_over(id);
        }
        let again = now + pause(direction.losses);
        direction.losses += 1;
        self.events.schedule(again, Event::Arrival(id));
    }
}

impl World {
    pub(super) fn arrives(&mut self, id: DirectionId, wakers: &mut Vec<Waker>) {
        let now = self.clocks.now();
        let Some(direction) = self.network.directions.get_mut(&id) else { return };
        let Some(at) = direction.next_arrival() else { return };
        let (from, to) = (direction.from, direction.to);
        if at > now {
            return self.network.events.schedule(at, Event::Arrival(id));
        }
        if self.network.links.is_cut(from.machine, to.machine) {
            return self.network.is_lost(id, now);
        }
        let is_known = self.lives[to.machine.index()] == to.number;
        if is_known && !direction.unwanted {
            direction.arrive();
            wakers.extend(direction.reader.take());
            if direction.closed == Some(Closed::Reset) {
                self.voids(id.reverse(), wakers);
            }
        } else if direction.is_being_reset() || direction.abandoned {
            // Nobody answers that, or nobody would hear the answer.
            direction.reset();
        } else {
            // It is sent again until its sender has heard the answer, each time with another one.
            self.network.send(id.reverse(), Segment::Reset, now, &mut self.random);
            return self.network.is_lost(id, now);
        }
        self.network.touched.insert(to.machine);
        self.network.forget_if_over(id);
        let next = self.network.directions.get(&id).and_then(Direction::next_arrival);
        if let Some(at) = next {
            self.network.events.schedule(at, Event::Arrival(id));
        }
    }

    /// There is room in a direction again: whoever waits to write in it is told. If that is lost, it
    /// is asked for again.
    pub(super) fn has_room(&mut self, id: DirectionId, losses: u32, wakers: &mut Vec<Waker>) {
        let Some(direction) = self.network.directions.get_mut(&id) else { return };
        let (from, to) = (direction.from.machine, direction.to.machine);
        if self.network.links.is_cut(to, from) {
            let again = self.clocks.now() + pause(losses);
            return self.network.events.schedule(again, Event::Room(id, losses + 1));
        }
        wakers.extend(direction.writer.take());
        self.network.touched.insert(from);
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
