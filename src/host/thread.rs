//! Other threads, for what would block this one: the disk, password hashes, the terminal.
//!
//! **Architecture invariant:** nothing else starts a thread (`clippy.toml` says so). After
//! [`stay_on_one`], as in a simulation, none is started at all: the same work is done by tasks of the
//! runtime, which stands still meanwhile, and in an order that a seed determines.

use std::{
    collections::VecDeque,
    io, iter,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc as std_mpsc,
    },
    thread::{self, ThreadId},
};

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio_util::task::AbortOnDropHandle;

use super::task;

static STAYS: AtomicBool = AtomicBool::new(false);

/// From now on, no thread is started for [`run`], [`produce`], [`consume`] and [`Worker`]s.
pub fn stay_on_one() {
    STAYS.store(true, Ordering::Relaxed);
}

fn stays() -> bool {
    STAYS.load(Ordering::Relaxed)
}

/// The invariant **one thread**, kept by `runtime`: everything that shares memory with the tasks
/// of a process, except for what this module starts, runs on the thread of their runtime. What
/// relies on it asserts it with this, wherever it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OneThread(ThreadId);

impl OneThread {
    /// This thread is the one.
    pub fn this() -> Self {
        Self(thread::current().id())
    }

    /// Panics, in debug builds, on any other.
    pub fn assert(self) {
        debug_assert_eq!(self, Self::this(), "the invariant \"one thread\" is broken");
    }
}

/// A job was lost, because it panicked or the runtime is ending.
#[derive(Debug, thiserror::Error)]
#[error("a job on another thread was lost: {0}")]
pub struct JobLost(String);

impl From<JobLost> for io::Error {
    fn from(lost: JobLost) -> Self {
        Self::other(lost)
    }
}

/// What a job would take on a thread of its own, in which others go on.
async fn takes_a_while() {
    #[cfg(feature = "laboratory")]
    super::simulated::job_takes_a_while().await;
    tokio::task::yield_now().await;
}

/// Does something that blocks. It is not interrupted if its caller gives up.
pub async fn run<T: Send + 'static>(
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JobLost> {
    if stays() {
        // Others have their turn before and after, as if it took a while.
        takes_a_while().await;
        let result = job();
        tokio::task::yield_now().await;
        return Ok(result);
    }
    #[expect(clippy::disallowed_methods, reason = "this is where they are started")]
    let outcome = tokio::task::spawn_blocking(job).await;
    outcome.map_err(|lost| JobLost(lost.to_string()))
}

/// Does something that blocks and makes items, which arrive in the returned channel; at most
/// `waiting` wait there. The job is given the way to send one, which is false once nobody receives
/// any more.
pub fn produce<T: Send + 'static>(
    waiting: usize,
    job: impl FnOnce(&mut dyn FnMut(T) -> bool) + Send + 'static,
) -> mpsc::Receiver<T> {
    produce_if(stays(), waiting, job)
}

fn produce_if<T: Send + 'static>(
    stays: bool,
    waiting: usize,
    job: impl FnOnce(&mut dyn FnMut(T) -> bool) + Send + 'static,
) -> mpsc::Receiver<T> {
    let (sender, items) = mpsc::channel(waiting);
    if stays {
        let produced = async move {
            let mut made = Vec::new();
            job(&mut |item| {
                made.push(item);
                true
            });
            for item in made {
                if sender.send(item).await.is_err() {
                    return;
                }
            }
        };
        #[expect(clippy::disallowed_methods, reason = "it ends with its receiver")]
        let _ends_with_its_receiver = tokio::spawn(produced);
    } else {
        #[expect(clippy::disallowed_methods, reason = "this is where they are started")]
        let _ends_with_its_receiver = tokio::task::spawn_blocking(move || {
            job(&mut |item| sender.blocking_send(item).is_ok());
        });
    }
    items
}

/// Does something that blocks with the items that arrive in a channel.
pub async fn consume<T: Send + 'static, R: Send + 'static>(
    items: mpsc::Receiver<T>,
    job: impl FnOnce(&mut dyn Iterator<Item = T>) -> R + Send + 'static,
) -> Result<R, JobLost> {
    consume_if(stays(), items, job).await
}

