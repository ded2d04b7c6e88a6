//! What a line means. Pure.

use std::fmt;

use super::{
    people_command::{self, PeopleCommand},
    personal_command::{self, PersonalCommand},
    post_options::OptionMistake,
    social_command::{self, SocialCommand, post_number},
    verb::{Argument, Verb},
};
use crate::{
    domain::{HashtagError, Mark, RelationChange},
    network::TimelineKind,
};

/// A line at the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptCommand {
    Follow(String),
    Unfollow(String),
    List,
    Timeline,
    Posts(String),
    Following,
    /// About posts and people, in another form.
    Social(SocialCommand),
    Whoami,
    Status,
    Password,
    /// With the name that was typed to confirm it.
    DeleteAccount(String),
    /// About one command, or all.
    Help(Option<Verb>),
    /// Ends the conversation.
    Quit,
    /// A blank line.
    Nothing,
    Invalid(Mistake),
}

/// Why a line is not a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// No command has this name; perhaps another one was meant.
    Unknown { word: String, meant: Option<Verb> },
    /// This command has another form.
    Form(Verb),
    /// The options before the text cannot be used.
    Options(Verb, OptionMistake),
    /// This option is not one of this command.
    NoOption(Verb, &'static str),
    /// What is given to this command cannot be used, as the words say.
    Value(Verb, String),
    /// No hashtag.
    Hashtag(HashtagError),
}

impl Mistake {
    /// Of which command it is, if it is one.
    pub fn verb(&self) -> Option<Verb> {
        match self {
            Self::Unknown { .. } => None,
            Self::Form(verb)
            | Self::Options(verb, _)
            | Self::NoOption(verb, _)
            | Self::Value(verb, _) => Some(*verb),
            Self::Hashtag(_) => Some(Verb::Tag),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { word, meant: Some(verb) } => {
                write!(formatter, "there is no command {word}: did you mean {}?", verb.word())
            }
            Self::Unknown { word, meant: None } => {
                write!(formatter, "there is no command {word}: HELP lists them all")
            }
            Self::Form(verb) if verb.argument() == Argument::None => {
                write!(formatter, "{} takes no arguments", verb.word())
            }
            Self::Form(verb) => write!(formatter, "usage: {}", verb.usage()),
            Self::Options(_, mistake) => mistake.fmt(formatter),
            Self::NoOption(verb, what) => write!(formatter, "{} cannot change {what}", verb.word()),
            Self::Value(_, words) => formatter.write_str(words),
            Self::Hashtag(error) => error.fmt(formatter),
        }
    }
}

/// A line in the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimelineLine {
    Post(String),
    /// A post that is also a command, which may be what the user meant. A post cannot be undone.
    Doubtful(String, Verb),
    /// Leaves the timeline.
    Quit,
    /// A blank line.
    Nothing,
}

/// Leaves the timeline, and ends the conversation.
pub const QUIT: &str = "/quit";

/// Parses a line at the prompt. Verbs may be in upper or lower case. What follows FOLLOW and the
/// like is the name: whether it is valid is for the server to say.
pub fn parse(line: &str) -> PromptCommand {
    let (word, argument) = split(line);
    if word.is_empty() {
        return PromptCommand::Nothing;
    }
    if line.trim().eq_ignore_ascii_case(QUIT) {
        return PromptCommand::Quit;
    }
    let Some(verb) = Verb::find(word) else { return unknown(word) };
    let is_whole = match verb.argument() {
        Argument::None => argument.is_empty(),
        Argument::Name
        | Argument::Text
        | Argument::Post
        | Argument::PostAndText
        | Argument::NameOrPostAndText
        | Argument::NameAndText
        | Argument::Setting
        | Argument::Words
        | Argument::List
        | Argument::Filter
        | Argument::Preference
        | Argument::Hashtag
        | Argument::Session => !argument.is_empty(),
        Argument::OptionalName | Argument::Verb => true,
    };
    let read = if is_whole { read(verb, argument) } else { Err(Mistake::Form(verb)) };
    read.unwrap_or_else(PromptCommand::Invalid)
}

