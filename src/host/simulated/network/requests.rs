//! How connections come about: who listens, who asks for one, and what comes of that.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr},
    task::{Context, Poll, Waker},
};

use super::{
    super::{
        Life, Machine, World,
        clock::MILLISECOND,
        segments::Direction,
        stream::{SimulatedListener, SimulatedStream},
        with,
    },
    delivery::DirectionId,
    events::Event,
};

/// The first pause before a lost request for a connection is sent again.
const CONNECT_AGAIN: u64 = 1_000 * MILLISECOND;
/// Ports of those who connect begin here.
const EPHEMERAL: u64 = 32_768;

#[derive(Default)]
pub struct Listening {
    /// The connections that wait to be accepted.
    waiting: VecDeque<u64>,
    waker: Option<Waker>,
}

/// Somebody who waits for a connection.
pub struct Connecting {
    pub from: Life,
    to: Machine,
    accepted: Option<bool>,
    waker: Option<Waker>,
}

impl World {
    pub(super) fn is_requested(
        &mut self,
        connection: u64,
        port: u16,
        tries: u32,
        wakers: &mut Vec<Waker>,
    ) {
        let now = self.clocks.now();
        let Some(connecting) = self.network.connecting.get(&connection) else { return };
        let (from, to) = (connecting.from, connecting.to);
        if self.network.links.is_cut(from.machine, to)
            || self.network.links.is_cut(to, from.machine)
        {
            let again = now + (CONNECT_AGAIN << tries.min(6));
            return self
                .network
                .events
                .schedule(again, Event::Request(connection, port, tries + 1));
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
        let at = now + self.network.links.delay(to, from.machine, &mut self.random);
        self.network.events.schedule(at, Event::Answer(connection, is_accepted));
    }

    /// Whoever asked for a connection is told whether there is one.
    pub(super) fn is_answered(&mut self, connection: u64, accepted: bool, wakers: &mut Vec<Waker>) {
        if let Some(connecting) = self.network.connecting.get_mut(&connection) {
            connecting.accepted = Some(accepted);
            wakers.extend(connecting.waker.take());
            self.network.touched.insert(connecting.from.machine);
        }
    }
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
pub fn stop_listening(life: Life, port: u16) {
    with(|world| {
        if world.lives(life) {
            world.network.listening.remove(&(life.machine, port));
        }
    });
}

/// The next connection of a listener, and where it comes from.
pub fn poll_accept(
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
        let at = world.clocks.now() + network.links.delay(from, machine, &mut world.random);
        network.events.schedule(at, Event::Request(connection, to.port(), 0));
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