async fn consume_if<T: Send + 'static, R: Send + 'static>(
    stays: bool,
    mut items: mpsc::Receiver<T>,
    job: impl FnOnce(&mut dyn Iterator<Item = T>) -> R + Send + 'static,
) -> Result<R, JobLost> {
    if stays {
        let mut all = Vec::new();
        while let Some(item) = items.recv().await {
            all.push(item);
        }
        return Ok(job(&mut all.into_iter()));
    }
    run(move || job(&mut iter::from_fn(|| items.blocking_recv()))).await
}

/// Starts a thread that nothing waits for. It lasts as long as the process, or as it wants.
pub fn spawn(name: &str, job: impl FnOnce() + Send + 'static) -> io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "this is where they are started")]
    thread::Builder::new().name(name.to_owned()).spawn(job).map(drop)
}

/// The worker has ended: with its handle, or because its last job said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the worker has ended")]
pub struct WorkerGone;

/// Jobs that block, in the order in which they were sent. What waits is done together: the worker is
/// given all of it at once, so that it can share what each job would cost alone, such as a sync.
pub struct Worker<Job> {
    queue: WorkerQueue<Job>,
}

enum WorkerQueue<Job> {
    Thread(std_mpsc::SyncSender<Job>),
    Task { shared: Arc<TaskQueue<Job>>, _task: AbortOnDropHandle<()> },
}

type Handler<Job> = Box<dyn FnMut(Vec<Job>) -> ControlFlow<()> + Send>;

/// The queue of a worker that has no thread.
struct TaskQueue<Job> {
    /// None once it has ended; what it owned is dropped then.
    handler: Mutex<Option<Handler<Job>>>,
    jobs: Mutex<VecDeque<Job>>,
    added: Notify,
    waiting: usize,
}

impl<Job: Send + 'static> Worker<Job> {
    /// Starts a thread called `name`, for which at most `waiting` jobs wait, and which is given at
    /// most so many together. It ends when its handle is dropped and all jobs are done, or when
    /// `handle` breaks.
    pub fn start(
        name: &str,
        waiting: usize,
        mut handle: impl FnMut(Vec<Job>) -> ControlFlow<()> + Send + 'static,
    ) -> io::Result<Self> {
        if stays() {
            return Ok(Self::start_task(waiting, Box::new(handle)));
        }
        let (sender, jobs) = std_mpsc::sync_channel(waiting);
        spawn(name, move || {
            while let Ok(first) = jobs.recv() {
                let waiting = iter::once(first).chain(jobs.try_iter()).take(waiting).collect();
                if handle(waiting).is_break() {
                    break;
                }
            }
            // In this order: whoever sees from what `handle` owned that it has ended can send it
            // nothing more.
            drop(jobs);
            drop(handle);
        })?;
        Ok(Self { queue: WorkerQueue::Thread(sender) })
    }

    fn start_task(waiting: usize, handler: Handler<Job>) -> Self {
        let shared = Arc::new(TaskQueue {
            handler: Mutex::new(Some(handler)),
            jobs: Mutex::default(),
            added: Notify::new(),
            waiting,
        });
        let owned = Arc::clone(&shared);
        let task = task::spawn_owned(async move {
            loop {
                owned.added.notified().await;
                while owned.has_job() {
                    takes_a_while().await;
                    owned.do_all();
                }
            }
        });
        Self { queue: WorkerQueue::Task { shared, _task: task } }
    }

    /// Sends a job. Waits for room if the worker is far behind.
    pub fn send(&self, job: Job) -> Result<(), WorkerGone> {
        match &self.queue {
            WorkerQueue::Thread(sender) => sender.send(job).map_err(|_| WorkerGone),
            WorkerQueue::Task { shared, .. } => shared.add(job),
        }
    }
}

impl<Job> Drop for Worker<Job> {
    fn drop(&mut self) {
        if let WorkerQueue::Task { shared, .. } = &self.queue {
            shared.do_all();
            *shared.handler.lock() = None;
        }
    }
}

impl<Job> TaskQueue<Job> {
    fn add(&self, job: Job) -> Result<(), WorkerGone> {
        if self.jobs.lock().len() >= self.waiting {
            self.do_all();
        }
        if self.handler.lock().is_none() {
            return Err(WorkerGone);
        }
        self.jobs.lock().push_back(job);
        self.added.notify_one();
        Ok(())
    }

