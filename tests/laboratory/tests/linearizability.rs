//! There is an order of all operations that explains every answer, or a reason why there is none.

use tinysns::{
    domain::Post,
    network::{Cursor, ListKind, RefusalKind},
};

use super::story::{
    Story, done, follow, list, listed, log_in, logged_in, page, post, publish, published, refused,
    timeline, unfollow,
};
use crate::laboratory::{
    history::{Operation, OperationNumber, Outcome, Reply},
    linearizability::{Verdict, Way, check, search},
    violation::{Promise, Violation},
};

/// Bob follows ann.
fn story() -> Story {
    let mut story = Story::new();
    story.log_in("ann").log_in("bob").follow("bob", "ann");
    story
}

fn a() -> Post {
    post(1, "ann", "a")
}

fn b() -> Post {
    post(2, "ann", "b")
}

/// Asserts that there is an order.
fn explained(story: &Story) {
    for way in [Way::Short, Way::Plain] {
        let verdict = search(&story.history, way);
        assert!(matches!(verdict, Verdict::Linearizable { .. }), "{verdict:?}\n{}", story.history);
    }
}

/// Asserts that there is none, by the words of the explanation.
fn unexplained(story: &Story, words: &str) -> Violation {
    let plain = search(&story.history, Way::Plain);
    assert!(plain == Verdict::Not, "{plain:?}\n{}", story.history);
    let violation = check(&story.history).expect("no order explains it");
    assert_eq!(violation.promise, Promise::Linearizable);
    assert!(violation.what.contains(words), "{violation}");
    violation
}

#[test]
fn what_is_done_one_after_the_other_is_explained_by_its_order() {
    let mut story = story();
    story.publish("ann", "a", 1).publish("ann", "b", 2).timeline("bob", &[b(), a()], 2);
    story.list("bob", ListKind::Users, &["ann", "bob"]).list("bob", ListKind::Following, &["ann"]);
    story.list("ann", ListKind::Followers, &["bob"]).unfollow("bob", "ann");
    story.timeline("bob", &[], 2).list("ann", ListKind::Followers, &[]);
    story.finish(&["ann", "bob"], &[], &[a(), b()]);
    explained(&story);
}

#[test]
fn a_stale_read_is_not_explained() {
    let mut story = story();
    story.publish("ann", "a", 1).publish("ann", "b", 2).timeline("bob", &[a()], 1);
    let words = "operation 5, timeline Newest, at most 100 as bob, was answered \
                 [post 1 by ann of 1: \"a\"], as of 1, and after 5 others";
    let violation = unexplained(&story, words);
    assert!(violation.what.contains("explains the first 12 events"), "{violation}");
    assert_eq!(violation.operations, [5, 4, 3, 2].map(OperationNumber));
}

#[test]
fn a_read_beside_a_change_may_see_it_or_not() {
    for posts in [&[b(), a()][..], &[a()]] {
        let mut story = story();
        story.publish("ann", "a", 1);
        let change = story.ask("ann", publish("b"));
        story.timeline("bob", posts, posts.len() as u64);
        story.get(change, published(2));
        explained(&story);
    }
}

#[test]
fn what_was_read_once_is_not_unread() {
    let mut story = story();
    story.publish("ann", "a", 1);
    let change = story.ask("ann", publish("b"));
    story.timeline("bob", &[b(), a()], 2).timeline("bob", &[a()], 1);
    story.get(change, published(2));
    let violation = unexplained(&story, "was answered [post 1 by ann of 1: \"a\"], as of 1");
    assert_eq!(violation.operations, [6, 4, 3, 2].map(OperationNumber));
}

#[test]
fn an_unknown_change_may_be_made_at_any_time_or_never() {
    // How many reads there are before it shows; never, if more than there are.
    for after in 0..4 {
        let mut story = story();
        story.at_once("ann", publish("a"), Outcome::Unknown);
        story.at_once("ann", follow("bob"), Outcome::Unknown);
        for read in 0..3 {
            let is_there = read >= after;
            let (posts, follows): (&[Post], &[&str]) =
                if is_there { (&[a()], &["bob"]) } else { (&[], &[]) };
            story.timeline("bob", posts, posts.len() as u64);
            story.list("ann", ListKind::Following, follows);
        }
        explained(&story);
    }
}

