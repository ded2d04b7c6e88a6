//! One story per rule of what people are to each other: blocks, mutes, requests to follow, notes, profiles.

use super::{story::*, *};
use crate::{
    domain::{PersonCounts, Relationship, Visibility},
    social::store::StoredCounts,
};

const ACCEPT: RelationChange = RelationChange::AcceptRequest;
const REJECT: RelationChange = RelationChange::RejectRequest;

fn mute(notifications: bool, until: Option<UnixMillis>) -> RelationChange {
    RelationChange::Mute { notifications, until }
}

fn names(page: Result<Page, StateError>) -> Vec<String> {
    page.unwrap().names.into_iter().map(|name| name.to_string()).collect()
}

impl Story {
    fn relationship(&self, reader: u64, other: u64) -> Relationship {
        self.view().relationship(UserId(reader), UserId(other)).unwrap()
    }

    /// Whom a reader finds.
    fn people(&self, reader: Option<u64>, beginning: &str) -> Vec<u64> {
        let found = self.view().search_people(reader.map(UserId), beginning, 9).unwrap();
        found.into_iter().map(|person| person.id.0).collect()
    }

    fn counts(&self, user: u64) -> PersonCounts {
        self.view().person(None, UserId(user)).unwrap().unwrap().counts
    }
}

#[test]
fn a_block_ends_follows_and_requests_both_ways() {
    let story = Story::new();
    story.follows(ANN, BOB);
    story.follows(BOB, ANN);
    let block =
        |context| Command::Relate { context, target: name_of(BOB), change: RelationChange::Block };
    let unfollowed = |follower, followee| Event::Unfollowed {
        follower: UserId(follower),
        followee: UserId(followee),
    };
    let events = vec![unfollowed(ANN, BOB), unfollowed(BOB, ANN)];
    assert_eq!(story.outcome(ANN, block), (Reply::Done, events));
    let blocking = Relationship { blocking: true, ..Relationship::default() };
    assert_eq!(story.relationship(ANN, BOB), blocking);
    assert_eq!(story.relationship(BOB, ANN), Relationship::default(), "nobody is told of a block");
    assert_eq!((story.counts(ANN).following, story.counts(ANN).followers), (0, 0));
    story.locks(ANN, true);
    assert_eq!(story.follows(EVE, ANN), Reply::Requested);
    story.blocks(EVE, ANN);
    assert_eq!(names(story.view().requests(UserId(ANN), None, 9)), Vec::<String>::new());
}

#[test]
fn neither_of_two_follows_the_other_while_one_has_blocked_them() {
    let story = Story::new();
    story.blocks(ANN, BOB);
    for (one, other) in [(ANN, BOB), (BOB, ANN)] {
        assert_eq!(story.follows(one, other), Reply::Refused(CommandRefusal::Blocked));
    }
    assert_eq!(names(story.view().blocked(UserId(ANN), None, 9)), ["bob"]);
    assert_eq!(story.relates(ANN, BOB, RelationChange::Unblock), Reply::Done);
    assert_eq!(story.follows(BOB, ANN), Reply::Done);
}

#[test]
fn of_people_who_are_blocked_either_way_nothing_is_seen_anywhere() {
    let story = Story::new();
    let (by_bob, by_eve) = (story.says(BOB, "apple #red"), story.says(EVE, "apple #red"));
    story.follows(ANN, DAN);
    let boost = published(&story.boosts(DAN, by_bob, true));
    story.blocks(ANN, BOB);
    story.blocks(EVE, ANN);
    let reader = Some(ANN);
    for post in [by_bob, by_eve, boost] {
        assert_eq!(story.post(reader, post), None);
    }
    assert_eq!(story.home(ANN), NOTHING);
    assert_eq!(story.local(reader), NOTHING);
    assert_eq!(story.tagged(reader, "red"), NOTHING);
    assert_eq!(story.found(reader, "apple"), NOTHING);
    assert_eq!(story.posts_of(reader, BOB, (true, true)), NOTHING);
    assert_eq!(story.posts_of(reader, DAN, (true, true)), NOTHING);
    assert_eq!(story.people(reader, ""), [ANN, DAN]);
    assert_eq!(story.local(None), [by_eve, by_bob], "others see it");
    story.relates(ANN, BOB, RelationChange::Unblock);
    assert_eq!(story.home(ANN), [boost]);
}

