//! Where log lines leave the process: standard error, which may be a file, a terminal, a pipe or a
//! socket, may be full, and may have no reader.

use std::{
    fs::OpenOptions,
    io,
    os::{
        fd::{AsFd, AsRawFd as _, OwnedFd},
        unix::fs::OpenOptionsExt as _,
    },
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::stat::{SFlag, fstat},
    unistd,
};

/// What a pipe that is ready takes at once, in bytes (`PIPE_BUF` of Linux); a socket takes more.
const ATOMIC: usize = 4_096;

/// Whether a write waits for its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// What cannot be written now is dropped.
    NonBlocking,
    /// Waits until the line is written, or can never be.
    Blocking,
}

/// A descriptor for log lines, which are written whole and in order.
pub struct LogWriter {
    descriptor: OwnedFd,
    kind: DescriptorKind,
    /// What is left of a line that was only partly written.
    rest: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DescriptorKind {
    /// Reports by itself that a write would block. A file also never blocks.
    NonBlocking,
    /// Blocks, unless asked first whether it is ready. (Between the question and the write, another
    /// process may fill it, if it is a shared pipe that is nearly full.)
    Blocking,
}

impl LogWriter {
    /// Standard error.
    pub fn standard_error() -> Self {
        let descriptor = io::stderr().as_fd().try_clone_to_owned();
        Self::new(descriptor.expect("a process that starts has room for one more descriptor"))
    }

    /// Whether calls block is a property of an open file, which other processes may share; so a
    /// pipe or a terminal is opened again, if that is allowed. (A socket cannot be.)
    pub fn new(descriptor: OwnedFd) -> Self {
        let mode = fstat(&descriptor).map_or(0, |file| file.st_mode);
        let is_file = SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFREG;
        let (descriptor, kind) = match open_anew(&descriptor) {
            // Opened again, it would be written from its beginning.
            _ if is_file => (descriptor, DescriptorKind::NonBlocking),
            Ok(own) => (own, DescriptorKind::NonBlocking),
            Err(_) => (descriptor, DescriptorKind::Blocking),
        };
        Self { descriptor, kind, rest: Vec::new() }
    }

    /// Writes the whole of `line`, or nothing. (If a line was written only in part, its rest is
    /// written before the next.)
    pub fn write(&mut self, line: &[u8], mode: WriteMode) -> bool {
        let written = self.write_some(&self.rest, mode);
        self.rest.drain(..written);
        if !self.rest.is_empty() {
            return false;
        }
        let written = self.write_some(line, mode);
        if written > 0 {
            self.rest = line[written..].to_vec();
        }
        written > 0
    }

    /// Writes as much as possible, and returns how many bytes that was.
    fn write_some(&self, bytes: &[u8], mode: WriteMode) -> usize {
        let mut written = 0;
        while written < bytes.len() {
            match self.call(&bytes[written..], mode) {
                Ok(count @ 1..) => written += count,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if mode == WriteMode::Blocking => {
                    self.is_ready(PollTimeout::NONE);
                }
                Ok(0) | Err(_) => break,
            }
        }
        written
    }

    fn call(&self, bytes: &[u8], mode: WriteMode) -> nix::Result<usize> {
        match (self.kind, mode) {
            (DescriptorKind::Blocking, WriteMode::NonBlocking)
                if !self.is_ready(PollTimeout::ZERO) =>
            {
                Err(Errno::EAGAIN)
            }
            (DescriptorKind::Blocking, WriteMode::NonBlocking) => {
                unistd::write(&self.descriptor, &bytes[..bytes.len().min(ATOMIC)])
            }
            (DescriptorKind::NonBlocking, _) | (DescriptorKind::Blocking, WriteMode::Blocking) => {
                unistd::write(&self.descriptor, bytes)
            }
        }
    }

    /// Whether a write returns at once, even if with an error.
    fn is_ready(&self, wait: PollTimeout) -> bool {
        let mut asked = [PollFd::new(self.descriptor.as_fd(), PollFlags::POLLOUT)];
        poll(&mut asked, wait).is_ok_and(|ready| ready > 0)
    }
}

#[expect(clippy::disallowed_methods, reason = "what is open already, and so creates nothing")]
fn open_anew(descriptor: &OwnedFd) -> io::Result<OwnedFd> {
    OpenOptions::new()
        .write(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
        .open(format!("/proc/self/fd/{}", descriptor.as_raw_fd()))
        .map(OwnedFd::from)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read as _, os::unix::net::UnixStream, thread};

    use super::*;

    /// Fills an writer; returns how many lines it has taken.
    fn fill(writer: &mut LogWriter, line: &[u8]) -> usize {
        let mut taken = 0;
        while writer.write(line, WriteMode::NonBlocking) {
            taken += 1;
        }
        taken
    }

    fn pipe() -> (File, OwnedFd) {
        let (reader, writer) = unistd::pipe().expect("a pipe");
        (File::from(reader), writer)
    }

    #[test]
    fn a_reader_that_stalls_is_not_waited_for_and_gets_whole_lines_later() {
        let line = [b"x".repeat(10_006), b"\n".to_vec()].concat();
        let (pipe_end, writer) = pipe();
        let (socket_end, socket) = UnixStream::pair().expect("a pair of sockets");
        let pipe_end_too = pipe_end.try_clone().expect("the same");
        let unasked = writer.try_clone().expect("the same");
        let blocking =
            LogWriter { descriptor: unasked, kind: DescriptorKind::Blocking, rest: Vec::new() };
        let cases: [(&str, LogWriter, Box<dyn io::Read + Send>); 3] = [
            ("blocking", blocking, Box::new(pipe_end)),
            ("pipe", LogWriter::new(writer), Box::new(pipe_end_too)),
            ("socket", LogWriter::new(socket.into()), Box::new(socket_end)),
        ];
        for (name, mut writer, mut reader) in cases {
            let taken = fill(&mut writer, &line);
            assert!(taken > 0, "{name}");
            assert!(!writer.write(b"lost\n", WriteMode::NonBlocking), "{name}");
            let length = taken * line.len();
            let read = thread::spawn(move || {
                let mut text = vec![0; length + 5];
                reader.read_exact(&mut text).expect("whole lines come");
                text
            });
            assert!(writer.write(b"next\n", WriteMode::Blocking), "{name}");
            let text = read.join().expect("read");
            assert_eq!(text, [line.repeat(taken), b"next\n".to_vec()].concat(), "{name}");
        }
    }

    #[test]
    fn what_can_never_be_written_is_not_waited_for() {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("of Linux");
        let (reader, left) = pipe();
        let (other, socket) = UnixStream::pair().expect("a pair of sockets");
        let outlets = [full.into(), left, socket.into()].map(LogWriter::new);
        drop((reader, other));
        for mut writer in outlets {
            assert!(!writer.write(b"lost\n", WriteMode::NonBlocking));
            assert!(!writer.write(b"lost\n", WriteMode::Blocking));
        }
    }

    #[test]
    fn a_file_gets_every_line() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut writer = LogWriter::new(file.reopen().expect("the same").into());
        assert!(writer.write(b"one\n", WriteMode::NonBlocking));
        assert!(writer.write(b"two\n", WriteMode::Blocking));
        let mut text = String::new();
        file.reopen().expect("the same").read_to_string(&mut text).expect("text");
        assert_eq!(text, "one\ntwo\n");
    }
}
