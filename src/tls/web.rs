//! A connection to a server of the web, for one request over HTTP/1.1: because there are few.

use std::{error::Error, sync::Arc};

use hyper::{
    Request, Uri,
    header::{HOST, HeaderValue},
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::either::Either;

use crate::host::net;

/// Why there is no connection, or no request.
pub type WebFailure = Box<dyn Error + Send + Sync>;

/// Connects to the server whose address begins `uri`: encrypted, or in clear if it begins with http:// and
/// `takes_clear`.
pub async fn dial(
    uri: &Uri,
    config: &Arc<ClientConfig>,
    takes_clear: bool,
) -> Result<Either<TlsStream<TcpStream>, TcpStream>, WebFailure> {
    let host = uri.host().ok_or_else(|| format!("{uri} names no host"))?;
    let dialled =
        async |port| net::connect(&format!("{host}:{}", uri.port_u16().unwrap_or(port))).await;
    match uri.scheme_str() {
        Some("https") => {
            let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
            let stream =
                TlsConnector::from(Arc::clone(config)).connect(name, dialled(443).await?).await?;
            Ok(Either::Left(stream))
        }
        Some("http") if takes_clear => Ok(Either::Right(dialled(80).await?)),
        _ => Err(format!("{uri} does not begin with https://").into()),
    }
}

/// A request as it is sent over such a connection: its address is the path alone.
pub fn address_by_path<B>(request: &mut Request<B>) -> Result<(), WebFailure> {
    let uri = request.uri().clone();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    request.headers_mut().insert(HOST, HeaderValue::from_str(authority)?);
    *request.uri_mut() = Uri::builder()
        .path_and_query(uri.path_and_query().map_or("/", |path| path.as_str()))
        .build()?;
    Ok(())
}
