//! The rows about people, for writing. Which of them happens is decided by [`apply`](crate::social::apply).

use super::{
    StateError,
    keys::{self, Table},
    people_records::{
        self, BlockRecord, MuteRecord, NoteRecord, NotificationRecord, NotificationState,
        ProfileRecord, RequestRecord, StoredCounts,
    },
    post_records::index_row,
    records::encode,
    writing::Tables,
};
use crate::domain::{PostId, UserId};

/// So many notifications of a user are kept: the newest.
pub const MOST_NOTIFICATIONS: u64 = 1_000;

/// Two people, and the name under which the rows of the one have the other.
#[derive(Clone, Debug)]
pub struct Pair {
    pub one: UserId,
    pub other: UserId,
    /// Of the other, folded.
    pub other_name: String,
}

impl Pair {
    fn key(&self, table: Table) -> keys::Key {
        keys::edge(table, self.one, &self.other_name)
    }
}

impl Tables<'_> {
    /// Whether the one has blocked the other.
    pub fn has_block(&self, pair: &Pair) -> Result<bool, StateError> {
        Ok(self.moment().get(&pair.key(Table::Blocks))?.is_some())
    }

    /// Adds or removes a block.
    pub fn set_block(&mut self, pair: &Pair, is_set: bool) {
        let block = is_set.then(|| encode(&BlockRecord { blocked: pair.other }));
        self.set_relation(Table::Blocks, pair, block.as_deref());
    }

    /// Whether and how the one has muted the other.
    pub fn mute(&self, pair: &Pair) -> Result<Option<MuteRecord>, StateError> {
        people_records::mute(self.moment(), pair.one, &pair.other_name)
    }

    /// Adds, replaces or removes a mute.
    pub fn set_mute(&mut self, pair: &Pair, mute: Option<MuteRecord>) {
        let mute = mute.map(|mute| encode(&mute));
        self.set_relation(Table::Mutes, pair, mute.as_deref());
    }

    /// Whether the other has asked to follow the one.
    pub fn has_request(&self, pair: &Pair) -> Result<bool, StateError> {
        Ok(self.moment().get(&pair.key(Table::Requests))?.is_some())
    }

    /// Adds or removes such a request.
    pub fn set_request(&mut self, pair: &Pair, is_set: bool) {
        let request = is_set.then(|| encode(&RequestRecord { follower: pair.other }));
        self.set_relation(Table::Requests, pair, request.as_deref());
    }

    /// Replaces what the one remembers of the other.
    pub fn set_note(&mut self, pair: &Pair, text: &str) {
        let note = || encode(&NoteRecord { about: pair.other, text: text.to_owned() });
        let note = (!text.is_empty()).then(note);
        self.set_relation(Table::Notes, pair, note.as_deref());
    }

    /// Adds, replaces or removes the row that the one has in a table about the other. It is found by the other, too, so
    /// that it can go with them.
    pub fn set_relation(&mut self, table: Table, pair: &Pair, row: Option<&[u8]>) {
        let (key, by_other) = (pair.key(table), keys::row_about(pair.other, table, pair.one));
        if let Some(row) = row {
            self.change.put(&key, row);
            self.change.put(&by_other, &[]);
        } else {
            self.change.remove(&key);
            self.change.remove(&by_other);
        }
    }

    /// Makes a row that is already there found by whom it is about, if it is of such a table.
    pub(super) fn index_relation(
        &mut self,
        table: Table,
        key: &[u8],
        row: &[u8],
    ) -> Result<(), StateError> {
        if let Some(other) = people_records::whom_it_is_about(table, row)? {
            let whose = keys::Parts::of(key).user()?;
            self.change.put(&keys::row_about(other, table, whose), &[]);
        }
        Ok(())
    }

    /// What somebody says about themselves.
    pub fn profile(&self, user: UserId) -> Result<ProfileRecord, StateError> {
        people_records::profile(self.moment(), user)
    }

    /// Replaces what somebody says about themselves.
    pub fn put_profile(&mut self, user: UserId, profile: &ProfileRecord) -> Result<(), StateError> {
        for word in self.profile(user)?.words {
            self.change.remove(&keys::profile_by_word(&word, user));
        }
        for word in &profile.words {
            self.change.put(&keys::profile_by_word(word, user), &[]);
        }
        self.change.put(&keys::of_user(Table::Profiles, user), &encode(profile));
        Ok(())
    }

    /// How much there is of a person.
    pub fn person_counts(&self, user: UserId) -> Result<StoredCounts, StateError> {
        people_records::counts(self.moment(), user)
    }

    /// Changes how much there is of a person.
    pub(super) fn count(
        &mut self,
        user: UserId,
        count: impl FnOnce(&mut StoredCounts),
    ) -> Result<(), StateError> {
        let key = keys::of_user(Table::PersonCounts, user);
        let mut counts = self.person_counts(user)?;
        count(&mut counts);
        if counts == StoredCounts::default() {
            self.change.remove(&key);
        } else {
            self.change.put(&key, &index_row(&counts));
        }
        Ok(())
    }

    /// Adds a notification, whose position is higher than all before, and forgets the oldest if there are too
    /// many.
    pub fn put_notification(
        &mut self,
        user: UserId,
        position: PostId,
        notification: &NotificationRecord,
    ) -> Result<(), StateError> {
        self.change.add(&keys::notification(user, position), &encode(notification));
        let mut state = people_records::notification_state(self.moment(), user)?;
        state.kept = state.kept.saturating_add(1);
        if state.kept > MOST_NOTIFICATIONS {
            // What was removed below the oldest is passed over: until the next flush, it is still in the way.
            let range = keys::notifications_between(user, state.oldest, PostId::MAX);
            let oldest = self.moment().scan(range).next().transpose()?;
            if let Some((key, _)) = oldest {
                let mut key = keys::Parts::of(&key);
                let (_user, position) = (key.user()?, key.post()?);
                self.change.remove(&keys::notification(user, position));
                state.oldest = position;
                state.kept -= 1;
            }
        }
        self.put_notification_state(user, &state);
        Ok(())
    }

    /// Removes a notification; false if there is none.
    pub fn remove_notification(
        &mut self,
        user: UserId,
        position: PostId,
    ) -> Result<bool, StateError> {
        let key = keys::notification(user, position);
        if self.moment().get(&key)?.is_none() {
            return Ok(false);
        }
        self.change.remove(&key);
        let mut state = people_records::notification_state(self.moment(), user)?;
        state.kept = state.kept.saturating_sub(1);
        self.put_notification_state(user, &state);
        Ok(true)
    }

    /// Removes all notifications of a user.
    pub fn clear_notifications(&mut self, user: UserId) -> Result<(), StateError> {
        let mut state = people_records::notification_state(self.moment(), user)?;
        let range = keys::notifications_between(user, state.oldest, PostId::MAX);
        let positions = self.moment().scan(range).map(|row| {
            let (key, _) = row?;
            let mut key = keys::Parts::of(&key);
            let (_user, position) = (key.user()?, key.post()?);
            Ok(position)
        });
        for position in positions.collect::<Result<Vec<PostId>, StateError>>()? {
            self.change.remove(&keys::notification(user, position));
            state.oldest = position;
        }
        state.kept = 0;
        self.put_notification_state(user, &state);
        Ok(())
    }

    /// Notes up to where a user has read their notifications.
    pub fn read_notifications(&mut self, user: UserId, up_to: PostId) -> Result<(), StateError> {
        let mut state = people_records::notification_state(self.moment(), user)?;
        state.read_up_to = state.read_up_to.max(up_to);
        self.put_notification_state(user, &state);
        Ok(())
    }

    fn put_notification_state(&mut self, user: UserId, state: &NotificationState) {
        self.change.put(&keys::of_user(Table::NotificationStates, user), &encode(state));
    }
}
