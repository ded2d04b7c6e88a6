//! People who do one thing after another, each once: the words in which stories about the rules are told.

use std::cell::Cell;

use super::*;
use crate::domain::{Hashtag, NotificationKind, PersonalChange, PersonalId, Query, Visibility};

pub const ANN: u64 = 1;
pub const BOB: u64 = 2;
pub const EVE: u64 = 3;
pub const DAN: u64 = 4;
const NAMES: [&str; 4] = ["ann", "bob", "eve", "dan"];

/// No posts.
pub const NOTHING: [u64; 0] = [];
pub const NO_SUCH_POST: Reply = Reply::Refused(CommandRefusal::NoSuchPost);

/// A network of four people.
pub struct Story {
    pub state: State,
    requests: Cell<u64>,
    now: Cell<i64>,
}

impl Story {
    pub fn new() -> Self {
        Self { state: State::with_users(&NAMES), requests: Cell::new(0), now: Cell::new(0) }
    }

    /// What comes of a request, a millisecond after the last one.
    pub fn outcome(&self, user: u64, command: impl FnOnce(Context) -> Command) -> Outcome {
        self.requests.set(self.requests.get() + 1);
        self.pass(1);
        let context = context(user, request(1, self.requests.get()));
        self.state.apply(self.now.get(), command(context))
    }

    pub fn asks(&self, user: u64, command: impl FnOnce(Context) -> Command) -> Reply {
        self.outcome(user, command).0
    }

    /// Time passes.
    pub fn pass(&self, ms: i64) {
        self.now.set(self.now.get() + ms);
    }

    pub fn in_ms(&self, ms: i64) -> UnixMillis {
        UnixMillis::new(self.now.get() + ms)
    }

    pub fn view(&self) -> View {
        self.state.view()
    }

    /// The number of a public post.
    pub fn says(&self, user: u64, post: &str) -> u64 {
        self.says_to(user, Visibility::Public, post)
    }

    pub fn says_to(&self, user: u64, visibility: Visibility, post: &str) -> u64 {
        published(&self.drafts(user, Draft { visibility, ..Draft::of(text(post)) }))
    }

    /// The number of a public answer.
    pub fn answers(&self, user: u64, post: u64, answer: &str) -> u64 {
        published(&self.drafts(user, answer_to(post, answer)))
    }

    pub fn drafts(&self, user: u64, draft: Draft) -> Reply {
        self.asks(user, |context| Command::Publish { context, draft })
    }

    pub fn edits(&self, user: u64, post: u64, now: &str) -> Reply {
        self.edits_to(user, post, PostContent::of(text(now)))
    }

    pub fn edits_to(&self, user: u64, post: u64, content: PostContent) -> Reply {
        let post = PostId::new(post);
        self.asks(user, |context| Command::Edit { context, post, content })
    }

    pub fn deletes(&self, user: u64, post: u64) -> Reply {
        self.asks(user, |context| Command::Delete { context, post: PostId::new(post) })
    }

    pub fn boosts(&self, user: u64, post: u64, set: bool) -> Reply {
        self.asks(user, |context| Command::Boost { context, post: PostId::new(post), set })
    }

    pub fn marks(&self, user: u64, post: u64, mark: Mark, set: bool) -> Reply {
        self.asks(user, |context| Command::Mark { context, post: PostId::new(post), mark, set })
    }

    pub fn likes(&self, user: u64, post: u64) -> Reply {
        self.marks(user, post, Mark::Like, true)
    }

    pub fn follows(&self, user: u64, target: u64) -> Reply {
        self.asks(user, |context| Command::Follow { context, target: name_of(target) })
    }

    pub fn unfollows(&self, user: u64, target: u64) -> Reply {
        self.asks(user, |context| Command::Unfollow { context, target: name_of(target) })
    }

    pub fn relates(&self, user: u64, target: u64, change: RelationChange) -> Reply {
        self.asks(user, |context| Command::Relate { context, target: name_of(target), change })
    }

    pub fn blocks(&self, user: u64, target: u64) {
        assert_eq!(self.relates(user, target, RelationChange::Block), Reply::Done);
    }

    /// For good, but not what is notified.
    pub fn mutes(&self, user: u64, target: u64) {
        let mute = RelationChange::Mute { notifications: false, until: None };
        assert_eq!(self.relates(user, target, mute), Reply::Done);
    }

    pub fn is_called(&self, user: u64, display_name: &str) {
        self.shows(user, Profile { display_name: display_name.to_owned(), ..Profile::default() });
    }

    pub fn locks(&self, user: u64, locked: bool) {
        self.shows(user, Profile { locked, ..Profile::default() });
    }

    fn shows(&self, user: u64, profile: Profile) {
        let words = profile.words();
        let reply = self.asks(user, |context| Command::SetProfile { context, profile, words });
        assert_eq!(reply, Reply::Done);
    }

    /// A post as somebody sees it, or whoever is not logged in.
    pub fn post(&self, reader: Option<u64>, post: u64) -> Option<Post> {
        self.view().post(reader.map(UserId), PostId::new(post)).unwrap()
    }

