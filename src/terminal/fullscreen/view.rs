//! One list on the screen: what is held of it, where its reader is, and what has to be loaded. Pure.

use super::{
    layout,
    loaded_posts::{Cut, LoadedPosts},
    position::{Position, Sheet},
    shown_post::{EntryPage, ShownPost},
};
use crate::{
    client::{Cursor, Post, Thread},
    domain::{PostId, UnixMillis, UserName},
};

/// How long to wait before requesting a page again after a failure, in milliseconds.
const LOAD_AGAIN_MS: i64 = 2_000;
/// How often an open conversation is read again, in milliseconds: what others do with its posts is told to
/// their authors alone.
const THREAD_AGAIN_MS: i64 = 10_000;

/// What a list consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// What those have posted whom the user follows, since then.
    Timeline,
    Home,
    Local,
    Notifications,
    /// The conversation around a post.
    Thread(PostId),
    /// What somebody has posted, and who they are.
    Profile(UserName),
}

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    Older(PostId),
    Newer(PostId),
    /// Everything anew, up to where its reader is.
    UpTo(PostId),
    Newest,
}

impl Load {
    /// Where the page begins.
    pub fn cursor(self) -> Cursor {
        match self {
            Self::Older(id) => Cursor::Before(id),
            Self::Newer(id) => Cursor::After(id),
            Self::UpTo(id) => id.next().map_or(Cursor::Newest, Cursor::Before),
            Self::Newest => Cursor::Newest,
        }
    }
}

/// What was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {
    Page(EntryPage),
    /// And up to which of them all have been read.
    Notifications(EntryPage, PostId),
    Thread(Box<(Post, Thread)>),
}

/// The room for a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub columns: u16,
    pub rows: u16,
}

/// A list. What belongs to it from now on is added whether it is on the screen or not.
pub struct View {
    /// By which what was loaded for it finds it.
    pub number: u64,
    pub source: Source,
    pub loaded: LoadedPosts,
    pub position: Position,
    pub selected: Option<PostId>,
    /// Posts that arrived below the visible part.
    pub unseen: usize,
    pub loading: Option<Load>,
    /// Whether its newest page was ever read.
    pub is_begun: bool,
    /// It is to be read again: something may have changed unnoticed.
    is_stale: bool,
    /// Nothing is loaded before this time, because loading has failed.
    load_after: UnixMillis,
    /// When it was last read.
    read_at: UnixMillis,
}

impl View {
    /// Nothing is read of it yet.
    pub fn new(number: u64, source: Source) -> Self {
        Self {
            number,
            source,
            loaded: LoadedPosts::empty(),
            position: Position::Newest,
            selected: None,
            unseen: 0,
            loading: None,
            is_begun: false,
            is_stale: true,
            load_after: UnixMillis::MIN,
            read_at: UnixMillis::MIN,
        }
    }

