//! Whether all rows of a state are whole and agree with each other. Pure.
//!
//! Every row is read once, in the order of the keys, and compared with those that it refers to and those
//! that refer to it. Where an index leads both ways, both are followed, so nothing of it can be missing. Of other
//! indexes, every row that should be there is looked up, and then there must be no more.
//!
//! - `posts`: what belongs to posts; `people`: what belongs to people; `network`: what the network is run with;
//!   `personal`: what people keep for themselves; `pictures`: pictures and their pieces

mod network;
mod people;
mod personal;
mod pictures;
mod posts;

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    StateError,
    chore_records::{ReservedNameRecord, is_reserved_name},
    keys::{self, Parts, Table},
    moment::Moment,
    network_records,
    records::{
        self, FollowRecord, IDS_BETWEEN_RECOVERIES, Meta, UserRecord, decode, known_user, number,
    },
    replies::{self, Series, StoredReply},
};
use crate::{
    domain::{Certification, Standing, UnixMillis, UserId},
    envelope::Kind,
    host::database_fault::DatabaseFault,
    social::Chore,
};

/// So much is told of one table; the rest is counted.
const TOLD_OF_A_TABLE: u64 = 20;

/// A row that is damaged, or contradicts others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowDamage {
    /// Which one.
    pub row: String,
    /// What is wrong with it.
    pub what: String,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Accounts.
    pub users: u64,
    /// Posts.
    pub posts: u64,
}

/// Reads all rows of a moment. `looked` is told how many. Fails only if it cannot be known whether something
/// is damaged.
pub fn audit(
    moment: &Moment,
    looked: &mut dyn FnMut(u64),
    found: &mut dyn FnMut(RowDamage),
) -> Result<Content, StateError> {
    let mut audit = Audit::of(moment);
    let mut reported: BTreeMap<&'static str, u64> = BTreeMap::new();
    for row in moment.scan(keys::everything()) {
        let (key, value) = match row {
            Ok(row) => row,
            Err(error) if is_damage(&error) => {
                let row = "a block of rows, and whatever comes after it".to_owned();
                found(RowDamage { row, what: error.to_string() });
                return Ok(audit.content());
            }
            Err(error) => return Err(error),
        };
        looked(1);
        let table = key.first().and_then(|table| Table::of(*table));
        match audit.examine(table, &key, &value) {
            Ok(()) => {}
            Err(error) if is_damage(&error) => {
                let told = reported.entry(table.map_or("rows", Table::name)).or_default();
                *told += 1;
                if *told <= TOLD_OF_A_TABLE {
                    found(RowDamage { row: described(table, &key), what: error.to_string() });
                }
            }
            Err(error) => return Err(error),
        }
    }
    for (table, told) in reported {
        if let Some(more) = told.checked_sub(TOLD_OF_A_TABLE).filter(|more| *more > 0) {
            let row = format!("{more} more {table}");
            found(RowDamage { row, what: "they are damaged, too".to_owned() });
        }
    }
    audit.compare_counts(found);
    Ok(audit.content())
}

/// All that is found of a state that can be read.
#[cfg(test)]
pub fn damage_in(facts: &super::Facts) -> Vec<RowDamage> {
    let mut damage = Vec::new();
    audit(facts.moment(), &mut |_| {}, &mut |found| damage.push(found)).expect("it can be read");
    damage
}

fn is_damage(error: &StateError) -> bool {
    error.fault() == DatabaseFault::Damaged
}

/// What was seen of the rows so far.
struct Audit<'a> {
    moment: &'a Moment,
    meta: Meta,
    rows: BTreeMap<u8, u64>,
    /// How many rows should be in the indexes.
    expected: BTreeMap<u8, u64>,
    /// Posts that are not gone.
    posts: u64,
    /// The ids of accounts.
    users: SeenIds,
    /// Accounts of people who are gone, and have no name.
    deleted_users: u64,
    /// The author and the time of the last post.
    last_post: Option<(UserId, UnixMillis)>,
    /// The account and the series of the last reply.
    last_reply: Option<(UserId, Vec<u8>)>,
    /// How many series have replies, and how many accounts.
    series_with_replies: u64,
    users_with_replies: u64,
}

