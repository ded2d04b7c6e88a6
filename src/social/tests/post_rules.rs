//! One story per rule of posts: who sees them, threads, edits, deletions, boosts and marks.

use super::{story::*, *};
use crate::domain::{Marks, Query, ReplyTo, Visibility};

#[test]
fn a_post_is_seen_by_those_for_whom_it_is() {
    let story = Story::new();
    story.follows(BOB, ANN);
    for (visibility, readers, everybody) in [
        (Visibility::Public, vec![ANN, BOB, EVE, DAN], true),
        (Visibility::Unlisted, vec![ANN, BOB, EVE, DAN], true),
        (Visibility::Followers, vec![ANN, BOB, DAN], false),
        (Visibility::Mentioned, vec![ANN, DAN], false),
    ] {
        let post = story.says_to(ANN, visibility, "hello @dan");
        assert_eq!(story.who_sees(post), (readers, everybody), "{visibility:?}");
    }
}

#[test]
fn nobody_who_was_blocked_sees_a_post_even_if_they_are_mentioned_in_it() {
    let story = Story::new();
    let before = story.says(ANN, "hello @bob");
    story.blocks(ANN, BOB);
    let after = story.says(ANN, "hello @bob");
    for post in [before, after] {
        assert_eq!(story.who_sees(post), (vec![ANN, EVE, DAN], true));
    }
    assert_eq!(story.post(None, before).unwrap().mentions.len(), 1, "it was meant for them");
    assert_eq!(story.post(None, after).unwrap().mentions, [], "it is not");
}

#[test]
fn only_public_posts_that_answer_nobody_else_are_in_the_local_timeline() {
    let story = Story::new();
    let first = story.says(ANN, "hello #red");
    for visibility in [Visibility::Unlisted, Visibility::Followers, Visibility::Mentioned] {
        story.says_to(ANN, visibility, "hello #red");
    }
    let own = story.answers(ANN, first, "and #red");
    let other = story.answers(BOB, first, "hi #red");
    story.boosts(BOB, first, true);
    assert_eq!(story.local(None), [own, first]);
    assert_eq!(story.local(Some(EVE)), [own, first]);
    assert_eq!(story.tagged(None, "red"), [other, own, first], "answers are there, too");
    assert_eq!(story.view().search_hashtags("re", 9).unwrap()[0].1, 3);
}

#[test]
fn an_answer_to_somebody_else_is_at_home_only_if_one_follows_both() {
    let story = Story::new();
    story.follows(EVE, BOB);
    let first = story.says(ANN, "hello");
    let answer = story.answers(BOB, first, "hi");
    let own = story.answers(BOB, answer, "again");
    assert_eq!(story.home(EVE), [own], "what answers oneself is");
    assert_eq!(story.home(BOB), [own, answer], "one's own is");
    assert_eq!(story.followed(EVE), [own, answer], "the classic timeline has all posts");
    story.follows(EVE, ANN);
    assert_eq!(story.home(EVE), [own, answer, first]);
    let to_reader = story.answers(BOB, story.says(EVE, "hm"), "what?");
    assert_eq!(story.home(EVE)[0], to_reader, "what answers the reader is");
}

#[test]
fn boosts_of_whom_one_follows_are_at_home_and_nowhere_else() {
    let story = Story::new();
    story.follows(EVE, BOB);
    let post = story.says(ANN, "hello");
    let boost = published(&story.boosts(BOB, post, true));
    assert_eq!(story.home(EVE), [boost]);
    assert_eq!(story.home(BOB), [boost], "one's own is, too");
    assert_eq!(story.followed(EVE), NOTHING);
    assert_eq!(story.posts_of(None, BOB, (true, true)), [boost]);
    assert_eq!(story.posts_of(None, BOB, (true, false)), NOTHING);
    let seen = story.post(Some(EVE), boost).unwrap();
    assert_eq!(seen.text, "");
    assert_eq!(seen.boost_of.unwrap().text, "hello");
}

