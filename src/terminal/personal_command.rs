//! What a line about what the user keeps means: lists, hashtags, filters, preferences. Pure.

use super::{
    prompt_command::{Mistake, split},
    social_command::hashtag,
    verb::Verb,
};
use crate::domain::{
    FilterAction, FilterContext, FilterSettings, Language, ListSettings, MediaDisplay, NewKeyword,
    PersonalChange, PersonalId, Preferences, RepliesPolicy, UserName, Visibility,
    personal::MAX_TITLE_CHARS,
};

/// A command about what the user keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonalCommand {
    /// All lists.
    Lists,
    /// What the people in a list have posted.
    ReadList(PersonalId),
    /// Who is in a list.
    Members(PersonalId),
    /// Changes one thing about a list.
    SetList(PersonalId, ListSetting),
    /// Changes something that does not depend on what there is.
    Change(Verb, PersonalChange),
    /// The hashtags that the user follows.
    Tags,
    Filters,
    Preferences,
    Prefer(Preference),
}

/// One thing about a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListSetting {
    Title(String),
    Replies(RepliesPolicy),
    Exclusive(bool),
}

impl ListSetting {
    /// What is said of a list with this.
    pub fn of(self, list: ListSettings) -> ListSettings {
        match self {
            Self::Title(title) => ListSettings { title, ..list },
            Self::Replies(replies) => ListSettings { replies, ..list },
            Self::Exclusive(exclusive) => ListSettings { exclusive, ..list },
        }
    }
}

/// One thing that the user prefers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preference {
    Visibility(Visibility),
    Sensitive(bool),
    Language(Option<Language>),
    Media(MediaDisplay),
    ExpandWarnings(bool),
    Autoplay(bool),
}

impl Preference {
    /// All preferences with this.
    pub fn of(self, preferences: Preferences) -> Preferences {
        match self {
            Self::Visibility(visibility) => Preferences { visibility, ..preferences },
            Self::Sensitive(sensitive) => Preferences { sensitive, ..preferences },
            Self::Language(language) => Preferences { language, ..preferences },
            Self::Media(media) => Preferences { media, ..preferences },
            Self::ExpandWarnings(expand_warnings) => Preferences { expand_warnings, ..preferences },
            Self::Autoplay(autoplay) => Preferences { autoplay, ..preferences },
        }
    }
}

/// What follows MYLIST.
pub fn list(argument: &str) -> Result<PersonalCommand, Mistake> {
    let form = || Mistake::Form(Verb::MyList);
    let change = |change| PersonalCommand::Change(Verb::MyList, change);
    let (first, rest) = split(argument);
    if first.eq_ignore_ascii_case("NEW") && !rest.is_empty() {
        let settings = ListSettings { title: rest.to_owned(), ..ListSettings::default() };
        return Ok(change(PersonalChange::CreateList(settings)));
    }
    let list = number(first).ok_or_else(form)?;
    let (what, value) = split(rest);
    let members = |present| {
        let name = UserName::new(value).map_err(|error| says(Verb::MyList, error))?;
        Ok(change(PersonalChange::SetMembers { list, people: vec![name], present }))
    };
    let set = |setting| Ok(PersonalCommand::SetList(list, setting));
    match (what.to_ascii_uppercase().as_str(), value) {
        ("", _) => Ok(PersonalCommand::ReadList(list)),
        ("PEOPLE", "") => Ok(PersonalCommand::Members(list)),
        ("DELETE", "") => Ok(change(PersonalChange::DeleteList(list))),
        (_, "") => Err(form()),
        ("ADD", _) => members(true),
        ("REMOVE", _) => members(false),
        ("TITLE", title) => set(ListSetting::Title(title.to_owned())),
        ("REPLIES", name) => {
            let policy = RepliesPolicy::named(&name.to_ascii_lowercase()).ok_or_else(form)?;
            set(ListSetting::Replies(policy))
        }
        ("EXCLUSIVE", word) => set(ListSetting::Exclusive(yes_or_no(word).ok_or_else(form)?)),
        _ => Err(form()),
    }
}

