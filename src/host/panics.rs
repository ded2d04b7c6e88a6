//! Panics that are an answer: of a library that is given what it does not expect.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    thread,
};

thread_local! {
    static ARE_CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Does something that may panic, without consequences for others: nothing is reported, the process
/// goes on, and what `doing` has used is dropped.
pub fn contain<T>(doing: impl FnOnce() -> T) -> thread::Result<T> {
    let before = ARE_CONTAINED.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(doing));
    ARE_CONTAINED.set(before);
    outcome
}

/// Whether a panic of this thread is somebody's answer. Asked by the process's panic hook.
pub fn are_contained() -> bool {
    ARE_CONTAINED.get()
}
