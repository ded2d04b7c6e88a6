//! What servers answer, in the public API.

use std::sync::Arc;

use prost::Message as _;

use super::{
    choice, chosen,
    messages::message,
    requests::{is_sent_on, name},
};
use crate::{
    client::{
        ClusterStatus,
        known_cluster::{DirectoryAnswer, KnownCluster},
    },
    directory::{Available, Location},
    domain::{
        ClientName, ClusterId, Hashtag, Language, Marks, Mentioned, Notification, NotificationKind,
        Person, PersonCounts, Picture, Post, PostCounts, PostId, Profile, ProfileLink,
        Relationship, ReplyTo, Revision, UnixMillis, UserId, Visibility,
    },
    grpc::messages::{self, WireEvent},
    network::{
        Changed, FeedChange, Found, HashtagUse, LoggedIn, NamePage, NamePosition, NotificationPage,
        PersonView, PostPage, Published, SearchKind, SessionInfo, SessionToken, Thread,
    },
    overview::{json, output_size::OutputSize, table},
    wire::v1,
};

/// What servers send to clients.
pub fn answers(bytes: &[u8]) {
    let Some((kind, bytes)) = choice(bytes, 14) else { return };
    match kind {
        0 => {
            let Some(wire) = message::<v1::LogInReply>(bytes) else { return };
            is_sent_on(messages::logged_in_from_wire(wire), |logged_in| {
                messages::logged_in_from_wire(messages::logged_in_to_wire(logged_in.clone()))
            });
        }
        1 => {
            let Some(wire) = message::<v1::PublishReply>(bytes) else { return };
            let published = messages::published_from_wire(wire);
            assert_eq!(messages::published_to_wire(published), wire);
        }
        2 => {
            let Some(wire) = message::<v1::PostPage>(bytes) else { return };
            is_sent_on(messages::post_page_from_wire(wire), |page| {
                messages::post_page_from_wire(messages::post_page_to_wire(page.clone()))
            });
        }
        3 => {
            let Some(wire) = message::<v1::ListReply>(bytes) else { return };
            is_sent_on(messages::name_page_from_wire(wire), |page| {
                messages::name_page_from_wire(messages::name_page_to_wire(page.clone()))
            });
        }
        4 => {
            let Some(wire) = message::<v1::SubscribeEvent>(bytes) else { return };
            if let Ok(Some(event)) = messages::event_from_wire(wire) {
                let again = messages::event_from_wire(messages::event_to_wire(event.clone()));
                assert_eq!(again, Ok(Some(event)));
            }
        }
        5 => {
            let Some(wire) = message::<v1::Location>(bytes) else { return };
            let mut known = KnownCluster::default();
            known.learn(DirectoryAnswer::from(wire.clone()));
            assert!(!known.learn(DirectoryAnswer::from(wire)), "the same is no news: {known:?}");
        }
        6 => cluster(bytes),
        7 => {
            let Some(wire) = message::<v1::ThreadReply>(bytes) else { return };
            is_sent_on(messages::thread_from_wire(wire), |thread| {
                messages::thread_from_wire(messages::thread_to_wire(thread.clone()))
            });
        }
        8 => {
            let Some(wire) = message::<v1::HistoryReply>(bytes) else { return };
            is_sent_on(messages::history_from_wire(wire), |history| {
                messages::history_from_wire(messages::history_to_wire(history.clone()))
            });
        }
        9 => {
            let Some(wire) = message::<v1::NotificationPage>(bytes) else { return };
            is_sent_on(messages::notification_page_from_wire(wire), |page| {
                let sent = messages::notification_page_to_wire(page.clone());
                messages::notification_page_from_wire(sent)
            });
        }
        10 => people(bytes),
        12 => {
            let Some(wire) = message::<v1::SessionsReply>(bytes) else { return };
            let sessions = messages::sessions_from_wire(wire);
            let sent = messages::sessions_to_wire(sessions.clone());
            assert_eq!(messages::sessions_from_wire(sent), sessions);
        }
        13 => {
            let Some(wire) = message::<v1::PersonalReply>(bytes) else { return };
            is_sent_on(messages::personal_answer_from_wire(wire), |answer| {
                let sent = messages::personal_answer_to_wire(answer.clone());
                messages::personal_answer_from_wire(sent)
            });
        }
        _ => {
            let Some(wire) = message::<v1::SearchReply>(bytes) else { return };
            for kind in [SearchKind::People, SearchKind::Hashtags, SearchKind::Posts] {
                is_sent_on(messages::found_from_wire(kind, wire.clone()), |found| {
                    messages::found_from_wire(kind, messages::found_to_wire(found.clone()))
                });
            }
        }
    }
}

