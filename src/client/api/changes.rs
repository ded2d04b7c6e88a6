//! The calls that change something.

use super::Client;
use crate::{
    client::ClientError,
    domain::{
        Mark, NotificationChange, PersonalChange, PersonalId, PostId, Profile, RelationChange,
        UserName,
    },
    network::{FollowOutcome, Network, NewPost, PostWords, Published},
};

impl<N: Network> Client<N> {
    /// Follows a user: their posts from now on appear in the caller's timeline. Whoever has a locked
    /// profile is asked first.
    pub async fn follow(&self, username: &str) -> Result<FollowOutcome, ClientError> {
        let network = &self.core.network;
        let target = &UserName::new(username)?;
        self.core.change(|call, key| async move { network.follow(&call, &key, target).await }).await
    }

    /// Stops following a user, or asking to: their posts leave the caller's timeline.
    pub async fn unfollow(&self, username: &str) -> Result<(), ClientError> {
        let network = &self.core.network;
        let target = &UserName::new(username)?;
        self.core
            .change(|call, key| async move { network.unfollow(&call, &key, target).await })
            .await
    }

    /// Publishes a text for everybody. When this returns, it is durable on a quorum of the cluster.
    pub async fn publish(&self, text: &str) -> Result<Published, ClientError> {
        self.publish_post(&NewPost::of(text)).await
    }

    /// Publishes a post. When this returns, it is durable on a quorum of the cluster.
    pub async fn publish_post(&self, post: &NewPost) -> Result<Published, ClientError> {
        let network = &self.core.network;
        self.core.change(|call, key| async move { network.publish(&call, &key, post).await }).await
    }

    /// Replaces what a post of the caller says. What it said before stays in its history.
    pub async fn edit(&self, post: PostId, says: &PostWords) -> Result<(), ClientError> {
        let network = &self.core.network;
        self.core
            .change(|call, key| async move { network.edit(&call, &key, post, says).await })
            .await
    }

    /// Deletes a post of the caller: its text is gone for everybody.
    pub async fn delete(&self, post: PostId) -> Result<(), ClientError> {
        let network = &self.core.network;
        self.core.change(|call, key| async move { network.delete(&call, &key, post).await }).await
    }

    /// Boosts a post for those who follow the caller; returns the boost, which may have been there
    /// already.
    pub async fn boost(&self, post: PostId) -> Result<Published, ClientError> {
        let network = &self.core.network;
        self.core.change(|call, key| async move { network.boost(&call, &key, post).await }).await
    }

    /// Takes the caller's boost of a post back, if there is one.
    pub async fn unboost(&self, post: PostId) -> Result<(), ClientError> {
        let network = &self.core.network;
        self.core.change(|call, key| async move { network.unboost(&call, &key, post).await }).await
    }

    /// Sets a mark of the caller on a post, or removes it.
    pub async fn mark(&self, post: PostId, mark: Mark, set: bool) -> Result<(), ClientError> {
        let network = &self.core.network;
        self.core
            .change(|call, key| async move { network.mark(&call, &key, post, mark, set).await })
            .await
    }

    /// Changes what somebody is to the caller.
    pub async fn relate(&self, username: &str, change: &RelationChange) -> Result<(), ClientError> {
        let network = &self.core.network;
        let target = &UserName::new(username)?;
        self.core
            .change(|call, key| async move { network.relate(&call, &key, target, change).await })
            .await
    }

    /// Replaces the caller's profile.
    pub async fn set_profile(&self, profile: &Profile) -> Result<(), ClientError> {
        let network = &self.core.network;
        self.core
            .change(|call, key| async move { network.set_profile(&call, &key, profile).await })
            .await
    }

    /// Changes what the caller keeps for themselves; returns the last number that was given for it.
    pub async fn change_personal(
        &self,
        change: &PersonalChange,
    ) -> Result<Option<PersonalId>, ClientError> {
        let network = &self.core.network;
        self.core
            .change(|call, key| async move { network.change_personal(&call, &key, change).await })
            .await
    }

    /// Changes the caller's notifications.
    pub async fn change_notifications(
        &self,
        change: NotificationChange,
    ) -> Result<(), ClientError> {
        let network = &self.core.network;
        self.core
            .change(
                |call, key| async move { network.change_notifications(&call, &key, change).await },
            )
            .await
    }
}
