//! PASSWORD: its questions, and the change.

use std::io;

use super::{
    conversation::Conversation,
    input::{Line, Prompt},
    report::{Answer, Failure},
};

const CURRENT: &str = "Current password: ";
const NEW: &str = "New password (empty for none): ";
const AGAIN: &str = "New password again: ";

impl Conversation {
    /// Asks for the current password, if there is one, and for the new one, and changes it. A
    /// hidden new password is asked for twice. Ctrl-C and Ctrl-D end only the command.
    pub async fn change_password(&mut self) -> io::Result<Result<Answer, Failure>> {
        let mut current = None;
        if self.client.has_password() {
            match self.secret(CURRENT, Failure::NoPassword).await? {
                Ok(secret) => current = Some(secret),
                Err(failure) => return Ok(Err(failure)),
            }
        }
        let new = match self.secret(NEW, Failure::NoPassword).await? {
            Ok(secret) => secret,
            Err(failure) => return Ok(Err(failure)),
        };
        if self.input.is_typed
            && self.secret(AGAIN, Failure::NoPassword).await?.ok().as_ref() != Some(&new)
        {
            return Ok(Err(Failure::Differ));
        }
        let changed = self.client.set_password(current.as_deref(), Some(&new)).await;
        Ok(changed.map(|()| Answer::Done).map_err(Failure::from))
    }

    /// A hidden line, or why there is none: `without` if it was not entered.
    pub async fn secret(
        &mut self,
        question: &'static str,
        without: Failure,
    ) -> io::Result<Result<String, Failure>> {
        Ok(match self.ask(Prompt::Secret(question)).await? {
            Line::Text(line) => Ok(line.trim_end_matches(['\n', '\r']).to_owned()),
            Line::NoText => Err(Failure::NoText),
            Line::End | Line::Interrupted => Err(without),
        })
    }
}
