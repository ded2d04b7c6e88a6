//! The network, by way of the available server: a call is repeated until it is answered, on the next
//! available server when one fails, at once when the directory names another, and after a pause when
//! there is no other to try. This is how calls are made; `calls`, `administration`,
//! `apps` and `pictures` are which there are.

/// Makes a call of a service other than the main one.
macro_rules! ask_over {
    ($client:ident, $self:ident, $call:ident, $request:expr, $method:ident) => {
        $self.ask_over(
            $crate::client::choice::Attempts::default(),
            $call,
            $request,
            |channel: tonic::transport::Channel, request: tonic::Request<_>| async move {
                $client::new(channel).$method(request).await
            },
        )
    };
}

mod administration;
mod apps;
mod calls;
mod pictures;

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{self, Instant},
};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Request, Response, Status, metadata::AsciiMetadataValue, transport::Channel};
use tracing::Instrument as _;

use super::{
    ClientError, ClientOptions,
    active_server::ActiveServerMonitor,
    choice::{self, Attempts, Choice},
    connections::Connections,
    directory::{self, Directory},
    early_dialling,
    known_cluster::{KnownCluster, Server},
    pushbacks::Pushbacks,
    retry_policy::{self, RetryDecision},
    route::Route,
    route_probes::{self, RouteMonitor},
    stream_connections::StreamConnections,
};
use crate::{
    backoff::Backoff,
    directory::Location,
    grpc::{metadata::CallWriter, status},
    host::{net::Security, random, task},
    network::{Call, Refusal, RefusalKind},
    node_auth::NodeAuth,
    wire::{RELAY_KEY, v1::social_service_client::SocialServiceClient},
};

/// The first pause is about as long as a failover; the longest keeps a thousand waiting clients from
/// overloading a server.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));

/// The generated client.
pub type Api = SocialServiceClient<Channel>;

/// The network, by way of the available server. Cheap to clone; clones share a connection.
#[derive(Clone)]
pub struct Relayed {
    /// The router, or what the user has named instead; empty for a node, which does not ask it.
    router: String,
    /// How connections to it are protected.
    router_security: Security,
    /// How long one server may take to answer.
    attempt_timeout: Duration,
    directory: Arc<Directory>,
    connections: Arc<Connections>,
    /// Dials the next available server while it is being elected, and finds out whether servers can be dialled.
    _dialling: Arc<AbortOnDropHandle<()>>,
    route_monitor: Arc<RouteMonitor>,
    active_server: Arc<ActiveServerMonitor>,
    pushbacks: Arc<Pushbacks>,
    writer: CallWriter,
    /// Of live timelines; none for one person, whose come over the connection of the calls.
    streams: Option<StreamConnections>,
}

/// An answer, and who gave it.
pub struct Answered<Reply> {
    pub reply: Reply,
    pub server: Server,
    /// By which route.
    pub route: Route,
}

/// How one attempt ended.
enum Outcome<Reply> {
    Answer(Reply),
    Refusal(Status),
    Superseded,
    Silence,
}

impl Relayed {
    /// For a client of the cluster behind a router. Starts looking for the available server at once,
    /// without waiting for it. Must be called inside a runtime.
    pub(super) fn from_outside(options: ClientOptions) -> Result<Self, ClientError> {
        let directory = Directory::open(&options)?;
        let security = options.security.clone();
        Ok(Self::new(directory, options, security, CallWriter::of_client(), None))
    }

    /// For a node of the cluster, which knows where the available server is, and tells it where each
    /// call comes from. Must be called inside a runtime.
    pub fn by_node(location: watch::Receiver<Location>, auth: &NodeAuth) -> Self {
        let directory = Directory::inside(location);
        let security = auth.to_node();
        let streams = StreamConnections::new(security.clone());
        let options = ClientOptions { security: security.clone(), ..ClientOptions::new("") };
        Self::new(directory, options, security, CallWriter::of_node(auth), Some(streams))
    }

    /// For an operator of the cluster, who proves that to the router and to its nodes. Must be called inside a
    /// runtime.
    pub(super) fn of_operator(
        options: ClientOptions,
        auth: &NodeAuth,
    ) -> Result<Self, ClientError> {
        let options = ClientOptions { security: auth.to_router(), ..options };
        let directory = Directory::open(&options)?;
        Ok(Self::new(directory, options, auth.to_node(), CallWriter::of_operator(auth), None))
    }

