//! What clients ask: the requests of the public API.

use std::fmt::Debug;

use prost::Message as _;

use super::{answers::profile, choice, chosen, messages::message};
use crate::{
    domain::{
        ClientId, ClientName, EndedSessions, Hashtag, Language, LoginId, Mark, NotificationChange,
        OpaqueKey, PersonalId, PictureId, PostId, RelationChange, RequestKey, UnixMillis, UserId,
        UserName, Visibility,
    },
    grpc::messages::{self, Search},
    network::{
        Begins, Cursor, ListKind, Login, NamePosition, NewPost, PasswordChange, PersonRef,
        PostWords, SearchKind, StreamKind, TimelineKind,
    },
    wire::v1::{self, posts_request},
};

/// What was understood is understood in the same way if it is sent on.
pub fn is_sent_on<T: PartialEq + Debug, E: PartialEq + Debug>(
    found: Result<T, E>,
    again: impl FnOnce(&T) -> Result<T, E>,
) {
    if let Ok(found) = found {
        assert_eq!(again(&found), Ok(found));
    }
}

fn key(wire: Option<v1::RequestId>) {
    is_sent_on(messages::key_from_wire(wire), |key| {
        messages::key_from_wire(Some(messages::key_to_wire(key)))
    });
}

/// What clients send to servers.
pub fn requests(bytes: &[u8]) {
    let Some((kind, bytes)) = choice(bytes, 24) else { return };
    match kind {
        0..=8 => classic_client(kind, bytes),
        9..=16 | 21 => change(kind, bytes),
        22 | 23 => personal(kind, bytes),
        _ => read(kind, bytes),
    }
}

/// What the commands of the classic client become.
fn classic_client(kind: usize, bytes: &[u8]) {
    match kind {
        0 => {
            let Some(wire) = message::<v1::LogInRequest>(bytes) else { return };
            let drawn = LoginId(7);
            let Ok((login, begins)) = messages::login_from_wire(wire, drawn) else { return };
            let sent = messages::login_to_wire(login, begins);
            let again = messages::login_from_wire(sent.clone(), drawn);
            let (login, begins) = again.expect("it was understood");
            assert_eq!(messages::login_to_wire(login, begins), sent);
        }
        1 => {
            let Some(wire) = message::<v1::SetPasswordRequest>(bytes) else { return };
            let v1::SetPasswordRequest { request_id, current_password, new_password } =
                wire.clone();
            if let Ok(key) = messages::key_from_wire(request_id) {
                let change = PasswordChange { current: current_password, new: new_password };
                let sent = messages::password_change_to_wire(&key, change);
                assert_eq!(sent.current_password, wire.current_password);
                assert_eq!(messages::key_from_wire(sent.request_id), Ok(key));
            }
        }
        2 => {
            let Some(wire) = message::<v1::FollowRequest>(bytes) else { return };
            key(wire.request_id);
            let _name = UserName::new(wire.username);
        }
        3 => {
            let Some(wire) = message::<v1::UnfollowRequest>(bytes) else { return };
            key(wire.request_id);
            let _name = UserName::new(wire.username);
        }
        4 => {
            let Some(wire) = message::<v1::PublishRequest>(bytes) else { return };
            super::texts::post_text(&wire.text);
            is_sent_on(messages::publish_from_wire(wire), |(key, post)| {
                messages::publish_from_wire(messages::publish_to_wire(key, post.clone()))
            });
        }
        5 => {
            let Some(wire) = message::<v1::ListRequest>(bytes) else { return };
            is_sent_on(messages::list_from_wire(wire), |(kind, position, limit)| {
                messages::list_from_wire(messages::list_to_wire(kind, position.as_ref(), *limit))
            });
        }
        6 => {
            let Some(wire) = message::<v1::TimelineRequest>(bytes) else { return };
            is_sent_on(messages::timeline_from_wire(wire), |(kind, cursor, limit)| {
                messages::timeline_from_wire(messages::timeline_to_wire(kind, *cursor, *limit))
            });
        }
        7 => {
            let Some(wire) = message::<v1::PostsRequest>(bytes) else { return };
            let cursor = Cursor::from(wire.cursor);
            assert_eq!(Option::<posts_request::Cursor>::from(cursor), wire.cursor);
            let _name = UserName::new(wire.username);
        }
        _ => {
            let _failed = message::<v1::LocateRequest>(bytes);
            let Some(wire) = message::<v1::SubscribeRequest>(bytes) else { return };
            is_sent_on(messages::subscription_from_wire(wire), |(kind, after)| {
                messages::subscription_from_wire(messages::subscription_to_wire(kind, *after))
            });
        }
    }
}

