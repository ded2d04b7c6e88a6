//! People, and what one is to them.

use std::time::Duration;

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    routing::{delete, get, patch, post},
};

use super::{
    entities::{
        NOTHING,
        account::{Account, RelationshipEntity},
        personal::ListEntity,
        status::visibility_named,
    },
    presenter::unexpected,
};
use crate::{
    domain::{
        FilterContext, Language, Person, PersonalChange, PictureId, PicturePurpose, PictureWords,
        Preferences, Profile, ProfileLink, RelationChange, UserId, UserName,
    },
    host::clock,
    http::{
        api::Api,
        asked::{Answered, Asked, json},
        fault::Fault,
        paging::{self, Neighbours},
        parameters::Parameters,
        uploaded::{MOST_BYTES, Uploaded},
    },
    network::{
        Found, ListKind, MOST_PEOPLE, PersonRef, PersonalAnswer, PersonalQuestion, SearchKind,
        TimelineKind,
    },
};

/// The routes.
pub fn routes() -> Router<Api> {
    let of = |call: &str| format!("/api/v1/accounts/{{id}}{call}");
    Router::new()
        .route("/api/v1/accounts/verify_credentials", get(verify_credentials))
        .route(
            "/api/v1/accounts/update_credentials",
            patch(update_credentials).layer(DefaultBodyLimit::max(MOST_BYTES)),
        )
        .route("/api/v1/profile/avatar", delete(remove_avatar))
        .route("/api/v1/profile/header", delete(remove_header))
        .route("/api/v1/accounts/relationships", get(relationships))
        .route("/api/v1/accounts/familiar_followers", get(familiar_followers))
        .route("/api/v1/accounts/lookup", get(lookup))
        .route("/api/v1/accounts/search", get(search))
        .route("/api/v1/accounts", get(several).post(sign_up))
        .route(&of(""), get(account))
        .route(&of("/statuses"), get(statuses))
        .route(&of("/followers"), get(followers))
        .route(&of("/following"), get(following))
        .route(&of("/lists"), get(lists))
        .route(&of("/follow"), post(follow))
        .route(&of("/unfollow"), post(unfollow))
        .route(&of("/remove_from_followers"), post(remove_from_followers))
        .route(&of("/block"), post(block))
        .route(&of("/unblock"), post(unblock))
        .route(&of("/mute"), post(mute))
        .route(&of("/unmute"), post(unmute))
        .route(&of("/note"), post(note))
        .route(&of("/featured_tags"), get(async || json(&NOTHING)))
        .route("/api/v1/blocks", get(blocks))
        .route("/api/v1/mutes", get(mutes))
        .route("/api/v1/follow_requests", get(follow_requests))
        .route("/api/v1/follow_requests/{id}/authorize", post(authorise))
        .route("/api/v1/follow_requests/{id}/reject", post(reject))
        .route("/api/v1/directory", get(directory))
}

async fn verify_credentials(State(api): State<Api>, asked: Asked) -> Answered {
    api.oneself(&asked).await
}

impl Api {
    async fn oneself(&self, asked: &Asked) -> Answered {
        let me = self.network.me(&asked.call).await?;
        let account = Account::of_oneself(
            &me.person,
            me.role,
            &me.preferences,
            me.follow_requests,
            &asked.base,
        );
        Ok(json(&account))
    }

    /// What the reader is to somebody.
    async fn relationship(&self, asked: &Asked, person: &Person) -> Answered {
        let known = self.network.relationships(&asked.call, &[person.id]).await?;
        let (id, relationship) = known.into_iter().next().ok_or_else(Fault::not_found)?;
        Ok(json(&RelationshipEntity::of(id, &relationship)))
    }

    /// Changes what somebody is to the reader.
    async fn relate(&self, asked: &Asked, change: RelationChange) -> Answered {
        let person = self.person_in_path(asked).await?;
        self.network.relate(&asked.call, &asked.key(), &person.name, &change).await?;
        self.relationship(asked, &person).await
    }

    async fn people_page(&self, asked: &Asked, kind: &ListKind) -> Result<PeoplePage, Fault> {
        let limit = asked.paging_of_people()?;
        let position = paging::name_position(&asked.parameters)?;
        let names = self.network.list(&asked.call, kind, position.as_ref(), Some(limit)).await?;
        let whom: Vec<PersonRef> = names.names.into_iter().map(PersonRef::Name).collect();
        let people = self.people(asked, &whom).await?;
        Ok(PeoplePage { people, neighbours: Neighbours::at(names.next.as_ref()) })
    }

