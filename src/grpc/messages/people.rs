//! People: whom one follows, what they are to each other, profiles and lists of names.

use super::{invalid, key_from_wire, key_to_wire, name_from_wire, unreadable};
use crate::{
    domain::{
        Person, PersonCounts, Profile, ProfileLink, RelationChange, Relationship, RequestKey,
        UnixMillis, UserId, UserName,
    },
    network::{FollowOutcome, ListKind, NamePage, NamePosition, PersonView, Refusal},
    wire::v1::{self, relate_request},
};

/// What comes of wanting to follow somebody.
pub fn follow_outcome_to_wire(outcome: FollowOutcome) -> v1::FollowReply {
    v1::FollowReply { requested: outcome == FollowOutcome::Requested }
}

/// What comes of wanting to follow somebody.
pub fn follow_outcome_from_wire(wire: v1::FollowReply) -> FollowOutcome {
    let v1::FollowReply { requested } = wire;
    if requested { FollowOutcome::Requested } else { FollowOutcome::Follows }
}

/// What somebody is to be to the caller, under a key.
pub fn relation_change_to_wire(
    key: &RequestKey,
    target: &UserName,
    change: RelationChange,
) -> v1::RelateRequest {
    use relate_request::Change;
    let change = match change {
        RelationChange::Block => Change::Block(true),
        RelationChange::Unblock => Change::Block(false),
        RelationChange::Mute { notifications, until } => {
            let until_ms = until.map(UnixMillis::get);
            Change::Mute(v1::Mute { on: true, notifications, until_ms })
        }
        RelationChange::Unmute => Change::Mute(v1::Mute::default()),
        RelationChange::RemoveFollower => Change::RemoveFollower(true),
        RelationChange::AcceptRequest => Change::AnswerRequest(true),
        RelationChange::RejectRequest => Change::AnswerRequest(false),
        RelationChange::Note(note) => Change::Note(note),
    };
    v1::RelateRequest {
        request_id: Some(key_to_wire(key)),
        username: target.to_string(),
        change: Some(change),
    }
}

/// What somebody is to be to the caller, under a key.
pub fn relation_change_from_wire(
    wire: v1::RelateRequest,
) -> Result<(RequestKey, UserName, RelationChange), Refusal> {
    use relate_request::Change;
    let v1::RelateRequest { request_id, username, change } = wire;
    let change = match change {
        Some(Change::Block(true)) => RelationChange::Block,
        Some(Change::Block(false)) => RelationChange::Unblock,
        Some(Change::Mute(v1::Mute { on: true, notifications, until_ms })) => {
            RelationChange::Mute { notifications, until: until_ms.map(UnixMillis::new) }
        }
        Some(Change::Mute(v1::Mute { on: false, .. })) => RelationChange::Unmute,
        Some(Change::RemoveFollower(true)) => RelationChange::RemoveFollower,
        Some(Change::RemoveFollower(false)) => {
            return Err(Refusal::invalid("remove_follower must be true"));
        }
        Some(Change::AnswerRequest(true)) => RelationChange::AcceptRequest,
        Some(Change::AnswerRequest(false)) => RelationChange::RejectRequest,
        Some(Change::Note(note)) => RelationChange::Note(note),
        None => return Err(Refusal::invalid("change is missing")),
    };
    Ok((key_from_wire(request_id)?, name_from_wire(username)?, change))
}

fn profile_to_wire(profile: Profile) -> v1::Profile {
    let link = |ProfileLink { label, value }| v1::ProfileLink { label, value };
    let Profile { display_name, bio, links, bot, discoverable, locked } = profile;
    let links = links.into_iter().map(link).collect();
    v1::Profile { display_name, bio, links, bot, discoverable, locked }
}

fn profile_from_wire(wire: v1::Profile) -> Profile {
    let link = |v1::ProfileLink { label, value }| ProfileLink { label, value };
    let v1::Profile { display_name, bio, links, bot, discoverable, locked } = wire;
    let links = links.into_iter().map(link).collect();
    Profile { display_name, bio, links, bot, discoverable, locked }
}

/// The caller's profile from now on, under a key.
pub fn profile_change_to_wire(key: &RequestKey, profile: Profile) -> v1::SetProfileRequest {
    let profile = Some(profile_to_wire(profile));
    v1::SetProfileRequest { request_id: Some(key_to_wire(key)), profile }
}

/// The caller's profile from now on, under a key.
pub fn profile_change_from_wire(
    wire: v1::SetProfileRequest,
) -> Result<(RequestKey, Profile), Refusal> {
    let v1::SetProfileRequest { request_id, profile } = wire;
    let profile = profile.ok_or_else(|| Refusal::invalid("profile is missing"))?;
    Ok((key_from_wire(request_id)?, profile_from_wire(profile)))
}

