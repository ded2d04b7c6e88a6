//! The public API on a master: who calls, whether this is the server to ask, and what it answers.
//!
//! - [`refusal`]: every way to say no, and what the caller should do then
//! - [`parse`]: requests from the wire, checked once
//! - [`service`]: the calls
//! - [`subscription`]: one live timeline
//!
//! The rules themselves are the social graph's.

pub mod parse;
pub mod refusal;
pub mod service;
pub mod subscription;

#[cfg(test)]
mod tests;

use tonic::metadata::MetadataMap;

use self::refusal::Refused;
use super::{
    delivery::Delivery,
    location,
    passwords::Passwords,
    sessions::{Session, SessionError, Sessions},
};
use crate::{
    replication::{
        node::Node,
        reads::Reads,
        state_store::StateReader,
        writes::{WriteError, Writes},
    },
    settings::Limits,
    social::{Account, Command, Reply, View},
};

/// What the calls work with.
pub struct Api {
    pub(super) node: Node,
    pub(super) state: StateReader,
    pub(super) writes: Writes,
    pub(super) reads: Reads,
    pub(super) delivery: Delivery,
    pub(super) sessions: Sessions,
    pub(super) passwords: Passwords,
    pub(super) limits: Limits,
}

impl Api {
    /// Refuses where this master is not the available server.
    fn available(&self) -> Result<(), Refused> {
        if self.node.leads() { Ok(()) } else { Err(self.elsewhere()) }
    }

    fn elsewhere(&self) -> Refused {
        Refused::Elsewhere(location::elsewhere(&self.node))
    }

    /// The account that the call's session token speaks for, as far as this master knows. That is
    /// enough for a change, which is refused when it is applied and the session has ended by then.
    fn caller(&self, metadata: &MetadataMap) -> Result<Account, Refused> {
        self.available()?;
        Ok(self.session(&self.glance()?, metadata)?.account)
    }

    /// Whose session the call comes with, and everything that was acknowledged before it, such as
    /// the end of that session.
    async fn reader(&self, metadata: &MetadataMap) -> Result<(Session, View), Refused> {
        self.available()?;
        let view = self.view().await?;
        Ok((self.session(&view, metadata)?, view))
    }

    fn session(&self, view: &View, metadata: &MetadataMap) -> Result<Session, Refused> {
        let token = metadata
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or_else(|| Refused::session(&SessionError::Invalid))?;
        self.sessions
            .check_in(view, token, self.node.now())
            .map_err(|error| Refused::session(&error))
    }

    /// Everything that was acknowledged before this call.
    async fn view(&self) -> Result<View, Refused> {
        self.reads.confirm().await.map_err(|error| self.unwritten(error))?;
        self.glance()
    }

    /// The state as this master has it, which may lag.
    fn glance(&self) -> Result<View, Refused> {
        let view = self.state.read().and_then(|transaction| View::open(&transaction));
        view.map_err(|error| Refused::broken(&error))
    }

    async fn submit(&self, command: Command) -> Result<Reply, Refused> {
        self.writes.submit(command).await.map_err(|error| self.unwritten(error))
    }

    fn unwritten(&self, error: WriteError) -> Refused {
        match error {
            WriteError::NotLeading => self.elsewhere(),
            WriteError::Overloaded => Refused::Overloaded,
            WriteError::Upgrading => {
                Refused::Never(tonic::Code::FailedPrecondition, error.to_string())
            }
        }
    }
}
