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

/// The exit code of a child that panicked before it became a master, the same as Rust's.
const PANICKED: i32 = 101;

/// Forks a child that runs `master` and exits with the code it returns. The child has the signal
/// mask `mask`, and gets `SIGTERM` when this process ends.
///
/// Must be called from the main thread while there is no other: the child gets a copy of the whole
/// memory but only of the calling thread, so that locks of other threads would stay locked in it
/// for ever, and `PR_SET_PDEATHSIG` refers to the thread that forked.
pub fn fork(mask: &SigSet, master: impl FnOnce() -> u8) -> nix::Result<Pid> {
    let parent = unistd::getpid();
    // SAFETY: the slave is single-threaded (it starts no runtime, and no thread), so the child may
    // do everything its parent may; no lock can be held by a thread that it does not have.
    #[expect(unsafe_code, reason = "there is no safe fork")]
    let forked = unsafe { unistd::fork() }?;
    match forked {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            // The child must never return into the slave's code.
            let code = panic::catch_unwind(AssertUnwindSafe(|| run_child(parent, mask, master)));
            process::exit(code.map_or(PANICKED, i32::from));
        }
    }
}

fn run_child(parent: Pid, mask: &SigSet, master: impl FnOnce() -> u8) -> u8 {
    // Without a name it would be harder to find, and without the signal it would outlive its slave.
    // The kernel never refuses either for the calling process.
    prctl::set_name(c"tinysns-master").expect("a short name is always taken");
    prctl::set_pdeathsig(Signal::SIGTERM).expect("SIGTERM is a signal");
    if unistd::getppid() != parent {
        // The slave ended before the kernel knew that this process wants the signal.
        return 0;
    }
    mask.thread_set_mask().expect("the mask is one that this thread had");
    master()
}
