//! Reports of people and posts, to those who run the network.

use axum::{Router, extract::State, routing::post};
use serde_json::json as value;

use super::entities::{account::Account, moment::Moment};
use crate::{
    domain::{PostId, UserId},
    host::clock,
    http::{
        api::Api,
        asked::{Answered, Asked, json},
        fault::Fault,
    },
    network::{PersonRef, administration::NewReport},
};

/// The routes.
pub fn routes() -> Router<Api> {
    Router::new().route("/api/v1/reports", post(report))
}

async fn report(State(api): State<Api>, asked: Asked) -> Answered {
    let id = asked.required("account_id")?.parse().map_err(|_| Fault::not_found())?;
    let whom = [PersonRef::Id(UserId(id))];
    let person = api.people(&asked, &whom).await?.pop().ok_or_else(Fault::not_found)?;
    let ids = asked.parameters.list("status_ids");
    let posts: Vec<PostId> = ids.iter().filter_map(|id| id.parse().ok()).map(PostId::new).collect();
    let comment = asked.parameters.text("comment").unwrap_or_default().to_owned();
    let category = asked.parameters.filled("category").unwrap_or("other");
    // What is wrong is said in words here, and reports without any help nobody.
    let comment = if comment.trim().is_empty() { category.to_owned() } else { comment };
    let report = NewReport { about: person.name.clone(), posts, comment: comment.clone() };
    let number = api.network.report(&asked.call, &asked.key(), &report).await?;
    Ok(json(&value!({
        "id": number.to_string(),
        "action_taken": false,
        "action_taken_at": null,
        "category": category,
        "comment": comment,
        "forwarded": false,
        "created_at": Moment(clock::now()),
        "status_ids": ids,
        "rule_ids": asked.parameters.list("rule_ids"),
        "target_account": Account::of(&person, &asked.base),
    })))
}
