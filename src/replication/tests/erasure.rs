//! What is forgotten of the log leaves its files.

use openraft::storage::{RaftLogStorage as _, RaftLogStorageExt as _};

use super::entries::{batch, blank, crash, log_id, open_log, publish};
use crate::{domain::UnixMillis, host::disk};

#[tokio::test]
async fn how_old_an_entry_is_its_commands_say() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut log = open_log(directory.path());
    // An entry is as old as its index says. Some say nothing.
    let says_nothing = |index| (100..103).contains(&index) || index > 298;
    let entry = |index| {
        if says_nothing(index) { blank(1, index) } else { batch(1, index, [publish(1, index)]) }
    };
    log.blocking_append((1..=300).map(entry)).await.expect("appended");
    let made_before = |ms, last| log.last_made_before(UnixMillis::new(ms), last).expect("readable");
    assert_eq!(made_before(1, 300), None);
    assert_eq!(made_before(2, 300), Some(1));
    assert_eq!(made_before(150, 300), Some(149));
    assert_eq!(made_before(101, 300), Some(99), "what says nothing counts as what is behind it");
    assert_eq!(made_before(104, 300), Some(103));
    assert_eq!(made_before(1_000, 300), Some(298), "nothing is behind those");
    assert_eq!(made_before(1_000, 200), Some(200), "no later than wanted");
    log.purge(log_id(1, 120)).await.expect("purged");
    let made_before = |ms| log.last_made_before(UnixMillis::new(ms), 300).expect("readable");
    assert_eq!((made_before(90), made_before(121), made_before(122)), (None, None, Some(121)));
}

#[tokio::test]
async fn a_segment_that_was_ended_goes_with_its_last_entry() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let has = |words: &str| {
        let segments = directory.path().join("raft-log");
        disk::names(&segments).expect("readable").iter().any(|name| {
            let bytes = std::fs::read(segments.join(name)).expect("readable");
            bytes.windows(words.len()).any(|part| part == words.as_bytes())
        })
    };
    let mut log = open_log(directory.path());
    log.end_segment().await.expect("there is nothing to end");
    log.blocking_append((1..=9).map(|index| batch(1, index, [publish(1, index)])))
        .await
        .expect("appended");
    let segment = log.newest_segment().expect("there is one");
    log.end_segment().await.expect("ended");
    log.blocking_append([batch(1, 10, [publish(1, 1_000)])]).await.expect("appended");
    assert_eq!(log.newest_segment(), Some(segment + 1));
    log.purge(log_id(1, 8)).await.expect("purged");
    assert!(has("post 3"), "its last entry is needed");
    log.purge(log_id(1, 9)).await.expect("purged");
    assert!(!has("post 3") && has("post 1000"));
    // Without any entry, too, the log goes on.
    log.end_segment().await.expect("ended");
    log.purge(log_id(1, 10)).await.expect("purged");
    assert!(!has("post"));
    let image = crash(&directory);
    let mut log = open_log(image.path());
    assert_eq!(log.last_log_id().expect("readable"), Some(log_id(1, 10)));
    log.blocking_append([batch(1, 11, [publish(1, 11)])]).await.expect("appended");
    assert_eq!(log.get_log_state().await.expect("readable").last_log_id, Some(log_id(1, 11)));
}
