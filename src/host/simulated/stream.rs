//! The ends of simulated connections, as sockets.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    Life,
    network::{self, DirectionId},
};

/// A listener on a simulated machine.
#[derive(Debug)]
pub struct SimulatedListener {
    life: Life,
    port: u16,
}

impl SimulatedListener {
    pub(super) fn new(life: Life, port: u16) -> Self {
        Self { life, port }
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next connection, and where it comes from.
    pub fn poll_accept(&self, context: &Context<'_>) -> Poll<(SimulatedStream, SocketAddr)> {
        network::poll_accept(self.life, self.port, context)
    }
}

impl Drop for SimulatedListener {
    fn drop(&mut self) {
        network::stop_listening(self.life, self.port);
    }
}

/// One end of a connection.
#[derive(Debug)]
pub struct SimulatedStream {
    life: Life,
    outgoing: DirectionId,
    has_ended: bool,
}

impl SimulatedStream {
    pub(super) fn new(life: Life, outgoing: DirectionId) -> Self {
        Self { life, outgoing, has_ended: false }
    }
}

impl AsyncRead for SimulatedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let incoming = self.outgoing.reverse();
        network::poll_read(self.life, incoming, buffer.remaining(), context)
            .map_ok(|bytes| buffer.put_slice(&bytes))
    }
}

impl AsyncWrite for SimulatedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        network::poll_write(self.life, self.outgoing, bytes, context)
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.has_ended {
            self.has_ended = true;
            network::end(self.life, self.outgoing);
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimulatedStream {
    fn drop(&mut self) {
        network::close(self.life, self.outgoing);
    }
}
