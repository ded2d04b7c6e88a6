//! The one async runtime of a process that needs one.
//!
//! Created after any `fork()`, which a runtime does not survive. Single-threaded: on two cores
//! shared with the caller, a bare echo served 96 k/s that way and 46 k/s with worker threads, at a
//! fifth of the 99th-percentile latency.
//!
//! **Architecture invariant, "one thread":** all tasks of a process run on the thread that runs its
//! runtime. Other threads ([`host::thread`](crate::host::thread)) work on what they are given, and
//! change nothing that tasks see. So what a task does between two `await`s, nobody sees half done:
//! [`Delivery`](crate::master::delivery::Delivery) relies on it, and asserts it
//! ([`OneThread`](crate::host::thread::OneThread)).

use std::{io, pin::pin, time::Duration};

use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{host::process_setup, logging};

/// Tasks that are still running when a role has ended get this long to notice. A blocking call that
/// hangs, such as a name lookup, must not keep the process alive.
const LEAVE_WITHIN: Duration = Duration::from_millis(100);

/// Runs `role` until it ends.
pub fn run<T, E: From<io::Error>>(role: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(role);
    runtime.shutdown_timeout(LEAVE_WITHIN);
    outcome
}

/// Runs the role of a node that serves others, until it ends or is asked to stop: it outlives the
/// terminal it was started from, does not wait for the reader of its log, and ends if anything in
/// it panics.
pub fn serve<F>(role: impl FnOnce(CancellationToken) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    process_setup::detach_from_terminal();
    process_setup::keep_files_private();
    logging::write_in_background();
    logging::end_the_process_on_panic();
    run(stoppable(role))
}

/// Runs `role` with a token that SIGTERM and SIGINT cancel.
async fn stoppable<F>(role: impl FnOnce(CancellationToken) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let stop = CancellationToken::new();
    let mut signals = StopSignals::listen()?;
    let mut role = pin!(role(stop.clone()));
    tokio::select! {
        biased;
        ended = &mut role => return ended,
        () = signals.received() => {}
    }
    stop.cancel();
    role.await
}

/// SIGTERM and SIGINT, which from now on do not end the process.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Begins to listen for them.
    pub fn listen() -> io::Result<Self> {
        let [terminate, interrupt] = [SignalKind::terminate(), SignalKind::interrupt()];
        Ok(Self { terminate: signal(terminate)?, interrupt: signal(interrupt)? })
    }

    /// Returns when one of them was received.
    pub async fn received(&mut self) {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
