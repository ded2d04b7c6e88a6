//! The turns of reads: they run in steps, and between two steps everything else that is ready has its
//! turn, so that a read that costs much holds up nobody; and one user's reads do not hold up
//! another's.
//!
//! One step runs at a time, in the order of asking. Of one user, [`AT_ONCE`] reads take part; the
//! others wait until one of those is finished, and a few dozen may wait.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::yield_now,
};

use crate::domain::UserId;

/// So many reads of one user take part.
const AT_ONCE: usize = 2;
/// And so many are in progress or wait.
const MOST_OF_A_USER: usize = 64;
/// Of all users together.
const MOST: usize = 2_048;

/// Hands out turns; clones share them.
#[derive(Clone)]
pub struct ReadTurns {
    step: Arc<Semaphore>,
    users: Arc<Mutex<Users>>,
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
    turns: ReadTurns,
    _counted: Counted,
    _at_once: OwnedSemaphorePermit,
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
        Self { step: Arc::new(Semaphore::new(1)), users: Arc::default() }
    }
}

impl ReadTurns {
    /// Waits until one more read of `user` may take part.
    pub async fn begin(&self, user: UserId) -> Result<Reading, TooManyReads> {
        let (counted, at_once) = self.count(user)?;
        let at_once = at_once.acquire_owned().await.expect("it is never closed");
        Ok(Reading { turns: self.clone(), _counted: counted, _at_once: at_once })
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
    /// Takes one step, when it is its turn.
    pub async fn step<T>(&self, step: impl FnOnce() -> T) -> T {
        let _turn = if let Ok(turn) = self.turns.step.try_acquire() {
            turn
        } else {
            let turn = self.turns.step.acquire().await.expect("it is never closed");
            // Somebody else's step came just before: everything else that is ready has its turn first.
            yield_now().await;
            turn
        };
        step()
    }

    /// Takes steps until one returns something.
    pub async fn steps<T, E>(
        &self,
        mut step: impl FnMut() -> Result<Option<T>, E>,
    ) -> Result<T, E> {
        loop {
            if let Some(done) = self.step(&mut step).await? {
                return Ok(done);
            }
            yield_now().await;
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

    #[tokio::test]
    async fn a_short_read_of_one_user_waits_for_few_steps_of_anothers_many_long_ones() {
        let turns = ReadTurns::default();
        let steps = Cell::new(0);
        let long = || async {
            let reading = turns.begin(ANN).await.expect("room");
            let mut left = 100;
            let step = || {
                steps.set(steps.get() + 1);
                left -= 1;
                Ok::<_, TooManyReads>((left == 0).then_some(()))
            };
            reading.steps(step).await.expect("read");
        };
        let short = async {
            while steps.get() < 50 {
                yield_now().await;
            }
            let before = steps.get();
            let reading = turns.begin(BOB).await.expect("room");
            reading.step(|| ()).await;
            steps.get() - before
        };
        let long = join_all((0..MOST_OF_A_USER).map(|_| long()));
        let (_all, waited) = tokio::join!(long, short);
        assert!(waited <= 2 * AT_ONCE, "{waited} steps");
        assert!(turns.users.lock().by_user.is_empty(), "nothing is left of them");
    }

    #[tokio::test]
    async fn others_have_their_turn_between_two_steps() {
        let turns = ReadTurns::default();
        let reading = turns.begin(ANN).await.expect("room");
        let (steps, others) = (Cell::new(0), Cell::new(0));
        let read = async {
            let step = || {
                assert!(others.get() >= steps.get(), "a step without a turn of the others");
                steps.set(steps.get() + 1);
                Ok::<_, TooManyReads>((steps.get() == 50).then_some(()))
            };
            reading.steps(step).await.expect("read");
        };
        let other = async {
            while steps.get() < 50 {
                others.set(others.get() + 1);
                yield_now().await;
            }
        };
        tokio::join!(read, other);
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
