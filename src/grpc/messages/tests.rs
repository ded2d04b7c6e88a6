use std::sync::Arc;

use super::*;
use crate::{
    domain::{
        ClientId, FilterAction, FilterContext, FilterSettings, FilteredPost, Hashtag, Keyword,
        KeywordChange, Language, ListSettings, Mark, Marker, Markers, Marks, MediaDisplay,
        Mentioned, NewKeyword, Notification, NotificationChange, NotificationKind, OpaqueKey,
        PeopleList, Person, PersonCounts, PersonalChange, PersonalId, Picture, PictureId,
        PicturePurpose, PictureSize, PictureWords, Post, PostCounts, PostId, Preferences, Profile,
        ProfileLink, RelationChange, Relationship, RepliesPolicy, ReplyTo, RequestKey, Revision,
        UnixMillis, UserId, UserName, Visibility, WordFilter,
    },
    network::{
        Changed, Cursor, FeedChange, FollowOutcome, Found, HashtagUse, ListKind, LoggedIn,
        NamePage, NamePosition, NewPost, NotificationPage, PersonRef, PersonView, PersonalAnswer,
        PersonalQuestion, PostPage, PostWords, Published, SearchKind, SessionToken, StreamKind,
        Thread, TimelineKind,
        pictures::{PicturePart, Upload},
    },
    wire::v1::{
        self, change_notifications_request, notifications_request, posts_request, relate_request,
        timeline_request,
    },
};

fn name(name: &str) -> UserName {
    UserName::new(name).expect("valid")
}

fn hashtag(hashtag: &str) -> Hashtag {
    Hashtag::new(hashtag).expect("valid")
}

fn id(number: u64) -> PostId {
    PostId::new(number)
}

fn key() -> RequestKey {
    RequestKey::Opaque(OpaqueKey::new(*b"a key").expect("valid"))
}

/// A post with everything that one can have.
fn rich_post() -> Post {
    let plain = Post::plain(id(3), UserId(1), name("ann"), UnixMillis::new(-5), "two\nlines");
    Post {
        warning: Some("loud".to_owned()),
        sensitive: true,
        language: Some(Language::new("zh-TW").expect("valid")),
        visibility: Visibility::Followers,
        reply_to: Some(ReplyTo { post: id(2), author: UserId(9) }),
        mentions: vec![Mentioned { user: UserId(9), name: name("bob") }],
        hashtags: vec![hashtag("rust"), hashtag("größe")],
        pictures: vec![Picture::example()],
        edited_at: Some(UnixMillis::new(7)),
        counts: PostCounts { replies: 1, boosts: 2, likes: 3 },
        marks: Marks { liked: true, boosted: false, bookmarked: true, pinned: false, muted: true },
        ..plain
    }
}

fn boost() -> Post {
    let boost = Post::plain(id(4), UserId(2), name("bob"), UnixMillis::new(8), "");
    Post { boost_of: Some(Box::new(rich_post())), ..boost }
}

fn notification(post: Option<Post>) -> Notification {
    Notification {
        id: id(12),
        kind: NotificationKind::Mentioned,
        at: UnixMillis::new(13),
        actor_id: UserId(2),
        actor: name("bob"),
        post,
    }
}

fn person() -> Person {
    Person {
        id: UserId(1),
        name: name("ann"),
        created_at: UnixMillis::new(1),
        profile: Profile {
            display_name: "Ann".to_owned(),
            bio: "two\nlines".to_owned(),
            links: vec![ProfileLink { label: "home".to_owned(), value: "x.example".to_owned() }],
            bot: true,
            discoverable: false,
            locked: true,
        },
        counts: PersonCounts {
            posts: 1,
            followers: 2,
            following: 3,
            last_post_at: Some(UnixMillis::new(4)),
        },
        avatar: Some(Picture::example()),
        header: Some(Picture { focus: None, description: None, ..Picture::example() }),
    }
}

fn assert_invalid<T: std::fmt::Debug>(outcome: Result<T, Refusal>, words: &str) {
    let refusal = outcome.expect_err("refused");
    assert_eq!(refusal.kind, RefusalKind::Invalid);
    assert!(refusal.message.contains(words), "{refusal}");
}

