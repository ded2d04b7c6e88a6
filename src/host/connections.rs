//! The connections that a listener has accepted. The library that serves them starts a task for
//! each, and lets it run for as long as its caller likes; here they are counted, and closed.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::{
    sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned},
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::socket::Socket;

/// The open connections of a listener. They are closed when this is dropped.
pub struct Connections {
    open: TaskTracker,
    closing: CancellationToken,
    _closed_when_dropped: DropGuard,
}

impl Default for Connections {
    fn default() -> Self {
        let closing = CancellationToken::new();
        let dropped = closing.clone().drop_guard();
        Self { open: TaskTracker::new(), closing, _closed_when_dropped: dropped }
    }
}

impl Connections {
    /// Adds one.
    pub(super) fn add(&self, stream: Socket) -> Connection {
        let closing = Box::pin(self.closing.clone().cancelled_owned());
        Connection { stream, closing, _open: self.open.token() }
    }

    /// Closes all, and returns when no task has one any more.
    pub async fn close(&self) {
        self.closing.cancel();
        self.open.close();
        self.open.wait().await;
    }
}

/// An accepted connection. When it is closed from this side, whoever reads it sees its end.
pub struct Connection {
    stream: Socket,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
    _open: TaskTrackerToken,
}

impl Connection {
    fn poll_closing(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.closing.as_mut().poll(context)
    }

    /// Fails once the connection is being closed.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.poll_closing(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.poll_closing(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
