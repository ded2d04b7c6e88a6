//! The one place where the state changes.
//!
//! - `posts`: posts, their edits and deletions, boosts and marks
//! - `people`: accounts, and what people are to each other
//! - `administration`: joining, reports, and what those do who run the network
//! - `sessions`: how sessions begin and end
//! - `personal`: what people keep for themselves
//! - `pictures`: pictures on posts and of people
//! - `notifications`: what people are told of what others do
//! - `chores`: work that goes on over many commands; `account_deletion`: of that, what takes somebody away
//!
//! Total: no command can cause a panic, whatever it contains; a refusal is a reply. Errors come
//! only from the disk, and after one the transaction must be discarded.

mod account_deletion;
mod administration;
mod chores;
mod notifications;
mod people;
mod personal;
mod pictures;
mod posts;
mod sessions;

use super::{
    Command, CommandRefusal, Context, Event, Reply, Stamped,
    administration::OPERATOR,
    requests::{self, Memory, REPLIES_PER_ACCOUNT, SeriesPosition},
    sessions::SessionRef,
    store::{Acquaintance, Change, Known, Meta, StateError, StoredReply, Tables, UserRecord},
};
use crate::{
    domain::{ClusterId, PostId, RequestKey, UnixMillis, UserId},
    planted::{self, PlantedFault},
};

/// The state within one change, in which any number of commands is applied.
pub struct Graph<'txn> {
    tables: Tables<'txn>,
    memory: Memory<'txn>,
    /// As the table holds it between two commands.
    meta: Meta,
    /// What has happened during this command.
    events: Vec<Event>,
}

/// What the memory of replies needs to know about a request, besides its key.
#[derive(Clone, Copy)]
struct Asked {
    fingerprint: u64,
    needs_room: bool,
}

/// What comes of a change that is possible, or why it is not.
type Outcome = Result<Reply, CommandRefusal>;

impl<'txn> Graph<'txn> {
    /// Opens the state, creating it if there is none. Must be dropped before the change is
    /// committed.
    pub fn open(change: &'txn Change) -> Result<Self, StateError> {
        let tables = change.tables();
        let meta = tables.meta()?;
        Ok(Self { tables, memory: Memory::new(change.reply_tables()), meta, events: Vec::new() })
    }

    /// Carries out a command, once.
    ///
    /// A request is looked up before anything is forgotten, so that a repetition is found however
    /// far ahead the clock of the server is that stamped it.
    pub fn apply(&mut self, stamped: Stamped) -> Result<(Reply, Vec<Event>), StateError> {
        let before = self.meta;
        let at = stamped.at.max(self.meta.applied_at);
        let passed_ms = at.saturating_ms_since(self.meta.applied_at);
        self.meta.applied_at = at;
        self.meta.memory_age_ms = requests::grow_older(self.meta.memory_age_ms, passed_ms);
        if planted::is(PlantedFault::RepliesAgedByTheLeadersClock) {
            self.memory.forget_aged(self.meta.memory_age_ms)?;
        }
        let reply = self.dispatch(at, stamped.command)?;
        self.memory.forget_aged(self.meta.memory_age_ms)?;
        debug_assert!(self.meta.never_went_back(&before), "{before:?} became {:?}", self.meta);
        if self.meta != before {
            self.tables.put_meta(&self.meta);
        }
        Ok((reply, std::mem::take(&mut self.events)))
    }

