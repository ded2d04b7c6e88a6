//! The terminal client: the words of the classic one, over the client library.
//!
//! | file | what it is |
//! | --- | --- |
//! | `conversation` | commands in, words out; the timeline, line by line |
//! | `fullscreen` | the timeline on a whole screen |
//! | `command` | pure: what a line asks for |
//! | `words` | pure: every word that is printed |
//! | `sanitise` | pure: makes other people's text harmless |
//! | `input` | lines from an editor or from a pipe, read by a thread |
//! | `completion` | completes commands and names |
//! | `colour` | pure: whether colours are wanted, and which ones words have |
//! | `screen` | where words go, also while a line is being edited |
//! | `signals` | those that end the client, once the terminal is as it was |
//!
//! **Architecture invariant:** whatever other people wrote passes `sanitise` before it is printed.

#[allow(dead_code, reason = "the paint is for words at the prompt")]
mod colour;
mod command;
mod completion;
mod conversation;
mod fullscreen;
mod input;
mod sanitise;
mod screen;
mod signals;
mod words;

use std::{
    env, fs,
    io::{self, IsTerminal as _},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use tokio::time;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    client::{Client, ClientError, ClientOptions, ListKind},
    settings::TerminalSettings,
};
use completion::Names;
use conversation::Conversation;
use input::Input;
use screen::{Notices, Screen};

/// Nobody answers: `EX_UNAVAILABLE` of sysexits.h.
const UNAVAILABLE: u8 = 69;
/// The login was refused: `EX_NOPERM`.
const REFUSED: u8 = 77;
/// A login that takes longer than this is explained.
const WAITING_NOTICE_AFTER: Duration = Duration::from_secs(2);

/// Holds a conversation on standard input and output, until the input ends.
pub async fn run(settings: TerminalSettings) -> anyhow::Result<ExitCode> {
    signals::heed().context("cannot wait for signals")?;
    let password = settings.password_file.as_deref().map(password).transpose()?;
    let client = Client::connect(ClientOptions::new(&settings.client.router))?;
    if let Err(error) = log_in(&client, &settings, password.as_deref()).await {
        screen::complain(&format!("cannot log in: {}", sanitise::line(&error.to_string())));
        return Ok(ExitCode::from(exit_code(&error)));
    }
    let names = Names::default();
    let on_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let editor = on_terminal
        .then(|| input::edited(names.clone(), settings.history_file.clone()))
        .and_then(Result::ok);
    let is_edited = editor.is_some();
    let (input, notices) = match editor {
        Some((input, printer)) => (input, Notices::beside_an_editor(printer)),
        // Not a terminal, or one that cannot be edited on.
        None => (Input::plain(io::BufReader::new(io::stdin())), Notices::plain()),
    };
    let _moves = AbortOnDropHandle::new(tokio::spawn(tell_moves(client.clone(), notices.clone())));
    let _names = AbortOnDropHandle::new(tokio::spawn(learn_names(client.clone(), names.clone())));
    let screen = Screen::new(Box::new(io::stdout()), notices);
    let is_full_screen = is_edited && settings.full_screen && has_a_screen();
    let conversation = Conversation { client, input, screen, names, is_edited, is_full_screen };
    let ended = conversation.hold().await;
    match ended {
        Ok(code) => Ok(code),
        // Whoever read our output has gone, like `head`: nothing is left to do.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error.into()),
    }
}

/// Whether the terminal can do more than print line after line.
fn has_a_screen() -> bool {
    env::var_os("TERM").is_some_and(|name| !name.is_empty() && name != "dumb")
}

/// The first line of `file`.
fn password(file: &Path) -> anyhow::Result<String> {
    let content = fs::read_to_string(file)
        .with_context(|| format!("cannot read {} (password_file)", file.display()))?;
    Ok(content.lines().next().unwrap_or_default().to_owned())
}

async fn log_in(
    client: &Client,
    settings: &TerminalSettings,
    password: Option<&str>,
) -> Result<(), ClientError> {
    let login = client.log_in(settings.user.as_str(), password);
    tokio::pin!(login);
    if let Ok(answer) = time::timeout(WAITING_NOTICE_AFTER, &mut login).await {
        return answer.map(drop);
    }
    screen::complain(&format!("waiting for a server; the router is {}", settings.client.router));
    login.await.map(drop)
}

/// Which exit code tells of `error`.
fn exit_code(error: &ClientError) -> u8 {
    match error {
        ClientError::Refused { .. } | ClientError::NotLoggedIn => REFUSED,
        ClientError::Unanswered { .. }
        | ClientError::Router { .. }
        | ClientError::Address { .. } => UNAVAILABLE,
    }
}

/// One quiet line for every move to another server.
async fn tell_moves(client: Client, notices: Notices) {
    let mut server = client.server();
    while server.changed().await.is_ok() {
        let notice = server.borrow_and_update().as_ref().and_then(words::moved);
        if let Some(notice) = notice {
            notices.tell(notice).await;
        }
    }
}

/// The first page of names, so that there is something to complete.
async fn learn_names(client: Client, names: Names) {
    // A convenience only: whoever LISTs will see what is wrong.
    if let Ok(page) = client.list_page(ListKind::Users, None, 0).await {
        names.learn(page.names);
    }
}
