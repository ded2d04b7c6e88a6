//! Pictures: on posts, and of people.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::PostId;

/// The most pictures of one post.
pub const MOST_PICTURES: usize = 4;
/// The most bytes of a picture that is uploaded. It is kept smaller.
pub const MOST_UPLOADED_BYTES: usize = 8 << 20;

/// A picture's number: the position of the feed at which it was uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PictureId(u64);

impl PictureId {
    /// The picture with a number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<PostId> for PictureId {
    fn from(position: PostId) -> Self {
        Self(position.get())
    }
}

impl fmt::Display for PictureId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// Under which a picture is found by everybody who was told of it, and by nobody else: 16 random bytes. It is all that
/// protects a picture, since apps show pictures without saying who they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PictureAddress([u8; Self::BYTES]);

impl PictureAddress {
    /// So long is it.
    pub const BYTES: usize = 16;

    /// With these bytes, which were drawn.
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Reads what `Display` writes: letters, digits, hyphens and underscores.
    pub fn parse(text: &str) -> Option<Self> {
        BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for PictureAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for PictureAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PictureAddress")
    }
}

/// How the bytes of a picture are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PictureFormat {
    /// For photographs.
    Jpeg,
    /// For drawings, and what is transparent.
    Png,
    /// For what moves.
    Gif,
}

impl PictureFormat {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Jpeg, Self::Png, Self::Gif];

    /// What it is called in HTTP.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
        }
    }

    /// With what names of such files end.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
        }
    }
}

/// In pixels, both at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimensions {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

/// One of the files that there are of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureFile {
    /// How its bytes are to be read.
    pub format: PictureFormat,
    /// How large it is on a screen.
    pub dimensions: Dimensions,
    /// How many bytes it has.
    pub bytes: u32,
}

/// Which of the files of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureSize {
    /// As large as it is kept.
    Original,
    /// As a preview; it never moves.
    Small,
}

/// What a picture is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PicturePurpose {
    /// For a post.
    Post,
    /// The portrait of a person.
    Avatar,
    /// The wide picture above a profile.
    Header,
}

/// The part of a picture that stays in sight where there is no room for all of it: how far right of the centre and how
/// far above it, from -1,000 to 1,000 thousandths of the way to the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Focus {
    x: i16,
    y: i16,
}

impl Focus {
    const EDGE: i16 = 1_000;

    /// A point of a picture; none outside of it.
    pub fn new(x: i16, y: i16) -> Option<Self> {
        let is_inside = |way: i16| (-Self::EDGE..=Self::EDGE).contains(&way);
        (is_inside(x) && is_inside(y)).then_some(Self { x, y })
    }

    /// To the right, in thousandths.
    pub const fn x(self) -> i16 {
        self.x
    }

    /// Upwards, in thousandths.
    pub const fn y(self) -> i16 {
        self.y
    }
}

/// What a picture shows, for those who do not see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PictureDescription(String);

/// Why a text is no description of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// Too many characters.
    #[error(
        "the description of a picture has at most {} characters",
        PictureDescription::MAX_CHARS
    )]
    TooLong,
    /// A control character.
    #[error("the description of a picture cannot contain control characters except newlines")]
    Control,
}

impl PictureDescription {
    /// The longest, in characters.
    pub const MAX_CHARS: usize = 1_500;

    /// Checks a text; none if it says nothing.
    pub fn new(text: &str) -> Result<Option<Self>, DescriptionError> {
        let text = text.trim();
        if text.chars().count() > Self::MAX_CHARS {
            return Err(DescriptionError::TooLong);
        }
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return Err(DescriptionError::Control);
        }
        Ok((!text.is_empty()).then(|| Self(text.to_owned())))
    }

    /// The text, which must be sanitised before it is shown on a screen.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What its owner says of a picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureWords {
    /// What it shows.
    pub description: Option<PictureDescription>,
    /// What stays in sight of it.
    pub focus: Option<Focus>,
}

/// A picture, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Its number.
    pub id: PictureId,
    /// Where its files are.
    pub address: PictureAddress,
    /// As large as it is kept.
    pub original: PictureFile,
    /// As a preview.
    pub small: PictureFile,
    /// What is shown until it has arrived (<https://blurha.sh>).
    pub blurhash: String,
    /// What it shows.
    pub description: Option<PictureDescription>,
    /// What stays in sight of it.
    pub focus: Option<Focus>,
}

impl Picture {
    /// One of its files.
    pub const fn file(&self, size: PictureSize) -> PictureFile {
        match size {
            PictureSize::Original => self.original,
            PictureSize::Small => self.small,
        }
    }

    /// How many bytes all its files have.
    pub const fn bytes(&self) -> u64 {
        self.original.bytes as u64 + self.small.bytes as u64
    }

    /// One with all that a picture can have.
    #[cfg(any(test, feature = "laboratory"))]
    pub fn example() -> Self {
        let dimensions = Dimensions { width: 640, height: 480 };
        let file = |format, bytes| PictureFile { format, dimensions, bytes };
        Self {
            id: PictureId::new(300),
            address: PictureAddress::new([7; PictureAddress::BYTES]),
            original: file(PictureFormat::Jpeg, 70_000),
            small: file(PictureFormat::Png, 300),
            blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj".to_owned(),
            description: PictureDescription::new("Größe").expect("valid"),
            focus: Focus::new(-1_000, 500),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_was_written() {
        let address = PictureAddress::new([0xfb; 16]);
        assert_eq!(address.to_string(), "-_v7-_v7-_v7-_v7-_v7-w");
        assert_eq!(PictureAddress::parse(&address.to_string()), Some(address));
        for wrong in ["", "-_v7", "-_v7-_v7-_v7-_v7-_v7-w=", "-_v7-_v7-_v7-_v7-_v7-x", "../etc"] {
            assert_eq!(PictureAddress::parse(wrong), None, "{wrong}");
        }
        assert!(!format!("{address:?}").contains("v7"), "logs do not tell of it");
    }

    #[test]
    fn a_description_says_something_within_limits() {
        let text = |text: &str| {
            PictureDescription::new(text).map(|text| text.map(|text| text.as_str().to_owned()))
        };
        assert_eq!(text(" a cat\non a mat "), Ok(Some("a cat\non a mat".to_owned())));
        assert_eq!(text(" \n"), Ok(None));
        assert!(text(&"é".repeat(1_500)).is_ok());
        assert_eq!(text(&"é".repeat(1_501)), Err(DescriptionError::TooLong));
        assert_eq!(text("a\u{1b}[2J"), Err(DescriptionError::Control));
    }

    #[test]
    fn a_focus_is_in_the_picture() {
        assert!(Focus::new(-1_000, 1_000).is_some());
        assert_eq!(Focus::new(0, 1_001), None);
        assert_eq!(Focus::new(-1_001, 0), None);
    }
}
