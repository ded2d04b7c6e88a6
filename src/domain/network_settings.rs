//! What the network is: its settings, which are part of the replicated state and not of a process.
//!
//! Each has one stable name and one form in text, which the command line, the API and the log of moderators
//! share.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// Who may join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Joining {
    /// Whoever logs in for the first time, with or without a password.
    #[default]
    Classic,
    /// Whoever chooses a password.
    Open,
    /// Whom a moderator approves.
    Approval,
    /// Who has an invitation.
    Invite,
    /// Nobody.
    Closed,
}

impl Joining {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Classic, Self::Open, Self::Approval, Self::Invite, Self::Closed];

    /// Its stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Open => "open",
            Self::Approval => "approval",
            Self::Invite => "invite",
            Self::Closed => "closed",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|joining| joining.name() == name)
    }
}

/// Something whose rate is a setting of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Rated {
    /// Making posts.
    Posts,
    /// Following people, and ceasing to.
    Follows,
    /// Liking, boosting and marking posts.
    Likes,
    /// Searching.
    Searches,
    /// Making accounts.
    SignUps,
}

/// For whom a rate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RatedBy {
    /// One account.
    Account,
    /// Everybody at one address.
    Address,
}

/// So many at once, and one more each time that so long has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateFigure {
    burst: u32,
    every_ms: u32,
}

impl RateFigure {
    /// Longer than our clients wait by themselves, so nobody is ever told to wait longer.
    const LONGEST_MS: u32 = 5_000;
    /// More is as good as no limit.
    const MOST: u32 = 1_000_000;

    /// None if a figure is out of bounds.
    pub fn new(burst: u32, every_ms: u32) -> Option<Self> {
        let fits = (1..=Self::MOST).contains(&burst) && (1..=Self::LONGEST_MS).contains(&every_ms);
        fits.then_some(Self { burst, every_ms })
    }

    /// How many at once.
    pub const fn burst(self) -> u32 {
        self.burst
    }

    /// How long until one is made up for.
    pub const fn every(self) -> Duration {
        Duration::from_millis(self.every_ms as u64)
    }

    /// As it is written: `100/1s`.
    fn read(text: &str) -> Option<Self> {
        let (burst, every) = text.split_once('/')?;
        let every = every.trim();
        let (number, unit_ms) = match every.strip_suffix("ms") {
            Some(number) => (number, 1),
            None => (every.strip_suffix('s')?, 1_000),
        };
        let every_ms = number.trim().parse::<u32>().ok()?.checked_mul(unit_ms)?;
        Self::new(burst.trim().parse().ok()?, every_ms)
    }
}

impl fmt::Display for RateFigure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.every_ms.is_multiple_of(1_000) {
            write!(formatter, "{}/{}s", self.burst, self.every_ms / 1_000)
        } else {
            write!(formatter, "{}/{}ms", self.burst, self.every_ms)
        }
    }
}

/// What the network is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSettings {
    /// How it is called; empty for nothing.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// What is expected of everybody, one sentence each.
    pub rules: Vec<String>,
    /// How those who run it are reached.
    pub contact: String,
    /// Who may join.
    pub joining: Joining,
    /// The most characters of a post; none for what the server says.
    pub post_chars: Option<u32>,
    /// Rates other than the usual.
    pub rates: Vec<(Rated, RatedBy, RateFigure)>,
}

/// A setting that is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkSetting {
    /// How the network is called.
    Title(String),
    /// What it is for.
    Description(String),
    /// What is expected of everybody.
    Rules(Vec<String>),
    /// How those who run it are reached.
    Contact(String),
    /// Who may join.
    Joining(Joining),
    /// The most characters of a post.
    PostChars(Option<u32>),
    /// A rate; none for the usual one.
    Rate(Rated, RatedBy, Option<RateFigure>),
}

/// Why a text is no value of a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkSettingError {
    /// There is none of that name.
    #[error("there is no setting {0:?}; there are: {list}", list = NetworkSettings::NAMES.join(", "))]
    Name(String),
    /// It cannot have this value.
    #[error("{name} cannot be {value:?}; allowed: {allowed}")]
    Value {
        /// Its name.
        name: &'static str,
        /// What was given.
        value: String,
        /// What may be.
        allowed: &'static str,
    },
}

