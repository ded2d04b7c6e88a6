//! Timelines of posts.

use axum::{Router, extract::State, routing::get};

use super::entities::NOTHING;
use crate::{
    domain::{FilterContext, PersonalId},
    http::{
        api::Api,
        asked::{Answered, Asked, json},
    },
    network::TimelineKind,
};

/// The routes.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/timelines/home", get(home))
        .route("/api/v1/timelines/public", get(public))
        .route("/api/v1/timelines/tag/{tag}", get(hashtag))
        .route("/api/v1/timelines/list/{id}", get(list))
        .route("/api/v1/favourites", get(favourites))
        .route("/api/v1/bookmarks", get(bookmarks))
}

async fn home(State(api): State<Api>, asked: Asked) -> Answered {
    api.timeline(&asked, &TimelineKind::Home, FilterContext::Home).await
}

/// Nothing comes from elsewhere.
fn is_empty(asked: &Asked) -> bool {
    asked.parameters.flag("remote") == Some(true)
}

async fn public(State(api): State<Api>, asked: Asked) -> Answered {
    if is_empty(&asked) {
        return Ok(json(&NOTHING));
    }
    api.timeline(&asked, &TimelineKind::Local, FilterContext::Public).await
}

async fn hashtag(State(api): State<Api>, asked: Asked) -> Answered {
    let hashtag = asked.hashtag()?;
    if is_empty(&asked) {
        return Ok(json(&NOTHING));
    }
    api.timeline(&asked, &TimelineKind::Hashtag(hashtag), FilterContext::Public).await
}

async fn list(State(api): State<Api>, asked: Asked) -> Answered {
    let list = PersonalId::new(asked.id()?);
    api.timeline(&asked, &TimelineKind::List(list), FilterContext::Home).await
}

async fn favourites(State(api): State<Api>, asked: Asked) -> Answered {
    api.timeline(&asked, &TimelineKind::Liked, FilterContext::Account).await
}

async fn bookmarks(State(api): State<Api>, asked: Asked) -> Answered {
    api.timeline(&asked, &TimelineKind::Bookmarked, FilterContext::Account).await
}
