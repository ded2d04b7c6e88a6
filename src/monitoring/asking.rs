//! Asks a node what it answers monitoring.

use std::{io, time::Duration};

use http_body_util::BodyExt as _;
use hyper::{Method, Request, StatusCode, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::host::{net, task};

/// A node answers in milliseconds, unless it hangs.
const DEADLINE: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody is there.
    #[error("no node answers monitoring at {address}: {source}")]
    NotReached {
        /// host:port.
        address: String,
        /// What went wrong.
        source: io::Error,
    },
    /// Somebody is there, who does not say anything.
    #[error("{address} did not answer within {DEADLINE:?}")]
    Silent {
        /// host:port.
        address: String,
    },
    /// Somebody is there who speaks another language.
    #[error("{address} does not answer as a node does: {source}")]
    NotUnderstood {
        /// host:port.
        address: String,
        /// What went wrong.
        source: hyper::Error,
    },
    /// It does not want to answer.
    #[error("{address} answers: {words}")]
    Refused {
        /// host:port.
        address: String,
        /// Why.
        words: String,
    },
}

/// What `GET path` is answered at `address` (host:port).
pub async fn get(address: &str, path: &str) -> Result<String, AskError> {
    within_the_deadline(address, Method::GET, path, String::new()).await
}

/// The same for `PUT path` with a body.
pub async fn put(address: &str, path: &str, body: String) -> Result<String, AskError> {
    within_the_deadline(address, Method::PUT, path, body).await
}

async fn within_the_deadline(
    address: &str,
    method: Method,
    path: &str,
    body: String,
) -> Result<String, AskError> {
    let answer = timeout(DEADLINE, ask(address, method, path, body)).await;
    answer.unwrap_or_else(|_late| Err(AskError::Silent { address: address.to_owned() }))
}

async fn ask(address: &str, method: Method, path: &str, body: String) -> Result<String, AskError> {
    let address = || address.to_owned();
    let not_understood = |source| AskError::NotUnderstood { address: address(), source };
    let socket = net::connect(&address())
        .await
        .map_err(|source| AskError::NotReached { address: address(), source })?;
    let (mut node, connection) =
        http1::handshake(TokioIo::new(socket)).await.map_err(not_understood)?;
    let _until_answered = task::spawn_owned(connection);
    let request = Request::builder().method(method).uri(path).header(HOST, "localhost").body(body);
    let answer = node.send_request(request.expect("a path of ours")).await;
    let answer = answer.map_err(not_understood)?;
    let status = answer.status();
    let body = answer.into_body().collect().await.map_err(not_understood)?.to_bytes();
    let words = String::from_utf8_lossy(&body).into_owned();
    if status == StatusCode::OK {
        Ok(words)
    } else {
        Err(AskError::Refused { address: address(), words: words.trim().to_owned() })
    }
}
