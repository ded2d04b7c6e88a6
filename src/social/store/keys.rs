//! Where each row is. All tables share one ordered sequence of keys: a byte that names the table,
//! and then the parts of the row's own key, each in an order that its bytes keep.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | facts | name | sealed bytes, of which the log knows the meaning |
//! | meta | | [`Meta`](super::records::Meta) |
//! | users | user | [`UserRecord`](super::records::UserRecord) |
//! | names | folded name | user |
//! | following | follower, folded name of the followee | [`FollowRecord`](super::records::FollowRecord) |
//! | followers | followee, folded name of the follower | follower |
//! | posts | author, post | [`PostRecord`](super::records::PostRecord) |
//! | series | user, series of requests | [`Series`](super::Series) |
//! | series by age | at most the age of its oldest reply, user, series | |
//! | replies | user, series, number | [`StoredReply`](super::StoredReply) |
//! | replies kept | user | how many replies are kept; no row means none |
//! | certification | | [`Certification`](crate::domain::Certification) |
//!
//! Users, follows, posts, series and replies are the state; names, followers, series by age and
//! replies kept are indexes of it. Follows are sorted by name, so that a page of names in order
//! costs no more than the page; posts by author, so that a page of them lies together.

use std::ops::Bound;

use super::StateError;
use crate::domain::{PostId, UserId};

/// The tables, in the order of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Table {
    Facts = 1,
    Meta,
    Users,
    Names,
    Following,
    Followers,
    Posts,
    Series,
    SeriesByAge,
    Replies,
    RepliesKept,
    Certification,
}

impl Table {
    /// All of them.
    const ALL: [Self; 12] = [
        Self::Facts,
        Self::Meta,
        Self::Users,
        Self::Names,
        Self::Following,
        Self::Followers,
        Self::Posts,
        Self::Series,
        Self::SeriesByAge,
        Self::Replies,
        Self::RepliesKept,
        Self::Certification,
    ];

    /// The table with this byte.
    pub fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|table| *table as u8 == byte)
    }

    /// What its rows are, in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Facts => "facts",
            Self::Meta => "state records",
            Self::Users => "accounts",
            Self::Names => "names",
            Self::Following => "follows",
            Self::Followers => "followers",
            Self::Posts => "posts",
            Self::Series => "series of requests",
            Self::SeriesByAge => "series by age",
            Self::Replies => "replies",
            Self::RepliesKept => "counts of replies",
            Self::Certification => "certifications",
        }
    }
}

/// The bytes of a key, or of what some keys begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(Vec<u8>);

/// Keys from one to another.
pub type KeyRange = (Bound<Key>, Bound<Key>);

impl Key {
    fn of(table: Table) -> Self {
        let mut bytes = Vec::with_capacity(32);
        bytes.push(table as u8);
        Self(bytes)
    }

    fn number(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// Negative numbers come before the others.
    fn signed(self, number: i64) -> Self {
        self.number(number.cast_unsigned() ^ (1 << 63))
    }

    /// As the last part.
    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// After its length, so that another part can follow.
    fn sized(self, bytes: &[u8]) -> Result<Self, StateError> {
        let length = u16::try_from(bytes.len())
            .map_err(|_| StateError::damaged("the name of a series is too long"))?;
        Ok(self.bytes(&length.to_be_bytes()).bytes(bytes))
    }

    /// Of a row that was read.
    #[cfg(test)]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_owned())
    }

    /// All keys that begin with this.
    pub fn range(self) -> KeyRange {
        let end = self.end();
        (Bound::Included(self), end)
    }

    /// Those of them that come after `last`, which begins with this too.
    pub fn range_after(self, last: Self) -> KeyRange {
        (Bound::Excluded(last), self.end())
    }