#[test]
fn an_unknown_change_is_not_made_twice_or_before_it_is_asked_for() {
    let mut story = story();
    story.at_once("ann", publish("a"), Outcome::Unknown);
    story.timeline("bob", &[post(2, "ann", "a"), a()], 2);
    unexplained(&story, "was answered [post 2 by ann of 2: \"a\"; post 1 by ann of 1: \"a\"]");

    let mut story = self::story();
    story.timeline("bob", &[a()], 1);
    story.at_once("ann", publish("a"), Outcome::Unknown);
    unexplained(&story, "was answered [post 1 by ann of 1: \"a\"], as of 1");
}

#[test]
fn a_timeline_begins_with_its_follow() {
    let late = || {
        let mut story = Story::new();
        story.log_in("ann").log_in("bob").publish("ann", "a", 1).follow("bob", "ann");
        story.publish("ann", "b", 2);
        story
    };
    let mut story = late();
    explained(story.timeline("bob", &[b()], 2));
    let mut story = late();
    unexplained(story.timeline("bob", &[b(), a()], 2), "the answer would be [post 2 by ann");

    // To follow anew is to begin anew.
    let again = || {
        let mut story = late();
        story.unfollow("bob", "ann").follow("bob", "ann");
        story
    };
    let mut story = again();
    explained(story.timeline("bob", &[], 2));
    let mut story = again();
    unexplained(story.timeline("bob", &[b()], 2), "the answer would be [], as of 2");
}

#[test]
fn a_follow_of_unknown_outcome_is_placed_by_the_posts_that_it_shows() {
    for (shown, is_explained) in
        [(&[b(), a()][..], true), (&[b()], true), (&[], true), (&[a()], false)]
    {
        let mut story = Story::new();
        story.log_in("ann").log_in("bob").at_once("bob", follow("ann"), Outcome::Unknown);
        story.publish("ann", "a", 1).publish("ann", "b", 2).timeline("bob", shown, 2);
        if is_explained {
            explained(&story);
        } else {
            unexplained(&story, "was answered [post 1 by ann");
        }
    }
}

#[test]
fn a_follow_that_ends_and_begins_unseen_moves_its_beginning() {
    let mut story = story();
    story.publish("ann", "a", 1);
    story.at_once("bob", unfollow("ann"), Outcome::Unknown);
    story.at_once("bob", follow("ann"), Outcome::Unknown);
    story.publish("ann", "b", 2).timeline("bob", &[b()], 2);
    explained(&story);
}

#[test]
fn lists_show_what_was_acknowledged() {
    let mut story = story();
    unexplained(story.list("ann", ListKind::Followers, &[]), "the answer would be [bob]");
    let mut story = self::story();
    unexplained(story.list("ann", ListKind::Following, &["bob"]), "the answer would be []");
    let mut story = self::story();
    unexplained(story.list("ann", ListKind::Users, &["ann"]), "the answer would be [ann bob]");
    let mut story = self::story();
    story.log_in("cyd");
    let part = |after: Option<&str>, limit| Operation::List {
        kind: ListKind::Users,
        after: after.map(str::to_owned),
        limit: Some(limit),
    };
    let names = |names: &[&str], more| {
        let names = names.iter().copied().map(str::to_owned).collect();
        Outcome::Done(Reply::Names { names, more })
    };
    story.at_once("ann", part(None, 2), names(&["ann", "bob"], true));
    story.at_once("ann", part(Some("bob"), 2), names(&["cyd"], false));
    explained(&story);
    story.at_once("ann", part(Some("ann"), 1), names(&["bob"], false));
    unexplained(&story, "the answer would be [bob], and more");
}

#[test]
fn an_order_of_two_readers_is_one_order() {
    // Each of two readers sees one of two concurrent changes, and not the other.
    let mut story = Story::new();
    story.log_in("ann").log_in("bob").log_in("cyd").log_in("dan");
    let (one, other) = (story.ask("ann", follow("cyd")), story.ask("bob", follow("cyd")));
    let reads = ["cyd", "cyd"].map(|reader| story.ask(reader, list(ListKind::Followers)));
    story.get(reads[0], listed(&["ann"]));
    story.get(reads[1], listed(&["bob"]));
    story.get(one, done());
    story.get(other, done());
    unexplained(&story, "was answered [");
}

