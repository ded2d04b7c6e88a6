//! What belongs to a feed is in it, once, in order.

use tinysns::{
    domain::PostId,
    network::{Cursor, PostPage},
};

use super::story::{Story, assert_says, done, follow, page, post, publish, published, unfollow};
use crate::laboratory::{
    feeds::check,
    history::{End, Operation, Outcome, Reply},
};

const LACKS: &str = "the timeline of bob lacks post 2 by ann, whom bob follows";
const TOO_MUCH: &str = "the timeline of bob has post 2 by ann, whom bob did not follow";

/// Bob follows ann, and both are logged in.
fn story() -> Story {
    let mut story = Story::new();
    story.log_in("ann").log_in("bob").follow("bob", "ann");
    story
}

/// What is wrong if bob, who listens from the beginning, receives these of the posts that ann makes.
fn says(end: End, made: u64, received: &[u64], words: &[&str]) {
    let mut story = story();
    let subscription = story.subscribe("bob", Some(0));
    for id in 1..=made {
        story.publish("ann", "text", id);
    }
    for id in received {
        story.receive(subscription, post(*id, "ann", "text"));
    }
    story.unsubscribe(subscription, end);
    let all: Vec<_> = (1..=made).map(|id| post(id, "ann", "text")).collect();
    story.finish(&["ann", "bob"], &[("bob", "ann")], &all);
    assert_says(&check(&story.history), words);
}

#[test]
fn a_subscription_has_every_post_once_in_order() {
    says(End::Settled, 3, &[1, 2, 3], &[]);
}

#[test]
fn a_subscription_has_no_gap() {
    says(End::Settled, 3, &[1, 3], &[LACKS]);
    says(End::Left, 3, &[1, 3], &[LACKS]);
}

#[test]
fn what_comes_last_is_missing_only_if_there_was_time_for_it() {
    says(End::Left, 2, &[1], &[]);
    says(End::Settled, 2, &[1], &[LACKS]);
}

#[test]
fn a_subscription_has_nothing_twice() {
    says(End::Settled, 2, &[1, 2, 2], &["has post 2 twice"]);
}

#[test]
fn a_subscription_is_in_order() {
    says(End::Settled, 3, &[1, 3, 2], &["has post 2 after post 3"]);
}

#[test]
fn a_subscription_resumes_after_its_cursor() {
    for (received, words) in [
        (&[3, 4][..], &[][..]),
        (&[2, 3, 4], &["has post 2 twice, or once too often"]),
        (&[4], &["lacks post 3 by ann"]),
    ] {
        let mut story = story();
        for id in 1..=4 {
            story.publish("ann", "text", id);
        }
        let subscription = story.subscribe("bob", Some(2));
        for id in received {
            story.receive(subscription, post(*id, "ann", "text"));
        }
        story.unsubscribe(subscription, End::Settled);
        assert_says(&check(&story.history), words);
    }
}

#[test]
fn a_subscription_from_now_on_begins_between_its_request_and_its_answer() {
    for (received, words) in [
        (&[2, 3][..], &[][..]),
        (&[3], &[]),
        (&[1, 2, 3], &["has post 1 twice, or once too often"]),
        (&[2], &["lacks post 3 by ann"]),
    ] {
        let mut story = story();
        story.publish("ann", "text", 1);
        // In progress while the subscription is opened.
        let second = story.ask("ann", publish("text"));
        let subscription = story.subscribe("bob", None);
        story.get(second, published(2));
        story.publish("ann", "text", 3);
        for id in received {
            story.receive(subscription, post(*id, "ann", "text"));
        }
        story.unsubscribe(subscription, End::Settled);
        story.timeline("bob", &[3, 2, 1].map(|id| post(id, "ann", "text")), 3);
        assert_says(&check(&story.history), words);
    }
}

#[test]
fn nothing_comes_from_somebody_who_is_not_followed() {
    let mut story = Story::new();
    story.log_in("ann").log_in("bob").publish("ann", "one", 1).publish("ann", "two", 2);
    let subscription = story.subscribe("bob", Some(1));
    story.receive(subscription, post(2, "ann", "two"));
    assert_says(&check(&story.history), &[TOO_MUCH]);

    // A follow begins with the next post, and ends at once.
    for ends in [false, true] {
        let mut story = Story::new();
        story.log_in("ann").log_in("bob").publish("ann", "one", 1);
        if ends {
            story.follow("bob", "ann").unfollow("bob", "ann");
        }
        story.publish("ann", "two", 2);
        if !ends {
            story.follow("bob", "ann");
        }
        let subscription = story.subscribe("bob", Some(0));
        story.receive(subscription, post(2, "ann", "two"));
        assert_says(&check(&story.history), &[TOO_MUCH]);
    }
}

