//! What a network like this does not have: answered as those that have it answer when there is none of it.

use axum::{
    Router,
    routing::{get, post},
};

use super::entities::NOTHING;
use crate::http::{api::Api, asked::json, fault::Fault};

/// Of these there is nothing.
const EMPTY: [&str; 10] = [
    "/api/v2/suggestions",
    "/api/v1/endorsements",
    "/api/v1/featured_tags",
    "/api/v1/scheduled_statuses",
    "/api/v1/domain_blocks",
    "/api/v1/instance/peers",
    "/api/v1/trends",
    "/api/v1/trends/tags",
    "/api/v1/trends/statuses",
    "/api/v1/trends/links",
];

/// The routes.
pub fn routes() -> Router<Api> {
    let empty = EMPTY
        .into_iter()
        .fold(Router::new(), |routes, path| routes.route(path, get(async || json(&NOTHING))));
    empty
        .route("/api/v1/push/subscription", get(none).post(none).put(none).delete(none))
        .route("/api/v1/statuses/{id}/translate", post(none))
}

async fn none() -> Fault {
    Fault::not_found()
}
