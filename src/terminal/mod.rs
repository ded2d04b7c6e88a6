//! The terminal client: the texts of the classic client, on top of the client library.
//!
//! | file | what it is |
//! | --- | --- |
//! | `login` | logging in, and the password if one is needed |
//! | `conversation` | reads commands and prints answers |
//! | `social_life` | the commands about posts and people |
//! | `people_life` | the commands about people, besides following them |
//! | `personal_life` | the commands about what the user keeps, and what follows from it |
//! | `line_timeline` | the timeline, line by line |
//! | `change_password`, `delete_account` | the PASSWORD and DELETE-ACCOUNT commands |
//! | `fullscreen` | the timeline on the whole screen |
//! | `verb` | pure: the one table of commands |
//! | `prompt_command` | pure: what a line means |
//! | `social_command` | pure: what a line about posts and people means |
//! | `people_command` | pure: what a line about people means |
//! | `answering` | pure: what an answer to a post is, besides its text |
//! | `personal_command` | pure: what a line about what the user keeps means |
//! | `filtered` | pure: what filters leave of a post |
//! | `post_options` | pure: the options before the text of a post |
//! | `report` | pure: the outcome of a command |
//! | `output_format` | pure: how that is printed, in words or in JSON |
//! | `text` | pure: the texts that are printed |
//! | `post_text` | pure: posts with their numbers, as they are printed |
//! | `people_text` | pure: people and notifications, as they are printed |
//! | `personal_text` | pure: what the user keeps, as it is printed |
//! | `json` | pure: JSON for scripts, with stable names |
//! | `json_facts`, `json_personal` | pure: posts, people, notifications and what the user keeps in it |
//! | `input` | lines from an editor or from a pipe, read by a thread |
//! | `history` | where typed lines are kept |
//! | `completion` | completes commands and names |
//! | `colour` | pure: the colours of words |
//! | `screen` | where output goes, also while a line is being edited |
//! | `signals` | those that end the client, after restoring the terminal |
//!
//! **Architecture invariant:** whatever other people wrote passes `sanitise` before it is printed.

mod answering;
mod change_password;
pub(crate) mod colour;
pub(crate) mod completion;
mod conversation;
mod delete_account;
mod filtered;
pub(crate) mod fullscreen;
mod history;
pub(crate) mod input;
pub(crate) mod json;
mod json_facts;
mod json_personal;
mod line_timeline;
mod login;
mod output_format;
mod people_command;
mod people_life;
mod people_text;
mod personal_command;
mod personal_life;
mod personal_text;
mod post_options;
pub(crate) mod post_text;
pub(crate) mod prompt_command;
mod report;
mod screen;
mod signals;
mod social_command;
mod social_life;
pub(crate) mod text;
pub(crate) mod verb;

use std::{
    env,
    io::{self, IsTerminal as _},
    path::Path,
    process::ExitCode,
};

use anyhow::Context as _;

use crate::{
    ansi,
    client::{Client, ClientOptions, ListKind},
    host::{stdio, task, text_file},
    settings::TerminalSettings,
};
use colour::Paint;
use completion::Names;
use conversation::Conversation;
use input::Input;
use login::LoginOutcome;
use output_format::OutputFormat;
use personal_life::Kept;
use screen::{Notices, Screen};

/// A setting cannot be used: `EX_USAGE`.
const UNUSABLE: u8 = 64;
/// The reader of the output has gone: 128 plus the number of SIGPIPE, as shells count it. Commands
/// may be left undone.
const UNREAD: u8 = 141;

/// Holds a conversation on standard input and output, until the input ends.
pub async fn run(settings: TerminalSettings) -> anyhow::Result<ExitCode> {
    signals::install().context("cannot wait for signals")?;
    let password = match settings.password_file.as_deref().map(read_password_file).transpose() {
        Ok(password) => password,
        Err(reason) => {
            screen::print_error(&reason);
            return Ok(ExitCode::from(UNUSABLE));
        }
    };
    let client = Client::connect(ClientOptions::of(&settings.client)?)?;
    match login::log_in(&client, &settings, password).await? {
        LoginOutcome::LoggedIn => {}
        LoginOutcome::Refused(code) => return Ok(ExitCode::from(code)),
    }
    let names = Names::default();
    let (format, is_edited, input, notices) = choose_io(&settings, &names);
    let moves = tell_moves(client.clone(), format, notices.clone());
    let _moves = task::spawn_owned(moves);
    let _names = task::spawn_owned(learn_names(client.clone(), names.clone()));
    let conversation = Conversation {
        client: client.clone(),
        input,
        screen: Screen::new(Box::new(stdio::output()), notices),
        names,
        kept: Kept::default(),
        format,
        is_edited,
        is_full_screen: is_edited
            && settings.full_screen
            && ansi::is_understood(|name| env::var_os(name)),
        is_strict: settings.json || settings.command.is_some(),
        code: ExitCode::SUCCESS,
    };
    let ended = match &settings.command {
        Some(command) => conversation.run_one(command).await,
        None => conversation.run().await,
    };
    client.log_out_soon().await;
    match ended {
        Ok(code) => Ok(code),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::from(UNREAD)),
        Err(error) => Err(error).context("cannot use standard input and output"),
    }
}

/// The form of output, whether lines are edited, the input, and where notices go.
fn choose_io(settings: &TerminalSettings, names: &Names) -> (OutputFormat, bool, Input, Notices) {
    let [reads, writes] = [io::stdin().is_terminal(), io::stdout().is_terminal()];
    let stdin = || io::BufReader::new(stdio::input());
    let unedited = || if reads { Input::typed(stdin()) } else { Input::plain(stdin()) };
    if settings.json {
        return (OutputFormat::Json, false, unedited(), Notices::between_answers());
    }
    let is_wanted = ansi::wants_colour(writes, |name| env::var_os(name));
    let format = OutputFormat::Text(Paint { is_wanted });
    let editor = (reads && writes && settings.command.is_none())
        .then(|| input::edited(names.clone(), history::file(&settings.history_file)))
        .and_then(Result::ok);
    match editor {
        Some((input, printer)) => (format, true, input, Notices::beside_an_editor(printer)),
        // Not a terminal, or one that does not support editing.
        None => (format, false, unedited(), Notices::plain()),
    }
}

/// The first line of `file`.
fn read_password_file(file: &Path) -> Result<String, String> {
    let content = text_file::read(file)
        .map_err(|reason| format!("cannot use {} (password_file): {reason}", file.display()))?;
    Ok(content.lines().next().unwrap_or_default().to_owned())
}

/// Prints one line for every move to another server.
async fn tell_moves(client: Client, format: OutputFormat, notices: Notices) {
    let mut server = client.active_server();
    while server.changed().await.is_ok() {
        let notice = server
            .borrow_and_update()
            .as_ref()
            .and_then(|active_server| format.moved(active_server));
        if let Some(notice) = notice {
            notices.tell(notice).await;
        }
    }
}

/// Loads the first page of names, for completion.
async fn learn_names(client: Client, names: Names) {
    // Only a convenience: LIST will show what is wrong.
    if let Ok(page) = client.list_page(&ListKind::Users, None, None).await {
        names.learn(page.names);
    }
}
