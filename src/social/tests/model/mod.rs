//! The same rules, written as naively as possible, on plain maps and with full scans: from what the rules say,
//! and not from how the state keeps them.
//!
//! - `changes`: what commands do
//! - `reads`: who sees what
//! - `personal`: what people keep for themselves
//! - `comparison`: whether a view says the same

mod changes;
mod comparison;
mod personal;
mod reads;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::domain::{
    Certification, ClusterId, Hashtag, Language, NotificationKind, Revision, Visibility,
};

#[derive(Default)]
pub struct Model {
    signing_key: Option<[u8; 32]>,
    abandoned_for: Option<ClusterId>,
    certification: Option<Certification>,
    accounts: Vec<Account>,
    created_at: BTreeMap<UserId, UnixMillis>,
    sessions: BTreeMap<(UserId, u64), SessionRecord>,
    /// How many were ever begun.
    begun: BTreeMap<UserId, u64>,
    /// With the words by which their owners are found.
    profiles: BTreeMap<UserId, (Profile, Vec<String>)>,
    /// (follower, followee) → since.
    follows: BTreeMap<(UserId, UserId), PostId>,
    /// (who asks, whom).
    requests: BTreeSet<(UserId, UserId)>,
    /// (who, whom).
    blocks: BTreeSet<(UserId, UserId)>,
    /// (who, whom) → whether notifications are muted too, and until when.
    mutes: BTreeMap<(UserId, UserId), (bool, Option<UnixMillis>)>,
    /// (whose, about whom).
    notes: BTreeMap<(UserId, UserId), String>,
    posts: BTreeMap<PostId, Entry>,
    /// → the position at which it was set.
    marks: BTreeMap<(UserId, Mark, PostId), PostId>,
    notifications: BTreeMap<(UserId, PostId), Told>,
    read_up_to: BTreeMap<UserId, PostId>,
    kept: BTreeMap<UserId, personal::Kept>,
    followed_hashtags: BTreeSet<(UserId, Hashtag)>,
    /// Edits and deletions by position, after the last that was forgotten.
    changes: BTreeMap<PostId, Changed>,
    changes_since: PostId,
    /// Edits of which those are yet to be told who have boosted the post, by where that began.
    pub edits_to_tell_of: BTreeMap<PostId, PostId>,
    newest: PostId,
    /// What the command that is applied has caused so far.
    events: Vec<Event>,
    series: BTreeMap<SeriesKey, Series>,
    now: UnixMillis,
    /// The memory's age.
    age: i64,
}

/// A post, a boost, or what is left of a post.
#[derive(Clone)]
struct Entry {
    author: UserId,
    at: UnixMillis,
    what: What,
}

#[derive(Clone)]
enum What {
    Said(Said),
    Boost { of: PostId, visibility: Visibility },
    Gone { reply_to: Option<PostId> },
}

#[derive(Clone)]
struct Said {
    visibility: Visibility,
    reply_to: Option<PostId>,
    now: Revision,
    language: Option<Language>,
    mentioned: Vec<UserId>,
    hashtags: Vec<Hashtag>,
    earlier: Vec<Revision>,
}

#[derive(Clone, Copy)]
struct Told {
    kind: NotificationKind,
    at: UnixMillis,
    actor: UserId,
    post: Option<PostId>,
}

struct Changed {
    at: UnixMillis,
    post: PostId,
    facts: PostFacts,
    hashtags: Vec<Hashtag>,
    is_deletion: bool,
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

/// Whether one command requests the same as the other.
fn is_repetition(one: &Command, other: &Command) -> bool {
    use Command as C;
    match (one, other) {
        (C::SetPassword { .. }, C::SetPassword { .. }) => true,
        (C::Follow { target: one, .. }, C::Follow { target: other, .. })
        | (C::Unfollow { target: one, .. }, C::Unfollow { target: other, .. }) => {
            one.folded() == other.folded()
        }
        (
            C::Relate { target: one, change: this, .. },
            C::Relate { target: other, change: that, .. },
        ) => one.folded() == other.folded() && this == that,
        (C::Publish { draft: one, .. }, C::Publish { draft: other, .. }) => one == other,
        (C::Edit { post: one, content: this, .. }, C::Edit { post: other, content: that, .. }) => {
            one == other && this == that
        }
        (C::Delete { post: one, .. }, C::Delete { post: other, .. }) => one == other,
        (C::Boost { post: one, set: this, .. }, C::Boost { post: other, set: that, .. }) => {
            one == other && this == that
        }
        (
            C::Mark { post: one, mark: this, set, .. },
            C::Mark { post: other, mark: that, set: also, .. },
        ) => one == other && this == that && set == also,
        (C::SetProfile { profile: one, .. }, C::SetProfile { profile: other, .. }) => one == other,
        (
            C::ChangeNotifications { change: one, .. },
            C::ChangeNotifications { change: other, .. },
        ) => one == other,
        (C::EndSessions { which: one, .. }, C::EndSessions { which: other, .. }) => one == other,
        (C::ChangePersonal { change: one, .. }, C::ChangePersonal { change: other, .. }) => {
            one == other
        }
        _ => false,
    }
}

impl Model {
    pub fn apply(&mut self, Stamped { at, command }: Stamped) -> Outcome {
        let before = self.now;
        self.now = self.now.max(at);
        self.age += self.now.saturating_ms_since(before).min(HOUR_MS);
        let reply = self.dispatch(command);
        for _ in 0..2 {
            let by_age = self.series.iter().map(|(key, series)| (series.oldest, key.clone()));
            if let Some((oldest, key)) = by_age.min()
                && self.age - oldest > 26 * HOUR_MS
            {
                self.forget_aged(&key);
            }
        }
        (reply, std::mem::take(&mut self.events))
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
        self.newest > PostId::NONE
            || !self.follows.is_empty()
            || !self.profiles.is_empty()
            || !self.blocks.is_empty()
            || !self.mutes.is_empty()
            || !self.notes.is_empty()
            || !self.kept.is_empty()
            || !self.followed_hashtags.is_empty()
            || self.accounts.iter().any(has_password)
    }

