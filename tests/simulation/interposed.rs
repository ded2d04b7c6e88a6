//! What the simulation takes from the C library: the clocks, the kernel's randomness, the process's id,
//! and waiting for events. The linker prefers these definitions, so everything in the process uses them: the
//! standard library, tokio, whatever is linked.
//!
//! They are the system's own until [`simulate`], and whenever no machine runs.
//!
//! **Waiting** is where a runtime says that it has nothing to do, and until when. Here it does not
//! wait: it notes that, and returns. So a runtime is run until it is idle, without threads, and
//! tokio needs no clock of its own that can be stopped.

#![expect(unsafe_code, reason = "functions of the C library cannot be replaced otherwise")]

use std::{
    cell::{Cell, RefCell},
    ffi::{c_int, c_uint, c_void},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    task::Waker,
};

use nix::libc;
use tinysns::host::simulated::{Machine, clock};

static SIMULATES: AtomicBool = AtomicBool::new(false);
/// The state of the made-up randomness of the kernel (a Weyl sequence, mixed as in `SplitMix64`).
static RANDOM: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// What wakes the future that runs the runtime.
    static WAKER: RefCell<Option<Waker>> = const { RefCell::new(None) };
    static IDLE: Cell<Option<Idle>> = const { Cell::new(None) };
    static LOOKS: Cell<u64> = const { Cell::new(0) };
}

/// A runtime that takes this many looks at its sockets without the clock moving never rests.
const LOOKS_WITHOUT_REST: u64 = 1_000_000;

/// A runtime has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idle {
    /// For so many milliseconds, if it waits for a timer.
    pub milliseconds: Option<u32>,
}

/// From now on, this process is a simulation.
pub fn simulate(seed: u64) {
    RANDOM.store(seed, Ordering::Relaxed);
    SIMULATES.store(true, Ordering::Relaxed);
}

fn on_a_machine() -> bool {
    SIMULATES.load(Ordering::Relaxed) && Machine::current().is_some()
}

/// Before a runtime runs.
pub fn begin() {
    IDLE.set(None);
    LOOKS.set(0);
}

/// Whether the runtime has become idle; if not, `waker` is woken when it does.
pub fn idle_or(waker: &Waker) -> Option<Idle> {
    let idle = IDLE.get();
    if idle.is_none() {
        WAKER.set(Some(waker.clone()));
    }
    idle
}

#[unsafe(no_mangle)]
extern "C" fn epoll_wait(
    descriptor: c_int,
    events: *mut libc::epoll_event,
    most: c_int,
    timeout: c_int,
) -> c_int {
    if !on_a_machine() {
        // SAFETY: the caller's arguments are passed on; `epoll_pwait` without a mask is the same.
        let ready = unsafe {
            let mask: *const libc::sigset_t = std::ptr::null();
            libc::epoll_pwait(descriptor, events, most, timeout, mask)
        };
        return ready;
    }
    if timeout == 0 {
        LOOKS.set(LOOKS.get() + 1);
        assert!(LOOKS.get() < LOOKS_WITHOUT_REST, "{:?} never rests", Machine::current());
        return 0;
    }
    IDLE.set(Some(Idle { milliseconds: u32::try_from(timeout).ok() }));
    if let Some(waker) = WAKER.take() {
        waker.wake();
    }
    0
}

#[unsafe(no_mangle)]
extern "C" fn clock_gettime(id: libc::clockid_t, time: *mut libc::timespec) -> c_int {
    if !on_a_machine() {
        // SAFETY: the caller's arguments are passed on to the system call of that name.
        let outcome = unsafe { libc::syscall(libc::SYS_clock_gettime, id, time) };
        return c_int::try_from(outcome).unwrap_or(-1);
    }
    let nanoseconds = match id {
        libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE => clock::wall(),
        _ => clock::monotonic(),
    };
    let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    let shown = libc::timespec {
        tv_sec: libc::time_t::try_from(seconds).expect("within centuries"),
        tv_nsec: libc::c_long::try_from(rest).expect("less than a second"),
    };
    // SAFETY: the caller has to pass a place for the time, as for the function that this replaces.
    unsafe { time.write(shown) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn getrandom(buffer: *mut c_void, length: usize, flags: c_uint) -> isize {
    if !SIMULATES.load(Ordering::Relaxed) {
        // SAFETY: the caller's arguments are passed on to the system call of that name.
        let outcome = unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) };
        return isize::try_from(outcome).unwrap_or(-1);
    }
    // SAFETY: the caller has to pass a buffer of that length, as for the function that this replaces.
    let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) };
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&next_random().to_le_bytes()[..chunk.len()]);
    }
    length.cast_signed()
}

#[unsafe(no_mangle)]
extern "C" fn getpid() -> libc::pid_t {
    if let Some(machine) = Machine::current() {
        return libc::pid_t::from(machine.number().cast_signed()) + 1_000;
    }
    // SAFETY: it has no arguments, and always succeeds.
    let process = unsafe { libc::syscall(libc::SYS_getpid) };
    libc::pid_t::try_from(process).expect("a process id")
}

fn next_random() -> u64 {
    const WEYL: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut mixed = RANDOM.fetch_add(WEYL, Ordering::Relaxed).wrapping_add(WEYL);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
