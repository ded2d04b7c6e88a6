//! Tests of the simulated network and disks: they are what every other promise is tried on, so each
//! thing that they promise themselves has a test here. What happens by chance is tried in many worlds,
//! and has to go both ways in some of them.
//!
//! - [`delivery`]: what is sent arrives, over links of every kind
//! - [`connecting`]: who is connected, and who is not
//! - [`breaking`]: what the ends of a connection make of it when machines die
//! - [`disks`]: what disks do and refuse
//! - [`power_loss`]: what is left of their files
//!
//! A process has one world, so these tests need one process each, which `cargo nextest` gives them.
//! None of them enters a machine: they do from outside what a process on one would do.

mod breaking;
mod connecting;
mod delivery;
mod disks;
mod power_loss;

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    Machine,
    clock::{self, MILLISECOND},
    create, network,
    stream::{SimulatedListener, SimulatedStream},
};

/// Worlds in which something is tried that happens by chance: enough for what one in twenty does.
const SEEDS: std::ops::Range<u64> = 0..300;
const MICROSECOND: u64 = MILLISECOND / 1_000;
const SECOND: u64 = 1_000 * MILLISECOND;
/// What a link takes that nobody has changed, in nanoseconds.
const SHORTEST: u64 = 50 * MICROSECOND;
const LONGEST: u64 = 400 * MICROSECOND;
/// Where somebody listens.
const PORT: u16 = 3010;

/// A new world with some machines.
fn world<const N: usize>(seed: u64) -> [Machine; N] {
    create(seed);
    [(); N].map(|()| Machine::add())
}

fn listener_of(machine: Machine) -> SocketAddr {
    (machine.ip(), PORT).into()
}

/// Lets the world go on for so many nanoseconds.
fn pass(nanoseconds: u64) {
    let until = clock::now() + nanoseconds;
    while let Some(at) = network::next_event().filter(|at| *at <= until) {
        clock::advance(at.max(clock::now()));
        network::run_events();
    }
    clock::advance(until);
}

/// Lets the world go on until `there` is something, and returns that with how long it took.
fn wait<T>(mut there: impl FnMut() -> Option<T>) -> (T, u64) {
    let since = clock::now();
    loop {
        if let Some(found) = there() {
            return (found, clock::now() - since);
        }
        let at = network::next_event().expect("something is still to happen");
        pass(at.saturating_sub(clock::now()));
    }
}

/// Remembers whether it was woken.
#[derive(Default)]
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Bell {
    /// One, and the waker that rings it.
    fn new() -> (Arc<Self>, Waker) {
        let bell = Arc::<Self>::default();
        (Arc::clone(&bell), bell.into())
    }

    fn has_rung(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request for a connection.
type Request = Pin<Box<dyn Future<Output = io::Result<SimulatedStream>>>>;

/// Asks for a connection from one machine to another.
fn ask(from: Machine, to: Machine) -> Request {
    let mut request: Request = Box::pin(network::connect(from, listener_of(to)));
    assert!(answer(&mut request).is_none(), "it takes a while");
    request
}

/// What has come of a request, if something has.
fn answer(request: &mut Request) -> Option<io::Result<SimulatedStream>> {
    request.now_or_never()
}

/// The next connection of a listener, if there is one.
fn accept(listener: &SimulatedListener) -> Option<SimulatedStream> {
    match listener.poll_accept(&Context::from_waker(Waker::noop())) {
        Poll::Ready((stream, _)) => Some(stream),
        Poll::Pending => None,
    }
}

/// Both ends of a new connection: of the one who connects, and of the one who listens.
fn connection(from: Machine, to: Machine) -> [SimulatedStream; 2] {
    let listener = network::listen(to, PORT).expect("the port is free");
    let mut request = ask(from, to);
    let (outcome, _) = wait(|| answer(&mut request));
    let accepted = accept(&listener).expect("it has been asked");
    [outcome.expect("it is listened to"), accepted]
}

/// How much of `bytes` is taken to be sent; none if it has to wait.
fn try_send(stream: &mut SimulatedStream, bytes: &[u8]) -> Option<io::Result<usize>> {
    stream.write(bytes).now_or_never()
}

/// Sends `bytes`, for which there is room.
fn send(stream: &mut SimulatedStream, bytes: &[u8]) {
    let sent = try_send(stream, bytes).expect("there is room").expect("it is connected");
    assert_eq!(sent, bytes.len());
}

/// What can be read next; none if there is nothing yet, and no bytes if nothing more comes.
fn try_receive(stream: &mut SimulatedStream) -> Option<io::Result<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(1 << 20);
    let read = stream.read_buf(&mut bytes).now_or_never()?;
    Some(read.map(|_| bytes))
}

/// Everything that has arrived and was not read yet.
fn received(stream: &mut SimulatedStream) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(bytes) = try_receive(stream) {
        let bytes = bytes.expect("it is connected");
        if bytes.is_empty() {
            break;
        }
        all.extend(bytes);
    }
    all
}

fn sees_nothing(stream: &mut SimulatedStream) -> bool {
    try_receive(stream).is_none()
}

fn sees_the_end(stream: &mut SimulatedStream) -> bool {
    matches!(try_receive(stream), Some(Ok(bytes)) if bytes.is_empty())
}

/// Whether it can neither be read from nor be written to, because the connection was reset.
fn is_reset(stream: &mut SimulatedStream) -> bool {
    let read = try_receive(stream).map(|read| read.map_err(|error| error.kind()));
    let written = try_send(stream, b"more").map(|sent| sent.map_err(|error| error.kind()));
    read == Some(Err(io::ErrorKind::ConnectionReset))
        && written == Some(Err(io::ErrorKind::BrokenPipe))
}

/// Cuts what `from` sends to `to`, or mends that.
fn cut(from: Machine, to: Machine, is_cut: bool) {
    network::set_link(from, to, |link| link.cut = is_cut);
}

/// The same, both ways.
fn part(one: Machine, other: Machine, are_parted: bool) {
    cut(one, other, are_parted);
    cut(other, one, are_parted);
}
