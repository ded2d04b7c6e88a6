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
    Network,
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
    from: Life,
    to: Machine,
    port: u16,
    /// How often it was lost, or the answer was.
    losses: u32,
    accepted: Option<bool>,
    waker: Option<Waker>,
}

impl Network {
    pub(super) fn stop_asking_and_listening(&mut self, machine: Machine) {
        self.listening.retain(|(at, _), _| *at != machine);
        self.connecting.retain(|_, connecting| connecting.from.machine != machine);
    }

    /// A request, or the answer to it, was lost.
    fn ask_again(&mut self, connection: u64, now: u64) {
        let Some(connecting) = self.connecting.get_mut(&connection) else { return };
        let again = now + (CONNECT_AGAIN << connecting.losses.min(6));
        connecting.losses += 1;
        self.events.schedule(again, Event::Request(connection));
    }
}

impl World {
    pub(super) fn is_requested(&mut self, connection: u64, wakers: &mut Vec<Waker>) {
        let now = self.clocks.now();
        let network = &mut self.network;
        let Some(connecting) = network.connecting.get(&connection) else { return };
        let (from, to, port) = (connecting.from, connecting.to, connecting.port);
        if network.links.is_cut(from.machine, to) || network.links.is_cut(to, from.machine) {
            return network.ask_again(connection, now);
        }
        let life = Life { machine: to, number: self.lives[to.index()] };
        let forth = DirectionId { connection, forth: true };
        // It may be that only the answer was lost.
        let known = network.directions.get(&forth);
        let mut is_accepted = known.is_some_and(|direction| !direction.unwanted);
        if !is_accepted && let Some(listening) = network.listening.get_mut(&(to, port)) {
            is_accepted = true;
            listening.waiting.push_back(connection);
            wakers.extend(listening.waker.take());
            network.touched.insert(to);
            network.directions.insert(forth, Direction::new(from, life));
            network.directions.insert(forth.reverse(), Direction::new(life, from));
        }
        let at = now + network.links.delay(to, from.machine, &mut self.random);
        network.events.schedule(at, Event::Answer(connection, is_accepted));
    }

    /// Whoever asked for a connection is told whether there is one.
    pub(super) fn is_answered(&mut self, connection: u64, accepted: bool, wakers: &mut Vec<Waker>) {
        let network = &mut self.network;
        let Some(connecting) = network.connecting.get_mut(&connection) else { return };
        if network.links.is_cut(connecting.to, connecting.from.machine) {
            return network.ask_again(connection, self.clocks.now());
        }
        connecting.accepted = Some(accepted);
        wakers.extend(connecting.waker.take());
        network.touched.insert(connecting.from.machine);
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

/// Stops listening. Whoever was not accepted yet is told.
pub fn stop_listening(life: Life, port: u16) {
    with(|world| {
        if !world.lives(life) {
            return;
        }
        let Some(listening) = world.network.listening.remove(&(life.machine, port)) else { return };
        for connection in listening.waiting {
            let outgoing = DirectionId { connection, forth: false };
            world.network.abandon(outgoing, world.clocks.now(), &mut world.random);
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
        let connecting = Connecting {
            from: life,
            to: machine,
            port: to.port(),
            losses: 0,
            accepted: None,
            waker: None,
        };
        network.connecting.insert(connection, connecting);
        let at = world.clocks.now() + network.links.delay(from, machine, &mut world.random);
        network.events.schedule(at, Event::Request(connection));
        connection
    });
    let _forgotten_when_dropped = Request(connection);
    std::future::poll_fn(|context| {
        with(|world| {
            let connecting = &mut world.network.connecting;
            let asked = connecting.get_mut(&connection);
            match asked.map(|asked| (asked.accepted, &mut asked.waker)) {
                Some((None, waker)) => {
                    *waker = Some(context.waker().clone());
                    Poll::Pending
                }
                Some((Some(true), _)) => {
                    connecting.remove(&connection);
                    let id = DirectionId { connection, forth: true };
                    Poll::Ready(Ok(SimulatedStream::new(life, id)))
                }
                Some((Some(false), _)) | None => {
                    Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()))
                }
            }
        })
    })
    .await
}

/// A request for a connection. If nobody waits for the connection any more, it is forgotten, and
/// whoever has accepted it is told.
struct Request(u64);

impl Drop for Request {
    fn drop(&mut self) {
        with(|world| {
            let Some(connecting) = world.network.connecting.remove(&self.0) else { return };
            if world.lives(connecting.from) {
                let outgoing = DirectionId { connection: self.0, forth: true };
                world.network.abandon(outgoing, world.clocks.now(), &mut world.random);
            }
        });
    }
}
