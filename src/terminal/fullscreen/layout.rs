//! How posts become lines: their height at a width, and the lines themselves. Pure.

use chrono::TimeZone;
use ratatui::{
    style::{Color, Modifier, Style},
    text::{Line, Span, Text},
    widgets::{Paragraph, Wrap},
};

use super::{
    age,
    desk::Purpose,
    outbox::Unsent,
    shown_post::{EntryKind, ShownPost},
};
use crate::{
    domain::{
        Post, UnixMillis, UserName,
        entities::{EntityKind, entities},
    },
    sanitise,
    terminal::{
        people_text::deed,
        post_text::{audience, counted},
    },
};

/// Columns before the text of a post, so that no line of it can look like the head of another post.
pub const INDENT: u16 = 2;
/// The line with author and age.
const HEAD: usize = 1;

const AUTHOR: Style = Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD);
const OWN: Style = Style::new().fg(Color::Green).add_modifier(Modifier::BOLD);
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
const REFUSED: Style = Style::new().fg(Color::Red);
const NEW: Style = Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD);
/// What the user has done with a post.
const DONE: Style = Style::new().fg(Color::Green);
const MENTION: Style = Style::new().fg(Color::Cyan);
const HASHTAG: Style = Style::new().fg(Color::Magenta);
const LINK: Style = Style::new().fg(Color::Blue).add_modifier(Modifier::UNDERLINED);

/// For whom entries are drawn, and how.
pub struct Look<'a, Zone> {
    pub width: u16,
    pub user: &'a UserName,
    pub now: UnixMillis,
    pub zone: &'a Zone,
}

/// A post as it is drawn: a head, and below it the text, indented.
pub struct Block<'a> {
    pub head: Line<'a>,
    text: Paragraph<'a>,
    /// Lines in all.
    pub height: usize,
}

impl<'a> Block<'a> {
    /// An entry, which may be new to the user.
    pub fn of_entry<Zone: TimeZone>(
        entry: &'a ShownPost,
        is_new: bool,
        look: &Look<'_, Zone>,
    ) -> Self
    where
        Zone::Offset: std::fmt::Display,
    {
        let style = if entry.author == *look.user { OWN } else { AUTHOR };
        let mut head = vec![Span::styled(entry.author.as_str(), style)];
        if !matches!(entry.kind, EntryKind::Person(_)) {
            let age = age::of(entry.posted_at, look.now, look.zone);
            head.push(Span::styled(format!("  {age}"), FAINT));
        }
        let mut add = |fact: String, style| {
            head.push(Span::styled(" · ", FAINT));
            head.push(Span::styled(fact, style));
        };
        if is_new {
            add("new".to_owned(), NEW);
        }
        for fact in facts(entry) {
            add(fact, FAINT);
        }
        for done in entry.post.as_deref().map(done).unwrap_or_default() {
            add(done.to_owned(), DONE);
        }
        let text = paragraph(coloured(&entry.said()));
        Self { head: head.into(), text, height: height(entry, look.width) }
    }

    /// A post that is not made yet.
    pub fn of_unsent(unsent: &Unsent, width: u16, user: &'a UserName) -> Self {
        let (how, style) = match &unsent.refused {
            None => ("  sending…".to_owned(), FAINT),
            Some(why) => (format!("  not posted: {why}  (Ctrl-R: edit it)"), REFUSED),
        };
        let mut head = vec![Span::styled(user.as_str(), OWN), Span::styled(how, style)];
        if let Purpose::Reply(answered) = &unsent.purpose {
            head.push(Span::styled(format!(" · answers {}", answered.author), FAINT));
        }
        let text = paragraph(sanitise::block(&unsent.text)).style(FAINT);
        Self { head: head.into(), height: HEAD + lines(&text, width), text }
    }

    /// The text without its first `hidden` lines, and without the head.
    pub fn text_from(&self, hidden: usize) -> Paragraph<'a> {
        self.text.clone().scroll((u16::try_from(hidden).unwrap_or(u16::MAX), 0))
    }
}

