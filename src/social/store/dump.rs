//! The whole state as a stream of rows, for snapshots: postcard-encodable, ordered by table and
//! key, so that equal states give equal dumps.
//!
//! Indexes are left out, and rebuilt when a dump is restored. In neither direction is the whole
//! state held in memory.

use redb::WriteTransaction;
use serde::{Deserialize, Serialize};

use super::{
    StateError,
    replies::{ReplyTables, Series, StoredReply},
    tables::{self, FollowRecord, Meta, PostRecord, ReadTables, UserRecord, decode},
    writing::{Follow, Tables},
};
use crate::{
    domain::{Certification, PostId, UnixMillis, UserId},
    planted::{self, PlantedFault},
};

/// One row of the state. Opaque: only [`Change::restore`](super::Change::restore) reads
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row(RowKind);

impl Row {
    /// About how many bytes it takes when sent.
    pub fn size(&self) -> usize {
        /// The bytes that the numbers of a row take.
        const NUMBERS: usize = 24;
        match &self.0 {
            RowKind::Post { text, .. } => NUMBERS + text.len(),
            RowKind::Meta(_) | RowKind::User { .. } | RowKind::Reply { .. } => 4 * NUMBERS,
            RowKind::Series { name, .. } => NUMBERS + name.len(),
            RowKind::Follow { .. } => NUMBERS,
            RowKind::Certification(certification) => {
                let certificate = certification.certificate.as_ref();
                let chain = certificate.map_or(0, |certificate| certificate.chain.len());
                chain + 64 * NUMBERS
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum RowKind {
    Meta(Meta),
    User { user: u64, record: UserRecord },
    Follow { follower: u64, followee: u64, since: PostId },
    Post { post: PostId, author: u64, at: UnixMillis, text: String },
    Series { user: u64, name: Vec<u8>, series: Series },
    Reply { user: u64, series: Vec<u8>, sequence: u64, stored: StoredReply },
    Certification(Certification),
}

/// Where a row belongs in a dump: its table, and the parts of its key.
type Key = (u8, u64, Vec<u8>, u64);

impl RowKind {
    /// The users of a follow are in `tables` already.
    fn key(&self, tables: &Tables<'_>) -> Result<Key, StateError> {
        Ok(match self {
            Self::Meta(_) => (0, 0, Vec::new(), 0),
            Self::User { user, .. } => (1, *user, Vec::new(), 0),
            Self::Follow { follower, followee, .. } => {
                let followee = tables.known_user(UserId(*followee))?.name.folded();
                (2, *follower, followee.into(), 0)
            }
            Self::Post { post, .. } => (3, post.get(), Vec::new(), 0),
            Self::Series { user, name, .. } => (4, *user, name.clone(), 0),
            Self::Reply { user, series, sequence, .. } => (5, *user, series.clone(), *sequence),
            Self::Certification(_) => (6, 0, Vec::new(), 0),
        })
    }
}

/// Every row of the state in `tables`.
pub fn dump(
    tables: Option<&ReadTables>,
    certification: Option<Certification>,
) -> Result<impl Iterator<Item = Result<Row, StateError>> + Send + use<>, StateError> {
    let rows = tables.map(rows).transpose()?;
    let certification = certification.map(|row| Ok(RowKind::Certification(row)));
    Ok(rows.into_iter().flatten().chain(certification).map(|kind| kind.map(Row)))
}

/// Replaces the state with the rows of a dump.
///
/// They are taken in the order of a dump only, so that no row takes the place of another: indexes
/// would still lead to the first.
pub fn restore(
    transaction: &WriteTransaction,
    rows: impl Iterator<Item = Row>,
) -> Result<(), StateError> {
    tables::clear(transaction)?;
    let mut tables = Tables::open(transaction)?;
    let mut replies = ReplyTables::open(transaction)?;
    let mut last = None;
    for Row(kind) in rows {
        let key = Some(kind.key(&tables)?);
        if key <= last {
            return Err(StateError::damaged("the rows of a dump are not in their order"));
        }
        last = key;
        put(&mut tables, &mut replies, kind)?;
    }
    Ok(())
}

/// Users come before follows, which are indexed by the users' names.
fn rows(
    tables: &ReadTables,
) -> Result<impl Iterator<Item = Result<RowKind, StateError>> + Send + use<>, StateError> {
    let users = tables.users.range::<u64>(..)?.map(|row| {
        let (user, record) = row?;
        Ok(RowKind::User { user: user.value(), record: decode(record.value())? })
    });
    let follows = tables.following.range::<(u64, &str)>(..)?.map(|row| {
        let (key, value) = row?;
        let FollowRecord { followee, since } = decode(value.value())?;
        Ok(RowKind::Follow { follower: key.value().0, followee, since })
    });
    let posts = tables.posts.range::<u64>(..)?.map(|row| {
        let (post, value) = row?;
        let PostRecord { author, at, text } = decode(value.value())?;
        Ok(RowKind::Post { post: PostId::new(post.value()), author, at, text: text.to_owned() })
    });
    let series = tables.series.range::<(u64, &[u8])>(..)?.map(|row| {
        let (key, series) = row?;
        let (user, name) = key.value();
        Ok(RowKind::Series { user, name: name.to_owned(), series: decode(series.value())? })
    });
    let replies = tables.replies.range::<(u64, &[u8], u64)>(..)?.map(|row| {
        let (key, stored) = row?;
        let (user, series, sequence) = key.value();
        let (series, stored) = (series.to_owned(), decode(stored.value())?);
        Ok(RowKind::Reply { user, series, sequence, stored })
    });
    // While it is all zeros it is not written: opening a state must not change its dump.
    let meta = (tables.meta != Meta::default()).then_some(Ok(RowKind::Meta(tables.meta)));
    Ok(meta.into_iter().chain(users).chain(follows).chain(posts).chain(series).chain(replies))
}

fn put(
    tables: &mut Tables<'_>,
    replies: &mut ReplyTables<'_>,
    kind: RowKind,
) -> Result<(), StateError> {
    match kind {
        RowKind::Meta(meta) if planted::is(PlantedFault::SnapshotWithoutTheNewestId) => {
            tables.put_meta(&Meta { newest_post: PostId::NONE, ..meta })
        }
        RowKind::Series { .. } | RowKind::Reply { .. }
            if planted::is(PlantedFault::SnapshotWithoutTheReplies) =>
        {
            Ok(())
        }
        RowKind::Meta(meta) => tables.put_meta(&meta),
        RowKind::User { user, record } => {
            if tables.user_named(&record.name)?.is_some() {
                let name = record.name.folded();
                return Err(StateError::damaged(format!("two users have the name {name}")));
            }
            tables.put_user(UserId(user), &record)
        }
        RowKind::Follow { follower, followee, since } => {
            let [follower, followee] = [follower, followee].map(UserId);
            let follower_name = tables.known_user(follower)?.name.folded();
            let followee_name = tables.known_user(followee)?.name.folded();
            tables.put_follow(&Follow { follower, follower_name, followee, followee_name, since })
        }
        RowKind::Post { post, author, at, text } => {
            tables.put_post(post, UserId(author), at, &text)
        }
        RowKind::Series { user, name, series } => replies.put_series(UserId(user), &name, series),
        RowKind::Reply { user, series, sequence, stored } => {
            replies.put_reply(UserId(user), &series, sequence, &stored)
        }
        RowKind::Certification(certification) => tables.put_certification(&certification),
    }
}
