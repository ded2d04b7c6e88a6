//! One request to an authority: over a connection of its own, because there are few.

use std::{io, pin::Pin, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, Response, Uri,
    client::conn::http1,
    header::{HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::{
    host::net,
    tls::{self, TlsError, Trust},
};

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

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn answer(
    mut request: Request<BodyWrapper<Bytes>>,
    config: Arc<ClientConfig>,
) -> Result<Response<Full<Bytes>>, Failure> {
    let uri = request.uri().clone();
    let (host, port) = place(&uri)?;
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
    let socket = net::connect(&format!("{host}:{port}")).await?;
    let stream = TlsConnector::from(config).connect(name, socket).await?;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    request.headers_mut().insert(HOST, HeaderValue::from_str(authority)?);
    *request.uri_mut() = Uri::builder()
        .path_and_query(uri.path_and_query().map_or("/", |path| path.as_str()))
        .build()?;
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

/// Whom it is for.
fn place(uri: &Uri) -> Result<(&str, u16), Failure> {
    if uri.scheme_str() != Some("https") {
        return Err(format!("{uri} does not begin with https://").into());
    }
    let host = uri.host().ok_or_else(|| format!("{uri} names no host"))?;
    Ok((host, uri.port_u16().unwrap_or(443)))
}
