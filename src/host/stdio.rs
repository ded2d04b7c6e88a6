//! Standard input, output and error, in whatever state they were inherited.
//!
//! Whether calls block is a property of an open file, and a parent that shares ours may have made
//! it non-blocking: then we wait ourselves.

use std::{
    io::{self, Read, Write},
    os::fd::AsFd,
    process::ExitCode,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A standard stream that waits.
pub struct BlockingStdio<Stream>(Stream);

/// Standard input.
pub fn input() -> BlockingStdio<io::Stdin> {
    BlockingStdio(io::stdin())
}

/// Standard output.
pub fn output() -> BlockingStdio<io::Stdout> {
    BlockingStdio(io::stdout())
}

/// Prints on standard output. (Rust's own `print!` panics if that fails.)
pub fn print(words: &str) -> io::Result<()> {
    let mut output = output();
    output.write_all(words.as_bytes())?;
    output.flush()
}

/// Prints a line on standard error. If that fails, there is nobody to tell.
pub fn print_error(words: &str) {
    let _ = BlockingStdio(io::stderr()).write_all(format!("{words}\n").as_bytes());
}

/// The exit code of a command that only prints something. A reader that has gone, like `head`, has
/// seen as much as it wanted.
pub fn exit_code(outcome: io::Result<()>) -> ExitCode {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            print_error(&format!("tinysns: cannot write standard output: {error}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

impl<Stream: AsFd> BlockingStdio<Stream> {
    fn retry<T>(
        &mut self,
        ready: PollFlags,
        mut call: impl FnMut(&mut Stream) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match call(&mut self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // If something is wrong with it, the next call reports it.
                    let _ = poll(&mut [PollFd::new(self.0.as_fd(), ready)], PollTimeout::NONE);
                }
                outcome => return outcome,
            }
        }
    }
}

impl<Stream: Read + AsFd> Read for BlockingStdio<Stream> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.retry(PollFlags::POLLIN, |stream| stream.read(buffer))
    }
}

impl<Stream: Write + AsFd> Write for BlockingStdio<Stream> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.retry(PollFlags::POLLOUT, |stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.retry(PollFlags::POLLOUT, Stream::flush)
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixStream, thread};

    use super::*;

    #[test]
    fn a_stream_that_does_not_block_is_waited_for() {
        const BYTES: usize = 4 << 20;
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        for end in [&ours, &theirs] {
            end.set_nonblocking(true).expect("it can be set");
        }
        let write = move || BlockingStdio(ours).write_all(&vec![7; BYTES]).expect("all of it");
        let writer = thread::spawn(write);
        let mut read = Vec::new();
        BlockingStdio(theirs).read_to_end(&mut read).expect("all of it");
        writer.join().expect("written");
        assert_eq!(read, vec![7; BYTES]);
    }
}