/// What is known of an entry besides its author, its age and its text.
fn facts(entry: &ShownPost) -> Vec<String> {
    let mut facts = Vec::new();
    match &entry.kind {
        EntryKind::Posted | EntryKind::Person(_) => {}
        EntryKind::BoostedBy(booster) => facts.push(format!("boosted by {booster}")),
        EntryKind::Notified(kind) => facts.push(deed(*kind).to_owned()),
    }
    let Some(post) = entry.post.as_deref() else { return facts };
    match (&entry.answers, post.reply_to) {
        (Some(author), _) => facts.push(format!("answers {author}")),
        (None, Some(_)) => facts.push("an answer".to_owned()),
        (None, None) => {}
    }
    facts.extend(audience(post.visibility).map(str::to_owned));
    facts.extend(post.edited_at.map(|_| "edited".to_owned()));
    let counts = post.counts;
    facts.extend(counted(counts.replies, "reply", "replies"));
    facts.extend(counted(counts.boosts, "boost", "boosts"));
    facts.extend(counted(counts.likes, "like", "likes"));
    facts
}

fn done(post: &Post) -> Vec<&'static str> {
    let marks = post.marks;
    let all = [
        (marks.liked, "you like it"),
        (marks.boosted, "you boosted it"),
        (marks.bookmarked, "bookmarked"),
        (marks.pinned, "pinned"),
    ];
    all.into_iter().filter_map(|(is_so, done)| is_so.then_some(done)).collect()
}

/// A text in which mentions, hashtags and links stand out.
fn coloured(text: &str) -> Text<'static> {
    text.split('\n').map(coloured_line).collect()
}

fn coloured_line(line: &str) -> Line<'static> {
    let mut spans = Vec::new();
    let mut plain_from = 0;
    for entity in entities(line) {
        let style = match entity.kind {
            EntityKind::Mention => MENTION,
            EntityKind::Hashtag => HASHTAG,
            EntityKind::Link => LINK,
        };
        spans.push(Span::raw(line[plain_from..entity.span.start].to_owned()));
        spans.push(Span::styled(line[entity.span.clone()].to_owned(), style));
        plain_from = entity.span.end;
    }
    spans.push(Span::raw(line[plain_from..].to_owned()));
    spans.into()
}

/// The height of an entry on a screen of `width` columns.
pub fn height(entry: &ShownPost, width: u16) -> usize {
    match entry.layout.get() {
        Some((at, height)) if at == width => height,
        _ => {
            let said = entry.said();
            // What somebody has done may say everything in its head.
            let is_head_alone = said.is_empty() && entry.post.is_none();
            let lines = if is_head_alone { 0 } else { lines(&paragraph(coloured(&said)), width) };
            let height = HEAD + lines;
            entry.layout.set(Some((width, height)));
            height
        }
    }
}

fn lines(text: &Paragraph<'_>, width: u16) -> usize {
    text.line_count(width.saturating_sub(INDENT).max(1)).max(1)
}

fn paragraph<'a>(text: impl Into<Text<'a>>) -> Paragraph<'a> {
    Paragraph::new(text).wrap(Wrap { trim: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::Post,
        domain::{PostId, UserId, UserName},
    };

    fn height_of(text: &str, width: u16) -> usize {
        let author = UserName::new("u1").expect("valid");
        let post = Post::plain(PostId::new(1), UserId(1), author, UnixMillis::EPOCH, text);
        height(&ShownPost::new(&post), width)
    }

    #[test]
    fn counts_the_lines_that_a_text_takes() {
        for (text, width, lines) in [
            ("", 80, 2),
            ("hello", 80, 2),
            ("one two three", 9, 3),
            ("one\n\nthree", 80, 4),
            // Ten characters of two columns each on ten columns.
            ("日本語日本語日本語日", 12, 3),
            ("👍🏽👍🏽👍🏽👍🏽👍🏽👍🏽", 12, 3),
            ("abcdefghij", 3, 11),
            ("abc", 1, 4),
            ("abc", 0, 4),
        ] {
            assert_eq!(height_of(text, width), lines, "{text:?} on {width}");
        }
    }
}
