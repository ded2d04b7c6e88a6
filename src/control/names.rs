//! Names in a sentence. Pure.

use std::fmt;

/// Some names: "a", "a and b", "a, b and c"; "nobody" if there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names<T>(pub Vec<T>);

impl<T: fmt::Display> fmt::Display for Names<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((last, others)) = self.0.split_last() else {
            return formatter.write_str("nobody");
        };
        for (at, name) in others.iter().enumerate() {
            write!(formatter, "{}{name}", if at == 0 { "" } else { ", " })?;
        }
        write!(formatter, "{}{last}", if others.is_empty() { "" } else { " and " })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_as_people_do() {
        let table: [(&[&str], &str); 4] = [
            (&[], "nobody"),
            (&["a"], "a"),
            (&["a", "b"], "a and b"),
            (&["a", "b", "c"], "a, b and c"),
        ];
        for (names, words) in table {
            assert_eq!(Names(names.to_vec()).to_string(), words);
        }
    }
}
