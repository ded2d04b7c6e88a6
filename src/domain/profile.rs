//! What people say about themselves.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation as _;

use super::{Picture, UnixMillis, UserId, UserName};

/// A link on a profile, with what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileLink {
    /// What it is.
    pub label: String,
    /// Where it leads, or another text.
    pub value: String,
}

/// A profile, as its owner writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Shown instead of the name; may be empty.
    pub display_name: String,
    /// Some sentences; may be empty.
    pub bio: String,
    /// At most [`Profile::MOST_LINKS`].
    pub links: Vec<ProfileLink>,
    /// Whether a program posts here.
    pub bot: bool,
    /// Whether the owner wants to be found.
    pub discoverable: bool,
    /// Whether whoever wants to follow asks first.
    pub locked: bool,
}

/// Why a profile is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The display name is too long.
    #[error("a display name has at most {} characters", Profile::MAX_NAME_CHARS)]
    Name,
    /// The bio is too long.
    #[error("a bio has at most {} characters", Profile::MAX_BIO_CHARS)]
    Bio,
    /// There are too many links.
    #[error("a profile has at most {} links", Profile::MOST_LINKS)]
    Links,
    /// A link is too long, or its label is empty.
    #[error(
        "a link has a label and a value of at most {} characters each",
        Profile::MAX_LINK_CHARS
    )]
    Link,
    /// There is a control character in it.
    #[error("a profile cannot contain control characters; a bio may contain newlines")]
    Control,
}

impl Profile {
    /// The longest display name, in characters.
    pub const MAX_NAME_CHARS: usize = 30;
    /// The longest bio, in characters.
    pub const MAX_BIO_CHARS: usize = 500;
    /// The most links.
    pub const MOST_LINKS: usize = 4;
    /// The longest label and the longest value of a link, in characters.
    pub const MAX_LINK_CHARS: usize = 255;

    /// The words of the display name, by whose beginnings its owner is found: folded, each once.
    pub fn words(&self) -> Vec<String> {
        let words = self.display_name.unicode_words().map(str::to_lowercase);
        words.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Checks it.
    pub fn check(&self) -> Result<(), ProfileError> {
        let Self { display_name, bio, links, .. } = self;
        let length = |text: &str| text.chars().count();
        if length(display_name) > Self::MAX_NAME_CHARS {
            return Err(ProfileError::Name);
        }
        if length(bio) > Self::MAX_BIO_CHARS {
            return Err(ProfileError::Bio);
        }
        if links.len() > Self::MOST_LINKS {
            return Err(ProfileError::Links);
        }
        let fits = |text: &str| (1..=Self::MAX_LINK_CHARS).contains(&length(text));
        if !links.iter().all(|link| fits(&link.label) && fits(&link.value)) {
            return Err(ProfileError::Link);
        }
        let lines = links.iter().flat_map(|link| [&link.label, &link.value]).chain([display_name]);
        let has_control = lines.into_iter().any(|line| line.chars().any(char::is_control))
            || bio.chars().any(|c| c.is_control() && c != '\n');
        if has_control { Err(ProfileError::Control) } else { Ok(()) }
    }
}

/// How much there is of a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonCounts {
    /// Posts that everybody may see.
    pub posts: u64,
    /// Who follow them.
    pub followers: u64,
    /// Whom they follow.
    pub following: u64,
    /// When they last made such a post.
    pub last_post_at: Option<UnixMillis>,
}

/// A person, as others see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Their number.
    pub id: UserId,
    /// Their name, spelled as when the account was created.
    pub name: UserName,
    /// When that was.
    pub created_at: UnixMillis,
    /// What they say about themselves.
    pub profile: Profile,
    /// How much there is of them.
    pub counts: PersonCounts,
    /// Their portrait.
    pub avatar: Option<Picture>,
    /// The wide picture above their profile.
    pub header: Option<Picture>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_stays_within_its_limits() {
        let good = Profile {
            display_name: "é".repeat(Profile::MAX_NAME_CHARS),
            bio: "two\nlines".to_owned(),
            links: vec![ProfileLink {
                label: "home".to_owned(),
                value: "https://x.example".to_owned(),
            }],
            ..Profile::default()
        };
        assert_eq!(good.check(), Ok(()));
        assert_eq!(Profile::default().check(), Ok(()));
        let link = |label: &str, value: &str| {
            vec![ProfileLink { label: label.to_owned(), value: value.to_owned() }]
        };
        for (bad, why) in [
            (Profile { display_name: "a".repeat(31), ..good.clone() }, ProfileError::Name),
            (Profile { bio: "a".repeat(501), ..good.clone() }, ProfileError::Bio),
            (
                Profile { links: vec![good.links[0].clone(); 5], ..good.clone() },
                ProfileError::Links,
            ),
            (Profile { links: link("", "x"), ..good.clone() }, ProfileError::Link),
            (Profile { links: link("x", &"a".repeat(256)), ..good.clone() }, ProfileError::Link),
            (Profile { links: link("a\nb", "x"), ..good.clone() }, ProfileError::Control),
            (Profile { display_name: "a\u{1b}".to_owned(), ..good.clone() }, ProfileError::Control),
            (Profile { bio: "a\0".to_owned(), ..good }, ProfileError::Control),
        ] {
            assert_eq!(bad.check(), Err(why));
        }
    }
}
