//! gRPC servers as every role runs them: with limits, keepalive, deadlines, and an orderly stop.
//!
//! - `acceptance`: whether this process can accept connections
//! - `admission`: how much callers may hold, in all and from one address
//! - `entrance`: how a connection begins: in clear, or with a handshake
//! - `listeners`: where clients come in
//! - `encryption`: how connections to a node are protected
//! - `certification_file`: what the router keeps for encryption
//! - `plain_rule`: which calls are taken in clear
//! - `connection`: one connection, from its acceptance to its end
//! - `upgrade`: how it goes on if it is no longer HTTP
//! - `pages`: what those are answered who speak HTTP and not gRPC
//! - `calls`: one call, let in, worked off within its time, and answered
//! - `counted`: what is counted of a call
//! - `answer`: the bodies of requests and answers, counted as long as they wait
//!
//! A call counts until its answer ends; the deadline is for the beginning of the answer: a stream may
//! last as long as it likes.

mod acceptance;
mod admission;
mod answer;
mod calls;
mod certification_file;
mod connection;
mod counted;
mod encryption;
#[cfg(test)]
mod encryption_tests;
mod entrance;
mod listeners;
mod pages;
mod plain_rule;
mod upgrade;

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Status, codegen::http::HeaderMap, service::Routes};

use self::{
    admission::{Admission, Amounts, Full},
    calls::Calls,
    connection::ConnectionLimits,
    entrance::Entrance,
    pages::Pages,
    plain_rule::PlainRule,
};
use crate::{
    host::{net::Listener, process_setup, task::Tasks},
    metrics,
    node_auth::NodeAuth,
    settings::CallerLimits,
    tls::Protection,
    wire::RETRY_KEY,
};

pub use acceptance::Acceptance;
pub use calls::{WEB_REQUEST_BYTES, Web};
pub use certification_file::{
    CERTIFICATION_FILE, CertificationFileError, certification_in, certification_text,
};
pub use encryption::Encryption;
pub use listeners::ClientListeners;
pub use upgrade::Upgrade;

/// Streams on one connection between nodes; clients' are limited by a setting.
pub const NODE_STREAMS: u32 = 1_024;
/// The largest request of a client, in bytes: a post of 10,000 characters of four bytes, and some
/// more.
pub const CLIENT_MESSAGE_BYTES: usize = 64 << 10;
/// The name under which a router's health service reports on its witness.
pub const WITNESS_HEALTH: &str = "witness";
/// The name under which it reports whether enough voters are up for an available server.
pub const QUORUM_HEALTH: &str = "quorum";
/// How long open calls may take to end once the server stops.
const LINGER: Duration = Duration::from_secs(1);
/// A client's request must have arrived within this time, unless its answer has begun.
const CLIENT_ARRIVES_WITHIN: Duration = Duration::from_secs(10);
/// When a client's call counts as stuck. What holds calls, for a minute at most, answers before.
const CLIENT_ANSWER_WITHIN: Duration = Duration::from_secs(70);
/// The same for a node's call: longer than a snapshot may take to arrive.
const NODE_ANSWER_WITHIN: Duration = Duration::from_mins(15);
/// A client's connection without a call is closed after this time. The client makes another when it
/// needs one.
const CLIENT_IDLE: Duration = Duration::from_mins(5);
/// The same for a node, which always has a call in progress.
const NODE_IDLE: Duration = Duration::from_secs(30);
/// How often a connection is looked at.
const LOOKS_EVERY: Duration = Duration::from_secs(15);
/// Clients' calls in progress at one listener: more than there may be live timelines by default, and
/// four times as many as may wait for the log, or for the confirmation of a read. Those say
/// themselves what they have no room for; this is for what no other limit covers.
const CLIENT_CALLS: usize = 16_384;
/// Bytes of requests and answers that may wait at one listener, and for one address.
const CLIENT_BYTES: usize = 64 << 20;
const CLIENT_BYTES_BY_ADDRESS: usize = 4 << 20;
/// How much of a client's request, and of all on one connection, may be on its way.
const CLIENT_WINDOWS: (u32, u32) = (64 << 10, 256 << 10);
/// Connections of nodes to a listener for clients, beyond those that clients leave them; and from one
/// address, that strangers who only begin take few of them.
const NODE_CONNECTIONS: usize = 128;
const NODE_CONNECTIONS_BY_ADDRESS: usize = 32;
/// Descriptors that are left for files, and for the connections that this process makes.
const OTHER_DESCRIPTORS: usize = 256;
/// How often it is told at most that callers are turned away.
const TELLS_EVERY: Duration = Duration::from_secs(10);

