//! The one place where the state changes.
//!
//! Total: no command can cause a panic, whatever it contains; a refusal is a reply. Errors come
//! only from the disk, and after one the transaction must be discarded.

use super::{
    Account, Command, CommandRefusal, Context, Event, Reply, Stamped,
    requests::{self, Memory, REPLIES_PER_ACCOUNT, SeriesPosition},
    store::{Change, Follow, Meta, StateError, StoredReply, Tables, UserRecord},
};
use crate::{
    domain::{ClusterId, Post, PostText, UnixMillis, UserId, UserName},
    planted::{self, PlantedFault},
};

/// The state within one change, in which any number of commands is applied.
pub struct Graph<'txn> {
    tables: Tables<'txn>,
    memory: Memory<'txn>,
    /// As the table holds it between two commands.
    meta: Meta,
}

/// What the memory of replies needs to know about a request, besides its key.
#[derive(Clone, Copy)]
struct Asked {
    fingerprint: u64,
    needs_room: bool,
}

/// The outcome of a command.
type Outcome = (Reply, Option<Event>);

impl<'txn> Graph<'txn> {
    /// Opens the state, creating it if there is none. Must be dropped before the change is
    /// committed.
    pub fn open(change: &'txn Change) -> Result<Self, StateError> {
        let tables = change.tables();
        let meta = tables.meta()?;
        Ok(Self { tables, memory: Memory::new(change.reply_tables()), meta })
    }

    /// Carries out a command, once.
    ///
    /// A request is looked up before anything is forgotten, so that a repetition is found however
    /// far ahead the clock of the server is that stamped it.
    pub fn apply(&mut self, stamped: Stamped) -> Result<Outcome, StateError> {
        let before = self.meta;
        let at = stamped.at.max(self.meta.applied_at);
        let passed_ms = at.saturating_ms_since(self.meta.applied_at);
        self.meta.applied_at = at;
        self.meta.memory_age_ms = requests::grow_older(self.meta.memory_age_ms, passed_ms);
        if planted::is(PlantedFault::RepliesAgedByTheLeadersClock) {
            self.memory.forget_aged(self.meta.memory_age_ms)?;
        }
        let outcome = self.dispatch(at, stamped.command)?;
        self.memory.forget_aged(self.meta.memory_age_ms)?;
        debug_assert!(self.meta.never_went_back(&before), "{before:?} became {:?}", self.meta);
        if self.meta != before {
            self.tables.put_meta(&self.meta);
        }
        Ok(outcome)
    }

    fn dispatch(&mut self, at: UnixMillis, command: Command) -> Result<Outcome, StateError> {
        let asked = Asked {
            fingerprint: command.fingerprint().unwrap_or_default(),
            // Each of them proves the password; and somebody who has stolen a session must not be
            // able to keep its owner from ending it.
            needs_room: !matches!(command, Command::SetPassword { .. }),
        };
        if self.meta.abandoned_for.is_some() {
            return Ok(refused(CommandRefusal::ClusterAbandoned));
        }
        match command {
            Command::BootstrapCluster { signing_key } => {
                self.meta.signing_key.get_or_insert(signing_key);
                Ok((Reply::Done, None))
            }
            Command::CreateAccount { name, password_hash } => {
                let account = self.create_account(name, password_hash)?;
                Ok((Reply::Account(account), None))
            }
            Command::SetPassword { context, password_hash } => {
                self.once(&context, asked, |graph, record| {
                    Ok(graph.set_password(context.user, record, password_hash))
                })
            }
            Command::Follow { context, target } => self.once(&context, asked, |graph, record| {
                graph.follow(context.user, &record, &target)
            }),
            Command::Unfollow { context, target } => self.once(&context, asked, |graph, record| {
                graph.unfollow(context.user, &record, &target)
            }),
            Command::Publish { context, text } => self.once(&context, asked, |graph, record| {
                graph.publish(at, context.user, record, &text)
            }),
            Command::AbandonCluster { to } => self.abandon_cluster(to),
            Command::Certify { step } => {
                let certification = self.tables.certification()?.unwrap_or_default().after(step);
                self.tables.put_certification(&certification);
                Ok((Reply::Done, None))
            }
            #[cfg(test)]
            Command::TestNoop => Ok((Reply::Done, None)),
        }
    }

