//! The whole state as a stream of rows, for snapshots: postcard-encodable, ordered by table and
//! key, so that equal states give equal dumps.
//!
//! Indexes are left out, and made again from the rows. In neither direction is the whole
//! state held in memory.

use serde::{Deserialize, Serialize};

use super::{
    Change, Content, StateError,
    keys::{self, Key, Parts, Table},
    moment::{self, Moment},
    people_records::ProfileRecord,
    post_records::MarkRecord,
    records::{self, FollowRecord, Meta, UserRecord, decode},
    replies::{ReplyTables, Series, StoredReply},
    writing::{Follow, Tables},
};
use crate::{
    domain::{Certification, PostId, UserId},
    planted::{self, PlantedFault},
};

/// One row of the state. Opaque: only [`StagedState::add`](super::StagedState::add) reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row(RowKind);

impl Row {
    /// About how many bytes it takes when sent.
    pub fn size(&self) -> usize {
        /// The bytes that the numbers of a row take.
        const NUMBERS: usize = 24;
        match &self.0 {
            RowKind::Post { row, .. } => NUMBERS + row.len(),
            RowKind::Stored { key, row } => key.len() + row.len(),
            RowKind::Meta(_)
            | RowKind::User { .. }
            | RowKind::Reply { .. }
            | RowKind::Profile { .. } => 4 * NUMBERS,
            RowKind::Marks { .. } => 2 * NUMBERS,
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
    User {
        user: UserId,
        record: UserRecord,
    },
    Follow {
        follower: UserId,
        followee: UserId,
        since: PostId,
    },
    /// As it is stored.
    Post {
        author: UserId,
        post: PostId,
        row: Vec<u8>,
    },
    Series {
        user: UserId,
        name: Vec<u8>,
        series: Series,
    },
    Reply {
        user: UserId,
        series: Vec<u8>,
        sequence: u64,
        stored: StoredReply,
    },
    Certification(Certification),
    Profile {
        user: UserId,
        record: ProfileRecord,
    },
    Marks {
        user: UserId,
        post: PostId,
        record: MarkRecord,
    },
    /// One as it is stored.
    Stored {
        key: Vec<u8>,
        row: Vec<u8>,
    },
}

/// The tables whose rows are sent as they are stored.
const STORED: [Table; 21] = [
    Table::Blocks,
    Table::Mutes,
    Table::Requests,
    Table::Notes,
    Table::Revisions,
    Table::Notifications,
    Table::NotificationStates,
    Table::Changes,
    Table::NetworkSettings,
    Table::AdministrationCounts,
    Table::Standings,
    Table::Invitations,
    Table::Reports,
    Table::Announcements,
    Table::Logged,
    Table::Chores,
    Table::ReservedNames,
    Table::Sessions,
    Table::Personal,
    Table::Pictures,
    Table::PicturePieces,
];

impl RowKind {
    /// Where it is in a dump: at the key of its row. The users of a follow are in `tables` already.
    fn key(&self, tables: &Tables<'_>) -> Result<Key, StateError> {
        Ok(match self {
            Self::Meta(_) => keys::meta(),
            Self::User { user, .. } => keys::user(*user),
            Self::Follow { follower, followee, .. } => {
                let followee = tables.known_user(*followee)?.name.folded();
                keys::edge(Table::Following, *follower, &followee)
            }
            Self::Post { author, post, .. } => keys::post(*author, *post),
            Self::Series { user, name, .. } => keys::series(*user, name)?,
            Self::Reply { user, series, sequence, .. } => keys::reply(*user, series, *sequence)?,
            Self::Certification(_) => keys::certification(),
            Self::Profile { user, .. } => keys::of_user(Table::Profiles, *user),
            Self::Marks { user, post, .. } => keys::marks(*user, *post),
            Self::Stored { key, .. } => Key::of_stored(key),
        })
    }
}

/// Every row of the state at one moment, whose general facts are `meta`.
///
/// Users come before follows, which are indexed by the users' names.
pub fn dump(
    moment: &Moment,
    meta: Meta,
) -> impl Iterator<Item = Result<Row, StateError>> + Send + use<> {
    let meta = (meta != Meta::default()).then_some(Ok(RowKind::Meta(meta)));
    let certification = records::certification(moment).transpose();
    let certification = certification.map(|row| row.map(RowKind::Certification));
    let table = |table, read: fn(moment::Row) -> Result<RowKind, StateError>| {
        moment.scan(keys::all(table)).map(move |row| row.and_then(read))
    };
    meta.into_iter()
        .chain(table(Table::Users, user))
        .chain(table(Table::Following, follow))
        .chain(table(Table::Posts, post))
        .chain(table(Table::Series, series))
        .chain(table(Table::Replies, reply))
        .chain(certification)
        .chain(table(Table::Blocks, stored))
        .chain(table(Table::Mutes, stored))
        .chain(table(Table::Requests, stored))
        .chain(table(Table::Notes, stored))
        .chain(table(Table::Profiles, profile))
        .chain(table(Table::Revisions, stored))
        .chain(table(Table::Marks, marks))
        .chain(table(Table::Notifications, stored))
        .chain(table(Table::NotificationStates, stored))
        .chain(table(Table::Changes, stored))
        .chain(table(Table::NetworkSettings, stored))
        .chain(table(Table::AdministrationCounts, stored))
        .chain(table(Table::Standings, stored))
        .chain(table(Table::Invitations, stored))
        .chain(table(Table::Reports, stored))
        .chain(table(Table::Announcements, stored))
        .chain(table(Table::Logged, stored))
        .chain(table(Table::Chores, stored))
        .chain(table(Table::ReservedNames, stored))
        .chain(table(Table::Sessions, stored))
        .chain(table(Table::Personal, stored))
        .chain(table(Table::Pictures, stored))
        .chain(table(Table::PicturePieces, stored))
        .map(|kind| kind.map(Row))
}

fn user((key, row): moment::Row) -> Result<RowKind, StateError> {
    Ok(RowKind::User { user: Parts::of(&key).user()?, record: decode(&row)? })
}

fn follow((key, row): moment::Row) -> Result<RowKind, StateError> {
    let FollowRecord { followee, since } = decode(&row)?;
    Ok(RowKind::Follow { follower: Parts::of(&key).user()?, followee, since })
}

fn post((key, row): moment::Row) -> Result<RowKind, StateError> {
    let mut key = Parts::of(&key);
    let (author, post) = (key.user()?, key.post()?);
    Ok(RowKind::Post { author, post, row: row.to_vec() })
}

fn profile((key, row): moment::Row) -> Result<RowKind, StateError> {
    Ok(RowKind::Profile { user: Parts::of(&key).user()?, record: decode(&row)? })
}

fn marks((key, row): moment::Row) -> Result<RowKind, StateError> {
    let mut key = Parts::of(&key);
    let (user, post) = (key.user()?, key.post()?);
    Ok(RowKind::Marks { user, post, record: decode(&row)? })
}

#[expect(clippy::unnecessary_wraps, reason = "it stands beside others that may fail")]
fn stored((key, row): moment::Row) -> Result<RowKind, StateError> {
    Ok(RowKind::Stored { key: key.to_vec(), row: row.to_vec() })
}

fn series((key, row): moment::Row) -> Result<RowKind, StateError> {
    let mut key = Parts::of(&key);
    let (user, name) = (key.user()?, key.sized()?.to_owned());
    Ok(RowKind::Series { user, name, series: decode(&row)? })
}

fn reply((key, row): moment::Row) -> Result<RowKind, StateError> {
    let mut key = Parts::of(&key);
    let (user, series, sequence) = (key.user()?, key.sized()?.to_owned(), key.number()?);
    Ok(RowKind::Reply { user, series, sequence, stored: decode(&row)? })
}

/// The rows of a dump, which are added to an empty state.
///
/// They are taken in the order of a dump only, so that no row takes the place of another: indexes
/// would still lead to the first.
#[derive(Default)]
pub struct Added {
    last: Option<Key>,
    content: Content,
}

impl Added {
    /// How much was added.
    pub fn content(&self) -> Content {
        self.content
    }

    /// Adds the next ones.
    pub fn add(
        &mut self,
        change: &Change,
        rows: impl IntoIterator<Item = Row>,
    ) -> Result<(), StateError> {
        let (mut tables, mut replies) = (change.tables(), change.reply_tables());
        for Row(kind) in rows {
            let key = kind.key(&tables)?;
            if self.last.as_ref().is_some_and(|last| key.as_bytes() <= last.as_bytes()) {
                return Err(StateError::damaged("the rows of a dump are not in their order"));
            }
            self.last = Some(key);
            match kind {
                RowKind::User { .. } => self.content.users += 1,
                RowKind::Post { .. } => self.content.posts += 1,
                _ => {}
            }
            put(change, &mut tables, &mut replies, kind)?;
        }
        Ok(())
    }
}

fn put(
    change: &Change,
    tables: &mut Tables<'_>,
    replies: &mut ReplyTables<'_>,
    kind: RowKind,
) -> Result<(), StateError> {
    match kind {
        RowKind::Meta(meta) if planted::is(PlantedFault::SnapshotWithoutTheNewestId) => {
            tables.put_meta(&Meta { newest_post: PostId::NONE, ..meta });
        }
        RowKind::Series { .. } | RowKind::Reply { .. }
            if planted::is(PlantedFault::SnapshotWithoutTheReplies) => {}
        RowKind::Meta(meta) => tables.put_meta(&meta),
        RowKind::User { user, record } => {
            if record.deleted_at.is_none() && tables.user_named(&record.name)?.is_some() {
                let name = record.name.folded();
                return Err(StateError::damaged(format!("two users have the name {name}")));
            }
            tables.put_user(user, &record);
        }
        RowKind::Follow { follower, followee, since } => {
            let follower_name = tables.known_user(follower)?.name.folded();
            let followee_name = tables.known_user(followee)?.name.folded();
            tables.put_follow(&Follow {
                follower,
                follower_name,
                followee,
                followee_name,
                since,
            })?;
        }
        RowKind::Post { post, author, row } => tables.put_post(post, author, &decode(&row)?)?,
        RowKind::Series { user, name, series } => replies.put_series(user, &name, series)?,
        RowKind::Reply { user, series, sequence, stored } => {
            let kept = replies.kept(user)?;
            replies.add_reply(user, (&series, sequence), &stored, kept)?;
        }
        RowKind::Certification(certification) => tables.put_certification(&certification),
        RowKind::Profile { user, record } => tables.put_profile(user, &record)?,
        RowKind::Marks { user, post, record } => {
            tables.change_marks(user, post, MarkRecord::none(record.author), record)?;
        }
        RowKind::Stored { key, row } => {
            let table = key.first().and_then(|table| Table::of(*table));
            match table.filter(|table| STORED.contains(table)) {
                Some(Table::Pictures) => tables.add_picture(&decode(&row)?)?,
                Some(table) => {
                    change.put(&Key::of_stored(&key), &row);
                    tables.index_relation(table, &key, &row)?;
                }
                None => {
                    return Err(StateError::damaged("a row of a dump belongs to another table"));
                }
            }
        }
    }
    Ok(())
}
