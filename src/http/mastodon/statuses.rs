//! Posts: writing, changing and deleting them, what people do with them, and their conversations.

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};

use super::entities::status::{Context, Status, StatusEdit, StatusSource, visibility_named};
use crate::{
    domain::{FilterContext, Language, Mark, PictureId, PostId},
    http::{
        api::Api,
        asked::{Answered, Asked, json},
        fault::Fault,
        parameters::Parameters,
    },
    network::{ListKind, NewPost, PostWords},
};

/// So many posts may be asked for by their numbers at a time.
const MOST_ASKED_FOR: usize = 20;

/// The routes.
pub fn routes() -> Router<Api> {
    let of = |call: &str| format!("/api/v1/statuses/{{id}}{call}");
    Router::new()
        .route("/api/v1/statuses", get(several).post(publish))
        .route(&of(""), get(status).put(edit).delete(delete))
        .route(&of("/context"), get(context))
        .route(&of("/source"), get(source))
        .route(&of("/history"), get(history))
        .route(&of("/card"), get(async || json(&serde_json::Map::new())))
        .route(&of("/reblogged_by"), get(reblogged_by))
        .route(&of("/favourited_by"), get(favourited_by))
        .route(&of("/reblog"), post(reblog))
        .route(&of("/unreblog"), post(unreblog))
        .route(&of("/favourite"), post(favourite))
        .route(&of("/unfavourite"), post(unfavourite))
        .route(&of("/bookmark"), post(bookmark))
        .route(&of("/unbookmark"), post(unbookmark))
        .route(&of("/pin"), post(pin))
        .route(&of("/unpin"), post(unpin))
        .route(&of("/mute"), post(mute))
        .route(&of("/unmute"), post(unmute))
}

/// What a post is to say.
fn words(parameters: &Parameters) -> Result<PostWords, Fault> {
    let unserved = [
        ("poll", "This network has no polls: leave the poll out"),
        ("scheduled_at", "This network publishes nothing later: leave the time out"),
        ("quoted_status_id", "This network has no quotes: write a link to the post instead"),
    ];
    for (name, why) in unserved {
        // Some apps send an empty list.
        if !parameters.list(name).iter().all(|text| text.is_empty())
            || name == "poll" && parameters.has("poll")
        {
            return Err(Fault::unprocessable(why));
        }
    }
    let text = parameters.text("status").unwrap_or_default().replace("\r\n", "\n");
    let warning = parameters.filled("spoiler_text").map(str::to_owned);
    let language = match parameters.filled("language") {
        // What is no language is no reason not to publish: apps send what the system calls it.
        Some(tag) => Language::new(tag).ok(),
        None => None,
    };
    let sensitive = parameters.flag("sensitive").unwrap_or(false);
    let pictures = parameters.list("media_ids").into_iter().filter(|id| !id.is_empty());
    let picture = |id: &str| {
        let no_such = || Fault::unprocessable("There is no such picture: upload it again");
        id.parse().map(PictureId::new).map_err(|_| no_such())
    };
    let pictures = pictures.map(picture).collect::<Result<_, _>>()?;
    Ok(PostWords { text, warning, sensitive, language, pictures })
}

async fn publish(State(api): State<Api>, asked: Asked) -> Answered {
    let parameters = &asked.parameters;
    let mut says = words(parameters)?;
    let visibility = match parameters.filled("visibility") {
        Some(name) => {
            Some(visibility_named(name).ok_or_else(|| Fault::unprocessable("no such visibility"))?)
        }
        None => None,
    };
    let visibility = if let Some(visibility) = visibility {
        visibility
    } else {
        // What the author does not say is as they prefer.
        let preferences = api.network.me(&asked.call).await?.preferences;
        says.language = says.language.or(preferences.language);
        says.sensitive = parameters.flag("sensitive").unwrap_or(preferences.sensitive);
        preferences.visibility
    };
    let reply_to = parameters.number("in_reply_to_id")?.map(PostId::new);
    let post = NewPost { says, reply_to, visibility };
    let published = api.network.publish(&asked.call, &asked.key(), &post).await?;
    api.shown(&asked, published.id).await
}

async fn several(State(api): State<Api>, asked: Asked) -> Answered {
    let ids = asked.parameters.list("id").into_iter().filter_map(|id| id.parse().ok());
    let mut posts = Vec::new();
    for id in ids.take(MOST_ASKED_FOR) {
        posts.extend(api.post_if_seen(&asked, PostId::new(id)).await?);
    }
    Ok(json(&api.statuses(&asked, &posts, FilterContext::Thread).await?))
}

async fn status(State(api): State<Api>, asked: Asked) -> Answered {
    api.shown(&asked, asked.post()?).await
}

