//! Tests of the state machine.
//!
//! - `rules`, `post_rules`, `picture_rules`, `people_rules`, `notification_rules`, `session_rules`, `grant_rules` and `personal_rules` tell
//!   one story per rule, in the words of `story`;
//!   `memory` those of repeated requests
//! - `audit` finds rows that contradict each other
//! - `agreement` compares random histories with the naive `model`, with each other and with restored dumps
//! - `chores`: work that goes on over many commands
//! - `format` pins what is stored

mod agreement;
mod audit;
mod chores;
mod format;
mod grant_rules;
mod memory;
mod model;
mod notification_rules;
mod people_rules;
mod personal_rules;
mod picture_rules;
mod post_rules;
mod rules;
mod session_rules;
mod story;

mod administration;

use super::{
    sessions::{
        AppSession, Grant, GrantStage, NewGrant, NewSession, SessionKey, SessionRecord, SessionRef,
    },
    store::{
        RowDamage, damage_in,
        keys::{self, Key, Prefix, Table},
    },
    *,
};
use crate::domain::{
    AppId, ClientId, ClientName, Draft, EndedSessions, LoginId, Mark, NotificationChange,
    OpaqueKey, Post, PostContent, PostId, PostText, Profile, RedirectId, RelationChange,
    RequestKey, Scopes, UnixMillis, UserId, UserName,
};

const HOUR_MS: i64 = 60 * 60 * 1_000;
const NEWEST: Cursor = Cursor::Before(PostId::MAX);

/// What comes of a command.
type Outcome = (Reply, Vec<Event>);

fn refused(refusal: CommandRefusal) -> Outcome {
    (Reply::Refused(refusal), Vec::new())
}

fn name(text: &str) -> UserName {
    UserName::new(text).expect("tests use valid names")
}

fn text(text: &str) -> PostText {
    PostText::new(text, 1_000).expect("tests use valid posts")
}

const fn request(client: u128, sequence: u64) -> RequestKey {
    answered(client, sequence, 0)
}

/// A request of a client that has received all answers below `answered_below`.
const fn answered(client: u128, sequence: u64, answered_below: u64) -> RequestKey {
    RequestKey::Counted { client: ClientId(client), sequence, answered_below }
}

fn opaque(key: &str) -> RequestKey {
    RequestKey::Opaque(OpaqueKey::new(key).expect("tests use valid keys"))
}

/// In a session from before the password was ever changed.
fn context(user: u64, key: RequestKey) -> Context {
    Context { user: UserId(user), session: SessionRef::Unlisted(0), key }
}

/// A page, read to its end.
fn whole_page(view: &View, mut page: PageRead) -> Result<PageOfPosts, StateError> {
    loop {
        if let Some(read) = view.read_on(&mut page)?.done {
            return Ok(read);
        }
    }
}

/// A thread, read to its end.
fn whole_thread(view: &View, mut thread: ThreadRead) -> Thread {
    loop {
        if let Some(read) = view.read_thread(&mut thread).unwrap().done {
            return read;
        }
    }
}

/// A page of a crowd, read to its end.
fn whole_crowd(view: &View, mut crowd: CrowdRead) -> Page {
    loop {
        if let Some(read) = view.read_crowd(&mut crowd).unwrap().done {
            return read;
        }
    }
}

/// What has happened in a feed, and up to where that is all.
fn whole_feed(view: &View, mut feed: FeedRead) -> (Vec<Event>, PostId) {
    loop {
        if let Some(read) = view.read_feed(&mut feed).unwrap().done {
            return read;
        }
    }
}

/// The numbers of posts, and whether there are more.
fn ids(page: &PageOfPosts) -> (Vec<u64>, bool) {
    (page.posts.iter().map(|post| post.id.get()).collect(), page.more)
}

/// What belongs to a user's timeline.
fn all_sources(view: &View, user: UserId) -> Vec<Source> {
    let mut read = view.sources(user);
    let mut sources = Vec::new();
    while let Some(some) = view.next_sources(&mut read).unwrap() {
        sources.extend(some);
    }
    sources
}

