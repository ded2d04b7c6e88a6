//! Instance of both versions, Rule, Announcement, and what nodeinfo says.

use serde::Serialize;
use serde_json::{Value, json};

use super::{NOTHING, Nothing, moment::Moment};
use crate::{
    domain::{
        Joining, MOST_PICTURES, MOST_UPLOADED_BYTES, NetworkSettings, PictureDescription,
        UnixMillis,
    },
    http::{
        base_url::BaseUrl,
        mastodon::{content, default_pictures},
    },
    imaging,
    network::administration::Announcement,
};

/// Which version of the API this is like: clients take their cue from it.
const LIKE: &str = "4.4.0";
/// The same as a number: it has notifications in groups, and no filters that blur
/// (<https://docs.joinmastodon.org/entities/Instance/#api-versions>).
const API_VERSION: u32 = 4;
/// So much counts a link where characters are counted.
const CHARACTERS_OF_A_LINK: u32 = 23;
/// The name of the program.
const PROGRAM: &str = "tinysns";
/// How the network is called that has no name yet.
const NAMELESS: &str = "Tiny SNS";

/// What clients take for the version of the server.
fn version() -> String {
    format!("{LIKE} (compatible; TinySNS {})", env!("CARGO_PKG_VERSION"))
}

/// A rule of the network, with its place among them.
#[derive(Clone, Debug, Serialize)]
pub struct Rule {
    id: String,
    text: String,
    hint: &'static str,
    translations: serde_json::Map<String, Value>,
}

/// All rules.
pub fn rules(settings: &NetworkSettings) -> Vec<Rule> {
    let rule = |(at, text): (usize, &String)| Rule {
        id: (at + 1).to_string(),
        text: text.clone(),
        hint: "",
        translations: serde_json::Map::new(),
    };
    settings.rules.iter().enumerate().map(rule).collect()
}

/// How the network is called.
pub fn title(settings: &NetworkSettings) -> &str {
    if settings.title.is_empty() { NAMELESS } else { &settings.title }
}

/// Where somebody who has written an address can be reached by mail; empty if it is no such address.
fn mail(contact: &str) -> &str {
    if contact.contains('@') && !contact.contains([' ', '/']) { contact } else { "" }
}

/// What the network takes, for posts of at most so many characters.
fn configuration(post_chars: u32) -> Value {
    json!({
        "accounts": { "max_featured_tags": 0, "max_pinned_statuses": 5 },
        "statuses": {
            "max_characters": post_chars,
            "max_media_attachments": MOST_PICTURES,
            "characters_reserved_per_url": CHARACTERS_OF_A_LINK,
        },
        "media_attachments": {
            "supported_mime_types": imaging::MEDIA_TYPES,
            "description_limit": PictureDescription::MAX_CHARS,
            "image_size_limit": MOST_UPLOADED_BYTES,
            "image_matrix_limit": imaging::limits::MOST_PIXELS,
            "video_size_limit": 0,
            "video_frame_rate_limit": 0,
            "video_matrix_limit": 0,
        },
        // There are none; but clients fail without these four.
        "polls": {
            "max_options": 4,
            "max_characters_per_option": 50,
            "min_expiration": 300,
            "max_expiration": 2_629_746,
        },
        "translation": { "enabled": false },
    })
}

/// The instance, as version 2 has it.
pub fn instance(settings: &NetworkSettings, post_chars: u32, base: &BaseUrl) -> Value {
    let mut configuration = configuration(post_chars);
    configuration["urls"] = json!({
        "streaming": base.of_streams(),
        "about": format!("{base}/"),
        "status": null,
        "privacy_policy": null,
        "terms_of_service": null,
    });
    configuration["vapid"] = json!({ "public_key": "" });
    configuration["limited_federation"] = json!(true);
    let feeds = json!({ "local": "authenticated", "remote": "disabled" });
    configuration["timelines_access"] = json!({
        "live_feeds": feeds, "hashtag_feeds": feeds, "trending_link_feeds": feeds,
    });
    json!({
        "domain": base.host(),
        "title": title(settings),
        "version": version(),
        "source_url": format!("{base}/"),
        "description": settings.description,
        "usage": { "users": { "active_month": 0 } },
        "thumbnail": { "url": default_pictures::header(base), "description": "" },
        "icon": NOTHING,
        "languages": NOTHING,
        "configuration": configuration,
        "registrations": {
            "enabled": false,
            "approval_required": settings.joining == Joining::Approval,
            "reason_required": settings.joining == Joining::Approval,
            "message": null,
            "min_age": null,
            "url": null,
        },
        "api_versions": { "mastodon": API_VERSION },
        "contact": { "email": mail(&settings.contact), "account": null },
        "rules": rules(settings),
    })
}

