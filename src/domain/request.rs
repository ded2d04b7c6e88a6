//! The name of a request, by which a retry is told from a new one.

use serde::{Deserialize, Serialize};

/// One running client: 16 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(pub u128);

/// A client's request, counted by that client from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId {
    /// Who asks.
    pub client: ClientId,
    /// The how-manieth request of that client this is.
    pub sequence: u64,
}

impl RequestId {
    /// How many of a client's newest requests are remembered with their replies. A client keeps no
    /// more than this many unanswered at a time, so that every retry finds its reply.
    pub const WINDOW: u64 = 256;
}
