//! Every text that is printed. Pure. The texts of the classic client are kept to the letter, since
//! scripts wait for them.

use chrono::TimeZone;

use super::{
    colour::Paint,
    people_text, personal_text,
    post_text::{self, Warnings, said, time},
    report::{Answer, Failure, Report},
    verb::{VERBS, Verb},
};
use crate::{
    client::{ActiveServer, ClientError, Post, RefusalKind, Server},
    domain::UserName,
    overview, sanitise,
};

pub const BANNER: &str = "
========= TINY SNS CLIENT =========
 Command Lists and Format:
 FOLLOW <username>
 UNFOLLOW <username>
 LIST
 TIMELINE
=====================================
";
pub const PROMPT: &str = "Cmd> ";
pub const IN_TIMELINE: &str = "Now you are in the timeline\n";
/// Whom the user wants to follow has a locked profile.
const REQUESTED: &str = "They are asked first: you follow them once they accept\n";
pub const SUCCESS: &str = "Command completed successfully\n";
pub const ALREADY_EXISTS: &str = "Input username already exists, command failed\n";
pub const DOES_NOT_EXIST: &str = "Input username does not exists, command failed\n";
pub const INVALID_USERNAME: &str = "Command failed with invalid username\n";
pub const INVALID_COMMAND: &str = "Command failed with invalid command\n";
pub const UNKNOWN_REASON: &str = "Command failed with unknown reason\n";

/// The status line for the outcome of a command.
pub fn status(report: &Report) -> &'static str {
    let is_about_a_name = matches!(report.verb, Some(Verb::Follow | Verb::Unfollow | Verb::Posts));
    match &report.outcome {
        Ok(_) => SUCCESS,
        Err(Failure::Invalid(_)) => INVALID_COMMAND,
        Err(Failure::Call(ClientError::Refused(refusal))) if is_about_a_name => {
            match refusal.kind {
                RefusalKind::AlreadyExists => ALREADY_EXISTS,
                RefusalKind::NotFound | RefusalKind::Invalid => INVALID_USERNAME,
                RefusalKind::NotPossible => DOES_NOT_EXIST,
                _ => UNKNOWN_REASON,
            }
        }
        Err(_) => UNKNOWN_REASON,
    }
}

/// The reason, if the status line does not give it.
pub fn explanation(report: &Report) -> Option<String> {
    let failure = report.outcome.as_ref().err()?;
    let is_told = ![UNKNOWN_REASON, INVALID_COMMAND].contains(&status(report));
    (!is_told).then(|| sanitise::line(&failure.to_string()) + "\n")
}

/// The number of what was made, for people who type.
pub fn number(report: &Report) -> Option<String> {
    match (report.verb, &report.outcome) {
        (Some(Verb::Post | Verb::Reply), Ok(Answer::Published(published))) => {
            Some(format!("It is number {}\n", published.id))
        }
        _ => None,
    }
}

/// What is printed after the status line.
pub fn answer<Zone: TimeZone>(answer: &Answer, zone: &Zone, paint: Paint) -> String
where
    Zone::Offset: std::fmt::Display,
{
    match answer {
        Answer::Done | Answer::Published(_) => String::new(),
        Answer::Lists { users, followers } => list(users, followers),
        Answer::Following(names) => enumerate("Following: ", names),
        Answer::Requested => REQUESTED.to_owned(),
        Answer::Requests(names) => enumerate("Requests: ", names),
        Answer::Numbered(posts) => {
            let numbered = |post| post_text::numbered(post, Warnings::Folded, zone, paint);
            posts.iter().map(numbered).collect()
        }
        Answer::Shown(post) => post_text::numbered(post, Warnings::Unfolded, zone, paint),
        Answer::Thread(shown) => post_text::thread(&shown.0, &shown.1, zone, paint),
        Answer::People(people) => people_text::people(people, paint),
        Answer::Hashtags(hashtags) => people_text::hashtags(hashtags),
        Answer::Person(view) => people_text::person(view, zone, paint),
        Answer::Notifications(page) => people_text::notifications(page, zone, paint),
        Answer::Announcements(told) => people_text::announcements(told, zone),
        Answer::Sessions(sessions) => people_text::sessions(sessions, zone),
        Answer::Posts(posts) => posts.iter().map(|it| post(it, zone, paint)).collect(),
        Answer::Kept(kept) => personal_text::kept(kept, zone),
        Answer::Made(id) => format!("It is number {id}\n"),
        Answer::Timeline(_) => IN_TIMELINE.to_owned(),
        Answer::Me { user, server, through } => {
            me(user.as_ref(), server.as_ref(), through.as_deref())
        }
        Answer::Cluster { status, now, room } => {
            sanitise::block(&overview::table::render(status, *now, *room)) + "\n"
        }
        Answer::Help(Some(verb)) => {
            format!("{}: {}.\n{}\n", verb.usage(), verb.summary(), verb.details())
        }
        Answer::Help(None) => VERBS.into_iter().map(help).collect(),
    }
}

