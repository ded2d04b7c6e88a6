//! What the full screen does with what happens: to the line that is being written, to what is chosen, and to
//! its lists.

mod choosing_tests;
mod lists_tests;
mod writing_tests;

use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};

use super::{
    acts::Act,
    live::Stream,
    model::{Effect, Event, Model, Tab},
    position::Position,
    shown_post::EntryPage,
    view::{Load, Loaded, Source},
};
use crate::{
    client::{
        ActiveServer, Changed, FeedChange, NewPost, NotificationPage, Post, PostPage, Published,
        Thread, TimelineEvent,
    },
    domain::{
        Mark, Marks, Notification, NotificationKind, PostCounts, PostId, ReplyTo, UnixMillis,
        UserId, UserName, Visibility,
    },
    network::Posts,
    terminal::completion::Names,
};

const NOW: UnixMillis = UnixMillis::new(1_000_000);

fn name(name: &str) -> UserName {
    UserName::new(name).expect("valid")
}

fn post(id: u64) -> Post {
    let text = format!("p{id}");
    Post::plain(PostId::new(id), UserId(2), name("u2"), UnixMillis::EPOCH, text)
}

/// The timeline of u1 on a small screen, with just enough posts to fill it, and no notifications.
fn model(more: bool) -> Model {
    let page = PostPage {
        posts: (101..=120).rev().map(post).collect(),
        as_of: PostId::new(120),
        more,
        last: None,
    };
    let mut model = Model::new(name("u1"), Names::default(), &page, (40, 9), NOW);
    let begun = model.update(Event::Tick(NOW));
    assert_eq!(begun, [Effect::Load(3, Source::Notifications, Load::Newest)]);
    assert_eq!(model.update(notifications(vec![], 0)), []);
    model
}

/// These notifications, newest first, have been loaded.
fn notifications(told: Vec<Notification>, read_up_to: u64) -> Event {
    let read_up_to = PostId::new(read_up_to);
    let page =
        NotificationPage { notifications: told, as_of: PostId::new(120), more: false, read_up_to };
    let loaded = Loaded::Notifications(EntryPage::from(&page), read_up_to);
    Event::Loaded(3, Load::Newest, Ok(loaded))
}

fn notification(id: u64, kind: NotificationKind, post: Option<Post>) -> Notification {
    let (id, actor) = (PostId::new(id), name("u2"));
    Notification { id, kind, at: NOW, actor_id: UserId(2), actor, post }
}

fn page(posts: Vec<Post>, more: bool) -> Loaded {
    let page = PostPage { posts, as_of: PostId::new(120), more, last: None };
    Loaded::Page(EntryPage::from(&page))
}

/// Something has changed.
fn changed(model: &mut Model, what: Changed) -> Vec<Effect> {
    let change = FeedChange { position: PostId::new(200), what };
    model.update(Event::Live(Stream::Home, TimelineEvent::Change(change)))
}

fn own(id: u64) -> Post {
    Post { author: name("u1"), ..post(id) }
}

/// The timeline with a post of one's own at its end, which is selected.
fn own_selected() -> Model {
    let mut model = model(false);
    model.update(Event::Own(EntryPage::from(&PostPage {
        posts: vec![own(121)],
        as_of: PostId::new(121),
        more: false,
        last: None,
    })));
    up(&mut model);
    assert_eq!(selected(&model), Some(121));
    model
}

fn up(model: &mut Model) -> Vec<Effect> {
    press(model, KeyCode::Up, KeyModifiers::NONE)
}

fn key(model: &mut Model, key: char) -> Vec<Effect> {
    press(model, KeyCode::Char(key), KeyModifiers::NONE)
}

fn escape(model: &mut Model) -> Vec<Effect> {
    press(model, KeyCode::Esc, KeyModifiers::NONE)
}

fn selected(model: &Model) -> Option<u64> {
    model.view().selected.map(PostId::get)
}

fn line(model: &Model) -> String {
    model.desk().line.shown().parts.concat()
}

/// What the list that is shown says, from the top.
fn said(model: &Model) -> Vec<String> {
    model.view().loaded.entries().iter().map(|entry| entry.said().into_owned()).collect()
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

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}
