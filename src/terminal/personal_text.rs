//! What the user keeps, as it is printed. Pure.

use super::{
    people_text::hashtags,
    post_text::{counted, time},
    text::enumerate,
};
use crate::{
    domain::{Language, Marker, PeopleList, Preferences, RepliesPolicy, WordFilter},
    network::PersonalAnswer,
    sanitise,
};
use chrono::TimeZone;

/// What was read of it.
pub fn kept<Zone: TimeZone>(answer: &PersonalAnswer, zone: &Zone) -> String
where
    Zone::Offset: std::fmt::Display,
{
    match answer {
        PersonalAnswer::Lists(lists) => lists.iter().map(list).collect(),
        PersonalAnswer::Members(names) => enumerate("People: ", names),
        PersonalAnswer::Hashtags(found) => hashtags(found),
        PersonalAnswer::Markers(markers) => {
            let line = |what, marker: Marker| format!("{what}: read up to {}\n", marker.read_up_to);
            line("home", markers.home) + &line("notifications", markers.notifications)
        }
        PersonalAnswer::Preferences(preferences) => self::preferences(preferences),
        PersonalAnswer::Filters(filters) => {
            filters.iter().map(|it| self::filter(it, zone)).collect()
        }
    }
}

fn list(PeopleList { id, settings, members }: &PeopleList) -> String {
    let title = sanitise::line(&settings.title);
    let members = counted(u64::from(*members), "person", "people");
    let members = members.unwrap_or_else(|| "nobody".to_owned());
    let answers = match settings.replies {
        RepliesPolicy::Followed => "answers to those whom you follow",
        RepliesPolicy::List => "answers to those in it",
        RepliesPolicy::None => "no answers to others",
    };
    let exclusive = if settings.exclusive { ", not at HOME" } else { "" };
    format!("[{id}] {title}: {members}, {answers}{exclusive}\n")
}

fn filter<Zone: TimeZone>(filter: &WordFilter, zone: &Zone) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let WordFilter { id, settings, keywords, posts } = filter;
    let contexts: Vec<&str> = settings.contexts.iter().map(|context| context.name()).collect();
    let (title, contexts) = (sanitise::line(&settings.title), contexts.join(", "));
    let until = settings.until.map(|until| format!(" until {}", time(until, zone)));
    let keywords = keywords.iter().map(|keyword| {
        let text = sanitise::line(&keyword.keyword.text);
        if keyword.keyword.whole_word { text } else { format!("…{text}…") }
    });
    let posts = posts.iter().map(|post| format!("post {}", post.post));
    let what: Vec<String> = keywords.chain(posts).collect();
    let (action, until, what) =
        (settings.action.name(), until.unwrap_or_default(), what.join(", "));
    format!("[{id}] {title}: {action} in {contexts}{until}: {what}\n")
}

fn preferences(preferences: &Preferences) -> String {
    let yes = |is_so| if is_so { "yes" } else { "no" };
    let language = preferences.language.as_ref().map_or("none", Language::as_str);
    let lines = [
        ("visibility", preferences.visibility.name()),
        ("sensitive", yes(preferences.sensitive)),
        ("language", language),
        ("media", preferences.media.name()),
        ("warnings", yes(preferences.expand_warnings)),
        ("autoplay", yes(preferences.autoplay)),
    ];
    let line = |(what, value): (&str, &str)| format!("{what} {value}\n");
    lines.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;
    use crate::domain::{
        FilterAction, FilterContext, FilterSettings, FilteredPost, Keyword, ListSettings, Markers,
        NewKeyword, PersonalId, PostId, UnixMillis,
    };

    #[test]
    fn what_the_user_keeps_is_told_in_harmless_words() {
        let id = PersonalId::new;
        let list = |replies, exclusive, members| PeopleList {
            id: id(1),
            settings: ListSettings { title: "a\u{1b}b".to_owned(), replies, exclusive },
            members,
        };
        let lists = vec![
            list(RepliesPolicy::Followed, true, 0),
            list(RepliesPolicy::List, false, 1),
            list(RepliesPolicy::None, false, 2),
        ];
        let keyword = |text: &str, whole_word| Keyword {
            id: id(2),
            keyword: NewKeyword { text: text.to_owned(), whole_word },
        };
        let filter = WordFilter {
            id: id(3),
            settings: FilterSettings {
                title: "cats".to_owned(),
                contexts: [FilterContext::Home, FilterContext::Thread].into(),
                action: FilterAction::Hide,
                until: Some(UnixMillis::new(1_517_528_845_000)),
            },
            keywords: vec![keyword("cat", true), keyword("kitt", false)],
            posts: vec![FilteredPost { id: id(4), post: PostId::new(7) }],
        };
        let home = Marker { read_up_to: PostId::new(7), ..Marker::default() };
        for (answer, words) in [
            (
                PersonalAnswer::Lists(lists),
                "[1] a\u{fffd}b: nobody, answers to those whom you follow, not at HOME\n\
                 [1] a\u{fffd}b: 1 person, answers to those in it\n\
                 [1] a\u{fffd}b: 2 people, no answers to others\n",
            ),
            (
                PersonalAnswer::Filters(vec![filter]),
                "[3] cats: hide in home, thread until Thu Feb  1 23:47:25 2018: cat, …kitt…, post 7\n",
            ),
            (
                PersonalAnswer::Preferences(Preferences::default()),
                "visibility public\nsensitive no\nlanguage none\nmedia default\nwarnings no\n\
                 autoplay no\n",
            ),
            (
                PersonalAnswer::Markers(Markers { home, ..Markers::default() }),
                "home: read up to 7\nnotifications: read up to 0\n",
            ),
        ] {
            assert_eq!(kept(&answer, &Utc), words);
        }
    }
}