const TITLE_CHARS: usize = 60;
const TEXT_CHARS: usize = 2_000;
const RULES: usize = 20;
const RULE_CHARS: usize = 300;
const CONTACT_CHARS: usize = 200;
/// As the setting of a process.
const POST_CHARS: std::ops::RangeInclusive<u32> = 1..=10_000;
/// Takes a rate or a limit back.
const DEFAULT: &str = "default";

/// The names of the rates, as they are in [`NetworkSettings::NAMES`].
const RATES: [(&str, Rated, RatedBy); 9] = [
    ("posts-per-account", Rated::Posts, RatedBy::Account),
    ("posts-per-address", Rated::Posts, RatedBy::Address),
    ("follows-per-account", Rated::Follows, RatedBy::Account),
    ("follows-per-address", Rated::Follows, RatedBy::Address),
    ("likes-per-account", Rated::Likes, RatedBy::Account),
    ("likes-per-address", Rated::Likes, RatedBy::Address),
    ("searches-per-account", Rated::Searches, RatedBy::Account),
    ("searches-per-address", Rated::Searches, RatedBy::Address),
    ("sign-ups-per-address", Rated::SignUps, RatedBy::Address),
];

impl NetworkSettings {
    /// The names of all settings, in their order.
    pub const NAMES: [&'static str; 15] = [
        "title",
        "description",
        "rules",
        "contact",
        "joining",
        "post-chars",
        "posts-per-account",
        "posts-per-address",
        "follows-per-account",
        "follows-per-address",
        "likes-per-account",
        "likes-per-address",
        "searches-per-account",
        "searches-per-address",
        "sign-ups-per-address",
    ];

    /// The settings with one of them changed.
    #[must_use]
    pub fn with(mut self, setting: NetworkSetting) -> Self {
        match setting {
            NetworkSetting::Title(title) => self.title = title,
            NetworkSetting::Description(description) => self.description = description,
            NetworkSetting::Rules(rules) => self.rules = rules,
            NetworkSetting::Contact(contact) => self.contact = contact,
            NetworkSetting::Joining(joining) => self.joining = joining,
            NetworkSetting::PostChars(most) => self.post_chars = most,
            NetworkSetting::Rate(rated, by, figure) => {
                self.rates.retain(|(other, whose, _)| (*other, *whose) != (rated, by));
                self.rates.extend(figure.map(|figure| (rated, by, figure)));
                self.rates.sort_by_key(|(rated, by, _)| (*rated, *by));
            }
        }
        self
    }

    /// A rate, if it is not the usual one.
    pub fn rate(&self, rated: Rated, by: RatedBy) -> Option<RateFigure> {
        let mut rates = self.rates.iter();
        rates.find(|(other, whose, _)| (*other, *whose) == (rated, by)).map(|(.., figure)| *figure)
    }

    /// Every setting by its name, as it is written; rules one a line.
    pub fn as_text(&self) -> Vec<(&'static str, String)> {
        let default = |text: Option<String>| text.unwrap_or_else(|| DEFAULT.to_owned());
        let mut texts = vec![
            ("title", self.title.clone()),
            ("description", self.description.clone()),
            ("rules", self.rules.join("\n")),
            ("contact", self.contact.clone()),
            ("joining", self.joining.name().to_owned()),
            ("post-chars", default(self.post_chars.map(|most| most.to_string()))),
        ];
        let rate = |(name, rated, by): (&'static str, _, _)| {
            (name, default(self.rate(rated, by).map(|figure| figure.to_string())))
        };
        texts.extend(RATES.map(rate));
        texts
    }
}

