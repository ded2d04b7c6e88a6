//! How posts become lines: their height at a width, and the lines themselves. Pure.

use chrono::TimeZone;
use ratatui::{
    style::{Color, Modifier, Style},
    text::{Line, Span, Text},
    widgets::{Paragraph, Wrap},
};

use super::{age, loaded_posts::ShownPost, outbox::Unsent};
use crate::{domain::UnixMillis, sanitise};

/// Columns before the text of a post, so that no line of it can look like the head of another post.
pub const INDENT: u16 = 2;
/// The line with author and age.
const HEAD: usize = 1;

const AUTHOR: Style = Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD);
const OWN: Style = Style::new().fg(Color::Green).add_modifier(Modifier::BOLD);
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
const REFUSED: Style = Style::new().fg(Color::Red);

/// A post as it is drawn: a head, and below it the text, indented.
pub struct Block<'a> {
    pub head: Line<'a>,
    text: Paragraph<'a>,
    /// Lines in all.
    pub height: usize,
}

impl<'a> Block<'a> {
    /// A post that was made, on a screen of `width` columns.
    pub fn of_post<Zone: TimeZone>(
        entry: &'a ShownPost,
        width: u16,
        user: &str,
        now: UnixMillis,
        zone: &Zone,
    ) -> Self
    where
        Zone::Offset: std::fmt::Display,
    {
        let style = if entry.author == user { OWN } else { AUTHOR };
        let head = Line::from(vec![
            Span::styled(entry.author.as_str(), style),
            Span::styled(format!("  {}", age::of(entry.posted_at, now, zone)), FAINT),
        ]);
        Self { head, text: paragraph(entry.text.as_str()), height: height(entry, width) }
    }

    /// A post that is not made yet.
    pub fn of_unsent(unsent: &Unsent, width: u16, user: &'a str) -> Self {
        let (how, style) = match &unsent.refused {
            None => ("  sending…".to_owned(), FAINT),
            Some(why) => (format!("  not posted: {why}  (Ctrl-R: edit it)"), REFUSED),
        };
        let head = Line::from(vec![Span::styled(user, OWN), Span::styled(how, style)]);
        let text = paragraph(sanitise::block(&unsent.text)).style(FAINT);
        Self { head, height: HEAD + lines(&text, width), text }
    }

    /// The text without its first `hidden` lines, and without the head.
    pub fn text_from(&self, hidden: usize) -> Paragraph<'a> {
        self.text.clone().scroll((u16::try_from(hidden).unwrap_or(u16::MAX), 0))
    }
}

/// The height of a post on a screen of `width` columns.
pub fn height(entry: &ShownPost, width: u16) -> usize {
    match entry.layout.get() {
        Some((at, height)) if at == width => height,
        _ => {
            let height = HEAD + lines(&paragraph(entry.text.as_str()), width);
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
