//! The one async runtime of a process that needs one.
//!
//! Built after any `fork()`: a runtime does not survive one. Single-threaded: on two cores with the
//! caller beside it, a bare echo gave 96 k/s that way and 46 k/s with worker threads, at a fifth of
//! the 99th percentile.

use std::{io, pin::pin, time::Duration};

use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{host::inheritance, logging};

/// Tasks that are still under way when a role has ended get this long to notice. A blocking call
/// that hangs, such as a look-up of a name, must not keep the process.
const LEAVE_WITHIN: Duration = Duration::from_millis(100);

/// Runs `role` to its end.
pub fn run<T, E: From<io::Error>>(role: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(role);
    runtime.shutdown_timeout(LEAVE_WITHIN);
    outcome
}

/// Runs the role of a node that serves others, until it ends or is asked to: it outlives the terminal
/// it was started from, waits for nobody who reads its log, and ends when something in it panics.
pub fn serve<F>(role: impl FnOnce(CancellationToken) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    inheritance::outlive_the_terminal();
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
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut role = pin!(role(stop.clone()));
    tokio::select! {
        ended = &mut role => return ended,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    stop.cancel();
    role.await
}