/// What a verb means with its argument.
fn read(verb: Verb, argument: &str) -> Result<PromptCommand, Mistake> {
    let name = || argument.to_owned();
    let post = || post_number(argument).ok_or(Mistake::Form(verb));
    let mark = |mark, set| Ok(SocialCommand::Mark(verb, post()?, mark, set));
    let relate = |change| SocialCommand::Relate(verb, name(), change);
    let page = |kind| SocialCommand::Read(verb, kind);
    let personal = SocialCommand::Personal;
    Ok(PromptCommand::Social(match verb {
        Verb::Follow => return Ok(PromptCommand::Follow(name())),
        Verb::Unfollow => return Ok(PromptCommand::Unfollow(name())),
        Verb::List => return Ok(PromptCommand::List),
        Verb::Timeline => return Ok(PromptCommand::Timeline),
        Verb::Posts => return Ok(PromptCommand::Posts(name())),
        Verb::Following => return Ok(PromptCommand::Following),
        Verb::Whoami => return Ok(PromptCommand::Whoami),
        Verb::Status => return Ok(PromptCommand::Status),
        Verb::Password => return Ok(PromptCommand::Password),
        Verb::DeleteAccount => return Ok(PromptCommand::DeleteAccount(name())),
        Verb::Help if argument.is_empty() => return Ok(PromptCommand::Help(None)),
        Verb::Help => {
            return Ok(match Verb::find(argument) {
                Some(verb) => PromptCommand::Help(Some(verb)),
                None => unknown(argument),
            });
        }
        Verb::Quit => return Ok(PromptCommand::Quit),
        Verb::Post => social_command::new_post(argument)?,
        Verb::Reply => social_command::reply(argument)?,
        Verb::Edit => social_command::edit(argument)?,
        Verb::Delete => SocialCommand::Delete(post()?),
        Verb::Boost => SocialCommand::Boost(post()?),
        Verb::Unboost => SocialCommand::Unboost(post()?),
        Verb::Like => mark(Mark::Like, true)?,
        Verb::Unlike => mark(Mark::Like, false)?,
        Verb::Bookmark => mark(Mark::Bookmark, true)?,
        Verb::Unbookmark => mark(Mark::Bookmark, false)?,
        Verb::Pin => mark(Mark::Pin, true)?,
        Verb::Unpin => mark(Mark::Pin, false)?,
        Verb::Show => SocialCommand::Show(post()?),
        Verb::Thread => SocialCommand::Thread(post()?),
        Verb::Home => page(TimelineKind::Home),
        Verb::Local => page(TimelineKind::Local),
        Verb::Tag => page(TimelineKind::Hashtag(social_command::hashtag(argument)?)),
        Verb::Sessions => SocialCommand::Sessions,
        Verb::Logout => SocialCommand::Logout(social_command::ended(argument)?),
        Verb::Likes => page(TimelineKind::Liked),
        Verb::Bookmarks => page(TimelineKind::Bookmarked),
        Verb::Search => social_command::search(argument)?,
        Verb::Profile => SocialCommand::Profile(Some(name()).filter(|name| !name.is_empty())),
        Verb::Notifications => SocialCommand::Notifications,
        Verb::Requests => SocialCommand::Requests,
        Verb::Accept => relate(RelationChange::AcceptRequest),
        Verb::Reject => relate(RelationChange::RejectRequest),
        Verb::Block => relate(RelationChange::Block),
        Verb::Unblock => relate(RelationChange::Unblock),
        Verb::Mute => SocialCommand::People(people_command::mute(argument)?),
        Verb::Unmute => relate(RelationChange::Unmute),
        Verb::Note => SocialCommand::People(people_command::note(argument)),
        Verb::Report => SocialCommand::People(people_command::report(argument)?),
        Verb::Set => SocialCommand::People(people_command::set(argument)?),
        Verb::Announcements => SocialCommand::People(PeopleCommand::Announcements),
        Verb::MyLists => personal(PersonalCommand::Lists),
        Verb::MyList => personal(personal_command::list(argument)?),
        Verb::Tags => personal(PersonalCommand::Tags),
        Verb::FollowTag => personal(personal_command::follow_tag(verb, argument, true)?),
        Verb::UnfollowTag => personal(personal_command::follow_tag(verb, argument, false)?),
        Verb::Filters => personal(PersonalCommand::Filters),
        Verb::Filter => personal(personal_command::filter(argument)?),
        Verb::Unfilter => personal(personal_command::unfilter(argument)?),
        Verb::Preferences => personal(PersonalCommand::Preferences),
        Verb::Prefer => personal(personal_command::prefer(argument)?),
    }))
}

