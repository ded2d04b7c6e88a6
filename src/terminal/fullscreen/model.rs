//! The full-screen timeline: what is known, and how each event changes it. Pure: it returns what is
//! to be done, and gets the outcomes as events.

use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{
    layout,
    loaded_posts::{Cut, LoadedPosts, ShownPost},
    outbox::{Outbox, Unsent},
    position::{Position, Sheet},
    writing::{DraftLine, Shown},
};
use crate::{
    client::{ActiveServer, Post, PostPage, Published},
    domain::{PostId, UnixMillis, UserId, UserName},
    sanitise,
    terminal::prompt_command::{self, TimelineLine},
};

/// How long a notice is shown, in milliseconds: long enough to be read while typing.
const NOTICE_MS: i64 = 10_000;
/// How long to wait before requesting a page again after a failure, in milliseconds.
const LOAD_AGAIN_MS: i64 = 2_000;
/// Lines below the posts: the status line and the writing line.
pub const FOOT: u16 = 2;

/// Something that happened.
pub enum Event {
    /// About a second has passed.
    Tick(UnixMillis),
    /// The user pressed a key or pasted text, or the window changed.
    Input(Input),
    /// A post arrived.
    Arrived(Post),
    /// No more live posts will come, for this reason.
    LiveEnded(String),
    /// A page that was requested, or why it could not be loaded.
    Loaded(Load, Result<PostPage, String>),
    /// The user's own newest posts.
    Own(PostPage),
    /// The outcome of the post in progress.
    Published(Result<Published, String>),
    /// What is known of the active server.
    Server(ActiveServer),
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make a post, and report the outcome.
    Publish(String),
    /// Fetch a page, and deliver it.
    Load(Load),
    /// Redraw everything: something else has written on the screen.
    Redraw,
    /// Suspend the program, giving the terminal back to the shell.
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
    user: UserName,
    loaded: LoadedPosts,
    position: Position,
    /// Posts that arrived below the visible part.
    unseen: usize,
    loading: Option<Load>,
    /// Nothing is loaded before this time, because loading has failed.
    load_after: UnixMillis,
    outbox: Outbox,
    writing: DraftLine,
    /// The active server, and since when that is known.
    server: Option<(ActiveServer, UnixMillis)>,
    /// Why there are no more live posts.
    live_ended: Option<String>,
    notice: Option<(String, UnixMillis)>,
    /// The user has asked to leave although something would be lost.
    leave_asked: bool,
    /// The user has been asked whether a line that is also a command is meant as a post.
    post_asked: bool,
    columns: u16,
    rows: u16,
    now: UnixMillis,
}

impl Model {
    /// Begins with a page of the newest posts, on a screen of this size.
    pub fn new(
        user: UserName,
        page: &PostPage,
        (columns, rows): (u16, u16),
        now: UnixMillis,
    ) -> Self {
        Self {
            user,
            loaded: LoadedPosts::new(page),
            position: Position::Newest,
            unseen: 0,
            loading: None,
            load_after: now,
            outbox: Outbox::default(),
            writing: DraftLine::default(),
            server: None,
            live_ended: None,
            notice: None,
            leave_asked: false,
            post_asked: false,
            columns,
            rows,
            now,
        }
    }

