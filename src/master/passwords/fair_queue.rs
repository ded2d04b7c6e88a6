//! Who has the next turn: a bounded queue in which nobody waits longer because somebody else asks
//! more often. Pure.
//!
//! Origins take turns; so do, within an origin, the accounts that are asked for, and for one account
//! the connections over which it is asked for. A newcomer is the last of those who take turns, and
//! each of them comes before it once.
//!
//! If there is no room, the newest one of whoever has most waiting makes room, unless that is the
//! newcomer. So a caller who asks a lot is refused, and one who asks once is not.

use std::collections::{BTreeMap, BTreeSet};

use super::asker::{Asker, Pair};
use crate::network::Origin;

/// How many may wait.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// In all.
    pub in_all: usize,
    /// From one origin.
    pub for_an_origin: usize,
    /// From one origin, for one account.
    pub for_a_pair: usize,
}

/// A bounded queue of items, each with who asks for it.
pub struct FairQueue<T> {
    room: Room,
    /// In the order of their arrival.
    waiting: Vec<(Asker, T)>,
    origins: Rounds<Origin>,
    pairs: Rounds<Pair>,
    askers: Rounds<Asker>,
    /// Counts arrivals and turns.
    clock: u64,
}

/// When each of those who take turns had its last one; or when it arrived, if it had none yet.
type Rounds<K> = BTreeMap<K, u64>;

/// Where a newcomer waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// There is room.
    Free,
    /// Instead of this one.
    Of(usize),
    /// Nowhere.
    None,
}

impl<T> FairQueue<T> {
    /// An empty queue.
    pub fn new(room: Room) -> Self {
        Self {
            room,
            waiting: Vec::new(),
            origins: Rounds::new(),
            pairs: Rounds::new(),
            askers: Rounds::new(),
            clock: 0,
        }
    }

    /// What waits, in the order of arrival.
    pub fn all(&self) -> impl Iterator<Item = &(Asker, T)> {
        self.waiting.iter()
    }

    /// Adds one. Returns the one for which there is no room, if there is none: the newcomer, or one
    /// that had to make room for it.
    pub fn add(&mut self, asker: Asker, item: T) -> Option<(Asker, T)> {
        let displaced = match self.place(&asker) {
            Place::Free => None,
            Place::Of(index) => Some(self.waiting.remove(index)),
            Place::None => return Some((asker, item)),
        };
        self.clock += 1;
        self.origins.entry(asker.pair.origin).or_insert(self.clock);
        self.pairs.entry(asker.pair.clone()).or_insert(self.clock);
        self.askers.entry(asker.clone()).or_insert(self.clock);
        self.waiting.push((asker, item));
        self.forget_the_absent();
        displaced
    }

    /// Takes out whoever has the next turn among those that are `ready`.
    pub fn next(&mut self, ready: impl Fn(&Asker, &T) -> bool) -> Option<(Asker, T)> {
        let candidates = self.waiting.iter().enumerate();
        let candidates = candidates.filter(|(_, (asker, item))| ready(asker, item));
        let turn = |asker: &Asker| {
            (
                self.origins.get(&asker.pair.origin),
                self.pairs.get(&asker.pair),
                self.askers.get(asker),
            )
        };
        // Of several that are equal, the first one.
        let (index, _) = candidates.min_by_key(|(_, (asker, _))| turn(asker))?;
        let (asker, item) = self.waiting.remove(index);
        self.clock += 1;
        self.origins.insert(asker.pair.origin, self.clock);
        self.pairs.insert(asker.pair.clone(), self.clock);
        self.askers.insert(asker.clone(), self.clock);
        self.forget_the_absent();
        Some((asker, item))
    }

    /// Takes out all for which `leaves` is true.
    pub fn take_out(&mut self, leaves: impl Fn(&Asker, &T) -> bool) -> Vec<(Asker, T)> {
        let taken: Vec<_> =
            self.waiting.extract_if(.., |(asker, item)| leaves(asker, item)).collect();
        if !taken.is_empty() {
            self.forget_the_absent();
        }
        taken
    }

