//! Posts with their numbers, by which other commands name them. Pure.

use chrono::{DateTime, TimeZone, Utc};

use super::colour::Paint;
use crate::{
    client::Post,
    domain::{Picture, PostId, UnixMillis, Visibility},
    network::Thread,
    sanitise,
};

/// Whether what is behind a warning is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warnings {
    /// The warning alone.
    Folded,
    Unfolded,
}

/// A moment in `zone`, as in `Thu Feb  1 23:47:25 2018`.
pub fn time<Zone: TimeZone>(at: UnixMillis, zone: &Zone) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let at = DateTime::<Utc>::from_timestamp_millis(at.get()).unwrap_or_default();
    at.with_timezone(zone).format("%a %b %e %H:%M:%S %Y").to_string()
}

/// What a post says, harmless; of one with a warning, that alone if it is folded.
pub fn said(post: &Post, warnings: Warnings) -> String {
    let text = with_pictures(sanitise::text(&post.text), post, "\n    ");
    let Some(warning) = post.warning.as_deref().map(sanitise::line) else { return text };
    match warnings {
        Warnings::Folded => format!("({warning}: SHOW {} shows it)", post.id),
        Warnings::Unfolded => format!("({warning})\n    {text}"),
    }
}

/// A text that is harmless, and what the pictures beside it show, each on a line of its own.
pub fn with_pictures(text: String, post: &Post, new_line: &str) -> String {
    let picture = |picture: &Picture| match &picture.description {
        Some(description) => format!("[picture: {}]", sanitise::line(description.as_str())),
        None => "[picture]".to_owned(),
    };
    let text = Some(text).filter(|text| !text.is_empty());
    let lines: Vec<String> = text.into_iter().chain(post.pictures.iter().map(picture)).collect();
    lines.join(new_line)
}

/// A post with its number and what is known of it, as in
/// `[12] u1(Thu Feb  1 23:47:25 2018, answers 7, 2 likes) >> hello`. Of a boost, the post that was boosted.
pub fn numbered<Zone: TimeZone>(
    post: &Post,
    warnings: Warnings,
    zone: &Zone,
    paint: Paint,
) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let (shown, booster) = match &post.boost_of {
        Some(boosted) => (&**boosted, Some(&post.author)),
        None => (post, None),
    };
    let mut facts = vec![time(shown.posted_at, zone)];
    facts.extend(booster.map(|booster| format!("boosted by {booster}")));
    facts.extend(shown.reply_to.map(|reply| format!("answers {}", reply.post)));
    facts.extend(audience(shown.visibility).map(str::to_owned));
    facts.extend(shown.edited_at.map(|_| "edited".to_owned()));
    let counts = shown.counts;
    facts.extend(counted(counts.replies, "reply", "replies"));
    facts.extend(counted(counts.boosts, "boost", "boosts"));
    facts.extend(counted(counts.likes, "like", "likes"));
    facts.extend(marks(shown).into_iter().map(|mark| format!("you have {mark} it")));
    let (id, author, facts) = (shown.id, paint.name(shown.author.as_str()), facts.join(", "));
    format!("[{id}] {author}({facts}) >> {}\n", said(shown, warnings))
}

/// For whom a post is, if it is not for everybody.
pub fn audience(visibility: Visibility) -> Option<&'static str> {
    match visibility {
        Visibility::Public => None,
        Visibility::Unlisted => Some("unlisted"),
        Visibility::Followers => Some("for followers"),
        Visibility::Mentioned => Some("for those mentioned"),
    }
}

/// How many there are, if there are any.
pub fn counted(count: u64, one: &str, many: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{count} {many}")),
    }
}

fn marks(post: &Post) -> Vec<&'static str> {
    let marks = post.marks;
    let all = [
        (marks.liked, "liked"),
        (marks.boosted, "boosted"),
        (marks.bookmarked, "bookmarked"),
        (marks.pinned, "pinned"),
        (marks.muted, "muted"),
    ];
    all.into_iter().filter_map(|(is_set, mark)| is_set.then_some(mark)).collect()
}

