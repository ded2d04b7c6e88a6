//! One connection, from its acceptance to its end.

use std::{
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    admission::ConnectionPermit,
    calls::{Calls, CallsOf},
};
use crate::host::{net::Socket, task::Tasks};

/// What every HTTP/2 connection begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// It must have come within this time: until then, there are no pings.
const BEGINS_WITHIN: Duration = Duration::from_secs(10);
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
    mut socket: Socket,
    permit: ConnectionPermit,
    calls: Arc<Calls>,
    limits: ConnectionLimits,
    stop: CancellationToken,
    tasks: Tasks,
) {
    let connection = Arc::clone(&permit.connection);
    let Ok(peer) = socket.peer() else { return };
    let begun = tokio::select! {
        biased;
        () = stop.cancelled() => return,
        () = connection.make_room.cancelled() => return,
        begun = timeout(BEGINS_WITHIN, begins(&mut socket)) => begun,
    };
    let Ok(Ok(first)) = begun else { return };
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
    let admission = calls.admission.clone();
    let socket = TokioIo::new(Begun { first, taken: 0, socket });
    let served = CallsOf { calls, connection: Arc::clone(&connection), peer };
    let mut serving = pin!(builder.serve_connection(socket, served));
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
                let idle = if admission.is_crowded() {
                    limits.idle.min(IDLE_WHERE_CROWDED)
                } else {
                    limits.idle
                };
                connection.idle_for().is_some_and(|time| time >= idle)
            }
        };
        if ends {
            is_ending = true;
            serving.as_mut().graceful_shutdown();
        }
    }
}

/// Reads what a connection begins with.
async fn begins(socket: &mut Socket) -> io::Result<[u8; PREFACE.len()]> {
    let mut first = [0; PREFACE.len()];
    socket.read_exact(&mut first).await?;
    if first == *PREFACE { Ok(first) } else { Err(io::ErrorKind::InvalidData.into()) }
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

/// A socket of which the first bytes have been read already.
struct Begun {
    first: [u8; PREFACE.len()],
    /// How many of them were read again.
    taken: usize,
    socket: Socket,
}

impl AsyncRead for Begun {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = &self.first[self.taken..];
        if left.is_empty() {
            return Pin::new(&mut self.socket).poll_read(context, buffer);
        }
        let count = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..count]);
        self.taken += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Begun {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
