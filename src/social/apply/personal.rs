//! What people keep for themselves.

use std::collections::BTreeMap;

use super::{Graph, Outcome};
use crate::{
    domain::{
        FilteredPost, Hashtag, Keyword, KeywordChange, ListSettings, Marker, PersonalChange,
        PersonalId, PostId, UnixMillis, UserId, UserName, WordFilter,
        personal::{MOST_AT_A_TIME, MOST_HASHTAGS, MOST_LISTS, MOST_MEMBERS},
        word_filter::{MOST_FILTERED_POSTS, MOST_FILTERS, MOST_KEYWORDS},
    },
    social::{
        CommandRefusal, Event, Reply,
        store::{ListRecord, MembershipRecord, PersonalRecord, StateError, UserRecord},
    },
};

/// What somebody is about to keep, or why not.
type Decided<T> = Result<Result<T, CommandRefusal>, StateError>;

impl Graph<'_> {
    pub(super) fn change_personal(
        &mut self,
        at: UnixMillis,
        user: UserId,
        record: &UserRecord,
        change: PersonalChange,
    ) -> Result<Outcome, StateError> {
        match change {
            PersonalChange::CreateList(settings) => self.create_list(user, settings),
            PersonalChange::ChangeList(list, settings) => self.change_list(user, list, settings),
            PersonalChange::DeleteList(list) => self.delete_list(user, list),
            PersonalChange::SetMembers { list, people, present } => {
                self.set_members(user, record, list, (&people, present))
            }
            PersonalChange::FollowHashtag { hashtag, set } => {
                self.follow_hashtag(user, &hashtag, set)
            }
            PersonalChange::ReadHomeUpTo(read_up_to) => {
                let read_up_to = read_up_to.min(self.meta.newest_post);
                self.keep(user, |kept| {
                    let version = kept.home.version.saturating_add(1);
                    kept.home = Marker { read_up_to, version, at };
                })?;
                Ok(Ok(Reply::Done))
            }
            PersonalChange::SetPreferences(preferences) => {
                self.keep(user, |kept| kept.preferences = preferences)?;
                Ok(Ok(Reply::Done))
            }
            PersonalChange::CreateFilter { settings, keywords } => {
                if self.tables.filters(user)?.len() >= MOST_FILTERS {
                    return Ok(Err(CommandRefusal::KeepsTooMany));
                }
                let mut kept = self.tables.personal(user)?;
                let id = next_number(&mut kept);
                let keywords = keywords.into_iter().map(KeywordChange::Add).collect();
                let (none, posts) = (Vec::new(), Vec::new());
                let filter = WordFilter { id, settings, keywords: none, posts };
                self.put_filter(user, filter, keywords, (kept, id))
            }
            PersonalChange::ChangeFilter { filter, settings, keywords } => {
                let Some(mut filter) = self.filter(user, filter)? else {
                    return Ok(Err(CommandRefusal::NoSuchFilter));
                };
                filter.settings = settings.unwrap_or(filter.settings);
                let last = (self.tables.personal(user)?, filter.id);
                self.put_filter(user, filter, keywords, last)
            }
            PersonalChange::DeleteFilter(filter) => {
                if self.filter(user, filter)?.is_none() {
                    return Ok(Err(CommandRefusal::NoSuchFilter));
                }
                self.tables.remove_filter(user, filter);
                Ok(Ok(Reply::Done))
            }
            PersonalChange::FilterPost { filter, post } => self.filter_post(user, filter, post),
            PersonalChange::UnfilterPost { filter, entry } => {
                self.unfilter_post(user, filter, entry)
            }
        }
    }

    /// Notes that it was said how far somebody has read their notifications.
    pub(super) fn notifications_were_read(
        &mut self,
        at: UnixMillis,
        user: UserId,
    ) -> Result<(), StateError> {
        self.keep(user, |kept| {
            let (version, _) = kept.notifications_read;
            kept.notifications_read = (version.saturating_add(1), at);
        })
    }

    /// Takes somebody out of the lists of whoever no longer follows them.
    pub(super) fn leave_lists(&mut self, user: UserId, folded: &str) -> Result<(), StateError> {
        let Some(membership) = self.tables.membership(user, folded)? else { return Ok(()) };
        for list in &membership.lists {
            if let Some(mut record) = self.tables.list(user, *list)? {
                record.members = record.members.saturating_sub(1);
                self.tables.put_list(user, *list, &record);
            }
        }
        let nowhere = MembershipRecord { lists: [].into(), ..membership };
        self.tables.put_membership(user, folded, &nowhere);
        Ok(())
    }

    fn create_list(&mut self, user: UserId, settings: ListSettings) -> Result<Outcome, StateError> {
        if self.tables.lists(user)?.len() >= MOST_LISTS {
            return Ok(Err(CommandRefusal::KeepsTooMany));
        }
        let mut kept = self.tables.personal(user)?;
        let list = next_number(&mut kept);
        self.tables.put_personal(user, &kept);
        self.tables.put_list(user, list, &ListRecord { settings, members: 0 });
        Ok(Ok(Reply::Numbered(list.get())))
    }

    fn change_list(
        &mut self,
        user: UserId,
        list: PersonalId,
        settings: ListSettings,
    ) -> Result<Outcome, StateError> {
        let Some(before) = self.tables.list(user, list)? else {
            return Ok(Err(CommandRefusal::NoSuchList));
        };
        let shows = |settings: &ListSettings| (settings.replies, settings.exclusive);
        if shows(&before.settings) != shows(&settings) {
            self.events.push(Event::Rearranged { user });
        }
        self.tables.put_list(user, list, &ListRecord { settings, ..before });
        Ok(Ok(Reply::Done))
    }

    fn delete_list(&mut self, user: UserId, list: PersonalId) -> Result<Outcome, StateError> {
        if self.tables.list(user, list)?.is_none() {
            return Ok(Err(CommandRefusal::NoSuchList));
        }
        self.tables.remove_list(user, list)?;
        self.events.push(Event::Rearranged { user });
        Ok(Ok(Reply::Done))
    }

    fn set_members(
        &mut self,
        user: UserId,
        record: &UserRecord,
        list: PersonalId,
        (people, present): (&[UserName], bool),
    ) -> Result<Outcome, StateError> {
        let Some(mut changed) = self.tables.list(user, list)? else {
            return Ok(Err(CommandRefusal::NoSuchList));
        };
        if people.len() > MOST_AT_A_TIME {
            return Ok(Err(CommandRefusal::KeepsTooMany));
        }
        let mut memberships = BTreeMap::new();
        for name in people {
            let (folded, membership) = match self.membership(user, record, name, present)? {
                Ok(found) => found,
                Err(refusal) => return Ok(Err(refusal)),
            };
            memberships.insert(folded, membership);
        }
        memberships.retain(|_, membership| {
            if present { membership.lists.insert(list) } else { membership.lists.remove(&list) }
        });
        let count = u32::try_from(memberships.len()).unwrap_or(u32::MAX);
        changed.members = if present {
            changed.members.saturating_add(count)
        } else {
            changed.members.saturating_sub(count)
        };
        if present && changed.members > MOST_MEMBERS {
            return Ok(Err(CommandRefusal::KeepsTooMany));
        }
        if memberships.is_empty() {
            return Ok(Ok(Reply::Done));
        }
        for (folded, membership) in memberships {
            self.tables.put_membership(user, &folded, &membership);
        }
        self.tables.put_list(user, list, &changed);
        self.events.push(Event::Rearranged { user });
        Ok(Ok(Reply::Done))
    }

    /// In which lists somebody is, who has to be followed if they are to be in another.
    fn membership(
        &self,
        user: UserId,
        record: &UserRecord,
        name: &UserName,
        present: bool,
    ) -> Decided<(String, MembershipRecord)> {
        let edge = match self.edge(user, record, name)? {
            Ok(edge) => edge,
            // Nobody is in a list of their own.
            Err(CommandRefusal::Oneself) => return Ok(Err(CommandRefusal::NotFollowing)),
            Err(refusal) => return Ok(Err(refusal)),
        };
        if present && !self.tables.has_follow(&edge)? {
            return Ok(Err(CommandRefusal::NotFollowing));
        }
        let membership = self.tables.membership(user, &edge.followee_name)?;
        let nowhere = || MembershipRecord { member: edge.followee, lists: [].into() };
        Ok(Ok((edge.followee_name, membership.unwrap_or_else(nowhere))))
    }

    fn follow_hashtag(
        &mut self,
        user: UserId,
        hashtag: &Hashtag,
        set: bool,
    ) -> Result<Outcome, StateError> {
        let followed = self.tables.followed_hashtags(user)?;
        if followed.contains(hashtag) == set {
            return Ok(Ok(Reply::Done));
        }
        if set && followed.len() >= MOST_HASHTAGS {
            return Ok(Err(CommandRefusal::KeepsTooMany));
        }
        self.tables.set_followed_hashtag(user, hashtag, set);
        self.events.push(Event::Rearranged { user });
        Ok(Ok(Reply::Done))
    }

    fn filter(&self, user: UserId, filter: PersonalId) -> Result<Option<WordFilter>, StateError> {
        Ok(self.tables.filters(user)?.into_iter().find(|other| other.id == filter))
    }

    /// Keeps a filter, whose keywords change; `kept` and `last` are with the last number that was given for it.
    fn put_filter(
        &mut self,
        user: UserId,
        mut filter: WordFilter,
        changes: Vec<KeywordChange>,
        (mut kept, mut last): (PersonalRecord, PersonalId),
    ) -> Result<Outcome, StateError> {
        let others = self.tables.filters(user)?.into_iter().filter(|other| other.id != filter.id);
        let others: usize = others.map(|other| other.keywords.len()).sum();
        for change in changes {
            let at = |id| filter.keywords.iter().position(|keyword| keyword.id == id);
            match change {
                KeywordChange::Add(_) if others + filter.keywords.len() >= MOST_KEYWORDS => {
                    return Ok(Err(CommandRefusal::KeepsTooMany));
                }
                KeywordChange::Add(keyword) => {
                    last = next_number(&mut kept);
                    filter.keywords.push(Keyword { id: last, keyword });
                }
                KeywordChange::Replace(id, keyword) => {
                    let Some(at) = at(id) else {
                        return Ok(Err(CommandRefusal::NoSuchKeyword));
                    };
                    filter.keywords[at].keyword = keyword;
                }
                KeywordChange::Remove(id) => {
                    let Some(at) = at(id) else {
                        return Ok(Err(CommandRefusal::NoSuchKeyword));
                    };
                    filter.keywords.remove(at);
                }
            }
        }
        self.tables.put_personal(user, &kept);
        self.tables.put_filter(user, filter);
        Ok(Ok(Reply::Numbered(last.get())))
    }

    fn filter_post(
        &mut self,
        user: UserId,
        filter: PersonalId,
        post: PostId,
    ) -> Result<Outcome, StateError> {
        let filters = self.tables.filters(user)?;
        let posts: usize = filters.iter().map(|filter| filter.posts.len()).sum();
        let Some(mut filter) = filters.into_iter().find(|other| other.id == filter) else {
            return Ok(Err(CommandRefusal::NoSuchFilter));
        };
        if let Some(there) = filter.posts.iter().find(|there| there.post == post) {
            return Ok(Ok(Reply::Numbered(there.id.get())));
        }
        if posts >= MOST_FILTERED_POSTS {
            return Ok(Err(CommandRefusal::KeepsTooMany));
        }
        if !self.is_visible(user, post)? {
            return Ok(Err(CommandRefusal::NoSuchPost));
        }
        let mut kept = self.tables.personal(user)?;
        let id = next_number(&mut kept);
        self.tables.put_personal(user, &kept);
        filter.posts.push(FilteredPost { id, post });
        self.tables.put_filter(user, filter);
        Ok(Ok(Reply::Numbered(id.get())))
    }

    fn unfilter_post(
        &mut self,
        user: UserId,
        filter: PersonalId,
        entry: PersonalId,
    ) -> Result<Outcome, StateError> {
        let Some(mut filter) = self.filter(user, filter)? else {
            return Ok(Err(CommandRefusal::NoSuchFilter));
        };
        let before = filter.posts.len();
        filter.posts.retain(|there| there.id != entry);
        if filter.posts.len() == before {
            return Ok(Err(CommandRefusal::NoSuchPost));
        }
        self.tables.put_filter(user, filter);
        Ok(Ok(Reply::Done))
    }

    fn keep(
        &mut self,
        user: UserId,
        change: impl FnOnce(&mut PersonalRecord),
    ) -> Result<(), StateError> {
        let mut kept = self.tables.personal(user)?;
        change(&mut kept);
        self.tables.put_personal(user, &kept);
        Ok(())
    }
}

fn next_number(kept: &mut PersonalRecord) -> PersonalId {
    kept.newest = kept.newest.saturating_add(1);
    PersonalId::new(kept.newest)
}
