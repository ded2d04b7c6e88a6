//! What the consensus runs on: tokio, with the random numbers of [`random`], so that
//! its election timeouts can be repeated.

use std::{future::Future, time::Duration};

use openraft::{
    AsyncRuntime, OptionalSend, TokioInstant, TokioRuntime, async_runtime::TokioOneShotSender,
};
use rand_core::{RngCore, impls};
use tokio::{sync::oneshot, task, time};

use crate::host::random;

/// The consensus's runtime.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ConsensusRuntime;

/// The program's one source of random numbers, as the consensus wants it.
pub struct RandomSource;

impl RngCore for RandomSource {
    fn next_u32(&mut self) -> u32 {
        impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(random::bytes())
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        impls::fill_bytes_via_next(self, bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl AsyncRuntime for ConsensusRuntime {
    type JoinError = task::JoinError;
    type JoinHandle<T: OptionalSend + 'static> = task::JoinHandle<T>;
    type Sleep = time::Sleep;
    type Instant = TokioInstant;
    type TimeoutError = time::error::Elapsed;
    type Timeout<R, T: Future<Output = R> + OptionalSend> = time::Timeout<T>;
    type ThreadLocalRng = RandomSource;
    type OneshotSender<T: OptionalSend> = TokioOneShotSender<T>;
    type OneshotReceiver<T: OptionalSend> = oneshot::Receiver<T>;
    type OneshotReceiverError = oneshot::error::RecvError;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future + OptionalSend + 'static,
        T::Output: OptionalSend + 'static,
    {
        TokioRuntime::spawn(future)
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        TokioRuntime::sleep(duration)
    }

    fn sleep_until(deadline: Self::Instant) -> Self::Sleep {
        TokioRuntime::sleep_until(deadline)
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(
        duration: Duration,
        future: F,
    ) -> Self::Timeout<R, F> {
        TokioRuntime::timeout(duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(
        deadline: Self::Instant,
        future: F,
    ) -> Self::Timeout<R, F> {
        TokioRuntime::timeout_at(deadline, future)
    }

    fn is_panic(error: &Self::JoinError) -> bool {
        TokioRuntime::is_panic(error)
    }

    fn thread_rng() -> Self::ThreadLocalRng {
        RandomSource
    }

    fn oneshot<T: OptionalSend>() -> (Self::OneshotSender<T>, Self::OneshotReceiver<T>) {
        TokioRuntime::oneshot()
    }
}

#[cfg(test)]
mod tests {
    use openraft::Config;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_election_timeouts() {
        let config = Config { election_timeout_max: 1_000_000_000, ..Config::default() };
        let timeouts = || {
            random::seed(7);
            [(); 3].map(|()| config.new_rand_election_timeout::<ConsensusRuntime>())
        };
        let first = timeouts();
        assert!(first[0] != first[1] || first[1] != first[2], "{first:?}");
        assert_eq!(timeouts(), first);
    }
}