/// The instance, as version 1 has it.
pub fn instance_v1(settings: &NetworkSettings, post_chars: u32, base: &BaseUrl) -> Value {
    let mut configuration = configuration(post_chars);
    let translation = configuration["translation"].clone();
    if let Some(members) = configuration.as_object_mut() {
        members.remove("translation");
    }
    json!({
        "uri": base.host(),
        "title": title(settings),
        "short_description": settings.description,
        "description": settings.description,
        "email": mail(&settings.contact),
        "version": version(),
        "urls": { "streaming_api": base.of_streams() },
        "stats": { "user_count": 0, "status_count": 0, "domain_count": 0 },
        "thumbnail": default_pictures::header(base),
        "languages": NOTHING,
        "registrations": false,
        "approval_required": settings.joining == Joining::Approval,
        "invites_enabled": settings.joining == Joining::Invite,
        "configuration": configuration,
        "contact_account": null,
        "rules": rules(settings),
        "max_toot_chars": post_chars,
        "translation": translation,
    })
}

/// What the network says about itself at length, or nothing.
pub fn extended_description(settings: &NetworkSettings, base: &BaseUrl) -> Value {
    json!({
        "updated_at": Moment(UnixMillis::EPOCH),
        "content": content::html(&settings.description, &[], base),
    })
}

/// Where the document of nodeinfo is (<https://nodeinfo.diaspora.software/protocol>).
pub fn nodeinfo_links(base: &BaseUrl) -> Value {
    json!({ "links": [{
        "rel": "http://nodeinfo.diaspora.software/ns/schema/2.0",
        "href": format!("{base}/nodeinfo/2.0"),
    }] })
}

/// That document. Clients that know neither us nor our API read what we are like.
pub fn nodeinfo(settings: &NetworkSettings) -> Value {
    json!({
        "version": "2.0",
        "software": { "name": PROGRAM, "version": env!("CARGO_PKG_VERSION") },
        "protocols": NOTHING,
        "services": { "inbound": NOTHING, "outbound": NOTHING },
        "openRegistrations": matches!(settings.joining, Joining::Classic | Joining::Open),
        "usage": { "users": {} },
        "metadata": { "nodeName": title(settings), "upstream": { "name": "mastodon" } },
    })
}

/// What everybody is told.
#[derive(Clone, Debug, Serialize)]
pub struct AnnouncementEntity {
    id: String,
    content: String,
    starts_at: Option<Moment>,
    ends_at: Option<Moment>,
    all_day: bool,
    published: bool,
    published_at: Moment,
    updated_at: Moment,
    read: bool,
    mentions: Nothing,
    statuses: Nothing,
    tags: Nothing,
    emojis: Nothing,
    reactions: Nothing,
}

impl AnnouncementEntity {
    /// Of an announcement.
    pub fn of(announcement: &Announcement, base: &BaseUrl) -> Self {
        Self {
            id: announcement.number.to_string(),
            content: content::html(&announcement.text, &[], base),
            starts_at: None,
            ends_at: None,
            all_day: false,
            published: true,
            published_at: Moment(announcement.at),
            updated_at: Moment(announcement.at),
            read: false,
            mentions: NOTHING,
            statuses: NOTHING,
            tags: NOTHING,
            emojis: NOTHING,
            reactions: NOTHING,
        }
    }
}
