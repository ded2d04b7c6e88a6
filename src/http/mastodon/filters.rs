//! Filters, of both versions of the API. A keyword has a number among all that somebody keeps, so that the first
//! version, in which each keyword is a filter, names keywords.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    Router,
    extract::State,
    routing::{delete, get},
};

use super::entities::{
    moment,
    personal::{Filter, FilterKeyword, FilterStatus, FilterV1},
};
use crate::{
    domain::{
        FilterAction, FilterContext, FilterSettings, Keyword, KeywordChange, NewKeyword,
        PersonalChange, PersonalId, PostId, UnixMillis, WordFilter,
    },
    host::clock,
    http::{
        api::Api,
        asked::{Answered, Asked, done, json},
        fault::Fault,
        parameters::Parameters,
    },
};

/// The routes.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v2/filters", get(filters).post(create))
        .route("/api/v2/filters/{id}", get(filter).put(change).delete(remove))
        .route("/api/v2/filters/{id}/keywords", get(keywords).post(add_keyword))
        .route(
            "/api/v2/filters/keywords/{id}",
            get(keyword).put(change_keyword).delete(remove_keyword),
        )
        .route("/api/v2/filters/{id}/statuses", get(statuses).post(add_status))
        .route("/api/v2/filters/statuses/{id}", get(status).delete(remove_status))
        .route("/api/v1/filters", get(filters_v1).post(create_v1))
        .route("/api/v1/filters/{id}", get(filter_v1).put(change_v1))
        .route("/api/v1/filters/{id}", delete(remove_keyword))
}

/// Where a filter applies.
fn contexts(parameters: &Parameters) -> Result<BTreeSet<FilterContext>, Fault> {
    let named = |name: &str| {
        FilterContext::named(name).ok_or_else(|| {
            Fault::unprocessable("context is home, notifications, public, thread or account")
        })
    };
    parameters.list("context").into_iter().map(named).collect()
}

/// When a filter ends by itself, if that is said, and else as it is `now`.
fn until(parameters: &Parameters, now: Option<UnixMillis>) -> Result<Option<UnixMillis>, Fault> {
    if !parameters.has("expires_in") && !parameters.has("expires_at") {
        return Ok(now);
    }
    if let Some(at) = parameters.filled("expires_at") {
        let at = moment::read(at).ok_or_else(|| Fault::bad_request("expires_at is no moment"))?;
        return Ok(Some(at));
    }
    let seconds = parameters.number::<u64>("expires_in")?;
    Ok(seconds.map(|seconds| clock::now().saturating_add(Duration::from_secs(seconds))))
}

fn new_keyword(parameters: &Parameters) -> NewKeyword {
    NewKeyword {
        text: parameters.text("keyword").unwrap_or_default().to_owned(),
        whole_word: parameters.flag("whole_word").unwrap_or(false),
    }
}

/// What becomes of the keywords that are given with a filter.
fn keyword_changes(parameters: &Parameters) -> Result<Vec<KeywordChange>, Fault> {
    let change = |given: Parameters| {
        let id = given.number("id")?.map(PersonalId::new);
        Ok(match (id, given.flag("_destroy") == Some(true)) {
            (Some(id), true) => Some(KeywordChange::Remove(id)),
            (Some(id), false) => Some(KeywordChange::Replace(id, new_keyword(&given))),
            (None, true) => None,
            (None, false) => Some(KeywordChange::Add(new_keyword(&given))),
        })
    };
    let groups = parameters.groups("keywords_attributes").into_iter();
    groups.filter_map(|given| change(given).transpose()).collect()
}

/// What is given is changed.
fn changed(parameters: &Parameters, now: FilterSettings) -> Result<FilterSettings, Fault> {
    let action = match parameters.filled("filter_action") {
        Some(name) => FilterAction::named(name)
            .ok_or_else(|| Fault::unprocessable("filter_action is warn, hide or blur"))?,
        None => now.action,
    };
    let contexts = if parameters.has("context") { contexts(parameters)? } else { now.contexts };
    let title = parameters.text("title").map_or(now.title, str::to_owned);
    Ok(FilterSettings { title, contexts, action, until: until(parameters, now.until)? })
}

const NEW: FilterSettings = FilterSettings {
    title: String::new(),
    contexts: BTreeSet::new(),
    action: FilterAction::Warn,
    until: None,
};

impl Api {
    async fn filter_where(
        &self,
        asked: &Asked,
        is_it: impl Fn(&WordFilter) -> bool,
    ) -> Result<WordFilter, Fault> {
        let filters = self.all_filters(asked).await?;
        filters.into_iter().find(is_it).ok_or_else(Fault::not_found)
    }

    /// The filter in the path.
    async fn filter_in_path(&self, asked: &Asked) -> Result<WordFilter, Fault> {
        let id = PersonalId::new(asked.id()?);
        self.filter_where(asked, |filter| filter.id == id).await
    }

