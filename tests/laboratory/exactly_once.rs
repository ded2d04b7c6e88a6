//! Each acknowledged change is in the final state, exactly once, under the id that was acknowledged;
//! nothing is there that nobody asked for; and ids grow in the order of the clock.

use std::collections::{BTreeMap, BTreeSet};

use tinysns::{
    domain::{Post, PostId, UnixMillis},
    network::RefusalKind,
};

use super::{
    history::{Effect, FinalState, History, Operation, OperationNumber, Outcome, Recorded, Reply},
    timing::{Follows, Window, folded},
    violation::{Promise, Violation},
};

/// A post that was asked for.
struct Publish<'a> {
    number: OperationNumber,
    recorded: &'a Recorded,
    author: String,
    text: &'a str,
}

impl Publish<'_> {
    fn acknowledged(&self) -> Option<(PostId, UnixMillis)> {
        match self.recorded.outcome() {
            Outcome::Done(Reply::Published { id, posted_at }) => Some((*id, *posted_at)),
            _ => None,
        }
    }
}

/// Everything that is wrong.
pub fn check(history: &History) -> Vec<Violation> {
    let publishes = publishes(history);
    let mut violations = Vec::new();
    never_stale(history, &mut violations);
    ids_are_unique_and_grow(&publishes, &mut violations);
    posts_are_the_same_everywhere(history, &publishes, &mut violations);
    if let Some(state) = history.final_state() {
        ids_are_counted(state, &mut violations);
        acknowledged_posts_are_there(state, &publishes, &mut violations);
        nothing_is_there_twice_or_unasked(state, &publishes, &mut violations);
        follows_are_there(history, state, &mut violations);
        accounts_are_there(history, state, &mut violations);
    }
    violations
}

fn publishes(history: &History) -> Vec<Publish<'_>> {
    let publish = |(number, recorded): (usize, &'_ Recorded)| match &recorded.operation {
        Operation::Publish { .. } => Some(OperationNumber(number)),
        _ => None,
    };
    let numbers = history.operations().iter().enumerate().filter_map(publish);
    numbers
        .filter_map(|number| {
            let recorded = &history.operations()[number.0];
            let Operation::Publish { text } = &recorded.operation else { return None };
            Some(Publish { number, recorded, author: folded(&recorded.user), text })
        })
        .collect()
}

/// A client repeats only what was not answered, so its reply is still remembered.
fn never_stale(history: &History, violations: &mut Vec<Violation>) {
    for (number, recorded) in history.operations().iter().enumerate() {
        if *recorded.outcome() == Outcome::Refused(RefusalKind::Stale) {
            violations.push(Violation::of(
                Promise::ExactlyOnce,
                [OperationNumber(number)],
                format!("the reply to operation {number} was forgotten before its client had it"),
            ));
        }
    }
}

