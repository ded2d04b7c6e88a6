//! gRPC servers as every role runs them: with limits, keepalive, deadlines, and an orderly stop.
//!
//! A call counts, against the deadline and the number of calls, until its answer begins: a stream
//! may last as long as it likes. A deadline that the caller names (`grpc-timeout`) is honoured too.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context as _;
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::sync::CancellationToken;
use tonic::{
    Status,
    codegen::http,
    service::Routes,
    transport::{Server, server::TcpConnectInfo},
};
use tower::{
    BoxError, ServiceBuilder, limit::GlobalConcurrencyLimitLayer, load_shed::error::Overloaded,
    timeout::error::Elapsed,
};
use tracing::Span;

use crate::{
    host::{connections::Connections, net::Listener},
    wire::RETRY_KEY,
};

/// Streams on one connection between nodes; clients' are limited by a setting.
pub const NODE_STREAMS: u32 = 1_024;
/// The largest request of a client, in bytes: a post of 10,000 characters of four bytes, and some
/// more.
pub const CLIENT_MESSAGE_BYTES: usize = 64 << 10;
/// The name under which a router's health service reports on its witness.
pub const WITNESS_HEALTH: &str = "witness";
/// The name under which it reports whether enough voters are up for an available server.
pub const QUORUM_HEALTH: &str = "quorum";
/// Streams that may be reset before they are served, until the connection is closed as abusive:
/// hyper's own limit, set here so that it is not removed by accident.
const PENDING_RESETS: usize = 20;
/// A caller that has silently gone is noticed after two of these. Callers ping more often, because
/// it is they who have to go elsewhere.
const CALLER_PING: Duration = Duration::from_secs(10);
/// How long open calls may take to end once the server stops.
const LINGER: Duration = Duration::from_secs(1);
/// When a client's call counts as stuck. What holds calls, for a minute at most, answers before.
const CLIENT_ANSWER_WITHIN: Duration = Duration::from_secs(70);
/// The same for a node's call: longer than a snapshot may take to arrive.
const NODE_ANSWER_WITHIN: Duration = Duration::from_mins(15);
/// Clients' calls in progress at one listener: four times as many as may wait for the log, or for
/// the confirmation of a read, by default. Those say themselves what they have no room for; this is
/// for what no other limit covers.
const CLIENT_CALLS: usize = 16_384;

/// What is served to whom, within which limits.
pub struct Served {
    routes: Routes,
    streams_per_connection: u32,
    answer_within: Duration,
    /// Beyond this many calls in progress, callers are asked to come again.
    calls: usize,
}

impl Served {
    /// For clients, and for masters that report.
    pub fn to_clients(routes: Routes, streams_per_connection: u32) -> Self {
        let (answer_within, calls) = (CLIENT_ANSWER_WITHIN, CLIENT_CALLS);
        Self { routes, streams_per_connection, answer_within, calls }
    }

    /// For other nodes, whose votes must never be refused for the load of others.
    pub fn to_nodes(routes: Routes) -> Self {
        let (streams_per_connection, answer_within) = (NODE_STREAMS, NODE_ANSWER_WITHIN);
        Self { routes, streams_per_connection, answer_within, calls: Semaphore::MAX_PERMITS }
    }
}

/// Serves on `listener` until `stop`; then accepts nothing new, gives calls in progress a moment to
/// end, and closes the connections. It closes them too when it is dropped.
pub async fn serve(
    listener: Listener,
    Served { routes, streams_per_connection, answer_within, calls }: Served,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let layers = ServiceBuilder::new()
        .map_err(refusal)
        .timeout(answer_within)
        .load_shed()
        .layer(GlobalConcurrencyLimitLayer::new(calls));
    let connections = Connections::default();
    let server = Server::builder()
        .http2_keepalive_interval(Some(CALLER_PING))
        .http2_keepalive_timeout(Some(CALLER_PING))
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS))
        .max_concurrent_streams(streams_per_connection)
        .trace_fn(span)
        .layer(layers)
        .add_routes(routes)
        .serve_with_incoming_shutdown(
            listener.incoming_in(&connections),
            stop.clone().cancelled_owned(),
        );
    let served = until_stopped(server, &stop).await;
    // A connection that cannot even be closed is left to the end of the process.
    let _closed = timeout(LINGER, connections.close()).await;
    served
}

async fn until_stopped<E>(
    server: impl Future<Output = Result<(), E>>,
    stop: &CancellationToken,
) -> Result<(), E> {
    let mut server = std::pin::pin!(server);
    tokio::select! {
        biased;
        ended = &mut server => return ended,
        () = stop.cancelled() => {}
    }
    timeout(LINGER, server).await.unwrap_or(Ok(()))
}

/// What a caller is told whose call did not come through to what serves it.
fn refusal(error: BoxError) -> BoxError {
    if error.is::<Overloaded>() {
        let mut status = Status::resource_exhausted("this server has too many calls in progress");
        status.metadata_mut().insert(RETRY_KEY, "here".parse().expect("ASCII"));
        status.into()
    } else if error.is::<Elapsed>() {
        Status::deadline_exceeded("this server could not answer in time").into()
    } else {
        error
    }
}

/// The span of a call, for those who log at the level debug.
fn span(request: &http::Request<()>) -> Span {
    let peer = || request.extensions().get().and_then(TcpConnectInfo::remote_addr);
    tracing::debug_span!(
        "call",
        method = request.uri().path(),
        peer = peer().as_ref().map(tracing::field::display::<&SocketAddr>)
    )
}

