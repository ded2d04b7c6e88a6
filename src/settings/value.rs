//! How a setting's text becomes a value, and a description of what is allowed.
//!
//! Pure: it does not access a path or resolve a host.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tracing_subscriber::EnvFilter;

use super::secret;
use crate::domain::UserName;

/// A shorter secret could be guessed.
pub(super) const SECRET_MIN_CHARS: usize = 16;
/// What the address of a network begins with whose connections are encrypted.
pub(super) const HTTPS: &str = "https://";
/// Names appear in tables and log lines.
const NAME_MAX_CHARS: usize = 32;

/// What a setting may hold.
#[derive(Clone, Copy, Debug)]
pub enum ValueKind {
    /// An IP address and a port.
    Address,
    /// A host and a port.
    HostPort,
    /// A host and a port, or the address of a network whose connections are encrypted.
    Network,
    /// A host.
    Host,
    /// The name of a host that anybody can look up.
    Domain,
    /// The address of a page that is fetched over encrypted connections.
    Https,
    /// A scheme, a host and perhaps a port, as pages have them in common.
    Origin,
    /// IP addresses with commas between them.
    Addresses,
    /// An address of mail.
    Email,
    /// A path.
    Path,
    /// The name of a master.
    Name,
    /// The name of a user.
    User,
    /// A secret.
    Secret,
    /// A length of time.
    Duration {
        /// The shortest allowed.
        min: Duration,
        /// The longest allowed.
        max: Duration,
    },
    /// A whole number.
    Count {
        /// The smallest allowed.
        min: u32,
        /// The largest allowed.
        max: u32,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A filter of log lines.
    LogFilter,
}

impl ValueKind {
    /// A duration between two numbers of milliseconds.
    pub(super) const fn duration_ms(min: u64, max: u64) -> Self {
        Self::Duration { min: Duration::from_millis(min), max: Duration::from_millis(max) }
    }

    /// The placeholder of the value in `--help`.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Address => "IP:PORT",
            Self::HostPort => "HOST:PORT",
            Self::Network => "HOST:PORT,…|URL",
            Self::Host => "HOST",
            Self::Domain => "DOMAIN",
            Self::Https | Self::Origin => "URL",
            Self::Addresses => "IP,IP",
            Self::Email => "EMAIL",
            Self::Path => "PATH",
            Self::Name => "NAME",
            Self::User => "USER",
            Self::Secret => "SECRET",
            Self::Duration { .. } => "DURATION",
            Self::Count { .. } => "NUMBER",
            Self::Choice(_) => "WORD",
            Self::LogFilter => "FILTER",
        }
    }

    /// An allowed text in the form in which it is used: an IPv6 address given as a host gets
    /// brackets, as it needs before a port.
    pub fn normal(self, text: &str) -> String {
        match self {
            Self::Host if text.parse::<Ipv6Addr>().is_ok() => format!("[{text}]"),
            _ => text.to_owned(),
        }
    }

    /// Whether `text` is allowed.
    pub fn allows(self, text: &str) -> bool {
        self.check(text).is_ok()
    }

    /// The same. (The error carries nothing: the description of what is allowed
    /// suffices.)
    pub(super) fn check(self, text: &str) -> Result<(), NotAllowed> {
        match self {
            Self::Address => text.parse::<SocketAddr>().is_ok(),
            Self::HostPort => is_host_and_port(text),
            Self::Network => match text.strip_prefix(HTTPS) {
                None => text.split(',').all(|entry| is_host_and_port(entry.trim())),
                Some(rest) => {
                    let rest = rest.strip_suffix('/').unwrap_or(rest);
                    is_host_and_port(rest) || is_host_before_a_port(rest)
                }
            },
            Self::Host => is_host(text),
            Self::Domain => is_domain(text),
            Self::Https => is_https(text),
            Self::Origin => is_origin(text),
            Self::Addresses => addresses(text).is_some(),
            Self::Email => is_email(text),
            Self::Path => !text.is_empty(),
            Self::Name => is_name(text),
            Self::User => UserName::new(text).is_ok(),
            Self::Secret => {
                secret::lines(text).next().is_some() && secret::lines(text).all(is_secret)
            }
            Self::Duration { min, max } => {
                humantime::parse_duration(text).is_ok_and(|value| (min..=max).contains(&value))
            }
            Self::Count { min, max } => {
                text.parse::<u32>().is_ok_and(|value| (min..=max).contains(&value))
            }
            Self::Choice(words) => words.contains(&text),
            Self::LogFilter => EnvFilter::try_new(text).is_ok(),
        }
        .then_some(())
        .ok_or(NotAllowed)
    }
}

