//! What other people write, as it is shown: printed line by line, as JSON, and on the full screen.

use chrono::{FixedOffset, Utc};
use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};
use ratatui::{Terminal, backend::TestBackend};

use crate::{
    client::{
        ActiveServer, Changed, FeedChange, Post, PostPage, Published, Server, Thread, TimelineEvent,
    },
    domain::{
        Marks, Notification, NotificationKind, Person, PersonCounts, PostCounts, PostId, Profile,
        Relationship, ReplyTo, UnixMillis, UserId, UserName, Visibility,
    },
    network::{PersonView, Posts},
    sanitise,
    terminal::{
        colour::Paint,
        completion::Names,
        fullscreen::{
            acts::Act,
            draw::draw,
            live::Stream,
            model::{Effect, Event, Model},
            shown_post::{EntryPage, ShownPost},
            view::{Load, Loaded, Source},
        },
        json,
        post_text::{self, Warnings},
        text,
    },
};

/// As far as people's clocks differ from UTC, in seconds.
const FARTHEST_ZONE: i32 = 14 * 3_600;

/// A post of somebody else: its time (eight bytes), then its text.
pub fn posts(bytes: &[u8]) {
    let Some((time, written)) = bytes.split_first_chunk() else { return };
    let written = String::from_utf8_lossy(written).into_owned();
    let posted_at = UnixMillis::new(i64::from_le_bytes(*time));
    let post = Post::plain(PostId::new(3), UserId(1), name("ann"), posted_at, written.clone());
    for seconds in [-FARTHEST_ZONE, 0, FARTHEST_ZONE] {
        let zone = FixedOffset::east_opt(seconds).expect("less than a day");
        let shown = text::post(&post, &zone, Paint::default());
        assert!(shown.ends_with('\n') && shown.starts_with("ann("), "{shown:?}");
        is_harmless(&shown);
        let mut others = shown.trim_end_matches('\n').split('\n').skip(1);
        assert!(others.all(|line| line.starts_with("    ")), "{shown:?}");
    }
    let numbered = Post { warning: Some(written.clone()), ..post.clone() };
    for warnings in [Warnings::Folded, Warnings::Unfolded] {
        let shown = post_text::numbered(&numbered, warnings, &Utc, Paint::default());
        is_harmless(&shown);
        let mut others = shown.trim_end_matches('\n').split('\n').skip(1);
        assert!(others.all(|line| line.starts_with("    ")), "{shown:?}");
    }
    for post in [&post, &numbered] {
        let beginning = post_text::beginning(post);
        is_harmless(&beginning);
        assert!(!beginning.contains('\n'), "{beginning:?}");
    }
    let line = sanitise::line(&written);
    is_harmless(&line);
    assert!(!line.contains('\n'), "{line:?}");
    is_harmless(&sanitise::block(&written));
    let json = json::post(&post);
    let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(read["text"].as_str(), Some(&*written));
    assert!(json.trim_end().bytes().all(|byte| matches!(byte, b' '..=b'~')), "{json}");
}

fn is_harmless(shown: &str) {
    let is_control = |c: char| c.is_control() && c != '\n';
    assert!(!shown.contains(is_control), "{shown:?}");
}

fn name(name: &str) -> UserName {
    UserName::new(name).expect("valid")
}

pub fn seeds_of_posts() -> Vec<Vec<u8>> {
    let post = |at: i64, text: &str| [&at.to_le_bytes(), text.as_bytes()].concat();
    vec![
        post(1_517_528_845_000, "hello\n\u{1b}[2Jann(Thu) >> I am somebody else\u{202e}"),
        post(0, "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301} 👨‍👩‍👧 \u{200b}\u{2028}\u{fdd0}"),
        post(i64::MAX, "for ever"),
    ]
}