#[test]
fn a_request_needs_a_whole_id() {
    let whole = v1::RequestId {
        client_id: vec![1; 16],
        sequence: 2,
        answered_below: 2,
        opaque_key: Vec::new(),
    };
    assert!(key_from_wire(Some(whole.clone())).is_ok());
    for broken in [
        None,
        Some(v1::RequestId { sequence: 0, answered_below: 0, ..whole.clone() }),
        Some(v1::RequestId { answered_below: 3, ..whole.clone() }),
        Some(v1::RequestId { client_id: vec![1; 15], ..whole.clone() }),
        Some(v1::RequestId { opaque_key: vec![1], ..whole.clone() }),
        Some(v1::RequestId { opaque_key: vec![1; 65], ..v1::RequestId::default() }),
        Some(v1::RequestId::default()),
    ] {
        assert!(key_from_wire(broken.clone()).is_err(), "{broken:?}");
    }
}

#[test]
fn keys_arrive_as_they_were_sent() {
    let client = ClientId(u128::MAX - 1);
    for key in [RequestKey::Counted { client, sequence: 9, answered_below: 3 }, key()] {
        assert_eq!(key_from_wire(Some(key_to_wire(&key))), Ok(key));
    }
}

#[test]
fn answers_arrive_as_they_were_sent() {
    for last in [None, Some(id(9))] {
        let posts = vec![boost(), rich_post()];
        let page = PostPage { posts, as_of: id(7), more: true, last };
        assert_eq!(post_page_from_wire(post_page_to_wire(page.clone())), Ok(page));
    }
    let published = Published { id: id(8), posted_at: UnixMillis::new(9) };
    assert_eq!(published_from_wire(published_to_wire(published)), published);
    for outcome in [FollowOutcome::Follows, FollowOutcome::Requested] {
        assert_eq!(follow_outcome_from_wire(follow_outcome_to_wire(outcome)), outcome);
    }
    for next in [None, Some(NamePosition::new("ann"))] {
        let page = NamePage { names: vec![name("ann"), name("bob")], next };
        assert_eq!(name_page_from_wire(name_page_to_wire(page.clone())), Ok(page));
    }
    let logged_in = LoggedIn {
        session: SessionToken::new("token"),
        name: name("ann"),
        created: true,
        expires_at: UnixMillis::new(11),
    };
    assert_eq!(logged_in_from_wire(logged_in_to_wire(logged_in.clone())), Ok(logged_in));
    let thread = Thread { ancestors: vec![rich_post()], descendants: vec![boost(), rich_post()] };
    assert_eq!(thread_from_wire(thread_to_wire(thread.clone())), Ok(thread));
    let revision = |warning| Revision {
        at: UnixMillis::new(3),
        text: "before".to_owned(),
        warning,
        sensitive: true,
        pictures: vec![Picture::example()],
    };
    let history = vec![revision(None), revision(Some("loud".to_owned()))];
    assert_eq!(history_from_wire(history_to_wire(history.clone())), Ok(history));
    let notifications = vec![notification(None), notification(Some(rich_post()))];
    let page = NotificationPage { notifications, as_of: id(14), more: false, read_up_to: id(11) };
    assert_eq!(notification_page_from_wire(notification_page_to_wire(page.clone())), Ok(page));
    let relationship = Relationship {
        following: true,
        requested: false,
        followed_by: true,
        requested_by: false,
        blocking: true,
        muting: false,
        muting_notifications: true,
        muting_until: Some(UnixMillis::new(5)),
        note: "a friend".to_owned(),
    };
    let people = vec![None, Some(person()), None];
    assert_eq!(found_people_from_wire(found_people_to_wire(people.clone())), Ok(people));
    let relationships = vec![(UserId(9), relationship.clone()), (UserId(3), <_>::default())];
    let sent = relationships_to_wire(relationships.clone());
    assert_eq!(relationships_from_wire(sent), relationships);
    let whom = vec![PersonRef::Id(UserId(9)), PersonRef::Name(name("ann"))];
    assert_eq!(people_from_wire(people_to_wire(&whom)), Ok(whom));
    let nobody = v1::GetPeopleRequest { whom: vec![v1::PersonRef::default()] };
    assert_invalid(people_from_wire(nobody), "whom must be");
    let view = PersonView { person: person(), relationship };
    assert_eq!(person_view_from_wire(person_view_to_wire(view.clone())), Ok(view));
}

