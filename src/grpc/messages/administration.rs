//! Joining, reports, and running the network, on the wire.

use super::{
    begins_from_wire, begins_to_wire, invalid, key_from_wire, key_to_wire, limit_from_wire,
    limit_to_wire, logged_in_from_wire, logged_in_to_wire, name_position_from_wire,
    name_position_to_wire, post_id_from_wire, some_text, unreadable,
};
use crate::{
    domain::{
        Joining, Judgement, LoginId, NetworkSetting, NetworkSettings, PostId, RequestKey, Role,
        SecretCode, Standing, UnixMillis, UserId, UserName,
    },
    network::{
        Begins, Refusal,
        administration::{
            About, AdminAnswer, AdminDone, AdminQuestion, AdminRequest, Announcement, Invitation,
            LogEntry, Member, NewReport, Report, Resolution, SignUp, SignedUp,
        },
    },
    wire::v1::{
        self, administer_request::What, inspect_reply::What as Answer,
        inspect_request::What as Question,
    },
};

/// What the network is.
pub fn about_to_wire(About { settings, announcements, post_chars }: About) -> v1::AboutReply {
    let setting =
        |(name, value): (&str, String)| v1::NetworkSetting { name: name.to_owned(), value };
    let announcement =
        |Announcement { number, at, text }| v1::Announcement { number, at_ms: at.get(), text };
    v1::AboutReply {
        settings: settings.as_text().into_iter().map(setting).collect(),
        announcements: announcements.into_iter().map(announcement).collect(),
        post_chars,
    }
}

/// What the network is. Settings that a later version has are left out.
pub fn about_from_wire(wire: v1::AboutReply) -> About {
    let settings = wire.settings.into_iter();
    let settings = settings.fold(NetworkSettings::default(), |settings, one| {
        match NetworkSetting::read(&one.name, &one.value) {
            Ok(setting) => settings.with(setting),
            Err(_) => settings,
        }
    });
    let announcement = |v1::Announcement { number, at_ms, text }| Announcement {
        number,
        at: UnixMillis::new(at_ms),
        text,
    };
    let announcements = wire.announcements.into_iter().map(announcement).collect();
    About { settings, announcements, post_chars: wire.post_chars }
}

/// Somebody who wants to join.
pub fn sign_up_to_wire(
    SignUp { name, password, invitation, reason }: SignUp,
    begins: Begins,
) -> v1::SignUpRequest {
    let invitation = invitation.map(String::from).unwrap_or_default();
    let (login_id, client) = begins_to_wire(begins);
    v1::SignUpRequest { username: name.into(), password, invitation, reason, login_id, client }
}

/// Somebody who wants to join; `drawn` is random, for a login that has no id.
pub fn sign_up_from_wire(
    wire: v1::SignUpRequest,
    drawn: LoginId,
) -> Result<(SignUp, Begins), Refusal> {
    let v1::SignUpRequest { username, password, invitation, reason, login_id, client } = wire;
    let begins = begins_from_wire(login_id, &client, drawn)?;
    let invitation = some_text(invitation).map(|code| code_from_wire(&code)).transpose()?;
    Ok((SignUp { name: UserName::new(username)?, password, invitation, reason }, begins))
}

/// What comes of it.
pub fn signed_up_to_wire(signed_up: SignedUp) -> v1::SignUpReply {
    match signed_up {
        SignedUp::LoggedIn(logged_in) => {
            v1::SignUpReply { session: Some(logged_in_to_wire(logged_in)) }
        }
        SignedUp::Pending => v1::SignUpReply { session: None },
    }
}

/// What comes of it.
pub fn signed_up_from_wire(wire: v1::SignUpReply) -> Result<SignedUp, Refusal> {
    match wire.session {
        Some(session) => Ok(SignedUp::LoggedIn(logged_in_from_wire(session)?)),
        None => Ok(SignedUp::Pending),
    }
}

/// A report, under a key.
pub fn report_to_wire(
    key: &RequestKey,
    NewReport { about, posts, comment }: NewReport,
) -> v1::ReportRequest {
    v1::ReportRequest {
        request_id: Some(key_to_wire(key)),
        username: about.into(),
        posts: posts.into_iter().map(PostId::get).collect(),
        comment,
    }
}

