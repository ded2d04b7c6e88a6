//! Conversations of few: posts that are for those mentioned alone, by who takes part in them.

use std::collections::BTreeSet;

use axum::{
    Router,
    extract::State,
    routing::{delete, get, post},
};
use serde_json::{Value, json as value};

use super::presenter::Reading;
use crate::{
    domain::{FilterContext, Post, PostId, UserId},
    http::{
        api::Api,
        asked::{Answered, Asked, json},
        fault::Fault,
    },
    network::{Cursor, TimelineKind},
};

/// The routes.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/conversations", get(conversations))
        .route("/api/v1/conversations/{id}", delete(remove))
        .route("/api/v1/conversations/{id}/read", post(read))
}

/// Who takes part in what a post belongs to, besides the reader.
pub fn others(post: &Post, reader: UserId) -> BTreeSet<UserId> {
    let all = post.mentions.iter().map(|mentioned| mentioned.user).chain([post.author_id]);
    all.filter(|user| *user != reader).collect()
}

/// What is between the reader and some others; its number is that of the newest post.
pub fn entity(newest: &Post, others: &BTreeSet<UserId>, reading: &Reading<'_>) -> Option<Value> {
    let accounts: Vec<_> = others.iter().filter_map(|id| reading.account(*id)).collect();
    Some(value!({
        "id": newest.id.to_string(),
        // What has been read is known of notifications, which these posts are, too.
        "unread": false,
        "accounts": accounts,
        "last_status": reading.status(newest)?,
    }))
}

impl Api {
    async fn conversation_entities(
        &self,
        asked: &Asked,
        posts: &[Post],
    ) -> Result<Vec<Value>, Fault> {
        let reader = self.network.me(&asked.call).await?.person.id;
        let mut seen = BTreeSet::new();
        let newest: Vec<(&Post, BTreeSet<UserId>)> = posts
            .iter()
            .map(|post| (post, others(post, reader)))
            .filter(|(_, others)| seen.insert(others.clone()))
            .collect();
        let people: Vec<UserId> = seen.into_iter().flatten().collect();
        let reading = self.reading(asked, posts, &people, FilterContext::Thread).await?;
        Ok(newest.iter().filter_map(|(post, others)| entity(post, others, &reading)).collect())
    }
}

async fn conversations(State(api): State<Api>, asked: Asked) -> Answered {
    let (posts, neighbours) = api.posts_page(&asked, &TimelineKind::Direct).await?;
    let entities = api.conversation_entities(&asked, &posts).await?;
    Ok(asked.page(&entities, neighbours))
}

/// The conversation whose newest post has the number in the path.
async fn read(State(api): State<Api>, asked: Asked) -> Answered {
    let id = asked.post()?;
    let before = Cursor::Before(id.next().unwrap_or(PostId::MAX));
    let page = api.network.timeline(&asked.call, &TimelineKind::Direct, before, Some(1)).await?;
    let found = page.posts.first().is_some_and(|post| post.id == id);
    if !found {
        return Err(Fault::not_found());
    }
    let entity = api.conversation_entities(&asked, &page.posts).await?.pop();
    Ok(json(&entity.ok_or_else(Fault::not_found)?))
}

/// There is nothing of a conversation but its posts.
async fn remove() -> Fault {
    Fault::unprocessable("A conversation goes with its posts: delete those that are yours")
}