#[test]
fn whoever_is_blocked_sees_of_a_person_nothing_but_the_name() {
    let story = Story::new();
    story.says(ANN, "hello");
    story.is_called(ANN, "Ann of the Sea");
    story.blocks(ANN, BOB);
    let seen = |reader| story.view().person(reader, UserId(ANN)).unwrap().unwrap();
    let hidden = seen(Some(UserId(BOB)));
    assert_eq!(hidden.name, name_of(ANN));
    assert_eq!((hidden.profile, hidden.counts), (Profile::default(), PersonCounts::default()));
    assert_eq!(seen(Some(UserId(EVE))).profile.display_name, "Ann of the Sea");
    assert_eq!(seen(None).counts.posts, 1);
}

#[test]
fn posts_and_boosts_of_muted_people_are_left_out_of_timelines_but_can_be_read() {
    let story = Story::new();
    story.follows(ANN, BOB);
    story.follows(ANN, DAN);
    let post = story.says(BOB, "apple #red");
    let boost = published(&story.boosts(DAN, post, true));
    assert_eq!(story.home(ANN), [boost, post]);
    story.mutes(ANN, BOB);
    let reader = Some(ANN);
    assert_eq!(story.home(ANN), NOTHING);
    assert_eq!(story.followed(ANN), NOTHING);
    assert_eq!(story.local(reader), NOTHING);
    assert_eq!(story.tagged(reader, "red"), NOTHING);
    assert!(story.post(reader, post).is_some(), "whoever looks for it finds it");
    assert_eq!(story.found(reader, "apple"), [post]);
    assert_eq!(story.posts_of(reader, BOB, (true, true)), [post]);
    assert_eq!(names(story.view().muted(UserId(ANN), None, 9)), ["bob"]);
    story.relates(ANN, BOB, RelationChange::Unmute);
    assert_eq!(story.home(ANN), [boost, post]);
}

#[test]
fn a_mute_ends_by_itself_to_the_millisecond() {
    let story = Story::new();
    let post = story.says(BOB, "hello");
    let until = story.in_ms(1_000);
    story.relates(ANN, BOB, mute(true, Some(until)));
    let expected = Relationship {
        muting: true,
        muting_notifications: true,
        muting_until: Some(until),
        ..Relationship::default()
    };
    assert_eq!(story.relationship(ANN, BOB), expected);
    story.pass(997);
    story.likes(EVE, post);
    assert_eq!(story.local(Some(ANN)), NOTHING, "a millisecond before");
    story.likes(DAN, post);
    assert_eq!(story.local(Some(ANN)), [post]);
    assert_eq!(story.relationship(ANN, BOB), Relationship::default());
}

#[test]
fn whether_somebody_is_muted_is_told_to_live_timelines() {
    let story = Story::new();
    for (change, is_muted) in [(mute(false, None), true), (RelationChange::Unmute, false)] {
        let relate = |context| Command::Relate { context, target: name_of(BOB), change };
        let muted = Event::Muted { user: UserId(ANN), muted: UserId(BOB), is_muted };
        assert_eq!(story.outcome(ANN, relate), (Reply::Done, vec![muted]));
    }
}

#[test]
fn whoever_is_locked_is_asked_first_and_accepts_or_rejects() {
    let story = Story::new();
    story.locks(ANN, true);
    for (answer, follows) in [(REJECT, false), (ACCEPT, true)] {
        assert_eq!(story.follows(BOB, ANN), Reply::Requested);
        let again = Reply::Refused(CommandRefusal::AlreadyRequested);
        assert_eq!(story.follows(BOB, ANN), again);
        let asks = Relationship { requested: true, ..Relationship::default() };
        assert_eq!(story.relationship(BOB, ANN), asks);
        let asked = Relationship { requested_by: true, ..Relationship::default() };
        assert_eq!(story.relationship(ANN, BOB), asked);
        assert_eq!(names(story.view().requests(UserId(ANN), None, 9)), ["bob"]);
        assert_eq!(story.relates(ANN, BOB, answer), Reply::Done);
        let following = Relationship { following: follows, ..Relationship::default() };
        assert_eq!(story.relationship(BOB, ANN), following);
    }
    for answer in [ACCEPT, REJECT] {
        let nobody_asks = Reply::Refused(CommandRefusal::NoSuchRequest);
        assert_eq!(story.relates(ANN, BOB, answer), nobody_asks);
    }
}

#[test]
fn an_accepted_follow_begins_when_it_is_accepted() {
    let story = Story::new();
    story.locks(ANN, true);
    story.follows(BOB, ANN);
    story.says(ANN, "before");
    story.relates(ANN, BOB, ACCEPT);
    let after = story.says(ANN, "after");
    assert_eq!(story.followed(BOB), [after]);
}

