//! What came of a command, before it is put into words for people or into JSON for scripts. Pure.

use super::{command::Mistake, verb::Verb};
use crate::{
    client::{ClientError, ClusterStatus, Post, Published, Server},
    domain::UnixMillis,
    overview::room::Room,
};

/// A command, and what came of it.
#[derive(Debug)]
pub struct Report {
    /// Absent where what was typed is no command.
    pub verb: Option<Verb>,
    pub outcome: Result<Answer, Failure>,
}

/// What a command has to tell.
#[derive(Debug)]
pub enum Answer {
    /// That it was done.
    Done,
    Lists {
        users: Vec<String>,
        followers: Vec<String>,
    },
    Following(Vec<String>),
    Published(Published),
    /// What somebody has posted, newest first.
    Posts(Vec<Post>),
    /// The timeline, of which so many posts follow at once.
    Timeline(usize),
    Me {
        user: String,
        server: Option<Server>,
    },
    /// The cluster, what time it is, and how much room there is to show it.
    Cluster {
        status: ClusterStatus,
        now: UnixMillis,
        room: Room,
    },
    Help(Option<Verb>),
}

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Invalid(#[from] Mistake),
    #[error(transparent)]
    Call(#[from] ClientError),
    #[error("the two new passwords differ: nothing was changed")]
    Differ,
    #[error("no new password was given: nothing was changed")]
    NoPassword,
    #[error("that line is no text in UTF-8")]
    NoText,
}
