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
//! 3. Ids of posts say which post is the next one, and pages who must have followed whom by then
//!    ([`Facts`]).
//!
//! `Way::Plain` does without them, to compare.

use std::collections::BTreeSet;

use super::{
    calls::{self, Call, Demand},
    facts::{Facts, Index},
    history::{History, Operation, OperationNumber, Outcome},
    model::{Change, Model, Name, mixed},
    timing::folded,
    violation::{Promise, Violation},
};

/// So many configurations are searched before the search is given up: some seconds. A history that is
/// linearizable takes about as many as it has operations, unless many of them have no answer.
const CONFIGURATIONS: usize = 100_000;
/// As many for each of about a dozen searches for the reason why there is no order.
const CONFIGURATIONS_OF_A_PART: usize = 20_000;
/// The longest answer that an explanation shows, in characters.
const LONGEST_ANSWER: usize = 400;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order.
    Linearizable { configurations: usize },
    /// There is none.
    Not,
    /// The search was given up.
    Undecided { configurations: usize },
}

/// What is wrong, if anything is.
pub fn check(history: &History) -> Option<Violation> {
    let model = Model::new(&calls::names(history));
    let calls = calls::of(history, &model);
    let order = order(history, Way::Short, &calls, &model, CONFIGURATIONS);
    order.is_err().then(|| explanation(history, &calls, model))
}

/// Searches for an order.
pub fn search(history: &History, way: Way) -> Verdict {
    let model = Model::new(&calls::names(history));
    let calls = calls::of(history, &model);
    match order(history, way, &calls, &model, CONFIGURATIONS) {
        Ok((_, configurations)) => Verdict::Linearizable { configurations },
        Err(verdict) => verdict,
    }
}

