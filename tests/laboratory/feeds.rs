//! What subscriptions and timelines showed: everything that belongs to them, once, in order, and
//! nothing else.
//!
//! A post belongs to a timeline if its reader followed its author when it was applied, and has done
//! so since. When a follow and a post happen at the same time, the post may be there or not: only what
//! is certain is checked here. A subscription that has shown a post need not take it back when its
//! reader ceases to follow.

use std::collections::{BTreeMap, BTreeSet};

use tinysns::{
    domain::{Post, PostId},
    network::{Cursor, PostPage},
};

use super::{
    history::{
        End, History, Operation, OperationNumber, Outcome, Recorded, Reply, Subscription,
        SubscriptionNumber,
    },
    timing::{self, Follows, Posts, Window, folded},
    violation::{Promise, Violation},
};

/// Everything that is wrong.
pub fn check(history: &History) -> Vec<Violation> {
    let context = Context {
        posts: Posts::of(history),
        follows: Follows::of(history),
        authors: authors(history),
        end: history.lines().len(),
    };
    let mut violations = Vec::new();
    for (number, subscription) in history.subscriptions().iter().enumerate() {
        context.subscription(SubscriptionNumber(number), subscription, &mut violations);
    }
    for (number, recorded) in history.operations().iter().enumerate() {
        if let Some((cursor, page)) = timeline_page(recorded) {
            context.page(OperationNumber(number), recorded, cursor, page, &mut violations);
        }
    }
    violations
}

fn timeline_page(recorded: &Recorded) -> Option<(Cursor, &PostPage)> {
    match (&recorded.operation, recorded.outcome()) {
        (Operation::Timeline { cursor, .. }, Outcome::Done(Reply::Page(page))) => {
            Some((*cursor, page))
        }
        _ => None,
    }
}

/// Who wrote each post that was acknowledged, or that anybody has seen.
fn authors(history: &History) -> BTreeMap<PostId, String> {
    let author = |post: &Post| (post.id, folded(post.author.as_str()));
    let mut authors: BTreeMap<_, _> = history.posts_seen().map(|(_, post)| author(post)).collect();
    for recorded in history.operations() {
        if let Outcome::Done(Reply::Published { id, .. }) = recorded.outcome() {
            authors.insert(*id, folded(&recorded.user));
        }
    }
    authors
}

/// What the whole history tells.
struct Context {
    posts: Posts,
    follows: Follows,
    authors: BTreeMap<PostId, String>,
    /// After the last event.
    end: usize,
}

impl Context {
    fn subscription(
        &self,
        number: SubscriptionNumber,
        subscription: &Subscription,
        violations: &mut Vec<Violation>,
    ) {
        let reader = folded(&subscription.user);
        let (earliest, latest) = timing::beginning(subscription, &self.posts);
        let mut wrong = |promise, what: String| {
            let what = format!("the timeline of {reader} {what}");
            violations.push(Violation::of_subscription(promise, number, what));
        };
        let mut previous = earliest;
        for (_, post) in &subscription.received {
            if post.id == previous {
                wrong(Promise::Feeds, format!("has post {} twice, or once too often", post.id));
            } else if post.id < previous {
                wrong(Promise::Feeds, format!("has post {} after post {previous}", post.id));
            }
            previous = previous.max(post.id);
            let author = folded(post.author.as_str());
            if self.follows.never(&reader, &author, self.posts.window(post.id)) {
                let what =
                    format!("has post {} by {author}, whom {reader} did not follow", post.id);
                wrong(Promise::Feeds, what);
            }
        }
        let there: BTreeSet<PostId> =
            subscription.received.iter().map(|(_, received)| received.id).collect();
        for (post, passed) in self.due(subscription, latest) {
            if !there.contains(&post)
                && let Some(author) = self.belongs(&reader, post, passed)
            {
                let what = format!("lacks post {post} by {author}, whom {reader} follows");
                wrong(Promise::Feeds, what);
            }
        }
    }

