//! The commands about what the user keeps, and what follows from it for what they read and post.

use std::sync::Arc;

use super::{
    conversation::{Conversation, FIRST_POSTS},
    filtered,
    output_format::OutputFormat,
    personal_command::PersonalCommand,
    report::{Answer, Failure},
    verb::Verb,
};
use crate::{
    client::{ClientError, Cursor, Post, RefusalKind, TimelineKind},
    domain::{FilterContext, PeopleList, PersonalChange, PersonalId, Preferences, WordFilter},
    host::clock,
    network::{PersonalAnswer, PersonalQuestion},
};

/// What the user keeps, as far as this client follows it: read when it is first needed, and again after a change by
/// this client.
#[derive(Clone, Default)]
pub struct Kept {
    preferences: Option<Preferences>,
    filters: Option<Arc<[WordFilter]>>,
}

impl Conversation {
    /// Carries out a command.
    pub async fn execute_personal(
        &mut self,
        command: PersonalCommand,
    ) -> (Verb, Result<Answer, Failure>) {
        match command {
            PersonalCommand::Lists => (Verb::MyLists, self.ask_for(PersonalQuestion::Lists).await),
            PersonalCommand::ReadList(list) => (Verb::MyList, self.read_list(list).await),
            PersonalCommand::Members(list) => {
                (Verb::MyList, self.ask_for(PersonalQuestion::Members(list)).await)
            }
            PersonalCommand::SetList(list, setting) => {
                let found = self.list_of(list).await;
                let changed = async {
                    let settings = setting.of(found?.settings);
                    self.keep(&PersonalChange::ChangeList(list, settings)).await
                };
                (Verb::MyList, changed.await)
            }
            PersonalCommand::Change(verb, change) => (verb, self.keep(&change).await),
            PersonalCommand::Tags => (Verb::Tags, self.ask_for(PersonalQuestion::Hashtags).await),
            PersonalCommand::Filters => {
                (Verb::Filters, self.ask_for(PersonalQuestion::Filters).await)
            }
            PersonalCommand::Preferences => {
                (Verb::Preferences, self.ask_for(PersonalQuestion::Preferences).await)
            }
            PersonalCommand::Prefer(preference) => {
                // As they are by now: another client may have changed them.
                self.kept.preferences = None;
                let preferences = self.preferences().await;
                let changed = async {
                    let preferences = preference.of(preferences?);
                    self.keep(&PersonalChange::SetPreferences(preferences)).await
                };
                (Verb::Prefer, changed.await)
            }
        }
    }

    async fn ask_for(&self, question: PersonalQuestion) -> Result<Answer, Failure> {
        Ok(Answer::Kept(Box::new(self.client.personal(&question).await?)))
    }

    async fn keep(&mut self, change: &PersonalChange) -> Result<Answer, Failure> {
        let made = self.client.change_personal(change).await?;
        self.kept = Kept::default();
        Ok(match (change, made) {
            (PersonalChange::CreateList(_) | PersonalChange::CreateFilter { .. }, Some(id)) => {
                Answer::Made(id)
            }
            _ => Answer::Done,
        })
    }

    async fn list_of(&self, list: PersonalId) -> Result<PeopleList, Failure> {
        let answer = self.client.personal(&PersonalQuestion::Lists).await?;
        let PersonalAnswer::Lists(lists) = answer else { return Err(Failure::NoList) };
        lists.into_iter().find(|found| found.id == list).ok_or(Failure::NoList)
    }

    async fn read_list(&mut self, list: PersonalId) -> Result<Answer, Failure> {
        let kind = TimelineKind::List(list);
        let page = self.client.read(&kind, Cursor::Newest, Some(FIRST_POSTS)).await?;
        self.names.learn(page.posts.iter().map(|post| &post.author));
        Ok(Answer::Numbered(self.unfiltered(FilterContext::Home, page.posts).await?))
    }

    /// What the user prefers. Servers of earlier versions know of nothing.
    pub async fn preferences(&mut self) -> Result<Preferences, ClientError> {
        if let Some(known) = &self.kept.preferences {
            return Ok(known.clone());
        }
        let preferences = match self.client.personal(&PersonalQuestion::Preferences).await {
            Ok(PersonalAnswer::Preferences(preferences)) => preferences,
            Ok(_) => Preferences::default(),
            Err(error) if error.refusal_kind() == Some(&RefusalKind::Unsupported) => {
                Preferences::default()
            }
            Err(error) => return Err(error),
        };
        self.kept.preferences = Some(preferences.clone());
        Ok(preferences)
    }

