//! Goes on with work that takes many entries of the log, for as long as this master leads, and has pictures forgotten
//! that nobody uses. What is left of it is in the state, so that whoever leads next goes on where this one ended.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::{
    domain::{PostId, UnixMillis},
    replication::{node::Node, writes::Writes},
    social::{Command, StateReader},
};

/// How often it is looked whether there is something to do.
const LOOKS_EVERY: Duration = Duration::from_millis(250);
/// So much is gone on with at a time, one step each.
const AT_A_TIME: usize = 16;
/// Between attempts, while the cluster has no quorum.
const TRIES_AGAIN: Duration = Duration::from_millis(500);

/// Goes on with all that is to be done; never returns.
pub async fn go_on(node: Node, state: StateReader, writes: Writes) {
    let mut looks = interval(LOOKS_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        while node.leads() {
            let chores = chores(&state);
            if chores.is_empty() {
                break;
            }
            for chore in chores {
                step(&writes, Command::GoOn { chore }).await;
            }
        }
        while node.leads() && has_forgettable_picture(&state, node.now()) {
            step(&writes, Command::ForgetPictures).await;
        }
    }
}

/// One step. What others ask gets as much time as it took.
async fn step(writes: &Writes, command: Command) {
    let began = Instant::now();
    match writes.submit(command).await {
        Ok(_reply) => sleep(began.elapsed()).await,
        Err(error) => {
            tracing::debug!(%error, "no step of the work that goes on was made");
            sleep(TRIES_AGAIN).await;
        }
    }
}

/// Whether some picture goes because nobody has used it; not if that cannot be read at this moment.
fn has_forgettable_picture(state: &StateReader, now: UnixMillis) -> bool {
    let read = state.view().and_then(|view| view.has_forgettable_picture(now));
    read.inspect_err(|why| tracing::debug!(%why, "cannot read which pictures nobody uses"))
        .unwrap_or(false)
}

/// What is to be done; nothing if that cannot be read at this moment, as while another state takes its place.
fn chores(state: &StateReader) -> Vec<PostId> {
    let read = state.view().and_then(|view| view.chores(AT_A_TIME));
    read.inspect_err(|why| tracing::debug!(%why, "cannot read what is to be done"))
        .unwrap_or_default()
}