/// What is served to whom, within which limits.
#[derive(Clone)]
pub struct Served {
    calls: Arc<Calls>,
    entrance: Arc<Entrance>,
    limits: ConnectionLimits,
    acceptance: Acceptance,
}

impl Served {
    /// For clients, and for masters that report. `origin` says where a call comes from, according to
    /// its headers and the address of its connection.
    pub fn to_clients(
        routes: Routes,
        streams_per_connection: u32,
        limits: CallerLimits,
        origin: impl Fn(&HeaderMap, IpAddr, Protection) -> IpAddr + Send + Sync + 'static,
    ) -> Self {
        let connections = limits.connections.min(possible_connections());
        let in_all = Amounts { connections, calls: CLIENT_CALLS, bytes: CLIENT_BYTES };
        let by_address = Amounts {
            connections: limits.connections_per_address,
            calls: limits.calls_per_address,
            bytes: CLIENT_BYTES_BY_ADDRESS,
        };
        let calls = Calls {
            routes: routes.prepare(),
            origin: Arc::new(origin),
            plain: PlainRule::NONE,
            pages: Pages::default(),
            web: None,
            admission: Admission::new("clients", in_all, by_address),
            of_nodes: Admission::new(
                "nodes",
                Amounts { connections: NODE_CONNECTIONS, ..Amounts::UNLIMITED },
                Amounts { connections: NODE_CONNECTIONS_BY_ADDRESS, ..Amounts::UNLIMITED },
            ),
            request_bytes: CLIENT_MESSAGE_BYTES,
            arrives_within: CLIENT_ARRIVES_WITHIN,
            answered_within: CLIENT_ANSWER_WITHIN,
        };
        let (streams, windows, idle) = (streams_per_connection, Some(CLIENT_WINDOWS), CLIENT_IDLE);
        let limits = ConnectionLimits { streams, windows, idle, looks_every: LOOKS_EVERY };
        Self {
            calls: Arc::new(calls),
            entrance: Arc::default(),
            limits,
            acceptance: Acceptance::default(),
        }
    }

    /// The same, protected like this.
    #[must_use]
    pub fn protected(self, by: &Encryption) -> Self {
        let Self { calls, limits, acceptance, .. } = self;
        let calls = Arc::into_inner(calls).expect("nobody serves it yet");
        let plain = PlainRule::new(by.plain, by.nodes.clone());
        let (nodes, public) = (by.nodes.called(), by.public.clone());
        let entrance = Entrance { nodes, public, only_encrypted: false, only_http2: false };
        let calls = Calls { plain, pages: by.pages(), ..calls };
        Self { calls: Arc::new(calls), entrance: Arc::new(entrance), limits, acceptance }
    }

    /// The same, with this for those who speak HTTP and not gRPC.
    #[must_use]
    pub fn with_web(self, web: Web) -> Self {
        let calls = Calls { web: Some(web), ..Calls::clone(&self.calls) };
        Self { calls: Arc::new(calls), ..self }
    }

    /// The same, which tells when a connection cannot be accepted.
    #[must_use]
    pub fn telling(self, acceptance: Acceptance) -> Self {
        Self { acceptance, ..self }
    }

    /// The same, for a listener where everybody is only told to use the encrypted one.
    #[must_use]
    pub fn referring(&self) -> Self {
        let pages = self.calls.pages.clone().referring();
        let calls = Calls { pages, web: None, ..Calls::clone(&self.calls) };
        Self { calls: Arc::new(calls), entrance: Arc::default(), ..self.clone() }
    }

