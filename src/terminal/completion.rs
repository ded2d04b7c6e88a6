//! Completes commands, and the names of users after FOLLOW and UNFOLLOW.

use std::sync::{Arc, Mutex, PoisonError};

use rustyline::{
    Completer, Context, Helper, Highlighter, Hinter, Validator, completion::Completer as Complete,
};

use super::{
    command::{QUIT, VERBS},
    sanitise,
};

/// The names of users that were seen so far.
#[derive(Clone, Default)]
pub struct Names {
    names: Arc<Mutex<Vec<String>>>,
}

impl Names {
    /// Takes the place of what was known.
    pub fn learn(&self, names: Vec<String>) {
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }

    fn starting_with(&self, start: &str) -> Vec<String> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        matching(names.iter().map(|name| sanitise::line(name)), start)
    }
}

/// What the editor asks.
#[derive(Helper, Completer, Hinter, Highlighter, Validator)]
pub struct Assistant {
    #[rustyline(Completer)]
    pub completion: Completion,
}

/// Knows what can stand where.
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
    /// Where the word before the cursor starts, and what it may become.
    fn candidates(&self, before: &str) -> (usize, Vec<String>) {
        let start = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let word = &before[start..];
        let verb = before[..start].trim();
        if !self.at_prompt {
            let quit = if start == 0 { matching([QUIT.to_owned()], word) } else { vec![] };
            return (start, quit);
        }
        let takes_name = ["FOLLOW", "UNFOLLOW"].iter().any(|name| verb.eq_ignore_ascii_case(name));
        let candidates = match verb {
            "" if word.is_empty() => VERBS.map(str::to_owned).to_vec(),
            "" => matching(VERBS.into_iter().chain([QUIT]).map(str::to_owned), word),
            _ if takes_name => self.names.starting_with(word),
            _ => vec![],
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
        names.learn(["Alice", "alan", "bob"].map(str::to_owned).to_vec());
        let mut completion = Completion { names, at_prompt: true };
        for (before, start, candidates) in [
            ("", 0, &["FOLLOW", "UNFOLLOW", "LIST", "TIMELINE"][..]),
            ("f", 0, &["FOLLOW"]),
            ("/", 0, &["/quit"]),
            ("x", 0, &[]),
            ("follow ", 7, &["Alice", "alan", "bob"]),
            ("FOLLOW AL", 7, &["Alice", "alan"]),
            ("unfollow b", 9, &["bob"]),
            ("LIST b", 5, &[]),
            ("é", 0, &[]),
        ] {
            let expected = candidates.iter().map(ToString::to_string).collect();
            assert_eq!(completion.candidates(before), (start, expected), "{before:?}");
        }
        completion.at_prompt = false;
        assert_eq!(completion.candidates("f").1, Vec::<String>::new());
        assert_eq!(completion.candidates("/q").1, ["/quit"]);
    }
}