#[test]
fn posts_of_an_author_are_read_with_answers_and_boosts_or_without() {
    let story = Story::new();
    let other = story.says(ANN, "hello");
    let first = story.says(BOB, "hello");
    let own = story.answers(BOB, first, "and");
    let answer = story.answers(BOB, other, "hi");
    let boost = published(&story.boosts(BOB, other, true));
    for (wanted, expected) in [
        ((true, true), vec![boost, answer, own, first]),
        ((true, false), vec![answer, own, first]),
        ((false, true), vec![boost, own, first]),
        ((false, false), vec![own, first]),
    ] {
        assert_eq!(story.posts_of(None, BOB, wanted), expected, "{wanted:?}");
    }
}

#[test]
fn a_thread_has_what_a_post_answers_and_each_answer_after_what_it_answers() {
    let story = Story::new();
    let root = story.says(ANN, "root");
    let left = story.answers(BOB, root, "left");
    let right = story.answers(EVE, root, "right");
    let below_right = story.answers(ANN, right, "below right");
    let below_left = story.answers(DAN, left, "below left");
    let (none, all) = (vec![], vec![left, below_left, right, below_right]);
    assert_eq!(story.thread(None, root), Some((none, all)));
    assert_eq!(story.thread(None, below_left), Some((vec![root, left], vec![])));
    let reply_to = story.post(None, below_left).unwrap().reply_to;
    assert_eq!(reply_to, Some(ReplyTo { post: PostId::new(left), author: UserId(BOB) }));
    let boost = published(&story.boosts(DAN, right, true));
    let to_boost = story.answers(DAN, boost, "to what was boosted");
    assert_eq!(story.thread(None, to_boost), Some((vec![root, right], vec![])));
}

#[test]
fn a_thread_goes_on_around_what_its_reader_does_not_see_or_what_is_gone() {
    let story = Story::new();
    let root = story.says(ANN, "root");
    let middle = story.answers(BOB, root, "middle");
    let lower = story.answers(EVE, middle, "lower");
    let last = story.answers(ANN, lower, "last");
    story.deletes(BOB, middle);
    story.blocks(DAN, EVE);
    assert_eq!(story.thread(Some(DAN), last), Some((vec![root], vec![])));
    assert_eq!(story.thread(Some(DAN), root), Some((vec![], vec![last])));
    assert_eq!(story.thread(None, middle), None);
    assert_eq!(story.thread(None, root), Some((vec![], vec![lower, last])));
}

#[test]
fn an_edit_replaces_all_that_a_post_says_and_keeps_what_it_said() {
    let story = Story::new();
    let post = story.says(ANN, "apple #red");
    let before = story.post(None, post).unwrap();
    let warning = Some(text("careful"));
    let content = PostContent { warning, sensitive: true, ..PostContent::of(text("pear #blue")) };
    assert_eq!(story.edits_to(ANN, post, content), Reply::Done);
    let now = story.post(None, post).unwrap();
    assert_eq!((now.text.as_str(), now.warning.as_deref()), ("pear #blue", Some("careful")));
    assert!(now.sensitive && now.edited_at > Some(now.posted_at));
    assert_eq!(now.posted_at, before.posted_at);
    assert_eq!((story.found(None, "apple"), story.found(None, "pear")), (vec![], vec![post]));
    assert_eq!((story.tagged(None, "red"), story.tagged(None, "blue")), (vec![], vec![post]));
    let history = story.view().history(None, PostId::new(post)).unwrap().unwrap();
    let said: Vec<_> =
        history.iter().map(|revision| (revision.text.as_str(), revision.at)).collect();
    assert_eq!(said, [("apple #red", now.posted_at), ("pear #blue", now.edited_at.unwrap())]);
    let tags = story.view().search_hashtags("", 9).unwrap();
    assert_eq!(
        tags.iter().map(|(tag, count)| (tag.as_str(), *count)).collect::<Vec<_>>(),
        [("blue", 1)]
    );
}

