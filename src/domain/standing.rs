//! What somebody may do in the network, and what moderators have decided about them.

use serde::{Deserialize, Serialize};

/// What somebody may do besides what everybody may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// Nothing.
    #[default]
    User,
    /// Judges people and posts.
    Moderator,
    /// Decides what the network is, and who moderates it.
    Owner,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::User, Self::Moderator, Self::Owner];

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Moderator => "moderator",
            Self::Owner => "owner",
        }
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// What moderators have decided about somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Standing {
    /// Nothing: they are here like everybody else.
    #[default]
    Active,
    /// They have asked to join, and nobody has answered yet.
    Pending,
    /// They have asked to join, and were told no.
    Rejected,
    /// Only those who follow them see them.
    Silenced,
    /// Nobody sees them, and they cannot log in.
    Suspended,
    /// They have deleted their account: what there was of them goes.
    Deleted,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Active,
        Self::Pending,
        Self::Rejected,
        Self::Silenced,
        Self::Suspended,
        Self::Deleted,
    ];

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Rejected => "rejected",
            Self::Silenced => "silenced",
            Self::Suspended => "suspended",
            Self::Deleted => "deleted",
        }
    }

    /// The standing of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.name() == name)
    }

    /// Why somebody of this standing cannot log in, in words for them; none if they can.
    pub const fn keeps_out(self) -> Option<&'static str> {
        match self {
            Self::Active | Self::Silenced => None,
            Self::Pending => Some(
                "your account waits for a moderator to approve it: nothing is wrong, log in again later",
            ),
            Self::Rejected => Some("the moderators of this network have not approved your account"),
            Self::Suspended => Some("the moderators of this network have suspended your account"),
            Self::Deleted => Some("this account was deleted"),
        }
    }
}

/// What a moderator decides about somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Judgement {
    /// Whoever has asked to join may.
    Approve,
    /// Whoever has asked to join may not.
    Reject,
    /// They are hidden and logged out.
    Suspend,
    /// No longer.
    Unsuspend,
    /// Only those who follow them see them.
    Silence,
    /// No longer.
    Unsilence,
}

impl Judgement {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Approve,
        Self::Reject,
        Self::Suspend,
        Self::Unsuspend,
        Self::Silence,
        Self::Unsilence,
    ];

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Suspend => "suspend",
            Self::Unsuspend => "unsuspend",
            Self::Silence => "silence",
            Self::Unsilence => "unsilence",
        }
    }

    /// The standing that comes of it; none if it makes no sense for somebody of this standing.
    pub const fn of(self, standing: Standing) -> Option<Standing> {
        use Standing::{Active, Pending, Rejected, Silenced, Suspended};
        match (self, standing) {
            (Self::Approve, Pending | Rejected)
            | (Self::Unsuspend, Suspended)
            | (Self::Unsilence, Silenced) => Some(Active),
            (Self::Reject, Pending) => Some(Rejected),
            (Self::Suspend, Active | Silenced) => Some(Suspended),
            (Self::Silence, Active) => Some(Silenced),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decided_about_somebody_depends_on_what_was_decided_before() {
        use Judgement::{Approve, Reject, Silence, Suspend, Unsilence, Unsuspend};
        use Standing::{Active, Pending, Rejected, Silenced, Suspended};
        let sensible = [
            (Approve, Pending, Active),
            (Approve, Rejected, Active),
            (Reject, Pending, Rejected),
            (Suspend, Active, Suspended),
            (Suspend, Silenced, Suspended),
            (Unsuspend, Suspended, Active),
            (Silence, Active, Silenced),
            (Unsilence, Silenced, Active),
        ];
        for judgement in Judgement::ALL {
            for standing in Standing::ALL {
                let found =
                    sensible.iter().find(|(of, from, _)| (*of, *from) == (judgement, standing));
                let expected = found.map(|(_, _, to)| *to);
                assert_eq!(judgement.of(standing), expected, "{judgement:?} {standing:?}");
            }
        }
    }

    #[test]
    fn names_lead_back_to_what_they_name() {
        for role in Role::ALL {
            assert_eq!(Role::named(role.name()), Some(role));
        }
        for standing in Standing::ALL {
            assert_eq!(Standing::named(standing.name()), Some(standing));
        }
        assert_eq!(Role::named("king"), None);
    }
}
