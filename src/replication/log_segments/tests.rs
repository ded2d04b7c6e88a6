//! What a segmented log holds after crashes, and what it refuses.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use proptest::{prelude::*, test_runner::FileFailurePersistence};
use rand::{SeedableRng as _, rngs::StdRng};

use super::{
    NewEntries, Recovered, SegmentSizes, create,
    frame::{Content, Entries, FrameHead, SECTOR, encode as encode_frame, sector_of},
    open,
    segment::{name, sequences},
};
use crate::{
    domain::NodeId,
    envelope::{self, Kind},
    host::random_access::{Folder as _, ReadFolder as _},
    replication::{
        Entry, Vote, encode,
        tests::{
            entries::{account, batch, blank},
            memory_folder::{Gate, MemoryFolder},
        },
    },
};

const LOG: u64 = 77;
/// So short that every history has many.
const SHORT: SegmentSizes = SegmentSizes { smallest: 4 << 10, largest: 16 << 10 };
/// How many histories are tried.
const HISTORIES: u32 = 3_000;

/// An entry with so many commands: one has about 40 bytes.
fn entry(term: u64, index: u64, commands: usize) -> Entry {
    match commands {
        0 => blank(term, index),
        _ => batch(term, index, vec![account(&"a".repeat(32)); commands]),
    }
}

fn append(log: &mut Recovered, entries: &[Entry]) -> io::Result<()> {
    let sealed: Vec<_> = entries.iter().map(|it| envelope::seal(Kind::LogEntry, it)).collect();
    let encoded = sealed.iter().map(Vec::as_slice).collect();
    let new = NewEntries { first: entries[0].log_id.index, count: entries.len(), encoded };
    log.writer.append(&new, true)
}

fn all(log: &Recovered) -> Vec<Entry> {
    log.reader.entries(0..u64::MAX, |_| true).expect("sound")
}

/// A log without entries.
fn begun() -> MemoryFolder {
    let folder = MemoryFolder::new();
    create(&folder, LOG, SHORT).expect("a good disk");
    folder
}

fn opened(folder: &MemoryFolder, purged_end: u64) -> Recovered {
    open(Box::new(folder.clone()), LOG, purged_end, SHORT).expect("sound")
}

fn refusal(folder: &MemoryFolder, purged_end: u64) -> Option<String> {
    let error = open(Box::new(folder.clone()), LOG, purged_end, SHORT).err()?;
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
    Some(error.to_string())
}

/// A log of several segments, each append of which is one frame, and what it holds.
fn filled() -> (MemoryFolder, Vec<Entry>) {
    let folder = begun();
    let mut log = opened(&folder, 0);
    let mut entries: Vec<Entry> = (0..9).map(|index| entry(1, index, 40)).collect();
    for some in entries.chunks(2) {
        append(&mut log, some).expect("a good disk");
    }
    log.writer.truncate(7).expect("a good disk");
    entries.truncate(7);
    assert!(sequences(&folder).expect("readable").len() > 2);
    (folder, entries)
}

fn always() -> Gate {
    Arc::new(|_| Ok(()))
}

/// Lets so many operations be done.
fn only(operations: u32) -> Gate {
    let done = AtomicU32::new(0);
    Arc::new(move |_| {
        let may_be_done = done.fetch_add(1, Ordering::Relaxed) < operations;
        may_be_done.then_some(()).ok_or_else(|| io::Error::other("the process has ended"))
    })
}

/// What one process does with the log until it ends.
#[derive(Clone, Debug)]
struct Life {
    steps: Vec<Step>,
    /// It ends in the middle of what it does, after so many operations of the disk.
    ends_after: Option<u32>,
    /// Together with the power.
    loses_power: bool,
}

#[derive(Clone, Debug)]
enum Step {
    /// So many entries of so many commands each.
    Append(u64, usize),
    /// From this fraction of the log on, in thousandths.
    Truncate(u64),
    /// Up to this fraction of the log, or beyond its end.
    Purge(u64),
    Vote,
    Prepare,
}

fn step() -> impl Strategy<Value = Step> {
    let commands = prop_oneof![3 => 0..8usize, 2 => 8..60usize, 1 => 60..450usize];
    prop_oneof![
        8 => (1..5u64, commands).prop_map(|(count, commands)| Step::Append(count, commands)),
        2 => (0..1_000u64).prop_map(Step::Truncate),
        1 => (0..1_100u64).prop_map(Step::Purge),
        1 => Just(Step::Vote),
        3 => Just(Step::Prepare),
    ]
}

fn life() -> impl Strategy<Value = Life> {
    let steps = prop::collection::vec(step(), 0..12);
    let ends_after = prop::option::weighted(0.7, 0..30u32);
    (steps, ends_after, any::<bool>()).prop_map(|(steps, ends_after, loses_power)| Life {
        steps,
        ends_after,
        loses_power,
    })
}

