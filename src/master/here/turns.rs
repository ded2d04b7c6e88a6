//! The turns of reads: they run in steps, and when some rows have been read in a row, everything else
//! that is ready has its turn, so that a read that costs much holds up nobody; and one user's reads do not
//! hold up another's.
//!
//! Steps are taken in the order of asking. Of one user, [`AT_ONCE`] reads take part; the others wait until
//! one of those is finished, and a few dozen may wait.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::yield_now,
};

use crate::{domain::UserId, social::Step};

/// So many rows are read without a break: half a millisecond, if they are in memory. Several short reads
/// have room in that, and their answers go into the same packets.
const ROWS_WITHOUT_A_BREAK: usize = 512;
/// So many reads take part in all; the others wait. After each break, all of them look whether they may go
/// on.
const IN_ALL: usize = 64;
/// So many reads of one user take part: as many as can fill the time between two breaks, if each reads as
/// much as it may in one step.
const AT_ONCE: usize = 8;
/// And so many are in progress or wait.
const MOST_OF_A_USER: usize = 64;
/// Of all users together.
const MOST: usize = 2_048;

/// Hands out turns; clones share them.
#[derive(Clone)]
pub struct ReadTurns {
    in_all: Arc<Semaphore>,
    stretch: Arc<Mutex<Stretch>>,
    users: Arc<Mutex<Users>>,
}

/// What is read between two breaks.
#[derive(Default)]
struct Stretch {
    number: u64,
    rows: usize,
}

#[derive(Default)]
struct Users {
    reads: usize,
    by_user: BTreeMap<UserId, User>,
}

struct User {
    reads: usize,
    at_once: Arc<Semaphore>,
}

/// A read that has its turns, until it is dropped.
pub struct Reading {
    stretch: Arc<Mutex<Stretch>>,
    _counted: Counted,
    _takes_part: [OwnedSemaphorePermit; 2],
}

/// One of those that are in progress or wait.
struct Counted {
    user: UserId,
    users: Arc<Mutex<Users>>,
}

/// Too many reads are in progress, of this user or of all.
#[derive(Debug, PartialEq, Eq)]
pub struct TooManyReads;

impl Default for ReadTurns {
    fn default() -> Self {
        let in_all = Arc::new(Semaphore::new(IN_ALL));
        Self { in_all, stretch: Arc::default(), users: Arc::default() }
    }
}

impl ReadTurns {
    /// Waits until one more read of `user` may take part.
    pub async fn begin(&self, user: UserId) -> Result<Reading, TooManyReads> {
        let (counted, of_user) = self.count(user)?;
        let of_user = of_user.acquire_owned().await.expect("it is never closed");
        let in_all = Arc::clone(&self.in_all).acquire_owned().await.expect("it is never closed");
        let stretch = Arc::clone(&self.stretch);
        Ok(Reading { stretch, _counted: counted, _takes_part: [of_user, in_all] })
    }

    fn count(&self, user: UserId) -> Result<(Counted, Arc<Semaphore>), TooManyReads> {
        let mut users = self.users.lock();
        let Users { reads, by_user } = &mut *users;
        let new = || User { reads: 0, at_once: Arc::new(Semaphore::new(AT_ONCE)) };
        let own = by_user.entry(user).or_insert_with(new);
        if own.reads >= MOST_OF_A_USER || *reads >= MOST {
            // A user without reads is not kept.
            if own.reads == 0 {
                by_user.remove(&user);
            }
            return Err(TooManyReads);
        }
        own.reads += 1;
        *reads += 1;
        let at_once = Arc::clone(&own.at_once);
        Ok((Counted { user, users: Arc::clone(&self.users) }, at_once))
    }
}

impl Reading {
    /// Takes steps until one is the last.
    pub async fn steps<T, E>(&self, mut step: impl FnMut() -> Result<Step<T>, E>) -> Result<T, E> {
        loop {
            self.break_if_due().await;
            let Step { done, rows } = step()?;
            // A step costs something even if it finds nothing.
            self.stretch.lock().rows += rows.max(1);
            if let Some(done) = done {
                return Ok(done);
            }
        }
    }

