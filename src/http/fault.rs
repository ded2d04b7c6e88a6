//! What is answered to a request that is not carried out: a status, and words in JSON.

use std::{borrow::Cow, time::Duration};

use axum::{
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::asked::json;
use crate::{
    host::clock,
    network::{Refusal, RefusalKind},
    serving::WEB_REQUEST_BYTES,
};

/// How long to wait before asking again, if the network does not say.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The rate of which whoever asks too often is told: the network has several, each for something else.
const TOLD_RATE: HeaderValue = HeaderValue::from_static("300");

/// Why a request is not carried out.
#[derive(Debug)]
pub struct Fault {
    status: StatusCode,
    error: Cow<'static, str>,
    description: Option<Cow<'static, str>>,
    again_after: Option<Duration>,
}

#[derive(Serialize)]
struct FaultBody<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<&'a str>,
}

impl Fault {
    /// With a status, and words for people.
    pub fn new(status: StatusCode, error: impl Into<Cow<'static, str>>) -> Self {
        Self { status, error: error.into(), description: None, again_after: None }
    }

    /// A parameter is missing or malformed.
    pub fn bad_request(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }

    /// The parameters are read, and cannot be what they are.
    pub fn unprocessable(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, why)
    }

    /// It is longer than anything that is asked for here.
    pub fn too_large() -> Self {
        let most = WEB_REQUEST_BYTES >> 10;
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a request has at most {most} KiB"))
    }

    /// There is no such thing, or the caller may not see it.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Record not found")
    }

    /// Nobody who is known asks.
    pub fn unauthorised() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "The access token is invalid")
    }

    /// A fault of OAuth (RFC 6749, section 5.2).
    pub fn oauth(
        status: StatusCode,
        code: &'static str,
        why: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { description: Some(why.into()), ..Self::new(status, code) }
    }

    /// For people.
    pub fn message(&self) -> &str {
        self.description.as_ref().unwrap_or(&self.error)
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<Refusal> for Fault {
    fn from(Refusal { kind, message, again_after }: Refusal) -> Self {
        let status = match kind {
            RefusalKind::Invalid
            | RefusalKind::AlreadyExists
            | RefusalKind::NotPossible
            | RefusalKind::Stale
            | RefusalKind::UserNeeded => StatusCode::UNPROCESSABLE_ENTITY,
            RefusalKind::NotFound | RefusalKind::Unsupported => StatusCode::NOT_FOUND,
            RefusalKind::SessionEnded | RefusalKind::SessionRevoked => return Self::unauthorised(),
            RefusalKind::OutsideScope => {
                let words = "This action is outside the authorized scopes";
                return Self::new(StatusCode::FORBIDDEN, words);
            }
            RefusalKind::WrongPassword => StatusCode::FORBIDDEN,
            RefusalKind::UnknownApp => {
                return Self::oauth(StatusCode::UNAUTHORIZED, "invalid_client", message);
            }
            RefusalKind::BadGrant => {
                return Self::oauth(StatusCode::BAD_REQUEST, "invalid_grant", message);
            }
            RefusalKind::TooMuch => StatusCode::TOO_MANY_REQUESTS,
            RefusalKind::Interrupted
            | RefusalKind::Elsewhere(_)
            | RefusalKind::Broken
            | RefusalKind::Unanswered
            | RefusalKind::Unknown => StatusCode::SERVICE_UNAVAILABLE,
        };
        let is_passing =
            [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
        let again_after = is_passing.then_some(again_after.unwrap_or(AGAIN_AFTER));
        Self { again_after, ..Self::new(status, message) }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let body = FaultBody { error: &self.error, error_description: self.description.as_deref() };
        let mut answer = json(&body);
        *answer.status_mut() = self.status;
        if let Some(wait) = self.again_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let headers = answer.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            if self.status == StatusCode::TOO_MANY_REQUESTS {
                let until = clock::now().saturating_add(wait);
                let until = DateTime::<Utc>::from_timestamp_millis(until.get()).unwrap_or_default();
                let until = until.to_rfc3339_opts(SecondsFormat::Micros, true);
                headers.insert("x-ratelimit-limit", TOLD_RATE);
                headers.insert("x-ratelimit-remaining", HeaderValue::from(0));
                let until = HeaderValue::from_str(&until).expect("a moment is ASCII");
                headers.insert("x-ratelimit-reset", until);
            }
        }
        answer
    }
}