/// The meaning of this end of serving: unless `stop` asked for it, something is wrong.
pub fn outcome(
    served: Result<(), tonic::transport::Error>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    served.context("serving failed")?;
    anyhow::ensure!(stop.is_cancelled(), "serving ended by itself");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        pin::Pin,
        sync::{Arc, Mutex},
    };

    use tokio::sync::{Notify, mpsc};
    use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
    use tokio_util::sync::DropGuard;
    use tonic::{Code, Request, Response, transport::Channel};
    use tonic_health::pb::{
        HealthCheckRequest, HealthCheckResponse,
        health_client::HealthClient,
        health_server::{Health, HealthServer},
    };

    use super::*;
    use crate::host::net;

    const DEADLINE: Duration = Duration::from_mins(1);

    type Answer = Result<HealthCheckResponse, Status>;

    /// Answers when told to, except for calls that name no service, which it answers at once. Its
    /// stream brings what the test sends.
    #[derive(Clone, Default)]
    struct Slow {
        asked: Arc<Notify>,
        answer: Arc<Notify>,
        streams: Arc<Mutex<Vec<mpsc::Sender<Answer>>>>,
    }

    #[tonic::async_trait]
    impl Health for Slow {
        async fn check(
            &self,
            request: Request<HealthCheckRequest>,
        ) -> Result<Response<HealthCheckResponse>, Status> {
            tracing::info!("asked");
            self.asked.notify_one();
            if !request.into_inner().service.is_empty() {
                self.answer.notified().await;
            }
            Ok(Response::new(HealthCheckResponse::default()))
        }

        type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

        async fn watch(
            &self,
            _request: Request<HealthCheckRequest>,
        ) -> Result<Response<Self::WatchStream>, Status> {
            let (sender, items) = mpsc::channel(1);
            self.streams.lock().expect("no test panics with it").push(sender);
            Ok(Response::new(Box::pin(ReceiverStream::new(items))))
        }
    }

    fn request(service: &str) -> HealthCheckRequest {
        HealthCheckRequest { service: service.to_owned() }
    }

    /// Serves `service` within these limits, until the guard is dropped.
    async fn served(
        service: Slow,
        limit: impl FnOnce(Served) -> Served,
    ) -> (HealthClient<Channel>, DropGuard) {
        let listener = net::listen("test", ([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let channel = net::channel(&format!("127.0.0.1:{}", listener.port())).expect("an address");
        let stop = CancellationToken::new();
        let routes = Routes::new(HealthServer::new(service));
        let served = limit(Served::to_clients(routes, NODE_STREAMS));
        tokio::spawn(serve(listener, served, stop.clone()));
        (HealthClient::new(channel), stop.drop_guard())
    }

    #[tokio::test]
    async fn a_call_that_is_one_too_many_is_asked_to_come_again_and_streams_do_not_count() {
        let service = Slow::default();
        let (mut client, _stop) =
            served(service.clone(), |served| Served { calls: 1, ..served }).await;
        let _stream = client.watch(request("")).await.expect("opened");
        let mut other = client.clone();
        let held = tokio::spawn(async move { other.check(request("slow")).await });
        service.asked.notified().await;
        let refused = timeout(DEADLINE, client.check(request(""))).await.expect("it ends");
        let refused = refused.expect_err("there is no room");
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert_eq!(refused.metadata().get(RETRY_KEY).expect("advice"), "here");
        service.answer.notify_one();
        held.await.expect("it does not panic").expect("answered");
        client.check(request("")).await.expect("there is room again");
    }

    #[tokio::test]
    async fn a_call_that_is_not_answered_in_time_ends_and_a_stream_goes_on() {
        let service = Slow::default();
        let answer_within = Duration::from_millis(100);
        let limit = |served| Served { answer_within, ..served };
        let (mut client, _stop) = served(service.clone(), limit).await;
        let mut stream = client.watch(request("")).await.expect("opened").into_inner();
        let stuck = timeout(DEADLINE, client.check(request("slow"))).await.expect("it ends");
        assert_eq!(stuck.expect_err("unanswered").code(), Code::DeadlineExceeded);
        let sender = service.streams.lock().expect("no test panics with it").remove(0);
        sender.send(Ok(HealthCheckResponse::default())).await.expect("it is open");
        stream.next().await.expect("goes on").expect("an item");
    }

    #[tokio::test]
    async fn a_stream_that_nobody_ends_is_ended_with_its_connection_when_the_server_stops() {
        let service = Slow::default();
        let (mut client, stop) = served(service.clone(), |served| served).await;
        let mut stream = client.watch(request("")).await.expect("opened").into_inner();
        let sender = service.streams.lock().expect("no test panics with it").remove(0);
        drop(stop);
        timeout(DEADLINE, sender.closed()).await.expect("the server's end is gone");
        timeout(DEADLINE, stream.next()).await.expect("the client's end notices");
    }

    /// What was logged.
    #[derive(Clone, Default)]
    struct Logged(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Logged {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no writer panics").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_is_logged_during_a_call_tells_its_method_and_its_caller_at_the_level_debug() {
        for (level, tells) in [(tracing::Level::DEBUG, true), (tracing::Level::INFO, false)] {
            let logged = Logged::default();
            let writer = logged.clone();
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(level)
                .with_ansi(false)
                .with_writer(move || writer.clone());
            let _guard = tracing::subscriber::set_default(subscriber.finish());
            let (mut client, _stop) = served(Slow::default(), |served| served).await;
            client.check(request("")).await.expect("answered");
            let bytes = logged.0.lock().expect("no writer panics").clone();
            let text = String::from_utf8(bytes).expect("text");
            let line = text.lines().find(|line| line.ends_with("asked")).expect("logged");
            let told =
                line.contains("call{method=\"/grpc.health.v1.Health/Check\" peer=127.0.0.1:");
            assert_eq!(told, tells, "{line}");
        }
    }
}
