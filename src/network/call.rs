//! The context of a call. The key of a change is passed beside it, since no other call has one.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use tokio::time::Instant;

/// Who makes a call, from where, and until when an answer is of use.
#[derive(Clone, Debug)]
pub struct Call {
    /// By which it is found in the logs of all processes through which it goes.
    pub id: CallId,
    /// The session in which it is made; none for a login.
    pub session: Option<SessionToken>,
    /// When the caller ceases to wait.
    pub deadline: Deadline,
    /// The address of whoever makes the call: not that of a node that relays it. None if it is made
    /// by this process itself.
    pub origin: Option<IpAddr>,
    /// Tells apart the callers at one origin. None if it is not known: of a call that a node relays, or
    /// that this process makes.
    pub connection: Option<Connection>,
    /// It is made by an operator: by somebody who has the cluster's secret.
    pub by_operator: bool,
}

/// Tells a call apart from others in logs. Whoever makes it chooses it, so that nothing may depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallId(Arc<str>);

impl CallId {
    /// The most characters of one.
    pub const MAX_CHARS: usize = 64;

    /// None if it could not be told apart from the rest of a line in a log.
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let fits = (1..=Self::MAX_CHARS).contains(&text.len()) && text.bytes().all(allowed);
        fits.then(|| Self(text.into()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The connection on which a call arrives: the port at its other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection(pub u16);

impl Call {
    /// The same call, made again at `now`, with as much patience as at first.
    #[must_use]
    pub fn renewed(&self, now: Instant) -> Self {
        let deadline = Deadline::after(now, self.deadline.patience);
        Self { deadline, ..self.clone() }
    }
}

/// When a caller ceases to wait, and for how long it will have waited then.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    patience: Duration,
}

impl Deadline {
    /// Some time after `now`.
    pub fn after(now: Instant, patience: Duration) -> Self {
        Self { at: now + patience, patience }
    }

    /// The moment.
    pub fn at(self) -> Instant {
        self.at
    }

    /// How long the caller waits in all.
    pub fn patience(self) -> Duration {
        self.patience
    }
}

/// What a login grants, and later calls present. Opaque: only the server that checks it reads it.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(String);

impl SessionToken {
    /// Takes a token as it is presented.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// In the form in which it is presented.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SessionToken")
    }
}
