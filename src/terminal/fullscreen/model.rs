//! The full screen: what is known, and how each event changes it. Pure: it returns what is to be done, and
//! gets the outcomes as events. `keys`, `acts` and `live` are parts of it.

use crossterm::event::{Event as Input, KeyEventKind};

use super::{
    acts::Act,
    desk::Desk,
    live::{RecentChanges, Stream},
    mentions::Completing,
    outbox::{Outbox, Unsent},
    shown_post::{EntryPage, ShownPost},
    view::{Load, Loaded, Room, Source, View},
};
use crate::{
    client::{ActiveServer, NewPost, Post, PostPage, Published, TimelineEvent},
    domain::{PostId, Preferences, UnixMillis, UserName},
    sanitise,
    terminal::completion::Names,
};

/// How long a notice is shown, in milliseconds: long enough to be read while typing.
const NOTICE_MS: i64 = 10_000;
/// Lists on top of each other that are kept open.
const MOST_OPEN: usize = 16;

/// Something that happened.
pub enum Event {
    /// About a second has passed.
    Tick(UnixMillis),
    /// The user pressed a key or pasted text, or the window changed.
    Input(Input),
    /// Something came live.
    Live(Stream, TimelineEvent),
    /// No more will come live, for this reason.
    LiveEnded(String),
    /// What was requested for the list with this number, or why it could not be loaded.
    Loaded(u64, Load, Result<Loaded, String>),
    /// The user's own newest posts.
    Own(EntryPage),
    /// The outcome of the post in progress.
    Published(Result<Published, String>),
    /// The outcome of something else, with the post that it has changed.
    Acted(Act, Result<Option<Box<Post>>, String>),
    /// What is known of the active server.
    Server(ActiveServer),
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make a post, and report the outcome.
    Publish(NewPost),
    /// Do something else, and report the outcome.
    Act(Act),
    /// Fetch a part of the list with this number, and deliver it.
    Load(u64, Source, Load),
    /// Deliver what happens after this.
    Listen(Stream, PostId),
    /// Redraw everything: something else has written on the screen.
    Redraw,
    /// Suspend the program, giving the terminal back to the shell.
    Suspend,
    /// Leave the full screen.
    Leave,
    /// End the program, as Ctrl-C does.
    Interrupt,
}

/// A list that is always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Timeline,
    Home,
    Local,
    Notifications,
}

impl Tab {
    /// In the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Timeline, Self::Home, Self::Local, Self::Notifications];

    pub fn title(self) -> &'static str {
        match self {
            Self::Timeline => "Timeline",
            Self::Home => "Home",
            Self::Local => "Local",
            Self::Notifications => "Notifications",
        }
    }

    fn source(self) -> Source {
        match self {
            Self::Timeline => Source::Timeline,
            Self::Home => Source::Home,
            Self::Local => Source::Local,
            Self::Notifications => Source::Notifications,
        }
    }
}

/// Whether the user means it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Although something would be lost.
    Leave,
    /// A line that is also a command.
    Post,
    Delete(PostId),
}

/// What is known.
pub struct Model {
    pub(super) user: UserName,
    pub(super) names: Names,
    /// Of each tab its own list, and those that were opened from it, the one that is shown last.
    views: [Vec<View>; 4],
    pub(super) tab: Tab,
    /// The number of the next list.
    next: u64,
    is_listening_to_local: bool,
    pub(super) recent: RecentChanges,
    pub(super) outbox: Outbox,
    pub(super) desk: Desk,
    /// How the user posts where they say nothing else.
    pub(super) preferences: Preferences,
    pub(super) completing: Option<Completing>,
    /// What the user does that is under way.
    pub(super) acting: usize,
    /// All notifications up to this one have been read.
    read_up_to: PostId,
    /// Those after this one are shown as new.
    new_since: PostId,
    pub(super) is_helping: bool,
    /// The active server, and since when that is known.
    server: Option<(ActiveServer, UnixMillis)>,
    /// Why nothing comes live any more.
    live_ended: Option<String>,
    pub(super) notice: Option<(String, UnixMillis)>,
    /// What the user has been asked, and has not answered by another key.
    pub(super) asked: Option<Asked>,
    columns: u16,
    rows: u16,
    pub(super) now: UnixMillis,
}

