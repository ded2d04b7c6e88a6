//! A connection of which only so many bytes are read in a while: for protocols in which a client can send without end
//! what comes to nothing, such as a message in pieces that are empty.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The kind of the error with which reading ends then.
pub const USED_UP: io::ErrorKind = io::ErrorKind::QuotaExceeded;

/// How many bytes may be read yet; clones share it.
#[derive(Clone)]
pub struct Allowance {
    most: usize,
    left: Arc<AtomicUsize>,
}

impl Allowance {
    /// So many, until it is renewed.
    pub fn of(most: usize) -> Self {
        Self { most, left: Arc::new(AtomicUsize::new(most)) }
    }

    /// Another while begins.
    pub fn renew(&self) {
        self.left.store(self.most, Ordering::Relaxed);
    }

    /// Nothing is counted any more.
    pub fn lift(&self) {
        self.left.store(usize::MAX, Ordering::Relaxed);
    }
}

/// The connection.
pub struct Metered<Stream> {
    stream: Stream,
    allowance: Allowance,
}

impl<Stream> Metered<Stream> {
    /// Of which so much may be read.
    pub fn new(stream: Stream, allowance: Allowance) -> Self {
        Self { stream, allowance }
    }
}

impl<Stream: AsyncRead + Unpin> AsyncRead for Metered<Stream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let (read, left) = (buffer.filled().len() - before, &self.allowance.left);
        match left.load(Ordering::Relaxed).checked_sub(read) {
            Some(rest) => left.store(rest, Ordering::Relaxed),
            None => return Poll::Ready(Err(USED_UP.into())),
        }
        Poll::Ready(Ok(()))
    }
}

impl<Stream: AsyncWrite + Unpin> AsyncWrite for Metered<Stream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn no_more_is_read_than_is_allowed_until_that_is_renewed() {
        let allowance = Allowance::of(4);
        let mut stream = Metered::new(&[7; 12][..], allowance.clone());
        let mut four = [0; 4];
        stream.read_exact(&mut four).await.expect("allowed");
        allowance.renew();
        stream.read_exact(&mut four).await.expect("allowed again");
        let why = stream.read_exact(&mut four).await.expect_err("too much");
        assert_eq!(why.kind(), USED_UP);
        let mut stream = Metered::new(&[7; 12][..], allowance.clone());
        allowance.lift();
        assert_eq!(stream.read_to_end(&mut Vec::new()).await.ok(), Some(12));
    }
}
