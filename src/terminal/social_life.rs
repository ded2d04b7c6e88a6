//! The commands about posts and people.

use super::{
    answering::Answered,
    conversation::{Conversation, FIRST_POSTS},
    post_options::PostOptions,
    report::{Answer, Failure},
    social_command::SocialCommand,
    verb::Verb,
};
use crate::{
    client::{ClientError, Cursor, Found, ListKind, NewPost, PostWords, SearchKind, TimelineKind},
    domain::{FilterContext, NotificationChange, Post, PostId},
    network::Thread,
};

impl Conversation {
    /// Carries out a command.
    pub async fn execute_social(
        &mut self,
        command: SocialCommand,
    ) -> (Verb, Result<Answer, Failure>) {
        let client = self.client.clone();
        match command {
            SocialCommand::Post(options, text) => (Verb::Post, self.new_post(options, &text).await),
            SocialCommand::Reply(post, options, text) => {
                (Verb::Reply, self.reply(post, options, &text).await)
            }
            SocialCommand::Edit(post, options, text) => {
                (Verb::Edit, self.edit(post, options, &text).await)
            }
            SocialCommand::Delete(post) => (Verb::Delete, done(client.delete(post).await)),
            SocialCommand::Boost(post) => {
                let boosted = client.boost(post).await;
                (Verb::Boost, boosted.map(Answer::Published).map_err(Into::into))
            }
            SocialCommand::Unboost(post) => (Verb::Unboost, done(client.unboost(post).await)),
            SocialCommand::Mark(verb, post, mark, set) => {
                (verb, done(client.mark(post, mark, set).await))
            }
            SocialCommand::Show(post) => {
                (Verb::Show, client.post(post).await.map(Answer::Shown).map_err(Into::into))
            }
            SocialCommand::Thread(post) => (Verb::Thread, self.thread(post).await),
            SocialCommand::Read(verb, kind) => (verb, self.read(&kind).await),
            SocialCommand::Personal(command) => self.execute_personal(command).await,
            SocialCommand::Search(kind, text) => (Verb::Search, self.search(kind, &text).await),
            SocialCommand::Profile(name) => (Verb::Profile, self.profile(name).await),
            SocialCommand::Notifications => (Verb::Notifications, self.notifications().await),
            SocialCommand::Sessions => {
                let sessions = client.sessions().await;
                (Verb::Sessions, sessions.map(Answer::Sessions).map_err(Into::into))
            }
            SocialCommand::Logout(which) => (Verb::Logout, done(client.end_sessions(which).await)),
            SocialCommand::Requests => (Verb::Requests, self.requests().await),
            SocialCommand::Relate(verb, name, change) => {
                (verb, done(client.relate(&name, &change).await))
            }
            SocialCommand::People(command) => (command.verb(), self.execute_people(command).await),
        }
    }

    async fn new_post(&mut self, options: PostOptions, text: &str) -> Result<Answer, Failure> {
        let preferences = self.preferences().await?;
        let visibility = options.visibility.unwrap_or(preferences.visibility);
        let says = options.words(text, &preferences);
        self.publish(&NewPost { says, reply_to: None, visibility }).await
    }

    async fn publish(&self, post: &NewPost) -> Result<Answer, Failure> {
        Ok(Answer::Published(self.client.publish_post(post).await?))
    }

    /// An answer is for whom the post is, unless the user says so.
    async fn reply(
        &mut self,
        post: PostId,
        options: PostOptions,
        text: &str,
    ) -> Result<Answer, Failure> {
        let answered = Answered::of(&self.client.post(post).await?);
        let visibility = options.visibility.unwrap_or(answered.visibility);
        let user = self.client.username();
        let says = options.words(text, &self.preferences().await?);
        self.publish(&answered.answer(user.as_ref(), visibility, says)).await
    }

    /// Replaces a text; what else belongs to it stays, unless the user says so.
    async fn edit(
        &self,
        post: PostId,
        options: PostOptions,
        text: &str,
    ) -> Result<Answer, Failure> {
        let before = PostWords::from(&self.client.post(post).await?);
        done(self.client.edit(post, &options.words_instead_of(before, text)).await)
    }

    async fn thread(&mut self, post: PostId) -> Result<Answer, Failure> {
        let shown = self.client.post(post).await?;
        let Thread { ancestors, descendants } = self.client.thread(post).await?;
        let context = FilterContext::Thread;
        let thread = Thread {
            ancestors: self.unfiltered(context, ancestors).await?,
            descendants: self.unfiltered(context, descendants).await?,
        };
        self.learn(thread.ancestors.iter().chain(&thread.descendants));
        Ok(Answer::Thread(Box::new((shown, thread))))
    }

