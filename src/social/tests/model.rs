//! The same rules, written as naively as possible, on plain maps and with full scans.

use std::collections::BTreeMap;

use super::*;
use crate::domain::{Certification, ClusterId, Post, PostId};

#[derive(Default)]
pub struct Model {
    signing_key: Option<[u8; 32]>,
    abandoned_for: Option<ClusterId>,
    certification: Option<Certification>,
    accounts: Vec<Account>,
    /// (follower, followee) → since.
    follows: BTreeMap<(UserId, UserId), PostId>,
    posts: Vec<Post>,
    series: BTreeMap<SeriesKey, Series>,
    now: UnixMillis,
    /// The memory's age.
    age: i64,
}

/// User, form of the key, name.
type SeriesKey = (UserId, u8, Vec<u8>);

#[derive(Default)]
struct Series {
    floor: u64,
    oldest: i64,
    replies: BTreeMap<u64, Answered>,
}

struct Answered {
    at: i64,
    command: Command,
    reply: Reply,
}

type Outcome = (Reply, Option<Event>);

/// Whether one command requests the same as the other.
fn is_repetition(one: &Command, other: &Command) -> bool {
    match (one, other) {
        (Command::SetPassword { .. }, Command::SetPassword { .. }) => true,
        (Command::Follow { target: one, .. }, Command::Follow { target: other, .. })
        | (Command::Unfollow { target: one, .. }, Command::Unfollow { target: other, .. }) => {
            one.folded() == other.folded()
        }
        (Command::Publish { text: one, .. }, Command::Publish { text: other, .. }) => one == other,
        _ => false,
    }
}

impl Model {
    pub fn apply(&mut self, Stamped { at, command }: Stamped) -> Outcome {
        let before = self.now;
        self.now = self.now.max(at);
        self.age += self.now.saturating_ms_since(before).min(HOUR_MS);
        let outcome = self.dispatch(command);
        for _ in 0..2 {
            let by_age = self.series.iter().map(|(key, series)| (series.oldest, key.clone()));
            if let Some((oldest, key)) = by_age.min()
                && self.age - oldest > 26 * HOUR_MS
            {
                self.forget_aged(&key);
            }
        }
        outcome
    }

    fn forget_aged(&mut self, key: &SeriesKey) {
        let series = self.series.get_mut(key).expect("just seen");
        for _ in 0..128 {
            let Some(first) = series.replies.first_entry() else { break };
            if self.age - first.get().at <= 25 * HOUR_MS {
                break;
            }
            series.floor = first.key() + 1;
            first.remove();
        }
        match series.replies.first_key_value() {
            Some((_, first)) => series.oldest = first.at,
            None => drop(self.series.remove(key)),
        }
    }

    fn has_content(&self) -> bool {
        let has_password =
            |account: &Account| account.password_hash.is_some() || account.password_version > 0;
        let follows = !self.follows.is_empty();
        follows || !self.posts.is_empty() || self.accounts.iter().any(has_password)
    }

