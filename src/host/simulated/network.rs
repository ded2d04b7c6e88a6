//! The network: links between machines, each way with its own delay and losses, and connections,
//! whose segments they carry.
//!
//! Everything that reaches another machine is an event, at a time: [`next_event`] and [`run_events`]
//! are for what runs the world. A link that is cut loses everything; senders try again, with pauses
//! that double, as TCP does, so a connection goes on when the link is mended soon enough.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    io,
    net::{IpAddr, SocketAddr},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use rand::{Rng as _, rngs::SmallRng};

use super::{
    Life, Machine, World,
    clock::MILLISECOND,
    segments::{Closed, Direction, Segment},
    stream::{SimulatedListener, SimulatedStream},
    with,
};

/// The first pause before a lost segment is sent again, and the longest (RFC 6298; Linux).
const RETRANSMIT_FIRST: u64 = 200 * MILLISECOND;
const RETRANSMIT_LAST: u64 = 120_000 * MILLISECOND;
/// The first pause before a lost request for a connection is sent again.
const CONNECT_AGAIN: u64 = 1_000 * MILLISECOND;
/// Ports of those who connect begin here.
const EPHEMERAL: u64 = 32_768;

/// How a link carries what one machine sends to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// It carries nothing.
    pub cut: bool,
    /// The shortest and the longest delay, in microseconds.
    pub delay: (u64, u64),
    /// How many of a thousand segments are lost, and sent again.
    pub loses: u32,
}

impl Default for Link {
    /// A good local network.
    fn default() -> Self {
        Self { cut: false, delay: (50, 400), loses: 0 }
    }
}

/// One of the two directions of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DirectionId {
    connection: u64,
    /// From the one who connected.
    forth: bool,
}

impl DirectionId {
    pub(super) fn reverse(self) -> Self {
        Self { forth: !self.forth, ..self }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The first segment of a direction arrives.
    Arrival(DirectionId),
    /// Somebody asks for a connection, at a port, for the n-th time.
    Request(u64, u16, u32),
    /// The answer to that arrives.
    Answer(u64, bool),
    /// There is room in a direction again.
    Room(DirectionId),
}

#[derive(Default)]
struct Listening {
    /// The connections that wait to be accepted.
    waiting: VecDeque<u64>,
    waker: Option<Waker>,
}

/// Somebody who waits for a connection.
struct Connecting {
    from: Life,
    to: Machine,
    accepted: Option<bool>,
    waker: Option<Waker>,
}

#[derive(Default)]
pub(super) struct Network {
    links: BTreeMap<(Machine, Machine), Link>,
    off: BTreeSet<Machine>,
    listening: BTreeMap<(Machine, u16), Listening>,
    connecting: BTreeMap<u64, Connecting>,
    directions: BTreeMap<DirectionId, Direction>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    /// How many events there have been: those of one moment happen in their order.
    counted: u64,
    connections: u64,
    /// Machines for which something has happened.
    touched: BTreeSet<Machine>,
}

impl Network {
    fn link(&self, from: Machine, to: Machine) -> Link {
        self.links.get(&(from, to)).copied().unwrap_or_default()
    }

    /// Whether nothing gets from one to the other.
    fn is_cut(&self, from: Machine, to: Machine) -> bool {
        self.link(from, to).cut || self.off.contains(&to) || self.off.contains(&from)
    }

    fn schedule(&mut self, at: u64, event: Event) {
        self.counted += 1;
        self.events.push(Reverse((at, self.counted, event)));
    }

    fn delay(&self, from: Machine, to: Machine, random: &mut SmallRng) -> u64 {
        let link = self.link(from, to);
        let mut delay = random.random_range(link.delay.0..=link.delay.1) * 1_000;
        let mut again = RETRANSMIT_FIRST;
        while link.loses > 0
            && random.random_range(0..1_000) < link.loses
            && again < RETRANSMIT_LAST
        {
            delay += again;
            again *= 2;
        }
        delay
    }

    fn send(&mut self, id: DirectionId, segment: Segment, now: u64, random: &mut SmallRng) {
        let Some(direction) = self.directions.get(&id) else { return };
        let at = now + self.delay(direction.from.machine, direction.to.machine, random);
        let direction = self.directions.get_mut(&id).expect("it is there");
        if direction.send(at, segment) {
            let at = direction.next_arrival().expect("it was sent");
            self.schedule(at, Event::Arrival(id));
        }
    }

    /// The connections of a process that has ended are reset, if there is anything to say so.
    pub(super) fn close_all_of(&mut self, machine: Machine) {
        self.forget(machine, true);
    }

    pub(super) fn power_off(&mut self, machine: Machine) {
        self.off.insert(machine);
        self.forget(machine, false);
    }

    pub(super) fn power_on(&mut self, machine: Machine) {
        self.off.remove(&machine);
    }

