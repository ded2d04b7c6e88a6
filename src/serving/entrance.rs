//! How a connection begins: in clear, or with a handshake. One port takes both, told apart by the first
//! byte.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use rustls::{ServerConfig, server::Acceptor};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

use crate::{
    host::net::Socket,
    tls::{NODE_NAME, Protection, PublicTls, ROUTER_NAME},
};

/// What every HTTP/2 connection begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What a handshake begins with: the type of its record (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// How connections may begin.
#[derive(Clone, Default)]
pub struct Entrance {
    /// How nodes of the cluster call, if they encrypt that.
    pub nodes: Option<Arc<ServerConfig>>,
    /// How others call who encrypt their connections, if they can.
    pub public: Option<PublicTls>,
    /// Nobody gets in without encryption.
    pub only_encrypted: bool,
}

/// A connection that has begun.
pub enum Entered {
    InClear(Begun<Socket>),
    Encrypted(Box<Begun<TlsStream<Begun<Socket>>>>, Protection),
}

impl Entrance {
    /// Reads what a connection begins with, and carries out the handshake.
    pub async fn enter(&self, socket: Socket) -> io::Result<Entered> {
        let begun = Begun::read(socket).await?;
        if begun.first[0] != HANDSHAKE {
            return if self.only_encrypted {
                Err(refused("it is not encrypted"))
            } else {
                Ok(Entered::InClear(begun.with_preface()?))
            };
        }
        let handshake = LazyConfigAcceptor::new(Acceptor::default(), begun).await?;
        let (config, protection) = self.config(handshake.client_hello().server_name())?;
        let stream = handshake.into_stream(config).await?;
        let begun = Begun::read(stream).await?.with_preface()?;
        Ok(Entered::Encrypted(Box::new(begun), protection))
    }

    /// How whoever calls this name is answered. Those who call the name of a node must be nodes.
    fn config(&self, name: Option<&str>) -> io::Result<(Arc<ServerConfig>, Protection)> {
        let is_for_nodes = name.is_some_and(|name| [NODE_NAME, ROUTER_NAME].contains(&name));
        let config = if is_for_nodes {
            self.nodes.clone().map(|config| (config, Protection::Node))
        } else {
            self.public.as_ref().map(|public| (public.called(), Protection::Encrypted))
        };
        config.ok_or_else(|| refused("there is no certificate for it"))
    }
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// A stream of which the first bytes have been read already.
pub struct Begun<Stream> {
    first: [u8; PREFACE.len()],
    /// How many of them were read again.
    taken: usize,
    stream: Stream,
}

impl<Stream: AsyncRead + Unpin> Begun<Stream> {
    /// A connection begins with as many bytes at least, encrypted or not.
    async fn read(mut stream: Stream) -> io::Result<Self> {
        let mut first = [0; PREFACE.len()];
        stream.read_exact(&mut first).await?;
        Ok(Self { first, taken: 0, stream })
    }

    fn with_preface(self) -> io::Result<Self> {
        if self.first == *PREFACE { Ok(self) } else { Err(refused("it is not HTTP/2")) }
    }
}

impl<Stream: AsyncRead + Unpin> AsyncRead for Begun<Stream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = &self.first[self.taken..];
        if left.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..count]);
        self.taken += count;
        Poll::Ready(Ok(()))
    }
}

impl<Stream: AsyncWrite + Unpin> AsyncWrite for Begun<Stream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
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