#[test]
fn events_arrive_as_they_were_sent() {
    let change = |what| WireEvent::Change(FeedChange { position: id(12), what });
    for event in [
        WireEvent::Post(rich_post()),
        WireEvent::Post(boost()),
        change(Changed::Edited(Arc::new(rich_post()))),
        change(Changed::Deleted(id(3))),
        change(Changed::Notified(Arc::new(notification(Some(boost()))))),
        WireEvent::Position(id(7)),
        WireEvent::ReadAgain(id(7)),
    ] {
        assert_eq!(event_from_wire(event_to_wire(event.clone())), Ok(Some(event)));
    }
}

#[test]
fn what_was_found_arrives_as_it_was_sent() {
    let page = PostPage { posts: vec![rich_post()], as_of: id(7), more: true, last: None };
    for (kind, found) in [
        (SearchKind::People, Found::People(vec![person()])),
        (
            SearchKind::Hashtags,
            Found::Hashtags(vec![HashtagUse {
                hashtag: hashtag("rust"),
                posts: 2,
                is_followed: true,
            }]),
        ),
        (SearchKind::Posts, Found::Posts(page)),
    ] {
        assert_eq!(found_from_wire(kind, found_to_wire(found.clone())), Ok(found));
        let search =
            Search { kind, text: "some words".to_owned(), before: Some(id(3)), limit: Some(9) };
        assert_eq!(search_from_wire(search_to_wire(search.clone())), Ok(search));
    }
    let blank = || v1::SearchReply::default();
    assert!(found_from_wire(SearchKind::Posts, blank()).is_err(), "there is no page");
    assert!(found_from_wire(SearchKind::People, blank()).is_ok());
    assert_invalid(search_from_wire(v1::SearchRequest::default()), "PEOPLE, HASHTAGS or POSTS");
}

#[test]
fn pages_are_asked_for_as_they_were_wanted() {
    let (author, cursor) = (name("ann"), Cursor::Before(id(4)));
    let of = author.clone();
    for kind in [
        TimelineKind::Followed,
        TimelineKind::Home,
        TimelineKind::Local,
        TimelineKind::Hashtag(hashtag("rust")),
        TimelineKind::Of { author: author.clone(), replies: true, boosts: false },
        TimelineKind::Of { author: author.clone(), replies: false, boosts: true },
        TimelineKind::PicturesOf(author.clone()),
        TimelineKind::Pinned(author),
        TimelineKind::Liked,
        TimelineKind::Bookmarked,
        TimelineKind::List(PersonalId::new(3)),
        TimelineKind::Direct,
    ] {
        let wire = timeline_to_wire(&kind, cursor, Some(9));
        assert_eq!(timeline_from_wire(wire), Ok((kind, cursor, Some(9))));
    }
    for kind in [
        StreamKind::Followed,
        StreamKind::Home,
        StreamKind::Local,
        StreamKind::Hashtag(hashtag("rust")),
        StreamKind::List(PersonalId::new(3)),
        StreamKind::Direct,
    ] {
        for after in [None, Some(PostId::NONE), Some(id(5))] {
            let wire = subscription_to_wire(&kind, after);
            assert_eq!(subscription_from_wire(wire), Ok((kind.clone(), after)));
        }
    }
    for kind in [
        ListKind::Users,
        ListKind::Following,
        ListKind::Followers,
        ListKind::Blocked,
        ListKind::Muted,
        ListKind::Requests,
        ListKind::FollowingOf(of.clone()),
        ListKind::FollowersOf(of),
        ListKind::LikedBy(id(7)),
        ListKind::BoostedBy(id(7)),
    ] {
        for position in [None, Some(NamePosition::new("bob"))] {
            let wire = list_to_wire(&kind, position.as_ref(), Some(9));
            assert_eq!(list_from_wire(wire), Ok((kind.clone(), position, Some(9))));
        }
    }
    let list = |kind: i32| list_from_wire(v1::ListRequest { kind, ..v1::ListRequest::default() });
    assert_invalid(list(0), "FOLLOWERS_OF, LIKED_BY or BOOSTED_BY");
    assert_invalid(list(99), "FOLLOWERS_OF, LIKED_BY or BOOSTED_BY");
    assert_invalid(list(v1::ListKind::FollowersOf.into()), "user name");
    assert_invalid(list(v1::ListKind::LikedBy.into()), "id is missing");
    for cursor in [Cursor::Newest, cursor, Cursor::After(id(4))] {
        let timeline = Option::<timeline_request::Cursor>::from(cursor);
        let posts = Option::<posts_request::Cursor>::from(cursor);
        let notifications = Option::<notifications_request::Cursor>::from(cursor);
        assert_eq!(Cursor::from(timeline), cursor);
        assert_eq!(Cursor::from(posts), cursor);
        assert_eq!(Cursor::from(notifications), cursor);
    }
    for limit in [None, Some(1), Some(u32::MAX)] {
        assert_eq!(limit_from_wire(limit_to_wire(limit)), limit);
        let wire = notifications_to_wire(cursor, limit);
        assert_eq!(notifications_from_wire(wire), (cursor, limit));
    }
}