#[test]
fn an_edit_that_changes_nothing_is_none() {
    let story = Story::new();
    let post = story.says(ANN, "hello");
    let edit = |context| Command::Edit {
        context,
        post: PostId::new(post),
        content: PostContent::of(text("hello")),
    };
    assert_eq!(story.outcome(ANN, edit), (Reply::Done, vec![]));
    assert_eq!(story.post(None, post).unwrap().edited_at, None);
}

#[test]
fn a_post_is_edited_a_hundred_times_and_no_more() {
    let story = Story::new();
    let post = story.says(ANN, "0");
    for edit in 1..=100 {
        assert_eq!(story.edits(ANN, post, &edit.to_string()), Reply::Done);
    }
    let refused = Reply::Refused(CommandRefusal::TooManyEdits);
    assert_eq!(story.edits(ANN, post, "101"), refused);
    let history = story.view().history(None, PostId::new(post)).unwrap().unwrap();
    assert_eq!(history.len(), 101);
    assert_eq!(history[100].text, "100");
    assert_eq!(story.state.damage(), []);
}

#[test]
fn of_a_deleted_post_nothing_but_its_place_is_left() {
    let story = Story::new();
    let root = story.says(BOB, "root");
    let post = story.answers(ANN, root, "apple #red");
    let answer = story.answers(BOB, post, "hi");
    story.edits(ANN, post, "apple apple #red");
    story.likes(EVE, post);
    let boost = published(&story.boosts(EVE, post, true));
    assert_eq!(story.post(None, root).unwrap().counts.replies, 1);
    assert_eq!(story.deletes(ANN, post), Reply::Done);
    for reader in [None, Some(ANN), Some(EVE)] {
        assert_eq!(story.post(reader, post), None);
        assert_eq!(story.post(reader, boost), None, "nor of its boosts");
        assert_eq!(story.found(reader, "apple"), NOTHING);
        assert_eq!(story.tagged(reader, "red"), NOTHING);
    }
    assert_eq!(story.home(EVE), NOTHING);
    assert_eq!(story.view().history(None, PostId::new(post)).unwrap(), None);
    assert_eq!(story.post(None, root).unwrap().counts.replies, 0);
    assert_eq!(story.thread(None, answer), Some((vec![root], vec![])));
    assert_eq!(story.state.rows_of(Table::Revisions), []);
    for reply in [story.deletes(ANN, post), story.edits(ANN, post, "x"), story.likes(BOB, post)] {
        assert_eq!(reply, NO_SUCH_POST);
    }
    assert_eq!(story.boosts(EVE, post, false), Reply::Done, "what is left of it can be taken back");
    assert_eq!(story.state.damage(), []);
}

#[test]
fn only_its_author_edits_or_deletes_a_post() {
    let story = Story::new();
    let post = story.says(ANN, "hello");
    let boost = published(&story.boosts(ANN, post, true));
    for post in [post, boost] {
        let not_yours = Reply::Refused(CommandRefusal::NotYours);
        assert_eq!(story.edits(BOB, post, "mine"), not_yours);
        assert_eq!(story.deletes(BOB, post), not_yours);
    }
    assert_eq!(story.edits(ANN, boost, "a boost says nothing"), NO_SUCH_POST);
}

#[test]
fn a_post_is_boosted_once_and_a_boost_of_a_boost_is_one_of_the_post() {
    let story = Story::new();
    let post = story.says(ANN, "hello");
    let first = story.boosts(BOB, post, true);
    assert_eq!(story.boosts(BOB, post, true), first, "nothing is done again");
    let second = published(&story.boosts(EVE, published(&first), true));
    assert_eq!(story.post(None, second).unwrap().boost_of.unwrap().id.get(), post);
    let seen = story.post(Some(BOB), post).unwrap();
    assert_eq!((seen.counts.boosts, seen.marks.boosted), (2, true));
    assert_eq!(story.boosts(BOB, second, false), Reply::Done, "by whatever number it is known");
    assert_eq!(story.boosts(BOB, post, false), Reply::Done, "there is none");
    assert_eq!(story.post(None, published(&first)), None);
    assert_eq!(story.deletes(EVE, second), Reply::Done, "a boost is deleted like a post");
    assert_eq!(story.post(None, post).unwrap().counts.boosts, 0);
}

