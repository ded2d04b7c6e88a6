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
        Ok(HttpClient::new(Transport { config: Arc::clone(&self.config), takes_clear }))
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
}

#[tonic::async_trait]
impl HttpService for Transport {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let length = request.body().content_length();
        let more = Duration::from_secs((length / BYTES_A_SECOND) as u64);
        let answered = timeout(ANSWERED_WITHIN + more, self.answer(request, length)).await;
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
        let silence = Box::pin(sleep(SILENT_FOR));
        let content = Answer { content, silence, _connection: connection };
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
                self.silence.as_mut().reset(Instant::now() + SILENT_FOR);
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