/// Reads small values from the input; zeros after its end.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    fn text(&mut self) -> String {
        let length = usize::from(self.byte()).min(self.bytes.len());
        let (text, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        String::from_utf8_lossy(text).into_owned()
    }

    fn character(&mut self) -> char {
        let number = u32::from(self.byte()) | u32::from(self.byte()) << 8;
        char::from_u32(number).unwrap_or('x')
    }

    fn time(&mut self) -> UnixMillis {
        match self.byte() {
            0 => UnixMillis::MIN,
            u8::MAX => UnixMillis::MAX,
            seconds => UnixMillis::new(i64::from(seconds) * 1_000),
        }
    }

    fn size(&mut self) -> (u16, u16) {
        ((self.byte() % 100).into(), (self.byte() % 40).into())
    }

    fn post(&mut self) -> Post {
        let id = match self.byte() {
            u8::MAX => PostId::MAX,
            id => PostId::new(id.into()),
        };
        let flags = self.byte();
        let author = if flags & 1 == 0 { name("ann") } else { name("bob") };
        let posted_at = self.time();
        let post = Post::plain(id, UserId(1), author, posted_at, self.text());
        if flags & 2 == 0 { post } else { self.rich(post) }
    }

    /// The same with all that a post may have.
    fn rich(&mut self, post: Post) -> Post {
        let warning = Some(self.text()).filter(|warning| !warning.is_empty());
        let answered = PostId::new(self.byte().into());
        let boosted = self.byte();
        let rich = Post {
            warning,
            visibility: Visibility::Followers,
            reply_to: Some(ReplyTo { post: answered, author: UserId(2) }),
            edited_at: Some(post.posted_at),
            counts: PostCounts { replies: 1, boosts: u64::MAX, likes: 2 },
            marks: Marks { liked: true, ..Marks::default() },
            ..post.clone()
        };
        match boosted {
            0 => rich,
            id => Post {
                boost_of: Some(Box::new(rich)),
                ..Post { id: PostId::new(id.into()), ..post }
            },
        }
    }

    fn notification(&mut self) -> Notification {
        const KINDS: [NotificationKind; 3] = [
            NotificationKind::Followed,
            NotificationKind::FollowRequested,
            NotificationKind::Liked,
        ];
        let kind = KINDS[usize::from(self.byte()) % KINDS.len()];
        let post = (kind == NotificationKind::Liked).then(|| self.post());
        let (id, at) = (PostId::new(self.byte().into()), self.time());
        Notification { id, kind, at, actor_id: UserId(2), actor: name("bob"), post }
    }

    fn loaded(&mut self, source: &Source) -> Loaded {
        match source {
            Source::Thread(_) => {
                let post = self.post();
                let [ancestors, descendants] = [self.page().posts, self.page().posts];
                Loaded::Thread(Box::new((post, Thread { ancestors, descendants })))
            }
            Source::Notifications => {
                let count = self.byte() % 8;
                let entries = (0..count).map(|_| self.notification());
                let entries = entries.map(|it| ShownPost::of_notification(&it)).collect();
                let as_of = PostId::new(self.byte().into());
                Loaded::Notifications(EntryPage { entries, as_of, more: false }, as_of)
            }
            Source::Profile(person) => {
                let mut page = EntryPage::from(&self.page());
                let person = Person {
                    id: UserId(2),
                    name: person.clone(),
                    created_at: self.time(),
                    profile: Profile::default(),
                    counts: PersonCounts::default(),
                    avatar: None,
                    header: None,
                };
                let view = PersonView { person, relationship: Relationship::default() };
                page.entries.insert(0, ShownPost::of_person(view, sanitise::block(&self.text())));
                Loaded::Page(page)
            }
            Source::Timeline | Source::Home | Source::Local => {
                Loaded::Page(EntryPage::from(&self.page()))
            }
        }
    }

    fn live(&mut self) -> TimelineEvent {
        let position = PostId::new(self.byte().into());
        let what = match self.byte() % 5 {
            0 => return TimelineEvent::ReadAgain(position),
            1 => return TimelineEvent::Posts(Posts::from(self.post())),
            2 => Changed::Edited(self.post().into()),
            3 => Changed::Deleted(position),
            _ => Changed::Notified(self.notification().into()),
        };
        TimelineEvent::Change(FeedChange { position, what })
    }

    fn page(&mut self) -> PostPage {
        let count = self.byte() % 8;
        let posts: Vec<Post> = (0..count).map(|_| self.post()).collect();
        let as_of = PostId::new(self.byte().into());
        PostPage { posts, as_of, more: self.byte() & 1 == 1, last: None }
    }

    fn key(&mut self) -> KeyEvent {
        const KEYS: [KeyCode; 15] = [
            KeyCode::Enter,
            KeyCode::Esc,
            KeyCode::PageUp,
            KeyCode::PageDown,
            KeyCode::Up,
            KeyCode::Down,
            KeyCode::Home,
            KeyCode::End,
            KeyCode::Left,
            KeyCode::Right,
            KeyCode::Backspace,
            KeyCode::Delete,
            KeyCode::Tab,
            KeyCode::BackTab,
            KeyCode::F(1),
        ];
        let modifiers = KeyModifiers::from_bits_truncate(self.byte());
        let code = match KEYS.get(usize::from(self.byte())) {
            Some(code) => *code,
            None => KeyCode::Char(self.character()),
        };
        KeyEvent::new(code, modifiers)
    }

    fn event(&mut self, wanted: &[(u64, Source, Load)], acts: &mut Vec<Act>) -> Event {
        const STREAMS: [Stream; 3] = [Stream::Timeline, Stream::Home, Stream::Local];
        match self.byte() % 11 {
            0 => Event::Input(Input::Key(self.key())),
            1 => Event::Input(Input::Paste(self.text())),
            2 => Event::Live(Stream::Timeline, TimelineEvent::Posts(self.post().into())),
            3 => {
                let which = usize::from(self.byte());
                let begun = (0, Source::Timeline, Load::Newest);
                let (number, source, load) = wanted.get(which).unwrap_or(&begun);
                let failed = self.byte() == 0;
                let loaded = if failed { Err(self.text()) } else { Ok(self.loaded(source)) };
                Event::Loaded(*number, *load, loaded)
            }
            4 => Event::Own(EntryPage::from(&self.page())),
            5 => {
                let published =
                    Published { id: PostId::new(self.byte().into()), posted_at: self.time() };
                Event::Published(if self.byte() == 0 { Err(self.text()) } else { Ok(published) })
            }
            9 => Event::Live(STREAMS[usize::from(self.byte()) % STREAMS.len()], self.live()),
            10 => {
                let act = acts.pop().unwrap_or(Act::Delete(PostId::new(self.byte().into())));
                let failed = self.byte() == 0;
                let done = if failed { Err(self.text()) } else { Ok(Some(self.post().into())) };
                Event::Acted(act, done)
            }
            6 => Event::Tick(self.time()),
            7 => Event::LiveEnded(self.text()),
            _ => {
                let server = Server { name: self.text(), address: self.text(), term: 7 };
                let (through, answers) = (None, self.byte() == 0);
                Event::Server(ActiveServer { server, through, move_took: None, answers })
            }
        }
    }
}