/// What the log may hold.
#[derive(Clone, Debug, Default)]
struct Model {
    entries: Vec<Entry>,
    purged_end: u64,
    end: u64,
    /// What frames carry from now on.
    vote: Option<Vote>,
    /// What some carry.
    durable_vote: Option<Vote>,
}

impl Model {
    fn is_in(&self, log: &Recovered) -> bool {
        encode(&self.entries) == encode(&all(log))
            && self.end == log.reader.end()
            && self.durable_vote <= log.vote
    }

    /// The index at this fraction of the log.
    fn at(&self, share: u64) -> u64 {
        let first = self.entries.first().map_or(self.end, |first| first.log_id.index);
        first + (self.end - first) * share.min(1_000) / 1_000 + share.saturating_sub(1_000) / 10
    }

    /// Does a step. If the disk does not, either this was done or nothing.
    fn take(&mut self, step: &Step, term: u64, log: &mut Recovered) -> io::Result<()> {
        match *step {
            Step::Append(count, commands) => {
                let indexes = self.end..self.end + count;
                let new: Vec<_> = indexes.map(|index| entry(term, index, commands)).collect();
                self.end += count;
                self.entries.extend(new.clone());
                append(log, &new)?;
            }
            Step::Truncate(share) => {
                let since = self.at(share);
                self.entries.retain(|entry| entry.log_id.index < since);
                self.end = since;
                log.writer.truncate(since)?;
            }
            Step::Purge(share) => {
                self.purged_end = self.at(share);
                self.end = self.end.max(self.purged_end);
                self.entries.retain(|entry| entry.log_id.index >= self.purged_end);
                return log.writer.purge(self.purged_end);
            }
            Step::Vote => {
                let vote = Vote::new_committed(term, NodeId::new(1));
                self.vote = Some(vote);
                log.writer.set_vote(vote);
                return Ok(());
            }
            Step::Prepare => {
                log.writer.prepare();
                return Ok(());
            }
        }
        self.durable_vote = self.vote;
        Ok(())
    }
}

/// Everything that the log may hold at the end of these lives, and the folder that holds it.
fn after(lives: &[Life], random: &mut StdRng) -> (MemoryFolder, Vec<Model>) {
    let mut folder = begun();
    let mut possible = vec![Model::default()];
    let mut term = 0;
    for life in lives {
        let disk = folder.behind(life.ends_after.map_or_else(always, only));
        match open(Box::new(disk), LOG, possible[0].purged_end, SHORT) {
            Err(error) => assert!(life.ends_after.is_some(), "{error}"),
            Ok(mut log) => {
                let mut model = found(&possible, &log);
                model.vote = log.vote;
                for step in &life.steps {
                    term += 1;
                    let before = model.clone();
                    let done = model.take(step, term, &mut log);
                    // That it was purged is on disk before.
                    let is_certain = done.is_ok() || matches!(step, Step::Purge(_));
                    possible = if is_certain { vec![] } else { vec![before] };
                    possible.push(model.clone());
                    if let Err(error) = done {
                        assert!(life.ends_after.is_some(), "{error}");
                        break;
                    }
                    assert_eq!(encode(&all(&log)), encode(&model.entries), "{step:?}");
                    assert_eq!(log.reader.end(), model.end, "{step:?}");
                }
            }
        }
        if life.loses_power {
            folder = folder.after_a_loss_of_power(random);
        }
    }
    (folder, possible)
}

fn found(possible: &[Model], log: &Recovered) -> Model {
    let found = possible.iter().find(|model| model.is_in(log));
    found.unwrap_or_else(|| panic!("{:?} {:?}: {possible:#?}", log.vote, all(log))).clone()
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::with_cases(HISTORIES)
    })]

    /// Whatever was acknowledged is there, whenever the disk stops; the rest is there as a whole or not at
    /// all; and nothing that was cut off or purged comes back.
    #[test]
    fn what_was_acknowledged_survives_and_the_rest_is_whole_or_absent(
        seed in any::<u64>(),
        lives in prop::collection::vec(life(), 1..7),
    ) {
        let mut random = StdRng::seed_from_u64(seed);
        let (folder, possible) = after(&lives, &mut random);
        found(&possible, &opened(&folder, possible[0].purged_end));
        // What was found is on disk, even if it was not when it was written.
        let folder = folder.after_a_loss_of_power(&mut random);
        found(&possible, &opened(&folder, possible[0].purged_end));
    }
}