    fn dispatch(&mut self, command: Command) -> Outcome {
        let asked = command.clone();
        if self.abandoned_for.is_some() {
            return (Reply::Refused(CommandRefusal::ClusterAbandoned), None);
        }
        match command {
            Command::AbandonCluster { .. } if self.has_content() => {
                (Reply::Refused(CommandRefusal::NotEmpty), None)
            }
            Command::AbandonCluster { to } => {
                self.abandoned_for = Some(to);
                (Reply::Done, None)
            }
            Command::Certify { step } => {
                self.certification =
                    Some(self.certification.take().unwrap_or_default().after(step));
                (Reply::Done, None)
            }
            Command::TestNoop => (Reply::Done, None),
            Command::BootstrapCluster { signing_key } => {
                self.signing_key = self.signing_key.or(Some(signing_key));
                (Reply::Done, None)
            }
            Command::CreateAccount { name, password_hash } => {
                if let Some(account) = self.find(&name) {
                    return (Reply::Account(account.clone()), None);
                }
                let user = UserId(self.accounts.len() as u64 + 1);
                let account =
                    Account { user, name, created: false, password_hash, password_version: 0 };
                self.accounts.push(account.clone());
                (Reply::Account(Account { created: true, ..account }), None)
            }
            Command::SetPassword { context, ref password_hash } => {
                let user = context.user;
                self.once(&context, asked, |model| {
                    let account = model.accounts.iter_mut().find(|account| account.user == user);
                    let account = account.expect("once has looked");
                    account.password_hash.clone_from(password_hash);
                    account.password_version += 1;
                    (Reply::Done, Some(Event::PasswordChanged { user }))
                })
            }
            Command::Follow { context, ref target } => self.once(&context, asked, |model| {
                let user = context.user;
                let followee = match model.target(user, target) {
                    Ok(followee) => followee,
                    Err(refusal) => return (Reply::Refused(refusal), None),
                };
                if model.follows.contains_key(&(user, followee)) {
                    return (Reply::Refused(CommandRefusal::AlreadyFollowing), None);
                }
                let since = model.newest_post();
                model.follows.insert((user, followee), since);
                (Reply::Done, Some(Event::Followed { follower: user, followee, since }))
            }),
            Command::Unfollow { context, ref target } => self.once(&context, asked, |model| {
                let user = context.user;
                let followee = match model.target(user, target) {
                    Ok(followee) => followee,
                    Err(refusal) => return (Reply::Refused(refusal), None),
                };
                if model.follows.remove(&(user, followee)).is_none() {
                    return (Reply::Refused(CommandRefusal::NotFollowing), None);
                }
                (Reply::Done, Some(Event::Unfollowed { follower: user, followee }))
            }),
            Command::Publish { context, ref text } => self.once(&context, asked, |model| {
                let user = context.user;
                let id = PostId::new(model.posts.len() as u64 + 1);
                let author_name = model.account(user).expect("once has looked").name.clone();
                let text = text.as_str().to_owned();
                let posted_at = model.now;
                let post = Post { id, author: user, author_name, posted_at, text };
                model.posts.push(post.clone());
                (Reply::Published { post: id, posted_at }, Some(Event::Published(post)))
            }),
        }
    }

    fn once(
        &mut self,
        Context { user, password_version, key }: &Context,
        asked: Command,
        change: impl FnOnce(&mut Self) -> Outcome,
    ) -> Outcome {
        let refused = |refusal| (Reply::Refused(refusal), None);
        let Some(account) = self.account(*user) else {
            return refused(CommandRefusal::NoSuchAccount);
        };
        let is_current = account.password_version == *password_version;
        let (series, sequence, answered_below) = match key {
            RequestKey::Counted { client, sequence, answered_below } => {
                let name = client.0.to_be_bytes().to_vec();
                ((*user, 0, name), *sequence, *answered_below.min(sequence))
            }
            RequestKey::Opaque(key) => ((*user, 1, key.as_bytes().to_vec()), 1, 0),
        };
        if let Some(known) = self.series.get(&series) {
            if sequence < known.floor {
                return refused(CommandRefusal::StaleRequest);
            }
            match known.replies.get(&sequence) {
                Some(known) if is_repetition(&known.command, &asked) => {
                    return (known.reply.clone(), None);
                }
                Some(_) => return refused(CommandRefusal::KeyReused),
                None => {}
            }
        }
        if !is_current {
            return refused(CommandRefusal::SessionEnded);
        }
        let outcome = change(self);
        let at = self.age;
        let series = self.series.entry(series).or_insert_with(|| Series {
            floor: answered_below,
            oldest: at,
            replies: BTreeMap::new(),
        });
        series.replies.insert(sequence, Answered { at, command: asked, reply: outcome.0.clone() });
        if answered_below >= series.floor + 64 {
            let answered = series.replies.range(..answered_below).map(|(sequence, _)| *sequence);
            let gone: Vec<u64> = answered.take(128).collect();
            series.replies.retain(|sequence, _| !gone.contains(sequence));
            let is_rest = gone.len() == 128;
            series.floor = if is_rest { gone[127] + 1 } else { answered_below };
        }
        outcome
    }

