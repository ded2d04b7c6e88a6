//! Tests of the state machine: `rules` tells one story per rule, `memory` those of repeated
//! requests, `audit` finds rows that contradict each other, `agreement` compares random histories with the naive `model`, with each other and with
//! restored dumps, and `format` pins what is stored.

mod agreement;
mod audit;
mod format;
mod memory;
mod model;
mod rules;

use super::{
    store::{
        RowDamage, damage_in,
        keys::{self, Key, Table},
    },
    *,
};
use crate::domain::{
    ClientId, OpaqueKey, Post, PostText, RequestKey, UnixMillis, UserId, UserName,
};

const HOUR_MS: i64 = 60 * 60 * 1_000;

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
    Context { user: UserId(user), password_version: 0, key }
}

/// A page, read to its end.
fn whole_page(view: &View, mut page: PageRead) -> Result<(Vec<Post>, bool), StateError> {
    loop {
        if let Some(read) = view.read_on(&mut page)?.done {
            return Ok(read);
        }
    }
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

    fn apply_all(&self, batch: &[Stamped]) -> Vec<(Reply, Option<Event>)> {
        let change = self.0.begin();
        let mut graph = Graph::open(&change).unwrap();
        let outcomes = batch.iter().map(|stamped| graph.apply(stamped.clone()).unwrap()).collect();
        change.commit();
        outcomes
    }

    /// What a view says of a repetition is what comes of it.
    fn apply(&self, at_ms: i64, command: Command) -> (Reply, Option<Event>) {
        let earlier = earlier_reply(&self.view(), &command).unwrap();
        let at = UnixMillis::new(at_ms);
        let outcome = self.apply_all(&[Stamped { at, command }]).remove(0);
        if let Some(reply) = earlier {
            assert_eq!(outcome, (reply, None));
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
    Command::Publish { context: context(user, key), text: text(post) }
}

fn set_password(context: Context, hash: Option<&str>) -> Command {
    Command::SetPassword { context, password_hash: hash.map(str::to_owned) }
}