    /// Behind all keys that begin with this.
    fn end(&self) -> Bound<Self> {
        let mut end = self.0.clone();
        while let Some(last) = end.pop() {
            if let Some(next) = last.checked_add(1) {
                end.push(next);
                return Bound::Excluded(Self(end));
            }
        }
        Bound::Unbounded
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

pub fn fact(name: &str) -> Key {
    Key::of(Table::Facts).bytes(name.as_bytes())
}

pub fn meta() -> Key {
    Key::of(Table::Meta)
}

pub fn certification() -> Key {
    Key::of(Table::Certification)
}

pub fn all(table: Table) -> KeyRange {
    Key::of(table).range()
}

/// All rows of all tables.
pub fn everything() -> KeyRange {
    (Bound::Unbounded, Bound::Unbounded)
}

/// All tables but the facts.
#[cfg(test)]
pub fn all_tables() -> KeyRange {
    (Bound::Included(Key::of(Table::Meta)), Bound::Unbounded)
}

pub fn user(user: UserId) -> Key {
    Key::of(Table::Users).number(user.0)
}

pub fn name(folded: &str) -> Key {
    Key::of(Table::Names).bytes(folded.as_bytes())
}

/// All names, or those after one.
pub fn names_after(folded: Option<&str>) -> KeyRange {
    let all = Key::of(Table::Names);
    match folded {
        Some(folded) => all.range_after(name(folded)),
        None => all.range(),
    }
}

/// An edge in one of the two tables of edges.
pub fn edge(table: Table, user: UserId, folded: &str) -> Key {
    Key::of(table).number(user.0).bytes(folded.as_bytes())
}

/// All edges of a user in one of the two tables, or those after a name.
pub fn edges_after(table: Table, user: UserId, folded: Option<&str>) -> KeyRange {
    let all = Key::of(table).number(user.0);
    match folded {
        Some(folded) => all.range_after(edge(table, user, folded)),
        None => all.range(),
    }
}

pub fn post(author: UserId, post: PostId) -> Key {
    Key::of(Table::Posts).number(author.0).number(post.get())
}

/// An author's posts after one, and up to another, if given before that.
pub fn posts_between(author: UserId, after: PostId, before: Option<PostId>) -> KeyRange {
    let end = match before {
        Some(before) => Bound::Excluded(post(author, before)),
        None => Key::of(Table::Posts).number(author.0).end(),
    };
    (Bound::Excluded(post(author, after)), end)
}

pub fn series(user: UserId, name: &[u8]) -> Result<Key, StateError> {
    Key::of(Table::Series).number(user.0).sized(name)
}

/// The index of series by age, from an age on.
pub fn series_from_age(oldest_ms: i64) -> KeyRange {
    let all = Key::of(Table::SeriesByAge);
    let end = all.end();
    (Bound::Included(all.signed(oldest_ms)), end)
}

pub fn series_by_age(oldest_ms: i64, user: UserId, name: &[u8]) -> Key {
    Key::of(Table::SeriesByAge).signed(oldest_ms).number(user.0).bytes(name)
}

pub fn reply(user: UserId, series: &[u8], sequence: u64) -> Result<Key, StateError> {
    Ok(Key::of(Table::Replies).number(user.0).sized(series)?.number(sequence))
}

/// The replies of one series from a number on.
pub fn replies_from(user: UserId, series: &[u8], sequence: u64) -> Result<KeyRange, StateError> {
    let of_series = Key::of(Table::Replies).number(user.0).sized(series)?;
    Ok((Bound::Included(reply(user, series, sequence)?), of_series.end()))
}

/// All replies to a user.
pub fn replies_of(user: UserId) -> KeyRange {
    Key::of(Table::Replies).number(user.0).range()
}

pub fn replies_kept(user: UserId) -> Key {
    Key::of(Table::RepliesKept).number(user.0)
}

/// The parts of a key that was read, one after the other.
pub struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    /// Of a key of whatever table.
    pub fn of(key: &'a [u8]) -> Self {
        Self(key.get(1..).unwrap_or_default())
    }

    pub fn number(&mut self) -> Result<u64, StateError> {
        let (number, rest) = self.0.split_first_chunk().ok_or_else(too_short)?;
        self.0 = rest;
        Ok(u64::from_be_bytes(*number))
    }

    pub fn user(&mut self) -> Result<UserId, StateError> {
        self.number().map(UserId)
    }

    pub fn signed(&mut self) -> Result<i64, StateError> {
        Ok((self.number()? ^ (1 << 63)).cast_signed())
    }

    pub fn sized(&mut self) -> Result<&'a [u8], StateError> {
        let (length, rest) = self.0.split_first_chunk().ok_or_else(too_short)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (bytes, rest) = rest.split_at_checked(length).ok_or_else(too_short)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// The last part.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// After the last part.
    pub fn end(self) -> Result<(), StateError> {
        if self.0.is_empty() { Ok(()) } else { Err(StateError::damaged("a key is too long")) }
    }

    /// The last part, if it is text.
    pub fn text(self) -> Result<&'a str, StateError> {
        std::str::from_utf8(self.0).map_err(|_| StateError::damaged("a key is not text"))
    }
}

