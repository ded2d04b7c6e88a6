//! Apps: how they register, what people let them do, and how they get and lose their tokens.

use std::time::Duration;

use super::{
    Here,
    refusals::{done, session_refusal, unexpected},
    scopes::Needs,
    sessions::check_length,
};
use crate::{
    domain::{
        App, AppId, AppName, ClientName, RedirectId, RedirectUris, Scopes, UnixMillis, Website,
        meets_challenge,
    },
    host::random,
    master::{
        app_tokens::{self, AppClaims, GrantClaims, Registration},
        passwords::Asker,
        sessions::{Session, SessionError},
    },
    network::{
        Call, Refusal, RefusalKind, SessionToken,
        apps::{
            AppCredentials, AppLabel, AppOfToken, AppToken, Apps, Grant, GrantCode, Me, NewApp,
            Redemption, RegisteredApp,
        },
    },
    social::{
        Command, CommandRefusal, Reply, View,
        sessions::{self as stored, AppSession, GrantStage, NewGrant, NewSession, SessionRef},
    },
};

/// For so long a code can be redeemed.
const CODE_LASTS: Duration = Duration::from_mins(10);

impl Apps for Here {
    async fn register_app(&self, call: &Call, app: &NewApp) -> Result<RegisteredApp, Refusal> {
        self.ensure_available()?;
        let NewApp { name, website, redirect_uris, scopes } = app;
        let website = website.as_deref().filter(|website| !website.trim().is_empty());
        let app = App {
            name: AppName::new(name)?,
            website: website.map(Website::new).transpose()?,
            redirect_uris: RedirectUris::new(redirect_uris.clone())?,
            scopes: asked_for(scopes)?,
            registered_at: self.parts.node.now(),
        };
        let view = self.linearizable_view(call.deadline).await?;
        let registration = Registration { app: app.clone(), drawn: random::id() };
        let client_id = self.signed(app_tokens::client_id(&view, &registration))?;
        let client_secret = self.signed(app_tokens::client_secret(&view, &client_id))?;
        Ok(RegisteredApp { client_id, client_secret, app })
    }

    async fn app(&self, call: &Call, client_id: &str) -> Result<App, Refusal> {
        self.ensure_available()?;
        let view = self.linearizable_view(call.deadline).await?;
        self.known_app(&view, client_id)
    }

    async fn grant(&self, call: &Call, wanted: &Grant) -> Result<GrantCode, Refusal> {
        let Grant { client_id, redirect_uri, scopes, challenge, login, attempt } = wanted;
        self.ensure_available()?;
        check_length(&login.password)?;
        let view = self.linearizable_view(call.deadline).await?;
        let app = self.known_app(&view, client_id)?;
        if !app.redirect_uris.contains(redirect_uri) {
            return Err(bad_grant("the app has not registered this redirect URI"));
        }
        check_scopes(scopes, &app)?;
        let account = self.found(view.account_by_name(&login.name))?;
        let account = account.ok_or(CommandRefusal::NoSuchUser)?;
        // Decided when it is applied; but nobody is to be told before that to leave the password out.
        if account.password_hash.is_none() {
            return Err(CommandRefusal::NoPasswordForApps.into());
        }
        let asker = Asker::new(call, &login.name);
        self.verify_password(call.deadline, asker, &account, &login.password).await?;
        self.check_standing(&view, &account)?;
        let grant = stored::Grant {
            app: AppId::of(client_id),
            website: app.website,
            scopes: scopes.clone(),
            redirect: RedirectId::of(redirect_uri),
            challenge: *challenge,
        };
        let user = account.user;
        let new = NewSession {
            user,
            password_version: account.password_version,
            login: *attempt,
            client: ClientName::new(app.name.as_str()),
            expires_at: None,
            grant: Some(NewGrant {
                grant,
                until: self.parts.node.now().saturating_add(CODE_LASTS),
            }),
        };
        match self.submit(call.deadline, Command::BeginSession(new)).await? {
            Reply::SessionBegun { session, .. } => {
                let claims = GrantClaims { user, session };
                self.signed(app_tokens::grant_code(&self.local_view()?, &claims))
                    .map(GrantCode::new)
            }
            other => Err(unexpected(&other)),
        }
    }