async fn edit(State(api): State<Api>, asked: Asked) -> Answered {
    let post = asked.post()?;
    let mut says = words(&asked.parameters)?;
    let before = api.network.post(&asked.call, post).await?;
    // What is not given stays.
    if !asked.parameters.has("status") {
        says.text = before.text;
    }
    if !asked.parameters.has("spoiler_text") {
        says.warning = before.warning;
    }
    if !asked.parameters.has("sensitive") {
        says.sensitive = before.sensitive;
    }
    says.language = says.language.or(before.language);
    if !asked.parameters.has("media_ids") {
        says.pictures = before.pictures.iter().map(|picture| picture.id).collect();
    }
    for said in asked.parameters.groups("media_attributes") {
        let id = said.filled("id").unwrap_or_default();
        let described = before.pictures.iter().find(|picture| picture.id.to_string() == id);
        if let Some(picture) = described {
            api.describe(&asked, (picture, id), &said).await?;
        }
    }
    api.network.edit(&asked.call, &asked.key(), post, &says).await?;
    api.shown(&asked, post).await
}

/// The answer has the text, for those who write it anew.
async fn delete(State(api): State<Api>, asked: Asked) -> Answered {
    let post = api.network.post(&asked.call, asked.post()?).await?;
    let text = post.text.clone();
    let posts = [post];
    let mut statuses = api.statuses(&asked, &posts, FilterContext::Thread).await?;
    let status = statuses.pop().ok_or_else(Fault::not_found)?;
    let [post] = posts;
    api.network.delete(&asked.call, &asked.key(), post.id).await?;
    Ok(json(&status.with_text(text)))
}

async fn context(State(api): State<Api>, asked: Asked) -> Answered {
    let thread = api.network.thread(&asked.call, asked.post()?).await?;
    let before = thread.ancestors.len();
    let posts: Vec<_> = thread.ancestors.into_iter().chain(thread.descendants).collect();
    let reading = api.reading(&asked, &posts, &[], FilterContext::Thread).await?;
    let statuses = |posts: &[_]| -> Vec<Status> {
        posts.iter().filter_map(|post| reading.status(post)).collect()
    };
    let (ancestors, descendants) = posts.split_at(before);
    let [ancestors, descendants] = [ancestors, descendants].map(statuses);
    Ok(json(&Context { ancestors, descendants }))
}

async fn source(State(api): State<Api>, asked: Asked) -> Answered {
    Ok(json(&StatusSource::of(&api.network.post(&asked.call, asked.post()?).await?)))
}

async fn history(State(api): State<Api>, asked: Asked) -> Answered {
    let id = asked.post()?;
    let (post, revisions) = futures::try_join!(
        api.network.post(&asked.call, id),
        api.network.history(&asked.call, id)
    )?;
    let posts = std::slice::from_ref(&post);
    let reading = api.reading(&asked, posts, &[], FilterContext::Thread).await?;
    let account = reading.account(post.author_id).ok_or_else(Fault::not_found)?;
    let edits = revisions.iter();
    let edits = edits.map(|edit| StatusEdit::of(edit, &post, account.clone(), &asked.base));
    Ok(json(&edits.collect::<Vec<_>>()))
}

async fn reblogged_by(State(api): State<Api>, asked: Asked) -> Answered {
    api.listed(&asked, &ListKind::BoostedBy(asked.post()?)).await
}

async fn favourited_by(State(api): State<Api>, asked: Asked) -> Answered {
    api.listed(&asked, &ListKind::LikedBy(asked.post()?)).await
}

/// What is boosted by way of a boost is the post itself.
async fn original(api: &Api, asked: &Asked) -> Result<PostId, Fault> {
    let post = api.network.post(&asked.call, asked.post()?).await?;
    Ok(post.boost_of.map_or(post.id, |said| said.id))
}

async fn reblog(State(api): State<Api>, asked: Asked) -> Answered {
    let post = original(&api, &asked).await?;
    let boost = api.network.boost(&asked.call, &asked.key(), post).await?;
    api.shown(&asked, boost.id).await
}

async fn unreblog(State(api): State<Api>, asked: Asked) -> Answered {
    let post = original(&api, &asked).await?;
    api.network.unboost(&asked.call, &asked.key(), post).await?;
    api.shown(&asked, post).await
}

async fn mark(api: Api, asked: Asked, mark: Mark, set: bool) -> Answered {
    let post = original(&api, &asked).await?;
    api.network.mark(&asked.call, &asked.key(), post, mark, set).await?;
    api.shown(&asked, post).await
}

async fn favourite(State(api): State<Api>, asked: Asked) -> Answered {
    mark(api, asked, Mark::Like, true).await
}

async fn unfavourite(State(api): State<Api>, asked: Asked) -> Answered {
    mark(api, asked, Mark::Like, false).await
}

async fn bookmark(State(api): State<Api>, asked: Asked) -> Answered {
    mark(api, asked, Mark::Bookmark, true).await
}

async fn unbookmark(State(api): State<Api>, asked: Asked) -> Answered {
    mark(api, asked, Mark::Bookmark, false).await
}

async fn pin(State(api): State<Api>, asked: Asked) -> Answered {
    mark(api, asked, Mark::Pin, true).await
}

async fn unpin(State(api): State<Api>, asked: Asked) -> Answered {
    mark(api, asked, Mark::Pin, false).await
}

async fn mute(State(api): State<Api>, asked: Asked) -> Answered {
    mark(api, asked, Mark::Mute, true).await
}

async fn unmute(State(api): State<Api>, asked: Asked) -> Answered {
    mark(api, asked, Mark::Mute, false).await
}
