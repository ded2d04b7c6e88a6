//! The task that hashes, and the way to ask it.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, oneshot},
    time::{self, Instant},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    asker::Asker,
    bursts::Summary,
    hashing::{Computed, Work},
    turns::{Check, Counts, Next, Turns, Unchecked},
};
use crate::host::{random, task, thread};

/// Hashes and verifies. The invariant **one hash at a time**: a task has all turns, and gives the next
/// one when the last hash is done, whether or not anybody still waits for it. So callers who leave
/// cannot have more hashed than others wait for. Clones share the task, which ends with the last one.
#[derive(Clone)]
pub struct Passwords {
    shared: Arc<Shared>,
    _task: Arc<AbortOnDropHandle<()>>,
}

struct Shared {
    turns: Mutex<Turns>,
    added: Notify,
}

impl Passwords {
    /// Starts the task. With `limits_rates`, wrong passwords slow down those who try them.
    pub fn start(limits_rates: bool) -> Self {
        let turns = Mutex::new(Turns::new(limits_rates));
        let shared = Arc::new(Shared { turns, added: Notify::new() });
        let task = task::spawn_owned(hash_one_by_one(Arc::clone(&shared)));
        Self { shared, _task: Arc::new(task) }
    }

    /// The hash of `password` as a PHC string with a new salt.
    pub async fn hash(&self, asker: Asker, password: String) -> Result<String, Unchecked> {
        let work = Work::Hash { password: password.into(), salt: random::bytes() };
        match self.compute(asker, work).await? {
            Computed::Hash(hash) => Ok(hash),
            Computed::Verdict(_) => unreachable!("that is not what was asked for"),
        }
    }

    /// Whether `password` is the one that was hashed.
    pub async fn verify(
        &self,
        asker: Asker,
        password: String,
        hash: String,
    ) -> Result<bool, Unchecked> {
        match self.compute(asker, Work::Verify { password: password.into(), hash }).await? {
            Computed::Verdict(is_right) => Ok(is_right),
            Computed::Hash(_) => unreachable!("that is not what was asked for"),
        }
    }

    /// The account was opened by whoever asks, who is known from now on.
    pub fn was_opened(&self, asker: &Asker) {
        self.shared.turns.lock().was_opened(asker, Instant::now());
    }

    /// What has been done, and who waits.
    pub fn counts(&self) -> Counts {
        self.shared.turns.lock().counts()
    }

    /// Waits for a turn. Whoever leaves before it comes has cost nothing.
    async fn compute(&self, asker: Asker, work: Work) -> Result<Computed, Unchecked> {
        let (answer, computed) = oneshot::channel();
        self.shared.turns.lock().add(asker, Check { work, answer }, Instant::now());
        self.shared.added.notify_one();
        computed.await.unwrap_or(Err(Unchecked::Stopping))
    }
}

async fn hash_one_by_one(shared: Arc<Shared>) {
    loop {
        log(shared.turns.lock().sum_up(Instant::now()));
        let next = shared.turns.lock().next(Instant::now());
        match next {
            Next::Compute(asker, Check { work, answer }) => {
                let computed = thread::run(|| work.carry_out()).await;
                let computed = computed.expect("hashing does not panic");
                if shared.turns.lock().note(&asker, &computed, Instant::now()) {
                    let pair = &asker.pair;
                    tracing::info!(user = %pair.account, origin = %pair.origin, "wrong password");
                }
                let _left = answer.send(Ok(computed));
            }
            Next::Wait(None) => shared.added.notified().await,
            Next::Wait(Some(until)) => tokio::select! {
                biased;
                () = shared.added.notified() => {}
                () = time::sleep_until(until) => {}
            },
        }
    }
}

fn log(summaries: Vec<Summary>) {
    for Summary { pair, tally } in summaries {
        let (wrong, slowed, crowded) = (tally.wrong, tally.slowed, tally.crowded);
        if let Some(pair) = pair {
            let (user, origin) = (pair.account, pair.origin);
            tracing::warn!(%user, %origin, wrong, slowed, crowded, "more failed logins");
        } else {
            tracing::warn!(wrong, slowed, crowded, "more failed logins of many others");
        }
    }
}