#[test]
fn what_servers_of_earlier_versions_are_asked_is_what_they_know() {
    let wire = timeline_to_wire(&TimelineKind::Followed, Cursor::Newest, None);
    assert_eq!(wire, v1::TimelineRequest::default());
    let wire = subscription_to_wire(&StreamKind::Followed, None);
    assert_eq!(wire, v1::SubscribeRequest::default());
    let wire = publish_to_wire(&key(), NewPost::of("hello"));
    let (request_id, text) = (Some(key_to_wire(&key())), "hello".to_owned());
    let plain = v1::PublishRequest { request_id, text, ..v1::PublishRequest::default() };
    assert_eq!(wire, plain);
}

#[test]
fn what_is_said_of_pictures_arrives_as_it_was_sent() {
    use pictures::*;
    let (key, id, picture) = (key(), PictureId::new(7), Picture::example());
    let said = PictureWords { description: picture.description.clone(), focus: picture.focus };
    for words in [said, PictureWords::default()] {
        for purpose in [PicturePurpose::Post, PicturePurpose::Avatar, PicturePurpose::Header] {
            let upload = Upload { purpose, bytes: vec![1; 300].into(), words: words.clone() };
            let begin = upload_to_wire(&key, &upload);
            assert_eq!(begin.bytes, 300);
            assert_eq!(upload_from_wire(begin), Ok((key.clone(), purpose, words.clone())));
            for id in [None, Some(id)] {
                let wire = profile_picture_to_wire(&key, purpose, id);
                assert_eq!(profile_picture_from_wire(wire), Ok((key.clone(), purpose, id)));
            }
        }
        let wire = description_change_to_wire(&key, id, words.clone());
        assert_eq!(description_change_from_wire(wire), Ok((key.clone(), id, words)));
    }
    assert_eq!(discard_from_wire(discard_to_wire(&key, id)), Ok((key.clone(), id)));
    for size in [PictureSize::Original, PictureSize::Small] {
        let wire = reading_to_wire(picture.address, size, 65_536);
        assert_eq!(reading_from_wire(wire), Ok((picture.address, size, 65_536)));
    }
    let part = PicturePart { file: picture.small, bytes: vec![2; 9].into() };
    assert_eq!(part_from_wire(part_to_wire(part.clone())), Ok(part));
    assert_eq!(picture_from_wire(picture_to_wire(picture.clone())), Ok(picture));
    let nowhere = v1::ReadPictureRequest { address: vec![1; 15], ..Default::default() };
    assert_invalid(reading_from_wire(nowhere), "16 bytes");
    let far = v1::Focus { x: 0, y: 1_001 };
    let wire = v1::UploadBegin {
        request_id: Some(key_to_wire(&key)),
        purpose: v1::PicturePurpose::Post.into(),
        focus: Some(far),
        ..Default::default()
    };
    assert_invalid(upload_from_wire(wire.clone()), "-1000 to 1000");
    let purpose = v1::PicturePurpose::Unspecified.into();
    assert_invalid(upload_from_wire(v1::UploadBegin { purpose, focus: None, ..wire }), "purpose");
}

