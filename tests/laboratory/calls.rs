//! What of a history has to find a place in one order of all operations: a call for each operation
//! that says something, sometimes two.
//!
//! - A login that may create the account is two calls, if it did not say that it has created it: an
//!   earlier attempt may have created it, and its answer been lost, before another attempt found it.
//! - A change whose outcome is unknown may find its place at any time after it was asked for, or never.
//! - A read that was not answered says nothing.
//! - The final state is a read after everything.
//!
//! And which of the calls another one waits for: what has to be put before it, if it is not answered
//! as it should be where it is. Everything else can be put later as well.

use std::collections::{BTreeMap, BTreeSet};

use tinysns::network::{ListKind, RefusalKind};

use super::{
    history::{Effect, FinalState, History, Operation, OperationNumber, Outcome, Recorded, Reply},
    model::{Model, Name},
    timing::folded,
};

/// What has to hold where a call is put.
#[derive(Clone, Copy, Debug)]
pub enum Demand<'a> {
    /// The model answers what the client was told.
    Told(&'a Outcome),
    /// The state changes. It need not be put anywhere.
    Perhaps,
    /// This is what is there.
    FinalState(&'a FinalState),
}

/// What is to be put into the order.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// None for the final state.
    pub number: Option<OperationNumber>,
    pub user: &'a str,
    pub operation: Operation,
    pub demand: Demand<'a>,
    /// The event after which it was carried out, and the one before which.
    pub from: usize,
    pub until: usize,
    /// Who asks, and of whom, if they have names.
    pub caller: Option<Name>,
    pub target: Option<Name>,
}

impl Call<'_> {
    /// Whether it has to be put somewhere.
    pub fn is_demanded(&self) -> bool {
        !matches!(self.demand, Demand::Perhaps)
    }

    /// Whom it makes somebody follow, or cease to follow.
    pub fn edge(&self) -> Option<(Name, Name)> {
        match self.operation {
            Operation::Follow { .. } | Operation::Unfollow { .. } => self.caller.zip(self.target),
            _ => None,
        }
    }

    /// Whether it may change something.
    pub fn is_change(&self) -> bool {
        match self.operation {
            Operation::LogIn { must_exist, .. } => !must_exist,
            Operation::SetPassword { .. }
            | Operation::Follow { .. }
            | Operation::Unfollow { .. }
            | Operation::Publish { .. } => true,
            Operation::List { .. } | Operation::Timeline { .. } | Operation::Posts { .. } => false,
        }
    }

    /// Whether it publishes a post, and was not refused.
    pub fn makes_a_post(&self) -> bool {
        let is_refused = matches!(self.demand, Demand::Told(Outcome::Refused(_)));
        matches!(self.operation, Operation::Publish { .. }) && !is_refused
    }

    /// The newest post when it was carried out, if it is a page that says so.
    pub fn as_of(&self) -> Option<u64> {
        match self.demand {
            Demand::Told(Outcome::Done(Reply::Page(page))) => Some(page.as_of.get()),
            _ => None,
        }
    }
}

/// Every name that a history mentions, folded.
pub fn names(history: &History) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for recorded in history.operations() {
        names.insert(folded(&recorded.user));
        match &recorded.operation {
            Operation::Follow { target } | Operation::Unfollow { target } => {
                names.insert(folded(target));
            }
            Operation::Posts { author, .. } => {
                names.insert(folded(author));
            }
            _ => {}
        }
    }
    names
}

