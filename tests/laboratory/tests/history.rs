//! A history is text that can be compared.

use tinysns::network::RefusalKind;

use super::story::{Story, follow, post, published, refused};
use crate::laboratory::history::{Effect, End, Operation, Outcome};

fn story() -> Story {
    let mut story = Story::new();
    story.log_in("ann").log_in("bob");
    let subscription = story.subscribe("bob", Some(0));
    let asked = story.ask("ann", Operation::Publish { text: "one\ntwo".to_owned() });
    story.receive(subscription, post(1, "ann", "one\ntwo"));
    story.get(asked, published(1));
    story.unsubscribe(subscription, End::Settled);
    story.timeline("bob", &[post(1, "ann", "one\ntwo")], 1);
    story.finish(&["ann", "bob"], &[("bob", "ann")], &[post(1, "ann", "one\ntwo")]);
    story
}

#[test]
fn each_thing_that_happens_is_a_line() {
    let text = story().history.to_string();
    let expected = r#"1 client 97 asks 0, as ann: log in, password none
2 client 97 gets 0: logged in to a new account, ann
3 client 98 asks 1, as bob: log in, password none
4 client 98 gets 1: logged in to a new account, bob
5 client 98 subscribes 0, as bob: after 0
6 subscription 0 is open
7 client 97 asks 2, as ann: publish "one\ntwo"
8 subscription 0 gets post 1 by ann of 1: "one\ntwo"
9 client 97 gets 2: published 1 of 1
10 subscription 0 ends: Settled
11 client 98 asks 3, as bob: timeline Newest, at most 100
12 client 98 gets 3: [post 1 by ann of 1: "one\ntwo"], as of 1
13 in the end there is the account ann
13 in the end there is the account bob
13 in the end bob follows ann
13 in the end there is post 1 by ann of 1: "one\ntwo"
"#;
    assert_eq!(text, expected);
}

#[test]
fn what_happens_twice_in_the_same_way_is_the_same_text() {
    let (one, other) = (story().history, story().history);
    assert_eq!(one, other);
    assert_eq!(one.to_string(), other.to_string());
}

#[test]
fn only_a_refusal_by_the_rules_says_that_nothing_was_done() {
    for (outcome, effect) in [
        (super::story::done(), Effect::Made),
        (refused(RefusalKind::NotFound), Effect::NotMade),
        (refused(RefusalKind::AlreadyExists), Effect::NotMade),
        (refused(RefusalKind::NotPossible), Effect::NotMade),
        (refused(RefusalKind::Invalid), Effect::NotMade),
        (refused(RefusalKind::SessionEnded), Effect::Perhaps),
        (refused(RefusalKind::WrongPassword), Effect::Perhaps),
        (refused(RefusalKind::TooMuch), Effect::Perhaps),
        (Outcome::Unknown, Effect::Perhaps),
    ] {
        let mut story = Story::new();
        story.at_once("ann", follow("bob"), outcome.clone());
        assert_eq!(story.history.operations()[0].effect(), effect, "{outcome}");
    }
    let mut story = Story::new();
    story.ask("ann", follow("bob"));
    assert_eq!(story.history.operations()[0].effect(), Effect::Perhaps, "not answered yet");
}

#[test]
#[should_panic(expected = "the clock of a history never goes back")]
fn the_clock_of_a_history_never_goes_back() {
    let mut history = story().history;
    history.invoked(1, 5, "ann", follow("bob"));
}