    /// The keyword in the path, and its filter.
    async fn keyword_in_path(&self, asked: &Asked) -> Result<(WordFilter, Keyword), Fault> {
        let id = PersonalId::new(asked.id()?);
        let has = |filter: &WordFilter| filter.keywords.iter().find(|one| one.id == id).cloned();
        let filter = self.filter_where(asked, |filter| has(filter).is_some()).await?;
        let keyword = has(&filter).ok_or_else(Fault::not_found)?;
        Ok((filter, keyword))
    }

    async fn change_filter(
        &self,
        asked: &Asked,
        filter: PersonalId,
        settings: Option<FilterSettings>,
        keywords: Vec<KeywordChange>,
    ) -> Result<Option<PersonalId>, Fault> {
        let change = PersonalChange::ChangeFilter { filter, settings, keywords };
        Ok(self.network.change_personal(&asked.call, &asked.key(), &change).await?)
    }

    /// The first number that a new filter has got, of which the last is told.
    async fn made_filter(
        &self,
        asked: &Asked,
        settings: FilterSettings,
        keywords: Vec<NewKeyword>,
    ) -> Result<WordFilter, Fault> {
        let count = keywords.len() as u64;
        let change = PersonalChange::CreateFilter { settings, keywords };
        let last = self.network.change_personal(&asked.call, &asked.key(), &change).await?;
        let last = last.ok_or_else(super::presenter::unexpected)?;
        let id = PersonalId::new(last.get().saturating_sub(count));
        self.filter_where(asked, |filter| filter.id == id).await
    }
}

async fn filters(State(api): State<Api>, asked: Asked) -> Answered {
    let filters = api.all_filters(&asked).await?;
    Ok(json(&filters.iter().map(Filter::of).collect::<Vec<_>>()))
}

async fn filter(State(api): State<Api>, asked: Asked) -> Answered {
    Ok(json(&Filter::of(&api.filter_in_path(&asked).await?)))
}

async fn create(State(api): State<Api>, asked: Asked) -> Answered {
    let settings = changed(&asked.parameters, NEW)?;
    let keywords = keyword_changes(&asked.parameters)?.into_iter();
    let keywords = keywords.filter_map(|change| match change {
        KeywordChange::Add(keyword) => Some(keyword),
        KeywordChange::Replace(..) | KeywordChange::Remove(_) => None,
    });
    let made = api.made_filter(&asked, settings, keywords.collect()).await?;
    Ok(json(&Filter::of(&made)))
}

async fn change(State(api): State<Api>, asked: Asked) -> Answered {
    let WordFilter { id, settings, .. } = api.filter_in_path(&asked).await?;
    let settings = changed(&asked.parameters, settings)?;
    let keywords = keyword_changes(&asked.parameters)?;
    api.change_filter(&asked, id, Some(settings), keywords).await?;
    filter(State(api), asked).await
}

async fn remove(State(api): State<Api>, asked: Asked) -> Answered {
    let change = PersonalChange::DeleteFilter(PersonalId::new(asked.id()?));
    api.network.change_personal(&asked.call, &asked.key(), &change).await?;
    Ok(done())
}

async fn keywords(State(api): State<Api>, asked: Asked) -> Answered {
    let filter = api.filter_in_path(&asked).await?;
    Ok(json(&filter.keywords.iter().map(FilterKeyword::of).collect::<Vec<_>>()))
}

async fn add_keyword(State(api): State<Api>, asked: Asked) -> Answered {
    let filter = PersonalId::new(asked.id()?);
    let add = KeywordChange::Add(new_keyword(&asked.parameters));
    let id = api.change_filter(&asked, filter, None, vec![add]).await?;
    let filter = api.filter_in_path(&asked).await?;
    let made = filter.keywords.iter().find(|keyword| Some(keyword.id) == id);
    Ok(json(&FilterKeyword::of(made.ok_or_else(Fault::not_found)?)))
}

async fn keyword(State(api): State<Api>, asked: Asked) -> Answered {
    let (_, keyword) = api.keyword_in_path(&asked).await?;
    Ok(json(&FilterKeyword::of(&keyword)))
}

async fn change_keyword(State(api): State<Api>, asked: Asked) -> Answered {
    let (filter, now) = api.keyword_in_path(&asked).await?;
    let text = asked.parameters.text("keyword").map_or(now.keyword.text, str::to_owned);
    let whole_word = asked.parameters.flag("whole_word").unwrap_or(now.keyword.whole_word);
    let replace = KeywordChange::Replace(now.id, NewKeyword { text, whole_word });
    api.change_filter(&asked, filter.id, None, vec![replace]).await?;
    keyword(State(api), asked).await
}

