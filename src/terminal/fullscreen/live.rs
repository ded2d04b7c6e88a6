//! What comes by itself: posts, edits, deletions and notifications, as they happen. Pure.

use std::collections::VecDeque;

use super::{
    model::{Model, Tab},
    shown_post::ShownPost,
    view::{Load, Loaded, Source, View},
};
use crate::{
    client::{Changed, Post, Published, Thread, TimelineEvent},
    domain::{ReplyTo, UserId},
};

/// Changes that are remembered while something is being loaded.
const MOST: usize = 256;

/// Where something comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Timeline,
    /// With the user's notifications, and what happens to posts.
    Home,
    Local,
}

impl Stream {
    fn tab(self) -> Tab {
        match self {
            Self::Timeline => Tab::Timeline,
            Self::Home => Tab::Home,
            Self::Local => Tab::Local,
        }
    }
}

/// What has changed while something was being loaded, which may have been read before.
#[derive(Default)]
pub struct RecentChanges {
    changes: VecDeque<Changed>,
    /// Some are not there any more.
    is_incomplete: bool,
}

impl RecentChanges {
    fn add(&mut self, change: Changed) {
        if self.changes.len() < MOST {
            self.changes.push_back(change);
        } else {
            self.is_incomplete = true;
        }
    }
}

impl Model {
    /// Something has come live.
    pub(super) fn live(&mut self, stream: Stream, event: TimelineEvent) {
        match event {
            TimelineEvent::Posts(posts) => {
                for post in posts.iter() {
                    self.arrived(stream, post);
                }
            }
            TimelineEvent::Change(change) => {
                self.change(&change.what);
                let mut is_loading = false;
                self.each_view(|view| is_loading |= view.loading.is_some());
                if is_loading {
                    self.recent.add(change.what);
                }
            }
            TimelineEvent::ReadAgain(_) => self.each_view(View::expire),
            TimelineEvent::Position(_) => {}
        }
    }

    fn arrived(&mut self, stream: Stream, post: &Post) {
        self.names.learn([&post.author]);
        let room = self.room();
        let view = self.tab_view(stream.tab());
        // Otherwise it is on the page that will be read.
        if view.is_begun || view.loading.is_some() {
            view.arrive(ShownPost::new(post), room);
        }
        self.join(post);
    }

    /// Adds a post to the open conversations and profiles to which it belongs.
    fn join(&mut self, post: &Post) {
        let room = self.room();
        self.each_view(|view| match &view.source {
            Source::Thread(_) => {
                view.loaded.answered(post);
            }
            Source::Profile(name) if *name == post.author && view.is_begun => {
                view.arrive(ShownPost::new(post), room);
            }
            _ => {}
        });
    }

    fn change(&mut self, what: &Changed) {
        match what {
            Changed::Edited(post) => self.each_view(|view| view.loaded.refresh(post, false)),
            Changed::Deleted(id) => self.each_view(|view| view.delete(*id)),
            Changed::Notified(notification) => {
                self.names.learn([&notification.actor]);
                let room = self.room();
                let view = self.tab_view(Tab::Notifications);
                if view.is_begun || view.loading.is_some() {
                    view.arrive(ShownPost::of_notification(notification), room);
                }
                if let Some(post) = &notification.post {
                    self.each_view(|view| view.loaded.refresh(post, false));
                    self.join(post);
                }
            }
        }
    }

    /// What was asked for has been loaded, or not.
    pub(super) fn loaded(&mut self, number: u64, load: Load, outcome: Result<Loaded, String>) {
        let now = self.now;
        match outcome {
            Ok(loaded) => {
                if let Loaded::Notifications(_, read_up_to) = &loaded {
                    self.learn_what_was_read(*read_up_to);
                }
                if let Loaded::Thread(read) = &loaded {
                    self.learn_of_thread(&read.0, &read.1);
                }
                self.take(number, load, loaded);
            }
            Err(why) => {
                self.each_view(|view| {
                    if view.number == number {
                        view.fail(now);
                    }
                });
                self.tell(&format!("cannot load more posts: {why}"));
            }
        }
        let mut is_loading = false;
        self.each_view(|view| is_loading |= view.loading.is_some());
        if !is_loading {
            self.recent = RecentChanges::default();
        }
    }

    /// What was read of a conversation is how its posts are everywhere.
    fn learn_of_thread(&mut self, post: &Post, Thread { ancestors, descendants }: &Thread) {
        for now in ancestors.iter().chain([post]).chain(descendants) {
            self.each_view(|view| view.loaded.refresh(now, true));
        }
    }

    fn take(&mut self, number: u64, load: Load, loaded: Loaded) {
        let (now, room, is_incomplete) = (self.now, self.room(), self.recent.is_incomplete);
        let Some(view) = self.find_view(number) else { return };
        let is_first = !view.is_begun;
        view.take(load, loaded, now);
        if let Some(selected) = view.selected.filter(|_| is_first) {
            view.select(selected, room);
        }
        let authors: Vec<_> = view.loaded.entries().iter().map(|it| it.author.clone()).collect();
        if is_incomplete {
            view.expire();
        }
        self.names.learn(authors);
        let recent: Vec<Changed> = self.recent.changes.iter().cloned().collect();
        for change in recent {
            self.change(&change);
        }
    }

    /// The outcome of the post in progress.
    pub(super) fn published(&mut self, outcome: Result<Published, String>) {
        match outcome {
            Ok(Published { id, posted_at }) => {
                let Some(sent) = self.outbox.sent() else { return };
                let Some(new) = sent.purpose.new_post(&self.user, &sent.text, &self.preferences)
                else {
                    return;
                };
                let author = self.user.clone();
                // Nobody looks at the numbers of people here.
                let (nobody, text) = (UserId(0), new.says.text);
                let post = Post {
                    visibility: new.visibility,
                    reply_to: new.reply_to.map(|post| ReplyTo { post, author: nobody }),
                    ..Post::plain(id, nobody, author, posted_at, text)
                };
                let room = self.room();
                self.tab_view(Tab::Timeline).add_own(&post, room);
                let home = self.tab_view(Tab::Home);
                if home.is_begun || home.loading.is_some() {
                    home.arrive(ShownPost::new(&post), room);
                }
                self.join(&post);
                self.now = self.now.max(posted_at);
                if post.reply_to.is_some() {
                    self.tell("answered");
                }
            }
            Err(why) => {
                self.outbox.refused(why);
                if self.desk.is_idle() {
                    self.take_back();
                }
            }
        }
    }
}