/// A person.
pub fn person_to_wire(person: Person) -> v1::Person {
    let Person { id, name, created_at, profile, counts } = person;
    let PersonCounts { posts, followers, following, last_post_at } = counts;
    v1::Person {
        id: id.0,
        username: name.into(),
        created_at_ms: created_at.get(),
        profile: Some(profile_to_wire(profile)),
        posts,
        followers,
        following,
        last_post_at_ms: last_post_at.map(UnixMillis::get),
    }
}

/// A person.
pub fn person_from_wire(wire: v1::Person) -> Result<Person, Refusal> {
    let v1::Person { id, username, created_at_ms, profile, .. } = wire;
    Ok(Person {
        id: UserId(id),
        name: UserName::new(username).map_err(unreadable)?,
        created_at: UnixMillis::new(created_at_ms),
        profile: profile_from_wire(profile.unwrap_or_default()),
        counts: PersonCounts {
            posts: wire.posts,
            followers: wire.followers,
            following: wire.following,
            last_post_at: wire.last_post_at_ms.map(UnixMillis::new),
        },
    })
}

/// A person, and what the caller is to them.
pub fn person_view_to_wire(PersonView { person, relationship }: PersonView) -> v1::GetPersonReply {
    let it = relationship;
    let relationship = v1::Relationship {
        following: it.following,
        requested: it.requested,
        followed_by: it.followed_by,
        requested_by: it.requested_by,
        blocking: it.blocking,
        muting: it.muting,
        muting_notifications: it.muting_notifications,
        muting_until_ms: it.muting_until.map(UnixMillis::get),
        note: it.note,
    };
    let person = person_to_wire(person);
    v1::GetPersonReply { person: Some(person), relationship: Some(relationship) }
}

/// A person, and what the caller is to them.
pub fn person_view_from_wire(wire: v1::GetPersonReply) -> Result<PersonView, Refusal> {
    let v1::GetPersonReply { person, relationship } = wire;
    let person = person.ok_or_else(|| unreadable("the person is missing"))?;
    let it = relationship.unwrap_or_default();
    let relationship = Relationship {
        following: it.following,
        requested: it.requested,
        followed_by: it.followed_by,
        requested_by: it.requested_by,
        blocking: it.blocking,
        muting: it.muting,
        muting_notifications: it.muting_notifications,
        muting_until: it.muting_until_ms.map(UnixMillis::new),
        note: it.note,
    };
    Ok(PersonView { person: person_from_wire(person)?, relationship })
}

/// Whom to list.
pub fn list_kind_to_wire(kind: ListKind) -> v1::ListKind {
    match kind {
        ListKind::Users => v1::ListKind::Users,
        ListKind::Following => v1::ListKind::Following,
        ListKind::Followers => v1::ListKind::Followers,
        ListKind::Blocked => v1::ListKind::Blocked,
        ListKind::Muted => v1::ListKind::Muted,
        ListKind::Requests => v1::ListKind::Requests,
    }
}

/// Whom to list.
pub fn list_kind_from_wire(wire: i32) -> Result<ListKind, Refusal> {
    match v1::ListKind::try_from(wire) {
        Ok(v1::ListKind::Users) => Ok(ListKind::Users),
        Ok(v1::ListKind::Following) => Ok(ListKind::Following),
        Ok(v1::ListKind::Followers) => Ok(ListKind::Followers),
        Ok(v1::ListKind::Blocked) => Ok(ListKind::Blocked),
        Ok(v1::ListKind::Muted) => Ok(ListKind::Muted),
        Ok(v1::ListKind::Requests) => Ok(ListKind::Requests),
        Ok(v1::ListKind::Unspecified) | Err(_) => {
            Err(invalid("kind must be USERS, FOLLOWING, FOLLOWERS, BLOCKED, MUTED or REQUESTS"))
        }
    }
}

/// Where a page of names begins; none for the first page.
pub fn name_position_from_wire(token: String) -> Option<NamePosition> {
    (!token.is_empty()).then(|| NamePosition::new(token))
}

/// Where a page of names begins; none for the first page.
pub fn name_position_to_wire(position: Option<&NamePosition>) -> String {
    position.map(|position| position.as_str().to_owned()).unwrap_or_default()
}

/// A page of names.
pub fn name_page_to_wire(NamePage { names, next }: NamePage) -> v1::ListReply {
    v1::ListReply {
        usernames: names.into_iter().map(String::from).collect(),
        next_page_token: name_position_to_wire(next.as_ref()),
    }
}

/// A page of names.
pub fn name_page_from_wire(wire: v1::ListReply) -> Result<NamePage, Refusal> {
    let v1::ListReply { usernames, next_page_token } = wire;
    let names = usernames.into_iter().map(UserName::new).collect::<Result<_, _>>();
    Ok(NamePage {
        names: names.map_err(unreadable)?,
        next: name_position_from_wire(next_page_token),
    })
}
