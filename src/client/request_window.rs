//! Numbers the requests that change something.
//!
//! The servers remember the replies to them, so that a repeated request is answered without being
//! carried out again. Every request says up to which number this client has received answers, so
//! that the servers can forget those. No request begins more than [`AHEAD`] ahead of one that is
//! still unanswered: it has to wait, and so the servers keep no more than a few hundred replies for
//! a client.

use std::collections::BTreeSet;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::domain::{ClientId, RequestKey};

/// How far a request may be ahead of the oldest unanswered one.
const AHEAD: u64 = 256;
/// How many requests may be unanswered.
const UNANSWERED: usize = 256;
const _: () = assert!(UNANSWERED as u64 == AHEAD);

/// Hands out request ids.
pub struct RequestWindow {
    client: ClientId,
    /// Queues callers fairly, so that only the first in the queue waits for `moved`.
    permits: Semaphore,
    state: Mutex<State>,
    moved: Notify,
}

struct State {
    next: u64,
    unanswered: BTreeSet<u64>,
}

/// Permission for one request; returned when dropped.
pub struct RequestPermit<'a> {
    window: &'a RequestWindow,
    sequence: u64,
    answered_below: u64,
    _permit: SemaphorePermit<'a>,
}

impl RequestWindow {
    pub fn new(client: ClientId) -> Self {
        Self {
            client,
            permits: Semaphore::new(UNANSWERED),
            state: Mutex::new(State { next: 1, unanswered: BTreeSet::new() }),
            moved: Notify::new(),
        }
    }

    /// Begins a request, once it is not too far ahead of an unanswered one.
    pub async fn begin(&self) -> RequestPermit<'_> {
        let permit = self.permits.acquire().await.expect("the semaphore is never closed");
        loop {
            // Created before the check, so that no answer in between is missed.
            let moved = self.moved.notified();
            if let Some((sequence, answered_below)) = self.state().take() {
                return RequestPermit { window: self, sequence, answered_below, _permit: permit };
            }
            moved.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl State {
    /// The next number, and the oldest unanswered one: itself, if there is no other.
    fn take(&mut self) -> Option<(u64, u64)> {
        let oldest = self.unanswered.first().copied().unwrap_or(self.next);
        if self.next - oldest >= AHEAD {
            return None;
        }
        let sequence = self.next;
        self.next += 1;
        self.unanswered.insert(sequence);
        Some((sequence, oldest))
    }
}

impl RequestPermit<'_> {
    /// The request's key: the same in every repetition.
    pub fn key(&self) -> RequestKey {
        RequestKey::Counted {
            client: self.window.client,
            sequence: self.sequence,
            answered_below: self.answered_below,
        }
    }
}

impl Drop for RequestPermit<'_> {
    fn drop(&mut self) {
        self.window.state().unanswered.remove(&self.sequence);
        self.window.moved.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn no_request_begins_more_than_a_window_ahead_of_an_unanswered_one() {
        let window = RequestWindow::new(ClientId(7));
        let begin = || window.begin().now_or_never();
        let first = begin().expect("the first request need not wait");
        assert_eq!(first.sequence, 1);
        for _ in 1..AHEAD {
            drop(begin().expect("within the window"));
        }
        assert!(begin().is_none(), "request 257 is too far ahead of request 1");
        drop(first);
        assert_eq!(begin().expect("nothing is unanswered").sequence, AHEAD + 1);
    }

    #[test]
    fn every_request_tells_which_ones_are_answered() {
        let window = RequestWindow::new(ClientId(7));
        let begin = || window.begin().now_or_never().expect("within the window");
        let below = |permit: &RequestPermit<'_>| match permit.key() {
            RequestKey::Counted { answered_below, .. } => answered_below,
            RequestKey::Opaque(_) => panic!("requests are counted"),
        };
        let (first, second) = (begin(), begin());
        assert_eq!((below(&first), below(&second)), (1, 1));
        drop(second);
        assert_eq!(below(&begin()), 1, "the first is unanswered");
        drop(first);
        let fourth = begin();
        assert_eq!((fourth.sequence, below(&fourth)), (4, 4));
    }

    #[tokio::test]
    async fn a_waiting_request_begins_when_the_oldest_is_answered() {
        let window = RequestWindow::new(ClientId(7));
        let mut tickets = Vec::new();
        for _ in 0..UNANSWERED {
            tickets.push(window.begin().await);
        }
        let mut waiting = std::pin::pin!(window.begin());
        assert!(waiting.as_mut().now_or_never().is_none());
        tickets.remove(0);
        assert_eq!(waiting.await.sequence, AHEAD + 1);
    }
}