/// Other changes.
fn change(kind: usize, bytes: &[u8]) {
    match kind {
        9 => {
            let Some(wire) = message::<v1::EditRequest>(bytes) else { return };
            super::texts::post_text(&wire.text);
            is_sent_on(messages::edit_from_wire(wire), |(key, post, says)| {
                messages::edit_from_wire(messages::edit_to_wire(key, *post, says.clone()))
            });
        }
        10 => {
            let Some(wire) = message::<v1::DeleteRequest>(bytes) else { return };
            is_sent_on(messages::delete_from_wire(wire), |(key, post)| {
                messages::delete_from_wire(messages::delete_to_wire(key, *post))
            });
        }
        11 => {
            let Some(wire) = message::<v1::BoostRequest>(bytes) else { return };
            is_sent_on(messages::boost_from_wire(wire), |(key, post)| {
                messages::boost_from_wire(messages::boost_to_wire(key, *post))
            });
        }
        12 => {
            let Some(wire) = message::<v1::UnboostRequest>(bytes) else { return };
            is_sent_on(messages::unboost_from_wire(wire), |(key, post)| {
                messages::unboost_from_wire(messages::unboost_to_wire(key, *post))
            });
        }
        13 => {
            let Some(wire) = message::<v1::MarkRequest>(bytes) else { return };
            is_sent_on(messages::mark_from_wire(wire), |(key, post, mark, set)| {
                messages::mark_from_wire(messages::mark_to_wire(key, *post, *mark, *set))
            });
        }
        14 => {
            let Some(wire) = message::<v1::RelateRequest>(bytes) else { return };
            is_sent_on(messages::relation_change_from_wire(wire), |(key, target, change)| {
                let sent = messages::relation_change_to_wire(key, target, change.clone());
                messages::relation_change_from_wire(sent)
            });
        }
        15 => {
            let Some(wire) = message::<v1::SetProfileRequest>(bytes) else { return };
            is_sent_on(messages::profile_change_from_wire(wire), |(key, profile)| {
                let _problem = profile.check();
                let sent = messages::profile_change_to_wire(key, profile.clone());
                messages::profile_change_from_wire(sent)
            });
        }
        21 => {
            let Some(wire) = message::<v1::EndSessionsRequest>(bytes) else { return };
            is_sent_on(messages::ended_sessions_from_wire(wire), |(key, which)| {
                messages::ended_sessions_from_wire(messages::ended_sessions_to_wire(key, *which))
            });
        }
        _ => {
            let Some(wire) = message::<v1::ChangeNotificationsRequest>(bytes) else { return };
            is_sent_on(messages::notification_change_from_wire(wire), |(key, change)| {
                let sent = messages::notification_change_to_wire(key, *change);
                messages::notification_change_from_wire(sent)
            });
        }
    }
}

/// What people keep for themselves.
fn personal(kind: usize, bytes: &[u8]) {
    if kind == 22 {
        let Some(wire) = message::<v1::ChangePersonalRequest>(bytes) else { return };
        is_sent_on(messages::personal_change_from_wire(wire), |(key, change)| {
            let _problem = change.check();
            let sent = messages::personal_change_to_wire(key, change.clone());
            messages::personal_change_from_wire(sent)
        });
    } else {
        let Some(wire) = message::<v1::PersonalRequest>(bytes) else { return };
        is_sent_on(messages::personal_question_from_wire(wire), |question| {
            let sent = messages::personal_question_to_wire(question.clone());
            messages::personal_question_from_wire(sent)
        });
    }
}

/// Other reads.
fn read(kind: usize, bytes: &[u8]) {
    match kind {
        17 => {
            let Some(wire) = message::<v1::NotificationsRequest>(bytes) else { return };
            let (cursor, limit) = messages::notifications_from_wire(wire);
            assert_eq!(messages::notifications_to_wire(cursor, limit), wire);
        }
        18 => {
            let Some(wire) = message::<v1::SearchRequest>(bytes) else { return };
            is_sent_on(messages::search_from_wire(wire), |search| {
                messages::search_from_wire(messages::search_to_wire(search.clone()))
            });
        }
        19 => {
            if let Some(wire) = message::<v1::GetPeopleRequest>(bytes) {
                is_sent_on(messages::people_from_wire(wire), |whom| {
                    messages::people_from_wire(messages::people_to_wire(whom))
                });
            }
            let _users = message::<v1::RelationshipsRequest>(bytes);
            let Some(wire) = message::<v1::GetPersonRequest>(bytes) else { return };
            let _name = messages::name_from_wire(wire.username);
        }
        _ => {
            let _thread = message::<v1::ThreadRequest>(bytes);
            let _history = message::<v1::HistoryRequest>(bytes);
            let Some(wire) = message::<v1::GetRequest>(bytes) else { return };
            let _post = messages::post_id_from_wire(wire.id);
        }
    }
}

fn counted() -> RequestKey {
    RequestKey::Counted { client: ClientId(u128::MAX / 3), sequence: 9, answered_below: 3 }
}

fn opaque() -> RequestKey {
    RequestKey::Opaque(OpaqueKey::new(*b"a key of somebody's own").expect("valid"))
}

pub fn name(name: &str) -> UserName {
    UserName::new(name).expect("valid")
}