#[test]
fn a_log_of_which_everything_was_cut_off_begins_again_however_often_it_is_opened() {
    let (folder, _) = filled();
    let before = sequences(&folder).expect("readable");
    opened(&folder, 0).writer.truncate(0).expect("a good disk");
    for _ in 0..2 {
        assert_eq!(opened(&folder, 0).reader.end(), 0);
    }
    assert_eq!(sequences(&folder).expect("readable")[..before.len()], before, "nothing was purged");
    let mut log = opened(&folder, 0);
    append(&mut log, &[entry(2, 1, 1)]).expect("it may begin at any index");
    assert_eq!(encode(&all(&opened(&folder, 0))), encode(&vec![entry(2, 1, 1)]));
}

#[test]
fn segments_go_with_what_was_purged_and_only_then() {
    let (folder, entries) = filled();
    let before = sequences(&folder).expect("readable");
    let mut log = opened(&folder, 0);
    log.writer.purge(1).expect("a good disk");
    assert_eq!(encode(&all(&log)), encode(&entries[1..].to_vec()));
    log.writer.purge(5).expect("a good disk");
    let after = sequences(&folder).expect("readable");
    assert!(after.len() < before.len(), "{before:?} {after:?}");
    assert_eq!(encode(&all(&opened(&folder, 5))), encode(&entries[5..].to_vec()));
    // A snapshot takes the place of the whole log, and of what it does not have yet.
    log.writer.purge(20).expect("a good disk");
    assert_eq!(sequences(&folder).expect("readable").len(), 1);
    append(&mut log, &[blank(2, 20)]).expect("it goes on behind that");
    assert_eq!(encode(&all(&opened(&folder, 20))), encode(&vec![blank(2, 20)]));
}

#[test]
fn the_next_segment_is_made_before_it_is_needed() {
    let folder = begun();
    let mut log = opened(&folder, 0);
    append(&mut log, &[entry(1, 0, 2)]).expect("a good disk");
    log.writer.prepare();
    assert_eq!(folder.names().expect("readable"), [name(1)], "there is much room");
    append(&mut log, &[entry(1, 1, 45)]).expect("a good disk");
    log.writer.prepare();
    assert_eq!(folder.names().expect("readable"), [name(1), "spare".to_owned()]);
    append(&mut log, &[entry(1, 2, 45)]).expect("a good disk");
    assert_eq!(folder.names().expect("readable"), [name(1), name(2)]);
    assert_eq!(all(&opened(&folder, 0)).len(), 3);
}

#[test]
fn of_a_torn_frame_nothing_is_left_whichever_sectors_were_written() {
    let before = [entry(1, 0, 3), entry(1, 1, 0)];
    let torn = [entry(1, 2, 50)];
    let next = [entry(2, 2, 1)];
    let folder = begun();
    let mut log = opened(&folder, 0);
    append(&mut log, &before).expect("a good disk");
    let used = log.writer.used;
    append(&mut log, &torn).expect("a good disk");
    let sectors = (log.writer.used - used) / SECTOR;
    assert!(sectors > 3);
    for kept in 0..1_u32 << sectors {
        let image = folder.after_a_loss_of_power(&mut StdRng::seed_from_u64(0));
        image.spoil(&name(1), |bytes| {
            for sector in (0..sectors).filter(|sector| kept & 1 << sector == 0) {
                bytes[used + sector * SECTOR..][..SECTOR].fill(0);
            }
        });
        let is_whole = kept + 1 == 1 << sectors;
        let mut log = opened(&image, 0);
        let mut expected = if is_whole { [&before[..], &torn].concat() } else { before.to_vec() };
        assert_eq!(encode(&all(&log)), encode(&expected), "{kept:b}");
        if !is_whole {
            append(&mut log, &next).expect("a good disk");
            expected.extend(next.clone());
        }
        let image = image.after_a_loss_of_power(&mut StdRng::seed_from_u64(1));
        assert_eq!(encode(&all(&opened(&image, 0))), encode(&expected), "{kept:b}");
    }
}

#[test]
fn whatever_byte_has_changed_the_log_is_refused_or_it_is_the_same() {
    let (folder, entries) = filled();
    let mut random = StdRng::seed_from_u64(0);
    let mut harmless = 0;
    let mut tried = 0;
    for sequence in sequences(&folder).expect("readable") {
        let length = folder.open(&name(sequence)).expect("there").length().expect("readable");
        for at in 0..usize::try_from(length).expect("short") {
            let image = folder.after_a_loss_of_power(&mut random);
            image.spoil(&name(sequence), |bytes| bytes[at] ^= 1 << (at % 8));
            tried += 1;
            if refusal(&image, 0).is_none() {
                harmless += 1;
                let found = all(&opened(&image, 0));
                assert_eq!(encode(&found), encode(&entries), "byte {at} of segment {sequence}");
            }
        }
    }
    assert!(harmless < tried / 2, "{harmless} of {tried} did no harm");
}

