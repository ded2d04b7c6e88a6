//! Whether a history is linearizable: whether there is one order of all operations in which each has
//! its place between its invocation and its return, and in which the [`Model`] gives every answer that
//! clients got.
//!
//! The search is that of Wing and Gong ("Testing and verifying concurrent objects", Journal of Parallel
//! and Distributed Computing 17, 1993) with Lowe's memory of the configurations that were searched
//! before, each of which is the set of the operations that have a place and the state after them
//! ("Testing for linearizability", Concurrency and Computation: Practice and Experience 29, 2017), as in
//! porcupine. Three things keep it short, none of which loses an order that is possible:
//!
//! 1. What is answered correctly and changes nothing gets its place at once: it is in nobody's way.
//! 2. A change gets a place no earlier than something needs it: its own return, or an operation that
//!    would not be answered correctly without it ([`calls::waits_for`]).
//! 3. Ids of posts say which post is the next one, and pages say which post was the newest.
//!
//! `Way::Plain` does without them, to compare.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    calls::{self, Call, Demand},
    history::{History, Operation, OperationNumber, Outcome, Reply},
    model::{Change, Model, Name, mixed},
    timing::folded,
    violation::{Promise, Violation},
};

/// So many configurations are searched before the search is given up: a few seconds. A history that is
/// linearizable takes about as many as it has operations.
const CONFIGURATIONS: usize = 500_000;

/// So many of the changes that were made last are shown when an answer is not explained.
const LAST_CHANGES: usize = 3;

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As described above.
    Short,
    /// Wing and Gong's and Lowe's alone, which is slow.
    Plain,
}

/// What a search has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order.
    Linearizable { configurations: usize },
    /// There is none.
    Not(Violation),
    /// The search was given up.
    Undecided { configurations: usize },
}

/// What is wrong, if anything is.
pub fn check(history: &History) -> Option<Violation> {
    match search(history, Way::Short) {
        Verdict::Linearizable { .. } => None,
        Verdict::Not(violation) => Some(violation),
        Verdict::Undecided { configurations } => Some(Violation::of(
            Promise::Linearizable,
            [],
            format!("undecided: no order was found in {configurations} configurations"),
        )),
    }
}

/// Searches for an order.
pub fn search(history: &History, way: Way) -> Verdict {
    let model = Model::new(&calls::names(history));
    let calls = calls::of(history, &model);
    let facts = Facts::of(history, &calls, &model);
    Search::new(way, &calls, facts, model).run()
}

/// What ids and pages say about posts.
struct Facts {
    /// Who wrote a post, and what, if anybody has been told.
    written: BTreeMap<u64, (Name, String)>,
    /// The last post of the final state.
    last: Option<u64>,
    /// Which posts were on any page of whose timeline.
    seen: BTreeSet<(Name, u64)>,
    /// Which pages were read when this was the newest post.
    pages: BTreeMap<u64, Vec<Index>>,
}

