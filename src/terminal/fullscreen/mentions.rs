//! Completes the name of somebody who is mentioned in a line. Pure.

use super::writing::DraftLine;
use crate::terminal::completion::Names;

/// Names from which one chooses; a longer list is no help.
const MOST: usize = 20;

/// A name that is being completed: the same key brings the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completing {
    candidates: Vec<String>,
    /// The one that is in the line.
    chosen: usize,
}

impl Completing {
    /// Completes the name before the cursor, if there is one that begins like this.
    pub fn begin(line: &mut DraftLine, names: &Names) -> Option<Self> {
        let start = line.mention()?;
        let mut candidates = names.starting_with(&start);
        candidates.truncate(MOST);
        let chosen = candidates.first()?;
        line.replace_before_cursor(start.chars().count(), chosen);
        if candidates.len() == 1 {
            line.replace_before_cursor(0, " ");
        }
        Some(Self { candidates, chosen: 0 })
    }

    /// Puts the next name into the line.
    pub fn go_on(&mut self, line: &mut DraftLine) {
        let [before, next] =
            [self.chosen, (self.chosen + 1) % self.candidates.len()].map(|at| &self.candidates[at]);
        if self.candidates.len() > 1 {
            line.replace_before_cursor(before.chars().count(), next);
            self.chosen = (self.chosen + 1) % self.candidates.len();
        }
    }

    /// All names, beginning with the one that is in the line; nothing if there is no choice.
    pub fn in_words(&self) -> Option<String> {
        let (before, rest) = self.candidates.split_at(self.chosen);
        let names: Vec<String> = rest.iter().chain(before).map(|name| format!("@{name}")).collect();
        (names.len() > 1).then(|| format!("{} (Tab: the next)", names.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &DraftLine) -> String {
        line.shown().parts.concat()
    }

    #[test]
    fn names_are_completed_one_after_the_other() {
        let names = Names::default();
        names.learn(["ann", "andrew", "bob"]);
        let mut line = DraftLine::default();
        line.put("hello @an".to_owned());
        let mut completing = Completing::begin(&mut line, &names).expect("there are two");
        assert_eq!(text(&line), "hello @andrew");
        assert_eq!(completing.in_words().as_deref(), Some("@andrew @ann (Tab: the next)"));
        completing.go_on(&mut line);
        assert_eq!(text(&line), "hello @ann");
        completing.go_on(&mut line);
        assert_eq!(text(&line), "hello @andrew");
        line.put("@BO".to_owned());
        let mut only = Completing::begin(&mut line, &names).expect("there is one");
        assert_eq!((text(&line).as_str(), only.in_words()), ("@bob ", None));
        only.go_on(&mut line);
        assert_eq!(text(&line), "@bob ");
        for nobody in ["@x", "an", "a@an", ""] {
            line.put(nobody.to_owned());
            assert_eq!(Completing::begin(&mut line, &names), None, "{nobody}");
        }
    }
}