#[test]
fn a_request_is_taken_back_by_an_unfollow() {
    let story = Story::new();
    story.locks(ANN, true);
    story.follows(BOB, ANN);
    assert_eq!(story.unfollows(BOB, ANN), Reply::Done);
    assert_eq!(story.unfollows(BOB, ANN), Reply::Refused(CommandRefusal::NotFollowing));
    let nobody_asks = Reply::Refused(CommandRefusal::NoSuchRequest);
    assert_eq!(story.relates(ANN, BOB, ACCEPT), nobody_asks);
}

#[test]
fn a_request_is_not_left_behind_when_its_owner_follows_without_it() {
    let story = Story::new();
    story.locks(ANN, true);
    story.follows(BOB, ANN);
    story.locks(ANN, false);
    assert_eq!(story.relates(ANN, EVE, ACCEPT), Reply::Refused(CommandRefusal::NoSuchRequest));
    assert_eq!(story.follows(BOB, ANN), Reply::Done);
    let following = Relationship { following: true, ..Relationship::default() };
    assert_eq!(story.relationship(BOB, ANN), following);
    story.unfollows(BOB, ANN);
    assert_eq!(story.relates(ANN, BOB, ACCEPT), Reply::Refused(CommandRefusal::NoSuchRequest));
}

#[test]
fn a_profile_that_is_locked_keeps_its_followers() {
    let story = Story::new();
    story.follows(BOB, ANN);
    story.locks(ANN, true);
    let private = story.says_to(ANN, Visibility::Followers, "hello");
    assert_eq!(story.who_sees(private), (vec![ANN, BOB], false));
}

#[test]
fn a_follower_who_is_removed_follows_no_more() {
    let story = Story::new();
    story.follows(BOB, ANN);
    let private = story.says_to(ANN, Visibility::Followers, "hello");
    assert_eq!(story.relates(ANN, BOB, RelationChange::RemoveFollower), Reply::Done);
    assert_eq!(story.who_sees(private), (vec![ANN], false));
    assert_eq!(story.counts(ANN).followers, 0);
    assert_eq!(story.relates(ANN, BOB, RelationChange::RemoveFollower), Reply::Done, "no more");
    assert_eq!(story.follows(BOB, ANN), Reply::Done, "they may follow again");
}

#[test]
fn a_note_is_for_oneself() {
    let story = Story::new();
    for text in ["a friend", "an old friend", ""] {
        story.relates(ANN, BOB, RelationChange::Note(text.to_owned()));
        assert_eq!(story.relationship(ANN, BOB).note, text);
        assert_eq!(story.relationship(BOB, ANN).note, "");
    }
    assert_eq!(story.state.rows_of(Table::Notes), []);
}

#[test]
fn nobody_is_anything_to_themselves_or_to_nobody() {
    let story = Story::new();
    for change in [
        RelationChange::Block,
        RelationChange::Unblock,
        mute(true, None),
        RelationChange::Unmute,
        RelationChange::RemoveFollower,
        ACCEPT,
        REJECT,
        RelationChange::Note("me".to_owned()),
    ] {
        let to_oneself = story.relates(ANN, ANN, change.clone());
        assert_eq!(to_oneself, Reply::Refused(CommandRefusal::Oneself), "{change:?}");
        let target = name("nobody");
        let to_nobody = story.asks(ANN, |context| Command::Relate { context, target, change });
        assert_eq!(to_nobody, Reply::Refused(CommandRefusal::NoSuchUser));
    }
}

#[test]
fn people_are_found_by_the_beginning_of_their_name_or_of_a_word_of_their_display_name() {
    let story = Story::new();
    story.is_called(EVE, "Bobbin Sea");
    assert_eq!(story.people(None, "BO"), [BOB, EVE], "names come first");
    assert_eq!(story.people(None, "sea"), [EVE]);
    assert_eq!(story.people(None, "in"), NOTHING, "not by the end of a word");
    story.is_called(EVE, "Eve");
    assert_eq!(story.people(None, "bo"), [BOB]);
}

#[test]
fn whoever_follows_as_many_as_anybody_may_follows_nobody_else() {
    let story = Story::new();
    let follow_counts = |following| {
        let counts = StoredCounts { following, ..StoredCounts::default() };
        let key = keys::of_user(Table::PersonCounts, UserId(ANN));
        story.state.put_row(&key, &postcard::to_stdvec(&counts).unwrap());
    };
    follow_counts(7_500);
    assert_eq!(story.follows(ANN, BOB), Reply::Refused(CommandRefusal::FollowsTooMany));
    follow_counts(7_499);
    assert_eq!(story.follows(ANN, BOB), Reply::Done);
    assert_eq!(story.follows(ANN, EVE), Reply::Refused(CommandRefusal::FollowsTooMany));
    // Nor by a request that was made before.
    follow_counts(7_499);
    story.locks(EVE, true);
    assert_eq!(story.follows(ANN, EVE), Reply::Requested);
    follow_counts(7_500);
    let accepted = story.relates(EVE, ANN, ACCEPT);
    assert_eq!(accepted, Reply::Refused(CommandRefusal::TheyFollowTooMany));
    follow_counts(7_499);
    assert_eq!(story.relates(EVE, ANN, ACCEPT), Reply::Done, "the request is still there");
}