    /// Where there is room for `newcomer`.
    fn place(&self, newcomer: &Asker) -> Place {
        let Room { in_all, for_an_origin, for_a_pair } = self.room;
        let pair = &newcomer.pair;
        let of_the_pair = |asker: &Asker| asker.pair == *pair;
        let of_the_origin = |asker: &Asker| asker.pair.origin == pair.origin;
        let account = |asker: &Asker| asker.pair.account.clone();
        let connection = |asker: &Asker| asker.connection;
        let in_the_origin = match self.place_in(newcomer, for_an_origin, of_the_origin, account) {
            // One connection may ask for many accounts.
            Place::None => self.place_in(newcomer, for_an_origin, of_the_origin, connection),
            place => place,
        };
        let places = [
            self.place_in(newcomer, for_a_pair, of_the_pair, connection),
            in_the_origin,
            self.place_in(newcomer, in_all, |_| true, |asker| asker.pair.origin),
        ];
        places.into_iter().find(|place| *place != Place::Free).unwrap_or(Place::Free)
    }

    /// The same for `most` of a group, which consists of parts.
    fn place_in<Part: Ord>(
        &self,
        newcomer: &Asker,
        most: usize,
        of_the_group: impl Fn(&Asker) -> bool,
        part: impl Fn(&Asker) -> Part,
    ) -> Place {
        let group: Vec<(usize, &Asker)> = (self.waiting.iter().enumerate())
            .map(|(index, (asker, _))| (index, asker))
            .filter(|(_, asker)| of_the_group(asker))
            .collect();
        if group.len() < most {
            return Place::Free;
        }
        let members = || group.iter().map(|(_, asker)| *asker);
        let parts = tally(members().map(&part));
        let pairs = tally(members().map(|asker| &asker.pair));
        let askers = tally(members());
        let shares = group
            .iter()
            .map(|(index, asker)| (parts[&part(asker)], pairs[&asker.pair], askers[asker], *index));
        let own = parts.get(&part(newcomer)).copied().unwrap_or_default();
        match shares.max() {
            // If the two were to have equally many, nothing would be won.
            Some((largest, .., newest)) if largest > own + 1 => Place::Of(newest),
            _ => Place::None,
        }
    }

    /// Whoever has nothing waiting takes no turns, and is a newcomer when it comes back.
    fn forget_the_absent(&mut self) {
        let present: BTreeSet<&Asker> = self.waiting.iter().map(|(asker, _)| asker).collect();
        self.askers.retain(|asker, _| present.contains(asker));
        let present: BTreeSet<&Pair> = present.into_iter().map(|asker| &asker.pair).collect();
        self.pairs.retain(|pair, _| present.contains(pair));
        let present: BTreeSet<Origin> = present.into_iter().map(|pair| pair.origin).collect();
        self.origins.retain(|origin, _| present.contains(origin));
    }
}

