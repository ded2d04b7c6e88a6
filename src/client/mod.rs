//! The client library: finds the available server, follows it through failovers, and repeats
//! unanswered requests under the same request id, so that nothing is lost and nothing is done
//! twice.
//!
//! | file | what it is |
//! | --- | --- |
//! | `options` | a client's options |
//! | `error` | the errors that a caller can get |
//! | `api` | [`Client`]: one method per call |
//! | `types` | what the calls return |
//! | `status` | the cluster as the router sees it |
//! | `subscription` | [`Subscription`]: a timeline as it grows, across failovers |
//! | `call` | one call, repeated until it is answered |
//! | `session` | who is logged in; logs in again when a session has ended |
//! | `request_window` | numbers requests, and keeps unanswered ones within what servers remember |
//! | `connections` | the connection in use |
//! | `active_server` | which server is in use, and how long the last move took |
//! | `directory` | a task that watches the router, or the masters while it is away |
//! | `known_cluster` | pure: what is known of the cluster |
//! | `choice` | pure: where a call goes next, and when |
//! | `retry_policy` | pure: what a status means for the call |
//!
//! **Architecture invariant:** nothing here prints, and no other module of this program speaks the
//! public API as a client.

mod active_server;
mod api;
mod call;
mod choice;
mod connections;
mod directory;
mod error;
mod known_cluster;
mod options;
mod request_window;
mod retry_policy;
mod session;
mod status;
mod subscription;
mod types;

#[cfg(test)]
pub(crate) mod tests;

pub use active_server::ActiveServer;
pub use api::Client;
pub(crate) use directory::innermost_cause;
pub use error::ClientError;
pub use known_cluster::Server;
pub use options::ClientOptions;
pub use status::{ClusterStatus, MasterState, MasterStatus, RouterStatus, cluster};
pub use subscription::Subscription;
pub use types::{Cursor, ListKind, LoggedIn, NamePage, Page, Post, Published};
