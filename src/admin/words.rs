//! What is printed for people. Pure. Whatever other people wrote is made harmless first.

use chrono::DateTime;

use crate::{
    client::{About, AdminAnswer, AdminDone, AdminRequest, Invitation, LogEntry, Member, Report},
    domain::{Judgement, SecretCode, UnixMillis, UserName},
    sanitise,
};

/// What was done, and what is to be done with the code that it has given.
pub fn done(request: &AdminRequest, done: AdminDone, code: Option<&SecretCode>) -> String {
    let mut said = match request {
        AdminRequest::Begin { owner, title, joining, .. } => {
            format!("{owner} owns {}. Who may join: {}", sanitise::text(title), who(joining.name()))
        }
        AdminRequest::Set(setting) => {
            let (name, value) = setting.as_text();
            format!("{name} is now {}", sanitise::text(&value))
        }
        AdminRequest::SetRole { name, role } => {
            format!("{name} is now {} {}", article(role.name()), role.name())
        }
        AdminRequest::Judge { name, judgement, .. } => judged(name, *judgement),
        AdminRequest::DeletePost { post, .. } => format!("post {post} is deleted"),
        AdminRequest::ResetPassword { name, .. } => {
            format!("the password of {name} works no longer")
        }
        AdminRequest::Invite { uses: 1, .. } => "an invitation for one".to_owned(),
        AdminRequest::Invite { uses, .. } => format!("an invitation for {uses}"),
        AdminRequest::Revoke(_) => "the invitation works no longer".to_owned(),
        AdminRequest::Announce(_) => format!("announced, as number {}", done.number.unwrap_or(0)),
        AdminRequest::Retract(number) => format!("announcement {number} is taken back"),
        AdminRequest::Resolve { report, .. } => format!("report {report} is resolved"),
    };
    said.push('\n');
    if let Some(code) = code {
        let use_it = match request {
            AdminRequest::Invite { .. } => {
                "accept it with: tinysns sign-up --user NAME --invitation CODE; the code"
            }
            _ => {
                "log in with this code as the password within a day, and choose another password then; the code"
            }
        };
        said.extend([use_it, ": ", code.expose(), "\n"]);
    }
    said
}

fn who(joining: &str) -> &'static str {
    match joining {
        "open" => "whoever chooses a password",
        "approval" => "whom a moderator approves",
        "invite" => "whoever is invited",
        "closed" => "nobody",
        _ => "whoever logs in, even without a password",
    }
}

fn article(role: &str) -> &'static str {
    if role.starts_with('o') { "an" } else { "a" }
}

fn judged(name: &UserName, judgement: Judgement) -> String {
    match judgement {
        Judgement::Approve => format!("{name} is approved, and can log in"),
        Judgement::Reject => format!("{name} is rejected, and cannot log in"),
        Judgement::Suspend => format!("{name} is suspended: hidden from everybody, and logged out"),
        Judgement::Unsuspend => format!("{name} is not suspended any more"),
        Judgement::Silence => format!("{name} is silenced: only those who follow them see them"),
        Judgement::Unsilence => format!("{name} is not silenced any more"),
    }
}

/// What the network is.
pub fn about(About { settings, announcements, .. }: &About) -> String {
    let settings = settings.as_text().into_iter().map(|(name, value)| {
        let value = if value.is_empty() { "-".to_owned() } else { sanitise::text(&value) };
        format!("{name:<22}{value}")
    });
    let announcements = announcements.iter().map(|announced| {
        let (number, at) = (announced.number, time(announced.at));
        format!("announcement {number} ({at}): {}", sanitise::text(&announced.text))
    });
    let mut said = settings.chain(announcements).collect::<Vec<_>>().join("\n");
    said.push('\n');
    said
}

/// What was read.
pub fn answer(answer: &AdminAnswer) -> String {
    let (lines, none): (Vec<String>, _) = match answer {
        AdminAnswer::People { members, .. } => {
            (members.iter().map(member).collect(), "there is nobody of that kind\n")
        }
        AdminAnswer::Invitations(invitations) => {
            (invitations.iter().map(invitation).collect(), "nobody is invited\n")
        }
        AdminAnswer::Reports(reports, _) => {
            (reports.iter().map(report).collect(), "no report waits\n")
        }
        AdminAnswer::Log(entries, _) => {
            (entries.iter().map(entry).collect(), "nothing was done yet\n")
        }
    };
    if lines.is_empty() { none.to_owned() } else { lines.concat() }
}

fn member(
    Member { name, created_at, role, standing, has_password, code_until, reason, .. }: &Member,
) -> String {
    let since = time(*created_at);
    let password = match (has_password, code_until) {
        (_, Some(until)) => format!("a code until {}", time(*until)),
        (true, None) => "a password".to_owned(),
        (false, None) => "no password".to_owned(),
    };
    let reason = match reason.as_str() {
        "" => String::new(),
        reason => format!("; wants to join: {}", sanitise::text(reason)),
    };
    format!("{name}: {}, {}, since {since}, {password}{reason}\n", role.name(), standing.name())
}

fn invitation(Invitation { code, by, at, uses, used, until, revoked }: &Invitation) -> String {
    let until = until.map(|until| format!(", until {}", time(until))).unwrap_or_default();
    let revoked = if *revoked { ", taken back" } else { "" };
    format!(
        "{}: {used} of {uses} used{until}{revoked}, by {} on {}\n",
        code.expose(),
        somebody(by.as_ref()),
        time(*at)
    )
}

fn report(Report { number, at, by, about, posts, comment, resolved }: &Report) -> String {
    let posts = match posts.as_slice() {
        [] => String::new(),
        posts => {
            let posts: Vec<String> = posts.iter().map(ToString::to_string).collect();
            format!(" (posts {})", posts.join(", "))
        }
    };
    let resolved = resolved.as_ref().map(|resolved| {
        let by = somebody(resolved.by.as_ref());
        format!(
            "  resolved by {by} on {}: {}\n",
            time(resolved.at),
            sanitise::text(&resolved.outcome)
        )
    });
    let resolved = resolved.unwrap_or_default();
    format!(
        "{number}: {by} reports {about}{posts} on {}: {}\n{resolved}",
        time(*at),
        sanitise::text(comment)
    )
}

fn entry(LogEntry { number, at, by, what, about, about_number, words }: &LogEntry) -> String {
    let about = about.as_ref().map(|about| format!(" {about}")).unwrap_or_default();
    let which = about_number.map(|number| format!(" {number}")).unwrap_or_default();
    let words =
        if words.is_empty() { String::new() } else { format!(" ({})", sanitise::text(words)) };
    let (at, who) = (time(*at), somebody(by.as_ref()));
    format!("{number}: {at}, {who}: {what}{about}{which}{words}\n")
}

fn somebody(name: Option<&UserName>) -> String {
    name.map_or_else(|| "an operator".to_owned(), ToString::to_string)
}

fn time(at: UnixMillis) -> String {
    let time = DateTime::from_timestamp_millis(at.get());
    time.map_or_else(|| at.to_string(), |time| time.format("%Y-%m-%d %H:%M UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_the_log_says_who_did_what_to_whom_and_why() {
        let entry = LogEntry {
            number: 7,
            at: UnixMillis::new(1_700_000_000_000),
            by: None,
            what: "suspend".to_owned(),
            about: Some(UserName::new("mallory").expect("valid")),
            about_number: None,
            words: "spam".to_owned(),
        };
        let said = answer(&AdminAnswer::Log(vec![entry], false));
        assert_eq!(said, "7: 2023-11-14 22:13 UTC, an operator: suspend mallory (spam)\n");
    }
}
