//! What people keep for themselves: that it was numbered and counted right, and that whoever is in a list is
//! followed.

use std::collections::BTreeSet;

use super::{Audit, agree, contradiction};
use crate::{
    domain::{PersonalId, UserId},
    social::{
        StateError,
        store::{
            keys::{self, Parts, Personal, Table},
            personal_records::{self, FilterRecord, ListRecord, MembershipRecord, PersonalRecord},
            records::{decode, known_user},
        },
    },
};

impl Audit<'_> {
    pub(super) fn personal(&self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let user = key.user()?;
        known_user(self.moment, user)?;
        let of = Personal::of(key.byte()?).ok_or_else(|| contradiction("it is of no kind"))?;
        match of {
            Personal::Once => {
                let PersonalRecord { home, .. } = decode(value)?;
                key.end()?;
                let is_there = home.read_up_to <= self.meta.newest_post;
                agree(is_there, || "what was read is not there yet".to_owned())
            }
            Personal::List => {
                let list = PersonalId::new(key.number()?);
                key.end()?;
                let ListRecord { members, .. } = decode(value)?;
                self.was_given(user, [list])?;
                self.compare_members(user, list, members)
            }
            Personal::Membership => {
                let name = key.text()?;
                let MembershipRecord { member, lists } = decode(value)?;
                let member_name = known_user(self.moment, member)?.name.folded();
                agree(member_name == name, || format!("user {} is called otherwise", member.0))?;
                let edge = self.moment.get(&keys::edge(Table::Following, user, name))?;
                agree(edge.is_some(), || format!("user {} is not followed", member.0))?;
                agree(!lists.is_empty(), || "it is in no list".to_owned())?;
                for list in lists {
                    let is_there = personal_records::list(self.moment, user, list)?.is_some();
                    agree(is_there, || format!("there is no list {list}"))?;
                }
                Ok(())
            }
            Personal::Hashtag => {
                let hashtag = key.text()?;
                agree(!hashtag.is_empty() && value.is_empty(), || "it is no hashtag".to_owned())
            }
            Personal::Filter => {
                let filter = PersonalId::new(key.number()?);
                key.end()?;
                let FilterRecord { keywords, posts, .. } = decode(value)?;
                let keywords = keywords.iter().map(|keyword| keyword.id);
                let ids = keywords.chain(posts.iter().map(|post| post.id)).chain([filter]);
                self.was_given(user, ids)
            }
        }
    }

    /// Whether each of these numbers was given, and once only.
    fn was_given(
        &self,
        user: UserId,
        numbers: impl IntoIterator<Item = PersonalId>,
    ) -> Result<(), StateError> {
        let newest = personal_records::personal(self.moment, user)?.newest;
        let mut seen = BTreeSet::new();
        for number in numbers {
            let is_given = (1..=newest).contains(&number.get()) && seen.insert(number);
            agree(is_given, || format!("the number {number} was not given, or twice"))?;
        }
        Ok(())
    }

    fn compare_members(
        &self,
        user: UserId,
        list: PersonalId,
        counted: u32,
    ) -> Result<(), StateError> {
        let mut there = 0;
        for row in self.moment.scan(keys::all_personal(user, Personal::Membership)) {
            let (_, row) = row?;
            // One that is damaged is told of itself.
            if let Ok(MembershipRecord { lists, .. }) = decode(&row) {
                there += u32::from(lists.contains(&list));
            }
        }
        agree(counted == there, || format!("{counted} people were counted, and there are {there}"))
    }
}