fn tally<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Connection;

    const ROOM: Room = Room { in_all: 30, for_an_origin: 20, for_a_pair: 10 };

    fn asker(address: &str, account: &str, port: u16) -> Asker {
        let origin = Origin::from(Some(address.parse().expect("an address")));
        let pair = Pair { origin, account: account.to_owned() };
        Asker { pair, connection: Some(Connection(port)) }
    }

    fn queue() -> FairQueue<&'static str> {
        FairQueue::new(ROOM)
    }

    /// The next `count` turns.
    fn turns(queue: &mut FairQueue<&'static str>, count: usize) -> Vec<&'static str> {
        (0..count).filter_map(|_| queue.next(|_, _| true)).map(|(_, item)| item).collect()
    }

    fn has_waiting(queue: &FairQueue<&'static str>, item: &str) -> usize {
        queue.all().filter(|(_, waiting)| *waiting == item).count()
    }

    #[test]
    fn an_address_with_many_waiting_delays_another_by_one_turn() {
        let mut queue = queue();
        for account in ["a", "b", "a", "a", "b", "c"] {
            queue.add(asker("192.0.2.1", account, 1), "attack");
        }
        assert_eq!(turns(&mut queue, 1), ["attack"]);
        queue.add(asker("192.0.2.2", "ann", 1), "ann");
        assert_eq!(turns(&mut queue, 3), ["attack", "ann", "attack"]);
    }

    #[test]
    fn an_account_that_many_ask_for_delays_another_at_the_same_address_by_one_turn() {
        let mut queue = queue();
        for _ in 0..8 {
            queue.add(asker("192.0.2.1", "a", 1), "attack");
        }
        queue.add(asker("192.0.2.1", "ann", 1), "ann");
        assert_eq!(turns(&mut queue, 3), ["attack", "ann", "attack"]);
    }

    #[test]
    fn a_connection_with_many_waiting_delays_another_that_asks_for_the_same_by_one_turn() {
        let mut queue = queue();
        for _ in 0..8 {
            queue.add(asker("192.0.2.1", "ann", 1), "attack");
        }
        queue.add(asker("192.0.2.1", "ann", 2), "ann");
        assert_eq!(turns(&mut queue, 3), ["attack", "ann", "attack"]);
    }

    #[test]
    fn whoever_comes_back_does_not_come_before_those_who_wait() {
        let mut queue = queue();
        for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            queue.add(asker(address, "a", 1), "first");
        }
        for _ in 0..3 {
            assert_eq!(turns(&mut queue, 1), ["first"]);
            queue.add(asker("192.0.2.4", "a", 1), "again and again");
        }
        assert_eq!(turns(&mut queue, 9), ["again and again"; 3]);
    }

    #[test]
    fn whoever_is_not_ready_loses_no_turn() {
        let mut queue = queue();
        queue.add(asker("192.0.2.1", "slow", 1), "slow");
        queue.add(asker("192.0.2.2", "a", 1), "quick");
        queue.add(asker("192.0.2.2", "a", 1), "quick");
        let quick = queue.next(|_, item| *item == "quick");
        assert!(quick.is_some_and(|(_, item)| item == "quick"));
        assert!(queue.next(|_, _| false).is_none());
        assert_eq!(turns(&mut queue, 2), ["slow", "quick"]);
    }

    #[test]
    fn who_asks_too_much_is_refused_and_makes_room_for_others() {
        let mut queue = queue();
        for _ in 0..ROOM.for_a_pair {
            assert!(queue.add(asker("192.0.2.1", "a", 1), "attack").is_none());
        }
        let refused = queue.add(asker("192.0.2.1", "a", 1), "one too many");
        assert!(refused.is_some_and(|(_, item)| item == "one too many"));
        let refused = queue.add(asker("192.0.2.1", "a", 2), "over another connection");
        assert!(refused.is_some_and(|(_, item)| item == "attack"));
        for _ in 0..ROOM.for_a_pair {
            assert!(queue.add(asker("192.0.2.1", "b", 1), "attack").is_none());
        }
        let refused = queue.add(asker("192.0.2.1", "c", 1), "for another account");
        assert!(refused.is_some_and(|(_, item)| item == "attack"));
        for _ in 0..ROOM.in_all - ROOM.for_an_origin {
            assert!(queue.add(asker("192.0.2.2", "a", 1), "another attack").is_none());
        }
        let refused = queue.add(asker("192.0.2.3", "a", 1), "from another address");
        assert!(refused.is_some_and(|(_, item)| item == "attack"));
        assert_eq!(queue.all().count(), ROOM.in_all);
        for item in ["over another connection", "for another account", "from another address"] {
            assert_eq!(has_waiting(&queue, item), 1, "{item}");
        }
    }

    #[test]
    fn a_connection_that_asks_for_many_accounts_makes_room_for_another() {
        let mut queue = queue();
        for account in 0..ROOM.for_an_origin {
            assert!(queue.add(asker("192.0.2.1", &account.to_string(), 1), "attack").is_none());
        }
        let refused = queue.add(asker("192.0.2.1", "one more", 1), "one more");
        assert!(refused.is_some_and(|(_, item)| item == "one more"));
        let refused = queue.add(asker("192.0.2.1", "ann", 2), "ann");
        assert!(refused.is_some_and(|(_, item)| item == "attack"));
        assert_eq!(has_waiting(&queue, "ann"), 1);
    }

    #[test]
    fn nothing_is_kept_of_those_who_have_left() {
        let mut queue = queue();
        for port in 1..=9 {
            queue.add(asker("192.0.2.1", "a", port), "gone");
            queue.add(asker("192.0.2.2", "a", port), "stays");
        }
        assert_eq!(queue.take_out(|_, item| *item == "gone").len(), 9);
        assert_eq!((queue.origins.len(), queue.pairs.len(), queue.askers.len()), (1, 1, 9));
        assert_eq!(turns(&mut queue, 99), ["stays"; 9]);
        assert!(queue.origins.is_empty() && queue.pairs.is_empty() && queue.askers.is_empty());
    }
}