#[test]
fn who_follows_likes_and_boosts_is_found_unless_one_has_blocked_the_other() {
    let story = Story::new();
    let post = story.says(ANN, "hello");
    for user in [DAN, BOB, EVE] {
        story.follows(user, ANN);
        story.likes(user, post);
        story.boosts(user, post, true);
    }
    story.follows(ANN, DAN);
    let (ann, post) = (UserId(ANN), PostId::new(post));
    let of_a_post = [Crowd::Liking(post), Crowd::Boosting(post)];
    assert_eq!(story.crowd(BOB, Crowd::Following(ann)), ["bob", "dan", "eve"]);
    assert_eq!(story.crowd(BOB, Crowd::FollowedBy(ann)), ["dan"]);
    for crowd in of_a_post {
        assert_eq!(story.crowd(BOB, crowd), ["bob", "eve", "dan"], "in the order of their numbers");
    }
    story.blocks(EVE, BOB);
    for crowd in of_a_post.into_iter().chain([Crowd::Following(ann)]) {
        let found = story.crowd(BOB, crowd);
        assert!(found.len() == 2 && !found.contains(&"eve".to_owned()), "{found:?}");
        let found = story.crowd(EVE, crowd);
        assert!(found.len() == 2 && !found.contains(&"bob".to_owned()), "{found:?}");
    }
    // Of whoever has blocked somebody, they find nothing.
    story.follows(BOB, DAN);
    assert_eq!(story.crowd(BOB, Crowd::Following(UserId(DAN))), ["ann", "bob"]);
    story.blocks(DAN, BOB);
    assert_eq!(story.crowd(BOB, Crowd::Following(UserId(DAN))), Vec::<String>::new());
    assert_eq!(story.crowd(BOB, Crowd::FollowedBy(UserId(DAN))), Vec::<String>::new());
    assert_eq!(story.crowd(EVE, Crowd::Following(UserId(DAN))), ["ann"]);
}

#[test]
fn a_page_of_people_ends_however_many_of_them_a_reader_may_not_find() {
    let state = State::with_users(&["ann", "bob"]);
    let story_of = |user, sequence, command: &dyn Fn(Context) -> Command| {
        let (reply, _) = state.apply(1, command(context(user, request(user.into(), sequence))));
        assert_eq!(reply, Reply::Done, "{user} {sequence}");
    };
    for number in 0..1_100u64 {
        let user = 3 + number;
        let created =
            Command::CreateAccount { name: name(&format!("u{number:04}")), password_hash: None };
        state.apply(1, created);
        story_of(user, 1, &|context| Command::Follow { context, target: name("ann") });
        if number < 1_050 {
            let change = RelationChange::Block;
            story_of(user, 2, &|context| Command::Relate {
                context,
                target: name("bob"),
                change: change.clone(),
            });
        }
    }
    let view = state.view();
    let page =
        |after| whole_crowd(&view, view.crowd(UserId(2), Crowd::Following(UserId(1)), after, 40));
    let first = page(None);
    assert_eq!(first.names, [], "a thousand were looked at");
    let second = page(Some(first.next.expect("it goes on")));
    assert_eq!((second.names.len(), &second.names[0]), (40, &name("u1050")));
    let third = page(Some(second.next.expect("it goes on")));
    assert_eq!((third.names.len(), third.next), (10, None));
}

#[test]
fn a_place_in_a_crowd_of_somebodys_own_making_is_behind_everybody_or_a_name_like_any_other() {
    let story = Story::new();
    let post = story.says(ANN, "hello");
    story.likes(BOB, post);
    story.follows(BOB, ANN);
    let view = story.view();
    let after = |crowd, place: &str| {
        let place = Some(NameCursor::from_token(place));
        whole_crowd(&view, view.crowd(UserId(EVE), crowd, place, 9)).names.len()
    };
    let liking = Crowd::Liking(PostId::new(post));
    let places = ["1", "2", "x", "", "-1"];
    assert_eq!(places.map(|place| after(liking, place)), [1, 0, 0, 0, 0]);
    let following = Crowd::Following(UserId(ANN));
    assert_eq!(["", "az", "bob", "\u{10ffff}"].map(|place| after(following, place)), [1, 1, 0, 0]);
}
