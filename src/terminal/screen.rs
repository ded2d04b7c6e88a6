//! Where output goes.
//!
//! While a line is being edited, only the editor may print, so that the two do not mix. It prints
//! in its own time: a thread passes it what is to be shown, and nobody else waits for that.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rustyline::ExternalPrinter;
use tokio::sync::mpsc;

use crate::host::{stdio, thread};

/// Texts that wait for the editor; beyond that, the sender waits. Live posts then wait in their
/// stream.
const QUEUE: usize = 64;

/// Where a conversation is printed.
pub struct Screen {
    out: Box<dyn Write + Send + Sync>,
    notices: Notices,
}

/// Prints things that are not answers to a command.
#[derive(Clone)]
pub struct Notices {
    place: NoticeTarget,
    /// Set while something else fills the screen, and shows everything itself.
    is_quiet: Arc<AtomicBool>,
}

#[derive(Clone)]
enum NoticeTarget {
    /// On standard error.
    Beside,
    /// On standard output, between the answers.
    Between,
    /// Through the editor.
    Editor(mpsc::Sender<String>),
}

/// Keeps notices quiet until it is dropped.
pub struct Quiet {
    is_quiet: Arc<AtomicBool>,
}

impl Drop for Quiet {
    fn drop(&mut self) {
        self.is_quiet.store(false, Ordering::Relaxed);
    }
}

impl Screen {
    pub fn new(out: Box<dyn Write + Send + Sync>, notices: Notices) -> Self {
        Self { out, notices }
    }

    /// Prints an answer, while no line is being edited.
    pub fn say(&mut self, words: &str) -> io::Result<()> {
        self.out.write_all(words.as_bytes())?;
        self.out.flush()
    }

    /// Prints something that is not an answer, also while a line is being edited.
    pub async fn interject(&mut self, words: String) -> io::Result<()> {
        match &self.notices.place {
            NoticeTarget::Editor(_) => {
                self.notices.tell(words).await;
                Ok(())
            }
            NoticeTarget::Beside | NoticeTarget::Between => self.say(&words),
        }
    }

    /// Leaves the screen to something else.
    pub fn leave(&self) -> Quiet {
        self.notices.is_quiet.store(true, Ordering::Relaxed);
        Quiet { is_quiet: Arc::clone(&self.notices.is_quiet) }
    }

    /// Reports a problem, beside the conversation.
    pub async fn notice(&self, words: String) {
        self.notices.tell(words).await;
    }
}

impl Notices {
    /// On standard error.
    pub fn plain() -> Self {
        Self { place: NoticeTarget::Beside, is_quiet: Arc::default() }
    }

    /// On standard output, for scripts: each notice is a whole line.
    pub fn between_answers() -> Self {
        Self { place: NoticeTarget::Between, is_quiet: Arc::default() }
    }

    /// Through the editor.
    pub fn beside_an_editor(mut printer: impl ExternalPrinter + Send + 'static) -> Self {
        let (sender, mut words) = mpsc::channel(QUEUE);
        let printing = thread::spawn("notices", move || {
            while let Some(words) = words.blocking_recv() {
                // Fails only if the terminal is gone, which the editor notices too.
                let _ = printer.print(words);
            }
        });
        printing.expect("a process may have a few threads");
        Self { place: NoticeTarget::Editor(sender), is_quiet: Arc::default() }
    }

    pub async fn tell(&self, words: String) {
        match &self.place {
            _ if self.is_quiet.load(Ordering::Relaxed) => {}
            // Fails only while the conversation ends.
            NoticeTarget::Editor(editor) => drop(editor.send(words).await),
            NoticeTarget::Beside => print_error(words.trim_end()),
            // If the reader has gone, the answers will show it.
            NoticeTarget::Between => drop(stdio::print(&words)),
        }
    }
}

/// A line on standard error.
pub fn print_error(words: &str) {
    stdio::print_error(words);
}
