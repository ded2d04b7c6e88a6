//! One request of monitoring, answered.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use http_body_util::{BodyExt as _, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body as _, Incoming},
    header::{ALLOW, CONTENT_TYPE, HOST},
};
use serde::Serialize;

use super::{
    Monitored, Target,
    checks::{self, Check, Finding},
};
use crate::{logging, metrics};

/// The longest filter of a log, in bytes.
const FILTER_BYTES: usize = 4 << 10;
const HELP: &str = "\
GET /metrics    every metric, in Prometheus' text format
GET /livez      that the process answers
GET /readyz     whether it can serve, and why not
GET /targets    at the router: where every node answers, for Prometheus to discover
GET /log        what is logged
PUT /log        log this from now on, such as `debug` or `info,openraft=warn`
";

/// The answer to `request`, which comes from this machine or does not.
pub async fn answer(
    request: Request<Incoming>,
    role: Option<Arc<dyn Monitored>>,
    from_here: bool,
) -> Result<Response<String>, Infallible> {
    let (is_get, is_put) = match *request.method() {
        Method::GET | Method::HEAD => (true, false),
        Method::PUT => (false, true),
        _ => (false, false),
    };
    Ok(match request.uri().path() {
        "/metrics" if is_get => {
            if let Some(role) = role {
                role.measure().await;
            }
            let mut answer = text(StatusCode::OK, metrics::text());
            let media_type = metrics::MEDIA_TYPE.parse().expect("ASCII");
            answer.headers_mut().insert(CONTENT_TYPE, media_type);
            answer
        }
        "/livez" if is_get => text(StatusCode::OK, "alive\n"),
        "/readyz" if is_get => readiness(role.as_deref()),
        "/targets" if is_get => match role {
            Some(role) => targets(role.targets().await),
            None => targets(None),
        },
        "/log" if is_get && is_operator(&request, from_here) => {
            text(StatusCode::OK, logging::filter() + "\n")
        }
        "/log" if is_put && is_operator(&request, from_here) => set_filter(request).await,
        "/log" if is_get || is_put => {
            let why = "what is logged is shown and changed on the node's own machine only: ask \
                       http://localhost, or in its container\n";
            text(StatusCode::FORBIDDEN, why)
        }
        "/metrics" | "/livez" | "/readyz" | "/targets" => wrong_method("GET, HEAD"),
        "/log" => wrong_method("GET, HEAD, PUT"),
        _ => text(StatusCode::NOT_FOUND, HELP),
    })
}

fn readiness(role: Option<&dyn Monitored>) -> Response<String> {
    let starting = || {
        let finding = Finding::Bad("it is starting: its log says what it waits for".to_owned());
        vec![Check { what: "start", finding }]
    };
    let checks = role.map_or_else(starting, Monitored::checks);
    let is_ready = checks::is_ready(&checks);
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    text(status, checks::report(&checks))
}

/// Where all nodes answer, as Prometheus takes it
/// (<https://prometheus.io/docs/prometheus/latest/http_sd/>).
fn targets(targets: Option<Vec<Target>>) -> Response<String> {
    #[derive(Serialize)]
    struct Group {
        targets: [String; 1],
        labels: Labels,
    }
    #[derive(Serialize)]
    struct Labels {
        role: &'static str,
        node: String,
    }
    let Some(targets) = targets else {
        return text(StatusCode::NOT_FOUND, "the router knows all nodes: ask it\n");
    };
    let group = |Target { address, role, node }| Group {
        targets: [address],
        labels: Labels { role, node },
    };
    let groups: Vec<Group> = targets.into_iter().map(group).collect();
    let mut answer =
        text(StatusCode::OK, serde_json::to_string(&groups).expect("texts are valid JSON"));
    let media_type = "application/json".parse().expect("ASCII");
    answer.headers_mut().insert(CONTENT_TYPE, media_type);
    answer
}

/// Whether somebody on this machine asks, and not a page in their browser: that would have to name the
/// host that it came from.
fn is_operator(request: &Request<Incoming>, from_here: bool) -> bool {
    let named = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = named.rsplit_once(':').map_or(named, |(host, _port)| host);
    let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    from_here && (host == "localhost" || is_address)
}

async fn set_filter(request: Request<Incoming>) -> Response<String> {
    let too_long = || text(StatusCode::PAYLOAD_TOO_LARGE, "that is too long for a filter\n");
    if request.body().size_hint().lower() > FILTER_BYTES as u64 {
        return too_long();
    }
    let body = Limited::new(request.into_body(), FILTER_BYTES).collect().await;
    let Ok(body) = body else { return too_long() };
    let filter = String::from_utf8_lossy(&body.to_bytes()).trim().to_owned();
    match logging::set_filter(&filter) {
        Ok(()) => {
            tracing::info!(%filter, "from now on this is logged");
            text(StatusCode::OK, filter + "\n")
        }
        Err(why) => text(StatusCode::BAD_REQUEST, format!("{filter:?} is not a filter: {why}\n")),
    }
}

fn wrong_method(allowed: &'static str) -> Response<String> {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, HELP);
    answer.headers_mut().insert(ALLOW, allowed.parse().expect("ASCII"));
    answer
}

fn text(status: StatusCode, body: impl Into<String>) -> Response<String> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    let media_type = "text/plain; charset=utf-8".parse().expect("ASCII");
    answer.headers_mut().insert(CONTENT_TYPE, media_type);
    answer
}
