//! Numbers the posts of a history from 1, without gaps, in the order of their ids.
//!
//! Other things that happen have positions in the same feed: to follow somebody is one, of which they are notified.
//! Nobody here is told at which position that was; so for the model, which knows posts alone, a position is how
//! many posts there are up to it. Every post of which anybody was told counts, also one that is not there in the end.

use std::collections::BTreeSet;

use tinysns::{
    domain::{Post, PostId},
    network::{Cursor, PostPage},
};

use super::history::{FinalState, History, Operation, Outcome, Recorded, Reply, Subscription};

/// The same history, with posts numbered without gaps.
pub fn without_gaps(history: &History) -> History {
    let numbers = Numbers::of(history);
    history.clone().altered(|operations, subscriptions, state| {
        for recorded in operations {
            numbers.operation(recorded);
        }
        for subscription in subscriptions {
            numbers.subscription(subscription);
        }
        if let Some(FinalState { posts, .. }) = state {
            numbers.posts(posts);
        }
    })
}

/// The ids of all posts, in order.
struct Numbers(Vec<PostId>);

impl Numbers {
    fn of(history: &History) -> Self {
        let mut ids: BTreeSet<PostId> = history.posts_seen().map(|(_, post)| post.id).collect();
        ids.extend(history.operations().iter().filter_map(|recorded| match recorded.outcome() {
            Outcome::Done(Reply::Published { id, .. }) => Some(*id),
            _ => None,
        }));
        Self(ids.into_iter().collect())
    }

    /// How many posts there are up to a position.
    fn up_to(&self, position: PostId) -> PostId {
        let count = self.0.partition_point(|id| *id <= position);
        PostId::new(u64::try_from(count).expect("few"))
    }

    fn position(&self, position: &mut PostId) {
        *position = self.up_to(*position);
    }

    fn post(&self, post: &mut Post) {
        self.position(&mut post.id);
    }

    fn posts(&self, posts: &mut [Post]) {
        for post in posts {
            self.post(post);
        }
    }

    fn operation(&self, recorded: &mut Recorded) {
        match &mut recorded.operation {
            Operation::Timeline { cursor, .. } | Operation::Posts { cursor, .. } => {
                self.cursor(cursor);
            }
            _ => {}
        }
        match &mut recorded.returned {
            Some((_, Outcome::Done(Reply::Published { id, .. }))) => self.position(id),
            Some((_, Outcome::Done(Reply::Page(PostPage { posts, as_of, last, .. })))) => {
                self.posts(posts);
                self.position(as_of);
                // It is no more than the id of the last post.
                *last = None;
            }
            _ => {}
        }
    }

    fn cursor(&self, cursor: &mut Cursor) {
        match cursor {
            Cursor::Newest => {}
            Cursor::Before(position) => {
                let before = PostId::new(position.get().saturating_sub(1));
                *position = self.up_to(before).next().unwrap_or(PostId::MAX);
            }
            Cursor::After(position) => self.position(position),
        }
    }

    fn subscription(&self, subscription: &mut Subscription) {
        if let Some(after) = &mut subscription.after {
            self.position(after);
        }
        for (_, post) in &mut subscription.received {
            self.post(post);
        }
    }
}
