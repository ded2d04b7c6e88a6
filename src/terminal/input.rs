//! Lines from an editor or from a pipe. Reading blocks, so a thread of its own does it, one line
//! per request.

use std::{
    io::{self, BufRead},
    path::PathBuf,
};

use rustyline::{
    Cmd, CompletionType, Config, Editor, ExternalPrinter, KeyEvent, error::ReadlineError,
    history::FileHistory,
};
use tokio::sync::mpsc;

use super::{
    completion::{Assistant, Completion, Names},
    prompt_command, text,
};
pub use crate::host::hidden_line::Line;
use crate::host::{hidden_line, thread};

/// How many lines of history are kept.
const HISTORY: usize = 1_000;

/// What a line is requested for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    Command,
    Post,
    /// A secret, with this question: hidden if the input is a terminal.
    Secret(&'static str),
}

/// Reads lines, one at a time.
pub struct Input {
    prompts: mpsc::Sender<Prompt>,
    lines: mpsc::Receiver<io::Result<Line>>,
    is_asked: bool,
    /// Whether a person types the input, and cannot see a secret while typing it.
    pub is_typed: bool,
}

impl Input {
    /// Lines of a file or pipe. The caller prints prompts.
    pub fn plain(mut source: impl BufRead + Send + 'static) -> Self {
        Self::from_thread(false, move |_| read_plain(&mut source))
    }

    /// Lines of a terminal, not edited by this program.
    pub fn typed(mut source: impl BufRead + Send + 'static) -> Self {
        Self::from_thread(true, move |prompt| match prompt {
            Prompt::Secret(question) => hidden_line::read(question),
            Prompt::Command | Prompt::Post => read_plain(&mut source),
        })
    }

    fn from_thread(
        is_typed: bool,
        mut read: impl FnMut(Prompt) -> io::Result<Line> + Send + 'static,
    ) -> Self {
        let (prompts, mut asked) = mpsc::channel(1);
        let (sender, lines) = mpsc::channel(1);
        let reading = thread::spawn("input", move || {
            while let Some(prompt) = asked.blocking_recv() {
                if sender.blocking_send(read(prompt)).is_err() {
                    return;
                }
            }
        });
        reading.expect("a process may have two threads");
        Self { prompts, lines, is_asked: false, is_typed }
    }

    /// Requests a line, unless one is requested already.
    pub fn ask(&mut self, prompt: Prompt) {
        if !self.is_asked {
            // One request at a time: there is room, or the thread has ended, which `read` will
            // report.
            self.is_asked = self.prompts.try_send(prompt).is_ok();
        }
    }

    /// The requested line. May be cancelled and called again.
    pub async fn read(&mut self) -> io::Result<Line> {
        let line = self.lines.recv().await;
        self.is_asked = false;
        line.unwrap_or(Ok(Line::End))
    }
}

/// The next line of a file or pipe.
pub(crate) fn read_plain(source: &mut impl BufRead) -> io::Result<Line> {
    let mut line = Vec::new();
    Ok(match source.read_until(b'\n', &mut line)? {
        0 => Line::End,
        // The byte order mark, with which some programs begin a text.
        _ if line.starts_with(b"\xef\xbb\xbf") => Line::of(line.split_off(3)),
        _ => Line::of(line),
    })
}

/// Lines edited on the terminal, and a printer for what is printed meanwhile. Fails if the terminal
/// cannot do that.
pub fn edited(
    names: Names,
    history: Option<PathBuf>,
) -> rustyline::Result<(Input, impl ExternalPrinter + Send + 'static)> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .max_history_size(HISTORY)?
        .history_ignore_space(true)
        .build();
    let mut editor = Editor::<Assistant, FileHistory>::with_config(config)?;
    editor.set_helper(Some(Assistant { completion: Completion { names, at_prompt: true } }));
    if let Some(history) = &history {
        // There is none the first time.
        let _ = editor.load_history(history);
    }
    // Ctrl-D that was typed while a command was carried out: the kernel, which had the terminal then, marks
    // it, and passes the mark on as this when the editor takes the terminal again.
    editor.bind_sequence(KeyEvent::ctrl('@'), Cmd::EndOfFile);
    let printer = editor.create_external_printer()?;
    let input =
        Input::from_thread(true, move |prompt| read_edited(&mut editor, prompt, history.as_ref()));
    Ok((input, printer))
}

fn read_edited(
    editor: &mut Editor<Assistant, FileHistory>,
    prompt: Prompt,
    history: Option<&PathBuf>,
) -> io::Result<Line> {
    if let Some(assistant) = editor.helper_mut() {
        assistant.completion.at_prompt = prompt == Prompt::Command;
    }
    let shown = match prompt {
        Prompt::Command => text::PROMPT,
        Prompt::Post => "",
        Prompt::Secret(question) => return hidden_line::read(question),
    };
    let is_kept = |line: &str| prompt == Prompt::Post || !prompt_command::may_hold_a_password(line);
    loop {
        match editor.readline(shown) {
            Ok(line) => {
                // A line that cannot be remembered is still carried out.
                if is_kept(&line)
                    && editor.add_history_entry(line.as_str()).unwrap_or(false)
                    && let Some(history) = history
                {
                    let _ = editor.append_history(history);
                }
                return Ok(Line::Text(line));
            }
            Err(ReadlineError::Eof) => return Ok(Line::End),
            Err(ReadlineError::Interrupted) => return Ok(Line::Interrupted),
            // The window was resized.
            Err(ReadlineError::Signal(_)) => {}
            Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                return Ok(Line::NoText);
            }
            Err(ReadlineError::Io(error)) => return Err(error),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
}
