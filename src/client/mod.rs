//! The client library: finds the available server, follows it through failovers, and repeats
//! unanswered requests under the same key, so that nothing is lost and nothing is done twice.
//!
//! It has two layers. [`Relayed`] is the network, by way of the available server; its calls know no
//! user. [`Client`] is one user of a network, this one or another: it keeps a session and numbers
//! requests.
//!
//! | file | what it is |
//! | --- | --- |
//! | `options` | a client's options |
//! | `error` | the errors that a caller can get |
//! | `api` | [`Client`]: one method per call |
//! | `session` | who is logged in |
//! | `request_window` | numbers requests, and keeps unanswered ones within what servers remember |
//! | `subscription` | [`Subscription`] and [`EventSubscription`]: a timeline as it grows |
//! | `status` | the cluster as the router sees it |
//! | `relayed` | [`Relayed`]: calls, repeated until they are answered |
//! | `resumed_timeline` | a live timeline that outlives its server |
//! | `connections` | the connection in use |
//! | `stream_connections` | the connections of live timelines |
//! | `active_server` | which server is in use, and how long the last move took |
//! | `directory` | a task that watches the router, or another node by which the network is entered, or the masters while it is away |
//! | `known_cluster` | pure: what is known of the cluster |
//! | `choice` | pure: where a call goes next, and when |
//! | `route` | pure: whether a server is dialled at its own address, or reached through another node |
//! | `route_probes` | finds that out |
//! | `pushbacks` | what servers have refused because it was too much |
//! | `retry_policy` | pure: what a status means for the call |
//!
//! **Architecture invariant:** nothing here prints, and no other module of this program speaks the
//! public API as a client.

mod active_server;
mod api;
mod choice;
mod connections;
mod directory;
mod early_dialling;
mod error;
pub(crate) mod known_cluster;
mod options;
mod pushbacks;
mod relayed;
mod request_window;
mod resumed_timeline;
mod retry_policy;
mod route;
mod route_probes;
mod session;
mod status;
mod stream_connections;
mod subscription;

#[cfg(test)]
pub(crate) mod tests;

pub use active_server::ActiveServer;
pub use api::{Client, Operator};
pub(crate) use directory::{entries, innermost_cause};
pub use error::ClientError;
pub use known_cluster::Server;
pub use options::{ClientOptions, security};
pub use relayed::Relayed;
pub use status::{
    ClusterStatus, MasterState, MasterStatus, RouterStatus, StatusView, Viewer, cluster,
    cluster_for,
};
pub use subscription::{EventSubscription, Subscription};

pub use crate::{
    domain::Post,
    network::administration::{
        About, AdminAnswer, AdminDone, AdminQuestion, AdminRequest, Announcement, Invitation,
        LogEntry, Member, NewReport, Report, Resolution, SignUp, SignedUp,
    },
    network::{
        Changed, Cursor, FeedChange, FollowOutcome, Found, ListKind, LoggedIn, NamePage, NewPost,
        NotificationPage, PersonRef, PersonView, PostPage, PostWords, Published, Refusal,
        RefusalKind, SearchKind, SessionInfo, StreamKind, Thread, TimelineEvent, TimelineKind,
    },
};
