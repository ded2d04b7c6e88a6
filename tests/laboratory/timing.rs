//! Between which events of a history a change was applied, as far as the history tells.
//!
//! What is said here to be certain is so in every order of the operations that is possible; what is
//! not certain is left to the checker of linearizability, which looks at all of them together.

use std::collections::BTreeMap;

use tinysns::domain::PostId;

use super::history::{
    Effect, History, Operation, OperationNumber, Outcome, Recorded, Reply, Subscription,
};

/// After which event something happened, and before which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: usize,
    pub until: usize,
}

impl Window {
    /// When an operation was carried out, if it was.
    fn of(recorded: &Recorded) -> Self {
        let from = recorded.invoked.order;
        Self { from, until: recorded.known_at().unwrap_or(usize::MAX) }
    }

    /// Whether it is over before the other can begin.
    pub fn is_before(self, other: Self) -> bool {
        self.until < other.from
    }
}

/// The form in which names are unique.
pub fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// When each post was applied, as far as that is known.
pub struct Posts {
    /// By id: the posts that any reply, page, feed or final state has shown.
    windows: BTreeMap<u64, Window>,
}

impl Posts {
    /// What a history tells. Ids grow in the order in which posts are applied, so whatever is known
    /// of one post limits those before it and those after it.
    pub fn of(history: &History) -> Self {
        let mut windows: BTreeMap<u64, Window> = BTreeMap::new();
        let everywhere = Window { from: 0, until: usize::MAX };
        let mut known = |id: PostId, from: usize, until: usize| {
            let window = windows.entry(id.get()).or_insert(everywhere);
            *window = Window { from: window.from.max(from), until: window.until.min(until) };
        };
        let mut by_text: BTreeMap<(String, &str), Vec<&Recorded>> = BTreeMap::new();
        for recorded in history.operations() {
            if let Operation::Publish { text } = &recorded.operation {
                by_text.entry((folded(&recorded.user), text)).or_default().push(recorded);
            }
            if let Outcome::Done(Reply::Published { id, .. }) = recorded.outcome() {
                let Window { from, until } = Window::of(recorded);
                known(*id, from, until);
            }
        }
        for (at, post) in history.posts_seen() {
            let author = folded(post.author.as_str());
            let asked = match by_text.get(&(author, post.text.as_str())).map(Vec::as_slice) {
                Some([asked]) => asked.invoked.order,
                _ => 0,
            };
            known(post.id, asked, at);
        }
        for (recorded, page) in history.pages() {
            // The newest when the page was read: there by then, and the next one was not.
            let Window { from, until } = Window::of(recorded);
            known(page.as_of, 0, until);
            if let Some(next) = page.as_of.next() {
                known(next, from, usize::MAX);
            }
        }
        let mut from = 0;
        for window in windows.values_mut() {
            from = from.max(window.from);
            window.from = from;
        }
        let mut until = usize::MAX;
        for window in windows.values_mut().rev() {
            until = until.min(window.until);
            window.until = until;
        }
        Self { windows }
    }

    /// When a post was applied.
    pub fn window(&self, id: PostId) -> Window {
        let before = self.windows.range(..=id.get()).next_back();
        let after = self.windows.range(id.get()..).next();
        Window {
            from: before.map_or(0, |(_, window)| window.from),
            until: after.map_or(usize::MAX, |(_, window)| window.until),
        }
    }

    /// The last post that was certainly applied before an event.
    pub fn newest_before(&self, event: usize) -> PostId {
        let before = self.windows.iter().rev().find(|(_, window)| window.until < event);
        before.map_or(PostId::NONE, |(id, _)| PostId::new(*id))
    }

    /// The first post that was certainly applied after an event.
    pub fn first_after(&self, event: usize) -> PostId {
        let after = self.windows.iter().find(|(_, window)| window.from > event);
        after.map_or(PostId::MAX, |(id, _)| PostId::new(*id))
    }
}

/// A change of whom somebody follows.
struct Change {
    number: OperationNumber,
    begins: bool,
    is_certain: bool,
    window: Window,
}

/// Who followed whom, and when.
pub struct Follows {
    edges: BTreeMap<(String, String), Vec<Change>>,
}

impl Follows {
    /// What a history tells.
    pub fn of(history: &History) -> Self {
        let mut edges: BTreeMap<_, Vec<Change>> = BTreeMap::new();
        for (number, recorded) in history.operations().iter().enumerate() {
            let (begins, target) = match &recorded.operation {
                Operation::Follow { target } => (true, target),
                Operation::Unfollow { target } => (false, target),
                _ => continue,
            };
            let is_certain = match recorded.effect() {
                Effect::Made => true,
                Effect::Perhaps => false,
                Effect::NotMade => continue,
            };
            let (number, window) = (OperationNumber(number), Window::of(recorded));
            let changes = edges.entry((folded(&recorded.user), folded(target))).or_default();
            changes.push(Change { number, begins, is_certain, window });
        }
        Self { edges }
    }

    /// The follow that was certainly in force all the time from the beginning of one window to the
    /// end of another.
    pub fn in_force(
        &self,
        follower: &str,
        followee: &str,
        throughout: Window,
    ) -> Option<OperationNumber> {
        let changes = self.changes(follower, followee);
        let ends = || changes.iter().filter(|change| !change.begins);
        let begins = changes.iter().filter(|change| change.begins && change.is_certain);
        let lasting = begins.filter(|begin| begin.window.is_before(throughout)).find(|begin| {
            ends().all(|end| end.window.is_before(begin.window) || throughout.is_before(end.window))
        });
        lasting.map(|change| change.number)
    }

    /// Whether it is certain that nobody followed at any time in a window.
    pub fn never(&self, follower: &str, followee: &str, during: Window) -> bool {
        let changes = self.changes(follower, followee);
        let is_over = |begin: &Change| {
            changes.iter().any(|end| {
                !end.begins
                    && end.is_certain
                    && begin.window.is_before(end.window)
                    && end.window.is_before(during)
            })
        };
        let mut begins = changes.iter().filter(|change| change.begins);
        begins.all(|begin| during.is_before(begin.window) || is_over(begin))
    }

    /// All pairs of whom anybody has ever asked to follow or to unfollow the other.
    pub fn pairs(&self) -> impl Iterator<Item = &(String, String)> {
        self.edges.keys()
    }

    fn changes(&self, follower: &str, followee: &str) -> &[Change] {
        let pair = (follower.to_owned(), followee.to_owned());
        self.edges.get(&pair).map_or(&[], Vec::as_slice)
    }
}

/// After which post a subscription is certain to have begun at the latest, and before or at which at
/// the earliest: the same, if its cursor was given.
pub fn beginning(subscription: &Subscription, posts: &Posts) -> (PostId, PostId) {
    if let Some(after) = subscription.after {
        return (after, after);
    }
    let opened = subscription.opened.map_or(usize::MAX, |moment| moment.order);
    let latest = PostId::new(posts.first_after(opened).get().saturating_sub(1));
    (posts.newest_before(subscription.asked.order), latest)
}
