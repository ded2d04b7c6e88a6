//! People: whom one follows, what they are to each other, profiles and lists of names.

use super::{
    invalid, key_from_wire, key_to_wire, limit_from_wire, limit_to_wire, name_from_wire,
    pictures::{picture_from_wire, picture_to_wire},
    post_id_from_wire, unreadable,
};
use crate::{
    domain::{
        Person, PersonCounts, PostId, Profile, ProfileLink, RelationChange, Relationship,
        RequestKey, UnixMillis, UserId, UserName,
    },
    network::{FollowOutcome, ListKind, NamePage, NamePosition, PersonRef, PersonView, Refusal},
    wire::v1::{self, person_ref, relate_request},
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
    let Person { id, name, created_at, profile, counts, avatar, header } = person;
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
        avatar: avatar.map(picture_to_wire),
        header: header.map(picture_to_wire),
    }
}

/// A person.
pub fn person_from_wire(wire: v1::Person) -> Result<Person, Refusal> {
    let v1::Person { id, username, created_at_ms, profile, avatar, header, .. } = wire;
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
        avatar: avatar.map(picture_from_wire).transpose()?,
        header: header.map(picture_from_wire).transpose()?,
    })
}

/// A person, and what the caller is to them.
pub fn person_view_to_wire(PersonView { person, relationship }: PersonView) -> v1::GetPersonReply {
    let (person, relationship) = (person_to_wire(person), relationship_to_wire(relationship));
    v1::GetPersonReply { person: Some(person), relationship: Some(relationship) }
}

/// A person, and what the caller is to them.
pub fn person_view_from_wire(wire: v1::GetPersonReply) -> Result<PersonView, Refusal> {
    let v1::GetPersonReply { person, relationship } = wire;
    let person = person.ok_or_else(|| unreadable("the person is missing"))?;
    let relationship = relationship_from_wire(relationship.unwrap_or_default());
    Ok(PersonView { person: person_from_wire(person)?, relationship })
}

fn relationship_to_wire(it: Relationship) -> v1::Relationship {
    v1::Relationship {
        following: it.following,
        requested: it.requested,
        followed_by: it.followed_by,
        requested_by: it.requested_by,
        blocking: it.blocking,
        muting: it.muting,
        muting_notifications: it.muting_notifications,
        muting_until_ms: it.muting_until.map(UnixMillis::get),
        note: it.note,
    }
}

fn relationship_from_wire(it: v1::Relationship) -> Relationship {
    Relationship {
        following: it.following,
        requested: it.requested,
        followed_by: it.followed_by,
        requested_by: it.requested_by,
        blocking: it.blocking,
        muting: it.muting,
        muting_notifications: it.muting_notifications,
        muting_until: it.muting_until_ms.map(UnixMillis::new),
        note: it.note,
    }
}

/// Who is asked for.
pub fn people_to_wire(whom: &[PersonRef]) -> v1::GetPeopleRequest {
    let who = |who: &PersonRef| v1::PersonRef {
        who: Some(match who {
            PersonRef::Id(user) => person_ref::Who::Id(user.0),
            PersonRef::Name(name) => person_ref::Who::Username(name.to_string()),
        }),
    };
    v1::GetPeopleRequest { whom: whom.iter().map(who).collect() }
}

/// Who is asked for.
pub fn people_from_wire(wire: v1::GetPeopleRequest) -> Result<Vec<PersonRef>, Refusal> {
    let who = |v1::PersonRef { who }| match who {
        Some(person_ref::Who::Id(id)) => Ok(PersonRef::Id(UserId(id))),
        Some(person_ref::Who::Username(name)) => Ok(PersonRef::Name(name_from_wire(name)?)),
        None => Err(Refusal::invalid("whom must be an id or a username")),
    };
    wire.whom.into_iter().map(who).collect()
}

/// Those of them who are there.
pub fn found_people_to_wire(people: Vec<Option<Person>>) -> v1::GetPeopleReply {
    let found = |person: Option<Person>| v1::FoundPerson { person: person.map(person_to_wire) };
    v1::GetPeopleReply { people: people.into_iter().map(found).collect() }
}