/// A hashtag that is followed from now on, or is not.
pub fn follow_tag(verb: Verb, argument: &str, set: bool) -> Result<PersonalCommand, Mistake> {
    let hashtag = hashtag(argument)?;
    Ok(PersonalCommand::Change(verb, PersonalChange::FollowHashtag { hashtag, set }))
}

/// Options, and the words that are filtered.
pub fn filter(argument: &str) -> Result<PersonalCommand, Mistake> {
    let form = || Mistake::Form(Verb::Filter);
    let (mut action, mut whole_word) = (FilterAction::Warn, true);
    let mut contexts = FilterContext::ALL.into();
    let mut rest = argument;
    let text = loop {
        let (word, after) = split(rest);
        match word {
            "--hide" => action = FilterAction::Hide,
            "--blur" => action = FilterAction::Blur,
            "--part" => whole_word = false,
            "--in" => {
                let (places, after) = split(after);
                let places = places.split(',').map(FilterContext::named);
                contexts = places.collect::<Option<_>>().ok_or_else(form)?;
                rest = after;
                continue;
            }
            "--" => break after,
            _ if word.starts_with("--") => return Err(form()),
            _ => break rest,
        }
        rest = after;
    };
    if text.is_empty() {
        return Err(form());
    }
    let title = text.chars().take(MAX_TITLE_CHARS).collect();
    let settings = FilterSettings { title, contexts, action, until: None };
    let keywords = vec![NewKeyword { text: text.to_owned(), whole_word }];
    Ok(PersonalCommand::Change(Verb::Filter, PersonalChange::CreateFilter { settings, keywords }))
}

/// The number of a filter that is removed.
pub fn unfilter(argument: &str) -> Result<PersonalCommand, Mistake> {
    let filter = number(argument).ok_or(Mistake::Form(Verb::Unfilter))?;
    Ok(PersonalCommand::Change(Verb::Unfilter, PersonalChange::DeleteFilter(filter)))
}

/// What is preferred, and how.
pub fn prefer(argument: &str) -> Result<PersonalCommand, Mistake> {
    let form = || Mistake::Form(Verb::Prefer);
    let (what, value) = split(argument);
    let value = value.to_ascii_lowercase();
    let decision = || yes_or_no(&value).ok_or_else(form);
    Ok(PersonalCommand::Prefer(match what.to_ascii_lowercase().as_str() {
        "visibility" => Preference::Visibility(Visibility::named(&value).ok_or_else(form)?),
        "sensitive" => Preference::Sensitive(decision()?),
        "language" if value == "none" => Preference::Language(None),
        "language" => {
            // The case of the rest of a tag counts.
            let tag = split(argument).1;
            let language = Language::new(tag).map_err(|error| says(Verb::Prefer, error))?;
            Preference::Language(Some(language))
        }
        "media" => Preference::Media(MediaDisplay::named(&value).ok_or_else(form)?),
        "warnings" => Preference::ExpandWarnings(decision()?),
        "autoplay" => Preference::Autoplay(decision()?),
        _ => return Err(form()),
    }))
}

/// The number of something that the user keeps.
pub fn number(word: &str) -> Option<PersonalId> {
    word.parse().ok().filter(|number: &PersonalId| number.get() > 0)
}

