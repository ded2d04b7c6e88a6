//! Logging in, passwords, and sessions.

use super::{
    Here,
    calls::context,
    refusals::{done, session_refusal, unchecked, unexpected, wrong_password},
    scopes::Needs,
    within,
};
use crate::{
    domain::{Joining, RequestKey, UserName},
    master::{
        passwords::{self, Asker},
        rate_limits::Activity,
        sessions::{Session, SessionError},
    },
    network::{
        Begins, Call, Deadline, LoggedIn, Login, PasswordChange, Refusal, RefusalKind, SessionInfo,
        SessionToken, administration::SignUp,
    },
    social::{
        self, Account, Command, CommandRefusal, Reply, View, administration as stored,
        sessions::{NewSession, SessionKey, SessionRef},
    },
};

impl Here {
    pub(super) async fn log_in_here(
        &self,
        call: &Call,
        Login { name, password, must_exist }: &Login,
        begins: &Begins,
    ) -> Result<LoggedIn, Refusal> {
        self.ensure_available()?;
        check_length(password)?;
        let view = self.linearizable_view(call.deadline).await?;
        let asker = Asker::new(call, name);
        let account = match self.found(view.account_by_name(name))? {
            Some(account) => account,
            None if *must_exist => return Err(CommandRefusal::NoSuchUser.into()),
            None => self.create(call, &view, asker.clone(), name.clone(), password).await?,
        };
        if !account.created {
            self.verify_password(call.deadline, asker, &account, password).await?;
        }
        let view = if account.created { self.local_view()? } else { view };
        self.check_standing(&view, &account)?;
        self.begin_session(call, account, begins).await
    }

    /// The current password is checked against everything that was acknowledged before. Of two
    /// concurrent changes that both verify it, the first ends the session of the other.
    pub(super) async fn change_password(
        &self,
        call: &Call,
        key: &RequestKey,
        PasswordChange { current, new }: &PasswordChange,
    ) -> Result<(), Refusal> {
        check_length(current)?;
        check_length(new)?;
        // A new leader learns only now what was acknowledged before it led. That may include this
        // very change, which has ended the session of an account that had no password. The owner of
        // the session can then try another password.
        let (session, view) = self.authenticated_view(call, Needs::OwnClient).await?;
        let change =
            |password_hash| Command::SetPassword { context: context(&session, key), password_hash };
        let earlier = self.found(social::earlier_reply(&view, &change(None)))?;
        if let Some(earlier) = earlier {
            return done(&earlier);
        }
        let account = &session.account;
        let asker = Asker::new(call, &account.name);
        self.verify_password(call.deadline, asker.clone(), account, current).await?;
        let joining = self.found(view.network_settings())?.joining;
        if joining != Joining::Classic {
            Self::check_password(joining, &account.name, new)?;
        }
        // Only now: whoever has stolen a session must not be able to use up what the owner may do.
        self.count(call, Some(account), Activity::ChangingPasswords)?;
        let password_hash = self.hash(call.deadline, asker.clone(), new).await?;
        done(&self.submit(call.deadline, change(password_hash)).await?)?;
        self.parts.passwords.was_opened(&asker);
        Ok(())
    }

    /// Whoever asks again, because the answer was lost, has neither session nor account any more, and is told that it was
    /// done.
    pub(super) async fn delete_account_here(
        &self,
        call: &Call,
        key: &RequestKey,
        password: &str,
    ) -> Result<(), Refusal> {
        check_length(password)?;
        self.ensure_available()?;
        let view = self.linearizable_view(call.deadline).await?;
        let session = match self.checked_session(&view, call) {
            Err(SessionError::Deleted) => return Ok(()),
            _ => self.session(&view, call, Needs::OwnClient)?,
        };
        let asker = Asker::new(call, &session.account.name);
        self.verify_password(call.deadline, asker, &session.account, password).await?;
        let change = Command::DeleteAccount { context: context(&session, key) };
        done(&self.submit(call.deadline, change).await?)
    }

    pub(super) async fn sessions_here(&self, call: &Call) -> Result<Vec<SessionInfo>, Refusal> {
        let (Session { account, session, .. }, view) =
            self.authenticated_view(call, Needs::OwnClient).await?;
        let own = match session {
            SessionRef::Unlisted(_) => None,
            SessionRef::Listed(SessionKey { number, .. }) => Some(number),
        };
        let now = self.parts.node.now();
        let sessions = self.found(view.sessions(account.user))?.into_iter().rev();
        let sessions = sessions.filter(|(_, row)| !row.is_over(now) && !row.is_pending());
        let sessions = sessions.map(|(number, row)| {
            let social::sessions::SessionRecord { begun_at, expires_at, client, login: _, app: _ } =
                row;
            SessionInfo { number, client, begun_at, expires_at, is_this: own == Some(number) }
        });
        Ok(sessions.collect())
    }