/// A line of HELP.
fn help(verb: Verb) -> String {
    format!(" {:<20} {}\n", verb.usage(), verb.summary())
}

/// What LIST prints.
fn list(users: &[UserName], followers: &[UserName]) -> String {
    enumerate("All users: ", users) + &enumerate("Followers: ", followers)
}

/// Names, one after the other, as the classic client prints them.
pub fn enumerate(title: &str, names: &[UserName]) -> String {
    let mut words = title.to_owned();
    for name in names {
        words.push_str(name.as_str());
        words.push_str(", ");
    }
    words + "\n"
}

fn me(user: Option<&UserName>, server: Option<&Server>, through: Option<&str>) -> String {
    let user = user.map_or("", UserName::as_str);
    match (server.map(|server| sanitise::line(server.label())), through) {
        (Some(server), Some(entry)) => {
            format!("You are {user}, on {server}, through {}\n", sanitise::line(entry))
        }
        (Some(server), None) => format!("You are {user}, on {server}\n"),
        (None, _) => format!("You are {user}\n"),
    }
}

/// A post by another user, as in `u1(Thu Feb  1 23:47:25 2018) >> hello`, with its time in `zone`.
pub fn post<Zone: TimeZone>(post: &Post, zone: &Zone, paint: Paint) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let author = paint.name(post.author.as_str());
    let (time, said) = (time(post.posted_at, zone), said(post, Warnings::Folded));
    format!("{author}({time}) >> {said}\n")
}

/// The user's post was not made.
pub fn not_posted(failure: &Failure) -> String {
    format!("not posted: {}\n", sanitise::line(&failure.to_string()))
}

/// A line in the timeline that is also a command.
pub fn doubtful(verb: Verb) -> String {
    format!("not posted: {} is a command. Enter the line again to post it\n", verb.word())
}

/// No more posts of others will come.
pub fn live_ended(error: &ClientError) -> String {
    format!("no more live posts: {}\n", sanitise::line(&error.to_string()))
}

