//! Who may do what of running the network: the one table of it.
//!
//! | | operators | owners | moderators | users |
//! | --- | --- | --- | --- | --- |
//! | name the first owner | yes | | | |
//! | settings, roles, announcements | yes | yes | | |
//! | judge people and their posts, reset passwords | anybody's | users' and moderators' | users' | |
//! | invitations, reports | yes | yes | yes | |
//! | read the lists and the log | yes | yes | yes | |
//!
//! Nobody judges themselves, nor anybody of their own role: the last owner cannot lock everybody out, and
//! moderators who disagree do not suspend each other. Operators have the cluster's secret, and may do
//! everything.

use super::Role;

/// Who runs the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// Somebody who has the cluster's secret.
    Operator,
    /// Somebody who is logged in.
    Role(Role),
}

/// A kind of what is done to run the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Naming the first owner.
    Begin,
    /// Settings of the network, roles and announcements.
    Govern,
    /// Decisions about a person of this role, their posts and their password.
    Judge(Role),
    /// Invitations and reports.
    Attend,
    /// Reading the lists and the log.
    Look,
}

/// Whether somebody may do that.
pub const fn may(who: Authority, action: Action) -> bool {
    let role = match who {
        Authority::Operator => return true,
        Authority::Role(role) => role,
    };
    match (role, action) {
        (Role::Owner, Action::Govern | Action::Judge(Role::User | Role::Moderator))
        | (Role::Moderator, Action::Judge(Role::User))
        | (Role::Owner | Role::Moderator, Action::Attend | Action::Look) => true,
        (Role::User, _)
        | (_, Action::Begin)
        | (Role::Owner, Action::Judge(Role::Owner))
        | (Role::Moderator, Action::Judge(Role::Moderator | Role::Owner) | Action::Govern) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_who_may_do_what() {
        let columns = [
            Authority::Operator,
            Authority::Role(Role::Owner),
            Authority::Role(Role::Moderator),
            Authority::Role(Role::User),
        ];
        for (action, expected) in [
            (Action::Begin, [true, false, false, false]),
            (Action::Govern, [true, true, false, false]),
            (Action::Judge(Role::User), [true, true, true, false]),
            (Action::Judge(Role::Moderator), [true, true, false, false]),
            (Action::Judge(Role::Owner), [true, false, false, false]),
            (Action::Attend, [true, true, true, false]),
            (Action::Look, [true, true, true, false]),
        ] {
            assert_eq!(columns.map(|who| may(who, action)), expected, "{action:?}");
        }
    }
}
