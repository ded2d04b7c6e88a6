//! The rows of what the network is, and of what it is run with; and the calls of those who join it or run it.

use prost::Message as _;

use super::{
    choice, chosen,
    envelopes::opened,
    messages::message,
    requests::{self, is_sent_on},
};
use crate::{
    domain::{
        ClientId, Judgement, LoginId, NetworkSetting, NetworkSettings, PostId, RequestKey, Role,
        SecretCode, Standing, UnixMillis, UserId, UserName,
    },
    envelope::{Kind, seal},
    grpc::messages::administration as messages,
    network::administration::{
        AdminAnswer, AdminQuestion, AdminRequest, LogEntry, Member, NewReport, SignUp,
    },
    social::administration::{
        self as stored, AdministrationCounts, AnnouncementRecord, InvitationRecord, Logged,
        LoggedRecord, OPERATOR, ReportRecord, Resolution, StandingRecord,
    },
    wire::v1,
};

/// One of them, whatever its kind.
pub fn row(kind: Kind, sealed: &[u8]) {
    match kind {
        Kind::NetworkSettings => opened::<NetworkSettings>(kind, sealed),
        Kind::AdministrationCounts => opened::<AdministrationCounts>(kind, sealed),
        Kind::Standing => opened::<StandingRecord>(kind, sealed),
        Kind::Invitation => opened::<InvitationRecord>(kind, sealed),
        Kind::Report => opened::<ReportRecord>(kind, sealed),
        Kind::Announcement => opened::<AnnouncementRecord>(kind, sealed),
        _ => opened::<LoggedRecord>(kind, sealed),
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let (at, user) = (UnixMillis::new(9), UserId(2));
    let settings = [("title", "Grüße"), ("joining", "invite"), ("posts-per-account", "10/1s")];
    let settings = settings.iter().fold(NetworkSettings::default(), |settings, (name, value)| {
        settings.with(NetworkSetting::read(name, value).expect("valid"))
    });
    let standing = StandingRecord { code_until: Some(at), ..StandingRecord::default() };
    let invitation =
        InvitationRecord { by: OPERATOR, at, uses: 2, used: 1, until: None, revoked: false };
    let resolved = Some(Resolution { at, by: user, outcome: "nothing".to_owned() });
    let report = ReportRecord {
        at,
        by: user,
        about: user,
        posts: vec![PostId::new(2)],
        comment: "!".to_owned(),
        resolved,
    };
    let logged = LoggedRecord {
        at,
        by: OPERATOR,
        what: Logged::Set,
        about: Some(user),
        number: Some(1),
        words: "title = Grüße".to_owned(),
    };
    let announcement = AnnouncementRecord { at, by: user, text: "soon".to_owned() };
    let counts = AdministrationCounts { limited: 1, owners: 1, ..AdministrationCounts::default() };
    vec![
        seal(Kind::NetworkSettings, &settings),
        seal(Kind::AdministrationCounts, &counts),
        seal(Kind::Standing, &standing),
        seal(Kind::Invitation, &invitation),
        seal(Kind::Report, &report),
        seal(Kind::Announcement, &announcement),
        seal(Kind::Logged, &logged),
    ]
}

/// The calls of those who join the network or run it, and their answers.
pub fn calls(bytes: &[u8]) {
    let Some((kind, bytes)) = choice(bytes, 6) else { return };
    match kind {
        0 => {
            let Some(wire) = message::<v1::AboutReply>(bytes) else { return };
            let about = messages::about_from_wire(wire);
            assert_eq!(messages::about_from_wire(messages::about_to_wire(about.clone())), about);
        }
        1 => {
            let Some(wire) = message::<v1::SignUpRequest>(bytes) else { return };
            let drawn = LoginId(7);
            let Ok((wanted, begins)) = messages::sign_up_from_wire(wire, drawn) else { return };
            let sent = messages::sign_up_to_wire(wanted, begins);
            let again = messages::sign_up_from_wire(sent.clone(), drawn);
            let (wanted, begins) = again.expect("it was understood");
            assert_eq!(messages::sign_up_to_wire(wanted, begins), sent);
        }
        2 => {
            let Some(wire) = message::<v1::ReportRequest>(bytes) else { return };
            is_sent_on(messages::report_from_wire(wire), |(key, report)| {
                messages::report_from_wire(messages::report_to_wire(key, report.clone()))
            });
        }
        3 => {
            let Some(wire) = message::<v1::AdministerRequest>(bytes) else { return };
            is_sent_on(messages::request_from_wire(wire), |(key, request)| {
                messages::request_from_wire(messages::request_to_wire(key, request.clone()))
            });
        }
        4 => {
            let Some(wire) = message::<v1::InspectRequest>(bytes) else { return };
            is_sent_on(messages::question_from_wire(wire), |question| {
                messages::question_from_wire(messages::question_to_wire(question.clone()))
            });
        }
        _ => {
            let Some(wire) = message::<v1::InspectReply>(bytes) else { return };
            is_sent_on(messages::answer_from_wire(wire), |answer| {
                messages::answer_from_wire(messages::answer_to_wire(answer.clone()))
            });
        }
    }
}

pub fn seeds_of_calls() -> Vec<Vec<u8>> {
    let name = |name: &str| UserName::new(name).expect("valid");
    let key = RequestKey::Counted { client: ClientId(7), sequence: 1, answered_below: 0 };
    let code = SecretCode::of_random([7; 20]);
    let request = |request| chosen(3, messages::request_to_wire(&key, request).encode_to_vec());
    let about = v1::AboutReply {
        settings: vec![v1::NetworkSetting { name: "title".to_owned(), value: "Club".to_owned() }],
        announcements: vec![v1::Announcement { number: 1, at_ms: 9, text: "soon".to_owned() }],
        post_chars: 1_000,
    };
    let sign_up = SignUp {
        name: name("dan"),
        password: "a long one".to_owned(),
        invitation: Some(code.clone()),
        reason: "I know ann".to_owned(),
    };
    let report =
        NewReport { about: name("bob"), posts: vec![PostId::new(3)], comment: "spam".to_owned() };
    let member = Member {
        id: UserId(2),
        name: name("bob"),
        created_at: UnixMillis::new(9),
        role: Role::Moderator,
        standing: Standing::Silenced,
        has_password: true,
        code_until: None,
        reason: String::new(),
    };
    let entry = LogEntry {
        number: 7,
        at: UnixMillis::new(9),
        by: None,
        what: "suspend".to_owned(),
        about: Some(name("bob")),
        about_number: Some(3),
        words: "spam".to_owned(),
    };
    let answer = |answer| chosen(5, messages::answer_to_wire(answer).encode_to_vec());
    let setting = NetworkSetting::read("posts-per-account", "10/1s").expect("valid");
    let (why, judgement) = ("spam".to_owned(), Judgement::Suspend);
    let question = AdminQuestion::Reports { before: Some(9), limit: Some(5) };
    vec![
        chosen(0, about.encode_to_vec()),
        chosen(1, messages::sign_up_to_wire(sign_up, requests::begins()).encode_to_vec()),
        chosen(2, messages::report_to_wire(&key, report).encode_to_vec()),
        request(AdminRequest::Set(setting)),
        request(AdminRequest::Judge { name: name("bob"), judgement, why }),
        request(AdminRequest::ResetPassword { name: name("bob"), code: code.clone() }),
        request(AdminRequest::Invite { code, uses: 3, until: Some(UnixMillis::new(9)) }),
        chosen(4, messages::question_to_wire(question).encode_to_vec()),
        answer(AdminAnswer::People { members: vec![member], next: None }),
        answer(AdminAnswer::Log(vec![entry], true)),
    ]
}

/// A command of somebody who joins.
pub fn sign_up() -> stored::SignUp {
    stored::SignUp {
        name: UserName::new("dan").expect("valid"),
        password_hash: "hash".to_owned(),
        invitation: Some(SecretCode::of_random([7; 20])),
        reason: "I know ann".to_owned(),
    }
}

/// What somebody reports.
pub fn report() -> stored::NewReport {
    let about = UserName::new("bob").expect("valid");
    stored::NewReport { about, posts: vec![PostId::new(3)], comment: "spam".to_owned() }
}

/// What an operator asks.
pub fn request() -> stored::Administration {
    let name = UserName::new("bob").expect("valid");
    let (judgement, why) = (Judgement::Suspend, "spam".to_owned());
    stored::Administration::Judge { name, judgement, why }
}
