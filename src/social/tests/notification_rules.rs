//! One story per rule of notifications, and of the feed in which they are.

use NotificationKind::{Boosted, FollowRequested, Followed, Liked, Mentioned};

use super::{story::*, *};
use crate::domain::{NotificationKind, PostCounts, Visibility};

impl Story {
    fn changes_notifications(&self, user: u64, change: NotificationChange) {
        let reply = self.asks(user, |context| Command::ChangeNotifications { context, change });
        assert_eq!(reply, Reply::Done);
    }

    fn page(&self, user: u64, cursor: Cursor, limit: usize) -> PageOfNotifications {
        self.view().notifications(UserId(user), cursor, limit).unwrap()
    }
}

#[test]
fn people_are_told_who_follows_mentions_answers_boosts_and_likes() {
    let story = Story::new();
    let post = story.says(ANN, "hello");
    story.follows(BOB, ANN);
    let mention = story.says(EVE, "hello @ann");
    let answer = story.answers(DAN, post, "hi");
    story.boosts(BOB, post, true);
    story.likes(EVE, post);
    let expected = [
        (Liked, EVE, Some(post)),
        (Boosted, BOB, Some(post)),
        (Mentioned, DAN, Some(answer)),
        (Mentioned, EVE, Some(mention)),
        (Followed, BOB, None),
    ];
    assert_eq!(story.told(ANN), expected);
    story.locks(ANN, true);
    story.follows(EVE, ANN);
    assert_eq!(story.told(ANN)[0], (FollowRequested, EVE, None));
}

#[test]
fn nobody_is_told_what_they_do_themselves_or_what_is_taken_back() {
    let story = Story::new();
    let post = story.says(ANN, "hello @ann");
    story.answers(ANN, post, "and @ann");
    story.likes(ANN, post);
    story.boosts(ANN, post, true);
    assert_eq!(story.told(ANN), []);
    let liked = story.likes(BOB, post);
    let told = story.told(ANN);
    assert_eq!((liked, told.len()), (Reply::Done, 1));
    story.marks(BOB, post, Mark::Like, false);
    for mark in [Mark::Bookmark, Mark::Mute] {
        story.marks(BOB, post, mark, true);
    }
    story.boosts(EVE, post, true);
    story.boosts(EVE, post, true);
    assert_eq!(story.told(ANN).len(), 2, "nor of what is only for others");
}

#[test]
fn each_is_told_once_of_a_post_however_it_concerns_them() {
    let story = Story::new();
    let post = story.says(ANN, "hello");
    let answer = story.answers(BOB, post, "hi @ann @Ann @eve @nobody");
    assert_eq!(story.told(ANN), [(Mentioned, BOB, Some(answer))]);
    assert_eq!(story.told(EVE), [(Mentioned, BOB, Some(answer))]);
}

#[test]
fn whoever_may_not_see_an_answer_is_not_told_of_it() {
    let story = Story::new();
    let post = story.says(ANN, "hello");
    for (visibility, text, is_told) in [
        (Visibility::Unlisted, "hi", true),
        (Visibility::Followers, "hi", false),
        (Visibility::Mentioned, "hi @eve", false),
        (Visibility::Mentioned, "hi @ann", true),
    ] {
        let before = story.told(ANN).len();
        story.drafts(BOB, Draft { visibility, ..answer_to(post, text) });
        assert_eq!(story.told(ANN).len() > before, is_told, "{visibility:?}");
    }
}

#[test]
fn an_edit_is_told_to_those_whom_it_mentions_for_the_first_time() {
    let story = Story::new();
    let post = story.says(ANN, "hello @bob");
    story.edits(ANN, post, "hello @bob and @eve");
    assert_eq!(story.told(BOB), [(Mentioned, ANN, Some(post))]);
    assert_eq!(story.told(EVE), [(Mentioned, ANN, Some(post))]);
    story.edits(ANN, post, "hello");
    assert_eq!(story.told(EVE), [(Mentioned, ANN, Some(post))], "they may still read it");
}

