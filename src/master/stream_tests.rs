//! Live streams over HTTP, by real connections to a master.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::AUTHORIZATION,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::Instant};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message as Frame, protocol::Role},
};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::{
    delivery::Delivery,
    here::{
        Here,
        tests::{bootstrap, calls, here_on},
    },
    nearest::Nearest,
};
use crate::{
    client::Relayed,
    directory::Location,
    domain::{ClientId, ClientName, LoginId, PostId, RequestKey, UserId, UserName},
    grpc::social_service,
    host::net,
    http::{self, SharedEntities},
    network::{Begins, Call, CallId, Deadline, Login, Network as _, NewPost, SessionToken},
    node_auth::NodeAuth,
    replication::tests::cluster::{Member, cluster},
    serving::{self, CLIENT_MESSAGE_BYTES, Served},
    settings::Secret,
    social::Event,
};

const PATIENCE: Duration = Duration::from_mins(1);

fn call(session: Option<SessionToken>) -> Call {
    let deadline = Deadline::after(Instant::now(), PATIENCE);
    let id = CallId::new("a-call").expect("allowed");
    Call { id, session, deadline, origin: None, connection: None, by_operator: false }
}

/// A master that serves ann, whom bob follows.
struct Story {
    here: Here,
    ann: Call,
    bob: Call,
    port: u16,
    stop: CancellationToken,
    requests: u64,
    delivery: Delivery,
    nodes: [Member; 2],
}

impl Story {
    async fn new() -> Self {
        let (mut masters, witness) = cluster(1).await;
        let master = masters.remove(0);
        bootstrap(&master).await;
        let (here, delivery) = here_on(&master);
        let log_in = async |name: &str| {
            let name = UserName::new(name).expect("valid");
            let login = Login { name, password: String::new(), must_exist: false };
            let begins = Begins { login: LoginId(1), client: ClientName::default() };
            let begun = here.log_in(&call(None), &login, &begins).await.expect("logged in");
            call(Some(begun.session))
        };
        let (ann, bob) = (log_in("ann").await, log_in("bob").await);
        let listener = net::listen("test", ([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let (port, stop) = (listener.port(), CancellationToken::new());
        let (_, nowhere) = tokio::sync::watch::channel(Location::default());
        let relayed = Relayed::by_node(nowhere, &NodeAuth::in_clear(Secret::new("the cluster's")));
        let api = http::Api {
            network: Arc::new(Nearest::new(here.clone(), relayed)),
            calls: calls(),
            public_url: None,
            stop: stop.clone(),
            shared: SharedEntities::default(),
            uploads: http::Uploads::default(),
        };
        let social = social_service::service(here.clone(), calls(), CLIENT_MESSAGE_BYTES);
        let served = Served::to_anybody(Routes::new(social)).with_web(http::served(api));
        tokio::spawn(serving::serve(listener, served, stop.clone()));
        let story =
            Self { here, ann, bob, port, stop, requests: 1, delivery, nodes: [master, witness] };
        let ann = UserName::new("ann").expect("valid");
        story.here.follow(&story.bob, &key(1), &ann).await.expect("followed");
        story
    }

    async fn publish(&mut self, text: &str) -> PostId {
        self.requests += 1;
        let post = NewPost::of(text);
        let published = self.here.publish(&self.ann, &key(self.requests), &post).await;
        let id = published.expect("published").id;
        let post = self.here.post(&self.ann, id).await.expect("it is there");
        self.happens(Event::Published(post));
        id
    }

    /// Nobody else tells the streams of this master.
    fn happens(&self, event: Event) {
        self.delivery.dispatch(&[event], self.nodes[0].state());
    }

    /// Asks for something as bob.
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response<Incoming> {
        let token = self.bob.session.as_ref().expect("logged in").expose();
        let own = (AUTHORIZATION.as_str(), &*format!("Bearer {token}"));
        self.get_as_nobody(path, &[headers, &[own]].concat()).await
    }

    async fn get_as_nobody(&self, path: &str, headers: &[(&str, &str)]) -> Response<Incoming> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("connected");
        let (mut sender, connection) =
            http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await.expect("begun");
        tokio::spawn(connection.with_upgrades());
        let request = Request::builder().method(Method::GET).uri(path).header("host", "a");
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(Empty::new()).expect("valid");
        sender.send_request(request).await.expect("answered")
    }

    async fn socket(&self, query: &str) -> WebSocketStream<TokioIo<hyper::upgrade::Upgraded>> {
        let path = format!("/api/v1/streaming{query}");
        let answer = self.get(&path, &UPGRADE).await;
        assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
        let upgraded = hyper::upgrade::on(answer).await.expect("upgraded");
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, None).await
    }
}

const UPGRADE: [(&str, &str); 4] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

fn key(sequence: u64) -> RequestKey {
    RequestKey::Counted { client: ClientId(5), sequence, answered_below: 0 }
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("in time")
}

/// What a stream of events says until it has said something so often.
async fn said(body: &mut Incoming, what: &str, times: usize) -> String {
    let mut said = String::new();
    let until = Instant::now() + PATIENCE;
    while said.matches(what).count() < times {
        assert!(Instant::now() < until, "it only says {said}");
        let frame = within(body.frame()).await.expect("it goes on").expect("it is whole");
        said += std::str::from_utf8(frame.data_ref().expect("data")).expect("text");
    }
    said
}

/// The numbers, kinds and contents of events.
fn events(said: &str) -> Vec<(u64, String, Value)> {
    let blocks = said.split("\n\n").filter(|block| block.contains("event: "));
    let field = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.expect("it is there").to_owned()
    };
    let event = |block: &str| {
        let data = serde_json::from_str(&field(block, "data")).expect("JSON");
        (field(block, "id").parse().expect("a number"), field(block, "event"), data)
    };
    blocks.map(event).collect()
}

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