/// What happens while the timeline fills the screen: its first page, then one event after the other.
pub fn full_screen(bytes: &[u8]) {
    let mut reader = Reader { bytes };
    let mut size = reader.size();
    let names = Names::default();
    let mut model = Model::new(name("ann"), names, &reader.page(), size, reader.time());
    let (mut wanted, mut acts) = (Vec::new(), Vec::new());
    show(&model, size);
    while !reader.bytes.is_empty() {
        let event = if reader.byte() == u8::MAX {
            size = reader.size();
            Event::Input(Input::Resize(size.0, size.1))
        } else {
            reader.event(&wanted, &mut acts)
        };
        for effect in model.update(event) {
            match effect {
                Effect::Load(number, source, load) => wanted.insert(0, (number, source, load)),
                Effect::Act(act) => acts.push(act),
                _ => {}
            }
        }
        show(&model, size);
    }
}

fn show(model: &Model, (columns, rows): (u16, u16)) {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a screen");
    terminal.draw(|frame| draw(model, &Utc, frame)).expect("drawn");
    for cell in terminal.backend().buffer().content() {
        is_harmless(cell.symbol());
    }
}

pub fn seeds_of_full_screen() -> Vec<Vec<u8>> {
    let post = |id: u8, text: &str| {
        let length = u8::try_from(text.len()).expect("short");
        [&[id, id & 1, 20 + id, length], text.as_bytes()].concat()
    };
    let page = [
        vec![3],
        post(9, "the newest\nin two lines"),
        post(8, "漢字 and 👋🏽"),
        post(7, "\u{1b}[2J\u{202e}a long line that is wrapped somewhere, wherever that is"),
        vec![20, 1],
    ]
    .concat();
    let letters =
        |text: &str| -> Vec<u8> { text.chars().flat_map(|c| [1, 0, 0, 200, c as u8, 0]).collect() };
    let keys = letters("hi, all");
    let begin = [&[40, 8], page.as_slice(), &[60]].concat();
    vec![
        [begin.as_slice(), &keys, &[1, 0, 0, 0], &[1, 5, 30, 70, 1]].concat(),
        [begin.as_slice(), &[1, 0, 0, 2], &[1, 2], &post(10, "live"), &[1, 3, 1], &page].concat(),
        [begin.as_slice(), &[1, 1, 5, b'p', b'a', 0xc3, 0xbc, b'\n'], &[255, 13, 5], &[1, 6, 90]]
            .concat(),
        // Another tab, a selection, and its keys.
        [begin.as_slice(), &[1, 0, 0, 12, 1, 3, 0, 1], &page, &[1, 0, 0, 4], &letters("lxt?p")]
            .concat(),
        [begin.as_slice(), &[1, 9, 1, 9, 4, 2, 1, 70, 1, 3], &post(8, "liked")].concat(),
        [begin.as_slice(), &[1, 4], &page, &[1, 8, 2, b's', b'1', 1, b'h', 0], &[1, 7, 1, b'x']]
            .concat(),
    ]
}
