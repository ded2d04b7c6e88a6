//! Session tokens: who a caller is, signed with a key in the replicated state, so that a token is
//! valid on every master.
//!
//! A token is `base64url(envelope(user, session, expiry)) . base64url(HMAC-SHA-256)`; it is checked against what
//! the state knows of the session, so that one that was ended is over.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::app_tokens;
use crate::{
    domain::{ClientName, Scopes, Standing, UnixMillis, UserId},
    envelope::{self, Kind},
    planted::{self, PlantedFault},
    replication::cluster_clock::Clock,
    social::{
        Account, StateError, StateReader, View,
        sessions::{AppSession, SessionKey, SessionRecord, SessionRef},
    },
};

/// How long a live stream is not asked for its session at most, however long that lasts: those of apps do not expire.
const LONGEST_UNASKED: Duration = Duration::from_hours(24);

/// Creates and checks tokens.
#[derive(Clone)]
pub struct Sessions {
    state: StateReader,
    lifetime: Duration,
}

/// A session that was valid when it was checked.
#[derive(Clone, Debug)]
pub struct Session {
    /// The account it belongs to.
    pub account: Account,
    /// Which one of the account's.
    pub session: SessionRef,
    /// When it ends at the latest.
    pub expires_at: UnixMillis,
    /// Its token.
    pub token: String,
    /// Who has begun it; none if that is not kept.
    pub client: ClientName,
    /// The app whose it is, and what that may do; none if it may do everything.
    pub app: Option<AppSession>,
}

impl Session {
    /// What may be done in it.
    pub fn scopes(&self) -> Scopes {
        self.app.as_ref().map_or(Scopes::all(), |app| app.grant.scopes.clone())
    }
}

/// What allows a live stream to continue: its session, which may end before the stream.
pub struct StreamSession {
    /// Used to check it again.
    pub sessions: Sessions,
    /// As it was when the stream began.
    pub session: Session,
    /// The clock by which it expires.
    pub clock: Clock,
}

impl StreamSession {
    /// How long the session lasts from now on, unless it is ended.
    pub fn lifetime(&self) -> Duration {
        let left_ms = self.session.expires_at.saturating_ms_since((self.clock)());
        Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)).min(LONGEST_UNASKED)
    }

    /// Whether the session is still valid.
    pub fn check(&self) -> Result<(), SessionError> {
        self.sessions.check(&self.session.token, (self.clock)()).map(|_| ())
    }
}