    /// The user's filters.
    pub async fn filters(&mut self) -> Result<Arc<[WordFilter]>, ClientError> {
        if let Some(known) = &self.kept.filters {
            return Ok(Arc::clone(known));
        }
        let filters: Arc<[WordFilter]> =
            match self.client.personal(&PersonalQuestion::Filters).await {
                Ok(PersonalAnswer::Filters(filters)) => filters.into(),
                Ok(_) => Arc::default(),
                Err(error) if error.refusal_kind() == Some(&RefusalKind::Unsupported) => {
                    Arc::default()
                }
                Err(error) => return Err(error),
            };
        self.kept.filters = Some(Arc::clone(&filters));
        Ok(filters)
    }

    /// The user's filters, as far as they are known and meant for what is printed now.
    pub async fn filters_in_words(&mut self) -> Arc<[WordFilter]> {
        match self.format {
            OutputFormat::Json => Arc::default(),
            // They were read for the page before; or else, everything is shown.
            OutputFormat::Text(_) => self.filters().await.unwrap_or_default(),
        }
    }

    /// Posts as the user's filters leave them, for people. Scripts get what there is.
    pub async fn unfiltered(
        &mut self,
        context: FilterContext,
        posts: Vec<Post>,
    ) -> Result<Vec<Post>, ClientError> {
        if self.format == OutputFormat::Json {
            return Ok(posts);
        }
        let filters = self.filters().await?;
        let (reader, now) = (self.client.username(), clock::now());
        let left = |post| filtered::left(&filters, context, reader.as_ref(), post, now);
        Ok(posts.into_iter().filter_map(left).collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        client::tests::fake::Network,
        terminal::{
            conversation::tests::{in_json, start},
            social_life::tests::said,
            text,
        },
    };

    #[tokio::test]
    async fn what_the_user_keeps_is_told_and_changed() {
        let network = Network::default();
        let script = "MYLISTS\nMYLIST NEW friends\nMYLIST 3 PEOPLE\nMYLIST 3 ADD bob\n\
                      MYLIST 3 EXCLUSIVE yes\nMYLIST 9 EXCLUSIVE yes\nTAGS\nFOLLOWTAG #tea\n\
                      FILTER --hide cats\nFILTERS\nUNFILTER 7\nPREFER visibility unlisted\n\
                      PREFERENCES\n";
        let answers = said(&network, script).await;
        assert_eq!(answers[0], "[3] friends: 2 people, answers to those in it\n");
        assert_eq!(answers[1], "It is number 7\n");
        assert_eq!(answers[2], "People: a, b, \n");
        assert_eq!([&answers[3], &answers[4]], ["", ""]);
        assert!(answers[5].starts_with(text::UNKNOWN_REASON), "{}", answers[5]);
        assert_eq!(answers[6], "#rust: 2 posts, you follow it\n");
        assert_eq!(
            answers[9],
            "[7] cats: hide in home, notifications, public, thread, account: cats\n"
        );
        assert!(answers[12].starts_with("visibility unlisted\nsensitive no\n"), "{}", answers[12]);
        let asked = network.asked();
        assert_eq!(asked.len(), 7, "{asked:?}");
        assert!(asked[2].contains("exclusive: true") && asked[2].contains("friends"), "{asked:?}");
    }

    #[tokio::test]
    async fn a_post_is_as_the_user_prefers_where_they_say_nothing() {
        let network = Network::default();
        let script = "PREFER visibility followers\nPREFER sensitive yes\nPREFER language de\n\
                      POST one\nPOST --public --not-sensitive --language en two\n\
                      TIMELINE\nthree\n";
        let _answers = said(&network, script).await;
        let script = "HOME\n";
        let (_router, _server, client) = start(&network).await;
        let (lines, _code) = in_json(client, script).await;
        let posts: Vec<&str> = lines.lines().skip(1).collect();
        assert_eq!(network.texts(), ["one", "two", "three"]);
        for (post, is_preferred) in posts.iter().zip([true, false, true]) {
            let facts = r#""language":"de","visibility":"followers""#;
            let is_sensitive = post.contains(r#""sensitive":true"#);
            assert_eq!(
                (post.contains(facts), is_sensitive),
                (is_preferred, is_preferred),
                "{post}"
            );
        }
    }

    #[tokio::test]
    async fn filters_are_applied_for_people_and_not_for_scripts() {
        let network = Network::default();
        for text in ["a cat", "a dog", "a bird"] {
            network.post(text);
        }
        let script = "FILTER --hide cat\nFILTER dog\nHOME\nMYLIST 3\nSHOW 1\n";
        let answers = said(&network, script).await;
        for shown in [&answers[2], &answers[3]] {
            assert!(!shown.contains("a cat") && shown.contains("a bird"), "{shown}");
            assert!(shown.contains(">> (filtered: dog: SHOW 2 shows it)\n"), "{shown}");
        }
        assert!(answers[4].contains("a cat"), "{}", answers[4]);
        let (_router, _server, client) = start(&network).await;
        let (lines, _code) = in_json(client, "HOME\n").await;
        assert!(lines.contains("a cat") && lines.contains(r#""text":"a dog"}"#), "{lines}");
    }
}
