//! Segments of the log, as they are found on disk.

use openraft::{CommittedLeaderId, EntryPayload};

use crate::{
    domain::NodeId,
    envelope::{Kind, mend, peek, seal, split_first},
    replication::{
        Entry, LogId, Vote,
        log_segments::{
            Content, Entries, FrameHead, SECTOR, SegmentHeader, encode, encode_header, examine,
        },
    },
};

/// A segment, in which the checksums of the header and of all heads are set right first. The frames that
/// are found in it stand one behind the other, and before what is torn.
pub fn segments(bytes: &[u8]) {
    let Ok((header, scan)) = examine(&mended(bytes)) else { return };
    let mut end = SECTOR;
    for frame in &scan.frames {
        assert_eq!((frame.at, frame.head.log), (end, header.log), "{frame:?}");
        end += frame.length();
    }
    assert_eq!(end, scan.end);
    assert!(scan.torn_until == end || scan.torn_until <= bytes.len().next_multiple_of(SECTOR));
}

fn mended(bytes: &[u8]) -> Vec<u8> {
    let mut segment = bytes.to_vec();
    for sector in segment.chunks_mut(SECTOR) {
        if let Some((Kind::LogSegment | Kind::LogFrame, _)) = peek(sector)
            && let Some((sealed, _)) = split_first(sector)
        {
            let sound = mend(sealed);
            // It may have another length when that is encoded as shortly as possible.
            if sound.len() == sealed.len() {
                sector[..sound.len()].copy_from_slice(&sound);
            }
        }
    }
    segment
}

pub fn seeds_of_segments() -> Vec<Vec<u8>> {
    let vote = Some(Vote::new_committed(7, NodeId::new(1)));
    let header = SegmentHeader { log: 9, sequence: 3, first: 12, bytes: 4_096, vote };
    let log_id = LogId::new(CommittedLeaderId::new(7, NodeId::new(1)), 12);
    let entry = seal(Kind::LogEntry, &Entry { log_id, payload: EntryPayload::Blank });
    let appended = [entry.as_slice(), &[1; 600]];
    let contents = [
        (Content::Entries(Entries::describe(12, 2, &appended)), &appended[..]),
        (Content::Truncation(13), &[]),
        (Content::SegmentEnd, &[]),
    ];
    let mut segment = encode_header(&header);
    for (content, entries) in contents {
        let sector = u32::try_from(segment.len() / SECTOR).expect("few");
        let head = FrameHead { log: 9, segment: 3, sector, vote, content };
        segment.extend(encode(&head, entries));
    }
    let is_whole = segment.clone();
    segment.resize(4_096, 0);
    // The first frame, of which the second sector is missing.
    let mut torn = is_whole[..2 * SECTOR].to_vec();
    torn.resize(4_096, 0);
    let mut changed = segment.clone();
    changed[SECTOR + 200] ^= 1;
    vec![is_whole, segment, torn, changed]
}
