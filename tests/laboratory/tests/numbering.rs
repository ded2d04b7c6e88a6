//! Posts are numbered without gaps, whatever else has a position.

use super::story::{Story, post};
use crate::laboratory::{
    check,
    history::{History, Outcome, Reply},
    numbering::without_gaps,
};

/// Ann follows bob at the first position of the feed, and bob ann at the third.
fn story() -> History {
    let posts = [post(4, "bob", "two"), post(2, "bob", "one")];
    let mut story = Story::new();
    story.log_in("ann").log_in("bob").follow("ann", "bob").publish("bob", "one", 2);
    story.follow("bob", "ann").publish("bob", "two", 4).timeline("ann", &posts, 4);
    let [two, one] = posts;
    story.finish(&["ann", "bob"], &[("ann", "bob"), ("bob", "ann")], &[one, two]);
    story.history
}

#[test]
fn positions_of_something_else_are_left_out() {
    let numbered = without_gaps(&story());
    let published = numbered.operations().iter().filter_map(|recorded| match recorded.outcome() {
        Outcome::Done(Reply::Published { id, .. }) => Some(id.get()),
        _ => None,
    });
    assert_eq!(published.collect::<Vec<_>>(), [1, 2]);
    let (_, page) = numbered.pages().next().expect("one was read");
    assert_eq!(page.posts.iter().map(|post| post.id.get()).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(page.as_of.get(), 2);
    assert_eq!(check(&story()), []);
}

#[test]
fn a_post_of_which_anybody_was_told_is_missed() {
    let history = story().altered(|_, _, state| {
        state.as_mut().expect("it was read").posts.remove(0);
    });
    assert_ne!(check(&history), []);
}