fn yes_or_no(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn says(verb: Verb, error: impl std::fmt::Display) -> Mistake {
    Mistake::Value(verb, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Hashtag,
        terminal::{
            prompt_command::{PromptCommand, parse},
            social_command::SocialCommand,
        },
    };

    fn read(line: &str) -> PersonalCommand {
        match parse(line) {
            PromptCommand::Social(SocialCommand::Personal(command)) => command,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn reads_what_people_keep() {
        let list = PersonalId::new(3);
        let set = |setting| PersonalCommand::SetList(list, setting);
        let change = PersonalCommand::Change;
        let members = |present| {
            let people = vec![UserName::new("ann").expect("valid")];
            change(Verb::MyList, PersonalChange::SetMembers { list, people, present })
        };
        let friends = ListSettings { title: "good friends".to_owned(), ..ListSettings::default() };
        let tag = |verb, set| {
            let hashtag = Hashtag::new("tea").expect("valid");
            change(verb, PersonalChange::FollowHashtag { hashtag, set })
        };
        let prefer = PersonalCommand::Prefer;
        let language = Language::new("zh-TW").ok();
        for (line, command) in [
            ("MYLISTS", PersonalCommand::Lists),
            ("MYLIST new good friends", change(Verb::MyList, PersonalChange::CreateList(friends))),
            ("mylist 3", PersonalCommand::ReadList(list)),
            ("MYLIST 3 people", PersonalCommand::Members(list)),
            ("MYLIST 3 ADD ann", members(true)),
            ("MYLIST 3 remove ann", members(false)),
            ("MYLIST 3 TITLE two words", set(ListSetting::Title("two words".to_owned()))),
            ("MYLIST 3 replies None", set(ListSetting::Replies(RepliesPolicy::None))),
            ("MYLIST 3 EXCLUSIVE yes", set(ListSetting::Exclusive(true))),
            ("MYLIST 3 DELETE", change(Verb::MyList, PersonalChange::DeleteList(list))),
            ("TAGS", PersonalCommand::Tags),
            ("FOLLOWTAG #Tea", tag(Verb::FollowTag, true)),
            ("unfollowtag tea", tag(Verb::UnfollowTag, false)),
            ("FILTERS", PersonalCommand::Filters),
            ("UNFILTER 3", change(Verb::Unfilter, PersonalChange::DeleteFilter(list))),
            ("PREFERENCES", PersonalCommand::Preferences),
            ("PREFER visibility Followers", prefer(Preference::Visibility(Visibility::Followers))),
            ("PREFER sensitive yes", prefer(Preference::Sensitive(true))),
            ("PREFER language zh-TW", prefer(Preference::Language(language))),
            ("PREFER language none", prefer(Preference::Language(None))),
            ("PREFER media hide_all", prefer(Preference::Media(MediaDisplay::HideAll))),
            ("PREFER warnings no", prefer(Preference::ExpandWarnings(false))),
            ("PREFER autoplay no", prefer(Preference::Autoplay(false))),
        ] {
            assert_eq!(read(line), command, "{line}");
        }
    }

    #[test]
    fn reads_what_is_filtered_and_where() {
        let filter = |line: &str| match read(line) {
            PersonalCommand::Change(
                Verb::Filter,
                PersonalChange::CreateFilter { settings, keywords },
            ) => {
                let [keyword] = &keywords[..] else { panic!("{keywords:?}") };
                (settings, keyword.clone())
            }
            other => panic!("{other:?}"),
        };
        let (settings, keyword) = filter("FILTER the big game");
        assert_eq!([settings.title.as_str(), &keyword.text], ["the big game"; 2]);
        assert_eq!((settings.action, settings.contexts.len()), (FilterAction::Warn, 5));
        assert!(keyword.whole_word);
        let (settings, keyword) = filter("FILTER --hide --part --in home,public -- --game");
        assert_eq!((settings.action, keyword.text.as_str()), (FilterAction::Hide, "--game"));
        assert_eq!(settings.contexts, [FilterContext::Home, FilterContext::Public].into());
        assert!(!keyword.whole_word);
    }

    #[test]
    fn says_what_is_wrong() {
        for (line, words) in [
            ("MYLIST", "usage: MYLIST <list> [what]"),
            ("MYLIST NEW", "usage: MYLIST <list> [what]"),
            ("MYLIST 0", "usage: MYLIST <list> [what]"),
            ("MYLIST 3 ADD", "usage: MYLIST <list> [what]"),
            ("MYLIST 3 EXCLUSIVE maybe", "usage: MYLIST <list> [what]"),
            ("UNFILTER cats", "usage: UNFILTER <filter>"),
            ("FILTER --hide", "usage: FILTER <words>"),
            ("FILTER --in here cats", "usage: FILTER <words>"),
            ("FILTER --hidden cats", "usage: FILTER <words>"),
            ("PREFER visibility some", "usage: PREFER <what> <value>"),
            ("PREFER language English", "a language is named by a tag such as en, de or zh-TW"),
        ] {
            let PromptCommand::Invalid(mistake) = parse(line) else { panic!("{line} is valid") };
            assert_eq!(mistake.to_string(), words, "{line}");
        }
    }
}