impl Facts {
    fn of(history: &History, calls: &[Call<'_>], model: &Model) -> Self {
        let mut written = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut pages: BTreeMap<u64, Vec<Index>> = BTreeMap::new();
        for (index, call) in calls.iter().enumerate() {
            match (&call.operation, call.demand) {
                (
                    Operation::Publish { text },
                    Demand::Told(Outcome::Done(Reply::Published { id, .. })),
                ) => {
                    let author = call.caller.expect("every caller has a name");
                    written.entry(id.get()).or_insert_with(|| (author, text.clone()));
                }
                (Operation::Timeline { .. }, Demand::Told(Outcome::Done(Reply::Page(page)))) => {
                    let reader = call.caller.expect("every caller has a name");
                    seen.extend(page.posts.iter().map(|post| (reader, post.id.get())));
                }
                _ => {}
            }
            if let Some(newest) = call.as_of() {
                pages.entry(newest).or_default().push(index);
            }
        }
        let in_the_end = history.final_state().into_iter().flat_map(|state| &state.posts);
        let on_pages = history.pages().flat_map(|(_, page)| &page.posts);
        for post in in_the_end.chain(on_pages) {
            if let Some(author) = model.name(post.author.as_str()) {
                written.entry(post.id.get()).or_insert_with(|| (author, post.text.clone()));
            }
        }
        let last = history.final_state().map(|state| state.posts.len() as u64);
        Self { written, last, seen, pages }
    }

    /// Whether a post may have this number.
    fn may_be(&self, call: &Call<'_>, number: u64) -> bool {
        let Operation::Publish { text } = &call.operation else { return false };
        self.last.is_none_or(|last| number <= last)
            && self
                .written
                .get(&number)
                .is_none_or(|(author, written)| call.caller == Some(*author) && written == text)
    }
}

/// An index into the calls.
type Index = usize;

/// What may come next in one configuration, and how much of that was tried.
struct Frame {
    candidates: Vec<Index>,
    tried: usize,
}

/// Here, a client would be told something else.
struct Misfit;

struct Search<'a> {
    way: Way,
    calls: &'a [Call<'a>],
    facts: Facts,
    model: Model,
    /// Which calls have a place.
    placed: Vec<bool>,
    /// The order so far, each with what it has changed.
    order: Vec<(Index, Option<Change>)>,
    /// Those that have to get a place, by when they returned and by when they were invoked; the first
    /// of each that has none is at or after the cursor.
    by_return: Vec<Index>,
    returned: usize,
    by_invocation: Vec<Index>,
    invoked: usize,
    /// When the first of those without a place returned.
    until: usize,
    /// The others, by when they were invoked.
    perhaps: Vec<Index>,
    /// Of the calls that have a place.
    fingerprint: u128,
    searched: BTreeSet<u128>,
    frames: Vec<Frame>,
    /// The order that has come the furthest: until which call's return, which does not fit.
    furthest: Option<(Index, Vec<Index>)>,
}

