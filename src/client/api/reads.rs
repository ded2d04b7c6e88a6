//! The calls that read, and live timelines.

use std::sync::Arc;

use super::Client;
use crate::{
    client::{ClientError, EventSubscription, Subscription},
    domain::{Person, Post, PostId, Relationship, Revision, UserId, UserName},
    network::{
        Cursor, Found, ListKind, NamePage, NamePosition, Network, NotificationPage, PersonRef,
        PersonView, PersonalAnswer, PersonalQuestion, PostPage, SearchKind, StreamKind, Thread,
        TimelineKind,
    },
};

impl<N: Network> Client<N> {
    /// Lists users through all pages.
    pub async fn list(&self, kind: &ListKind) -> Result<Vec<UserName>, ClientError> {
        let mut page = self.list_page(kind, None, None).await?;
        let mut names = page.names;
        while let Some(next) = page.next.take() {
            page = self.list_page(kind, Some(&next), None).await?;
            names.append(&mut page.names);
        }
        Ok(names)
    }

    /// One page of users: the first, or the one that `next` of the previous page asks for.
    pub async fn list_page(
        &self,
        kind: &ListKind,
        next: Option<&NamePosition>,
        limit: Option<u32>,
    ) -> Result<NamePage, ClientError> {
        let network = &self.core.network;
        self.core.call(|call| async move { network.list(&call, kind, next, limit).await }).await
    }

    /// One page of a timeline; 20 posts, without a limit.
    pub async fn read(
        &self,
        kind: &TimelineKind,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> Result<PostPage, ClientError> {
        let network = &self.core.network;
        self.core
            .call(|call| async move { network.timeline(&call, kind, cursor, limit).await })
            .await
    }

    /// One page of what those have posted whom the caller follows; 20 posts, without a limit.
    pub async fn timeline(
        &self,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> Result<PostPage, ClientError> {
        self.read(&TimelineKind::Followed, cursor, limit).await
    }

    /// One page of a user's posts, without boosts; 20 posts, without a limit.
    pub async fn posts(
        &self,
        username: &str,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> Result<PostPage, ClientError> {
        let author = UserName::new(username)?;
        let kind = TimelineKind::Of { author, replies: true, boosts: false };
        self.read(&kind, cursor, limit).await
    }

    /// A post.
    pub async fn post(&self, post: PostId) -> Result<Post, ClientError> {
        let network = &self.core.network;
        self.core.call(|call| async move { network.post(&call, post).await }).await
    }

    /// What a post answers, and what answers it.
    pub async fn thread(&self, post: PostId) -> Result<Thread, ClientError> {
        let network = &self.core.network;
        self.core.call(|call| async move { network.thread(&call, post).await }).await
    }

    /// What a post has said, from its beginning until now.
    pub async fn history(&self, post: PostId) -> Result<Vec<Revision>, ClientError> {
        let network = &self.core.network;
        self.core.call(|call| async move { network.history(&call, post).await }).await
    }

    /// One page of the caller's notifications.
    pub async fn notifications(
        &self,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> Result<NotificationPage, ClientError> {
        let network = &self.core.network;
        self.core
            .call(|call| async move { network.notifications(&call, cursor, limit).await })
            .await
    }

    /// A person, and what the caller is to them.
    pub async fn person(&self, username: &str) -> Result<PersonView, ClientError> {
        let network = &self.core.network;
        let name = &UserName::new(username)?;
        self.core.call(|call| async move { network.person(&call, name).await }).await
    }

    /// People, in the order in which they were asked for: none where there is nobody, or nobody whom the caller sees.
    pub async fn people(&self, whom: &[PersonRef]) -> Result<Vec<Option<Person>>, ClientError> {
        let network = &self.core.network;
        self.core.call(|call| async move { network.people(&call, whom).await }).await
    }

    /// What the caller is to people; those whom the caller does not see are left out.
    pub async fn relationships(
        &self,
        whom: &[UserId],
    ) -> Result<Vec<(UserId, Relationship)>, ClientError> {
        let network = &self.core.network;
        self.core.call(|call| async move { network.relationships(&call, whom).await }).await
    }

    /// People, hashtags or posts; of posts, those before `before`.
    pub async fn search(
        &self,
        kind: SearchKind,
        text: &str,
        before: Option<PostId>,
        limit: Option<u32>,
    ) -> Result<Found, ClientError> {
        let network = &self.core.network;
        self.core
            .call(|call| async move { network.search(&call, kind, text, before, limit).await })
            .await
    }

    /// Some of what the caller keeps for themselves.
    pub async fn personal(
        &self,
        question: &PersonalQuestion,
    ) -> Result<PersonalAnswer, ClientError> {
        let network = &self.core.network;
        self.core.call(|call| async move { network.personal(&call, question).await }).await
    }

    /// Receives the caller's timeline as it grows: the posts after `after`, or those made from now
    /// on. Once this returns, no later post will be missed.
    pub async fn subscribe(&self, after: Option<PostId>) -> Result<Subscription<N>, ClientError> {
        let events = self.subscribe_to(&StreamKind::Followed, after).await?;
        Ok(Subscription::of(events))
    }

    /// Receives a timeline as it grows, with everything that happens to it: after `after`, or from now
    /// on. Once this returns, nothing later will be missed.
    pub async fn subscribe_to(
        &self,
        kind: &StreamKind,
        after: Option<PostId>,
    ) -> Result<EventSubscription<N>, ClientError> {
        let cursor = match after {
            Some(cursor) => cursor,
            // Fixes the position before anything is streamed, so that a stream that breaks before
            // its first event loses nothing.
            None => Box::pin(self.timeline(Cursor::Newest, Some(1))).await?.as_of,
        };
        EventSubscription::open(Arc::clone(&self.core), kind.clone(), cursor).await
    }
}
