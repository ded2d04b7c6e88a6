//! One connection that is kept, and one request after the other.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::sync::Mutex;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    host::{net, task},
    network::SessionToken,
};

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Nobody is there.
    #[error("no connection to {address}: {source}")]
    NotReached {
        /// host:port.
        address: String,
        /// What went wrong.
        source: io::Error,
    },
    /// It has ended. Whoever has many connections from one address is not let in any more.
    #[error(
        "a connection has failed: {0}. Nodes have limits: connections_per_address, calls_per_address, \
         subscriptions and subscriptions_per_account"
    )]
    Broken(#[from] hyper::Error),
    /// It is not what was asked for.
    #[error("{path} is answered {status}: {words}")]
    Refused {
        /// What was asked for.
        path: String,
        /// Why not.
        status: StatusCode,
        /// The same for people.
        words: String,
    },
    /// It is no answer of a network.
    #[error("the answer cannot be understood: {0}")]
    NotUnderstood(String),
}

/// An answer.
#[derive(Clone)]
pub struct Page {
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A connection.
pub struct Connection {
    sender: Mutex<SendRequest<Full<Bytes>>>,
    host: HeaderValue,
    authorization: HeaderValue,
    task: AbortOnDropHandle<hyper::Result<()>>,
}

/// An answer that goes on.
pub struct Stream {
    pub body: Incoming,
    /// It ends with the connection.
    _task: AbortOnDropHandle<hyper::Result<()>>,
}

impl Connection {
    /// To `address` (host:port), for somebody with this token.
    pub async fn open(address: &str, token: &SessionToken) -> Result<Self, HttpError> {
        let not_reached = |source| HttpError::NotReached { address: address.to_owned(), source };
        let socket = net::connect(address).await.map_err(not_reached)?;
        socket.set_nodelay(true).map_err(not_reached)?;
        let (sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
        let header =
            |text: &str| HeaderValue::from_str(text).expect("an address or a token is ASCII");
        Ok(Self {
            sender: Mutex::new(sender),
            host: header(address),
            authorization: header(&format!("Bearer {}", token.expose())),
            task: task::spawn_owned(connection),
        })
    }

    /// Reads a page.
    pub async fn get(&self, path: &str) -> Result<Page, HttpError> {
        whole(self.ask(Method::GET, path, String::new()).await?).await
    }

    /// Sends a form.
    pub async fn post(&self, path: &str, form: String) -> Result<Page, HttpError> {
        whole(self.ask(Method::POST, path, form).await?).await
    }

    /// Reads something that has no end.
    pub async fn stream(self, path: &str) -> Result<Stream, HttpError> {
        let body = self.ask(Method::GET, path, String::new()).await?.into_body();
        Ok(Stream { body, _task: self.task })
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        form: String,
    ) -> Result<Response<Incoming>, HttpError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.host)
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, FORM)
            .body(Full::from(form))
            .expect("a path of ours");
        let mut sender = self.sender.lock().await;
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        drop(sender);
        let status = answer.status();
        if status == StatusCode::OK {
            return Ok(answer);
        }
        let words = answer.into_body().collect().await?.to_bytes();
        let words = String::from_utf8_lossy(&words).into_owned();
        Err(HttpError::Refused { path: path.to_owned(), status, words })
    }
}

async fn whole(answer: Response<Incoming>) -> Result<Page, HttpError> {
    let (head, body) = answer.into_parts();
    Ok(Page { headers: head.headers, body: body.collect().await?.to_bytes() })
}