    /// The posts, laid out.
    pub fn sheet(&self, room: Room) -> Sheet<'_, impl Fn(&ShownPost) -> usize + use<>> {
        Sheet {
            loaded: &self.loaded,
            height_of: move |entry| layout::height(entry, room.columns),
            screen: usize::from(room.rows),
        }
    }

    /// The selected entry.
    pub fn chosen(&self) -> Option<&ShownPost> {
        self.selected.and_then(|id| self.loaded.get(id))
    }

    /// Whether it is on top of another list, to be closed again.
    pub fn is_opened(&self) -> bool {
        matches!(self.source, Source::Thread(_) | Source::Profile(_))
    }

    /// Posts that the reader does not see may be dropped.
    pub fn cut(&self) -> Cut {
        if self.position == Position::Newest { Cut::Older } else { Cut::Newer }
    }

    /// It is to be read again.
    pub fn expire(&mut self) {
        self.is_stale = true;
    }

    /// Adds what has come live.
    pub fn arrive(&mut self, entry: ShownPost, room: Room) {
        if self.loaded.arrive(entry, self.cut()) {
            self.has_grown(room);
        }
    }

    /// Adds a post that the user has made.
    pub fn add_own(&mut self, post: &Post, room: Room) {
        self.loaded.add_own(post, self.cut());
        self.has_grown(room);
    }

    /// Shows what is new as long as what is selected stays in sight, and otherwise counts it.
    fn has_grown(&mut self, room: Room) {
        if let (Some(selected), Position::Newest) = (self.selected, self.position) {
            self.select(selected, room);
        }
        if self.position != Position::Newest {
            self.unseen += 1;
        }
    }

    /// Removes a post, or a boost.
    pub fn delete(&mut self, id: PostId) {
        let selected = self.selected.map(|selected| self.loaded.index_of(selected));
        self.loaded.delete(id);
        if let Some(index) = selected
            && self.chosen().is_none()
        {
            let entries = self.loaded.entries();
            self.selected = entries.get(index).or(entries.back()).map(|entry| entry.id);
        }
    }

    /// Adds what was loaded, at `now`.
    pub fn take(&mut self, load: Load, loaded: Loaded, now: UnixMillis) {
        self.loading = None;
        self.read_at = now;
        if matches!(load, Load::Newest | Load::UpTo(_)) {
            self.is_stale = false;
            self.is_begun = true;
        }
        match (load, loaded) {
            (Load::Older(_), Loaded::Page(page) | Loaded::Notifications(page, _)) => {
                self.loaded.extend_older(page);
            }
            (Load::Newer(_), Loaded::Page(page) | Loaded::Notifications(page, _)) => {
                self.loaded.extend_newer(page);
            }
            (Load::UpTo(_), Loaded::Page(page) | Loaded::Notifications(page, _)) => {
                self.loaded.restart_at(page);
            }
            (Load::Newest, Loaded::Page(page) | Loaded::Notifications(page, _)) => {
                self.loaded.restart(page);
            }
            (_, Loaded::Thread(read)) => {
                self.loaded.restart_thread(&read.0, &read.1);
                if self.chosen().is_none() {
                    self.selected = Some(read.0.id);
                }
            }
        }
        if self.is_opened() && self.chosen().is_none() {
            self.selected = self.loaded.entries().back().map(|entry| entry.id);
        }
        if self.chosen().is_none() {
            self.selected = None;
        }
    }

    /// Loading has failed, at `now`.
    pub fn fail(&mut self, now: UnixMillis) {
        self.loading = None;
        self.load_after = now.saturating_add_ms(LOAD_AGAIN_MS);
    }

    /// What to load at `now`, wherever its reader is.
    pub fn load_what_is_stale(&mut self, now: UnixMillis) -> Option<Load> {
        if self.loading.is_some() || now < self.load_after || !self.is_stale {
            return None;
        }
        self.loading = Some(match self.position {
            Position::Back { lowest, .. } if !self.is_opened() => Load::UpTo(lowest),
            _ => Load::Newest,
        });
        self.loading
    }

    /// What to load at `now`, judging by what is visible.
    pub fn load_what_is_missing(&mut self, room: Room, now: UnixMillis) -> Option<Load> {
        if self.loading.is_some() || now < self.load_after {
            return None;
        }
        if let Some(stale) = self.load_what_is_stale(now) {
            return Some(stale);
        }
        let near = |view: &Self| {
            view.sheet(room).is_near_the_oldest(view.position, usize::from(room.rows) + 2)
        };
        let is_thread = matches!(self.source, Source::Thread(_));
        let load = match self.position {
            _ if is_thread && now.saturating_ms_since(self.read_at) >= THREAD_AGAIN_MS => {
                Load::Newest
            }
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

    pub fn scroll_back(&mut self, lines: usize, room: Room) {
        self.position = self.sheet(room).back(self.position, lines);
        self.select_something_visible(room);
    }

    pub fn scroll_on(&mut self, lines: usize, room: Room) {
        let on = self.sheet(room).on(self.position, lines);
        // There are more posts below than are held: they are loaded when the last one held is
        // visible.
        let held = (on == Position::Newest).then(|| self.loaded.newer()).flatten();
        match held {
            Some(lowest) => self.position = Position::Back { lowest, hidden: 0 },
            None if on == Position::Newest => self.go_to_newest(),
            None => self.position = on,
        }
        self.select_something_visible(room);
    }

    pub fn go_to_oldest(&mut self, room: Room) {
        self.position = self.sheet(room).oldest();
        if self.selected.is_some() {
            self.selected = self.loaded.entries().front().map(|entry| entry.id);
        }
    }

    pub fn go_to_newest(&mut self) {
        self.position = Position::Newest;
        self.unseen = 0;
    }

    fn select_something_visible(&mut self, room: Room) {
        let sheet = self.sheet(room);
        if self.selected.is_some_and(|selected| !sheet.shows(self.position, selected)) {
            self.selected = sheet.lowest_whole(self.position);
        }
    }

    /// Selects an entry, and brings it into sight.
    pub fn select(&mut self, id: PostId, room: Room) {
        self.selected = Some(id);
        self.position = self.sheet(room).reveal(self.position, id);
        if self.position == Position::Newest {
            self.unseen = 0;
        }
    }

    /// Selects the entry above the selected one, or the lowest that is visible.
    pub fn select_previous(&mut self, room: Room) {
        let id = match self.selected {
            None => self.sheet(room).lowest_whole(self.position),
            Some(selected) => {
                let above = self.loaded.index_of(selected).checked_sub(1);
                above.and_then(|above| self.loaded.entries().get(above)).map(|entry| entry.id)
            }
        };
        if let Some(id) = id {
            self.select(id, room);
        }
    }

    /// Selects the entry below the selected one; behind the last, none is selected, unless the list is one that
    /// is closed again. Of an entry that is taller than the screen, shows the rest first.
    pub fn select_next(&mut self, room: Room) {
        let Some(selected) = self.selected else { return self.scroll_on(1, room) };
        let index = self.loaded.index_of(selected);
        if let Some((last, hidden)) = self.sheet(room).place(self.position)
            && last == index
            && hidden > 0
        {
            let page = usize::from(room.rows).saturating_sub(1).max(1);
            return self.scroll_on(hidden.min(page), room);
        }
        match self.loaded.entries().get(index + 1).map(|entry| entry.id) {
            Some(next) => self.select(next, room),
            None if self.is_opened() || self.loaded.newer().is_some() => {}
            None => {
                self.selected = None;
                self.go_to_newest();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::UserId;

    const ROOM: Room = Room { columns: 40, rows: 6 };
    const NOW: UnixMillis = UnixMillis::new(1_000_000);

    fn entry(id: u64) -> ShownPost {
        let author = UserName::new("u2").expect("valid");
        let text = format!("p{id}");
        ShownPost::new(&Post::plain(PostId::new(id), UserId(2), author, UnixMillis::EPOCH, text))
    }

    fn page(ids: impl DoubleEndedIterator<Item = u64>, more: bool) -> Loaded {
        let entries = ids.rev().map(entry).collect();
        Loaded::Page(EntryPage { entries, as_of: PostId::new(120), more })
    }

    fn view() -> View {
        let mut view = View::new(1, Source::Home);
        view.take(Load::Newest, page(101..=120, true), NOW);
        view
    }

    fn selected(view: &View) -> Option<u64> {
        view.selected.map(PostId::get)
    }

    #[test]
    fn the_selection_moves_from_post_to_post_and_the_screen_goes_along() {
        let mut view = view();
        view.select_previous(ROOM);
        assert_eq!((selected(&view), view.position), (Some(120), Position::Newest));
        for _ in 0..3 {
            view.select_previous(ROOM);
        }
        assert_eq!(selected(&view), Some(117));
        assert_eq!(view.position, Position::Back { lowest: PostId::new(119), hidden: 0 });
        view.scroll_back(100, ROOM);
        assert_eq!(selected(&view), Some(103), "what is selected is always visible");
        view.go_to_newest();
        view.select(PostId::new(120), ROOM);
        view.select_next(ROOM);
        assert_eq!((selected(&view), view.position), (None, Position::Newest));
    }

    #[test]
    fn what_is_selected_stays_in_sight_when_something_arrives_and_another_is_when_it_is_gone() {
        let mut view = view();
        view.select_previous(ROOM);
        view.arrive(entry(121), ROOM);
        view.arrive(entry(122), ROOM);
        assert_eq!((view.position, view.unseen), (Position::Newest, 0));
        view.arrive(entry(123), ROOM);
        assert_eq!(view.position, Position::Back { lowest: PostId::new(122), hidden: 0 });
        assert_eq!((selected(&view), view.unseen), (Some(120), 1));
        view.delete(PostId::new(120));
        assert_eq!(selected(&view), Some(121));
        for id in [123, 122, 121] {
            view.delete(PostId::new(id));
        }
        assert_eq!(selected(&view), Some(119));
    }

    #[test]
    fn a_list_that_may_have_changed_unnoticed_is_read_again_up_to_where_its_reader_is() {
        let mut view = view();
        assert_eq!(view.load_what_is_missing(ROOM, NOW), None);
        view.scroll_back(8, ROOM);
        view.expire();
        let load = Load::UpTo(PostId::new(116));
        assert_eq!(view.load_what_is_missing(ROOM, NOW), Some(load));
        assert_eq!(load.cursor(), Cursor::Before(PostId::new(117)));
        view.take(load, page(101..=116, true), NOW);
        assert_eq!(view.position, Position::Back { lowest: PostId::new(116), hidden: 0 });
        let newer = Load::Newer(PostId::new(116));
        assert_eq!(view.load_what_is_missing(ROOM, NOW), Some(newer), "there is no gap");
        view.fail(NOW);
        assert_eq!(view.load_what_is_missing(ROOM, NOW), None);
        let later = NOW.saturating_add_ms(LOAD_AGAIN_MS);
        assert_eq!(view.load_what_is_missing(ROOM, later), Some(newer));
    }
}