    #[expect(
        clippy::too_many_lines,
        reason = "it has an arm for each command, and does nothing else"
    )]
    fn dispatch(&mut self, at: UnixMillis, command: Command) -> Result<Reply, StateError> {
        let asked = Asked {
            fingerprint: command.fingerprint().unwrap_or_default(),
            // Each of them proves the password; and somebody who has stolen a session must not be
            // able to keep its owner from ending it.
            needs_room: !matches!(command, Command::SetPassword { .. }),
        };
        if self.meta.abandoned_for.is_some() {
            return Ok(Reply::Refused(CommandRefusal::ClusterAbandoned));
        }
        match command {
            Command::BootstrapCluster { signing_key } => {
                self.meta.signing_key.get_or_insert(signing_key);
                Ok(Reply::Done)
            }
            Command::CreateAccount { name, password_hash } => {
                self.create_account(at, name, password_hash)
            }
            Command::SetPassword { context, password_hash } => {
                self.once(&context, asked, |graph, record| {
                    graph.set_password(&context, record, password_hash)
                })
            }
            Command::Follow { context, target } => self.once(&context, asked, |graph, record| {
                graph.follow(at, context.user, &record, &target)
            }),
            Command::Unfollow { context, target } => self.once(&context, asked, |graph, record| {
                graph.unfollow(context.user, &record, &target)
            }),
            Command::Publish { context, draft } => {
                self.once(&context, asked, |graph, _| graph.publish(at, context.user, &draft))
            }
            Command::AbandonCluster { to } => self.abandon_cluster(to),
            Command::Certify { step } => {
                let certification = self.tables.certification()?.unwrap_or_default().after(step);
                self.tables.put_certification(&certification);
                Ok(Reply::Done)
            }
            Command::Edit { context, post, content } => {
                self.once(&context, asked, |graph, _| graph.edit(at, context.user, post, &content))
            }
            Command::Delete { context, post } => {
                self.once(&context, asked, |graph, _| graph.delete(at, context.user, post))
            }
            Command::Boost { context, post, set } => self.once(&context, asked, |graph, _| {
                if set {
                    graph.boost(at, context.user, post)
                } else {
                    graph.unboost(at, context.user, post)
                }
            }),
            Command::Mark { context, post, mark, set } => self
                .once(&context, asked, |graph, _| graph.mark(at, context.user, post, (mark, set))),
            Command::Relate { context, target, change } => {
                self.once(&context, asked, |graph, record| {
                    graph.relate(context.user, &record, &target, change)
                })
            }
            Command::SetProfile { context, profile, words } => {
                self.once(&context, asked, |graph, _| {
                    graph.set_profile(context.user, profile, words)
                })
            }
            Command::ChangeNotifications { context, change } => {
                self.once(&context, asked, |graph, _| {
                    graph.change_notifications(at, context.user, change)
                })
            }
            Command::DeleteAccount { context } => self.once(&context, asked, |graph, record| {
                graph.delete_account(at, context.user, record)
            }),
            Command::GoOn { chore } => self.go_on(at, chore),
            Command::SignUp(sign_up) => self.sign_up(at, sign_up),
            Command::BeginSession(session) => self.begin_session(at, session),
            Command::RedeemGrant { user, session, attempt } => {
                self.redeem_grant(at, user, session, attempt)
            }
            Command::EndAppSession { user, session } => self.end_app_session(user, session),
            Command::EndSessions { context, which } => self.once(&context, asked, |graph, _| {
                graph.end_some_sessions(context.user, context.session, which)
            }),
            Command::Report { context, report } => {
                self.once(&context, asked, |graph, _| graph.report(at, context.user, &report))
            }
            Command::Administer { context, request } => {
                self.administer(at, &context, asked, request)
            }
            Command::ChangePersonal { context, change } => {
                self.once(&context, asked, |graph, record| {
                    graph.change_personal(at, context.user, &record, change)
                })
            }
            Command::BeginPicture { context, picture } => self
                .once(&context, asked, |graph, _| graph.begin_picture(at, context.user, picture)),
            Command::PutPiece { owner, picture, number, bytes } => {
                self.put_piece(owner, picture, number, &bytes)
            }
            Command::DescribePicture { context, picture, words } => {
                self.once(&context, asked, |graph, _| {
                    graph.describe_picture(context.user, picture, words)
                })
            }
            Command::DiscardPicture { context, picture } => {
                self.once(&context, asked, |graph, _| graph.discard_picture(context.user, picture))
            }
            Command::SetProfilePicture { context, purpose, picture } => {
                self.once(&context, asked, |graph, _| {
                    graph.set_profile_picture(context.user, purpose, picture)
                })
            }
            Command::ForgetPictures => self.forget_pictures(at),
            #[cfg(test)]
            Command::TestNoop => Ok(Reply::Done),
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
        Context { user, session, key }: &Context,
        asked: Asked,
        change: impl FnOnce(&mut Self, UserRecord) -> Result<Outcome, StateError>,
    ) -> Result<Reply, StateError> {
        let Some(record) = self.tables.user(*user)? else {
            return Ok(Reply::Refused(CommandRefusal::NoSuchAccount));
        };
        let ended = match session {
            _ if self.is_in_session(*user, &record, *session)? => None,
            SessionRef::Unlisted(_) => Some(CommandRefusal::SessionEnded),
            SessionRef::Listed(_) => Some(CommandRefusal::SessionRevoked),
        };
        self.once_under(*user, key, asked, ended, |graph| change(graph, record))
    }

    /// The same for an operator, who has no account and no session.
    fn once_for_an_operator(
        &mut self,
        key: &RequestKey,
        asked: Asked,
        change: impl FnOnce(&mut Self) -> Result<Outcome, StateError>,
    ) -> Result<Reply, StateError> {
        self.once_under(OPERATOR, key, asked, None, change)
    }

    /// The same for whoever's replies are remembered under this number. Whoever's session has ended is told earlier
    /// replies, and nothing else.
    fn once_under(
        &mut self,
        user: UserId,
        key: &RequestKey,
        Asked { fingerprint, needs_room }: Asked,
        ended: Option<CommandRefusal>,
        change: impl FnOnce(&mut Self) -> Result<Outcome, StateError>,
    ) -> Result<Reply, StateError> {
        let position = SeriesPosition::of(key);
        let (seen, series) = self.memory.look_up(user, &position, fingerprint)?;
        if let Some(reply) = seen.reply() {
            return Ok(reply);
        }
        let kept = self.memory.kept(user)?;
        if let Some(refusal) = ended {
            return Ok(Reply::Refused(refusal));
        }
        if needs_room && kept >= REPLIES_PER_ACCOUNT {
            return Ok(Reply::Refused(CommandRefusal::TooManyRequests));
        }
        let reply = change(self)?.unwrap_or_else(Reply::Refused);
        let stored =
            StoredReply { at_ms: self.meta.memory_age_ms, fingerprint, reply: reply.clone() };
        self.memory.remember(user, &position, (series, kept), &stored)?;
        Ok(reply)
    }

    fn abandon_cluster(&mut self, to: ClusterId) -> Result<Reply, StateError> {
        if self.tables.has_content(&self.meta)? {
            return Ok(Reply::Refused(CommandRefusal::NotEmpty));
        }
        self.meta.abandoned_for = Some(to);
        Ok(Reply::Done)
    }

    /// The next position of the feed. Positions grow by one, so that they are cursors: nothing ever appears before
    /// what was read.
    fn next_position(&mut self) -> Result<PostId, StateError> {
        self.meta.newest_post = self.meta.newest_post.next().ok_or_else(used_up)?;
        Ok(self.meta.newest_post)
    }

    /// Notes that something is gone that somebody had written: it has to leave the files, too.
    fn words_were_removed(&mut self) {
        self.meta.words_removed = self.meta.words_removed.saturating_add(1);
    }

    /// Decides something of what people are to each other.
    fn decide<T>(
        &self,
        decision: impl FnOnce(&mut Acquaintance<'_>) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        let mut known = Known::default();
        decision(&mut self.tables.acquaintance(&mut known, self.meta.applied_at))
    }
}

/// No valid state counts that far, but a corrupt one must not cause a panic.
fn used_up() -> StateError {
    StateError::damaged("the ids are used up")
}
