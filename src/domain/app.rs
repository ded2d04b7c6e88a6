//! Apps that act for people: what one says of itself, and where it is told what people let it do.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Scopes, UnixMillis};

/// The out-of-band address: a code is shown to people, who carry it to the app themselves.
pub const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";

/// An app as it has registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// How it is called.
    pub name: AppName,
    /// Its page.
    pub website: Option<Website>,
    /// Where people may be sent back to.
    pub redirect_uris: RedirectUris,
    /// The most that it may ask people for.
    pub scopes: Scopes,
    /// When it has registered.
    pub registered_at: UnixMillis,
}

/// Tells one app from another: the hash of its client id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppId([u8; 32]);

impl AppId {
    /// Of the app with this client id.
    pub fn of(client_id: &str) -> Self {
        Self(Sha256::digest(client_id).into())
    }
}

/// The hash of a redirect URI, by which a grant knows it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectId([u8; 32]);

impl RedirectId {
    /// Of this one.
    pub fn of(redirect_uri: &str) -> Self {
        Self(Sha256::digest(redirect_uri).into())
    }
}

/// What an app is called, for people who are asked whether it may act for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AppName(String);

/// Its page: an address of the web, so that it can be a link wherever it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Website(String);

/// Where people may be sent back to. Compared byte by byte, never decoded or normalised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct RedirectUris(Vec<String>);

/// What an app says of itself is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    /// It has no name, or a long one.
    #[error("an app has a name of 1 to {} characters", AppName::MAX_CHARS)]
    Name,
    /// It is no address of the web.
    #[error(
        "the website of an app is an http or https address of at most {} bytes",
        Website::MAX_BYTES
    )]
    Website,
    /// There are none, or too many.
    #[error(
        "an app has 1 to {} redirect URIs of at most {} bytes, {} in all",
        RedirectUris::MOST,
        RedirectUris::MAX_BYTES,
        RedirectUris::MAX_BYTES_IN_ALL
    )]
    RedirectUris,
    /// One could not be gone to, or would be a program.
    #[error(
        "a redirect URI is absolute, without spaces, control characters or a fragment; javascript, data and vbscript are refused"
    )]
    RedirectUri,
}

impl AppName {
    /// The most characters of one.
    pub const MAX_CHARS: usize = 60;

    /// A name on one line, without what cannot be seen.
    pub fn new(text: &str) -> Result<Self, AppError> {
        let visible: String =
            text.chars().filter(|c| c.is_whitespace() || !is_hidden(*c)).collect();
        let name = visible.split_whitespace().collect::<Vec<_>>().join(" ");
        let fits = (1..=Self::MAX_CHARS).contains(&name.chars().count());
        if fits { Ok(Self(name)) } else { Err(AppError::Name) }
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What joins, separates, fills, or changes the direction of writing: a name that has it may look like another.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e007f}')
}

impl Website {
    /// The most bytes of one.
    pub const MAX_BYTES: usize = 500;

