//! Completes commands, and the names of users where a command takes one.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use rustyline::{
    Completer, Context, Helper, Highlighter, Hinter, Validator, completion::Completer as Complete,
};

use super::{
    prompt_command::QUIT,
    verb::{Argument, VERBS, Verb},
};
use crate::sanitise;

/// Names that are remembered: far more than a person can choose from.
const NAMES: usize = 100_000;

/// The names of users seen so far.
#[derive(Clone, Default)]
pub struct Names {
    /// By the form in which names are compared.
    names: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Names {
    /// Adds names.
    pub fn learn<Name: AsRef<str>>(&self, seen: impl IntoIterator<Item = Name>) {
        let mut names = self.names.lock();
        for name in seen {
            let name = sanitise::line(name.as_ref());
            if names.len() < NAMES {
                names.insert(name.to_ascii_lowercase(), name);
            }
        }
    }

    /// Those that begin like this, in upper or lower case.
    pub fn starting_with(&self, start: &str) -> Vec<String> {
        let names = self.names.lock();
        let start = start.to_ascii_lowercase();
        let matching =
            names.range(start.clone()..).take_while(|(name, _)| name.starts_with(&start));
        matching.map(|(_, name)| name.clone()).collect()
    }
}

/// What the editor asks for completions.
#[derive(Helper, Completer, Hinter, Highlighter, Validator)]
pub struct Assistant {
    #[rustyline(Completer)]
    pub completion: Completion,
}

/// Knows what can be entered where.
pub struct Completion {
    pub names: Names,
    /// False in the timeline, where a line is a post.
    pub at_prompt: bool,
}

impl Complete for Completion {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.candidates(line.get(..position).unwrap_or_default()))
    }
}

impl Completion {
    /// Where the word before the cursor starts, and how it can be completed.
    pub(crate) fn candidates(&self, before: &str) -> (usize, Vec<String>) {
        // Not all white space is one byte long.
        let start = before.len() - before.rsplit(char::is_whitespace).next().map_or(0, str::len);
        let word = &before[start..];
        let verb = before[..start].trim();
        if !self.at_prompt {
            let quit = if start == 0 { matching([QUIT.to_owned()], word) } else { vec![] };
            return (start, quit);
        }
        let verbs = VERBS.into_iter().map(Verb::word);
        let candidates = match (verb, Verb::find(verb).map(Verb::argument)) {
            ("", _) if word.is_empty() => verbs.map(str::to_owned).collect(),
            ("", _) => matching(verbs.chain([QUIT]).map(str::to_owned), word),
            (
                _,
                Some(
                    Argument::Name
                    | Argument::OptionalName
                    | Argument::NameAndText
                    | Argument::NameOrPostAndText,
                ),
            ) => self.names.starting_with(word),
            (_, Some(Argument::Verb)) => matching(verbs.map(str::to_owned), word),
            (
                _,
                Some(
                    Argument::None
                    | Argument::Text
                    | Argument::Words
                    | Argument::Post
                    | Argument::PostAndText
                    | Argument::Setting
                    | Argument::List
                    | Argument::Filter
                    | Argument::Preference
                    | Argument::Hashtag
                    | Argument::Session,
                )
                | None,
            ) => vec![],
        };
        (start, candidates)
    }
}

fn matching(candidates: impl IntoIterator<Item = String>, start: &str) -> Vec<String> {
    let matches = |candidate: &String| {
        candidate.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
    };
    candidates.into_iter().filter(matches).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completes_verbs_then_names() {
        let names = Names::default();
        names.learn(["Alice", "bob"]);
        names.learn(["alan", "BOB", "\u{1b}[2J"]);
        let mut completion = Completion { names, at_prompt: true };
        for (before, start, candidates) in [
            ("f", 0, &["FOLLOW", "FOLLOWTAG", "FILTERS", "FILTER", "FOLLOWING"][..]),
            ("po", 0, &["POST", "POSTS"]),
            (
                "un",
                0,
                &[
                    "UNFOLLOW",
                    "UNLIKE",
                    "UNBOOST",
                    "UNBOOKMARK",
                    "UNPIN",
                    "UNBLOCK",
                    "UNMUTE",
                    "UNFOLLOWTAG",
                    "UNFILTER",
                ],
            ),
            ("/", 0, &["/quit"]),
            ("x", 0, &[]),
            ("follow ", 7, &["alan", "Alice", "BOB", "\u{fffd}[2J"]),
            ("FOLLOW AL", 7, &["alan", "Alice"]),
            ("unfollow b", 9, &["BOB"]),
            ("unfollow\u{3000}b", 11, &["BOB"]),
            ("posts b", 6, &["BOB"]),
            ("help unf", 5, &["UNFOLLOW", "UNFOLLOWTAG", "UNFILTER"]),
            ("profile b", 8, &["BOB"]),
            ("block b", 6, &["BOB"]),
            ("LIKE 1", 5, &[]),
            ("LIST b", 5, &[]),
            ("POST b", 5, &[]),
            ("é", 0, &[]),
        ] {
            let expected = candidates.iter().map(ToString::to_string).collect();
            assert_eq!(completion.candidates(before), (start, expected), "{before:?}");
        }
        assert_eq!(completion.candidates("").1, VERBS.map(Verb::word));
        completion.at_prompt = false;
        assert_eq!(completion.candidates("f").1, Vec::<String>::new());
        assert_eq!(completion.candidates("/q").1, ["/quit"]);
    }
}
