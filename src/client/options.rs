//! A client's options.

use std::time::Duration;

use crate::{
    domain::ClientName,
    host::net::{self, Security},
    settings::ClientSettings,
    tls::{self, TlsError},
};

/// How a [`Client`](super::Client) behaves.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// The node by which the network is entered, host:port: the router, or a server. Of several, with commas between
    /// them, the first that answers.
    pub router: String,
    /// How connections to it, and to the servers that it names, are protected.
    pub security: Security,
    /// How long one call may take in all, including every repetition, before it fails.
    pub call_timeout: Duration,
    /// How long one server may take to answer before the call is repeated elsewhere.
    pub attempt_timeout: Duration,
    /// How long the router may be away, or know of no available server, before the masters are
    /// asked too. Not at once, so that a failover does not make every client call every master.
    pub ask_masters_after: Duration,
    /// What the client calls itself, for those who look through their sessions.
    pub name: ClientName,
}

impl ClientOptions {
    /// Long enough for all masters of a cluster to be rebooted after a crash (25 s) and to elect a
    /// leader.
    pub const CALL_TIMEOUT: Duration = Duration::from_mins(1);
    /// Far longer than any healthy answer takes; the router usually notices hangs sooner.
    pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
    /// Longer than a directed failover (some 10 ms), shorter than a natural election (500 ms).
    pub const ASK_MASTERS_AFTER: Duration = Duration::from_millis(200);

    /// The defaults, with the router that the settings name, for a program on this machine.
    pub fn of(settings: &ClientSettings) -> Result<Self, TlsError> {
        let name = ClientName::new(&format!("tinysns on {}", net::host_name()));
        Ok(Self { security: security(settings)?, name, ..Self::new(&settings.router) })
    }

    /// The defaults, with the router at `router` (host:port).
    pub fn new(router: impl Into<String>) -> Self {
        Self {
            router: router.into(),
            security: Security::InClear,
            call_timeout: Self::CALL_TIMEOUT,
            attempt_timeout: Self::ATTEMPT_TIMEOUT,
            ask_masters_after: Self::ASK_MASTERS_AFTER,
            name: ClientName::default(),
        }
    }
}

/// How connections to the network that the settings name are protected.
pub fn security(settings: &ClientSettings) -> Result<Security, TlsError> {
    match &settings.name {
        None => Ok(Security::InClear),
        Some((name, trust)) => tls::security_for(name, trust),
    }
}
