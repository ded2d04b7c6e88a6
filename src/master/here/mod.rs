//! What may be asked of the network, carried out by this master if it is the available server, and
//! refused otherwise.
//!
//! - `calls`: the calls; `administration`: those of whoever joins, reports somebody, or runs the network
//! - `sessions`: logging in, passwords, and sessions
//! - `people`: who people are, and lists of them
//! - `apps`: apps that act for people; `scopes`: what they need to be allowed for each call
//! - `personal`: what people keep for themselves
//! - `pictures`: pictures on posts, and of people
//! - [`live_timeline`]: one live timeline
//! - `turns`: the turns of reads
//! - `refusals`: what a rule, a session or the consensus refuses, as the caller is told
//!
//! The rules themselves are in the social graph.

mod administration;
mod apps;
mod calls;
pub mod live_timeline;
mod people;
mod personal;
mod pictures;
mod refusals;
mod scopes;
mod sessions;
mod turns;

#[cfg(test)]
mod apps_tests;
#[cfg(test)]
mod feed_tests;
#[cfg(test)]
pub(super) mod tests;

use std::{future::Future, sync::Arc};

use parking_lot::Mutex;
use tokio::time::{Instant, timeout_at};

use self::{
    refusals::{broken, session_refusal},
    scopes::Needs,
    turns::ReadTurns,
};
use super::{
    delivery::Delivery,
    location,
    passwords::Passwords,
    picture_processor::PictureProcessor,
    rate_limits::{Activity, RateLimits},
    room::RoomHandle,
    sessions::{Session, SessionError, Sessions},
};
use crate::{
    metrics,
    network::{Call, Deadline, Refusal, RefusalKind},
    planted::{self, PlantedFault},
    replication::{
        node::Node,
        reads::Reads,
        writes::{WriteError, Writes},
    },
    settings::Limits,
    social::{self, Account, Command, Damage, Reply, StateReader, View},
};

/// The network, on this master. Cheap to clone.
#[derive(Clone)]
pub struct Here {
    parts: Arc<Parts>,
    turns: ReadTurns,
}

/// What the calls need.
pub struct Parts {
    /// Whether this master leads, and what time it is.
    pub node: Node,
    /// The state as this master has it.
    pub state: StateReader,
    /// The way into the log.
    pub writes: Writes,
    /// Confirms that a read is linearizable.
    pub reads: Reads,
    /// Live timelines.
    pub delivery: Delivery,
    /// Who a session token belongs to.
    pub sessions: Sessions,
    /// Hashes.
    pub passwords: Passwords,
    /// What becomes of pictures that are uploaded.
    pub pictures: PictureProcessor,
    /// How much room there is on disk.
    pub room: RoomHandle,
    /// How often something may be done.
    pub rate_limits: Mutex<RateLimits>,
    /// How much a call may ask for.
    pub limits: Limits,
}

