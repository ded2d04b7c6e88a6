//! The network as one process would be that does one thing after the other and never fails: what it
//! answers, and what that changes.
//!
//! Written without a look at how the product does it, as naively as speed permits. It knows no
//! sessions, no time and no keys of requests: what these refuse says nothing about the state.

use std::collections::{BTreeMap, BTreeSet};

use tinysns::{
    domain::{self, PostId, PostText, UnixMillis, UserId, UserName},
    network::{Cursor, ListKind, PostPage, RefusalKind},
};

use super::{
    history::{FinalState, Operation, Outcome, Reply},
    timing::folded,
};

/// The longest post, in characters, as servers are configured unless told otherwise.
const POST_CHARS: usize = 1_000;
/// The most posts or names on one page, likewise.
const PAGE_SIZE: usize = 100;
/// Posts on a page if the caller does not say.
const DEFAULT_PAGE: usize = 20;
/// The numbers of people are not looked at.
const NOBODY: UserId = UserId(0);

/// A name's place in the order of all names of a history.
pub type Name = usize;

/// The state at one moment.
#[derive(Clone, Debug)]
pub struct Model {
    /// In the form in which they are unique, sorted.
    names: Vec<String>,
    accounts: Vec<Option<Account>>,
    /// Follower and followee, and how many posts the followee had made before.
    follows: BTreeMap<(Name, Name), usize>,
    posts: Vec<Post>,
    /// How many each has made.
    posts_of: Vec<usize>,
    fingerprint: u128,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Account {
    /// As its owner wrote it.
    name: String,
    /// Empty for none.
    password: String,
}

#[derive(Clone, Debug)]
struct Post {
    author: Name,
    /// Its number among its author's.
    rank: usize,
    text: String,
}

/// What one operation changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Create { name: Name, spelled: String, password: String },
    SetPassword { name: Name, from: String, to: String },
    Follow { edge: (Name, Name), since: usize },
    Unfollow { edge: (Name, Name), since: usize },
    Publish { author: Name, text: String },
}

/// What one operation is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Done,
    LoggedIn { name: String, created: bool },
    Published(u64),
    Names { names: Vec<String>, more: bool },
    Page { posts: Vec<u64>, as_of: u64, more: bool },
    Refused(RefusalKind),
}

type Answered = (Answer, Option<Change>);

impl Model {
    /// Nothing is there yet. `names` are all that will ever be mentioned.
    pub fn new(names: &BTreeSet<String>) -> Self {
        let names: Vec<String> = names.iter().cloned().collect();
        let (accounts, posts_of) = (vec![None; names.len()], vec![0; names.len()]);
        let (follows, posts) = (BTreeMap::new(), Vec::new());
        Self { names, accounts, follows, posts, posts_of, fingerprint: 0 }
    }

    /// What an operation is answered now, and what it changes.
    pub fn answer(&self, user: &str, operation: &Operation) -> Answered {
        let refused = |kind| (Answer::Refused(kind), None);
        if let Operation::LogIn { password, must_exist } = operation {
            return self.log_in(user, password.as_deref().unwrap_or_default(), *must_exist);
        }
        let Some(caller) = self.existing(user) else { return refused(RefusalKind::SessionEnded) };
        match operation {
            Operation::LogIn { .. } => unreachable!("answered above"),
            Operation::SetPassword { current, new } => {
                let [from, to] = [current, new].map(|word| word.clone().unwrap_or_default());
                if self.account(caller).password != from {
                    return refused(RefusalKind::WrongPassword);
                }
                let change = Change::SetPassword { name: caller, from: from.clone(), to };
                (Answer::Done, (*new.as_deref().unwrap_or_default() != *from).then_some(change))
            }
            Operation::Follow { target } => self.follow(caller, target),
            Operation::Unfollow { target } => self.unfollow(caller, target),
            Operation::Publish { text } => match PostText::new(text.clone(), POST_CHARS) {
                Err(_invalid) => refused(RefusalKind::Invalid),
                Ok(_valid) => {
                    let change = Change::Publish { author: caller, text: text.clone() };
                    (Answer::Published(self.newest() + 1), Some(change))
                }
            },
            Operation::List { kind, after, limit } => {
                (self.list(caller, kind, after.as_deref(), *limit), None)
            }
            Operation::Timeline { cursor, limit } => {
                let belongs = |post: &Post| {
                    let since = self.follows.get(&(caller, post.author));
                    since.is_some_and(|since| post.rank > *since)
                };
                (self.page(*cursor, *limit, belongs), None)
            }
            Operation::Posts { author, cursor, limit } => match self.target(author) {
                Err(kind) => refused(kind),
                Ok(author) => (self.page(*cursor, *limit, |post| post.author == author), None),
            },
        }
    }

