//! The fork: the only `unsafe` of the program.

use std::{
    panic::{self, AssertUnwindSafe},
    process,
};

use nix::{
    sys::{
        prctl,
        signal::{SigSet, Signal},
    },
    unistd::{self, ForkResult, Pid},
};

/// The exit code of a child that panicked before it was a master, as Rust's own.
const PANICKED: i32 = 101;

/// Forks a child that runs `master` and ends with the exit code it returns. The child has the
/// signal mask `mask`, and is asked to end (`SIGTERM`) when this process ends.
///
/// Must be called from the main thread while there is no other: the child has a copy of the whole
/// memory and of the calling thread alone, so that locks of other threads would stay locked in it
/// for good, and `PR_SET_PDEATHSIG` watches the thread that forked.
pub fn fork(mask: &SigSet, master: impl FnOnce() -> u8) -> nix::Result<Pid> {
    let parent = unistd::getpid();
    // SAFETY: the slave is single-threaded (it starts no runtime, and no thread), so the child may
    // do everything its parent may; no lock can be held by a thread that it does not have.
    #[expect(unsafe_code, reason = "there is no safe fork")]
    let forked = unsafe { unistd::fork() }?;
    match forked {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            // The child never returns into the frames of the slave.
            let code = panic::catch_unwind(AssertUnwindSafe(|| live(parent, mask, master)));
            process::exit(code.map_or(PANICKED, i32::from));
        }
    }
}

fn live(parent: Pid, mask: &SigSet, master: impl FnOnce() -> u8) -> u8 {
    // Without a name it is harder to find, without the signal it outlives its slave: both are
    // asked of the kernel for this very process, which refuses neither.
    prctl::set_name(c"tinysns-master").expect("a short name is always taken");
    prctl::set_pdeathsig(Signal::SIGTERM).expect("SIGTERM is a signal");
    if unistd::getppid() != parent {
        // The slave ended before the kernel knew that we want to be told.
        return 0;
    }
    mask.thread_set_mask().expect("the mask is one that this thread had");
    master()
}
