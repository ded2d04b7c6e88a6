//! The one table of commands: the form and meaning of each. Pure.

/// What follows a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    None,
    /// The name of a user.
    Name,
    /// The name of a user, or nothing for oneself.
    OptionalName,
    /// The number of a post.
    Post,
    /// The number of a post, and the rest of the line.
    PostAndText,
    /// The rest of the line.
    Text,
    /// The name of a user or the number of a post, and the rest of the line.
    NameOrPostAndText,
    /// The name of a user, and the rest of the line, if there is one.
    NameAndText,
    /// What is set, and to what.
    Setting,
    /// What to search for.
    Words,
    /// A hashtag, with its # or without.
    Hashtag,
    /// The number of a session, or `others`.
    Session,
    /// The number of a list, and what is done with it.
    List,
    /// The number of a filter.
    Filter,
    /// What is preferred, and how.
    Preference,
    /// The name of a command, or nothing.
    Verb,
}

/// A row of the table.
struct Row {
    word: &'static str,
    argument: Argument,
    summary: &'static str,
    details: &'static str,
}

/// Makes the verbs of the rows.
macro_rules! verbs {
    ($($verb:ident, $word:literal, $argument:ident, $summary:literal, $details:literal;)*) => {
        /// A command's first word.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Verb {
            $($verb,)*
        }

        /// The verbs, in the order of HELP.
        pub const VERBS: [Verb; [$(Verb::$verb),*].len()] = [$(Verb::$verb),*];

        impl Verb {
            fn row(self) -> &'static Row {
                match self {
                    $(Self::$verb => &Row {
                        word: $word,
                        argument: Argument::$argument,
                        summary: $summary,
                        details: $details,
                    },)*
                }
            }
        }
    };
}