impl<'a> Audit<'a> {
    fn of(moment: &'a Moment) -> Self {
        Self {
            moment,
            meta: Meta::default(),
            rows: BTreeMap::new(),
            expected: BTreeMap::new(),
            posts: 0,
            users: SeenIds::default(),
            deleted_users: 0,
            last_post: None,
            last_reply: None,
            series_with_replies: 0,
            users_with_replies: 0,
        }
    }

    fn examine(
        &mut self,
        table: Option<Table>,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), StateError> {
        let table = table.ok_or_else(|| contradiction("it belongs to no table"))?;
        *self.rows.entry(table as u8).or_default() += 1;
        let parts = Parts::of(key);
        match table {
            // What they mean is the log's affair.
            Table::Facts => parts.text().map(drop),
            Table::Meta => {
                self.meta = decode(value)?;
                parts.end()
            }
            Table::Users => self.user(parts, value),
            Table::Names => self.name(parts, value),
            Table::Following => self.following(parts, value),
            Table::Followers => self.follower(parts, value),
            Table::Posts => self.post(parts, value),
            Table::Series => self.series(parts, value),
            Table::SeriesByAge => self.series_by_age(parts, value),
            Table::Replies => self.reply(parts, value),
            Table::RepliesKept => self.replies_kept(parts, value),
            Table::Certification => {
                decode::<Certification>(value)?;
                parts.end()
            }
            Table::Blocks | Table::Mutes | Table::Requests | Table::Notes => {
                self.relation(table, parts, value)
            }
            Table::Profiles => self.profile(parts, value),
            Table::Authors => self.author(parts, value),
            Table::Hashtags => self.hashtag(parts, value),
            Table::PostCounts => self.counted_post(parts),
            Table::PersonCounts => self.counted_person(parts),
            Table::Revisions => self.revision(parts, value),
            Table::Marks => self.marks(parts, value),
            Table::Notifications => self.notification(parts, value),
            Table::NotificationStates => self.notification_state(parts, value),
            Table::Changes => self.change(parts, value),
            Table::NetworkSettings
            | Table::AdministrationCounts
            | Table::Standings
            | Table::Invitations
            | Table::Reports
            | Table::Announcements
            | Table::Logged => self.administration(table, key, value),
            Table::Sessions => self.session(parts, value),
            Table::Personal => self.personal(parts, value),
            Table::Pictures => self.picture(parts, value),
            Table::PicturePieces => self.piece_of_picture(parts, value),
            Table::PictureBytes => self.counted_pictures(parts, value),
            // Those that should be there were looked up.
            Table::ProfilesByWord
            | Table::ListedPosts
            | Table::PostsByHashtag
            | Table::PostsByTerm
            | Table::Answers
            | Table::MarksByTime
            | Table::MarksByPost
            | Table::RowsAboutPeople
            | Table::DirectPosts
            | Table::PicturesByAddress
            | Table::PicturesByOwner
            | Table::UnusedPictures => Ok(()),
            Table::Chores => {
                decode::<Chore>(value)?;
                let mut key = parts;
                let began = key.post()?;
                key.end()?;
                agree(began <= self.meta.newest_post, || "it has not begun yet".to_owned())
            }
            Table::ReservedNames => {
                decode::<ReservedNameRecord>(value)?;
                agree(is_reserved_name(parts), || "its key is that of no name".to_owned())
            }
        }
    }

    /// A row should be in an index.
    fn expect(&mut self, table: Table) {
        self.expect_so_many(table, 1);
    }

    fn expect_so_many(&mut self, table: Table, rows: u64) {
        let expected = self.expected.entry(table as u8).or_default();
        *expected = expected.saturating_add(rows);
    }

