//! What those who run the network ask of the state, and what the state remembers of it.
//!
//! Operators, who have the cluster's secret, have no account. Their requests are remembered under
//! [`OPERATOR`], which no account ever has: so each is carried out once, like everybody's.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::{
    Joining, Judgement, NetworkSetting, PostId, Role, SecretCode, Standing, UnixMillis, UserId,
    UserName,
};

/// Under whose number the requests of operators are remembered. Accounts are numbered from 1.
pub const OPERATOR: UserId = UserId(0);

/// A request of those who run the network.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Administration {
    /// Names the first owner, and says what the network is.
    Begin {
        /// The first owner. An account of that name is made unless there is one.
        owner: UserName,
        /// How the network is called.
        title: String,
        /// Who may join.
        joining: Joining,
        /// The password of an owner who has none.
        code: CodeHash,
    },
    /// Changes a setting.
    Set(NetworkSetting),
    /// Gives somebody another role.
    SetRole {
        /// Who.
        name: UserName,
        /// Which.
        role: Role,
    },
    /// Decides something about somebody.
    Judge {
        /// Who.
        name: UserName,
        /// What.
        judgement: Judgement,
        /// Why, for those who run the network.
        why: String,
    },
    /// Deletes somebody's post.
    DeletePost {
        /// Which.
        post: PostId,
        /// Why, for those who run the network.
        why: String,
    },
    /// Replaces somebody's password by a code.
    ResetPassword {
        /// Whose.
        name: UserName,
        /// The code.
        code: CodeHash,
    },
    /// Makes an invitation.
    Invite {
        /// With which it is accepted.
        code: SecretCode,
        /// How many may accept it.
        uses: u32,
        /// Until when.
        until: Option<UnixMillis>,
    },
    /// Takes an invitation back.
    Revoke {
        /// Which.
        code: SecretCode,
    },
    /// Tells everybody something.
    Announce {
        /// What.
        text: String,
    },
    /// Takes an announcement back.
    Retract {
        /// Which.
        number: u64,
    },
    /// Says what has come of a report.
    Resolve {
        /// Which.
        report: u64,
        /// What has come of it.
        outcome: String,
    },
}

/// A code that works as a password for a while, hashed before it is proposed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeHash {
    /// Like that of a password.
    pub hash: String,
    /// Until when it works.
    pub until: UnixMillis,
}

impl fmt::Debug for Administration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin { owner, joining, .. } => write!(formatter, "Begin({owner}, {joining:?})"),
            Self::Set(setting) => write!(formatter, "Set({setting:?})"),
            Self::SetRole { name, role } => write!(formatter, "SetRole({name}, {role:?})"),
            Self::Judge { name, judgement, .. } => {
                write!(formatter, "Judge({name}, {judgement:?})")
            }
            Self::DeletePost { post, .. } => write!(formatter, "DeletePost({post})"),
            Self::ResetPassword { name, .. } => write!(formatter, "ResetPassword({name})"),
            Self::Invite { uses, until, .. } => write!(formatter, "Invite({uses}, {until:?})"),
            Self::Revoke { .. } => formatter.write_str("Revoke"),
            Self::Announce { .. } => formatter.write_str("Announce"),
            Self::Retract { number } => write!(formatter, "Retract({number})"),
            Self::Resolve { report, .. } => write!(formatter, "Resolve({report})"),
        }
    }
}

/// What two requests have in common if one is a repetition of the other: hashes have another salt each time.
#[derive(Serialize)]
pub enum Essence<'a> {
    /// By the folded name.
    Begin(String, &'a str, Joining),
    /// By the folded name.
    Reset(String),
    /// All of it.
    Whole(&'a Administration),
}

impl Administration {
    /// What a repetition has in common with it.
    pub fn essence(&self) -> Essence<'_> {
        match self {
            Self::Begin { owner, title, joining, .. } => {
                Essence::Begin(owner.folded(), title, *joining)
            }
            Self::ResetPassword { name, .. } => Essence::Reset(name.folded()),
            other => Essence::Whole(other),
        }
    }

    /// Whether something is kept for good that was not there before.
    pub const fn adds(&self) -> bool {
        match self {
            Self::Begin { .. } | Self::Invite { .. } | Self::Announce { .. } => true,
            // Whoever has to keep order can do so as long as anything can be done.
            Self::Set(_)
            | Self::SetRole { .. }
            | Self::Judge { .. }
            | Self::DeletePost { .. }
            | Self::ResetPassword { .. }
            | Self::Revoke { .. }
            | Self::Retract { .. }
            | Self::Resolve { .. } => false,
        }
    }
}