#[test]
fn only_what_everybody_may_see_is_boosted_and_ones_own_for_followers() {
    let story = Story::new();
    story.follows(BOB, ANN);
    let refused = Reply::Refused(CommandRefusal::NotForBoosting);
    for (visibility, own, of_others) in [
        (Visibility::Public, true, true),
        (Visibility::Unlisted, true, true),
        (Visibility::Followers, true, false),
        (Visibility::Mentioned, false, false),
    ] {
        let post = story.says_to(ANN, visibility, "hello @bob");
        for (user, is_boosted) in [(ANN, own), (BOB, of_others)] {
            let reply = story.boosts(user, post, true);
            assert_eq!(reply != refused, is_boosted, "{user} boosts {visibility:?}: {reply:?}");
        }
    }
    let private = story.says_to(ANN, Visibility::Followers, "hello");
    let boost = published(&story.boosts(ANN, private, true));
    assert_eq!(story.who_sees(boost), (vec![ANN, BOB], false));
}

#[test]
fn marks_are_seen_by_whoever_has_set_them_and_likes_are_counted() {
    let story = Story::new();
    let post = story.says(ANN, "hello");
    for mark in [Mark::Like, Mark::Bookmark, Mark::Mute] {
        for _ in 0..2 {
            assert_eq!(story.marks(BOB, post, mark, true), Reply::Done);
        }
    }
    let seen = story.post(Some(BOB), post).unwrap();
    assert!(seen.marks.liked && seen.marks.bookmarked && seen.marks.muted && !seen.marks.pinned);
    assert_eq!(seen.counts.likes, 1);
    assert_eq!(story.post(Some(ANN), post).unwrap().marks, Marks::default());
    assert_eq!(story.post(None, post).unwrap().marks, Marks::default());
    for mark in [Mark::Like, Mark::Bookmark, Mark::Mute] {
        for _ in 0..2 {
            assert_eq!(story.marks(BOB, post, mark, false), Reply::Done);
        }
    }
    let seen = story.post(Some(BOB), post).unwrap();
    assert_eq!((seen.marks, seen.counts.likes), (Marks::default(), 0));
    assert_eq!(story.state.rows_of(Table::Marks), []);
}

#[test]
fn marked_posts_are_in_the_order_of_the_marks() {
    let story = Story::new();
    let [first, second, third] = ["one", "two", "three"].map(|post| story.says(ANN, post));
    for post in [second, third, first] {
        story.marks(BOB, post, Mark::Bookmark, true);
    }
    assert_eq!(story.marked(Some(BOB), BOB, Mark::Bookmark), [first, third, second]);
    story.deletes(ANN, third);
    assert_eq!(story.marked(Some(BOB), BOB, Mark::Bookmark), [first, second]);
    story.marks(BOB, second, Mark::Bookmark, false);
    story.marks(BOB, second, Mark::Bookmark, true);
    assert_eq!(story.marked(Some(BOB), BOB, Mark::Bookmark), [second, first]);
    assert_eq!(story.marked(Some(BOB), BOB, Mark::Like), NOTHING);
}

