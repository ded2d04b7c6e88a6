//! What the network is, and what everybody is told.

use axum::{Router, extract::State, routing::get};

use super::entities::{NOTHING, instance as entity};
use crate::http::{
    api::Api,
    asked::{Answered, Asked, done, json},
    mastodon::entities::instance::AnnouncementEntity,
};

/// The routes.
pub fn routes() -> Router<Api> {
    use axum::routing::post;
    Router::new()
        .route("/api/v2/instance", get(instance))
        .route("/api/v1/instance", get(instance_v1))
        .route("/api/v1/instance/rules", get(rules))
        .route("/api/v1/instance/extended_description", get(extended_description))
        .route("/api/v1/instance/privacy_policy", get(extended_description))
        .route("/api/v1/custom_emojis", get(async || json(&NOTHING)))
        .route("/api/v1/announcements", get(announcements))
        .route("/api/v1/announcements/{id}/dismiss", post(async || done()))
        .route("/.well-known/nodeinfo", get(nodeinfo_links))
        .route("/nodeinfo/2.0", get(nodeinfo))
}

async fn instance(State(api): State<Api>, asked: Asked) -> Answered {
    let about = api.network.about(&asked.call).await?;
    Ok(json(&entity::instance(&about.settings, about.post_chars, &asked.base)))
}

async fn instance_v1(State(api): State<Api>, asked: Asked) -> Answered {
    let about = api.network.about(&asked.call).await?;
    Ok(json(&entity::instance_v1(&about.settings, about.post_chars, &asked.base)))
}

async fn rules(State(api): State<Api>, asked: Asked) -> Answered {
    Ok(json(&entity::rules(&api.network.about(&asked.call).await?.settings)))
}

async fn extended_description(State(api): State<Api>, asked: Asked) -> Answered {
    let about = api.network.about(&asked.call).await?;
    Ok(json(&entity::extended_description(&about.settings, &asked.base)))
}

async fn announcements(State(api): State<Api>, asked: Asked) -> Answered {
    let about = api.network.about(&asked.call).await?;
    let all = about.announcements.iter();
    let all: Vec<_> = all.map(|one| AnnouncementEntity::of(one, &asked.base)).collect();
    Ok(json(&all))
}

async fn nodeinfo_links(_: State<Api>, asked: Asked) -> Answered {
    Ok(json(&entity::nodeinfo_links(&asked.base)))
}

async fn nodeinfo(State(api): State<Api>, asked: Asked) -> Answered {
    Ok(json(&entity::nodeinfo(&api.network.about(&asked.call).await?.settings)))
}