/// Who people are, and what they are to each other.
fn people(bytes: &[u8]) {
    if let Some(wire) = message::<v1::GetPeopleReply>(bytes) {
        is_sent_on(messages::found_people_from_wire(wire), |people| {
            messages::found_people_from_wire(messages::found_people_to_wire(people.clone()))
        });
    }
    if let Some(wire) = message::<v1::RelationshipsReply>(bytes) {
        let all = messages::relationships_from_wire(wire);
        let sent = messages::relationships_to_wire(all.clone());
        assert_eq!(messages::relationships_from_wire(sent), all);
    }
    let Some(wire) = message::<v1::GetPersonReply>(bytes) else { return };
    is_sent_on(messages::person_view_from_wire(wire), |view| {
        messages::person_view_from_wire(messages::person_view_to_wire(view.clone()))
    });
}

/// What the router tells of the cluster, as it is shown.
fn cluster(bytes: &[u8]) {
    let Some(wire) = message::<v1::ClusterStatus>(bytes) else { return };
    let status = ClusterStatus::from(wire);
    for (now, columns) in [(UnixMillis::MIN, 0), (UnixMillis::EPOCH, 80), (UnixMillis::MAX, 9)] {
        let _table = table::render(&status, now, OutputSize { columns, rows: 24 });
    }
    for json in [json::line(&status), json::pretty(&status)] {
        let read: Result<serde_json::Value, _> = serde_json::from_str(&json);
        assert!(read.is_ok(), "{json}");
    }
}

fn post(text: &str) -> Post {
    Post::plain(PostId::new(3), UserId(1), name("ann"), UnixMillis::new(1_517_528_845_000), text)
}

fn rich_post() -> Post {
    Post {
        warning: Some("loud".to_owned()),
        sensitive: true,
        language: Some(Language::new("zh-TW").expect("valid")),
        visibility: Visibility::Unlisted,
        reply_to: Some(ReplyTo { post: PostId::new(2), author: UserId(9) }),
        mentions: vec![Mentioned { user: UserId(9), name: name("bob") }],
        hashtags: vec![Hashtag::new("größe").expect("valid")],
        pictures: vec![Picture::example()],
        edited_at: Some(UnixMillis::new(1_517_528_846_000)),
        counts: PostCounts { replies: 1, boosts: 2, likes: 300 },
        marks: Marks { liked: true, bookmarked: true, ..Marks::default() },
        ..post("@bob #größe")
    }
}

fn boost() -> Post {
    Post { boost_of: Some(Box::new(rich_post())), ..post("") }
}

pub fn profile() -> Profile {
    Profile {
        display_name: "Ann".to_owned(),
        bio: "two\nlines".to_owned(),
        links: vec![ProfileLink {
            label: "home".to_owned(),
            value: "https://x.example".to_owned(),
        }],
        bot: false,
        discoverable: true,
        locked: true,
    }
}

fn person() -> Person {
    Person {
        id: UserId(1),
        name: name("ann"),
        created_at: UnixMillis::new(1),
        profile: profile(),
        counts: PersonCounts {
            posts: 7,
            last_post_at: Some(UnixMillis::new(9)),
            ..PersonCounts::default()
        },
        avatar: Some(Picture::example()),
        header: None,
    }
}

fn notification() -> Notification {
    Notification {
        id: PostId::new(12),
        kind: NotificationKind::Boosted,
        at: UnixMillis::new(13),
        actor_id: UserId(9),
        actor: name("bob"),
        post: Some(rich_post()),
    }
}

fn cluster_status() -> v1::ClusterStatus {
    let master = |name: &str, state: v1::MasterState| v1::MasterStatus {
        name: name.to_owned(),
        address: "10.0.0.1:3011".to_owned(),
        pid: 41,
        state: state.into(),
        term: 7,
        last_log_index: 120,
        applied_index: 119,
        reboots: 2,
        since_ms: 1_000,
        voter: true,
        host: "here".to_owned(),
        clock_ahead_ms: -3,
        metrics_address: "10.0.0.1:3012".to_owned(),
        node_id: 4,
        peer_address: "10.0.0.1:3013".to_owned(),
    };
    v1::ClusterStatus {
        cluster_id: ClusterId::new(5).to_string(),
        available: "server-2".to_owned(),
        masters: vec![
            master("server-1", v1::MasterState::Down),
            master("server-2", v1::MasterState::Available),
        ],
        router: Some(v1::RouterStatus {
            address: "10.0.0.9:3010".to_owned(),
            pid: 40,
            since_ms: 5,
            term: 7,
            last_log_index: 120,
            voter: true,
            host: "there".to_owned(),
        }),
        problems: vec!["server-1 has been down for two minutes: start it again".to_owned()],
        format: 1,
        view: v1::StatusView::Operator.into(),
    }
}

