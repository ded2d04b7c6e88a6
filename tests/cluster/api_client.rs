//! Somebody who uses a network over HTTP as an app does: through one node, through another when that one is lost, and
//! a request that was not answered again under the same key.

use std::{io, sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::{
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::processes::DEADLINE;

const FORM: &str = "application/x-www-form-urlencoded";
const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";
const SCOPES: &str = "read write follow";
/// Before it is tried elsewhere.
const PAUSE: Duration = Duration::from_millis(20);
/// One node answers within this time, or another is tried: a node holds a call for less.
const PATIENCE: Duration = Duration::from_secs(40);

/// Where nodes can be reached, as it is known; clones share it.
#[derive(Clone, Default)]
pub struct Nodes(Arc<Mutex<Vec<String>>>);

impl Nodes {
    /// These are there now.
    pub fn are(&self, nodes: Vec<String>) {
        *self.0.lock() = nodes;
    }

    /// One of them.
    pub fn get(&self, number: usize) -> String {
        let nodes = self.0.lock();
        nodes[number % nodes.len()].clone()
    }
}

/// A connection, whose task ends with it.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    async fn open(node: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(node).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let task = tokio::spawn(async move {
            // Whoever uses it sees that, too.
            let _lost = connection.await;
        });
        Ok(Self { sender, task })
    }
}

/// What is asked.
#[derive(Clone, Copy)]
pub struct Asks<'a> {
    pub method: &'static str,
    pub path: &'a str,
    pub form: &'a [(&'a str, &'a str)],
    pub key: Option<&'a str>,
}

impl<'a> Asks<'a> {
    pub fn get(path: &'a str) -> Self {
        Self { method: "GET", path, form: &[], key: None }
    }

    pub fn post(path: &'a str, form: &'a [(&'a str, &'a str)]) -> Self {
        Self { method: "POST", path, form, key: None }
    }
}

/// What was answered.
pub struct Answered {
    pub status: StatusCode,
    pub text: String,
    /// Whether it was asked several times.
    pub repeated: bool,
}

impl Answered {
    /// What it says, if all is well.
    pub fn json(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        serde_json::from_str(&self.text).expect("JSON")
    }
}

/// An app of one person.
pub struct ApiClient {
    nodes: Nodes,
    at: usize,
    token: Option<String>,
    connection: Option<Connection>,
}

impl ApiClient {
    /// Of nobody yet, who begins at the node with this number.
    pub fn new(nodes: Nodes, at: usize) -> Self {
        Self { nodes, at, token: None, connection: None }
    }

    /// The same with a token.
    pub fn with(self, token: String) -> Self {
        Self { token: Some(token), ..self }
    }

    /// Asks until it is answered, by whichever node.
    pub async fn ask(&mut self, asks: Asks<'_>) -> Answered {
        let deadline = Instant::now() + DEADLINE;
        let mut repeated = false;
        loop {
            match timeout(PATIENCE, self.try_to_ask(asks)).await {
                Ok(Ok((status, text))) if status != StatusCode::SERVICE_UNAVAILABLE => {
                    return Answered { status, text, repeated };
                }
                failed => {
                    assert!(Instant::now() < deadline, "{}: {failed:?}", asks.path);
                    self.connection = None;
                    self.at += 1;
                    repeated = true;
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn try_to_ask(&mut self, asks: Asks<'_>) -> io::Result<(StatusCode, String)> {
        let answer = self.send(asks, None).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// Asks once, perhaps for what came after an event.
    async fn send(
        &mut self,
        Asks { method, path, form, key }: Asks<'_>,
        last_event: Option<&str>,
    ) -> io::Result<Response<Incoming>> {
        let mut connection = match self.connection.take().filter(|kept| kept.sender.is_ready()) {
            Some(connection) => connection,
            None => Connection::open(&self.nodes.get(self.at)).await?,
        };
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = Request::builder().method(method).uri(path).header("host", "a");
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let headers = [
            ("authorization", bearer.as_deref()),
            ("idempotency-key", key),
            ("last-event-id", last_event),
            ("content-type", (!form.is_empty()).then_some(FORM)),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = request.body(Full::from(body)).expect("a request");
        let answer = connection.sender.send_request(request).await.map_err(io::Error::other)?;
        self.connection = Some(connection);
        Ok(answer)
    }

    /// A stream from the next node on, from after this event; none if it is not to be had there.
    pub async fn open_stream(&mut self, path: &str, last_event: Option<&str>) -> Option<Incoming> {
        self.at += 1;
        self.connection = None;
        let opened = timeout(PATIENCE, self.send(Asks::get(path), last_event)).await;
        let answer = opened.ok()?.ok()?;
        (answer.status() == StatusCode::OK).then(|| answer.into_body())
    }
}

/// An app that people let in.
pub struct App {
    client_id: String,
    client_secret: String,
}

impl App {
    /// Registers it.
    pub async fn register(client: &mut ApiClient) -> Self {
        let form = [("client_name", "kills"), ("redirect_uris", OUT_OF_BAND), ("scopes", SCOPES)];
        let app = client.ask(Asks::post("/api/v1/apps", &form)).await.json();
        let text = |name: &str| app[name].as_str().expect("a text").to_owned();
        Self { client_id: text("client_id"), client_secret: text("client_secret") }
    }

    /// The token with which it acts for somebody, who has let it.
    pub async fn let_in(&self, client: &mut ApiClient, name: &str, password: &str) -> String {
        let decided = [
            ("client_id", self.client_id.as_str()),
            ("redirect_uri", OUT_OF_BAND),
            ("response_type", "code"),
            ("scope", SCOPES),
            ("username", name),
            ("password", password),
            ("decision", "allow"),
        ];
        let page = client.ask(Asks::post("/oauth/authorize", &decided)).await.text;
        let (_, code) =
            page.split_once(r#"<code class="code">"#).unwrap_or_else(|| panic!("{page}"));
        let (code, _) = code.split_once('<').expect("it ends");
        let redeemed = [
            ("grant_type", "authorization_code"),
            ("client_id", self.client_id.as_str()),
            ("client_secret", self.client_secret.as_str()),
            ("redirect_uri", OUT_OF_BAND),
            ("code", code),
        ];
        let token = client.ask(Asks::post("/oauth/token", &redeemed)).await.json();
        token["access_token"].as_str().expect("a token").to_owned()
    }
}