    /// An address of the web.
    pub fn new(text: &str) -> Result<Self, AppError> {
        let text = text.trim();
        let rest = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let is_taken = text.len() <= Self::MAX_BYTES
            && rest.is_some_and(|rest| !rest.is_empty())
            && !text.chars().any(|c| c.is_whitespace() || is_hidden(c));
        if is_taken { Ok(Self(text.to_owned())) } else { Err(AppError::Website) }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RedirectUris {
    /// So many an app has at most.
    pub const MOST: usize = 5;
    /// The most bytes of one.
    pub const MAX_BYTES: usize = 1_000;
    /// The most bytes of all together: they are in every client id.
    pub const MAX_BYTES_IN_ALL: usize = 2_000;

    /// At least one, each as the app writes it.
    pub fn new(uris: Vec<String>) -> Result<Self, AppError> {
        let bytes: usize = uris.iter().map(String::len).sum();
        let is_long = uris.iter().any(|uri| uri.len() > Self::MAX_BYTES);
        if !(1..=Self::MOST).contains(&uris.len()) || is_long || bytes > Self::MAX_BYTES_IN_ALL {
            return Err(AppError::RedirectUris);
        }
        if uris.iter().all(|uri| is_redirect_uri(uri)) {
            Ok(Self(uris))
        } else {
            Err(AppError::RedirectUri)
        }
    }

    /// Whether one is among them.
    pub fn contains(&self, uri: &str) -> bool {
        self.0.iter().any(|known| known == uri)
    }

    /// As they were written.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// An absolute URI that is no program. Others than ASCII characters are written with percent signs there.
fn is_redirect_uri(uri: &str) -> bool {
    const PROGRAMS: [&str; 3] = ["javascript", "data", "vbscript"];
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme
        && !rest.is_empty()
        && !PROGRAMS.iter().any(|program| scheme.eq_ignore_ascii_case(program))
        && uri.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

/// Whether `verifier` is what the challenge of a grant was made of (RFC 7636, S256).
pub fn meets_challenge(challenge: &[u8; 32], verifier: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_verifier = (43..=128).contains(&verifier.len()) && verifier.bytes().all(is_allowed);
    let hash: [u8; 32] = Sha256::digest(verifier).into();
    is_verifier && hash == *challenge
}

impl TryFrom<String> for AppName {
    type Error = AppError;

    fn try_from(text: String) -> Result<Self, AppError> {
        Self::new(&text)
    }
}

impl From<AppName> for String {
    fn from(name: AppName) -> Self {
        name.0
    }
}

impl TryFrom<String> for Website {
    type Error = AppError;

    fn try_from(text: String) -> Result<Self, AppError> {
        Self::new(&text)
    }
}

impl From<Website> for String {
    fn from(website: Website) -> Self {
        website.0
    }
}

impl TryFrom<Vec<String>> for RedirectUris {
    type Error = AppError;

    fn try_from(uris: Vec<String>) -> Result<Self, AppError> {
        Self::new(uris)
    }
}

impl From<RedirectUris> for Vec<String> {
    fn from(uris: RedirectUris) -> Self {
        uris.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_uris_are_whatever_apps_use_and_no_programs() {
        for taken in [
            OUT_OF_BAND,
            "https://elk.zone/api/sns.example/oauth/https%3A%2F%2Felk.zone",
            "http://127.0.0.1:8080/callback?a=b",
            "icecubesapp://",
            "oauth2redirect://com.keylesspalace.tusky/",
            "com.example.app:/callback",
            "x-a.b+c:d",
        ] {
            assert!(is_redirect_uri(taken), "{taken}");
        }
        for refused in [
            "",
            "callback",
            "/callback",
            "//host/callback",
            "https:",
            "://host",
            "1app://",
            "javascript:alert(1)",
            "JavaScript://x%0aalert(1)",
            "data:text/html,hello",
            "VBScript:x",
            "https://host/a b",
            "https://host/#fragment",
            "https://host/\r\nLocation: x",
            "https://h\u{f6}st/",
            " https://host/",
            "java\tscript:x",
        ] {
            assert!(!is_redirect_uri(refused), "{refused:?}");
        }
    }

    #[test]
    fn there_are_so_many_redirect_uris_and_no_longer_ones() {
        let long = |bytes: usize| format!("app://{}", "a".repeat(bytes - 6));
        let of = |uris: &[String]| RedirectUris::new(uris.to_vec()).map(|_| ());
        assert_eq!(of(&[long(1_000), long(1_000)]), Ok(()));
        assert_eq!(of(&[long(1_001)]), Err(AppError::RedirectUris));
        assert_eq!(of(&[long(1_000), long(994), long(7)]), Err(AppError::RedirectUris));
        assert_eq!(of(&[]), Err(AppError::RedirectUris));
        let some = |count: usize| vec!["app://".to_owned(); count];
        assert_eq!(of(&some(5)), Ok(()));
        assert_eq!(of(&some(6)), Err(AppError::RedirectUris));
        assert_eq!(of(&["no".to_owned()]), Err(AppError::RedirectUri));
        let uris = RedirectUris::new(vec!["https://h/a".to_owned()]).expect("taken");
        for other in ["https://h/a/", "https://H/a", "https://h/%61", "https://h/a?", ""] {
            assert!(!uris.contains(other), "{other}");
        }
        assert!(uris.contains("https://h/a"));
    }

    #[test]
    fn names_are_on_one_line_and_can_be_seen() {
        let name = |text: &str| AppName::new(text).map(String::from);
        assert_eq!(name(" Tusky\n  for\u{202e} me\u{200b} "), Ok("Tusky for me".to_owned()));
        assert_eq!(name("\u{1b}[31mred"), Ok("[31mred".to_owned()));
        assert_eq!(name(&"\u{f6}".repeat(60)), Ok("\u{f6}".repeat(60)));
        for none in ["", " \n", "\u{200b}\u{3164}", &"x".repeat(61)] {
            assert_eq!(name(none), Err(AppError::Name), "{none:?}");
        }
    }

    #[test]
    fn websites_can_be_links() {
        let website = |text: &str| Website::new(text).map(String::from);
        assert_eq!(website(" https://app.example/ "), Ok("https://app.example/".to_owned()));
        assert!(website(&format!("http://{}", "a".repeat(493))).is_ok());
        let long = format!("http://{}", "a".repeat(494));
        for refused in ["javascript:alert(1)", "app.example", "https://", "https://a b", &long, ""]
        {
            assert_eq!(website(refused), Err(AppError::Website), "{refused:?}");
        }
    }

    #[test]
    fn a_challenge_is_met_by_what_it_was_made_of() {
        // The example of RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = [
            19, 211, 30, 150, 26, 26, 216, 236, 47, 22, 177, 12, 76, 152, 46, 8, 118, 168, 120,
            173, 109, 241, 68, 86, 110, 225, 137, 74, 203, 112, 249, 195,
        ];
        assert!(meets_challenge(&challenge, verifier));
        assert!(!meets_challenge(&challenge, &verifier.replace('d', "e")));
        assert!(!meets_challenge(&challenge, ""));
        for (verifier, is_one) in [
            ("a".repeat(42), false),
            ("a".repeat(43), true),
            ("a".repeat(128), true),
            ("a".repeat(129), false),
            (format!("{} ", "a".repeat(43)), false),
        ] {
            let challenge = Sha256::digest(&verifier).into();
            assert_eq!(meets_challenge(&challenge, &verifier), is_one, "{verifier:?}");
        }
    }
}
