//! One request to a store, over a connection of its own: a part of an object is large, and there are few of others.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    Response,
    body::{Body, Frame, Incoming, SizeHint},
    client::conn::http1,
    header::CONTENT_LENGTH,
};
use hyper_util::rt::TokioIo;
use object_store::{
    ClientConfigKey, ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
        HttpResponseBody, HttpService,
    },
};
use rustls::ClientConfig;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    host::task,
    tls::{self, TlsError, Trust, WebFailure},
};

/// How long the answer to a request may take that brings nothing, connection and all.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);
/// So many bytes of a request give it a second more: a line that is slower than this counts as gone.
const BYTES_A_SECOND: usize = 64 << 10;
/// So long may nothing come of an answer that has begun.
const SILENT_FOR: Duration = Duration::from_secs(20);

/// Makes what sends requests.
#[derive(Debug)]
pub struct Connector {
    config: Arc<ClientConfig>,
}

impl Connector {
    /// To stores that prove their names to the authorities that the system believes.
    pub fn new() -> Result<Self, TlsError> {
        Ok(Self { config: Arc::new(tls::web_client(&Trust::System)?) })
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let takes_clear = options.get_config_value(&ClientConfigKey::AllowHttp);
        let takes_clear = takes_clear.is_some_and(|value| is_yes(&value));
        let config = Arc::clone(&self.config);
        let deadlines = Deadlines { answer: ANSWERED_WITHIN, silence: SILENT_FOR };
        Ok(HttpClient::new(Transport { config, takes_clear, deadlines }))
    }
}

/// Whether the value of a variable says yes.
pub fn is_yes(value: &str) -> bool {
    ["1", "true", "on", "yes", "y"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}

#[derive(Debug)]
struct Transport {
    config: Arc<ClientConfig>,
    takes_clear: bool,
    deadlines: Deadlines,
}

#[derive(Clone, Copy, Debug)]
struct Deadlines {
    /// Until an answer begins.
    answer: Duration,
    /// Between two pieces of it.
    silence: Duration,
}

#[tonic::async_trait]
impl HttpService for Transport {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let length = request.body().content_length();
        let more = Duration::from_secs((length / BYTES_A_SECOND) as u64);
        let answered = timeout(self.deadlines.answer + more, self.answer(request, length)).await;
        answered.unwrap_or_else(|_| Err(silent()))
    }
}

impl Transport {
    async fn answer(
        &self,
        mut request: HttpRequest,
        length: usize,
    ) -> Result<HttpResponse, HttpError> {
        let not_reached = |why: WebFailure| HttpError::new_boxed(HttpErrorKind::Connect, why);
        let stream = tls::dial(request.uri(), &self.config, self.takes_clear).await;
        let stream = stream.map_err(not_reached)?;
        tls::address_by_path(&mut request).map_err(not_reached)?;
        // Some stores want to be told even if it is nothing.
        request.headers_mut().insert(CONTENT_LENGTH, length.into());
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|why| not_reached(why.into()))?;
        let connection = task::spawn_owned(connection);
        let (head, content) = sender.send_request(request).await.map_err(broken)?.into_parts();
        let silent_for = self.deadlines.silence;
        let silence = Box::pin(sleep(silent_for));
        let content = Answer { content, silent_for, silence, _connection: connection };
        Ok(Response::from_parts(head, HttpResponseBody::new(content)))
    }
}

/// The connection failed on the way: what was asked may or may not have been done.
fn broken(why: hyper::Error) -> HttpError {
    HttpError::new(HttpErrorKind::Interrupted, why)
}

fn silent() -> HttpError {
    let why = io::Error::new(io::ErrorKind::TimedOut, "it does not answer");
    HttpError::new(HttpErrorKind::Timeout, why)
}

/// The content of an answer, as long as it comes.
struct Answer {
    content: Incoming,
    silent_for: Duration,
    silence: Pin<Box<Sleep>>,
    _connection: AbortOnDropHandle<Result<(), hyper::Error>>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        match Pin::new(&mut self.content).poll_frame(context) {
            Poll::Ready(frame) => {
                let until = Instant::now() + self.silent_for;
                self.silence.as_mut().reset(until);
                Poll::Ready(frame.map(|frame| frame.map_err(broken)))
            }
            Poll::Pending => {
                ready!(self.silence.as_mut().poll(context));
                Poll::Ready(Some(Err(silent())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;
    use object_store::client::HttpRequestBody;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// What is understood of a server that says this, and then nothing more.
    async fn asked(says: &'static str) -> Result<Bytes, HttpError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let uri = format!("http://{}/", listener.local_addr().expect("bound"));
        let _server = task::spawn_owned(async move {
            let (mut socket, _) = listener.accept().await.expect("it listens");
            socket.write_all(says.as_bytes()).await.expect("it is read");
            // Until it is given up.
            while socket.read(&mut [0; 1_024]).await.is_ok_and(|read| read > 0) {}
        });
        let short = Duration::from_millis(100);
        let transport = Transport {
            config: Connector::new().expect("the system believes somebody").config,
            takes_clear: true,
            deadlines: Deadlines { answer: short, silence: short },
        };
        let request = Request::builder().uri(uri).body(HttpRequestBody::empty());
        transport.call(request.expect("a request")).await?.into_body().bytes().await
    }

    #[tokio::test]
    async fn a_store_that_falls_silent_is_given_up_wherever_it_does() {
        for says in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab"] {
            let error = asked(says).await.expect_err("it is not complete");
            assert_eq!(error.kind(), HttpErrorKind::Timeout, "{says}: {error}");
        }
        let whole = asked("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab").await;
        assert_eq!(whole.expect("it is complete"), "ab");
    }
}
