//! The page on which people let an app in. Its templates and its stylesheet are in `web/oauth`.

use askama::Template;
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

/// Where the stylesheet is.
pub const STYLE_PATH: &str = "/assets/oauth.css";
const STYLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/oauth/style.css"));

/// Nothing runs, nothing comes from elsewhere, and no other page shows this one within itself. Where the form may
/// lead is not limited: it leads to the app.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// An app wants to be let in.
#[derive(Template)]
#[template(path = "authorize.html")]
pub struct Authorize<'a> {
    /// How the network is called.
    pub network: &'a str,
    /// How the app calls itself.
    pub app: &'a str,
    /// Where it says that it comes from.
    pub website: Option<&'a str>,
    /// Where whoever lets it in is led.
    pub leads_to: &'a str,
    /// What it wants to do.
    pub wishes: &'a [&'static str],
    /// Sent along with the answer.
    pub fields: &'a [(&'static str, String)],
    /// The name that was given before.
    pub name: &'a str,
    /// What was wrong with the answer before.
    pub wrong: Option<&'a str>,
}

/// The code that somebody is to copy into an app.
#[derive(Template)]
#[template(path = "code.html")]
pub struct CodePage<'a> {
    /// How the network is called.
    pub network: &'a str,
    /// How the app calls itself.
    pub app: &'a str,
    /// What is to be copied.
    pub code: &'a str,
}

/// Something is wrong that whoever sees the page cannot mend.
#[derive(Template)]
#[template(path = "wrong.html")]
pub struct Wrong<'a> {
    /// What.
    pub why: &'a str,
}

/// A page as an answer.
pub fn page(status: StatusCode, page: &impl Template) -> Response {
    let html = page.render().expect("a page is rendered into memory");
    let mut answer = (status, html).into_response();
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// The stylesheet.
pub async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, STYLE).into_response()
}
