//! Which passwords nobody may choose: those that are tried first by whoever guesses. Pure.
//!
//! What people choose most is a list beside this file, in which a password is found whatever the case of its
//! letters, and whatever digits and signs follow them. A judgement of how hard a password is to guess would
//! refuse more, at the price of a dictionary in the program and of time that grows with the password
//! (docs/adr/0042).

use std::{collections::BTreeSet, sync::LazyLock};

use crate::domain::UserName;

/// The fewest characters of a password.
pub const MIN_CHARS: usize = 8;

/// Why a password is too easy to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// It has too few characters.
    #[error("a password has at least {MIN_CHARS} characters")]
    Short,
    /// It is among those that are tried first.
    #[error("that password is among the commonest, which are tried first: choose another")]
    Common,
    /// It is the name, or little more.
    #[error("that password is almost your name, which is tried first: choose another")]
    Name,
    /// It repeats or counts.
    #[error("that password is a row of the same or of neighbouring characters: choose another")]
    Row,
}

static COMMONEST: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("commonest.txt").lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
});

/// Refuses a password of somebody that is too easy to guess.
pub fn check(name: &UserName, password: &str) -> Result<(), Weak> {
    if password.chars().count() < MIN_CHARS {
        return Err(Weak::Short);
    }
    let folded = password.to_lowercase();
    let stem = folded.trim_end_matches(|c: char| !c.is_alphabetic());
    if COMMONEST.contains(folded.as_str()) || COMMONEST.contains(stem) {
        return Err(Weak::Common);
    }
    let name = name.folded();
    let beside = folded.replace(&name, "").chars().count();
    if folded.contains(&name) && beside < MIN_CHARS / 2 {
        return Err(Weak::Name);
    }
    if is_row(&folded) {
        return Err(Weak::Row);
    }
    Ok(())
}

/// Whether each character is the one before it, or its neighbour in the alphabet, in one direction.
fn is_row(text: &str) -> bool {
    let codes: Vec<i64> = text.chars().map(|c| i64::from(u32::from(c))).collect();
    let steps: BTreeSet<i64> = codes.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.len() == 1 && steps.iter().all(|step| step.abs() <= 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_are_tried_first_are_refused_and_others_are_not() {
        let ann = UserName::new("annabel").expect("valid");
        for (password, weak) in [
            ("short7!", Weak::Short),
            ("Password", Weak::Common),
            ("password123", Weak::Common),
            ("PASSWORD!!", Weak::Common),
            ("qwertyuiop", Weak::Common),
            ("iloveyou1", Weak::Common),
            ("Annabel1", Weak::Name),
            ("annabelannabel", Weak::Name),
            ("aaaaaaaaa", Weak::Row),
            ("23456789", Weak::Row),
            ("hgfedcba", Weak::Row),
        ] {
            assert_eq!(check(&ann, password), Err(weak), "{password}");
        }
        for password in [
            "correct horse",
            "kaffee um neun",
            "annabel drinks tea",
            "x9#kqv2p",
            "日本語の長い合言葉",
        ] {
            assert_eq!(check(&ann, password), Ok(()), "{password}");
        }
    }

    #[test]
    fn the_list_has_what_can_be_found_in_it() {
        for line in COMMONEST.iter() {
            assert_eq!(line.to_lowercase(), **line, "it is looked for in lower case");
        }
        assert!(COMMONEST.len() > 200, "{}", COMMONEST.len());
    }
}