pub fn seeds_of_answers() -> Vec<Vec<u8>> {
    let session = SessionInfo {
        number: 3,
        client: ClientName::new("größer"),
        begun_at: UnixMillis::new(9),
        expires_at: Some(UnixMillis::new(11)),
        is_this: true,
    };
    let logged_in = LoggedIn {
        session: SessionToken::new("token"),
        name: name("ann"),
        created: true,
        expires_at: UnixMillis::new(11),
    };
    let published = Published { id: PostId::new(8), posted_at: UnixMillis::new(-9) };
    let posts = vec![post("two\nlines"), rich_post(), boost()];
    let page = PostPage { posts, as_of: PostId::new(7), more: true, last: Some(PostId::new(4)) };
    let names = vec![name("ann"), name("bob")];
    let names = NamePage { names, next: Some(NamePosition::new("bob")) };
    let event = |event| chosen(4, messages::event_to_wire(event).encode_to_vec());
    let position = PostId::new(300);
    let change = |what| event(WireEvent::Change(FeedChange { position, what }));
    let thread = Thread { ancestors: vec![post("one")], descendants: vec![rich_post()] };
    let revision = Revision {
        at: UnixMillis::new(3),
        text: "before".to_owned(),
        warning: Some("loud".to_owned()),
        sensitive: true,
        pictures: vec![Picture::example()],
    };
    let notifications = NotificationPage {
        notifications: vec![notification()],
        as_of: position,
        more: true,
        read_up_to: PostId::new(9),
    };
    let relationship = Relationship {
        following: true,
        muting_until: Some(UnixMillis::new(5)),
        note: "a friend".to_owned(),
        ..Relationship::default()
    };
    let view = PersonView { person: person(), relationship };
    let rust = Hashtag::new("rust").expect("valid");
    let found = [
        Found::People(vec![person()]),
        Found::Hashtags(vec![HashtagUse { hashtag: rust, posts: 300, is_followed: true }]),
        Found::Posts(page.clone()),
    ];
    let found = found.map(|found| chosen(11, messages::found_to_wire(found).encode_to_vec()));
    let location = Location {
        available: Some(Available {
            name: "server-2".to_owned(),
            address: "[::1]:3011".to_owned(),
        }),
        term: 7,
        masters: vec!["10.0.0.1:3011".to_owned(), "[::1]:3011".to_owned()],
        waiting: "waiting for server-1".to_owned(),
        candidate: Some("10.0.0.1:3011".to_owned()),
    };
    let people = vec![None, Some(view.person.clone())];
    let relationships = vec![(UserId(300), view.relationship.clone())];
    let seeds = vec![
        chosen(0, messages::logged_in_to_wire(logged_in).encode_to_vec()),
        chosen(1, messages::published_to_wire(published).encode_to_vec()),
        chosen(2, messages::post_page_to_wire(page).encode_to_vec()),
        chosen(3, messages::name_page_to_wire(names).encode_to_vec()),
        event(WireEvent::Post(post("hi"))),
        event(WireEvent::Position(position)),
        event(WireEvent::Post(boost())),
        event(WireEvent::ReadAgain(position)),
        change(Changed::Edited(Arc::new(rich_post()))),
        change(Changed::Deleted(PostId::new(3))),
        change(Changed::Notified(Arc::new(notification()))),
        chosen(5, location.to_wire().encode_to_vec()),
        chosen(6, cluster_status().encode_to_vec()),
        chosen(7, messages::thread_to_wire(thread).encode_to_vec()),
        chosen(8, messages::history_to_wire(vec![revision]).encode_to_vec()),
        chosen(9, messages::notification_page_to_wire(notifications).encode_to_vec()),
        chosen(10, messages::person_view_to_wire(view.clone()).encode_to_vec()),
        chosen(10, messages::found_people_to_wire(people).encode_to_vec()),
        chosen(10, messages::relationships_to_wire(relationships).encode_to_vec()),
        chosen(12, messages::sessions_to_wire(vec![session]).encode_to_vec()),
    ];
    let personal = super::personal::some_answers()
        .map(|answer| chosen(13, messages::personal_answer_to_wire(answer).encode_to_vec()));
    seeds.into_iter().chain(found).chain(personal).collect()
}