/// A state in memory.
struct State(super::State);

impl State {
    fn new() -> Self {
        Self(super::State::in_memory())
    }

    fn apply_all(&self, batch: &[Stamped]) -> Vec<Outcome> {
        let change = self.0.begin();
        let mut graph = Graph::open(&change).unwrap();
        let outcomes = batch.iter().map(|stamped| graph.apply(stamped.clone()).unwrap()).collect();
        change.commit();
        outcomes
    }

    /// What a view says of a repetition is what comes of it.
    fn apply(&self, at_ms: i64, command: Command) -> Outcome {
        let earlier = earlier_reply(&self.view(), &command).unwrap();
        let at = UnixMillis::new(at_ms);
        let outcome = self.apply_all(&[Stamped { at, command }]).remove(0);
        if let Some(reply) = earlier {
            assert_eq!(outcome, (reply, Vec::new()));
        }
        outcome
    }

    fn view(&self) -> View {
        self.0.reader().view().unwrap()
    }

    fn dump(&self) -> Vec<Row> {
        self.view().rows().map(Result::unwrap).collect()
    }

    fn restored(rows: &[Row]) -> Self {
        Self(staged(rows.to_vec()).unwrap().into_state())
    }

    /// Every row of every table, indexes included, in the order of their keys.
    fn every_row(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.0.rows(keys::all_tables())
    }

    /// What is at a key, where there is something.
    fn row(&self, key: &Key) -> Vec<u8> {
        let mut rows = self.every_row().into_iter();
        rows.find(|(other, _)| other == key.as_bytes()).expect("a row").1
    }

    /// The rows of a table.
    fn rows_of(&self, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.0.rows(keys::all(table))
    }

    /// What an audit finds.
    fn damage(&self) -> Vec<RowDamage> {
        damage_in(&self.0.reader().facts())
    }

    /// Changes a row, whatever that means.
    fn put_row(&self, key: &Key, row: &[u8]) {
        let change = self.0.begin();
        change.put(key, row);
        change.commit();
    }

    /// Accounts of these names, numbered from 1.
    fn with_users(names: &[&str]) -> Self {
        let state = Self::new();
        for text in names {
            state.apply(0, Command::CreateAccount { name: name(text), password_hash: None });
        }
        state
    }
}

/// A state that is being received, with these rows of a dump.
fn staged(rows: Vec<Row>) -> Result<StagedState, StateError> {
    let mut staged = StagedState::in_memory();
    staged.add(rows)?;
    Ok(staged)
}

fn follow(user: u64, key: RequestKey, target: &str) -> Command {
    Command::Follow { context: context(user, key), target: name(target) }
}

fn unfollow(user: u64, key: RequestKey, target: &str) -> Command {
    Command::Unfollow { context: context(user, key), target: name(target) }
}

fn publish(user: u64, key: RequestKey, post: &str) -> Command {
    Command::Publish { context: context(user, key), draft: Draft::of(text(post)) }
}

/// Requests of all kinds that came with the social model, numbered from `first` on.
fn social_commands(user: u64, first: u64) -> Vec<Command> {
    let mut sequence = first;
    let mut next = || {
        sequence += 1;
        context(user, request(1, sequence - 1))
    };
    let (post, target) = (PostId::new(1), name("u2"));
    let (profile, change) = (Profile::default(), NotificationChange::Clear);
    vec![
        Command::Edit { context: next(), post, content: PostContent::of(text("hello, hello")) },
        Command::Boost { context: next(), post, set: true },
        Command::Mark { context: next(), post, mark: Mark::Like, set: true },
        Command::Relate { context: next(), target, change: RelationChange::Block },
        Command::SetProfile { context: next(), profile, words: Vec::new() },
        Command::ChangeNotifications { context: next(), change },
        Command::Delete { context: next(), post },
    ]
}

fn set_password(context: Context, hash: Option<&str>) -> Command {
    Command::SetPassword { context, password_hash: hash.map(str::to_owned) }
}
