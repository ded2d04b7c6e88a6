//! The envelope around everything that we store or send as bytes: its kind, the version of its
//! format, its length, and a checksum over all of it. Pure.
//!
//! ```text
//! kind (1) | version (1) | checksum (4, little-endian) | length (1 to 5, LEB128) | body
//! ```
//!
//! - [`kind`]: what an envelope may contain
//! - [`version`]: versions of the format, and which of them a program speaks
//! - [`mod@line`]: the same for a file that people may read
//!
//! The envelope itself never changes. Its body is encoded by postcard, which is positional: every
//! change of a layout, even a field added at the end, is a new version.
//!
//! The checksum is checked before the version, so that a damaged version can be distinguished from
//! a newer one. It detects accidental damage, not tampering: data that must not be forged needs a
//! MAC.

pub mod kind;
pub mod line;
pub mod version;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::{
    kind::Kind,
    version::{SupportedVersions, Version},
};

const CHECKSUM: std::ops::Range<usize> = 2..6;
/// Kind, version, checksum and the shortest length field.
const SHORTEST: usize = 7;
/// Enough for a post, so that most envelopes are allocated once.
const USUAL_BYTES: usize = 192;

/// Why an envelope was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is intact, but in a version that this program does not speak yet.
    #[error(
        "{what} in format {found} was written by a newer tinysns; this one speaks {supported_versions}: upgrade this node"
    )]
    Newer {
        /// Its kind, as far as this program knows.
        what: String,
        /// Its version.
        found: Version,
        /// What this program speaks.
        supported_versions: SupportedVersions,
    },
    /// It is intact, but in a version that this program no longer speaks.
    #[error(
        "{what} in format {found} was written by an older tinysns; this one speaks {supported_versions}: start a version in between first"
    )]
    Older {
        /// What it is.
        what: String,
        /// Its version.
        found: Version,
        /// What this program speaks.
        supported_versions: SupportedVersions,
    },
    /// It is intact, but of another kind.
    #[error("{found} instead of {wanted}")]
    WrongKind {
        /// The expected kind.
        wanted: Kind,
        /// The actual kind.
        found: Kind,
    },
    /// It is damaged.
    #[error("damaged {wanted}: {damage}")]
    Damaged {
        /// The expected kind.
        wanted: Kind,
        /// What is wrong with it.
        damage: Damage,
    },
}

/// What is wrong with a damaged envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Its end is missing.
    #[error("it ends too early")]
    TooShort,
    /// There is something after its end.
    #[error("there is something after its end")]
    TooLong,
    /// Bytes have changed.
    #[error("its checksum does not match")]
    Checksum,
    /// The body does not have the layout of its kind and version: an error of the program that
    /// wrote it.
    #[error("its body does not decode: {0}")]
    Undecodable(String),
    /// It is not an envelope at all.
    #[error("it is not in a format of tinysns")]
    NoEnvelope,
}

impl Error {
    /// Whether another version of the program would understand it, so that nothing is damaged.
    pub fn is_another_version(&self) -> bool {
        matches!(self, Self::Newer { .. } | Self::Older { .. })
    }
}

/// Seals `value` in the first version of the format.
pub fn seal<T: Serialize + ?Sized>(kind: Kind, value: &T) -> Vec<u8> {
    seal_in(Version::FIRST, kind, value)
}

/// Seals `value` in a version of the format.
pub fn seal_in<T: Serialize + ?Sized>(version: Version, kind: Kind, value: &T) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(USUAL_BYTES);
    sealed.extend([kind.byte(), version.byte(), 0, 0, 0, 0, 0]);
    let sealed = postcard::to_extend(value, sealed)
        .expect("what is sealed is plain data, and a vector grows as needed");
    close(sealed)
}

/// Takes bytes for an envelope and sets its length and checksum right, whatever they were: with
/// others, no body of somebody's own making would be decoded. Bytes that are too short stay as they
/// are.
#[cfg(feature = "laboratory")]
pub fn mend(sealed: &[u8]) -> Vec<u8> {
    if sealed.len() < SHORTEST {
        return sealed.to_vec();
    }
    let begin = read_length(sealed).map_or(SHORTEST, |(_, begin)| begin);
    let header = [sealed[0], sealed[1], 0, 0, 0, 0, 0];
    close([&header, &sealed[begin..]].concat())
}

/// Writes length and checksum, which stand before the body.
fn close(mut sealed: Vec<u8>) -> Vec<u8> {
    write_length(&mut sealed);
    let checksum = checksum(&sealed).to_le_bytes();
    sealed[CHECKSUM].copy_from_slice(&checksum);
    sealed
}

