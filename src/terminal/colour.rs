//! The colours of words. Pure.

/// Adds colours to words, or leaves them as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    pub is_wanted: bool,
}

impl Paint {
    /// The name of a user.
    pub fn name(self, words: &str) -> String {
        self.paint("1;36", words)
    }

    /// Something succeeded.
    pub fn good(self, words: &str) -> String {
        self.paint("32", words)
    }

    /// Something failed.
    pub fn bad(self, words: &str) -> String {
        self.paint("31", words)
    }

    /// In the colours of SGR `code`. A final line end stays outside, so that the next line is not
    /// coloured.
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
    fn paint_changes_nothing_but_the_colour() {
        let (paint, none) = (Paint { is_wanted: true }, Paint::default());
        assert_eq!(paint.name("u1"), "\u{1b}[1;36mu1\u{1b}[0m");
        assert_eq!(paint.bad("no\n"), "\u{1b}[31mno\u{1b}[0m\n");
        assert_eq!((paint.good("\n"), none.good("yes\n")), ("\n".to_owned(), "yes\n".to_owned()));
    }
}
