//! Draws the lines around the posts: the tabs, the status, and the line to write on, or the keys. Pure.

use std::borrow::Cow;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Modifier, Style},
    text::{Line, Span},
};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use super::{
    desk::Purpose,
    model::{Model, Tab},
    position::Position,
    post_verb,
    view::{Source, View},
};
use crate::terminal::post_text::audience;

const STATUS: Style = Style::new().add_modifier(Modifier::REVERSED);
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
/// Shown on an empty line: the first that fits.
const HINTS: [&str; 4] = [
    "Write a post, or choose one with ↑. Tab: other lists, F1: help, Ctrl-D: leave",
    "Write a post, or choose one with ↑. Tab: lists, F1: help",
    "Write a post. F1: help, Ctrl-D: leave",
    "Write a post",
];
const PROMPT: &str = "> ";
/// Always at the end of the keys.
const MORE_KEYS: [(&str, &str); 2] = [("?", "help"), ("Esc", "back")];

/// The names of the tabs, and what was opened from the one that is shown.
pub fn draw_tabs(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let mut spans = Vec::new();
    for tab in Tab::ALL {
        let is_shown = tab == model.tab();
        let count = match (tab, model.new_notifications()) {
            (Tab::Notifications, (count @ 1.., true)) => format!(" {count}+"),
            (Tab::Notifications, (count @ 1.., false)) => format!(" {count}"),
            _ => String::new(),
        };
        // Told apart without colours, too.
        let (style, before, after) =
            if is_shown { (STATUS, "[", "]") } else { (Style::new(), " ", " ") };
        spans.push(Span::styled(format!("{before}{}{count}{after}", tab.title()), style));
    }
    for view in model.opened() {
        spans.push(Span::styled(" › ", FAINT));
        spans.push(Span::styled(title(view), BOLD));
    }
    frame.render_widget(Line::from(spans), area);
}

fn title(view: &View) -> String {
    match &view.source {
        Source::Profile(name) => format!("@{name}"),
        Source::Thread(_) => "thread".to_owned(),
        Source::Timeline | Source::Home | Source::Local | Source::Notifications => String::new(),
    }
}

pub fn draw_status(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let width = usize::from(area.width);
    let mut right = position_text(model);
    let mut left = format!(" {} · {} ", model.user(), model.connection());
    let written = written(model.desk().line.len());
    // Whoever is told that a post is too long needs to see its length.
    if right.is_empty() && left.width() + written.width() <= width {
        right = written;
    }
    if let Some(notice) = model.notice() {
        let both = format!("{left}· {notice} ");
        let fits = both.width() + right.width() <= width;
        // Without room for both, the notice matters more.
        left = if fits { both } else { format!(" {notice} ") };
    }
    let left = fitted(&left, width.saturating_sub(right.width()));
    let right_width = u16::try_from(right.width()).unwrap_or(u16::MAX);
    let [left_area, right_area] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(right_width)]).areas(area);
    frame.buffer_mut().set_style(area, STATUS);
    frame.render_widget(Line::styled(left, STATUS), left_area);
    frame.render_widget(Line::styled(right, STATUS), right_area);
}

/// Where the reader is, unless at the newest posts.
fn position_text(model: &Model) -> String {
    let view = model.view();
    match (view.position, view.unseen) {
        (Position::Newest, _) => String::new(),
        (Position::Back { .. }, 0) if view.loading.is_some() => " loading… ".to_owned(),
        (Position::Back { .. }, 0) if view.selected.is_some() => String::new(),
        (Position::Back { .. }, 0) => " scrolled back (Esc) ".to_owned(),
        (Position::Back { .. }, 1) => " 1 new post below (End) ".to_owned(),
        (Position::Back { .. }, unseen) => format!(" {unseen} new posts below (End) "),
    }
}

/// How long the post will be.
fn written(characters: usize) -> String {
    match characters {
        0 => String::new(),
        1 => " 1 character ".to_owned(),
        _ => format!(" {characters} characters "),
    }
}

/// The line to write on; or, while an entry is selected, what keys do with that.
pub fn draw_writing(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    if model.is_choosing() {
        frame.render_widget(keys(model, area.width.into()), area);
        return frame.set_cursor_position((area.x, area.y));
    }
    let shown = model.desk().line.shown();
    let prompt = prompt(model.desk().purpose(), area.width.into());
    let columns = usize::from(area.width).saturating_sub(prompt.width()).max(1);
    // The cursor stays visible, even if the beginning of the line does not.
    let scrolled = (shown.cursor + 1).saturating_sub(columns);
    let [before, after] = shown.parts;
    let column =
        (prompt.width() + shown.cursor - scrolled).min(usize::from(area.width).saturating_sub(1));
    let line = if model.desk().is_idle() {
        let hint = HINTS.into_iter().find(|hint| hint.width() < columns).unwrap_or_default();
        Line::from(vec![Span::raw(prompt), Span::styled(hint, FAINT)])
    } else {
        Line::from(vec![prompt.into(), Span::raw(from_column(&before, scrolled)), after.into()])
    };
    frame.render_widget(line, area);
    frame.set_cursor_position((area.x + u16::try_from(column).unwrap_or(0), area.y));
}

/// What stands before the line, if that leaves enough room.
fn prompt(purpose: &Purpose, columns: usize) -> String {
    let prompt = match purpose {
        Purpose::Post => return PROMPT.to_owned(),
        Purpose::Reply(answered) => match audience(answered.visibility) {
            Some(audience) => format!("reply to {}, {audience}{PROMPT}", answered.author),
            None => format!("reply to {}{PROMPT}", answered.author),
        },
        Purpose::Edit(..) => format!("edit{PROMPT}"),
    };
    if prompt.width() * 2 <= columns { prompt } else { PROMPT.to_owned() }
}

/// As many keys as there is room for.
fn keys(model: &Model, columns: usize) -> Line<'static> {
    let Some(entry) = model.view().chosen() else { return Line::default() };
    let width = |key: &str, word: &str| key.width() + 1 + word.width() + 2;
    let more: usize = MORE_KEYS.iter().map(|(key, word)| width(key, word)).sum();
    let mut left = columns.saturating_sub(more);
    let mut spans = Vec::new();
    let mut add = |key: String, word: &'static str| {
        spans.extend([Span::styled(key, BOLD), Span::raw(" "), Span::raw(word), Span::raw("  ")]);
    };
    for offer in post_verb::offers(entry, model.user()) {
        let key = offer.key.to_string();
        let Some(rest) = left.checked_sub(width(&key, offer.word)) else { break };
        left = rest;
        add(key, offer.word);
    }
    for (key, word) in MORE_KEYS {
        add(key.to_owned(), word);
    }
    spans.into()
}

/// As much of `words` as fits, with a mark if something was cut off.
fn fitted(words: &str, columns: usize) -> Cow<'_, str> {
    if words.width() <= columns {
        return words.into();
    }
    let mut left = columns.saturating_sub(1);
    let fits = |grapheme: &&str| match left.checked_sub(grapheme.width()) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    let start: String = words.graphemes(true).take_while(fits).collect();
    format!("{start}…").into()
}

/// The text from a column on. If that cuts a wide character in half, a space takes its place.
fn from_column(text: &str, column: usize) -> String {
    let mut at = 0;
    let mut rest = text.graphemes(true);
    while at < column {
        match rest.next() {
            Some(grapheme) => at += grapheme.width(),
            None => return String::new(),
        }
    }
    " ".repeat(at - column) + rest.as_str()
}