/// A conversation: an asterisk marks the post that was asked for.
pub fn thread<Zone: TimeZone>(
    post: &Post,
    Thread { ancestors, descendants }: &Thread,
    zone: &Zone,
    paint: Paint,
) -> String
where
    Zone::Offset: std::fmt::Display,
{
    let line =
        |sign: &str, post| format!("{sign} {}", numbered(post, Warnings::Folded, zone, paint));
    let before = ancestors.iter().map(|post| line(" ", post));
    let after = descendants.iter().map(|post| line(" ", post));
    before.chain([line("*", post)]).chain(after).collect()
}

/// The beginning of what a post says, on one line.
pub fn beginning(post: &Post) -> String {
    /// Enough to recognise it.
    const MOST_CHARS: usize = 60;
    let said = match &post.warning {
        Some(warning) => format!("({})", sanitise::line(warning)),
        None => with_pictures(sanitise::line(&post.text), post, " "),
    };
    match said.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said,
    }
}

/// The number of a post that somebody has boosted, or of the post itself.
pub fn number(post: &Post) -> PostId {
    post.boost_of.as_ref().map_or(post.id, |boosted| boosted.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Marks, PostCounts, ReplyTo, UserId, UserName};

    fn post(id: u64, text: &str) -> Post {
        let author = UserName::new("u1").expect("valid");
        let posted_at = UnixMillis::new(1_517_528_845_000);
        Post::plain(PostId::new(id), UserId(1), author, posted_at, text)
    }

    fn folded(post: &Post) -> String {
        numbered(post, Warnings::Folded, &Utc, Paint::default())
    }

    #[test]
    fn a_post_has_its_number_and_what_is_known_of_it() {
        assert_eq!(
            folded(&post(12, "hello\n\u{1b}c")),
            "[12] u1(Thu Feb  1 23:47:25 2018) >> hello\n    \u{fffd}c\n"
        );
        let rich = Post {
            visibility: Visibility::Followers,
            reply_to: Some(ReplyTo { post: PostId::new(7), author: UserId(2) }),
            edited_at: Some(UnixMillis::new(3)),
            counts: PostCounts { replies: 1, boosts: 0, likes: 2 },
            marks: Marks { liked: true, pinned: true, ..Marks::default() },
            ..post(12, "hello")
        };
        assert_eq!(
            folded(&rich),
            "[12] u1(Thu Feb  1 23:47:25 2018, answers 7, for followers, edited, 1 reply, 2 likes, \
             you have liked it, you have pinned it) >> hello\n"
        );
    }

    #[test]
    fn a_boost_is_the_post_that_was_boosted() {
        let author = UserName::new("u2").expect("valid");
        let boost = Post { boost_of: Some(Box::new(post(7, "hello"))), author, ..post(12, "") };
        assert_eq!(folded(&boost), "[7] u1(Thu Feb  1 23:47:25 2018, boosted by u2) >> hello\n");
        assert_eq!((number(&boost), number(&post(3, ""))), (PostId::new(7), PostId::new(3)));
    }

    #[test]
    fn a_warning_stands_instead_of_the_text_until_that_is_asked_for() {
        let warning = Some("two\nwords".to_owned());
        let spoiler = Post { warning, ..post(12, "the end") };
        assert!(folded(&spoiler).ends_with(") >> (two words: SHOW 12 shows it)\n"));
        let shown = numbered(&spoiler, Warnings::Unfolded, &Utc, Paint::default());
        assert!(shown.ends_with(") >> (two words)\n    the end\n"), "{shown}");
        assert_eq!(beginning(&spoiler), "(two words)");
        assert_eq!(beginning(&post(1, &"x".repeat(61))), format!("{}…", "x".repeat(60)));
    }

    #[test]
    fn a_conversation_marks_the_post_that_was_asked_for() {
        let conversation =
            Thread { ancestors: vec![post(1, "one")], descendants: vec![post(3, "three")] };
        let said = thread(&post(2, "two"), &conversation, &Utc, Paint::default());
        let starts: Vec<&str> = said.lines().map(|line| &line[..5]).collect();
        assert_eq!(starts, ["  [1]", "* [2]", "  [3]"]);
    }
}