impl Model {
    /// Begins with a page of the newest posts of the timeline, on a screen of this size. Knows these names,
    /// and adds to them.
    pub fn new(
        user: UserName,
        names: Names,
        page: &PostPage,
        (columns, rows): (u16, u16),
        now: UnixMillis,
    ) -> Self {
        names.learn(page.posts.iter().map(|post| &post.author));
        let view = |number: u64, tab: Tab| vec![View::new(number, tab.source())];
        let mut model = Self {
            user,
            names,
            views: [
                view(0, Tab::Timeline),
                view(1, Tab::Home),
                view(2, Tab::Local),
                view(3, Tab::Notifications),
            ],
            tab: Tab::Timeline,
            next: 4,
            is_listening_to_local: false,
            recent: RecentChanges::default(),
            outbox: Outbox::default(),
            desk: Desk::default(),
            preferences: Preferences::default(),
            completing: None,
            acting: 0,
            read_up_to: PostId::MAX,
            new_since: PostId::MAX,
            is_helping: false,
            server: None,
            live_ended: None,
            notice: None,
            asked: None,
            columns,
            rows,
            now,
        };
        model.view_mut().take(Load::Newest, Loaded::Page(page.into()), now);
        model
    }

    /// For somebody who prefers to post like this.
    pub fn preferring(self, preferences: Preferences) -> Self {
        Self { preferences, ..self }
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
                if !self.desk.line.paste(&pasted) {
                    self.tell("too long for one post: the end was cut off");
                }
            }
            Event::Input(Input::Resize(columns, rows)) => self.fit((columns, rows)),
            Event::Input(_) => {}
            Event::Live(stream, event) => self.live(stream, event),
            Event::LiveEnded(why) => self.live_ended = Some(why),
            Event::Loaded(number, load, outcome) => self.loaded(number, load, outcome),
            Event::Own(page) => {
                let view = self.tab_view(Tab::Timeline);
                view.loaded.learn_own(page, view.cut());
            }
            Event::Published(outcome) => self.published(outcome),
            Event::Acted(act, outcome) => self.acted(act, outcome),
            Event::Server(active_server) => {
                // What was already known on entering is not news.
                let old = self.now.saturating_add_ms(-NOTICE_MS);
                let since = self.server.as_ref().map_or(old, |_| self.now);
                self.server = Some((active_server, since));
            }
        }
        if self.asked == Some(Asked::Leave) && self.is_done() {
            effects.push(Effect::Leave);
        }
        self.follow_up(&mut effects);
        effects
    }

    /// What is to be done because of what is known now.
    fn follow_up(&mut self, effects: &mut Vec<Effect>) {
        let next = self.outbox.send();
        let next = next.and_then(|unsent| {
            unsent.purpose.new_post(&self.user, &unsent.text, &self.preferences)
        });
        effects.extend(next.map(Effect::Publish));
        let (room, now) = (self.room(), self.now);
        let mut load = |view: &mut View, load: Option<Load>| {
            let load = load.map(|load| Effect::Load(view.number, view.source.clone(), load));
            effects.extend(load);
        };
        let view = self.view_mut();
        let missing = view.load_what_is_missing(room, now);
        load(view, missing);
        // How many are new is always shown.
        let notifications = self.tab_view(Tab::Notifications);
        let stale = notifications.load_what_is_stale(now);
        load(notifications, stale);
        let local = self.tab_view(Tab::Local);
        if local.is_begun && !self.is_listening_to_local {
            let after = self.tab_view(Tab::Local).loaded.newest();
            self.is_listening_to_local = true;
            effects.push(Effect::Listen(Stream::Local, after));
        }
        self.read_notifications(effects);
    }

    /// What is on the screen has been read.
    fn read_notifications(&mut self, effects: &mut Vec<Effect>) {
        if self.tab != Tab::Notifications {
            self.new_since = self.read_up_to;
            return;
        }
        let newest = self.tab_view(Tab::Notifications).loaded.entries().back().map(|it| it.id);
        if let Some(newest) = newest.filter(|newest| *newest > self.read_up_to) {
            self.read_up_to = newest;
            self.begin(Act::ReadUpTo(newest), effects);
        }
    }

    pub(super) fn learn_what_was_read(&mut self, read_up_to: PostId) {
        if self.read_up_to == PostId::MAX {
            self.read_up_to = read_up_to;
            self.new_since = read_up_to;
        }
    }

    /// Adapts to a screen of this size.
    pub fn fit(&mut self, (columns, rows): (u16, u16)) {
        (self.columns, self.rows) = (columns, rows);
    }

    /// Shows a tab, as it was left.
    pub(super) fn show(&mut self, tab: Tab) {
        self.tab = tab;
    }

    /// Opens a list on top of the one that is shown.
    pub(super) fn open(&mut self, source: Source) {
        if self.view().source == source {
            return;
        }
        let view = View::new(self.next, source);
        self.next += 1;
        let open = &mut self.views[self.tab as usize];
        if open.len() >= MOST_OPEN {
            open.remove(1);
        }
        open.push(view);
    }

    /// Closes the list that is shown, if it was opened from another; true if it was.
    pub(super) fn close(&mut self) -> bool {
        let open = &mut self.views[self.tab as usize];
        let is_opened = open.len() > 1;
        if is_opened {
            open.pop();
        }
        is_opened
    }

    /// Whether nothing would be lost by leaving.
    pub(super) fn is_done(&self) -> bool {
        self.desk.is_clear() && self.outbox.unsent().is_empty() && self.acting == 0
    }

    pub(super) fn tell(&mut self, words: &str) {
        self.notice = Some((words.to_owned(), self.now.saturating_add_ms(NOTICE_MS)));
    }

    /// The list that is shown.
    pub fn view(&self) -> &View {
        self.views[self.tab as usize].last().expect("a tab has a list of its own")
    }

    pub(super) fn view_mut(&mut self) -> &mut View {
        self.views[self.tab as usize].last_mut().expect("a tab has a list of its own")
    }

    pub(super) fn tab_view(&mut self, tab: Tab) -> &mut View {
        &mut self.views[tab as usize][0]
    }

    pub(super) fn each_view(&mut self, change: impl FnMut(&mut View)) {
        self.views.iter_mut().flatten().for_each(change);
    }

    pub(super) fn find_view(&mut self, number: u64) -> Option<&mut View> {
        self.views.iter_mut().flatten().find(|view| view.number == number)
    }

    /// Rows for the names of tabs, if there is room for them.
    pub fn tab_rows(&self) -> u16 {
        /// With fewer rows, posts need them more.
        const ENOUGH: u16 = 6;
        u16::from(self.rows >= ENOUGH)
    }

    /// The room for posts, between the tabs above, and the status line and the writing line below.
    pub fn room(&self) -> Room {
        const FOOT: u16 = 2;
        Room { columns: self.columns, rows: self.rows.saturating_sub(FOOT + self.tab_rows()) }
    }

    pub fn user(&self) -> &UserName {
        &self.user
    }

    pub fn now(&self) -> UnixMillis {
        self.now
    }

    pub fn tab(&self) -> Tab {
        self.tab
    }

    /// What was opened from the tab that is shown, the one that is shown last.
    pub fn opened(&self) -> &[View] {
        &self.views[self.tab as usize][1..]
    }

    /// How many notifications are new, and whether there may be more of them.
    pub fn new_notifications(&self) -> (usize, bool) {
        let loaded = &self.views[Tab::Notifications as usize][0].loaded;
        let is_new = |entry: &&ShownPost| entry.id > self.read_up_to;
        let count = loaded.entries().iter().filter(is_new).count();
        (count, count > 0 && count == loaded.entries().len() && loaded.older().is_some())
    }

    /// Whether an entry is a notification that was not read before.
    pub fn is_new(&self, entry: &ShownPost) -> bool {
        self.view().source == Source::Notifications && entry.id > self.new_since
    }

    pub fn unsent(&self) -> impl DoubleEndedIterator<Item = &Unsent> {
        self.outbox.unsent().iter()
    }

    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Whether keys are for the selected entry, and not for the line.
    pub fn is_choosing(&self) -> bool {
        self.desk.is_idle() && self.view().chosen().is_some()
    }

    pub fn is_helping(&self) -> bool {
        self.is_helping
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
            _ => match &active_server.through {
                Some(entry) => format!("{name} through {}", sanitise::line(entry)),
                None => name,
            },
        }
    }
}
