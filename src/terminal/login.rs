//! Logging in: what the user is told while it takes long, and the password if one is needed.

use std::{
    future::Future,
    io::{self, IsTerminal as _},
    time::Duration,
};

use tokio::time;

use super::{
    conversation::INTERRUPTED, input::Line, output_format::UNAVAILABLE, report::Failure,
    screen::print_error,
};
use crate::{
    client::{Client, ClientError, Refusal, RefusalKind},
    host::{hidden_line, thread},
    sanitise,
    settings::TerminalSettings,
};

/// The login was refused: `EX_NOPERM` of sysexits.h.
const REFUSED: u8 = 77;
/// A login that takes longer than this is explained to the user.
const WAITING_NOTICE_AFTER: Duration = Duration::from_secs(2);
/// How long a router that has never answered is tried: longer than it takes to restart. A client
/// that has been served before is far more patient.
const FIRST_CONTACT_WITHIN: Duration = Duration::from_secs(5);
/// How often a password is asked for, as in other programs.
const TRIES: usize = 3;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginOutcome {
    LoggedIn,
    /// With this exit code; the user has been told why.
    Refused(u8),
}

/// Logs in with `password`; if one is needed and was not given, asks for it at a terminal.
pub async fn log_in(
    client: &Client,
    settings: &TerminalSettings,
    password: Option<String>,
) -> io::Result<LoginOutcome> {
    let user = settings.user.as_str();
    let router = &settings.client.router;
    let may_ask = password.is_none() && io::stdin().is_terminal();
    let first = client.log_in(user, password.as_deref());
    let mut outcome = explain_delay(client, first, router, FIRST_CONTACT_WITHIN, print_error).await;
    let mut tries = 0;
    while may_ask && tries < TRIES && outcome.as_ref().is_err_and(is_about_the_password) {
        if tries > 0 {
            print_error("wrong password");
        }
        tries += 1;
        let question = format!("Password for {user}: ");
        let answer = thread::run(move || hidden_line::read(&question)).await?;
        let password = match answer? {
            Line::Text(line) => line.trim_end_matches(['\n', '\r']).to_owned(),
            Line::NoText => {
                print_error(&Failure::NoText.to_string());
                break;
            }
            Line::End => break,
            Line::Interrupted => return Ok(LoginOutcome::Refused(INTERRUPTED)),
        };
        let next = client.log_in(user, Some(&password));
        outcome = explain_delay(client, next, router, FIRST_CONTACT_WITHIN, print_error).await;
    }
    let Err(error) = outcome else { return Ok(LoginOutcome::LoggedIn) };
    let hint = match &settings.password_file {
        _ if !is_about_the_password(&error) => String::new(),
        Some(file) => format!(" (it was read from {})", file.display()),
        None if may_ask => String::new(),
        None => "; name a file that holds it on its first line, with --password-file FILE or the \
                 variable TINYSNS_PASSWORD_FILE"
            .to_owned(),
    };
    print_error(&format!("cannot log in: {}{hint}", sanitise::line(&error.to_string())));
    Ok(LoginOutcome::Refused(exit_code(&error)))
}

fn is_about_the_password(error: &ClientError) -> bool {
    error.refusal_kind() == Some(&RefusalKind::WrongPassword)
}

/// Waits for `login`, and explains through `tell` why it takes long. If no node at all can be
/// reached, gives up sooner.
async fn explain_delay<T>(
    client: &Client,
    login: impl Future<Output = Result<T, ClientError>>,
    router: &str,
    call_timeout: Duration,
    tell: impl Fn(&str),
) -> Result<(), ClientError> {
    // Boxed because it is large, and awaited in two places.
    let mut login = Box::pin(login);
    let mut is_explained = false;
    loop {
        tokio::select! {
            biased;
            answer = &mut login => return answer.map(drop),
            reason = client.out_of_reach() => {
                let limit = humantime::format_duration(call_timeout);
                tell(&format!("{reason}; trying for {limit} (Ctrl-C ends this)"));
                is_explained = true;
                tokio::select! {
                    biased;
                    answer = &mut login => return answer.map(drop),
                    back = time::timeout(call_timeout, client.within_reach()) => if back.is_err() {
                        let reason = format!("{reason}; is this its address (--router HOST:PORT)?");
                        return Err(Refusal::unanswered(call_timeout, reason).into());
                    }
                }
            }
            () = time::sleep(WAITING_NOTICE_AFTER), if !is_explained => {
                is_explained = true;
                tell(&format!("waiting for a server; the router is {router}"));
            }
        }
    }
}

/// The exit code for `error`.
fn exit_code(error: &ClientError) -> u8 {
    match error {
        ClientError::Refused { .. } | ClientError::NotLoggedIn => REFUSED,
        ClientError::Unanswered { .. }
        | ClientError::Router { .. }
        | ClientError::Address { .. } => UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::client::{
        ClientOptions,
        tests::{fake::Network, soon},
    };

    /// A login through the router at `address`, which sends to `said` what the user would be told.
    async fn log_in(
        address: &str,
        call_timeout: Duration,
        said: mpsc::UnboundedSender<String>,
    ) -> Result<(), ClientError> {
        let client = Client::connect(ClientOptions::new(address)).expect("an address");
        let tell = |words: &str| said.send(words.to_owned()).expect("the test listens");
        soon(explain_delay(&client, client.log_in("u1", None), address, call_timeout, tell)).await
    }

    /// An address at which nothing listens.
    fn nowhere(network: &Network) -> String {
        let gone = network.start("router");
        let address = gone.address();
        gone.kill();
        address
    }

    #[tokio::test]
    async fn an_address_where_nobody_is_is_told_of_at_once_and_given_up_soon() {
        let address = nowhere(&Network::default());
        let (said, mut told) = mpsc::unbounded_channel();
        let call_timeout = Duration::from_millis(300);
        let error = log_in(&address, call_timeout, said).await.expect_err("nobody is there");
        assert_eq!(exit_code(&error), UNAVAILABLE);
        let words = error.to_string();
        assert!(words.starts_with("no server has answered within 300ms: the router at"), "{words}");
        assert!(words.contains(&address) && words.contains("--router"), "{words}");
        let told = [told.recv().await.expect("told"), told.recv().await.unwrap_or_default()];
        assert!(told[0].contains("refused") && told[0].contains("; trying for 300ms"), "{told:?}");
        assert_eq!(told[1], "", "once");
    }

    #[tokio::test]
    async fn a_router_that_comes_in_time_is_waited_for() {
        let network = Network::default();
        let address = nowhere(&network);
        let server = network.start("server");
        let (said, mut told) = mpsc::unbounded_channel();
        let late = async {
            told.recv().await.expect("told");
            let router = network.start_at("router", &address);
            router.name_available(&server, 1, &[&server]);
            router
        };
        let call_timeout = Duration::from_mins(1);
        let (outcome, _router) = tokio::join!(log_in(&address, call_timeout, said), late);
        outcome.expect("logged in");
    }
}
