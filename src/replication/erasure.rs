//! Takes what was deleted out of this node's files, too, within a stated time. For readers it is gone at once; but rows
//! that were overwritten stay on the disk until tables are merged, and what was written stays in the log.
//!
//! Of the stated time, a log keeps nothing that is older than half, in segments none of which goes on for longer than a
//! quarter; and the tables are merged if something was deleted that was in them half of it ago. It is looked 24 times.
//!
//! **A log that is needed stays.** A node forgets old entries only while it hears a leader: whoever votes and lacks
//! them is then either caught up by that, or loses its vote.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{
    compaction::{self, CompactionError},
    log_error::LogError,
    log_store::LogStore,
    node::Node,
};
use crate::{
    domain::UnixMillis,
    envelope::{self, Kind},
    host::thread::{self, JobLost},
    social::{State, StateError},
};

/// So often it is looked within the stated time.
const LOOKS: u32 = 24;
/// The fact beside the state: an [`Erasure`].
const ERASED: &str = "erased";

/// What is in no table of the state any more.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Erasure {
    /// What was removed so often before ([`View::words_removed`](crate::social::View::words_removed)).
    removed: u64,
    /// When that was seen to, by this node's time.
    at: UnixMillis,
}

/// Something is still there.
#[derive(Debug, thiserror::Error)]
enum ErasureError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Compaction(#[from] CompactionError),
    #[error("this node is about to stop")]
    Stopping(#[from] JobLost),
}

/// Erases what is due, for as long as the node runs; never returns.
pub async fn run(node: Node, within: Duration) {
    let every = within / LOOKS;
    let mut looks = interval_at(Instant::now() + every, every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut segment = None;
    loop {
        looks.tick().await;
        if !node.leads() && node.known_leader().is_none() {
            continue;
        }
        let log = node.log();
        for erased in [
            end_segment(log, &mut segment, within / 4).await,
            forget_entries(&node, within / 2).await,
            merge_tables(&node, within / 2).await,
        ] {
            if let Err(why) = erased {
                tracing::warn!(%why, "what was deleted is still in files of this node; this is tried again");
            }
        }
    }
}

/// Ends the segment with the newest entries if it was seen so long ago, so that it can be removed once these are
/// forgotten.
async fn end_segment(
    log: &LogStore,
    seen: &mut Option<(u32, Instant)>,
    after: Duration,
) -> Result<(), ErasureError> {
    let Some(newest) = log.newest_segment() else { return Ok(()) };
    // One that is found at the start may be of any age.
    let ends = match *seen {
        Some((segment, at)) if segment == newest && at.elapsed() < after => return Ok(()),
        Some((segment, _)) => segment == newest,
        None => true,
    };
    *seen = Some((newest, Instant::now()));
    if ends { Ok(log.end_segment().await?) } else { Ok(()) }
}

/// Forgets the entries of the log that were made so long ago.
async fn forget_entries(node: &Node, after: Duration) -> Result<(), ErasureError> {
    let applied = node.raft().metrics().borrow().last_applied;
    let Some(applied) = applied else { return Ok(()) };
    let (log, before) = (node.log().clone(), node.now().saturating_sub(after));
    let last = thread::run(move || log.last_made_before(before, applied.index)).await??;
    match last {
        Some(last) => Ok(compaction::purge_log(node, last).await?),
        None => Ok(()),
    }
}

/// Merges all tables of the state if something that is in them was deleted, and they were not merged for so long.
async fn merge_tables(node: &Node, after: Duration) -> Result<(), ErasureError> {
    let Some(state) = node.state() else { return Ok(()) };
    let at = node.now();
    thread::run(move || {
        let (erased, removed) = (erased(&state)?, state.reader().view()?.words_removed());
        if removed == erased.removed || at < erased.at.saturating_add(after) {
            return Ok(());
        }
        compaction::compact_state(&state)?;
        let change = state.begin();
        change.put_fact(ERASED, &envelope::seal(Kind::Erasure, &Erasure { removed, at }));
        change.commit_durably()?;
        tracing::info!("what was deleted is in no table of the state any more");
        Ok(())
    })
    .await?
}

fn erased(state: &State) -> Result<Erasure, StateError> {
    let fact = state.reader().facts().get(ERASED)?;
    let known = fact.map(|sealed| envelope::open(Kind::Erasure, &sealed)).transpose()?;
    Ok(known.unwrap_or_default())
}
