//! Which posts of an author are the newest, in memory, for those authors whom people read: the first page of
//! a timeline asks this of everyone whom its reader follows.
//!
//! **Invariant:** what is kept of an author is all of the author's posts after one of them, as of the newest
//! change. A reader as of an earlier change leaves out what is newer; of whom a post was removed, nothing is kept.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
};

use parking_lot::Mutex;

use super::memtable::Seq;
use crate::domain::{PostId, UserId};

/// Posts that are kept of an author: a page.
pub const POSTS: usize = 20;
/// Authors of a generation. Two generations are kept.
const AUTHORS: usize = 8_192;

/// The newest posts of some authors.
#[derive(Default)]
pub struct RecentPosts {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The newest change.
    seq: Seq,
    /// Who was read lately.
    young: BTreeMap<UserId, Recent>,
    /// Who was read before the young ones; forgotten when there are too many of those.
    old: BTreeMap<UserId, Recent>,
}

/// All posts of an author after one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recent {
    /// From old to new.
    posts: VecDeque<PostId>,
    after: PostId,
}

/// A post that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is this one.
    Post(PostId),
    /// There is none.
    Nothing,
    /// It is not known.
    Unknown,
}

impl Recent {
    /// An author's newest posts, from new to old, of which there may be more.
    pub fn new(newest_first: impl IntoIterator<Item = PostId>) -> Self {
        let mut posts: VecDeque<PostId> = newest_first.into_iter().take(POSTS + 1).collect();
        posts.make_contiguous().reverse();
        let mut recent = Self { posts, after: PostId::NONE };
        recent.forget_the_oldest();
        recent
    }

    fn push(&mut self, post: PostId) {
        debug_assert!(self.posts.back().is_none_or(|last| *last < post), "ids only grow");
        self.posts.push_back(post);
        self.forget_the_oldest();
    }

    fn forget_the_oldest(&mut self) {
        if self.posts.len() > POSTS {
            self.after = self.posts.pop_front().unwrap_or(self.after);
        }
    }

    /// The last post between two, neither of them included.
    fn last_between(&self, after: PostId, before: PostId) -> Found {
        match self.posts.iter().rev().find(|post| **post < before) {
            Some(post) if *post > after => Found::Post(*post),
            Some(_) => Found::Nothing,
            None if after >= self.after => Found::Nothing,
            None => Found::Unknown,
        }
    }

    /// The first one.
    fn first_between(&self, after: PostId, before: PostId) -> Found {
        if after < self.after {
            return Found::Unknown;
        }
        match self.posts.iter().find(|post| **post > after) {
            Some(post) if *post < before => Found::Post(*post),
            Some(_) | None => Found::Nothing,
        }
    }
}

impl Known {
    fn of(&mut self, author: UserId) -> Option<&Recent> {
        if !self.young.contains_key(&author) {
            let recent = self.old.remove(&author)?;
            self.keep(author, recent);
        }
        self.young.get(&author)
    }

    fn keep(&mut self, author: UserId, recent: Recent) {
        if self.young.len() >= AUTHORS {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(author, recent);
    }
}

impl RecentPosts {
    /// The change `seq`, the newest one, has added these posts, from old to new, and removed some of these
    /// authors.
    pub fn committed(&self, seq: Seq, posts: Vec<(UserId, PostId)>, removed: Vec<UserId>) {
        let mut known = self.known.lock();
        known.seq = seq;
        for author in removed {
            known.young.remove(&author);
            known.old.remove(&author);
        }
        for (author, post) in posts {
            let Known { young, old, .. } = &mut *known;
            if let Some(recent) = young.get_mut(&author).or_else(|| old.get_mut(&author)) {
                recent.push(post);
            }
        }
    }

    /// An author's last post between two, neither of them included.
    pub fn last_between(&self, author: UserId, after: PostId, before: PostId) -> Found {
        let mut known = self.known.lock();
        known.of(author).map_or(Found::Unknown, |recent| recent.last_between(after, before))
    }

    /// The first one.
    pub fn first_between(&self, author: UserId, after: PostId, before: PostId) -> Found {
        let mut known = self.known.lock();
        known.of(author).map_or(Found::Unknown, |recent| recent.first_between(after, before))
    }

