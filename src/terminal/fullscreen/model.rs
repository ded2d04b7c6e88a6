//! The full-screen timeline: what is known, and what every event changes about it. Pure: it asks
//! for what is to be done, and is told what came of it.

use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{
    layout,
    outbox::{Outbox, Unsent},
    position::{Position, Sheet},
    window::{Cut, Entry, Window},
    writing::{Shown, Writing},
};
use crate::{
    client::{InUse, Page, Post, Published},
    domain::{PostId, UnixMillis},
    terminal::{
        command::{self, TimelineLine},
        sanitise,
    },
};

/// How long a notice is shown, in milliseconds: long enough to be read by someone who types.
const NOTICE_MS: i64 = 10_000;
/// Before a page is asked for again that could not be had, in milliseconds.
const LOAD_AGAIN_MS: i64 = 2_000;
/// Lines below the posts: the status line and the one that is written on.
pub const FOOT: u16 = 2;

/// Something that happened.
pub enum Event {
    /// A second has passed, or so.
    Tick(UnixMillis),
    /// The person did something, or their window changed.
    Input(Input),
    /// Somebody posted.
    Arrived(Post),
    /// No more live posts will come, for this reason.
    LiveEnded(String),
    /// A page that was asked for, or why there is none.
    Loaded(Load, Result<Page, String>),
    /// What came of the post under way.
    Published(Result<Published, String>),
    /// What is known of the server in use.
    Server(InUse),
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make a post, and tell what came of it.
    Publish(String),
    /// Fetch a page, and deliver it.
    Load(Load),
    /// Draw everything anew: something else has written on the screen.
    Redraw,
    /// Let the person's shell have the terminal, and come back.
    Suspend,
    /// Leave the timeline.
    Leave,
    /// End the program, as Ctrl-C does.
    Interrupt,
}

/// A page of the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    Older(PostId),
    Newer(PostId),
    Newest,
}

/// What is known.
pub struct Model {
    user: String,
    window: Window,
    position: Position,
    /// Posts that arrived below what is in sight.
    unseen: usize,
    loading: Option<Load>,
    /// Nothing is loaded before this: the last time it failed.
    load_after: UnixMillis,
    outbox: Outbox,
    writing: Writing,
    /// The server in use, and since when that is known.
    server: Option<(InUse, UnixMillis)>,
    notice: Option<(String, UnixMillis)>,
    /// The person has asked to leave though something would be lost.
    leave_asked: bool,
    columns: u16,
    rows: u16,
    now: UnixMillis,
}

impl Model {
    /// Begins with a page of the newest posts, on a screen of so many columns and rows.
    pub fn new(user: String, page: &Page, (columns, rows): (u16, u16), now: UnixMillis) -> Self {
        Self {
            user,
            window: Window::new(page),
            position: Position::Newest,
            unseen: 0,
            loading: None,
            load_after: now,
            outbox: Outbox::default(),
            writing: Writing::default(),
            server: None,
            notice: None,
            leave_asked: false,
            columns,
            rows,
            now,
        }
    }