    fn dispatch(&mut self, command: Command) -> Reply {
        if self.abandoned_for.is_some() {
            return Reply::Refused(CommandRefusal::ClusterAbandoned);
        }
        match command {
            Command::AbandonCluster { .. } if self.has_content() => {
                Reply::Refused(CommandRefusal::NotEmpty)
            }
            Command::AbandonCluster { to } => {
                self.abandoned_for = Some(to);
                Reply::Done
            }
            Command::Certify { step } => {
                self.certification =
                    Some(self.certification.take().unwrap_or_default().after(step));
                Reply::Done
            }
            Command::BootstrapCluster { signing_key } => {
                self.signing_key = self.signing_key.or(Some(signing_key));
                Reply::Done
            }
            Command::CreateAccount { name, password_hash } => {
                if let Some(account) = self.find(&name) {
                    return Reply::Account(account.clone());
                }
                let user = UserId(self.accounts.len() as u64 + 1);
                let account =
                    Account { user, name, created: false, password_hash, password_version: 0 };
                self.accounts.push(account.clone());
                self.created_at.insert(user, self.now);
                Reply::Account(Account { created: true, ..account })
            }
            Command::GoOn { chore } => {
                self.go_on(chore);
                Reply::Done
            }
            Command::BeginSession(session) => self.begin_session(session),
            Command::RedeemGrant { user, session, attempt } => {
                self.redeem_grant(user, session, attempt).unwrap_or_else(Reply::Refused)
            }
            Command::EndAppSession { user, session } => {
                if self.app_session(user, session).is_some() {
                    self.sessions.remove(&(user, session.number));
                    self.events.push(Event::SessionsEnded { user });
                }
                Reply::Done
            }
            command => match command.context().cloned() {
                Some(context) => self.once(&context, command),
                None => Reply::Done,
            },
        }
    }

    fn once(&mut self, Context { user, session, key }: &Context, command: Command) -> Reply {
        let Some(account) = self.account(*user) else {
            return Reply::Refused(CommandRefusal::NoSuchAccount);
        };
        let ended = match session {
            SessionRef::Unlisted(version) if *version == account.password_version => None,
            SessionRef::Unlisted(_) => Some(CommandRefusal::SessionEnded),
            SessionRef::Listed(SessionKey { number, begun_at }) => {
                let session = self.sessions.get(&(*user, *number));
                let is_there = session
                    .is_some_and(|session| session.begun_at == *begun_at && !session.is_pending());
                (!is_there).then_some(CommandRefusal::SessionRevoked)
            }
        };
        let own = match session {
            SessionRef::Unlisted(_) => None,
            SessionRef::Listed(SessionKey { number, .. }) => Some(*number),
        };
        let (series, sequence, answered_below) = match key {
            RequestKey::Counted { client, sequence, answered_below } => {
                let name = client.0.to_be_bytes().to_vec();
                ((*user, 0, name), *sequence, *answered_below.min(sequence))
            }
            RequestKey::Opaque(key) => ((*user, 1, key.as_bytes().to_vec()), 1, 0),
        };
        if let Some(known) = self.series.get(&series) {
            if sequence < known.floor {
                return Reply::Refused(CommandRefusal::StaleRequest);
            }
            match known.replies.get(&sequence) {
                Some(known) if is_repetition(&known.command, &command) => {
                    return known.reply.clone();
                }
                Some(_) => return Reply::Refused(CommandRefusal::KeyReused),
                None => {}
            }
        }
        if let Some(refusal) = ended {
            return Reply::Refused(refusal);
        }
        let reply = self.carry_out(*user, own, &command).unwrap_or_else(Reply::Refused);
        let at = self.age;
        let series = self.series.entry(series).or_insert_with(|| Series {
            floor: answered_below,
            oldest: at,
            replies: BTreeMap::new(),
        });
        series.replies.insert(sequence, Answered { at, command, reply: reply.clone() });
        if answered_below >= series.floor + 64 {
            let answered = series.replies.range(..answered_below).map(|(sequence, _)| *sequence);
            let gone: Vec<u64> = answered.take(128).collect();
            series.replies.retain(|sequence, _| !gone.contains(sequence));
            let is_rest = gone.len() == 128;
            series.floor = if is_rest { gone[127] + 1 } else { answered_below };
        }
        reply
    }

    fn find(&self, name: &UserName) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name.folded() == name.folded())
    }

    fn account(&self, user: UserId) -> Option<&Account> {
        self.accounts.iter().find(|account| account.user == user)
    }

    fn name(&self, user: UserId) -> UserName {
        self.account(user).expect("somebody who is there").name.clone()
    }
}
