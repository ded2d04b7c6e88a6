//! Searching.

use super::{
    limit_from_wire, limit_to_wire, person_from_wire, person_to_wire, post_page_from_wire,
    post_page_to_wire, unreadable,
};
use crate::{
    domain::{Hashtag, PostId},
    network::{Found, HashtagUse, Refusal, SearchKind},
    wire::v1,
};

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// What kind of thing.
    pub kind: SearchKind,
    /// Its words, or its beginning.
    pub text: String,
    /// Of posts, those before this one.
    pub before: Option<PostId>,
    /// The most that are wanted.
    pub limit: Option<u32>,
}

/// What is searched for.
pub fn search_to_wire(Search { kind, text, before, limit }: Search) -> v1::SearchRequest {
    let kind = match kind {
        SearchKind::People => v1::SearchKind::People,
        SearchKind::Hashtags => v1::SearchKind::Hashtags,
        SearchKind::Posts => v1::SearchKind::Posts,
    };
    let before = before.map_or(0, PostId::get);
    v1::SearchRequest { kind: kind.into(), text, before, page_size: limit_to_wire(limit) }
}

/// What is searched for.
pub fn search_from_wire(wire: v1::SearchRequest) -> Result<Search, Refusal> {
    let v1::SearchRequest { kind, text, before, page_size } = wire;
    let kind = match v1::SearchKind::try_from(kind) {
        Ok(v1::SearchKind::People) => SearchKind::People,
        Ok(v1::SearchKind::Hashtags) => SearchKind::Hashtags,
        Ok(v1::SearchKind::Posts) => SearchKind::Posts,
        Ok(v1::SearchKind::Unspecified) | Err(_) => {
            return Err(Refusal::invalid("kind must be PEOPLE, HASHTAGS or POSTS"));
        }
    };
    let before = (before > 0).then(|| PostId::new(before));
    Ok(Search { kind, text, before, limit: limit_from_wire(page_size) })
}

/// What was found.
pub fn found_to_wire(found: Found) -> v1::SearchReply {
    let nothing = v1::SearchReply::default();
    match found {
        Found::People(people) => {
            let people = people.into_iter().map(person_to_wire).collect();
            v1::SearchReply { people, ..nothing }
        }
        Found::Hashtags(hashtags) => {
            let hashtags = hashtags.into_iter().map(hashtag_use_to_wire).collect();
            v1::SearchReply { hashtags, ..nothing }
        }
        Found::Posts(page) => v1::SearchReply { posts: Some(post_page_to_wire(page)), ..nothing },
    }
}

/// What was found by a search of a kind.
pub fn found_from_wire(kind: SearchKind, wire: v1::SearchReply) -> Result<Found, Refusal> {
    let v1::SearchReply { people, hashtags, posts } = wire;
    Ok(match kind {
        SearchKind::People => {
            Found::People(people.into_iter().map(person_from_wire).collect::<Result<_, _>>()?)
        }
        SearchKind::Hashtags => {
            let uses = hashtags.into_iter().map(hashtag_use_from_wire);
            Found::Hashtags(uses.collect::<Result<_, _>>()?)
        }
        SearchKind::Posts => {
            let page = posts.ok_or_else(|| unreadable("the page of posts is missing"))?;
            Found::Posts(post_page_from_wire(page)?)
        }
    })
}

/// A hashtag, as the caller finds it.
pub(super) fn hashtag_use_to_wire(found: HashtagUse) -> v1::HashtagUse {
    let HashtagUse { hashtag, posts, is_followed } = found;
    v1::HashtagUse { hashtag: hashtag.into(), posts, following: is_followed }
}

/// A hashtag, as the caller finds it.
pub(super) fn hashtag_use_from_wire(wire: v1::HashtagUse) -> Result<HashtagUse, Refusal> {
    let v1::HashtagUse { hashtag, posts, following } = wire;
    let hashtag = Hashtag::new(&hashtag).map_err(unreadable)?;
    Ok(HashtagUse { hashtag, posts, is_followed: following })
}
