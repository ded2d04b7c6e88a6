//! Follows, blocks and mutes from a file. What is there already stays, so that a file can be taken again.

use std::{
    io::{self, BufRead},
    time::Duration,
};

use tokio::time::sleep;

use super::mastodon_csv::{self, Listed, WrongLine};
use crate::{
    client::{Client, ClientError, FollowOutcome, Refusal, RefusalKind},
    domain::{Importable, RelationChange},
    network::Network,
};

/// How long to wait before asking again, if the server does not say.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What has come of an import so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Lines that were done.
    pub done: u64,
    /// Lines of which it was so already.
    pub already: u64,
    /// Whoever is to be followed is asked first.
    pub requested: u64,
    /// Lines that were not done.
    pub skipped: u64,
}

impl Imported {
    /// How many lines were looked at.
    pub fn lines(&self) -> u64 {
        self.done + self.already + self.requested + self.skipped
    }
}

/// A line that was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedLine {
    /// Which, counted from 1.
    pub line: u64,
    /// Who is on it.
    pub account: String,
    /// Why.
    pub why: String,
}

impl From<WrongLine> for SkippedLine {
    fn from(WrongLine { line, text, why }: WrongLine) -> Self {
        Self { line, account: text, why }
    }
}

/// Why an import ends before its file does.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("cannot read the file: {0}")]
    Read(#[from] io::Error),
    /// Nobody answers, or the session has ended.
    #[error(transparent)]
    Call(#[from] ClientError),
}

/// What is told while an import goes on.
pub enum Told<'a> {
    /// A line was not done.
    Skipped(&'a SkippedLine),
    /// So much was done so far.
    SoFar(Imported),
    /// The server wants to be left alone for a while.
    Waits(Duration),
}

/// Does what a file lists for the user of `client`, who is logged in, on a network that is called `host`. Goes on
/// after lines that cannot be done, which `tell` is told of, and waits if it is told to. What was done is in `so_far`,
/// also if the file could not be read to its end.
pub async fn import<N: Network>(
    client: &Client<N>,
    what: Importable,
    source: impl BufRead + Send,
    host: &str,
    so_far: &mut Imported,
    tell: &mut (dyn FnMut(Told<'_>) + Send),
) -> Result<(), ImportError> {
    for listed in mastodon_csv::read(source) {
        let skipped = match listed? {
            Ok(listed) => match cannot(client, &listed, host) {
                None => carry_out(client, what, &listed, so_far, tell).await?,
                why => why,
            }
            .map(|why| SkippedLine { line: listed.line, account: listed.address, why }),
            Err(wrong) => Some(wrong.into()),
        };
        if let Some(skipped) = skipped {
            so_far.skipped += 1;
            tell(Told::Skipped(&skipped));
        }
        tell(Told::SoFar(*so_far));
    }
    Ok(())
}

/// Why nothing can be done with somebody, if that is known without asking.
fn cannot<N: Network>(client: &Client<N>, listed: &Listed, host: &str) -> Option<String> {
    let is_elsewhere = |other: &String| !other.eq_ignore_ascii_case(host);
    if listed.host.as_ref().is_some_and(is_elsewhere) {
        return Some(format!("that is on another network: this one is {host}"));
    }
    let is_oneself = client.username().is_some_and(|own| own.folded() == listed.name.folded());
    is_oneself.then(|| "that is yourself".to_owned())
}

/// Does what a line says; returns why not, if it cannot be done.
async fn carry_out<N: Network>(
    client: &Client<N>,
    what: Importable,
    listed: &Listed,
    so_far: &mut Imported,
    tell: &mut (dyn FnMut(Told<'_>) + Send),
) -> Result<Option<String>, ClientError> {
    loop {
        let refusal = match once(client, what, listed).await {
            Ok(FollowOutcome::Follows) => {
                so_far.done += 1;
                return Ok(None);
            }
            Ok(FollowOutcome::Requested) => {
                so_far.requested += 1;
                return Ok(None);
            }
            Err(ClientError::Refused(refusal)) => refusal,
            Err(error) => return Err(error),
        };
        let Refusal { kind, message, again_after } = &refusal;
        match kind {
            RefusalKind::AlreadyExists => {
                so_far.already += 1;
                return Ok(None);
            }
            RefusalKind::TooMuch => {
                let pause = again_after.unwrap_or(AGAIN_AFTER);
                tell(Told::Waits(pause));
                sleep(pause).await;
            }
            RefusalKind::NotFound | RefusalKind::NotPossible | RefusalKind::Invalid => {
                return Ok(Some(message.to_string()));
            }
            _ => return Err(refusal.into()),
        }
    }
}

async fn once<N: Network>(
    client: &Client<N>,
    what: Importable,
    listed: &Listed,
) -> Result<FollowOutcome, ClientError> {
    let name = listed.name.as_str();
    let change = match what {
        Importable::Follows => return client.follow(name).await,
        Importable::Blocks => RelationChange::Block,
        Importable::Mutes => {
            RelationChange::Mute { notifications: listed.hides_notifications, until: None }
        }
    };
    client.relate(name, &change).await?;
    Ok(FollowOutcome::Follows)
}