    async fn break_if_due(&self) {
        loop {
            let number = {
                let stretch = self.stretch.lock();
                if stretch.rows < ROWS_WITHOUT_A_BREAK {
                    return;
                }
                stretch.number
            };
            yield_now().await;
            let mut stretch = self.stretch.lock();
            // Unless somebody has come back from the same break before.
            if stretch.number == number {
                *stretch = Stretch { number: number + 1, rows: 0 };
            }
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut users = self.users.lock();
        users.reads -= 1;
        let own = users.by_user.get_mut(&self.user).expect("it is kept while it has reads");
        own.reads -= 1;
        if own.reads == 0 {
            users.by_user.remove(&self.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, pin::pin};

    use futures::{FutureExt as _, future::join_all};

    use super::*;

    const ANN: UserId = UserId(1);
    const BOB: UserId = UserId(2);

    /// Rows of a long step.
    const ROWS: usize = 64;

    /// A read of many steps, each of which `step` hears of.
    async fn read_long(turns: &ReadTurns, steps: usize, step: impl Fn()) {
        let reading = turns.begin(ANN).await.expect("room");
        let mut left = steps;
        let step = || {
            step();
            left -= 1;
            Ok::<_, TooManyReads>(Step { done: (left == 0).then_some(()), rows: ROWS })
        };
        reading.steps(step).await.expect("read");
    }

    async fn read_short(turns: &ReadTurns, user: UserId) {
        let reading = turns.begin(user).await.expect("room");
        let step = || Ok::<_, TooManyReads>(Step { done: Some(()), rows: 1 });
        reading.steps(step).await.expect("read");
    }

    #[tokio::test]
    async fn a_short_read_of_one_user_waits_for_few_steps_of_anothers_many_long_ones() {
        let turns = ReadTurns::default();
        let steps = Cell::new(0);
        let counted = || steps.set(steps.get() + 1);
        let short = async {
            while steps.get() < 50 {
                yield_now().await;
            }
            let before = steps.get();
            read_short(&turns, BOB).await;
            steps.get() - before
        };
        let long = join_all((0..MOST_OF_A_USER).map(|_| read_long(&turns, 100, counted)));
        let (_all, waited) = tokio::join!(long, short);
        assert!(waited * ROWS <= 2 * ROWS_WITHOUT_A_BREAK, "{waited} steps");
        assert!(turns.users.lock().by_user.is_empty(), "nothing is left of them");
    }

    #[tokio::test]
    async fn others_have_their_turn_before_too_much_is_read() {
        const STEPS: usize = 50;
        let turns = ReadTurns::default();
        let (steps, since) = (Cell::new(0), Cell::new(0));
        let step = || {
            steps.set(steps.get() + 1);
            since.set(since.get() + 1);
            assert!(since.get() * ROWS <= ROWS_WITHOUT_A_BREAK, "no turn of the others");
        };
        let other = async {
            while steps.get() < 2 * STEPS {
                since.set(0);
                yield_now().await;
            }
        };
        let (one, another) = (read_long(&turns, STEPS, step), read_long(&turns, STEPS, step));
        // As the runtime does, between two turns of which it looks at everything else.
        tokio::join!(biased; one, another, other);
    }

    #[tokio::test]
    async fn short_reads_of_many_are_carried_out_in_one_go() {
        let turns = ReadTurns::default();
        for user in 2..=40 {
            let read = read_short(&turns, UserId(user)).now_or_never();
            assert!(read.is_some(), "nobody waits for the others");
        }
    }

    #[tokio::test]
    async fn excess_of_one_user_is_refused_and_others_are_not() {
        let turns = ReadTurns::default();
        let mut begun = Vec::new();
        for _ in 0..MOST_OF_A_USER {
            begun.push(Box::pin(turns.begin(ANN)));
        }
        let at_once = begun.iter_mut().filter_map(futures::FutureExt::now_or_never);
        let mut at_once: Vec<_> = at_once.collect();
        assert_eq!(at_once.len(), AT_ONCE, "the others wait");
        assert_eq!(turns.begin(ANN).await.err(), Some(TooManyReads));
        assert!(turns.begin(BOB).await.is_ok());
        let mut next = pin!(begun.swap_remove(MOST_OF_A_USER - 1));
        at_once.pop();
        drop(begun);
        assert!(next.as_mut().now_or_never().is_some(), "those who have gone are not waited for");
    }
}