#[test]
fn changes_of_posts_arrive_as_they_were_sent() {
    let key = key();
    let says = PostWords {
        text: "two\nlines".to_owned(),
        warning: Some("loud".to_owned()),
        sensitive: true,
        language: Some(Language::new("de").expect("valid")),
        pictures: vec![PictureId::new(300), PictureId::new(7)],
    };
    for reply_to in [None, Some(id(3))] {
        for visibility in Visibility::ALL {
            let post = NewPost { says: says.clone(), reply_to, visibility };
            let wire = publish_to_wire(&key, post.clone());
            assert_eq!(publish_from_wire(wire), Ok((key.clone(), post)));
        }
    }
    let wire = edit_to_wire(&key, id(3), says.clone());
    assert_eq!(edit_from_wire(wire), Ok((key.clone(), id(3), says)));
    assert_eq!(delete_from_wire(delete_to_wire(&key, id(3))), Ok((key.clone(), id(3))));
    assert_eq!(boost_from_wire(boost_to_wire(&key, id(3))), Ok((key.clone(), id(3))));
    assert_eq!(unboost_from_wire(unboost_to_wire(&key, id(3))), Ok((key.clone(), id(3))));
    for mark in Mark::ALL {
        for set in [false, true] {
            let wire = mark_to_wire(&key, id(3), mark, set);
            assert_eq!(mark_from_wire(wire), Ok((key.clone(), id(3), mark, set)));
        }
    }
}

fn list_settings() -> ListSettings {
    ListSettings { title: "l".to_owned(), replies: RepliesPolicy::None, exclusive: true }
}

fn preferences() -> Preferences {
    Preferences {
        visibility: Visibility::Mentioned,
        sensitive: true,
        language: Some(Language::new("de").expect("valid")),
        media: MediaDisplay::ShowAll,
        expand_warnings: true,
        autoplay: true,
    }
}

fn filter_settings() -> FilterSettings {
    FilterSettings {
        title: "f".to_owned(),
        contexts: FilterContext::ALL.into(),
        action: FilterAction::Blur,
        until: Some(UnixMillis::new(-5)),
    }
}

fn keyword() -> NewKeyword {
    NewKeyword { text: "k".to_owned(), whole_word: true }
}

#[test]
fn changes_of_what_somebody_keeps_arrive_as_they_were_sent() {
    let number = PersonalId::new;
    let keywords = vec![
        KeywordChange::Add(keyword()),
        KeywordChange::Replace(number(3), NewKeyword { whole_word: false, ..keyword() }),
        KeywordChange::Remove(number(4)),
    ];
    let filter = number(2);
    for change in [
        PersonalChange::CreateList(list_settings()),
        PersonalChange::CreateList(ListSettings { title: "l".to_owned(), ..Default::default() }),
        PersonalChange::ChangeList(number(1), list_settings()),
        PersonalChange::DeleteList(number(1)),
        PersonalChange::SetMembers { list: number(1), people: vec![name("ann")], present: true },
        PersonalChange::FollowHashtag { hashtag: hashtag("tea"), set: false },
        PersonalChange::ReadHomeUpTo(id(3)),
        PersonalChange::SetPreferences(preferences()),
        PersonalChange::SetPreferences(Preferences::default()),
        PersonalChange::CreateFilter { settings: filter_settings(), keywords: vec![keyword()] },
        PersonalChange::ChangeFilter { filter, settings: Some(filter_settings()), keywords },
        PersonalChange::ChangeFilter { filter, settings: None, keywords: Vec::new() },
        PersonalChange::DeleteFilter(filter),
        PersonalChange::FilterPost { filter, post: id(3) },
        PersonalChange::UnfilterPost { filter, entry: number(5) },
    ] {
        let wire = personal_change_to_wire(&key(), change.clone());
        assert_eq!(personal_change_from_wire(wire), Ok((key(), change)));
    }
    for given in [None, Some(number(3))] {
        assert_eq!(personal_id_from_wire(personal_id_to_wire(given)), given);
    }
    let nothing = v1::ChangePersonalRequest { request_id: Some(key_to_wire(&key())), change: None };
    assert_invalid(personal_change_from_wire(nothing.clone()), "say what is to be changed");
    let unknown = v1::ListSettings { replies: "some".to_owned(), ..Default::default() };
    let unknown = Some(v1::change_personal_request::Change::CreateList(unknown));
    let unknown = v1::ChangePersonalRequest { change: unknown, ..nothing };
    assert_invalid(personal_change_from_wire(unknown), "some is not known");
}

