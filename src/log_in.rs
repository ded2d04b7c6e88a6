//! How somebody logs in from a command line that is no conversation: the password, and for how long a router is tried
//! that nobody has ever reached.

use std::{future::Future, io, path::Path, process::ExitCode, time::Duration};

use anyhow::Context as _;
use tokio::time::timeout;

use crate::{
    client::{Client, ClientError, Refusal},
    host::{
        hidden_line::{self, Line},
        stdio, text_file, thread,
    },
    sanitise,
};

/// What was asked for is refused: `EX_DATAERR` of sysexits.h.
pub const REFUSED: u8 = 65;
/// Nobody answers: `EX_UNAVAILABLE`.
const UNAVAILABLE: u8 = 69;
/// The login was refused: `EX_NOPERM`.
pub const NOT_LOGGED_IN: u8 = 77;
/// Ended by Ctrl-C: 128 plus the number of SIGINT, as shells count it.
pub const INTERRUPTED: u8 = 130;

/// How long a router that has never answered is tried: longer than it takes to restart.
const FIRST_CONTACT_WITHIN: Duration = Duration::from_secs(5);

/// The exit code for an error; `refused` if a server has refused.
const fn exit_code(error: &ClientError, refused: u8) -> u8 {
    match error {
        ClientError::Refused(_) | ClientError::NotLoggedIn => refused,
        ClientError::Unanswered { .. }
        | ClientError::Router { .. }
        | ClientError::Address { .. } => UNAVAILABLE,
    }
}

/// Says why something failed, for scripts also in `json`, if they want it; the exit code, which is `refused` if a server
/// has refused.
pub fn failed(error: &ClientError, json: Option<String>, refused: u8) -> ExitCode {
    if let Some(json) = json {
        // If nobody reads it, nobody wants to know.
        let _ = stdio::print(&json);
    }
    stdio::print_error(&format!("tinysns: {}", sanitise::text(&error.to_string())));
    ExitCode::from(exit_code(error, refused))
}

/// Gives up soon if no node at all can be reached.
pub async fn within_reach<T>(
    client: &Client,
    call: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    let out_of_reach = async {
        loop {
            let reason = client.out_of_reach().await;
            if timeout(FIRST_CONTACT_WITHIN, client.within_reach()).await.is_err() {
                return reason;
            }
        }
    };
    let mut call = Box::pin(call);
    tokio::select! {
        biased;
        answer = &mut call => answer,
        reason = out_of_reach => Err(Refusal::unanswered(FIRST_CONTACT_WITHIN, reason).into()),
    }
}

/// What came of asking for a password.
pub enum Asked {
    /// None at the end of the input.
    Password(Option<String>),
    /// Ctrl-C.
    Interrupted,
}

/// The first line of a file, or what is typed.
pub async fn password(file: Option<&Path>, question: String) -> anyhow::Result<Asked> {
    let Some(file) = file else {
        let typed: io::Result<Line> = thread::run(move || hidden_line::read(&question)).await?;
        return Ok(match typed.context("cannot read a password")? {
            Line::Text(line) => {
                Asked::Password(Some(line.trim_end_matches(['\n', '\r']).to_owned()))
            }
            Line::NoText => anyhow::bail!("cannot read a password: it is not valid UTF-8"),
            Line::End => Asked::Password(None),
            Line::Interrupted => Asked::Interrupted,
        });
    };
    let content = text_file::read(file).map_err(|reason| {
        anyhow::anyhow!("cannot use {} (password_file): {reason}", file.display())
    })?;
    Ok(Asked::Password(Some(content.lines().next().unwrap_or_default().to_owned())))
}