    /// Makes a change that [`Model::answer`] has just given.
    pub fn apply(&mut self, change: &Change) {
        self.fingerprint ^= self.effect(change);
        match change {
            Change::Create { name, spelled, password } => {
                let account = Account { name: spelled.clone(), password: password.clone() };
                self.accounts[*name] = Some(account);
            }
            Change::SetPassword { name, to, .. } => self.set_password(*name, to),
            Change::Follow { edge, since } => {
                self.follows.insert(*edge, *since);
            }
            Change::Unfollow { edge, .. } => {
                self.follows.remove(edge);
            }
            Change::Publish { author, text } => {
                self.posts_of[*author] += 1;
                let rank = self.posts_of[*author];
                self.posts.push(Post { author: *author, rank, text: text.clone() });
            }
        }
    }

    /// Takes back the last change.
    pub fn undo(&mut self, change: &Change) {
        match change {
            Change::Create { name, .. } => self.accounts[*name] = None,
            Change::SetPassword { name, from, .. } => self.set_password(*name, from),
            Change::Follow { edge, .. } => {
                self.follows.remove(edge);
            }
            Change::Unfollow { edge, since } => {
                self.follows.insert(*edge, *since);
            }
            Change::Publish { author, .. } => {
                self.posts.pop();
                self.posts_of[*author] -= 1;
            }
        }
        self.fingerprint ^= self.effect(change);
    }

    /// Two states with the same fingerprint are the same, but for one chance in 2^128.
    pub fn fingerprint(&self) -> u128 {
        self.fingerprint
    }

    /// The newest post; 0 before the first.
    pub fn newest(&self) -> u64 {
        self.posts.len() as u64
    }

    /// The place of a name, if it may ever be that of an account.
    pub fn name(&self, name: &str) -> Option<Name> {
        self.names.binary_search(&folded(name)).ok()
    }

    pub fn has_account(&self, name: Name) -> bool {
        self.accounts[name].is_some()
    }

    pub fn has_follow(&self, edge: (Name, Name)) -> bool {
        self.follows.contains_key(&edge)
    }

    /// Whether this is an answer to what a client was told.
    pub fn agrees(&self, answer: &Answer, outcome: &Outcome) -> bool {
        match (answer, outcome) {
            (Answer::Refused(kind), Outcome::Refused(told)) => kind == told,
            (Answer::Done, Outcome::Done(Reply::Done)) => true,
            (Answer::Published(number), Outcome::Done(Reply::Published { id, .. })) => {
                *number == id.get()
            }
            (Answer::LoggedIn { name, created }, Outcome::Done(told)) => {
                *told == Reply::LoggedIn { name: name.clone(), created: *created }
            }
            (
                Answer::Names { names, more },
                Outcome::Done(Reply::Names { names: told, more: and }),
            ) => names == told && more == and,
            (Answer::Page { posts, as_of, more }, Outcome::Done(Reply::Page(page))) => {
                *as_of == page.as_of.get()
                    && *more == page.more
                    && posts.len() == page.posts.len()
                    && posts.iter().zip(&page.posts).all(|(number, told)| self.is(*number, told))
            }
            _ => false,
        }
    }

    /// An answer as a client would be told.
    pub fn outcome(&self, answer: Answer) -> Outcome {
        let id = PostId::new;
        Outcome::Done(match answer {
            Answer::Refused(kind) => return Outcome::Refused(kind),
            Answer::Done => Reply::Done,
            Answer::LoggedIn { name, created } => Reply::LoggedIn { name, created },
            Answer::Published(number) => {
                Reply::Published { id: id(number), posted_at: posted_at(number) }
            }
            Answer::Names { names, more } => Reply::Names { names, more },
            Answer::Page { posts, as_of, more } => {
                let posts = posts.into_iter().map(|number| self.post(number));
                Reply::Page(PostPage { posts: posts.collect(), as_of: id(as_of), more, last: None })
            }
        })
    }

    /// The post with a number, as it is read.
    pub fn post(&self, number: u64) -> domain::Post {
        let Post { author, text, .. } = self.numbered(number);
        let author = UserName::new(self.account(*author).name.clone()).expect("it was checked");
        let (id, posted_at) = (PostId::new(number), posted_at(number));
        domain::Post::plain(id, NOBODY, author, posted_at, text.clone())
    }

