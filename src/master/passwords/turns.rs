//! Whose password is hashed next, and who is refused: the queue, the guesses before and the counts,
//! which the task in `checks` asks what to do. It does nothing but answer those who wait.

use std::time::Duration;

use tokio::{sync::oneshot, time::Instant};

use super::{
    asker::Asker,
    bursts::{Bursts, Event, Summary, Tally},
    fair_queue::{FairQueue, Room},
    guesses::Guesses,
    hashing::{Computed, Work},
};
use crate::metrics;

/// How many may wait, in each of two queues: with 20 ms a hash, less than the 5 s after which a client
/// takes a server for dead.
const ROOM: Room = Room { in_all: 100, for_an_origin: 50, for_a_pair: 16 };
/// Whoever has to wait longer than this because of wrong passwords is refused instead.
const PATIENCE: Duration = Duration::from_secs(4);

/// Why a password was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unchecked {
    /// Too many are waiting.
    Crowded,
    /// Too many were wrong: the next one may be tried after this time.
    Slowed(Duration),
    /// This master is stopping.
    Stopping,
}

/// What has been done since the master started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Passwords that were hashed to be stored.
    pub hashed: u64,
    /// Passwords that were right.
    pub right: u64,
    /// Passwords that were wrong, and calls that were refused.
    pub failures: Tally,
    /// Callers who left before it was their turn.
    pub left: u64,
    /// Those who are waiting at present.
    pub waiting: usize,
}

/// Something to compute, and whom to tell.
pub struct Check {
    /// What to compute.
    pub work: Work,
    /// Closed if the caller has left.
    pub answer: oneshot::Sender<Result<Computed, Unchecked>>,
}

/// What to do now.
pub enum Next {
    /// Compute this.
    Compute(Asker, Check),
    /// Nothing until this moment, or until something is added.
    Wait(Option<Instant>),
}

/// Who waits, and what is remembered.
pub struct Turns {
    /// Whether wrong passwords slow anybody down.
    limits_rates: bool,
    /// Strangers, and those who are known. The two take turns, so that neither keeps the other waiting
    /// however many they are.
    queues: [FairQueue<Check>; 2],
    /// The queue that has the next turn.
    next_queue: usize,
    guesses: Guesses,
    bursts: Bursts,
    counts: Counts,
}

impl Turns {
    /// Nobody waits.
    pub fn new(limits_rates: bool) -> Self {
        Self {
            limits_rates,
            queues: [FairQueue::new(ROOM), FairQueue::new(ROOM)],
            next_queue: 0,
            guesses: Guesses::default(),
            bursts: Bursts::default(),
            counts: Counts::default(),
        }
    }

    /// What has been done.
    pub fn counts(&self) -> Counts {
        let all = self.queues.iter().flat_map(FairQueue::all);
        let waiting = all.filter(|(_, check)| !check.answer.is_closed()).count();
        Counts { waiting, ..self.counts }
    }

    /// Whoever asks waits for a turn, or is refused.
    pub fn add(&mut self, asker: Asker, check: Check, now: Instant) {
        self.forget_those_who_left();
        let wait = self.wait(&asker, &check, now);
        if wait > PATIENCE {
            return self.refuse(&asker, check, Unchecked::Slowed(wait), now);
        }
        let queue = usize::from(self.guesses.is_known(&asker.pair));
        if let Some((asker, check)) = self.queues[queue].add(asker, check) {
            self.refuse(&asker, check, Unchecked::Crowded, now);
        }
    }

    /// Who has the next turn.
    pub fn next(&mut self, now: Instant) -> Next {
        self.forget_those_who_left();
        self.refuse_the_slow(now);
        for queue in [self.next_queue, 1 - self.next_queue] {
            let (limits_rates, guesses) = (self.limits_rates, &self.guesses);
            let is_ready = |asker: &Asker, check: &Check| {
                wait(limits_rates, guesses, asker, check, now).is_zero()
            };
            if let Some((asker, check)) = self.queues[queue].next(is_ready) {
                self.next_queue = 1 - queue;
                return Next::Compute(asker, check);
            }
        }
        let waits = self.queues.iter().flat_map(FairQueue::all);
        let ready_at = waits.map(|(asker, check)| now + self.wait(asker, check, now)).min();
        Next::Wait(ready_at.into_iter().chain(self.bursts.sum_up_at()).min())
    }

    /// What came of a turn. Nobody has another one before this is noted: so each guess is slowed by all
    /// before it. True if it is the first one of several that were wrong.
    pub fn note(&mut self, asker: &Asker, computed: &Computed, now: Instant) -> bool {
        match computed {
            Computed::Hash(_) => self.counts.hashed += 1,
            Computed::Verdict(true) => {
                self.counts.right += 1;
                self.guesses.was_right(&asker.pair, now);
            }
            Computed::Verdict(false) => {
                self.counts.failures.wrong += 1;
                metrics::LOGIN_FAILURES.with_label_values(&["wrong"]).inc();
                self.guesses.was_wrong(&asker.pair, now);
                return self.bursts.note(&asker.pair, Event::Wrong, now);
            }
        }
        false
    }