    async fn read(&mut self, kind: &TimelineKind) -> Result<Answer, Failure> {
        let page = self.client.read(kind, Cursor::Newest, Some(FIRST_POSTS)).await?;
        self.learn(&page.posts);
        let context = match kind {
            TimelineKind::Home => FilterContext::Home,
            TimelineKind::Local | TimelineKind::Hashtag(_) => FilterContext::Public,
            // What one has marked oneself.
            _ => return Ok(Answer::Numbered(page.posts)),
        };
        Ok(Answer::Numbered(self.unfiltered(context, page.posts).await?))
    }

    async fn search(&self, kind: SearchKind, text: &str) -> Result<Answer, Failure> {
        Ok(match self.client.search(kind, text, None, Some(FIRST_POSTS)).await? {
            Found::People(people) => {
                self.names.learn(people.iter().map(|person| &person.name));
                Answer::People(people)
            }
            Found::Hashtags(hashtags) => Answer::Hashtags(hashtags),
            Found::Posts(page) => {
                self.learn(&page.posts);
                Answer::Numbered(page.posts)
            }
        })
    }

    async fn profile(&self, name: Option<String>) -> Result<Answer, Failure> {
        let own = || self.client.username().ok_or(ClientError::NotLoggedIn);
        let name = match name {
            Some(name) => name,
            None => own()?.to_string(),
        };
        let view = self.client.person(&name).await?;
        self.names.learn([&view.person.name]);
        Ok(Answer::Person(Box::new(view)))
    }

    /// What is printed has been read.
    async fn notifications(&mut self) -> Result<Answer, Failure> {
        let mut page = self.client.notifications(Cursor::Newest, Some(FIRST_POSTS)).await?;
        self.names.learn(page.notifications.iter().map(|notification| &notification.actor));
        let newest = page.notifications.first().map(|notification| notification.id);
        if let Some(newest) = newest.filter(|newest| *newest > page.read_up_to) {
            let read = NotificationChange::ReadUpTo(newest);
            self.client.change_notifications(read).await?;
        }
        for mut notification in std::mem::take(&mut page.notifications) {
            let about = notification.post.take();
            let is_about_a_post = about.is_some();
            let about = about.into_iter().collect();
            let left = self.unfiltered(FilterContext::Notifications, about).await?;
            notification.post = left.into_iter().next();
            if notification.post.is_some() || !is_about_a_post {
                page.notifications.push(notification);
            }
        }
        Ok(Answer::Notifications(page))
    }

    async fn requests(&self) -> Result<Answer, Failure> {
        let names = self.client.list(&ListKind::Requests).await?;
        self.names.learn(&names);
        Ok(Answer::Requests(names))
    }

    fn learn<'a>(&self, posts: impl IntoIterator<Item = &'a Post>) {
        self.names.learn(posts.into_iter().map(|post| &post.author));
    }
}

fn done(outcome: Result<(), ClientError>) -> Result<Answer, Failure> {
    outcome.map(|()| Answer::Done).map_err(Into::into)
}

#[cfg(test)]
pub mod tests {
    use std::process::ExitCode;

    use crate::{
        client::tests::{fake::Network, soon},
        terminal::{
            conversation::tests::{in_json, piped, start},
            output_format::UNACCEPTABLE,
            text,
        },
    };

    /// What is said to each command of a script, without the status line of success.
    pub async fn said(network: &Network, script: &'static str) -> Vec<String> {
        let (_router, _server, client) = start(network).await;
        let (conversation, paper) = piped(client, script.as_bytes());
        soon(conversation.run()).await.expect("read and written");
        let said = paper.text.borrow().replacen(text::BANNER, "", 1);
        let answers = said.split(text::PROMPT).skip(1);
        answers.map(|answer| answer.replacen(text::SUCCESS, "", 1)).collect()
    }

