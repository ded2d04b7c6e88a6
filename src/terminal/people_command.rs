//! What a line about people means, besides following them: reports, notes, mutes, and one's own profile. Pure.

use std::time::Duration;

use super::{
    post_options,
    prompt_command::{Mistake, split},
    social_command::post_number,
    verb::Verb,
};
use crate::domain::{PostId, Profile, ProfileLink};

/// A command about people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeopleCommand {
    Report(ReportTarget, String),
    /// Empty for none.
    Note(String, String),
    Mute {
        name: String,
        /// Without one, until it is ended.
        lasting: Option<Duration>,
        notifications: bool,
    },
    Set(ProfileChange),
    Announcements,
}

/// What is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportTarget {
    Person(String),
    Post(PostId),
}

/// A change of one's own profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileChange {
    Name(String),
    Bio(String),
    /// An empty value removes it.
    Link(ProfileLink),
    Locked(bool),
    Bot(bool),
    Discoverable(bool),
}

const MUTE: &str = "after the name come for and a time, such as for 7 days, and keep notifications";
const SET: &str = "SET changes name, bio, link, locked, bot or discoverable: see HELP SET";

impl PeopleCommand {
    /// Of which command it is.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Report(..) => Verb::Report,
            Self::Note(..) => Verb::Note,
            Self::Mute { .. } => Verb::Mute,
            Self::Set(_) => Verb::Set,
            Self::Announcements => Verb::Announcements,
        }
    }
}

/// Somebody or a post, and why.
pub fn report(argument: &str) -> Result<PeopleCommand, Mistake> {
    let (target, why) = split(argument);
    if why.is_empty() {
        return Err(Mistake::Form(Verb::Report));
    }
    let target = match (target.strip_prefix('@'), post_number(target)) {
        (Some(name), _) => ReportTarget::Person(name.to_owned()),
        (None, Some(post)) => ReportTarget::Post(post),
        (None, None) => ReportTarget::Person(target.to_owned()),
    };
    Ok(PeopleCommand::Report(target, why.to_owned()))
}

/// Somebody, and what to remember of them.
pub fn note(argument: &str) -> PeopleCommand {
    let (name, words) = split(argument);
    PeopleCommand::Note(name.to_owned(), words.to_owned())
}

/// Somebody, for how long, and whether one is told of what they do.
pub fn mute(argument: &str) -> Result<PeopleCommand, Mistake> {
    let (name, rest) = split(argument);
    let words: Vec<&str> = rest.split_whitespace().collect();
    let is = |word: &str, wanted: &str| word.eq_ignore_ascii_case(wanted);
    let (time, notifications) = match &words[..] {
        [time @ .., keep, told] if is(keep, "keep") && is(told, "notifications") => (time, false),
        time => (time, true),
    };
    let lasting = match time {
        [] => None,
        [word, time @ ..] if is(word, "for") => {
            let time = humantime::parse_duration(&time.join(" "));
            Some(time.map_err(|_| Mistake::Value(Verb::Mute, MUTE.to_owned()))?)
        }
        _ => return Err(Mistake::Value(Verb::Mute, MUTE.to_owned())),
    };
    Ok(PeopleCommand::Mute { name: name.to_owned(), lasting, notifications })
}

/// What is changed, and what it is then.
pub fn set(argument: &str) -> Result<PeopleCommand, Mistake> {
    let (what, value) = split(argument);
    let on = || match value.to_ascii_lowercase().as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Mistake::Value(Verb::Set, "this is on or off".to_owned())),
    };
    let change = match what.to_ascii_lowercase().as_str() {
        "name" => ProfileChange::Name(value.to_owned()),
        "bio" => ProfileChange::Bio(value.to_owned()),
        "link" => {
            let (label, value) = post_options::value(value).ok_or(Mistake::Form(Verb::Set))?;
            let (label, value) = (label.to_owned(), value.to_owned());
            ProfileChange::Link(ProfileLink { label, value })
        }
        "locked" => ProfileChange::Locked(on()?),
        "bot" => ProfileChange::Bot(on()?),
        "discoverable" => ProfileChange::Discoverable(on()?),
        _ => return Err(Mistake::Value(Verb::Set, SET.to_owned())),
    };
    Ok(PeopleCommand::Set(change))
}