    /// The account was opened in another way than by its password.
    pub fn was_opened(&mut self, asker: &Asker, now: Instant) {
        self.guesses.was_right(&asker.pair, now);
    }

    /// What there is to log.
    pub fn sum_up(&mut self, now: Instant) -> Vec<Summary> {
        self.bursts.sum_up(now)
    }

    fn wait(&self, asker: &Asker, check: &Check, now: Instant) -> Duration {
        wait(self.limits_rates, &self.guesses, asker, check, now)
    }

    fn forget_those_who_left(&mut self) {
        for queue in &mut self.queues {
            let left = queue.take_out(|_, check| check.answer.is_closed());
            self.counts.left += u64::try_from(left.len()).expect("few");
        }
    }

    /// Passwords that were wrong meanwhile may have made somebody's wait too long.
    fn refuse_the_slow(&mut self, now: Instant) {
        let (limits_rates, guesses) = (self.limits_rates, &self.guesses);
        let wait = |asker: &Asker, check: &Check| wait(limits_rates, guesses, asker, check, now);
        let is_slow = |asker: &Asker, check: &Check| wait(asker, check) > PATIENCE;
        let slow: Vec<_> =
            self.queues.iter_mut().flat_map(|queue| queue.take_out(is_slow)).collect();
        for (asker, check) in slow {
            let wait = self.wait(&asker, &check, now);
            self.refuse(&asker, check, Unchecked::Slowed(wait), now);
        }
    }

    fn refuse(&mut self, asker: &Asker, check: Check, why: Unchecked, now: Instant) {
        let failures = &mut self.counts.failures;
        let (event, count, reason) = match why {
            Unchecked::Slowed(_) => (Event::Slowed, &mut failures.slowed, "slowed"),
            Unchecked::Crowded | Unchecked::Stopping => {
                (Event::Crowded, &mut failures.crowded, "crowded")
            }
        };
        *count += 1;
        metrics::LOGIN_FAILURES.with_label_values(&[reason]).inc();
        self.bursts.note(&asker.pair, event, now);
        let _left = check.answer.send(Err(why));
    }
}

