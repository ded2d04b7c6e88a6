//! Draws the full-screen timeline. Pure: a model becomes a frame.

use std::borrow::Cow;

use chrono::TimeZone;
use ratatui::{
    Frame,
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Paragraph, Widget as _, Wrap},
};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use super::{
    layout::{Block, INDENT},
    model::Model,
    position::Position,
};

const STATUS: Style = Style::new().add_modifier(Modifier::REVERSED);
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
const EMPTY: &str = "Nothing here yet: the posts of the people whom you FOLLOW appear here.";
/// Shown on an empty line: the first that fits.
const HINTS: [&str; 3] = [
    "Write a post. Enter posts it, PageUp scrolls back, Ctrl-D leaves",
    "Write a post. Ctrl-D leaves",
    "Write a post",
];
const PROMPT: &str = "> ";

/// Draws everything, with dates in `zone`.
pub fn draw<Zone: TimeZone>(model: &Model, zone: &Zone, frame: &mut Frame<'_>)
where
    Zone::Offset: std::fmt::Display,
{
    // If there is not enough room, the writing line stays longest.
    let [posts, status, writing] =
        Layout::vertical([Constraint::Fill(1), Constraint::Max(1), Constraint::Length(1)])
            .areas(frame.area());
    draw_posts(model, zone, posts, frame);
    draw_status(model, status, frame);
    draw_writing(model, writing, frame);
}

/// From the lowest visible line upwards.
fn draw_posts<Zone: TimeZone>(model: &Model, zone: &Zone, area: Rect, frame: &mut Frame<'_>)
where
    Zone::Offset: std::fmt::Display,
{
    let mut free = area;
    if model.position() == Position::Newest {
        for unsent in model.unsent().rev() {
            if free.height == 0 {
                return;
            }
            let block = Block::of_unsent(unsent, free.width, model.user());
            free = draw_block(&block, 0, free, frame);
        }
    }
    let sheet = model.sheet();
    let Some((last, mut hidden)) = sheet.place(model.position()) else {
        if free == area {
            let words = Paragraph::new(EMPTY).wrap(Wrap { trim: true }).style(FAINT);
            frame.render_widget(words, area);
        }
        return;
    };
    for entry in sheet.loaded.entries().range(..=last).rev() {
        if free.height == 0 {
            return;
        }
        let block = Block::of_post(entry, free.width, model.user(), model.now(), zone);
        free = draw_block(&block, std::mem::take(&mut hidden), free, frame);
    }
}

/// Draws a post at the bottom of the free area, without its last `hidden` lines; returns the area
/// that is still free.
fn draw_block(block: &Block<'_>, hidden: usize, free: Rect, frame: &mut Frame<'_>) -> Rect {
    let height = block.height.saturating_sub(hidden).max(1);
    let room = usize::from(free.height);
    // Its first lines are above the screen.
    let cut = height.saturating_sub(room);
    let rows = u16::try_from(height - cut).unwrap_or(u16::MAX);
    let area = Rect { y: free.bottom() - rows, height: rows, ..free };
    let text = match cut.checked_sub(1) {
        Some(text_cut) => {
            draw_text(&block.text_from(text_cut), indented(area), frame);
            return Rect { height: 0, ..free };
        }
        None => Rect { y: area.y + 1, height: rows - 1, ..area },
    };
    frame.render_widget(&block.head, Rect { height: 1, ..area });
    draw_text(&block.text_from(0), indented(text), frame);
    Rect { height: free.height - rows, ..free }
}

/// Draws a text in its area. Where that is narrow, ratatui's lines may be wider than it is by some wide
/// characters, and what is outside of a buffer would panic: so they get room, and are cut.
fn draw_text(text: &Paragraph<'_>, area: Rect, frame: &mut Frame<'_>) {
    const ROOM: u16 = 64;
    let mut canvas = Buffer::empty(Rect { width: area.width.saturating_add(ROOM), ..area });
    text.render(area, &mut canvas);
    for position in area.positions() {
        let cell = &mut canvas[position];
        if position.x + 1 == area.right() && cell.symbol().width() > 1 {
            cell.set_symbol(" ");
        }
        frame.buffer_mut()[position] = std::mem::take(cell);
    }
}

fn indented(area: Rect) -> Rect {
    let indent = INDENT.min(area.width.saturating_sub(1));
    Rect { x: area.x + indent, width: area.width - indent, ..area }
}

fn draw_status(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let width = usize::from(area.width);
    let mut right = position_text(model);
    let mut left = format!(" {} · {} ", model.user(), model.connection());
    let written = written(model.written());
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
    match (model.position(), model.unseen()) {
        (Position::Newest, _) => String::new(),
        (Position::Back { .. }, 0) if model.loading().is_some() => " loading… ".to_owned(),
        (Position::Back { .. }, 0) => " scrolled back (Esc) ".to_owned(),
        (Position::Back { .. }, 1) => " 1 new post below (Esc) ".to_owned(),
        (Position::Back { .. }, unseen) => format!(" {unseen} new posts below (Esc) "),
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

fn draw_writing(model: &Model, area: Rect, frame: &mut Frame<'_>) {
    let shown = model.writing();
    let prompt = PROMPT.width();
    let columns = usize::from(area.width).saturating_sub(prompt).max(1);
    // The cursor stays visible, even if the beginning of the line does not.
    let scrolled = (shown.cursor + 1).saturating_sub(columns);
    let [before, after] = shown.parts;
    let line = if before.is_empty() && after.is_empty() {
        let hint = HINTS.into_iter().find(|hint| hint.width() < columns).unwrap_or_default();
        Line::from(vec![Span::raw(PROMPT), Span::styled(hint, FAINT)])
    } else {
        Line::from(vec![Span::raw(PROMPT), Span::raw(from_column(&before, scrolled)), after.into()])
    };
    frame.render_widget(line, area);
    let column = (prompt + shown.cursor - scrolled).min(usize::from(area.width).saturating_sub(1));
    frame.set_cursor_position((area.x + u16::try_from(column).unwrap_or(0), area.y));
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

/// Removes colours; brightness and the like remain.
pub fn without_colours(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        cell.set_fg(Color::Reset).set_bg(Color::Reset);
    }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::Utc;
    use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
    use ratatui::{Terminal, backend::TestBackend};

    use super::*;
    use crate::{
        client::{ActiveServer, Post, PostPage, Server},
        domain::{PostId, UnixMillis, UserId, UserName},
        terminal::fullscreen::model::Event,
    };

    const NOW: UnixMillis = UnixMillis::new(1_517_528_845_000);
    const SIZE: (u16, u16) = (40, 8);

    fn name(name: &str) -> UserName {
        UserName::new(name).expect("valid")
    }

    fn post(id: u64, author: &str, text: &str) -> Post {
        let age_ms = i64::try_from(100 - id).expect("small") * 1_000;
        let posted_at = NOW.saturating_add_ms(-age_ms);
        Post::plain(PostId::new(id), UserId(2), name(author), posted_at, text)
    }

    /// The timeline of u1, with these posts, newest first.
    fn model(posts: Vec<Post>) -> Model {
        let page = PostPage { posts, as_of: PostId::new(90), more: false, last: None };
        Model::new(name("u1"), &page, SIZE, NOW)
    }

    fn terminal(model: &Model, (columns, rows): (u16, u16)) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a screen");
        terminal.draw(|frame| draw(model, &Utc, frame)).expect("drawn");
        terminal
    }

    fn assert_screen(model: &Model, lines: [&str; 8]) {
        let drawn = terminal(model, SIZE).backend().to_string();
        let drawn: Vec<&str> =
            drawn.lines().filter_map(|line| Some(line.split('"').nth(1)?.trim_end())).collect();
        assert_eq!(drawn, lines);
    }

    fn press(model: &mut Model, code: KeyCode) {
        model.update(Event::Input(Input::Key(KeyEvent::new(code, KeyModifiers::NONE))));
    }

    #[test]
    fn an_empty_timeline_says_what_will_be_there() {
        assert_screen(
            &model(vec![]),
            [
                "Nothing here yet: the posts of the",
                "people whom you FOLLOW appear here.",
                "",
                "",
                "",
                "",
                " u1 · looking for a server…",
                "> Write a post. Ctrl-D leaves",
            ],
        );
    }

    #[test]
    fn posts_stand_at_the_bottom_wrapped_and_with_their_age() {
        let long = "so much to say that one line is not enough 👍🏽";
        let mut model = model(vec![post(88, "u3", long), post(40, "u2", "hello")]);
        let server = Server { name: "server-4".to_owned(), address: String::new(), term: 1 };
        let move_took = Some(Duration::from_millis(12));
        let active_server = ActiveServer { server, move_took, answers: true };
        model.update(Event::Server(active_server.clone()));
        assert_eq!(model.connection(), "server-4", "it was there before");
        model.update(Event::Server(active_server));
        for character in "draft".chars() {
            press(&mut model, KeyCode::Char(character));
        }
        assert_screen(
            &model,
            [
                "",
                "u2  1 min",
                "  hello",
                "u3  12 s",
                "  so much to say that one line is not",
                "  enough 👍🏽",
                " u1 · moved to server-4 in 12 ms",
                "> draft",
            ],
        );
        model.update(Event::Tick(NOW.saturating_add_ms(60_000)));
        let drawn = terminal(&model, SIZE).backend().to_string();
        assert!(drawn.contains("u3  1 min") && drawn.contains(" u1 · server-4 "), "{drawn}");
    }

    #[test]
    fn scrolling_back_hides_the_lowest_lines_first_and_counts_what_comes() {
        let mut model = model((1..=5).rev().map(|id| post(id, "u2", "one\ntwo")).collect());
        press(&mut model, KeyCode::Up);
        model.update(Event::Arrived(post(91, "u2", "unseen")));
        assert_screen(
            &model,
            [
                "  two",
                "u2  1 min",
                "  one",
                "  two",
                "u2  1 min",
                "  one",
                " u1 · looking f… 1 new post below (Esc)",
                "> Write a post. Ctrl-D leaves",
            ],
        );
        press(&mut model, KeyCode::End);
        let drawn = terminal(&model, SIZE).backend().to_string();
        assert!(drawn.contains("unseen") && !drawn.contains("below"), "{drawn}");
    }

    #[test]
    fn how_long_a_refused_post_is_stands_beside_why_it_was_refused() {
        let mut model = model(vec![]);
        let server = Server { name: "server-4".to_owned(), address: String::new(), term: 1 };
        model.update(Event::Server(ActiveServer { server, move_took: None, answers: true }));
        for code in [KeyCode::Char('x'), KeyCode::Char('y'), KeyCode::Enter] {
            press(&mut model, code);
        }
        model.update(Event::Published(Err("a post has at most one character".to_owned())));
        let drawn = terminal(&model, SIZE).backend().to_string();
        assert!(drawn.contains(" not posted: a post has a… 2 characters "), "{drawn}");
    }

    #[test]
    fn a_post_of_ones_own_is_shown_before_it_is_made() {
        let mut model = model(vec![]);
        press(&mut model, KeyCode::Char('x'));
        press(&mut model, KeyCode::Enter);
        let drawn = terminal(&model, SIZE).backend().to_string();
        assert!(drawn.contains("u1  sending…") && drawn.contains("  x  "), "{drawn}");
    }

    #[test]
    fn a_line_that_is_too_long_shows_where_the_cursor_is() {
        let mut model = model(vec![]);
        for character in "0123456789".repeat(4).chars().chain("日本".chars()) {
            press(&mut model, KeyCode::Char(character));
        }
        let mut terminal = terminal(&model, (12, 3));
        terminal.backend_mut().assert_cursor_position((11, 2));
        let drawn = terminal.backend().to_string();
        assert!(drawn.contains("> 56789日本"), "{drawn}");
    }

    #[test]
    fn no_line_of_a_post_reaches_the_first_column() {
        let forged = post(90, "u2", "a\nu9  now\n  forged\u{1b}[2J");
        let drawn = terminal(&model(vec![forged]), SIZE).backend().to_string();
        assert!(
            drawn.contains("\"  u9  now") && drawn.contains("    forged\u{fffd}[2J"),
            "{drawn}"
        );
    }

    #[test]
    fn any_screen_however_small_is_drawn_on() {
        let posts = || vec![post(90, "u2", "日本語 and more\n\nthan fits"), post(3, "u3", "")];
        for columns in 0..6 {
            for rows in 0..6 {
                let mut model = model(posts());
                model.update(Event::Input(Input::Resize(columns, rows)));
                for code in [KeyCode::PageUp, KeyCode::Char('日'), KeyCode::Home, KeyCode::Up] {
                    press(&mut model, code);
                    terminal(&model, (columns, rows));
                }
            }
        }
    }

    #[test]
    fn authors_are_told_apart_from_oneself_by_colour() {
        let mut model = model(vec![post(90, "u2", "x")]);
        press(&mut model, KeyCode::Char('y'));
        press(&mut model, KeyCode::Enter);
        let terminal = terminal(&model, SIZE);
        let colour = |row| terminal.backend().buffer()[(0, row)].fg;
        assert_eq!((colour(2), colour(4)), (Color::Cyan, Color::Green));
    }
}