    /// The same as an answer.
    pub async fn listed(&self, asked: &Asked, kind: &ListKind) -> Answered {
        let page = self.people_page(asked, kind).await?;
        Ok(page.answer(asked))
    }
}

/// A page of people.
#[derive(Default)]
struct PeoplePage {
    people: Vec<Person>,
    neighbours: Neighbours,
}

impl PeoplePage {
    fn answer(&self, asked: &Asked) -> axum::response::Response {
        let accounts = self.people.iter().map(|person| Account::of(person, &asked.base));
        asked.page(&accounts.collect::<Vec<_>>(), self.neighbours.clone())
    }
}

/// What is given is changed, and all else stays.
async fn update_credentials(State(api): State<Api>, uploaded: Uploaded) -> Answered {
    let asked = &uploaded.asked;
    for (name, purpose) in [("avatar", PicturePurpose::Avatar), ("header", PicturePurpose::Header)]
    {
        let words = PictureWords::default();
        if let Some(picture) = api.keep(&uploaded, name, purpose, words).await? {
            api.choose(asked, purpose, Some(picture.id)).await?;
        }
    }
    let me = api.network.me(&asked.call).await?;
    let profile = changed_profile(me.person.profile.clone(), &asked.parameters);
    if profile != me.person.profile {
        api.network.set_profile(&asked.call, &asked.key(), &profile).await?;
    }
    let preferences = changed_preferences(me.preferences.clone(), &asked.parameters)?;
    if preferences != me.preferences {
        let change = PersonalChange::SetPreferences(preferences);
        api.network.change_personal(&asked.call, &asked.key_of("preferences"), &change).await?;
    }
    api.oneself(asked).await
}

impl Api {
    /// Chooses a picture of the profile, or none.
    async fn choose(
        &self,
        asked: &Asked,
        purpose: PicturePurpose,
        picture: Option<PictureId>,
    ) -> Result<(), Fault> {
        let key = asked.key_of(match purpose {
            PicturePurpose::Header => "shows header",
            PicturePurpose::Avatar | PicturePurpose::Post => "shows avatar",
        });
        Ok(self.network.set_profile_picture(&asked.call, &key, purpose, picture).await?)
    }
}

async fn remove_avatar(State(api): State<Api>, asked: Asked) -> Answered {
    api.choose(&asked, PicturePurpose::Avatar, None).await?;
    api.oneself(&asked).await
}

async fn remove_header(State(api): State<Api>, asked: Asked) -> Answered {
    api.choose(&asked, PicturePurpose::Header, None).await?;
    api.oneself(&asked).await
}

fn changed_profile(profile: Profile, parameters: &Parameters) -> Profile {
    let text = |name: &str, now: String| parameters.text(name).map_or(now, str::to_owned);
    let flag = |name: &str, now: bool| parameters.flag(name).unwrap_or(now);
    let links = if parameters.has("fields_attributes") {
        let link = |field: Parameters| {
            let [label, value] = ["name", "value"].map(|name| field.text(name).unwrap_or_default());
            ProfileLink { label: label.to_owned(), value: value.to_owned() }
        };
        let links = parameters.groups("fields_attributes").into_iter().map(link);
        // Apps send empty fields for those that are free.
        links.filter(|link| !link.label.is_empty()).collect()
    } else {
        profile.links
    };
    Profile {
        display_name: text("display_name", profile.display_name),
        bio: text("note", profile.bio).replace("\r\n", "\n"),
        links,
        bot: flag("bot", profile.bot),
        discoverable: flag("discoverable", profile.discoverable),
        locked: flag("locked", profile.locked),
    }
}

fn changed_preferences(
    preferences: Preferences,
    parameters: &Parameters,
) -> Result<Preferences, Fault> {
    let visibility = match parameters.filled("source[privacy]") {
        Some(name) => {
            visibility_named(name).ok_or_else(|| Fault::unprocessable("no such visibility"))?
        }
        None => preferences.visibility,
    };
    let language = match parameters.text("source[language]") {
        Some("") => None,
        Some(tag) => Some(Language::new(tag).map_err(|why| Fault::unprocessable(why.to_string()))?),
        None => preferences.language,
    };
    let sensitive = parameters.flag("source[sensitive]").unwrap_or(preferences.sensitive);
    Ok(Preferences { visibility, sensitive, language, ..preferences })
}

async fn account(State(api): State<Api>, asked: Asked) -> Answered {
    let person = api.person_in_path(&asked).await?;
    Ok(json(&Account::of(&person, &asked.base)))
}

