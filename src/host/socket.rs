//! The system's sockets, or those of a simulated machine.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

#[cfg(feature = "laboratory")]
use super::simulated::{
    Machine, network,
    stream::{SimulatedListener, SimulatedStream},
};

/// A bound listener.
pub enum ListeningSocket {
    System(TcpListener),
    #[cfg(feature = "laboratory")]
    Simulated(SimulatedListener),
}

impl ListeningSocket {
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        #[cfg(feature = "laboratory")]
        if let Some(machine) = Machine::current() {
            return network::listen(machine, address.port()).map(Self::Simulated);
        }
        TcpListener::bind(address).await.map(Self::System)
    }

    pub fn port(&self) -> u16 {
        match self {
            Self::System(listener) => listener.local_addr().map_or(0, |address| address.port()),
            #[cfg(feature = "laboratory")]
            Self::Simulated(listener) => listener.port(),
        }
    }

    /// Small messages leave at once: without `TCP_NODELAY` on the server's side, throughput was a
    /// quarter.
    pub fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<Socket>> {
        match self {
            Self::System(listener) => listener.poll_accept(context).map(|accepted| {
                let (stream, _) = accepted?;
                // Only slower without.
                _ = stream.set_nodelay(true);
                Ok(Socket(End::System(stream)))
            }),
            #[cfg(feature = "laboratory")]
            Self::Simulated(listener) => listener
                .poll_accept(context)
                .map(|(stream, peer)| Ok(Socket(End::Simulated { stream, peer }))),
        }
    }
}

/// A connection.
pub struct Socket(End);

enum End {
    System(TcpStream),
    #[cfg(feature = "laboratory")]
    Simulated {
        stream: SimulatedStream,
        peer: SocketAddr,
    },
}

impl Socket {
    /// Who is at the other end.
    pub fn peer(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            End::System(stream) => stream.peer_addr(),
            #[cfg(feature = "laboratory")]
            End::Simulated { peer, .. } => Ok(*peer),
        }
    }
}

/// Passes a poll on to the socket, whichever it is.
macro_rules! poll {
    ($socket:expr, $stream:ident => $poll:expr) => {
        match &mut $socket.get_mut().0 {
            End::System($stream) => $poll,
            #[cfg(feature = "laboratory")]
            End::Simulated { stream: $stream, .. } => $poll,
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        poll!(self, stream => Pin::new(stream).poll_read(context, buffer))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        poll!(self, stream => Pin::new(stream).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll!(self, stream => Pin::new(stream).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            End::System(stream) => stream.is_write_vectored(),
            #[cfg(feature = "laboratory")]
            End::Simulated { .. } => false,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll!(self, stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll!(self, stream => Pin::new(stream).poll_shutdown(context))
    }
}
