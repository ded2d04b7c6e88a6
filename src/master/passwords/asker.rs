//! Who asks for a password to be checked. Pure.

use crate::{
    domain::UserName,
    network::{Call, Connection, Origin},
};

/// An account, and where somebody is who asks for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// Where the call comes from.
    pub origin: Origin,
    /// The account's name in its folded form; it need not exist yet.
    pub account: String,
}

/// The same, and over which connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asker {
    /// Which account, from where.
    pub pair: Pair,
    /// Tells apart the callers at one origin, if it is known.
    pub connection: Option<Connection>,
}

impl Asker {
    /// The maker of `call`, who asks for the account of this name.
    pub fn new(call: &Call, name: &UserName) -> Self {
        let pair = Pair { origin: call.origin.into(), account: name.folded() };
        Self { pair, connection: call.connection }
    }
}