    /// Everything that is there.
    pub fn final_state(&self) -> FinalState {
        let spelled = |name: Name| self.account(name).name.clone();
        let edges = self.follows.keys();
        FinalState {
            accounts: self.accounts.iter().flatten().map(|account| account.name.clone()).collect(),
            follows: edges.map(|(one, other)| (spelled(*one), spelled(*other))).collect(),
            posts: (1..=self.newest()).map(|number| self.post(number)).collect(),
        }
    }

    /// What distinguishes this state from another that was read.
    pub fn difference(&self, read: &FinalState) -> Option<String> {
        let own = self.final_state();
        if own.accounts != read.accounts {
            return Some(format!("{:?} instead of {:?}", read.accounts, own.accounts));
        }
        let edge = |(one, other): &(String, String)| (folded(one), folded(other));
        let [own_edges, edges] =
            [&own, read].map(|state| state.follows.iter().map(edge).collect::<BTreeSet<_>>());
        if own_edges != edges {
            let lacks: Vec<_> = own_edges.difference(&edges).collect();
            let has: Vec<_> = edges.difference(&own_edges).collect();
            return Some(format!("the follows {has:?} instead of {lacks:?}"));
        }
        if self.posts.len() != read.posts.len() {
            return Some(format!("{} posts instead of {}", read.posts.len(), self.posts.len()));
        }
        let mut numbered = (1..=self.newest()).zip(&read.posts);
        let other = numbered.find(|(number, told)| !self.is(*number, told));
        other.map(|(number, told)| format!("post {number} is {told:?}"))
    }

    fn log_in(&self, user: &str, password: &str, must_exist: bool) -> Answered {
        if UserName::new(user).is_err() {
            return (Answer::Refused(RefusalKind::Invalid), None);
        }
        let name = self.name(user).expect("every name that is mentioned has a place");
        match &self.accounts[name] {
            None if must_exist => (Answer::Refused(RefusalKind::NotFound), None),
            None => {
                let (spelled, password) = (user.to_owned(), password.to_owned());
                let answer = Answer::LoggedIn { name: spelled.clone(), created: true };
                (answer, Some(Change::Create { name, spelled, password }))
            }
            Some(account) if account.password == password => {
                (Answer::LoggedIn { name: account.name.clone(), created: false }, None)
            }
            Some(_) => (Answer::Refused(RefusalKind::WrongPassword), None),
        }
    }

    fn follow(&self, caller: Name, target: &str) -> Answered {
        match self.target(target) {
            Err(kind) => (Answer::Refused(kind), None),
            Ok(target) if target == caller || self.has_follow((caller, target)) => {
                (Answer::Refused(RefusalKind::AlreadyExists), None)
            }
            Ok(target) => {
                let (edge, since) = ((caller, target), self.posts_of[target]);
                (Answer::Done, Some(Change::Follow { edge, since }))
            }
        }
    }

    fn unfollow(&self, caller: Name, target: &str) -> Answered {
        match self.target(target) {
            Err(kind) => (Answer::Refused(kind), None),
            Ok(target) if target == caller => (Answer::Refused(RefusalKind::Invalid), None),
            Ok(target) => match self.follows.get(&(caller, target)) {
                None => (Answer::Refused(RefusalKind::NotPossible), None),
                Some(since) => {
                    let (edge, since) = ((caller, target), *since);
                    (Answer::Done, Some(Change::Unfollow { edge, since }))
                }
            },
        }
    }

    fn list(
        &self,
        caller: Name,
        kind: &ListKind,
        after: Option<&str>,
        limit: Option<u32>,
    ) -> Answer {
        let limit = limit.filter(|limit| *limit > 0).map_or(PAGE_SIZE, |limit| limit as usize);
        let limit = limit.min(PAGE_SIZE);
        let all: Vec<Name> = match kind {
            ListKind::Users => (0..self.names.len()).collect(),
            ListKind::Following => {
                let edges = (caller, 0)..=(caller, Name::MAX);
                self.follows.range(edges).map(|((_, followee), _)| *followee).collect()
            }
            ListKind::Followers => {
                let followers = self.follows.keys().filter(|(_, followee)| *followee == caller);
                followers.map(|(follower, _)| *follower).collect()
            }
            // Nobody does that here.
            ListKind::Blocked
            | ListKind::Muted
            | ListKind::Requests
            | ListKind::FollowingOf(_)
            | ListKind::FollowersOf(_)
            | ListKind::LikedBy(_)
            | ListKind::BoostedBy(_) => Vec::new(),
        };
        let after = after.map(folded);
        let begins = |name: &Name| after.as_ref().is_none_or(|after| self.names[*name] > *after);
        let accounts =
            all.into_iter().filter(begins).filter_map(|name| self.accounts[name].as_ref());
        let mut names: Vec<String> =
            accounts.take(limit + 1).map(|account| account.name.clone()).collect();
        let more = names.len() > limit;
        names.truncate(limit);
        Answer::Names { names, more }
    }