    /// `security` is how connections to servers are protected.
    fn new(
        directory: Directory,
        options: ClientOptions,
        security: Security,
        writer: CallWriter,
        streams: Option<StreamConnections>,
    ) -> Self {
        let ClientOptions { router, attempt_timeout, security: router_security, .. } = options;
        let connections = Arc::new(Connections::new(security).entered_by(router_security.clone()));
        let route_monitor = Arc::new(RouteMonitor::new());
        let early = early_dialling::run(directory.watch(), Arc::clone(&connections));
        let probes = (directory.views(), Arc::clone(&connections), Arc::clone(&route_monitor));
        // A node has no other way than its own.
        let is_node = router.is_empty();
        let dialling = async move {
            if is_node {
                early.await;
            } else {
                let (views, connections, monitor) = probes;
                tokio::join!(early, route_probes::run(views, connections, monitor));
            }
        };
        Self {
            connections,
            _dialling: Arc::new(task::spawn_owned(dialling)),
            route_monitor,
            router,
            router_security,
            attempt_timeout,
            directory: Arc::new(directory),
            active_server: Arc::new(ActiveServerMonitor::new()),
            pushbacks: Arc::default(),
            writer,
            streams,
        }
    }

    /// The network for a live timeline.
    fn for_a_stream(&self) -> Self {
        match &self.streams {
            None => self.clone(),
            Some(streams) => Self {
                connections: streams.next(),
                active_server: Arc::new(ActiveServerMonitor::new()),
                ..self.clone()
            },
        }
    }

    /// The router, or what the user has named instead, and how connections to it are protected.
    pub(super) fn router(&self) -> (&str, &Security) {
        (&self.router, &self.router_security)
    }

    /// What is known of the cluster.
    pub(super) fn known_cluster(&self) -> watch::Receiver<KnownCluster> {
        self.directory.watch()
    }

    /// Which server is in use.
    pub(super) fn active_server(&self) -> &ActiveServerMonitor {
        &self.active_server
    }

    /// What is seen of the routes.
    pub(super) fn route_monitor(&self) -> &RouteMonitor {
        &self.route_monitor
    }

    /// What servers have refused because it was too much.
    pub(super) fn pushbacks(&self) -> &Pushbacks {
        &self.pushbacks
    }

    /// Makes a call.
    async fn ask<Message, Reply, Attempt, Answer>(
        &self,
        call: &Call,
        message: Message,
        attempt: Attempt,
    ) -> Result<Reply, Refusal>
    where
        Message: Clone,
        Attempt: Fn(Api, Request<Message>) -> Answer,
        Answer: Future<Output = Result<Response<Reply>, Status>>,
    {
        Ok(self.ask_from(Attempts::default(), call, message, attempt).await?.reply)
    }