    /// For anybody, as a test needs it.
    #[cfg(test)]
    pub fn to_anybody(routes: Routes) -> Self {
        Self::to_clients(routes, NODE_STREAMS, CallerLimits::UNLIMITED, |_, address, _| address)
    }

    /// For other nodes, whose votes must never be refused for the load of others.
    pub fn to_nodes(routes: Routes, nodes: &NodeAuth) -> Self {
        let connections = possible_connections();
        let calls = Calls {
            routes: routes.prepare(),
            origin: Arc::new(|_, address, _| address),
            plain: PlainRule::NONE,
            pages: Pages::default(),
            web: None,
            admission: Admission::new(
                "nodes",
                Amounts { connections, ..Amounts::UNLIMITED },
                Amounts { connections: connections / 2, ..Amounts::UNLIMITED },
            ),
            of_nodes: Admission::unlimited("nodes"),
            request_bytes: usize::MAX,
            arrives_within: NODE_ANSWER_WITHIN,
            answered_within: NODE_ANSWER_WITHIN,
        };
        let limits = ConnectionLimits {
            streams: NODE_STREAMS,
            windows: None,
            idle: NODE_IDLE,
            looks_every: LOOKS_EVERY,
        };
        let only_encrypted = !nodes.takes_clear();
        let (nodes, public) = (nodes.called(), None);
        let entrance = Entrance { nodes, public, only_encrypted, only_http2: true };
        let acceptance = Acceptance::default();
        Self { calls: Arc::new(calls), entrance: Arc::new(entrance), limits, acceptance }
    }
}

/// The most connections for which this process has descriptors.
fn possible_connections() -> usize {
    let most = process_setup::most_descriptors();
    most.saturating_sub(OTHER_DESCRIPTORS).max(most / 2)
}

/// Serves on `listener` until `stop`; then accepts nothing new, gives calls in progress a moment to
/// end, and closes the connections. It closes them too when it is dropped.
pub async fn serve(listener: Listener, served: Served, stop: CancellationToken) {
    let Served { calls, entrance, limits, acceptance } = served;
    let tasks = Tasks::default();
    let _ended_when_dropped = tasks.ending().drop_guard();
    let mut refusals = Refusals::default();
    loop {
        let (socket, address) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.next(|why| {
                acceptance.fails();
                refusals.cannot_accept(why);
            }) => accepted,
        };
        let permit = match calls.admission.connection(Some(address).into()) {
            Ok(permit) => permit,
            Err(why) => {
                refusals.are_told_of(address, why);
                // It may prove to come from a node, if they encrypt.
                let of_a_node = || calls.of_nodes.connection(Some(address).into()).ok();
                let Some(permit) = entrance.nodes.as_ref().and_then(|_| of_a_node()) else {
                    why.counts();
                    continue;
                };
                permit.for_a_node(why)
            }
        };
        let what = (Arc::clone(&calls), Arc::clone(&entrance));
        let (stop, of_calls) = (stop.clone(), tasks.clone());
        tasks.spawn(connection::serve(socket, permit, what, limits, stop, of_calls));
    }
    drop(listener);
    if timeout(LINGER, tasks.ended()).await.is_err() {
        // A connection that cannot even be closed is left to the end of the process.
        let _closed = timeout(LINGER, tasks.end()).await;
    }
}

/// Callers that were turned away are told of in the log, now and then.
#[derive(Default)]
struct Refusals {
    told: Option<Instant>,
    since: u64,
}

impl Refusals {
    fn are_told_of(&mut self, address: IpAddr, why: Full) {
        if let Some(times) = self.may_tell() {
            match why {
                Full::ForAll => tracing::warn!(times, "refusing connections: there are too many"),
                Full::ForThisAddress => {
                    tracing::warn!(%address, times, "refusing connections: one address has too many");
                }
            }
        }
    }

    fn cannot_accept(&mut self, why: &io::Error) {
        metrics::CONNECTIONS_REFUSED.with_label_values(&["descriptors"]).inc();
        if let Some(times) = self.may_tell() {
            tracing::error!(%why, times, "cannot accept connections");
        }
    }

