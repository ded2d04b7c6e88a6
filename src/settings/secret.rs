//! The cluster's shared secret.

use std::fmt;

use subtle::ConstantTimeEq as _;

/// Known only to the nodes of one cluster. Never printed; compared in constant time.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes the secret as it was configured, without surrounding white space.
    pub fn new(secret: &str) -> Self {
        Self(secret.trim().to_owned())
    }

    /// In the form in which nodes send it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is this secret, in a time that does not depend on where they differ.
    pub fn matches(&self, candidate: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(candidate).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}