    /// Makes a call that was attempted before. Without a future of its own around the other's: those are large.
    pub(super) fn ask_from<Message, Reply, Attempt, Answer>(
        &self,
        attempts: Attempts,
        call: &Call,
        message: Message,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Answered<Reply>, Refusal>>
    where
        Message: Clone,
        Attempt: Fn(Api, Request<Message>) -> Answer,
        Answer: Future<Output = Result<Response<Reply>, Status>>,
    {
        let attempt = move |channel, request| attempt(Api::new(channel), request);
        self.ask_over(attempts, call, message, attempt)
    }

    /// Makes a call of whatever service.
    async fn ask_over<Message, Reply, Attempt, Answer>(
        &self,
        attempts: Attempts,
        call: &Call,
        message: Message,
        attempt: Attempt,
    ) -> Result<Answered<Reply>, Refusal>
    where
        Message: Clone,
        Attempt: Fn(Channel, Request<Message>) -> Answer,
        Answer: Future<Output = Result<Response<Reply>, Status>>,
    {
        let mut context = Request::new(());
        self.writer.write(call, &mut context).map_err(|_unusable| {
            Refusal::new(
                RefusalKind::Broken,
                "the server has sent a session token that cannot be used",
            )
        })?;
        let (context, ..) = context.into_parts();
        let request = |route: &Route| {
            let mut request = Request::new(message.clone());
            *request.metadata_mut() = context.clone();
            if *route != Route::Direct {
                request.metadata_mut().insert(RELAY_KEY, AsciiMetadataValue::from_static("yes"));
            }
            request
        };
        let mut last_failure = None;
        let attempt = |channel, route: &Route| attempt(channel, request(route));
        let repeat = self.repeat(attempts, &mut last_failure, attempt);
        // Boxed, because every call's future would be as large as this one.
        let repeat = Box::pin(repeat.instrument(tracing::debug_span!("ask", request = %call.id)));
        if let Ok(result) = time::timeout_at(call.deadline.at(), repeat).await {
            return result;
        }
        let view = self.directory.watch().borrow().clone();
        let reason = view.waiting.or(last_failure).or(view.router_error);
        let reason = reason.unwrap_or_else(|| "no server is available".to_owned());
        Err(Refusal::unanswered(call.deadline.patience(), reason))
    }

    /// Repeats the call until it is answered. `last_failure` says why it has not been answered yet.
    async fn repeat<Reply, Answer>(
        &self,
        mut attempts: Attempts,
        last_failure: &mut Option<String>,
        attempt: impl Fn(Channel, &Route) -> Answer,
    ) -> Result<Answered<Reply>, Refusal>
    where
        Answer: Future<Output = Result<Response<Reply>, Status>>,
    {
        let mut views = self.directory.watch();
        loop {
            let pause = attempts.patience + BACKOFF.pause(attempts.failures, random::id());
            let server = next_server(&mut views, &attempts, pause).await;
            let asked_at = Instant::now();
            let route = views.borrow().route();
            attempts.route = Some(route.clone());
            let connection = match self.connections.to(&server, &route) {
                Ok(connection) => connection,
                Err(error) => {
                    *last_failure = Some(format!("{}: {error}", server.address));
                    attempts.failed(&server, None);
                    continue;
                }
            };
            let answer = attempt(connection.channel.clone(), &route);
            let outcome = self.attempt(answer, &mut views, &server, &route).await;
            let status = match outcome {
                Outcome::Answer(reply) => {
                    self.answered(&server, &route, asked_at);
                    return Ok(Answered { reply, server, route });
                }
                Outcome::Superseded => {
                    tracing::debug!(server = %server.address, "not the available server any more");
                    self.active_server.failed(&server, Instant::now());
                    attempts.superseded();
                    continue;
                }
                Outcome::Silence => Status::unavailable("it does not answer"),
                Outcome::Refusal(status) => status,
            };
            tracing::debug!(server = %server.address, %status, "not answered");
            self.pushbacks.note(&status);
            match retry_policy::decide(&status) {
                RetryDecision::Never => {
                    self.answered(&server, &route, asked_at);
                    return Err(status::refusal(&status));
                }
                RetryDecision::Here { patience } => attempts.asked_to_wait(&server, patience),
                RetryDecision::Elsewhere { available } => attempts.failed(&server, available),
                RetryDecision::Lost => {
                    self.connections.lost(&connection);
                    self.route_monitor.failed(&route);
                    attempts.failed(&server, None);
                }
            }
            self.active_server.failed(&server, Instant::now());
            *last_failure =
                Some(format!("{}: {}", server.address, directory::innermost_cause(&status)));
        }
    }

    /// `server` has answered what was asked of it by `route` at `asked_at`.
    fn answered(&self, server: &Server, route: &Route, asked_at: Instant) {
        self.route_monitor.answered(route);
        self.active_server.answered(server, route, asked_at, Instant::now());
    }

    /// Waits for `server` to answer by `route`, unless another takes over from it, the route is given up, or it takes
    /// too long.
    async fn attempt<Reply>(
        &self,
        answer: impl Future<Output = Result<Response<Reply>, Status>>,
        views: &mut watch::Receiver<KnownCluster>,
        server: &Server,
        route: &Route,
    ) -> Outcome<Reply> {
        tokio::select! {
            biased;
            answer = time::timeout(self.attempt_timeout, answer) => match answer {
                Ok(Ok(response)) => Outcome::Answer(response.into_inner()),
                Ok(Err(status)) => Outcome::Refusal(status),
                Err(_) => Outcome::Silence,
            },
            () = superseded(views, server, route) => Outcome::Superseded,
        }
    }
}

/// Waits until there is a server to try. Returns at once if one is known that was not tried yet.
async fn next_server(
    views: &mut watch::Receiver<KnownCluster>,
    attempts: &Attempts,
    pause: Duration,
) -> Server {
    let pause = time::sleep(pause);
    tokio::pin!(pause);
    loop {
        let choice = choice::choose(&views.borrow_and_update(), attempts);
        let news = match choice {
            Choice::Go(server) => return server,
            Choice::Pause(server) => tokio::select! {
                biased;
                news = views.changed() => news,
                () = &mut pause => return server,
            },
            Choice::Wait => views.changed().await,
        };
        if news.is_err() {
            // The directory's task has ended before its client: the runtime is shutting down.
            return std::future::pending().await;
        }
    }
}

/// Returns when another server has taken over from `server`, or `route` is given up.
async fn superseded(views: &mut watch::Receiver<KnownCluster>, server: &Server, route: &Route) {
    if views.wait_for(|view| choice::is_superseded(view, server, route)).await.is_err() {
        std::future::pending::<()>().await;
    }
}