    async fn redeem(&self, call: &Call, redemption: &Redemption) -> Result<AppToken, Refusal> {
        self.ensure_available()?;
        let view = self.linearizable_view(call.deadline).await?;
        let Redeemable { claims, scopes, was_answered } = self.redeemable(&view, redemption)?;
        let GrantClaims { user, session } = claims;
        let reply = if was_answered {
            // A repetition costs no more than a read.
            Reply::SessionBegun { session, expires_at: None }
        } else {
            let attempt = redemption.attempt;
            let command = Command::RedeemGrant { user, session, attempt };
            self.submit(call.deadline, command).await?
        };
        match reply {
            Reply::SessionBegun { session, expires_at } => {
                // Those of apps last until they are ended: apps cannot renew them.
                let expires_at = expires_at.unwrap_or(UnixMillis::MAX);
                let listed = SessionRef::Listed(session);
                let token = self.signed(self.parts.sessions.token(user, listed, expires_at))?;
                let token = SessionToken::new(token);
                Ok(AppToken { token, scopes, created_at: session.begun_at })
            }
            other => Err(unexpected(&other)),
        }
    }

    async fn app_token(
        &self,
        call: &Call,
        credentials: &AppCredentials,
        scopes: &Scopes,
    ) -> Result<AppToken, Refusal> {
        self.ensure_available()?;
        let view = self.linearizable_view(call.deadline).await?;
        let app = self.proven_app(&view, credentials)?;
        check_scopes(scopes, &app)?;
        let created_at = self.parts.node.now();
        let App { name, website, .. } = app;
        let app = AppId::of(&credentials.client_id);
        let claims = AppClaims { app, name, website, scopes: scopes.clone(), at: created_at };
        let token = SessionToken::new(self.signed(app_tokens::app_token(&view, &claims))?);
        Ok(AppToken { token, scopes: scopes.clone(), created_at })
    }

    async fn revoke_token(
        &self,
        call: &Call,
        credentials: &AppCredentials,
        token: &str,
    ) -> Result<(), Refusal> {
        self.ensure_available()?;
        let view = self.linearizable_view(call.deadline).await?;
        self.proven_app(&view, credentials)?;
        let foreign = || {
            let why = "this token is not one of this app's";
            Err(Refusal::new(RefusalKind::NotPossible, why))
        };
        match self.parts.sessions.check_in(&view, token, self.parts.node.now()) {
            Ok(Session { account, session, app: Some(app), .. }) => match session {
                SessionRef::Listed(session)
                    if app.grant.app == AppId::of(&credentials.client_id) =>
                {
                    let command = Command::EndAppSession { user: account.user, session };
                    done(&self.submit(call.deadline, command).await?)
                }
                SessionRef::Listed(_) | SessionRef::Unlisted(_) => foreign(),
            },
            // It has ended: whose it was is forgotten, and nothing is left to take back.
            Err(
                SessionError::Revoked
                | SessionError::KeptOut(_)
                | SessionError::Deleted
                | SessionError::Expired,
            ) => Ok(()),
            Err(SessionError::UserNeeded) => {
                let why = "a token that acts for nobody is not kept, so it cannot be taken back";
                Err(Refusal::new(RefusalKind::NotPossible, why))
            }
            Ok(Session { app: None, .. })
            | Err(SessionError::Invalid | SessionError::Version(_)) => foreign(),
            Err(error @ (SessionError::NoKey | SessionError::State(_))) => {
                Err(session_refusal(self.damage(), &error))
            }
        }
    }

    async fn me(&self, call: &Call) -> Result<Me, Refusal> {
        let (session, view) = self.authenticated_view(call, Needs::Anything).await?;
        let user = session.account.user;
        let person = self.found(view.person(Some(user), user))?;
        let person = person.ok_or(CommandRefusal::NoSuchUser)?;
        let role = self.found(view.standing(user))?.role;
        let preferences = self.found(view.preferences(user))?;
        let requests = self.found(view.requests(user, None, Me::MOST_REQUESTS))?;
        let follow_requests = u64::try_from(requests.names.len()).unwrap_or(u64::MAX);
        let scopes = session.scopes();
        let app = label(session);
        Ok(Me { person, role, preferences, follow_requests, app, scopes })
    }

