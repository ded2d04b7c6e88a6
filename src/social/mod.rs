//! The social graph as a replicated state machine: accounts, who follows whom, posts, and the
//! replies already given.
//!
//! - `command`: what the state can be asked to change, and the replies
//! - `administration`: what those who run the network ask, and what is remembered of it
//! - `apply`: the one place where the state changes
//! - `requests`: the memory of replies, which distinguishes a retry from a new request
//! - `sessions`: who is logged in
//! - `pictures`: what is asked and kept of pictures
//! - `timeline`: whose posts belong to a timeline, and where a page of posts begins
//! - `visibility`: who may see what, and which posts belong to whose timeline
//! - `store`: how all of it is kept in a file, and every question about it
//!
//! **Architecture invariant:** pure and synchronous. The same commands give the same bytes on every
//! node, however they are batched into transactions: nothing here knows a clock, a random number, a
//! network or a log. Time and password hashes come with the command; ids are counted in the state.
//! A request that cannot be fulfilled is refused; only a failing disk or a corrupt file is an
//! error.

pub mod administration;
mod apply;
mod chore;
mod command;
pub mod pictures;
mod requests;
pub mod sessions;
pub(crate) mod store;
mod timeline;
pub mod visibility;

#[cfg(test)]
mod tests;

pub use apply::Graph;
pub use chore::{Chore, DeletionStage};
pub use command::{Account, Command, CommandRefusal, Context, DeletedPost, Event, Reply, Stamped};
pub use requests::earlier_reply;
pub use store::{
    Change, Content, Crowd, CrowdRead, Damage, Facts, FeedKind, FeedRead, FileCondition,
    InspectedState, MembersRead, MemoryBudget, NameCursor, OpenedState, Page, PageOfAdministration,
    PageOfNotifications, PageOfPosts, PageRead, PersonStanding, Row, SourceRead, StagedState,
    State, StateDamage, StateError, StateReader, Step, Thread, ThreadRead, View,
};
pub use timeline::{Cursor, Source};
pub use visibility::{PostFacts, Relations};
