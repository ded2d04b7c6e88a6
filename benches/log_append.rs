//! What it costs to append an entry to the log: the time until it is on disk, the processor's time, and the
//! bytes that reach the disk. `cargo bench --bench log_append`, on a quiet machine.

#![allow(missing_docs, clippy::missing_panics_doc, reason = "a benchmark")]

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use nix::sys::resource::{UsageWho, getrusage};
use openraft::{CommittedLeaderId, EntryPayload, storage::RaftLogStorageExt as _};
use tinysns::{
    domain::{ClientId, Draft, NodeId, PostText, RequestKey, UnixMillis, UserId},
    replication::{Batch, Entry, LogId, log_store::LogStore},
    social::{Command, Context, Stamped, sessions::SessionRef},
};

/// How many are measured.
const APPENDS: u64 = 3_000;
/// How many come before them, to warm it up.
const BEFORE: u64 = APPENDS / 10;

/// An entry with so many posts of usual length.
fn entry(index: u64, posts: u64) -> Entry {
    let post = |sequence| Stamped {
        at: UnixMillis::new(1_700_000_000_000),
        command: Command::Publish {
            context: Context {
                user: UserId(sequence % 100),
                session: SessionRef::Unlisted(0),
                key: RequestKey::Counted { client: ClientId(7), sequence, answered_below: 1 },
            },
            draft: Draft::of(
                PostText::new("The quick brown fox jumps over the lazy dog. ".repeat(2), 500)
                    .expect("valid"),
            ),
        },
    };
    let commands: Vec<_> = (0..posts).map(post).collect();
    let log_id = LogId::new(CommittedLeaderId::new(1, NodeId::new(1)), index);
    Entry { log_id, payload: EntryPayload::Normal(Batch::new(&commands)) }
}

/// The time that this process has kept processors busy.
fn processor_time() -> Duration {
    let used = getrusage(UsageWho::RUSAGE_SELF).expect("always");
    let [user, system] = [used.user_time(), used.system_time()];
    let micros =
        user.tv_sec() * 1_000_000 + user.tv_usec() + system.tv_sec() * 1_000_000 + system.tv_usec();
    Duration::from_micros(micros.try_into().expect("positive"))
}

/// How much this process has had written to disks.
fn written() -> u64 {
    let counts = fs::read_to_string("/proc/self/io").expect("of Linux");
    let line = counts.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.expect("of Linux").parse().expect("a number")
}

async fn measure(directory: &Path, posts: u64) {
    let mut log = LogStore::open(&directory.join("raft.redb")).expect("opens");
    let mut times = Vec::new();
    let (mut processor, mut bytes) = (processor_time(), written());
    for index in 0..BEFORE + APPENDS {
        if index == BEFORE {
            (processor, bytes) = (processor_time(), written());
            times.clear();
        }
        let entry = entry(index, posts);
        let begun = Instant::now();
        log.blocking_append([entry]).await.expect("appended");
        times.push(begun.elapsed());
    }
    let each = |all: u128| all / u128::from(APPENDS);
    let processor = each(processor_time().saturating_sub(processor).as_micros());
    let bytes = each(u128::from(written() - bytes));
    times.sort();
    let at = |share: usize| times[times.len() * share / 1_000].as_micros();
    let (half, most, nearly_all) = (at(500), at(990), at(999));
    println!(
        "{posts:>5} posts: p50 {half:>5} µs, p99 {most:>5} µs, p99.9 {nearly_all:>6} µs, \
         processor {processor:>4} µs, written {bytes:>6} bytes"
    );
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for posts in [1, 20, 256] {
        let directory = tempfile::tempdir_in(".").expect("a temporary directory");
        measure(directory.path(), posts).await;
    }
}
