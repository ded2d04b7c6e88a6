//! The public API of a master: who is calling, whether this is the server to ask, and the answers.
//!
//! - [`refusal`]: every kind of refusal, and what the caller should do then
//! - [`parse`]: requests from the wire, validated once
//! - [`service`]: the calls
//! - [`subscription`]: one live timeline
//!
//! The rules themselves are in the social graph.

pub mod parse;
pub mod refusal;
pub mod service;
pub mod subscription;

#[cfg(test)]
mod tests;

use tonic::metadata::MetadataMap;

use self::refusal::ApiRefusal;
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

/// What the calls need.
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
    /// Refuses if this master is not the available server.
    fn ensure_available(&self) -> Result<(), ApiRefusal> {
        if self.node.leads() { Ok(()) } else { Err(self.redirect()) }
    }

    fn redirect(&self) -> ApiRefusal {
        ApiRefusal::Elsewhere(location::redirect_address(&self.node))
    }

    /// The account to which the call's session token belongs, as far as this master knows. That is
    /// enough for a change, which is refused on application if the session has ended by then.
    fn caller(&self, metadata: &MetadataMap) -> Result<Account, ApiRefusal> {
        self.ensure_available()?;
        Ok(self.session(&self.local_view()?, metadata)?.account)
    }

    /// The call's session, and a view that includes everything acknowledged before the call, such
    /// as the end of that session.
    async fn authenticated_view(
        &self,
        metadata: &MetadataMap,
    ) -> Result<(Session, View), ApiRefusal> {
        self.ensure_available()?;
        let view = self.linearizable_view().await?;
        Ok((self.session(&view, metadata)?, view))
    }

    fn session(&self, view: &View, metadata: &MetadataMap) -> Result<Session, ApiRefusal> {
        let token = metadata
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or_else(|| ApiRefusal::session(&SessionError::Invalid))?;
        self.sessions
            .check_in(view, token, self.node.now())
            .map_err(|error| ApiRefusal::session(&error))
    }

    /// A view that includes everything acknowledged before this call.
    async fn linearizable_view(&self) -> Result<View, ApiRefusal> {
        self.reads.confirm().await.map_err(|error| self.write_refusal(error))?;
        self.local_view()
    }

    /// The state as this master has it, which may be behind.
    fn local_view(&self) -> Result<View, ApiRefusal> {
        let view = self.state.read().and_then(|transaction| View::open(&transaction));
        view.map_err(|error| ApiRefusal::broken(&error))
    }

    async fn submit(&self, command: Command) -> Result<Reply, ApiRefusal> {
        self.writes.submit(command).await.map_err(|error| self.write_refusal(error))
    }

    fn write_refusal(&self, error: WriteError) -> ApiRefusal {
        match error {
            WriteError::NotLeading => self.redirect(),
            WriteError::Overloaded => ApiRefusal::Overloaded,
            WriteError::Upgrading => {
                ApiRefusal::Never(tonic::Code::FailedPrecondition, error.to_string())
            }
        }
    }
}
