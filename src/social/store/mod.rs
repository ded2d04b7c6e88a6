//! The state behind its door: the one place that knows the engine of the state. What is outside says
//! what it wants to know or to change, and never how that is stored.
//!
//! - `error`: why the state cannot be read or written; `damage`: whether something was found damaged
//! - `state`: read, changed, made durable, replaced; `directory`: where it is in a slot;
//!   `memory_budget`: how much memory it may take
//! - `moment`: all rows as they are at one moment: those of the `memtable`s, in which changes are
//!   made, before those of the `tree` on disk
//! - `row_cache`: rows of the tree that were looked up lately
//! - `keys`: where each row is; `records`, `post_records`, `people_records`: the contents of rows
//! - `acquaintance`: what people are to each other, as the rules of visibility ask it
//! - `view`, `post_view`, `people_view`: every question about the state
//! - `reading`: a post as its reader sees it; `merge`: the merge behind every page of posts, and `recent`: the
//!   newest posts of authors, from which most pages begin
//! - `writing`, `post_writing`, `people_writing`: the rows of the social graph, as `apply` changes them;
//!   `replies`: those of the memory of replies, as `requests` changes them
//! - `personal_records`, `personal_view`, `personal_writing`: what people keep for themselves
//! - `network_records`, `network_view`, `network_writing`: what the network is, and what it is run with
//! - `picture_records`, `picture_view`, `picture_writing`: pictures
//! - `session_rows`: sessions
//! - `dump`: the whole state as a stream of rows, for snapshots
//! - `audit`: whether all rows are whole and agree with each other; `inspection`: a state for somebody who
//!   only looks at it
//!
//! **Architecture invariant:** no type of the engine appears in what this folder offers, so that
//! another engine can take its place. There is no trait, since there is no second one yet.

mod acquaintance;
mod audit;
pub(crate) mod chore_records;
mod crowd;
mod damage;
mod deletion;
mod directory;
mod dump;
mod error;
mod inspection;
pub(crate) mod keys;
mod memory_budget;
mod memtable;
mod merge;
mod moment;
mod network_records;
mod network_view;
mod network_writing;
pub(crate) mod people_records;
mod people_view;
mod people_writing;
pub(crate) mod personal_records;
mod personal_view;
mod personal_writing;
pub(crate) mod picture_records;
mod picture_view;
mod picture_writing;
pub(crate) mod post_records;
mod post_view;
mod post_writing;
mod reading;
mod recent;
pub(crate) mod records;
mod replies;
mod row_cache;
mod session_rows;
mod state;
mod tree;
mod view;
mod writing;

pub use acquaintance::{Acquaintance, Known};
pub use audit::Content;
#[cfg(test)]
pub use audit::{RowDamage, damage_in};
pub use crowd::{Crowd, CrowdRead};
pub use damage::Damage;
pub use deletion::DeletedRow;
pub use directory::FileCondition;
pub use dump::Row;
pub use error::StateError;
pub use inspection::{InspectedState, OpenedState, StateDamage};
pub use memory_budget::MemoryBudget;
pub use merge::{PageOfPosts, PageRead, SourceRead, Step};
pub use network_view::{PageOfAdministration, PersonStanding};
#[cfg(test)]
pub use people_records::StoredCounts;
pub use people_records::{MuteRecord, NotificationRecord, ProfileRecord};
pub use people_view::PageOfNotifications;
pub use people_writing::Pair;
pub use personal_records::{ListRecord, MembershipRecord, PersonalRecord};
pub use personal_view::MembersRead;
pub use post_records::{
    Body, BoostedPost, ChangeKind, ChangeRecord, MarkRecord, PostRecord, Words,
};
pub use post_view::{FeedKind, FeedRead, Thread, ThreadRead};
pub use post_writing::boost_record;
pub use records::{MOST_POSITIONS, Meta, UserRecord, decode};
pub use replies::{ReplyTables, Series, StoredReply};
pub use state::{Change, Facts, StagedState, State, StateReader};
pub use view::{NameCursor, Page, View};
pub use writing::{Follow, Tables};