impl<'a> Search<'a> {
    fn new(way: Way, calls: &'a [Call<'a>], facts: Facts, model: Model) -> Self {
        let (demanded, perhaps): (Vec<Index>, Vec<Index>) =
            (0..calls.len()).partition(|call| calls[*call].is_demanded());
        let mut by_return = demanded.clone();
        by_return.sort_by_key(|call| calls[*call].until);
        let mut by_invocation = demanded;
        by_invocation.sort_by_key(|call| calls[*call].from);
        Self {
            way,
            calls,
            facts,
            model,
            placed: vec![false; calls.len()],
            order: Vec::new(),
            by_return,
            returned: 0,
            by_invocation,
            invoked: 0,
            until: 0,
            perhaps,
            fingerprint: 0,
            searched: BTreeSet::new(),
            frames: Vec::new(),
            furthest: None,
        }
    }

    fn run(mut self) -> Verdict {
        loop {
            let Some(due) = self.due() else {
                return Verdict::Linearizable { configurations: self.searched.len() };
            };
            if self.searched.len() >= CONFIGURATIONS {
                return Verdict::Undecided { configurations: self.searched.len() };
            }
            let candidates = self.candidates(due);
            self.frames.push(Frame { candidates, tried: 0 });
            while !self.take_next() {
                self.frames.pop();
                if self.frames.is_empty() {
                    return Verdict::Not(self.explanation());
                }
                self.take_back();
            }
        }
    }

    /// Of the calls without a place, the one that returned first; none if all have one.
    fn due(&mut self) -> Option<Index> {
        let skip = |list: &[Index], placed: &[bool], from: usize| {
            let open = list[from..].iter().position(|call| !placed[*call]);
            open.map_or(list.len(), |open| from + open)
        };
        self.returned = skip(&self.by_return, &self.placed, self.returned);
        self.invoked = skip(&self.by_invocation, &self.placed, self.invoked);
        let due = self.by_return.get(self.returned).copied()?;
        self.until = self.calls[due].until;
        let until = |call: Index| self.calls[call].until;
        if self.furthest.as_ref().is_none_or(|(furthest, _)| until(due) > until(*furthest)) {
            self.furthest = Some((due, self.order.iter().map(|(call, _)| *call).collect()));
        }
        Some(due)
    }

    /// What may come next, the likeliest first.
    fn candidates(&mut self, due: Index) -> Vec<Index> {
        let begun = |call: &&Index| self.calls[**call].from < self.until;
        let open = self.by_invocation[self.invoked..].iter().take_while(begun);
        let open: Vec<Index> = open.copied().filter(|call| !self.placed[*call]).collect();
        let perhaps = self.perhaps.iter().take_while(begun).copied();
        let perhaps: Vec<Index> = perhaps.filter(|call| !self.placed[*call]).collect();
        if self.way == Way::Short
            && let Some(free) = open.iter().find(|call| self.is_free(**call))
        {
            return vec![*free];
        }
        if !self.searched.insert(self.fingerprint ^ self.model.fingerprint()) {
            return Vec::new();
        }
        match self.way {
            Way::Plain => open.into_iter().chain(perhaps).collect(),
            Way::Short => self.needed(due, &open, &perhaps),
        }
    }

    /// What is due, and all that has to come before something that is open.
    fn needed(&self, due: Index, open: &[Index], perhaps: &[Index]) -> Vec<Index> {
        let next = self.model.newest() + 1;
        let all = || open.iter().chain(perhaps).copied();
        let is_next = |call: &Index| self.facts.may_be(&self.calls[*call], next);
        // More than one, if nobody has been told which.
        let posts: Vec<Index> = all().filter(is_next).collect();
        let authors: BTreeSet<Option<Name>> =
            posts.iter().map(|post| self.calls[*post].caller).collect();
        // Whoever was seen to have the next post must follow its author before.
        let must_follow = |call: &Call<'_>| {
            call.edge().is_some_and(|(follower, followee)| {
                authors.contains(&Some(followee)) && self.facts.seen.contains(&(follower, next))
            })
        };
        let is_for_next = |call: &Call<'_>| match call.operation {
            Operation::Follow { .. } => must_follow(call),
            // To follow anew: only what comes after that belongs to the timeline.
            Operation::Unfollow { .. } => {
                must_follow(call)
                    && all().any(|other| {
                        let other = &self.calls[other];
                        other.edge() == call.edge()
                            && matches!(other.operation, Operation::Follow { .. })
                    })
            }
            _ => false,
        };
        let is_needed = |change: &Index| {
            let call = &self.calls[*change];
            let waits = |other: &Index| {
                other != change && calls::waits_for(&self.model, &self.calls[*other], call)
            };
            // Without an account, its owner can do nothing, not even perhaps.
            let creates = matches!(call.operation, Operation::LogIn { .. });
            !call.makes_a_post() && (open.iter().any(waits) || creates && perhaps.iter().any(waits))
        };
        let follows_next_author = self.calls[due].edge().is_some_and(|(follower, followee)| {
            authors.contains(&Some(followee)) && !self.facts.seen.contains(&(follower, next))
        });
        let mut candidates: Vec<Index> =
            all().filter(|call| is_for_next(&self.calls[*call])).collect();
        if follows_next_author {
            candidates.extend(&posts);
        }
        candidates.push(due);
        candidates.extend(all().filter(is_needed));
        candidates.extend(&posts);
        let mut known = BTreeSet::new();
        candidates.retain(|call| known.insert(*call));
        candidates
    }

    /// Whether a call is answered correctly now, and changes nothing.
    fn is_free(&self, index: Index) -> bool {
        let call = &self.calls[index];
        if call.makes_a_post() || call.as_of().is_some_and(|newest| newest != self.model.newest()) {
            return false;
        }
        matches!(self.fits(call), Ok(None))
    }

    /// What a call changes, if it can be put here.
    fn fits(&self, call: &Call<'_>) -> Result<Option<Change>, Misfit> {
        let (fits, change) = match call.demand {
            Demand::FinalState(state) => (self.model.difference(state).is_none(), None),
            Demand::Perhaps => {
                let (_, change) = self.model.answer(call.user, &call.operation);
                (change.is_some(), change)
            }
            Demand::Told(outcome) => {
                let (answer, change) = self.model.answer(call.user, &call.operation);
                (self.model.agrees(&answer, outcome), change)
            }
        };
        if fits { Ok(change) } else { Err(Misfit) }
    }

    /// Whether a post cannot be the next one: it is another, or a page was read without it that has no
    /// place yet.
    fn comes_too_early(&self, call: &Call<'_>) -> bool {
        let newest = self.model.newest();
        let is_open = |page: &Index| !self.placed[*page] && self.calls[*page].from < self.until;
        self.way == Way::Short
            && call.makes_a_post()
            && (!self.facts.may_be(call, newest + 1)
                || self.facts.pages.get(&newest).is_some_and(|pages| pages.iter().any(is_open)))
    }

    /// Gives the next candidate that fits a place; false if there is none.
    fn take_next(&mut self) -> bool {
        loop {
            let frame = self.frames.last_mut().expect("one was just pushed or is left");
            let Some(index) = frame.candidates.get(frame.tried).copied() else { return false };
            frame.tried += 1;
            let call = &self.calls[index];
            if self.comes_too_early(call) {
                continue;
            }
            let Ok(change) = self.fits(call) else { continue };
            if let Some(change) = &change {
                self.model.apply(change);
            }
            self.place(index, true);
            self.order.push((index, change));
            return true;
        }
    }

    /// Takes the last place back.
    fn take_back(&mut self) {
        let (index, change) =
            self.order.pop().expect("each configuration but the first has a last");
        if let Some(change) = &change {
            self.model.undo(change);
        }
        self.place(index, false);
        // The cursors may have passed it: they go back to where they began, as far as is necessary.
        let call = &self.calls[index];
        if call.is_demanded() {
            let first =
                self.by_return.partition_point(|other| self.calls[*other].until < call.until);
            self.returned = self.returned.min(first);
            let first =
                self.by_invocation.partition_point(|other| self.calls[*other].from < call.from);
            self.invoked = self.invoked.min(first);
        }
    }

    fn place(&mut self, index: Index, is_placed: bool) {
        self.placed[index] = is_placed;
        self.fingerprint ^= mixed(&[b"call", &index.to_le_bytes()]);
    }

    /// What does not fit, in the order that has come the furthest.
    fn explanation(mut self) -> Violation {
        let (due, order) = self.furthest.take().expect("something did not fit");
        let mut changes = Vec::new();
        for index in &order {
            let call = &self.calls[*index];
            if let Ok(Some(change)) = self.fits(call) {
                self.model.apply(&change);
                changes.push(*index);
            }
        }
        let call = &self.calls[due];
        let is_placed: BTreeSet<Index> = order.iter().copied().collect();
        let is_open = |other: &Index| {
            *other != due && !is_placed.contains(other) && self.calls[*other].from < call.until
        };
        let open = (0..self.calls.len()).filter(is_open);
        let last_changes = changes.iter().rev().take(LAST_CHANGES).copied();
        let concerned = open.chain(last_changes).filter_map(|other| self.calls[other].number);
        let what = match (call.number, call.demand) {
            (Some(number), _) => {
                let (answer, _) = self.model.answer(call.user, &call.operation);
                let instead = self.model.outcome(answer);
                let user = folded(call.user);
                let told = match call.demand {
                    Demand::Told(outcome) => outcome.to_string(),
                    Demand::Perhaps | Demand::FinalState(_) => String::new(),
                };
                format!(
                    "no order of the operations explains the first {} events: operation {}, {} as \
                     {user}, was answered {told}, and after {} others, in the order that explains \
                     most, the answer would be {instead}",
                    call.until + 1,
                    number.0,
                    call.operation,
                    order.len(),
                )
            }
            (None, Demand::FinalState(state)) => {
                let difference = self.model.difference(state);
                let difference = difference.unwrap_or_else(|| "nothing".to_owned());
                format!(
                    "no order of the operations explains what is there in the end: {difference}"
                )
            }
            (None, _) => unreachable!("only the final state has no number"),
        };
        let operations: Vec<OperationNumber> = call.number.into_iter().chain(concerned).collect();
        Violation::of(Promise::Linearizable, operations, what)
    }
}
