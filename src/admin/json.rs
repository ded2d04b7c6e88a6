//! What is printed for programs: one object, with stable names. Pure.

use serde_json::{Value, json};

use crate::{
    client::{
        About, AdminAnswer, AdminDone, Announcement, ClientError, Invitation, LogEntry, Member,
        Report, Resolution,
    },
    domain::{PostId, SecretCode, UnixMillis, UserName},
};

/// What was done.
pub fn done(AdminDone { number, .. }: AdminDone, code: Option<&SecretCode>) -> String {
    line(&json!({ "ok": true, "code": code.map(SecretCode::expose), "number": number }))
}

/// Why nothing was.
pub fn failed(error: &ClientError) -> String {
    line(&json!({ "ok": false, "error": error.to_string() }))
}

/// What the network is.
pub fn about(About { settings, announcements, .. }: &About) -> String {
    let settings =
        settings.as_text().into_iter().map(|(name, value)| (name.to_owned(), json!(value)));
    let announcement = |Announcement { number, at, text }: &Announcement| json!({ "number": number, "at_ms": at.get(), "text": text });
    let announcements: Vec<Value> = announcements.iter().map(announcement).collect();
    let settings: serde_json::Map<String, Value> = settings.collect();
    line(&json!({ "settings": settings, "announcements": announcements }))
}

/// What was read.
pub fn answer(answer: &AdminAnswer) -> String {
    let all = |rows: Vec<Value>| Value::from(rows);
    line(&match answer {
        AdminAnswer::People { members, .. } => {
            json!({ "users": all(members.iter().map(member).collect()) })
        }
        AdminAnswer::Invitations(invitations) => {
            json!({ "invites": all(invitations.iter().map(invitation).collect()) })
        }
        AdminAnswer::Reports(reports, more) => {
            json!({ "reports": all(reports.iter().map(report).collect()), "more": more })
        }
        AdminAnswer::Log(entries, more) => {
            json!({ "log": all(entries.iter().map(entry).collect()), "more": more })
        }
    })
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

fn member(member: &Member) -> Value {
    let Member { id, name, created_at, role, standing, has_password, code_until, reason } = member;
    json!({
        "id": id.0,
        "name": name.as_str(),
        "created_at_ms": created_at.get(),
        "role": role.name(),
        "standing": standing.name(),
        "has_password": has_password,
        "code_until_ms": code_until.map(UnixMillis::get),
        "reason": reason,
    })
}

fn invitation(invitation: &Invitation) -> Value {
    let Invitation { code, by, at, uses, used, until, revoked } = invitation;
    json!({
        "code": code.expose(),
        "by": somebody(by.as_ref()),
        "at_ms": at.get(),
        "uses": uses,
        "used": used,
        "until_ms": until.map(UnixMillis::get),
        "revoked": revoked,
    })
}

fn report(report: &Report) -> Value {
    let Report { number, at, by, about, posts, comment, resolved } = report;
    let resolution = |Resolution { at, by, outcome }: &Resolution| json!({ "at_ms": at.get(), "by": somebody(by.as_ref()), "outcome": outcome });
    json!({
        "number": number,
        "at_ms": at.get(),
        "by": by.as_str(),
        "about": about.as_str(),
        "posts": posts.iter().map(|post: &PostId| post.get()).collect::<Vec<u64>>(),
        "comment": comment,
        "resolved": resolved.as_ref().map(resolution),
    })
}

fn entry(entry: &LogEntry) -> Value {
    let LogEntry { number, at, by, what, about, about_number, words } = entry;
    json!({
        "number": number,
        "at_ms": at.get(),
        "by": somebody(by.as_ref()),
        "what": what,
        "about": about.as_ref().map(UserName::as_str),
        "about_number": about_number,
        "words": words,
    })
}

/// None for an operator.
fn somebody(name: Option<&UserName>) -> Option<&str> {
    name.map(UserName::as_str)
}