    /// Processes an event.
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
                    self.tell("too long for one post: the end was cut off");
                }
            }
            Event::Input(Input::Resize(columns, rows)) => self.fit((columns, rows)),
            Event::Input(_) => {}
            Event::Arrived(post) => {
                if self.loaded.arrive(&post, self.cut()) && self.position != Position::Newest {
                    self.unseen += 1;
                }
            }
            Event::LiveEnded(why) => self.live_ended = Some(why),
            Event::Loaded(load, outcome) => self.loaded(load, outcome),
            Event::Own(page) => self.loaded.learn_own(&page, self.cut()),
            Event::Published(outcome) => self.published(outcome),
            Event::Server(active_server) => {
                // What was already known on entering is not news.
                let old = self.now.saturating_add_ms(-NOTICE_MS);
                let since = self.server.as_ref().map_or(old, |_| self.now);
                self.server = Some((active_server, since));
            }
        }
        if self.leave_asked && self.is_done() {
            effects.push(Effect::Leave);
        }
        effects.extend(self.outbox.send().map(Effect::Publish));
        effects.extend(self.load_what_is_missing().map(Effect::Load));
        effects
    }

    /// Adapts to a screen of this size.
    pub fn fit(&mut self, (columns, rows): (u16, u16)) {
        (self.columns, self.rows) = (columns, rows);
    }

    fn press(&mut self, key: KeyEvent, effects: &mut Vec<Effect>) {
        let leaving = std::mem::take(&mut self.leave_asked);
        let is_meant = std::mem::take(&mut self.post_asked);
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
            KeyCode::Home if idle || control => self.position = self.sheet().oldest(),
            KeyCode::End if idle || control => self.go_to_newest(),
            KeyCode::Enter if key.modifiers.is_empty() => self.enter(is_meant, effects),
            _ => self.writing.press(key),
        }
    }

    fn enter(&mut self, is_meant: bool, effects: &mut Vec<Effect>) {
        // What was said about the previous line is outdated.
        self.notice = None;
        if self.outbox.is_full() {
            return self.tell("too many posts are waiting for a server: press Enter again later");
        }
        match prompt_command::parse_typed_in_timeline(&self.writing.take()) {
            TimelineLine::Nothing => {}
            TimelineLine::Quit => self.leave(false, effects),
            TimelineLine::Doubtful(text, verb) if !is_meant => {
                self.writing.put(text);
                self.post_asked = true;
                self.tell(&format!("{} is a command: press Enter again to post it", verb.word()));
            }
            TimelineLine::Post(text) | TimelineLine::Doubtful(text, _) => {
                self.outbox.push(text);
                self.go_to_newest();
            }
        }
    }

    /// Leaves: at once if nothing would be lost or the user insists, otherwise as soon as the posts
    /// in progress are done, unless the user does something else.
    fn leave(&mut self, asked_before: bool, effects: &mut Vec<Effect>) {
        if asked_before {
            return effects.push(Effect::Leave);
        }
        self.leave_asked = true;
        if !self.writing.is_empty() {
            self.tell("this line is not posted yet: press Esc again to leave");
        } else if !self.is_done() {
            self.tell("waiting for your posts to be made: press Ctrl-D again to leave at once");
        }
    }

    /// Whether nothing would be lost by leaving.
    fn is_done(&self) -> bool {
        self.writing.is_empty() && self.outbox.unsent().is_empty()
    }

    /// Puts a refused post back into the line, to be corrected.
    fn take_back(&mut self) {
        if !self.writing.is_empty() {
            return self.tell("post this line first, or clear it with Ctrl-U");
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
                    let author = self.user.clone();
                    // Nobody looks at the number of the author here.
                    let post = Post::plain(id, UserId(0), author, posted_at, text);
                    self.loaded.add_own(&post, self.cut());
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

    fn loaded(&mut self, load: Load, outcome: Result<PostPage, String>) {
        self.loading = None;
        match (load, outcome) {
            (Load::Older(_), Ok(page)) => self.loaded.extend_older(&page),
            (Load::Newer(_), Ok(page)) => self.loaded.extend_newer(&page),
            (Load::Newest, Ok(page)) => self.loaded.restart(&page),
            (_, Err(why)) => {
                self.load_after = self.now.saturating_add_ms(LOAD_AGAIN_MS);
                self.tell(&format!("cannot load more posts: {why}"));
            }
        }
    }

    /// What to load, judging by what is visible.
    fn load_what_is_missing(&mut self) -> Option<Load> {
        if self.loading.is_some() || self.now < self.load_after {
            return None;
        }
        let near = |model: &Self| {
            model.sheet().is_near_the_oldest(model.position, usize::from(model.rows))
        };
        let load = match self.position {
            Position::Newest if self.loaded.newer().is_some() => Load::Newest,
            Position::Back { lowest, .. }
                if self.is_last(lowest) && self.loaded.newer().is_some() =>
            {
                Load::Newer(lowest)
            }
            _ if near(self) => Load::Older(self.loaded.older()?),
            _ => return None,
        };
        self.loading = Some(load);
        self.loading
    }

    fn is_last(&self, id: PostId) -> bool {
        self.loaded.entries().back().is_some_and(|last| last.id == id)
    }

    fn scroll_back(&mut self, lines: usize) {
        self.position = self.sheet().back(self.position, lines);
    }

    fn scroll_on(&mut self, lines: usize) {
        let on = self.sheet().on(self.position, lines);
        // There are more posts below than are held: they are loaded when the last one held is
        // visible.
        let held = (on == Position::Newest).then(|| self.loaded.newer()).flatten();
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

    /// A page, less one line, so that the eye finds its place.
    fn page(&self) -> usize {
        usize::from(self.screen()).saturating_sub(1).max(1)
    }

    /// Posts that the reader does not see may be dropped.
    fn cut(&self) -> Cut {
        if self.position == Position::Newest { Cut::Older } else { Cut::Newer }
    }

    fn tell(&mut self, words: &str) {
        self.notice = Some((words.to_owned(), self.now.saturating_add_ms(NOTICE_MS)));
    }

    /// The posts, laid out.
    pub fn sheet(&self) -> Sheet<'_, impl Fn(&ShownPost) -> usize + use<>> {
        let columns = self.columns;
        Sheet {
            loaded: &self.loaded,
            height_of: move |entry| layout::height(entry, columns),
            screen: usize::from(self.screen()),
        }
    }

    /// Rows for posts.
    fn screen(&self) -> u16 {
        self.rows.saturating_sub(FOOT)
    }

    pub fn user(&self) -> &str {
        self.user.as_str()
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

    /// The length of the line, in characters.
    pub fn written(&self) -> usize {
        self.writing.len()
    }

    pub fn notice(&self) -> Option<&str> {
        self.notice.as_ref().map(|(words, _)| words.as_str())
    }

    /// The active server, and its condition.
    pub fn connection(&self) -> String {
        let Some((active_server, since)) = &self.server else {
            return "looking for a server…".to_owned();
        };
        if let Some(why) = &self.live_ended {
            return format!("no more live posts: {why}");
        }
        let name = sanitise::line(active_server.server.label());
        match active_server.move_took {
            _ if !active_server.answers => format!("{name} does not answer, looking for another…"),
            Some(took) if self.now.saturating_ms_since(*since) < NOTICE_MS => {
                format!("moved to {name} in {} ms", took.as_millis())
            }
            _ => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_000_000);

    fn name(name: &str) -> UserName {
        UserName::new(name).expect("valid")
    }

    fn post(id: u64) -> Post {
        let text = format!("p{id}");
        Post::plain(PostId::new(id), UserId(2), name("u2"), UnixMillis::EPOCH, text)
    }

    /// The timeline of u1 on a small screen, with just enough posts to fill it.
    fn model(more: bool) -> Model {
        let page = PostPage {
            posts: (101..=120).rev().map(post).collect(),
            as_of: PostId::new(120),
            more,
            last: None,
        };
        Model::new(name("u1"), &page, (40, 8), NOW)
    }

    fn press(model: &mut Model, code: KeyCode, modifiers: KeyModifiers) -> Vec<Effect> {
        model.update(Event::Input(Input::Key(KeyEvent::new(code, modifiers))))
    }

    fn control(model: &mut Model, key: char) -> Vec<Effect> {
        press(model, KeyCode::Char(key), KeyModifiers::CONTROL)
    }

    fn write(model: &mut Model, text: &str) {
        for character in text.chars() {
            press(model, KeyCode::Char(character), KeyModifiers::NONE);
        }
    }

    fn enter(model: &mut Model) -> Vec<Effect> {
        press(model, KeyCode::Enter, KeyModifiers::NONE)
    }

    fn published(model: &mut Model, id: u64) -> Vec<Effect> {
        let id = PostId::new(id);
        model.update(Event::Published(Ok(Published { id, posted_at: NOW })))
    }

    #[test]
    fn leaves_at_once_where_nothing_would_be_lost() {
        assert_eq!(control(&mut model(false), 'd'), [Effect::Leave]);
        assert_eq!(press(&mut model(false), KeyCode::Esc, KeyModifiers::NONE), [Effect::Leave]);
        let mut quitting = model(false);
        write(&mut quitting, "/quit");
        assert_eq!(enter(&mut quitting), [Effect::Leave]);
        assert_eq!(control(&mut model(false), 'c'), [Effect::Interrupt]);
    }

    #[test]
    fn a_line_that_was_begun_is_left_only_when_asked_twice() {
        let mut model = model(false);
        write(&mut model, "draft");
        let escape = |model: &mut Model| press(model, KeyCode::Esc, KeyModifiers::NONE);
        assert_eq!(escape(&mut model), []);
        assert_eq!(model.notice(), Some("this line is not posted yet: press Esc again to leave"));
        write(&mut model, "s");
        assert_eq!(escape(&mut model), [], "the person went on writing");
        assert_eq!(escape(&mut model), [Effect::Leave]);
    }

    #[test]
    fn leaving_waits_for_posts_under_way_unless_the_person_insists_or_goes_on() {
        let mut patient = model(false);
        write(&mut patient, "one");
        assert_eq!(enter(&mut patient), [Effect::Publish("one".to_owned())]);
        write(&mut patient, "two");
        assert_eq!(enter(&mut patient), [], "one at a time");
        assert_eq!(control(&mut patient, 'd'), []);
        assert_eq!(published(&mut patient, 121), [Effect::Publish("two".to_owned())]);
        assert_eq!(published(&mut patient, 122), [Effect::Leave]);

        let mut insisting = model(false);
        write(&mut insisting, "one");
        enter(&mut insisting);
        control(&mut insisting, 'd');
        assert_eq!(control(&mut insisting, 'd'), [Effect::Leave]);

        let mut staying = model(false);
        write(&mut staying, "one");
        enter(&mut staying);
        control(&mut staying, 'd');
        press(&mut staying, KeyCode::Up, KeyModifiers::NONE);
        assert_eq!(published(&mut staying, 121), []);
    }

    #[test]
    fn what_is_refused_comes_back_when_the_line_is_free() {
        let mut model = model(false);
        let refused = |model: &mut Model| model.update(Event::Published(Err("no".to_owned())));
        write(&mut model, "one");
        enter(&mut model);
        refused(&mut model);
        assert_eq!(model.writing().parts, ["one", ""]);
        assert_eq!(model.notice(), Some("not posted: no"));
        enter(&mut model);
        write(&mut model, "two");
        refused(&mut model);
        assert_eq!(model.writing().parts, ["two", ""], "what is being written stays");
        control(&mut model, 'r');
        assert_eq!(model.writing().parts, ["two", ""]);
        control(&mut model, 'u');
        control(&mut model, 'r');
        assert_eq!(model.writing().parts, ["one", ""]);
        assert_eq!(model.unsent().count(), 0);
    }

    #[test]
    fn a_line_that_is_a_command_is_posted_only_when_entered_twice() {
        let mut model = model(false);
        write(&mut model, "list");
        assert_eq!(enter(&mut model), []);
        assert_eq!(model.writing().parts, ["list", ""], "it stays");
        assert_eq!(model.notice(), Some("LIST is a command: press Enter again to post it"));
        press(&mut model, KeyCode::Left, KeyModifiers::NONE);
        assert_eq!(enter(&mut model), [], "asked again after any other key");
        assert_eq!(enter(&mut model), [Effect::Publish("list".to_owned())]);
        assert_eq!(model.notice(), None);
        published(&mut model, 121);
        write(&mut model, "QUIT");
        assert_eq!(enter(&mut model), [Effect::Leave]);
    }

    #[test]
    fn what_was_told_of_a_refused_post_is_gone_once_it_is_entered_again() {
        let mut model = model(false);
        write(&mut model, "one");
        enter(&mut model);
        model.update(Event::Published(Err("no".to_owned())));
        assert_eq!(model.notice(), Some("not posted: no"));
        enter(&mut model);
        assert_eq!(model.notice(), None);
    }

    #[test]
    fn older_posts_are_read_before_they_are_needed_and_again_a_while_after_a_failure() {
        let mut model = model(true);
        let tick = |model: &mut Model, now| model.update(Event::Tick(now));
        assert_eq!(tick(&mut model, NOW), [], "there is enough for a while");
        let older = Load::Older(PostId::new(101));
        let home = |model: &mut Model| press(model, KeyCode::Home, KeyModifiers::NONE);
        assert_eq!(home(&mut model), [Effect::Load(older)]);
        assert_eq!(home(&mut model), [], "it is under way");
        assert_eq!(model.update(Event::Loaded(older, Err("no".to_owned()))), []);
        assert_eq!(model.notice(), Some("cannot load more posts: no"));
        assert_eq!(tick(&mut model, NOW.saturating_add_ms(LOAD_AGAIN_MS - 1)), []);
        assert_eq!(tick(&mut model, NOW.saturating_add_ms(LOAD_AGAIN_MS)), [Effect::Load(older)]);
        let page = PostPage {
            posts: (91..=100).rev().map(post).collect(),
            as_of: PostId::new(120),
            more: false,
            last: None,
        };
        assert_eq!(model.update(Event::Loaded(older, Ok(page))), []);
        home(&mut model);
        assert_eq!(model.position(), Position::Back { lowest: PostId::new(93), hidden: 0 });
    }

    #[test]
    fn a_tall_screen_is_filled() {
        let mut model = model(true);
        model.fit((40, 100));
        assert_eq!(model.update(Event::Tick(NOW)), [Effect::Load(Load::Older(PostId::new(101)))]);
    }

    #[test]
    fn notices_pass_and_the_end_of_live_posts_does_not() {
        let mut model = model(false);
        model.update(Event::LiveEnded("refused".to_owned()));
        write(&mut model, "draft");
        control(&mut model, 'd');
        press(&mut model, KeyCode::End, KeyModifiers::NONE);
        control(&mut model, 'd');
        assert!(model.notice().is_none(), "Ctrl-D deletes within a line");
        press(&mut model, KeyCode::Esc, KeyModifiers::NONE);
        assert!(model.notice().is_some());
        model.update(Event::Tick(NOW.saturating_add_ms(NOTICE_MS)));
        assert_eq!(model.notice(), None);
        let active_server = |answers| ActiveServer {
            server: crate::client::Server {
                name: "server-1".to_owned(),
                address: String::new(),
                term: 1,
            },
            move_took: None,
            answers,
        };
        model.update(Event::Server(active_server(false)));
        assert_eq!(model.connection(), "no more live posts: refused");
    }
}
