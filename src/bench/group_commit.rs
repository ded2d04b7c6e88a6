//! What a durable post costs at least: its bytes are appended to a file, and the file is synced. Those that
//! wait meanwhile share the next write, as the network's entries of the log do.

use std::{
    fs::File,
    io::{self, Write as _},
};

use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use crate::host::{task, thread};

/// The most that share a write, as in the network (`replication/writes`).
const BATCH: usize = 256;
/// What may wait; others wait until there is room.
const WAITING: usize = 4_096;

/// A file, and those who wait for it.
pub struct GroupCommit {
    waiting: mpsc::Sender<Record>,
    _writer: AbortOnDropHandle<()>,
}

struct Record {
    bytes: Vec<u8>,
    written: oneshot::Sender<()>,
}

/// The file could not be written; the log says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file cannot be written")]
pub struct NotWritten;

impl GroupCommit {
    /// Appends to this file.
    pub fn to(file: File) -> Self {
        let (waiting, records) = mpsc::channel(WAITING);
        Self { waiting, _writer: task::spawn_owned(write(file, records)) }
    }

    /// Returns once these bytes are on the disk.
    pub async fn append(&self, bytes: Vec<u8>) -> Result<(), NotWritten> {
        let (written, done) = oneshot::channel();
        let sent = self.waiting.send(Record { bytes, written }).await;
        sent.map_err(|_| NotWritten)?;
        done.await.map_err(|_| NotWritten)
    }
}

/// Writes until nobody may append any more, or until it fails: then those who wait are told by the end of
/// their channel.
async fn write(mut file: File, mut records: mpsc::Receiver<Record>) {
    let mut batch = Vec::with_capacity(BATCH);
    while records.recv_many(&mut batch, BATCH).await > 0 {
        let (bytes, done): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|Record { bytes, written }| (bytes, written)).unzip();
        let written = thread::run(move || -> io::Result<File> {
            file.write_all(&bytes.concat())?;
            file.sync_data()?;
            Ok(file)
        });
        match written.await.map_err(io::Error::from).flatten() {
            Ok(the_same) => file = the_same,
            Err(error) => {
                tracing::error!(%error, "cannot append");
                return;
            }
        }
        for written in done {
            // Whoever has gone needs no answer.
            let _gone = written.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures::future::join_all;

    use super::*;

    #[tokio::test]
    async fn what_was_acknowledged_is_in_the_file_once() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("file");
        let commit = GroupCommit::to(File::create(&path).expect("created"));
        let all =
            join_all((0..1_000).map(|number| commit.append(format!("{number}\n").into_bytes())));
        assert!(all.await.iter().all(Result::is_ok));
        let text = fs::read_to_string(&path).expect("readable");
        let mut found: Vec<u32> =
            text.lines().map(|line| line.parse().expect("a whole record")).collect();
        found.sort_unstable();
        assert_eq!(found, (0..1_000).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn whoever_waits_for_a_file_that_cannot_be_written_is_told() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let commit = GroupCommit::to(File::open(file.path()).expect("only readable"));
        assert_eq!(commit.append(vec![1]).await, Err(NotWritten));
        assert_eq!(commit.append(vec![1]).await, Err(NotWritten), "nor later");
    }
}