pub fn seeds_of_requests() -> Vec<Vec<u8>> {
    let login = Login { name: name("ann"), password: "secret".to_owned(), must_exist: true };
    let change = PasswordChange { current: "old".to_owned(), new: "new".to_owned() };
    let [counted, opaque] = [counted(), opaque()];
    let request_id = || Some(messages::key_to_wire(&counted));
    let follow = v1::FollowRequest { request_id: request_id(), username: "bob".to_owned() };
    let unfollow = v1::UnfollowRequest {
        request_id: Some(messages::key_to_wire(&opaque)),
        username: "Bob-2_.x".to_owned(),
    };
    let says = PostWords {
        warning: Some("laut".to_owned()),
        sensitive: true,
        language: Some(Language::new("de").expect("valid")),
        pictures: vec![PictureId::new(300)],
        ..PostWords::of("Grüße\n\tan alle 👋🏽, @bob #größe")
    };
    let visibility = Visibility::Followers;
    let publish = NewPost { says: says.clone(), reply_to: Some(PostId::new(7)), visibility };
    let id = PostId::new(300);
    let position = NamePosition::new("bob");
    let list =
        |kind| chosen(5, messages::list_to_wire(&kind, Some(&position), Some(20)).encode_to_vec());
    let whom = [PersonRef::Id(UserId(300)), PersonRef::Name(name("ann"))];
    let before = Cursor::Before(PostId::new(7));
    let of = TimelineKind::Of { author: name("bob"), replies: true, boosts: true };
    let pictures_of = TimelineKind::PicturesOf(name("bob"));
    let timeline = |kind| messages::timeline_to_wire(&kind, before, Some(20)).encode_to_vec();
    let after = Cursor::After(PostId::new(300));
    let posts =
        v1::PostsRequest { username: "ann".to_owned(), cursor: after.into(), page_size: 1_000 };
    let rust = Hashtag::new("rust").expect("valid");
    let subscribe = StreamKind::Hashtag(rust.clone());
    let mute = RelationChange::Mute { notifications: true, until: Some(UnixMillis::new(9)) };
    let relate =
        |change| messages::relation_change_to_wire(&counted, &name("bob"), change).encode_to_vec();
    let search = Search {
        kind: SearchKind::Posts,
        text: "Grüße an".to_owned(),
        before: Some(id),
        limit: Some(9),
    };
    let read = messages::notification_change_to_wire(&counted, NotificationChange::ReadUpTo(id));
    let seeds = vec![
        chosen(0, messages::login_to_wire(login, begins()).encode_to_vec()),
        chosen(1, messages::password_change_to_wire(&counted, change).encode_to_vec()),
        chosen(2, follow.encode_to_vec()),
        chosen(3, unfollow.encode_to_vec()),
        chosen(4, messages::publish_to_wire(&counted, publish).encode_to_vec()),
        list(ListKind::Followers),
        chosen(6, timeline(of)),
        chosen(6, timeline(pictures_of)),
        chosen(6, timeline(TimelineKind::Hashtag(rust))),
        chosen(7, posts.encode_to_vec()),
        chosen(8, messages::subscription_to_wire(&subscribe, Some(id)).encode_to_vec()),
        chosen(9, messages::edit_to_wire(&opaque, id, says).encode_to_vec()),
        chosen(10, messages::delete_to_wire(&counted, id).encode_to_vec()),
        chosen(11, messages::boost_to_wire(&counted, id).encode_to_vec()),
        chosen(12, messages::unboost_to_wire(&counted, id).encode_to_vec()),
        chosen(13, messages::mark_to_wire(&counted, id, Mark::Pin, true).encode_to_vec()),
        chosen(14, relate(mute)),
        chosen(14, relate(RelationChange::Note("a friend".to_owned()))),
        chosen(15, messages::profile_change_to_wire(&counted, profile()).encode_to_vec()),
        chosen(16, read.encode_to_vec()),
        chosen(17, messages::notifications_to_wire(after, Some(9)).encode_to_vec()),
        chosen(18, messages::search_to_wire(search).encode_to_vec()),
        chosen(19, v1::GetPersonRequest { username: "ann".to_owned() }.encode_to_vec()),
        chosen(20, v1::GetRequest { id: 300 }.encode_to_vec()),
        chosen(
            21,
            messages::ended_sessions_to_wire(&counted, EndedSessions::One(3)).encode_to_vec(),
        ),
        chosen(6, timeline(TimelineKind::List(PersonalId::new(300)))),
        list(ListKind::FollowersOf(name("ann"))),
        list(ListKind::LikedBy(id)),
        chosen(19, messages::people_to_wire(&whom).encode_to_vec()),
    ];
    let changes = super::personal::some_changes().into_iter().map(|change| {
        chosen(22, messages::personal_change_to_wire(&counted, change).encode_to_vec())
    });
    let questions = super::personal::some_questions()
        .map(|question| chosen(23, messages::personal_question_to_wire(question).encode_to_vec()));
    seeds.into_iter().chain(changes).chain(questions).collect()
}

/// The session of a login.
pub fn begins() -> Begins {
    Begins { login: LoginId(7), client: ClientName::new("tinysns on größe") }
}