/// Somebody who wants to join, with a password of their own.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignUp {
    /// As its owner typed it.
    pub name: UserName,
    /// Hashed before it is proposed.
    pub password_hash: String,
    /// By which they were invited.
    pub invitation: Option<SecretCode>,
    /// Why they want to join, for those who decide.
    pub reason: String,
}

/// Somebody who is told on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewReport {
    /// Who.
    pub about: UserName,
    /// Which of their posts.
    pub posts: Vec<PostId>,
    /// What is wrong.
    pub comment: String,
}

/// What is stored about somebody of whom there is more to know than that they are here like everybody else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingRecord {
    /// What they may do.
    pub role: Role,
    /// What was decided about them.
    pub standing: Standing,
    /// Their password is a code that works until then.
    pub code_until: Option<UnixMillis>,
    /// Why they want to join.
    pub reason: String,
    /// Somebody has logged in with that code.
    pub code_was_used: bool,
    /// They were silenced before they were suspended, and will be again.
    pub was_silenced: bool,
}

/// What is stored about an invitation; its code is in its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationRecord {
    /// Who has made it; [`OPERATOR`] for an operator.
    pub by: UserId,
    /// When.
    pub at: UnixMillis,
    /// How many may accept it.
    pub uses: u32,
    /// How many have.
    pub used: u32,
    /// Until when.
    pub until: Option<UnixMillis>,
    /// It was taken back.
    pub revoked: bool,
}

impl InvitationRecord {
    /// Whether it can be accepted at a time.
    pub fn is_open(&self, now: UnixMillis) -> bool {
        !self.revoked && self.used < self.uses && self.until.is_none_or(|until| now < until)
    }
}

/// What is stored about a report; its number is in its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRecord {
    /// When.
    pub at: UnixMillis,
    /// Who reports.
    pub by: UserId,
    /// Whom.
    pub about: UserId,
    /// Which of their posts.
    pub posts: Vec<PostId>,
    /// What is wrong.
    pub comment: String,
    /// What has come of it.
    pub resolved: Option<Resolution>,
}

/// What has come of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// When.
    pub at: UnixMillis,
    /// Who says so; [`OPERATOR`] for an operator.
    pub by: UserId,
    /// What.
    pub outcome: String,
}

/// What everybody is told; its number is in its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncementRecord {
    /// When.
    pub at: UnixMillis,
    /// Who says so; [`OPERATOR`] for an operator.
    pub by: UserId,
    /// What.
    pub text: String,
}

/// Something that somebody has done to run the network; its number is in its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedRecord {
    /// When.
    pub at: UnixMillis,
    /// Who; [`OPERATOR`] for an operator.
    pub by: UserId,
    /// What.
    pub what: Logged,
    /// To whom.
    pub about: Option<UserId>,
    /// To which post, report or announcement.
    pub number: Option<u64>,
    /// What is to be said of it.
    pub words: String,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Logged {
    /// The first owner was named.
    Begin,
    /// A setting was changed.
    Set,
    /// Somebody got another role.
    SetRole,
    /// Something was decided about somebody.
    Judge(Judgement),
    /// A post was deleted.
    DeletePost,
    /// A password was replaced by a code.
    ResetPassword,
    /// An invitation was made.
    Invite,
    /// An invitation was taken back.
    Revoke,
    /// Everybody was told something.
    Announce,
    /// An announcement was taken back.
    Retract,
    /// It was said what has come of a report.
    Resolve,
}

impl Logged {
    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Begin => "init",
            Self::Set => "settings",
            Self::SetRole => "role",
            Self::Judge(judgement) => judgement.name(),
            Self::DeletePost => "delete-post",
            Self::ResetPassword => "reset-password",
            Self::Invite => "invite",
            Self::Revoke => "revoke",
            Self::Announce => "announce",
            Self::Retract => "retract",
            Self::Resolve => "resolve",
        }
    }
}

/// How much there is of what the network is run with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdministrationCounts {
    /// Of how many the standing is not the usual one.
    pub limited: u64,
    /// How many are owners.
    pub owners: u64,
    /// The number of the last report.
    pub reports: u64,
    /// The number of the last announcement.
    pub announcements: u64,
    /// The number of the last entry of the log.
    pub logged: u64,
}