/// Why a token is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is none, or it was not issued by us.
    #[error("log in first: this call carries no valid session token")]
    Invalid,
    /// It was valid once.
    #[error("the session has expired: log in again")]
    Expired,
    /// Somebody has ended it.
    #[error("this session was ended: log in again")]
    Revoked,
    /// It was ended because nobody is let in with that account.
    #[error("{0}")]
    KeptOut(&'static str),
    /// It is no session: the token of an app that acts for nobody.
    #[error("this method requires an authenticated user: the token is that of an app alone")]
    UserNeeded,
    /// It ended with its account.
    #[error("this account was deleted")]
    Deleted,
    /// It was issued by another version of the program.
    #[error("this server cannot read the session token: {0}; log in again")]
    Version(#[from] envelope::Error),
    /// The cluster has no key yet, or this master has not received it.
    #[error("this server has no session key yet")]
    NoKey,
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
}

#[derive(Serialize, Deserialize)]
struct Claims {
    user: UserId,
    session: SessionRef,
    expires_at: UnixMillis,
}

impl Sessions {
    /// Tokens that are valid for `lifetime`.
    pub fn new(state: StateReader, lifetime: Duration) -> Self {
        Self { state, lifetime }
    }

    /// When a session ends that begins now.
    pub fn expires_at(&self, now: UnixMillis) -> UnixMillis {
        now.saturating_add(self.lifetime)
    }

    /// A token of a session.
    pub fn token(
        &self,
        user: UserId,
        session: SessionRef,
        expires_at: UnixMillis,
    ) -> Result<String, SessionError> {
        self.sign(&envelope::seal(Kind::Session, &Claims { user, session, expires_at }))
    }

    /// The token with these claims, which are in their envelope.
    pub(crate) fn sign(&self, claims: &[u8]) -> Result<String, SessionError> {
        let view = self.state.view()?;
        let seal = seal(&view, claims)?.finalize().into_bytes();
        Ok(format!("{}.{}", encoded(claims), encoded(&seal)))
    }

    /// The session of `token`, according to the state that this master has.
    pub fn check(&self, token: &str, now: UnixMillis) -> Result<Session, SessionError> {
        self.check_in(&self.state.view()?, token, now)
    }

    /// The session of `token`, according to the state in `view`.
    pub fn check_in(
        &self,
        view: &View,
        token: &str,
        now: UnixMillis,
    ) -> Result<Session, SessionError> {
        let (claims, signature) = signed_parts(token).ok_or(SessionError::Invalid)?;
        // Compares in constant time.
        if seal(view, &claims)?.verify_slice(&signature).is_err() {
            let is_of_an_app = app_tokens::app_of_token(view, token)?.is_some();
            return Err(if is_of_an_app {
                SessionError::UserNeeded
            } else {
                SessionError::Invalid
            });
        }
        let claims: Claims = envelope::open(Kind::Session, &claims)?;
        if claims.expires_at <= now {
            return Err(SessionError::Expired);
        }
        let account = view.account(claims.user)?.ok_or(SessionError::Invalid)?;
        let Claims { user, session, expires_at } = claims;
        let mut row = None;
        if !planted::is(PlantedFault::EndedSessionAccepted) {
            match session {
                SessionRef::Unlisted(version) if version != account.password_version => {
                    let standing = view.standing(user)?.standing;
                    let is_deleted = standing == Standing::Deleted;
                    return Err(if is_deleted {
                        SessionError::Deleted
                    } else {
                        SessionError::Expired
                    });
                }
                SessionRef::Unlisted(_) => {}
                SessionRef::Listed(SessionKey { number, begun_at }) => {
                    row = view.session(user, number)?.filter(|row| row.begun_at == begun_at);
                    if row.is_none() {
                        let standing = view.standing(user)?.standing;
                        return Err(match standing.keeps_out() {
                            _ if standing == Standing::Deleted => SessionError::Deleted,
                            Some(why) => SessionError::KeptOut(why),
                            None => SessionError::Revoked,
                        });
                    }
                }
            }
        }
        // No token was given for a grant that is no session yet, unless a login was repeated as one.
        if row.as_ref().is_some_and(SessionRecord::is_pending) {
            return Err(SessionError::Invalid);
        }
        let (client, app) = row.map(|row| (row.client, row.app)).unwrap_or_default();
        Ok(Session { account, session, expires_at, token: token.to_owned(), client, app })
    }
}

fn seal(view: &View, claims: &[u8]) -> Result<Hmac<Sha256>, SessionError> {
    let mut mac = keyed(view)?;
    mac.update(claims);
    Ok(mac)
}

/// Signs with the key of the cluster.
pub(super) fn keyed(view: &View) -> Result<Hmac<Sha256>, SessionError> {
    let key = view.signing_key().ok_or(SessionError::NoKey)?;
    Ok(Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length"))
}

/// What is signed, and the signature.
pub(super) fn signed_parts(token: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let (signed, signature) = token.split_once('.')?;
    decoded(signed).zip(decoded(signature))
}

/// Bytes in letters that headers, addresses and forms take as they are.
pub(super) fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes that were [encoded].
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use openraft::storage::RaftStateMachine as _;
    use tempfile::TempDir;

    use super::*;
    use crate::{
        domain::{ClientName, EndedSessions, LoginId},
        replication::{
            state_store::{Observer, StateStore},
            tests::entries::{account, batch, context, name, open_state},
        },
        social::{Command, sessions::NewSession},
    };

    pub const LIFETIME: Duration = Duration::from_secs(1);

    /// A state with the users ann and bob.
    pub struct Fixture {
        pub state: StateStore,
        pub sessions: Sessions,
        _directory: TempDir,
    }

    impl Fixture {
        pub async fn new() -> Self {
            Self::observed(Arc::new(|_| {})).await
        }

        pub async fn observed(observer: Observer) -> Self {
            let directory = tempfile::tempdir().expect("a temporary directory");
            let mut state = StateStore::open(directory.path(), observer).expect("opens");
            let bootstrap = Command::BootstrapCluster { signing_key: [7; 32] };
            let commands = [bootstrap, account("ann"), account("bob")];
            state.apply([batch(1, 1, commands)]).await.expect("applied");
            let sessions = Sessions::new(state.reader(), LIFETIME);
            Self { state, sessions, _directory: directory }
        }

        pub fn account(&self, of: &str) -> Account {
            let view = self.state.reader().view().expect("readable");
            view.account_by_name(&name(of)).expect("readable").expect("exists")
        }

        pub fn token(&self, of: &str) -> String {
            let account = self.account(of);
            let session = SessionRef::Unlisted(account.password_version);
            let expires_at = self.sessions.expires_at(UnixMillis::EPOCH);
            self.sessions.token(account.user, session, expires_at).expect("there is a key")
        }
    }

    #[tokio::test]
    async fn a_token_speaks_for_its_account_until_it_expires() {
        let fixture = Fixture::new().await;
        let token = fixture.token("ann");
        let checked = fixture.sessions.check(&token, UnixMillis::new(999)).expect("good");
        assert_eq!(checked.account.name, name("ann"));
        let expired = fixture.sessions.check(&token, UnixMillis::new(1_000));
        assert!(matches!(expired, Err(SessionError::Expired)));
    }

    #[tokio::test]
    async fn a_token_that_was_tampered_with_is_none_of_ours() {
        let fixture = Fixture::new().await;
        let (ann, bob) = (fixture.token("ann"), fixture.token("bob"));
        for position in 0..ann.len() {
            let mut forged = ann.clone().into_bytes();
            forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).expect("ASCII");
            let outcome = fixture.sessions.check(&forged, UnixMillis::EPOCH);
            assert!(matches!(outcome, Err(SessionError::Invalid)), "{forged}: {outcome:?}");
        }
        let (claims, _) = ann.split_once('.').expect("two parts");
        let (_, signature) = bob.split_once('.').expect("two parts");
        let spliced = format!("{claims}.{signature}");
        for forged in [spliced.as_str(), claims, "", ".", "a.b"] {
            let outcome = fixture.sessions.check(forged, UnixMillis::EPOCH);
            assert!(matches!(outcome, Err(SessionError::Invalid)), "{forged:?}: {outcome:?}");
        }
    }

    #[tokio::test]
    async fn a_token_of_another_version_says_so_once_it_is_known_to_be_ours() {
        let fixture = Fixture::new().await;
        let newer = envelope::seal_in(envelope::Version::new(9), Kind::Session, &"whatever");
        let view = fixture.state.reader().view().expect("readable");
        let signature = seal(&view, &newer).expect("there is a key").finalize().into_bytes();
        let [newer, signature] = [&newer, &signature[..]].map(|part| URL_SAFE_NO_PAD.encode(part));
        let outcome = fixture.sessions.check(&format!("{newer}.{signature}"), UnixMillis::EPOCH);
        assert!(matches!(outcome, Err(SessionError::Version(_))));
        let outcome = fixture.sessions.check(&format!("{newer}.AAAA"), UnixMillis::EPOCH);
        assert!(matches!(outcome, Err(SessionError::Invalid)));
    }

    #[tokio::test]
    async fn a_token_of_another_clusters_key_is_none_of_ours() {
        let (ours, theirs) = (Fixture::new().await, tempfile::tempdir().expect("temp"));
        let mut state = open_state(theirs.path());
        let bootstrap = Command::BootstrapCluster { signing_key: [8; 32] };
        state.apply([batch(1, 1, [bootstrap, account("ann")])]).await.expect("applied");
        let sessions = Sessions::new(state.reader(), LIFETIME);
        let outcome = sessions.check(&ours.token("ann"), UnixMillis::EPOCH);
        assert!(matches!(outcome, Err(SessionError::Invalid)));
    }

    #[tokio::test]
    async fn a_changed_password_ends_the_sessions_begun_with_the_old_one_and_no_others() {
        let mut fixture = Fixture::new().await;
        let (ann, bob) = (fixture.token("ann"), fixture.token("bob"));
        let user = fixture.account("ann").user;
        let password_hash = Some("hash".to_owned());
        let change = Command::SetPassword { context: context(user.0, 1), password_hash };
        fixture.state.apply([batch(1, 2, [change])]).await.expect("applied");
        assert!(matches!(
            fixture.sessions.check(&ann, UnixMillis::EPOCH),
            Err(SessionError::Expired)
        ));
        assert!(fixture.sessions.check(&bob, UnixMillis::EPOCH).is_ok());
        assert!(fixture.sessions.check(&fixture.token("ann"), UnixMillis::EPOCH).is_ok());
    }

    #[tokio::test]
    async fn a_session_that_is_kept_is_over_when_it_is_ended_and_no_other_takes_its_place() {
        let mut fixture = Fixture::new().await;
        let user = fixture.account("ann").user;
        let expires_at = UnixMillis::new(9);
        let begin = |login| {
            Command::BeginSession(NewSession {
                user,
                password_version: 0,
                login: LoginId(login),
                client: ClientName::new("a client"),
                expires_at: Some(expires_at),
                grant: None,
            })
        };
        fixture.state.apply([batch(1, 2, [begin(1), begin(2)])]).await.expect("applied");
        let view = fixture.state.reader().view().expect("readable");
        let tokens: Vec<String> = view
            .sessions(user)
            .expect("readable")
            .into_iter()
            .map(|(number, row)| {
                let session = SessionRef::Listed(SessionKey { number, begun_at: row.begun_at });
                fixture.sessions.token(user, session, expires_at).expect("there is a key")
            })
            .collect();
        let check =
            |fixture: &Fixture, token: &str| fixture.sessions.check(token, UnixMillis::EPOCH);
        assert!(tokens.iter().all(|token| check(&fixture, token).is_ok()));
        let which = EndedSessions::One(1);
        let end = Command::EndSessions { context: context(user.0, 1), which };
        fixture.state.apply([batch(1, 3, [end])]).await.expect("applied");
        assert!(matches!(check(&fixture, &tokens[0]), Err(SessionError::Revoked)));
        assert!(check(&fixture, &tokens[1]).is_ok());
        let other = SessionRef::Listed(SessionKey { number: 2, begun_at: UnixMillis::new(-1) });
        let token = fixture.sessions.token(user, other, expires_at).expect("there is a key");
        assert!(matches!(check(&fixture, &token), Err(SessionError::Revoked)));
    }

    #[tokio::test]
    async fn without_a_key_there_are_no_sessions() {
        let fixture = Fixture::new().await;
        let empty = tempfile::tempdir().expect("a temporary directory");
        let sessions = Sessions::new(open_state(empty.path()).reader(), LIFETIME);
        let token = sessions.token(UserId(1), SessionRef::Unlisted(0), UnixMillis::new(1));
        assert!(matches!(token, Err(SessionError::NoKey)));
        let checked = sessions.check(&fixture.token("ann"), UnixMillis::EPOCH);
        assert!(matches!(checked, Err(SessionError::NoKey)));
    }
}
