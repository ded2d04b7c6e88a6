//! Search.

use axum::{Router, extract::State, routing::get};
use serde_json::json as value;

use super::{entities::account::Account, presenter::unexpected, tags};
use crate::{
    domain::{FilterContext, Post, PostId},
    http::{
        api::Api,
        asked::{Answered, Asked, json},
        fault::Fault,
        paging,
    },
    network::{Found, HashtagUse, RefusalKind, SearchKind},
};

/// The routes.
pub fn routes() -> Router<Api> {
    Router::new().route("/api/v2/search", get(search)).route("/api/v1/search", get(search))
}

impl Api {
    async fn found_hashtags(
        &self,
        asked: &Asked,
        text: &str,
        limit: u32,
    ) -> Result<Vec<HashtagUse>, Fault> {
        let text = text.trim_start_matches('#');
        let found =
            self.network.search(&asked.call, SearchKind::Hashtags, text, None, Some(limit)).await;
        match found {
            Ok(Found::Hashtags(hashtags)) => Ok(hashtags),
            Ok(_) => Err(unexpected()),
            // What no hashtag can be is not found.
            Err(refusal) if refusal.kind == RefusalKind::Invalid => Ok(Vec::new()),
            Err(refusal) => Err(refusal.into()),
        }
    }

    async fn found_posts(&self, asked: &Asked, text: &str, limit: u32) -> Result<Vec<Post>, Fault> {
        // The address of a post finds it.
        if let Some(id) = post_at(text, asked) {
            return Ok(self.post_if_seen(asked, id).await?.into_iter().collect());
        }
        let before = asked.parameters.number("max_id")?.map(PostId::new);
        let found =
            self.network.search(&asked.call, SearchKind::Posts, text, before, Some(limit)).await;
        match found {
            Ok(Found::Posts(page)) => Ok(page.posts),
            Ok(_) => Err(unexpected()),
            Err(refusal) if refusal.kind == RefusalKind::Invalid => Ok(Vec::new()),
            Err(refusal) => Err(refusal.into()),
        }
    }
}

/// The number of the post at an address of ours.
fn post_at(text: &str, asked: &Asked) -> Option<PostId> {
    let (name, id) = path_at(text, asked)?.split_once('/')?;
    (!name.is_empty()).then(|| id.parse().ok().map(PostId::new))?
}

/// What is behind the `@` of an address of ours.
fn path_at<'a>(text: &'a str, asked: &Asked) -> Option<&'a str> {
    let (_, rest) = text.split_once("://")?;
    rest.strip_prefix(asked.base.host())?.strip_prefix("/@")
}

async fn search(State(api): State<Api>, asked: Asked) -> Answered {
    let text = asked.required("q")?.trim();
    let limit = paging::limit(&asked.parameters, paging::POSTS)?;
    let kind = asked.parameters.filled("type");
    // There is one page of each; what would be on the next, a longer word finds.
    let is_first = asked.parameters.number::<u64>("offset")?.unwrap_or(0) == 0;
    let is_wanted = |name: &str| is_first && kind.is_none_or(|kind| kind == name);
    let is_address = text.contains("://");
    let people = match path_at(text, &asked).filter(|path| !path.contains('/')) {
        Some(name) if is_wanted("accounts") => api.found_people(&asked, name, 1).await?,
        None if is_wanted("accounts") && !is_address && !text.starts_with('#') => {
            api.found_people(&asked, text, limit).await?
        }
        _ => Vec::new(),
    };
    let hashtags = if is_wanted("hashtags") && !is_address && !text.starts_with('@') {
        api.found_hashtags(&asked, text, limit).await?
    } else {
        Vec::new()
    };
    let posts = if is_wanted("statuses") && !text.starts_with(['@', '#']) {
        api.found_posts(&asked, text, limit).await?
    } else {
        Vec::new()
    };
    let statuses = api.statuses(&asked, &posts, FilterContext::Public).await?;
    let accounts = people.iter().map(|person| Account::of(person, &asked.base));
    let hashtags = hashtags.iter().map(|found| tags::entity(found, &asked));
    Ok(json(&value!({
        "accounts": accounts.collect::<Vec<_>>(),
        "statuses": statuses,
        "hashtags": hashtags.collect::<Vec<_>>(),
    })))
}