/// The people whose numbers are asked for.
fn asked_for(asked: &Asked) -> Vec<UserId> {
    let ids = asked.parameters.list("id").into_iter().filter_map(|id| id.parse().ok());
    ids.map(UserId).take(MOST_PEOPLE).collect()
}

async fn several(State(api): State<Api>, asked: Asked) -> Answered {
    let whom: Vec<PersonRef> = asked_for(&asked).into_iter().map(PersonRef::Id).collect();
    let people = api.people(&asked, &whom).await?;
    let accounts: Vec<_> = people.iter().map(|person| Account::of(person, &asked.base)).collect();
    Ok(json(&accounts))
}

/// Accounts are made where their owner sees the rules, and can be asked: in a terminal, and on the page of this
/// network.
async fn sign_up() -> Fault {
    let why = "This network makes no accounts by way of apps";
    Fault::new(axum::http::StatusCode::FORBIDDEN, why)
}

async fn relationships(State(api): State<Api>, asked: Asked) -> Answered {
    let known = api.network.relationships(&asked.call, &asked_for(&asked)).await?;
    let known = known.iter().map(|(id, relationship)| RelationshipEntity::of(*id, relationship));
    Ok(json(&known.collect::<Vec<_>>()))
}

/// Whom one follows of those who follow somebody is nobody's business here.
async fn familiar_followers(_: State<Api>, asked: Asked) -> Answered {
    let nobody = |id: UserId| serde_json::json!({ "id": id.0.to_string(), "accounts": NOTHING });
    Ok(json(&asked_for(&asked).into_iter().map(nobody).collect::<Vec<_>>()))
}

/// A name as it is written here, or in the form that names a host, too: then the host must be ours.
pub fn local_name<'a>(written: &'a str, asked: &Asked) -> Option<&'a str> {
    let written = written.trim_start_matches('@');
    match written.split_once('@') {
        None => Some(written),
        Some((name, host)) => host.eq_ignore_ascii_case(asked.base.host()).then_some(name),
    }
}

async fn lookup(State(api): State<Api>, asked: Asked) -> Answered {
    let name = local_name(asked.required("acct")?, &asked).ok_or_else(Fault::not_found)?;
    let name = UserName::new(name).map_err(|_| Fault::not_found())?;
    let found = api.people(&asked, &[PersonRef::Name(name)]).await?;
    let person = found.first().ok_or_else(Fault::not_found)?;
    Ok(json(&Account::of(person, &asked.base)))
}

async fn search(State(api): State<Api>, asked: Asked) -> Answered {
    let limit = asked.paging_of_people()?;
    let people = api.found_people(&asked, asked.required("q")?, limit).await?;
    let only_followed = asked.parameters.flag("following") == Some(true);
    let followed: Option<Vec<UserId>> = if only_followed {
        let ids: Vec<UserId> = people.iter().map(|person| person.id).collect();
        let known = api.network.relationships(&asked.call, &ids).await?;
        Some(known.into_iter().filter(|(_, is)| is.following).map(|(id, _)| id).collect())
    } else {
        None
    };
    let is_wanted = |person: &&Person| followed.as_ref().is_none_or(|ids| ids.contains(&person.id));
    let accounts = people.iter().filter(is_wanted).map(|person| Account::of(person, &asked.base));
    Ok(json(&accounts.collect::<Vec<_>>()))
}

impl Api {
    /// People who are called like this.
    pub async fn found_people(
        &self,
        asked: &Asked,
        text: &str,
        limit: u32,
    ) -> Result<Vec<Person>, Fault> {
        let Some(text) = local_name(text, asked).filter(|text| !text.is_empty()) else {
            return Ok(Vec::new());
        };
        let kind = SearchKind::People;
        match self.network.search(&asked.call, kind, text, None, Some(limit)).await? {
            Found::People(people) => Ok(people),
            _ => Err(unexpected()),
        }
    }
}

async fn statuses(State(api): State<Api>, asked: Asked) -> Answered {
    let author = api.person_in_path(&asked).await?.name;
    let is_so = |name: &str| asked.parameters.flag(name) == Some(true);
    let kind = if is_so("pinned") {
        TimelineKind::Pinned(author)
    } else if is_so("only_media") {
        TimelineKind::PicturesOf(author)
    } else {
        let (replies, boosts) = (!is_so("exclude_replies"), !is_so("exclude_reblogs"));
        TimelineKind::Of { author, replies, boosts }
    };
    api.timeline(&asked, &kind, FilterContext::Account).await
}

