//! The adapter in front of servers that behave as a test tells them to.

use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Streaming, service::Routes, transport::Channel};

use super::{Host, add};
use crate::{
    client::{
        Relayed,
        tests::{
            fake::{Network, Node},
            soon,
        },
    },
    directory::{Available, Location, split_address},
    grpc::metadata::CallReader,
    host::net::{self, Security},
    node_auth::NodeAuth,
    serving::{self, Served},
    settings::{ClassicMode, Secret},
    wire::classic::{Message, Regmessage, Request, sns_service_client::SnsServiceClient},
};

/// A router that serves the classic protocol, and nothing else.
struct Router {
    port: u16,
    location: watch::Sender<Location>,
    _stop: DropGuard,
}

impl Router {
    async fn start(mode: ClassicMode, available: &Node) -> Self {
        let (location, known) = watch::channel(located(available, 1));
        let listener = net::listen("test", ([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let port = listener.port();
        let stop = CancellationToken::new();
        let auth = NodeAuth::in_clear(Secret::new("the cluster's"));
        let relayed = Relayed::by_node(known.clone(), &auth);
        let calls = CallReader::new(auth);
        let routes =
            add(Routes::default(), Host::Router, mode, relayed, calls, known, stop.clone());
        tokio::spawn(serving::serve(listener, Served::to_anybody(routes), stop.clone()));
        Self { port, location, _stop: stop.drop_guard() }
    }

    /// A client that calls the router by this host.
    fn client(&self, host: &str) -> SnsServiceClient<Channel> {
        let address = format!("{host}:{}", self.port);
        SnsServiceClient::new(net::channel(&address, &Security::InClear).expect("an address"))
    }
}

fn located(server: &Node, term: u64) -> Location {
    let address = server.address();
    let available = Available { name: "server".to_owned(), address: address.clone() };
    Location { available: Some(available), term, masters: vec![address], ..Location::default() }
}

fn request(argument: &[u8]) -> Request {
    Request { username: b"u1".to_vec(), arguments: vec![argument.to_vec()] }
}

/// A classic timeline.
struct Timeline {
    posts: mpsc::Sender<Message>,
    messages: Streaming<Message>,
}

impl Timeline {
    async fn open(mut client: SnsServiceClient<Channel>) -> Self {
        let (posts, sent) = mpsc::channel(8);
        let mut timeline = {
            posts.send(message(b"Set Stream")).await.expect("room");
            let messages = soon(client.timeline(ReceiverStream::new(sent))).await.expect("opened");
            Self { posts, messages: messages.into_inner() }
        };
        timeline.says(b"first\n").await;
        assert_eq!(timeline.hears().await, "u1: first\n");
        timeline
    }

    async fn says(&mut self, text: &[u8]) {
        self.posts.send(message(text)).await.expect("the server reads");
    }

    async fn hears(&mut self) -> String {
        let message = soon(self.messages.message()).await.expect("it goes on").expect("a message");
        let [author, text] = [message.username, message.msg].map(String::from_utf8);
        format!("{}: {}", author.expect("UTF-8"), text.expect("UTF-8"))
    }
}

fn message(text: &[u8]) -> Message {
    Message { username: b"u1".to_vec(), msg: text.to_vec(), timestamp: None }
}

#[tokio::test]
async fn callers_are_told_to_stay_where_they_called_or_are_sent_to_the_available_server() {
    let network = Network::default();
    let server = network.start("server");
    let address = server.address();
    let (_, available) = split_address(&address).expect("an address");
    for mode in [ClassicMode::Relay, ClassicMode::Direct] {
        let router = Router::start(mode, &server).await;
        for host in ["localhost", "127.0.0.1"] {
            let expected = match mode {
                ClassicMode::Relay => (host.to_owned(), router.port.to_string()),
                _ => ("127.0.0.1".to_owned(), available.to_string()),
            };
            let mut client = router.client(host);
            let reply = soon(client.login(request(b""))).await.expect("logged in").into_inner();
            assert_eq!((reply.hostname, reply.port), expected, "{mode:?}");
            let (hostname, port) = (b"elsewhere".to_vec(), b"1".to_vec());
            let told = soon(client.report_crash(Regmessage { hostname, port })).await;
            let reply = told.expect("answered").into_inner();
            assert_eq!((reply.hostname, reply.port), expected, "{mode:?}");
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_told_of_and_end_nothing() {
    let network = Network::default();
    let server = network.start("server");
    let router = Router::start(ClassicMode::Relay, &server).await;
    let mut client = router.client("localhost");
    let latin = b"caf\xe9";
    // An error would make a classic client ask again, for ever.
    soon(client.follow(request(latin))).await.expect("answered in words");
    soon(client.un_follow(request(latin))).await.expect("answered in words");
    let (hostname, port) = (latin.to_vec(), latin.to_vec());
    soon(client.report_crash(Regmessage { hostname, port })).await.expect("answered");

    let mut timeline = Timeline::open(client).await;
    timeline.says(b"caf\xe9\n").await;
    let told = timeline.hears().await;
    assert!(told.starts_with("*tinysns*: not posted: ") && told.contains("UTF-8"), "{told}");
    timeline.says("café\n".as_bytes()).await;
    assert_eq!(timeline.hears().await, "u1: café\n");
    assert_eq!(network.texts(), ["first", "café"]);
}

#[tokio::test]
async fn a_timeline_is_held_while_another_server_takes_over() {
    let network = Network::default();
    let [first, second] = ["first", "second"].map(|name| network.start(name));
    let router = Router::start(ClassicMode::Relay, &first).await;
    let mut timeline = Timeline::open(router.client("localhost")).await;
    first.kill();
    timeline.says(b"meanwhile\n").await;
    router.location.send_replace(located(&second, 2));
    assert_eq!(timeline.hears().await, "u1: meanwhile\n");
    network.post("of another");
    assert_eq!(timeline.hears().await, "other: of another\n");
    assert_eq!(network.texts(), ["first", "meanwhile", "of another"]);
}