    /// Keeps what was read of an author as of the change `seq`, unless there was another since.
    pub fn keep(&self, seq: Seq, author: UserId, recent: Recent) {
        let mut known = self.known.lock();
        if known.seq == seq {
            known.old.remove(&author);
            known.keep(author, recent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHOR: UserId = UserId(1);

    fn id(post: u64) -> PostId {
        PostId::new(post)
    }

    /// Knows the author's posts 10, 20, … `last`, as of the change 1.
    fn known(last: u64) -> RecentPosts {
        let recent = RecentPosts::default();
        recent.committed(1, Vec::new(), Vec::new());
        recent.keep(1, AUTHOR, Recent::new((1..=last / 10).rev().map(|post| id(10 * post))));
        recent
    }

    #[test]
    fn what_it_says_of_an_author_is_what_all_posts_would_say() {
        for last in [0, 10, 190, 200, 210, 500] {
            let recent = known(last);
            let all: Vec<u64> = (1..=last / 10).map(|post| 10 * post).collect();
            let mut unknown = 0;
            for after in (0..=last + 10).step_by(5) {
                for before in (after + 1..=last + 20).step_by(7) {
                    let within = || all.iter().filter(|post| after < **post && **post < before);
                    let expected = [within().next_back(), within().next()];
                    let found = [
                        recent.last_between(AUTHOR, id(after), id(before)),
                        recent.first_between(AUTHOR, id(after), id(before)),
                    ];
                    for (found, expected) in found.into_iter().zip(expected) {
                        match found {
                            Found::Post(post) => assert_eq!(Some(&post.get()), expected),
                            Found::Nothing => assert_eq!(expected, None, "{after} {before}"),
                            Found::Unknown => unknown += 1,
                        }
                    }
                }
            }
            assert_eq!(unknown > 0, last > 200, "of {last}");
        }
    }

    #[test]
    fn new_posts_take_the_place_of_the_oldest() {
        let recent = known(200);
        let added = vec![(AUTHOR, id(201)), (UserId(2), id(202)), (AUTHOR, id(203))];
        recent.committed(2, added, Vec::new());
        let last = |before| recent.last_between(AUTHOR, PostId::NONE, id(before));
        assert_eq!(last(999), Found::Post(id(203)));
        assert_eq!(last(203), Found::Post(id(201)), "for whom the newer one is not there yet");
        assert_eq!(last(31), Found::Post(id(30)));
        assert_eq!(last(30), Found::Unknown, "of which only two were given up");
        assert_eq!(recent.last_between(UserId(2), PostId::NONE, id(999)), Found::Unknown);
    }

    #[test]
    fn an_author_of_whom_a_post_was_removed_is_read_again() {
        let recent = known(30);
        recent.committed(2, vec![(AUTHOR, id(40))], vec![AUTHOR]);
        assert_eq!(recent.last_between(AUTHOR, PostId::NONE, id(99)), Found::Unknown);
    }

    #[test]
    fn what_was_read_before_another_change_is_not_kept() {
        let recent = RecentPosts::default();
        recent.committed(5, Vec::new(), Vec::new());
        recent.keep(4, AUTHOR, Recent::new([id(10)]));
        assert_eq!(recent.last_between(AUTHOR, PostId::NONE, id(99)), Found::Unknown);
        recent.keep(5, AUTHOR, Recent::new([id(10)]));
        assert_eq!(recent.last_between(AUTHOR, PostId::NONE, id(99)), Found::Post(id(10)));
    }

    #[test]
    fn whoever_is_read_is_kept_and_others_are_forgotten() {
        let recent = known(10);
        let others = u64::try_from(AUTHORS).expect("few") * 3 / 4;
        for generation in 1..8 {
            for other in 0..others {
                recent.keep(1, UserId(generation * others + other + 2), Recent::new([]));
            }
            let found = recent.last_between(AUTHOR, PostId::NONE, id(99));
            assert_eq!(found, Found::Post(id(10)), "generation {generation}");
        }
        let known = recent.known.lock();
        assert!(known.young.len() + known.old.len() <= 2 * AUTHORS);
    }
}
