//! JSON for scripts: one object a line. Pure. The names are stable: scripts depend on them.
//!
//! Texts are exactly as they were written, and every character beyond ASCII is escaped, so that
//! nothing in them can do harm on a screen, in any encoding.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::{
    json_facts::{
        AnnouncementFacts, HashtagFacts, NotificationFacts, PersonFacts, PostFacts,
        RelationshipFacts, SessionFacts,
    },
    json_personal::KeptFacts,
    prompt_command::Mistake,
    report::{Answer, Failure, Report},
    verb::{VERBS, Verb},
};
use crate::{
    client::{ActiveServer, ClientError, Post, RefusalKind, Server},
    domain::UserName,
    overview::json::{Cluster, cluster},
};

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Result {
        command: &'a str,
        ok: bool,
        #[serde(flatten)]
        details: Details<'a>,
    },
    Post(PostFacts<'a>),
    Notification(NotificationFacts<'a>),
    Moved {
        server: &'a str,
        took_ms: u64,
    },
    LiveEnded {
        code: &'static str,
        message: String,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Details<'a> {
    Failed {
        code: &'static str,
        message: String,
    },
    Done {},
    Lists {
        users: &'a [UserName],
        followers: &'a [UserName],
    },
    Following {
        following: &'a [UserName],
    },
    Requests {
        requests: &'a [UserName],
    },
    Requested {
        requested: bool,
    },
    Sessions {
        sessions: Vec<SessionFacts<'a>>,
    },
    People {
        people: Vec<PersonFacts<'a>>,
    },
    Hashtags {
        hashtags: Vec<HashtagFacts<'a>>,
    },
    Person {
        person: PersonFacts<'a>,
        relationship: RelationshipFacts<'a>,
    },
    /// Where the post is among those that follow.
    Thread {
        posts: usize,
        asked: usize,
    },
    Notifications {
        notifications: usize,
    },
    Announcements {
        announcements: Vec<AnnouncementFacts<'a>>,
    },
    Kept(KeptFacts<'a>),
    Made {
        id: u64,
    },
    Published {
        id: u64,
        posted_at_ms: i64,
    },
    Posts {
        posts: usize,
    },
    Me {
        user: &'a str,
        server: Option<&'a str>,
        address: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        through: Option<&'a str>,
    },
    Cluster {
        cluster: Cluster<'a>,
    },
    Help {
        commands: Vec<Help>,
    },
}

#[derive(Serialize)]
struct Help {
    usage: String,
    summary: &'static str,
}

/// The outcome of a command, and what it returned, a line each.
pub fn result(report: &Report) -> String {
    let (details, others) = match &report.outcome {
        Ok(answer) => (details(answer), lines_after(answer)),
        Err(failure) => {
            let message = failure.to_string();
            (Details::Failed { code: failure_code(failure), message }, String::new())
        }
    };
    let result = Line::Result { command: command(report), ok: report.outcome.is_ok(), details };
    line(&result) + &others
}

/// A post.
pub fn post(post: &Post) -> String {
    line(&Line::Post(PostFacts::of(post)))
}

/// A move to another server.
pub fn moved(active_server: &ActiveServer) -> Option<String> {
    let took_ms = u64::try_from(active_server.move_took?.as_millis()).unwrap_or(u64::MAX);
    Some(line(&Line::Moved { server: active_server.server.label(), took_ms }))
}

/// No more posts of others will come.
pub fn live_ended(error: &ClientError) -> String {
    line(&Line::LiveEnded { code: error_code(error), message: error.to_string() })
}

/// The verb, or what was typed instead.
fn command(report: &Report) -> &str {
    match (&report.verb, &report.outcome) {
        (Some(verb), _) => verb.word(),
        (None, Err(Failure::Invalid(Mistake::Unknown { word, .. }))) => word,
        (None, _) => "",
    }
}

fn details(answer: &Answer) -> Details<'_> {
    match answer {
        Answer::Done => Details::Done {},
        Answer::Lists { users, followers } => Details::Lists { users, followers },
        Answer::Following(following) => Details::Following { following },
        Answer::Requests(requests) => Details::Requests { requests },
        Answer::Requested => Details::Requested { requested: true },
        Answer::Sessions(sessions) => {
            Details::Sessions { sessions: sessions.iter().map(SessionFacts::of).collect() }
        }
        Answer::Published(published) => {
            Details::Published { id: published.id.get(), posted_at_ms: published.posted_at.get() }
        }
        Answer::Posts(posts) | Answer::Numbered(posts) => Details::Posts { posts: posts.len() },
        Answer::Shown(_) => Details::Posts { posts: 1 },
        Answer::Thread(shown) => {
            let (before, after) = (shown.1.ancestors.len(), shown.1.descendants.len());
            Details::Thread { posts: before + 1 + after, asked: before }
        }
        Answer::People(people) => {
            Details::People { people: people.iter().map(PersonFacts::of).collect() }
        }
        Answer::Hashtags(hashtags) => {
            Details::Hashtags { hashtags: hashtags.iter().map(HashtagFacts::of).collect() }
        }
        Answer::Person(view) => Details::Person {
            person: PersonFacts::of(&view.person),
            relationship: RelationshipFacts::of(view),
        },
        Answer::Notifications(page) => {
            Details::Notifications { notifications: page.notifications.len() }
        }
        Answer::Announcements(told) => Details::Announcements {
            announcements: told.iter().map(AnnouncementFacts::of).collect(),
        },
        Answer::Kept(kept) => Details::Kept(KeptFacts::of(kept)),
        Answer::Made(id) => Details::Made { id: id.get() },
        Answer::Timeline(posts) => Details::Posts { posts: *posts },
        Answer::Me { user, server, through } => Details::Me {
            user: user.as_ref().map_or("", UserName::as_str),
            server: server.as_ref().map(Server::label),
            address: server.as_ref().map(|server| &*server.address),
            through: through.as_deref(),
        },
        Answer::Cluster { status, .. } => Details::Cluster { cluster: cluster(status) },
        Answer::Help(verb) => {
            let help = |verb: Verb| Help { usage: verb.usage(), summary: verb.summary() };
            let all = VERBS.into_iter().filter(|it| verb.is_none_or(|verb| verb == *it));
            Details::Help { commands: all.map(help).collect() }
        }
    }
}

/// What follows the line of the outcome.
fn lines_after(answer: &Answer) -> String {
    match answer {
        Answer::Posts(posts) | Answer::Numbered(posts) => posts.iter().map(post).collect(),
        Answer::Shown(shown) => post(shown),
        Answer::Thread(shown) => {
            let (asked, thread) = &**shown;
            let before = thread.ancestors.iter().chain([asked]);
            before.chain(&thread.descendants).map(post).collect()
        }
        Answer::Notifications(page) => {
            let told = page.notifications.iter().map(|notification| {
                let is_new = notification.id > page.read_up_to;
                line(&Line::Notification(NotificationFacts::of(notification, is_new)))
            });
            told.collect()
        }
        Answer::Done
        | Answer::Lists { .. }
        | Answer::Following(_)
        | Answer::Published(_)
        | Answer::Requested
        | Answer::Requests(_)
        | Answer::Sessions(_)
        | Answer::People(_)
        | Answer::Hashtags(_)
        | Answer::Announcements(_)
        | Answer::Person(_)
        | Answer::Kept(_)
        | Answer::Made(_)
        | Answer::Timeline(_)
        | Answer::Me { .. }
        | Answer::Cluster { .. }
        | Answer::Help(_) => String::new(),
    }
}

fn failure_code(failure: &Failure) -> &'static str {
    match failure {
        Failure::Invalid(_) | Failure::SomebodyElse => "INVALID_COMMAND",
        Failure::Call(error) => error_code(error),
        Failure::Differ | Failure::NoPassword | Failure::NotDeleted => "INVALID_PASSWORD",
        Failure::NoList => "NOT_FOUND",
        Failure::NoText => "INVALID_TEXT",
    }
}

/// The code of a refusal is that of gRPC.
fn error_code(error: &ClientError) -> &'static str {
    let kind = match error {
        ClientError::Refused(refusal) => &refusal.kind,
        ClientError::Unanswered { .. } => return "UNANSWERED",
        ClientError::NotLoggedIn => return "NOT_LOGGED_IN",
        ClientError::Router { .. } => return "ROUTER_UNREACHABLE",
        ClientError::Address { .. } => return "INVALID_ADDRESS",
    };
    match kind {
        RefusalKind::Invalid => "INVALID_ARGUMENT",
        RefusalKind::NotFound => "NOT_FOUND",
        RefusalKind::AlreadyExists => "ALREADY_EXISTS",
        RefusalKind::NotPossible | RefusalKind::BadGrant | RefusalKind::UserNeeded => {
            "FAILED_PRECONDITION"
        }
        RefusalKind::Stale => "OUT_OF_RANGE",
        RefusalKind::SessionEnded | RefusalKind::SessionRevoked | RefusalKind::UnknownApp => {
            "UNAUTHENTICATED"
        }
        RefusalKind::WrongPassword | RefusalKind::OutsideScope => "PERMISSION_DENIED",
        RefusalKind::TooMuch => "RESOURCE_EXHAUSTED",
        RefusalKind::Interrupted => "ABORTED",
        RefusalKind::Elsewhere(_) => "UNAVAILABLE",
        RefusalKind::Broken => "INTERNAL",
        RefusalKind::Unanswered => "DEADLINE_EXCEEDED",
        RefusalKind::Unsupported => "UNIMPLEMENTED",
        RefusalKind::Unknown => "UNKNOWN",
    }
}

