//! What the caller does with posts: makes, edits, deletes, boosts and marks them.

use super::{
    invalid, key_from_wire, key_to_wire,
    pictures::{ids_from_wire, ids_to_wire},
    post_id_from_wire,
    posts::{language_from_wire, language_to_wire, visibility_from_wire, visibility_to_wire},
    some_text,
};
use crate::{
    domain::{Mark, PostId, RequestKey, UnixMillis},
    network::{NewPost, PostWords, Published, Refusal},
    wire::v1,
};

/// A post to be made, under a key.
pub fn publish_to_wire(key: &RequestKey, post: NewPost) -> v1::PublishRequest {
    let NewPost { says, reply_to, visibility } = post;
    let PostWords { text, warning, sensitive, language, pictures } = says;
    v1::PublishRequest {
        request_id: Some(key_to_wire(key)),
        text,
        reply_to: reply_to.map_or(0, PostId::get),
        visibility: visibility_to_wire(visibility).into(),
        warning: warning.unwrap_or_default(),
        sensitive,
        language: language_to_wire(language),
        pictures: ids_to_wire(pictures),
    }
}

/// A post to be made, under a key.
pub fn publish_from_wire(wire: v1::PublishRequest) -> Result<(RequestKey, NewPost), Refusal> {
    let v1::PublishRequest { request_id, text, reply_to, visibility, .. } = wire;
    let key = key_from_wire(request_id)?;
    let says = words_from_wire(text, wire.warning, wire.sensitive, wire.language)?;
    let says = PostWords { pictures: ids_from_wire(wire.pictures), ..says };
    let reply_to = (reply_to > 0).then(|| PostId::new(reply_to));
    let visibility = visibility_from_wire(visibility).map_err(invalid)?;
    Ok((key, NewPost { says, reply_to, visibility }))
}

fn words_from_wire(
    text: String,
    warning: String,
    sensitive: bool,
    language: String,
) -> Result<PostWords, Refusal> {
    let language = language_from_wire(language).map_err(invalid)?;
    let pictures = Vec::new();
    Ok(PostWords { text, warning: some_text(warning), sensitive, language, pictures })
}

/// A post that was made.
pub fn published_to_wire(Published { id, posted_at }: Published) -> v1::PublishReply {
    v1::PublishReply { post_id: id.get(), posted_at_ms: posted_at.get() }
}

/// A post that was made.
pub fn published_from_wire(
    v1::PublishReply { post_id, posted_at_ms }: v1::PublishReply,
) -> Published {
    Published { id: PostId::new(post_id), posted_at: UnixMillis::new(posted_at_ms) }
}

/// What a post says from now on, under a key.
pub fn edit_to_wire(key: &RequestKey, post: PostId, says: PostWords) -> v1::EditRequest {
    let PostWords { text, warning, sensitive, language, pictures } = says;
    v1::EditRequest {
        request_id: Some(key_to_wire(key)),
        id: post.get(),
        text,
        warning: warning.unwrap_or_default(),
        sensitive,
        language: language_to_wire(language),
        pictures: ids_to_wire(pictures),
    }
}

/// What a post says from now on, under a key.
pub fn edit_from_wire(wire: v1::EditRequest) -> Result<(RequestKey, PostId, PostWords), Refusal> {
    let v1::EditRequest { request_id, id, text, warning, sensitive, language, pictures } = wire;
    let key = key_from_wire(request_id)?;
    let says = words_from_wire(text, warning, sensitive, language)?;
    let says = PostWords { pictures: ids_from_wire(pictures), ..says };
    Ok((key, post_id_from_wire(id)?, says))
}

/// Some changes name a post and nothing else.
macro_rules! change_of_a_post {
    ($to_wire:ident, $from_wire:ident, $message:ident, $what:literal) => {
        #[doc = $what]
        pub fn $to_wire(key: &RequestKey, post: PostId) -> v1::$message {
            v1::$message { request_id: Some(key_to_wire(key)), id: post.get() }
        }

        #[doc = $what]
        pub fn $from_wire(wire: v1::$message) -> Result<(RequestKey, PostId), Refusal> {
            let v1::$message { request_id, id } = wire;
            Ok((key_from_wire(request_id)?, post_id_from_wire(id)?))
        }
    };
}

change_of_a_post!(
    delete_to_wire,
    delete_from_wire,
    DeleteRequest,
    "A post to be deleted, under a key."
);
change_of_a_post!(
    boost_to_wire,
    boost_from_wire,
    BoostRequest,
    "A post to be boosted, under a key."
);
change_of_a_post!(
    unboost_to_wire,
    unboost_from_wire,
    UnboostRequest,
    "A post whose boost is to be taken back, under a key."
);

/// A mark to be set on a post or removed from it, under a key.
pub fn mark_to_wire(key: &RequestKey, post: PostId, mark: Mark, set: bool) -> v1::MarkRequest {
    let kind = match mark {
        Mark::Like => v1::MarkKind::Like,
        Mark::Bookmark => v1::MarkKind::Bookmark,
        Mark::Pin => v1::MarkKind::Pin,
        Mark::Mute => v1::MarkKind::Mute,
    };
    v1::MarkRequest { request_id: Some(key_to_wire(key)), id: post.get(), kind: kind.into(), set }
}

/// A mark to be set on a post or removed from it, under a key.
pub fn mark_from_wire(wire: v1::MarkRequest) -> Result<(RequestKey, PostId, Mark, bool), Refusal> {
    let v1::MarkRequest { request_id, id, kind, set } = wire;
    let mark = match v1::MarkKind::try_from(kind) {
        Ok(v1::MarkKind::Like) => Mark::Like,
        Ok(v1::MarkKind::Bookmark) => Mark::Bookmark,
        Ok(v1::MarkKind::Pin) => Mark::Pin,
        Ok(v1::MarkKind::Mute) => Mark::Mute,
        Ok(v1::MarkKind::Unspecified) | Err(_) => {
            return Err(Refusal::invalid("kind must be LIKE, BOOKMARK, PIN or MUTE"));
        }
    };
    Ok((key_from_wire(request_id)?, post_id_from_wire(id)?, mark, set))
}