impl NetworkSetting {
    /// The setting of a name, with a value as it is written.
    pub fn read(name: &str, value: &str) -> Result<Self, NetworkSettingError> {
        let value = value.trim();
        let known = NetworkSettings::NAMES.into_iter().find(|known| *known == name);
        let name = known.ok_or_else(|| NetworkSettingError::Name(name.to_owned()))?;
        let refused =
            |allowed| NetworkSettingError::Value { name, value: value.to_owned(), allowed };
        let text = |most: usize, lines: bool, allowed| {
            let is_harmless = |c: char| !c.is_control() || (lines && c == '\n');
            let fits = value.chars().count() <= most && value.chars().all(is_harmless);
            if fits { Ok(value.to_owned()) } else { Err(refused(allowed)) }
        };
        match name {
            "title" => text(TITLE_CHARS, false, "at most 60 characters").map(Self::Title),
            "description" => {
                text(TEXT_CHARS, true, "at most 2,000 characters").map(Self::Description)
            }
            "contact" => text(CONTACT_CHARS, false, "at most 200 characters").map(Self::Contact),
            "rules" => {
                const ALLOWED: &str =
                    "at most 20 rules, one a line, of at most 300 characters each";
                let all = text(RULES * (RULE_CHARS + 1), true, ALLOWED)?;
                let rules = all.lines().map(str::trim).filter(|rule| !rule.is_empty());
                let rules: Vec<String> = rules.map(str::to_owned).collect();
                let fits = |rule: &String| rule.chars().count() <= RULE_CHARS;
                if rules.len() > RULES || !rules.iter().all(fits) {
                    return Err(refused(ALLOWED));
                }
                Ok(Self::Rules(rules))
            }
            "joining" => Joining::named(value)
                .map(Self::Joining)
                .ok_or_else(|| refused("classic, open, approval, invite or closed")),
            "post-chars" if value == DEFAULT => Ok(Self::PostChars(None)),
            "post-chars" => {
                let most = value.parse().ok().filter(|most| POST_CHARS.contains(most));
                most.map(|most| Self::PostChars(Some(most)))
                    .ok_or_else(|| refused("1 to 10000, or default"))
            }
            _ => {
                let rate = RATES.into_iter().find(|(of, ..)| *of == name);
                let (_, rated, by) = rate.ok_or_else(|| refused("nothing"))?;
                if value == DEFAULT {
                    return Ok(Self::Rate(rated, by, None));
                }
                let figure = RateFigure::read(value).ok_or_else(|| {
                    refused("how many at once, and how long one more takes (at most 5s), such as 100/1s; or default")
                })?;
                Ok(Self::Rate(rated, by, Some(figure)))
            }
        }
    }

    /// Its name and its value, as they are written.
    pub fn as_text(&self) -> (&'static str, String) {
        let default = |text: Option<String>| text.unwrap_or_else(|| DEFAULT.to_owned());
        match self {
            Self::Title(title) => ("title", title.clone()),
            Self::Description(description) => ("description", description.clone()),
            Self::Rules(rules) => ("rules", rules.join("\n")),
            Self::Contact(contact) => ("contact", contact.clone()),
            Self::Joining(joining) => ("joining", joining.name().to_owned()),
            Self::PostChars(most) => ("post-chars", default(most.map(|most| most.to_string()))),
            Self::Rate(rated, by, figure) => {
                let rate = RATES.into_iter().find(|(_, of, whose)| (of, whose) == (rated, by));
                let name = rate.map_or("sign-ups-per-account", |(name, ..)| name);
                (name, default(figure.map(|figure| figure.to_string())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_read_as_it_is_written() {
        let values = [
            "A network",
            "For all.\nOf us.",
            "Be kind.\nNo spam.",
            "ann@example.org",
            "approval",
            "500",
            "100/1s",
            "1000/50ms",
            "500/1s",
            "5000/50ms",
            "500/200ms",
            "5000/20ms",
            "60/1s",
            "600/100ms",
            "200/5s",
        ];
        let mut settings = NetworkSettings::default();
        for (name, value) in NetworkSettings::NAMES.into_iter().zip(values) {
            let setting = NetworkSetting::read(name, value).expect(name);
            assert_eq!(setting.as_text(), (name, value.to_owned()));
            settings = settings.with(setting);
        }
        let texts = settings.as_text();
        assert_eq!(texts.iter().map(|(name, _)| *name).collect::<Vec<_>>(), NetworkSettings::NAMES);
        assert_eq!(texts.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), values);
        for name in &NetworkSettings::NAMES[5..] {
            settings = settings.with(NetworkSetting::read(name, "default").expect(name));
        }
        assert_eq!((settings.post_chars, settings.rates), (None, vec![]));
    }

    #[test]
    fn what_no_setting_can_be_is_refused_with_what_it_can() {
        let long = "x".repeat(61);
        for (name, value) in [
            ("title", long.as_str()),
            ("title", "two\nlines"),
            ("joining", "maybe"),
            ("post-chars", "0"),
            ("post-chars", "10001"),
            ("posts-per-account", "100"),
            ("posts-per-account", "0/1s"),
            ("posts-per-account", "1/6s"),
            ("posts-per-account", "1/0ms"),
        ] {
            let error = NetworkSetting::read(name, value).expect_err(value);
            assert!(error.to_string().contains("allowed: "), "{error}");
        }
        let error = NetworkSetting::read("colour", "blue").expect_err("no such setting");
        assert!(error.to_string().contains("title, description"), "{error}");
    }
}