#[test]
fn nothing_is_told_of_what_is_gone_or_no_longer_seen() {
    let story = Story::new();
    let gone = story.says(ANN, "hello @bob");
    let secret = story.says_to(ANN, Visibility::Mentioned, "hello @bob");
    assert_eq!(story.told(BOB).len(), 2);
    story.deletes(ANN, gone);
    assert_eq!(story.told(BOB), [(Mentioned, ANN, Some(secret))]);
    story.edits(ANN, secret, "hello");
    assert_eq!(story.told(BOB), []);
}

#[test]
fn nothing_is_told_of_people_who_are_blocked_either_way_neither_before_nor_after() {
    let story = Story::new();
    let post = story.says(ANN, "hello");
    for other in [BOB, EVE] {
        story.follows(other, ANN);
        story.likes(other, post);
    }
    assert_eq!(story.told(ANN).len(), 4);
    story.blocks(ANN, BOB);
    story.blocks(EVE, ANN);
    assert_eq!(story.told(ANN), []);
    let newest = story.view().newest_post();
    story.says(BOB, "hello @ann");
    assert_eq!(story.view().newest_post(), newest.next().unwrap(), "there is only the post");
    assert_eq!(story.told(ANN), []);
}

#[test]
fn muted_people_are_notified_unless_their_notifications_are_muted_too() {
    for (notifications, is_told) in [(false, true), (true, false)] {
        let story = Story::new();
        let until = Some(story.in_ms(1_000));
        story.relates(ANN, BOB, RelationChange::Mute { notifications, until });
        story.says(BOB, "hello @ann");
        assert_eq!(!story.told(ANN).is_empty(), is_told);
        story.pass(1_000);
        let after = story.says(BOB, "hello again @ann");
        assert_eq!(story.told(ANN)[0], (Mentioned, BOB, Some(after)), "it has ended");
    }
}

#[test]
fn of_a_muted_conversation_nothing_more_is_told() {
    let story = Story::new();
    let root = story.says(ANN, "hello");
    let answer = story.answers(BOB, root, "hi");
    assert_eq!(story.told(ANN).len(), 1);
    story.marks(ANN, answer, Mark::Mute, true);
    let below = story.answers(EVE, answer, "hm, @ann");
    story.likes(EVE, root);
    assert_eq!(story.told(ANN).len(), 1, "by whatever post of it it was muted");
    assert!(story.post(Some(ANN), root).unwrap().marks.muted);
    story.says(EVE, "elsewhere, @ann");
    assert_eq!(story.told(ANN).len(), 2);
    story.marks(ANN, below, Mark::Mute, false);
    story.answers(EVE, below, "@ann again");
    assert_eq!(story.told(ANN).len(), 3);
}

#[test]
fn notifications_are_read_in_pages_either_way() {
    let story = Story::new();
    for _ in 0..5 {
        story.says(BOB, "hello @ann");
    }
    let all: Vec<PostId> = story
        .page(ANN, Cursor::After(PostId::NONE), 9)
        .notifications
        .iter()
        .map(|told| told.id)
        .collect();
    assert!(all.is_sorted() && all.len() == 5);
    let page = |cursor, limit| {
        let page = story.page(ANN, cursor, limit);
        (page.notifications.iter().map(|told| told.id).collect::<Vec<_>>(), page.more)
    };
    assert_eq!(page(NEWEST, 2), (vec![all[4], all[3]], true));
    assert_eq!(page(Cursor::Before(all[1]), 2), (vec![all[0]], false));
    assert_eq!(page(Cursor::After(all[1]), 2), (vec![all[2], all[3]], true));
    assert_eq!(page(Cursor::After(all[4]), 2), (vec![], false));
}