#[test]
fn five_of_ones_own_posts_are_pinned_and_no_more() {
    let story = Story::new();
    let posts: Vec<u64> = (0..6).map(|post| story.says(ANN, &post.to_string())).collect();
    for post in &posts[..5] {
        assert_eq!(story.marks(ANN, *post, Mark::Pin, true), Reply::Done);
    }
    let too_many = Reply::Refused(CommandRefusal::TooManyPins);
    assert_eq!(story.marks(ANN, posts[5], Mark::Pin, true), too_many);
    assert_eq!(story.marks(ANN, posts[0], Mark::Pin, true), Reply::Done, "it is pinned already");
    story.deletes(ANN, posts[0]);
    assert_eq!(story.marks(ANN, posts[5], Mark::Pin, true), Reply::Done, "there is room again");
    assert_eq!(story.marked(None, ANN, Mark::Pin), [5, 4, 3, 2, 1].map(|at| posts[at]));
}

#[test]
fn neither_posts_of_others_nor_those_for_a_few_are_pinned() {
    let story = Story::new();
    let post = story.says(ANN, "hello");
    let not_yours = Reply::Refused(CommandRefusal::NotYours);
    assert_eq!(story.marks(BOB, post, Mark::Pin, true), not_yours);
    let secret = story.says_to(ANN, Visibility::Mentioned, "hello");
    let refused = Reply::Refused(CommandRefusal::NotForBoosting);
    assert_eq!(story.marks(ANN, secret, Mark::Pin, true), refused);
}

#[test]
fn a_post_that_one_may_not_see_is_the_same_as_none() {
    let story = Story::new();
    story.follows(DAN, ANN);
    let hidden = story.says_to(ANN, Visibility::Followers, "hello");
    let secret = story.says_to(ANN, Visibility::Mentioned, "hello @dan");
    let boost_of_hidden = published(&story.boosts(ANN, hidden, true));
    story.blocks(BOB, EVE);
    let blocked = story.says(BOB, "hello");
    let boost_of_blocked = published(&story.boosts(DAN, blocked, true));
    let boost_by_blocked = published(&story.boosts(BOB, story.says(DAN, "hi"), true));
    let nothing = 9_999;
    for post in
        [hidden, secret, boost_of_hidden, blocked, boost_of_blocked, boost_by_blocked, nothing]
    {
        assert_eq!(story.post(Some(EVE), post), None, "{post}");
        assert_eq!(story.thread(Some(EVE), post), None, "{post}");
        let view = story.view();
        assert_eq!(view.history(Some(UserId(EVE)), PostId::new(post)).unwrap(), None, "{post}");
        for (what, reply) in [
            ("like", story.likes(EVE, post)),
            ("unlike", story.marks(EVE, post, Mark::Like, false)),
            ("bookmark", story.marks(EVE, post, Mark::Bookmark, true)),
            ("pin", story.marks(EVE, post, Mark::Pin, true)),
            ("mute", story.marks(EVE, post, Mark::Mute, true)),
            ("unmute", story.marks(EVE, post, Mark::Mute, false)),
            ("boost", story.boosts(EVE, post, true)),
            ("unboost", story.boosts(EVE, post, false)),
            ("answer", story.drafts(EVE, answer_to(post, "hi"))),
            ("edit", story.edits(EVE, post, "hi")),
            ("delete", story.deletes(EVE, post)),
        ] {
            assert_eq!(reply, NO_SUCH_POST, "{what} {post}");
        }
    }
}

#[test]
fn a_mark_is_removed_from_what_its_owner_no_longer_sees() {
    let story = Story::new();
    let post = story.says(ANN, "hello");
    story.likes(BOB, post);
    story.boosts(BOB, post, true);
    story.blocks(ANN, BOB);
    assert_eq!(story.post(None, post).unwrap().counts.likes, 1);
    assert_eq!(story.marks(BOB, post, Mark::Like, false), Reply::Done);
    assert_eq!(story.boosts(BOB, post, false), Reply::Done);
    let counts = story.post(None, post).unwrap().counts;
    assert_eq!((counts.likes, counts.boosts), (0, 0));
    assert_eq!(story.marks(BOB, post, Mark::Like, false), NO_SUCH_POST, "now there is none");
}

