//! The outcome of a command, before it becomes words for people or JSON for scripts. Pure.

use super::{prompt_command::Mistake, verb::Verb};
use crate::{
    client::{
        Announcement, ClientError, ClusterStatus, NotificationPage, PersonView, Post, Published,
        Server, SessionInfo, Thread,
    },
    domain::{Person, PersonalId, UnixMillis, UserName},
    network::{HashtagUse, PersonalAnswer},
    overview::output_size::OutputSize,
};

/// A command and its outcome.
#[derive(Debug)]
pub struct Report {
    /// Absent if what was typed is not a command.
    pub verb: Option<Verb>,
    pub outcome: Result<Answer, Failure>,
}

/// The result of a command.
#[derive(Debug)]
pub enum Answer {
    /// Success, with nothing more to say.
    Done,
    Lists {
        users: Vec<UserName>,
        followers: Vec<UserName>,
    },
    Following(Vec<UserName>),
    Published(Published),
    /// A user's posts, newest first.
    Posts(Vec<Post>),
    /// Posts with their numbers, newest first.
    Numbered(Vec<Post>),
    /// A post, with what is behind its warning.
    Shown(Post),
    /// A post and the conversation around it.
    Thread(Box<(Post, Thread)>),
    /// Whom the user wants to follow is asked first.
    Requested,
    Requests(Vec<UserName>),
    People(Vec<Person>),
    Hashtags(Vec<HashtagUse>),
    Person(Box<PersonView>),
    Notifications(NotificationPage),
    /// What those who run the network tell everybody, the newest first.
    Announcements(Vec<Announcement>),
    /// The newest first.
    Sessions(Vec<SessionInfo>),
    /// Some of what the user keeps.
    Kept(Box<PersonalAnswer>),
    /// Something that the user keeps from now on, by its number.
    Made(PersonalId),
    /// The timeline, followed at once by this many posts.
    Timeline(usize),
    Me {
        user: Option<UserName>,
        server: Option<Server>,
        /// The node through which the server is reached, if it cannot be dialled.
        through: Option<String>,
    },
    /// The cluster, the current time, and how much room there is to show it.
    Cluster {
        status: ClusterStatus,
        now: UnixMillis,
        room: OutputSize,
    },
    Help(Option<Verb>),
}

/// Why a command failed.
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
    #[error("that is not your own name: nothing was deleted")]
    SomebodyElse,
    #[error("no password was given: nothing was deleted")]
    NotDeleted,
    #[error("you have no such list: see MYLISTS")]
    NoList,
    #[error("that line is not valid UTF-8")]
    NoText,
}
