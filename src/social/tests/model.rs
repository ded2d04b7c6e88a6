//! The same rules as naively as they can be written down, on plain maps and by full scans.

use std::{cmp::Reverse, collections::BTreeMap};

use super::*;
use crate::domain::{Post, PostId};

#[derive(Default)]
pub struct Model {
    signing_key: Option<[u8; 32]>,
    accounts: Vec<Account>,
    /// (follower, followee) → since.
    follows: BTreeMap<(UserId, UserId), PostId>,
    posts: Vec<Post>,
    clients: BTreeMap<(UserId, ClientId), Client>,
    now: UnixMillis,
}

struct Client {
    used_at: UnixMillis,
    replies: BTreeMap<u64, (UnixMillis, Reply)>,
}

type Outcome = (Reply, Option<Event>);

impl Model {
    pub fn apply(&mut self, Stamped { at, command }: Stamped) -> Outcome {
        self.now = self.now.max(at);
        for _ in 0..2 {
            let oldest = self.clients.iter().map(|(key, client)| (client.used_at, *key)).min();
            if let Some((used_at, key)) = oldest
                && self.now - used_at > 25 * HOUR_MS
            {
                self.clients.remove(&key);
            }
        }
        match command {
            Command::FoundCluster { signing_key } => {
                self.signing_key = self.signing_key.or(Some(signing_key));
                (Reply::Done, None)
            }
            Command::CreateAccount { name, password_hash } => {
                if let Some(account) = self.find(&name) {
                    return (Reply::Account(account.clone()), None);
                }
                let user = UserId(self.accounts.len() as u64 + 1);
                let account = Account { user, name, created: false, password_hash, credentials: 0 };
                self.accounts.push(account.clone());
                (Reply::Account(Account { created: true, ..account }), None)
            }
            Command::SetPassword { user, request, ref password_hash } => {
                self.once(user, request, |model| {
                    let account = model.accounts.iter_mut().find(|account| account.user == user);
                    let account = account.expect("once has looked");
                    account.password_hash.clone_from(password_hash);
                    account.credentials += 1;
                    (Reply::Done, None)
                })
            }
            Command::Follow { user, request, ref target } => self.once(user, request, |model| {
                let followee = match model.target(user, target) {
                    Ok(followee) => followee,
                    Err(refusal) => return (Reply::Refused(refusal), None),
                };
                if model.follows.contains_key(&(user, followee)) {
                    return (Reply::Refused(Refusal::AlreadyFollowing), None);
                }
                let since = model.posts.len() as u64;
                model.follows.insert((user, followee), since);
                (Reply::Done, Some(Event::Followed { follower: user, followee, since }))
            }),
            Command::Unfollow { user, request, ref target } => self.once(user, request, |model| {
                let followee = match model.target(user, target) {
                    Ok(followee) => followee,
                    Err(refusal) => return (Reply::Refused(refusal), None),
                };
                if model.follows.remove(&(user, followee)).is_none() {
                    return (Reply::Refused(Refusal::NotFollowing), None);
                }
                (Reply::Done, Some(Event::Unfollowed { follower: user, followee }))
            }),
            Command::Publish { user, request, ref text } => self.once(user, request, |model| {
                let id = model.posts.len() as u64 + 1;
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
        user: UserId,
        RequestId { client, sequence }: RequestId,
        change: impl FnOnce(&mut Self) -> Outcome,
    ) -> Outcome {
        if self.account(user).is_none() {
            return (Reply::Refused(Refusal::NoSuchAccount), None);
        }
        let now = self.now;
        if let Some(known) = self.clients.get_mut(&(user, client)) {
            let newest = *known.replies.last_key_value().expect("never empty").0;
            let remembered = known.replies.get(&sequence).cloned();
            if remembered.is_none() && newest.saturating_sub(sequence) > RequestId::WINDOW {
                return (Reply::Refused(Refusal::StaleRequest), None);
            }
            if now - known.used_at >= HOUR_MS {
                known.used_at = now;
            }
            if let Some((_, reply)) = remembered {
                return (reply, None);
            }
        } else {
            let of_user = self.clients.iter().filter(|((owner, _), _)| *owner == user);
            let by_use = of_user.map(|(key, client)| {
                let newest = client.replies.last_key_value().expect("never empty");
                (newest.1.0, *key)
            });
            let mut by_use: Vec<_> = by_use.collect();
            by_use.sort_by_key(|entry| Reverse(*entry));
            if by_use.len() == 64 {
                self.clients.remove(&by_use[63].1);
            }
            let client_of_now = Client { used_at: now, replies: BTreeMap::new() };
            self.clients.insert((user, client), client_of_now);
        }
        let outcome = change(self);
        let replies = &mut self.clients.get_mut(&(user, client)).expect("just seen").replies;
        replies.insert(sequence, (now, outcome.0.clone()));
        let newest = *replies.last_key_value().expect("just inserted").0;
        replies.retain(|sequence, _| newest - sequence <= RequestId::WINDOW);
        outcome
    }

    fn target(&self, user: UserId, name: &UserName) -> Result<UserId, Refusal> {
        match self.find(name) {
            None => Err(Refusal::NoSuchUser),
            Some(account) if account.user == user => Err(Refusal::Oneself),
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

    /// Asserts that every read of `view` is as it should be.
    pub fn assert_agrees(&self, view: &View, limit: usize) {
        assert_eq!(view.signing_key(), self.signing_key);
        assert_eq!(view.newest_post(), self.posts.len() as u64);
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
            let mut ids = view.following_ids(user).unwrap();
            ids.sort_unstable();
            let edges = self.follows.iter().filter(|((follower, _), _)| *follower == user);
            assert_eq!(ids, edges.map(|((_, id), since)| (*id, *since)).collect::<Vec<_>>());

            let in_timeline = |post: &&Post| {
                self.follows.get(&(user, post.author)).is_some_and(|since| post.id > *since)
            };
            let newest = self.posts.len() as u64;
            for position in [0, 1, newest / 2, newest, newest + 1, u64::MAX] {
                for cursor in [Cursor::Before(position), Cursor::After(position)] {
                    let timeline = self.posts.iter().filter(in_timeline).collect();
                    let page = view.timeline(user, cursor, limit).unwrap();
                    assert_eq!(page, Self::page_of(timeline, cursor, limit), "{cursor:?}");
                    let own = self.posts.iter().filter(|post| post.author == user).collect();
                    let page = view.posts_of(user, cursor, limit).unwrap();
                    assert_eq!(page, Self::page_of(own, cursor, limit), "{cursor:?}");
                }
            }
        }
    }
}
