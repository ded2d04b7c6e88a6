//! The memory of replies, which makes a retry after a failover harmless.
//!
//! A request is identified by its account and a key of at most about 70 bytes. Keys are grouped in
//! *series*: the numbered requests of one client are a series, and a key that the caller chose is a
//! series of one. A series has a *floor*: no number below it can be new.
//!
//! **Invariants**
//!
//! 1. A request that is not below a floor and has no reply here was not carried out in the last day
//!    of the log's time. A reply is removed earlier only if its client has said that it has
//!    received it; the floor is raised above it in the same step, so that even then it is not
//!    carried out again.
//! 2. No reply is below its series' floor, and a series is removed with its last reply. A client
//!    never calls its newest request answered, so its floor stays for a day.
//! 3. An account has at most [`REPLIES_PER_ACCOUNT`] replies here, besides those to changes of its
//!    password. Further requests are refused, and nothing is forgotten to make room.
//! 4. Forgetting depends on the memory's own age, which follows the log's time in steps of at most
//!    [`LONGEST_STEP_MS`]: a clock that is a day or a year ahead costs only an hour of the memory.
//!
//! Each command costs a bounded number of rows, however much is due to be forgotten.

use super::{
    Command, CommandRefusal, Context, Reply,
    store::{ReplyTables, Series, StateError, StoredReply, View},
};
use crate::{
    domain::{RequestKey, UserId},
    planted::{self, PlantedFault},
};

/// More than one request a second, day and night, each by a client of its own, as from a script
/// that starts the program for each post. Such a request takes about 250 bytes, a hundred thousand
/// of them 25 MB on every master, for a day; the posts themselves take as much, for ever.
pub const REPLIES_PER_ACCOUNT: u64 = 100_000;
/// How much one command can increase the memory's age at most. Longer than any pause between two
/// commands of a network in use; in an unused one, replies are kept for longer, but there is room.
pub const LONGEST_STEP_MS: i64 = 60 * 60 * 1_000;
/// A day, plus one step that may have been a clock's error.
pub const KEPT_FOR_MS: i64 = 24 * 60 * 60 * 1_000 + LONGEST_STEP_MS;
/// A series is visited when its oldest reply is this old, more than necessary, so that a series
/// with a steady flow of replies is visited once an hour.
pub const VISITED_AFTER_MS: i64 = KEPT_FOR_MS + 60 * 60 * 1_000;
/// A command adds at most one series, so two visits per command are enough to keep up.
pub const VISITS_PER_COMMAND: usize = 2;
/// Replies of one series that are removed at a time. A command adds one.
pub const REMOVED_AT_A_TIME: usize = 128;
/// Answered requests are forgotten in groups of this size, because raising a floor writes one more
/// row.
pub const FLOOR_STEP: u64 = 64;

/// The memory's age after `passed_ms` of the log's time.
pub fn grow_older(age_ms: i64, passed_ms: i64) -> i64 {
    if planted::is(PlantedFault::RepliesAgedByTheLeadersClock) {
        return age_ms.saturating_add(passed_ms.max(0));
    }
    age_ms.saturating_add(passed_ms.clamp(0, LONGEST_STEP_MS))
}

/// Where a request belongs in the memory.
pub struct SeriesPosition {
    series: Vec<u8>,
    sequence: u64,
    /// All requests below this may be forgotten; never above the request itself.
    answered_below: u64,
}

impl SeriesPosition {
    pub fn of(key: &RequestKey) -> Self {
        // The first byte distinguishes the two forms.
        let series = |form: u8, name: &[u8]| [&[form], name].concat();
        match key {
            RequestKey::Counted { client, sequence, answered_below } => Self {
                series: series(0, &client.0.to_be_bytes()),
                sequence: *sequence,
                answered_below: *answered_below.min(sequence),
            },
            RequestKey::Opaque(key) => {
                Self { series: series(1, key.as_bytes()), sequence: 1, answered_below: 0 }
            }
        }
    }
}

/// What is known about a request that has arrived.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is new.
    Never,
    /// It was carried out, or refused, with this reply.
    Before(Reply),
    /// It is below the floor of its series.
    Answered,
    /// Its key belongs to another request.
    OtherRequest,
}

impl Seen {
    /// The reply to a request about which this is known; none if it is new.
    pub fn reply(self) -> Option<Reply> {
        match self {
            Self::Never => None,
            Self::Before(reply) => Some(reply),
            Self::Answered => Some(Reply::Refused(CommandRefusal::StaleRequest)),
            Self::OtherRequest => Some(Reply::Refused(CommandRefusal::KeyReused)),
        }
    }
}

/// The reply that `command` would get as a repetition of an earlier request. None if it is new as far
/// as `view` knows, or has no key.
pub fn earlier_reply(view: &View, command: &Command) -> Result<Option<Reply>, StateError> {
    let (Some(Context { user, key, .. }), Some(fingerprint)) =
        (command.context(), command.fingerprint())
    else {
        return Ok(None);
    };
    let position = SeriesPosition::of(key);
    let series = view.series(*user, &position.series)?;
    let reply = || view.reply(*user, &position.series, position.sequence);
    Ok(seen(&position, fingerprint, series, reply)?.reply())
}