/// How long until this may be computed, for all that its maker has guessed before. Only guesses are
/// slowed.
fn wait(
    limits_rates: bool,
    guesses: &Guesses,
    asker: &Asker,
    check: &Check,
    now: Instant,
) -> Duration {
    match check.work {
        Work::Verify { .. } if limits_rates => guesses.wait(&asker.pair, now),
        Work::Verify { .. } | Work::Hash { .. } => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{master::passwords::asker::Pair, network::Connection};

    const RIGHT: &str = "correct horse";
    const WRONG: &str = "correct house";
    /// How long a hash takes.
    const HASH: Duration = Duration::from_millis(20);

    type Answer = oneshot::Receiver<Result<Computed, Unchecked>>;

    /// Does what is to be done, at a time of its own.
    struct World {
        turns: Turns,
        now: Instant,
    }

    impl World {
        fn new() -> Self {
            Self { turns: Turns::new(true), now: Instant::now() }
        }

        fn tries(&mut self, asker: Asker, password: &str) -> Answer {
            let (answer, computed) = oneshot::channel();
            let work = Work::Verify { password: password.to_owned().into(), hash: String::new() };
            self.turns.add(asker, Check { work, answer }, self.now);
            computed
        }

        /// One turn, or a pause until the next one; false if nothing is to be done.
        fn step(&mut self) -> bool {
            match self.turns.next(self.now) {
                Next::Compute(asker, Check { work, answer }) => {
                    self.now += HASH;
                    let Work::Verify { password, .. } = work else { panic!("{work:?}") };
                    let computed = Computed::Verdict(*password == *RIGHT);
                    self.turns.note(&asker, &computed, self.now);
                    let _left = answer.send(Ok(computed));
                    true
                }
                Next::Wait(Some(until)) => {
                    self.now = until;
                    self.turns.sum_up(until);
                    true
                }
                Next::Wait(None) => false,
            }
        }

        /// What comes of one try, and how long that takes.
        fn outcome(&mut self, asker: Asker, password: &str) -> (Result<bool, Unchecked>, Duration) {
            let began = self.now;
            let mut answer = self.tries(asker, password);
            loop {
                match answer.try_recv() {
                    Ok(outcome) => {
                        let is_right = outcome.map(|computed| computed == Computed::Verdict(true));
                        return (is_right, self.now - began);
                    }
                    Err(_) => assert!(self.step(), "it is never answered"),
                }
            }
        }

        /// How many wrong passwords are looked at until one is refused.
        fn guesses(&mut self, asker: &Asker) -> u32 {
            let mut count = 0;
            while self.outcome(asker.clone(), WRONG).0 == Ok(false) {
                count += 1;
            }
            count
        }
    }

    fn asker(address: u32, account: &str, port: u16) -> Asker {
        let address = std::net::Ipv4Addr::from_bits(address);
        let pair = Pair { origin: Some(address.into()).into(), account: account.to_owned() };
        Asker { pair, connection: Some(Connection(port)) }
    }

    #[test]
    fn a_guesser_is_refused_until_it_may_try_again_even_if_it_were_right() {
        let mut world = World::new();
        let guesser = asker(66, "ann", 1);
        assert_eq!(world.guesses(&guesser), 10);
        let (refused, took) = world.outcome(guesser.clone(), RIGHT);
        let Err(Unchecked::Slowed(wait)) = refused else { panic!("{refused:?}") };
        assert_eq!(took, Duration::ZERO, "at once");
        assert!(wait > PATIENCE && wait <= Duration::from_secs(30), "{wait:?}");
        world.now += wait;
        assert_eq!(world.guesses(&guesser), 1);
    }

    #[test]
    fn a_guesser_with_much_in_flight_gets_no_more_guesses_than_one_who_waits_for_each_answer() {
        let mut world = World::new();
        let mut answers: Vec<Answer> =
            (0..250).map(|_| world.tries(asker(66, "ann", 1), WRONG)).collect();
        while world.step() {}
        let looked_at = answers.iter_mut().filter_map(|answer| answer.try_recv().ok()?.ok());
        assert_eq!(looked_at.count(), 10);
    }

    #[test]
    fn wrong_passwords_from_everywhere_do_not_keep_the_owner_out_anywhere() {
        let mut world = World::new();
        let at_home = asker(1, "ann", 1);
        assert_eq!(world.outcome(at_home.clone(), RIGHT).0, Ok(true));
        for guesser in 100..200 {
            world.guesses(&asker(guesser, "ann", 1));
        }
        let mut attack: Vec<Answer> = Vec::new();
        for guesser in 200..1_200 {
            attack.push(world.tries(asker(guesser, "ann", 1), WRONG));
        }
        let (outcome, took) = world.outcome(at_home, RIGHT);
        assert_eq!(outcome, Ok(true));
        assert!(took <= 3 * HASH, "{took:?}");
        while world.step() {}
        let (outcome, took) = world.outcome(asker(2, "ann", 1), RIGHT);
        assert_eq!((outcome, took), (Ok(true), HASH), "at an address where he never was");
    }

    #[test]
    fn a_guesser_who_never_rests_at_the_owners_own_address_makes_him_wait_for_seconds() {
        let mut world = World::new();
        let (owner, next_door) = (asker(1, "ann", 1), asker(1, "ann", 2));
        assert_eq!(world.outcome(owner.clone(), RIGHT).0, Ok(true));
        let mut attack: Vec<Answer> = Vec::new();
        for _ in 0..30 {
            attack.extend((0..30).map(|_| world.tries(next_door.clone(), WRONG)));
            world.step();
        }
        let wrong = world.turns.counts().failures.wrong;
        assert!((10..30).contains(&wrong), "it is being slowed: {wrong}");
        let (outcome, took) = world.outcome(owner, RIGHT);
        assert_eq!(outcome, Ok(true));
        assert!(took <= 2 * Duration::from_secs(2) + 3 * HASH, "{took:?}");
    }

    #[test]
    fn strangers_and_the_known_keep_each_other_waiting_for_one_hash() {
        let mut world = World::new();
        let (crowd, owner) = (asker(1, "mallory", 1), asker(2, "ann", 1));
        assert_eq!(world.outcome(crowd.clone(), RIGHT).0, Ok(true));
        let attack: Vec<Answer> = (0..250).map(|_| world.tries(crowd.clone(), RIGHT)).collect();
        world.step();
        let (outcome, took) = world.outcome(owner, RIGHT);
        assert_eq!(outcome, Ok(true));
        assert!(took <= 2 * HASH, "{took:?}");
        drop(attack);
        assert_eq!(world.turns.counts().waiting, 0, "those who left are not waited for");
    }

    #[test]
    fn more_than_there_is_room_for_are_refused_at_once_whoever_they_are() {
        let mut world = World::new();
        let mut attack: Vec<Answer> = (0..1_000)
            .map(|number| asker(number % 7, &(number % 11).to_string(), 1))
            .map(|asker| world.tries(asker, WRONG))
            .collect();
        assert_eq!(world.turns.counts().waiting, ROOM.in_all);
        let refused = attack.iter_mut().filter_map(|answer| answer.try_recv().ok());
        let refused: Vec<_> = refused.collect();
        assert_eq!(refused, vec![Err(Unchecked::Crowded); 1_000 - ROOM.in_all]);
        let (outcome, took) = world.outcome(asker(99, "ann", 1), RIGHT);
        assert_eq!(outcome, Ok(true));
        assert!(took <= 8 * HASH, "one of each address comes first: {took:?}");
    }

    #[test]
    fn what_happens_is_counted() {
        let mut world = World::new();
        let attack: Vec<Answer> =
            (0..250).map(|_| world.tries(asker(66, "ann", 1), WRONG)).collect();
        let counts = world.turns.counts();
        assert_eq!(counts.waiting, ROOM.for_a_pair);
        while world.step() {}
        drop(attack);
        let (wrong, slowed, crowded) = (10, 6, 234);
        let failures = Tally { wrong, slowed, crowded };
        assert_eq!(world.turns.counts(), Counts { failures, ..Counts::default() });
    }
}