    fn user(&mut self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let user = key.user()?;
        key.end()?;
        self.users.add(user.0);
        let record: UserRecord = decode(value)?;
        if user.0 == 0 || user.0 > self.meta.newest_user {
            return Err(contradiction("there is no account with such a number yet"));
        }
        self.compare_person(user)?;
        if record.deleted_at.is_some() {
            self.deleted_users += 1;
            let standing = network_records::standing(self.moment, user)?.standing;
            return agree(standing == Standing::Deleted, || {
                "it was deleted, and is seen".to_owned()
            });
        }
        match records::user_named(self.moment, &record.name)? {
            Some(named) if named == user => Ok(()),
            Some(other) => Err(contradiction(format!("its name leads to user {}", other.0))),
            None => Err(contradiction("its name leads nowhere")),
        }
    }

    fn name(&self, key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let name = key.text()?;
        let user = UserId(number(value)?);
        let record = known_user(self.moment, user)?;
        agree(record.name.folded() == name, || format!("user {} is called otherwise", user.0))
    }

    fn following(&self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let (follower, name) = (key.user()?, key.text()?);
        let FollowRecord { followee, since } = decode(value)?;
        let follower_name = known_user(self.moment, follower)?.name.folded();
        let followee_name = known_user(self.moment, followee)?.name.folded();
        agree(followee_name == name, || format!("user {} is called otherwise", followee.0))?;
        agree(since <= self.meta.newest_post, || "it begins after the newest post".to_owned())?;
        let back = self.moment.get(&keys::edge(Table::Followers, followee, &follower_name))?;
        let leads_back = back.map(|back| number(&back)).transpose()? == Some(follower.0);
        agree(leads_back, || format!("user {} is not among the followers", follower.0))
    }

    fn follower(&self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let (followee, name) = (key.user()?, key.text()?);
        let follower = UserId(number(value)?);
        let follower_name = known_user(self.moment, follower)?.name.folded();
        let followee_name = known_user(self.moment, followee)?.name.folded();
        agree(follower_name == name, || format!("user {} is called otherwise", follower.0))?;
        let forward = self.moment.get(&keys::edge(Table::Following, follower, &followee_name))?;
        agree(forward.is_some(), || format!("user {} does not follow", follower.0))
    }

    fn series(&self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let (user, name) = (key.user()?, key.sized()?);
        key.end()?;
        let Series { oldest_ms, .. } = decode(value)?;
        let by_age = self.moment.get(&keys::series_by_age(oldest_ms, user, name))?;
        agree(by_age.is_some(), || "it is missing in the index by age".to_owned())
    }

    fn series_by_age(&self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let (oldest_ms, user) = (key.signed()?, key.user()?);
        let series = replies::series(self.moment, user, key.bytes())?;
        let agrees = series.is_some_and(|series| series.oldest_ms == oldest_ms) && value.is_empty();
        agree(agrees, || "there is no such series of this age".to_owned())
    }

    fn reply(&mut self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let (user, name, sequence) = (key.user()?, key.sized()?, key.number()?);
        key.end()?;
        let last = self.last_reply.as_ref();
        if last.is_none_or(|(last, _)| *last != user) {
            self.users_with_replies += 1;
        }
        if last.is_none_or(|(last, series)| *last != user || series != name) {
            self.series_with_replies += 1;
            self.last_reply = Some((user, name.to_owned()));
        }
        let _stored: StoredReply = decode(value)?;
        let Some(Series { floor, .. }) = replies::series(self.moment, user, name)? else {
            return Err(contradiction("its series is missing"));
        };
        agree(sequence >= floor, || "it is below what its series may still have".to_owned())
    }

    fn replies_kept(&self, mut key: Parts<'_>, value: &[u8]) -> Result<(), StateError> {
        let user = key.user()?;
        key.end()?;
        let kept = number(value)?;
        let mut counted = 0;
        for reply in self.moment.scan(keys::replies_of(user)) {
            reply?;
            counted += 1;
        }
        agree(kept == counted, || format!("{kept} replies were counted, and there are {counted}"))
    }

