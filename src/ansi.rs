//! Which escape sequences may be sent to a terminal, following the conventions of `TERM` and
//! `NO_COLOR`. Pure: `variable` looks up the environment.

use std::ffi::OsString;

/// Whether the terminal understands escape sequences at all.
pub fn is_understood(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    variable("TERM").is_some_and(|name| !name.is_empty() && name != "dumb")
}

/// Whether to print in colour: on a terminal that can, unless the user has turned colours off
/// (<https://no-color.org>; an empty variable does not count).
pub fn wants_colour(is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let no_colour = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_terminal && !no_colour && is_understood(variable)
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
            assert_eq!(wants_colour(is_terminal, variable), wanted, "{case:?}");
        }
    }
}