    /// Takes an event in.
    pub fn update(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Tick(now) => {
                self.now = now;
                self.notice.take_if(|(_, until)| *until <= now);
            }
            Event::Input(Input::Key(key)) if key.kind != KeyEventKind::Release => {
                self.press(key, &mut effects);
            }
            Event::Input(Input::Paste(pasted)) => {
                if !self.writing.paste(&pasted) {
                    self.tell("the end of what was pasted is missing: it is too long for a post");
                }
            }
            Event::Input(Input::Resize(columns, rows)) => {
                (self.columns, self.rows) = (columns, rows);
            }
            Event::Input(_) => {}
            Event::Arrived(post) => {
                if self.window.arrive(&post, self.cut()) && self.position != Position::Newest {
                    self.unseen += 1;
                }
            }
            Event::LiveEnded(why) => self.tell(&format!("no more live posts: {why}")),
            Event::Loaded(load, outcome) => self.loaded(load, outcome),
            Event::Published(outcome) => self.published(outcome),
            Event::Server(in_use) => self.server = Some((in_use, self.now)),
        }
        effects.extend(self.outbox.send().map(Effect::Publish));
        effects.extend(self.load_what_is_missing().map(Effect::Load));
        effects
    }

    fn press(&mut self, key: KeyEvent, effects: &mut Vec<Effect>) {
        let leaving = std::mem::take(&mut self.leave_asked);
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let idle = self.writing.is_empty();
        match key.code {
            KeyCode::Char('c') if control => effects.push(Effect::Interrupt),
            KeyCode::Char('z') if control => effects.push(Effect::Suspend),
            KeyCode::Char('l') if control => effects.push(Effect::Redraw),
            KeyCode::Char('r') if control => self.take_back(),
            KeyCode::Char('d') if control && !idle => self.writing.press(KeyCode::Delete.into()),
            KeyCode::Esc if self.position != Position::Newest => self.go_to_newest(),
            KeyCode::Esc => self.leave(leaving, effects),
            KeyCode::Char('d') if control => self.leave(leaving, effects),
            KeyCode::PageUp => self.scroll_back(self.page()),
            KeyCode::PageDown => self.scroll_on(self.page()),
            KeyCode::Up => self.scroll_back(1),
            KeyCode::Down => self.scroll_on(1),
            KeyCode::Home if idle || control => self.scroll_back(usize::MAX),
            KeyCode::End if idle || control => self.go_to_newest(),
            KeyCode::Enter if key.modifiers.is_empty() => self.enter(effects),
            _ => self.writing.press(key),
        }
    }

    fn enter(&mut self, effects: &mut Vec<Effect>) {
        if self.outbox.is_full() {
            return self.tell("too many posts are waiting for a server: press Enter again later");
        }
        match command::parse_in_timeline(&self.writing.take()) {
            TimelineLine::Nothing => {}
            TimelineLine::Quit => self.leave(false, effects),
            TimelineLine::Post(text) => {
                self.outbox.push(text);
                self.go_to_newest();
            }
        }
    }

    /// Leaves, unless something would be lost and this is the first time of asking.
    fn leave(&mut self, asked_before: bool, effects: &mut Vec<Effect>) {
        let at_stake = match (self.outbox.unsent().len(), self.writing.is_empty()) {
            (0, true) => return effects.push(Effect::Leave),
            _ if asked_before => return effects.push(Effect::Leave),
            (0, false) => "what you are writing is not posted yet",
            (_, _) => "posts of yours are not made yet",
        };
        self.leave_asked = true;
        self.tell(&format!("{at_stake}: again to leave all the same"));
    }

    /// Gives a refused post back to be mended.
    fn take_back(&mut self) {
        if !self.writing.is_empty() {
            return self.tell("post or clear the line first");
        }
        if let Some((text, why)) = self.outbox.take_back() {
            self.writing.put(text);
            self.tell(&format!("not posted: {why}"));
        }
    }

    fn published(&mut self, outcome: Result<Published, String>) {
        match outcome {
            Ok(Published { id, posted_at }) => {
                if let Some(text) = self.outbox.sent() {
                    let post = Post { id, author: self.user.clone(), posted_at, text };
                    self.window.add_own(&post, self.cut());
                    self.now = self.now.max(posted_at);
                }
            }
            Err(why) => {
                self.outbox.refused(why);
                if self.writing.is_empty() {
                    self.take_back();
                }
            }
        }
    }

    fn loaded(&mut self, load: Load, outcome: Result<Page, String>) {
        self.loading = None;
        match (load, outcome) {
            (Load::Older(_), Ok(page)) => self.window.extend_older(&page),
            (Load::Newer(_), Ok(page)) => self.window.extend_newer(&page),
            (Load::Newest, Ok(page)) => self.window.restart(&page),
            (_, Err(why)) => {
                self.load_after = self.now + LOAD_AGAIN_MS;
                self.tell(&format!("cannot read on: {why}"));
            }
        }
    }

    /// What to load, judging by what is in sight.
    fn load_what_is_missing(&mut self) -> Option<Load> {
        if self.loading.is_some() || self.now < self.load_after {
            return None;
        }
        let near = |model: &Self| {
            model.sheet().is_near_the_oldest(model.position, usize::from(model.rows))
        };
        let load = match self.position {
            Position::Newest if self.window.newer().is_some() => Load::Newest,
            Position::Back { lowest, .. }
                if self.is_last(lowest) && self.window.newer().is_some() =>
            {
                Load::Newer(lowest)
            }
            Position::Back { .. } if near(self) => Load::Older(self.window.older()?),
            _ => return None,
        };
        self.loading = Some(load);
        self.loading
    }

    fn is_last(&self, id: PostId) -> bool {
        self.window.entries().back().is_some_and(|last| last.id == id)
    }

    fn scroll_back(&mut self, lines: usize) {
        let lines = lines.min(usize::from(u16::MAX));
        let position = self.sheet().back(self.position, lines);
        self.position = position;
    }

    fn scroll_on(&mut self, lines: usize) {
        let on = self.sheet().on(self.position, lines);
        // There is more below than is held: it comes when the last post held is in sight.
        let held = (on == Position::Newest).then(|| self.window.newer()).flatten();
        match held {
            Some(lowest) => self.position = Position::Back { lowest, hidden: 0 },
            None if on == Position::Newest => self.go_to_newest(),
            None => self.position = on,
        }
    }

    fn go_to_newest(&mut self) {
        self.position = Position::Newest;
        self.unseen = 0;
    }

    /// Lines of one page, less one, so that the eye finds its place.
    fn page(&self) -> usize {
        usize::from(self.screen()).saturating_sub(1).max(1)
    }

    /// What the reader does not see may go.
    fn cut(&self) -> Cut {
        if self.position == Position::Newest { Cut::Older } else { Cut::Newer }
    }

    fn tell(&mut self, words: &str) {
        self.notice = Some((words.to_owned(), self.now + NOTICE_MS));
    }

    /// The posts, laid out.
    pub fn sheet(&self) -> Sheet<'_, impl Fn(&Entry) -> usize + use<>> {
        let columns = self.columns;
        Sheet {
            window: &self.window,
            height_of: move |entry| layout::height(entry, columns),
            screen: usize::from(self.screen()),
        }
    }

    /// Rows for posts.
    fn screen(&self) -> u16 {
        self.rows.saturating_sub(FOOT)
    }

    pub fn user(&self) -> &str {
        &self.user
    }

    pub fn now(&self) -> UnixMillis {
        self.now
    }

    pub fn position(&self) -> Position {
        self.position
    }

    pub fn unsent(&self) -> impl DoubleEndedIterator<Item = &Unsent> {
        self.outbox.unsent().iter()
    }

    pub fn unseen(&self) -> usize {
        self.unseen
    }

    pub fn loading(&self) -> Option<Load> {
        self.loading
    }

    pub fn writing(&self) -> Shown {
        self.writing.shown()
    }

    /// Characters written so far.
    pub fn written(&self) -> usize {
        self.writing.len()
    }

    pub fn notice(&self) -> Option<&str> {
        self.notice.as_ref().map(|(words, _)| words.as_str())
    }

    /// The server in use, and how it fares.
    pub fn connection(&self) -> String {
        let Some((in_use, since)) = &self.server else {
            return "looking for a server…".to_owned();
        };
        let name = sanitise::line(in_use.server.label());
        match in_use.move_took {
            _ if !in_use.answers => format!("{name} does not answer, looking for another…"),
            Some(took) if self.now - since < NOTICE_MS => {
                format!("moved to {name} in {} ms", took.as_millis())
            }
            _ => name,
        }
    }
}
