//! Draws the full screen. Pure: a model becomes a frame.

use chrono::TimeZone;
use ratatui::{
    Frame,
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::Line,
    widgets::{Paragraph, Widget as _, Wrap},
};
use unicode_width::UnicodeWidthStr as _;

use super::{
    bars, help,
    layout::{Block, INDENT, Look},
    model::Model,
    position::Position,
    view::{Source, View},
};

const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
/// The head of what is selected.
const SELECTED: Style = Style::new().add_modifier(Modifier::REVERSED);
/// Stands before each line of what is selected.
const BAR: &str = "▌";

/// Draws everything, with dates in `zone`.
pub fn draw<Zone: TimeZone>(model: &Model, zone: &Zone, frame: &mut Frame<'_>)
where
    Zone::Offset: std::fmt::Display,
{
    // If there is not enough room, the writing line stays longest.
    let [tabs, posts, status, writing] = Layout::vertical([
        Constraint::Length(model.tab_rows()),
        Constraint::Fill(1),
        Constraint::Max(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    if tabs.height > 0 {
        bars::draw_tabs(model, tabs, frame);
    }
    bars::draw_status(model, status, frame);
    bars::draw_writing(model, writing, frame);
    if model.is_helping() {
        help::draw(posts, frame);
    } else {
        draw_posts(model, zone, posts, frame);
    }
}

/// From the lowest visible line upwards.
fn draw_posts<Zone: TimeZone>(model: &Model, zone: &Zone, area: Rect, frame: &mut Frame<'_>)
where
    Zone::Offset: std::fmt::Display,
{
    let (mut free, view) = (area, model.view());
    if view.position == Position::Newest {
        for unsent in model.unsent().rev() {
            if free.height == 0 {
                return;
            }
            let block = Block::of_unsent(unsent, free.width, model.user());
            free = draw_block(&block, 0, free, frame);
        }
    }
    let sheet = view.sheet(model.room());
    let Some((last, mut hidden)) = sheet.place(view.position) else {
        if free == area {
            let words = Paragraph::new(empty(view)).wrap(Wrap { trim: true }).style(FAINT);
            frame.render_widget(words, area);
        }
        return;
    };
    let look = Look { width: free.width, user: model.user(), now: model.now(), zone };
    for entry in view.loaded.entries().range(..=last).rev() {
        if free.height == 0 {
            return;
        }
        let block = Block::of_entry(entry, model.is_new(entry), &look);
        let left = draw_block(&block, hidden, free, frame);
        if view.selected == Some(entry.id) {
            let drawn = Rect { y: left.bottom(), height: free.height - left.height, ..free };
            let is_whole = usize::from(drawn.height) + hidden >= block.height;
            mark(drawn, is_whole, frame);
            if model.is_choosing() {
                // Where those look who have the screen read to them.
                frame.set_cursor_position((drawn.x, drawn.y));
            }
        }
        (free, hidden) = (left, 0);
    }
}

/// What stands where there is nothing.
fn empty(view: &View) -> &'static str {
    match view.source {
        _ if !view.is_begun => "Loading…",
        Source::Timeline => {
            "Nothing here yet: the posts of the people whom you FOLLOW appear here."
        }
        Source::Home => "Nothing here yet: what you and those post whom you FOLLOW appears here.",
        Source::Local => "Nothing here yet: what anybody posts for everybody appears here.",
        Source::Notifications => "Nothing here yet: what others do that concerns you appears here.",
        Source::Thread(_) | Source::Profile(_) => "There is nothing here.",
    }
}

/// Marks what is selected, without colours: its head, if that is visible, and every line.
fn mark(area: Rect, has_head: bool, frame: &mut Frame<'_>) {
    let head = u16::from(has_head).min(area.height);
    frame.buffer_mut().set_style(Rect { height: head, ..area }, SELECTED);
    if area.width > INDENT {
        for y in area.y + head..area.bottom() {
            frame.render_widget(Line::raw(BAR), Rect { y, height: 1, width: 1, ..area });
        }
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

/// Removes colours; brightness and the like remain.
pub fn without_colours(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        cell.set_fg(Color::Reset).set_bg(Color::Reset);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::Utc;
    use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
    use ratatui::{Terminal, backend::TestBackend};

    use super::*;
    use crate::{
        client::{ActiveServer, Post, PostPage, Server, TimelineEvent},
        domain::{Marks, PostCounts, PostId, UnixMillis, UserId, UserName},
        network::Posts,
        terminal::{
            completion::Names,
            fullscreen::{live::Stream, model::Event},
        },
    };

    const NOW: UnixMillis = UnixMillis::new(1_517_528_845_000);
    const TABS: &str = "[Timeline] Home  Local  Notifications";
    const SIZE: (u16, u16) = (40, 9);

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
        Model::new(name("u1"), Names::default(), &page, SIZE, NOW)
    }

    fn terminal(model: &Model, (columns, rows): (u16, u16)) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a screen");
        terminal.draw(|frame| draw(model, &Utc, frame)).expect("drawn");
        terminal
    }

    fn assert_screen(model: &Model, lines: [&str; 9]) {
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
                TABS,
                "Nothing here yet: the posts of the",
                "people whom you FOLLOW appear here.",
                "",
                "",
                "",
                "",
                " u1 · looking for a server…",
                "> Write a post. F1: help, Ctrl-D: leave",
            ],
        );
    }

    #[test]
    fn posts_stand_at_the_bottom_wrapped_and_with_their_age() {
        let long = "so much to say that one line is not enough 👍🏽";
        let mut model = model(vec![post(88, "u3", long), post(40, "u2", "hello")]);
        let server = Server { name: "server-4".to_owned(), address: String::new(), term: 1 };
        let move_took = Some(Duration::from_millis(12));
        let active_server = ActiveServer { server, through: None, move_took, answers: true };
        model.update(Event::Server(active_server.clone()));
        assert_eq!(model.connection(), "server-4", "it was there before");
        model.update(Event::Server(active_server));
        for character in "draft".chars() {
            press(&mut model, KeyCode::Char(character));
        }
        assert_screen(
            &model,
            [
                TABS,
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
        model.update(Event::Input(Input::Key(KeyEvent::new(
            KeyCode::Char('x'),
            KeyModifiers::NONE,
        ))));
        press(&mut model, KeyCode::Up);
        press(&mut model, KeyCode::Backspace);
        let live = TimelineEvent::Posts(Posts::from(post(91, "u2", "unseen")));
        model.update(Event::Live(Stream::Timeline, live));
        assert_screen(
            &model,
            [
                TABS,
                "  two",
                "u2  1 min",
                "  one",
                "  two",
                "u2  1 min",
                "  one",
                " u1 · looking f… 1 new post below (End)",
                "> Write a post. F1: help, Ctrl-D: leave",
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
        let (through, move_took) = (None, None);
        model.update(Event::Server(ActiveServer { server, through, move_took, answers: true }));
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
        assert_eq!((colour(3), colour(5)), (Color::Cyan, Color::Green));
    }

    #[test]
    fn what_is_selected_is_marked_without_colours_and_its_keys_are_shown() {
        let mut model = model(vec![post(88, "u3", "one\ntwo"), post(40, "u2", "hello")]);
        press(&mut model, KeyCode::Up);
        assert_screen(
            &model,
            [
                TABS,
                "",
                "u2  1 min",
                "  hello",
                "u3  12 s",
                "▌ one",
                "▌ two",
                " u1 · looking for a server…",
                "r reply  l like  ? help  Esc back",
            ],
        );
        let terminal = terminal(&model, SIZE);
        let style = |row| terminal.backend().buffer()[(0, row)].modifier;
        assert!(style(4).contains(Modifier::REVERSED) && !style(2).contains(Modifier::REVERSED));
    }

    #[test]
    fn what_others_did_and_the_reader_stands_behind_the_age_and_mentions_stand_out() {
        let rich = Post {
            counts: PostCounts { replies: 1, boosts: 0, likes: 2 },
            marks: Marks { liked: true, ..Marks::default() },
            ..post(88, "u3", "for @bob, #tea")
        };
        let model = model(vec![rich]);
        let terminal = terminal(&model, (60, 9));
        let drawn = terminal.backend().to_string();
        assert!(drawn.contains("u3  12 s · 1 reply · 2 likes · you like it "), "{drawn}");
        let colour = |column| terminal.backend().buffer()[(column, 6)].fg;
        assert_eq!([2, 6, 12].map(colour), [Color::Reset, Color::Cyan, Color::Magenta]);
    }

    #[test]
    fn help_fits_on_a_narrow_screen() {
        let mut model = model(vec![]);
        press(&mut model, KeyCode::F(1));
        let drawn = terminal(&model, (80, 24)).backend().to_string();
        assert!(
            drawn.contains("ends the client") && drawn.contains("1 … 4     the tabs"),
            "{drawn}"
        );
        press(&mut model, KeyCode::Char('x'));
        assert!(
            terminal(&model, SIZE).backend().to_string().contains("> Write"),
            "any key closes it"
        );
    }
}