verbs! {
    Follow, "FOLLOW", Name,
        "shows you that person's posts from now on",
        "Only posts made after this are shown.\n\
         Whoever has a locked profile is asked first.";
    Unfollow, "UNFOLLOW", Name,
        "removes that person's posts from your timeline",
        "Their earlier posts disappear from it too.";
    List, "LIST", None,
        "prints everyone who has an account, and your followers",
        "On a terminal, Tab completes the names.";
    Timeline, "TIMELINE", None,
        "shows your timeline; each line you type is a post",
        "On the full screen, the newest post is at the bottom, and PageUp scrolls back.\n\
         Printed line by line, it begins with the newest 20 posts, newest first; then\n\
         new ones follow as they are made. Ctrl-D, QUIT or /quit leaves the timeline.\n\
         A line that is also a command is posted only if you enter it twice.";
    Post, "POST", Text,
        "makes a post",
        "Once this succeeds, the post is safe, whatever server fails then. Options come\n\
         before the text, and -- ends them:\n\
         \x20 --public, --unlisted, --followers, --mentioned   for whom it is: everybody;\n\
         \x20     everybody, but in no public timeline; your followers; those it mentions\n\
         \x20 --warning \"some words\"   shown instead of the text at first\n\
         \x20 --sensitive, --not-sensitive   whether what belongs to it is hidden at first\n\
         \x20 --language en            in which language it is\n\
         What you do not say is as you prefer: see PREFERENCES.";
    Reply, "REPLY", PostAndText,
        "answers a post",
        "It has the options of POST, and is for whom that post is, unless you say. If\n\
         that is not everybody, it mentions the author, who might not see it otherwise.";
    Edit, "EDIT", PostAndText,
        "replaces the text of a post of yours",
        "Others can read what it said before. Its warning, whether it is sensitive, and\n\
         its language stay, unless you give other ones as for POST. --warning \"\"\n\
         removes one.";
    Delete, "DELETE", Post,
        "deletes a post of yours",
        "Its text is gone for everybody.";
    Posts, "POSTS", Name,
        "prints that person's newest posts",
        "The newest 20, newest first, whether you follow that person or not.";
    Home, "HOME", None,
        "prints what you and those you follow have posted",
        "The newest 20, newest first, each with its number. Unlike TIMELINE, it has your\n\
         own posts, what people have boosted, and what they posted before.";
    Local, "LOCAL", None,
        "prints what everybody has posted for everybody",
        "The newest 20, newest first, each with its number.";
    Tag, "TAG", Hashtag,
        "prints posts for everybody with that hashtag",
        "The newest 20, newest first, each with its number.";
    Show, "SHOW", Post,
        "prints a post, also what is behind its warning",
        "Elsewhere, the warning of a post stands instead of its text.";
    Thread, "THREAD", Post,
        "prints the conversation around a post",
        "First what it answers, then the post, then what answers it.";
    Like, "LIKE", Post,
        "likes a post",
        "Its author is told, and everybody sees how many like it.";
    Unlike, "UNLIKE", Post,
        "takes a like back",
        "Nobody is told.";
    Boost, "BOOST", Post,
        "shows a post to those who follow you",
        "Its author is told, and everybody sees how many have boosted it.";
    Unboost, "UNBOOST", Post,
        "takes a boost back",
        "Nobody is told.";
    Bookmark, "BOOKMARK", Post,
        "keeps a post for you: see BOOKMARKS",
        "Nobody else learns of it.";
    Unbookmark, "UNBOOKMARK", Post,
        "takes a bookmark away",
        "Nobody else learns of it.";
    Pin, "PIN", Post,
        "shows a post of yours first among your posts",
        "On your profile.";
    Unpin, "UNPIN", Post,
        "takes a pin away",
        "The post stays.";
    Likes, "LIKES", None,
        "prints the posts you like",
        "The newest 20 likes, newest first.";
    Bookmarks, "BOOKMARKS", None,
        "prints the posts you have bookmarked",
        "The newest 20 bookmarks, newest first.";
    Search, "SEARCH", Words,
        "finds posts, @people or #hashtags",
        "SEARCH two words prints posts in which both are, newest first. SEARCH @ann\n\
         prints people whose names begin like this, SEARCH #rust hashtags that do.";
    Profile, "PROFILE", OptionalName,
        "prints who somebody is, and what you are to each other",
        "Without a name, your own.";
    Notifications, "NOTIFICATIONS", None,
        "prints what others have done that concerns you",
        "The newest 20, newest first. An asterisk marks what you had not read before.";
    Requests, "REQUESTS", None,
        "prints who asks to follow you",
        "They ask if your profile is locked.";
    Accept, "ACCEPT", Name,
        "lets somebody follow you who has asked to",
        "See REQUESTS.";
    Reject, "REJECT", Name,
        "does not let somebody follow you who has asked to",
        "They are not told.";
    Block, "BLOCK", Name,
        "neither of you sees the other any more",
        "You cease to follow each other. They are not told.";
    Unblock, "UNBLOCK", Name,
        "ends a block",
        "You may follow each other again.";
    Mute, "MUTE", Name,
        "leaves that person's posts out of your timelines",
        "You are not told of what they do, either. They are not told.\n\
         MUTE ann for 7 days ends by itself. MUTE ann keep notifications tells you of\n\
         what they do nevertheless.";
    Unmute, "UNMUTE", Name,
        "ends a mute",
        "Their posts are there again, also those made meanwhile.";
    Note, "NOTE", NameAndText,
        "remembers something of that person for you",
        "PROFILE prints it. Nobody else sees it. Without words, it is forgotten.";
    Report, "REPORT", NameOrPostAndText,
        "tells those who run the network",
        "Of a person or of a post, and what is wrong. Only they read it.";
    Set, "SET", Setting,
        "changes your profile",
        "SET name Ann B., SET bio some sentences: empty, it is removed.\n\
         SET link home https://ann.example: without an address, it is removed; several\n\
         words stand in quotation marks, as in \"my home\".\n\
         SET locked on: whoever wants to follow you asks first. SET bot on: a program\n\
         posts here. SET discoverable on: you want to be found. off is the contrary.";
    Announcements, "ANNOUNCEMENTS", None,
        "prints what those who run the network tell everybody",
        "The newest first.";
    MyLists, "MYLISTS", None,
        "prints your lists of people",
        "Each with its number, by which MYLIST names it. LIST prints all accounts.";
    MyList, "MYLIST", List,
        "prints what people in a list have posted, or changes it",
        "MYLIST NEW <title> makes one. MYLIST <list> prints the newest 20 posts, and\n\
         MYLIST <list> followed by one of these:\n\
         \x20 PEOPLE                    prints who is in it\n\
         \x20 ADD <name>, REMOVE <name> for those whom you follow\n\
         \x20 TITLE <title>             calls it otherwise\n\
         \x20 REPLIES followed, list or none   whose answers to others it shows: to whom\n\
         \x20     you follow, to people in it, or none\n\
         \x20 EXCLUSIVE yes or no       leaves what they post out of HOME\n\
         \x20 DELETE                    removes the list, and nobody else";
    Tags, "TAGS", None,
        "prints the hashtags you follow",
        "What everybody posts for everybody with one of them is at HOME.";
    FollowTag, "FOLLOWTAG", Hashtag,
        "shows you everybody's posts with a hashtag, at HOME",
        "At most 200.";
    UnfollowTag, "UNFOLLOWTAG", Hashtag,
        "ends that",
        "See TAGS.";
    Filters, "FILTERS", None,
        "prints your filters of words",
        "Each with its number, by which UNFILTER names it.";
    Filter, "FILTER", Words,
        "shows posts with these words folded, or not at all",
        "Options come before the words, and -- ends them:\n\
         \x20 --hide   leaves such posts out, instead of folding them\n\
         \x20 --blur   hides only pictures, in clients that show them\n\
         \x20 --part   also where the words are within others\n\
         \x20 --in home,public   only there, of home, notifications, public, thread and\n\
         \x20          account\n\
         SHOW prints a post whatever is filtered. Scripts get all posts.";
    Unfilter, "UNFILTER", Filter,
        "removes a filter",
        "See FILTERS.";
    Preferences, "PREFERENCES", None,
        "prints how you prefer to post and to read",
        "See PREFER.";
    Prefer, "PREFER", Preference,
        "changes how you prefer to post and to read",
        "For posts where you say nothing else:\n\
         \x20 PREFER visibility public, unlisted, followers or mentioned\n\
         \x20 PREFER sensitive yes or no\n\
         \x20 PREFER language en, or another tag, or none\n\
         For clients that show them:\n\
         \x20 PREFER media default, show_all or hide_all\n\
         \x20 PREFER warnings yes or no    unfolds what is behind them\n\
         \x20 PREFER autoplay yes or no    of pictures that move";
    Following, "FOLLOWING", None,
        "prints the people you follow",
        "Sorted by name.";
    Whoami, "WHOAMI", None,
        "prints your name, and the server in use",
        "The server may change at any time; a message tells you when it does.";
    Status, "STATUS", None,
        "prints the state of every server",
        "As the router sees them, like `tinysns status`.";
    Password, "PASSWORD", None,
        "changes, sets or removes your password",
        "Asks for the current one, if there is one, and twice for the new one, without\n\
         showing them. An empty new one removes the password. Your sessions on other\n\
         devices end: they have to log in again. From a pipe, it reads the current one,\n\
         if there is one, and the new one, once, on a line each.";
    DeleteAccount, "DELETE-ACCOUNT", Name,
        "deletes your account, for good",
        "Type your own name after it, so that it is not done by mistake; then it asks\n\
         for your password, if you have one. At once, nobody sees you any more, and\n\
         soon all that there was of you is gone: posts, likes, follows. For 30 days,\n\
         nobody gets your name.";
    Sessions, "SESSIONS", None,
        "prints where you are logged in",
        "The newest first, each with its number. The asterisk is where you are. There\n\
         are none while you have no password: then whoever knows your name is in.";
    Logout, "LOGOUT", Session,
        "ends a session of yours, or all others",
        "Its number is in SESSIONS; `others` are all but the one where you are. What is\n\
         logged in there has to log in again.";
    Help, "HELP", Verb,
        "prints this list, or more about one command",
        "Commands may be in upper or lower case.";
    Quit, "QUIT", None,
        "ends the client",
        "EXIT, /quit and Ctrl-D do the same.";
}

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
        const ALIKE: f64 = 0.8;
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
        self.row().word
    }

    /// What follows it.
    pub fn argument(self) -> Argument {
        self.row().argument
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
            Argument::OptionalName => format!("{word} [username]"),
            Argument::Post => format!("{word} <id>"),
            Argument::PostAndText => format!("{word} <id> <text>"),
            Argument::NameOrPostAndText => format!("{word} <username or id> <words>"),
            Argument::NameAndText => format!("{word} <username> [words]"),
            Argument::Setting => format!("{word} <what> [value]"),
            Argument::Text => format!("{word} <text>"),
            Argument::Words => format!("{word} <words>"),
            Argument::Hashtag => format!("{word} <hashtag>"),
            Argument::Session => format!("{word} <session>"),
            Argument::List => format!("{word} <list> [what]"),
            Argument::Filter => format!("{word} <filter>"),
            Argument::Preference => format!("{word} <what> <value>"),
            Argument::Verb => format!("{word} [command]"),
        }
    }

    /// What it does, on one line.
    pub fn summary(self) -> &'static str {
        self.row().summary
    }

    /// More about it.
    pub fn details(self) -> &'static str {
        self.row().details
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
