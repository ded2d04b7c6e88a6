//! What is stored about people, besides their accounts and whom they follow.

use serde::{Deserialize, Serialize};

use super::{
    StateError,
    keys::{self, Table},
    moment::Moment,
    post_records::index,
    records::{Record, decode},
};
use crate::{
    domain::{NotificationKind, PersonCounts, PictureId, PostId, Profile, UnixMillis, UserId},
    envelope::Kind,
};

/// Who somebody has blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRecord {
    pub blocked: UserId,
}

impl Record for BlockRecord {
    const KIND: Kind = Kind::Block;
}

/// Whom somebody has muted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MuteRecord {
    pub muted: UserId,
    /// Whether what they do is not notified either.
    pub notifications: bool,
    /// When it ends by itself.
    pub until: Option<UnixMillis>,
}

impl Record for MuteRecord {
    const KIND: Kind = Kind::Mute;
}

impl MuteRecord {
    /// Whether it has not ended yet.
    pub fn lasts(&self, now: UnixMillis) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Somebody asks to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    pub follower: UserId,
}

impl Record for RequestRecord {
    const KIND: Kind = Kind::FollowRequest;
}

/// What somebody remembers of another person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteRecord {
    pub about: UserId,
    pub text: String,
}

impl Record for NoteRecord {
    const KIND: Kind = Kind::Note;
}

/// What somebody says about themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileRecord {
    pub profile: Profile,
    /// By which they are found, folded.
    pub words: Vec<String>,
    /// Their portrait.
    pub avatar: Option<PictureId>,
    /// The wide picture above their profile.
    pub header: Option<PictureId>,
}

impl Record for ProfileRecord {
    const KIND: Kind = Kind::Profile;
}

/// How much there is of a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredCounts {
    /// Posts that everybody may see.
    pub posts: u64,
    pub followers: u64,
    pub following: u64,
}

impl StoredCounts {
    /// With when they last posted.
    pub fn with(self, last_post_at: Option<UnixMillis>) -> PersonCounts {
        let Self { posts, followers, following } = self;
        PersonCounts { posts, followers, following, last_post_at }
    }
}

/// What somebody is told of what others do. Its position is in its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationRecord {
    pub kind: NotificationKind,
    pub at: UnixMillis,
    pub actor: UserId,
    /// Which post it is about, and who wrote that.
    pub post: Option<(PostId, UserId)>,
}

impl Record for NotificationRecord {
    const KIND: Kind = Kind::Notification;
}

/// How many notifications somebody has, and which of them are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationState {
    pub kept: u64,
    /// None is older.
    pub oldest: PostId,
    pub read_up_to: PostId,
}

impl Record for NotificationState {
    const KIND: Kind = Kind::NotificationState;
}

/// Whom a row is about, in one of the tables of what people are to others; none in another table.
pub(super) fn whom_it_is_about(table: Table, row: &[u8]) -> Result<Option<UserId>, StateError> {
    Ok(Some(match table {
        Table::Blocks => decode::<BlockRecord>(row)?.blocked,
        Table::Mutes => decode::<MuteRecord>(row)?.muted,
        Table::Requests => decode::<RequestRecord>(row)?.follower,
        Table::Notes => decode::<NoteRecord>(row)?.about,
        _ => return Ok(None),
    }))
}

/// What somebody says about themselves.
pub(super) fn profile(moment: &Moment, user: UserId) -> Result<ProfileRecord, StateError> {
    let row = moment.get(&keys::of_user(Table::Profiles, user))?;
    row.map_or_else(|| Ok(ProfileRecord::default()), |row| decode(&row))
}

/// How much there is of a person.
pub(super) fn counts(moment: &Moment, user: UserId) -> Result<StoredCounts, StateError> {
    let row = moment.get(&keys::of_user(Table::PersonCounts, user))?;
    row.map_or_else(|| Ok(StoredCounts::default()), |row| index(&row))
}

/// How many notifications somebody has.
pub(super) fn notification_state(
    moment: &Moment,
    user: UserId,
) -> Result<NotificationState, StateError> {
    let row = moment.get(&keys::of_user(Table::NotificationStates, user))?;
    row.map_or_else(|| Ok(NotificationState::default()), |row| decode(&row))
}

/// Whom somebody has muted, until now or longer.
pub(super) fn mute(
    moment: &Moment,
    user: UserId,
    folded: &str,
) -> Result<Option<MuteRecord>, StateError> {
    moment.get(&keys::edge(Table::Mutes, user, folded))?.map(|row| decode(&row)).transpose()
}
