//! Every word that is printed. Pure. The words are those of the classic client, to the letter,
//! since scripts wait for them.

use std::fmt::Write as _;

use chrono::{DateTime, TimeZone, Utc};
use tonic::Code;

use super::sanitise;
use crate::client::{ClientError, InUse, Post};

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
pub const SUCCESS: &str = "Command completed successfully\n";
pub const ALREADY_EXISTS: &str = "Input username already exists, command failed\n";
pub const DOES_NOT_EXIST: &str = "Input username does not exists, command failed\n";
pub const INVALID_USERNAME: &str = "Command failed with invalid username\n";
pub const INVALID_COMMAND: &str = "Command failed with invalid command\n";
pub const UNKNOWN_REASON: &str = "Command failed with unknown reason\n";

/// The status line for a command's outcome.
pub fn status<T>(outcome: &Result<T, ClientError>) -> &'static str {
    match outcome {
        Ok(_) => SUCCESS,
        Err(ClientError::Refused { code, .. }) => match code {
            Code::AlreadyExists => ALREADY_EXISTS,
            Code::NotFound | Code::InvalidArgument => INVALID_USERNAME,
            Code::FailedPrecondition => DOES_NOT_EXIST,
            _ => UNKNOWN_REASON,
        },
        Err(_) => UNKNOWN_REASON,
    }
}

/// What the status line leaves untold.
pub fn explanation<T>(outcome: &Result<T, ClientError>) -> Option<String> {
    let error = outcome.as_ref().err()?;
    (status(outcome) == UNKNOWN_REASON).then(|| sanitise::line(&error.to_string()))
}

/// What LIST prints.
pub fn list(users: &[String], followers: &[String]) -> String {
    let mut words = String::new();
    for (title, names) in [("All users: ", users), ("Followers: ", followers)] {
        words.push_str(title);
        for name in names {
            words.push_str(&sanitise::line(name));
            words.push_str(", ");
        }
        words.push('\n');
    }
    words
}

/// A post of another, as in `u1(Thu Feb  1 23:47:25 2018) >> hello`, its time in `zone`.
pub fn post<Zone: TimeZone>(post: &Post, zone: &Zone) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let posted_at = DateTime::<Utc>::from_timestamp_millis(post.posted_at).unwrap_or_default();
    let mut words = sanitise::line(&post.author);
    let time = posted_at.with_timezone(zone).format("%a %b %e %H:%M:%S %Y");
    writeln!(words, "({time}) >> {}", sanitise::text(&post.text))
        .expect("a string takes everything");
    words
}

/// A post of one's own that was not made.
pub fn not_posted(error: &ClientError) -> String {
    format!("not posted: {}\n", sanitise::line(&error.to_string()))
}

/// A move to another server.
pub fn moved(in_use: &InUse) -> Option<String> {
    let took = in_use.move_took?.as_millis();
    Some(format!("moved to {} in {took} ms\n", sanitise::line(in_use.server.label())))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::FixedOffset;

    use super::*;
    use crate::client::Server;

    #[test]
    fn every_outcome_has_its_classic_status_line() {
        let refused =
            |code| Err::<(), _>(ClientError::Refused { code, message: "because".to_owned() });
        let unanswered =
            ClientError::Unanswered { patience: Duration::ZERO, reason: String::new() };
        for (outcome, line) in [
            (Ok(()), "Command completed successfully\n"),
            (refused(Code::AlreadyExists), "Input username already exists, command failed\n"),
            (refused(Code::NotFound), "Command failed with invalid username\n"),
            (refused(Code::InvalidArgument), "Command failed with invalid username\n"),
            (refused(Code::FailedPrecondition), "Input username does not exists, command failed\n"),
            (refused(Code::PermissionDenied), "Command failed with unknown reason\n"),
            (Err(unanswered), "Command failed with unknown reason\n"),
        ] {
            assert_eq!(status(&outcome), line);
            assert_eq!(explanation(&outcome).is_some(), line == UNKNOWN_REASON);
        }
    }

    #[test]
    fn lists_as_the_classic_client_does() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            list(&names(&["u1", "u2"]), &names(&["u2"])),
            "All users: u1, u2, \nFollowers: u2, \n"
        );
        assert_eq!(list(&[], &names(&["\u{1b}[2J"])), "All users: \nFollowers: \u{fffd}[2J, \n");
    }

    #[test]
    fn a_post_carries_its_author_and_the_time_of_the_reader() {
        let hello = Post {
            id: 1,
            author: "u1".to_owned(),
            posted_at: 1_517_528_845_000,
            text: "hello\n\u{1b}c".to_owned(),
        };
        assert_eq!(post(&hello, &Utc), "u1(Thu Feb  1 23:47:25 2018) >> hello\n    \u{fffd}c\n");
        let east = FixedOffset::east_opt(3600).expect("an offset");
        assert!(post(&hello, &east).starts_with("u1(Fri Feb  2 00:47:25 2018) >> hello"));
        let never = Post { posted_at: i64::MAX, ..hello };
        assert!(post(&never, &Utc).starts_with("u1(Thu Jan  1 00:00:00 1970)"));
    }

    #[test]
    fn tells_of_moves_and_not_of_the_first_server() {
        let server = Server { name: "server-4".to_owned(), address: "h:1".to_owned(), term: 2 };
        let first = InUse { server, move_took: None, answers: true };
        assert_eq!(moved(&first), None);
        let second = InUse { move_took: Some(Duration::from_micros(12_400)), ..first };
        assert_eq!(moved(&second).as_deref(), Some("moved to server-4 in 12 ms\n"));
    }
}