#[test]
fn notifications_are_read_up_to_one_and_never_less() {
    let story = Story::new();
    story.says(BOB, "hello @ann");
    for (up_to, read) in [(1, 1), (2, 2), (1, 2), (u64::MAX, 2)] {
        story.changes_notifications(ANN, NotificationChange::ReadUpTo(PostId::new(up_to)));
        assert_eq!(story.page(ANN, NEWEST, 9).read_up_to, PostId::new(read), "up to {up_to}");
    }
    assert_eq!(story.page(BOB, NEWEST, 9).read_up_to, PostId::NONE);
}

#[test]
fn a_notification_is_dismissed_alone_and_all_are_cleared() {
    let story = Story::new();
    let posts: Vec<u64> = (0..3).map(|_| story.says(BOB, "hello @ann @eve")).collect();
    let first = story.page(ANN, Cursor::After(PostId::NONE), 1).notifications[0].id;
    for _ in 0..2 {
        story.changes_notifications(ANN, NotificationChange::Dismiss(first));
        let left = [posts[2], posts[1]].map(|post| (Mentioned, BOB, Some(post)));
        assert_eq!(story.told(ANN), left);
    }
    story.changes_notifications(ANN, NotificationChange::Clear);
    assert_eq!(story.told(ANN), []);
    assert_eq!(story.told(EVE).len(), 3, "those of others stay");
    let next = story.says(BOB, "hello @ann");
    assert_eq!(story.told(ANN), [(Mentioned, BOB, Some(next))]);
    assert_eq!(story.state.damage(), []);
}

#[test]
fn the_newest_thousand_notifications_are_kept() {
    let story = Story::new();
    let post = story.says(ANN, "hello");
    let mut batch = Vec::new();
    for sequence in 1..=1_002 {
        for set in [true, false] {
            let context = context(BOB, request(2 + u128::from(set), sequence));
            let (post, mark) = (PostId::new(post), Mark::Like);
            let command = Command::Mark { context, post, mark, set };
            batch.push(Stamped { at: UnixMillis::new(9), command });
        }
    }
    story.state.apply_all(&batch);
    assert_eq!(story.state.rows_of(Table::Notifications).len(), 1_000);
    let oldest = story.page(ANN, Cursor::After(PostId::NONE), 1).notifications[0].id;
    // Each takes a position for the mark and one for the notification.
    assert_eq!(oldest.get(), post + 6);
    assert_eq!(story.state.damage(), []);
}

#[test]
fn a_feed_tells_in_order_what_was_published_edited_deleted_and_notified() {
    let story = Story::new();
    story.follows(ANN, BOB);
    let since = story.view().newest_post();
    let first = story.says(BOB, "apple");
    story.likes(ANN, first);
    story.edits(BOB, first, "pear @ann");
    let second = story.says(BOB, "gone");
    story.deletes(BOB, second);
    let read = |limit| {
        let (mut told, mut at) = (Vec::new(), since);
        while at < story.view().newest_post() {
            let view = story.view();
            let feed = view.feed(UserId(ANN), FeedKind::Home, at, limit).unwrap();
            let (events, complete_up_to) = whole_feed(&view, feed);
            told.extend(events);
            at = complete_up_to;
        }
        told
    };
    let told = read(99);
    let [
        Event::Published(post),
        Event::Edited { post: edited, .. },
        Event::Notified { user, notification },
        Event::Deleted { deleted, .. },
    ] = told.as_slice()
    else {
        panic!("{told:#?}")
    };
    assert_eq!((post.id.get(), post.text.as_str()), (first, "pear @ann"), "as it is now");
    assert!(post.marks.liked && !edited.marks.liked, "edits are shared by all readers");
    assert_eq!(post.counts, PostCounts { likes: 1, ..PostCounts::default() });
    assert_eq!((user.0, notification.kind), (ANN, Mentioned));
    assert_eq!(deleted.id.get(), second);
    assert!(told.iter().map(Event::position).is_sorted());
    for limit in 1..4 {
        assert_eq!(read(limit), told, "in pieces of {limit}");
    }
}
