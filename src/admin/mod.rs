//! `tinysns admin`: what those do who run the network, from a command line. `tinysns sign-up`: joining it.
//!
//! - `arguments`: what may be typed, and what it means
//! - `words`: pure: what is printed for people
//! - `json`: pure: what is printed for programs, with stable names
//! - `sign_up`: joining
//!
//! Operators prove that they have the cluster's secret, and need no account; owners and moderators log in, with
//! `--as`.

pub mod arguments;
mod json;
mod sign_up;
mod words;

use std::{io, path::Path, process::ExitCode, time::Duration};

use anyhow::Context as _;
use tokio::time::timeout;

use self::arguments::{AdminCommand, Wish};
pub use self::sign_up::run as sign_up;
use crate::{
    client::{
        About, AdminAnswer, AdminDone, AdminQuestion, AdminRequest, Client, ClientError,
        ClientOptions, Operator, Refusal,
    },
    host::{
        hidden_line::{self, Line},
        stdio, text_file, thread,
    },
    node_auth::NodeAuth,
    operator::{self, OperatorError},
    sanitise,
    settings::AdminSettings,
};

/// What was asked for is refused: `EX_DATAERR` of sysexits.h.
const REFUSED: u8 = 65;
/// Nobody answers: `EX_UNAVAILABLE`.
const UNAVAILABLE: u8 = 69;
/// The login was refused: `EX_NOPERM`.
const NOT_LOGGED_IN: u8 = 77;
/// Ended by Ctrl-C: 128 plus the number of SIGINT, as shells count it.
const INTERRUPTED: u8 = 130;

/// How long a router that has never answered is tried: longer than it takes to restart.
const FIRST_CONTACT_WITHIN: Duration = Duration::from_secs(5);

/// Who asks.
enum Asker {
    Operator(Box<Operator>),
    Person(Client),
}

impl Asker {
    fn client(&self) -> &Client {
        match self {
            Self::Operator(operator) => operator.client(),
            Self::Person(person) => person,
        }
    }

    async fn administer(&self, request: &AdminRequest) -> Result<AdminDone, ClientError> {
        match self {
            Self::Operator(operator) => operator.administer(request).await,
            Self::Person(person) => person.administer(request).await,
        }
    }

    async fn inspect(&self, question: &AdminQuestion) -> Result<AdminAnswer, ClientError> {
        match self {
            Self::Operator(operator) => operator.inspect(question).await,
            Self::Person(person) => person.inspect(question).await,
        }
    }

    async fn about(&self) -> Result<About, ClientError> {
        match self {
            Self::Operator(operator) => operator.about().await,
            Self::Person(person) => person.about().await,
        }
    }
}

/// Carries out a command, and says what came of it.
pub async fn run(settings: AdminSettings, command: AdminCommand) -> anyhow::Result<ExitCode> {
    let options = ClientOptions::of(&settings.client)?;
    let asker = match (&settings.secret, &settings.as_user) {
        (Some(secret), None) => {
            let secret = NodeAuth::new(secret.clone(), &settings.nodes)?;
            // A call is repeated for a minute; a router that is not there, or does not believe the secret, is told of
            // at once.
            match operator::look(&settings.client, &secret).await {
                Ok(_cluster) => {}
                Err(OperatorError::Router(error)) => return Ok(failed(&settings, &error, REFUSED)),
                Err(error) => return Err(error.into()),
            }
            Asker::Operator(Box::new(Operator::connect(options, &secret)?))
        }
        (_, Some(name)) => {
            let client = Client::connect(options)?;
            let question = format!("Password for {name}: ");
            let asked = password(settings.password_file.as_deref(), question).await?;
            let Asked::Password(password) = asked else { return Ok(ExitCode::from(INTERRUPTED)) };
            let login = client.log_in_existing(name.as_str(), password.as_deref());
            if let Err(error) = within_reach(&client, login).await {
                return Ok(failed(&settings, &error, NOT_LOGGED_IN));
            }
            Asker::Person(client)
        }
        (None, None) => anyhow::bail!("say who asks (--as), or name the cluster's secret"),
    };
    let outcome = within_reach(asker.client(), carry_out(&asker, &settings, command)).await;
    asker.client().log_out_soon().await;
    match outcome {
        Ok(said) => Ok(stdio::exit_code(stdio::print(&said))),
        Err(error) => Ok(failed(&settings, &error, REFUSED)),
    }
}

async fn carry_out(
    asker: &Asker,
    settings: &AdminSettings,
    AdminCommand { wish, code }: AdminCommand,
) -> Result<String, ClientError> {
    match wish {
        Wish::Do(request) => {
            let done = asker.administer(&request).await?;
            let code = code.filter(|_| done.code_is_needed || is_invitation(&request));
            Ok(if settings.json {
                json::done(done, code.as_ref())
            } else {
                words::done(&request, done, code.as_ref())
            })
        }
        Wish::Settings => {
            let about = asker.about().await?;
            Ok(if settings.json { json::about(&about) } else { words::about(&about) })
        }
        Wish::See(question, is_wanted) => {
            let answer = all(asker, question).await?;
            let answer = arguments::only(answer, is_wanted);
            Ok(if settings.json { json::answer(&answer) } else { words::answer(&answer) })
        }
    }
}

fn is_invitation(request: &AdminRequest) -> bool {
    matches!(request, AdminRequest::Invite { .. })
}

/// People are read to the last page; of everything else, the newest page is.
async fn all(asker: &Asker, question: AdminQuestion) -> Result<AdminAnswer, ClientError> {
    let mut answer = asker.inspect(&question).await?;
    while let AdminAnswer::People { members, next: Some(position) } = answer {
        let AdminQuestion::People { standing, limit, .. } = question else {
            return Ok(AdminAnswer::People { members, next: None });
        };
        let position = Some(position);
        let more = asker.inspect(&AdminQuestion::People { standing, position, limit }).await?;
        let AdminAnswer::People { members: others, next } = more else { return Ok(more) };
        answer = AdminAnswer::People { members: [members, others].concat(), next };
    }
    Ok(answer)
}

/// Says why nothing was done; the exit code, which is `refused` if a server has refused.
fn failed(settings: &AdminSettings, error: &ClientError, refused: u8) -> ExitCode {
    if settings.json {
        // If nobody reads it, nobody wants to know.
        let _ = stdio::print(&json::failed(error));
    }
    stdio::print_error(&format!("tinysns: {}", sanitise::text(&error.to_string())));
    let code = match error {
        ClientError::Refused(_) | ClientError::NotLoggedIn => refused,
        ClientError::Unanswered { .. }
        | ClientError::Router { .. }
        | ClientError::Address { .. } => UNAVAILABLE,
    };
    ExitCode::from(code)
}

/// Gives up soon if no node at all can be reached.
async fn within_reach<T>(
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
enum Asked {
    /// None at the end of the input.
    Password(Option<String>),
    Interrupted,
}

/// The first line of a file, or what is typed.
async fn password(file: Option<&Path>, question: String) -> anyhow::Result<Asked> {
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
