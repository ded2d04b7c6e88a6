//! What a line about posts and people means. Pure.

use super::{
    people_command::PeopleCommand,
    personal_command::PersonalCommand,
    post_options::{self, PostOptions},
    prompt_command::{Mistake, split},
    verb::Verb,
};
use crate::{
    domain::{EndedSessions, Hashtag, Mark, PostId, RelationChange},
    network::{SearchKind, TimelineKind},
};

/// A command about posts and people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocialCommand {
    Post(PostOptions, String),
    Reply(PostId, PostOptions, String),
    Edit(PostId, PostOptions, String),
    Delete(PostId),
    Boost(PostId),
    Unboost(PostId),
    /// Whether the mark is set from now on.
    Mark(Verb, PostId, Mark, bool),
    Show(PostId),
    Thread(PostId),
    /// A page of posts with their numbers.
    Read(Verb, TimelineKind),
    Search(SearchKind, String),
    /// Of somebody, or of oneself.
    Profile(Option<String>),
    Notifications,
    Requests,
    Relate(Verb, String, RelationChange),
    /// About people, in another form.
    People(PeopleCommand),
    Sessions,
    Logout(EndedSessions),
    /// About what the user keeps, in another form.
    Personal(PersonalCommand),
}

/// The number of a post, which there may be.
pub fn post_number(word: &str) -> Option<PostId> {
    word.parse().ok().filter(|number| *number > 0).map(PostId::new)
}

/// Options and a text.
pub fn new_post(argument: &str) -> Result<SocialCommand, Mistake> {
    let (options, text) = options_and_text(Verb::Post, argument)?;
    Ok(SocialCommand::Post(options, text.to_owned()))
}

/// The number of a post, options, and a text.
pub fn reply(argument: &str) -> Result<SocialCommand, Mistake> {
    let (post, options, text) = post_and_text(Verb::Reply, argument)?;
    Ok(SocialCommand::Reply(post, options, text))
}

/// The number of a post, options, and a text.
pub fn edit(argument: &str) -> Result<SocialCommand, Mistake> {
    let (post, options, text) = post_and_text(Verb::Edit, argument)?;
    if options.visibility.is_some() {
        return Err(Mistake::NoOption(Verb::Edit, "for whom a post is"));
    }
    Ok(SocialCommand::Edit(post, options, text))
}

fn post_and_text(verb: Verb, argument: &str) -> Result<(PostId, PostOptions, String), Mistake> {
    let (number, rest) = split(argument);
    let post = post_number(number).ok_or(Mistake::Form(verb))?;
    let (options, text) = options_and_text(verb, rest)?;
    Ok((post, options, text.to_owned()))
}

fn options_and_text(verb: Verb, argument: &str) -> Result<(PostOptions, &str), Mistake> {
    let taken = post_options::take(argument).map_err(|mistake| Mistake::Options(verb, mistake));
    taken.and_then(|(options, text)| match text {
        "" => Err(Mistake::Form(verb)),
        text => Ok((options, text)),
    })
}

/// A hashtag, with its # or without.
pub fn hashtag(argument: &str) -> Result<Hashtag, Mistake> {
    Hashtag::new(argument.strip_prefix('#').unwrap_or(argument)).map_err(Mistake::Hashtag)
}

/// The number of a session, or `others`.
pub fn ended(argument: &str) -> Result<EndedSessions, Mistake> {
    if argument.eq_ignore_ascii_case("others") {
        return Ok(EndedSessions::Others);
    }
    let number = argument.parse().ok().filter(|number| *number > 0);
    number.map(EndedSessions::One).ok_or(Mistake::Form(Verb::Logout))
}