#[test]
fn counts_and_searches_tell_nothing_of_what_not_everybody_may_see() {
    let story = Story::new();
    let post = story.says(ANN, "hello");
    for visibility in [Visibility::Followers, Visibility::Mentioned] {
        let draft = Draft { visibility, ..answer_to(post, "secret #secret @ann") };
        published(&story.drafts(BOB, draft));
    }
    let bob = story.view().person(None, UserId(BOB)).unwrap().unwrap();
    assert_eq!((bob.counts.posts, bob.counts.last_post_at), (0, None));
    assert_eq!(story.post(Some(ANN), post).unwrap().counts.replies, 0);
    assert_eq!(story.found(Some(EVE), "secret"), NOTHING);
    assert_eq!(story.found(None, "secret"), NOTHING);
    assert_eq!(story.found(Some(ANN), "secret").len(), 2, "those who may see it find it");
    assert_eq!(story.view().search_hashtags("sec", 9).unwrap(), []);
    assert_eq!(story.tagged(Some(BOB), "secret"), NOTHING);
    let unlisted = Draft { visibility: Visibility::Unlisted, ..answer_to(post, "all") };
    published(&story.drafts(BOB, unlisted));
    assert_eq!(story.post(None, post).unwrap().counts.replies, 1);
    let bob = story.view().person(None, UserId(BOB)).unwrap().unwrap();
    assert_eq!(bob.counts.posts, 1);
}

#[test]
fn a_search_finds_posts_with_all_words_in_any_case_and_no_boosts() {
    let story = Story::new();
    let both = story.says(ANN, "An apple and a Pear");
    story.says(ANN, "an apple");
    story.boosts(BOB, both, true);
    assert_eq!(story.found(None, "PEAR apple"), [both]);
    assert_eq!(story.found(None, "app"), NOTHING, "no parts of words");
}

#[test]
fn what_was_edited_and_deleted_is_known_in_the_feed_for_a_week_at_least() {
    const DAY_MS: i64 = 24 * HOUR_MS;
    let story = Story::new();
    let posts: Vec<u64> = (0..4).map(|post| story.says(ANN, &post.to_string())).collect();
    for post in &posts {
        story.edits(ANN, *post, "edited");
    }
    let changes = || story.state.rows_of(Table::Changes).len();
    story.pass(7 * DAY_MS - 9);
    story.edits(ANN, posts[0], "again");
    assert_eq!((changes(), story.view().changes_since()), (5, PostId::NONE));
    story.pass(9);
    for (post, left) in [(1, 4), (2, 3), (3, 4)] {
        story.deletes(ANN, posts[post]);
        assert_eq!(changes(), left, "two are forgotten when one is added");
    }
    assert_eq!(story.view().changes_since().get(), posts[3] + 4);
}

#[test]
fn a_feed_tells_nobody_what_an_edited_post_says_who_may_no_longer_see_it() {
    let story = Story::new();
    story.follows(BOB, ANN);
    let post = story.says_to(ANN, Visibility::Mentioned, "hello @bob");
    story.edits(ANN, post, "hello, hello @bob");
    story.edits(ANN, post, "hello, hello @eve");
    let view = story.view();
    let feed = view.feed(UserId(BOB), FeedKind::Home, PostId::NONE, 99).unwrap();
    let (events, complete_up_to) = whole_feed(&view, feed);
    assert_eq!((events, complete_up_to), (vec![], view.newest_post()));
}

/// Publishes many posts at once.
fn publish_all(story: &Story, user: u64, drafts: impl IntoIterator<Item = Draft>) {
    let batch = (1..).zip(drafts).map(|(sequence, draft)| {
        let context = context(user, request(99, sequence));
        Stamped { at: story.in_ms(0), command: Command::Publish { context, draft } }
    });
    story.state.apply_all(&batch.collect::<Vec<_>>());
}