    fn page(&self, cursor: Cursor, limit: Option<u32>, belongs: impl Fn(&Post) -> bool) -> Answer {
        let limit = limit.filter(|limit| *limit > 0).map_or(DEFAULT_PAGE, |limit| limit as usize);
        let limit = limit.min(PAGE_SIZE);
        let newest = self.newest();
        let belongs = |number: &u64| belongs(self.numbered(*number));
        let mut posts: Vec<u64> = match cursor {
            Cursor::Newest => (1..=newest).rev().filter(belongs).take(limit + 1).collect(),
            Cursor::Before(before) => {
                let last = newest.min(before.get().saturating_sub(1));
                (1..=last).rev().filter(belongs).take(limit + 1).collect()
            }
            Cursor::After(after) => {
                let first = after.get().saturating_add(1);
                (first..=newest).filter(belongs).take(limit + 1).collect()
            }
        };
        let more = posts.len() > limit;
        posts.truncate(limit);
        Answer::Page { posts, as_of: newest, more }
    }

    fn existing(&self, name: &str) -> Option<Name> {
        self.name(name).filter(|name| self.has_account(*name))
    }

    fn target(&self, name: &str) -> Result<Name, RefusalKind> {
        if UserName::new(name).is_err() {
            return Err(RefusalKind::Invalid);
        }
        self.existing(name).ok_or(RefusalKind::NotFound)
    }

    fn account(&self, name: Name) -> &Account {
        self.accounts[name].as_ref().expect("only those with an account are asked for")
    }

    fn set_password(&mut self, name: Name, password: &str) {
        let account = self.accounts[name].as_mut().expect("a password is that of an account");
        password.clone_into(&mut account.password);
    }

    fn numbered(&self, number: u64) -> &Post {
        let index = usize::try_from(number - 1).expect("posts are counted from 1");
        &self.posts[index]
    }

    fn is(&self, number: u64, told: &domain::Post) -> bool {
        let Post { author, text, .. } = self.numbered(number);
        number == told.id.get()
            && *text == told.text
            && self.account(*author).name == told.author.as_str()
    }

    /// By what a change that is about to be made, or was just taken back, alters the fingerprint.
    fn effect(&self, change: &Change) -> u128 {
        let account = |name: Name, spelled: &str, password: &str| {
            mixed(&[b"account", &name.to_le_bytes(), spelled.as_bytes(), password.as_bytes()])
        };
        match change {
            Change::Create { name, spelled, password } => account(*name, spelled, password),
            Change::SetPassword { name, from, to } => {
                let spelled = &self.account(*name).name;
                account(*name, spelled, from) ^ account(*name, spelled, to)
            }
            Change::Follow { edge: (one, other), since }
            | Change::Unfollow { edge: (one, other), since } => {
                let [one, other, since] = [one, other, since].map(|number| number.to_le_bytes());
                mixed(&[b"follow", &one, &other, &since])
            }
            Change::Publish { author, text } => {
                let number = self.newest().to_le_bytes();
                mixed(&[b"post", &number, &author.to_le_bytes(), text.as_bytes()])
            }
        }
    }
}

/// The model has no clock: a post has the time of its number.
fn posted_at(number: u64) -> UnixMillis {
    UnixMillis::new(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A fingerprint of some values: FNV-1a of 128 bits, whose upper half is stirred into the lower one.
/// The same in every process.
pub fn mixed(parts: &[&[u8]]) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let step = |hash: u128, byte: u8| (hash ^ u128::from(byte)).wrapping_mul(PRIME);
    let part = |hash: u128, part: &&[u8]| {
        let length = part.len().to_le_bytes();
        part.iter().chain(&length).copied().fold(hash, step)
    };
    let hash = parts.iter().fold(BASIS, part);
    let hash = (hash ^ (hash >> 64)).wrapping_mul(PRIME | (PRIME << 64) | 1);
    hash ^ (hash >> 61)
}
