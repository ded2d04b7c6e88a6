//! How a connection begins: in clear, or with a handshake, and then in HTTP/1.1 or HTTP/2. One port takes
//! all of it, told apart by the first bytes.

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
    /// Nobody gets in who does not speak HTTP/2.
    pub only_http2: bool,
}

/// Which version of HTTP is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http {
    /// HTTP/1.1, or an older one.
    One,
    /// HTTP/2.
    Two,
}

/// Why a connection has not begun.
#[derive(Debug, thiserror::Error)]
pub enum EntranceError {
    /// This side does not take it.
    #[error("{0}")]
    Refused(&'static str),
    /// This side has no certificate to show.
    #[error("there is no certificate for it")]
    NoCertificate,
    /// The other side does not keep to the protocol, or has gone.
    #[error(transparent)]
    Failed(#[from] io::Error),
}

impl EntranceError {
    /// What it is counted as.
    pub const fn counted_as(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::NoCertificate => "certificate",
            Self::Failed(_) => "protocol",
        }
    }
}

/// A connection that has begun.
pub enum Entered {
    InClear(Begun<Socket>),
    Encrypted(Box<Begun<TlsStream<Begun<Socket>>>>, Protection),
}

impl Entrance {
    /// Reads what a connection begins with, and carries out the handshake.
    pub async fn enter(&self, socket: Socket) -> Result<Entered, EntranceError> {
        let begun = Begun::read(socket).await?;
        if begun.first[0] != HANDSHAKE {
            if self.only_encrypted {
                return Err(EntranceError::Refused("it is not encrypted"));
            }
            self.takes(begun.http())?;
            return Ok(Entered::InClear(begun));
        }
        let handshake = LazyConfigAcceptor::new(Acceptor::default(), begun).await?;
        let (config, protection) = self.config(handshake.client_hello().server_name())?;
        let stream = handshake.into_stream(config).await?;
        let begun = Begun::read(stream).await?;
        self.takes(begun.http())?;
        Ok(Entered::Encrypted(Box::new(begun), protection))
    }

    /// How whoever calls this name is answered. Those who call the name of a node must be nodes.
    fn config(&self, name: Option<&str>) -> Result<(Arc<ServerConfig>, Protection), EntranceError> {
        let is_for_nodes = name.is_some_and(|name| [NODE_NAME, ROUTER_NAME].contains(&name));
        let config = if is_for_nodes {
            self.nodes.clone().map(|config| (config, Protection::Node))
        } else {
            self.public.as_ref().map(|public| (public.called(), Protection::Encrypted))
        };
        config.ok_or(EntranceError::NoCertificate)
    }

    fn takes(&self, http: Http) -> Result<(), EntranceError> {
        match http {
            Http::One if self.only_http2 => Err(EntranceError::Refused("it is not HTTP/2")),
            _ => Ok(()),
        }
    }
}

/// A stream of which the first bytes have been read already.
pub struct Begun<Stream> {
    first: [u8; PREFACE.len()],
    /// How many of them there are.
    length: usize,
    /// How many of them were read again.
    taken: usize,
    stream: Stream,
}

impl<Stream: AsyncRead + Unpin> Begun<Stream> {
    /// Reads until it is clear what the other side speaks.
    async fn read(mut stream: Stream) -> io::Result<Self> {
        let (mut first, mut length) = ([0; PREFACE.len()], 0);
        while length < first.len() && PREFACE.starts_with(&first[..length]) {
            match stream.read(&mut first[length..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => length += more,
            }
        }
        Ok(Self { first, length, taken: 0, stream })
    }

    /// What the other side speaks, if that is HTTP.
    pub fn http(&self) -> Http {
        if self.first == *PREFACE { Http::Two } else { Http::One }
    }
}

impl<Stream: AsyncRead + Unpin> AsyncRead for Begun<Stream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = &self.first[self.taken..self.length];
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
