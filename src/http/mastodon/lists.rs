//! Lists of people.

use axum::{Router, extract::State, routing::get};

use super::{
    entities::{account::Account, personal::ListEntity},
    presenter::unexpected,
};
use crate::{
    domain::{ListSettings, PeopleList, PersonalChange, PersonalId, RepliesPolicy, UserId},
    http::{
        api::Api,
        asked::{Answered, Asked, done, json},
        fault::Fault,
    },
    network::{PersonRef, PersonalAnswer, PersonalQuestion},
};

/// The routes.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/lists", get(lists).post(create))
        .route("/api/v1/lists/{id}", get(list).put(change).delete(delete))
        .route("/api/v1/lists/{id}/accounts", get(members).post(add).delete(remove))
}

impl Api {
    async fn all_lists(&self, asked: &Asked) -> Result<Vec<PeopleList>, Fault> {
        match self.network.personal(&asked.call, &PersonalQuestion::Lists).await? {
            PersonalAnswer::Lists(lists) => Ok(lists),
            _ => Err(unexpected()),
        }
    }

    async fn list_of(&self, asked: &Asked, id: PersonalId) -> Result<PeopleList, Fault> {
        let lists = self.all_lists(asked).await?;
        lists.into_iter().find(|list| list.id == id).ok_or_else(Fault::not_found)
    }

    /// Puts people into the list in the path, or takes them out.
    async fn set_members(&self, asked: &Asked, present: bool) -> Answered {
        let list = PersonalId::new(asked.id()?);
        let ids = asked.parameters.list("account_ids").into_iter();
        let ids = ids.map(|id| id.parse().map(UserId).map(PersonRef::Id));
        let ids = ids.collect::<Result<Vec<_>, _>>().map_err(|_| Fault::not_found())?;
        let people = self.people(asked, &ids).await?;
        if people.len() != ids.len() {
            return Err(Fault::not_found());
        }
        let people = people.into_iter().map(|person| person.name).collect();
        let change = PersonalChange::SetMembers { list, people, present };
        self.network.change_personal(&asked.call, &asked.key(), &change).await?;
        Ok(done())
    }
}

/// What is given is changed.
fn settings(asked: &Asked, now: ListSettings) -> Result<ListSettings, Fault> {
    let parameters = &asked.parameters;
    let replies = match parameters.filled("replies_policy") {
        Some(name) => RepliesPolicy::named(name)
            .ok_or_else(|| Fault::unprocessable("replies_policy is followed, list or none"))?,
        None => now.replies,
    };
    let title = parameters.text("title").map_or(now.title, str::to_owned);
    let exclusive = parameters.flag("exclusive").unwrap_or(now.exclusive);
    Ok(ListSettings { title, replies, exclusive })
}

async fn lists(State(api): State<Api>, asked: Asked) -> Answered {
    let lists = api.all_lists(&asked).await?;
    Ok(json(&lists.iter().map(ListEntity::of).collect::<Vec<_>>()))
}

async fn list(State(api): State<Api>, asked: Asked) -> Answered {
    let id = PersonalId::new(asked.id()?);
    Ok(json(&ListEntity::of(&api.list_of(&asked, id).await?)))
}

async fn create(State(api): State<Api>, asked: Asked) -> Answered {
    // As apps expect of a new list.
    let usual = ListSettings { replies: RepliesPolicy::List, ..ListSettings::default() };
    let change = PersonalChange::CreateList(settings(&asked, usual)?);
    let made = api.network.change_personal(&asked.call, &asked.key(), &change).await?;
    let id = made.ok_or_else(unexpected)?;
    Ok(json(&ListEntity::of(&api.list_of(&asked, id).await?)))
}

async fn change(State(api): State<Api>, asked: Asked) -> Answered {
    let id = PersonalId::new(asked.id()?);
    let now = api.list_of(&asked, id).await?.settings;
    let change = PersonalChange::ChangeList(id, settings(&asked, now)?);
    api.network.change_personal(&asked.call, &asked.key(), &change).await?;
    Ok(json(&ListEntity::of(&api.list_of(&asked, id).await?)))
}

async fn delete(State(api): State<Api>, asked: Asked) -> Answered {
    let change = PersonalChange::DeleteList(PersonalId::new(asked.id()?));
    api.network.change_personal(&asked.call, &asked.key(), &change).await?;
    Ok(done())
}

/// All of them on one page: there are as many at most as fit on it.
async fn members(State(api): State<Api>, asked: Asked) -> Answered {
    let question = PersonalQuestion::Members(PersonalId::new(asked.id()?));
    match api.network.personal(&asked.call, &question).await? {
        PersonalAnswer::Members(names) => {
            let accounts: Vec<Account> = api.accounts(&asked, names).await?;
            Ok(json(&accounts))
        }
        _ => Err(unexpected()),
    }
}

async fn add(State(api): State<Api>, asked: Asked) -> Answered {
    api.set_members(&asked, true).await
}

async fn remove(State(api): State<Api>, asked: Asked) -> Answered {
    api.set_members(&asked, false).await
}
