//! What is acknowledged is there once, and nothing else is.

use tinysns::{domain::Post, network::RefusalKind};

use super::story::{
    Story, assert_says, done, follow, log_in, logged_in, post, publish, published, refused,
    unfollow,
};
use crate::laboratory::{exactly_once::check, history::Outcome};

const ALL: [&str; 2] = ["ann", "bob"];

/// Ann and bob, who follows her, have each published something.
fn story() -> (Story, Vec<Post>) {
    let mut story = Story::new();
    story.log_in("ann").log_in("bob").follow("bob", "ann");
    story.publish("ann", "a", 1).publish("bob", "b", 2);
    (story, vec![post(1, "ann", "a"), post(2, "bob", "b")])
}

/// What is wrong if this is what is there in the end.
fn says(
    mut story: Story,
    accounts: &[&str],
    follows: &[(&str, &str)],
    posts: &[Post],
    words: &[&str],
) {
    story.finish(accounts, follows, posts);
    assert_says(&check(&story.history), words);
}

#[test]
fn all_that_was_acknowledged_is_there_once() {
    let (story, posts) = story();
    says(story, &ALL, &[("bob", "ann")], &posts, &[]);
}

#[test]
fn what_nobody_has_answered_for_may_be_there_or_not_but_not_twice() {
    for times in 0..3 {
        let (mut story, mut posts) = story();
        story.at_once("ann", publish("late"), Outcome::Unknown);
        posts.extend((0..times).map(|which| post(3 + which, "ann", "late")));
        let words: &[&str] =
            if times < 2 { &[] } else { &["is there 2 times, [3, 4], and was asked for 1 times"] };
        says(story, &ALL, &[("bob", "ann")], &posts, words);
    }
}

#[test]
fn an_acknowledged_post_that_is_missing_at_the_end_is_lost() {
    let (story, posts) = story();
    says(story, &ALL, &[("bob", "ann")], &posts[..1], &["post 2 was acknowledged, and is lost"]);
}

#[test]
fn an_acknowledged_post_that_is_missing_among_others_is_lost() {
    let (story, posts) = story();
    let words = ["post 2 is where post 1 should be", "post 1 was acknowledged, and is lost"];
    says(story, &ALL, &[("bob", "ann")], &posts[1..], &words);
}

#[test]
fn a_post_that_was_acknowledged_once_is_not_there_twice() {
    let (story, mut posts) = story();
    posts.push(post(3, "bob", "b"));
    says(
        story,
        &ALL,
        &[("bob", "ann")],
        &posts,
        &["is there 2 times, [2, 3], and was asked for 1"],
    );
}

#[test]
fn a_post_that_nobody_wrote_is_not_there() {
    let (story, mut posts) = story();
    posts.push(post(3, "bob", "c"));
    says(story, &ALL, &[("bob", "ann")], &posts, &["was written by nobody: \"c\""]);
}

#[test]
fn a_post_that_was_refused_is_not_there() {
    let (mut story, mut posts) = story();
    story.at_once("bob", publish("c"), refused(RefusalKind::Invalid));
    posts.push(post(3, "bob", "c"));
    says(story, &ALL, &[("bob", "ann")], &posts, &["is there, though it was refused: \"c\""]);
}

#[test]
fn a_post_is_what_was_acknowledged() {
    let (story, mut posts) = story();
    posts[1].text = "B".to_owned();
    let words = ["post 2 was acknowledged, and is read as", "was written by nobody: \"B\""];
    says(story, &ALL, &[("bob", "ann")], &posts, &words);
}

#[test]
fn a_post_has_the_time_that_was_acknowledged() {
    let (mut story, posts) = story();
    story.timeline("bob", &posts[..1], 2);
    let mut older = posts.clone();
    older[1].posted_at = older[0].posted_at;
    says(story, &ALL, &[("bob", "ann")], &older, &["post 2 was acknowledged, and is read as"]);
}