#[test]
fn what_somebody_keeps_arrives_as_it_was_sent() {
    for question in [
        PersonalQuestion::Lists,
        PersonalQuestion::Members(PersonalId::new(1)),
        PersonalQuestion::ListsWith(name("ann")),
        PersonalQuestion::Hashtags,
        PersonalQuestion::Hashtag(hashtag("tea")),
        PersonalQuestion::Markers,
        PersonalQuestion::Preferences,
        PersonalQuestion::Filters,
    ] {
        let wire = personal_question_to_wire(question.clone());
        assert_eq!(personal_question_from_wire(wire), Ok(question));
    }
    let number = PersonalId::new;
    let marker = Marker { read_up_to: id(3), version: 2, at: UnixMillis::new(-5) };
    let filter = WordFilter {
        id: number(1),
        settings: filter_settings(),
        keywords: vec![Keyword { id: number(2), keyword: keyword() }],
        posts: vec![FilteredPost { id: number(3), post: id(9) }],
    };
    let lists = vec![PeopleList { id: number(1), settings: list_settings(), members: 7 }];
    let found = HashtagUse { hashtag: hashtag("tea"), posts: 2, is_followed: true };
    for answer in [
        PersonalAnswer::Lists(lists),
        PersonalAnswer::Members(vec![name("ann"), name("bob")]),
        PersonalAnswer::Hashtags(vec![found]),
        PersonalAnswer::Markers(Markers { home: marker, notifications: Marker::default() }),
        PersonalAnswer::Preferences(preferences()),
        PersonalAnswer::Filters(vec![filter]),
    ] {
        let wire = personal_answer_to_wire(answer.clone());
        assert_eq!(personal_answer_from_wire(wire), Ok(answer));
    }
    assert!(personal_answer_from_wire(v1::PersonalReply::default()).is_err());
}

#[test]
fn other_changes_arrive_as_they_were_sent() {
    let key = key();
    for change in [
        RelationChange::Block,
        RelationChange::Unblock,
        RelationChange::Mute { notifications: true, until: None },
        RelationChange::Mute { notifications: false, until: Some(UnixMillis::new(0)) },
        RelationChange::Unmute,
        RelationChange::RemoveFollower,
        RelationChange::AcceptRequest,
        RelationChange::RejectRequest,
        RelationChange::Note("a friend".to_owned()),
        RelationChange::Note(String::new()),
    ] {
        let wire = relation_change_to_wire(&key, &name("bob"), change.clone());
        assert_eq!(relation_change_from_wire(wire), Ok((key.clone(), name("bob"), change)));
    }
    let profile = person().profile;
    let wire = profile_change_to_wire(&key, profile.clone());
    assert_eq!(profile_change_from_wire(wire), Ok((key.clone(), profile)));
    for change in [
        NotificationChange::ReadUpTo(id(3)),
        NotificationChange::Dismiss(id(3)),
        NotificationChange::Clear,
    ] {
        let wire = notification_change_to_wire(&key, change);
        assert_eq!(notification_change_from_wire(wire), Ok((key.clone(), change)));
    }
}

