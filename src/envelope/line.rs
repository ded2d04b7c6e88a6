//! The envelope of a file that people may read: one line of words, the last of which is the
//! checksum of the others.
//!
//! ```text
//! tinysns cluster-id 1 0123456789abcdef0123456789abcdef 5a3c0f11
//! ```

use super::{Damage, Error, Kind, SupportedVersions, Version, check};

const OURS: &str = "tinysns";

/// Seals `text`, a single word, in the first version of the format. Ends with a line feed.
pub fn seal(kind: Kind, text: &str) -> String {
    seal_in(Version::FIRST, kind, text)
}

/// The same in whatever version.
pub fn seal_in(version: Version, kind: Kind, text: &str) -> String {
    let words = format!("{OURS} {} {version} {text}", slug(kind));
    let checksum = crc32fast::hash(words.as_bytes());
    format!("{words} {checksum:08x}\n")
}

/// Opens a line that [`seal`] made.
pub fn open(kind: Kind, line: &str) -> Result<&str, Error> {
    let damaged = |damage| Error::Damaged { wanted: kind, damage };
    let line = line.strip_suffix('\n').ok_or(damaged(Damage::TooShort))?;
    if !line.starts_with(OURS) {
        return Err(damaged(Damage::NoEnvelope));
    }
    let (words, checksum) = line.rsplit_once(' ').ok_or(damaged(Damage::TooShort))?;
    if format!("{:08x}", crc32fast::hash(words.as_bytes())) != checksum {
        return Err(damaged(Damage::Checksum));
    }
    let mut words = words.split(' ');
    let (Some(OURS), Some(found), Some(version), Some(text), None) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return Err(damaged(Damage::Undecodable("it has the wrong number of words".to_owned())));
    };
    let version = version.parse().map(Version::new);
    let version =
        version.map_err(|error| damaged(Damage::Undecodable(format!("version: {error}"))))?;
    let found = Kind::ALL.iter().find(|kind| slug(**kind) == found);
    check(
        kind,
        found.map_or(0, |kind| kind.byte()),
        version,
        SupportedVersions::of_this_program(),
    )?;
    Ok(text)
}

fn slug(kind: Kind) -> String {
    kind.name().replace(' ', "-")
}
