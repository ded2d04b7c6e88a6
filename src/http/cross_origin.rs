//! Pages of other hosts may ask, too: a token is all that counts, and browsers add none by themselves.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

/// What pages of other hosts may send and see (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
const ALLOWED: [(HeaderName, &str); 5] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, Idempotency-Key"),
    (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        "Link, X-RateLimit-Reset, X-RateLimit-Limit, X-RateLimit-Remaining, X-Request-Id",
    ),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
];

/// Answers those who ask whether they may, and tells everybody else that they may.
pub async fn allow(request: Request, next: Next) -> Response {
    let mut answer = if request.method() == Method::OPTIONS {
        StatusCode::OK.into_response()
    } else {
        next.run(request).await
    };
    add(answer.headers_mut());
    answer
}

fn add(headers: &mut HeaderMap) {
    for (name, value) in ALLOWED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let kept_by_nobody = HeaderValue::from_static("private, no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(kept_by_nobody);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