    #[tokio::test]
    async fn posts_are_named_by_their_numbers() {
        let network = Network::default();
        network.post("one");
        let script = "REPLY 1 two\nEDIT 2 three\nHOME\nSHOW 2\nTHREAD 2\nLIKE 1\nUNLIKE 1\n\
                      BOOKMARK 1\nBOOST 1\nUNBOOST 1\nPIN 2\nDELETE 2\nSEARCH one\nSHOW 9\n";
        let answers = said(&network, script).await;
        let is_empty = |at: usize| answers[at].is_empty();
        assert!(is_empty(0) && is_empty(1) && (5..12).all(is_empty), "{answers:?}");
        assert_eq!(network.texts(), ["one", "three"]);
        assert!(answers[2].starts_with("[1] other(") && answers[2].contains("\n[2] u1("));
        assert!(answers[3].ends_with(", answers 1, edited) >> three\n"), "{}", answers[3]);
        assert!(answers[4].starts_with("  [1] other(") && answers[4].contains("\n* [2] u1("));
        assert!(answers[12].ends_with(") >> one\n"), "{}", answers[12]);
        assert_eq!(answers[13], text::UNKNOWN_REASON);
        assert_eq!(
            network.asked(),
            [
                "mark 1 Like true",
                "mark 1 Like false",
                "mark 1 Bookmark true",
                "boost 1",
                "unboost 1",
                "mark 2 Pin true",
                "delete 2",
            ]
        );
    }

    #[tokio::test]
    async fn an_answer_is_for_whom_the_post_is_and_its_author_sees_it() {
        let network = Network::default();
        let script = "POST --followers --warning \"loud words\" hello\nREPLY 1 mine\n\
                      REPLY 1 --public open\nSHOW 1\nSHOW 2\nSHOW 3\nHOME\n";
        let answers = said(&network, script).await;
        assert_eq!(network.texts(), ["hello", "mine", "open"], "one's own needs no mention");
        let shown = &answers[3];
        assert!(shown.ends_with(", for followers) >> (loud words)\n    hello\n"), "{shown}");
        assert!(answers[4].contains("answers 1, for followers"), "{}", answers[4]);
        assert!(answers[5].ends_with(", answers 1) >> open\n"), "{}", answers[5]);
        assert!(answers[6].contains(">> (loud words: SHOW 1 shows it)\n"), "{}", answers[6]);
    }

    #[tokio::test]
    async fn people_are_found_and_what_they_did_is_read() {
        let network = Network::default();
        network.post("one");
        let script = "PROFILE u2\nPROFILE\nSEARCH @u\nSEARCH #rust\nNOTIFICATIONS\nBLOCK u2\n\
                      ACCEPT u2\nREQUESTS\n";
        let answers = said(&network, script).await;
        assert!(answers[0].starts_with("u2\n    3 posts, no followers, follows 0, here since "));
        assert!(answers[0].ends_with("    you follow them\n"), "{}", answers[0]);
        assert!(answers[1].starts_with("u1\n"), "{}", answers[1]);
        assert_eq!(answers[2], "u: no posts, no followers, follows 0\n");
        assert_eq!(answers[3], "#rust: 2 posts\n");
        assert!(answers[4].starts_with("* u2(") && answers[4].ends_with("post: [1] one\n"));
        assert_eq!(answers[7], "Requests: a, b, c, d, e, \n");
        assert_eq!(
            network.asked(),
            [
                "change notifications ReadUpTo(50)",
                "relate u2 Block(true)",
                "relate u2 AnswerRequest(true)"
            ]
        );
    }

    #[tokio::test]
    async fn scripts_get_all_of_it_in_json() {
        let network = Network::default();
        network.post("one");
        let (_router, _server, client) = start(&network).await;
        let script = "THREAD 1\nSEARCH #rust\nNOTIFICATIONS\nLIKE one\nPOST --followrs a\n";
        let (said, code) = in_json(client, script).await;
        let post = r#""id":1,"author":"other","posted_at_ms":0,"text":"one"}"#;
        let lines = [
            r#"{"type":"result","command":"THREAD","ok":true,"posts":1,"asked":0}"#.to_owned(),
            format!(r#"{{"type":"post",{post}"#),
            r#"{"type":"result","command":"SEARCH","ok":true,"hashtags":[{"hashtag":"rust","posts":2}]}"#
                .to_owned(),
            r#"{"type":"result","command":"NOTIFICATIONS","ok":true,"notifications":1}"#.to_owned(),
            format!(
                r#"{{"type":"notification","id":50,"kind":"liked","at_ms":1,"actor":"u2","new":true,"post":{{{post}}}"#
            ),
            r#"{"type":"result","command":"LIKE","ok":false,"code":"INVALID_COMMAND","message":"usage: LIKE <id>"}"#
                .to_owned(),
            r#"{"type":"result","command":"POST","ok":false,"code":"INVALID_COMMAND","message":"there is no option --followrs: HELP POST lists them"}"#
                .to_owned(),
        ];
        assert_eq!(said.lines().collect::<Vec<_>>(), lines);
        assert_eq!(code, ExitCode::from(UNACCEPTABLE));
    }
}
