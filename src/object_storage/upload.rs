//! An object that is being written, in parts of one length. It appears in the store when it is complete.
//!
//! What fills it is synchronous, on a thread of its own ([`ObjectWriter`]); what it has written goes to the store
//! part by part. At most three are in memory: one that is being filled, one that waits, and one on its way.

use std::io::{self, Write};

use object_store::MultipartUpload;
use tokio::sync::mpsc;

use super::{address::Address, failure::StoreError};

/// The length of a part. Stores want 5 MiB at least, some want all to be alike, and none takes more than
/// [`MOST_PARTS`]: 80 GB in all.
const PART_BYTES: usize = 8 << 20;
/// So many parts an object has at most.
const MOST_PARTS: usize = 10_000;

/// An object that is being written.
#[derive(Debug)]
pub struct Upload {
    begun: Box<dyn MultipartUpload>,
    address: Address,
    part_bytes: usize,
}

/// An object was not filled.
#[derive(Debug, thiserror::Error)]
pub enum FillError<E> {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was to be written.
    #[error("{0}")]
    Writer(E),
}

impl Upload {
    pub(super) fn new(begun: Box<dyn MultipartUpload>, address: Address) -> Self {
        Self { begun, address, part_bytes: PART_BYTES }
    }

    #[cfg(test)]
    pub(super) fn in_parts_of(mut self, bytes: usize) -> Self {
        self.part_bytes = bytes;
        self
    }

    /// Fills it with what `write` writes, which gives the writer back.
    pub async fn fill<E>(
        &mut self,
        write: impl AsyncFnOnce(ObjectWriter) -> Result<ObjectWriter, E>,
    ) -> Result<(), FillError<E>> {
        let (sender, mut parts) = mpsc::channel(1);
        let writer = ObjectWriter { sender, part: Vec::new(), part_bytes: self.part_bytes };
        let write = async {
            let ObjectWriter { sender, part, .. } = write(writer).await?;
            // If nobody receives it, the store has failed, which is told.
            let _ = sender.send(part).await;
            Ok(())
        };
        let send = async {
            let mut sent = 0;
            while let Some(part) = parts.recv().await {
                if sent == MOST_PARTS {
                    // The writer fails too.
                    parts.close();
                    let (address, part_bytes) = (self.address.clone(), self.part_bytes);
                    return Err(StoreError::TooLong { address, parts: MOST_PARTS, part_bytes });
                }
                if let Err(error) = self.begun.put_part(part.into()).await {
                    parts.close();
                    return Err(StoreError::of("write", &self.address, &error));
                }
                sent += 1;
            }
            Ok(())
        };
        let (sent, written) = tokio::join!(send, write);
        sent?;
        written.map_err(FillError::Writer)
    }

    /// Lets it appear.
    pub async fn complete(&mut self) -> Result<(), StoreError> {
        let completed = self.begun.complete().await;
        completed.map(|_| ()).map_err(|error| StoreError::of("complete", &self.address, &error))
    }

    /// Takes back what was written.
    pub async fn abort(&mut self) -> Result<(), StoreError> {
        let aborted = self.begun.abort().await;
        aborted.map_err(|error| StoreError::of("take back", &self.address, &error))
    }
}

/// Where the content of an object is written. Writing blocks while the store is slower.
#[derive(Debug)]
pub struct ObjectWriter {
    sender: mpsc::Sender<Vec<u8>>,
    part: Vec<u8>,
    part_bytes: usize,
}

impl Write for ObjectWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.part.len() == self.part_bytes {
            let part = std::mem::take(&mut self.part);
            let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the store takes no more");
            self.sender.blocking_send(part).map_err(gone)?;
        }
        let taken = bytes.len().min(self.part_bytes - self.part.len());
        self.part.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// Parts have one length: what is left is sent at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
