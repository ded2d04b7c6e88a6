//! What is answered to whoever speaks HTTP and not gRPC, such as a browser: for now, how to use the
//! network, and where it is encrypted; and to an authority, that the domain is this network.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use tokio::{sync::watch, time::timeout};
use tonic::{
    body::Body,
    codegen::http::{
        HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version,
        header::{
            CACHE_CONTROL, CONTENT_TYPE, HOST, LOCATION, RETRY_AFTER, STRICT_TRANSPORT_SECURITY,
            X_CONTENT_TYPE_OPTIONS,
        },
        request::Parts,
        uri::Authority,
    },
};

use crate::{domain::Certification, tls::Protection};

/// Where an authority asks for the answers to its challenges (RFC 8555, section 8.3).
const CHALLENGES: &str = "/.well-known/acme-challenge/";
/// The answer to a challenge may be on its way from the node that has ordered the certificate.
const ANSWER_ARRIVES_WITHIN: Duration = Duration::from_secs(5);
/// Browsers that have been here over an encrypted connection use no other for a year.
const ENCRYPTED_FROM_NOW_ON: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// How gRPC calls are told apart (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).
const GRPC: &[u8] = b"application/grpc";

/// The longest token of a challenge that is looked for: those that we know have 43 characters.
const TOKEN_CHARS: usize = 128;

/// The answers.
#[derive(Clone, Default)]
pub struct Pages {
    /// What proves that the network is its domain, if it has one.
    certification: Option<watch::Receiver<Arc<Certification>>>,
    /// The domain.
    domain: Option<String>,
    /// The listener is only there to refer to another one.
    only_refers: bool,
}

/// Whoever asks, as far as it matters.
#[derive(Clone, Copy, Debug)]
pub struct Visitor {
    /// How the connection is protected.
    pub protection: Protection,
    /// Whether calls are taken from there without protection.
    pub is_taken_in_clear: bool,
}

/// Whether a request is a call of gRPC.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(GRPC))
}

/// What a request to this path is counted as.
pub fn counted_as(path: &str) -> &'static str {
    match path {
        "/" => "/http/home",
        path if path.starts_with(CHALLENGES) => "/http/challenge",
        path if path.starts_with("/api/") => "/http/api",
        path if path.starts_with("/oauth/") => "/http/oauth",
        _ => "/http/other",
    }
}

impl Pages {
    /// For the network with this domain.
    pub fn of(domain: String, certification: watch::Receiver<Arc<Certification>>) -> Self {
        Self { certification: Some(certification), domain: Some(domain), only_refers: false }
    }

    /// The same, for a listener that only refers to the encrypted one.
    #[must_use]
    pub fn referring(self) -> Self {
        Self { only_refers: true, ..self }
    }

    /// Whether whoever comes to the listener is only referred to another one.
    pub fn only_refer(&self) -> bool {
        self.only_refers
    }

    /// The answer to a request with this head, whose body does not matter; none if it is for what is served over
    /// HTTP.
    pub async fn answer(&self, request: &Parts, visitor: Visitor) -> Option<Response<Body>> {
        let is_read = matches!(request.method, Method::GET | Method::HEAD);
        let path = request.uri.path();
        let challenge = path.strip_prefix(CHALLENGES).filter(|_| is_read);
        let answer = if !names_one_host(request) {
            page(StatusCode::BAD_REQUEST, "a request names the host that it is for, once\n")
        } else if let Some(token) = challenge {
            match self.challenge(token).await {
                Some(answer) => page(StatusCode::OK, answer),
                None => page(StatusCode::NOT_FOUND, "no such challenge\n"),
            }
        } else if visitor.protection == Protection::InClear
            && (self.only_refers || !visitor.is_taken_in_clear)
        {
            self.reference(request)
        } else if is_grpc(&request.headers) {
            page(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "gRPC needs HTTP/2\n")
        } else {
            match path {
                "/" if is_read => page(StatusCode::OK, self.home(request, visitor.protection)),
                "/" => page(StatusCode::METHOD_NOT_ALLOWED, "this page can only be read\n"),
                _ => return None,
            }
        };
        Some(answer)
    }