    /// Makes a change for an account unless the request was answered before, and remembers the
    /// reply.
    ///
    /// Three kinds of refusal are not remembered, since the same request may come again and then be
    /// carried out: those of unknown accounts, which must not fill the memory; those of a session
    /// that has ended, after whose renewal the request comes again; and those for lack of room.
    fn once(
        &mut self,
        Context { user, password_version, key }: &Context,
        Asked { fingerprint, needs_room }: Asked,
        change: impl FnOnce(&mut Self, UserRecord) -> Result<Outcome, StateError>,
    ) -> Result<Outcome, StateError> {
        let Some(record) = self.tables.user(*user)? else {
            return Ok(refused(CommandRefusal::NoSuchAccount));
        };
        let position = SeriesPosition::of(key);
        let (seen, series) = self.memory.look_up(*user, &position, fingerprint)?;
        if let Some(reply) = seen.reply() {
            return Ok((reply, None));
        }
        let kept = self.memory.kept(*user)?;
        if record.password_version != *password_version
            && !planted::is(PlantedFault::EndedSessionAccepted)
        {
            return Ok(refused(CommandRefusal::SessionEnded));
        }
        if needs_room && kept >= REPLIES_PER_ACCOUNT {
            return Ok(refused(CommandRefusal::TooManyRequests));
        }
        let (reply, event) = change(self, record)?;
        let stored =
            StoredReply { at_ms: self.meta.memory_age_ms, fingerprint, reply: reply.clone() };
        self.memory.remember(*user, &position, (series, kept), &stored)?;
        Ok((reply, event))
    }

    fn create_account(
        &mut self,
        name: UserName,
        password_hash: Option<String>,
    ) -> Result<Account, StateError> {
        if let Some(user) = self.tables.user_named(&name)? {
            let record = self.tables.known_user(user)?;
            return Ok(record.into_account(user, false));
        }
        let number = self.meta.newest_user.checked_add(1).ok_or_else(used_up)?;
        let user = UserId(number);
        let record = UserRecord { name, password_version: 0, password_hash };
        self.tables.put_user(user, &record);
        self.meta.newest_user = number;
        Ok(record.into_account(user, true))
    }

    fn set_password(
        &mut self,
        user: UserId,
        record: UserRecord,
        password_hash: Option<String>,
    ) -> Outcome {
        let password_version = record.password_version.wrapping_add(1);
        self.tables.put_user(user, &UserRecord { password_version, password_hash, ..record });
        (Reply::Done, Some(Event::PasswordChanged { user }))
    }

    fn follow(
        &mut self,
        user: UserId,
        record: &UserRecord,
        target: &UserName,
    ) -> Result<Outcome, StateError> {
        let edge = match self.edge(user, record, target)? {
            Ok(edge) => edge,
            Err(refusal) => return Ok(refused(refusal)),
        };
        if self.tables.has_follow(&edge)? {
            return Ok(refused(CommandRefusal::AlreadyFollowing));
        }
        self.tables.put_follow(&edge);
        let followee = edge.followee;
        Ok((Reply::Done, Some(Event::Followed { follower: user, followee, since: edge.since })))
    }

    fn unfollow(
        &mut self,
        user: UserId,
        record: &UserRecord,
        target: &UserName,
    ) -> Result<Outcome, StateError> {
        let edge = match self.edge(user, record, target)? {
            Ok(edge) => edge,
            Err(refusal) => return Ok(refused(refusal)),
        };
        if !self.tables.remove_follow(&edge)? {
            return Ok(refused(CommandRefusal::NotFollowing));
        }
        let followee = edge.followee;
        Ok((Reply::Done, Some(Event::Unfollowed { follower: user, followee })))
    }

    fn publish(
        &mut self,
        at: UnixMillis,
        user: UserId,
        record: UserRecord,
        text: &PostText,
    ) -> Result<Outcome, StateError> {
        let id = self.meta.newest_post.next().ok_or_else(used_up)?;
        // Ids grow by one, so that they are cursors: no post ever appears before one that was read.
        self.tables.put_post(id, user, at, text.as_str());
        self.meta.newest_post = id;
        let post = Post {
            id,
            author: user,
            author_name: record.name,
            posted_at: at,
            text: text.as_str().to_owned(),
        };
        Ok((Reply::Published { post: id, posted_at: at }, Some(Event::Published(post))))
    }

    fn abandon_cluster(&mut self, to: ClusterId) -> Result<Outcome, StateError> {
        if self.tables.has_content(&self.meta)? {
            return Ok(refused(CommandRefusal::NotEmpty));
        }
        self.meta.abandoned_for = Some(to);
        Ok((Reply::Done, None))
    }

    /// The edge from a user to a name, which may or may not be in the graph.
    fn edge(
        &self,
        user: UserId,
        record: &UserRecord,
        target: &UserName,
    ) -> Result<Result<Follow, CommandRefusal>, StateError> {
        let Some(followee) = self.tables.user_named(target)? else {
            return Ok(Err(CommandRefusal::NoSuchUser));
        };
        if followee == user {
            return Ok(Err(CommandRefusal::Oneself));
        }
        Ok(Ok(Follow {
            follower: user,
            follower_name: record.name.folded(),
            followee,
            followee_name: target.folded(),
            since: self.meta.newest_post,
        }))
    }
}

fn refused(refusal: CommandRefusal) -> Outcome {
    (Reply::Refused(refusal), None)
}

/// No valid state counts that far, but a corrupt one must not cause a panic.
fn used_up() -> StateError {
    StateError::damaged("the ids are used up")
}
