//! The commands about people, besides following them.

use std::time::Duration;

use super::{
    conversation::Conversation,
    people_command::{PeopleCommand, ProfileChange, ReportTarget},
    report::{Answer, Failure},
};
use crate::{
    client::{ClientError, NewReport},
    domain::{RelationChange, UnixMillis, UserName},
    host::clock,
};

impl Conversation {
    /// Carries out a command.
    pub async fn execute_people(&self, command: PeopleCommand) -> Result<Answer, Failure> {
        match command {
            PeopleCommand::Report(target, comment) => self.report(target, comment).await,
            PeopleCommand::Note(name, words) => {
                self.relate(&name, RelationChange::Note(words)).await
            }
            PeopleCommand::Mute { name, lasting, notifications } => {
                let until = lasting.map(|lasting| after(clock::now(), lasting));
                self.relate(&name, RelationChange::Mute { notifications, until }).await
            }
            PeopleCommand::Set(change) => self.set_profile(change).await,
            PeopleCommand::Announcements => {
                Ok(Answer::Announcements(self.client.about().await?.announcements))
            }
        }
    }

    async fn relate(&self, name: &str, change: RelationChange) -> Result<Answer, Failure> {
        self.client.relate(name, &change).await?;
        Ok(Answer::Done)
    }

    /// Of a post, its author is reported.
    async fn report(&self, target: ReportTarget, comment: String) -> Result<Answer, Failure> {
        let (about, posts) = match target {
            ReportTarget::Person(name) => {
                (UserName::new(name).map_err(ClientError::from)?, Vec::new())
            }
            ReportTarget::Post(post) => (self.client.post(post).await?.author, vec![post]),
        };
        self.client.report(&NewReport { about, posts, comment }).await?;
        Ok(Answer::Done)
    }

    async fn set_profile(&self, change: ProfileChange) -> Result<Answer, Failure> {
        let user = self.client.username().ok_or(ClientError::NotLoggedIn)?;
        let view = self.client.person(user.as_str()).await?;
        self.client.set_profile(&change.of(view.person.profile)).await?;
        Ok(Answer::Done)
    }
}

fn after(now: UnixMillis, lasting: Duration) -> UnixMillis {
    now.saturating_add_ms(i64::try_from(lasting.as_millis()).unwrap_or(i64::MAX))
}
