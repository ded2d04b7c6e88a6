//! The colour profile (ICC) of a picture: the only thing beside the pixels that is kept, since the photographs of
//! telephones look dull without. Kept only if it is small, and describes the channels that the picture has here.

use super::{limits::MOST_PROFILE_BYTES, pixels::Channels};

/// A colour profile that may be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile(Vec<u8>);

impl Profile {
    /// So long is the header of a profile.
    const HEADER_BYTES: usize = 128;

    /// The profile of a picture with these channels, unless it is too large, or for others (such as those of a printer),
    /// or none at all.
    pub fn new(bytes: &[u8], channels: Channels) -> Option<Self> {
        let space: &[u8] = match channels {
            Channels::Grey => b"GRAY",
            Channels::Rgb | Channels::Rgba => b"RGB ",
        };
        let declared = usize::try_from(u32::from_be_bytes(*bytes.first_chunk()?)).ok()?;
        let profile = bytes.get(..declared)?;
        let is_one = (Self::HEADER_BYTES..=MOST_PROFILE_BYTES).contains(&profile.len())
            && profile[16..20] == *space
            && profile[36..40] == *b"acsp";
        is_one.then(|| Self(profile.to_vec()))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