/// A report, and its key.
pub fn report_from_wire(wire: v1::ReportRequest) -> Result<(RequestKey, NewReport), Refusal> {
    let v1::ReportRequest { request_id, username, posts, comment } = wire;
    let about = UserName::new(username)?;
    let posts = posts.into_iter().map(post_id_from_wire).collect::<Result<_, _>>()?;
    Ok((key_from_wire(request_id)?, NewReport { about, posts, comment }))
}

/// Something that is done to run the network, under a key.
pub fn request_to_wire(key: &RequestKey, request: AdminRequest) -> v1::AdministerRequest {
    let what = match request {
        AdminRequest::Begin { owner, title, joining, code } => What::Begin(v1::Begin {
            owner: owner.into(),
            title,
            joining: joining.name().to_owned(),
            code: code.into(),
        }),
        AdminRequest::Set(setting) => {
            let (name, value) = setting.as_text();
            What::Set(v1::NetworkSetting { name: name.to_owned(), value })
        }
        AdminRequest::SetRole { name, role } => {
            What::SetRole(v1::SetRole { username: name.into(), role: role.name().to_owned() })
        }
        AdminRequest::Judge { name, judgement, why } => What::Judge(v1::Judge {
            username: name.into(),
            judgement: judgement.name().to_owned(),
            why,
        }),
        AdminRequest::DeletePost { post, why } => {
            What::DeletePost(v1::DeletePost { id: post.get(), why })
        }
        AdminRequest::ResetPassword { name, code } => {
            What::ResetPassword(v1::ResetPassword { username: name.into(), code: code.into() })
        }
        AdminRequest::Invite { code, uses, until } => What::Invite(v1::Invite {
            code: code.into(),
            uses,
            until_ms: until.map(UnixMillis::get),
        }),
        AdminRequest::Revoke(code) => What::Revoke(code.into()),
        AdminRequest::Announce(text) => What::Announce(text),
        AdminRequest::Retract(number) => What::Retract(number),
        AdminRequest::Resolve { report, outcome } => What::Resolve(v1::Resolve { report, outcome }),
    };
    v1::AdministerRequest { request_id: Some(key_to_wire(key)), what: Some(what) }
}

/// Something that is done to run the network, and its key.
pub fn request_from_wire(
    wire: v1::AdministerRequest,
) -> Result<(RequestKey, AdminRequest), Refusal> {
    let key = key_from_wire(wire.request_id)?;
    let what = wire.what.ok_or_else(|| Refusal::invalid("say what is to be done"))?;
    let request = match what {
        What::Begin(v1::Begin { owner, title, joining, code }) => AdminRequest::Begin {
            owner: UserName::new(owner)?,
            title,
            joining: named("joining", Joining::named(&joining))?,
            code: code_from_wire(&code)?,
        },
        What::Set(v1::NetworkSetting { name, value }) => {
            AdminRequest::Set(NetworkSetting::read(&name, &value).map_err(invalid)?)
        }
        What::SetRole(v1::SetRole { username, role }) => AdminRequest::SetRole {
            name: UserName::new(username)?,
            role: named("role", Role::named(&role))?,
        },
        What::Judge(v1::Judge { username, judgement, why }) => {
            let found = Judgement::ALL.into_iter().find(|known| known.name() == judgement);
            let judgement = named("judgement", found)?;
            AdminRequest::Judge { name: UserName::new(username)?, judgement, why }
        }
        What::DeletePost(v1::DeletePost { id, why }) => {
            AdminRequest::DeletePost { post: post_id_from_wire(id)?, why }
        }
        What::ResetPassword(v1::ResetPassword { username, code }) => AdminRequest::ResetPassword {
            name: UserName::new(username)?,
            code: code_from_wire(&code)?,
        },
        What::Invite(v1::Invite { code, uses, until_ms }) => AdminRequest::Invite {
            code: code_from_wire(&code)?,
            uses: uses.max(1),
            until: until_ms.map(UnixMillis::new),
        },
        What::Revoke(code) => AdminRequest::Revoke(code_from_wire(&code)?),
        What::Announce(text) => AdminRequest::Announce(text),
        What::Retract(number) => AdminRequest::Retract(number),
        What::Resolve(v1::Resolve { report, outcome }) => AdminRequest::Resolve { report, outcome },
    };
    Ok((key, request))
}

/// It was done.
pub fn done_to_wire(AdminDone { code_is_needed, number }: AdminDone) -> v1::AdministerReply {
    v1::AdministerReply { code_is_needed, number: number.unwrap_or(0) }
}

/// It was done.
pub fn done_from_wire(wire: v1::AdministerReply) -> AdminDone {
    let v1::AdministerReply { code_is_needed, number } = wire;
    AdminDone { code_is_needed, number: some_number(number) }
}

