//! The part of a timeline that is held in memory: it grows at both ends, never has a gap, and never
//! grows beyond [`MOST`]. Pure.

use std::{cell::Cell, collections::VecDeque};

use crate::{
    client::{Post, PostPage},
    domain::{PostId, UnixMillis},
    sanitise,
};

/// Posts held at most: about a thousand screens, and a few megabytes at worst.
pub const MOST: usize = 1_000;
/// How many of the user's own posts are known at most, the newest ones: as many as fit on a page.
const MOST_OWN: usize = 100;

/// A post as it is shown: sanitised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownPost {
    pub id: PostId,
    pub author: String,
    pub posted_at: UnixMillis,
    pub text: String,
    /// The width at which it was last laid out, and its height then: a long post takes a
    /// millisecond to lay out, and every key needs its height.
    pub layout: Cell<Option<(u16, usize)>>,
}

impl ShownPost {
    pub fn new(post: &Post) -> Self {
        Self {
            id: post.id,
            author: post.author.to_string(),
            posted_at: post.posted_at,
            text: match &post.warning {
                None => sanitise::block(&post.text),
                Some(warning) => {
                    format!("({}: SHOW {} shows it)", sanitise::line(warning), post.id)
                }
            },
            layout: Cell::default(),
        }
    }
}

/// Which end may be dropped when there are too many posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Older,
    Newer,
}

/// The stretch.
pub struct LoadedPosts {
    /// Oldest first.
    entries: VecDeque<ShownPost>,
    /// Whether the timeline has posts before the first entry.
    older_exist: bool,
    /// Whether the timeline has posts after the last entry.
    newer_exist: bool,
    /// The newest known post, held or not.
    newest: PostId,
    /// The user's own posts, oldest first: they are on no page of the user's own timeline.
    own: VecDeque<ShownPost>,
}

impl LoadedPosts {
    /// Begins with a page of the newest posts.
    pub fn new(page: &PostPage) -> Self {
        Self {
            entries: page.posts.iter().rev().map(ShownPost::new).collect(),
            older_exist: page.more,
            newer_exist: false,
            newest: page.as_of,
            own: VecDeque::new(),
        }
    }

    /// Oldest first.
    pub fn entries(&self) -> &VecDeque<ShownPost> {
        &self.entries
    }

    /// The index of the post, or where it would be.
    pub fn index_of(&self, id: PostId) -> usize {
        self.entries.partition_point(|entry| entry.id < id)
    }

    /// The cursor for the posts before the first entry, if there are any.
    pub fn older(&self) -> Option<PostId> {
        self.entries.front().map(|entry| entry.id).filter(|_| self.older_exist)
    }

    /// The cursor for the posts after the last entry, if there are any.
    pub fn newer(&self) -> Option<PostId> {
        self.entries.back().map(|entry| entry.id).filter(|_| self.newer_exist)
    }

    /// Adds a live post; false if it was known already.
    pub fn arrive(&mut self, post: &Post, cut: Cut) -> bool {
        if post.id <= self.newest && self.holds(post.id) {
            return false;
        }
        self.newest = self.newest.max(post.id);
        self.insert(ShownPost::new(post), cut);
        true
    }

    /// Adds a post by the user.
    pub fn add_own(&mut self, post: &Post, cut: Cut) {
        let entry = ShownPost::new(post);
        self.remember_own(entry.clone());
        self.insert(entry, cut);
    }

    /// Adds a page of the user's own newest posts, newest first.
    pub fn learn_own(&mut self, page: &PostPage, cut: Cut) {
        for post in page.posts.iter().rev() {
            self.remember_own(ShownPost::new(post));
        }
        self.restore_own();
        self.trim(cut);
    }

    /// Adds a page of posts before the first entry, newest first.
    pub fn extend_older(&mut self, page: &PostPage) {
        for post in &page.posts {
            if self.entries.front().is_none_or(|first| post.id < first.id) {
                self.entries.push_front(ShownPost::new(post));
            }
        }
        self.older_exist = page.more;
        self.restore_own();
        self.trim(Cut::Newer);
    }

    /// Adds a page of posts after the last entry, oldest first.
    pub fn extend_newer(&mut self, page: &PostPage) {
        for post in &page.posts {
            if self.entries.back().is_none_or(|last| post.id > last.id) {
                self.entries.push_back(ShownPost::new(post));
            }
        }
        // Posts that arrived live since the page was read were not held.
        self.newer_exist = page.more || self.newest > page.as_of;
        self.newest = self.newest.max(page.as_of);
        self.restore_own();
        self.trim(Cut::Older);
    }

    /// Starts over with a page of the newest posts.
    pub fn restart(&mut self, page: &PostPage) {
        let before = std::mem::replace(self, Self::new(page));
        self.newer_exist = before.newest > page.as_of;
        self.newest = before.newest.max(page.as_of);
        self.own = before.own;
        self.restore_own();
    }

    fn holds(&self, id: PostId) -> bool {
        self.entries.get(self.index_of(id)).is_some_and(|entry| entry.id == id)
    }

    fn insert(&mut self, entry: ShownPost, cut: Cut) {
        if self.newer_exist {
            return;
        }
        let at = self.index_of(entry.id);
        if self.entries.get(at).is_none_or(|present| present.id != entry.id) {
            self.entries.insert(at, entry);
            self.trim(cut);
        }
    }

    fn remember_own(&mut self, entry: ShownPost) {
        let at = self.own.partition_point(|own| own.id < entry.id);
        if self.own.get(at).is_none_or(|own| own.id != entry.id) {
            self.own.insert(at, entry);
            if self.own.len() > MOST_OWN {
                self.own.pop_front();
            }
        }
    }

