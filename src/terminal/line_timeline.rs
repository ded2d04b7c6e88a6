//! The timeline, line by line: lines are posts, and posts are lines.

use std::{future::Future, io, pin::Pin};

use super::{
    conversation::{Conversation, Next},
    filtered, fullscreen,
    input::{Line, Prompt},
    output_format::Output,
    prompt_command::{self, TimelineLine},
    report::{Answer, Failure, Report},
    text,
    verb::Verb,
};
use crate::{
    client::{ClientError, NewPost, Post, PostPage, Published, Subscription},
    domain::FilterContext,
    host::clock,
};

type Publishing = Pin<Box<dyn Future<Output = Result<Published, ClientError>> + Send>>;

impl Conversation {
    /// The user's posts are sent one at a time, so that they keep their order; others' posts are
    /// shown meanwhile. The next line is read only after that, so at the end of the input
    /// everything is acknowledged.
    pub async fn timeline(
        &mut self,
        page: PostPage,
        subscription: Subscription,
    ) -> io::Result<Next> {
        let opened = Ok(Answer::Timeline(page.posts.len()));
        self.tell(&Report { verb: Some(Verb::Timeline), outcome: opened }).await?;
        if self.is_full_screen {
            let _quiet = self.screen.leave();
            // They were read when it was opened.
            let filters = self.filters().await.unwrap_or_default();
            let taste = (filters, self.preferences().await.unwrap_or_default());
            return Ok(
                match fullscreen::run(&self.client, &self.names, &page, subscription, taste).await?
                {
                    fullscreen::End::Left => Next::Command,
                    fullscreen::End::Interrupted => Next::Interrupted,
                },
            );
        }
        for post in &page.posts {
            self.screen.say(&self.format.post(post))?;
        }
        let mut others = Some(subscription);
        // As of when the timeline was opened.
        let filters = self.filters_in_words().await;
        // A line about which the user was asked whether it is meant as a post.
        let mut asked = None;
        let mut publishing: Option<Publishing> = None;
        loop {
            self.input.ask(Prompt::Post);
            tokio::select! {
                published = poll_some(&mut publishing) => {
                    publishing = None;
                    let outcome = published.map(Answer::Published).map_err(Into::into);
                    let report = Report { verb: Some(Verb::Post), outcome };
                    self.note(&report);
                    self.interject(self.format.result_in_timeline(&report)).await?;
                }
                post = next(&mut others) => match post {
                    Ok(post) => {
                        self.names.learn([&post.author]);
                        let reader = self.client.username();
                        let (context, now) = (FilterContext::Home, clock::now());
                        let left =
                            filtered::left(&filters, context, reader.as_ref(), post, now);
                        if let Some(post) = left {
                            self.screen.interject(self.format.post(&post)).await?;
                        }
                    }
                    Err(error) => {
                        others = None;
                        self.interject(self.format.live_ended(&error)).await?;
                    }
                },
                line = self.input.read(), if publishing.is_none() => match line? {
                    Line::Text(line) => match self.read_post(&line) {
                        TimelineLine::Doubtful(text, verb) if asked.as_ref() != Some(&text) => {
                            self.screen.notice(text::doubtful(verb)).await;
                            asked = Some(text);
                        }
                        TimelineLine::Post(text) | TimelineLine::Doubtful(text, _) => {
                            asked = None;
                            let (client, preferences) = (self.client.clone(), self.preferences().await);
                            publishing = Some(Box::pin(async move {
                                let post = NewPost::preferring(text, &preferences?);
                                client.publish_post(&post).await
                            }));
                        }
                        TimelineLine::Quit => return Ok(Next::Command),
                        TimelineLine::Nothing => {}
                    },
                    Line::NoText => {
                        let report = Report { verb: Some(Verb::Post), outcome: Err(Failure::NoText) };
                        self.note(&report);
                        self.interject(self.format.result_in_timeline(&report)).await?;
                    }
                    Line::End if self.is_edited => return Ok(Next::Command),
                    Line::End => return Ok(Next::End),
                    Line::Interrupted => return Ok(Next::Interrupted),
                },
            }
        }
    }

    /// For scripts, including those of the classic client, every line in the timeline is a post.
    fn read_post(&self, line: &str) -> TimelineLine {
        if self.is_edited {
            prompt_command::parse_typed_in_timeline(line)
        } else {
            prompt_command::parse_in_timeline(line)
        }
    }

    async fn interject(&mut self, told: Output) -> io::Result<()> {
        if !told.said.is_empty() {
            self.screen.interject(told.said).await?;
        }
        if let Some(notice) = told.notice {
            self.screen.notice(notice).await;
        }
        Ok(())
    }
}

/// Waits for ever if nothing is in progress.
async fn poll_some(publishing: &mut Option<Publishing>) -> Result<Published, ClientError> {
    match publishing {
        Some(publishing) => publishing.await,
        None => std::future::pending().await,
    }
}

/// The next live post; waits for ever once there are no more.
async fn next(others: &mut Option<Subscription>) -> Result<Post, ClientError> {
    match others {
        Some(subscription) => match subscription.next().await {
            Some(post) => post,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}