/// The calls of a history.
pub fn of<'a>(history: &'a History, model: &Model) -> Vec<Call<'a>> {
    let mut calls = Vec::new();
    // Accounts that are known to exist, from which event on.
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for (number, recorded) in history.operations().iter().enumerate() {
        if let (Some(at), Outcome::Done(Reply::LoggedIn { .. })) =
            (recorded.known_at(), recorded.outcome())
        {
            let known = known.entry(folded(&recorded.user)).or_insert(at);
            *known = at.min(*known);
        }
        calls.extend(of_operation(OperationNumber(number), recorded, model));
    }
    calls.retain(|call: &Call<'_>| {
        let creates = matches!(call.operation, Operation::LogIn { .. }) && !call.is_demanded();
        !creates || known.get(&folded(call.user)).is_none_or(|known| *known > call.from)
    });
    if let Some(state) = history.final_state() {
        let end = history.lines().len();
        calls.push(Call {
            number: None,
            user: "",
            operation: Operation::List { kind: ListKind::Users, after: None, limit: None },
            demand: Demand::FinalState(state),
            from: end,
            until: end + 1,
            caller: None,
            target: None,
        });
    }
    calls
}

/// What is known of these calls after an event: those that have not returned by then need not have a
/// place.
pub fn until<'a>(calls: &[Call<'a>], event: usize) -> Vec<Call<'a>> {
    let known = |call: &Call<'a>| {
        if call.until <= event {
            return Some(call.clone());
        }
        let may_change = match call.demand {
            Demand::Perhaps => true,
            Demand::Told(Outcome::Done(_)) => call.is_change(),
            Demand::Told(_) | Demand::FinalState(_) => false,
        };
        let begun = call.from < event && may_change;
        begun.then(|| Call { demand: Demand::Perhaps, until: usize::MAX, ..call.clone() })
    };
    calls.iter().filter_map(known).collect()
}

fn of_operation<'a>(
    number: OperationNumber,
    recorded: &'a Recorded,
    model: &Model,
) -> impl Iterator<Item = Call<'a>> {
    let call = |operation: Operation, demand| {
        let target = match &operation {
            Operation::Follow { target } | Operation::Unfollow { target } => model.name(target),
            Operation::Posts { author, .. } => model.name(author),
            _ => None,
        };
        Call {
            number: Some(number),
            user: &recorded.user,
            operation,
            demand,
            from: recorded.invoked.order,
            until: match demand {
                Demand::Perhaps => usize::MAX,
                Demand::Told(_) | Demand::FinalState(_) => {
                    recorded.known_at().expect("what a client was told was told at some time")
                }
            },
            caller: model.name(&recorded.user),
            target,
        }
    };
    let outcome = recorded.outcome();
    let (told, perhaps) = (Demand::Told(outcome), Demand::Perhaps);
    let operation = recorded.operation.clone();
    let is_read = matches!(
        operation,
        Operation::List { .. } | Operation::Timeline { .. } | Operation::Posts { .. }
    );
    let calls = match (&recorded.operation, outcome, recorded.effect()) {
        (
            Operation::LogIn { password, must_exist },
            Outcome::Done(Reply::LoggedIn { created: false, .. })
            | Outcome::Refused(RefusalKind::WrongPassword),
            _,
        ) => {
            let finds = Operation::LogIn { password: password.clone(), must_exist: true };
            [(!must_exist).then(|| call(operation, perhaps)), Some(call(finds, told))]
        }
        (Operation::LogIn { must_exist: true, .. }, _, Effect::Perhaps) => [None, None],
        (_, _, Effect::Perhaps) if is_read => [None, None],
        (_, _, Effect::Perhaps) => [Some(call(operation, perhaps)), None],
        (_, _, Effect::Made | Effect::NotMade) => [Some(call(operation, told)), None],
    };
    calls.into_iter().flatten()
}

