//! The log compared with a plain vector: whatever was appended, truncated and purged, reading gives
//! the same from memory and from disk.

use futures::FutureExt as _;
use openraft::{
    RaftLogReader as _,
    storage::{RaftLogStorage as _, RaftLogStorageExt as _},
};
use proptest::prelude::*;

use super::{
    entries::{account, batch, log_id},
    memory_folder::MemoryFolder,
};
use crate::{
    host::disk,
    replication::{Entry, encode, log_facts::LogFacts, log_store::LogStore},
};

#[derive(Clone, Debug)]
enum Step {
    /// This many entries.
    Append(u64),
    /// From this fraction of the log on, in thousandths.
    Truncate(u64),
    /// Up to this fraction of the log.
    Purge(u64),
    /// From this fraction on, this many.
    Read(u64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..200u64).prop_map(Step::Append),
        1 => (0..1_000u64).prop_map(Step::Truncate),
        1 => (0..1_000u64).prop_map(Step::Purge),
        4 => (0..1_200u64, 0..400u64).prop_map(|(start, count)| Step::Read(start, count)),
    ]
}

/// The expected entries; each append is of a later term.
#[derive(Default)]
struct Model {
    entries: Vec<Entry>,
    /// Index of the last entry before the first one that is left.
    purged: u64,
    term: u64,
}

impl Model {
    fn at(&self, share: u64) -> u64 {
        let count = u64::try_from(self.entries.len()).expect("small");
        self.purged + 1 + count * share / 1_000
    }

    fn end(&self) -> u64 {
        self.at(1_000)
    }

    fn within(&self, start: u64, end: u64) -> Vec<Entry> {
        let within = self.entries.iter().filter(|entry| (start..end).contains(&entry.log_id.index));
        within.cloned().collect()
    }
}

async fn take(step: &Step, log: &mut LogStore, model: &mut Model) {
    match *step {
        Step::Append(count) => {
            model.term += 1;
            let (term, end) = (model.term, model.end());
            let new: Vec<Entry> = (end..end + count)
                .map(|index| batch(term, index, [account(&format!("user-{index}"))]))
                .collect();
            log.blocking_append(new.clone()).await.expect("appended");
            model.entries.extend(new);
        }
        Step::Truncate(share) => {
            let since = model.at(share);
            let Some(first) = model.within(since, since + 1).pop() else { return };
            log.truncate(first.log_id).await.expect("truncated");
            model.entries.retain(|entry| entry.log_id.index < since);
        }
        Step::Purge(share) => {
            let upto = model.at(share);
            let Some(last) = model.within(upto, upto + 1).pop() else { return };
            log.purge(last.log_id).await.expect("purged");
            model.entries.retain(|entry| entry.log_id.index > upto);
            model.purged = upto;
        }
        Step::Read(share, count) => {
            let start = model.at(share);
            let expected = model.within(start, start + count);
            let found = log.try_get_log_entries(start..start + count).await.expect("read");
            assert_eq!(encode(&found), encode(&expected));
            let some = log.limited_get_log_entries(start, start + count).await.expect("read");
            assert_eq!(encode(&some), encode(&expected[..some.len()].to_vec()));
            assert_eq!(some.is_empty(), expected.is_empty());
        }
    }
}

fn in_memory() -> LogStore {
    let facts = LogFacts::open(disk::in_memory().expect("memory")).expect("opens");
    LogStore::with_parts(facts, Box::new(MemoryFolder::new())).expect("opens")
}

async fn agrees(steps: Vec<Step>) {
    let mut log = in_memory();
    let mut model = Model::default();
    for step in steps {
        take(&step, &mut log, &mut model).await;
        let last = log.last_log_id().expect("read");
        let end = last.map_or(1, |log_id| log_id.index + 1);
        assert_eq!(end, model.end(), "{step:?}");
        let durable = log.durable();
        assert_eq!(durable.wait_for_entry(last).now_or_never(), Some(Ok(())), "{step:?}");
        assert_eq!(durable.wait_for_entry(Some(log_id(1, end))).now_or_never(), None, "{step:?}");
    }
    let all = log.try_get_log_entries(..).await.expect("read");
    assert_eq!(encode(&all), encode(&model.entries));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn reading_agrees_with_what_was_written_truncated_and_purged(
        steps in prop::collection::vec(step(), 0..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(agrees(steps));
    }
}

#[tokio::test]
async fn one_replication_call_carries_a_bounded_number_of_bytes_and_one_entry_at_least() {
    let mut log = in_memory();
    let long = account(&"a".repeat(32));
    let entry = |index| batch(1, index, (0..20_000).map(|_| long.clone()));
    let entries: Vec<Entry> = (1..=4).map(entry).collect();
    let size = encode(&entries[0]).len();
    log.blocking_append(entries).await.expect("appended");
    let found = log.limited_get_log_entries(1, 5).await.expect("read");
    assert!(
        !found.is_empty() && found.len() * size < (1 << 20) + size,
        "{} of {size}",
        found.len()
    );
    log.purge(log_id(1, 3)).await.expect("purged");
    assert_eq!(log.limited_get_log_entries(4, 5).await.expect("read").len(), 1);
}
