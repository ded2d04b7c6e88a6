//! People, and what they have done, as it is printed. Pure.

use std::fmt::Write as _;

use chrono::TimeZone;

use super::{
    colour::Paint,
    post_text::{beginning, counted, number, time},
};
use crate::{
    client::{Announcement, NotificationPage, PersonView, SessionInfo},
    domain::{Notification, NotificationKind, Person, Relationship},
    network::HashtagUse,
    sanitise,
};

/// A name, with the name to display if there is one.
fn called(person: &Person, paint: Paint) -> String {
    let name = paint.name(person.name.as_str());
    match sanitise::line(&person.profile.display_name).as_str() {
        "" => name,
        display_name => format!("{name} ({display_name})"),
    }
}

fn amounts(person: &Person) -> String {
    let counts = person.counts;
    let none = |what: &str| format!("no {what}");
    let posts = counted(counts.posts, "post", "posts").unwrap_or_else(|| none("posts"));
    let followers =
        counted(counts.followers, "follower", "followers").unwrap_or_else(|| none("followers"));
    format!("{posts}, {followers}, follows {}", counts.following)
}

/// People, a line each.
pub fn people(people: &[Person], paint: Paint) -> String {
    let line = |person| format!("{}: {}\n", called(person, paint), amounts(person));
    people.iter().map(line).collect()
}

/// Hashtags, a line each.
pub fn hashtags(hashtags: &[HashtagUse]) -> String {
    let line = |HashtagUse { hashtag, posts, is_followed }: &HashtagUse| {
        let posts = counted(*posts, "post", "posts").unwrap_or_else(|| "no posts".to_owned());
        let followed = if *is_followed { ", you follow it" } else { "" };
        format!("#{}: {posts}{followed}\n", sanitise::line(hashtag.as_str()))
    };
    hashtags.iter().map(line).collect()
}

/// Who somebody is, and what they and the user are to each other.
pub fn person<Zone: TimeZone>(view: &PersonView, zone: &Zone, paint: Paint) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let PersonView { person, relationship } = view;
    let mut words = format!("{}\n", called(person, paint));
    let mut add = |line: String| writeln!(words, "    {line}").expect("a string grows");
    if !person.profile.bio.is_empty() {
        add(sanitise::text(&person.profile.bio));
    }
    for link in &person.profile.links {
        add(format!("{}: {}", sanitise::line(&link.label), sanitise::line(&link.value)));
    }
    add(format!("{}, here since {}", amounts(person), time(person.created_at, zone)));
    for (is_so, fact) in [
        (person.profile.bot, "a program posts here"),
        (person.profile.locked, "whoever wants to follow asks first"),
    ] {
        if is_so {
            add(fact.to_owned());
        }
    }
    for fact in facts(relationship, zone) {
        add(fact);
    }
    words
}

fn facts<Zone: TimeZone>(relationship: &Relationship, zone: &Zone) -> Vec<String>
where
    Zone::Offset: std::fmt::Display,
{
    let it = relationship;
    let muted = match it.muting_until {
        Some(until) => format!("you have muted them until {}", time(until, zone)),
        None => "you have muted them".to_owned(),
    };
    let all = [
        (it.following, "you follow them".to_owned()),
        (it.requested, "you have asked to follow them".to_owned()),
        (it.followed_by, "they follow you".to_owned()),
        (it.requested_by, "they ask to follow you: ACCEPT or REJECT".to_owned()),
        (it.blocking, "you have blocked them".to_owned()),
        (it.muting, muted),
        (!it.note.is_empty(), format!("your note: {}", sanitise::line(&it.note))),
    ];
    all.into_iter().filter_map(|(is_so, fact)| is_so.then_some(fact)).collect()
}

/// Where the user is logged in, a line each. An asterisk marks the session that asks.
pub fn sessions<Zone: TimeZone>(sessions: &[SessionInfo], zone: &Zone) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let line = |session: &SessionInfo| {
        let sign = if session.is_this { '*' } else { ' ' };
        let client = match sanitise::line(session.client.as_str()).as_str() {
            "" => "some program".to_owned(),
            client => client.to_owned(),
        };
        let ends = session.expires_at.map(|at| format!(", ends {}", time(at, zone)));
        let (begun, ends) = (time(session.begun_at, zone), ends.unwrap_or_default());
        format!("{sign} {} {client}, since {begun}{ends}\n", session.number)
    };
    sessions.iter().map(line).collect()
}

/// What others have done. An asterisk marks what is new.
pub fn notifications<Zone: TimeZone>(page: &NotificationPage, zone: &Zone, paint: Paint) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let line = |notification: &Notification| {
        let sign = if notification.id > page.read_up_to { '*' } else { ' ' };
        let at = time(notification.at, zone);
        let actor = paint.name(notification.actor.as_str());
        let about = match (&notification.post, notification.kind) {
            (Some(post), _) => format!(": [{}] {}", number(post), beginning(post)),
            (None, NotificationKind::FollowRequested) => ": ACCEPT or REJECT".to_owned(),
            (None, _) => String::new(),
        };
        format!("{sign} {actor}({at}) {}{about}\n", deed(notification.kind))
    };
    page.notifications.iter().map(line).collect()
}