    fn count(&self, table: Table) -> u64 {
        self.rows.get(&(table as u8)).copied().unwrap_or_default()
    }

    fn content(&self) -> Content {
        Content { users: self.count(Table::Users), posts: self.posts }
    }

    fn compare_counts(&self, found: &mut dyn FnMut(RowDamage)) {
        let all = |table: Table| (format!("the {}", table.name()), self.count(table));
        let series = ("the series of requests with replies".to_owned(), self.series_with_replies);
        let users = ("the accounts with replies".to_owned(), self.users_with_replies);
        let made = "those ever made".to_owned();
        let named = self.count(Table::Users).saturating_sub(self.deleted_users);
        for ((row, there), (other, expected)) in [
            (all(Table::Users), (made, self.users.given(self.meta.newest_user))),
            (all(Table::Authors), all(Table::Posts)),
            (all(Table::Names), ("the accounts with names".to_owned(), named)),
            (all(Table::Followers), all(Table::Following)),
            (all(Table::SeriesByAge), all(Table::Series)),
            (all(Table::Series), series),
            (all(Table::RepliesKept), users),
        ] {
            if there != expected {
                let what = format!("there are {there}, but {expected} of {other}");
                found(RowDamage { row, what });
            }
        }
        for table in COUNTED {
            let (there, expected) = (self.count(table), self.expected.get(&(table as u8)));
            let expected = expected.copied().unwrap_or_default();
            if there != expected {
                let what = format!("there are {there}, and should be {expected}");
                found(RowDamage { row: format!("the {}", table.name()), what });
            }
        }
        let (there, expected) = (self.count(Table::Changes), self.meta.changes_kept);
        if there != expected {
            let what = format!("there are {there}, but {expected} were counted");
            found(RowDamage { row: "the changes in the feed".to_owned(), what });
        }
    }
}

/// The tables of which it is known how many rows they should have.
const COUNTED: [Table; 15] = [
    Table::ProfilesByWord,
    Table::ListedPosts,
    Table::PostsByHashtag,
    Table::Hashtags,
    Table::PostsByTerm,
    Table::Answers,
    Table::Revisions,
    Table::MarksByTime,
    Table::MarksByPost,
    Table::RowsAboutPeople,
    Table::DirectPosts,
    Table::PicturePieces,
    Table::PicturesByAddress,
    Table::PicturesByOwner,
    Table::UnusedPictures,
];

/// The ids that were seen, each once: the greatest of those that were given between two recoveries.
#[derive(Clone, Default)]
struct SeenIds(BTreeMap<u64, u64>);

impl SeenIds {
    fn add(&mut self, id: u64) {
        let Some(before) = id.checked_sub(1) else { return };
        let given = before % IDS_BETWEEN_RECOVERIES + 1;
        let greatest = self.0.entry(before / IDS_BETWEEN_RECOVERIES).or_default();
        *greatest = given.max(*greatest);
    }

    /// How many were given at least, if the last was `newest`. What was lost before a recovery, nobody knows.
    fn given(&self, newest: u64) -> u64 {
        let mut ids = self.clone();
        // Since the last recovery, none may have been given.
        if !newest.is_multiple_of(IDS_BETWEEN_RECOVERIES) {
            ids.add(newest);
        }
        ids.0.values().sum()
    }
}

fn contradiction(what: impl Into<String>) -> StateError {
    StateError::damaged(what)
}

fn agree(agrees: bool, otherwise: impl FnOnce() -> String) -> Result<(), StateError> {
    if agrees { Ok(()) } else { Err(contradiction(otherwise())) }
}

