//! Whether colours are wanted, and which ones words have. Pure.

use std::ffi::OsString;

/// Whether to print in colour: on a terminal that can, for a person who has not asked for none
/// (<https://no-color.org>). `variable` looks up the environment.
pub fn is_wanted(is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    is_terminal && set("NO_COLOR").is_none() && set("TERM").is_some_and(|name| name != "dumb")
}

/// Paints words, or leaves them as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    pub is_wanted: bool,
}

impl Paint {
    /// The name of somebody.
    pub fn name(self, words: &str) -> String {
        self.paint("1;36", words)
    }

    /// Something was done.
    pub fn good(self, words: &str) -> String {
        self.paint("32", words)
    }

    /// Something was not done.
    pub fn bad(self, words: &str) -> String {
        self.paint("31", words)
    }

    /// In the colours of SGR `code`. An end of line stays outside, lest the next one is painted.
    fn paint(self, code: &str, words: &str) -> String {
        let line = words.trim_end_matches('\n');
        if !self.is_wanted || line.is_empty() {
            return words.to_owned();
        }
        format!("\u{1b}[{code}m{line}\u{1b}[0m{}", &words[line.len()..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_have_them_and_people_who_want_them() {
        for (is_terminal, term, no_color, wanted) in [
            (true, Some("xterm"), None, true),
            (true, Some("xterm"), Some(""), true),
            (true, Some("xterm"), Some("1"), false),
            (true, Some("xterm"), Some("0"), false),
            (true, Some("dumb"), None, false),
            (true, Some(""), None, false),
            (true, None, None, false),
            (false, Some("xterm"), None, false),
            (false, None, Some("1"), false),
        ] {
            let variable = |name: &str| match name {
                "TERM" => term.map(OsString::from),
                "NO_COLOR" => no_color.map(OsString::from),
                _ => None,
            };
            let case = (is_terminal, term, no_color);
            assert_eq!(is_wanted(is_terminal, variable), wanted, "{case:?}");
        }
    }

    #[test]
    fn paint_changes_nothing_but_the_colour() {
        let (paint, none) = (Paint { is_wanted: true }, Paint::default());
        assert_eq!(paint.name("u1"), "\u{1b}[1;36mu1\u{1b}[0m");
        assert_eq!(paint.bad("no\n"), "\u{1b}[31mno\u{1b}[0m\n");
        assert_eq!((paint.good("\n"), none.good("yes\n")), ("\n".to_owned(), "yes\n".to_owned()));
    }
}