    /// Inserts the user's own posts where they belong.
    fn restore_own(&mut self) {
        let first = self.entries.front().map_or(PostId::NONE, |entry| entry.id);
        let last = self.entries.back().map_or(PostId::NONE, |entry| entry.id);
        let belong: Vec<ShownPost> = self
            .own
            .iter()
            .filter(|own| own.id > first || !self.older_exist)
            .filter(|own| own.id < last || !self.newer_exist)
            .filter(|own| !self.holds(own.id))
            .cloned()
            .collect();
        for own in belong {
            self.entries.insert(self.index_of(own.id), own);
        }
    }

    fn trim(&mut self, cut: Cut) {
        let surplus = self.entries.len().saturating_sub(MOST);
        if surplus == 0 {
            return;
        }
        match cut {
            Cut::Older => {
                self.entries.drain(..surplus);
                self.older_exist = true;
            }
            Cut::Newer => {
                self.entries.truncate(MOST);
                self.newer_exist = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{UserId, UserName};

    fn post(id: u64) -> Post {
        let author = UserName::new("u1").expect("valid");
        Post::plain(PostId::new(id), UserId(1), author, UnixMillis::EPOCH, format!("p{id}"))
    }

    /// A page of these posts, in this order.
    fn page(ids: impl IntoIterator<Item = u64>, as_of: u64, more: bool) -> PostPage {
        let (posts, as_of) = (ids.into_iter().map(post).collect(), PostId::new(as_of));
        PostPage { posts, as_of, more, last: None }
    }

    fn ids(loaded: &LoadedPosts) -> Vec<u64> {
        loaded.entries().iter().map(|entry| entry.id.get()).collect()
    }

    #[test]
    fn a_warning_stands_instead_of_the_text() {
        let warned = Post { warning: Some("loud\u{1b}".to_owned()), ..post(7) };
        assert_eq!(ShownPost::new(&warned).text, "(loud\u{fffd}: SHOW 7 shows it)");
        assert_eq!(ShownPost::new(&post(7)).text, "p7");
    }

    #[test]
    fn live_posts_and_own_ones_stand_in_order_each_once() {
        let mut loaded = LoadedPosts::new(&page([4, 2], 4, false));
        assert!(loaded.arrive(&post(6), Cut::Older));
        assert!(!loaded.arrive(&post(6), Cut::Older), "it came already");
        assert!(!loaded.arrive(&post(4), Cut::Older), "it was on the page");
        loaded.add_own(&post(5), Cut::Older);
        assert_eq!(ids(&loaded), [2, 4, 5, 6]);
        assert_eq!((loaded.older(), loaded.newer()), (None, None));
    }

    #[test]
    fn older_pages_join_on_until_there_are_no_more() {
        let mut loaded = LoadedPosts::new(&page([9, 8], 9, true));
        assert_eq!(loaded.older(), Some(PostId::new(8)));
        loaded.extend_older(&page([7, 5], 9, true));
        loaded.extend_older(&page([3], 9, false));
        assert_eq!(ids(&loaded), [3, 5, 7, 8, 9]);
        assert_eq!(loaded.older(), None);
    }

    #[test]
    fn a_reader_at_the_end_loses_the_oldest_when_there_are_too_many() {
        let mut loaded = LoadedPosts::new(&page([1], 1, false));
        for id in 2..=1_002 {
            loaded.arrive(&post(id), Cut::Older);
        }
        assert_eq!(loaded.entries().len(), MOST);
        assert_eq!((loaded.older(), loaded.newer()), (Some(PostId::new(3)), None));
    }

    #[test]
    fn a_reader_far_back_loses_the_newest_and_finds_them_again() {
        let mut loaded = LoadedPosts::new(&page((501..=1_500).rev(), 1_500, true));
        loaded.extend_older(&page([500, 499], 1_500, true));
        assert_eq!(loaded.newer(), Some(PostId::new(1_498)));
        assert!(loaded.arrive(&post(1_501), Cut::Newer), "it is new, though it is not held");
        assert_eq!(loaded.newer(), Some(PostId::new(1_498)));
        loaded.extend_newer(&page([1_499, 1_500], 1_500, false));
        assert_eq!(
            loaded.newer(),
            Some(PostId::new(1_500)),
            "a live post came after the page was read"
        );
        loaded.extend_newer(&page([1_501], 1_501, false));
        assert_eq!(loaded.newer(), None);
        assert_eq!(ids(&loaded).last(), Some(&1_501));
        assert_eq!(loaded.older(), Some(PostId::new(502)));
    }

    #[test]
    fn own_posts_are_there_again_when_the_stretch_is_read_anew() {
        let mut loaded = LoadedPosts::new(&page([2], 2, true));
        loaded.add_own(&post(3), Cut::Older);
        loaded.arrive(&post(4), Cut::Older);
        loaded.restart(&page([4, 2], 4, true));
        assert_eq!(ids(&loaded), [2, 3, 4]);
        loaded.restart(&page([9, 8], 9, true));
        assert_eq!(ids(&loaded), [8, 9], "there is no gap between them");
        loaded.learn_own(&page([10, 3, 1], 10, false), Cut::Older);
        assert_eq!(ids(&loaded), [8, 9, 10]);
        loaded.extend_older(&page([4, 2], 10, false));
        assert_eq!(ids(&loaded), [1, 2, 3, 4, 8, 9, 10]);
    }
}