#[test]
fn a_post_made_while_a_follow_begins_or_ends_may_be_there_or_not() {
    for begins in [true, false] {
        for is_received in [true, false] {
            for outcome in [Some(done()), Some(Outcome::Unknown), None] {
                let mut story = Story::new();
                story.log_in("ann").log_in("bob").publish("ann", "one", 1);
                if !begins {
                    story.follow("bob", "ann");
                }
                let subscription = story.subscribe("bob", Some(1));
                let change = if begins { follow("ann") } else { unfollow("ann") };
                let change = story.ask("bob", change);
                story.publish("ann", "two", 2);
                if let Some(outcome) = outcome {
                    story.get(change, outcome);
                }
                if is_received {
                    story.receive(subscription, post(2, "ann", "two"));
                }
                story.unsubscribe(subscription, End::Settled);
                story.finish(&["ann", "bob"], &[], &[post(1, "ann", "one"), post(2, "ann", "two")]);
                assert_says(&check(&story.history), &[]);
            }
        }
    }
}

#[test]
fn what_came_before_an_unfollow_need_not_be_taken_back() {
    for is_received in [true, false] {
        let mut story = story();
        let subscription = story.subscribe("bob", Some(0));
        story.publish("ann", "one", 1);
        story.unfollow("bob", "ann");
        if is_received {
            story.receive(subscription, post(1, "ann", "one"));
        }
        story.unsubscribe(subscription, End::Settled);
        assert_says(&check(&story.history), &[]);
    }
}

#[test]
fn a_page_has_no_gap_nothing_twice_and_an_order() {
    for (ids, words) in [
        (&[3, 2, 1][..], &[][..]),
        (&[3, 1], &["a page of the timeline of bob lacks post 2 by ann"]),
        (&[3, 2, 2, 1], &["is not in order: [3, 2, 2, 1]"]),
        (&[1, 2, 3], &["is not in order: [1, 2, 3]"]),
    ] {
        let mut story = story();
        for id in 1..=3 {
            story.publish("ann", "text", id);
        }
        let posts: Vec<_> = ids.iter().map(|id| post(*id, "ann", "text")).collect();
        story.timeline("bob", &posts, 3);
        story.finish(&[], &[], &[1, 2, 3].map(|id| post(id, "ann", "text")));
        assert_says(&check(&story.history), words);
    }
}

#[test]
fn a_page_has_what_is_between_its_cursor_and_its_end() {
    let id = PostId::new;
    for (cursor, ids, more, words) in [
        (Cursor::After(id(1)), &[2, 3][..], true, &[][..]),
        (Cursor::After(id(1)), &[3], true, &["lacks post 2 by ann"]),
        (Cursor::After(id(1)), &[2, 3], false, &["lacks post 4 by ann"]),
        (Cursor::After(id(1)), &[1, 2], true, &["is not in order"]),
        (Cursor::Before(id(4)), &[3, 2], true, &[]),
        (Cursor::Before(id(4)), &[3, 2], false, &["lacks post 1 by ann"]),
        (Cursor::Before(id(4)), &[4, 3], true, &["is not in order"]),
        (Cursor::Newest, &[4, 3], true, &[]),
        (Cursor::Newest, &[3, 2], true, &["lacks post 4 by ann"]),
    ] {
        let mut story = story();
        for id in 1..=4 {
            story.publish("ann", "text", id);
        }
        let posts = ids.iter().map(|id| post(*id, "ann", "text")).collect();
        let page = PostPage { posts, as_of: id(4), more, last: None };
        let operation = Operation::Timeline { cursor, limit: Some(2) };
        story.at_once("bob", operation, Outcome::Done(Reply::Page(page)));
        story.finish(&[], &[], &[1, 2, 3, 4].map(|id| post(id, "ann", "text")));
        assert_says(&check(&story.history), words);
    }
}

#[test]
fn a_page_has_nothing_from_somebody_who_is_not_followed_or_from_later() {
    let mut story = Story::new();
    story.log_in("ann").log_in("bob").publish("ann", "one", 1).follow("bob", "ann");
    story.timeline("bob", &[post(1, "ann", "one")], 1);
    let words = ["a page of the timeline of bob has post 1 by ann, whom bob did not follow"];
    assert_says(&check(&story.history), &words);

    let mut story = self::story();
    story.publish("ann", "one", 1);
    story.at_once("bob", super::story::timeline(), page(&[post(1, "ann", "one")], 0));
    assert_says(&check(&story.history), &["has post 1, as of 0"]);
}