/// What is known about a request, by what is stored about its series and by the reply that is stored
/// under its number.
fn seen(
    position: &SeriesPosition,
    fingerprint: u64,
    series: Option<Series>,
    reply: impl FnOnce() -> Result<Option<StoredReply>, StateError>,
) -> Result<Seen, StateError> {
    let Some(Series { floor, .. }) = series else { return Ok(Seen::Never) };
    if position.sequence < floor {
        return Ok(Seen::Answered);
    }
    Ok(match reply()? {
        None => Seen::Never,
        Some(stored) if stored.fingerprint == fingerprint => Seen::Before(stored.reply),
        Some(_) => Seen::OtherRequest,
    })
}

/// The memory, within one change of the state.
pub struct Memory<'txn> {
    rows: ReplyTables<'txn>,
}

/// The low end of a series after trimming.
struct Trimmed {
    gone: Vec<u64>,
    floor: u64,
    /// The age of the first remaining reply; none if none remains.
    oldest_ms: Option<i64>,
}

impl<'txn> Memory<'txn> {
    pub fn new(rows: ReplyTables<'txn>) -> Self {
        Self { rows }
    }

    /// Whether a user's request was answered before, and its series.
    pub fn look_up(
        &self,
        user: UserId,
        position: &SeriesPosition,
        fingerprint: u64,
    ) -> Result<(Seen, Option<Series>), StateError> {
        let series = self.rows.series(user, &position.series)?;
        if planted::is(PlantedFault::SkipTheDedup) {
            return Ok((Seen::Never, series));
        }
        let reply = || self.rows.reply(user, &position.series, position.sequence);
        Ok((seen(position, fingerprint, series, reply)?, series))
    }

    /// How many replies to `user` are remembered.
    pub fn kept(&self, user: UserId) -> Result<u64, StateError> {
        self.rows.kept(user)
    }

    /// Stores the reply to a request that was [`Seen::Never`], to a user of whom so many are kept.
    pub fn remember(
        &mut self,
        user: UserId,
        SeriesPosition { series: name, sequence, answered_below }: &SeriesPosition,
        (series, kept): (Option<Series>, u64),
        stored: &StoredReply,
    ) -> Result<(), StateError> {
        self.rows.add_reply(user, (name, *sequence), stored, kept)?;
        match series {
            None => {
                let series = Series { floor: *answered_below, oldest_ms: stored.at_ms };
                self.rows.put_series(user, name, series)
            }
            Some(series) if *answered_below >= series.floor.saturating_add(FLOOR_STEP) => {
                let trimmed = self.low_end(user, name, (series.floor, *answered_below), None)?;
                debug_assert!(trimmed.floor >= series.floor, "a floor is never lowered");
                self.rows.remove_replies(user, name, &trimmed.gone)?;
                // Its oldest reply is now a later one, which is found out at the next visit.
                let raised = Series { floor: trimmed.floor, ..series };
                self.rows.change_series(user, name, series, Some(raised))
            }
            Some(series) => {
                debug_assert!(series.floor <= *sequence, "no reply is below its series' floor");
                Ok(())
            }
        }
    }

    /// Forgets some of what was kept for long enough.
    pub fn forget_aged(&mut self, age_ms: i64) -> Result<(), StateError> {
        let (visited_after_ms, kept_for_ms) = if planted::is(PlantedFault::RepliesEvictedEarly) {
            (1_000, 1_000)
        } else {
            (VISITED_AFTER_MS, KEPT_FOR_MS)
        };
        for _ in 0..VISITS_PER_COMMAND {
            let aged = self.rows.oldest_series(age_ms.saturating_sub(visited_after_ms))?;
            let Some((user, name)) = aged else { break };
            self.visit(user, &name, age_ms.saturating_sub(kept_for_ms))?;
        }
        Ok(())
    }

    /// Forgets the replies of a series that are older than `before_ms`, and the series itself with
    /// its last reply.
    fn visit(&mut self, user: UserId, name: &[u8], before_ms: i64) -> Result<(), StateError> {
        let Some(series) = self.rows.series(user, name)? else {
            return Err(StateError::damaged("a series is in the index by age but missing"));
        };
        let trimmed = self.low_end(user, name, (series.floor, series.floor), Some(before_ms))?;
        debug_assert!(trimmed.floor >= series.floor, "a floor is never lowered");
        self.rows.remove_replies(user, name, &trimmed.gone)?;
        let floor = trimmed.floor;
        let rest = trimmed.oldest_ms.map(|oldest_ms| Series { floor, oldest_ms });
        self.rows.change_series(user, name, series, rest)
    }

    /// What can be removed from a series, from its floor on: requests below `answered_below`, which is not
    /// lower, and, if given, replies from before `before_ms`.
    fn low_end(
        &self,
        user: UserId,
        name: &[u8],
        (floor, answered_below): (u64, u64),
        before_ms: Option<i64>,
    ) -> Result<Trimmed, StateError> {
        let mut gone = Vec::new();
        for reply in self.rows.replies_from(user, name, floor)? {
            let (sequence, StoredReply { at_ms, .. }) = reply?;
            let has_aged = before_ms.is_some_and(|before_ms| at_ms < before_ms);
            let above_gone = gone.last().map_or(0, |last: &u64| last.saturating_add(1));
            let oldest_ms = Some(at_ms);
            if gone.len() >= REMOVED_AT_A_TIME {
                return Ok(Trimmed { gone, floor: above_gone, oldest_ms });
            }
            if sequence >= answered_below && !has_aged {
                return Ok(Trimmed { gone, floor: above_gone.max(answered_below), oldest_ms });
            }
            gone.push(sequence);
        }
        Ok(Trimmed { gone, floor: answered_below, oldest_ms: None })
    }
}
