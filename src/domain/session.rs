//! What there is to say of sessions.

use serde::{Deserialize, Serialize};

/// Tells one login from another: one that is repeated begins no second session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LoginId(pub u128);

/// What a client calls itself, for those who look through their sessions: nobody can rely on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ClientName(String);

impl ClientName {
    /// The most characters of one.
    pub const MAX_CHARS: usize = 64;

    /// As much of `text` as is harmless: on one line, and short.
    pub fn new(text: &str) -> Self {
        let harmless = text.chars().filter(|c| !c.is_control()).take(Self::MAX_CHARS);
        Self(harmless.collect::<String>().trim_matches(' ').to_owned())
    }

    /// As it is shown. Empty if the client has not said.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ClientName {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<ClientName> for String {
    fn from(name: ClientName) -> Self {
        name.0
    }
}

/// Which of an account's sessions are to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndedSessions {
    /// The one with this number.
    One(u64),
    /// The one that asks for it.
    Own,
    /// All but the one that asks for it.
    Others,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_client_calls_itself_only_what_is_harmless_is_kept() {
        let long = "x".repeat(1_000);
        for (said, kept) in [
            ("", ""),
            (" tinysns on host ", "tinysns on host"),
            ("a\u{1b}[2J\nb\r", "a[2Jb"),
            ("größe 👋", "größe 👋"),
            (&long, &long[..ClientName::MAX_CHARS]),
        ] {
            let name = ClientName::new(said);
            assert_eq!(name.as_str(), kept);
            assert_eq!(ClientName::new(name.as_str()), name, "once is enough");
        }
    }
}
