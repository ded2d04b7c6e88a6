//! The rows of somebody who has deleted their account, to be removed. Which of them, and when, is decided by
//! [`apply`](crate::social::apply).

use super::{
    Follow, Pair, StateError,
    keys::{self, Key, Parts, Table},
    moment::Scan,
    people_records::whom_it_is_about,
    post_records::MarkRecord,
    records::{FollowRecord, decode, number},
    writing::Tables,
};
use crate::{
    domain::{PictureId, PostId, UserId, UserName},
    social::{DeletionStage, store::UserRecord},
};

/// A row that is to go.
pub enum DeletedRow {
    /// A post or a boost.
    Post(PostId),
    /// A picture.
    Picture(PictureId),
    /// What they have done with a post.
    Mark(PostId, MarkRecord),
    /// Whom they follow, or who follows them.
    Follow(Follow),
    /// What they were told.
    Notification(PostId),
    /// What they keep for themselves.
    Personal,
    /// What they are to somebody, or somebody to them.
    Relation(Table, Pair),
}

impl DeletionStage {
    /// The table whose rows go; none if a few rows of several do.
    const fn table(self) -> Option<Table> {
        Some(match self {
            Self::Posts => Table::Posts,
            Self::Pictures => Table::PicturesByOwner,
            Self::Marks => Table::Marks,
            Self::Following => Table::Following,
            Self::Followers => Table::Followers,
            Self::Blocks => Table::Blocks,
            Self::Mutes => Table::Mutes,
            Self::Requests => Table::Requests,
            Self::Notes => Table::Notes,
            Self::Personal => Table::Personal,
            Self::RowsAboutThem => Table::RowsAboutPeople,
            Self::Notifications => Table::Notifications,
            Self::Person => return None,
        })
    }
}

impl Tables<'_> {
    /// The rows that go in a stage, after a key of theirs; none where a few rows of several tables go.
    pub fn rows_of(&self, user: UserId, stage: DeletionStage, after: &[u8]) -> Option<Scan> {
        let table = stage.table()?;
        let range = if after.is_empty() {
            keys::all_of_user(table, user)
        } else {
            keys::rest_of_user(table, user, Key::of_stored(after))
        };
        Some(self.moment().scan(range))
    }

    /// What such a row says.
    pub fn row_of(
        &self,
        user: UserId,
        stage: DeletionStage,
        key: &[u8],
        row: &[u8],
    ) -> Result<DeletedRow, StateError> {
        let own_name = || Ok::<_, StateError>(self.known_user(user)?.name.folded());
        let mut parts = Parts::of(key);
        parts.user()?;
        let relation = |table, parts: Parts<'_>| {
            let other = whom_it_is_about(table, row)?
                .ok_or_else(|| StateError::damaged("it is about nobody"))?;
            let other_name = parts.text()?.to_owned();
            Ok::<_, StateError>(DeletedRow::Relation(table, Pair { one: user, other, other_name }))
        };
        Ok(match stage {
            DeletionStage::Posts => DeletedRow::Post(parts.post()?),
            DeletionStage::Pictures => DeletedRow::Picture(PictureId::new(parts.number()?)),
            DeletionStage::Marks => DeletedRow::Mark(parts.post()?, decode(row)?),
            DeletionStage::Following => {
                let FollowRecord { followee, since } = decode(row)?;
                let (follower_name, followee_name) = (own_name()?, parts.text()?.to_owned());
                let follower = user;
                DeletedRow::Follow(Follow {
                    follower,
                    follower_name,
                    followee,
                    followee_name,
                    since,
                })
            }
            DeletionStage::Followers => DeletedRow::Follow(Follow {
                follower: UserId(number(row)?),
                follower_name: parts.text()?.to_owned(),
                followee: user,
                followee_name: own_name()?,
                since: PostId::NONE,
            }),
            DeletionStage::Blocks => relation(Table::Blocks, parts)?,
            DeletionStage::Mutes => relation(Table::Mutes, parts)?,
            DeletionStage::Requests => relation(Table::Requests, parts)?,
            DeletionStage::Notes => relation(Table::Notes, parts)?,
            DeletionStage::Personal => DeletedRow::Personal,
            DeletionStage::RowsAboutThem => {
                let (table, whose) = parts.table_and_user()?;
                DeletedRow::Relation(
                    table,
                    Pair { one: whose, other: user, other_name: own_name()? },
                )
            }
            DeletionStage::Notifications => DeletedRow::Notification(parts.post()?),
            DeletionStage::Person => {
                return Err(StateError::damaged("the rows about a person are no table"));
            }
        })
    }

    /// Removes a row of those that go.
    pub fn remove_row(&mut self, key: &[u8]) {
        self.change.remove(&Key::of_stored(key));
    }

    /// Removes what is left of somebody who is gone, but for their number.
    pub fn remove_person(&mut self, user: UserId) -> Result<(), StateError> {
        self.clear_notifications(user)?;
        self.change.remove(&keys::of_user(Table::NotificationStates, user));
        for word in self.profile(user)?.words {
            self.change.remove(&keys::profile_by_word(&word, user));
        }
        self.change.remove(&keys::of_user(Table::Profiles, user));
        let record = self.known_user(user)?;
        self.put_user(user, &UserRecord { name: UserName::of_nobody(user), ..record });
        Ok(())
    }
}
