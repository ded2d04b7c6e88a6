//! The one table of commands: the form and meaning of each. Pure.

/// A command's first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Follow,
    Unfollow,
    List,
    Timeline,
    Post,
    Posts,
    Following,
    Whoami,
    Status,
    Password,
    Help,
    Quit,
}

/// What follows a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    None,
    /// The name of a user.
    Name,
    /// The rest of the line.
    Text,
    /// The name of a command, or nothing.
    Verb,
}

/// The verbs, in the order of HELP.
pub const VERBS: [Verb; 12] = [
    Verb::Follow,
    Verb::Unfollow,
    Verb::List,
    Verb::Timeline,
    Verb::Post,
    Verb::Posts,
    Verb::Following,
    Verb::Whoami,
    Verb::Status,
    Verb::Password,
    Verb::Help,
    Verb::Quit,
];
/// Another name for [`Verb::Quit`].
const EXIT: &str = "EXIT";

impl Verb {
    /// The verb with this name, in upper or lower case.
    pub fn find(word: &str) -> Option<Self> {
        if word.eq_ignore_ascii_case(EXIT) {
            return Some(Self::Quit);
        }
        VERBS.into_iter().find(|verb| verb.word().eq_ignore_ascii_case(word))
    }

    /// The verb that `word` was probably meant to be.
    pub fn nearest(word: &str) -> Option<Self> {
        /// Below this two words have little in common (1 is equality).
        const ALIKE: f64 = 0.75;
        let word = word.to_ascii_uppercase();
        VERBS
            .into_iter()
            .map(|verb| (strsim::jaro_winkler(&word, verb.word()), verb))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .max_by(|one, other| one.0.total_cmp(&other.0))
            .map(|(_, verb)| verb)
    }

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Follow => "FOLLOW",
            Self::Unfollow => "UNFOLLOW",
            Self::List => "LIST",
            Self::Timeline => "TIMELINE",
            Self::Post => "POST",
            Self::Posts => "POSTS",
            Self::Following => "FOLLOWING",
            Self::Whoami => "WHOAMI",
            Self::Status => "STATUS",
            Self::Password => "PASSWORD",
            Self::Help => "HELP",
            Self::Quit => "QUIT",
        }
    }

    /// What follows it.
    pub fn argument(self) -> Argument {
        match self {
            Self::Follow | Self::Unfollow | Self::Posts => Argument::Name,
            Self::Post => Argument::Text,
            Self::Help => Argument::Verb,
            Self::List
            | Self::Timeline
            | Self::Following
            | Self::Whoami
            | Self::Status
            | Self::Password
            | Self::Quit => Argument::None,
        }
    }

    /// True for commands of the classic client, whose refusals its scripts do not count as
    /// failures.
    pub fn is_classic(self) -> bool {
        matches!(self, Self::Follow | Self::Unfollow | Self::List | Self::Timeline)
    }

    /// The form of the whole command.
    pub fn usage(self) -> String {
        let word = self.word();
        match self.argument() {
            Argument::None => word.to_owned(),
            Argument::Name => format!("{word} <username>"),
            Argument::Text => format!("{word} <text>"),
            Argument::Verb => format!("{word} [command]"),
        }
    }

    /// What it does, on one line.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Follow => "shows you that person's posts from now on",
            Self::Unfollow => "removes that person's posts from your timeline",
            Self::List => "prints everyone who has an account, and your followers",
            Self::Timeline => "shows your timeline; each line you type is a post",
            Self::Post => "makes a post",
            Self::Posts => "prints that person's newest posts",
            Self::Following => "prints the people you follow",
            Self::Whoami => "prints your name, and the server in use",
            Self::Status => "prints the state of every server",
            Self::Password => "changes, sets or removes your password",
            Self::Help => "prints this list, or more about one command",
            Self::Quit => "ends the client",
        }
    }

    /// More about it.
    pub fn details(self) -> &'static str {
        match self {
            Self::Follow => "Only posts made after this are shown.",
            Self::Unfollow => "Their earlier posts disappear from it too.",
            Self::List => "On a terminal, Tab completes the names.",
            Self::Timeline => {
                "On the full screen, the newest post is at the bottom, and PageUp scrolls back.\n\
                 Printed line by line, it begins with the newest 20 posts, newest first; then\n\
                 new ones follow as they are made. Ctrl-D, QUIT or /quit leaves the timeline.\n\
                 A line that is also a command is posted only if you enter it twice."
            }
            Self::Post => "Once this succeeds, the post is safe, whatever server fails then.",
            Self::Posts => "The newest 20, newest first, whether you follow that person or not.",
            Self::Following => "Sorted by name.",
            Self::Whoami => "The server may change at any time; a message tells you when it does.",
            Self::Status => "As the router sees them, like `tinysns status`.",
            Self::Password => {
                "Asks for the current one, if there is one, and twice for the new one, without\n\
                 showing them. An empty new one removes the password. Your sessions on other\n\
                 devices end: they have to log in again. From a pipe, it reads the current one,\n\
                 if there is one, and the new one, once, on a line each."
            }
            Self::Help => "Commands may be in upper or lower case.",
            Self::Quit => "EXIT, /quit and Ctrl-D do the same.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_on_a_narrow_screen() {
        for verb in VERBS {
            let widest = verb.details().lines().map(str::len).max();
            assert!(widest.is_some_and(|width| width < 80), "{verb:?}");
        }
    }

    #[test]
    fn verbs_are_found_in_any_case() {
        for verb in VERBS {
            assert_eq!(Verb::find(&verb.word().to_ascii_lowercase()), Some(verb));
        }
        assert_eq!(Verb::find("exit"), Some(Verb::Quit));
        assert_eq!(["", "FOLLO", "/quit"].map(Verb::find), [None; 3]);
    }

    #[test]
    fn a_mistyped_verb_finds_the_one_that_was_meant() {
        for (typed, meant) in [
            ("folow", Some(Verb::Follow)),
            ("FOLLOWU1", Some(Verb::Follow)),
            ("unfolow", Some(Verb::Unfollow)),
            ("timelien", Some(Verb::Timeline)),
            ("LISTS", Some(Verb::List)),
            ("psots", Some(Verb::Posts)),
            ("pasword", Some(Verb::Password)),
            ("hlep", Some(Verb::Help)),
            ("quti", Some(Verb::Quit)),
            ("nonsense", None),
            ("xyz", None),
            ("", None),
        ] {
            assert_eq!(Verb::nearest(typed), meant, "{typed}");
        }
    }
}