    /// The posts that a subscription has passed, each with the event by which it had: those before
    /// another that it has received; all of them, if it had time to receive everything.
    fn due(&self, subscription: &Subscription, after: PostId) -> Vec<(PostId, usize)> {
        let mut received = subscription.received.iter().peekable();
        let is_settled = matches!(subscription.ended, Some((_, End::Settled)));
        let mut due = Vec::new();
        // Its order has been checked.
        let mut passed = PostId::NONE;
        for post in self.authors.keys().copied().filter(|post| *post > after) {
            while let Some((_, next)) = received.peek()
                && (next.id < post || next.id <= passed)
            {
                passed = passed.max(next.id);
                received.next();
            }
            match received.peek() {
                Some((moment, _)) => due.push((post, moment.order)),
                None if is_settled => due.push((post, self.end)),
                None => break,
            }
        }
        due
    }

    /// The author of a post that certainly belongs to a timeline from when it was applied until an
    /// event.
    fn belongs(&self, reader: &str, post: PostId, until: usize) -> Option<&str> {
        let author = self.authors.get(&post)?;
        let Window { from, until: applied } = self.posts.window(post);
        let throughout = Window { from, until: until.max(applied.min(self.end)) };
        self.follows.in_force(reader, author, throughout).map(|_| author.as_str())
    }

    fn page(
        &self,
        number: OperationNumber,
        recorded: &Recorded,
        cursor: Cursor,
        page: &PostPage,
        violations: &mut Vec<Violation>,
    ) {
        let reader = folded(&recorded.user);
        let mut wrong = |what: String| {
            let what = format!("a page of the timeline of {reader} {what}");
            violations.push(Violation::of(Promise::Feeds, [number], what));
        };
        let ids: Vec<PostId> = page.posts.iter().map(|post| post.id).collect();
        let is_in_order = match cursor {
            Cursor::Newest => ids.is_sorted_by(|one, next| one > next),
            Cursor::Before(before) => {
                ids.is_sorted_by(|one, next| one > next) && ids.iter().all(|id| *id < before)
            }
            Cursor::After(after) => {
                ids.is_sorted_by(|one, next| one < next) && ids.iter().all(|id| *id > after)
            }
        };
        if !is_in_order {
            return wrong(format!("is not in order: {ids:?}"));
        }
        if let Some(later) = ids.iter().find(|id| **id > page.as_of) {
            wrong(format!("has post {later}, as of {}", page.as_of));
        }
        let read = recorded.known_at().expect("a page was returned");
        for post in &page.posts {
            let author = folded(post.author.as_str());
            if self.follows.never(&reader, &author, self.posts.window(post.id)) {
                wrong(format!("has post {} by {author}, whom {reader} did not follow", post.id));
            }
        }
        let (first, last) = covered(cursor, page);
        let due = self.authors.range(first..).map(|(post, _)| *post);
        for post in due.take_while(|post| *post <= last).filter(|post| !ids.contains(post)) {
            if let Some(author) = self.belongs(&reader, post, read) {
                wrong(format!("lacks post {post} by {author}, whom {reader} follows"));
            }
        }
    }
}

/// Between which posts, both included, a page has all that belong to the timeline.
fn covered(cursor: Cursor, PostPage { posts, as_of, more, .. }: &PostPage) -> (PostId, PostId) {
    let end = posts.last().filter(|_| *more).map(|post| post.id);
    let before = |post: PostId| PostId::new(post.get().saturating_sub(1));
    let after = |post: PostId| PostId::new(post.get().saturating_add(1));
    match cursor {
        Cursor::Newest => (end.unwrap_or(PostId::NONE), *as_of),
        Cursor::Before(first) => (end.unwrap_or(PostId::NONE), before(first).min(*as_of)),
        Cursor::After(first) => (after(first), end.unwrap_or(*as_of)),
    }
}
