//! The key of a request, which distinguishes a retry from a new request.

use serde::{Deserialize, Serialize};

/// One running client: 16 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(pub u128);

/// Distinguishes a retry from a new request of the same account. Two accounts may use the same key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RequestKey {
    /// One of the numbered requests of a client.
    Counted {
        /// The client that makes the request.
        client: ClientId,
        /// The number of this request among those of that client, counted from 1.
        sequence: u64,
        /// The client has received the answers to all its requests below this one, and repeats none
        /// of them.
        answered_below: u64,
    },
    /// A key of the caller's own, like HTTP's `Idempotency-Key`.
    Opaque(OpaqueKey),
}

/// Bytes by which a caller identifies a request, at least one and at most [`OpaqueKey::MAX_BYTES`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<u8>", into = "Vec<u8>")]
pub struct OpaqueKey(Vec<u8>);

/// Bytes that are not a valid [`OpaqueKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a request's key has 1 to {} bytes", OpaqueKey::MAX_BYTES)]
pub struct KeyError;

impl OpaqueKey {
    /// Enough for a UUID or a hash in any notation, and small enough to keep a hundred thousand.
    pub const MAX_BYTES: usize = 64;

    /// Checks `bytes`.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, KeyError> {
        let bytes = bytes.into();
        if (1..=Self::MAX_BYTES).contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(KeyError) }
    }

    /// As the caller wrote it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<Vec<u8>> for OpaqueKey {
    type Error = KeyError;

    fn try_from(bytes: Vec<u8>) -> Result<Self, KeyError> {
        Self::new(bytes)
    }
}

impl From<OpaqueKey> for Vec<u8> {
    fn from(key: OpaqueKey) -> Self {
        key.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_the_callers_own_is_bounded() {
        for (length, valid) in [(0, false), (1, true), (64, true), (65, false)] {
            assert_eq!(OpaqueKey::new(vec![7; length]).is_ok(), valid, "{length} bytes");
        }
    }
}
