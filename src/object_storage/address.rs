//! Which object of which bucket: `s3://bucket/key`. Pure.

use std::fmt;

/// What an address begins with.
pub const SCHEME: &str = "s3://";
/// So long may a key be, in bytes: the store's own limit.
const LONGEST_KEY: usize = 1024;

/// An object, or what the keys of several begin with, as a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    bucket: String,
    /// Words between slashes, or nothing.
    key: String,
}

/// A text that is no address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{0} is no address of an object: that is {SCHEME}bucket/key, where both consist of letters, digits and -_.=, and \
     the key of such words between slashes"
)]
pub struct NoAddress(String);

impl Address {
    /// Reads `s3://bucket/key`.
    pub fn parse(text: &str) -> Result<Self, NoAddress> {
        let no_address = || NoAddress(text.to_owned());
        let rest = text.strip_prefix(SCHEME).ok_or_else(no_address)?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let key = key.strip_suffix('/').unwrap_or(key);
        let is_key = key.is_empty() || key.split('/').all(is_word);
        if !is_word(bucket) || !is_key || key.len() > LONGEST_KEY {
            return Err(no_address());
        }
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The object in its bucket; empty if the bucket itself is named.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What is called `name` in this folder.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let key =
            if self.key.is_empty() { name.to_owned() } else { format!("{}/{name}", self.key) };
        Self { bucket: self.bucket.clone(), key }
    }
}

fn is_word(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.=".contains(c);
    !["", ".", ".."].contains(&text) && text.chars().all(is_allowed)
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, key } = self;
        let slash = if key.is_empty() { "" } else { "/" };
        write!(formatter, "{SCHEME}{bucket}{slash}{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_bucket_and_what_is_in_it() {
        for (text, bucket, key, shown) in [
            ("s3://kept/a.backup", "kept", "a.backup", "s3://kept/a.backup"),
            ("s3://kept/of/ours/a", "kept", "of/ours/a", "s3://kept/of/ours/a"),
            ("s3://kept/of/", "kept", "of", "s3://kept/of"),
            ("s3://kept/", "kept", "", "s3://kept"),
            ("s3://kept", "kept", "", "s3://kept"),
        ] {
            let address = Address::parse(text).expect("an address");
            assert_eq!((address.bucket(), address.key()), (bucket, key));
            assert_eq!(address.to_string(), shown);
        }
        let long = format!("s3://kept/{}", "a".repeat(LONGEST_KEY + 1));
        for text in [
            "kept/a",
            "s3:/kept/a",
            "s3://",
            "s3:///a",
            "s3://kept//a",
            "s3://kept/../a",
            "s3://kept/a b",
            "s3://./a",
            "s3://kept/a?b",
            "s3://us:er@kept/a",
            &long,
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
        let folder = Address::parse("s3://kept").expect("an address");
        assert_eq!(folder.child("a").child("b").to_string(), "s3://kept/a/b");
    }
}