/// What those want to read who run the network.
pub fn question_to_wire(question: AdminQuestion) -> v1::InspectRequest {
    let numbered = |before: Option<u64>, limit| v1::NumberedQuestion {
        before: before.unwrap_or(0),
        page_size: limit_to_wire(limit),
    };
    let what = match question {
        AdminQuestion::People { standing, position, limit } => {
            Question::People(v1::PeopleQuestion {
                standing: standing.map(Standing::name).unwrap_or_default().to_owned(),
                page_size: limit_to_wire(limit),
                page_token: name_position_to_wire(position.as_ref()),
            })
        }
        AdminQuestion::Person(name) => Question::Person(name.into()),
        AdminQuestion::Invitations => Question::Invitations(true),
        AdminQuestion::Reports { before, limit } => Question::Reports(numbered(before, limit)),
        AdminQuestion::Log { before, limit } => Question::Log(numbered(before, limit)),
    };
    v1::InspectRequest { what: Some(what) }
}

/// What those want to read who run the network.
pub fn question_from_wire(wire: v1::InspectRequest) -> Result<AdminQuestion, Refusal> {
    let what = wire.what.ok_or_else(|| Refusal::invalid("say what is to be read"))?;
    Ok(match what {
        Question::People(v1::PeopleQuestion { standing, page_size, page_token }) => {
            let standing = some_text(standing);
            let standing = standing.map(|name| named("standing", Standing::named(&name)));
            AdminQuestion::People {
                standing: standing.transpose()?,
                position: name_position_from_wire(page_token),
                limit: limit_from_wire(page_size),
            }
        }
        Question::Person(name) => AdminQuestion::Person(UserName::new(name)?),
        Question::Invitations(_) => AdminQuestion::Invitations,
        Question::Reports(v1::NumberedQuestion { before, page_size }) => AdminQuestion::Reports {
            before: some_number(before),
            limit: limit_from_wire(page_size),
        },
        Question::Log(v1::NumberedQuestion { before, page_size }) => {
            AdminQuestion::Log { before: some_number(before), limit: limit_from_wire(page_size) }
        }
    })
}

/// What they read.
pub fn answer_to_wire(answer: AdminAnswer) -> v1::InspectReply {
    let what = match answer {
        AdminAnswer::People { members, next } => Answer::People(v1::Members {
            members: members.into_iter().map(member_to_wire).collect(),
            next_page_token: name_position_to_wire(next.as_ref()),
        }),
        AdminAnswer::Invitations(invitations) => {
            let invitations = invitations.into_iter().map(invitation_to_wire).collect();
            Answer::Invitations(v1::Invitations { invitations })
        }
        AdminAnswer::Reports(reports, more) => {
            let reports = reports.into_iter().map(stored_report_to_wire).collect();
            Answer::Reports(v1::Reports { reports, more })
        }
        AdminAnswer::Log(entries, more) => {
            let entries = entries.into_iter().map(entry_to_wire).collect();
            Answer::Log(v1::LogEntries { entries, more })
        }
    };
    v1::InspectReply { what: Some(what) }
}

/// What they read.
pub fn answer_from_wire(wire: v1::InspectReply) -> Result<AdminAnswer, Refusal> {
    let what = wire.what.ok_or_else(|| unreadable("it is empty"))?;
    Ok(match what {
        Answer::People(v1::Members { members, next_page_token }) => AdminAnswer::People {
            members: all(members, member_from_wire)?,
            next: name_position_from_wire(next_page_token),
        },
        Answer::Invitations(v1::Invitations { invitations }) => {
            AdminAnswer::Invitations(all(invitations, invitation_from_wire)?)
        }
        Answer::Reports(v1::Reports { reports, more }) => {
            AdminAnswer::Reports(all(reports, stored_report_from_wire)?, more)
        }
        Answer::Log(v1::LogEntries { entries, more }) => {
            AdminAnswer::Log(all(entries, entry_from_wire)?, more)
        }
    })
}

fn all<T, U>(wire: Vec<T>, read: fn(T) -> Result<U, Refusal>) -> Result<Vec<U>, Refusal> {
    wire.into_iter().map(read).collect()
}

