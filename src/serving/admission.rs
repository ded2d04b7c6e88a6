//! How much callers may hold at one listener: connections, calls in progress, and what has arrived
//! of requests or was not yet taken of answers; in all, and from one address.
//!
//! What one address may hold leaves room for the others; a whole network of IPv6 counts as one.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{metrics, network::Origin};

/// How many of the connections that there may be make it crowded, in percent.
const CROWDED: usize = 75;

/// How much callers may hold.
#[derive(Clone, Copy, Debug)]
pub struct Amounts {
    /// Open connections.
    pub connections: usize,
    /// Calls whose answers have not ended; live streams are among them.
    pub calls: usize,
    /// Bytes of requests and answers that wait.
    pub bytes: usize,
}

impl Amounts {
    /// As much as there is.
    pub const UNLIMITED: Self =
        Self { connections: usize::MAX, calls: usize::MAX, bytes: usize::MAX };
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// There is no room for anybody.
    ForAll,
    /// There is none for this address.
    ForThisAddress,
}

impl Full {
    /// A connection was turned away for this.
    pub fn counts(self) {
        let reason = match self {
            Self::ForAll => "all",
            Self::ForThisAddress => "address",
        };
        metrics::CONNECTIONS_REFUSED.with_label_values(&[reason]).inc();
    }
}

/// Lets callers in, as far as there is room; clones share it.
#[derive(Clone)]
pub struct Admission {
    /// Who calls, for those who count connections.
    callers: &'static str,
    in_all: Amounts,
    by_address: Amounts,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    in_all: Held,
    by_address: BTreeMap<Origin, Holder>,
}

#[derive(Default)]
struct Holder {
    held: Held,
    connections: Vec<Arc<ConnectionState>>,
}

#[derive(Clone, Copy, Default)]
struct Held {
    connections: usize,
    calls: usize,
    bytes: usize,
}

impl Held {
    fn is_nothing(self) -> bool {
        let Self { connections, calls, bytes } = self;
        connections + calls + bytes == 0
    }
}

/// What is known of an open connection.
#[derive(Debug)]
pub struct ConnectionState {
    use_: Mutex<Use>,
    /// Cancelled when another connection needs the room.
    pub make_room: CancellationToken,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    calls: usize,
    /// Bytes of answers that wait for their caller.
    untaken: usize,
    /// When a call last began or ended, or a part of an answer was taken.
    last: Instant,
}

impl ConnectionState {
    fn new() -> Self {
        let unused = Use { calls: 0, untaken: 0, last: Instant::now() };
        Self { use_: Mutex::new(unused), make_room: CancellationToken::new() }
    }

    /// For how long no call has been in progress.
    pub fn idle_for(&self) -> Option<Duration> {
        let Use { calls, last, .. } = *self.use_.lock();
        (calls == 0).then(|| last.elapsed())
    }

    /// For how long answers have waited of which nothing was taken.
    pub fn stuck_for(&self) -> Option<Duration> {
        let Use { untaken, last, .. } = *self.use_.lock();
        (untaken > 0).then(|| last.elapsed())
    }

    fn change(&self, change: impl FnOnce(&mut Use)) {
        let mut used = self.use_.lock();
        change(&mut used);
        used.last = Instant::now();
    }
}

impl Admission {
    /// Nobody holds anything yet of what these callers may hold.
    pub fn new(callers: &'static str, in_all: Amounts, by_address: Amounts) -> Self {
        Self { callers, in_all, by_address, state: Arc::default() }
    }

    /// The same without limits.
    pub fn unlimited(callers: &'static str) -> Self {
        Self::new(callers, Amounts::UNLIMITED, Amounts::UNLIMITED)
    }

    /// Lets a connection in. If its address has as many as it may, the one that has been idle for
    /// longest makes room.
    pub fn connection(&self, origin: Origin) -> Result<ConnectionPermit, Full> {
        let mut state = self.state();
        if state.in_all.connections >= self.in_all.connections {
            return Err(Full::ForAll);
        }
        let holder = state.by_address.entry(origin).or_default();
        if holder.held.connections >= self.by_address.connections {
            let others = holder.connections.iter().enumerate();
            let idle = others.filter_map(|(position, other)| Some((other.idle_for()?, position)));
            let (_, idlest) = idle.max().ok_or(Full::ForThisAddress)?;
            // It gives back its place when it is closed, which is soon.
            holder.connections.swap_remove(idlest).make_room.cancel();
        }
        let connection = Arc::new(ConnectionState::new());
        holder.held.connections += 1;
        holder.connections.push(Arc::clone(&connection));
        state.in_all.connections += 1;
        metrics::CONNECTIONS.with_label_values(&[self.callers]).inc();
        let unless_a_node = None;
        Ok(ConnectionPermit { admission: self.clone(), origin, connection, unless_a_node })
    }