/// Opens what [`seal`] made, in any version that this program speaks.
pub fn open<'a, T: Deserialize<'a>>(kind: Kind, sealed: &'a [u8]) -> Result<T, Error> {
    open_as(SupportedVersions::of_this_program(), kind, sealed)
}

/// The same for a program that speaks other versions.
pub fn open_as<'a, T: Deserialize<'a>>(
    supported_versions: SupportedVersions,
    kind: Kind,
    sealed: &'a [u8],
) -> Result<T, Error> {
    let damaged = |damage| Error::Damaged { wanted: kind, damage };
    let (found, version, body) = parts(sealed).map_err(damaged)?;
    check(kind, found, version, supported_versions)?;
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => {
            let surplus = format!("{} bytes too many", rest.len());
            Err(damaged(Damage::Undecodable(surplus)))
        }
        Err(error) => Err(damaged(Damage::Undecodable(error.to_string()))),
    }
}

/// The envelope at the beginning of `bytes`, as long as it says that it is, and what follows it; none
/// if not all of it is there. Opening it shows whether it is sound.
pub fn split_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    if bytes.len() < SHORTEST {
        return None;
    }
    let (length, begin) = read_length(bytes)?;
    bytes.split_at_checked(begin.checked_add(length)?)
}

/// How long the envelope says that it is which begins like this; none if that is not all here. At most eleven
/// bytes are needed.
pub fn announced_length(beginning: &[u8]) -> Option<usize> {
    let (length, begin) = read_length(beginning)?;
    begin.checked_add(length)
}

/// The kind and version of an envelope, read from its first bytes only; none if this program does
/// not know them.
pub fn peek(sealed: &[u8]) -> Option<(Kind, Version)> {
    let [kind, version, ..] = *sealed else { return None };
    Some((Kind::of(kind)?, Version::new(version)))
}

fn check(
    wanted: Kind,
    found: u8,
    version: Version,
    supported_versions: SupportedVersions,
) -> Result<(), Error> {
    let known = Kind::of(found);
    let what = || known.map_or_else(|| format!("kind {found}"), |kind| kind.to_string());
    if known.is_none() || version > supported_versions.newest {
        return Err(Error::Newer { what: what(), found: version, supported_versions });
    }
    if version < supported_versions.oldest {
        return Err(Error::Older { what: what(), found: version, supported_versions });
    }
    match known {
        Some(found) if found != wanted => Err(Error::WrongKind { wanted, found }),
        _ => Ok(()),
    }
}

/// Kind, version and body of an intact envelope.
fn parts(sealed: &[u8]) -> Result<(u8, Version, &[u8]), Damage> {
    if sealed.len() < SHORTEST {
        return Err(Damage::TooShort);
    }
    let (length, begin) = read_length(sealed).ok_or(Damage::TooShort)?;
    let body = &sealed[begin..];
    if body.len() < length {
        return Err(Damage::TooShort);
    }
    if body.len() > length {
        return Err(Damage::TooLong);
    }
    if checksum(sealed).to_le_bytes() != sealed[CHECKSUM] {
        return Err(Damage::Checksum);
    }
    Ok((sealed[0], Version::new(sealed[1]), body))
}

/// The checksum of everything except itself.
fn checksum(sealed: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sealed[..CHECKSUM.start]);
    hasher.update(&sealed[CHECKSUM.end..]);
    hasher.finalize()
}

/// Writes the length of the body before it, where room for one byte was kept.
fn write_length(sealed: &mut Vec<u8>) {
    let end = sealed.len();
    let mut rest = u32::try_from(end - SHORTEST).expect("nothing of ours has 4 GiB");
    let mut digits = [0; 5];
    let mut count = 0;
    loop {
        let digit = u8::try_from(rest & 0x7f).expect("seven bits");
        rest >>= 7;
        digits[count] = if rest == 0 { digit } else { digit | 0x80 };
        count += 1;
        if rest == 0 {
            break;
        }
    }
    sealed.resize(end + count - 1, 0);
    sealed.copy_within(SHORTEST..end, CHECKSUM.end + count);
    sealed[CHECKSUM.end..CHECKSUM.end + count].copy_from_slice(&digits[..count]);
}

/// The length of the body, and where the body begins.
fn read_length(sealed: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (place, digit) in sealed.get(CHECKSUM.end..)?.iter().take(5).enumerate() {
        length |= u64::from(digit & 0x7f) << (7 * place);
        if digit & 0x80 == 0 {
            return Some((usize::try_from(length).ok()?, CHECKSUM.end + place + 1));
        }
    }
    None
}
