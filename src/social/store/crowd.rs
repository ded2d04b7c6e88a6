//! Pages of people who have something in common, as far as a reader may find them; read in steps.

use super::{
    NameCursor, Page, StateError, View,
    acquaintance::{Acquaintance, Known},
    keys::{self, Parts, Table},
    merge::Step,
    records::{FollowRecord, decode, known_user, number},
    view::folded,
};
use crate::{
    domain::{Mark, PostId, UserId, UserName},
    social::{
        Relations as _,
        visibility::{is_blocked, is_hidden},
    },
};

/// Rows that one step reads at most.
const STEP: usize = 64;
/// So many people are looked at for a page, which then ends, also if the reader may find none of them.
const LOOKED_AT: usize = 1_000;

/// What people have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowd {
    /// Somebody follows them; sorted by name.
    FollowedBy(UserId),
    /// They follow somebody; sorted by name.
    Following(UserId),
    /// They like a post; in the order of their numbers.
    Liking(PostId),
    /// They have boosted a post; in the order of their numbers.
    Boosting(PostId),
}

/// A page of a crowd, read in steps. All steps must be given the same view.
pub struct CrowdRead {
    reader: UserId,
    crowd: Crowd,
    /// The last who was looked at.
    after: Option<NameCursor>,
    limit: usize,
    found: Vec<UserName>,
    /// How many may still be looked at.
    left: usize,
    known: Known,
}

impl View {
    /// A page of a crowd after a cursor. Left out is whoever has blocked the reader, or the other way round, and
    /// whoever is hidden from them. A page may have fewer than are wanted, and still not be the last.
    pub fn crowd(
        &self,
        reader: UserId,
        crowd: Crowd,
        after: Option<NameCursor>,
        limit: usize,
    ) -> CrowdRead {
        let (limit, found, known) = (limit.max(1), Vec::new(), Known::default());
        CrowdRead { reader, crowd, after, limit, found, left: LOOKED_AT, known }
    }

    /// Reads on; when all of the page is read, the page.
    pub fn read_crowd(&self, read: &mut CrowdRead) -> Result<Step<Page>, StateError> {
        let CrowdRead { reader, crowd, after, limit, found, left, known } = read;
        let mut people = Acquaintance::new(self.moment(), known, self.now());
        if let Crowd::FollowedBy(whose) | Crowd::Following(whose) = *crowd
            && whose != *reader
            && people.blocks(whose, *reader)?
        {
            // Nothing is said of them but their name.
            return Ok(Step { done: Some(Page::default()), rows: 1 });
        }
        let mut rows = 0;
        for row in self.moment().scan(crowd.after(after.as_ref())).take(STEP) {
            if found.len() >= *limit || *left == 0 {
                let page = Page { names: std::mem::take(found), next: after.take() };
                return Ok(Step { done: Some(page), rows });
            }
            let (key, row) = row?;
            rows += 1;
            *left -= 1;
            let user = crowd.person(&key, &row)?;
            *after = Some(crowd.place(&key, user)?);
            if !is_blocked(*reader, user, &mut people)?
                && !is_hidden(Some(*reader), user, &mut people)?
            {
                found.push(known_user(self.moment(), user)?.name);
            }
        }
        let done = (rows < STEP).then(|| Page { names: std::mem::take(found), next: None });
        Ok(Step { done, rows })
    }
}

impl Crowd {
    /// The rows after a place. One of somebody's own making among numbers is behind everybody.
    fn after(self, place: Option<&NameCursor>) -> keys::KeyRange {
        let number = || {
            let after = folded(place).map(|place| place.parse().unwrap_or(u64::MAX));
            UserId(after.unwrap_or_default())
        };
        match self {
            Self::FollowedBy(user) => keys::edges_after(Table::Following, user, folded(place)),
            Self::Following(user) => keys::edges_after(Table::Followers, user, folded(place)),
            Self::Liking(post) => keys::marks_by_post_after(post, Mark::Like, number()),
            Self::Boosting(post) => keys::boosts_by_post_after(post, number()),
        }
    }

    /// Who is in a row.
    fn person(self, key: &[u8], row: &[u8]) -> Result<UserId, StateError> {
        match self {
            Self::FollowedBy(_) => Ok(decode::<FollowRecord>(row)?.followee),
            Self::Following(_) => number(row).map(UserId),
            Self::Liking(_) | Self::Boosting(_) => keys::last_user(key),
        }
    }

    /// Where a row is.
    fn place(self, key: &[u8], person: UserId) -> Result<NameCursor, StateError> {
        Ok(NameCursor::from_token(match self {
            Self::FollowedBy(_) | Self::Following(_) => {
                let mut key = Parts::of(key);
                let _whose = key.user()?;
                key.text()?.to_owned()
            }
            Self::Liking(_) | Self::Boosting(_) => person.0.to_string(),
        }))
    }
}
