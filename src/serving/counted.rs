//! What is counted of a call, until its answer begins.

use tokio::time::Instant;
use tonic::{
    Code, Status,
    body::Body,
    codegen::http::{HeaderMap, Response, StatusCode},
};

use super::answer::Answer;
use crate::metrics;

/// Paths that nobody serves: their number is unlimited, so they are counted as one.
const UNKNOWN: (&str, &str) = ("unknown", "unknown");

/// A call that is counted when it is dropped; one that is dropped without an answer was cancelled.
pub struct CountedCall {
    path: String,
    began: Instant,
    code: Code,
}

impl CountedCall {
    /// A call of this path has arrived.
    pub fn arrives(path: &str) -> Self {
        Self { path: path.to_owned(), began: Instant::now(), code: Code::Cancelled }
    }

    /// Its answer begins with these headers: unless they have a status, it has something to say.
    pub fn answered(mut self, headers: &HeaderMap) {
        self.code = Status::from_header_map(headers).map_or(Code::Ok, |status| status.code());
    }

    /// Its answer is a page with this status.
    pub fn answered_by_page(mut self, status: StatusCode) {
        self.code = match status {
            StatusCode::NOT_FOUND => Code::NotFound,
            StatusCode::SERVICE_UNAVAILABLE => Code::ResourceExhausted,
            status if status.is_client_error() => Code::InvalidArgument,
            _ => Code::Ok,
        };
    }

    /// It is answered with this alone.
    pub fn refused(mut self, status: Status) -> Response<Answer> {
        self.code = status.code();
        status.into_http::<Body>().map(Answer::refusal)
    }
}

impl Drop for CountedCall {
    fn drop(&mut self) {
        let is_unknown = self.code == Code::Unimplemented;
        let (service, method) = if is_unknown { UNKNOWN } else { service_and_method(&self.path) };
        let code = format!("{:?}", self.code);
        tracing::debug!(code, took = ?self.began.elapsed(), "answered");
        metrics::CALLS.with_label_values(&[service, method, &code]).inc();
        let duration = metrics::CALL_DURATION.with_label_values(&[service, method]);
        duration.observe(self.began.elapsed().as_secs_f64());
    }
}

/// The parts of a path of gRPC, such as `/tinysns.v1.SocialService/Publish`.
fn service_and_method(path: &str) -> (&str, &str) {
    path.strip_prefix('/').and_then(|path| path.split_once('/')).unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(path: &str, code: &str) -> u64 {
        let (service, method) = service_and_method(path);
        metrics::CALLS.with_label_values(&[service, method, code]).get()
    }

    #[test]
    fn calls_are_counted_by_what_came_of_them() {
        let path = "/tests.CountedService/Call";
        drop(CountedCall::arrives(path));
        CountedCall::arrives(path).answered(&HeaderMap::new());
        let _answer = CountedCall::arrives(path).refused(Status::unavailable("not now"));
        let refusal = Status::not_found("no such user").into_http::<Body>();
        CountedCall::arrives(path).answered(refusal.headers());
        for code in ["Cancelled", "Ok", "Unavailable", "NotFound"] {
            assert_eq!(counted(path, code), 1, "{code}");
        }
    }

    #[test]
    fn whoever_makes_up_paths_makes_no_metrics() {
        for number in 0..10 {
            let call = CountedCall::arrives(&format!("/tests.Unknown{number}/Call"));
            let _answer = call.refused(Status::unimplemented("unknown"));
        }
        assert!(!metrics::text().contains("tests.Unknown"));
    }
}
