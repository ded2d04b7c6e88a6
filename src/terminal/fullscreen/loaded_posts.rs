//! The part of a timeline that is held in memory: it grows at both ends, never has a gap, and never
//! grows beyond [`MOST`]. Pure.

use std::collections::VecDeque;

use super::shown_post::{EntryPage, ShownPost};
use crate::{
    client::{Post, Thread},
    domain::PostId,
};

/// Posts held at most: about a thousand screens, and a few megabytes at worst.
pub const MOST: usize = 1_000;
/// How many of the user's own posts are known at most, the newest ones: as many as fit on a page.
const MOST_OWN: usize = 100;

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
    pub fn new(page: EntryPage) -> Self {
        Self {
            entries: page.entries.into_iter().rev().collect(),
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

    /// Nothing, before the first page is read.
    pub fn empty() -> Self {
        Self::new(EntryPage { entries: Vec::new(), as_of: PostId::NONE, more: false })
    }

    /// A conversation, in its own order.
    pub fn of_thread(post: &Post, Thread { ancestors, descendants }: &Thread) -> Self {
        let posts: Vec<&Post> = ancestors.iter().chain([post]).chain(descendants).collect();
        let author = |id| Some(posts.iter().find(|post| post.id == id)?.author.clone());
        let entry = |post: &&Post| {
            let answers = post.reply_to.and_then(|reply| author(reply.post));
            ShownPost::answering(post, answers)
        };
        let newest = posts.iter().map(|post| post.id).max().unwrap_or_default();
        let entries = posts.iter().map(entry).collect();
        Self { entries, newest, ..Self::empty() }
    }

    /// The index of the post, or where it would be.
    pub fn index_of(&self, id: PostId) -> usize {
        let held = self.entries.iter().position(|entry| entry.id == id);
        held.unwrap_or_else(|| self.entries.partition_point(|entry| entry.id < id))
    }

    pub fn get(&self, id: PostId) -> Option<&ShownPost> {
        self.entries.get(self.index_of(id)).filter(|entry| entry.id == id)
    }

    pub fn get_mut(&mut self, id: PostId) -> Option<&mut ShownPost> {
        let at = self.index_of(id);
        self.entries.get_mut(at).filter(|entry| entry.id == id)
    }

    /// The newest known post, held or not.
    pub fn newest(&self) -> PostId {
        self.newest
    }

    /// The cursor for the posts before the first entry, if there are any.
    pub fn older(&self) -> Option<PostId> {
        self.entries.front().map(|entry| entry.id).filter(|_| self.older_exist)
    }

    /// The cursor for the posts after the last entry, if there are any.
    pub fn newer(&self) -> Option<PostId> {
        self.entries.back().map(|entry| entry.id).filter(|_| self.newer_exist)
    }

    /// Adds what has come live; false if it was known already.
    pub fn arrive(&mut self, entry: ShownPost, cut: Cut) -> bool {
        if entry.id <= self.newest && self.get(entry.id).is_some() {
            return false;
        }
        self.newest = self.newest.max(entry.id);
        self.insert(entry, cut);
        true
    }

    /// Adds a post to the conversation, if it answers one in it: after the others that do, and what answers
    /// those. True if it was added.
    pub fn answered(&mut self, post: &Post) -> bool {
        let Some(reply) = post.reply_to else { return false };
        let Some(answered) = self.get(reply.post) else { return false };
        if self.entries.len() >= MOST || self.get(post.id).is_some() {
            return false;
        }
        let answers = Some(answered.author.clone());
        let mut branch = vec![reply.post];
        let mut at = self.index_of(reply.post) + 1;
        while let Some(next) = self.entries.get(at).and_then(|entry| entry.post.as_ref())
            && next.reply_to.is_some_and(|reply| branch.contains(&reply.post))
        {
            branch.push(next.id);
            at += 1;
        }
        self.entries.insert(at, ShownPost::answering(post, answers));
        true
    }

    /// Takes over what a post says now, wherever it is.
    pub fn refresh(&mut self, now: &Post, with_marks: bool) {
        for entry in self.entries.iter_mut().chain(&mut self.own) {
            entry.refresh(now, with_marks);
        }
    }

    /// Removes a post, or a boost, wherever it is.
    pub fn delete(&mut self, id: PostId) {
        let stays = |entry: &ShownPost| entry.id != id && entry.number() != Some(id);
        self.entries.retain(stays);
        self.own.retain(stays);
    }

    /// Adds a post by the user.
    pub fn add_own(&mut self, post: &Post, cut: Cut) {
        let entry = ShownPost::new(post);
        self.remember_own(entry.clone());
        self.insert(entry, cut);
    }

    /// Adds a page of the user's own newest posts, newest first.
    pub fn learn_own(&mut self, page: EntryPage, cut: Cut) {
        for entry in page.entries.into_iter().rev() {
            self.remember_own(entry);
        }
        self.restore_own();
        self.trim(cut);
    }

    /// Adds a page of posts before the first entry, newest first.
    pub fn extend_older(&mut self, page: EntryPage) {
        for entry in page.entries {
            if self.entries.front().is_none_or(|first| entry.id < first.id) {
                self.entries.push_front(entry);
            }
        }
        self.older_exist = page.more;
        self.restore_own();
        self.trim(Cut::Newer);
    }

    /// Adds a page of posts after the last entry, oldest first.
    pub fn extend_newer(&mut self, page: EntryPage) {
        for entry in page.entries {
            if self.entries.back().is_none_or(|last| entry.id > last.id) {
                self.entries.push_back(entry);
            }
        }
        // Posts that arrived live since the page was read were not held.
        self.newer_exist = page.more || self.newest > page.as_of;
        self.newest = self.newest.max(page.as_of);
        self.restore_own();
        self.trim(Cut::Older);
    }

    /// Starts over with a page of the newest posts. What has come live since it was read stays.
    pub fn restart(&mut self, page: EntryPage) {
        let as_of = page.as_of;
        let before = std::mem::replace(self, Self::new(page));
        self.newest = before.newest.max(as_of);
        self.newer_exist = before.newer_exist && before.newest > as_of;
        if !before.newer_exist {
            let since = before.entries.iter().filter(|entry| entry.id > as_of);
            let since: Vec<ShownPost> = since.cloned().collect();
            for entry in since {
                self.insert(entry, Cut::Older);
            }
        }
        self.keep(before);
    }

    /// Starts over with a page that ends where somebody reads.
    pub fn restart_at(&mut self, page: EntryPage) {
        let as_of = page.as_of;
        let before = std::mem::replace(self, Self::new(page));
        self.newest = before.newest.max(as_of);
        self.newer_exist = true;
        self.keep(before);
    }

    /// Keeps the user's own posts, and what was unfolded.
    fn keep(&mut self, before: Self) {
        for unfolded in before.entries.iter().filter(|entry| entry.is_unfolded) {
            if let Some(entry) = self.get_mut(unfolded.id).filter(|entry| !entry.is_unfolded) {
                entry.fold();
            }
        }
        self.own = before.own;
        self.restore_own();
    }

    /// Starts over with a conversation.
    pub fn restart_thread(&mut self, post: &Post, thread: &Thread) {
        let before = std::mem::replace(self, Self::of_thread(post, thread));
        self.keep(before);
    }

    fn insert(&mut self, entry: ShownPost, cut: Cut) {
        // There would be a gap after it, or before.
        let first = self.entries.front().map(|first| first.id);
        if self.newer_exist || self.older_exist && first.is_some_and(|first| entry.id < first) {
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
            .filter(|own| self.get(own.id).is_none())
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
    use crate::domain::{ReplyTo, UnixMillis, UserId, UserName};

    fn post(id: u64) -> Post {
        let author = UserName::new("u1").expect("valid");
        Post::plain(PostId::new(id), UserId(1), author, UnixMillis::EPOCH, format!("p{id}"))
    }

    fn entry(id: u64) -> ShownPost {
        ShownPost::new(&post(id))
    }

    /// A page of these posts, in this order.
    fn page(ids: impl IntoIterator<Item = u64>, as_of: u64, more: bool) -> EntryPage {
        EntryPage { entries: ids.into_iter().map(entry).collect(), as_of: PostId::new(as_of), more }
    }

    fn ids(loaded: &LoadedPosts) -> Vec<u64> {
        loaded.entries().iter().map(|entry| entry.id.get()).collect()
    }

    #[test]
    fn live_posts_and_own_ones_stand_in_order_each_once() {
        let mut loaded = LoadedPosts::new(page([4, 2], 4, false));
        assert!(loaded.arrive(entry(6), Cut::Older));
        assert!(!loaded.arrive(entry(6), Cut::Older), "it came already");
        assert!(!loaded.arrive(entry(4), Cut::Older), "it was on the page");
        loaded.add_own(&post(5), Cut::Older);
        assert_eq!(ids(&loaded), [2, 4, 5, 6]);
        assert_eq!((loaded.older(), loaded.newer()), (None, None));
    }

    #[test]
    fn older_pages_join_on_until_there_are_no_more() {
        let mut loaded = LoadedPosts::new(page([9, 8], 9, true));
        assert_eq!(loaded.older(), Some(PostId::new(8)));
        loaded.extend_older(page([7, 5], 9, true));
        loaded.extend_older(page([3], 9, false));
        assert_eq!(ids(&loaded), [3, 5, 7, 8, 9]);
        assert_eq!(loaded.older(), None);
    }

    #[test]
    fn a_reader_at_the_end_loses_the_oldest_when_there_are_too_many() {
        let mut loaded = LoadedPosts::new(page([1], 1, false));
        for id in 2..=1_002 {
            loaded.arrive(entry(id), Cut::Older);
        }
        assert_eq!(loaded.entries().len(), MOST);
        assert_eq!((loaded.older(), loaded.newer()), (Some(PostId::new(3)), None));
    }

    #[test]
    fn a_reader_far_back_loses_the_newest_and_finds_them_again() {
        let mut loaded = LoadedPosts::new(page((501..=1_500).rev(), 1_500, true));
        loaded.extend_older(page([500, 499], 1_500, true));
        assert_eq!(loaded.newer(), Some(PostId::new(1_498)));
        assert!(loaded.arrive(entry(1_501), Cut::Newer), "it is new, though it is not held");
        assert_eq!(loaded.newer(), Some(PostId::new(1_498)));
        loaded.extend_newer(page([1_499, 1_500], 1_500, false));
        assert_eq!(
            loaded.newer(),
            Some(PostId::new(1_500)),
            "a live post came after the page was read"
        );
        loaded.extend_newer(page([1_501], 1_501, false));
        assert_eq!(loaded.newer(), None);
        assert_eq!(ids(&loaded).last(), Some(&1_501));
        assert_eq!(loaded.older(), Some(PostId::new(502)));
    }

    #[test]
    fn own_posts_are_there_again_when_the_stretch_is_read_anew() {
        let mut loaded = LoadedPosts::new(page([2], 2, true));
        loaded.add_own(&post(3), Cut::Older);
        loaded.arrive(entry(4), Cut::Older);
        loaded.restart(page([4, 2], 4, true));
        assert_eq!(ids(&loaded), [2, 3, 4]);
        loaded.restart(page([9, 8], 9, true));
        assert_eq!(ids(&loaded), [8, 9], "there is no gap between them");
        loaded.learn_own(page([10, 3, 1], 10, false), Cut::Older);
        assert_eq!(ids(&loaded), [8, 9, 10]);
        loaded.extend_older(page([4, 2], 10, false));
        assert_eq!(ids(&loaded), [1, 2, 3, 4, 8, 9, 10]);
    }

    #[test]
    fn what_came_live_while_a_page_was_read_stays_and_nothing_joins_on_before_a_gap() {
        let mut loaded = LoadedPosts::empty();
        loaded.arrive(entry(8), Cut::Older);
        loaded.arrive(entry(11), Cut::Older);
        loaded.restart(page([9, 8, 7], 9, true));
        assert_eq!(ids(&loaded), [7, 8, 9, 11]);
        loaded.arrive(entry(5), Cut::Older);
        assert_eq!(ids(&loaded), [7, 8, 9, 11], "what is between them is not held");
        loaded.restart_at(page([8, 7], 12, true));
        assert_eq!((ids(&loaded), loaded.newer()), (vec![7, 8], Some(PostId::new(8))));
    }

    #[test]
    fn an_answer_joins_its_conversation_where_it_belongs() {
        let answer = |id, to| {
            let reply_to = Some(ReplyTo { post: PostId::new(to), author: UserId(1) });
            Post { reply_to, ..post(id) }
        };
        let descendants = vec![answer(3, 2), answer(6, 3), answer(4, 2)];
        let thread = Thread { ancestors: vec![post(1)], descendants };
        let mut loaded = LoadedPosts::of_thread(&answer(2, 1), &thread);
        assert!(loaded.answered(&answer(7, 3)));
        assert!(!loaded.answered(&answer(7, 3)), "it is there");
        assert!(!loaded.answered(&answer(9, 8)), "it belongs to another conversation");
        assert!(loaded.answered(&answer(8, 2)));
        assert_eq!(ids(&loaded), [1, 2, 3, 6, 7, 4, 8]);
        loaded.delete(PostId::new(6));
        assert_eq!(ids(&loaded), [1, 2, 3, 7, 4, 8]);
    }
}
