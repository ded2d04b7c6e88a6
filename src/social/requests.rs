//! The memory of replies: what makes a retry after a failover harmless.
//!
//! A client's last [`RequestId::WINDOW`] requests are remembered with their replies, each reply a
//! row of its own, so that a request costs one small write and the removal of one that has aged.
//! The client's own row is only rewritten when its time is an hour old.
//!
//! **Invariant:** a request that is neither remembered nor stale was never applied, as long as its
//! client is remembered. Clients that stay away for a day are forgotten, and of one user's clients
//! all but the [`CLIENTS_PER_USER`] that asked last.

use redb::{Error, ReadableTable, Table, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::{
    Reply,
    tables::{CLIENTS, CLIENTS_BY_USE, REPLIES, decode, encode},
};
use crate::domain::{RequestId, UnixMillis};

/// More devices and programs than one person runs at a time; keeps what one account can make every
/// node store to 64 × 257 small rows.
pub const CLIENTS_PER_USER: usize = 64;
/// A client's time of last use is kept to the hour, so that most requests need not write it.
pub const USE_GRANULARITY_MS: UnixMillis = 60 * 60 * 1_000;
/// A client that has not asked anything for a day, rounded up to the granularity, repeats nothing.
pub const FORGOTTEN_AFTER_MS: UnixMillis = 24 * 60 * 60 * 1_000 + USE_GRANULARITY_MS;
/// A command brings at most one new client, so that two forgotten at each keep ahead of them.
pub const FORGOTTEN_PER_COMMAND: usize = 2;

/// What is known of a request that has arrived.
pub enum Seen {
    /// It is to be done.
    Never,
    /// It was done, or refused, with this reply.
    Before(Reply),
    /// It is too old to tell.
    Stale,
}

/// A reply as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredReply {
    pub at: UnixMillis,
    pub reply: Reply,
}

/// The tables of clients and replies.
pub struct Memory<'txn> {
    clients: Table<'txn, (u64, u128), i64>,
    clients_by_use: Table<'txn, (i64, u64, u128), ()>,
    replies: Table<'txn, (u64, u128, u64), &'static [u8]>,
}

impl<'txn> Memory<'txn> {
    pub fn open(transaction: &'txn WriteTransaction) -> Result<Self, Error> {
        Ok(Self {
            clients: transaction.open_table(CLIENTS)?,
            clients_by_use: transaction.open_table(CLIENTS_BY_USE)?,
            replies: transaction.open_table(REPLIES)?,
        })
    }

    /// Whether a user's request was answered before.
    pub fn look_up(&self, user: u64, request: RequestId) -> Result<Seen, Error> {
        let RequestId { client, sequence } = request;
        let Some((newest, _)) = self.newest(user, client.0)? else { return Ok(Seen::Never) };
        if sequence > newest {
            return Ok(Seen::Never);
        }
        if let Some(row) = self.replies.get((user, client.0, sequence))? {
            let stored: StoredReply = decode(row.value())?;
            return Ok(Seen::Before(stored.reply));
        }
        Ok(if newest - sequence > RequestId::WINDOW { Seen::Stale } else { Seen::Never })
    }

    /// Keeps the reply to a request that was [`Seen::Never`].
    pub fn remember(
        &mut self,
        user: u64,
        request: RequestId,
        at: UnixMillis,
        reply: &Reply,
    ) -> Result<(), Error> {
        let RequestId { client, sequence } = request;
        let stored = StoredReply { at, reply: reply.clone() };
        self.mark_used(user, client.0, at)?;
        self.put_reply(user, client.0, sequence, &stored)?;
        // Only a new newest request moves the window; for any other this finds nothing to remove.
        if let Some(oldest) = sequence.checked_sub(RequestId::WINDOW) {
            self.replies.retain_in((user, client.0, 0)..(user, client.0, oldest), |_, _| false)?;
        }
        Ok(())
    }

    /// Notes that a client was there at `at`, making room for a new one.
    pub fn mark_used(&mut self, user: u64, client: u128, at: UnixMillis) -> Result<(), Error> {
        let used_at = self.clients.get((user, client))?.map(|row| row.value());
        match used_at {
            Some(used_at) if at.saturating_sub(used_at) < USE_GRANULARITY_MS => return Ok(()),
            Some(used_at) => {
                self.clients_by_use.remove((used_at, user, client))?;
            }
            None => self.make_room(user)?,
        }
        self.put_client(user, client, at)
    }

    /// Forgets some of the clients that have stayed away.
    pub fn forget_unused(&mut self, now: UnixMillis) -> Result<(), Error> {
        for _ in 0..FORGOTTEN_PER_COMMAND {
            let oldest = self.clients_by_use.first()?.map(|(key, _)| key.value());
            match oldest {
                Some((used_at, user, client))
                    if now.saturating_sub(used_at) > FORGOTTEN_AFTER_MS =>
                {
                    self.forget(user, client)?;
                }
                Some(_) | None => break,
            }
        }
        Ok(())
    }

    pub fn put_client(&mut self, user: u64, client: u128, at: UnixMillis) -> Result<(), Error> {
        self.clients.insert((user, client), at)?;
        self.clients_by_use.insert((at, user, client), ())?;
        Ok(())
    }

    pub fn put_reply(
        &mut self,
        user: u64,
        client: u128,
        sequence: u64,
        stored: &StoredReply,
    ) -> Result<(), Error> {
        self.replies.insert((user, client, sequence), encode(stored).as_slice())?;
        Ok(())
    }

    /// A client's newest request, and when it was answered.
    fn newest(&self, user: u64, client: u128) -> Result<Option<(u64, UnixMillis)>, Error> {
        let mut replies = self.replies.range((user, client, 0)..=(user, client, u64::MAX))?;
        let Some(row) = replies.next_back() else { return Ok(None) };
        let (key, value) = row?;
        let stored: StoredReply = decode(value.value())?;
        Ok(Some((key.value().2, stored.at)))
    }

    /// Forgets the client that asked longest ago where a user has as many as may be remembered.
    ///
    /// That is told by their newest replies, which are exact, and not by the hourly time of use:
    /// a burst of new clients must not displace one that is at work.
    fn make_room(&mut self, user: u64) -> Result<(), Error> {
        let mut clients = Vec::new();
        for row in self.clients.range((user, 0)..=(user, u128::MAX))? {
            clients.push(row?.0.value().1);
        }
        if clients.len() < CLIENTS_PER_USER {
            return Ok(());
        }
        let mut oldest = None;
        for client in clients {
            let candidate = (self.newest(user, client)?.map(|(_, at)| at), client);
            oldest = Some(oldest.map_or(candidate, |oldest| candidate.min(oldest)));
        }
        oldest.map_or(Ok(()), |(_, client)| self.forget(user, client))
    }

    fn forget(&mut self, user: u64, client: u128) -> Result<(), Error> {
        let used_at = self.clients.remove((user, client))?.map(|row| row.value());
        if let Some(used_at) = used_at {
            self.clients_by_use.remove((used_at, user, client))?;
        }
        self.replies
            .retain_in((user, client, 0)..=(user, client, u64::MAX), |_, _| false)
            .map_err(Error::from)
    }
}
