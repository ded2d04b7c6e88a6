//! Joining the network, with a password of one's own.

use std::process::ExitCode;

use crate::{
    client::{Client, ClientOptions, SignUp, SignedUp},
    host::stdio,
    log_in::{self, Asked, INTERRUPTED, REFUSED, password, within_reach},
    settings::SignUpSettings,
};

/// Makes an account, and says what came of it.
pub async fn run(settings: SignUpSettings) -> anyhow::Result<ExitCode> {
    let client = Client::connect(ClientOptions::of(&settings.client)?)?;
    let SignUpSettings { user: name, invitation, reason, .. } = settings;
    let question = format!("Choose a password for {name}, of at least 8 characters: ");
    let asked = password(settings.password_file.as_deref(), question).await?;
    let Asked::Password(password) = asked else { return Ok(ExitCode::from(INTERRUPTED)) };
    let password = password.unwrap_or_default();
    let wanted = SignUp { name: name.clone(), password, invitation, reason };
    let said = match within_reach(&client, client.sign_up(&wanted)).await {
        Ok(SignedUp::LoggedIn(_)) => {
            client.log_out_soon().await;
            format!("{name} has joined: log in with `tinysns client -u {name}`\n")
        }
        Ok(SignedUp::Pending) => {
            format!(
                "{name} has asked to join: a moderator decides, then `tinysns client -u {name}` works\n"
            )
        }
        Err(error) => {
            return Ok(log_in::failed(&error, None, REFUSED));
        }
    };
    Ok(stdio::exit_code(stdio::print(&said)))
}
