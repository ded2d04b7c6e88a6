//! The cluster's shared secret.

use std::fmt;

use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

/// Known only to the nodes of one cluster. Never printed, compared in constant time, and wiped from
/// memory when it is dropped. While a secret is replaced there are several.
#[derive(Clone)]
pub struct Secret {
    own: Zeroizing<String>,
    others: Vec<Zeroizing<String>>,
}

impl Secret {
    /// Takes the secret as it was configured, without surrounding white space: on the first line that
    /// which is presented, and below it others that are accepted, too.
    pub fn new(text: &str) -> Self {
        let mut lines = lines(text).map(|line| Zeroizing::new(line.to_owned()));
        Self { own: lines.next().unwrap_or_default(), others: lines.collect() }
    }

    /// In the form in which nodes send it.
    pub fn expose(&self) -> &str {
        &self.own
    }

    /// Every secret that is accepted, beginning with that which is presented.
    pub fn accepted(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&self.own).chain(&self.others).map(|secret| secret.as_bytes())
    }

    /// Whether `candidate` is accepted, in a time that does not depend on where they differ.
    pub fn matches(&self, candidate: &[u8]) -> bool {
        let equal = self.accepted().map(|secret| secret.ct_eq(candidate));
        equal.fold(Choice::from(0), |any, one| any | one).into()
    }
}

/// The secrets in a text: one on each line that is not blank.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_presented_and_all_are_accepted() {
        let secret = Secret::new("  the new secret \n\nthe old secret\n");
        assert_eq!(secret.expose(), "the new secret");
        for (candidate, accepted) in
            [("the new secret", true), ("the old secret", true), ("", false), ("the", false)]
        {
            assert_eq!(secret.matches(candidate.as_bytes()), accepted, "{candidate:?}");
        }
    }
}