#[test]
fn of_a_long_thread_a_hundred_posts_are_shown_above_and_four_hundred_below() {
    let story = Story::new();
    let root = story.says(ANN, "root");
    // Each answers the one before it.
    publish_all(&story, ANN, (root..root + 102).map(|above| answer_to(above, "and")));
    let (above, below) = story.thread(None, root + 102).unwrap();
    assert_eq!((above.len(), above.last(), below.len()), (100, Some(&(root + 101)), 0));
    let other = story.says(BOB, "root");
    publish_all(&story, BOB, (0..450).map(|_| answer_to(other, "hi")));
    let (_, below) = story.thread(None, other).unwrap();
    assert_eq!((below.len(), below[0]), (400, other + 1));
    assert!(below.is_sorted());
}

#[test]
fn a_search_that_has_looked_at_much_ends_and_goes_on_where_it_was() {
    let story = Story::new();
    let found = story.says(ANN, "apple");
    let hidden = Draft { visibility: Visibility::Followers, ..Draft::of(text("apple")) };
    publish_all(&story, ANN, vec![hidden; 4_200]);
    let view = story.view();
    let search = |cursor| {
        let query = Query::new("apple").expect("a word");
        whole_page(&view, view.search_posts(None, query, cursor, 9)).unwrap()
    };
    let first = search(NEWEST);
    assert_eq!(ids(&first), (vec![], true), "there may be more");
    let last = first.last.expect("up to where it has looked");
    assert!(last > PostId::new(found), "{last}");
    assert_eq!(ids(&search(Cursor::Before(last))), (vec![found], false));
}

#[test]
fn what_is_for_those_mentioned_is_in_the_conversations_of_whoever_is_in_it() {
    let story = Story::new();
    let first = story.says_to(ANN, Visibility::Mentioned, "psst @bob @nobody");
    story.says(ANN, "for all, @bob");
    story.says_to(ANN, Visibility::Followers, "for some, @bob");
    let draft = Draft { visibility: Visibility::Mentioned, ..answer_to(first, "yes, @ann @eve") };
    let answer = published(&story.drafts(BOB, draft));
    assert_eq!(story.direct(ANN), [answer, first]);
    assert_eq!(story.direct(BOB), [answer, first]);
    assert_eq!(story.direct(EVE), [answer]);
    assert_eq!(story.direct(DAN), NOTHING);
    // Whoever is no longer mentioned is no longer in it, and whoever is, is.
    assert_eq!(story.edits(ANN, first, "psst @dan"), Reply::Done);
    assert_eq!(story.direct(ANN), [answer, first]);
    assert_eq!(story.direct(BOB), [answer]);
    assert_eq!(story.direct(DAN), [first]);
    story.mutes(EVE, BOB);
    assert_eq!(story.direct(EVE), NOTHING, "of somebody muted");
    story.blocks(ANN, BOB);
    assert_eq!(story.direct(ANN), [first], "of somebody blocked");
    assert_eq!(story.deletes(BOB, answer), Reply::Done);
    assert_eq!(story.direct(BOB), NOTHING);
    assert_eq!(story.state.rows_of(Table::DirectPosts).len(), 2, "of ann and dan");
    assert_eq!(story.deletes(ANN, first), Reply::Done);
    assert_eq!(story.state.rows_of(Table::DirectPosts), []);
}

#[test]
fn what_is_for_those_mentioned_is_read_both_ways_and_page_by_page() {
    let story = Story::new();
    let posts: Vec<u64> = (0..5)
        .map(|number| story.says_to(ANN, Visibility::Mentioned, &format!("{number} @bob")))
        .collect();
    let view = story.view();
    let page = |cursor| ids(&whole_page(&view, view.direct(UserId(BOB), cursor, 2)).unwrap());
    assert_eq!(page(NEWEST), (vec![posts[4], posts[3]], true));
    assert_eq!(page(Cursor::Before(PostId::new(posts[1]))), (vec![posts[0]], false));
    assert_eq!(page(Cursor::After(PostId::NONE)), (vec![posts[0], posts[1]], true));
    assert_eq!(page(Cursor::After(PostId::new(posts[3]))), (vec![posts[4]], false));
}
