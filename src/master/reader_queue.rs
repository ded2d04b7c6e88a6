//! What waits for the reader of a live timeline: a bounded number of posts, which are shared with all
//! others who get them, and of changes.
//!
//! A reader who waits is woken up once, by the first that comes; all that come before it runs are
//! there by then.

use std::{
    collections::VecDeque,
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

use crate::network::{FeedChange, Posts};

/// What is delivered to a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// New posts.
    Posts(Posts),
    /// Something else.
    Change(FeedChange),
}

/// One reader's queue.
pub struct ReaderQueue {
    /// How many posts and changes may wait.
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    delivered: VecDeque<Delivered>,
    /// How many posts and changes these are.
    waiting: usize,
    is_closed: bool,
    /// The reader, if it waits.
    reader: Option<Waker>,
}

impl ReaderQueue {
    /// An empty one, for at most so many posts.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default() }
    }

    /// Puts as many of `posts` into it as there is room for, the oldest first; returns how many.
    pub fn push(&self, posts: &Posts) -> usize {
        let mut state = self.state.lock();
        let Some(some) = posts.first_few(self.capacity - state.waiting) else { return 0 };
        let count = some.len();
        state.waiting += count;
        state.delivered.push_back(Delivered::Posts(some));
        state.wake();
        count
    }

    /// Puts a change into it; false if there is no room.
    pub fn push_change(&self, change: FeedChange) -> bool {
        let mut state = self.state.lock();
        if state.waiting >= self.capacity {
            return false;
        }
        state.waiting += 1;
        state.delivered.push_back(Delivered::Change(change));
        state.wake();
        true
    }

    /// Nothing comes any more; what waits can still be taken.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        state.wake();
    }

    /// What comes next; none once the queue is empty and closed.
    pub fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Delivered>> {
        let mut state = self.state.lock();
        if let Some(delivered) = state.delivered.pop_front() {
            state.waiting -= match &delivered {
                Delivered::Posts(posts) => posts.len(),
                Delivered::Change(_) => 1,
            };
            return Poll::Ready(Some(delivered));
        }
        if state.is_closed {
            return Poll::Ready(None);
        }
        match &mut state.reader {
            Some(reader) => reader.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    /// How many posts and changes wait.
    pub fn waiting(&self) -> usize {
        self.state.lock().waiting
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use futures::task::{ArcWake, waker};

    use super::*;
    use crate::{
        domain::{Post, PostId, UnixMillis, UserId, UserName},
        network::Changed,
    };

    #[derive(Default)]
    struct WakeUps(AtomicUsize);

    impl ArcWake for WakeUps {
        fn wake_by_ref(this: &Arc<Self>) {
            this.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn posts(ids: std::ops::Range<u64>) -> Posts {
        let author = UserName::new("ann").expect("valid");
        let post =
            |id| Post::plain(PostId::new(id), UserId(1), author.clone(), UnixMillis::EPOCH, "");
        Posts::new(ids.map(post).collect()).expect("some")
    }

    fn delivered(ids: std::ops::Range<u64>) -> Delivered {
        Delivered::Posts(posts(ids))
    }

    #[test]
    fn changes_come_in_their_order_and_count_like_posts() {
        let queue = ReaderQueue::new(3);
        let change = |position| {
            let (position, what) = (PostId::new(position), Changed::Deleted(PostId::new(1)));
            FeedChange { position, what }
        };
        assert_eq!(queue.push(&posts(1..2)), 1);
        assert!(queue.push_change(change(2)) && queue.push_change(change(3)));
        assert!(!queue.push_change(change(4)), "it is full");
        let context = Context::from_waker(Waker::noop());
        for expected in
            [delivered(1..2), Delivered::Change(change(2)), Delivered::Change(change(3))]
        {
            assert_eq!(queue.poll_next(&context), Poll::Ready(Some(expected)));
        }
        assert_eq!(queue.waiting(), 0);
    }

    #[test]
    fn a_reader_who_waits_is_woken_up_once_for_all_that_comes() {
        let queue = ReaderQueue::new(8);
        let wake_ups = Arc::new(WakeUps::default());
        let waker = waker(Arc::clone(&wake_ups));
        let context = Context::from_waker(&waker);
        let woken = || wake_ups.0.swap(0, Ordering::Relaxed);
        assert!(queue.poll_next(&context).is_pending());
        for ids in [1..3, 3..4, 4..6] {
            queue.push(&posts(ids));
        }
        assert_eq!(woken(), 1);
        for ids in [1..3, 3..4, 4..6] {
            assert_eq!(queue.poll_next(&context), Poll::Ready(Some(delivered(ids))));
        }
        queue.push(&posts(6..7));
        assert_eq!(woken(), 0, "it does not wait");
        assert_eq!(queue.poll_next(&context), Poll::Ready(Some(delivered(6..7))));
        assert!(queue.poll_next(&context).is_pending());
        queue.close();
        assert_eq!((woken(), queue.poll_next(&context)), (1, Poll::Ready(None)));
    }

    #[test]
    fn a_full_queue_takes_what_it_has_room_for_and_a_closed_one_gives_what_it_has() {
        let queue = ReaderQueue::new(3);
        assert_eq!((queue.push(&posts(1..3)), queue.push(&posts(3..6))), (2, 1));
        assert_eq!((queue.push(&posts(6..7)), queue.waiting()), (0, 3));
        queue.close();
        let context = Context::from_waker(Waker::noop());
        for ids in [1..3, 3..4] {
            assert_eq!(queue.poll_next(&context), Poll::Ready(Some(delivered(ids))));
        }
        assert_eq!((queue.poll_next(&context), queue.waiting()), (Poll::Ready(None), 0));
    }
}