async fn sends(socket: &mut Socket, text: &Value) {
    socket.send(Frame::Text(text.to_string().into())).await.expect("sent");
}

async fn hears(socket: &mut Socket) -> Value {
    loop {
        match within(socket.next()).await.expect("it goes on").expect("it is whole") {
            Frame::Text(text) => return serde_json::from_str(&text).expect("JSON"),
            Frame::Ping(_) | Frame::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// With which code it ends.
async fn ends(socket: &mut Socket) -> u16 {
    loop {
        match within(socket.next()).await.expect("it says why").expect("it is whole") {
            Frame::Close(Some(frame)) => return frame.code.into(),
            Frame::Close(None) => panic!("without a code"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn whoever_comes_back_with_the_last_event_misses_nothing_and_sees_nothing_twice() {
    let mut story = Story::new().await;
    let answer = story.get("/api/v1/streaming/user", &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let mut body = answer.into_body();
    assert_eq!(said(&mut body, ":)", 1).await, ":)\n");
    let first = story.publish("one").await;
    let told = events(&said(&mut body, "\n\n", 1).await);
    let (position, kind, status) = &told[0];
    assert_eq!((*position, kind.as_str()), (first.get(), "update"));
    assert_eq!(status["id"], json!(first.to_string()));
    assert_eq!(status["content"], "<p>one</p>");
    assert_eq!(status["account"]["username"], "ann");
    drop(body);

    let second = story.publish("two").await;
    story.here.delete(&story.ann, &key(90), first).await.expect("deleted");
    let third = story.publish("three").await;
    let last = first.to_string();
    let answer = story.get("/api/v1/streaming/user", &[("last-event-id", &last)]).await;
    let mut body = answer.into_body();
    let told = events(&said(&mut body, "\n\n", 3).await);
    let told: Vec<_> =
        told.into_iter().map(|(at, kind, data)| (at, kind, data["id"].clone(), data)).collect();
    assert_eq!((told[0].0, &*told[0].1), (second.get(), "update"));
    assert_eq!((&*told[1].1, &told[1].3), ("delete", &json!(first.get())), "a bare number");
    assert_eq!((told[2].0, &told[2].2), (third.get(), &json!(third.to_string())));
    let fourth = story.publish("four").await;
    assert_eq!(events(&said(&mut body, "\n\n", 1).await)[0].0, fourth.get(), "and nothing more");
    story.stop.cancel();
    assert!(within(body.frame()).await.is_none_or(|frame| frame.is_err()), "it stops");
}

#[tokio::test]
async fn what_cannot_be_streamed_is_said_before_the_stream_begins() {
    let story = Story::new().await;
    let answer = story.get_as_nobody("/api/v1/streaming/user", &[]).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let query = "/api/v1/streaming/user?access_token=nonsense";
    assert_eq!(story.get_as_nobody(query, &[]).await.status(), StatusCode::UNAUTHORIZED);
    let answer = story.get_as_nobody("/api/v1/streaming?stream=user", &UPGRADE).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "nor is anything upgraded");
    for (path, status) in [
        ("/api/v1/streaming/everything", StatusCode::BAD_REQUEST),
        ("/api/v1/streaming/hashtag", StatusCode::BAD_REQUEST),
        ("/api/v1/streaming/list", StatusCode::BAD_REQUEST),
        ("/api/v1/streaming/list?list=99", StatusCode::UNAUTHORIZED),
        ("/api/v1/streaming", StatusCode::BAD_REQUEST),
        ("/api/v1/streaming/health", StatusCode::OK),
        ("/api/v1/streaming/public/remote", StatusCode::OK),
        ("/api/v1/streaming/public/local?only_media=true", StatusCode::OK),
        ("/api/v1/streaming/hashtag/local?tag=tea", StatusCode::OK),
        ("/api/v1/streaming/user/notification", StatusCode::OK),
        ("/api/v1/streaming/direct/", StatusCode::OK),
    ] {
        assert_eq!(story.get(path, &[]).await.status(), status, "{path}");
    }
    let last = story.get("/api/v1/streaming/user", &[("last-event-id", "x")]).await;
    assert_eq!(last.status(), StatusCode::BAD_REQUEST);
    let unknown = story.get("/api/v1/streaming?stream=everything", &UPGRADE).await;
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn one_socket_has_many_streams_and_each_says_whose_message_it_is() {
    let mut story = Story::new().await;
    let mut socket = story.socket("?stream=user").await;
    for wanted in [
        json!({ "type": "subscribe", "stream": "hashtag", "tag": "Tea" }),
        json!({ "type": "subscribe", "stream": "public:remote" }),
        json!({ "type": "subscribe", "stream": "everything" }),
    ] {
        sends(&mut socket, &wanted).await;
    }
    let refused = hears(&mut socket).await;
    assert_eq!(refused, json!({ "error": "Unknown stream type", "status": 400 }));
    let post = story.publish("a cup of #tea").await;
    let mut streams = BTreeSet::new();
    for _ in 0..2 {
        let told = hears(&mut socket).await;
        assert_eq!(told["event"], "update");
        let status: Value =
            serde_json::from_str(told["payload"].as_str().expect("text")).expect("JSON");
        assert_eq!(status["id"], json!(post.to_string()));
        streams.insert(told["stream"].to_string());
    }
    let expected = [r#"["hashtag","Tea"]"#, r#"["user"]"#].map(str::to_owned);
    assert_eq!(streams, expected.into());
    sends(&mut socket, &json!({ "type": "unsubscribe", "stream": "user" })).await;
    sends(&mut socket, &json!({ "type": "subscribe", "stream": "list", "list": "99" })).await;
    assert_eq!(hears(&mut socket).await["status"], 401, "it is nobody's list");
    story.publish("without").await;
    let another = story.publish("more #tea").await;
    let told = hears(&mut socket).await;
    assert_eq!(told["stream"], json!(["hashtag", "Tea"]));
    assert!(told["payload"].as_str().expect("text").contains(&another.to_string()));
    story.stop.cancel();
    assert_eq!(ends(&mut socket).await, 1001, "it is to go elsewhere");
}

#[tokio::test]
async fn a_token_may_come_as_the_protocol_of_a_socket_which_is_said_again() {
    let story = Story::new().await;
    let token = story.bob.session.as_ref().expect("logged in").expose().to_owned();
    let protocol = ("sec-websocket-protocol", token.as_str());
    let headers = [&UPGRADE[..], &[protocol]].concat();
    let answer = story.get_as_nobody("/api/v1/streaming", &headers).await;
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(answer.headers()["sec-websocket-protocol"], token);
    assert_eq!(answer.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[tokio::test]
async fn whoever_takes_leave_is_answered_and_whoever_ends_the_session_ends_its_streams() {
    let story = Story::new().await;
    let mut socket = story.socket("?stream=user").await;
    socket.close(None).await.expect("said");
    assert!(within(socket.next()).await.is_none_or(|frame| frame.is_ok_and(|it| it.is_close())));
    let mut socket = story.socket("?stream=user").await;
    let mut body = story.get("/api/v1/streaming/public/remote", &[]).await.into_body();
    assert_eq!(said(&mut body, ":)", 1).await, ":)\n");
    story.here.delete_account(&story.bob, &key(91), "").await.expect("deleted");
    story.happens(Event::SessionsEnded { user: UserId(2) });
    assert_eq!(hears(&mut socket).await["status"], 401);
    assert_eq!(ends(&mut socket).await, 1008);
    assert!(within(body.frame()).await.is_none(), "this one, too, though it shows nothing");
}

#[tokio::test]
async fn whoever_sends_what_is_no_text_or_too_much_loses_the_socket() {
    let story = Story::new().await;
    let mut socket = story.socket("").await;
    socket.send(Frame::Binary(Bytes::from_static(b"1"))).await.expect("sent");
    assert_eq!(ends(&mut socket).await, 1003);
    let mut socket = story.socket("").await;
    socket.send(Frame::Text("x".repeat(5_000).into())).await.expect("sent");
    assert_eq!(ends(&mut socket).await, 1008);
    let mut socket = story.socket("").await;
    for _ in 0..65 {
        sends(&mut socket, &json!({ "type": "pong" })).await;
    }
    assert_eq!(ends(&mut socket).await, 1008);
    let mut socket = story.socket("").await;
    for number in 0..17 {
        let tag = format!("tag{number}");
        sends(&mut socket, &json!({ "type": "subscribe", "stream": "hashtag", "tag": tag })).await;
    }
    let refused = hears(&mut socket).await;
    assert!(refused["error"].as_str().is_some_and(|why| why.contains("16 streams")), "{refused}");
}
