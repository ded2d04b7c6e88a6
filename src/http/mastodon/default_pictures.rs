//! The pictures of those who have chosen none. Every account has the address of a real picture: apps fail without.

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};

use crate::http::base_url::BaseUrl;

const AVATAR_PATH: &str = "/assets/avatar.png";
const HEADER_PATH: &str = "/assets/header.png";
const AVATAR: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/pictures/avatar.png"));
const HEADER: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/pictures/header.png"));
/// They change with the program alone.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=86400");

/// Where the picture of somebody is who has none.
pub fn avatar(base: &BaseUrl) -> String {
    format!("{base}{AVATAR_PATH}")
}

/// The same for the wide picture above a profile.
pub fn header(base: &BaseUrl) -> String {
    format!("{base}{HEADER_PATH}")
}

/// The routes of both.
pub fn routes<S: Clone + Send + Sync + 'static>() -> axum::Router<S> {
    use axum::routing::get;
    axum::Router::new()
        .route(AVATAR_PATH, get(|| async { picture(AVATAR) }))
        .route(HEADER_PATH, get(|| async { picture(HEADER) }))
}

fn picture(bytes: &'static [u8]) -> Response {
    let kind = HeaderValue::from_static("image/png");
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, KEPT)], bytes).into_response()
}