/// What those who run the network tell everybody.
pub fn announcements<Zone: TimeZone>(announcements: &[Announcement], zone: &Zone) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let line = |told: &Announcement| {
        format!("{} >> {}\n", time(told.at, zone), sanitise::text(&told.text))
    };
    announcements.iter().map(line).collect()
}

/// What somebody has done.
pub fn deed(kind: NotificationKind) -> &'static str {
    match kind {
        NotificationKind::Followed => "follows you",
        NotificationKind::FollowRequested => "asks to follow you",
        NotificationKind::Mentioned => "mentions you",
        NotificationKind::Boosted => "has boosted your post",
        NotificationKind::Liked => "likes your post",
        NotificationKind::Edited => "has changed a post that you have boosted",
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;
    use crate::domain::{
        ClientName, Hashtag, PersonCounts, Post, PostId, Profile, ProfileLink, UnixMillis, UserId,
        UserName,
    };

    fn name(name: &str) -> UserName {
        UserName::new(name).expect("valid")
    }

    fn ann() -> Person {
        Person {
            id: UserId(1),
            name: name("ann"),
            created_at: UnixMillis::new(1_517_528_845_000),
            profile: Profile {
                display_name: "Ann\u{1b}".to_owned(),
                bio: "two\nlines".to_owned(),
                links: vec![ProfileLink {
                    label: "home".to_owned(),
                    value: "x.example".to_owned(),
                }],
                locked: true,
                ..Profile::default()
            },
            counts: PersonCounts { posts: 1, following: 3, ..PersonCounts::default() },
            avatar: None,
            header: None,
        }
    }

    #[test]
    fn a_person_is_described_in_harmless_words() {
        let relationship = Relationship {
            following: true,
            muting: true,
            note: "a friend".to_owned(),
            ..Relationship::default()
        };
        let view = PersonView { person: ann(), relationship };
        assert_eq!(
            person(&view, &Utc, Paint::default()),
            "ann (Ann\u{fffd})\n    \
             two\n    \
             lines\n    \
             home: x.example\n    \
             1 post, no followers, follows 3, here since Thu Feb  1 23:47:25 2018\n    \
             whoever wants to follow asks first\n    \
             you follow them\n    \
             you have muted them\n    \
             your note: a friend\n"
        );
        let plain = Person { profile: Profile::default(), ..ann() };
        assert_eq!(
            people(&[ann(), plain], Paint::default()),
            "ann (Ann\u{fffd}): 1 post, no followers, follows 3\n\
             ann: 1 post, no followers, follows 3\n"
        );
        let rust = Hashtag::new("rust").expect("valid");
        let found = |posts, is_followed| HashtagUse { hashtag: rust.clone(), posts, is_followed };
        assert_eq!(
            hashtags(&[found(1, false), found(2, true)]),
            "#rust: 1 post\n#rust: 2 posts, you follow it\n"
        );
    }

    #[test]
    fn what_everybody_is_told_is_printed_with_its_time() {
        let (at, text) = (UnixMillis::new(1_517_528_845_000), "two\nlines\u{1b}".to_owned());
        let told = announcements(&[Announcement { number: 1, at, text }], &Utc);
        assert_eq!(told, "Thu Feb  1 23:47:25 2018 >> two\n    lines\u{fffd}\n");
    }

    #[test]
    fn sessions_are_listed_with_their_numbers_and_the_own_one_is_marked() {
        let session = |number, client: &str, expires_at, is_this| SessionInfo {
            number,
            client: ClientName::new(client),
            begun_at: UnixMillis::new(1_517_528_845_000),
            expires_at,
            is_this,
        };
        let later = Some(UnixMillis::new(1_517_528_846_000));
        assert_eq!(
            sessions(&[session(12, "a phone", later, true), session(3, "", None, false)], &Utc),
            "* 12 a phone, since Thu Feb  1 23:47:25 2018, ends Thu Feb  1 23:47:26 2018\n  \
             3 some program, since Thu Feb  1 23:47:25 2018\n"
        );
    }

    #[test]
    fn what_others_have_done_is_told_and_what_is_new_is_marked() {
        let at = UnixMillis::new(1_517_528_845_000);
        let post = Post::plain(PostId::new(7), UserId(2), name("bob"), at, "hello\nthere");
        let done = |id, kind, post| {
            let (id, actor_id, actor) = (PostId::new(id), UserId(1), name("ann"));
            Notification { id, kind, at, actor_id, actor, post }
        };
        let page = NotificationPage {
            notifications: vec![
                done(9, NotificationKind::Liked, Some(post)),
                done(8, NotificationKind::Followed, None),
            ],
            as_of: PostId::new(9),
            more: false,
            read_up_to: PostId::new(8),
        };
        assert_eq!(
            notifications(&page, &Utc, Paint::default()),
            "* ann(Thu Feb  1 23:47:25 2018) likes your post: [7] hello there\n  \
             ann(Thu Feb  1 23:47:25 2018) follows you\n"
        );
    }
}
