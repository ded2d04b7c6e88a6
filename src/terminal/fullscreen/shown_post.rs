//! An entry of a list as it is shown: a post, something that somebody has done, or a person. Pure.

use std::{borrow::Cow, cell::Cell};

use crate::{
    client::{NotificationPage, Post, PostPage},
    domain::{Notification, NotificationKind, Person, PostId, Relationship, UnixMillis, UserName},
    network::PersonView,
    sanitise,
    terminal::post_text::with_pictures,
};

/// An entry: sanitised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownPost {
    /// Its place in the list: of a boost, that of the boost.
    pub id: PostId,
    /// Who has written it, or has done what it tells.
    pub author: UserName,
    pub posted_at: UnixMillis,
    pub kind: EntryKind,
    /// The post itself; none if the entry is about none.
    pub post: Option<Box<Post>>,
    /// The author of the post that it answers, if that is known.
    pub answers: Option<UserName>,
    /// Whether what is behind a warning is shown.
    pub is_unfolded: bool,
    text: String,
    warning: Option<String>,
    /// The width at which it was last laid out, and its height then: a long post takes a
    /// millisecond to lay out, and every key needs its height.
    pub layout: Cell<Option<(u16, usize)>>,
}

/// Why there is an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    Posted,
    BoostedBy(UserName),
    Notified(NotificationKind),
    /// A person, at the end of the list of their posts.
    Person(Relationship),
}

impl ShownPost {
    pub fn new(post: &Post) -> Self {
        let (shown, kind) = match &post.boost_of {
            Some(boosted) => (&**boosted, EntryKind::BoostedBy(post.author.clone())),
            None => (post, EntryKind::Posted),
        };
        let entry = Self::of(post.id, shown.author.clone(), shown.posted_at, kind);
        entry.about(shown.clone())
    }

    /// A post of a conversation, and whom it answers.
    pub fn answering(post: &Post, answers: Option<UserName>) -> Self {
        Self { answers, ..Self::new(post) }
    }

    /// What somebody has done.
    pub fn of_notification(notification: &Notification) -> Self {
        let Notification { id, kind, at, actor, post, .. } = notification;
        let entry = Self::of(*id, actor.clone(), *at, EntryKind::Notified(*kind));
        match post {
            Some(post) => entry.about(post.clone()),
            None => entry,
        }
    }

    /// A person, with what is told of them, which is sanitised.
    pub fn of_person(view: PersonView, told: String) -> Self {
        let PersonView { person: Person { name, created_at, .. }, relationship } = view;
        let kind = EntryKind::Person(relationship);
        Self { text: told, ..Self::of(PostId::MAX, name, created_at, kind) }
    }

    fn of(id: PostId, author: UserName, posted_at: UnixMillis, kind: EntryKind) -> Self {
        Self {
            id,
            author,
            posted_at,
            kind,
            post: None,
            answers: None,
            is_unfolded: false,
            text: String::new(),
            warning: None,
            layout: Cell::default(),
        }
    }

    fn about(mut self, post: Post) -> Self {
        self.text = with_pictures(sanitise::block(&post.text), &post, "\n");
        self.warning = post.warning.as_deref().map(sanitise::line);
        self.post = Some(Box::new(post));
        self
    }

    /// The number of the post that it is about.
    pub fn number(&self) -> Option<PostId> {
        self.post.as_ref().map(|post| post.id)
    }

    pub fn has_warning(&self) -> bool {
        self.warning.is_some()
    }

    /// What is shown below its head; nothing if there is nothing to be shown.
    pub fn said(&self) -> Cow<'_, str> {
        match &self.warning {
            None => self.text.as_str().into(),
            Some(warning) if self.is_unfolded => format!("({warning})\n{}", self.text).into(),
            Some(warning) => format!("({warning}: x shows it)").into(),
        }
    }

    /// Shows or hides what is behind the warning.
    pub fn fold(&mut self) {
        self.is_unfolded = !self.is_unfolded;
        self.layout.take();
    }

    /// Takes over what a post says now, if the entry is about it. What the reader has done with it is known
    /// only `with_marks`.
    pub fn refresh(&mut self, now: &Post, with_marks: bool) {
        let Some(before) = self.post.take_if(|post| post.id == now.id) else { return };
        let marks = if with_marks { now.marks } else { before.marks };
        *self = self.clone().about(Post { marks, ..now.clone() });
        self.layout.take();
    }
}

/// A page of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPage {
    /// In the order of the cursor.
    pub entries: Vec<ShownPost>,
    /// The position of the feed when it was read.
    pub as_of: PostId,
    /// Whether there is more in the direction of reading.
    pub more: bool,
}

impl From<&PostPage> for EntryPage {
    fn from(page: &PostPage) -> Self {
        let entries = page.posts.iter().map(ShownPost::new).collect();
        Self { entries, as_of: page.as_of, more: page.more }
    }
}

impl From<&NotificationPage> for EntryPage {
    fn from(page: &NotificationPage) -> Self {
        let entries = page.notifications.iter().map(ShownPost::of_notification).collect();
        Self { entries, as_of: page.as_of, more: page.more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Marks, UserId};

    fn post(id: u64, text: &str) -> Post {
        let author = UserName::new("u1").expect("valid");
        Post::plain(PostId::new(id), UserId(1), author, UnixMillis::EPOCH, text)
    }

    #[test]
    fn a_warning_stands_instead_of_the_text_until_it_is_unfolded() {
        let warned = Post { warning: Some("loud\u{1b}".to_owned()), ..post(7, "words") };
        let mut shown = ShownPost::new(&warned);
        assert_eq!(shown.said(), "(loud\u{fffd}: x shows it)");
        shown.fold();
        assert_eq!(shown.said(), "(loud\u{fffd})\nwords");
        assert_eq!(ShownPost::new(&post(7, "words")).said(), "words");
    }

    #[test]
    fn what_a_post_says_now_is_taken_over_and_what_the_reader_did_with_it_stays() {
        let liked = Marks { liked: true, ..Marks::default() };
        let boosted = Box::new(Post { marks: liked, ..post(3, "before") });
        let mut shown = ShownPost::new(&Post { boost_of: Some(boosted), ..post(7, "") });
        assert_eq!((shown.id, shown.number()), (PostId::new(7), Some(PostId::new(3))));
        shown.refresh(&post(7, "of another"), false);
        assert_eq!(shown.said(), "before");
        let marks = |shown: &ShownPost| shown.post.as_ref().expect("a post").marks;
        shown.refresh(&post(3, "after"), false);
        assert_eq!((&*shown.said(), marks(&shown)), ("after", liked));
        shown.refresh(&post(3, "after"), true);
        assert_eq!(marks(&shown), Marks::default());
    }
}
