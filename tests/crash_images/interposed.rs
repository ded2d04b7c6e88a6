//! What is taken from the C library: every call by which this program changes files or makes them durable.
//! The linker prefers these definitions, so everything in the process uses them: the standard library, the
//! engines of state and log, whatever is linked. (With the feature `laboratory`, `rustix` calls the C library
//! too, instead of the kernel.)
//!
//! Each does what it always does, and tells the recorder.

#![expect(unsafe_code, reason = "functions of the C library cannot be replaced otherwise")]

use std::{
    ffi::{CStr, OsStr, c_char, c_int, c_uint, c_void},
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use nix::libc::{self, mode_t, off64_t, size_t, ssize_t};

use crate::recorder::{self, Recorder, Target};

/// Makes a system call, with the errors of the C library.
macro_rules! system_call {
    ($number:ident $(, $argument:expr)*) => {{
        // SAFETY: the caller's arguments are passed on to the system call that does the same.
        unsafe { libc::syscall(libc::$number $(, $argument)*) }
    }};
}

fn as_int(outcome: i64) -> c_int {
    c_int::try_from(outcome).unwrap_or(-1)
}

/// The path that a caller has passed.
fn path<'a>(path: *const c_char) -> &'a Path {
    // SAFETY: the caller has to pass a string, as for the function that is replaced.
    Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()))
}

/// The bytes that a caller has passed.
fn bytes<'a>(bytes: *const c_void, length: usize) -> &'a [u8] {
    // SAFETY: the caller has to pass so many bytes, as for the function that is replaced.
    unsafe { std::slice::from_raw_parts(bytes.cast(), length) }
}

/// Makes a call, and tells the recorder if it has succeeded.
fn seen(call: impl FnOnce() -> i64, tell: impl FnOnce(&mut Recorder)) -> c_int {
    recorder::during(|recorder| {
        let outcome = call();
        if let (Some(recorder), 0..) = (recorder, outcome) {
            tell(recorder);
        }
        as_int(outcome)
    })
}

/// The same, with what paths meant before.
fn seen_at<const N: usize>(
    paths: [(c_int, *const c_char); N],
    call: impl FnOnce() -> i64,
    tell: impl FnOnce(&mut Recorder, [Target; N]),
) -> c_int {
    recorder::during(|recorder| {
        let target =
            |recorder: &Recorder, (directory, name)| recorder.target(directory, path(name));
        let recorder =
            recorder.map(|recorder| (paths.map(|path| target(recorder, path)), recorder));
        let outcome = call();
        if let (Some((targets, recorder)), 0..) = (recorder, outcome) {
            tell(recorder, targets);
        }
        as_int(outcome)
    })
}

/// A call that has written something, from the offset that it is asked for.
fn seen_writing(
    descriptor: c_int,
    buffer: *const c_void,
    call: impl FnOnce() -> i64,
    offset: impl FnOnce(u64) -> Option<u64>,
) -> ssize_t {
    recorder::during(|recorder| {
        let outcome = call();
        if let (Some(recorder), Ok(length @ 1..)) = (recorder, usize::try_from(outcome))
            && let Some(at) = offset(length as u64)
        {
            recorder.wrote(descriptor, at, bytes(buffer, length));
        }
        isize::try_from(outcome).unwrap_or(-1)
    })
}

fn open_at(directory: c_int, name: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    recorder::during(|recorder| {
        let recorder = recorder.map(|recorder| {
            let target = recorder.target(directory, path(name));
            (recorder.is_there(&target), target, recorder)
        });
        let descriptor = as_int(system_call!(SYS_openat, directory, name, flags, mode));
        if let (Some((was_there, target, recorder)), 0..) = (recorder, descriptor) {
            recorder.opened(target, was_there, flags, descriptor);
        }
        descriptor
    })
}

// The mode is a variadic argument, which comes where a usual one would.
#[unsafe(no_mangle)]
extern "C" fn open(name: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    open_at(libc::AT_FDCWD, name, flags, mode)
}

#[unsafe(no_mangle)]
extern "C" fn open64(name: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    open_at(libc::AT_FDCWD, name, flags, mode)
}

#[unsafe(no_mangle)]
extern "C" fn openat(directory: c_int, name: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    open_at(directory, name, flags, mode)
}

#[unsafe(no_mangle)]
extern "C" fn openat64(directory: c_int, name: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    open_at(directory, name, flags, mode)
}

#[unsafe(no_mangle)]
extern "C" fn close(descriptor: c_int) -> c_int {
    seen(|| system_call!(SYS_close, descriptor), |recorder| recorder.closed(descriptor))
}

#[unsafe(no_mangle)]
extern "C" fn write(descriptor: c_int, buffer: *const c_void, length: size_t) -> ssize_t {
    // Negative for what is no file.
    let end = || u64::try_from(system_call!(SYS_lseek, descriptor, 0, libc::SEEK_CUR)).ok();
    let call = || system_call!(SYS_write, descriptor, buffer, length);
    seen_writing(descriptor, buffer, call, |written| Some(end()? - written))
}

#[unsafe(no_mangle)]
extern "C" fn pwrite64(
    descriptor: c_int,
    buffer: *const c_void,
    length: size_t,
    at: off64_t,
) -> ssize_t {
    let call = || system_call!(SYS_pwrite64, descriptor, buffer, length, at);
    seen_writing(descriptor, buffer, call, |_| u64::try_from(at).ok())
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate64(descriptor: c_int, length: off64_t) -> c_int {
    let whole = u64::try_from(length).unwrap_or_default();
    seen(
        || system_call!(SYS_ftruncate, descriptor, length),
        |recorder| recorder.has_length(descriptor, whole),
    )
}

#[unsafe(no_mangle)]
extern "C" fn fsync(descriptor: c_int) -> c_int {
    seen(|| system_call!(SYS_fsync, descriptor), |recorder| recorder.synced(descriptor))
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    seen(|| system_call!(SYS_fdatasync, descriptor), |recorder| recorder.synced(descriptor))
}

#[unsafe(no_mangle)]
extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    let here = libc::AT_FDCWD;
    seen_at(
        [(here, from), (here, to)],
        || system_call!(SYS_renameat2, here, from, here, to, 0),
        |recorder, [from, to]| recorder.renamed(from, to),
    )
}

#[unsafe(no_mangle)]
extern "C" fn mkdir(name: *const c_char, mode: mode_t) -> c_int {
    seen_at(
        [(libc::AT_FDCWD, name)],
        || system_call!(SYS_mkdirat, libc::AT_FDCWD, name, mode),
        |recorder, [target]| recorder.made_directory(target),
    )
}

fn unlink_at(directory: c_int, name: *const c_char, flags: c_int) -> c_int {
    seen_at(
        [(directory, name)],
        || system_call!(SYS_unlinkat, directory, name, flags),
        |recorder, [target]| recorder.removed(target),
    )
}

#[unsafe(no_mangle)]
extern "C" fn unlink(name: *const c_char) -> c_int {
    unlink_at(libc::AT_FDCWD, name, 0)
}

#[unsafe(no_mangle)]
extern "C" fn unlinkat(directory: c_int, name: *const c_char, flags: c_int) -> c_int {
    unlink_at(directory, name, flags)
}

#[unsafe(no_mangle)]
extern "C" fn rmdir(name: *const c_char) -> c_int {
    unlink_at(libc::AT_FDCWD, name, libc::AT_REMOVEDIR)
}