async fn followers(State(api): State<Api>, asked: Asked) -> Answered {
    let person = api.person_in_path(&asked).await?;
    api.listed(&asked, &ListKind::FollowersOf(person.name)).await
}

async fn following(State(api): State<Api>, asked: Asked) -> Answered {
    let person = api.person_in_path(&asked).await?;
    api.listed(&asked, &ListKind::FollowingOf(person.name)).await
}

async fn lists(State(api): State<Api>, asked: Asked) -> Answered {
    let person = api.person_in_path(&asked).await?;
    let question = PersonalQuestion::ListsWith(person.name);
    match api.network.personal(&asked.call, &question).await? {
        PersonalAnswer::Lists(lists) => {
            Ok(json(&lists.iter().map(ListEntity::of).collect::<Vec<_>>()))
        }
        _ => Err(unexpected()),
    }
}

async fn follow(State(api): State<Api>, asked: Asked) -> Answered {
    let person = api.person_in_path(&asked).await?;
    // To follow somebody again is how apps change what they want of them, of which there is nothing here.
    let known = api.network.relationships(&asked.call, &[person.id]).await?;
    if !known.iter().any(|(_, known)| known.following || known.requested) {
        api.network.follow(&asked.call, &asked.key(), &person.name).await?;
    }
    api.relationship(&asked, &person).await
}

async fn unfollow(State(api): State<Api>, asked: Asked) -> Answered {
    let person = api.person_in_path(&asked).await?;
    let known = api.network.relationships(&asked.call, &[person.id]).await?;
    if known.iter().any(|(_, known)| known.following || known.requested) {
        api.network.unfollow(&asked.call, &asked.key(), &person.name).await?;
    }
    api.relationship(&asked, &person).await
}

async fn remove_from_followers(State(api): State<Api>, asked: Asked) -> Answered {
    api.relate(&asked, RelationChange::RemoveFollower).await
}

async fn block(State(api): State<Api>, asked: Asked) -> Answered {
    api.relate(&asked, RelationChange::Block).await
}

async fn unblock(State(api): State<Api>, asked: Asked) -> Answered {
    api.relate(&asked, RelationChange::Unblock).await
}

async fn mute(State(api): State<Api>, asked: Asked) -> Answered {
    let seconds = asked.parameters.number::<u64>("duration")?.filter(|seconds| *seconds > 0);
    let until = seconds.map(|seconds| clock::now().saturating_add(Duration::from_secs(seconds)));
    let notifications = asked.parameters.flag("notifications").unwrap_or(true);
    api.relate(&asked, RelationChange::Mute { notifications, until }).await
}

async fn unmute(State(api): State<Api>, asked: Asked) -> Answered {
    api.relate(&asked, RelationChange::Unmute).await
}

async fn note(State(api): State<Api>, asked: Asked) -> Answered {
    let words = asked.parameters.text("comment").unwrap_or_default().to_owned();
    api.relate(&asked, RelationChange::Note(words)).await
}

async fn blocks(State(api): State<Api>, asked: Asked) -> Answered {
    api.listed(&asked, &ListKind::Blocked).await
}

async fn mutes(State(api): State<Api>, asked: Asked) -> Answered {
    let page = api.people_page(&asked, &ListKind::Muted).await?;
    let ids: Vec<UserId> = page.people.iter().map(|person| person.id).collect();
    let known = api.network.relationships(&asked.call, &ids).await?;
    let until = |id: UserId| {
        known.iter().find(|(known, _)| *known == id).and_then(|(_, known)| known.muting_until)
    };
    let account = |person: &Person| Account::of(person, &asked.base).muted_until(until(person.id));
    let accounts: Vec<_> = page.people.iter().map(account).collect();
    Ok(asked.page(&accounts, page.neighbours))
}

async fn follow_requests(State(api): State<Api>, asked: Asked) -> Answered {
    api.listed(&asked, &ListKind::Requests).await
}

async fn authorise(State(api): State<Api>, asked: Asked) -> Answered {
    api.relate(&asked, RelationChange::AcceptRequest).await
}

async fn reject(State(api): State<Api>, asked: Asked) -> Answered {
    api.relate(&asked, RelationChange::RejectRequest).await
}

/// Everybody who wants to be found.
async fn directory(State(api): State<Api>, asked: Asked) -> Answered {
    let mut page = api.people_page(&asked, &ListKind::Users).await?;
    page.people.retain(|person| person.profile.discoverable);
    Ok(page.answer(&asked))
}