/// Which row it is, in words.
fn described(table: Option<Table>, key: &[u8]) -> String {
    let in_words = |table| {
        let mut parts = Parts::of(key);
        Ok::<_, StateError>(match table {
            Table::Facts => format!("fact {}", parts.text()?),
            Table::Meta => Kind::Meta.to_string(),
            Table::Users => format!("user {}", parts.user()?.0),
            Table::Names => format!("name {}", parts.text()?),
            Table::Following => {
                let follower = parts.user()?.0;
                format!("follow of {} by user {follower}", parts.text()?)
            }
            Table::Followers => {
                let followee = parts.user()?.0;
                format!("follower {} of user {followee}", parts.text()?)
            }
            Table::Posts => {
                let author = parts.user()?.0;
                format!("post {} of user {author}", parts.number()?)
            }
            Table::Series => {
                let user = parts.user()?.0;
                format!("series {} of user {user}", hexadecimal(parts.sized()?))
            }
            Table::SeriesByAge => {
                let age = parts.signed()?;
                format!("series of user {} by its age, {age} ms", parts.user()?.0)
            }
            Table::Replies => {
                let (user, _series) = (parts.user()?.0, parts.sized()?);
                format!("reply {} to user {user}", parts.number()?)
            }
            Table::RepliesKept => format!("count of replies to user {}", parts.user()?.0),
            Table::Certification => Kind::Certification.to_string(),
            Table::Blocks | Table::Mutes | Table::Requests | Table::Notes => {
                let user = parts.user()?.0;
                format!("row of user {user} about {} among the {}", parts.text()?, table.name())
            }
            Table::Profiles => format!("profile of user {}", parts.user()?.0),
            Table::Authors => format!("author of post {}", parts.post()?),
            Table::Hashtags => format!("hashtag {}", parts.text()?),
            Table::PostCounts => format!("counts of post {}", parts.post()?),
            Table::PersonCounts => format!("counts of user {}", parts.user()?.0),
            Table::Revisions => {
                let post = parts.post()?;
                format!("revision {} of post {post}", parts.number()?)
            }
            Table::Marks => {
                let user = parts.user()?.0;
                format!("marks of user {user} on post {}", parts.post()?)
            }
            Table::Notifications => {
                let user = parts.user()?.0;
                format!("notification {} of user {user}", parts.post()?)
            }
            Table::NotificationStates => {
                format!("state of notifications of user {}", parts.user()?.0)
            }
            Table::Sessions => {
                let user = parts.user()?.0;
                format!("session {} of user {user}", parts.number()?)
            }
            Table::Pictures | Table::UnusedPictures => format!("picture {}", parts.number()?),
            Table::PicturePieces => {
                let picture = parts.number()?;
                format!("piece {} of picture {picture}", parts.number()?)
            }
            Table::PicturesByOwner => {
                let owner = parts.user()?.0;
                format!("picture {} of user {owner}", parts.number()?)
            }
            Table::PictureBytes => format!("size of the pictures of user {}", parts.user()?.0),
            Table::Changes => format!("change at position {}", parts.post()?),
            Table::Chores => format!("chore of position {}", parts.post()?),
            Table::NetworkSettings | Table::AdministrationCounts => table.name().to_owned(),
            Table::Standings => format!("standing of user {}", parts.user()?.0),
            Table::Personal => format!("personal record of user {}", parts.user()?.0),
            Table::Reports | Table::Announcements | Table::Logged => {
                format!("row {} of the {}", parts.number()?, table.name())
            }
            Table::ProfilesByWord
            | Table::ListedPosts
            | Table::PostsByHashtag
            | Table::PostsByTerm
            | Table::Answers
            | Table::MarksByTime
            | Table::MarksByPost
            | Table::RowsAboutPeople
            | Table::DirectPosts
            | Table::ReservedNames
            // The keys of these are secrets.
            | Table::PicturesByAddress
            | Table::Invitations => {
                format!("key {} among the {}", hexadecimal(key), table.name())
            }
        })
    };
    let in_words = table.and_then(|table| in_words(table).ok());
    in_words.unwrap_or_else(|| format!("key {}", hexadecimal(key)))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("it is memory");
        text
    })
}
