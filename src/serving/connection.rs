//! One connection, from its acceptance to its end.

use std::{pin::Pin, sync::Arc, time::Duration};

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    admission::ConnectionPermit,
    calls::{Calls, CallsOf},
    entrance::{Begun, Entered, Entrance, Http},
    upgrade::Upgrade,
};
use crate::{
    host::{net::Socket, task::Tasks},
    metrics,
    tls::Protection,
};

/// A connection must have begun within this time, its handshake included: until then, there are no
/// pings.
const BEGINS_WITHIN: Duration = Duration::from_secs(10);
/// The same for one that is turned away unless it proves to come from a node.
const NODE_BEGINS_WITHIN: Duration = Duration::from_secs(3);
/// A caller that has silently gone is noticed after two of these. Callers ping more often, because
/// it is they who have to go elsewhere.
const CALLER_PING: Duration = Duration::from_secs(10);
/// Without a call for this long, a connection is closed where few are left.
const IDLE_WHERE_CROWDED: Duration = Duration::from_secs(10);
/// A caller that has taken nothing of its answers for this long does not get them any more.
const TAKES_WITHIN: Duration = Duration::from_mins(1);
/// Streams that may be reset before they are served, until the connection is closed as abusive:
/// hyper's own limit, set here so that it is not removed by accident.
const PENDING_RESETS: usize = 20;
/// The head of a request in HTTP/1.1 must have arrived within this time,
const HEAD_ARRIVES_WITHIN: Duration = Duration::from_secs(10);
/// and has at most so many bytes.
const HEAD_BYTES: usize = 16 << 10;

/// How connections are served.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// The most calls in progress on one.
    pub streams: u32,
    /// How much of a request, and of all requests of a connection, may be on its way, in bytes.
    pub windows: Option<(u32, u32)>,
    /// One without a call for this long is closed.
    pub idle: Duration,
    /// How often it is looked at.
    pub looks_every: Duration,
}

/// Serves one connection. Once `stop` is cancelled, it gets no new calls; it ends with the last one,
/// or when `tasks` end.
pub async fn serve(
    socket: Socket,
    permit: ConnectionPermit,
    (calls, entrance): (Arc<Calls>, Arc<Entrance>),
    limits: ConnectionLimits,
    stop: CancellationToken,
    tasks: Tasks,
) {
    let connection = Arc::clone(&permit.connection);
    let Ok(peer) = socket.peer() else { return };
    let begins_within =
        if permit.unless_a_node.is_some() { NODE_BEGINS_WITHIN } else { BEGINS_WITHIN };
    let entered = tokio::select! {
        biased;
        () = stop.cancelled() => return,
        () = connection.make_room.cancelled() => return,
        entered = timeout(begins_within, Box::pin(entrance.enter(socket))) => entered,
    };
    if let Some(why) = permit.unless_a_node
        && !matches!(entered, Ok(Ok(Entered::Encrypted(_, Protection::Node))))
    {
        why.counts();
        return;
    }
    // What a connection waits in stays as long as it does, and most of them are idle. So each has what it needs in a box
    // of its own, instead of room for whatever it might have become.
    let upgrade = Upgrade::default();
    let served = |protection| CallsOf { calls, connection, peer, protection, upgrade };
    match entered {
        Ok(Ok(Entered::InClear(stream))) => {
            let served = served(Protection::InClear);
            Box::pin(serve_calls(stream, served, limits, stop, tasks)).await;
        }
        Ok(Ok(Entered::Encrypted(stream, protection))) => {
            Box::pin(serve_calls(*stream, served(protection), limits, stop, tasks)).await;
        }
        Ok(Err(why)) => {
            metrics::HANDSHAKES_FAILED.with_label_values(&[why.counted_as()]).inc();
            tracing::debug!(%peer, %why, "a connection did not begin");
        }
        Err(_too_late) => metrics::HANDSHAKES_FAILED.with_label_values(&["late"]).inc(),
    }
}

async fn serve_calls<Stream>(
    begun: Begun<Stream>,
    served: CallsOf,
    limits: ConnectionLimits,
    stop: CancellationToken,
    tasks: Tasks,
) where
    Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let http = begun.http();
    let (stream, of) = (TokioIo::new(begun), served.clone());
    match http {
        Http::One => {
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEAD_ARRIVES_WITHIN);
            builder.max_buf_size(HEAD_BYTES);
            let connection = Box::pin(builder.serve_connection(stream, served).with_upgrades());
            let upgrade = of.upgrade.clone();
            serve_until_ended(connection, of, limits, stop).await;
            upgrade.go_on().await;
        }
        Http::Two => {
            let builder = http2_builder(limits, tasks);
            let connection = Box::pin(builder.serve_connection(stream, served));
            serve_until_ended(connection, of, limits, stop).await;
        }
    }
}

fn http2_builder(limits: ConnectionLimits, tasks: Tasks) -> http2::Builder<Executor> {
    let mut builder = http2::Builder::new(Executor(tasks));
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(CALLER_PING)
        .keep_alive_timeout(CALLER_PING)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_concurrent_streams(limits.streams);
    if let Some((stream, all)) = limits.windows {
        builder.initial_stream_window_size(stream).initial_connection_window_size(all);
    }
    builder
}

/// A connection that is served.
trait Serving: Future<Output = hyper::Result<()>> {
    /// Takes no further calls, and ends with the last one.
    fn shut_down(self: Pin<&mut Self>);
}

impl<Stream> Serving for http1::UpgradeableConnection<TokioIo<Begun<Stream>>, CallsOf>
where
    Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    fn shut_down(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<Stream> Serving for http2::Connection<TokioIo<Begun<Stream>>, CallsOf, Executor>
where
    Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    fn shut_down(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

async fn serve_until_ended(
    mut serving: Pin<Box<impl Serving>>,
    CallsOf { calls, connection, peer, .. }: CallsOf,
    limits: ConnectionLimits,
    stop: CancellationToken,
) {
    let mut is_ending = false;
    let mut looks = interval_at(Instant::now() + limits.looks_every, limits.looks_every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let ends = tokio::select! {
            biased;
            ended = &mut serving => {
                if let Err(why) = ended {
                    tracing::debug!(%peer, %why, "a connection failed");
                }
                return;
            }
            () = stop.cancelled(), if !is_ending => true,
            // It was idle, and its caller might not even take leave.
            () = connection.make_room.cancelled() => return,
            _ = looks.tick() => {
                if connection.stuck_for().is_some_and(|time| time >= TAKES_WITHIN) {
                    tracing::debug!(%peer, "closing a connection whose caller takes no answers");
                    return;
                }
                let idle = if calls.admission.is_crowded() {
                    limits.idle.min(IDLE_WHERE_CROWDED)
                } else {
                    limits.idle
                };
                connection.idle_for().is_some_and(|time| time >= idle)
            }
        };
        if ends {
            is_ending = true;
            serving.as_mut().shut_down();
        }
    }
}

/// Starts the tasks of a connection.
#[derive(Clone)]
struct Executor(Tasks);

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}