/// Of two posts, the one that was acknowledged before the other was asked for has the smaller id.
fn ids_are_unique_and_grow(publishes: &[Publish<'_>], violations: &mut Vec<Violation>) {
    let mut by_id: BTreeMap<PostId, OperationNumber> = BTreeMap::new();
    let mut returned: BTreeMap<usize, (PostId, OperationNumber)> = BTreeMap::new();
    for publish in publishes {
        let Some((id, _)) = publish.acknowledged() else { continue };
        let at = publish.recorded.known_at().expect("it was acknowledged");
        returned.insert(at, (id, publish.number));
        if let Some(other) = by_id.insert(id, publish.number) {
            violations.push(Violation::of(
                Promise::ExactlyOnce,
                [other, publish.number],
                format!("two posts were acknowledged under the id {id}"),
            ));
        }
    }
    // The greatest id that was acknowledged by then.
    let mut greatest: Option<(PostId, OperationNumber)> = None;
    for newest in returned.values_mut() {
        greatest = greatest.max(Some(*newest));
        *newest = greatest.expect("just set");
    }
    for publish in publishes {
        let Some((id, _)) = publish.acknowledged() else { continue };
        let before = returned.range(..publish.recorded.invoked.order).next_back();
        if let Some((_, (earlier, number))) = before
            && *earlier >= id
        {
            violations.push(Violation::of(
                Promise::Order,
                [*number, publish.number],
                format!("post {id} was asked for after post {earlier} was acknowledged"),
            ));
        }
    }
}

/// One id is one post, whoever reads it; and its time never runs backwards along the ids.
fn posts_are_the_same_everywhere(
    history: &History,
    publishes: &[Publish<'_>],
    violations: &mut Vec<Violation>,
) {
    let mut posts: BTreeMap<PostId, &Post> = BTreeMap::new();
    let mut reported: BTreeSet<PostId> = BTreeSet::new();
    for (_, post) in history.posts_seen() {
        let first = *posts.entry(post.id).or_insert(post);
        if first != post && reported.insert(post.id) {
            let what =
                format!("post {} is {first:?} to one reader and {post:?} to another", post.id);
            violations.push(Violation::of(Promise::Unaltered, [], what));
        }
    }
    for publish in publishes {
        let Some((id, posted_at)) = publish.acknowledged() else { continue };
        let Some(seen) = posts.get(&id) else { continue };
        let is_same = folded(seen.author.as_str()) == publish.author
            && seen.text == publish.text
            && seen.posted_at == posted_at;
        if !is_same {
            let what = format!("post {id} was acknowledged, and is read as {seen:?}");
            violations.push(Violation::of(Promise::Unaltered, [publish.number], what));
        }
    }
    let posts: Vec<&Post> = posts.into_values().collect();
    for pair in posts.windows(2) {
        if pair[0].posted_at > pair[1].posted_at {
            let what = format!("post {} is older than post {}", pair[1].id, pair[0].id);
            violations.push(Violation::of(Promise::Order, [], what));
        }
    }
}

/// Ids are counted from 1, so that one which is missing shows.
fn ids_are_counted(state: &FinalState, violations: &mut Vec<Violation>) {
    for (post, expected) in state.posts.iter().zip(1..) {
        if post.id.get() != expected {
            let what = format!("in the end, post {} is where post {expected} should be", post.id);
            violations.push(Violation::of(Promise::NothingLost, [], what));
            return;
        }
    }
}

fn acknowledged_posts_are_there(
    state: &FinalState,
    publishes: &[Publish<'_>],
    violations: &mut Vec<Violation>,
) {
    let there: BTreeSet<PostId> = state.posts.iter().map(|post| post.id).collect();
    for publish in publishes {
        if let Some((id, _)) = publish.acknowledged()
            && !there.contains(&id)
        {
            violations.push(Violation::of(
                Promise::NothingLost,
                [publish.number],
                format!("post {id} was acknowledged, and is lost"),
            ));
        }
    }
}

fn nothing_is_there_twice_or_unasked(
    state: &FinalState,
    publishes: &[Publish<'_>],
    violations: &mut Vec<Violation>,
) {
    let mut asked: BTreeMap<(String, &str), Vec<&Publish<'_>>> = BTreeMap::new();
    for publish in publishes {
        asked.entry((publish.author.clone(), publish.text)).or_default().push(publish);
    }
    let mut there: BTreeMap<(String, &str), Vec<PostId>> = BTreeMap::new();
    for post in &state.posts {
        let author = folded(post.author.as_str());
        there.entry((author, post.text.as_str())).or_default().push(post.id);
    }
    for ((author, text), ids) in there {
        let asked = asked.get(&(author.clone(), text)).map_or(&[][..], Vec::as_slice);
        let possible = asked.iter().filter(|one| one.recorded.effect() != Effect::NotMade).count();
        let numbers = asked.iter().map(|publish| publish.number);
        let what = match (asked.len(), possible) {
            (0, _) => format!("post {ids:?} by {author} was written by nobody: {text:?}"),
            (_, 0) => format!("post {ids:?} by {author} is there, though it was refused: {text:?}"),
            (_, possible) if ids.len() > possible => {
                let times = ids.len();
                format!(
                    "a post by {author} is there {times} times, {ids:?}, and was asked for {possible} times: {text:?}"
                )
            }
            _ => continue,
        };
        violations.push(Violation::of(Promise::ExactlyOnce, numbers, what));
    }
}

fn follows_are_there(history: &History, state: &FinalState, violations: &mut Vec<Violation>) {
    let follows = Follows::of(history);
    let end = history.lines().len();
    let now = Window { from: end, until: end };
    let there: BTreeSet<(String, String)> = state
        .follows
        .iter()
        .map(|(follower, followee)| (folded(follower), folded(followee)))
        .collect();
    for (follower, followee) in &there {
        if follows.never(follower, followee, now) {
            let what = format!("in the end {follower} follows {followee}, which nobody asked for");
            violations.push(Violation::of(Promise::ExactlyOnce, [], what));
        }
    }
    for pair in follows.pairs().filter(|pair| !there.contains(pair)) {
        let (follower, followee) = pair;
        if let Some(number) = follows.in_force(follower, followee, now) {
            let what = format!("that {follower} follows {followee} was acknowledged, and is lost");
            violations.push(Violation::of(Promise::NothingLost, [number], what));
        }
    }
}

fn accounts_are_there(history: &History, state: &FinalState, violations: &mut Vec<Violation>) {
    let there: BTreeSet<String> = state.accounts.iter().map(|name| folded(name)).collect();
    let mut created: BTreeMap<String, OperationNumber> = BTreeMap::new();
    let mut asked: BTreeSet<String> = BTreeSet::new();
    for (number, recorded) in history.operations().iter().enumerate() {
        let number = OperationNumber(number);
        let name = folded(&recorded.user);
        match (&recorded.operation, recorded.outcome()) {
            (Operation::LogIn { .. }, Outcome::Done(Reply::LoggedIn { created: is_new, .. })) => {
                if !there.contains(&name) {
                    let what = format!("the account {name} was acknowledged, and is lost");
                    violations.push(Violation::of(Promise::NothingLost, [number], what));
                }
                if let Some(other) = is_new.then(|| created.insert(name.clone(), number)).flatten()
                {
                    let what = format!("the account {name} was created twice");
                    violations.push(Violation::of(Promise::ExactlyOnce, [other, number], what));
                }
                asked.insert(name);
            }
            (Operation::LogIn { must_exist: false, .. }, _) => {
                asked.insert(name);
            }
            _ => {}
        }
    }
    for name in there.difference(&asked) {
        let what = format!("in the end there is the account {name}, which nobody asked for");
        violations.push(Violation::of(Promise::ExactlyOnce, [], what));
    }
}
