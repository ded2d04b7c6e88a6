//! What keys there are, on the screen. Pure.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Modifier, Style},
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr as _;

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
/// Columns for the keys themselves.
const KEYS: usize = 10;
/// A screen that is as wide has the two tables beside each other.
const WIDE: u16 = 76;

const CHOOSING: Table = Table {
    title: "↑ and ↓ select; then letters are keys",
    keys: &[
        ("r", "reply"),
        ("l f", "like, or not any more"),
        ("b", "boost, or not any more"),
        ("k", "bookmark, or not any more"),
        ("x Space", "what a warning hides"),
        ("t Enter →", "the thread"),
        ("p", "the profile of the author"),
        ("e d", "edit or delete your own"),
        ("f m B", "profile: follow, mute, block"),
        ("a n", "accept or reject a follower"),
        ("← Esc", "one step back"),
        ("1 … 4", "the tabs"),
    ],
};

const WRITING: Table = Table {
    title: "Otherwise letters are written",
    keys: &[
        ("Enter", "posts the line"),
        ("Alt-Enter", "starts a new line in it"),
        ("Tab", "completes an @name"),
        ("Ctrl-R", "a refused post, once more"),
        ("Esc", "one step back"),
        ("Tab", "next tab, on an empty line"),
        ("Alt-1 … 4", "the tabs"),
        ("PgUp PgDn", "scroll"),
        ("Home End", "the oldest, the newest"),
        ("F1", "this; any key closes it"),
        ("Ctrl-D", "leaves"),
        ("Ctrl-C", "ends the client"),
    ],
};

/// Keys, and what they do.
struct Table {
    title: &'static str,
    keys: &'static [(&'static str, &'static str)],
}

impl Table {
    fn draw(&self, area: Rect, frame: &mut Frame<'_>) {
        let row = |(key, does): &(&'static str, &'static str)| {
            let room = " ".repeat(KEYS.saturating_sub(key.width()));
            Line::from(vec![Span::styled(format!("  {key}"), BOLD), room.into(), (*does).into()])
        };
        let lines =
            std::iter::once(Line::styled(self.title, BOLD)).chain(self.keys.iter().map(row));
        for (y, line) in (area.y..area.bottom()).zip(lines) {
            frame.render_widget(line, Rect { y, height: 1, ..area });
        }
    }
}

/// Draws it.
pub fn draw(area: Rect, frame: &mut Frame<'_>) {
    let [choosing, writing] = if area.width >= WIDE {
        Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(area)
    } else {
        let rows = u16::try_from(CHOOSING.keys.len() + 1).unwrap_or(u16::MAX);
        Layout::vertical([Constraint::Max(rows), Constraint::Fill(1)]).areas(area)
    };
    CHOOSING.draw(choosing, frame);
    WRITING.draw(writing, frame);
}