/// Whether `waiting`, which is not answered as it should be now, may need `change` before it.
///
/// Posts are not asked about here: there is only one that can be the next. Nor is what a reader must
/// have followed by the time a post is made, which the post itself waits for.
pub fn waits_for(model: &Model, waiting: &Call<'_>, change: &Call<'_>) -> bool {
    match &change.operation {
        Operation::Follow { .. } => {
            let edge = change.edge();
            edge.is_some_and(|edge| !model.has_follow(edge) && is_missing(model, waiting, edge))
        }
        Operation::Unfollow { .. } => {
            let edge = change.edge();
            edge.is_some_and(|edge| model.has_follow(edge) && is_surplus(model, waiting, edge))
        }
        Operation::LogIn { must_exist: false, .. } => {
            let Some(name) = change.caller.filter(|name| !model.has_account(*name)) else {
                return false;
            };
            waiting.caller == Some(name)
                || waiting.target == Some(name)
                || shows(waiting, change.user)
        }
        Operation::SetPassword { .. } => {
            let asks_for_it = matches!(
                waiting.operation,
                Operation::LogIn { .. } | Operation::SetPassword { .. }
            );
            asks_for_it && waiting.caller == change.caller
        }
        Operation::LogIn { must_exist: true, .. }
        | Operation::Publish { .. }
        | Operation::List { .. }
        | Operation::Timeline { .. }
        | Operation::Posts { .. } => false,
    }
}

/// Whether a call may show that somebody follows who does not.
fn is_missing(model: &Model, waiting: &Call<'_>, edge: (Name, Name)) -> bool {
    let refused =
        |kind| matches!(waiting.demand, Demand::Told(Outcome::Refused(told)) if *told == kind);
    match &waiting.operation {
        Operation::Follow { .. } => {
            waiting.edge() == Some(edge) && refused(RefusalKind::AlreadyExists)
        }
        Operation::Unfollow { .. } => {
            waiting.edge() == Some(edge) && !refused(RefusalKind::NotPossible)
        }
        _ => shows_edge(model, waiting, edge, true),
    }
}

/// Whether a call may show that somebody no longer follows who does.
fn is_surplus(model: &Model, waiting: &Call<'_>, edge: (Name, Name)) -> bool {
    let refused =
        |kind| matches!(waiting.demand, Demand::Told(Outcome::Refused(told)) if *told == kind);
    match &waiting.operation {
        Operation::Follow { .. } => {
            waiting.edge() == Some(edge) && !refused(RefusalKind::AlreadyExists)
        }
        Operation::Unfollow { .. } => {
            waiting.edge() == Some(edge) && refused(RefusalKind::NotPossible)
        }
        Operation::Timeline { .. } if waiting.caller == Some(edge.0) => {
            let Demand::Told(Outcome::Done(Reply::Page(page))) = waiting.demand else {
                return false;
            };
            let is_author = |author: &str| model.name(author) == Some(edge.1);
            page.as_of.get() == model.newest()
                && !page.posts.iter().any(|post| is_author(post.author.as_str()))
        }
        _ => shows_edge(model, waiting, edge, false),
    }
}

/// Whether a list, or the final state, may differ from the state by this edge: it has to be there, or
/// must not be. If a list is a part, it may.
fn shows_edge(model: &Model, waiting: &Call<'_>, edge: (Name, Name), is_there: bool) -> bool {
    let is = |name: &str, other: Name| model.name(name) == Some(other);
    if let Demand::FinalState(state) = waiting.demand {
        let mut follows = state.follows.iter();
        return is_there == follows.any(|(one, other)| is(one, edge.0) && is(other, edge.1));
    }
    let Operation::List { kind, after, .. } = &waiting.operation else { return false };
    let Demand::Told(Outcome::Done(Reply::Names { names, more })) = waiting.demand else {
        return false;
    };
    let (own, other) = match kind {
        ListKind::Following => edge,
        ListKind::Followers => (edge.1, edge.0),
        _ => return false,
    };
    let is_part = after.is_some() || *more;
    waiting.caller == Some(own) && (is_part || is_there == names.iter().any(|name| is(name, other)))
}

/// Whether a list, or the final state, may show an account.
fn shows(waiting: &Call<'_>, name: &str) -> bool {
    let is = |other: &String| other.eq_ignore_ascii_case(name);
    match (waiting.demand, &waiting.operation) {
        (Demand::FinalState(state), _) => state.accounts.iter().any(is),
        (
            Demand::Told(Outcome::Done(Reply::Names { names, more })),
            Operation::List { after, .. },
        ) => after.is_some() || *more || names.iter().any(is),
        _ => false,
    }
}