#[test]
fn a_post_is_the_same_to_all_readers() {
    let (mut story, posts) = story();
    story.timeline("bob", &[post(1, "ann", "A")], 2);
    let words = ["to one reader and", "post 1 was acknowledged, and is read as"];
    says(story, &ALL, &[("bob", "ann")], &posts, &words);
}

#[test]
fn time_never_runs_backwards_along_the_ids() {
    let (mut story, mut posts) = story();
    story.at_once("ann", publish("c"), Outcome::Unknown);
    let mut late = post(3, "ann", "c");
    late.posted_at = posts[0].posted_at;
    posts.push(late);
    says(story, &ALL, &[("bob", "ann")], &posts, &["post 3 is older than post 2"]);
}

#[test]
fn ids_grow_in_the_order_of_the_clock() {
    let mut story = Story::new();
    story.log_in("ann").publish("ann", "second", 2).publish("ann", "first", 1);
    let words = ["post 1 was asked for after post 2 was acknowledged"];
    assert_says(&check(&story.history), &words);

    let mut story = Story::new();
    story.log_in("ann").log_in("bob");
    let [one, other] = ["one", "other"].map(publish);
    let (one, other) = (story.ask("ann", one), story.ask("bob", other));
    story.get(one, published(2));
    story.get(other, published(1));
    assert_says(&check(&story.history), &[]);
}

#[test]
fn two_posts_have_two_ids() {
    let mut story = Story::new();
    story.log_in("ann").log_in("bob");
    let [one, other] = ["one", "other"].map(publish);
    let (one, other) = (story.ask("ann", one), story.ask("bob", other));
    story.get(one, published(1));
    story.get(other, published(1));
    assert_says(&check(&story.history), &["two posts were acknowledged under the id 1"]);
}

#[test]
fn a_reply_is_not_forgotten_before_its_client_has_it() {
    let mut story = Story::new();
    story.log_in("ann").at_once("ann", publish("a"), refused(RefusalKind::Stale));
    assert_says(&check(&story.history), &["was forgotten before its client had it"]);
}

#[test]
fn an_acknowledged_follow_is_there_until_it_may_have_ended() {
    let (story, posts) = self::story();
    says(story, &ALL, &[], &posts, &["that bob follows ann was acknowledged, and is lost"]);

    for outcome in [done(), Outcome::Unknown] {
        let (mut story, posts) = self::story();
        story.at_once("bob", unfollow("ann"), outcome);
        says(story, &ALL, &[], &posts, &[]);
    }
}

#[test]
fn a_follow_that_ended_or_was_refused_is_not_there() {
    let words = ["in the end bob follows ann, which nobody asked for"];
    let (mut story, posts) = self::story();
    story.unfollow("bob", "ann");
    says(story, &ALL, &[("bob", "ann")], &posts, &words);

    let (mut story, posts) = self::story();
    story.at_once("ann", follow("bob"), refused(RefusalKind::NotFound));
    let words = ["in the end ann follows bob, which nobody asked for"];
    says(story, &ALL, &[("ann", "bob"), ("bob", "ann")], &posts, &words);

    let (mut story, posts) = self::story();
    story.at_once("ann", follow("bob"), Outcome::Unknown);
    says(story, &ALL, &[("ann", "bob"), ("bob", "ann")], &posts, &[]);
}

#[test]
fn accounts_are_created_once_and_kept() {
    let (story, posts) = self::story();
    let words = ["the account bob was acknowledged, and is lost"];
    says(story, &["ann"], &[("bob", "ann")], &posts, &words);

    let (story, posts) = self::story();
    let words = ["the account cyd, which nobody asked for"];
    says(story, &["ann", "bob", "cyd"], &[("bob", "ann")], &posts, &words);

    let (mut story, posts) = self::story();
    story.at_once("bob", log_in(), logged_in("bob", true));
    says(story, &ALL, &[("bob", "ann")], &posts, &["the account bob was created twice"]);

    let (mut story, posts) = self::story();
    story.at_once("Bob", log_in(), logged_in("bob", false));
    story.at_once("cyd", log_in(), Outcome::Unknown);
    says(story, &["ann", "bob", "cyd"], &[("bob", "ann")], &posts, &[]);
}
