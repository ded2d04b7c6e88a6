//! Accounts, and what people are to each other.

use super::{Graph, Outcome, used_up};
use crate::{
    domain::{Joining, NotificationKind, Profile, RelationChange, UnixMillis, UserId, UserName},
    social::{
        Account, CommandRefusal, Context, Event, Reply,
        administration::StandingRecord,
        sessions::{SessionKey, SessionRef},
        store::{Follow, MuteRecord, Pair, ProfileRecord, StateError, UserRecord},
        visibility::is_blocked,
    },
};

/// So many people anybody may follow, as elsewhere.
pub const MOST_FOLLOWED: u64 = 7_500;

impl Graph<'_> {
    pub(super) fn create_account(
        &mut self,
        at: UnixMillis,
        name: UserName,
        password_hash: Option<String>,
    ) -> Result<Reply, StateError> {
        if let Some(user) = self.tables.user_named(&name)? {
            let record = self.tables.known_user(user)?;
            return Ok(Reply::Account(record.into_account(user, false)));
        }
        if self.tables.network_settings()?.joining != Joining::Classic {
            return Ok(Reply::Refused(CommandRefusal::PasswordNeeded));
        }
        if !self.is_free(at, &name)? {
            return Ok(Reply::Refused(CommandRefusal::NameReserved));
        }
        self.make_account(at, name, password_hash).map(Reply::Account)
    }

    /// Makes an account of a name that nobody has.
    pub(super) fn make_account(
        &mut self,
        at: UnixMillis,
        name: UserName,
        password_hash: Option<String>,
    ) -> Result<Account, StateError> {
        let number = self.meta.newest_user.checked_add(1).ok_or_else(used_up)?;
        let user = UserId(number);
        let record = UserRecord {
            name,
            password_version: 0,
            password_hash,
            created_at: at,
            deleted_at: None,
            sessions: 0,
        };
        self.tables.put_user(user, &record);
        self.meta.newest_user = number;
        Ok(record.into_account(user, true))
    }

    pub(super) fn set_password(
        &mut self,
        Context { user, session, .. }: &Context,
        record: UserRecord,
        password_hash: Option<String>,
    ) -> Result<Outcome, StateError> {
        let user = *user;
        let standing = self.tables.standing(user)?;
        if password_hash.is_none() && self.tables.network_settings()?.joining != Joining::Classic {
            return Ok(Err(CommandRefusal::PasswordNeeded));
        }
        // It is not a code any more.
        let standing = StandingRecord { code_until: None, code_was_used: false, ..standing };
        let password_version = record.password_version.wrapping_add(1);
        self.tables.put_user(user, &UserRecord { password_version, password_hash, ..record });
        self.tables.put_standing(user, &standing)?;
        let own = match session {
            SessionRef::Unlisted(_) => None,
            SessionRef::Listed(SessionKey { number, .. }) => Some(*number),
        };
        self.end_sessions_but(user, own)?;
        Ok(Ok(Reply::Done))
    }

    pub(super) fn follow(
        &mut self,
        at: UnixMillis,
        user: UserId,
        record: &UserRecord,
        target: &UserName,
    ) -> Result<Outcome, StateError> {
        let edge = match self.edge(user, record, target)? {
            Ok(edge) => edge,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if self.tables.has_follow(&edge)? {
            return Ok(Err(CommandRefusal::AlreadyFollowing));
        }
        let followee = edge.followee;
        if self.decide(|people| is_blocked(user, followee, people))? {
            return Ok(Err(CommandRefusal::Blocked));
        }
        if self.tables.is_out_of_sight(followee)? {
            return Ok(Err(CommandRefusal::NoSuchUser));
        }
        if self.tables.person_counts(user)?.following >= MOST_FOLLOWED {
            return Ok(Err(CommandRefusal::FollowsTooMany));
        }
        let request = requested(&edge);
        let was_requested = self.tables.has_request(&request)?;
        if self.tables.profile(followee)?.profile.locked {
            if was_requested {
                return Ok(Err(CommandRefusal::AlreadyRequested));
            }
            self.tables.set_request(&request, true);
            self.notify(at, followee, user, NotificationKind::FollowRequested, None)?;
            return Ok(Ok(Reply::Requested));
        }
        if was_requested {
            self.tables.set_request(&request, false);
        }
        self.begin_to_follow(&edge)?;
        self.notify(at, followee, user, NotificationKind::Followed, None)?;
        Ok(Ok(Reply::Done))
    }

    pub(super) fn unfollow(
        &mut self,
        user: UserId,
        record: &UserRecord,
        target: &UserName,
    ) -> Result<Outcome, StateError> {
        let edge = match self.edge(user, record, target)? {
            Ok(edge) => edge,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if self.cease_to_follow(&edge)? {
            return Ok(Ok(Reply::Done));
        }
        let request = requested(&edge);
        if !self.tables.has_request(&request)? {
            return Ok(Err(CommandRefusal::NotFollowing));
        }
        self.tables.set_request(&request, false);
        Ok(Ok(Reply::Done))
    }

    pub(super) fn relate(
        &mut self,
        user: UserId,
        record: &UserRecord,
        target: &UserName,
        change: RelationChange,
    ) -> Result<Outcome, StateError> {
        let edge = match self.edge(user, record, target)? {
            Ok(edge) => edge,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let other = edge.followee;
        let back = Follow {
            follower: other,
            follower_name: edge.followee_name.clone(),
            followee: user,
            followee_name: edge.follower_name.clone(),
            since: edge.since,
        };
        let pair = Pair { one: user, other, other_name: edge.followee_name.clone() };
        match change {
            RelationChange::Block => {
                self.cease_to_follow(&edge)?;
                self.cease_to_follow(&back)?;
                self.tables.set_request(&requested(&edge), false);
                self.tables.set_request(&requested(&back), false);
                self.tables.set_block(&pair, true);
            }
            RelationChange::Unblock => self.tables.set_block(&pair, false),
            RelationChange::Mute { notifications, until } => {
                let mute = MuteRecord { muted: other, notifications, until };
                self.tables.set_mute(&pair, Some(mute));
                self.events.push(Event::Muted { user, muted: other, is_muted: true });
            }
            RelationChange::Unmute => {
                self.tables.set_mute(&pair, None);
                self.events.push(Event::Muted { user, muted: other, is_muted: false });
            }
            RelationChange::RemoveFollower => {
                self.cease_to_follow(&back)?;
            }
            RelationChange::AcceptRequest | RelationChange::RejectRequest
                if !self.tables.has_request(&pair)? =>
            {
                return Ok(Err(CommandRefusal::NoSuchRequest));
            }
            RelationChange::AcceptRequest
                if self.tables.person_counts(other)?.following >= MOST_FOLLOWED =>
            {
                return Ok(Err(CommandRefusal::TheyFollowTooMany));
            }
            RelationChange::AcceptRequest => {
                self.tables.set_request(&pair, false);
                if !self.tables.has_follow(&back)? {
                    self.begin_to_follow(&back)?;
                }
            }
            RelationChange::RejectRequest => self.tables.set_request(&pair, false),
            RelationChange::Note(text) => self.tables.set_note(&pair, &text),
        }
        Ok(Ok(Reply::Done))
    }

    pub(super) fn set_profile(
        &mut self,
        user: UserId,
        profile: Profile,
        words: Vec<String>,
    ) -> Result<Outcome, StateError> {
        let before = self.tables.profile(user)?;
        self.tables.put_profile(user, &ProfileRecord { profile, words, ..before })?;
        Ok(Ok(Reply::Done))
    }

    fn begin_to_follow(&mut self, edge: &Follow) -> Result<(), StateError> {
        self.tables.put_follow(edge)?;
        let Follow { follower, followee, since, .. } = *edge;
        self.events.push(Event::Followed { follower, followee, since });
        Ok(())
    }

    /// False if there was nothing to cease.
    pub(super) fn cease_to_follow(&mut self, edge: &Follow) -> Result<bool, StateError> {
        let was_there = self.tables.remove_follow(edge)?;
        if was_there {
            let Follow { follower, followee, .. } = *edge;
            self.leave_lists(follower, &edge.followee_name)?;
            self.events.push(Event::Unfollowed { follower, followee });
        }
        Ok(was_there)
    }

    /// The edge from a user to a name, which may or may not be in the graph.
    pub(super) fn edge(
        &self,
        user: UserId,
        record: &UserRecord,
        target: &UserName,
    ) -> Result<Result<Follow, CommandRefusal>, StateError> {
        let Some(followee) = self.tables.user_named(target)? else {
            return Ok(Err(CommandRefusal::NoSuchUser));
        };
        if followee == user {
            return Ok(Err(CommandRefusal::Oneself));
        }
        Ok(Ok(Follow {
            follower: user,
            follower_name: record.name.folded(),
            followee,
            followee_name: target.folded(),
            since: self.meta.newest_post,
        }))
    }
}

/// The request that somebody makes who would follow: it lies with whom they would follow.
fn requested(edge: &Follow) -> Pair {
    Pair { one: edge.followee, other: edge.follower, other_name: edge.follower_name.clone() }
}
