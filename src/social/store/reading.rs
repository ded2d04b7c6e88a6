//! A post as its reader sees it.

use super::{
    StateError,
    acquaintance::{Acquaintance, Known},
    moment::Moment,
    picture_records,
    post_records::{self, Body, BoostedPost, PostRecord, Words},
    records::decode,
};
use crate::domain::{Language, Marks, Mentioned, Post, PostId, UnixMillis, UserId};

/// A post as everybody sees it who may, without what a reader has done with it; none if it is gone.
pub fn shared_post(
    moment: &Moment,
    author: UserId,
    post: PostId,
) -> Result<Option<Post>, StateError> {
    let mut known = Known::default();
    let mut people = Acquaintance::new(moment, &mut known, UnixMillis::EPOCH);
    let Some(row) = post_records::post_row(moment, author, post)? else { return Ok(None) };
    of_record(None, (author, post), &decode(&row)?, &mut people)
}

/// A post of which this is the record; none if it is gone. Whether its reader may see it was decided before.
pub fn of_record(
    reader: Option<UserId>,
    (author, id): (UserId, PostId),
    record: &PostRecord<'_>,
    people: &mut Acquaintance<'_>,
) -> Result<Option<Post>, StateError> {
    match &record.body {
        Body::Words(words) => of_words(reader, (author, id), record.at, words, people).map(Some),
        Body::Boost(boosted) => {
            let Some(original) = of_boosted(reader, boosted, people)? else { return Ok(None) };
            let name = people.name(author)?;
            let boost = Post::plain(id, author, name, record.at, "");
            let visibility = boosted.visibility;
            Ok(Some(Post { visibility, boost_of: Some(Box::new(original)), ..boost }))
        }
        Body::Gone { .. } => Ok(None),
    }
}

fn of_boosted(
    reader: Option<UserId>,
    boosted: &BoostedPost,
    people: &mut Acquaintance<'_>,
) -> Result<Option<Post>, StateError> {
    let BoostedPost { post, author, .. } = *boosted;
    let Some(row) = post_records::post_row(people.moment, author, post)? else { return Ok(None) };
    let record: PostRecord<'_> = decode(&row)?;
    let Body::Words(words) = &record.body else { return Ok(None) };
    of_words(reader, (author, post), record.at, words, people).map(Some)
}

fn of_words(
    reader: Option<UserId>,
    (author, id): (UserId, PostId),
    posted_at: UnixMillis,
    words: &Words<'_>,
    people: &mut Acquaintance<'_>,
) -> Result<Post, StateError> {
    let marks = match reader {
        Some(reader) => post_records::marks(people.moment, reader, id)?.map(Marks::from),
        None => None,
    };
    let counts = post_records::counts(people.moment, id)?;
    let post = of_new_words((author, id), posted_at, words, people)?;
    Ok(Post { counts, marks: marks.unwrap_or_default(), ..post })
}

/// A post with which nobody has done anything yet.
pub fn of_new_words(
    (author, id): (UserId, PostId),
    posted_at: UnixMillis,
    words: &Words<'_>,
    people: &mut Acquaintance<'_>,
) -> Result<Post, StateError> {
    let mentioned = |user: &UserId| people.name(*user).map(|name| Mentioned { user: *user, name });
    let mentions = words.mentioned.iter().map(mentioned).collect::<Result<_, _>>()?;
    // Checked when it was published.
    let language = words.language.and_then(|language| Language::new(language).ok());
    Ok(Post {
        warning: words.warning.map(str::to_owned),
        sensitive: words.sensitive,
        language,
        visibility: words.visibility,
        reply_to: words.reply_to,
        mentions,
        hashtags: words.hashtags.clone(),
        pictures: picture_records::shown(people.moment, &words.pictures)?,
        edited_at: words.edited_at,
        ..Post::plain(id, author, people.name(author)?, posted_at, words.text)
    })
}