    fn has_job(&self) -> bool {
        !self.jobs.lock().is_empty()
    }

    /// Does everything that waits.
    fn do_all(&self) {
        let mut handler = self.handler.lock();
        let waiting = Vec::from(std::mem::take(&mut *self.jobs.lock()));
        if waiting.is_empty() {
            return;
        }
        if handler.as_mut().is_some_and(|handle| handle(waiting).is_break()) {
            *handler = None;
            self.jobs.lock().clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A worker that notes its jobs and ends at 0, with a thread or without.
    fn noting(has_thread: bool) -> (Worker<u32>, std_mpsc::Receiver<u32>) {
        let (noted, notes) = std_mpsc::channel();
        let handle = move |jobs: Vec<u32>| {
            let ends = jobs.contains(&0);
            for job in jobs.into_iter().take_while(|job| !ends || *job == 0) {
                noted.send(job).expect("the test waits");
            }
            if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let worker = if has_thread {
            Worker::start("test", 2, handle).expect("a thread")
        } else {
            Worker::start_task(2, Box::new(handle))
        };
        (worker, notes)
    }

    #[tokio::test]
    async fn a_worker_does_all_its_jobs_in_order_with_a_thread_or_without() {
        for has_thread in [true, false] {
            let (worker, notes) = noting(has_thread);
            for job in 1..=9 {
                worker.send(job).expect("it works");
            }
            drop(worker);
            assert_eq!(notes.iter().collect::<Vec<_>>(), (1..=9).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn a_worker_is_given_together_what_waits_with_a_thread_or_without() {
        for has_thread in [true, false] {
            let (begun, begins) = std_mpsc::channel();
            let (go_on, may_go_on) = std_mpsc::channel();
            let (noted, notes) = std_mpsc::channel();
            let handle = move |jobs: Vec<u32>| {
                begun.send(()).expect("the test waits");
                may_go_on.recv().expect("the test goes on");
                noted.send(jobs).expect("the test waits");
                ControlFlow::Continue(())
            };
            let worker = if has_thread {
                let worker = Worker::start("test", 3, handle).expect("a thread");
                worker.send(1).expect("it works");
                begins.recv().expect("it has begun with what there was");
                worker
            } else {
                Worker::start_task(3, Box::new(handle))
            };
            for job in 2..=4 {
                worker.send(job).expect("there is room");
            }
            (0..2).for_each(|_| go_on.send(()).expect("it waits"));
            drop(worker);
            let expected =
                if has_thread { vec![vec![1], vec![2, 3, 4]] } else { vec![vec![2, 3, 4]] };
            assert_eq!(notes.iter().collect::<Vec<_>>(), expected);
        }
    }

    #[tokio::test]
    async fn a_worker_without_a_thread_works_while_others_wait() {
        let (worker, notes) = noting(false);
        worker.send(7).expect("it works");
        assert!(notes.try_recv().is_err(), "not before its turn");
        tokio::time::timeout(Duration::from_mins(1), async {
            while notes.try_recv() != Ok(7) {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("done in time");
    }

    #[tokio::test]
    async fn a_worker_that_has_broken_off_takes_nothing_more_and_does_nothing_more() {
        for has_thread in [true, false] {
            let (worker, notes) = noting(has_thread);
            let mut sent = 0;
            while worker.send(sent).is_ok() {
                sent += 1;
                tokio::task::yield_now().await;
            }
            assert_eq!(worker.send(5), Err(WorkerGone));
            drop(worker);
            assert_eq!(notes.iter().collect::<Vec<_>>(), [0], "with a thread: {has_thread}");
        }
    }

    #[tokio::test]
    async fn items_cross_over_in_both_directions_with_a_thread_or_without() {
        for stays in [false, true] {
            let made = produce_if(stays, 2, |send| {
                for item in 1..=9 {
                    assert!(send(item));
                }
            });
            let sum = consume_if(stays, made, |items| items.sum::<u32>()).await;
            assert_eq!(sum.expect("it does not panic"), 45);
        }
    }

    #[test]
    fn another_thread_is_not_the_one() {
        let one = OneThread::this();
        one.assert();
        let elsewhere = thread::spawn(move || one.assert());
        assert!(elsewhere.join().is_err());
    }
}