    /// A session of somebody who has proved who they are.
    pub(super) async fn begin_session(
        &self,
        call: &Call,
        account: Account,
        Begins { login, client }: &Begins,
    ) -> Result<LoggedIn, Refusal> {
        let expires_at = self.parts.sessions.expires_at(self.parts.node.now());
        let Account { user, name, created, password_hash, password_version } = account;
        let (session, expires_at) = if password_hash.is_none() {
            (SessionRef::Unlisted(password_version), expires_at)
        } else {
            let (login, client, grant) = (*login, client.clone(), None);
            let ends = Some(expires_at);
            let session =
                NewSession { user, password_version, login, client, expires_at: ends, grant };
            match self.submit(call.deadline, Command::BeginSession(session)).await? {
                Reply::SessionBegun { session, expires_at: ends } => {
                    (SessionRef::Listed(session), ends.unwrap_or(expires_at))
                }
                other => return Err(unexpected(&other)),
            }
        };
        let token = self.parts.sessions.token(user, session, expires_at);
        let token = token.map_err(|error| session_refusal(self.damage(), &error))?;
        Ok(LoggedIn { session: SessionToken::new(token), name, created, expires_at })
    }

    /// Refuses whoever cannot log in, in words for them.
    pub(super) fn check_standing(&self, view: &View, account: &Account) -> Result<(), Refusal> {
        let record = self.found(view.standing(account.user))?;
        if let Some(why) = record.standing.keeps_out() {
            return Err(Refusal::new(RefusalKind::NotPossible, why));
        }
        Ok(())
    }

    /// Makes an account with a password, as far as the network takes people.
    pub(super) async fn make_account(
        &self,
        call: &Call,
        view: &View,
        SignUp { name, password, invitation, reason }: &SignUp,
    ) -> Result<Account, Refusal> {
        let joining = self.found(view.network_settings())?.joining;
        match (joining, invitation) {
            (Joining::Closed, _) => return Err(CommandRefusal::JoiningClosed.into()),
            (Joining::Invite, None) => return Err(CommandRefusal::InvitationNeeded.into()),
            _ => {}
        }
        Self::check_password(joining, name, password)?;
        self.count(call, None, Activity::Joining)?;
        let asker = Asker::new(call, name);
        let password_hash = self.hash(call.deadline, asker.clone(), password).await?;
        let password_hash = password_hash.ok_or(CommandRefusal::PasswordNeeded)?;
        let (name, invitation, reason) = (name.clone(), invitation.clone(), reason.clone());
        let sign_up = stored::SignUp { name, password_hash, invitation, reason };
        match self.submit(call.deadline, Command::SignUp(sign_up)).await? {
            Reply::Account(account) => {
                if account.created {
                    self.parts.passwords.was_opened(&asker);
                }
                Ok(account)
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Refuses a password that is too easy to guess, except where none is needed.
    pub(super) fn check_password(
        joining: Joining,
        name: &UserName,
        password: &str,
    ) -> Result<(), Refusal> {
        check_length(password)?;
        if password.is_empty() {
            return Err(CommandRefusal::PasswordNeeded.into());
        }
        if joining == Joining::Classic {
            return Ok(());
        }
        passwords::choice::check(name, password).map_err(|weak| Refusal::invalid(weak.to_string()))
    }

    async fn create(
        &self,
        call: &Call,
        view: &View,
        asker: Asker,
        name: UserName,
        password: &str,
    ) -> Result<Account, Refusal> {
        if self.found(view.network_settings())?.joining != Joining::Classic {
            let (password, reason) = (password.to_owned(), String::new());
            let wanted = SignUp { name, password, invitation: None, reason };
            return self.make_account(call, view, &wanted).await;
        }
        self.count(call, None, Activity::Joining)?;
        let password_hash = self.hash(call.deadline, asker.clone(), password).await?;
        match self.submit(call.deadline, Command::CreateAccount { name, password_hash }).await? {
            Reply::Account(account) => {
                if account.created && account.password_hash.is_some() {
                    self.parts.passwords.was_opened(&asker);
                }
                Ok(account)
            }
            other => Err(unexpected(&other)),
        }
    }

    pub(super) async fn hash(
        &self,
        deadline: Deadline,
        asker: Asker,
        password: &str,
    ) -> Result<Option<String>, Refusal> {
        if password.is_empty() {
            return Ok(None);
        }
        let hash = self.parts.passwords.hash(asker, password.to_owned());
        within(deadline, hash).await?.map(Some).map_err(unchecked)
    }

    pub(super) async fn verify_password(
        &self,
        deadline: Deadline,
        asker: Asker,
        account: &Account,
        password: &str,
    ) -> Result<(), Refusal> {
        match &account.password_hash {
            None if password.is_empty() => Ok(()),
            None => Err(wrong_password("this account has no password: leave it out")),
            Some(_) if password.is_empty() => {
                Err(wrong_password("this account needs its password"))
            }
            Some(hash) => {
                let (password, hash) = (password.to_owned(), hash.clone());
                let verified = self.parts.passwords.verify(asker, password, hash);
                if within(deadline, verified).await?.map_err(unchecked)? {
                    Ok(())
                } else {
                    Err(wrong_password("wrong password"))
                }
            }
        }
    }
}

pub(super) fn check_length(password: &str) -> Result<(), Refusal> {
    if password.len() <= passwords::MAX_BYTES {
        return Ok(());
    }
    Err(Refusal::invalid(format!("a password has at most {} bytes", passwords::MAX_BYTES)))
}