#[test]
fn a_frame_that_is_gone_before_another_one_is_damage() {
    let (folder, _) = filled();
    let image = || folder.after_a_loss_of_power(&mut StdRng::seed_from_u64(0));
    let frames: Vec<(u32, usize, usize)> = {
        let log = opened(&folder, 0);
        let readable = log.writer.readable.lock();
        let mut indexes = 0..7;
        std::iter::from_fn(|| {
            let (frame, within) = readable.index.find(&indexes)?;
            indexes.start = within.end;
            Some((frame.segment, frame.sector as usize * SECTOR, frame.bytes as usize))
        })
        .collect()
    };
    assert!(frames.len() > 3);
    for (segment, at, bytes) in frames {
        let gone = image();
        gone.spoil(&name(segment), |segment| segment[at..at + bytes].fill(0));
        let said = refusal(&gone, 0).expect("refused");
        assert!(said.contains("before an intact one"), "{said}");
    }
}

#[test]
fn a_segment_that_is_missing_is_damage_whichever_it_is() {
    let (folder, entries) = filled();
    let all_of_them = sequences(&folder).expect("readable");
    for missing in &all_of_them {
        let image = folder.after_a_loss_of_power(&mut StdRng::seed_from_u64(0));
        image.remove(&name(*missing)).expect("there");
        let said = refusal(&image, 0).expect("refused");
        assert!(said.contains("missing"), "{missing}: {said}");
        // Whatever is purged need not be there.
        if *missing == 1 {
            let first = opened(&folder, 0).reader;
            let begins = first.entries(0..1, |_| true).expect("there").len();
            assert_eq!(begins, 1);
            let purged_end = 6;
            let left = opened(&image, purged_end);
            assert_eq!(encode(&all(&left)), encode(&entries[6..].to_vec()));
        }
    }
    for missing in &all_of_them {
        folder.remove(&name(*missing)).expect("there");
    }
    assert!(refusal(&folder, 0).expect("refused").contains("missing"));
}

#[test]
fn segments_of_which_nothing_is_known_are_not_replaced_unless_they_are_empty() {
    let empty = begun();
    create(&empty, LOG + 1, SHORT).expect("an attempt before");
    let (folder, _) = filled();
    let error = create(&folder, LOG + 1, SHORT).expect_err("there is a log");
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    let other = open(Box::new(folder), LOG + 1, 0, SHORT).err().expect("it is another log");
    assert!(other.to_string().contains("another log"), "{other}");
}

#[test]
fn what_looks_like_a_frame_and_stands_in_an_entry_is_none() {
    let folder = begun();
    let mut log = opened(&folder, 0);
    append(&mut log, &[entry(1, 0, 1)]).expect("a good disk");
    let used = log.writer.used;
    append(&mut log, &[entry(1, 1, 40)]).expect("a good disk");
    // What somebody may have posted who knows all but the id of the log.
    let sector = sector_of(used + 2 * SECTOR);
    let content = Content::Entries(Entries::describe(1, 0, &[]));
    let forged = FrameHead { log: LOG + 1, segment: 1, sector, vote: None, content };
    folder.spoil(&name(1), |segment| {
        segment[used..used + SECTOR].fill(0);
        segment[used + 2 * SECTOR..][..SECTOR].copy_from_slice(&encode_frame(&forged, &[]));
    });
    let log = opened(&folder, 0);
    assert_eq!(encode(&all(&log)), encode(&vec![entry(1, 0, 1)]));
    assert_eq!(log.writer.used, used);
}

#[test]
fn what_has_changed_since_it_was_opened_is_an_error_when_it_is_read() {
    let (folder, _) = filled();
    let log = opened(&folder, 0);
    folder.spoil(&name(2), |segment| segment[SECTOR + 300] ^= 1);
    let error = log.reader.entries(0..3, |_| true).expect_err("it has changed");
    assert!(error.to_string().contains("has changed"), "{error}");
    assert_eq!(log.reader.entries(4..6, |_| true).expect("sound").len(), 2);
}

#[test]
fn after_a_failed_write_nothing_is_written() {
    let folder = begun();
    let disk = folder.behind(only(6));
    let mut log = open(Box::new(disk), LOG, 0, SHORT).expect("sound");
    let mut index = 0;
    while append(&mut log, &[blank(1, index)]).is_ok() {
        index += 1;
    }
    for _ in 0..3 {
        let error = append(&mut log, &[blank(1, index)]).expect_err("refused");
        assert!(error.to_string().contains("earlier write"), "{error}");
    }
    assert!(log.writer.truncate(0).is_err() && log.writer.purge(1).is_err());
}
