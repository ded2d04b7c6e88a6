//! `Account`, `CredentialAccount` and `Relationship`.

use serde::Serialize;

use super::{
    NOTHING, Nothing,
    moment::{Day, Moment},
    status::visibility_name,
};
use crate::{
    domain::{
        Language, Person, Picture, PictureSize, Preferences, Relationship, Role, UnixMillis, UserId,
    },
    http::{
        base_url::BaseUrl,
        mastodon::{content, default_pictures},
        pictures,
    },
};

/// Somebody.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the entity has them")]
pub struct Account {
    id: String,
    username: String,
    acct: String,
    display_name: String,
    note: String,
    url: String,
    uri: String,
    avatar: String,
    avatar_static: String,
    header: String,
    header_static: String,
    locked: bool,
    bot: bool,
    group: bool,
    fields: Vec<Field>,
    emojis: Nothing,
    discoverable: bool,
    indexable: bool,
    hide_collections: bool,
    created_at: Moment,
    last_status_at: Option<Day>,
    followers_count: u64,
    following_count: u64,
    statuses_count: u64,
    roles: Nothing,
    noindex: bool,
    /// Only in the list of those whom one has muted.
    #[serde(skip_serializing_if = "Option::is_none")]
    mute_expires_at: Option<MuteEnd>,
    /// Only for oneself.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<AccountRole>,
}

/// When a mute ends by itself, if it does.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
struct MuteEnd(Option<Moment>);

#[derive(Clone, Debug, Serialize)]
struct Field {
    name: String,
    value: String,
    verified_at: Option<Moment>,
}

#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the entity has them")]
struct Source {
    note: String,
    fields: Vec<Field>,
    privacy: &'static str,
    sensitive: bool,
    language: Option<Language>,
    follow_requests_count: u64,
    hide_collections: bool,
    discoverable: bool,
    indexable: bool,
    quote_policy: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct AccountRole {
    id: &'static str,
    name: &'static str,
    color: &'static str,
    permissions: &'static str,
    highlighted: bool,
}

impl Account {
    /// Somebody, as anybody sees them.
    pub fn of(person: &Person, base: &BaseUrl) -> Self {
        let Person { id, name, created_at, profile, counts, avatar, header } = person;
        let url = base.person(name.as_str());
        let [avatar, avatar_static] = urls(avatar.as_ref(), default_pictures::avatar, base);
        let [header, header_static] = urls(header.as_ref(), default_pictures::header, base);
        let field = |value: &str| content::html_of_line(value, base);
        Self {
            id: id.0.to_string(),
            username: name.as_str().to_owned(),
            acct: name.as_str().to_owned(),
            display_name: profile.display_name.clone(),
            note: content::html(&profile.bio, &[], base),
            uri: url.clone(),
            url,
            avatar,
            avatar_static,
            header,
            header_static,
            locked: profile.locked,
            bot: profile.bot,
            group: false,
            fields: fields(person, field),
            emojis: NOTHING,
            discoverable: profile.discoverable,
            indexable: false,
            hide_collections: false,
            created_at: Moment(*created_at),
            last_status_at: counts.last_post_at.map(Day),
            followers_count: counts.followers,
            following_count: counts.following,
            statuses_count: counts.posts,
            roles: NOTHING,
            noindex: !profile.discoverable,
            mute_expires_at: None,
            source: None,
            role: None,
        }
    }

    /// The same with when the reader mutes them no longer.
    #[must_use]
    pub fn muted_until(self, until: Option<UnixMillis>) -> Self {
        Self { mute_expires_at: Some(MuteEnd(until.map(Moment))), ..self }
    }

    /// Somebody, as they see themselves.
    pub fn of_oneself(
        person: &Person,
        role: Role,
        preferences: &Preferences,
        follow_requests: u64,
        base: &BaseUrl,
    ) -> Self {
        let source = Source {
            note: person.profile.bio.clone(),
            fields: fields(person, str::to_owned),
            privacy: visibility_name(preferences.visibility),
            sensitive: preferences.sensitive,
            language: preferences.language.clone(),
            follow_requests_count: follow_requests,
            hide_collections: false,
            discoverable: person.profile.discoverable,
            indexable: false,
            quote_policy: "nobody",
        };
        // The numbers of a role's permissions are Mastodon's: whether one may look at reports is 0x10 of them
        // (<https://docs.joinmastodon.org/entities/Role/>).
        let (id, name, permissions) = match role {
            Role::User => ("-99", "", "0"),
            Role::Moderator => ("1", "Moderator", "1308"),
            Role::Owner => ("3", "Owner", "1"),
        };
        let highlighted = role != Role::User;
        let role = AccountRole { id, name, color: "", permissions, highlighted };
        Self { source: Some(source), role: Some(role), ..Self::of(person, base) }
    }
}

/// Where a picture is, and where one is that never moves.
fn urls(
    picture: Option<&Picture>,
    default: impl Fn(&BaseUrl) -> String,
    base: &BaseUrl,
) -> [String; 2] {
    [PictureSize::Original, PictureSize::Small].map(|size| match picture {
        Some(picture) => pictures::url(picture, size, base),
        None => default(base),
    })
}

fn fields(person: &Person, value: impl Fn(&str) -> String) -> Vec<Field> {
    let links = person.profile.links.iter();
    let field = |name: &str, text: &str| Field {
        name: name.to_owned(),
        value: value(text),
        verified_at: None,
    };
    links.map(|link| field(&link.label, &link.value)).collect()
}

/// What the reader is to somebody.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the entity has them")]
pub struct RelationshipEntity {
    id: String,
    following: bool,
    showing_reblogs: bool,
    notifying: bool,
    languages: Nothing,
    followed_by: bool,
    blocking: bool,
    blocked_by: bool,
    muting: bool,
    muting_notifications: bool,
    muting_expires_at: Option<Moment>,
    requested: bool,
    requested_by: bool,
    domain_blocking: bool,
    endorsed: bool,
    note: String,
}

impl RelationshipEntity {
    /// What the reader is to this person.
    pub fn of(id: UserId, relationship: &Relationship) -> Self {
        let Relationship {
            following,
            requested,
            followed_by,
            requested_by,
            blocking,
            muting,
            muting_notifications,
            muting_until,
            note,
        } = relationship.clone();
        Self {
            id: id.0.to_string(),
            following,
            showing_reblogs: following,
            notifying: false,
            languages: NOTHING,
            followed_by,
            blocking,
            // Nobody is told of that.
            blocked_by: false,
            muting,
            muting_notifications,
            muting_expires_at: muting_until.map(Moment),
            requested,
            requested_by,
            domain_blocking: false,
            endorsed: false,
            note,
        }
    }
}