impl ProfileChange {
    /// A profile with this change.
    pub fn of(self, mut profile: Profile) -> Profile {
        match self {
            Self::Name(name) => profile.display_name = name,
            Self::Bio(bio) => profile.bio = bio,
            Self::Link(link) => {
                let at = profile.links.iter().position(|other| other.label == link.label);
                match (at, link.value.is_empty()) {
                    (Some(at), true) => drop(profile.links.remove(at)),
                    (Some(at), false) => profile.links[at] = link,
                    (None, true) => {}
                    (None, false) => profile.links.push(link),
                }
            }
            Self::Locked(locked) => profile.locked = locked,
            Self::Bot(bot) => profile.bot = bot,
            Self::Discoverable(discoverable) => profile.discoverable = discoverable,
        }
        profile
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::{
        prompt_command::{PromptCommand, parse},
        social_command::SocialCommand,
    };

    fn read(line: &str) -> Result<PeopleCommand, String> {
        match parse(line) {
            PromptCommand::Social(SocialCommand::People(command)) => Ok(command),
            PromptCommand::Invalid(mistake) => Err(mistake.to_string()),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn reads_what_people_say_of_each_other() {
        let person = |name: &str| ReportTarget::Person(name.to_owned());
        let report = |target, why: &str| PeopleCommand::Report(target, why.to_owned());
        let mute = |hours: Option<u64>, notifications| PeopleCommand::Mute {
            name: "ann".to_owned(),
            lasting: hours.map(Duration::from_hours),
            notifications,
        };
        for (line, command) in [
            ("REPORT ann sells things", report(person("ann"), "sells things")),
            ("REPORT 12 spam", report(ReportTarget::Post(PostId::new(12)), "spam")),
            ("report @12 spam", report(person("12"), "spam")),
            ("NOTE ann a  friend", PeopleCommand::Note("ann".to_owned(), "a  friend".to_owned())),
            ("NOTE ann", PeopleCommand::Note("ann".to_owned(), String::new())),
            ("MUTE ann", mute(None, true)),
            ("MUTE ann for 7 days", mute(Some(168), true)),
            ("MUTE ann for 2h keep notifications", mute(Some(2), false)),
            ("mute ann Keep Notifications", mute(None, false)),
            ("ANNOUNCEMENTS", PeopleCommand::Announcements),
        ] {
            assert_eq!(read(line), Ok(command), "{line}");
        }
        for (line, why) in [
            ("REPORT ann", "usage: REPORT <username or id> <words>"),
            ("MUTE ann for ever", MUTE),
            ("MUTE ann 7 days", MUTE),
            ("SET colour red", SET),
            ("SET locked maybe", "this is on or off"),
            ("SET", "usage: SET <what> [value]"),
            ("SET link", "usage: SET <what> [value]"),
        ] {
            assert_eq!(read(line), Err(why.to_owned()), "{line}");
        }
    }

    #[test]
    fn a_profile_is_changed_in_one_thing_and_keeps_the_rest() {
        let link = |label: &str, value: &str| ProfileLink {
            label: label.to_owned(),
            value: value.to_owned(),
        };
        let mut profile = Profile { bot: true, ..Profile::default() };
        for line in [
            "SET name Ann B.",
            "set bio two words",
            "SET link home https://a.example",
            "SET link \"my code\" https://b.example",
            "SET link home https://c.example",
            "SET locked on",
            "SET bot off",
        ] {
            let Ok(PeopleCommand::Set(change)) = read(line) else { panic!("{line}") };
            profile = change.of(profile);
        }
        let wanted = Profile {
            display_name: "Ann B.".to_owned(),
            bio: "two words".to_owned(),
            links: vec![link("home", "https://c.example"), link("my code", "https://b.example")],
            locked: true,
            ..Profile::default()
        };
        assert_eq!(profile, wanted);
        let Ok(PeopleCommand::Set(remove)) = read("SET link home") else { panic!("no change") };
        assert_eq!(remove.of(profile).links, [link("my code", "https://b.example")]);
    }
}