/// What to search for: one word after @ or # names a kind.
pub fn search(words: &str) -> Result<SocialCommand, Mistake> {
    let is_one = !words.contains(char::is_whitespace);
    let (kind, text) = match (words.strip_prefix('@'), words.strip_prefix('#')) {
        (Some(name), _) if is_one => (SearchKind::People, name),
        (_, Some(hashtag)) if is_one => (SearchKind::Hashtags, hashtag),
        _ => (SearchKind::Posts, words),
    };
    if text.is_empty() {
        return Err(Mistake::Form(Verb::Search));
    }
    Ok(SocialCommand::Search(kind, text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Visibility,
        terminal::prompt_command::{PromptCommand, parse},
    };

    #[test]
    fn reads_what_people_do_with_posts_and_with_each_other() {
        let id = PostId::new(12);
        let none = PostOptions::default;
        let mark = |verb, mark, set| SocialCommand::Mark(verb, id, mark, set);
        let relate = |verb, change| SocialCommand::Relate(verb, "ann".to_owned(), change);
        let search = |kind, text: &str| SocialCommand::Search(kind, text.to_owned());
        let rust = || TimelineKind::Hashtag(Hashtag::new("rust").expect("valid"));
        let followers = PostOptions { visibility: Some(Visibility::Followers), ..none() };
        for (line, command) in [
            (
                "POST --followers two  words",
                SocialCommand::Post(followers.clone(), "two  words".to_owned()),
            ),
            ("REPLY 12 yes,  really", SocialCommand::Reply(id, none(), "yes,  really".to_owned())),
            ("reply 12 --followers yes", SocialCommand::Reply(id, followers, "yes".to_owned())),
            ("edit 12 two\nlines", SocialCommand::Edit(id, none(), "two\nlines".to_owned())),
            ("DELETE 12", SocialCommand::Delete(id)),
            ("BOOST 12", SocialCommand::Boost(id)),
            ("UNBOOST 12", SocialCommand::Unboost(id)),
            ("LIKE 12", mark(Verb::Like, Mark::Like, true)),
            ("unlike 12", mark(Verb::Unlike, Mark::Like, false)),
            ("BOOKMARK 12", mark(Verb::Bookmark, Mark::Bookmark, true)),
            ("UNBOOKMARK 12", mark(Verb::Unbookmark, Mark::Bookmark, false)),
            ("PIN 12", mark(Verb::Pin, Mark::Pin, true)),
            ("UNPIN 12", mark(Verb::Unpin, Mark::Pin, false)),
            ("SHOW 12", SocialCommand::Show(id)),
            ("THREAD 12", SocialCommand::Thread(id)),
            ("HOME", SocialCommand::Read(Verb::Home, TimelineKind::Home)),
            ("LOCAL", SocialCommand::Read(Verb::Local, TimelineKind::Local)),
            ("TAG #Rust", SocialCommand::Read(Verb::Tag, rust())),
            ("tag rust", SocialCommand::Read(Verb::Tag, rust())),
            ("LIKES", SocialCommand::Read(Verb::Likes, TimelineKind::Liked)),
            ("BOOKMARKS", SocialCommand::Read(Verb::Bookmarks, TimelineKind::Bookmarked)),
            ("SEARCH two words", search(SearchKind::Posts, "two words")),
            ("SEARCH @an", search(SearchKind::People, "an")),
            ("SEARCH #ru", search(SearchKind::Hashtags, "ru")),
            ("SEARCH @ann hello", search(SearchKind::Posts, "@ann hello")),
            ("PROFILE", SocialCommand::Profile(None)),
            ("PROFILE ann", SocialCommand::Profile(Some("ann".to_owned()))),
            ("NOTIFICATIONS", SocialCommand::Notifications),
            ("REQUESTS", SocialCommand::Requests),
            ("SESSIONS", SocialCommand::Sessions),
            ("LOGOUT 12", SocialCommand::Logout(EndedSessions::One(12))),
            ("logout Others", SocialCommand::Logout(EndedSessions::Others)),
            ("ACCEPT ann", relate(Verb::Accept, RelationChange::AcceptRequest)),
            ("REJECT ann", relate(Verb::Reject, RelationChange::RejectRequest)),
            ("BLOCK ann", relate(Verb::Block, RelationChange::Block)),
            ("UNBLOCK ann", relate(Verb::Unblock, RelationChange::Unblock)),
            ("UNMUTE ann", relate(Verb::Unmute, RelationChange::Unmute)),
        ] {
            assert_eq!(parse(line), PromptCommand::Social(command), "{line:?}");
        }
    }

    #[test]
    fn says_how_a_command_is_used() {
        for (line, words) in [
            ("REPLY 12", "usage: REPLY <id> <text>"),
            ("REPLY ann hello", "usage: REPLY <id> <text>"),
            ("EDIT 0 hello", "usage: EDIT <id> <text>"),
            ("LIKE", "usage: LIKE <id>"),
            ("LIKE it", "usage: LIKE <id>"),
            ("LOGOUT", "usage: LOGOUT <session>"),
            ("LOGOUT 0", "usage: LOGOUT <session>"),
            ("LOGOUT all", "usage: LOGOUT <session>"),
            ("SEARCH @", "usage: SEARCH <words>"),
            ("TAG", "usage: TAG <hashtag>"),
            ("TAG 2024", "a hashtag has at least one letter"),
            ("POST --followers", "usage: POST <text>"),
            ("POST --folowers hello", "there is no option --folowers: HELP POST lists them"),
            ("EDIT 12 --public hello", "EDIT cannot change for whom a post is"),
        ] {
            let PromptCommand::Invalid(mistake) = parse(line) else { panic!("{line} is valid") };
            assert_eq!(mistake.to_string(), words);
        }
    }
}
