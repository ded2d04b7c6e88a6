//! Sessions: how they begin and end.

use super::{Graph, Outcome};
use crate::{
    domain::{EndedSessions, LoginId, UnixMillis, UserId},
    planted::{self, PlantedFault},
    social::{
        CommandRefusal, Event, Reply,
        administration::StandingRecord,
        sessions::{
            AppSession, GrantStage, MOST_SESSIONS, NewGrant, NewSession, SessionKey, SessionRecord,
            SessionRef,
        },
        store::{StateError, UserRecord},
    },
};

impl Graph<'_> {
    /// Begins a session, once for each login. Those that are over go, and the oldest if there are too many.
    pub(super) fn begin_session(
        &mut self,
        at: UnixMillis,
        NewSession { user, password_version, login, client, expires_at, grant }: NewSession,
    ) -> Result<Reply, StateError> {
        let Some(record) = self.tables.user(user)? else {
            return Ok(Reply::Refused(CommandRefusal::NoSuchAccount));
        };
        let mut sessions = self.tables.sessions(user)?;
        if let Some((number, begun)) = sessions.iter().find(|(_, begun)| begun.login == login) {
            return Ok(begun_as(*number, begun));
        }
        if record.password_version != password_version {
            return Ok(Reply::Refused(CommandRefusal::PasswordChanged));
        }
        let refusal = match grant {
            Some(_) => self.grants_nothing(user, &record)?,
            None => self.use_code(at, user)?,
        };
        if let Some(refusal) = refusal {
            return Ok(Reply::Refused(refusal));
        }
        sessions.retain(|(number, session)| {
            let stays = !session.is_over(at);
            if !stays {
                self.tables.remove_session(user, *number);
            }
            stays
        });
        for (number, _) in sessions.iter().take((sessions.len() + 1).saturating_sub(MOST_SESSIONS))
        {
            self.tables.remove_session(user, *number);
            self.events.push(Event::SessionsEnded { user });
        }
        let number = record.sessions.saturating_add(1);
        let app = grant.map(|NewGrant { grant, until }| AppSession {
            grant,
            stage: GrantStage::Pending { until },
        });
        let session = SessionRecord { begun_at: at, expires_at, login, client, app };
        self.tables.put_session(user, number, &session);
        self.tables.put_user(user, &UserRecord { sessions: number, ..record });
        Ok(begun_as(number, &session))
    }

    /// Why somebody cannot let an app in: whoever knows a name or a code for one login would be in for good.
    fn grants_nothing(
        &self,
        user: UserId,
        record: &UserRecord,
    ) -> Result<Option<CommandRefusal>, StateError> {
        if record.password_hash.is_none() {
            return Ok(Some(CommandRefusal::NoPasswordForApps));
        }
        let has_code = self.tables.standing(user)?.code_until.is_some();
        Ok(has_code.then_some(CommandRefusal::OwnPasswordFirst))
    }

    /// Makes a session of a grant, once. Whoever redeems it again in another attempt has a code that was stolen, or it
    /// was stolen before: the session ends (RFC 6749, 4.1.2).
    pub(super) fn redeem_grant(
        &mut self,
        at: UnixMillis,
        user: UserId,
        SessionKey { number, begun_at }: SessionKey,
        attempt: LoginId,
    ) -> Result<Reply, StateError> {
        let session = self.tables.session(user, number)?;
        let Some(mut session) = session.filter(|session| session.begun_at == begun_at) else {
            return Ok(Reply::Refused(CommandRefusal::NoSuchGrant));
        };
        let is_over = session.is_over(at);
        let Some(app) = &mut session.app else {
            return Ok(Reply::Refused(CommandRefusal::NoSuchGrant));
        };
        match app.stage {
            GrantStage::Pending { .. } if is_over => {
                self.tables.remove_session(user, number);
                Ok(Reply::Refused(CommandRefusal::NoSuchGrant))
            }
            GrantStage::Pending { .. } => {
                app.stage = GrantStage::Redeemed { by: attempt };
                self.tables.put_session(user, number, &session);
                Ok(begun_as(number, &session))
            }
            GrantStage::Redeemed { by } if by == attempt => Ok(begun_as(number, &session)),
            GrantStage::Redeemed { .. } => {
                self.tables.remove_session(user, number);
                self.events.push(Event::SessionsEnded { user });
                Ok(Reply::Refused(CommandRefusal::GrantReused))
            }
        }
    }

    /// Ends the session of an app, if it is there.
    pub(super) fn end_app_session(
        &mut self,
        user: UserId,
        SessionKey { number, begun_at }: SessionKey,
    ) -> Result<Reply, StateError> {
        let session = self.tables.session(user, number)?;
        if session.is_some_and(|session| session.begun_at == begun_at && session.app.is_some()) {
            self.tables.remove_session(user, number);
            self.events.push(Event::SessionsEnded { user });
        }
        Ok(Reply::Done)
    }

    /// Uses up the code that is somebody's password, if it is one; or says why it works no longer.
    fn use_code(
        &mut self,
        at: UnixMillis,
        user: UserId,
    ) -> Result<Option<CommandRefusal>, StateError> {
        let standing = self.tables.standing(user)?;
        let Some(until) = standing.code_until else { return Ok(None) };
        if until <= at {
            return Ok(Some(CommandRefusal::CodeExpired));
        }
        if standing.code_was_used {
            return Ok(Some(CommandRefusal::CodeUsed));
        }
        self.tables.put_standing(user, &StandingRecord { code_was_used: true, ..standing })?;
        Ok(None)
    }

    /// Whether a session of an account has not ended.
    pub(super) fn is_in_session(
        &self,
        user: UserId,
        record: &UserRecord,
        session: SessionRef,
    ) -> Result<bool, StateError> {
        if planted::is(PlantedFault::EndedSessionAccepted) {
            return Ok(true);
        }
        Ok(match session {
            SessionRef::Unlisted(password_version) => record.password_version == password_version,
            SessionRef::Listed(SessionKey { number, begun_at }) => {
                let session = self.tables.session(user, number)?;
                session.is_some_and(|session| session.begun_at == begun_at && !session.is_pending())
            }
        })
    }

    pub(super) fn end_some_sessions(
        &mut self,
        user: UserId,
        own: SessionRef,
        which: EndedSessions,
    ) -> Result<Outcome, StateError> {
        let number = match (which, own) {
            (EndedSessions::One(number), _)
            | (EndedSessions::Own, SessionRef::Listed(SessionKey { number, .. })) => number,
            (EndedSessions::Others, SessionRef::Listed(SessionKey { number, .. })) => {
                self.end_sessions_but(user, Some(number))?;
                return Ok(Ok(Reply::Done));
            }
            (EndedSessions::Own | EndedSessions::Others, SessionRef::Unlisted(_)) => {
                return Ok(Err(CommandRefusal::NoPassword));
            }
        };
        if self.tables.session(user, number)?.is_none() {
            return Ok(Err(CommandRefusal::NoSuchSession));
        }
        self.tables.remove_session(user, number);
        self.events.push(Event::SessionsEnded { user });
        Ok(Ok(Reply::Done))
    }

    /// Ends all sessions and live timelines of an account.
    pub(super) fn end_sessions(&mut self, user: UserId) -> Result<(), StateError> {
        let record = self.tables.known_user(user)?;
        let password_version = record.password_version.wrapping_add(1);
        self.tables.put_user(user, &UserRecord { password_version, ..record });
        self.end_sessions_but(user, None)
    }

    /// Ends the sessions of an account that are kept, but one.
    pub(super) fn end_sessions_but(
        &mut self,
        user: UserId,
        but: Option<u64>,
    ) -> Result<(), StateError> {
        for (number, _) in self.tables.sessions(user)? {
            if but != Some(number) {
                self.tables.remove_session(user, number);
            }
        }
        self.events.push(Event::SessionsEnded { user });
        Ok(())
    }
}

fn begun_as(number: u64, session: &SessionRecord) -> Reply {
    let session_key = SessionKey { number, begun_at: session.begun_at };
    Reply::SessionBegun { session: session_key, expires_at: session.expires_at }
}
