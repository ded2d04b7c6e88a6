//! Random executions keep all promises; one of them in which something was altered does not.

use proptest::prelude::*;
use tinysns::domain::PostId;

use super::executions::{Lots, Size, execution};
use crate::laboratory::{
    check, exactly_once, feeds,
    history::{Effect, FinalState, Outcome, Recorded, Reply, Subscription},
    linearizability::{Verdict, Way, search},
    violation::{Promise, Violation},
};

fn small() -> impl Strategy<Value = Size> {
    (2..6_usize, 10..90_usize, 0..30_u64, any::<bool>()).prop_map(
        |(clients, operations, unanswered, changes)| Size {
            clients,
            operations,
            unanswered,
            changes,
        },
    )
}

/// Everybody follows everybody, so that every post belongs to every other's timeline.
const STEADY: Size = Size { clients: 4, operations: 80, unanswered: 5, changes: false };

fn promises(violations: &[Violation]) -> Vec<Promise> {
    violations.iter().map(|violation| violation.promise).collect()
}

/// The posts that were acknowledged, each with the operation.
fn acknowledged(operations: &[Recorded]) -> Vec<(u64, usize)> {
    let published = |(index, recorded): (usize, &Recorded)| match recorded.outcome() {
        Outcome::Done(Reply::Published { id, .. }) => Some((id.get(), index)),
        _ => None,
    };
    operations.iter().enumerate().filter_map(published).collect()
}

fn final_state(state: &mut Option<FinalState>) -> &mut FinalState {
    state.as_mut().expect("an execution has an end")
}

/// A subscription that has received at least this many posts.
fn busy(subscriptions: &mut [Subscription], posts: usize) -> Option<&mut Subscription> {
    subscriptions.iter_mut().find(|subscription| subscription.received.len() >= posts)
}

/// Turns a page into one from before a post that was acknowledged before the page was asked for; false
/// if there is none.
fn make_stale(operations: &mut [Recorded], lots: &mut Lots) -> bool {
    let posts = acknowledged(operations);
    let mut stale = Vec::new();
    for (index, recorded) in operations.iter().enumerate() {
        let Outcome::Done(Reply::Page(_)) = recorded.outcome() else { continue };
        let known = |operation: &usize| operations[*operation].known_at();
        let earlier = posts.iter().filter(|(_, post)| known(post) < Some(recorded.invoked.order));
        if let Some((newest, _)) = earlier.max() {
            stale.push((index, *newest));
        }
    }
    if stale.is_empty() {
        return false;
    }
    let (index, newest) = stale[lots.below(stale.len())];
    let returned = operations[index].returned.as_mut().expect("it was answered");
    if let Outcome::Done(Reply::Page(page)) = &mut returned.1 {
        page.posts.retain(|post| post.id.get() < newest);
        page.as_of = PostId::new(newest - 1);
    }
    true
}

/// Alters what one client was told, into something that may or may not be possible.
fn confuse(operations: &mut [Recorded], state: &mut Option<FinalState>, lots: &mut Lots) {
    let index = lots.below(operations.len());
    let other = operations[lots.below(operations.len())].clone();
    let confused = &mut operations[index];
    match lots.below(5) {
        0 => confused.returned = None,
        1 if other.operation == confused.operation => {
            if let (Some((_, outcome)), Some((_, told))) = (&mut confused.returned, other.returned)
            {
                *outcome = told;
            }
        }
        2 => {
            let state = final_state(state);
            state.posts.pop();
        }
        3 => final_state(state).follows = [].into(),
        _ => match &mut confused.returned {
            Some((_, Outcome::Done(Reply::Page(page)))) => {
                page.posts.pop();
            }
            Some((_, Outcome::Done(Reply::Names { names, .. }))) => {
                names.pop();
            }
            Some((_, Outcome::Done(Reply::Published { id, .. }))) => {
                *id = PostId::new(id.get() % 3 + 1);
            }
            Some((_, outcome @ Outcome::Done(Reply::Done))) => *outcome = Outcome::Unknown,
            Some((_, outcome)) => *outcome = Outcome::Done(Reply::Done),
            None => {}
        },
    }
}

/// Asserts that the two ways of searching find the same; false if the plain one finds nothing in time.
fn agree(seed: u64, clients: usize, operations: usize, altered: usize) -> bool {
    let size = Size { clients, operations: operations + clients, unanswered: 25, changes: true };
    let mut lots = Lots(seed);
    let history = execution(seed, size).altered(|operations, _, state| {
        for _ in 0..altered {
            confuse(operations, state, &mut lots);
        }
    });
    let verdicts = [Way::Short, Way::Plain].map(|way| search(&history, way));
    let [short, plain] = verdicts.each_ref().map(|verdict| match verdict {
        Verdict::Linearizable { .. } => Some(true),
        Verdict::Not => Some(false),
        Verdict::Undecided { .. } => None,
    });
    assert!(
        plain.is_none() || short == plain,
        "{verdicts:?}\n{history}\n{:#?}",
        history.operations()
    );
    plain.is_some()
}

