//! Backups, as they are found in files.

use openraft::CommittedLeaderId;

use super::states;
use crate::{
    domain::{ClusterId, NodeId, UnixMillis},
    envelope::{self, mend},
    replication::{
        LogId,
        backup::{
            file::{self, BackupReader},
            format::{BackupDecoder, BackupEncoder, BackupHeader},
        },
    },
    wire::internal::SnapshotChunk,
};

/// A file, in which the checksums of all parts are set right first. Only that of the end of the whole is not, so
/// the end is that of what was read: then it is read again.
pub fn backups(bytes: &[u8]) {
    let sound = mended(bytes);
    let mut reader = BackupReader::new(&*sound);
    let Ok(header) = reader.header() else { return };
    let mut encoder = BackupEncoder::default();
    let mut again = encoder.header(&header);
    let mut blocks = Vec::new();
    let refused = loop {
        match reader.block() {
            Ok(Some(content)) => {
                again.extend(encoder.block(&content));
                blocks.push(content);
            }
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
        }
    };
    assert!(reader.at() <= sound.len() as u64, "{refused:?}");
    again.extend(encoder.end());
    let mut reader = BackupReader::new(&*again);
    assert_eq!(reader.header().expect("it was written"), header);
    for block in blocks {
        assert_eq!(reader.block().expect("it was written"), Some(block));
    }
    assert_eq!(reader.block().expect("it was written"), None);
}

/// One part, after a header.
pub fn part(sealed: &[u8]) {
    let mut decoder = BackupDecoder::default();
    let header = BackupEncoder::default().header(&some_header());
    decoder.part(&header).expect("it comes first");
    if let Err(error) = decoder.part(sealed) {
        let _told = error.to_string();
    }
}

/// The same bytes with the checksum of every envelope set right, as far as there are envelopes.
fn mended(mut bytes: &[u8]) -> Vec<u8> {
    let mut sound = Vec::new();
    while let Some((sealed, rest)) = envelope::split_first(bytes) {
        sound.extend(mend(sealed));
        bytes = rest;
    }
    sound.extend(bytes);
    sound
}

/// Of some backup.
pub fn some_header() -> BackupHeader {
    let applied = LogId::new(CommittedLeaderId::new(7, NodeId::new(1)), 120);
    BackupHeader { made_at: UnixMillis::new(9), cluster: ClusterId::new(5), applied }
}

pub fn seeds_of_backups() -> Vec<Vec<u8>> {
    let mut whole = Vec::new();
    let chunks = states::some_chunks().into_iter();
    let mut chunks = chunks.map(|payload| SnapshotChunk { payload: payload.into() });
    file::write(&mut whole, &some_header(), &mut chunks, &mut |_| {})
        .expect("memory does not fail");
    let mut empty = BackupEncoder::default();
    let header = empty.header(&some_header());
    vec![whole, [header, empty.end()].concat()]
}
