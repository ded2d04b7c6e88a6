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

use std::process::ExitCode;

use self::arguments::{AdminCommand, Wish};
pub use self::sign_up::run as sign_up;
use crate::{
    client::{
        About, AdminAnswer, AdminDone, AdminQuestion, AdminRequest, Client, ClientError,
        ClientOptions, Operator,
    },
    host::stdio,
    log_in::{self, Asked, INTERRUPTED, NOT_LOGGED_IN, REFUSED, password, within_reach},
    node_auth::NodeAuth,
    operator::{self, OperatorError},
    settings::AdminSettings,
};

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
    log_in::failed(error, settings.json.then(|| json::failed(error)), refused)
}
