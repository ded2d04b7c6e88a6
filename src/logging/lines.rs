//! The lines of the log on their way out. Nobody who logs ever waits: lines that cannot be written,
//! or for which there is no room, are dropped and counted.
//!
//! At first, a line is written by the thread that logs it, if that can be done at once. A process
//! that will not fork again may leave the writing to a thread, and then up to [`WAITING`] lines may
//! wait.

use std::{collections::VecDeque, io, time::Duration};

use parking_lot::{Condvar, Mutex, MutexGuard};
use serde_json::json;
use tracing::Level;
use tracing_subscriber::fmt::{
    format::Writer,
    time::{FormatTime as _, SystemTime},
};

use super::log_writer::{LogWriter, WriteMode};
use crate::{host::thread, settings::LogFormat};

/// Lines that may wait for the thread: a few hundred kilobytes, more than a node logs in any second
/// unless almost everything fails.
const WAITING: usize = 1_024;
/// How long a process that is ending waits for its last lines to be written.
const FINISH_WITHIN: Duration = Duration::from_millis(250);

/// All lines of a process.
pub struct Lines {
    format: LogFormat,
    state: Mutex<State>,
    /// Signalled when there is a line to be written, and when there are no more.
    turn: Condvar,
}

struct State {
    /// Absent once the thread has taken it.
    writer: Option<LogWriter>,
    waiting: VecDeque<Vec<u8>>,
    /// Whether the thread has a line in hand.
    is_writing: bool,
    /// Lines lost since the last report of lost lines.
    lost: u64,
}

impl Lines {
    pub fn new(format: LogFormat, writer: LogWriter) -> Self {
        let writer = Some(writer);
        let state = State { writer, waiting: VecDeque::new(), is_writing: false, lost: 0 };
        Self { format, state: Mutex::new(state), turn: Condvar::new() }
    }

    /// Takes a line, including its end.
    fn take(&self, line: &[u8]) {
        let state = &mut *self.state();
        match &mut state.writer {
            Some(writer) => {
                if !writer.write(line, WriteMode::NonBlocking) {
                    state.lost += 1;
                } else if state.lost > 0
                    && writer.write(&self.loss(state.lost), WriteMode::NonBlocking)
                {
                    state.lost = 0;
                }
            }
            None if state.waiting.len() < WAITING => {
                state.waiting.push_back(line.to_vec());
                self.turn.notify_all();
            }
            None => state.lost += 1,
        }
    }

    /// Logs something without `tracing`, which may be what has failed.
    pub fn tell(&self, level: Level, message: &str, lost: Option<u64>) {
        self.take(&own_line(self.format, level, message, lost));
    }

    fn loss(&self, lost: u64) -> Vec<u8> {
        own_line(self.format, Level::WARN, "log lines were lost", Some(lost))
    }

    /// Starts a thread that writes from now on. If none can be started, nothing changes.
    pub fn write_in_background(&'static self) {
        let _none = thread::spawn("log", || self.write_what_comes());
    }

    fn write_what_comes(&self) {
        let mut writer = {
            let mut state = self.state();
            let Some(writer) = state.writer.take() else { return };
            state.is_writing = true;
            writer
        };
        // Lines may have been lost before this thread had the writer.
        self.report_lost(&mut writer);
        loop {
            let line = self.next();
            if writer.write(&line, WriteMode::Blocking) {
                self.report_lost(&mut writer);
            } else {
                self.state().lost += 1;
            }
        }
    }

    /// Says how many lines were lost, unless others wait, which come first.
    fn report_lost(&self, writer: &mut LogWriter) {
        let lost = {
            let mut state = self.state();
            if state.waiting.is_empty() { std::mem::take(&mut state.lost) } else { 0 }
        };
        if lost > 0 && !writer.write(&self.loss(lost), WriteMode::Blocking) {
            self.state().lost += lost;
        }
    }

    /// The next line for the thread, which has written the previous one.
    fn next(&self) -> Vec<u8> {
        let mut state = self.state();
        state.is_writing = false;
        loop {
            if let Some(line) = state.waiting.pop_front() {
                state.is_writing = true;
                return line;
            }
            self.turn.notify_all();
            self.turn.wait(&mut state);
        }
    }

    /// Gives the thread a moment to write what is waiting.
    pub fn finish(&self) {
        let is_busy = |state: &mut State| state.is_writing || !state.waiting.is_empty();
        let _in_time = self.turn.wait_while_for(&mut self.state(), is_busy, FINISH_WITHIN);
    }

