//! Reads a line from the terminal without showing it, such as a password.
//!
//! The kernel edits the line, as it does for every program without an editor of its own; it only
//! shows nothing. Ctrl-C ends the line instead of the program, which would leave the terminal
//! without echo.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};

/// The byte that Ctrl-C sends.
const INTERRUPT: u8 = 3;

/// What was entered.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// With the end of the line, if it has one.
    Text(String),
    /// A line that is not UTF-8, so its meaning is unknown.
    NoText,
    /// The end of the input: Ctrl-D on a terminal.
    End,
    /// Ctrl-C.
    Interrupted,
}

impl Line {
    /// Decodes these bytes.
    pub fn of(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or(Self::NoText, Self::Text)
    }
}

/// Asks for a line on the terminal that is standard input; if it is none, takes its first line. The
/// question goes to standard error, so that standard output has only answers.
pub fn read(question: &str) -> io::Result<Line> {
    if !io::stdin().is_terminal() {
        let mut line = Vec::new();
        let count = io::stdin().lock().read_until(b'\n', &mut line)?;
        return Ok(if count == 0 { Line::End } else { Line::of(line) });
    }
    let mut error = io::stderr();
    write!(error, "{question}")?;
    error.flush()?;
    let line = {
        let _mute = EchoOff::begin()?;
        read_line()
    };
    writeln!(error)?;
    line
}

/// Hides what is typed, until dropped.
struct EchoOff {
    before: Termios,
}

impl EchoOff {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut mute = before.clone();
        mute.local_flags.remove(LocalFlags::ECHO | LocalFlags::ISIG);
        mute.local_flags.insert(LocalFlags::ICANON);
        mute.control_chars[SpecialCharacterIndices::VEOL as usize] = INTERRUPT;
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &mute)?;
        Ok(Self { before })
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        // Fails only if the terminal is gone.
        let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.before);
    }
}

/// One line: the kernel returns no more than that at a time, so nothing of the next is read.
fn read_line() -> io::Result<Line> {
    /// More than the longest line of a terminal.
    const LINE: usize = 8 * 1024;
    let mut bytes = vec![0; LINE];
    let count = loop {
        match io::stdin().lock().read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    Ok(line(&bytes[..count]))
}

fn line(bytes: &[u8]) -> Line {
    match bytes {
        [] => Line::End,
        [.., INTERRUPT] => Line::Interrupted,
        _ => Line::of(bytes.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_with_enter_with_ctrl_c_or_with_the_input() {
        assert_eq!(line(b"secret\n"), Line::Text("secret\n".to_owned()));
        assert_eq!(line(b"\n"), Line::Text("\n".to_owned()));
        assert_eq!(line(b"gr\xfcn\n"), Line::NoText);
        assert_eq!(line(b"secr\x03"), Line::Interrupted);
        assert_eq!(line(b""), Line::End);
    }
}