    /// Whether there is little room left for connections.
    pub fn is_crowded(&self) -> bool {
        self.state().in_all.connections >= self.in_all.connections.saturating_mul(CROWDED) / 100
    }

    /// Lets a call in that comes from `origin` through `connection`.
    pub fn call(
        &self,
        origin: Origin,
        connection: &Arc<ConnectionState>,
    ) -> Result<CallPermit, Full> {
        let mut state = self.state();
        self.has_room(&state, origin, |held, most| {
            held.calls < most.calls && held.bytes < most.bytes
        })?;
        state.change(origin, |held| held.calls += 1);
        connection.change(|used| used.calls += 1);
        let connection = Arc::clone(connection);
        Ok(CallPermit { admission: self.clone(), origin, connection, arrived: 0, untaken: 0 })
    }

    fn has_room(
        &self,
        state: &State,
        origin: Origin,
        fits: impl Fn(&Held, &Amounts) -> bool,
    ) -> Result<(), Full> {
        if !fits(&state.in_all, &self.in_all) {
            return Err(Full::ForAll);
        }
        let holder = state.by_address.get(&origin);
        let held = holder.map(|holder| holder.held).unwrap_or_default();
        if fits(&held, &self.by_address) { Ok(()) } else { Err(Full::ForThisAddress) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// Changes what an address holds, and so what all hold.
    fn change(&mut self, origin: Origin, change: impl Fn(&mut Held)) {
        change(&mut self.in_all);
        let holder = self.by_address.entry(origin).or_default();
        change(&mut holder.held);
        if holder.held.is_nothing() {
            self.by_address.remove(&origin);
        }
    }
}

/// The place of an open connection, which is free again when this is dropped.
pub struct ConnectionPermit {
    admission: Admission,
    origin: Origin,
    /// What is known of it.
    pub connection: Arc<ConnectionState>,
    /// Why it is turned away unless it proves to come from a node.
    pub unless_a_node: Option<Full>,
}

impl ConnectionPermit {
    /// The same for a node only: there was no room for anybody else.
    pub fn for_a_node(mut self, why: Full) -> Self {
        self.unless_a_node = Some(why);
        self
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut state = self.admission.state();
        if let Some(holder) = state.by_address.get_mut(&self.origin) {
            holder.connections.retain(|other| !Arc::ptr_eq(other, &self.connection));
        }
        state.change(self.origin, |held| held.connections -= 1);
        metrics::CONNECTIONS.with_label_values(&[self.admission.callers]).dec();
    }
}

/// The place of a call in progress, which is free again when this is dropped.
pub struct CallPermit {
    admission: Admission,
    origin: Origin,
    connection: Arc<ConnectionState>,
    arrived: usize,
    untaken: usize,
}

impl CallPermit {
    /// How many bytes of the request have arrived that are not worked off.
    pub fn arrived(&self) -> usize {
        self.arrived
    }

    /// So many more bytes of the request have arrived.
    pub fn arrives(&mut self, bytes: usize) -> Result<(), Full> {
        let mut state = self.admission.state();
        self.admission.has_room(&state, self.origin, |held, most| {
            held.bytes.saturating_add(bytes) <= most.bytes
        })?;
        state.change(self.origin, |held| held.bytes += bytes);
        self.arrived += bytes;
        Ok(())
    }

    /// The request has been worked off.
    pub fn is_answered(&mut self) {
        let arrived = std::mem::take(&mut self.arrived);
        self.admission.state().change(self.origin, |held| held.bytes -= arrived);
    }

    /// So many bytes of the answer wait for the caller now.
    pub fn waits(&mut self, bytes: usize) {
        if bytes == self.untaken {
            return;
        }
        let before = std::mem::replace(&mut self.untaken, bytes);
        let change = |held: &mut usize| *held = *held - before + bytes;
        self.admission.state().change(self.origin, |held| change(&mut held.bytes));
        self.connection.change(|used| change(&mut used.untaken));
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        let Self { arrived, untaken, .. } = *self;
        self.admission.state().change(self.origin, |held| {
            held.calls -= 1;
            held.bytes -= arrived + untaken;
        });
        self.connection.change(|used| {
            used.calls -= 1;
            used.untaken -= untaken;
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const A_MOMENT: Duration = Duration::from_millis(20);

    const SOME: Amounts = Amounts { connections: 8, calls: 8, bytes: 800 };
    const FEW: Amounts = Amounts { connections: 2, calls: 2, bytes: 200 };

    fn admission() -> Admission {
        Admission::new("tests", SOME, FEW)
    }

    fn from(address: &str) -> Origin {
        Some(address.parse().expect("an address")).into()
    }

    /// Why nothing was let in.
    fn why<T>(outcome: Result<T, Full>) -> Option<Full> {
        outcome.err()
    }

    #[tokio::test]
    async fn one_address_leaves_room_for_the_others_until_there_is_none() {
        let admission = admission();
        let mut permits = Vec::new();
        for number in 0..4u8 {
            let address = from(&format!("192.0.2.{number}"));
            let permit = admission.connection(address).expect("room");
            let connection = Arc::clone(&permit.connection);
            let calls = [(); 2].map(|()| admission.call(address, &connection).expect("room"));
            assert_eq!(why(admission.call(address, &connection)), {
                let all = number == 3;
                Some(if all { Full::ForAll } else { Full::ForThisAddress })
            });
            permits.push((permit, calls));
        }
        permits.pop();
        let address = from("198.51.100.1");
        let permit = admission.connection(address).expect("room again");
        admission.call(address, &permit.connection).expect("room again");
    }

    #[tokio::test]
    async fn addresses_are_forgotten_with_what_they_held() {
        let admission = admission();
        let permit = admission.connection(from("192.0.2.1")).expect("room");
        let connection = Arc::clone(&permit.connection);
        let mut call = admission.call(from("198.51.100.1"), &connection).expect("room");
        call.arrives(7).expect("room");
        call.waits(9);
        assert_eq!(admission.state().by_address.len(), 2);
        drop((call, permit));
        assert!(admission.state().by_address.is_empty() && admission.state().in_all.is_nothing());
    }

    #[tokio::test]
    async fn a_whole_network_of_ipv6_counts_as_one_address() {
        let admission = admission();
        let addresses = ["2001:db8::1", "2001:db8::2:3", "2001:db8:0:1::"].map(from);
        let _permits = addresses.map(|address| admission.connection(address).expect("room"));
        assert_eq!(admission.state().by_address.len(), 2);
    }

    #[tokio::test]
    async fn the_connection_that_was_idle_for_longest_makes_room_and_one_in_use_does_not() {
        let admission = admission();
        let address = from("192.0.2.1");
        let first = admission.connection(address).expect("room");
        sleep(A_MOMENT).await;
        let second = admission.connection(address).expect("room");
        let third = admission.connection(address).expect("the first makes room");
        assert!(first.connection.make_room.is_cancelled());
        drop(first);
        let calls = [&second, &third].map(|used| admission.call(address, &used.connection));
        assert_eq!(why(admission.connection(address)), Some(Full::ForThisAddress));
        drop(calls);
        admission.connection(address).expect("one makes room");
    }

    #[tokio::test]
    async fn what_waits_is_counted_until_it_is_taken() {
        let admission = admission();
        let address = from("192.0.2.1");
        let permit = admission.connection(address).expect("room");
        let connection = Arc::clone(&permit.connection);
        let mut call = admission.call(address, &connection).expect("room");
        call.arrives(150).expect("room");
        assert_eq!(why(call.arrives(51)), Some(Full::ForThisAddress));
        call.is_answered();
        call.waits(200);
        assert_eq!(why(admission.call(address, &connection)), Some(Full::ForThisAddress));
        sleep(A_MOMENT).await;
        assert!(connection.stuck_for().is_some_and(|time| time >= A_MOMENT));
        call.waits(0);
        assert_eq!((connection.stuck_for(), connection.idle_for()), (None, None));
        admission.call(address, &connection).expect("room again");
        drop(call);
        assert!(connection.idle_for().is_some());
    }

    #[tokio::test]
    async fn it_is_crowded_before_it_is_full() {
        let admission = admission();
        let address = |number: u8| from(&format!("192.0.2.{number}"));
        let permits: Vec<_> = (0..6).map(|number| admission.connection(address(number))).collect();
        assert!(admission.is_crowded());
        drop(permits);
        assert!(!admission.is_crowded());
    }
}