    async fn app_of_token(&self, call: &Call) -> Result<AppOfToken, Refusal> {
        self.ensure_available()?;
        let view = self.linearizable_view(call.deadline).await?;
        let token = call.session.as_ref().map_or("", SessionToken::expose);
        if let Some(claims) = self.signed(app_tokens::app_of_token(&view, token))? {
            let AppClaims { name, website, scopes, .. } = claims;
            let (name, website) = (ClientName::new(name.as_str()), website.map(String::from));
            return Ok(AppOfToken { name, website, scopes });
        }
        let session = self.session(&view, call, Needs::Anything)?;
        let (scopes, name) = (session.scopes(), session.client.clone());
        let website = label(session).and_then(|label| label.website);
        Ok(AppOfToken { name, website, scopes })
    }
}

/// A grant, as whoever redeems it may.
struct Redeemable {
    claims: GrantClaims,
    scopes: Scopes,
    /// This attempt has redeemed it before.
    was_answered: bool,
}

impl Here {
    /// What was signed, or read of what was.
    fn signed<T>(&self, signed: Result<T, SessionError>) -> Result<T, Refusal> {
        signed.map_err(|error| session_refusal(self.damage(), &error))
    }

    fn known_app(&self, view: &View, client_id: &str) -> Result<App, Refusal> {
        self.signed(app_tokens::app(view, client_id))?.ok_or_else(unknown_app)
    }

    fn proven_app(
        &self,
        view: &View,
        AppCredentials { client_id, client_secret }: &AppCredentials,
    ) -> Result<App, Refusal> {
        let app = self.known_app(view, client_id)?;
        if self.signed(app_tokens::is_secret(view, client_id, client_secret))? {
            Ok(app)
        } else {
            Err(unknown_app())
        }
    }

    /// What is granted by a code, if whoever redeems it is whom it was given to. Nobody else gets as far as to be told
    /// that it was used before, which takes back what it has granted.
    fn redeemable(&self, view: &View, redemption: &Redemption) -> Result<Redeemable, Refusal> {
        let Redemption { client_id, client_secret, code, redirect_uri, verifier, attempt } =
            redemption;
        self.known_app(view, client_id)?;
        if let Some(secret) = client_secret
            && !self.signed(app_tokens::is_secret(view, client_id, secret))?
        {
            return Err(unknown_app());
        }
        let claims = self.signed(app_tokens::granted(view, code.expose()))?;
        let claims = claims.ok_or_else(|| bad_grant("this is not a code of this network"))?;
        let GrantClaims { user, session } = claims;
        let row = self.found(view.session(user, session.number))?;
        let row = row.filter(|row| row.begun_at == session.begun_at);
        let Some(AppSession { grant, stage }) = row.and_then(|row| row.app) else {
            return Err(CommandRefusal::NoSuchGrant.into());
        };
        if grant.app != AppId::of(client_id) {
            return Err(bad_grant("this code was given to another app"));
        }
        if grant.redirect != RedirectId::of(redirect_uri) {
            return Err(bad_grant("this code was given for another redirect URI"));
        }
        match (grant.challenge, verifier) {
            (Some(challenge), Some(verifier)) if meets_challenge(&challenge, verifier) => {}
            (Some(_), _) => return Err(bad_grant("the code verifier does not meet the challenge")),
            // Somebody may have taken the challenge out of the address (RFC 9700, 2.1.1).
            (None, Some(_)) => return Err(bad_grant("there was no challenge for this verifier")),
            (None, None) if client_secret.is_none() => return Err(unknown_app()),
            (None, None) => {}
        }
        let was_answered = stage == GrantStage::Redeemed { by: *attempt };
        Ok(Redeemable { claims, scopes: grant.scopes, was_answered })
    }
}

/// At least one.
fn asked_for(scopes: &Scopes) -> Result<Scopes, Refusal> {
    Ok(Scopes::parse(scopes.as_str())?)
}

/// No more than the app has registered.
fn check_scopes(scopes: &Scopes, app: &App) -> Result<(), Refusal> {
    if asked_for(scopes)?.is_subset_of(&app.scopes) {
        return Ok(());
    }
    let why = "the app has not registered these scopes";
    Err(Refusal::new(RefusalKind::OutsideScope, why))
}

fn label(session: Session) -> Option<AppLabel> {
    let Session { client, app, .. } = session;
    let website = app?.grant.website.map(String::from);
    Some(AppLabel { name: client, website })
}

fn unknown_app() -> Refusal {
    let why = "there is no app with this client id and this secret: register it anew";
    Refusal::new(RefusalKind::UnknownApp, why)
}

fn bad_grant(why: &'static str) -> Refusal {
    Refusal::new(RefusalKind::BadGrant, why)
}
