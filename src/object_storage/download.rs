//! An object as it is read, by something synchronous on a thread of its own.

use std::io::{self, BufRead, Read};

use bytes::{Buf as _, Bytes};
use futures::{StreamExt as _, stream::BoxStream};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::{address::Address, failure::StoreError};
use crate::host::task;

/// So many pieces of it wait at most, of some kilobytes each.
const PIECES_WAITING: usize = 16;

/// An object that is being read. Reading blocks, so it must not be done by a task.
#[derive(Debug)]
pub struct Download {
    pieces: mpsc::Receiver<Result<Bytes, StoreError>>,
    piece: Bytes,
    _forwarded: AbortOnDropHandle<()>,
}

impl Download {
    pub(super) fn new(
        mut content: BoxStream<'static, object_store::Result<Bytes>>,
        address: Address,
    ) -> Self {
        let (sender, pieces) = mpsc::channel(PIECES_WAITING);
        let forward = async move {
            while let Some(piece) = content.next().await {
                let piece = piece.map_err(|error| StoreError::of("read", &address, &error));
                if sender.send(piece).await.is_err() {
                    return;
                }
            }
        };
        Self { pieces, piece: Bytes::new(), _forwarded: task::spawn_owned(forward) }
    }
}

impl Read for Download {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let read = available.read(bytes)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Download {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece.map_err(io::Error::other)?,
                None => break,
            }
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, bytes: usize) {
        self.piece.advance(bytes);
    }
}
