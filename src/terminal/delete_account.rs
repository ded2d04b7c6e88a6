//! DELETE-ACCOUNT: its question, and the deletion.

use std::io;

use super::{
    conversation::Conversation,
    report::{Answer, Failure},
};

const PASSWORD: &str = "Password: ";

impl Conversation {
    /// Deletes the account in use if `name` is its name, typed once more, and after asking for its password, if it has
    /// one. Ctrl-C and Ctrl-D end only the command.
    pub async fn delete_account(&mut self, name: &str) -> io::Result<Result<Answer, Failure>> {
        let own = self.client.username();
        if own.is_none_or(|own| !own.as_str().eq_ignore_ascii_case(name)) {
            return Ok(Err(Failure::SomebodyElse));
        }
        let mut password = None;
        if self.client.has_password() {
            match self.secret(PASSWORD, Failure::NotDeleted).await? {
                Ok(secret) => password = Some(secret),
                Err(failure) => return Ok(Err(failure)),
            }
        }
        let deleted = self.client.delete_account(password.as_deref()).await;
        Ok(deleted.map(|()| Answer::Done).map_err(Failure::from))
    }
}
