//! Questions about what people keep for themselves.

use super::{
    StateError, View,
    acquaintance::Known,
    keys::{self, Personal},
    merge::Step,
    personal_records::{self, MembershipRecord, PersonalRecord},
    post_view::FeedKind,
    records::{decode, known_user, number},
};
use crate::{
    domain::{
        Hashtag, ListSettings, Markers, PeopleList, PersonalId, Preferences, UserId, UserName,
        WordFilter,
    },
    social::{Relations as _, Source},
};

/// Rows that one step reads at most.
const STEP: usize = 256;

/// The people in a list, read in steps. All steps must be given the same view.
pub struct MembersRead {
    user: UserId,
    list: PersonalId,
    /// The folded name of the last that was looked at.
    after: Option<String>,
    found: Vec<UserName>,
}

impl View {
    /// All lists of somebody, in the order in which they were made.
    pub fn lists(&self, user: UserId) -> Result<Vec<PeopleList>, StateError> {
        personal_records::lists(self.moment(), user)
    }

    /// What is said of a list of somebody, if there is one.
    pub fn list(&self, user: UserId, list: PersonalId) -> Result<Option<ListSettings>, StateError> {
        Ok(personal_records::list(self.moment(), user, list)?.map(|record| record.settings))
    }

    /// The lists of somebody in which another is.
    pub fn lists_with(&self, user: UserId, other: UserId) -> Result<Vec<PeopleList>, StateError> {
        let name = known_user(self.moment(), other)?.name.folded();
        let membership = personal_records::membership(self.moment(), user, &name)?;
        let lists = membership.map(|membership| membership.lists).unwrap_or_default();
        let mut all = self.lists(user)?;
        all.retain(|list| lists.contains(&list.id));
        Ok(all)
    }

    /// The people in a list, to be read in steps.
    pub fn members(&self, user: UserId, list: PersonalId) -> MembersRead {
        MembersRead { user, list, after: None, found: Vec::new() }
    }

    /// Reads on; when all are read, their names, sorted.
    pub fn read_members(&self, read: &mut MembersRead) -> Result<Step<Vec<UserName>>, StateError> {
        let of = Personal::Membership;
        let range = keys::personal_after(read.user, of, read.after.as_deref());
        let mut rows = 0;
        for row in self.moment().scan(range).take(STEP) {
            let (key, row) = row?;
            rows += 1;
            read.after = Some(personal_records::named(&key)?.to_owned());
            let MembershipRecord { member, lists } = decode(&row)?;
            if lists.contains(&read.list) && !self.is_out_of_sight(member)? {
                read.found.push(known_user(self.moment(), member)?.name);
            }
        }
        let done = (rows < STEP).then(|| std::mem::take(&mut read.found));
        Ok(Step { done, rows })
    }

    /// The hashtags that somebody follows, sorted.
    pub fn followed_hashtags(&self, user: UserId) -> Result<Vec<Hashtag>, StateError> {
        personal_records::hashtags(self.moment(), user)
    }

    /// Whether somebody follows a hashtag.
    pub fn follows_hashtag(&self, user: UserId, hashtag: &Hashtag) -> Result<bool, StateError> {
        personal_records::follows_hashtag(self.moment(), user, hashtag)
    }

    /// How many posts for everybody have a hashtag.
    pub fn posts_with(&self, hashtag: &Hashtag) -> Result<u64, StateError> {
        let row = self.moment().get(&keys::hashtag(hashtag))?;
        row.map_or(Ok(0), |row| number(&row))
    }

    /// How far somebody has read.
    pub fn markers(&self, user: UserId) -> Result<Markers, StateError> {
        personal_records::markers(self.moment(), user)
    }

    /// What somebody prefers.
    pub fn preferences(&self, user: UserId) -> Result<Preferences, StateError> {
        let PersonalRecord { preferences, .. } = personal_records::personal(self.moment(), user)?;
        Ok(preferences)
    }

    /// All filters of somebody, in the order in which they were made.
    pub fn filters(&self, user: UserId) -> Result<Vec<WordFilter>, StateError> {
        personal_records::filters(self.moment(), user)
    }

    /// Of some whom a user follows, those whose posts belong to a feed of theirs, and the others.
    pub fn heard(
        &self,
        user: UserId,
        kind: &FeedKind,
        sources: Vec<Source>,
    ) -> Result<(Vec<Source>, Vec<UserId>), StateError> {
        let mut known = Known::default();
        let mut people = self.acquaintance(&mut known);
        let (mut heard, mut others) = (Vec::new(), Vec::new());
        for source in sources {
            let is_heard = match kind {
                FeedKind::Home => !people.keeps_from_home(user, source.author)?,
                FeedKind::List(list, _) => people.has_in_list(user, *list, source.author)?,
                FeedKind::Local | FeedKind::Hashtag(_) | FeedKind::Direct => false,
            };
            if is_heard {
                heard.push(source);
            } else {
                others.push(source.author);
            }
        }
        Ok((heard, others))
    }
}