/// Where they once did not.
#[test]
fn the_short_search_finds_what_the_plain_one_did_in_earlier_cases() {
    let cases = [
        (17_106_492_414_792_314_817, 2, 5, 2),
        (9_359_512_658_671_942_674, 2, 9, 1),
        (4_894_301_051_061_897_932, 2, 10, 0),
    ];
    for (seed, clients, operations, altered) in cases {
        assert!(agree(seed, clients, operations, altered));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_execution_keeps_all_promises(seed: u64, size in small()) {
        let history = execution(seed, size);
        prop_assert!(check(&history).is_empty(), "{:?}\n{history}", check(&history));
    }

    #[test]
    fn the_short_search_finds_what_the_plain_one_does(
        seed: u64, clients in 2..5_usize, operations in 5..14_usize, altered in 0..4_usize,
    ) {
        prop_assume!(agree(seed, clients, operations, altered));
    }

    #[test]
    fn a_page_that_is_stale_is_found(seed: u64, size in small()) {
        let mut lots = Lots(seed);
        let mut is_stale = false;
        let history = execution(seed, size)
            .altered(|operations, _, _| is_stale = make_stale(operations, &mut lots));
        prop_assume!(is_stale);
        let found = promises(&check(&history));
        prop_assert!(found.contains(&Promise::Linearizable), "{found:?}\n{history}");
    }

    #[test]
    fn a_lost_post_is_found(seed: u64) {
        let mut lots = Lots(seed);
        let history = execution(seed, STEADY).altered(|operations, _, state| {
            let posts = acknowledged(operations);
            let (lost, _) = posts[lots.below(posts.len())];
            final_state(state).posts.retain(|post| post.id.get() != lost);
        });
        let found = promises(&exactly_once::check(&history));
        prop_assert!(found.contains(&Promise::NothingLost), "{found:?}\n{history}");
    }

    #[test]
    fn a_post_that_is_there_twice_is_found(seed: u64) {
        let mut lots = Lots(seed);
        let history = execution(seed, STEADY).altered(|_, _, state| {
            let posts = &mut final_state(state).posts;
            let mut twice = posts[lots.below(posts.len())].clone();
            twice.id = PostId::new(posts.len() as u64 + 1);
            posts.push(twice);
        });
        let found = promises(&exactly_once::check(&history));
        prop_assert!(found.contains(&Promise::ExactlyOnce), "{found:?}\n{history}");
    }

    #[test]
    fn posts_in_another_order_are_found(seed: u64) {
        let mut lots = Lots(seed);
        let history = execution(seed, STEADY).altered(|operations, _, state| {
            let acknowledged: Vec<_> = acknowledged(operations);
            let posts = &mut final_state(state).posts;
            // Two neighbours, of which one at least was acknowledged.
            let (id, _) = acknowledged[lots.below(acknowledged.len())];
            let index = usize::try_from(id - 1).expect("a small number").min(posts.len() - 2);
            let (one, other) = (posts[index].id, posts[index + 1].id);
            posts.swap(index, index + 1);
            (posts[index].id, posts[index + 1].id) = (one, other);
        });
        let found = promises(&exactly_once::check(&history));
        prop_assert!(found.contains(&Promise::Unaltered), "{found:?}\n{history}");
    }

    #[test]
    fn a_gap_in_a_subscription_is_found(seed: u64) {
        let mut lots = Lots(seed);
        let mut is_altered = false;
        let history = execution(seed, STEADY).altered(|_, subscriptions, _| {
            if let Some(subscription) = busy(subscriptions, 1) {
                let dropped = lots.below(subscription.received.len());
                subscription.received.remove(dropped);
                is_altered = true;
            }
        });
        prop_assume!(is_altered);
        let found = promises(&feeds::check(&history));
        prop_assert!(found.contains(&Promise::Feeds), "{found:?}\n{history}");
    }

    #[test]
    fn a_subscription_that_repeats_or_swaps_posts_is_found(seed: u64, swaps: bool) {
        let mut lots = Lots(seed);
        let mut is_altered = false;
        let history = execution(seed, STEADY).altered(|_, subscriptions, _| {
            if let Some(Subscription { received, .. }) = busy(subscriptions, 2) {
                let index = lots.below(received.len() - 1);
                if swaps {
                    received.swap(index, index + 1);
                } else {
                    let repeated = received[index].clone();
                    received.insert(index + 1, repeated);
                }
                is_altered = true;
            }
        });
        prop_assume!(is_altered);
        let found = promises(&feeds::check(&history));
        prop_assert!(found.contains(&Promise::Feeds), "{found:?}\n{history}");
    }
}

/// As large as a run of the chaos: with all that is unanswered, it takes about as many steps as there
/// are operations, and not a second.
#[test]
fn five_thousand_operations_are_checked_in_about_as_many_steps() {
    for seed in 0..3 {
        let size = Size { clients: 12, operations: 5_000, unanswered: 1, changes: true };
        let history = execution(seed, size);
        let unknown = |recorded: &&Recorded| recorded.effect() == Effect::Perhaps;
        assert!(history.operations().iter().filter(unknown).count() > 50);
        let verdict = search(&history, Way::Short);
        let Verdict::Linearizable { configurations } = verdict else { panic!("{verdict:?}") };
        assert!(configurations < 5_000, "{configurations} configurations");
    }
}
