//! The rows of what people keep for themselves, for writing. Which of them happens is decided by
//! [`apply`](crate::social::apply).

use super::{
    StateError,
    keys::{self, Personal},
    personal_records::{self, FilterRecord, ListRecord, MembershipRecord, PersonalRecord},
    records::encode,
    writing::Tables,
};
use crate::domain::{Hashtag, PeopleList, PersonalId, UserId, WordFilter};

impl Tables<'_> {
    /// What somebody has of each but once.
    pub fn personal(&self, user: UserId) -> Result<PersonalRecord, StateError> {
        personal_records::personal(self.moment(), user)
    }

    /// Replaces that.
    pub fn put_personal(&mut self, user: UserId, record: &PersonalRecord) {
        self.change.put(&keys::personal(user, Personal::Once), &encode(record));
    }

    /// A list of somebody.
    pub fn list(&self, user: UserId, list: PersonalId) -> Result<Option<ListRecord>, StateError> {
        personal_records::list(self.moment(), user, list)
    }

    /// All lists of somebody.
    pub fn lists(&self, user: UserId) -> Result<Vec<PeopleList>, StateError> {
        personal_records::lists(self.moment(), user)
    }

    /// Adds or replaces a list.
    pub fn put_list(&mut self, user: UserId, list: PersonalId, record: &ListRecord) {
        let key = keys::numbered_personal(user, Personal::List, list);
        self.change.put(&key, &encode(record));
    }

    /// Removes a list, with everybody's membership in it.
    pub fn remove_list(&mut self, user: UserId, list: PersonalId) -> Result<(), StateError> {
        let mut left = Vec::new();
        for row in self.moment().scan(keys::all_personal(user, Personal::Membership)) {
            let (key, row) = row?;
            let mut record: MembershipRecord = super::decode(&row)?;
            if record.lists.remove(&list) {
                left.push((personal_records::named(&key)?.to_owned(), record));
            }
        }
        for (folded, record) in left {
            self.put_membership(user, &folded, &record);
        }
        self.change.remove(&keys::numbered_personal(user, Personal::List, list));
        Ok(())
    }

    /// In which of somebody's lists another is, by their folded name.
    pub fn membership(
        &self,
        user: UserId,
        folded: &str,
    ) -> Result<Option<MembershipRecord>, StateError> {
        personal_records::membership(self.moment(), user, folded)
    }

    /// Replaces that.
    pub fn put_membership(&mut self, user: UserId, folded: &str, record: &MembershipRecord) {
        let key = keys::named_personal(user, Personal::Membership, folded);
        if record.lists.is_empty() {
            self.change.remove(&key);
        } else {
            self.change.put(&key, &encode(record));
        }
    }

    /// The hashtags that somebody follows.
    pub fn followed_hashtags(&self, user: UserId) -> Result<Vec<Hashtag>, StateError> {
        personal_records::hashtags(self.moment(), user)
    }

    /// Follows a hashtag, or does not any more.
    pub fn set_followed_hashtag(&mut self, user: UserId, hashtag: &Hashtag, is_set: bool) {
        let key = keys::named_personal(user, Personal::Hashtag, hashtag.as_str());
        if is_set {
            self.change.put(&key, &[]);
        } else {
            self.change.remove(&key);
        }
    }

    /// All filters of somebody.
    pub fn filters(&self, user: UserId) -> Result<Vec<WordFilter>, StateError> {
        personal_records::filters(self.moment(), user)
    }

    /// Adds or replaces a filter.
    pub fn put_filter(&mut self, user: UserId, filter: WordFilter) {
        let WordFilter { id, settings, keywords, posts } = filter;
        let key = keys::numbered_personal(user, Personal::Filter, id);
        self.change.put(&key, &encode(&FilterRecord { settings, keywords, posts }));
    }

    /// Removes a filter.
    pub fn remove_filter(&mut self, user: UserId, filter: PersonalId) {
        self.change.remove(&keys::numbered_personal(user, Personal::Filter, filter));
    }
}