    /// Which of these people see a post, and whether those do who are not logged in.
    pub fn who_sees(&self, post: u64) -> (Vec<u64>, bool) {
        let readers = (1..=DAN).filter(|reader| self.post(Some(*reader), post).is_some());
        (readers.collect(), self.post(None, post).is_some())
    }

    pub fn home(&self, reader: u64) -> Vec<u64> {
        let view = self.view();
        numbers(&view, view.home(UserId(reader), NEWEST, 99))
    }

    /// What is for those mentioned, of whom they are one, or have written it.
    pub fn direct(&self, reader: u64) -> Vec<u64> {
        let view = self.view();
        numbers(&view, view.direct(UserId(reader), NEWEST, 99))
    }

    /// People who have something in common, as a reader finds them.
    pub fn crowd(&self, reader: u64, crowd: Crowd) -> Vec<String> {
        let view = self.view();
        let page = whole_crowd(&view, view.crowd(UserId(reader), crowd, None, 99));
        page.names.into_iter().map(String::from).collect()
    }

    /// What comes of a change of what somebody keeps.
    pub fn keeps(&self, user: u64, change: PersonalChange) -> Reply {
        self.asks(user, |context| Command::ChangePersonal { context, change })
    }

    /// The number of what somebody makes for themselves.
    pub fn makes(&self, user: u64, change: PersonalChange) -> u64 {
        match self.keeps(user, change) {
            Reply::Numbered(number) => number,
            other => panic!("{other:?}"),
        }
    }

    /// Posts in a list of somebody.
    pub fn listed(&self, reader: u64, list: u64) -> Vec<u64> {
        let (view, list) = (self.view(), PersonalId::new(list));
        let settings = view.list(UserId(reader), list).unwrap().expect("there is such a list");
        numbers(&view, view.in_list(UserId(reader), (list, settings.replies), NEWEST, 99))
    }

    pub fn followed(&self, reader: u64) -> Vec<u64> {
        let view = self.view();
        numbers(&view, view.followed(UserId(reader), NEWEST, 99))
    }

    pub fn local(&self, reader: Option<u64>) -> Vec<u64> {
        let view = self.view();
        numbers(&view, view.local(reader.map(UserId), NEWEST, 99))
    }

    /// Posts with a hashtag.
    pub fn tagged(&self, reader: Option<u64>, hashtag: &str) -> Vec<u64> {
        let view = self.view();
        let hashtag = Hashtag::new(hashtag).expect("a hashtag");
        numbers(&view, view.with_hashtag(reader.map(UserId), &hashtag, NEWEST, 99).unwrap())
    }

    /// Posts with all of these words.
    pub fn found(&self, reader: Option<u64>, words: &str) -> Vec<u64> {
        let view = self.view();
        let query = Query::new(words).expect("words");
        numbers(&view, view.search_posts(reader.map(UserId), query, NEWEST, 99))
    }

    pub fn posts_of(&self, reader: Option<u64>, author: u64, wanted: (bool, bool)) -> Vec<u64> {
        let view = self.view();
        let reader = reader.map(UserId);
        numbers(&view, view.posts_of(reader, UserId(author), wanted, NEWEST, 99).unwrap())
    }

    pub fn marked(&self, reader: Option<u64>, user: u64, mark: Mark) -> Vec<u64> {
        let view = self.view();
        numbers(&view, view.marked(reader.map(UserId), UserId(user), mark, NEWEST, 99))
    }

    /// What a post answers, and what answers it; nothing if the reader does not see it.
    pub fn thread(&self, reader: Option<u64>, post: u64) -> Option<(Vec<u64>, Vec<u64>)> {
        let view = self.view();
        let post = self.post(reader, post)?;
        let (above, below) = whole_thread(&view, view.thread(reader.map(UserId), &post));
        let numbers = |posts: Vec<Post>| posts.iter().map(|post| post.id.get()).collect();
        Some((numbers(above), numbers(below)))
    }

    /// What somebody is told, from the newest on: what, who has done it, and with which post.
    pub fn told(&self, user: u64) -> Vec<(NotificationKind, u64, Option<u64>)> {
        let page = self.view().notifications(UserId(user), NEWEST, 99).unwrap();
        let told = page
            .notifications
            .into_iter()
            .map(|told| (told.kind, told.actor_id.0, told.post.map(|post| post.id.get())));
        told.collect()
    }
}

/// A public answer.
pub fn answer_to(post: u64, answer: &str) -> Draft {
    Draft { reply_to: Some(PostId::new(post)), ..Draft::of(text(answer)) }
}

/// The number of what was published.
pub fn published(reply: &Reply) -> u64 {
    match reply {
        Reply::Published { post, .. } => post.get(),
        other => panic!("{other:?}"),
    }
}

pub fn name_of(user: u64) -> UserName {
    name(NAMES[usize::try_from(user).expect("a small number") - 1])
}

fn numbers(view: &View, page: PageRead) -> Vec<u64> {
    ids(&whole_page(view, page).unwrap()).0
}