/// A move to another server.
pub fn moved(active_server: &ActiveServer) -> Option<String> {
    let took = active_server.move_took?.as_millis();
    Some(format!("moved to {} in {took} ms\n", sanitise::line(active_server.server.label())))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::{FixedOffset, Utc};

    use super::*;
    use crate::{
        client::Refusal,
        domain::{PostId, UnixMillis, UserId},
        overview::output_size::OutputSize,
        terminal::prompt_command::Mistake,
    };

    fn name(name: &str) -> UserName {
        UserName::new(name).expect("valid")
    }

    #[test]
    fn every_outcome_has_its_classic_status_line() {
        let refused =
            |kind| Err(Failure::Call(ClientError::Refused(Refusal::new(kind, "because"))));
        let unanswered = ClientError::from(Refusal::unanswered(Duration::ZERO, ""));
        let mistake = Mistake::Unknown { word: "folow".to_owned(), meant: Some(Verb::Follow) };
        let because = Some("because\n");
        let meant = Some("there is no command folow: did you mean FOLLOW?\n");
        let silence = Some("no server has answered within 0s: \n");
        for (verb, outcome, line, why) in [
            (Verb::Follow, Ok(Answer::Done), SUCCESS, None),
            (Verb::Follow, refused(RefusalKind::AlreadyExists), ALREADY_EXISTS, None),
            (Verb::Follow, refused(RefusalKind::NotFound), INVALID_USERNAME, None),
            (Verb::Follow, refused(RefusalKind::Invalid), INVALID_USERNAME, None),
            (Verb::Follow, refused(RefusalKind::NotPossible), DOES_NOT_EXIST, None),
            (Verb::Follow, refused(RefusalKind::WrongPassword), UNKNOWN_REASON, because),
            (Verb::Follow, Err(unanswered.into()), UNKNOWN_REASON, silence),
            (Verb::Follow, Err(mistake.into()), INVALID_COMMAND, meant),
            (Verb::Posts, refused(RefusalKind::NotFound), INVALID_USERNAME, None),
            (Verb::Post, refused(RefusalKind::Invalid), UNKNOWN_REASON, because),
            (Verb::Password, refused(RefusalKind::Invalid), UNKNOWN_REASON, because),
        ] {
            let report = Report { verb: Some(verb), outcome };
            assert_eq!(status(&report), line, "{report:?}");
            assert_eq!(explanation(&report).as_deref(), why, "{report:?}");
        }
        assert_eq!(
            [SUCCESS, ALREADY_EXISTS, DOES_NOT_EXIST, INVALID_USERNAME, INVALID_COMMAND],
            [
                "Command completed successfully\n",
                "Input username already exists, command failed\n",
                "Input username does not exists, command failed\n",
                "Command failed with invalid username\n",
                "Command failed with invalid command\n",
            ]
        );
        assert_eq!(UNKNOWN_REASON, "Command failed with unknown reason\n");
    }

    #[test]
    fn answers_are_told_in_plain_words() {
        let names = |names: &[&str]| names.iter().copied().map(name).collect::<Vec<_>>();
        let server = Server { name: "server-4".to_owned(), address: "h:1".to_owned(), term: 2 };
        let user = || Some(name("ann"));
        for (told, words) in [
            (Answer::Done, ""),
            (Answer::Following(names(&["u1", "u2"])), "Following: u1, u2, \n"),
            (
                Answer::Me { user: user(), server: Some(server.clone()), through: None },
                "You are ann, on server-4\n",
            ),
            (
                Answer::Me {
                    user: user(),
                    server: Some(server),
                    through: Some("sns.example.net:3010".to_owned()),
                },
                "You are ann, on server-4, through sns.example.net:3010\n",
            ),
            (Answer::Me { user: user(), server: None, through: None }, "You are ann\n"),
            (
                Answer::Help(Some(Verb::Following)),
                "FOLLOWING: prints the people you follow.\nSorted by name.\n",
            ),
        ] {
            assert_eq!(answer(&told, &Utc, Paint::default()), words);
        }
        let help = answer(&Answer::Help(None), &Utc, Paint::default());
        assert!(help.lines().all(|line| line.chars().count() < 80), "{help}");
        assert!(help.starts_with(" FOLLOW <username>    shows you"), "{help}");
        let status = overview::tests::cluster();
        let (now, room) = (UnixMillis::new(62_500), OutputSize::ENDLESS);
        let told = Answer::Cluster { status: status.clone(), now, room };
        let table = answer(&told, &Utc, Paint::default());
        assert_eq!(table, overview::table::render(&status, now, room));
    }

    #[test]
    fn lists_as_the_classic_client_does() {
        let names = |names: &[&str]| names.iter().copied().map(name).collect::<Vec<_>>();
        assert_eq!(
            list(&names(&["u1", "u2"]), &names(&["u2"])),
            "All users: u1, u2, \nFollowers: u2, \n"
        );
        assert_eq!(list(&[], &names(&["u2"])), "All users: \nFollowers: u2, \n");
    }

    #[test]
    fn a_post_carries_its_author_and_the_time_of_the_reader() {
        let posted_at = UnixMillis::new(1_517_528_845_000);
        let hello = Post::plain(PostId::new(1), UserId(1), name("u1"), posted_at, "hello\n\u{1b}c");
        assert_eq!(
            post(&hello, &Utc, Paint::default()),
            "u1(Thu Feb  1 23:47:25 2018) >> hello\n    \u{fffd}c\n"
        );
        let east = FixedOffset::east_opt(3600).expect("an offset");
        assert!(
            post(&hello, &east, Paint::default())
                .starts_with("u1(Fri Feb  2 00:47:25 2018) >> hello")
        );
        let painted = post(&hello, &Utc, Paint { is_wanted: true });
        assert!(painted.starts_with("\u{1b}[1;36mu1\u{1b}[0m(Thu Feb"), "{painted:?}");
        let never = Post { posted_at: UnixMillis::MAX, ..hello };
        assert!(post(&never, &Utc, Paint::default()).starts_with("u1(Thu Jan  1 00:00:00 1970)"));
    }

    #[test]
    fn tells_of_moves_and_not_of_the_first_server() {
        let server = Server { name: "server-4".to_owned(), address: "h:1".to_owned(), term: 2 };
        let first = ActiveServer { server, through: None, move_took: None, answers: true };
        assert_eq!(moved(&first), None);
        let second = ActiveServer { move_took: Some(Duration::from_micros(12_400)), ..first };
        assert_eq!(moved(&second).as_deref(), Some("moved to server-4 in 12 ms\n"));
    }
}
