//! One request to an authority: over a connection of its own, because there are few.

use std::{io, pin::Pin, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, Response, client::conn::http1};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::ClientConfig;
use tokio::time::timeout;

use crate::tls::{self, TlsError, Trust, WebFailure};

/// How long an answer may take, connection and all.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// The longest answer, in bytes: a chain of certificates takes some thousand.
const ANSWER_BYTES: usize = 1 << 20;

/// Sends requests over encrypted connections.
pub struct Https {
    config: Arc<ClientConfig>,
}

impl Https {
    /// To servers that prove their names to these authorities.
    pub fn trusting(trust: &Trust) -> Result<Self, TlsError> {
        Ok(Self { config: Arc::new(tls::web_client(trust)?) })
    }
}

impl HttpClient for Https {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let config = Arc::clone(&self.config);
        Box::pin(async move {
            let answered = timeout(ANSWERED_WITHIN, answer(request, config)).await;
            let answered =
                answered.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
            Ok(answered.map_err(Error::Other)?.into())
        })
    }
}

async fn answer(
    mut request: Request<BodyWrapper<Bytes>>,
    config: Arc<ClientConfig>,
) -> Result<Response<Full<Bytes>>, WebFailure> {
    let stream = tls::dial(request.uri(), &config, false).await?;
    tls::address_by_path(&mut request)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut answered = pin!(async move {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await?.to_bytes();
        Ok(Response::from_parts(head, Full::new(body)))
    });
    tokio::select! {
        biased;
        answer = &mut answered => answer,
        // It may have brought all of it.
        _ended = connection => answered.await,
    }
}