/// Those of them who are there.
pub fn found_people_from_wire(wire: v1::GetPeopleReply) -> Result<Vec<Option<Person>>, Refusal> {
    let found = |v1::FoundPerson { person }| person.map(person_from_wire).transpose();
    wire.people.into_iter().map(found).collect()
}

/// What the caller is to people.
pub fn relationships_to_wire(all: Vec<(UserId, Relationship)>) -> v1::RelationshipsReply {
    let with = |(user, relationship): (UserId, Relationship)| v1::RelationshipWith {
        user_id: user.0,
        relationship: Some(relationship_to_wire(relationship)),
    };
    v1::RelationshipsReply { relationships: all.into_iter().map(with).collect() }
}

/// What the caller is to people.
pub fn relationships_from_wire(wire: v1::RelationshipsReply) -> Vec<(UserId, Relationship)> {
    let with = |v1::RelationshipWith { user_id, relationship }| {
        (UserId(user_id), relationship_from_wire(relationship.unwrap_or_default()))
    };
    wire.relationships.into_iter().map(with).collect()
}

/// Which page of which list is read.
pub fn list_to_wire(
    kind: &ListKind,
    position: Option<&NamePosition>,
    limit: Option<u32>,
) -> v1::ListRequest {
    let of = |kind: v1::ListKind| v1::ListRequest { kind: kind.into(), ..Default::default() };
    let of_person =
        |kind, name: &UserName| v1::ListRequest { username: name.to_string(), ..of(kind) };
    let of_post = |kind, post: PostId| v1::ListRequest { post: post.get(), ..of(kind) };
    let wire = match kind {
        ListKind::Users => of(v1::ListKind::Users),
        ListKind::Following => of(v1::ListKind::Following),
        ListKind::Followers => of(v1::ListKind::Followers),
        ListKind::Blocked => of(v1::ListKind::Blocked),
        ListKind::Muted => of(v1::ListKind::Muted),
        ListKind::Requests => of(v1::ListKind::Requests),
        ListKind::FollowingOf(name) => of_person(v1::ListKind::FollowingOf, name),
        ListKind::FollowersOf(name) => of_person(v1::ListKind::FollowersOf, name),
        ListKind::LikedBy(post) => of_post(v1::ListKind::LikedBy, *post),
        ListKind::BoostedBy(post) => of_post(v1::ListKind::BoostedBy, *post),
    };
    let (page_size, page_token) = (limit_to_wire(limit), name_position_to_wire(position));
    v1::ListRequest { page_size, page_token, ..wire }
}

/// Which page of which list is read.
pub fn list_from_wire(
    wire: v1::ListRequest,
) -> Result<(ListKind, Option<NamePosition>, Option<u32>), Refusal> {
    let v1::ListRequest { kind, page_size, page_token, username, post } = wire;
    let kind = match v1::ListKind::try_from(kind) {
        Ok(v1::ListKind::Users) => ListKind::Users,
        Ok(v1::ListKind::Following) => ListKind::Following,
        Ok(v1::ListKind::Followers) => ListKind::Followers,
        Ok(v1::ListKind::Blocked) => ListKind::Blocked,
        Ok(v1::ListKind::Muted) => ListKind::Muted,
        Ok(v1::ListKind::Requests) => ListKind::Requests,
        Ok(v1::ListKind::FollowingOf) => ListKind::FollowingOf(name_from_wire(username)?),
        Ok(v1::ListKind::FollowersOf) => ListKind::FollowersOf(name_from_wire(username)?),
        Ok(v1::ListKind::LikedBy) => ListKind::LikedBy(post_id_from_wire(post)?),
        Ok(v1::ListKind::BoostedBy) => ListKind::BoostedBy(post_id_from_wire(post)?),
        Ok(v1::ListKind::Unspecified) | Err(_) => {
            return Err(invalid(
                "kind must be USERS, FOLLOWING, FOLLOWERS, BLOCKED, MUTED, REQUESTS, FOLLOWING_OF, \
                 FOLLOWERS_OF, LIKED_BY or BOOSTED_BY",
            ));
        }
    };
    Ok((kind, name_position_from_wire(page_token), limit_from_wire(page_size)))
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