/// A description of a text that should be a secret, or several, without revealing any.
pub(super) fn without_secret(text: &str) -> String {
    let mut lines = secret::lines(text).enumerate();
    let Some((number, line)) = lines.find(|(_, line)| !is_secret(line)) else {
        return "nothing".to_owned();
    };
    let length = line.chars().count();
    let where_ = if secret::lines(text).count() > 1 {
        format!(" as the secret number {}", number + 1)
    } else {
        String::new()
    };
    match line.chars().find(|c| !matches!(c, ' '..='~')) {
        Some(c) if c.is_ascii_control() => format!(
            "a text of {length} characters{where_}, with the control character U+{:04X}",
            c as u32
        ),
        Some(_) => format!("a text of {length} characters{where_}, some of them not ASCII"),
        None => format!("a text of {length} characters{where_}"),
    }
}

/// Whether one line may be a secret: it is sent in an HTTP header.
fn is_secret(line: &str) -> bool {
    line.len() >= SECRET_MIN_CHARS && line.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// A text that is not allowed for a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAllowed;

impl fmt::Display for ValueKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => {
                formatter.write_str("an IP address and a port, such as 0.0.0.0:3010 or [::]:3010")
            }
            Self::HostPort => formatter.write_str(
                "a host and a port from 1 to 65535, such as localhost:3010 or [::1]:3010",
            ),
            Self::Network => formatter.write_str(
                "a host and a port, such as localhost:3010 or [::1]:3010, or several with commas between \
                 them, or, for encrypted connections, https:// and a name, such as https://sns.example.net or \
                 https://sns.example.net:3010",
            ),
            Self::Host => formatter.write_str("a host name or an IP address, without a port"),
            Self::Domain => formatter.write_str(
                "a domain, such as sns.example.net, without a port; one with other letters than a-z in \
                 its form that begins with xn--",
            ),
            Self::Https => formatter
                .write_str("https://, a host and a path, such as https://ca.example.net/directory"),
            Self::Origin => formatter.write_str(
                "http:// or https://, a host and perhaps a port, such as https://sns.example.net",
            ),
            Self::Addresses => formatter
                .write_str("IP addresses with commas between them, such as 10.0.0.7,fd00::7"),
            Self::Email => formatter.write_str("an address of mail, such as admin@example.net"),
            Self::Path => formatter.write_str("a path"),
            Self::Name => write!(
                formatter,
                "1 to {NAME_MAX_CHARS} of the letters A-Z and a-z, digits, '_', '.' and '-'"
            ),
            Self::User => write!(
                formatter,
                "1 to {} of the letters A-Z and a-z, digits, '_', '.' and '-', starting with a \
                 letter or digit",
                UserName::MAX_CHARS
            ),
            Self::Secret => write!(
                formatter,
                "at least {SECRET_MIN_CHARS} characters on one line: letters, digits, spaces and \
                 marks of ASCII; others that are accepted, too, may follow on lines of their own"
            ),
            Self::Duration { min, max } => write!(
                formatter,
                "a duration with its unit, such as 25s or 500ms, from {} to {}",
                humantime::format_duration(*min),
                humantime::format_duration(*max)
            ),
            Self::Count { min, max } => write!(formatter, "a whole number from {min} to {max}"),
            Self::Choice(words) => formatter.write_str(&words.join(" or ")),
            Self::LogFilter => formatter.write_str(
                "a level (error, warn, info, debug, trace) or a list such as info,openraft=off",
            ),
        }
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=NAME_MAX_CHARS).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_host(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if bare.is_some() || text.contains(':') {
        return bare.unwrap_or(text).parse::<Ipv6Addr>().is_ok();
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !text.is_empty() && text.bytes().all(allowed)
}

/// Whether anybody may look it up: letters, digits and hyphens in at least two labels, the last of which
/// is no number (RFC 1123, section 2.1).
fn is_domain(text: &str) -> bool {
    const LONGEST: usize = 253;
    const LONGEST_LABEL: usize = 63;
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= LONGEST
        && text.split('.').all(is_label)
        && text.rsplit_once('.').is_some_and(|(_, last)| last.parse::<u64>().is_err())
}

fn is_https(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(HTTPS) else { return false };
    let host = rest.split_once('/').map_or(rest, |(host, _path)| host);
    (is_host_and_port(host) || is_host_before_a_port(host))
        && rest.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_origin(text: &str) -> bool {
    let host = [HTTPS, "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    host.is_some_and(|host| {
        (is_host_and_port(host) || is_host_before_a_port(host))
            && host.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

/// The addresses in a text; none if it is something else.
pub(super) fn addresses(text: &str) -> Option<Vec<IpAddr>> {
    text.split(',').map(|address| address.trim().parse().ok()).collect()
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(who, at)| !who.is_empty() && is_host(at))
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b',' | b'?'))
}

/// Whether a port may follow `text`, since it is a host that has brackets if it needs some.
fn is_host_before_a_port(text: &str) -> bool {
    (text.starts_with('[') || !text.contains(':')) && is_host(text)
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        is_host_before_a_port(host) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

/// An allowed address of a network: host:port, and its name if connections to it are encrypted.
pub(super) fn network(text: &str) -> (String, Option<String>) {
    /// Where such connections go if no port is named.
    const HTTPS_PORT: u16 = 443;
    let Some(rest) = text.strip_prefix(HTTPS) else { return (text.to_owned(), None) };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if is_host_before_a_port(rest) {
        return (format!("{rest}:{HTTPS_PORT}"), Some(rest.to_owned()));
    }
    let name = rest.rsplit_once(':').map_or(rest, |(name, _)| name);
    (rest.to_owned(), Some(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_host_may_be_written_without_brackets_and_has_them_in_the_end() {
        for (text, normal) in
            [("::1", "[::1]"), ("[::1]", "[::1]"), ("10.0.0.1", "10.0.0.1"), ("host", "host")]
        {
            assert_eq!(ValueKind::Host.check(text), Ok(()));
            assert_eq!(ValueKind::Host.normal(text), normal);
        }
    }

    #[test]
    fn the_address_of_a_network_says_whether_connections_to_it_are_encrypted() {
        for (text, address, name) in [
            ("localhost:3010", "localhost:3010", None),
            ("https://sns.example.net", "sns.example.net:443", Some("sns.example.net")),
            ("https://sns.example.net:3010/", "sns.example.net:3010", Some("sns.example.net")),
            ("https://[::1]", "[::1]:443", Some("[::1]")),
        ] {
            assert_eq!(network(text), (address.to_owned(), name.map(str::to_owned)));
        }
    }

    #[test]
    fn a_bad_secret_is_described_without_a_word_of_it() {
        for (secret, told) in [
            ("short", "a text of 5 characters"),
            ("hunter2\u{7}hunter2hunter2", "with the control character U+0007"),
            ("pa\u{df}wortpa\u{df}wortpa\u{df}wort", "some of them not ASCII"),
        ] {
            let description = without_secret(secret);
            assert!(description.contains(told), "{description}");
            assert!(!description.contains("hunter") && !description.contains("wort"));
        }
    }

    #[test]
    fn each_kind_takes_what_it_says_and_nothing_else() {
        let heartbeat = ValueKind::duration_ms(20, 10_000);
        let count = ValueKind::Count { min: 1, max: 10 };
        let table: &[(ValueKind, &[&str], &[&str])] = &[
            (
                ValueKind::Address,
                &["0.0.0.0:0", "[::]:3010"],
                &["", "localhost:1", "1.2.3.4", ":1"],
            ),
            (
                ValueKind::HostPort,
                &["localhost:3010", "[::1]:1", "a.b-c_d:65535"],
                &["localhost", "localhost:0", "localhost:65536", ":3010", "a b:1", "::1:3010"],
            ),
            (
                ValueKind::Network,
                &[
                    "localhost:3010",
                    "a:3010,b:3010, [::1]:3010",
                    "https://sns.example.net",
                    "https://a:3010/",
                    "https://[::1]:3010",
                ],
                &[
                    "localhost",
                    "a:3010,",
                    "a:3010,b",
                    "http://a:3010",
                    "https://",
                    "https://a/b",
                    "https://a:0",
                    "https://::1",
                ],
            ),
            (
                ValueKind::Host,
                &["router", "10.0.0.1", "[::1]", "::1", "2001:db8::7"],
                &[
                    "",
                    "router:3010",
                    "[::1",
                    "::1]",
                    "[router]",
                    "[::1]:3010",
                    "fe80::1%eth0",
                    "a/b",
                ],
            ),
            (ValueKind::Path, &["/x", "y"], &[""]),
            (ValueKind::Name, &["server-1"], &["", "a b", "ä", &"x".repeat(33)]),
            (ValueKind::User, &["u1"], &["", "-u", "../escape"]),
            (
                ValueKind::Secret,
                &[
                    "0123456789abcdef",
                    "!with a blank in it~\n",
                    "0123456789abcdef\n\nfedcba9876543210\n",
                ],
                &[
                    "0123456789abcde",
                    " 123456789abcdef ",
                    "0123456789\nabcdef",
                    "0123456789\tabcdef",
                    "0123456789abcdef\ntoo short",
                    "0123456789abcdef\u{7f}",
                    "0123456789abcdef\u{fc}",
                    "\u{feff}0123456789abcdef",
                ],
            ),
            (heartbeat, &["20ms", "1s", "10s"], &["19ms", "11s", "100", "-1s", "soon"]),
            (count, &["1", "10"], &["0", "11", "-1", "1.5", "ten"]),
            (ValueKind::Choice(&["text", "json"]), &["text", "json"], &["", "Text", "xml"]),
            (ValueKind::LogFilter, &["info", "info,openraft=off"], &["a=b=c", "info,x=loud"]),
        ];
        check_all(table);
    }

    #[test]
    fn so_does_each_kind_of_what_others_look_up() {
        check_all(&[
            (
                ValueKind::Domain,
                &["sns.example.net", "xn--bcher-kva.example", "1.a.b"],
                &[
                    "",
                    "localhost",
                    "10.0.0.1",
                    "a..b",
                    "-a.b",
                    "A.b",
                    "a.b:80",
                    "*.a.b",
                    "a_b.c",
                    "a.b.",
                ],
            ),
            (
                ValueKind::Https,
                &["https://ca.example/directory", "https://[::1]:14000/dir", "https://a"],
                &["", "http://a/b", "https://", "https:///b", "https://a b/c", "https://a@b/c"],
            ),
            (
                ValueKind::Origin,
                &["https://sns.example.net", "http://10.0.0.1:8080", "https://[::1]:3010"],
                &["", "sns.example.net", "https://", "https://a/", "https://a/b", "https://b@a"],
            ),
            (
                ValueKind::Addresses,
                &["10.0.0.7", "::1", "10.0.0.7,fd00::7", "10.0.0.7, 10.0.0.8"],
                &["", "10.0.0.7,", "proxy", "10.0.0.0/8", "10.0.0.7 10.0.0.8"],
            ),
            (
                ValueKind::Email,
                &["admin@example.net"],
                &["", "admin", "@a", "a@", "a@b c", "a,b@c"],
            ),
        ]);
    }

    /// Each kind with texts that it takes, and with others.
    fn check_all(table: &[(ValueKind, &[&str], &[&str])]) {
        for (kind, good, bad) in table {
            for text in *good {
                assert_eq!(kind.check(text), Ok(()), "{text:?} is {kind}");
            }
            for text in *bad {
                assert_eq!(kind.check(text), Err(NotAllowed), "{text:?} is not {kind}");
            }
        }
    }
}