/// Parses a line in the timeline.
pub fn parse_in_timeline(line: &str) -> TimelineLine {
    let text = line.trim_end();
    if text.trim().is_empty() {
        TimelineLine::Nothing
    } else if text.trim().eq_ignore_ascii_case(QUIT) {
        TimelineLine::Quit
    } else {
        TimelineLine::Post(text.to_owned())
    }
}

/// Parses a line that was typed into the timeline by a person, who may think that this is the
/// prompt.
pub fn parse_typed_in_timeline(line: &str) -> TimelineLine {
    let TimelineLine::Post(text) = parse_in_timeline(line) else { return parse_in_timeline(line) };
    let (word, argument) = split(&text);
    let Some(verb) = Verb::find(word) else { return TimelineLine::Post(text) };
    let is_command = match verb.argument() {
        Argument::None => argument.is_empty(),
        Argument::Name | Argument::Hashtag => {
            !argument.is_empty() && !argument.contains(char::is_whitespace)
        }
        Argument::OptionalName => !argument.contains(char::is_whitespace),
        Argument::Post => post_number(argument).is_some(),
        Argument::Session => social_command::ended(argument).is_ok(),
        Argument::PostAndText => post_number(split(argument).0).is_some(),
        Argument::Filter => personal_command::number(argument).is_some(),
        // In lower case it may well be the beginning of a sentence.
        Argument::Text
        | Argument::Words
        | Argument::NameOrPostAndText
        | Argument::NameAndText
        | Argument::Setting
        | Argument::List
        | Argument::Preference => word == verb.word() && !argument.is_empty(),
        Argument::Verb => argument.is_empty() || Verb::find(argument).is_some(),
    };
    match verb {
        _ if !is_command => TimelineLine::Post(text),
        Verb::Quit => TimelineLine::Quit,
        _ => TimelineLine::Doubtful(text, verb),
    }
}

/// Whether a line at the prompt seems to hold a password, although PASSWORD does not take one
/// there.
pub fn may_hold_a_password(line: &str) -> bool {
    let (word, argument) = split(line);
    let verb = Verb::find(word).or_else(|| Verb::nearest(word));
    verb == Some(Verb::Password) && !argument.is_empty()
}