fn too_short() -> StateError {
    StateError::damaged("a key is too short")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains((start, end): &KeyRange, key: &Key) -> bool {
        let key = key.as_bytes();
        let begins = match start {
            Bound::Included(start) => key >= start.as_bytes(),
            Bound::Excluded(start) => key > start.as_bytes(),
            Bound::Unbounded => true,
        };
        begins
            && match end {
                Bound::Excluded(end) => key < end.as_bytes(),
                Bound::Included(_) | Bound::Unbounded => panic!("no range ends like this"),
            }
    }

    #[test]
    fn a_key_gives_back_its_parts() {
        let key = reply(UserId(7), b"series", 9).unwrap();
        let mut parts = Parts::of(key.as_bytes());
        assert_eq!(parts.user().unwrap(), UserId(7));
        assert_eq!(parts.sized().unwrap(), b"series");
        assert_eq!(parts.number().unwrap(), 9);
        assert!(parts.number().is_err(), "there is no more");
        for age in [i64::MIN, -1, 0, 1, i64::MAX] {
            let key = series_by_age(age, UserId(7), b"series");
            let mut parts = Parts::of(key.as_bytes());
            assert_eq!(parts.signed().unwrap(), age);
            assert_eq!(parts.user().unwrap(), UserId(7));
            assert_eq!(parts.bytes(), b"series");
        }
        assert!(series(UserId(7), &vec![0; 1 << 16]).is_err(), "too long");
    }

    #[test]
    fn keys_are_in_the_order_of_their_parts() {
        let ages = [i64::MIN, -2, -1, 0, 1, i64::MAX];
        let keys = ages.map(|age| series_by_age(age, UserId(1), b"s").as_bytes().to_vec());
        assert!(keys.is_sorted());
        let posts = [(1, 2), (1, 256), (2, 1), (256, 1)];
        let keys =
            posts.map(|(author, id)| post(UserId(author), PostId::new(id)).as_bytes().to_vec());
        assert!(keys.is_sorted());
    }

    #[test]
    fn a_range_has_the_rows_of_one_user_only() {
        for (user, other) in [(1, 2), (255, 256), (u64::MAX, u64::MAX - 1)] {
            let range = edges_after(Table::Following, UserId(user), None);
            assert!(contains(&range, &edge(Table::Following, UserId(user), "")));
            assert!(contains(&range, &edge(Table::Following, UserId(user), "\u{10ffff}")));
            assert!(!contains(&range, &edge(Table::Following, UserId(other), "a")));
            assert!(!contains(&range, &edge(Table::Followers, UserId(user), "a")));
            let range = posts_between(UserId(user), PostId::new(3), Some(PostId::new(6)));
            let within =
                (0..9).filter(|id| contains(&range, &post(UserId(user), PostId::new(*id))));
            assert_eq!(within.collect::<Vec<_>>(), [4, 5]);
            let range = posts_between(UserId(user), PostId::new(3), None);
            assert!(contains(&range, &post(UserId(user), PostId::new(u64::MAX))));
            assert!(!contains(&range, &post(UserId(other), PostId::new(4))));
        }
        let range = replies_from(UserId(1), b"a", 7).unwrap();
        assert!(!contains(&range, &reply(UserId(1), b"a", 6).unwrap()));
        assert!(contains(&range, &reply(UserId(1), b"a", 7).unwrap()));
        assert!(contains(&range, &reply(UserId(1), b"a", u64::MAX).unwrap()));
        let range = replies_from(UserId(1), b"a", 0).unwrap();
        assert!(contains(&range, &reply(UserId(1), b"a", 0).unwrap()));
        assert!(!contains(&range, &reply(UserId(1), b"ab", 0).unwrap()));
        assert!(!contains(&range, &reply(UserId(1), b"", 0).unwrap()));
    }
}
