//! What an app needs to be allowed for each call: the one table of it. Pure.
//!
//! Our own clients may do everything. What no app may do, whatever somebody has granted it, needs [`Needs::OwnClient`]:
//! passwords, sessions, the account itself, and running the network.

use crate::{
    domain::{Mark, PersonalChange, RelationChange, Scope, Scopes},
    network::{ListKind, PersonalQuestion, TimelineKind},
};

/// What a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// A token of somebody, whatever it allows.
    Anything,
    /// Any of the scopes of reading.
    AnyReading,
    /// This scope.
    One(Scope),
    /// One of these.
    Either(Scope, Scope),
    /// A client of our own.
    OwnClient,
}

/// What changes posts: making, editing, deleting and boosting them.
pub const POSTS: Needs = Needs::One(Scope::WriteStatuses);
/// Reading threads, and what posts said before; and live timelines.
pub const READ_POSTS: Needs = Needs::One(Scope::ReadStatuses);
/// Reading one post: whoever may make one may see what has become of it.
pub const READ_POST: Needs = Needs::Either(Scope::ReadStatuses, Scope::WriteStatuses);
/// Who people are whom an app has come across.
pub const PEOPLE: Needs = Needs::Anything;
/// What people are to the caller.
pub const RELATIONSHIPS: Needs = Needs::Either(Scope::ReadFollows, Scope::WriteFollows);
/// Following, and ceasing to.
pub const FOLLOWING: Needs = Needs::One(Scope::WriteFollows);
/// The caller's profile.
pub const PROFILE: Needs = Needs::One(Scope::WriteAccounts);
/// Changing notifications.
pub const NOTIFICATIONS: Needs = Needs::One(Scope::WriteNotifications);
/// Reading notifications.
pub const READ_NOTIFICATIONS: Needs = Needs::One(Scope::ReadNotifications);
/// Searching.
pub const SEARCHING: Needs = Needs::One(Scope::ReadSearch);
/// Reading of a person: much else shows people, too.
pub const PERSON: Needs = Needs::AnyReading;
/// Uploading pictures, and saying what they show.
pub const PICTURES: Needs = Needs::One(Scope::WriteMedia);
/// Saying what pictures show, before and after a post shows them.
pub const DESCRIBING: Needs = Needs::Either(Scope::WriteMedia, Scope::WriteStatuses);
/// Reporting somebody.
pub const REPORTING: Needs = Needs::One(Scope::WriteReports);

impl Needs {
    /// Whether whoever may do this has what is needed.
    pub fn are_met_by(self, scopes: &Scopes) -> bool {
        match self {
            Self::Anything => true,
            Self::AnyReading => {
                Scope::ALL.iter().any(|scope| scope.is_of_reading() && scopes.contains(*scope))
            }
            Self::One(scope) => scopes.contains(scope),
            Self::Either(one, other) => scopes.contains(one) || scopes.contains(other),
            Self::OwnClient => scopes.is_all(),
        }
    }
}

/// Setting a mark on a post, or removing it.
pub const fn mark(mark: Mark) -> Needs {
    Needs::One(match mark {
        Mark::Like => Scope::WriteFavourites,
        Mark::Bookmark => Scope::WriteBookmarks,
        Mark::Pin => Scope::WriteAccounts,
        Mark::Mute => Scope::WriteMutes,
    })
}

/// Changing what somebody is to the caller.
pub const fn relate(change: &RelationChange) -> Needs {
    Needs::One(match change {
        RelationChange::Block | RelationChange::Unblock => Scope::WriteBlocks,
        RelationChange::Mute { .. } | RelationChange::Unmute => Scope::WriteMutes,
        RelationChange::RemoveFollower
        | RelationChange::AcceptRequest
        | RelationChange::RejectRequest => Scope::WriteFollows,
        RelationChange::Note(_) => Scope::WriteAccounts,
    })
}

/// Reading names.
pub const fn list(kind: &ListKind) -> Needs {
    match kind {
        ListKind::Users => Needs::One(Scope::ReadAccounts),
        ListKind::Following
        | ListKind::Followers
        | ListKind::FollowingOf(_)
        | ListKind::FollowersOf(_) => Needs::Either(Scope::ReadFollows, Scope::ReadAccounts),
        ListKind::Blocked => Needs::One(Scope::ReadBlocks),
        ListKind::Muted => Needs::One(Scope::ReadMutes),
        ListKind::Requests => Needs::One(Scope::ReadFollows),
        ListKind::LikedBy(_) | ListKind::BoostedBy(_) => READ_POSTS,
    }
}

/// Reading a timeline.
pub const fn timeline(kind: &TimelineKind) -> Needs {
    Needs::One(match kind {
        TimelineKind::Followed
        | TimelineKind::Home
        | TimelineKind::Local
        | TimelineKind::Hashtag(_)
        | TimelineKind::Of { .. }
        | TimelineKind::PicturesOf(_)
        | TimelineKind::Pinned(_)
        | TimelineKind::Direct => Scope::ReadStatuses,
        TimelineKind::Liked => Scope::ReadFavourites,
        TimelineKind::Bookmarked => Scope::ReadBookmarks,
        TimelineKind::List(_) => Scope::ReadLists,
    })
}

/// Reading what the caller keeps.
pub const fn personal(question: &PersonalQuestion) -> Needs {
    Needs::One(match question {
        PersonalQuestion::Lists | PersonalQuestion::Members(_) | PersonalQuestion::ListsWith(_) => {
            Scope::ReadLists
        }
        PersonalQuestion::Hashtags => Scope::ReadFollows,
        PersonalQuestion::Hashtag(_) => return Needs::AnyReading,
        PersonalQuestion::Markers => Scope::ReadStatuses,
        PersonalQuestion::Preferences => Scope::ReadAccounts,
        PersonalQuestion::Filters => Scope::ReadFilters,
    })
}

/// Changing what the caller keeps.
pub const fn change_personal(change: &PersonalChange) -> Needs {
    Needs::One(match change {
        PersonalChange::CreateList(_)
        | PersonalChange::ChangeList(..)
        | PersonalChange::DeleteList(_)
        | PersonalChange::SetMembers { .. } => Scope::WriteLists,
        PersonalChange::FollowHashtag { .. } => Scope::WriteFollows,
        PersonalChange::ReadHomeUpTo(_) => Scope::WriteStatuses,
        PersonalChange::SetPreferences(_) => Scope::WriteAccounts,
        PersonalChange::CreateFilter { .. }
        | PersonalChange::ChangeFilter { .. }
        | PersonalChange::DeleteFilter(_)
        | PersonalChange::FilterPost { .. }
        | PersonalChange::UnfilterPost { .. } => Scope::WriteFilters,
    })
}
