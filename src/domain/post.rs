//! Posts.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Hashtag, Language, Marks, Picture, UnixMillis, UserId, UserName, Visibility};

/// A post's number: its position in the feed of everything visible that happens in the network, counted from 1
/// in the order in which the cluster applied it; also a cursor into every timeline. Edits, deletions, boosts
/// and notifications have positions of their own in that feed.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PostId(u64);

impl PostId {
    /// Before the first post.
    pub const NONE: Self = Self(0);
    /// After the last post that there can be.
    pub const MAX: Self = Self(u64::MAX);

    /// The post with a number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The next post; none after the last that there can be.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl fmt::Display for PostId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl fmt::Debug for PostId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

/// A valid post: it has something visible, at most the allowed number of characters, and no control
/// characters except newline and tab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PostText(String);

/// Why a text is not a post.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing visible.
    #[error("a post cannot be blank")]
    Blank,
    /// Too many characters.
    #[error("a post has at most {limit} characters, this one has {length}")]
    TooLong {
        /// Characters allowed.
        limit: usize,
        /// Characters found.
        length: usize,
    },
    /// A control character.
    #[error("a post cannot contain the control character U+{code:04X}; newline and tab are allowed", code = u32::from(*.0))]
    Control(char),
}

impl PostText {
    /// Checks `text` against a limit in characters.
    pub fn new(text: impl Into<String>, limit: usize) -> Result<Self, TextError> {
        let text = text.into();
        let length = text.chars().count();
        if length > limit {
            return Err(TextError::TooLong { limit, length });
        }
        let forbidden = |c: &char| c.is_control() && !matches!(c, '\n' | '\t');
        if let Some(control) = text.chars().find(forbidden) {
            return Err(TextError::Control(control));
        }
        if !text.chars().any(is_visible) {
            return Err(TextError::Blank);
        }
        Ok(Self(text))
    }

    /// The text of a post that has pictures instead.
    pub const fn none() -> Self {
        Self(String::new())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character is visible by itself. Not visible are white space, what Unicode calls
/// default ignorable (version 16: joiners, directions, variation selectors, tags, fillers),
/// assigned or not, and a few characters that are drawn as a blank. All of these may be used beside
/// others, as emoji and many scripts require.
fn is_visible(c: char) -> bool {
    let is_ignorable = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    // Blank braille, a filler of the Khitan script, two of hieroglyphs, and a musical one.
    let is_blank = matches!(c, '\u{2800}' | '\u{16fe4}' | '\u{13441}'..='\u{13442}' | '\u{1d159}');
    !(c.is_whitespace() || c.is_control() || is_ignorable || is_blank)
}

/// The post that another one answers, and who wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyTo {
    /// The post.
    pub post: PostId,
    /// Its author.
    pub author: UserId,
}

/// Somebody whom a post mentions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mentioned {
    /// Their number.
    pub user: UserId,
    /// Their name.
    pub name: UserName,
}

/// What others have done with a post: as far as everybody may see that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostCounts {
    /// Answers that everybody may see.
    pub replies: u64,
    /// Boosts.
    pub boosts: u64,
    /// Likes.
    pub likes: u64,
}

/// A post as it is read; or a boost, which has the post that was boosted in it, and no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Its number.
    pub id: PostId,
    /// Who wrote it, or boosted one.
    pub author_id: UserId,
    /// The author's name.
    pub author: UserName,
    /// When the available server accepted it.
    pub posted_at: UnixMillis,
    /// Its text, which must be sanitised before it is shown on a screen.
    pub text: String,
    /// Shown instead of the text at first.
    pub warning: Option<String>,
    /// Whether what belongs to it is hidden at first.
    pub sensitive: bool,
    /// In which language it is.
    pub language: Option<Language>,
    /// For whom it is.
    pub visibility: Visibility,
    /// The post that it answers.
    pub reply_to: Option<ReplyTo>,
    /// Who is mentioned in it.
    pub mentions: Vec<Mentioned>,
    /// In the text.
    pub hashtags: Vec<Hashtag>,
    /// What it shows.
    pub pictures: Vec<Picture>,
    /// When it was last changed.
    pub edited_at: Option<UnixMillis>,
    /// What others have done with it.
    pub counts: PostCounts,
    /// What the reader has done with it; nothing in a live timeline, which many share.
    pub marks: Marks,
    /// The post of which this is a boost.
    pub boost_of: Option<Box<Self>>,
}

impl Post {
    /// A public post that is nothing but text.
    pub fn plain(
        id: PostId,
        author_id: UserId,
        author: UserName,
        posted_at: UnixMillis,
        text: impl Into<String>,
    ) -> Self {
        Self {
            id,
            author_id,
            author,
            posted_at,
            text: text.into(),
            warning: None,
            sensitive: false,
            language: None,
            visibility: Visibility::Public,
            reply_to: None,
            mentions: Vec::new(),
            hashtags: Vec::new(),
            pictures: Vec::new(),
            edited_at: None,
            counts: PostCounts::default(),
            marks: Marks::default(),
            boost_of: None,
        }
    }
}

/// What a post said before an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// When it began to say this.
    pub at: UnixMillis,
    /// What it said.
    pub text: String,
    /// Shown instead of the text at first.
    pub warning: Option<String>,
    /// Whether what belongs to it was hidden at first.
    pub sensitive: bool,
    /// What it showed, as far as that is still there.
    pub pictures: Vec<Picture>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_and_not_bytes() {
        assert!(PostText::new("é".repeat(1_000), 1_000).is_ok());
        assert_eq!(
            PostText::new("é".repeat(1_001), 1_000),
            Err(TextError::TooLong { limit: 1_000, length: 1_001 })
        );
    }

    #[test]
    fn refuses_blank_posts_and_control_characters() {
        assert_eq!(PostText::new(" \n\t ", 9), Err(TextError::Blank));
        assert_eq!(PostText::new("", 9), Err(TextError::Blank));
        for control in ['\u{1b}', '\0', '\r', '\u{7f}', '\u{9b}'] {
            assert_eq!(PostText::new(format!("a{control}"), 9), Err(TextError::Control(control)));
        }
        assert!(PostText::new("two\nlines\tand a tab", 99).is_ok());
    }

    #[test]
    fn refuses_posts_in_which_nothing_can_be_seen() {
        for invisible in [
            "\u{a0}\u{2003}\u{3000}\u{2028}",
            "\u{200b}",
            "\u{200c}\u{200d}\u{200e}\u{200f}",
            "\u{2060}\u{2064}\u{206f}",
            "\u{feff} \u{ad}\n",
            "\u{202e}\u{2067}\u{61c}",
            "\u{fe0f}\u{e0100}\u{180e}",
            "\u{e0001}\u{e0041}\u{e007f}",
            "\u{115f}\u{1160}\u{3164}\u{ffa0}",
            "\u{2800}\u{2800}",
            "\u{34f}\u{17b4}\u{fff9}\u{fffb}",
            "\u{1d159}\u{1d173}\u{1bca0}\u{16fe4}\u{13441}",
        ] {
            assert_eq!(PostText::new(invisible, 99), Err(TextError::Blank), "{invisible:?}");
            // Beside something visible, they may have a meaning.
            assert!(PostText::new(format!("{invisible}."), 99).is_ok(), "{invisible:?}");
        }
        for visible in
            ["👩\u{200d}🚀", "❤\u{fe0f}", "क\u{94d}\u{200d}ष", "\u{2801}", "\u{301}", "."]
        {
            assert!(PostText::new(visible, 99).is_ok(), "{visible:?}");
        }
    }
}
