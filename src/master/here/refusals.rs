//! What a rule, a session or the consensus refuses, as the caller is told: which kind of refusal it
//! is. The words are where the reason is.

use std::time::Duration;

use super::turns::TooManyReads;
use crate::{
    master::{passwords::Unchecked, sessions::SessionError},
    network::{Refusal, RefusalKind},
    replication::writes::WriteError,
    social::{CommandRefusal, Damage, Reply, StateError},
};

/// Not logged in, or no longer.
pub fn session_refusal(damage: &Damage, error: &SessionError) -> Refusal {
    match error {
        SessionError::Invalid | SessionError::Expired | SessionError::Version(_) => {
            Refusal::new(RefusalKind::SessionEnded, error.to_string())
        }
        SessionError::Revoked => Refusal::new(RefusalKind::SessionRevoked, error.to_string()),
        SessionError::UserNeeded => Refusal::new(RefusalKind::UserNeeded, error.to_string()),
        SessionError::KeptOut(why) => Refusal::new(RefusalKind::NotPossible, *why),
        SessionError::Deleted => Refusal::new(RefusalKind::NotPossible, error.to_string()),
        SessionError::NoKey => Refusal::overloaded(),
        SessionError::State(error) => broken(damage, error),
    }
}

/// This node's own disk or state failed. If the state is damaged, this master replaces it.
pub fn broken(damage: &Damage, error: &StateError) -> Refusal {
    damage.note(error);
    tracing::error!(%error, "cannot read the state");
    Refusal::broken(error)
}

/// Not all members of the cluster know the command yet.
pub fn upgrading(error: WriteError) -> Refusal {
    Refusal::new(RefusalKind::NotPossible, error.to_string())
}

/// The password is wrong, missing or not wanted.
pub fn wrong_password(message: &'static str) -> Refusal {
    Refusal::new(RefusalKind::WrongPassword, message)
}

/// Nobody has looked at the password.
pub fn unchecked(why: Unchecked) -> Refusal {
    /// About as long as a full queue of passwords takes.
    const WHEN_CROWDED: Duration = Duration::from_secs(1);
    match why {
        Unchecked::Crowded => Refusal::too_many_waiting(WHEN_CROWDED),
        Unchecked::Slowed(wait) => Refusal::too_many_wrong_passwords(wait),
        Unchecked::Stopping => Refusal::elsewhere(None),
    }
}

/// Others are being read.
pub fn too_many_reads(_too_many: TooManyReads) -> Refusal {
    /// About as long as those take that are in progress.
    const WHEN_CROWDED: Duration = Duration::from_secs(1);
    Refusal::too_many_reads(WHEN_CROWDED)
}

/// A reply that belongs to another command, or a refusal.
pub fn unexpected(reply: &Reply) -> Refusal {
    match reply {
        Reply::Refused(refusal) => (*refusal).into(),
        other => Refusal::broken(format_args!("unexpected reply {other:?}")),
    }
}

/// Nothing, if the reply says that the change was made.
pub fn done(reply: &Reply) -> Result<(), Refusal> {
    match reply {
        Reply::Done => Ok(()),
        other => Err(unexpected(other)),
    }
}

impl From<CommandRefusal> for Refusal {
    fn from(refusal: CommandRefusal) -> Self {
        let kind = match refusal {
            CommandRefusal::NoSuchUser
            | CommandRefusal::NoSuchPost
            | CommandRefusal::NoSuchRequest
            | CommandRefusal::NoSuchInvitation
            | CommandRefusal::NoSuchReport
            | CommandRefusal::NoSuchAnnouncement
            | CommandRefusal::NoSuchSession
            | CommandRefusal::NoSuchList
            | CommandRefusal::NoSuchFilter
            | CommandRefusal::NoSuchKeyword
            | CommandRefusal::NoSuchPicture => RefusalKind::NotFound,
            CommandRefusal::AlreadyFollowing | CommandRefusal::AlreadyRequested => {
                RefusalKind::AlreadyExists
            }
            // No call asks for what the last one refuses.
            CommandRefusal::NotFollowing
            | CommandRefusal::NotYours
            | CommandRefusal::NotForBoosting
            | CommandRefusal::TooManyPins
            | CommandRefusal::TooManyEdits
            | CommandRefusal::Blocked
            | CommandRefusal::FollowsTooMany
            | CommandRefusal::TheyFollowTooMany
            | CommandRefusal::KeepsTooMany
            | CommandRefusal::NotEmpty
            | CommandRefusal::JoiningClosed
            | CommandRefusal::InvitationNeeded
            | CommandRefusal::NotAllowed
            | CommandRefusal::LastOwner
            | CommandRefusal::DoesNotFit
            | CommandRefusal::NoPassword
            | CommandRefusal::NoPasswordForApps
            | CommandRefusal::OwnPasswordFirst
            | CommandRefusal::ResolvedAlready
            | CommandRefusal::PictureIncomplete
            | CommandRefusal::PictureInUse
            | CommandRefusal::PictureOfOtherKind
            | CommandRefusal::PicturesTakeTooMuch => RefusalKind::NotPossible,
            CommandRefusal::HasOwner | CommandRefusal::NameReserved => RefusalKind::AlreadyExists,
            // Where there is a terminal, its user is asked for one.
            CommandRefusal::PasswordNeeded
            | CommandRefusal::PasswordChanged
            | CommandRefusal::CodeExpired
            | CommandRefusal::CodeUsed => RefusalKind::WrongPassword,
            CommandRefusal::NoSuchGrant | CommandRefusal::GrantReused => RefusalKind::BadGrant,
            CommandRefusal::Oneself | CommandRefusal::KeyReused => RefusalKind::Invalid,
            CommandRefusal::StaleRequest => RefusalKind::Stale,
            CommandRefusal::SessionRevoked => RefusalKind::SessionRevoked,
            CommandRefusal::NoSuchAccount | CommandRefusal::SessionEnded => {
                RefusalKind::SessionEnded
            }
            CommandRefusal::TooManyRequests | CommandRefusal::TooManyReports => {
                RefusalKind::TooMuch
            }
            CommandRefusal::ClusterAbandoned => return Self::elsewhere(None),
        };
        Self::new(kind, refusal.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Advice;

    #[test]
    fn what_a_request_was_refused_for_tells_its_caller_what_to_do() {
        for (refusal, kind, advice) in [
            (CommandRefusal::KeyReused, RefusalKind::Invalid, Advice::Never),
            (CommandRefusal::StaleRequest, RefusalKind::Stale, Advice::Never),
            (CommandRefusal::SessionEnded, RefusalKind::SessionEnded, Advice::Never),
            (CommandRefusal::SessionRevoked, RefusalKind::SessionRevoked, Advice::Never),
            (CommandRefusal::NoSuchAccount, RefusalKind::SessionEnded, Advice::Never),
            (CommandRefusal::TooManyRequests, RefusalKind::TooMuch, Advice::Here),
        ] {
            let told = Refusal::from(refusal);
            assert_eq!(told.kind, kind, "{refusal:?}");
            assert_eq!(told.kind.advice(), advice, "{refusal:?}");
            assert_eq!(told.message, refusal.to_string());
        }
    }
}
