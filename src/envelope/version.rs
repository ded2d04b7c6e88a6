//! Versions of the format: one number for all kinds, so that a cluster can agree on one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A version of the format. A kind keeps the version in which its layout last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version(u8);

impl Version {
    /// The first.
    pub const FIRST: Self = Self(1);

    /// The version with this number.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its number, as a byte.
    pub const fn byte(self) -> u8 {
        self.0
    }
}

/// The version in which a cluster writes before it has agreed on any.
impl Default for Version {
    fn default() -> Self {
        Self::FIRST
    }
}

impl From<Version> for u32 {
    fn from(version: Version) -> Self {
        version.0.into()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The versions that a program reads and, once all agree, writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupportedVersions {
    /// The oldest.
    pub oldest: Version,
    /// The newest; not before `oldest`.
    pub newest: Version,
}

impl SupportedVersions {
    /// Those of this program. Anyone who changes a layout or adds a kind of command increases
    /// `newest`.
    pub const BUILD: Self = Self { oldest: Version::FIRST, newest: Version::FIRST };

    /// Those of the program that runs: [`BUILD`](Self::BUILD), or of a simulated next one.
    pub fn of_this_program() -> Self {
        #[cfg(feature = "laboratory")]
        if simulated::IS_NEXT.load(std::sync::atomic::Ordering::Relaxed) {
            return Self { newest: Version(Self::BUILD.newest.0 + 1), ..Self::BUILD };
        }
        Self::BUILD
    }

    /// From numbers that another node has sent; none if they are not valid. A node that sends zeros
    /// speaks only the first version.
    pub fn from_wire(oldest: u32, newest: u32) -> Option<Self> {
        if (oldest, newest) == (0, 0) {
            return Some(Self::default());
        }
        let [oldest, newest] = [oldest, newest].map(|n| u8::try_from(n).ok().map(Version));
        let (oldest, newest) = oldest.zip(newest)?;
        (oldest <= newest).then_some(Self { oldest, newest })
    }

    /// Why `who`, whose program speaks these, cannot be a member of a cluster that writes in
    /// `version`; none if it can.
    pub fn refusal(self, who: &str, version: Version) -> Option<String> {
        let what_to_do = if version > self.newest {
            "upgrade it"
        } else if version < self.oldest {
            "upgrade the others first, or start an older version"
        } else {
            return None;
        };
        Some(format!("the cluster writes in format {version}, {who} speaks {self}: {what_to_do}"))
    }

    /// Whether `version` is among them.
    pub fn includes(self, version: Version) -> bool {
        (self.oldest..=self.newest).contains(&version)
    }
}

/// Only the first version, which is assumed for nodes of which nothing is known.
impl Default for SupportedVersions {
    fn default() -> Self {
        Self { oldest: Version::FIRST, newest: Version::FIRST }
    }
}

impl fmt::Display for SupportedVersions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { oldest, newest } = self;
        if oldest == newest {
            write!(formatter, "format {oldest}")
        } else {
            write!(formatter, "formats {oldest} to {newest}")
        }
    }
}

#[cfg(feature = "laboratory")]
mod simulated {
    use std::sync::atomic::{AtomicBool, Ordering};

    /// The program that runs is the next version.
    pub static IS_NEXT: AtomicBool = AtomicBool::new(false);

    /// Says whether the program that runs is the next version, which writes the next format.
    pub fn simulate_next_version(is_next: bool) {
        IS_NEXT.store(is_next, Ordering::Relaxed);
    }
}
#[cfg(feature = "laboratory")]
pub use simulated::simulate_next_version;