/// An order of these calls, and how many configurations were searched for it.
fn order(
    history: &History,
    way: Way,
    calls: &[Call<'_>],
    model: &Model,
    most: usize,
) -> Result<(Vec<Index>, usize), Verdict> {
    let facts = Facts::of(history, calls, model);
    Search::new(way, calls, facts, model.clone()).run(most)
}

/// Finds the smallest number of events that have no order, and says what does not fit in an order of
/// those before.
fn explanation(history: &History, calls: &[Call<'_>], mut model: Model) -> Violation {
    // These have an order, and those have none.
    let (mut explained, mut unexplained) = (0, history.lines().len() + 1);
    let mut found = Vec::new();
    let mut verdict = Verdict::Not;
    while unexplained - explained > 1 {
        let middle = explained.midpoint(unexplained);
        let first = calls::until(calls, middle);
        match order(history, Way::Short, &first, &model, CONFIGURATIONS_OF_A_PART) {
            Ok((order, _)) => {
                explained = middle;
                found = order.into_iter().map(|index| first[index].clone()).collect();
            }
            Err(why) => (unexplained, verdict) = (middle, why),
        }
    }
    let due = calls.iter().find(|call| call.is_demanded() && call.until == unexplained);
    let due = due.expect("one event more, and there is no order: it is the return of a call");
    let mut changes = Vec::new();
    for call in &found {
        if let (_, Some(change)) = model.answer(call.user, &call.operation) {
            model.apply(&change);
            changes.push(call.number);
        }
    }
    let has_place = |other: &Call<'_>| found.iter().any(|call| call.number == other.number);
    let open = calls.iter().filter(|other| other.from < due.until && other.until > due.until);
    let open = open.filter(|other| !has_place(other)).map(|other| other.number);
    let changes = changes.into_iter().rev().take(LAST_CHANGES);
    let mut concerned: Vec<OperationNumber> =
        due.number.into_iter().chain(open.chain(changes).flatten()).collect();
    let mut known = BTreeSet::new();
    concerned.retain(|number| known.insert(*number));
    let has_none = match verdict {
        Verdict::Undecided { configurations } => {
            format!(
                "undecided: in {configurations} configurations, no order was found that explains"
            )
        }
        Verdict::Not | Verdict::Linearizable { .. } => {
            "no order of the operations explains".to_owned()
        }
    };
    let what = format!(
        "{has_none} the first {} events: {}",
        due.until.min(history.lines().len() - 1) + 1,
        misfit(&model, due, found.len())
    );
    Violation::of(Promise::Linearizable, concerned, what)
}

/// What the client of a call was told, and what it would have been told.
fn misfit(model: &Model, due: &Call<'_>, before: usize) -> String {
    let told = match due.demand {
        Demand::FinalState(state) => {
            let difference = model.difference(state).unwrap_or_else(|| "nothing".to_owned());
            return format!("in the end there are {difference}");
        }
        Demand::Told(outcome) => shortened(outcome),
        Demand::Perhaps => unreachable!("what need not have a place fits everywhere"),
    };
    let number = due.number.map_or(0, |number| number.0);
    let (answer, _) = model.answer(due.user, &due.operation);
    let instead = shortened(&model.outcome(answer));
    let (user, operation) = (folded(due.user), &due.operation);
    format!(
        "operation {number}, {operation} as {user}, was answered {told}, and after {before} others, \
         in an order that explains those, the answer would be {instead}"
    )
}

fn shortened(outcome: &Outcome) -> String {
    let whole = outcome.to_string();
    match whole.char_indices().nth(LONGEST_ANSWER) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}

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
        }
    }

    /// An order, and how many configurations were searched for it.
    fn run(mut self, most: usize) -> Result<(Vec<Index>, usize), Verdict> {
        loop {
            let configurations = self.searched.len();
            let Some(due) = self.due() else {
                return Ok((self.order.iter().map(|(call, _)| *call).collect(), configurations));
            };
            if configurations >= most {
                return Err(Verdict::Undecided { configurations });
            }
            let candidates = self.candidates(due);
            self.frames.push(Frame { candidates, tried: 0 });
            while !self.take_next() {
                self.frames.pop();
                if self.frames.is_empty() {
                    return Err(Verdict::Not);
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

    /// What is due, and all that has to come before something that is open; the likeliest first.
    fn needed(&self, due: Index, open: &[Index], perhaps: &[Index]) -> Vec<Index> {
        let next = self.model.newest() + 1;
        let all = || open.iter().chain(perhaps).copied();
        // More than one, if nobody has been told which.
        let posts: Vec<Index> =
            all().filter(|call| self.facts.may_be(&self.calls[*call], next)).collect();
        let authors: BTreeSet<Option<Name>> =
            posts.iter().map(|post| self.calls[*post].caller).collect();
        let is_of_author = |(_, followee): &(Name, Name)| authors.contains(&Some(*followee));
        let edge = |call: Index| self.calls[call].edge().filter(is_of_author);
        let was_seen = |(reader, _): (Name, Name)| self.facts.was_seen(reader, next);
        let may_be_more = |(reader, _): (Name, Name)| self.facts.may_be_more(reader, next);
        let begins = |call: &Index| matches!(self.calls[*call].operation, Operation::Follow { .. });
        // Whoever has the next post follows its author.
        let must_begin = all().filter(|call| begins(call) && edge(*call).is_some_and(was_seen));
        let may_begin = all().filter(|call| begins(call) && edge(*call).is_some_and(may_be_more));
        // Perhaps it does so anew: only what comes after that belongs to the timeline.
        let begins_anew =
            |ended: (Name, Name)| all().any(|call| begins(&call) && edge(call) == Some(ended));
        let may_end = all().filter(|call| {
            !begins(call)
                && edge(*call)
                    .is_some_and(|edge| (was_seen(edge) || may_be_more(edge)) && begins_anew(edge))
        });
        let misfits: Vec<Index> =
            open.iter().copied().filter(|call| self.fits(&self.calls[*call]).is_err()).collect();
        let is_needed = |change: &Index| {
            let call = &self.calls[*change];
            let waits = |other: &Index| {
                other != change && calls::waits_for(&self.model, &self.calls[*other], call)
            };
            // Without an account, its owner can do nothing, not even perhaps.
            let creates = matches!(call.operation, Operation::LogIn { .. });
            !call.makes_a_post()
                && (misfits.iter().any(waits) || creates && perhaps.iter().any(waits))
        };
        // A follow that shows nothing of the next post begins after it.
        let is_late = edge(due).is_some_and(|edge| begins(&due) && !was_seen(edge));
        let mut candidates: Vec<Index> = must_begin.collect();
        candidates.extend(posts.iter().filter(|_| is_late));
        candidates.push(due);
        candidates.extend(all().filter(is_needed));
        candidates.extend(&posts);
        candidates.extend(may_begin);
        candidates.extend(may_end);
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

    /// Whether no order continues like this, as far as the facts tell.
    fn leads_nowhere(&self, call: &Call<'_>) -> bool {
        if self.way == Way::Plain {
            return false;
        }
        match (&call.operation, call.edge()) {
            (Operation::Publish { .. }, _) if call.makes_a_post() => self.cannot_be_next(call),
            (Operation::Unfollow { .. }, Some(edge)) => {
                self.model.has_follow(edge) && self.facts.lasts(edge, self.model.newest())
            }
            _ => false,
        }
    }

    /// Whether a post is not the next one: it is another; or a page was read without it that has no
    /// place yet; or somebody has it who does not follow its author, or does not have it who does.
    fn cannot_be_next(&self, call: &Call<'_>) -> bool {
        let newest = self.model.newest();
        let next = newest + 1;
        let is_open = |page: &Index| !self.placed[*page] && self.calls[*page].from < self.until;
        let Some(author) = call.caller else { return false };
        let follows = |reader: Name| self.model.has_follow((reader, author));
        let may_end = |reader: Name, before: usize| {
            let mut ends = self.facts.ends((reader, author)).iter();
            ends.any(|end| !self.placed[*end] && self.calls[*end].from < before)
        };
        !self.facts.may_be(call, next)
            || self.facts.pages(newest).iter().any(is_open)
            || self.facts.readers(next).any(|reader| !follows(reader))
            || self
                .facts
                .hidden(next)
                .iter()
                .any(|(reader, until)| follows(*reader) && !may_end(*reader, *until))
    }

    /// Gives the next candidate that fits a place; false if there is none.
    fn take_next(&mut self) -> bool {
        loop {
            let frame = self.frames.last_mut().expect("one was just pushed or is left");
            let Some(index) = frame.candidates.get(frame.tried).copied() else { return false };
            frame.tried += 1;
            let call = &self.calls[index];
            if self.leads_nowhere(call) {
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
}
