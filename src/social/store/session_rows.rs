//! Sessions: rows, as they are read and written.

use super::{
    StateError, View,
    keys::{self, Key, Parts, Table},
    moment::Moment,
    records::{Record, decode, encode},
    writing::Tables,
};
use crate::{domain::UserId, envelope::Kind, social::sessions::SessionRecord};

impl Record for SessionRecord {
    const KIND: Kind = Kind::SessionRecord;
}

fn session(
    moment: &Moment,
    user: UserId,
    number: u64,
) -> Result<Option<SessionRecord>, StateError> {
    moment.get(&keys::session(user, number))?.map(|row| decode(&row)).transpose()
}

fn sessions(moment: &Moment, user: UserId) -> Result<Vec<(u64, SessionRecord)>, StateError> {
    let sessions = moment.scan(keys::sessions(user)).map(|row| {
        let (key, row) = row?;
        let mut key = Parts::of(&key);
        let (_user, number) = (key.user()?, key.number()?);
        Ok((number, decode(&row)?))
    });
    sessions.collect()
}

impl View {
    /// A session of an account, unless it has ended.
    pub fn session(&self, user: UserId, number: u64) -> Result<Option<SessionRecord>, StateError> {
        session(self.moment(), user, number)
    }

    /// The sessions of an account that have not ended, the oldest first, each with its number.
    pub fn sessions(&self, user: UserId) -> Result<Vec<(u64, SessionRecord)>, StateError> {
        sessions(self.moment(), user)
    }
}

impl Tables<'_> {
    /// A session of an account, unless it has ended.
    pub fn session(&self, user: UserId, number: u64) -> Result<Option<SessionRecord>, StateError> {
        session(self.moment(), user, number)
    }

    /// The sessions of an account that have not ended, the oldest first, each with its number.
    pub fn sessions(&self, user: UserId) -> Result<Vec<(u64, SessionRecord)>, StateError> {
        sessions(self.moment(), user)
    }

    /// Adds a session.
    pub fn put_session(&mut self, user: UserId, number: u64, session: &SessionRecord) {
        self.change.put(&keys::session(user, number), &encode(session));
    }

    /// Ends all sessions of everybody.
    pub fn remove_all_sessions(&mut self) -> Result<(), StateError> {
        for row in self.moment().scan(keys::all(Table::Sessions)) {
            self.change.remove(&Key::of_stored(&row?.0));
        }
        Ok(())
    }

    /// Ends a session that is there.
    pub fn remove_session(&mut self, user: UserId, number: u64) {
        self.change.remove(&keys::session(user, number));
    }
}
