//! What the answers that clients got say about the order of all operations, before any order is tried:
//! ids of posts, and pages, which say which post was the newest when they were read.
//!
//! Everything here follows from answers that any order has to explain. So whatever it rules out is in no
//! order.

use std::collections::{BTreeMap, BTreeSet};

use tinysns::{
    domain::Post,
    network::{Cursor, PostPage},
};

use super::{
    calls::{Call, Demand},
    history::{History, Operation, Outcome, Reply},
    model::{Model, Name},
};

/// An index into the calls.
pub type Index = usize;

type Edge = (Name, Name);

/// What is known.
#[derive(Default)]
pub struct Facts {
    /// Who wrote a post, and what, if anybody has been told.
    written: BTreeMap<u64, (Name, String)>,
    /// The last post of the final state.
    last: Option<u64>,
    /// Which pages were read when this was the newest post.
    pages: BTreeMap<u64, Vec<Index>>,
    /// Who had this post on a page of the timeline.
    seen: BTreeMap<u64, BTreeSet<Name>>,
    /// Of which posts a page has said no more than that it has some of them, by the page's reader.
    hinted: BTreeMap<Name, Vec<(u64, u64)>>,
    /// From which post until which a follow certainly did not end: the first was shown when the second
    /// was the newest.
    lasts: BTreeMap<Edge, Vec<(u64, u64)>>,
    /// Who had a page on which this post is missing, and when that was returned.
    hidden: BTreeMap<u64, Vec<(Name, usize)>>,
    /// The calls that may end a follow.
    ends: BTreeMap<Edge, Vec<Index>>,
}

impl Facts {
    /// What a history says about these of its calls.
    pub fn of(history: &History, calls: &[Call<'_>], model: &Model) -> Self {
        let mut facts = Self::default();
        let mut timelines = Vec::new();
        for (index, call) in calls.iter().enumerate() {
            match (&call.operation, call.demand) {
                (
                    Operation::Publish { text },
                    Demand::Told(Outcome::Done(Reply::Published { id, .. })),
                ) => {
                    let author = call.caller.expect("every caller has a name");
                    let known = facts.written.entry(id.get());
                    known.or_insert_with(|| (author, text.clone()));
                }
                (
                    Operation::Timeline { cursor, .. },
                    Demand::Told(Outcome::Done(Reply::Page(page))),
                ) => {
                    let reader = call.caller.expect("every caller has a name");
                    timelines.push((call.until, reader, *cursor, page));
                }
                (Operation::Unfollow { .. }, Demand::Perhaps | Demand::Told(Outcome::Done(_))) => {
                    let edge = call.edge().expect("whoever is followed has a name");
                    facts.ends.entry(edge).or_default().push(index);
                }
                _ => {}
            }
            if let Some(newest) = call.as_of() {
                facts.pages.entry(newest).or_default().push(index);
            }
        }
        let in_the_end = history.final_state().into_iter().flat_map(|state| &state.posts);
        let on_pages = history.pages().flat_map(|(_, page)| &page.posts);
        for post in in_the_end.chain(on_pages) {
            if let Some(author) = model.name(post.author.as_str()) {
                let known = facts.written.entry(post.id.get());
                known.or_insert_with(|| (author, post.text.clone()));
            }
        }
        facts.last = history.final_state().map(|state| state.posts.len() as u64);
        timelines.sort_by_key(|(until, ..)| *until);
        let mut covered: BTreeSet<(Name, u64)> = BTreeSet::new();
        for (until, reader, cursor, page) in timelines {
            facts.shows(reader, &page.posts, page.as_of.get(), model);
            if let Some(range) = beyond(cursor, page) {
                facts.hinted.entry(reader).or_default().push(range);
            }
            let shown: BTreeSet<u64> = page.posts.iter().map(|post| post.id.get()).collect();
            let (first, last) = within(cursor, page);
            for number in first..=last {
                // Later pages have less to say about it.
                if covered.insert((reader, number)) && !shown.contains(&number) {
                    facts.hidden.entry(number).or_default().push((reader, until));
                }
            }
        }
        facts
    }

    fn shows(&mut self, reader: Name, posts: &[Post], as_of: u64, model: &Model) {
        let mut first: BTreeMap<Name, u64> = BTreeMap::new();
        for post in posts {
            let number = post.id.get();
            self.seen.entry(number).or_default().insert(reader);
            if let Some(author) = model.name(post.author.as_str()) {
                let first = first.entry(author).or_insert(number);
                *first = number.min(*first);
            }
        }
        for (author, first) in first {
            self.lasts.entry((reader, author)).or_default().push((first, as_of));
        }
    }

    /// Whether a post may have this number.
    pub fn may_be(&self, call: &Call<'_>, number: u64) -> bool {
        let Operation::Publish { text } = &call.operation else { return false };
        self.last.is_none_or(|last| number <= last)
            && self
                .written
                .get(&number)
                .is_none_or(|(author, written)| call.caller == Some(*author) && written == text)
    }

    /// The pages that were read when this was the newest post.
    pub fn pages(&self, newest: u64) -> &[Index] {
        self.pages.get(&newest).map_or(&[], Vec::as_slice)
    }

    /// Whether a post was seen on a page of the timeline.
    pub fn was_seen(&self, reader: Name, number: u64) -> bool {
        self.seen.get(&number).is_some_and(|readers| readers.contains(&reader))
    }

    /// Whether a post may have been the reason why a page said that there is more.
    pub fn may_be_more(&self, reader: Name, number: u64) -> bool {
        let hinted = self.hinted.get(&reader).map_or(&[][..], Vec::as_slice);
        hinted.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }

    /// Who was seen to have a post.
    pub fn readers(&self, number: u64) -> impl Iterator<Item = Name> {
        self.seen.get(&number).into_iter().flatten().copied()
    }

    /// Whether somebody still follows when this is the newest post, since a post is shown later that
    /// was made before.
    pub fn lasts(&self, edge: Edge, newest: u64) -> bool {
        let lasts = self.lasts.get(&edge).map_or(&[][..], Vec::as_slice);
        lasts.iter().any(|(first, until)| (*first..*until).contains(&newest))
    }

    /// Who had a page without a post, and when that was returned.
    pub fn hidden(&self, number: u64) -> &[(Name, usize)] {
        self.hidden.get(&number).map_or(&[], Vec::as_slice)
    }

    /// The calls that may end a follow.
    pub fn ends(&self, edge: Edge) -> &[Index] {
        self.ends.get(&edge).map_or(&[], Vec::as_slice)
    }
}

/// The posts, from the first to the last, of which a page has all that belong to the timeline.
fn within(cursor: Cursor, PostPage { posts, as_of, more, .. }: &PostPage) -> (u64, u64) {
    let end = posts.last().filter(|_| *more).map(|post| post.id.get());
    match cursor {
        Cursor::Newest => (end.unwrap_or(1), as_of.get()),
        Cursor::Before(before) => {
            (end.unwrap_or(1), before.get().saturating_sub(1).min(as_of.get()))
        }
        Cursor::After(after) => (after.get().saturating_add(1), end.unwrap_or(as_of.get())),
    }
}

/// The posts, from the first to the last, of which a page says that some belong to the timeline.
fn beyond(cursor: Cursor, page: &PostPage) -> Option<(u64, u64)> {
    let (first, last) = within(cursor, page);
    page.more.then(|| match cursor {
        Cursor::Newest | Cursor::Before(_) => (1, first.saturating_sub(1)),
        Cursor::After(_) => (last.saturating_add(1), page.as_of.get()),
    })
}