impl Here {
    /// The network, by these means.
    pub fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts), turns: ReadTurns::default() }
    }

    /// Refuses if this master is not the available server.
    fn ensure_available(&self) -> Result<(), Refusal> {
        let serves = self.parts.node.leads() || planted::is(PlantedFault::AnyMasterServesReads);
        if serves { Ok(()) } else { Err(self.redirect()) }
    }

    fn redirect(&self) -> Refusal {
        Refusal::elsewhere(location::redirect_address(&self.parts.node))
    }

    /// The call's session, as far as this master knows, if that may do what the call needs. That is enough
    /// for a change, which is refused on application if the session has ended by then.
    fn caller(&self, call: &Call, needs: Needs) -> Result<Session, Refusal> {
        self.ensure_available()?;
        self.session(&self.local_view()?, call, needs)
    }

    /// The call's session, and a view that includes everything acknowledged before the call, such
    /// as the end of that session.
    async fn authenticated_view(
        &self,
        call: &Call,
        needs: Needs,
    ) -> Result<(Session, View), Refusal> {
        self.ensure_available()?;
        let view = self.linearizable_view(call.deadline).await?;
        Ok((self.session(&view, call, needs)?, view))
    }

    fn session(&self, view: &View, call: &Call, needs: Needs) -> Result<Session, Refusal> {
        let checked = self.checked_session(view, call);
        let session = checked.map_err(|error| session_refusal(self.damage(), &error))?;
        let is_allowed = session.app.as_ref().is_none_or(|app| needs.are_met_by(&app.grant.scopes));
        if is_allowed { Ok(session) } else { Err(Refusal::outside_scope()) }
    }

    fn checked_session(&self, view: &View, call: &Call) -> Result<Session, SessionError> {
        let token = call.session.as_ref().ok_or(SessionError::Invalid)?;
        self.parts.sessions.check_in(view, token.expose(), self.parts.node.now())
    }

    /// A view that includes everything acknowledged before this call.
    async fn linearizable_view(&self, deadline: Deadline) -> Result<View, Refusal> {
        let confirmed = within(deadline, self.parts.reads.confirm()).await?;
        confirmed.map_err(|error| self.write_refusal(error))?;
        self.local_view()
    }

    /// The state as this master has it, which may be behind.
    fn local_view(&self) -> Result<View, Refusal> {
        self.parts.state.view().map_err(|error| broken(self.damage(), &error))
    }

    fn damage(&self) -> &Damage {
        self.parts.state.damage()
    }

    /// Counts something that the maker of `call` is about to do, as `account` if there is one yet;
    /// refuses it if there is too much of it.
    fn count(
        &self,
        call: &Call,
        account: Option<&Account>,
        activity: Activity,
    ) -> Result<(), Refusal> {
        let (user, origin) = (account.map(|account| account.user), call.origin.into());
        let taken = {
            let mut limits = self.parts.rate_limits.lock();
            if limits.is_on() {
                limits.follow(self.network_settings()?);
            }
            limits.take(activity, user, origin, Instant::now())
        };
        taken.map_err(|too_often| {
            metrics::RATE_LIMITED.with_label_values(&[activity.name()]).inc();
            if let Some(times) = too_often.times {
                let user = account.map(|account| account.name.to_string());
                let whose = too_often.whose;
                tracing::warn!(?activity, ?whose, user, %origin, times, "too often: refusing");
            }
            Refusal::too_often(too_often, too_often.again_after)
        })
    }

    /// Submits a change that is counted. If there are too many, a repetition of an earlier request is
    /// answered all the same: from memory, so that it costs no more than a read.
    async fn submit_counted(
        &self,
        call: &Call,
        caller: &Session,
        activity: Activity,
        command: Command,
    ) -> Result<Reply, Refusal> {
        if let Err(too_often) = self.count(call, Some(&caller.account), activity) {
            let earlier = social::earlier_reply(&self.local_view()?, &command);
            let earlier = earlier.map_err(|error| broken(self.damage(), &error))?;
            return earlier.ok_or(too_often);
        }
        self.submit(call.deadline, command).await
    }

    async fn submit(&self, deadline: Deadline, command: Command) -> Result<Reply, Refusal> {
        if command.adds()
            && let Some(why) = self.parts.room.read_only(&self.parts.node)
        {
            // What was done before is answered all the same.
            let view = self.linearizable_view(deadline).await?;
            let earlier = social::earlier_reply(&view, &command);
            let earlier = earlier.map_err(|error| broken(self.damage(), &error))?;
            return earlier.ok_or_else(|| Refusal::new(RefusalKind::NotPossible, why));
        }
        let reply = within(deadline, self.parts.writes.submit(command)).await?;
        reply.map_err(|error| self.write_refusal(error))
    }

    fn write_refusal(&self, error: WriteError) -> Refusal {
        match error {
            WriteError::NotLeading => self.redirect(),
            WriteError::Overloaded => Refusal::overloaded(),
            WriteError::Upgrading => refusals::upgrading(error),
        }
    }
}

/// Gives up when the caller does. A change may be made all the same.
async fn within<T>(deadline: Deadline, work: impl Future<Output = T>) -> Result<T, Refusal> {
    timeout_at(deadline.at(), work).await.map_err(|_late| {
        Refusal::unanswered(deadline.patience(), "the cluster has not confirmed the call in time")
    })
}
