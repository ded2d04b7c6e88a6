//! A post before it is made, and what an edit of it changes.

use serde::{Deserialize, Serialize};

use super::{
    Hashtag, Language, PictureId, PostId, PostText, SearchTerm, UserName, Visibility,
    entities::{hashtags, mentions},
    search_term::terms,
};

/// What a post says. An edit replaces all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostContent {
    /// Its text.
    pub text: PostText,
    /// Shown instead of the text, until its reader wants to see that.
    pub warning: Option<PostText>,
    /// Whether what belongs to it, such as pictures, is hidden at first.
    pub sensitive: bool,
    /// In which language it is.
    pub language: Option<Language>,
    /// Names in the text, each once; there may be nobody of that name.
    pub mentions: Vec<UserName>,
    /// Each once.
    pub hashtags: Vec<Hashtag>,
    /// By which it is found; each once. They come with the content, because masters of different versions
    /// might take different things for words.
    pub terms: Vec<SearchTerm>,
    /// What it shows, in this order; each once. Without a text, at least one.
    pub pictures: Vec<PictureId>,
}

impl PostContent {
    /// A text, and what is found in it.
    pub fn of(text: PostText) -> Self {
        let found = text.as_str();
        let (mentions, hashtags, terms) = (mentions(found), hashtags(found), terms(found));
        Self {
            text,
            warning: None,
            sensitive: false,
            language: None,
            mentions,
            hashtags,
            terms,
            pictures: Vec::new(),
        }
    }

    /// How many characters a reader sees in all, which is what is limited.
    pub fn length(&self) -> usize {
        let warning = self.warning.as_ref().map_or(0, |warning| warning.as_str().chars().count());
        self.text.as_str().chars().count() + warning
    }
}

/// A post that is to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// What it says.
    pub content: PostContent,
    /// The post that it answers.
    pub reply_to: Option<PostId>,
    /// For whom it is.
    pub visibility: Visibility,
}

impl Draft {
    /// A public post that answers none.
    pub fn of(text: PostText) -> Self {
        Self { content: PostContent::of(text), reply_to: None, visibility: Visibility::Public }
    }
}