#[test]
fn a_request_that_makes_no_sense_is_refused_and_says_why() {
    let key = key();
    assert_invalid(delete_from_wire(delete_to_wire(&key, PostId::NONE)), "id is missing");
    let publish = publish_to_wire(&key, NewPost::of("hello"));
    let unknown = v1::PublishRequest { visibility: 9, ..publish.clone() };
    assert_invalid(publish_from_wire(unknown), "visibility must be");
    let language = "English".to_owned();
    assert_invalid(publish_from_wire(v1::PublishRequest { language, ..publish }), "a tag such as");
    let unknown = v1::MarkRequest { kind: 0, ..mark_to_wire(&key, id(3), Mark::Like, true) };
    assert_invalid(mark_from_wire(unknown), "LIKE, BOOKMARK, PIN or MUTE");

    let relate = relation_change_to_wire(&key, &name("bob"), RelationChange::Block);
    for (change, words) in [
        (None, "change is missing"),
        (Some(relate_request::Change::RemoveFollower(false)), "remove_follower must be true"),
    ] {
        let wire = v1::RelateRequest { change, ..relate.clone() };
        assert_invalid(relation_change_from_wire(wire), words);
    }
    let clear = notification_change_to_wire(&key, NotificationChange::Clear);
    for (change, words) in [
        (None, "change is missing"),
        (Some(change_notifications_request::Change::Clear(false)), "clear must be true"),
        (Some(change_notifications_request::Change::Dismiss(0)), "id is missing"),
    ] {
        let wire = v1::ChangeNotificationsRequest { change, ..clear.clone() };
        assert_invalid(notification_change_from_wire(wire), words);
    }
    let no_profile =
        v1::SetProfileRequest { profile: None, ..profile_change_to_wire(&key, Profile::default()) };
    assert_invalid(profile_change_from_wire(no_profile), "profile is missing");

    let timeline = |kind, hashtag: &str| {
        let hashtag = hashtag.to_owned();
        timeline_from_wire(v1::TimelineRequest { kind, hashtag, ..v1::TimelineRequest::default() })
    };
    assert_invalid(timeline(99, ""), "kind must be");
    assert_invalid(timeline(v1::TimelineKind::Hashtag.into(), "#a b"), "hashtag");
    assert_invalid(timeline(v1::TimelineKind::Of.into(), ""), "user name");
    let stream = |kind, hashtag: &str| {
        let hashtag = hashtag.to_owned();
        subscription_from_wire(v1::SubscribeRequest { after: None, kind, hashtag, list: 0 })
    };
    assert_invalid(stream(99, ""), "kind must be");
    assert_invalid(stream(v1::StreamKind::Hashtag.into(), ""), "hashtag");
}

#[test]
fn an_answer_that_cannot_be_is_a_fault_of_the_server() {
    let wire = |post| v1::Post { author: "ann".to_owned(), ..post };
    let boosted = post_to_wire(boost());
    for post in [
        v1::Post { author: "\u{1b}[2J".to_owned(), ..v1::Post::default() },
        wire(v1::Post { visibility: 9, ..v1::Post::default() }),
        wire(v1::Post { language: "\u{1b}".to_owned(), ..v1::Post::default() }),
        wire(v1::Post { hashtags: vec!["a b".to_owned()], ..v1::Post::default() }),
        wire(v1::Post { mentions: vec![v1::Mentioned::default()], ..v1::Post::default() }),
        wire(v1::Post { boost_of: Some(Box::new(boosted)), ..v1::Post::default() }),
    ] {
        let refused = post_from_wire(post).expect_err("refused");
        assert_eq!(refused.kind, RefusalKind::Broken);
    }
    assert!(post_from_wire(wire(v1::Post::default())).is_ok(), "as earlier versions send them");
}

#[test]
fn notifications_of_a_later_version_are_left_out() {
    let known = notification_to_wire(notification(None));
    let later = v1::Notification { kind: 99, ..known.clone() };
    assert_eq!(notification_from_wire(later.clone()), Ok(None));
    let page = v1::NotificationPage {
        notifications: vec![later.clone(), known],
        ..v1::NotificationPage::default()
    };
    let page = notification_page_from_wire(page).expect("readable");
    assert_eq!(page.notifications, [notification(None)]);
    let event = Some(v1::subscribe_event::Event::Notified(later));
    assert_eq!(event_from_wire(v1::SubscribeEvent { event }), Ok(None));
}
