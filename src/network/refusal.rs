//! Why a call was not carried out: a kind for programs, words for people, and what the caller
//! should do.

use std::{borrow::Cow, fmt, time::Duration};

use crate::domain::{
    AppError, DescriptionError, HashtagError, KeyError, LanguageError, NameError, PersonalError,
    ProfileError, ScopeError, TextError,
};

/// Why a call was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub kind: RefusalKind,
    /// For people.
    pub message: Cow<'static, str>,
    /// How long to wait before asking again, if the server says so.
    pub again_after: Option<Duration>,
}

/// A kind of refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The request itself is wrong.
    Invalid,
    /// There is no user of that name.
    NotFound,
    /// It is so already.
    AlreadyExists,
    /// It is not possible as things are.
    NotPossible,
    /// The request was answered before, and its reply is no longer kept.
    Stale,
    /// The caller is not logged in, or no longer.
    SessionEnded,
    /// The caller's session was ended by its owner, who does not want the client to begin another by itself.
    SessionRevoked,
    /// The password is wrong, missing or not wanted.
    WrongPassword,
    /// The session is an app's, which may not do this.
    OutsideScope,
    /// There is no app with this client id, or its secret is another.
    UnknownApp,
    /// What somebody is said to have granted to an app, they have not: not to this one, not like this, or no longer.
    BadGrant,
    /// The token is an app's that acts for nobody, and this is asked by somebody.
    UserNeeded,
    /// More than the server, or the account, may be asked for at present.
    TooMuch,
    /// A live timeline was closed: its reader was too slow, or the available server has changed.
    Interrupted,
    /// Another master is the available server: at this address (host:port), if known.
    Elsewhere(Option<String>),
    /// A fault of the server.
    Broken,
    /// No server has answered within the caller's patience: a change may have been made or not.
    Unanswered,
    /// The server does not know this call.
    Unsupported,
    /// A kind that this program does not know.
    Unknown,
}

/// What the caller should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Repeat on the same server, after a moment.
    Here,
    /// Repeat on the available server.
    Elsewhere,
    /// Asking again gives the same answer.
    Never,
}

impl RefusalKind {
    /// What the caller should do.
    pub const fn advice(&self) -> Advice {
        match self {
            Self::TooMuch | Self::Interrupted | Self::Unanswered => Advice::Here,
            Self::Elsewhere(_) | Self::Broken => Advice::Elsewhere,
            Self::Invalid
            | Self::NotFound
            | Self::AlreadyExists
            | Self::NotPossible
            | Self::Stale
            | Self::SessionEnded
            | Self::SessionRevoked
            | Self::WrongPassword
            | Self::OutsideScope
            | Self::UnknownApp
            | Self::BadGrant
            | Self::UserNeeded
            | Self::Unsupported
            | Self::Unknown => Advice::Never,
        }
    }
}

impl Refusal {
    /// A refusal of a kind, with a message for people.
    pub fn new(kind: RefusalKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), again_after: None }
    }

    /// The request itself is wrong, as the message says.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(RefusalKind::Invalid, message)
    }

    /// This is not the available server, which is at `available`, if that is known.
    pub fn elsewhere(available: Option<String>) -> Self {
        let message = match &available {
            Some(address) => format!("the available server is at {address}: ask there"),
            None => "there is no available server at this moment: ask again".to_owned(),
        };
        Self::new(RefusalKind::Elsewhere(available), message)
    }

    /// Too much is waiting at the server.
    pub fn overloaded() -> Self {
        Self::new(RefusalKind::TooMuch, "this server is overloaded: ask again in a moment")
    }

    /// More callers wait for the same than there is room for.
    pub fn too_many_waiting(again_after: Duration) -> Self {
        let message = "too many people are logging in at this moment: try again in a moment";
        Self::new(RefusalKind::TooMuch, message).again_after(again_after)
    }

    /// More reads are in progress than there is room for, of this user or of all.
    pub fn too_many_reads(again_after: Duration) -> Self {
        let message = "too many reads at this moment: try again in a moment";
        Self::new(RefusalKind::TooMuch, message).again_after(again_after)
    }

    /// Too many passwords were wrong.
    pub fn too_many_wrong_passwords(again_after: Duration) -> Self {
        Self::too_often("too many wrong passwords from here", again_after)
    }

    /// Something is done too often, as `what` says.
    pub fn too_often(what: impl fmt::Display, again_after: Duration) -> Self {
        let seconds = again_after.as_secs() + u64::from(again_after.subsec_nanos() > 0);
        let message = format!("{what}: try again in {seconds} s");
        Self::new(RefusalKind::TooMuch, message).again_after(again_after)
    }

    /// The same refusal, with how long to wait before asking again.
    #[must_use]
    pub fn again_after(self, again_after: Duration) -> Self {
        Self { again_after: Some(again_after), ..self }
    }

    /// An app may not do this.
    pub fn outside_scope() -> Self {
        Self::new(RefusalKind::OutsideScope, "this action is outside the authorized scopes")
    }

    /// The server has as many live timelines as it may.
    pub fn too_many_timelines() -> Self {
        Self::new(
            RefusalKind::TooMuch,
            "this server has reached its limit of live timelines: ask again later",
        )
    }

    /// The account has as many live timelines as it may. Longer than clients wait by themselves, so
    /// that people learn of it.
    pub fn too_many_timelines_of_account() -> Self {
        const UNTIL_SOMEBODY_CLOSES_ONE: Duration = Duration::from_secs(10);
        Self::too_often("you have too many live timelines open", UNTIL_SOMEBODY_CLOSES_ONE)
    }

    /// A live timeline was closed.
    pub fn interrupted() -> Self {
        Self::new(
            RefusalKind::Interrupted,
            "the live timeline was closed, because its reader was too slow or the available \
             server has changed: resume after the last post",
        )
    }

    /// A fault of the server.
    pub fn broken(reason: impl fmt::Display) -> Self {
        Self::new(RefusalKind::Broken, format!("this server is broken: {reason}"))
    }

    /// Nobody has answered in time, for a reason.
    pub fn unanswered(patience: Duration, reason: impl fmt::Display) -> Self {
        let patience = humantime::format_duration(patience);
        Self::new(
            RefusalKind::Unanswered,
            format!("no server has answered within {patience}: {reason}"),
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl From<NameError> for Refusal {
    fn from(error: NameError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<TextError> for Refusal {
    fn from(error: TextError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<HashtagError> for Refusal {
    fn from(error: HashtagError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<LanguageError> for Refusal {
    fn from(error: LanguageError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<DescriptionError> for Refusal {
    fn from(error: DescriptionError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<ProfileError> for Refusal {
    fn from(error: ProfileError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<ScopeError> for Refusal {
    fn from(error: ScopeError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<AppError> for Refusal {
    fn from(error: AppError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<PersonalError> for Refusal {
    fn from(error: PersonalError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        Self::invalid(error.to_string())
    }
}
