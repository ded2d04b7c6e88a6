//! Joining the network, reporting somebody, and what is asked by those who run it.

use std::fmt;

use super::{Begins, Call, LoggedIn, NamePosition, Network, Refusal};
use crate::domain::{
    Joining, Judgement, NetworkSetting, NetworkSettings, PostId, RequestKey, Role, SecretCode,
    Standing, UnixMillis, UserId, UserName,
};

/// What is asked of the network by those who join it, who report somebody and who run it.
pub trait Administration: Network {
    /// What the network is.
    fn about(&self, call: &Call) -> impl Future<Output = Result<About, Refusal>> + Send;

    /// Makes an account with a password, and begins a session.
    fn sign_up(
        &self,
        call: &Call,
        wanted: &SignUp,
        begins: &Begins,
    ) -> impl Future<Output = Result<SignedUp, Refusal>> + Send;

    /// Tells those who run the network of somebody; returns the report's number.
    fn report(
        &self,
        call: &Call,
        key: &RequestKey,
        report: &NewReport,
    ) -> impl Future<Output = Result<u64, Refusal>> + Send;

    /// Does something to run the network.
    fn administer(
        &self,
        call: &Call,
        key: &RequestKey,
        request: &AdminRequest,
    ) -> impl Future<Output = Result<AdminDone, Refusal>> + Send;

    /// Reads what the network is run with.
    fn inspect(
        &self,
        call: &Call,
        question: &AdminQuestion,
    ) -> impl Future<Output = Result<AdminAnswer, Refusal>> + Send;
}

/// What the network is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Its settings.
    pub settings: NetworkSettings,
    /// What everybody is told, the newest first.
    pub announcements: Vec<Announcement>,
    /// The most characters of a post, as things are.
    pub post_chars: u32,
}

/// What everybody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Its number.
    pub number: u64,
    /// When it was made.
    pub at: UnixMillis,
    /// What it says.
    pub text: String,
}

/// Somebody who wants to join.
#[derive(Clone)]
pub struct SignUp {
    /// The account's name.
    pub name: UserName,
    /// Its password.
    pub password: String,
    /// By which they were invited.
    pub invitation: Option<SecretCode>,
    /// Why they want to join, for those who decide.
    pub reason: String,
}

impl fmt::Debug for SignUp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SignUp({})", self.name)
    }
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedUp {
    /// They are in.
    LoggedIn(LoggedIn),
    /// A moderator has to approve the account first.
    Pending,
}

/// Somebody is told on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReport {
    /// Who.
    pub about: UserName,
    /// Which of their posts.
    pub posts: Vec<PostId>,
    /// What is wrong.
    pub comment: String,
}

/// Something that is done to run the network. Codes are drawn by the caller, so that a repetition has the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminRequest {
    /// Names the first owner, and says what the network is.
    Begin {
        /// The first owner.
        owner: UserName,
        /// How the network is called.
        title: String,
        /// Who may join.
        joining: Joining,
        /// With which an owner who has no password logs in.
        code: SecretCode,
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
        /// Why.
        why: String,
    },
    /// Deletes somebody's post.
    DeletePost {
        /// Which.
        post: PostId,
        /// Why.
        why: String,
    },
    /// Replaces somebody's password by a code.
    ResetPassword {
        /// Whose.
        name: UserName,
        /// By which.
        code: SecretCode,
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
    Revoke(SecretCode),
    /// Tells everybody something.
    Announce(String),
    /// Takes an announcement back.
    Retract(u64),
    /// Says what has come of a report.
    Resolve {
        /// Which.
        report: u64,
        /// What has come of it.
        outcome: String,
    },
}

/// It was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdminDone {
    /// The code that came with the request works from now on.
    pub code_is_needed: bool,
    /// Of an announcement.
    pub number: Option<u64>,
}

/// What those want to read who run the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminQuestion {
    /// People, sorted by name.
    People {
        /// Of one standing.
        standing: Option<Standing>,
        /// From where on.
        position: Option<NamePosition>,
        /// How many.
        limit: Option<u32>,
    },
    /// One of them.
    Person(UserName),
    /// All invitations.
    Invitations,
    /// Reports, the newest first.
    Reports {
        /// Those before this one.
        before: Option<u64>,
        /// How many.
        limit: Option<u32>,
    },
    /// What was done, the newest first.
    Log {
        /// What was done before this.
        before: Option<u64>,
        /// How much.
        limit: Option<u32>,
    },
}

/// What they read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAnswer {
    /// People, and where the next page begins. A page may be empty, and not be the last.
    People {
        /// These.
        members: Vec<Member>,
        /// Asks for the next page.
        next: Option<NamePosition>,
    },
    /// Invitations.
    Invitations(Vec<Invitation>),
    /// Reports, and whether there are more.
    Reports(Vec<Report>, bool),
    /// What was done, and whether there is more.
    Log(Vec<LogEntry>, bool),
}

/// Somebody, as those see them who run the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Their number.
    pub id: UserId,
    /// Their name.
    pub name: UserName,
    /// Since when there is the account.
    pub created_at: UnixMillis,
    /// What they may do.
    pub role: Role,
    /// What was decided about them.
    pub standing: Standing,
    /// Whether they have a password.
    pub has_password: bool,
    /// Their password is a code that works until then.
    pub code_until: Option<UnixMillis>,
    /// Why they want to join.
    pub reason: String,
}

/// An invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// With which it is accepted.
    pub code: SecretCode,
    /// Who has made it; none for an operator.
    pub by: Option<UserName>,
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

/// A report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its number.
    pub number: u64,
    /// When.
    pub at: UnixMillis,
    /// Who reports.
    pub by: UserName,
    /// Whom.
    pub about: UserName,
    /// Which of their posts.
    pub posts: Vec<PostId>,
    /// What is wrong.
    pub comment: String,
    /// What has come of it.
    pub resolved: Option<Resolution>,
}

/// What has come of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// When.
    pub at: UnixMillis,
    /// Who says so; none for an operator.
    pub by: Option<UserName>,
    /// What.
    pub outcome: String,
}

/// Something that was done to run the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its number.
    pub number: u64,
    /// When.
    pub at: UnixMillis,
    /// By whom; none for an operator.
    pub by: Option<UserName>,
    /// What: a stable name.
    pub what: String,
    /// To whom.
    pub about: Option<UserName>,
    /// To which post, report or announcement.
    pub about_number: Option<u64>,
    /// What is to be said of it.
    pub words: String,
}
