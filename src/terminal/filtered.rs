//! What filters leave of a post. Pure.

use crate::{
    client::Post,
    domain::{FilterAction, FilterContext, UnixMillis, UserName, WordFilter, word_filter},
};

/// A post as the filters of a reader leave it: none if it is hidden; with the titles of filters that warn instead of
/// its text. There are no pictures to blur.
pub fn left(
    filters: &[WordFilter],
    context: FilterContext,
    reader: Option<&UserName>,
    mut post: Post,
    now: UnixMillis,
) -> Option<Post> {
    let author = &post.boost_of.as_deref().unwrap_or(&post).author;
    if reader == Some(author) {
        return Some(post);
    }
    let mut warnings = Vec::new();
    for found in word_filter::matching(filters, context, None, &post, now) {
        let settings = &found.filter.settings;
        match settings.action {
            FilterAction::Hide => return None,
            FilterAction::Warn => warnings.push(settings.title.as_str()),
            FilterAction::Blur => {}
        }
    }
    if !warnings.is_empty() {
        let warning = Some(format!("filtered: {}", warnings.join(", ")));
        match &mut post.boost_of {
            Some(boosted) => boosted.warning = warning,
            None => post.warning = warning,
        }
    }
    Some(post)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FilterSettings, Keyword, NewKeyword, PersonalId, PostId, UserId};

    fn filter(text: &str, action: FilterAction) -> WordFilter {
        let keyword = NewKeyword { text: text.to_owned(), whole_word: true };
        WordFilter {
            id: PersonalId::new(1),
            settings: FilterSettings {
                title: format!("no {text}"),
                contexts: [FilterContext::Home].into(),
                action,
                until: None,
            },
            keywords: vec![Keyword { id: PersonalId::new(2), keyword }],
            posts: Vec::new(),
        }
    }

    fn name(name: &str) -> UserName {
        UserName::new(name).expect("valid")
    }

    fn post(text: &str) -> Post {
        Post::plain(PostId::new(7), UserId(1), name("ann"), UnixMillis::EPOCH, text)
    }

    #[test]
    fn what_is_hidden_is_left_out_and_what_is_warned_of_is_folded() {
        let filters = [
            filter("cat", FilterAction::Hide),
            filter("dog", FilterAction::Warn),
            filter("cow", FilterAction::Warn),
            filter("bird", FilterAction::Blur),
        ];
        let left = |reader: &str, post| {
            left(&filters, FilterContext::Home, Some(&name(reader)), post, UnixMillis::EPOCH)
        };
        let warned = |warning: &str, text| Post { warning: Some(warning.to_owned()), ..post(text) };
        let boost = |boosted| Post { boost_of: Some(Box::new(boosted)), ..post("") };
        for (given, expected) in [
            (post("a bird"), Some(post("a bird"))),
            (post("cat and dog"), None),
            (post("a dog"), Some(warned("filtered: no dog", "a dog"))),
            (post("dog, cow"), Some(warned("filtered: no dog, no cow", "dog, cow"))),
            (boost(post("a cat")), None),
            (boost(post("a cow")), Some(boost(warned("filtered: no cow", "a cow")))),
        ] {
            assert_eq!(left("bob", given.clone()), expected);
            assert_eq!(left("ann", given.clone()), Some(given), "her own");
        }
    }
}