/// A filter of which the last keyword goes, and which names no posts, goes with it.
async fn remove_keyword(State(api): State<Api>, asked: Asked) -> Answered {
    let (filter, keyword) = api.keyword_in_path(&asked).await?;
    if filter.keywords.len() == 1 && filter.posts.is_empty() {
        let change = PersonalChange::DeleteFilter(filter.id);
        api.network.change_personal(&asked.call, &asked.key(), &change).await?;
    } else {
        let remove = KeywordChange::Remove(keyword.id);
        api.change_filter(&asked, filter.id, None, vec![remove]).await?;
    }
    Ok(done())
}

async fn statuses(State(api): State<Api>, asked: Asked) -> Answered {
    let filter = api.filter_in_path(&asked).await?;
    Ok(json(&filter.posts.iter().map(FilterStatus::of).collect::<Vec<_>>()))
}

async fn add_status(State(api): State<Api>, asked: Asked) -> Answered {
    let filter = PersonalId::new(asked.id()?);
    let post = asked.required("status_id")?.parse().map_err(|_| Fault::not_found())?;
    let change = PersonalChange::FilterPost { filter, post: PostId::new(post) };
    api.network.change_personal(&asked.call, &asked.key(), &change).await?;
    let filter = api.filter_in_path(&asked).await?;
    let made = filter.posts.iter().rev().find(|one| one.post.get() == post);
    Ok(json(&FilterStatus::of(made.ok_or_else(Fault::not_found)?)))
}

async fn status(State(api): State<Api>, asked: Asked) -> Answered {
    let (_, entry) = status_in_path(&api, &asked).await?;
    Ok(json(&entry))
}

async fn status_in_path(api: &Api, asked: &Asked) -> Result<(PersonalId, FilterStatus), Fault> {
    let id = PersonalId::new(asked.id()?);
    let filters = api.all_filters(asked).await?;
    let mut entries =
        filters.iter().flat_map(|filter| filter.posts.iter().map(move |entry| (filter.id, entry)));
    let found = entries.find(|(_, entry)| entry.id == id);
    found.map(|(filter, entry)| (filter, FilterStatus::of(entry))).ok_or_else(Fault::not_found)
}

async fn remove_status(State(api): State<Api>, asked: Asked) -> Answered {
    let (filter, entry) = status_in_path(&api, &asked).await?;
    let entry_id = PersonalId::new(asked.id()?);
    let change = PersonalChange::UnfilterPost { filter, entry: entry_id };
    api.network.change_personal(&asked.call, &asked.key(), &change).await?;
    Ok(json(&entry))
}

async fn filters_v1(State(api): State<Api>, asked: Asked) -> Answered {
    let filters = api.all_filters(&asked).await?;
    let of_keywords = filters
        .iter()
        .flat_map(|filter| filter.keywords.iter().map(|keyword| FilterV1::of(filter, keyword)));
    Ok(json(&of_keywords.collect::<Vec<_>>()))
}

async fn filter_v1(State(api): State<Api>, asked: Asked) -> Answered {
    let (filter, keyword) = api.keyword_in_path(&asked).await?;
    Ok(json(&FilterV1::of(&filter, &keyword)))
}

/// What the first version says of a filter.
fn settings_v1(asked: &Asked, now: FilterSettings) -> Result<FilterSettings, Fault> {
    let settings = changed(&asked.parameters, now)?;
    let title = asked.parameters.text("phrase").map_or(settings.title, str::to_owned);
    let action = match asked.parameters.flag("irreversible") {
        Some(true) => FilterAction::Hide,
        Some(false) => FilterAction::Warn,
        None => settings.action,
    };
    Ok(FilterSettings { title, action, ..settings })
}

async fn create_v1(State(api): State<Api>, asked: Asked) -> Answered {
    let text = asked.required("phrase")?.to_owned();
    let whole_word = asked.parameters.flag("whole_word").unwrap_or(false);
    let settings = settings_v1(&asked, NEW)?;
    let keywords = vec![NewKeyword { text, whole_word }];
    let made = api.made_filter(&asked, settings, keywords).await?;
    let keyword = made.keywords.first().ok_or_else(Fault::not_found)?;
    Ok(json(&FilterV1::of(&made, keyword)))
}

async fn change_v1(State(api): State<Api>, asked: Asked) -> Answered {
    let (filter, now) = api.keyword_in_path(&asked).await?;
    let text = asked.parameters.text("phrase").map_or(now.keyword.text, str::to_owned);
    let whole_word = asked.parameters.flag("whole_word").unwrap_or(now.keyword.whole_word);
    let replace = KeywordChange::Replace(now.id, NewKeyword { text, whole_word });
    let settings = settings_v1(&asked, filter.settings)?;
    api.change_filter(&asked, filter.id, Some(settings), vec![replace]).await?;
    filter_v1(State(api), asked).await
}