    fn forget(&mut self, machine: Machine, tells: bool) {
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
                self.schedule(at, Event::Arrival(id));
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

/// The time of the next event.
pub fn next_event() -> Option<u64> {
    with(|world| world.network.events.peek().map(|Reverse((at, _, _))| *at))
}

/// Lets everything happen that is due, and returns the machines that it concerns.
pub fn run_events() -> BTreeSet<Machine> {
    let mut wakers = Vec::new();
    let touched = with(|world| {
        let now = world.clocks.now();
        while let Some(Reverse((at, _, event))) = world.network.events.peek().copied() {
            if at > now {
                break;
            }
            world.network.events.pop();
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
            Event::Request(connection, port, tries) => {
                self.is_requested(connection, port, tries, wakers);
            }
            Event::Answer(connection, accepted) => {
                if let Some(connecting) = self.network.connecting.get_mut(&connection) {
                    connecting.accepted = Some(accepted);
                    wakers.extend(connecting.waker.take());
                    self.network.touched.insert(connecting.from.machine);
                }
            }
            Event::Room(id) => {
                if let Some(direction) = self.network.directions.get_mut(&id) {
                    wakers.extend(direction.writer.take());
                    self.network.touched.insert(direction.from.machine);
                }
            }
        }
    }

    fn arrives(&mut self, id: DirectionId, wakers: &mut Vec<Waker>) {
        let now = self.clocks.now();
        let Some(direction) = self.network.directions.get(&id) else { return };
        let Some(at) = direction.next_arrival() else { return };
        let (from, to) = (direction.from, direction.to);
        if at > now {
            return self.network.schedule(at, Event::Arrival(id));
        }
        if self.network.is_cut(from.machine, to.machine) {
            let direction = self.network.directions.get_mut(&id).expect("it is there");
            let pause = RETRANSMIT_FIRST << direction.losses.min(12);
            direction.losses += 1;
            let again = now + pause.min(RETRANSMIT_LAST);
            // A machine that has lost its power sends nothing again.
            if self.lives[from.machine.index()] == from.number {
                self.network.schedule(again, Event::Arrival(id));
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
            self.network.schedule(at, Event::Arrival(id));
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

    fn is_requested(&mut self, connection: u64, port: u16, tries: u32, wakers: &mut Vec<Waker>) {
        let now = self.clocks.now();
        let Some(connecting) = self.network.connecting.get(&connection) else { return };
        let (from, to) = (connecting.from, connecting.to);
        if self.network.is_cut(from.machine, to) || self.network.is_cut(to, from.machine) {
            let again = now + (CONNECT_AGAIN << tries.min(6));
            return self.network.schedule(again, Event::Request(connection, port, tries + 1));
        }
        let life = Life { machine: to, number: self.lives[to.index()] };
        let accepted = self.network.listening.get_mut(&(to, port));
        let is_accepted = accepted.is_some();
        if let Some(listening) = accepted {
            listening.waiting.push_back(connection);
            wakers.extend(listening.waker.take());
            self.network.touched.insert(to);
            let forth = DirectionId { connection, forth: true };
            self.network.directions.insert(forth, Direction::new(from, life));
            self.network.directions.insert(forth.reverse(), Direction::new(life, from));
        }
        let at = now + self.network.delay(to, from.machine, &mut self.random);
        self.network.schedule(at, Event::Answer(connection, is_accepted));
    }
}

/// Changes how a link carries what `from` sends to `to`.
pub fn set_link(from: Machine, to: Machine, change: impl FnOnce(&mut Link)) {
    with(|world| {
        let mut link = world.network.link(from, to);
        change(&mut link);
        world.network.links.insert((from, to), link);
    });
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

/// Listens on `machine`; port 0 takes a free one.
pub(crate) fn listen(machine: Machine, port: u16) -> io::Result<SimulatedListener> {
    let port = with(|world| {
        let taken = |port| world.network.listening.contains_key(&(machine, port));
        let port = match port {
            0 => {
                (EPHEMERAL..).find_map(|port| u16::try_from(port).ok().filter(|port| !taken(*port)))
            }
            port => (!taken(port)).then_some(port),
        };
        let port = port.ok_or(io::ErrorKind::AddrInUse)?;
        world.network.listening.insert((machine, port), Listening::default());
        Ok::<u16, io::Error>(port)
    })?;
    Ok(SimulatedListener::new(machine.life(), port))
}

/// Stops listening.
pub(super) fn stop_listening(life: Life, port: u16) {
    with(|world| {
        if world.lives(life) {
            world.network.listening.remove(&(life.machine, port));
        }
    });
}

/// The next connection of a listener, and where it comes from.
pub(super) fn poll_accept(
    life: Life,
    port: u16,
    context: &Context<'_>,
) -> Poll<(SimulatedStream, SocketAddr)> {
    with(|world| {
        let Some(listening) = world.network.listening.get_mut(&(life.machine, port)) else {
            return Poll::Pending;
        };
        let Some(connection) = listening.waiting.pop_front() else {
            listening.waker = Some(context.waker().clone());
            return Poll::Pending;
        };
        let id = DirectionId { connection, forth: false };
        let Some(direction) = world.network.directions.get(&id) else {
            context.waker().wake_by_ref();
            return Poll::Pending;
        };
        let peer = ephemeral(direction.to.machine.ip(), connection);
        Poll::Ready((SimulatedStream::new(life, id), peer))
    })
}

fn ephemeral(ip: IpAddr, connection: u64) -> SocketAddr {
    let port = EPHEMERAL + connection % (u64::from(u16::MAX) - EPHEMERAL);
    (ip, u16::try_from(port).expect("it is below the largest")).into()
}

/// Connects from the machine on which this runs.
pub(crate) async fn connect(from: Machine, to: SocketAddr) -> io::Result<SimulatedStream> {
    let Some(machine) = Machine::at(to.ip()) else {
        return Err(io::ErrorKind::HostUnreachable.into());
    };
    let life = from.life();
    let connection = with(|world| {
        let network = &mut world.network;
        network.connections += 1;
        let connection = network.connections;
        let connecting = Connecting { from: life, to: machine, accepted: None, waker: None };
        network.connecting.insert(connection, connecting);
        let at = world.clocks.now() + network.delay(from, machine, &mut world.random);
        network.schedule(at, Event::Request(connection, to.port(), 0));
        connection
    });
    let _forgotten_when_dropped = Request(connection);
    std::future::poll_fn(|context| {
        with(|world| {
            let connecting = world.network.connecting.get_mut(&connection);
            match connecting.map(|connecting| (connecting.accepted, &mut connecting.waker)) {
                Some((Some(true), _)) => {
                    let id = DirectionId { connection, forth: true };
                    Poll::Ready(Ok(SimulatedStream::new(life, id)))
                }
                Some((None, waker)) => {
                    *waker = Some(context.waker().clone());
                    Poll::Pending
                }
                Some((Some(false), _)) | None => {
                    Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()))
                }
            }
        })
    })
    .await
}

/// A request for a connection that nobody waits for any more is forgotten.
struct Request(u64);

impl Drop for Request {
    fn drop(&mut self) {
        with(|world| world.network.connecting.remove(&self.0));
    }
}

pub(super) fn poll_read(
    life: Life,
    id: DirectionId,
    most: usize,
    context: &Context<'_>,
) -> Poll<io::Result<Bytes>> {
    with(|world| {
        if !world.lives(life) {
            return Poll::Pending;
        }
        let Some(direction) = world.network.directions.get_mut(&id) else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        };
        if let Some((bytes, is_waited_for)) = direction.read(most) {
            if is_waited_for {
                let (from, to) = (direction.from.machine, direction.to.machine);
                let delay = world.network.delay(to, from, &mut world.random);
                let at = world.clocks.now() + delay;
                world.network.schedule(at, Event::Room(id));
            }
            return Poll::Ready(Ok(bytes));
        }
        match direction.closed {
            Some(Closed::Ended) => Poll::Ready(Ok(Bytes::new())),
            Some(Closed::Reset) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            None => {
                direction.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    })
}

pub(super) fn poll_write(
    life: Life,
    id: DirectionId,
    bytes: &[u8],
    context: &Context<'_>,
) -> Poll<io::Result<usize>> {
    with(|world| {
        if !world.lives(life) {
            // What it sends after its last operation on the disk reaches nobody.
            return Poll::Pending;
        }
        let Some(direction) = world.network.directions.get_mut(&id) else {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        };
        if direction.closed.is_some() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let length = direction.room(bytes.len());
        if length == 0 && !bytes.is_empty() {
            direction.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let segment = Segment::Data(Bytes::copy_from_slice(&bytes[..length]));
        let now = world.clocks.now();
        world.network.send(id, segment, now, &mut world.random);
        Poll::Ready(Ok(length))
    })
}

/// This end sends nothing more.
pub(super) fn end(life: Life, id: DirectionId) {
    with(|world| {
        if world.lives(life) {
            let now = world.clocks.now();
            world.network.send(id, Segment::End, now, &mut world.random);
        }
    });
}

/// This end is gone.
pub(super) fn close(life: Life, outgoing: DirectionId) {
    end(life, outgoing);
    with(|world| {
        if !world.lives(life) {
            return;
        }
        let directions = &mut world.network.directions;
        if let Some(direction) = directions.get_mut(&outgoing) {
            direction.abandoned = true;
        }
        if let Some(incoming) = directions.get_mut(&outgoing.reverse()) {
            incoming.unwanted = true;
            incoming.reader = None;
            if incoming.is_over() {
                directions.remove(&outgoing.reverse());
            }
        }
    });
}