    /// Nothing that is done under the lock can leave the state inconsistent.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// `tracing` writes each line at once.
impl io::Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.take(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A line in the form in which `tracing` would write it.
fn own_line(format: LogFormat, level: Level, message: &str, lost: Option<u64>) -> Vec<u8> {
    let target = "tinysns::logging";
    let mut time = String::new();
    // Writing to a string cannot fail, and a line without its time is better than none.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    let lost_field = lost.map(|lost| format!(" lost={lost}")).unwrap_or_default();
    let line = match format {
        LogFormat::Text => format!("{time} {level:>5} {target}: {message}{lost_field}\n"),
        LogFormat::Json => {
            let mut object = json!({
                "timestamp": time, "level": level.as_str(), "message": message, "target": target,
            });
            if let Some(lost) = lost {
                object["lost"] = lost.into();
            }
            format!("{object}\n")
        }
    };
    line.into_bytes()
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::{BufRead as _, BufReader, Write as _},
        os::fd::OwnedFd,
    };

    use nix::unistd;

    use super::*;

    fn over_a_pipe(format: LogFormat) -> (&'static Lines, File) {
        let (reader, writer) = unistd::pipe().expect("a pipe");
        (to(format, writer), File::from(reader))
    }

    fn to(format: LogFormat, descriptor: OwnedFd) -> &'static Lines {
        Box::leak(Box::new(Lines::new(format, LogWriter::new(descriptor))))
    }

    #[test]
    fn lines_lost_to_a_stalled_reader_are_counted_and_told_when_it_reads_again() {
        const LINES: u64 = 10_000;
        for in_background in [false, true] {
            let (mut lines, reader) = over_a_pipe(LogFormat::Text);
            if in_background {
                lines.write_in_background();
            }
            for _ in 0..LINES {
                lines.write_all(b"a line of a log that nobody reads\n").expect("no log fails");
            }
            lines.finish();
            let mut read = BufReader::new(reader).lines().map(|line| line.expect("text"));
            let (mut all, mut kept, mut lost) = (LINES, 0, 0);
            if !in_background {
                // Without a thread, the next line to be logged reports the lost ones.
                kept = LINES - lines.state().lost;
                assert_eq!(read.by_ref().take(kept.try_into().expect("few")).count() as u64, kept);
                lines.write_all(b"another\n").expect("no log fails");
                all += 1;
            }
            while kept + lost < all {
                let line = read.next().expect("more is told");
                match line.split_once("log lines were lost lost=") {
                    Some((_, count)) => lost += count.parse::<u64>().expect("a number"),
                    None => kept += 1,
                }
            }
            assert!(kept + lost == all && lost > 0, "{in_background}: {kept} and {lost}");
        }
    }

    #[test]
    fn lines_lost_before_the_thread_began_are_told_by_it() {
        let (mut lines, reader) = over_a_pipe(LogFormat::Text);
        while lines.state().lost == 0 {
            lines.write_all(b"a line of a log that nobody reads\n").expect("no log fails");
        }
        lines.write_in_background();
        let mut read = BufReader::new(reader).lines().map(|line| line.expect("text"));
        assert!(read.any(|line| line.contains("log lines were lost lost=1")));
    }

    #[test]
    fn a_log_that_cannot_be_written_fails_nobody() {
        let full = || File::options().write(true).open("/dev/full").expect("of Linux");
        for in_background in [false, true] {
            let mut lines = to(LogFormat::Json, full().into());
            let (mut unread, reader) = over_a_pipe(LogFormat::Json);
            drop(reader);
            if in_background {
                lines.write_in_background();
                unread.write_in_background();
            }
            for _ in 0..3 {
                writeln!(lines, "lost").expect("no log fails");
                writeln!(unread, "lost").expect("no log fails");
            }
            for lines in [lines, unread] {
                lines.finish();
                assert_eq!(lines.state().lost, 3, "{in_background}");
            }
        }
    }

    #[test]
    fn lines_of_ones_own_look_like_all_others() {
        let text = own_line(LogFormat::Text, Level::WARN, "log lines were lost", Some(3));
        let text = String::from_utf8(text).expect("text");
        let end = "Z  WARN tinysns::logging: log lines were lost lost=3\n";
        assert!(text.ends_with(end), "{text}");
        let json = own_line(LogFormat::Json, Level::ERROR, "panicked at \"x\"", None);
        let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(json["level"], "ERROR");
        assert_eq!(json["message"], "panicked at \"x\"");
        assert!(json.get("lost").is_none() && json["timestamp"].is_string());
    }
}
