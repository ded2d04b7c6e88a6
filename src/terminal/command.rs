//! What a line asks for. Pure.

/// A line at the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Follow(String),
    Unfollow(String),
    List,
    Timeline,
    /// Ends the conversation.
    Quit,
    /// A blank line.
    Nothing,
    Invalid,
}

/// A line in the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimelineLine {
    Post(String),
    /// Leaves the timeline.
    Quit,
    /// A blank line.
    Nothing,
}

/// The verbs, as completion offers them.
pub const VERBS: [&str; 4] = ["FOLLOW", "UNFOLLOW", "LIST", "TIMELINE"];
/// Leaves the timeline, and the conversation.
pub const QUIT: &str = "/quit";

/// Reads a line at the prompt. Verbs may be written in any case. What follows FOLLOW and UNFOLLOW
/// is the name: whether it is a valid one is for the server to say.
pub fn parse(line: &str) -> Command {
    let line = line.trim();
    if line.is_empty() {
        return Command::Nothing;
    }
    if line.eq_ignore_ascii_case(QUIT) {
        return Command::Quit;
    }
    let (verb, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let name = argument.trim().to_owned();
    match (verb.to_ascii_uppercase().as_str(), name.is_empty()) {
        ("FOLLOW", false) => Command::Follow(name),
        ("UNFOLLOW", false) => Command::Unfollow(name),
        ("LIST", true) => Command::List,
        ("TIMELINE", true) => Command::Timeline,
        _ => Command::Invalid,
    }
}

/// Reads a line in the timeline.
pub fn parse_in_timeline(line: &str) -> TimelineLine {
    let text = line.trim_end();
    if text.trim().is_empty() {
        TimelineLine::Nothing
    } else if text.trim().eq_ignore_ascii_case(QUIT) {
        TimelineLine::Quit
    } else {
        TimelineLine::Post(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_type() {
        let follow = |name: &str| Command::Follow(name.to_owned());
        for (line, command) in [
            ("FOLLOW u1", follow("u1")),
            ("follow u1", follow("u1")),
            ("  FoLLoW \t u1  \r\n", follow("u1")),
            ("FOLLOW Case", follow("Case")),
            ("FOLLOW u1 u2", follow("u1 u2")),
            ("UNFOLLOW u1 ", Command::Unfollow("u1".to_owned())),
            ("LIST", Command::List),
            ("list ", Command::List),
            ("TIMELINE\n", Command::Timeline),
            ("/quit", Command::Quit),
            ("", Command::Nothing),
            (" \t\n", Command::Nothing),
            ("FOLLOW", Command::Invalid),
            ("follow ", Command::Invalid),
            ("UNFOLLOW", Command::Invalid),
            ("LIST u1", Command::Invalid),
            ("TIMELINE now", Command::Invalid),
            ("LISTS", Command::Invalid),
            ("FOLLOWu1", Command::Invalid),
            ("hello", Command::Invalid),
        ] {
            assert_eq!(parse(line), command, "{line:?}");
        }
    }

    #[test]
    fn every_other_line_in_the_timeline_is_a_post() {
        let post = |text: &str| TimelineLine::Post(text.to_owned());
        for (line, read) in [
            ("hello", post("hello")),
            ("  two  words \r\n", post("  two  words")),
            ("LIST", post("LIST")),
            ("/quit now", post("/quit now")),
            ("/quit ", TimelineLine::Quit),
            ("/QUIT", TimelineLine::Quit),
            ("  \n", TimelineLine::Nothing),
        ] {
            assert_eq!(parse_in_timeline(line), read, "{line:?}");
        }
        let long = "x".repeat(100_000);
        assert_eq!(parse_in_timeline(&long), post(&long));
    }
}
