//! Tasks that somebody answers for: each is joined or cancelled, so that whoever started it can say
//! when nothing of it runs any more.
//!
//! **Architecture invariant:** nothing else starts a task (`clippy.toml` says so).

use tokio::task::JoinHandle;
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

/// The tasks of one owner, which end when it does; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    ending: CancellationToken,
}

impl Tasks {
    /// Starts a task, which is dropped, wherever it is, when the owner ends.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(self.ending.clone().run_until_cancelled_owned(task))
    }

    /// Starts a task that ends by itself once [`ending`](Self::ending) is cancelled, because it has
    /// something to finish.
    pub fn spawn_orderly<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(task)
    }

    /// Cancelled when the owner ends.
    pub fn ending(&self) -> CancellationToken {
        self.ending.clone()
    }

    /// Returns when the last task has ended, as they do by themselves.
    pub async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// Ends all tasks; returns when the last one has ended.
    pub async fn end(&self) {
        self.ending.cancel();
        self.ended().await;
    }
}

/// Starts a task that is aborted when its handle is dropped.
pub fn spawn_owned<F>(task: F) -> AbortOnDropHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    #[expect(clippy::disallowed_methods, reason = "its handle answers for it")]
    let task = tokio::spawn(task);
    AbortOnDropHandle::new(task)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn nothing_runs_any_more_when_the_owner_has_ended() {
        let tasks = Tasks::default();
        let used = Arc::new(());
        let (held, finishing) = (Arc::clone(&used), Arc::clone(&used));
        tasks.spawn(async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        let ending = tasks.ending();
        let orderly = tasks.spawn_orderly(async move {
            ending.cancelled().await;
            drop(finishing);
            "finished"
        });
        let again = tasks.clone();
        tasks.end().await;
        assert_eq!(Arc::strong_count(&used), 1);
        assert_eq!(orderly.await.expect("it did not panic"), "finished");
        let too_late = again.spawn(std::future::pending::<()>());
        assert_eq!(too_late.await.expect("it did not panic"), None);
    }

    #[tokio::test]
    async fn a_task_ends_with_its_handle() {
        let used = Arc::new(());
        let held = Arc::clone(&used);
        let task = spawn_owned(async move {
            std::future::pending::<()>().await;
            drop(held);
        });
        drop(task);
        while Arc::strong_count(&used) > 1 {
            tokio::task::yield_now().await;
        }
    }
}
