//! What is not needed any more is removed from the disk of a node that goes on serving.

use super::{
    cluster::{Member, cluster, until},
    entries::{account, context, dump, publish},
};
use crate::{
    replication::{
        compaction::{self, Compacted, CompactionError},
        log_length,
    },
    social::{Command, Reply},
};

/// Enough for more than one segment of the log.
const ENTRIES: u64 = 1_500;

async fn set_password(member: &Member, sequence: u64) -> Reply {
    let command = Command::SetPassword {
        context: context(1, sequence),
        password_hash: Some(format!("{sequence:01000}")),
    };
    member.writes().submit(command).await.expect("written")
}

#[tokio::test]
async fn what_was_overwritten_and_what_the_state_has_of_the_log_are_removed() {
    let (masters, witness) = cluster(2).await;
    let leader = &masters[0];
    leader.writes().submit(account("ann")).await.expect("written");
    leader.writes().submit(account("bob")).await.expect("written");
    for sequence in 1..=ENTRIES {
        leader.writes().submit(publish(2, sequence)).await.expect("written");
        if sequence % 500 == 0 {
            leader.node.state().expect("it has one").flush().expect("on disk");
        }
    }
    let before = dump(leader.state());
    let bytes = compaction::length(leader.directory()).expect("readable");
    let Compacted { before: found, after } =
        compaction::run(&leader.node).await.expect("compacted");
    assert_eq!(found, bytes);
    until(leader, "a purge", |now| {
        let applied = now.last_applied.map_or(0, |applied| applied.index);
        now.purged.is_some_and(|at| at.index + log_length::lagging_beyond() + 5 >= applied)
    })
    .await;
    assert!(after <= found, "{after} of {found}");
    assert_eq!(dump(leader.state()), before, "nothing is lost");
    // It goes on, and so do the others.
    assert_eq!(set_password(leader, ENTRIES + 1).await, Reply::Done);
    masters[1].level_with(leader).await;
    assert!(matches!(compaction::run(&witness.node).await, Err(CompactionError::NoState)));
}