    async fn challenge(&self, token: &str) -> Option<String> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=TOKEN_CHARS).contains(&token.len()) || !token.bytes().all(is_allowed) {
            return None;
        }
        let mut certification = self.certification.clone()?;
        let known = certification.wait_for(|now| now.answer(token).is_some());
        let now = timeout(ANSWER_ARRIVES_WITHIN, known).await.ok()?.ok()?;
        now.answer(token).map(str::to_owned)
    }

    /// The same address, encrypted: at the usual port if this listener is only there to refer to it.
    fn reference(&self, request: &Parts) -> Response<Body> {
        let path = request.uri.path_and_query().map_or("/", |path| path.as_str());
        let Some(host) = self.host(request).filter(|_| path.starts_with('/')) else {
            let why = "the request does not say for which host or page it is\n";
            return page(StatusCode::BAD_REQUEST, why);
        };
        let to = format!("https://{host}{path}");
        let mut answer = page(StatusCode::PERMANENT_REDIRECT, format!("see {to}\n"));
        if let Ok(to) = to.parse() {
            answer.headers_mut().insert(LOCATION, to);
        }
        answer
    }

    /// The host that a request is for, as it is written in an address.
    fn host(&self, request: &Parts) -> Option<String> {
        let mut named = request.headers.get_all(HOST).iter();
        let asked: Authority = match (named.next(), named.next()) {
            (Some(host), None) => host.to_str().ok()?.parse().ok()?,
            (None, None) => request.uri.authority()?.clone(),
            _ => return None,
        };
        let is_more_than_a_host = asked.as_str() != asked.host();
        if asked.as_str().contains('@') || is_more_than_a_host && asked.port_u16().is_none() {
            return None;
        }
        let host = self.domain.as_deref().unwrap_or(asked.host());
        match asked.port_u16() {
            Some(port) if !self.only_refers => Some(format!("{host}:{port}")),
            _ => Some(host.to_owned()),
        }
    }

    fn home(&self, request: &Parts, protection: Protection) -> String {
        let scheme = if protection == Protection::InClear { "" } else { "https://" };
        let host = self.host(request).unwrap_or_else(|| "HOST".to_owned());
        format!(
            "This is a network of its own, run by Tiny SNS.\n\n\
             To read and write here, in a terminal:\n\n    \
             tinysns client --router {scheme}{host} -u NAME\n"
        )
    }
}

/// Whether it is clear for which host a request is (RFC 9112, section 3.2): otherwise somebody in between may have read
/// another one than we do.
fn names_one_host(request: &Parts) -> bool {
    match request.headers.get_all(HOST).iter().count() {
        0 => request.version != Version::HTTP_11,
        named => named == 1,
    }
}

/// Where nothing else is served over HTTP.
pub fn nothing() -> Response<Body> {
    page(StatusCode::NOT_FOUND, "there is no such page\n")
}

/// Completes an answer to whoever asks with this method and like this.
pub fn complete(
    mut answer: Response<Body>,
    method: &Method,
    protection: Protection,
) -> Response<Body> {
    if protection != Protection::InClear {
        answer.headers_mut().insert(STRICT_TRANSPORT_SECURITY, ENCRYPTED_FROM_NOW_ON);
    }
    if method == Method::HEAD { answer.map(|_body| Body::empty()) } else { answer }
}

