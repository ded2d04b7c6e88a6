//! Whether whoever reaches this master may take any name that is free, without a password: its network is
//! classic, and it listens beyond its own machine. That is what nobody means who opens a network to others, so
//! the log and the status say it.

use crate::{
    domain::Joining,
    settings::MasterSettings,
    social::{StateError, StateReader},
};

/// Finds that out, and tells the log of it once.
pub struct Openness {
    state: StateReader,
    listens_outside: bool,
    /// After which log entry it was found out, and what.
    known: Option<(u64, bool)>,
    is_told: bool,
}

impl Openness {
    /// Of a master with these settings.
    pub fn new(state: StateReader, settings: &MasterSettings) -> Self {
        let listens_outside = !settings.client_listen.ip().is_loopback();
        Self { state, listens_outside, known: None, is_told: false }
    }

    /// Whether it is so after the log entry with the index `applied`; not if that cannot be found out.
    pub fn observe(&mut self, applied: u64) -> bool {
        if !self.listens_outside {
            return false;
        }
        if let Some((at, known)) = self.known
            && at == applied
        {
            return known;
        }
        let joining = || -> Result<Joining, StateError> {
            Ok(self.state.view()?.network_settings()?.joining)
        };
        let is_open = joining().is_ok_and(|joining| joining == Joining::Classic);
        self.known = Some((applied, is_open));
        if is_open && !self.is_told {
            self.is_told = true;
            tracing::warn!(
                joining = Joining::Classic.name(),
                "whoever reaches this network can take any name that is free, without a password: `tinysns admin \
                 init` says who may join"
            );
        }
        is_open
    }
}