fn member_to_wire(member: Member) -> v1::Member {
    let Member { id, name, created_at, role, standing, has_password, code_until, reason } = member;
    v1::Member {
        id: id.0,
        username: name.into(),
        created_at_ms: created_at.get(),
        role: role.name().to_owned(),
        standing: standing.name().to_owned(),
        has_password,
        code_until_ms: code_until.map(UnixMillis::get),
        reason,
    }
}

fn member_from_wire(wire: v1::Member) -> Result<Member, Refusal> {
    let v1::Member {
        id,
        username,
        created_at_ms,
        role,
        standing,
        has_password,
        code_until_ms,
        reason,
    } = wire;
    Ok(Member {
        id: UserId(id),
        name: known_name(username)?,
        created_at: UnixMillis::new(created_at_ms),
        role: Role::named(&role).ok_or_else(|| unreadable("a role is unknown"))?,
        standing: Standing::named(&standing).ok_or_else(|| unreadable("a standing is unknown"))?,
        has_password,
        code_until: code_until_ms.map(UnixMillis::new),
        reason,
    })
}

fn invitation_to_wire(invitation: Invitation) -> v1::Invitation {
    let Invitation { code, by, at, uses, used, until, revoked } = invitation;
    v1::Invitation {
        code: code.into(),
        by: somebody_to_wire(by),
        at_ms: at.get(),
        uses,
        used,
        until_ms: until.map(UnixMillis::get),
        revoked,
    }
}

fn invitation_from_wire(wire: v1::Invitation) -> Result<Invitation, Refusal> {
    let v1::Invitation { code, by, at_ms, uses, used, until_ms, revoked } = wire;
    let code = SecretCode::new(&code).map_err(unreadable)?;
    let (at, until) = (UnixMillis::new(at_ms), until_ms.map(UnixMillis::new));
    Ok(Invitation { code, by: somebody(by)?, at, uses, used, until, revoked })
}

fn stored_report_to_wire(report: Report) -> v1::Report {
    let Report { number, at, by, about, posts, comment, resolved } = report;
    let resolved = resolved.map(|Resolution { at, by, outcome }| v1::Resolution {
        at_ms: at.get(),
        by: somebody_to_wire(by),
        outcome,
    });
    v1::Report {
        number,
        at_ms: at.get(),
        by: by.into(),
        about: about.into(),
        posts: posts.into_iter().map(PostId::get).collect(),
        comment,
        resolved,
    }
}

fn stored_report_from_wire(wire: v1::Report) -> Result<Report, Refusal> {
    let v1::Report { number, at_ms, by, about, posts, comment, resolved } = wire;
    let resolution = |v1::Resolution { at_ms, by, outcome }| {
        Ok::<_, Refusal>(Resolution { at: UnixMillis::new(at_ms), by: somebody(by)?, outcome })
    };
    Ok(Report {
        number,
        at: UnixMillis::new(at_ms),
        by: known_name(by)?,
        about: known_name(about)?,
        posts: posts.into_iter().map(PostId::new).collect(),
        comment,
        resolved: resolved.map(resolution).transpose()?,
    })
}

fn entry_to_wire(entry: LogEntry) -> v1::LogEntry {
    let LogEntry { number, at, by, what, about, about_number, words } = entry;
    v1::LogEntry {
        number,
        at_ms: at.get(),
        by: somebody_to_wire(by),
        what,
        about: somebody_to_wire(about),
        about_number: about_number.unwrap_or(0),
        words,
    }
}

fn entry_from_wire(wire: v1::LogEntry) -> Result<LogEntry, Refusal> {
    let v1::LogEntry { number, at_ms, by, what, about, about_number, words } = wire;
    let (by, about) = (somebody(by)?, somebody(about)?);
    let (at, about_number) = (UnixMillis::new(at_ms), some_number(about_number));
    Ok(LogEntry { number, at, by, what, about, about_number, words })
}

fn code_from_wire(code: &str) -> Result<SecretCode, Refusal> {
    SecretCode::new(code).map_err(invalid)
}

fn named<T>(what: &str, found: Option<T>) -> Result<T, Refusal> {
    found.ok_or_else(|| Refusal::invalid(format!("there is no such {what}")))
}

fn known_name(name: String) -> Result<UserName, Refusal> {
    UserName::new(name).map_err(unreadable)
}

fn somebody(name: String) -> Result<Option<UserName>, Refusal> {
    some_text(name).map(known_name).transpose()
}

fn somebody_to_wire(name: Option<UserName>) -> String {
    name.map(String::from).unwrap_or_default()
}

fn some_number(number: u64) -> Option<u64> {
    (number > 0).then_some(number)
}