/// What is answered to somebody for whom there is no room.
pub fn full(why: &str) -> Response<Body> {
    let mut answer = page(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

fn page(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    const HEADERS: [(HeaderName, &str); 3] = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let mut answer = Response::new(Body::new(Full::new(text.into())));
    *answer.status_mut() = status;
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use tonic::codegen::http::Request;

    use super::*;
    use crate::domain::{AcmeChallenge, CertificationStep};

    const ENCRYPTED: Visitor =
        Visitor { protection: Protection::Encrypted, is_taken_in_clear: false };
    const REFUSED: Visitor = Visitor { protection: Protection::InClear, is_taken_in_clear: false };
    const TAKEN: Visitor = Visitor { protection: Protection::InClear, is_taken_in_clear: true };

    fn request(method: Method, host: &str, path: &str) -> Parts {
        let request = Request::builder().method(method).uri(path).header(HOST, host);
        request.body(()).expect("valid").into_parts().0
    }

    fn pages(domain: Option<&str>) -> Pages {
        Pages { domain: domain.map(str::to_owned), ..Pages::default() }
    }

    async fn answered(pages: &Pages, request: &Parts, visitor: Visitor) -> Response<Body> {
        let answer = pages.answer(request, visitor).await.unwrap_or_else(nothing);
        complete(answer, &request.method, visitor.protection)
    }

    fn header<'a>(answer: &'a Response<Body>, name: &HeaderName) -> Option<&'a str> {
        answer.headers().get(name).map(|value| value.to_str().expect("ASCII"))
    }

    #[tokio::test]
    async fn who_must_encrypt_is_referred_to_the_same_page() {
        let own = pages(None);
        let named = pages(Some("sns.example.net"));
        for (pages, host, path, to) in [
            (&own, "a:3010", "/", "https://a:3010/"),
            (&own, "[::1]:3010", "/x?y=z", "https://[::1]:3010/x?y=z"),
            (&named, "10.0.0.1:3010", "/", "https://sns.example.net:3010/"),
            (&own.clone().referring(), "a", "//evil.example/", "https://a//evil.example/"),
            (&own.clone().referring(), "a:8080", "/", "https://a/"),
            (&named.clone().referring(), "evil.example", "/", "https://sns.example.net/"),
        ] {
            let answer = answered(pages, &request(Method::GET, host, path), REFUSED).await;
            assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT, "{host}{path}");
            assert_eq!(header(&answer, &LOCATION), Some(to));
        }
        for (host, path) in [
            ("", "/"),
            ("a b", "/"),
            ("user@evil.example", "/"),
            ("a:99999", "/"),
            ("a:b", "/"),
            ("a", "*"),
        ] {
            let answer = answered(&own, &request(Method::GET, host, path), REFUSED).await;
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{host:?} {path}");
        }
        let mut twice = request(Method::GET, "a", "/");
        twice.headers.append(HOST, HeaderValue::from_static("b"));
        assert_eq!(answered(&own, &twice, REFUSED).await.status(), StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn who_has_come_encrypted_is_told_to_stay_with_that() {
        for (visitor, path, status) in [
            (ENCRYPTED, "/", StatusCode::OK),
            (ENCRYPTED, "/nothing", StatusCode::NOT_FOUND),
            (TAKEN, "/", StatusCode::OK),
        ] {
            let answer = answered(&pages(None), &request(Method::GET, "a", path), visitor).await;
            assert_eq!(answer.status(), status);
            let told = header(&answer, &STRICT_TRANSPORT_SECURITY);
            assert_eq!(told.is_some(), visitor.protection == Protection::Encrypted, "{path}");
        }
        let answer = answered(&pages(None), &request(Method::POST, "a", "/"), TAKEN).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn a_request_that_does_not_say_for_which_host_it_is_is_refused() {
        let (one, other) = (HeaderValue::from_static("a"), HeaderValue::from_static("b"));
        for (version, hosts, status) in [
            (Version::HTTP_11, vec![], StatusCode::BAD_REQUEST),
            (Version::HTTP_11, vec![&one], StatusCode::OK),
            (Version::HTTP_11, vec![&one, &other], StatusCode::BAD_REQUEST),
            (Version::HTTP_11, vec![&one, &one], StatusCode::BAD_REQUEST),
            (Version::HTTP_10, vec![], StatusCode::OK),
            (Version::HTTP_2, vec![], StatusCode::OK),
            (Version::HTTP_2, vec![&one, &other], StatusCode::BAD_REQUEST),
        ] {
            let mut request = request(Method::GET, "a", "/");
            request.version = version;
            request.headers.remove(HOST);
            request.headers.extend(hosts.iter().map(|host| (HOST, (*host).clone())));
            let answer = answered(&pages(None), &request, TAKEN).await;
            assert_eq!(answer.status(), status, "{version:?} {hosts:?}");
        }
    }

    #[tokio::test]
    async fn an_answer_to_a_challenge_is_waited_for_a_moment() {
        let (known, certification) = watch::channel(Arc::new(Certification::default()));
        let pages = Pages::of("a.example".to_owned(), certification).referring();
        let path = CHALLENGES.to_owned() + "wanted";
        let wanted = request(Method::GET, "a.example", &path);
        let (answer, ()) = tokio::join!(answered(&pages, &wanted, REFUSED), async {
            let challenge =
                AcmeChallenge { token: "wanted".to_owned(), answer: "wanted.thumb".to_owned() };
            let step = CertificationStep::Challenges(vec![challenge]);
            known.send_replace(Arc::new(Certification::default().after(step)));
        });
        assert_eq!(answer.status(), StatusCode::OK);
        // What no authority asks for is not waited for.
        for (method, token) in [(Method::GET, ""), (Method::GET, "..%2f"), (Method::POST, "other")]
        {
            let asked = request(method, "a.example", &(CHALLENGES.to_owned() + token));
            let answer = answered(&pages, &asked, ENCRYPTED).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{token}");
        }
        let without_domain = answered(&Pages::default(), &wanted, REFUSED).await;
        assert_eq!(without_domain.status(), StatusCode::NOT_FOUND);
    }
}
