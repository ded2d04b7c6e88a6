//! The terminal, taken over for a while and then restored, even after a panic.

use std::{
    io::{self, BufWriter, Stdout, stdout},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossterm::{
    cursor::{Hide, MoveTo, RestorePosition, SavePosition, Show},
    event::{self, DisableBracketedPaste, EnableBracketedPaste},
    execute, queue,
    terminal::{
        Clear, ClearType, DisableLineWrap, EnableLineWrap, EnterAlternateScreen,
        LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
    },
};
use nix::sys::signal::{Signal, raise};
use ratatui::{
    Frame, Terminal,
    backend::{Backend as _, CrosstermBackend},
    buffer::Buffer,
};

use super::rows;

/// Bytes sent at once: more than most frames have.
const FRAME: usize = 64 << 10;

/// The thread that has read keys so far is awake and about to end.
const READER_ENDS_WITHIN: Duration = Duration::from_millis(10);

/// Whether the terminal is taken over.
static TAKEN: AtomicBool = AtomicBool::new(false);
static PANIC_HOOK: Once = Once::new();

/// The terminal, taken over. Restores it when dropped.
pub struct Tty {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    /// What is on the screen.
    shown: Buffer,
}

impl Tty {
    /// Takes over the terminal.
    pub fn take() -> io::Result<Self> {
        PANIC_HOOK.call_once(|| {
            let report = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                // Before the panic is reported: the report would vanish with the alternate screen.
                give_back();
                report(panic);
            }));
        });
        take()?;
        let out = BufWriter::with_capacity(FRAME, stdout());
        match Terminal::new(CrosstermBackend::new(out)) {
            Ok(terminal) => Ok(Self { terminal, shown: Buffer::default() }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Columns and rows.
    pub fn size(&self) -> io::Result<(u16, u16)> {
        self.terminal.size().map(|size| (size.width, size.height))
    }

    /// Draws a frame; what has not changed is not sent again. Fails if a panic has restored the
    /// terminal meanwhile.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        // No frame is being drawn while another thread restores the terminal.
        let _whole = stdout().lock();
        if !TAKEN.load(Ordering::SeqCst) {
            return Err(io::Error::other("the terminal has been restored"));
        }
        let drawn = self.terminal.draw(draw)?.buffer.clone();
        let uncertain = rows::uncertain(&self.shown, &drawn);
        if !uncertain.is_empty() {
            self.repaint(&drawn, &uncertain)?;
        }
        self.shown = drawn;
        Ok(())
    }

    /// Draws rows from scratch. After each character whose width the terminal may see differently,
    /// the cursor is positioned explicitly.
    fn repaint(&mut self, drawn: &Buffer, uncertain: &[u16]) -> io::Result<()> {
        let backend = self.terminal.backend_mut();
        queue!(backend, SavePosition, Hide)?;
        for &row in uncertain {
            queue!(backend, MoveTo(0, row), Clear(ClearType::UntilNewLine))?;
            for run in rows::runs(drawn, row) {
                backend.draw(run.into_iter())?;
            }
        }
        execute!(backend, RestorePosition, Show)
    }

    /// Makes the next frame be drawn completely.
    pub fn redraw(&mut self) -> io::Result<()> {
        self.shown = Buffer::default();
        self.terminal.clear()
    }

    /// Restores the terminal, stops this process as Ctrl-Z does, and takes the terminal over again
    /// when the process is continued.
    pub fn suspend(&mut self) -> io::Result<()> {
        give_back();
        raise(Signal::SIGTSTP)?;
        take()?;
        self.redraw()
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        give_back();
    }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    // A line that is wider than expected must end at the edge, and never move the lines below.
    execute!(stdout(), EnterAlternateScreen, DisableLineWrap, EnableBracketedPaste)
        .inspect_err(|_| give_back())
}

/// Discards keys that were read but not processed: otherwise they would be processed, and perhaps
/// posted, when the terminal is next taken over. Call this once nobody reads any more.
pub fn forget_keys() -> io::Result<()> {
    while event::poll(READER_ENDS_WITHIN)? {
        event::read()?;
    }
    Ok(())
}

/// Restores the terminal, if it was taken over.
pub fn give_back() {
    let _alone = stdout().lock();
    if TAKEN.swap(false, Ordering::SeqCst) {
        // Each fails only if the terminal is gone.
        let _ =
            execute!(stdout(), DisableBracketedPaste, EnableLineWrap, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        fs::File,
        io::Read as _,
        process::{Command, Stdio},
        thread,
    };

    use nix::{
        pty::{Winsize, openpty},
        sys::termios::tcgetattr,
    };

    use super::*;

    /// Tells the test program to panic after taking over its terminal.
    const PANIC: &str = "TEST_PANIC_ON_A_TAKEN_TERMINAL";

    /// Part of the test below, which runs it in a process and on a terminal of its own.
    #[test]
    fn panics_on_a_taken_terminal() {
        if env::var_os(PANIC).is_some() {
            let mut tty = Tty::take().expect("a terminal");
            tty.draw(|frame| frame.render_widget("drawn", frame.area())).expect("drawn");
            panic!("on purpose");
        }
    }

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_is_reported() {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).expect("a terminal");
        let settings = || {
            let found = tcgetattr(&pty.slave).expect("its settings");
            // Not the flags of the line: the C library notes there at which speed it is.
            (found.input_flags, found.output_flags, found.local_flags, found.control_chars)
        };
        let before = settings();
        let end = || Stdio::from(pty.slave.try_clone().expect("another handle"));
        let mut child = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", "--nocapture", "--test-threads=1"])
            .arg("terminal::fullscreen::tty::tests::panics_on_a_taken_terminal")
            .env(PANIC, "1")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("it starts");
        let mut master = File::from(pty.master);
        let said = thread::spawn(move || {
            let (mut said, mut some) = (Vec::new(), [0; 4096]);
            // Ends with an error when the last handle of the other side is closed.
            while let Ok(count @ 1..) = master.read(&mut some) {
                said.extend_from_slice(&some[..count]);
            }
            String::from_utf8_lossy(&said).into_owned()
        });
        assert!(!child.wait().expect("ours").success(), "it has panicked");
        assert_eq!(settings(), before);
        drop(pty.slave);
        let said = said.join().expect("read");
        let at = |words: &str| said.find(words).unwrap_or_else(|| panic!("no {words:?}: {said:?}"));
        assert!(at("\u{1b}[?1049h") < at("drawn"));
        assert!(at("drawn") < at("\u{1b}[?1049l"));
        assert!(at("\u{1b}[?1049l") < at("on purpose"));
    }
}
