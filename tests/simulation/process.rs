//! A process of a simulated machine: a future on a runtime of its own, run whenever there is
//! something for it to do.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::Poll,
};

use tinysns::host::simulated::{
    Machine,
    clock::{self, MILLISECOND},
};
use tokio::runtime::{Builder, Runtime};

use crate::interposed::{self, Idle};

type Main<T> = Pin<Box<dyn Future<Output = T>>>;

/// A process; it ends when this is dropped, wherever it is.
pub struct Process<T> {
    machine: Machine,
    /// None only while it is dropped.
    running: Option<(Main<T>, Runtime)>,
    /// When it wants to run again, in the world's time.
    pub wakes_at: Option<u64>,
}

impl<T> Process<T> {
    /// Starts what `main` makes on `machine`. It is not run yet.
    pub fn start<F: Future<Output = T> + 'static>(
        machine: Machine,
        main: impl FnOnce() -> F,
    ) -> Self {
        let running = machine.enter(|| {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            let main: Main<T> = {
                let _entered = runtime.enter();
                Box::pin(main())
            };
            (main, runtime)
        });
        Self { machine, running: Some(running), wakes_at: Some(clock::now()) }
    }

    /// Runs until there is nothing to do; returns what it has ended with, if it has. A panic has been
    /// noted; what is left then is not to be run again.
    pub fn run(&mut self) -> Option<T> {
        let Some((main, runtime)) = &mut self.running else { return None };
        let run = || {
            interposed::begin();
            runtime.block_on(poll_fn(|context| {
                if let Some(idle) = interposed::idle_or(context.waker()) {
                    return Poll::Ready(Err(idle));
                }
                main.as_mut().poll(context).map(Ok)
            }))
        };
        let machine = self.machine;
        let Ok(idle_or_ended) = catch_unwind(AssertUnwindSafe(|| machine.enter(run))) else {
            self.wakes_at = None;
            return None;
        };
        match idle_or_ended {
            Ok(ended) => {
                self.wakes_at = None;
                Some(ended)
            }
            Err(Idle { milliseconds }) => {
                let nanoseconds = milliseconds.map(|waits| u64::from(waits) * MILLISECOND);
                self.wakes_at = nanoseconds.map(|waits| clock::after(self.machine, waits));
                None
            }
        }
    }
}

impl<T> Drop for Process<T> {
    fn drop(&mut self) {
        let Some((main, runtime)) = self.running.take() else { return };
        self.machine.enter(|| {
            {
                let _entered = runtime.enter();
                drop(main);
            }
            runtime.shutdown_background();
        });
    }
}
