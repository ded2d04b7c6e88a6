//! Which streams there are, and what belongs to each. Pure.

use crate::{
    domain::{FilterContext, Hashtag, PersonalId, Post},
    network::StreamKind,
};

/// A stream that a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamName {
    /// As it is called to its client: its name, and the hashtag or list as the client wrote it.
    label: Vec<String>,
    shows: Shows,
}

/// What a stream shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shows {
    /// The home timeline, with notifications.
    Home,
    /// Notifications alone.
    Notifications,
    /// What everybody posts for everybody.
    Public,
    /// What of that shows pictures.
    PublicPictures,
    /// The same with a hashtag.
    Hashtag(Hashtag),
    /// What people in a list post.
    List(PersonalId),
    /// What is for those mentioned.
    Direct,
    /// Nothing: it is of other networks.
    Nothing,
}

/// Why there is no such stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchStream {
    /// It has no name that is known.
    #[error("Unknown stream type")]
    Unknown,
    /// It is of a hashtag, and that is missing, or none.
    #[error("Missing tag name parameter")]
    WithoutHashtag,
    /// It is of a list, and that is missing, or none.
    #[error("Missing list name parameter")]
    WithoutList,
}

impl StreamName {
    /// The stream of a name such as `hashtag:local`, with the parameters that it may need.
    pub fn of(name: &str, tag: Option<&str>, list: Option<&str>) -> Result<Self, NoSuchStream> {
        let mut label = vec![name.to_owned()];
        let shows = match name {
            "user" => Shows::Home,
            "user:notification" => Shows::Notifications,
            "public" | "public:local" => Shows::Public,
            "public:media" | "public:local:media" => Shows::PublicPictures,
            "public:remote" | "public:remote:media" => Shows::Nothing,
            "hashtag" | "hashtag:local" => {
                let tag = tag.ok_or(NoSuchStream::WithoutHashtag)?;
                label.push(tag.to_owned());
                let hashtag = Hashtag::new(tag).map_err(|_| NoSuchStream::WithoutHashtag)?;
                Shows::Hashtag(hashtag)
            }
            "list" => {
                let list = list.ok_or(NoSuchStream::WithoutList)?;
                label.push(list.to_owned());
                let list = list.parse().map_err(|_| NoSuchStream::WithoutList)?;
                Shows::List(PersonalId::new(list))
            }
            "direct" => Shows::Direct,
            _ => return Err(NoSuchStream::Unknown),
        };
        Ok(Self { label, shows })
    }

    /// As it is called to its client.
    pub fn label(&self) -> &[String] {
        &self.label
    }

    /// What it shows.
    pub fn shows(&self) -> &Shows {
        &self.shows
    }

    /// Whether another is the same, however its hashtag is written.
    pub fn is(&self, other: &Self) -> bool {
        self.label.first() == other.label.first() && self.shows == other.shows
    }
}

impl Shows {
    /// The live timeline of the network in which that is. Where there is nothing, it tells when the session ends.
    pub fn source(&self) -> StreamKind {
        match self {
            Self::Home | Self::Notifications => StreamKind::Home,
            Self::Public | Self::PublicPictures => StreamKind::Local,
            Self::Hashtag(hashtag) => StreamKind::Hashtag(hashtag.clone()),
            Self::List(list) => StreamKind::List(*list),
            Self::Direct | Self::Nothing => StreamKind::Direct,
        }
    }

    /// Whether posts are shown, with what happens to them.
    pub fn has_posts(&self) -> bool {
        !matches!(self, Self::Notifications | Self::Nothing)
    }

    /// Whether a post is shown, where posts are.
    pub fn includes(&self, post: &Post) -> bool {
        *self != Self::PublicPictures || !post.pictures.is_empty()
    }

    /// Whether notifications are shown.
    pub fn has_notifications(&self) -> bool {
        matches!(self, Self::Home | Self::Notifications)
    }

    /// Where its posts are read, as far as filters ask.
    pub fn context(&self) -> FilterContext {
        match self {
            Self::Home | Self::List(_) | Self::Nothing => FilterContext::Home,
            Self::Notifications | Self::Direct => FilterContext::Notifications,
            Self::Public | Self::PublicPictures | Self::Hashtag(_) => FilterContext::Public,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_of_the_api_is_known_and_has_its_source() {
        for (name, source) in [
            ("user", StreamKind::Home),
            ("user:notification", StreamKind::Home),
            ("public", StreamKind::Local),
            ("public:local", StreamKind::Local),
            ("public:media", StreamKind::Local),
            ("public:local:media", StreamKind::Local),
            ("public:remote", StreamKind::Direct),
            ("public:remote:media", StreamKind::Direct),
            ("hashtag", StreamKind::Hashtag(Hashtag::new("cats").expect("valid"))),
            ("hashtag:local", StreamKind::Hashtag(Hashtag::new("cats").expect("valid"))),
            ("list", StreamKind::List(PersonalId::new(7))),
            ("direct", StreamKind::Direct),
        ] {
            let stream = StreamName::of(name, Some("Cats"), Some("7")).expect("known");
            assert_eq!(stream.shows().source(), source, "{name}");
            assert_eq!(stream.label()[0], name);
        }
        let hashtag = StreamName::of("hashtag", Some("Cats"), None).expect("known");
        assert_eq!(hashtag.label(), ["hashtag", "Cats"], "as it was sent");
        let list = StreamName::of("list", None, Some("7")).expect("known");
        assert_eq!(list.label(), ["list", "7"]);
    }

    #[test]
    fn what_is_no_stream_is_said_so() {
        for (name, tag, list, why) in [
            ("", None, None, NoSuchStream::Unknown),
            ("users", None, None, NoSuchStream::Unknown),
            ("hashtag", None, Some("7"), NoSuchStream::WithoutHashtag),
            ("hashtag:local", Some("a b"), None, NoSuchStream::WithoutHashtag),
            ("list", Some("a"), None, NoSuchStream::WithoutList),
            ("list", None, Some("seven"), NoSuchStream::WithoutList),
        ] {
            assert_eq!(StreamName::of(name, tag, list), Err(why), "{name}");
        }
    }

    #[test]
    fn a_hashtag_is_the_same_however_it_is_written() {
        let of = |name, tag| StreamName::of(name, Some(tag), None).expect("known");
        assert!(of("hashtag", "Cats").is(&of("hashtag", "cats")));
        assert!(!of("hashtag", "cats").is(&of("hashtag:local", "cats")));
        assert!(!of("hashtag", "cats").is(&of("hashtag", "dogs")));
    }
}