/// The first word, and the rest.
pub fn split(line: &str) -> (&str, &str) {
    let line = line.trim();
    let (word, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (word, argument.trim())
}

fn unknown(word: &str) -> PromptCommand {
    PromptCommand::Invalid(Mistake::Unknown { word: word.to_owned(), meant: Verb::nearest(word) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::post_options::PostOptions;

    #[test]
    fn reads_what_people_type() {
        let follow = |name: &str| PromptCommand::Follow(name.to_owned());
        let post = |text: &str| {
            let (options, text) = (PostOptions::default(), text.to_owned());
            PromptCommand::Social(SocialCommand::Post(options, text))
        };
        for (line, command) in [
            ("FOLLOW u1", follow("u1")),
            ("follow u1", follow("u1")),
            ("  FoLLoW \t u1  \r\n", follow("u1")),
            ("FOLLOW Case", follow("Case")),
            ("FOLLOW u1 u2", follow("u1 u2")),
            ("UNFOLLOW u1 ", PromptCommand::Unfollow("u1".to_owned())),
            ("LIST", PromptCommand::List),
            ("list ", PromptCommand::List),
            ("TIMELINE\n", PromptCommand::Timeline),
            ("POST hello,  world \n", post("hello,  world")),
            ("post two\nlines\n", post("two\nlines")),
            ("POSTS u1", PromptCommand::Posts("u1".to_owned())),
            ("following", PromptCommand::Following),
            ("WHOAMI", PromptCommand::Whoami),
            ("Status", PromptCommand::Status),
            ("PASSWORD", PromptCommand::Password),
            ("delete-account Ann", PromptCommand::DeleteAccount("Ann".to_owned())),
            ("HELP", PromptCommand::Help(None)),
            ("help post", PromptCommand::Help(Some(Verb::Post))),
            ("/quit", PromptCommand::Quit),
            ("QUIT", PromptCommand::Quit),
            ("exit", PromptCommand::Quit),
            ("", PromptCommand::Nothing),
            (" \t\n", PromptCommand::Nothing),
        ] {
            assert_eq!(parse(line), command, "{line:?}");
        }
    }

    #[test]
    fn tells_what_is_wrong_with_a_line() {
        let form = Mistake::Form;
        let unknown = |word: &str, meant| Mistake::Unknown { word: word.to_owned(), meant };
        for (line, mistake) in [
            ("FOLLOW", form(Verb::Follow)),
            ("follow ", form(Verb::Follow)),
            ("UNFOLLOW", form(Verb::Unfollow)),
            ("LIST u1", form(Verb::List)),
            ("TIMELINE now", form(Verb::Timeline)),
            ("POST ", form(Verb::Post)),
            ("PASSWORD secret", form(Verb::Password)),
            ("QUIT now", form(Verb::Quit)),
            ("LISTS", unknown("LISTS", Some(Verb::List))),
            ("FOLLOWu1", unknown("FOLLOWu1", Some(Verb::Follow))),
            ("folow u1", unknown("folow", Some(Verb::Follow))),
            ("HELP folow", unknown("folow", Some(Verb::Follow))),
            ("/quit now", unknown("/quit", Some(Verb::Quit))),
            ("nonsense", unknown("nonsense", None)),
        ] {
            assert_eq!(parse(line), PromptCommand::Invalid(mistake), "{line:?}");
        }
    }

    #[test]
    fn notices_a_password_where_none_belongs() {
        for (line, may) in [
            ("PASSWORD hunter2", true),
            ("pasword hunter2", true),
            ("PASSWORD", false),
            ("POST my password", false),
            ("FOLLOW password", false),
        ] {
            assert_eq!(may_hold_a_password(line), may, "{line}");
        }
    }

    #[test]
    fn every_other_line_in_the_timeline_is_a_post() {
        let post = |text: &str| TimelineLine::Post(text.to_owned());
        for (line, read) in [
            ("hello", post("hello")),
            ("  two  words \r\n", post("  two  words")),
            ("LIST", post("LIST")),
            ("/quit now", post("/quit now")),
            ("/quit ", TimelineLine::Quit),
            ("/QUIT", TimelineLine::Quit),
            ("  \n", TimelineLine::Nothing),
        ] {
            assert_eq!(parse_in_timeline(line), read, "{line:?}");
        }
        let long = "x".repeat(100_000);
        assert_eq!(parse_in_timeline(&long), post(&long));
    }

    #[test]
    fn what_is_typed_in_the_timeline_and_is_a_command_may_have_been_meant_as_one() {
        let post = |text: &str| TimelineLine::Post(text.to_owned());
        let doubtful = |text: &str, verb| TimelineLine::Doubtful(text.to_owned(), verb);
        for (line, read) in [
            ("LIST", doubtful("LIST", Verb::List)),
            ("list ", doubtful("list", Verb::List)),
            ("TIMELINE", doubtful("TIMELINE", Verb::Timeline)),
            ("follow u2", doubtful("follow u2", Verb::Follow)),
            ("POST hello there", doubtful("POST hello there", Verb::Post)),
            ("HELP post", doubtful("HELP post", Verb::Help)),
            ("QUIT", TimelineLine::Quit),
            ("exit", TimelineLine::Quit),
            ("/quit", TimelineLine::Quit),
            ("list of things", post("list of things")),
            ("quit now", post("quit now")),
            ("follow the money", post("follow the money")),
            ("follow", post("follow")),
            ("post hello there", post("post hello there")),
            ("help is near", post("help is near")),
            ("LISTS", post("LISTS")),
            ("LIKE 12", doubtful("LIKE 12", Verb::Like)),
            ("like it", post("like it")),
            ("REPLY 12 yes", doubtful("REPLY 12 yes", Verb::Reply)),
            ("reply to me", post("reply to me")),
            ("profile ann", doubtful("profile ann", Verb::Profile)),
            ("profile of a city", post("profile of a city")),
            ("search two words", post("search two words")),
            ("", TimelineLine::Nothing),
        ] {
            assert_eq!(parse_typed_in_timeline(line), read, "{line:?}");
        }
    }
}
