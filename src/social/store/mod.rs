//! The state behind its door: the one place that knows redb for the state. What is outside says what
//! it wants to know or to change, and never how that is stored.
//!
//! - `error`: why the state cannot be read or written; `damage`: whether something was found damaged
//! - `file`: the file: opened, read, changed, made durable, examined, replaced
//! - `view`: the state at one moment, and every question about it; `merge`: the merge behind every
//!   page of posts
//! - `writing`: the rows of the social graph, as `apply` changes them; `replies`: those of the memory
//!   of replies, as `requests` changes them
//! - `dump`: the whole state as a stream of rows, for snapshots
//! - `tables`: the tables and the contents of their rows
//!
//! **Architecture invariant:** no type of the engine appears in what this folder offers, so that
//! another engine can take its place. There is no trait, since there is no second one yet.

mod damage;
mod dump;
mod error;
mod file;
mod merge;
mod replies;
pub(crate) mod tables;
mod view;
mod writing;

pub use damage::Damage;
pub use dump::Row;
pub use error::StateError;
pub use file::{Change, Facts, FileCondition, StagedState, State, StateReader};
pub use merge::{PageRead, SourceRead};
pub use replies::{OldestSeries, ReplyTables, Series, StoredReply};
pub use tables::{Meta, UserRecord};
pub use view::{NameCursor, Page, View};
pub use writing::{Follow, Tables};