    fn target(&self, user: UserId, name: &UserName) -> Result<UserId, CommandRefusal> {
        match self.find(name) {
            None => Err(CommandRefusal::NoSuchUser),
            Some(account) if account.user == user => Err(CommandRefusal::Oneself),
            Some(account) => Ok(account.user),
        }
    }

    fn find(&self, name: &UserName) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name.folded() == name.folded())
    }

    fn account(&self, user: UserId) -> Option<&Account> {
        self.accounts.iter().find(|account| account.user == user)
    }

    fn page_of(posts: Vec<&Post>, cursor: Cursor, limit: usize) -> (Vec<Post>, bool) {
        let mut posts: Vec<Post> = posts.into_iter().cloned().collect();
        match cursor {
            Cursor::Before(before) => {
                posts.reverse();
                posts.retain(|post| post.id < before);
            }
            Cursor::After(after) => posts.retain(|post| post.id > after),
        }
        let more = posts.len() > limit;
        posts.truncate(limit);
        (posts, more)
    }

    fn names(&self, of: impl Fn(UserId) -> bool) -> Vec<UserName> {
        let mut names: Vec<_> = self.accounts.iter().filter(|account| of(account.user)).collect();
        names.sort_by_key(|account| account.name.folded());
        names.into_iter().map(|account| account.name.clone()).collect()
    }

    fn newest_post(&self) -> PostId {
        PostId::new(self.posts.len() as u64)
    }

    /// Asserts that every read of `view` gives what the model gives.
    pub fn assert_agrees(&self, view: &View, limit: usize) {
        assert_eq!(view.signing_key(), self.signing_key);
        assert_eq!(view.abandoned_for(), self.abandoned_for);
        assert_eq!(view.certification().unwrap(), self.certification);
        assert_eq!(view.has_content().unwrap(), self.has_content());
        assert_eq!(view.newest_post(), self.newest_post());
        let all = |names| Page { names, next: None };
        assert_eq!(view.users(None, 1_000).unwrap(), all(self.names(|_| true)));
        for account in &self.accounts {
            let user = account.user;
            assert_eq!(view.account(user).unwrap().as_ref(), Some(account));
            assert_eq!(view.account_by_name(&account.name).unwrap().as_ref(), Some(account));
            let following = self.names(|other| self.follows.contains_key(&(user, other)));
            assert_eq!(view.following(user, None, 1_000).unwrap(), all(following));
            let followers = self.names(|other| self.follows.contains_key(&(other, user)));
            assert_eq!(view.followers(user, None, 1_000).unwrap(), all(followers));
            let mut sources = all_sources(view, user);
            sources.sort_unstable();
            let edges = self.follows.iter().filter(|((follower, _), _)| *follower == user);
            let expected =
                edges.map(|((_, author), since)| Source { author: *author, since: *since });
            assert_eq!(sources, expected.collect::<Vec<_>>());

            let in_timeline = |post: &&Post| {
                self.follows.get(&(user, post.author)).is_some_and(|since| post.id > *since)
            };
            let newest = self.posts.len() as u64;
            for position in [0, 1, newest / 2, newest, newest + 1, u64::MAX].map(PostId::new) {
                for cursor in [Cursor::Before(position), Cursor::After(position)] {
                    let timeline = self.posts.iter().filter(in_timeline).collect();
                    let page = whole_page(view, view.timeline(user, cursor, limit)).unwrap();
                    assert_eq!(page, Self::page_of(timeline, cursor, limit), "{cursor:?}");
                    let own = self.posts.iter().filter(|post| post.author == user).collect();
                    let page = view.posts_of(user, cursor, limit).unwrap();
                    let page = whole_page(view, page).unwrap();
                    assert_eq!(page, Self::page_of(own, cursor, limit), "{cursor:?}");
                }
            }
        }
    }
}