fn line(line: &Line) -> String {
    let mut json = Vec::new();
    line.serialize(&mut Serializer::with_formatter(&mut json, Ascii))
        .expect("strings and numbers have a JSON form");
    json.push(b'\n');
    String::from_utf8(json).expect("ASCII")
}

/// Escapes everything that is not printable ASCII.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for character in fragment.chars() {
            if matches!(character, ' '..='~') {
                write!(writer, "{character}")?;
                continue;
            }
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        client::{NotificationPage, Published, Refusal},
        domain::{
            Language, Marks, Notification, NotificationKind, PostCounts, PostId, ReplyTo,
            UnixMillis, UserId, Visibility,
        },
        overview::output_size::OutputSize,
    };

    fn name(name: &str) -> UserName {
        UserName::new(name).expect("valid")
    }

    fn said(text: &str) -> Post {
        Post::plain(PostId::new(7), UserId(1), name("ann"), UnixMillis::new(12), text)
    }

    #[test]
    fn field_names_and_their_order_stay() {
        let ok = |verb, answer| Report { verb: Some(verb), outcome: Ok(answer) };
        let names = |names: &[&str]| names.iter().copied().map(name).collect::<Vec<_>>();
        let server = Server { name: "server-4".to_owned(), address: "h:1".to_owned(), term: 2 };
        let refused = ClientError::Refused(Refusal::new(RefusalKind::AlreadyExists, "no"));
        let mistake = Mistake::Unknown { word: "FOLOW".to_owned(), meant: Some(Verb::Follow) };
        for (report, json) in [
            (ok(Verb::Follow, Answer::Done), r#"{"type":"result","command":"FOLLOW","ok":true}"#),
            (
                Report { verb: Some(Verb::Follow), outcome: Err(refused.clone().into()) },
                r#"{"type":"result","command":"FOLLOW","ok":false,"code":"ALREADY_EXISTS","message":"no"}"#,
            ),
            (
                Report { verb: None, outcome: Err(mistake.into()) },
                r#"{"type":"result","command":"FOLOW","ok":false,"code":"INVALID_COMMAND","message":"there is no command FOLOW: did you mean FOLLOW?"}"#,
            ),
            (
                ok(Verb::List, Answer::Lists { users: names(&["a", "b"]), followers: vec![] }),
                r#"{"type":"result","command":"LIST","ok":true,"users":["a","b"],"followers":[]}"#,
            ),
            (
                ok(Verb::Following, Answer::Following(names(&["a"]))),
                r#"{"type":"result","command":"FOLLOWING","ok":true,"following":["a"]}"#,
            ),
            (
                ok(
                    Verb::Post,
                    Answer::Published(Published {
                        id: PostId::new(7),
                        posted_at: UnixMillis::new(12),
                    }),
                ),
                r#"{"type":"result","command":"POST","ok":true,"id":7,"posted_at_ms":12}"#,
            ),
            (
                ok(Verb::Posts, Answer::Posts(vec![said("hi")])),
                "{\"type\":\"result\",\"command\":\"POSTS\",\"ok\":true,\"posts\":1}\n\
                 {\"type\":\"post\",\"id\":7,\"author\":\"ann\",\"posted_at_ms\":12,\"text\":\"hi\"}",
            ),
            (
                ok(Verb::Timeline, Answer::Timeline(20)),
                r#"{"type":"result","command":"TIMELINE","ok":true,"posts":20}"#,
            ),
            (
                ok(
                    Verb::Whoami,
                    Answer::Me {
                        user: Some(name("ann")),
                        server: Some(server.clone()),
                        through: None,
                    },
                ),
                r#"{"type":"result","command":"WHOAMI","ok":true,"user":"ann","server":"server-4","address":"h:1"}"#,
            ),
            (
                ok(
                    Verb::Whoami,
                    Answer::Me {
                        user: Some(name("ann")),
                        server: Some(server),
                        through: Some("entry:1".to_owned()),
                    },
                ),
                r#"{"type":"result","command":"WHOAMI","ok":true,"user":"ann","server":"server-4","address":"h:1","through":"entry:1"}"#,
            ),
            (
                ok(Verb::Help, Answer::Help(Some(Verb::List))),
                r#"{"type":"result","command":"HELP","ok":true,"commands":[{"usage":"LIST","summary":"prints everyone who has an account, and your followers"}]}"#,
            ),
        ] {
            assert_eq!(result(&report), format!("{json}\n"));
        }
        assert_eq!(
            live_ended(&refused),
            "{\"type\":\"live_ended\",\"code\":\"ALREADY_EXISTS\",\"message\":\"no\"}\n"
        );
        for (verb, answer, json) in [
            (Verb::Follow, Answer::Requested, r#""requested":true}"#),
            (Verb::Requests, Answer::Requests(names(&["a"])), r#""requests":["a"]}"#),
            (Verb::Home, Answer::Numbered(vec![]), r#""posts":0}"#),
        ] {
            let command = verb.word();
            let json = format!(r#"{{"type":"result","command":"{command}","ok":true,{json}"#);
            assert_eq!(result(&ok(verb, answer)), json + "\n");
        }
        let status = crate::overview::tests::cluster();
        let status = result(&ok(
            Verb::Status,
            Answer::Cluster { status, now: UnixMillis::EPOCH, room: OutputSize::ENDLESS },
        ));
        assert!(status.contains(r#""ok":true,"cluster":{"cluster_id":"0123"#), "{status}");
    }

    #[test]
    fn what_is_unusual_about_a_post_is_told_behind_the_rest() {
        let rich = Post {
            warning: Some("loud".to_owned()),
            sensitive: true,
            language: Some(Language::new("de").expect("valid")),
            visibility: Visibility::Followers,
            reply_to: Some(ReplyTo { post: PostId::new(3), author: UserId(2) }),
            edited_at: Some(UnixMillis::new(13)),
            counts: PostCounts { replies: 1, boosts: 0, likes: 2 },
            marks: Marks { liked: true, ..Marks::default() },
            ..said("hi")
        };
        let facts = r#""id":7,"author":"ann","posted_at_ms":12,"text":"hi","warning":"loud","sensitive":true,"language":"de","visibility":"followers","reply_to":3,"edited_at_ms":13,"replies":1,"likes":2,"you":["liked"]}"#;
        assert_eq!(post(&rich), format!("{{\"type\":\"post\",{facts}\n"));
        let boost = Post { boost_of: Some(Box::new(rich)), ..said("") };
        assert!(post(&boost).ends_with(&format!("\"text\":\"\",\"boost_of\":{{{facts}}}\n")));
    }

    #[test]
    fn notifications_follow_a_line_each() {
        let liked = |id, post| Notification {
            id: PostId::new(id),
            kind: NotificationKind::Liked,
            at: UnixMillis::new(13),
            actor_id: UserId(2),
            actor: name("bob"),
            post,
        };
        let page = NotificationPage {
            notifications: vec![liked(9, Some(said("hi"))), liked(8, None)],
            as_of: PostId::new(9),
            more: false,
            read_up_to: PostId::new(8),
        };
        let report =
            Report { verb: Some(Verb::Notifications), outcome: Ok(Answer::Notifications(page)) };
        let lines = [
            r#"{"type":"result","command":"NOTIFICATIONS","ok":true,"notifications":2}"#,
            r#"{"type":"notification","id":9,"kind":"liked","at_ms":13,"actor":"bob","new":true,"post":{"id":7,"author":"ann","posted_at_ms":12,"text":"hi"}}"#,
            r#"{"type":"notification","id":8,"kind":"liked","at_ms":13,"actor":"bob","new":false}"#,
            "",
        ];
        assert_eq!(result(&report), lines.join("\n"));
    }

    #[test]
    fn tells_of_moves_and_not_of_the_first_server() {
        let server = Server { name: "server-4".to_owned(), address: "h:1".to_owned(), term: 2 };
        let first = ActiveServer { server, through: None, move_took: None, answers: true };
        assert_eq!(moved(&first), None);
        let second = ActiveServer { move_took: Some(Duration::from_micros(12_400)), ..first };
        let json = "{\"type\":\"moved\",\"server\":\"server-4\",\"took_ms\":12}\n";
        assert_eq!(moved(&second).as_deref(), Some(json));
    }

    #[test]
    fn escapes_what_is_not_printable_ascii() {
        let json = post(&said("\"\\ \n\t\u{1b}\u{7f}\u{9b}é\u{202e}😀"));
        let text = r#""text":"\"\\ \n\t\u001b\u007f\u009b\u00e9\u202e\ud83d\ude00"}"#;
        assert!(json.ends_with(&format!("{text}\n")), "{json}");
    }

    proptest! {
        #[test]
        fn every_text_survives_and_none_can_do_harm(text in any::<String>()) {
            let json = post(&said(&text));
            let (json, end) = json.split_at(json.len() - 1);
            prop_assert_eq!(end, "\n");
            prop_assert!(json.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{}", json);
            let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
            prop_assert_eq!(value["text"].as_str(), Some(&*text));
        }
    }
}
