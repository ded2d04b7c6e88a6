//! The bare server: axum as it comes, on a thread of its own, which sends the bytes that the network has sent. What is
//! posted goes to all who read along.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderValue,
        header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, TRANSFER_ENCODING},
    },
    response::{IntoResponse as _, Response},
    routing::get,
};
use futures::StreamExt as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::broadcast};
use tokio_stream::wrappers::BroadcastStream;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::AbortOnDropHandle,
};
use tower::ServiceExt as _;

use super::{connection::Page, events::EventTemplate};
use crate::{
    host::{
        task::{self, Tasks},
        thread::{self, JobLost},
    },
    runtime,
};

/// Events that may wait for a reader: more than are ever on their way.
const WAITING: usize = 1 << 14;

/// What the network has answered.
pub struct Answers {
    pub home: Page,
    pub profile: Page,
    pub published: Page,
    pub event: EventTemplate,
}

/// A running bare server.
pub struct BareServer {
    address: String,
    /// Dropped, it ends.
    stop: DropGuard,
    ended: AbortOnDropHandle<Result<io::Result<()>, JobLost>>,
}

impl BareServer {
    /// Answers the same as the network has.
    pub fn start(answers: Answers) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?.to_string();
        let stopped = CancellationToken::new();
        let stop = stopped.clone().drop_guard();
        let serving = move || {
            runtime::run(async move {
                tokio::select! {
                    biased;
                    () = stopped.cancelled() => Ok(()),
                    ended = serve(listener, routes(answers)) => ended,
                }
            })
        };
        Ok(Self { address, stop, ended: task::spawn_owned(thread::run(serving)) })
    }

    /// host:port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Ends it.
    pub async fn end(self) {
        drop(self.stop);
        let _ended = self.ended.await;
    }
}

async fn serve(listener: std::net::TcpListener, routes: Router) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let connections = Tasks::default();
    let _ended_when_dropped = connections.ending().drop_guard();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let routes = routes.clone();
        let answer = service_fn(move |request: hyper::Request<Incoming>| {
            routes.clone().oneshot(request.map(Body::new))
        });
        connections.spawn(async move {
            // It ends when its caller has gone.
            let _gone = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

struct Served {
    answers: Answers,
    /// To all who read along.
    events: broadcast::Sender<Bytes>,
}

fn routes(answers: Answers) -> Router {
    let served = Arc::new(Served { answers, events: broadcast::Sender::new(WAITING) });
    Router::new()
        .route("/api/v1/timelines/home", get(home))
        .route("/api/v1/accounts/{id}/statuses", get(profile))
        .route("/api/v1/statuses", axum::routing::post(publish))
        .route("/api/v1/streaming/user", get(stream))
        .with_state(served)
}

/// The same answer once more.
fn again(page: &Page) -> Response {
    let mut headers = page.headers.clone();
    // These are made for each answer.
    for header in [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, DATE] {
        headers.remove(header);
    }
    (headers, page.body.clone()).into_response()
}

async fn home(State(served): State<Arc<Served>>) -> Response {
    again(&served.answers.home)
}

async fn profile(State(served): State<Arc<Served>>) -> Response {
    again(&served.answers.profile)
}

async fn publish(State(served): State<Arc<Served>>, form: Bytes) -> Response {
    let text = form_urlencoded::parse(&form).find(|(name, _)| name == "status");
    let text = text.map(|(_, text)| text).unwrap_or_default();
    // Fails only if nobody reads along.
    let _nobody = served.events.send(served.answers.event.with(&text));
    again(&served.answers.published)
}

async fn stream(State(served): State<Arc<Served>>) -> Response {
    let events = BroadcastStream::new(served.events.subscribe());
    // Whoever has fallen behind so far notices that something is missing.
    let events = events.filter_map(async |event| event.ok().map(Ok::<_, Infallible>));
    let kind = (CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    ([kind], Body::from_stream(events)).into_response()
}
