//! How apps get to act for people: OAuth 2 (RFC 6749) as the apps of Mastodon speak it
//! (<https://docs.joinmastodon.org/spec/oauth/>).
//!
//! | file | what it is |
//! | --- | --- |
//! | `apps` | apps make themselves known |
//! | `authorize` | people let an app in, on a page that needs no script |
//! | `token` | what the app gets for that, and how it gives it back |
//! | `metadata` | where all of this is (RFC 8414) |
//! | `pages` | the page |

mod apps;
mod authorize;
mod metadata;
mod pages;
mod token;

use axum::{
    Router,
    routing::{get, post},
};

use super::api::Api;

/// What pages of other hosts may ask, too.
pub fn open_routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/apps", post(apps::register))
        .route("/api/v1/apps/verify_credentials", get(apps::verify_credentials))
        .route("/oauth/token", post(token::token))
        .route("/oauth/revoke", post(token::revoke))
        .route("/oauth/userinfo", get(token::userinfo).post(token::userinfo))
        .route("/.well-known/oauth-authorization-server", get(metadata::metadata))
}

/// What people see.
pub fn page_routes() -> Router<Api> {
    Router::new()
        .route("/oauth/authorize", get(authorize::show).post(authorize::decide))
        .route(pages::STYLE_PATH, get(pages::style))
}