#[test]
fn rules_refuse_what_they_must_and_nothing_else() {
    let mut story = story();
    story.at_once("bob", follow("ann"), refused(RefusalKind::AlreadyExists));
    story.at_once("bob", follow("bob"), refused(RefusalKind::AlreadyExists));
    story.at_once("bob", follow("dan"), refused(RefusalKind::NotFound));
    story.at_once("ann", unfollow("bob"), refused(RefusalKind::NotPossible));
    story.at_once("ann", publish("  "), refused(RefusalKind::Invalid));
    let of = |author: &str| {
        let author = author.to_owned();
        Operation::Posts { author, cursor: Cursor::Newest, limit: None }
    };
    story.at_once("ann", of("dan"), refused(RefusalKind::NotFound));
    story.at_once("ann", of("bob"), page(&[], 0));
    explained(&story);
    for (operation, kind) in [
        (follow("ann"), RefusalKind::NotFound),
        (unfollow("ann"), RefusalKind::NotPossible),
        (publish("fine"), RefusalKind::Invalid),
        (of("ann"), RefusalKind::NotFound),
    ] {
        let mut story = self::story();
        story.at_once("bob", operation, refused(kind.clone()));
        unexplained(&story, &format!("was answered refused: {kind:?}"));
    }
}

#[test]
fn a_login_finds_the_account_that_there_is() {
    let with = |password: &str, must_exist| {
        let password = Some(password.to_owned());
        Operation::LogIn { password, must_exist }
    };
    let set = |current: Option<&str>, new: &str| Operation::SetPassword {
        current: current.map(str::to_owned),
        new: Some(new.to_owned()),
    };
    let mut story = Story::new();
    story.at_once("ann", with("", true), refused(RefusalKind::NotFound));
    story.log_in("Ann").at_once("ANN", log_in(), logged_in("Ann", false));
    story.at_once("ann", set(None, "one"), done());
    story.at_once("ann", log_in(), refused(RefusalKind::WrongPassword));
    story.at_once("ann", with("one", false), logged_in("Ann", false));
    // Perhaps it is two from now on, and perhaps later it is three.
    story.at_once("ann", set(Some("one"), "two"), Outcome::Unknown);
    story.at_once("ann", set(Some("two"), "three"), Outcome::Unknown);
    explained(&story);
    let mut later = Story::new();
    later.history = story.history.clone();
    story.at_once("ann", with("three", true), logged_in("Ann", false));
    explained(&story);
    story.at_once("ann", with("two", true), logged_in("Ann", false));
    unexplained(&story, "the answer would be refused: WrongPassword");

    let mut story = Story::new();
    story.log_in("Ann").log_in("ann");
    unexplained(&story, "the answer would be logged in to an account, Ann");
    let mut story = Story::new();
    story.at_once("ann", log_in(), refused(RefusalKind::NotFound));
    unexplained(&story, "the answer would be logged in to a new account, ann");
}

#[test]
fn a_login_whose_first_answer_was_lost_finds_the_account_that_it_created() {
    let mut story = Story::new();
    story.at_once("ann", log_in(), logged_in("ann", false));
    explained(&story);

    // In the meantime somebody has given it a password.
    let mut story = Story::new();
    let login = story.ask("ann", log_in());
    story.at_once("ann", log_in(), logged_in("ann", false));
    let set = Operation::SetPassword { current: None, new: Some("one".to_owned()) };
    story.at_once("ann", set, done());
    story.get(login, refused(RefusalKind::WrongPassword));
    explained(&story);
}

#[test]
fn the_final_state_is_what_all_changes_come_to() {
    let told = |follows: &[(&str, &str)], posts: &[Post]| {
        let mut story = story();
        story.publish("ann", "a", 1);
        story.at_once("ann", publish("b"), Outcome::Unknown);
        story.at_once("ann", follow("bob"), Outcome::Unknown);
        story.finish(&["ann", "bob"], follows, posts);
        story
    };
    let (kept, both) = (("bob", "ann"), [("ann", "bob"), ("bob", "ann")]);
    explained(&told(&[kept], &[a()]));
    explained(&told(&both, &[a(), b()]));
    let words = ": in the end there are the follows";
    unexplained(&told(&[], &[a()]), words);
    unexplained(&told(&[kept], &[a(), post(2, "ann", "c")]), "posts instead of 1");
    unexplained(&told(&[kept], &[]), "was answered published 1 of 1");
}

#[test]
fn what_was_not_answered_says_nothing() {
    let mut story = story();
    story.at_once("bob", timeline(), Outcome::Unknown);
    story.at_once("bob", timeline(), refused(RefusalKind::SessionEnded));
    story.ask("bob", timeline());
    explained(&story);
}
