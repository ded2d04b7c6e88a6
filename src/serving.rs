//! gRPC servers as every role runs them: with limits, keepalive, and an orderly stop.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport::Server};

use crate::host::net::Listener;

/// Streams on one connection between nodes; clients' are limited by a setting.
pub const NODE_STREAMS: u32 = 1_024;
/// The largest request of a client, in bytes: a post of 10,000 characters of four bytes, and some
/// more.
pub const CLIENT_MESSAGE_BYTES: usize = 64 << 10;
/// The name under which a router's health service reports on its witness.
pub const WITNESS_HEALTH: &str = "witness";
/// The name under which it reports whether enough voters are up for an available server.
pub const QUORUM_HEALTH: &str = "quorum";
/// Streams that may be reset before they are served, until the connection is closed as abusive:
/// hyper's own limit, set here so that it is not removed by accident.
const PENDING_RESETS: usize = 20;
/// A caller that has silently gone is noticed after two of these. Callers ping more often, because
/// it is they who have to go elsewhere.
const CALLER_PING: Duration = Duration::from_secs(10);
/// How long open calls may take to end once the server stops.
const LINGER: Duration = Duration::from_secs(1);

/// Serves `routes` on `listener` until `stop`; then accepts nothing new, and gives calls in
/// progress a moment to end.
pub async fn serve(
    listener: Listener,
    routes: Routes,
    streams_per_connection: u32,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let server = Server::builder()
        .http2_keepalive_interval(Some(CALLER_PING))
        .http2_keepalive_timeout(Some(CALLER_PING))
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS))
        .max_concurrent_streams(streams_per_connection)
        .add_routes(routes)
        .serve_with_incoming_shutdown(listener.incoming(), stop.clone().cancelled_owned());
    let mut server = std::pin::pin!(server);
    tokio::select! {
        ended = &mut server => return ended,
        () = stop.cancelled() => {}
    }
    timeout(LINGER, server).await.unwrap_or(Ok(()))
}

/// The meaning of this end of serving: unless `stop` asked for it, something is wrong.
pub fn outcome(
    served: Result<(), tonic::transport::Error>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    served.context("serving failed")?;
    anyhow::ensure!(stop.is_cancelled(), "serving ended by itself");
    Ok(())
}
