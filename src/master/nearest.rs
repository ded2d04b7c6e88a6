//! The network, from a master: [here](super::here), if this master is the available server, or else
//! [relayed](crate::client::Relayed) to the one that is. A call that is cut off here by the loss of
//! leadership is repeated there, under the same key.

use futures::{StreamExt as _, stream};
use tokio::time::{Instant, timeout};

use super::here::Here;
use crate::{
    client::{ClientOptions, Relayed},
    domain::{PostId, RequestKey, UserName},
    network::{
        Advice, Call, Cursor, ListKind, LoggedIn, Login, NamePage, NamePosition, Network,
        PasswordChange, PostPage, Published, Refusal, Timeline, TimelineEvent,
    },
};

/// The network, from a master. Cheap to clone.
#[derive(Clone)]
pub struct Nearest {
    here: Here,
    relayed: Relayed,
}

/// Makes a call here, and elsewhere if that is of no use: if it is refused for now, or takes as long
/// as a call to another server may.
macro_rules! nearest {
    ($self:ident.$method:ident($($argument:expr),*)) => {{
        let here = $self.here.$method($($argument),*);
        match timeout(ClientOptions::ATTEMPT_TIMEOUT, here).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(refusal)) if refusal.kind.advice() == Advice::Never => Err(refusal),
            Ok(Err(_)) | Err(_) => $self.relayed.$method($($argument),*).await,
        }
    }};
}

impl Nearest {
    /// The network `here`, or else `relayed`.
    pub fn new(here: Here, relayed: Relayed) -> Self {
        Self { here, relayed }
    }
}

impl Network for Nearest {
    async fn log_in(&self, call: &Call, login: &Login) -> Result<LoggedIn, Refusal> {
        nearest!(self.log_in(call, login))
    }

    async fn set_password(
        &self,
        call: &Call,
        key: &RequestKey,
        change: &PasswordChange,
    ) -> Result<(), Refusal> {
        nearest!(self.set_password(call, key, change))
    }

    async fn follow(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
    ) -> Result<(), Refusal> {
        nearest!(self.follow(call, key, target))
    }

    async fn unfollow(
        &self,
        call: &Call,
        key: &RequestKey,
        target: &UserName,
    ) -> Result<(), Refusal> {
        nearest!(self.unfollow(call, key, target))
    }

    async fn publish(
        &self,
        call: &Call,
        key: &RequestKey,
        text: &str,
    ) -> Result<Published, Refusal> {
        nearest!(self.publish(call, key, text))
    }

    async fn list(
        &self,
        call: &Call,
        kind: ListKind,
        position: Option<&NamePosition>,
        limit: Option<u32>,
    ) -> Result<NamePage, Refusal> {
        nearest!(self.list(call, kind, position, limit))
    }

    async fn timeline(
        &self,
        call: &Call,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> Result<PostPage, Refusal> {
        nearest!(self.timeline(call, cursor, limit))
    }

    async fn posts(
        &self,
        call: &Call,
        author: &UserName,
        cursor: Cursor,
        limit: Option<u32>,
    ) -> Result<PostPage, Refusal> {
        nearest!(self.posts(call, author, cursor, limit))
    }

    /// Ends only with a refusal that is final: an outage is a pause.
    async fn subscribe(&self, call: &Call, after: Option<PostId>) -> Result<Timeline, Refusal> {
        let after = match after {
            Some(after) => after,
            // Where to go on elsewhere, should the stream break before its first event.
            None => self.timeline(call, Cursor::Newest, Some(1)).await?.as_of,
        };
        match self.here.subscribe(call, Some(after)).await {
            Ok(here) => Ok(go_on_elsewhere(here, self.relayed.clone(), call.clone(), after)),
            Err(refusal) if refusal.kind.advice() == Advice::Never => Err(refusal),
            Err(_) => self.relayed.subscribe(call, Some(after)).await,
        }
    }
}

/// A live timeline of this master, until it no longer leads or the reader was too slow; then that of
/// the available server, wherever it is.
struct Resumable {
    events: Timeline,
    /// Everything up to this post was delivered.
    after: PostId,
    /// How to go on; none once that was done.
    elsewhere: Option<(Relayed, Call)>,
}

fn go_on_elsewhere(here: Timeline, relayed: Relayed, call: Call, after: PostId) -> Timeline {
    let timeline = Resumable { events: here, after, elsewhere: Some((relayed, call)) };
    Box::pin(stream::unfold(timeline, |mut timeline| async move {
        let event = timeline.next().await?;
        Some((event, timeline))
    }))
}

impl Resumable {
    async fn next(&mut self) -> Option<Result<TimelineEvent, Refusal>> {
        let ended = match self.events.next().await {
            Some(Ok(event)) => {
                self.after = self.after.max(event.position());
                return Some(Ok(event));
            }
            ended => ended,
        };
        let is_final = matches!(&ended, Some(Err(why)) if why.kind.advice() == Advice::Never);
        match self.elsewhere.take() {
            Some((relayed, call)) if !is_final => {
                match relayed.subscribe(&call.renewed(Instant::now()), Some(self.after)).await {
                    Ok(events) => self.events = events,
                    Err(refusal) => return Some(Err(refusal)),
                }
                // Its first event, after which it goes on by itself.
                self.events.next().await
            }
            _ => ended,
        }
    }
}
