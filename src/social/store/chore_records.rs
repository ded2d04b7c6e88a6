//! The rows of work that goes on, and of the names of people who are gone.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    StateError, View,
    keys::{self, Key, Parts, Table},
    moment::Moment,
    records::{Record, decode, encode},
    writing::Tables,
};
use crate::{
    domain::{PostId, UnixMillis, UserName},
    envelope::Kind,
    social::Chore,
};

impl Record for Chore {
    const KIND: Kind = Kind::Chore;
}

/// Until when a name is nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservedNameRecord {
    pub until: UnixMillis,
}

impl Record for ReservedNameRecord {
    const KIND: Kind = Kind::ReservedName;
}

/// Of a hash of the name, so many bytes are its key.
const HASH_BYTES: usize = 16;

/// The key of a name: not the name itself, which is to be gone with its owner.
fn reserved(name: &UserName) -> Key {
    let hash: [u8; 32] = Sha256::digest(name.folded()).into();
    keys::reserved_name(&hash[..HASH_BYTES])
}

/// Whether a key is that of a name.
pub(super) fn is_reserved_name(key: Parts<'_>) -> bool {
    key.bytes().len() == HASH_BYTES
}

fn chore(moment: &Moment, began: PostId) -> Result<Option<Chore>, StateError> {
    moment.get(&keys::of_post(Table::Chores, began))?.map(|row| decode(&row)).transpose()
}

impl Tables<'_> {
    /// Work that began at a position, if anything is left of it.
    pub fn chore(&self, began: PostId) -> Result<Option<Chore>, StateError> {
        chore(self.moment(), began)
    }

    /// Notes what is left of some work; none if nothing is.
    pub fn put_chore(&mut self, began: PostId, left: Option<&Chore>) {
        let key = keys::of_post(Table::Chores, began);
        match left {
            Some(chore) => self.change.put(&key, &encode(chore)),
            None => self.change.remove(&key),
        }
    }

    /// Until when a name is nobody's, if it was somebody's who is gone.
    pub fn reserved_until(&self, name: &UserName) -> Result<Option<UnixMillis>, StateError> {
        let row = self.moment().get(&reserved(name))?;
        let record = row.map(|row| decode::<ReservedNameRecord>(&row)).transpose()?;
        Ok(record.map(|record| record.until))
    }

    /// Nobody gets a name until then; none if anybody may.
    pub fn reserve_name(&mut self, name: &UserName, until: Option<UnixMillis>) {
        match until {
            Some(until) => self.change.put(&reserved(name), &encode(&ReservedNameRecord { until })),
            None => self.change.remove(&reserved(name)),
        }
    }
}

impl View {
    /// Where the work began of which something is left, some of it.
    pub fn chores(&self, limit: usize) -> Result<Vec<PostId>, StateError> {
        let rows = self.moment().scan(keys::all(Table::Chores)).take(limit);
        rows.map(|row| Parts::of(&row?.0).post()).collect()
    }
}
