//! Hashtags, and those that one follows.

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};

use super::{entities::personal::Tag, presenter::unexpected};
use crate::{
    domain::PersonalChange,
    host::clock,
    http::{
        api::Api,
        asked::{Answered, Asked, json},
        fault::Fault,
    },
    network::{HashtagUse, PersonalAnswer, PersonalQuestion},
};

/// The routes.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/tags/{tag}", get(tag))
        .route("/api/v1/tags/{tag}/follow", post(follow))
        .route("/api/v1/tags/{tag}/unfollow", post(unfollow))
        .route("/api/v1/followed_tags", get(followed))
}

/// A hashtag as an entity.
pub fn entity(found: &HashtagUse, asked: &Asked) -> Tag {
    Tag::of(&found.hashtag, found.posts, found.is_followed, clock::now(), &asked.base)
}

impl Api {
    async fn hashtags(
        &self,
        asked: &Asked,
        question: &PersonalQuestion,
    ) -> Result<Vec<HashtagUse>, Fault> {
        match self.network.personal(&asked.call, question).await? {
            PersonalAnswer::Hashtags(hashtags) => Ok(hashtags),
            _ => Err(unexpected()),
        }
    }

    async fn follow_hashtag(&self, asked: &Asked, set: bool) -> Answered {
        let change = PersonalChange::FollowHashtag { hashtag: asked.hashtag()?, set };
        self.network.change_personal(&asked.call, &asked.key(), &change).await?;
        self.hashtag(asked).await
    }

    async fn hashtag(&self, asked: &Asked) -> Answered {
        let question = PersonalQuestion::Hashtag(asked.hashtag()?);
        let found = self.hashtags(asked, &question).await?.pop().ok_or_else(unexpected)?;
        Ok(json(&entity(&found, asked)))
    }
}

async fn tag(State(api): State<Api>, asked: Asked) -> Answered {
    api.hashtag(&asked).await
}

async fn follow(State(api): State<Api>, asked: Asked) -> Answered {
    api.follow_hashtag(&asked, true).await
}

async fn unfollow(State(api): State<Api>, asked: Asked) -> Answered {
    api.follow_hashtag(&asked, false).await
}

/// All of them on one page: there are as many at most as fit on it.
async fn followed(State(api): State<Api>, asked: Asked) -> Answered {
    let followed = api.hashtags(&asked, &PersonalQuestion::Hashtags).await?;
    Ok(json(&followed.iter().map(|found| entity(found, &asked)).collect::<Vec<_>>()))
}