    /// How many there were since the last was told of, if another may be told of now.
    fn may_tell(&mut self) -> Option<u64> {
        self.since += 1;
        if self.told.is_some_and(|told| told.elapsed() < TELLS_EVERY) {
            return None;
        }
        self.told = Some(Instant::now());
        Some(std::mem::take(&mut self.since))
    }
}

/// What a caller is told for whom there is no room.
fn full(why: Full) -> Status {
    let mut status = Status::resource_exhausted(match why {
        Full::ForAll => "this server has too many calls in progress",
        Full::ForThisAddress => "too many calls from this address are in progress",
    });
    status.metadata_mut().insert(RETRY_KEY, "here".parse().expect("ASCII"));
    status
}

/// The meaning of this end of serving: unless `stop` asked for it, something is wrong.
pub fn outcome(stop: &CancellationToken) -> anyhow::Result<()> {
    anyhow::ensure!(stop.is_cancelled(), "serving ended by itself");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io,
        pin::Pin,
        sync::{Arc, Mutex},
    };

    use nix::sys::{
        resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit},
        time::TimeValLike as _,
    };
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpSocket,
        sync::{Notify, mpsc},
        time::sleep,
    };
    use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
    use tokio_util::sync::DropGuard;
    use tonic::{Code, Request, Response, transport::Channel};
    use tonic_health::pb::{
        HealthCheckRequest, HealthCheckResponse,
        health_client::HealthClient,
        health_server::{Health, HealthServer},
    };

    use super::*;
    use crate::{
        host::net::{self, Security},
        wire::CALL_ID_KEY,
    };

    const DEADLINE: Duration = Duration::from_mins(1);
    const A_MOMENT: Duration = Duration::from_millis(100);

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
        limit: impl FnOnce(&mut Served),
    ) -> (HealthClient<Channel>, DropGuard) {
        let (port, stop) = served_at(service, limit).await;
        (client(port), stop)
    }

    fn calls(served: &mut Served) -> &mut Calls {
        Arc::get_mut(&mut served.calls).expect("nobody serves it yet")
    }

    fn client(port: u16) -> HealthClient<Channel> {
        let address = format!("127.0.0.1:{port}");
        HealthClient::new(net::channel(&address, &Security::InClear).expect("an address"))
    }

    /// The same by its port.
    async fn served_at(service: Slow, limit: impl FnOnce(&mut Served)) -> (u16, DropGuard) {
        let listener = net::listen("test", ([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let port = listener.port();
        let stop = CancellationToken::new();
        let routes = Routes::new(HealthServer::new(service));
        let mut served = Served::to_anybody(routes);
        limit(&mut served);
        tokio::spawn(serve(listener, served, stop.clone()));
        (port, stop.drop_guard())
    }

    #[tokio::test]
    async fn a_call_that_is_one_too_many_is_asked_to_come_again() {
        let service = Slow::default();
        let few = Amounts { calls: 2, ..Amounts::UNLIMITED };
        let limit = |served: &mut Served| {
            calls(served).admission = Admission::new("tests", Amounts::UNLIMITED, few);
        };
        let (mut client, _stop) = served(service.clone(), limit).await;
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
    async fn a_request_that_is_too_long_is_refused_whoever_it_is_for() {
        let (mut client, _stop) = served(Slow::default(), |_| {}).await;
        let long = "x".repeat(CLIENT_MESSAGE_BYTES);
        let refused = client.check(request(&long)).await.expect_err("too long");
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
        assert!(refused.message().contains("at most 65536 bytes"), "{refused}");
    }

    #[tokio::test]
    async fn a_call_that_is_not_answered_in_time_ends_and_a_stream_goes_on() {
        let service = Slow::default();
        let limit = |served: &mut Served| calls(served).answered_within = A_MOMENT;
        let (mut client, _stop) = served(service.clone(), limit).await;
        let mut stream = client.watch(request("")).await.expect("opened").into_inner();
        let stuck = timeout(DEADLINE, client.check(request("slow"))).await.expect("it ends");
        assert_eq!(stuck.expect_err("unanswered").code(), Code::DeadlineExceeded);
        let sender = service.streams.lock().expect("no test panics with it").remove(0);
        sender.send(Ok(HealthCheckResponse::default())).await.expect("it is open");
        stream.next().await.expect("goes on").expect("an item");
    }

    #[tokio::test]
    async fn a_connection_without_calls_is_closed_and_leaves_room_for_another() {
        let (port, _stop) = served_at(Slow::default(), |served: &mut Served| {
            (served.limits.idle, served.limits.looks_every) = (A_MOMENT, A_MOMENT);
            let one = Amounts { connections: 1, ..Amounts::UNLIMITED };
            calls(served).admission = Admission::new("tests", one, Amounts::UNLIMITED);
        })
        .await;
        let (mut first, mut other) = (client(port), client(port));
        first.check(request("")).await.expect("answered");
        while other.check(request("")).await.is_err() {
            sleep(A_MOMENT).await;
        }
    }

    #[tokio::test]
    async fn who_has_no_descriptors_left_waits_for_some_without_using_the_processor() {
        let (port, _stop) = served_at(Slow::default(), |_| {}).await;
        let socket = TcpSocket::new_v4().expect("a descriptor");
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("known");
        setrlimit(Resource::RLIMIT_NOFILE, 256, hard).expect("lower");
        let all: Vec<_> = (0..256).map_while(|_| File::open("/dev/null").ok()).collect();
        let address = ([127, 0, 0, 1], port).into();
        let mut stream = socket.connect(address).await.expect("the system connects it");
        let used = || getrusage(UsageWho::RUSAGE_SELF).expect("known").system_time();
        let before = used();
        sleep(2 * net::ACCEPTS_AGAIN).await;
        let spent = (used() - before).num_milliseconds();
        drop(all);
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).expect("as before");
        assert!(Duration::from_millis(spent.unsigned_abs()) < net::ACCEPTS_AGAIN, "{spent} ms");
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
            .await
            .expect("sent");
        let read = timeout(DEADLINE, stream.read(&mut [0; 9])).await.expect("accepted");
        assert_eq!(read.expect("answered"), 9);
    }

    #[tokio::test]
    async fn a_stream_that_nobody_ends_is_ended_with_its_connection_when_the_server_stops() {
        let service = Slow::default();
        let (mut client, stop) = served(service.clone(), |_| {}).await;
        let mut stream = client.watch(request("")).await.expect("opened").into_inner();
        let sender = service.streams.lock().expect("no test panics with it").remove(0);
        drop(stop);
        timeout(DEADLINE, sender.closed()).await.expect("the server's end is gone");
        timeout(DEADLINE, stream.next()).await.expect("the client's end notices");
    }

    #[tokio::test]
    async fn a_call_keeps_the_name_that_its_caller_gave_it_and_gets_one_otherwise() {
        let (mut client, _stop) = served(Slow::default(), |_| {}).await;
        for (given, is_kept) in
            [(Some("a-call.of_1"), true), (None, false), (Some("line }: error"), false)]
        {
            let mut asked = Request::new(request(""));
            if let Some(given) = given {
                asked.metadata_mut().insert(CALL_ID_KEY, given.parse().expect("ASCII"));
            }
            let answer = client.check(asked).await.expect("answered");
            let told = answer.metadata().get(CALL_ID_KEY).expect("named").to_str().expect("ASCII");
            assert_eq!(Some(told) == given, is_kept, "{told}");
            assert!(told.len() > 8);
        }
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
            let (mut client, _stop) = served(Slow::default(), |_| {}).await;
            client.check(request("")).await.expect("answered");
            let bytes = logged.0.lock().expect("no writer panics").clone();
            let text = String::from_utf8(bytes).expect("text");
            let line = text.lines().find(|line| line.ends_with("asked")).expect("logged");
            let told =
                line.contains("call{method=\"/grpc.health.v1.Health/Check\" peer=127.0.0.1:");
            assert_eq!((told, line.contains("request=")), (tells, tells), "{line}");
            let ended = text.lines().any(|line| line.contains("answered code=\"Ok\""));
            assert_eq!(ended, tells, "{text}");
        }
    }
}
