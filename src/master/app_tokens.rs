//! What apps are given: client ids, their secrets, authorization codes, and tokens that act for nobody
//! ([ADR 46](../../docs/adr/0046-apps-without-rows.md)).
//!
//! All of it is signed like session tokens, with the key in the replicated state, and nothing is stored: a client id
//! *is* the registration. Each kind is sealed in an envelope of its own kind and signed for a purpose of its own, so
//! that none can be passed off as another.

use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::Sha256;

use super::sessions::{self, SessionError};
use crate::{
    domain::{App, AppId, AppName, Scopes, UnixMillis, UserId, Website},
    envelope::{self, Kind},
    social::{View, sessions::SessionKey},
};

/// What a signature is for. It stands before what is signed, where an envelope has its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A client id.
    ClientId,
    /// The secret of a client id.
    ClientSecret,
    /// An authorization code.
    GrantCode,
    /// A token of an app.
    AppToken,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::ClientId => b"tinysns client id\0",
            Self::ClientSecret => b"tinysns client secret\0",
            Self::GrantCode => b"tinysns authorization code\0",
            Self::AppToken => b"tinysns token of an app\0",
        }
    }
}

/// What is in a client id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// What the app has said.
    pub app: App,
    /// Tells registrations apart that say the same in the same moment: each has a secret of its own.
    pub drawn: u64,
}

/// What is in an authorization code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantClaims {
    /// Who has granted it.
    pub user: UserId,
    /// Which session it becomes.
    pub session: SessionKey,
}

/// What is in a token that acts for nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppClaims {
    /// Which app.
    pub app: AppId,
    /// What it is called.
    pub name: AppName,
    /// Its page.
    pub website: Option<Website>,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was given.
    pub at: UnixMillis,
}

/// The client id of an app.
pub fn client_id(view: &View, registration: &Registration) -> Result<String, SessionError> {
    sign(view, Purpose::ClientId, &envelope::seal(Kind::App, registration))
}

/// The app with a client id; none if it is not one of ours.
pub fn app(view: &View, client_id: &str) -> Result<Option<App>, SessionError> {
    let registration: Option<Registration> = open(view, Purpose::ClientId, Kind::App, client_id)?;
    Ok(registration.map(|Registration { app, .. }| app))
}

/// The secret of a client id.
pub fn client_secret(view: &View, client_id: &str) -> Result<String, SessionError> {
    Ok(sessions::encoded(&mac_of_secret(view, client_id)?.finalize().into_bytes()))
}

/// Whether `secret` is that of a client id. Compares in constant time.
pub fn is_secret(view: &View, client_id: &str, secret: &str) -> Result<bool, SessionError> {
    let Some(secret) = sessions::decoded(secret) else { return Ok(false) };
    Ok(mac_of_secret(view, client_id)?.verify_slice(&secret).is_ok())
}

/// An authorization code.
pub fn grant_code(view: &View, claims: &GrantClaims) -> Result<String, SessionError> {
    sign(view, Purpose::GrantCode, &envelope::seal(Kind::GrantCode, claims))
}

/// What an authorization code says; none if it is not one of ours.
pub fn granted(view: &View, code: &str) -> Result<Option<GrantClaims>, SessionError> {
    open(view, Purpose::GrantCode, Kind::GrantCode, code)
}

/// A token that acts for nobody.
pub fn app_token(view: &View, claims: &AppClaims) -> Result<String, SessionError> {
    sign(view, Purpose::AppToken, &envelope::seal(Kind::AppToken, claims))
}

/// What a token says that acts for nobody; none if it is not one of ours.
pub fn app_of_token(view: &View, token: &str) -> Result<Option<AppClaims>, SessionError> {
    open(view, Purpose::AppToken, Kind::AppToken, token)
}

/// Signs an envelope for a purpose.
pub(crate) fn sign(view: &View, purpose: Purpose, sealed: &[u8]) -> Result<String, SessionError> {
    let seal = mac(view, purpose, sealed)?.finalize().into_bytes();
    Ok(format!("{}.{}", sessions::encoded(sealed), sessions::encoded(&seal)))
}

fn open<T: DeserializeOwned>(
    view: &View,
    purpose: Purpose,
    kind: Kind,
    text: &str,
) -> Result<Option<T>, SessionError> {
    let Some((sealed, signature)) = sessions::signed_parts(text) else { return Ok(None) };
    if mac(view, purpose, &sealed)?.verify_slice(&signature).is_err() {
        return Ok(None);
    }
    // Of another version, it is of no use here.
    Ok(envelope::open(kind, &sealed).ok())
}

fn mac_of_secret(view: &View, client_id: &str) -> Result<Hmac<Sha256>, SessionError> {
    mac(view, Purpose::ClientSecret, client_id.as_bytes())
}

fn mac(view: &View, purpose: Purpose, signed: &[u8]) -> Result<Hmac<Sha256>, SessionError> {
    let mut mac = sessions::keyed(view)?;
    mac.update(purpose.label());
    mac.update(signed);
    Ok(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{OUT_OF_BAND, RedirectUris},
        master::sessions::tests::Fixture,
        social::StateReader,
    };

    fn registration(drawn: u64) -> Registration {
        let app = App {
            name: AppName::new("Tusky").expect("a name"),
            website: Some(Website::new("https://tusky.app").expect("a website")),
            redirect_uris: RedirectUris::new(vec![OUT_OF_BAND.to_owned()]).expect("taken"),
            scopes: Scopes::parse("read write follow push").expect("scopes"),
            registered_at: UnixMillis::new(9),
        };
        Registration { app, drawn }
    }

    fn view(reader: &StateReader) -> View {
        reader.view().expect("readable")
    }

    #[tokio::test]
    async fn a_client_id_is_the_registration_and_each_has_a_secret_of_its_own() {
        let fixture = Fixture::new().await;
        let view = view(&fixture.state.reader());
        let [one, two] =
            [1, 2].map(|drawn| client_id(&view, &registration(drawn)).expect("signed"));
        assert_eq!(app(&view, &one).expect("readable"), Some(registration(1).app));
        let [secret, other] = [&one, &two].map(|id| client_secret(&view, id).expect("signed"));
        assert!(is_secret(&view, &one, &secret).expect("readable"));
        for wrong in [other.as_str(), "", "!", &secret[1..]] {
            assert!(!is_secret(&view, &one, wrong).expect("readable"), "{wrong}");
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        assert!([&one, &secret].iter().all(|text| text.chars().all(allowed)));
    }

    #[tokio::test]
    async fn what_was_tampered_with_is_none_of_ours() {
        let fixture = Fixture::new().await;
        let view = view(&fixture.state.reader());
        let id = client_id(&view, &registration(1)).expect("signed");
        for position in 0..id.len() {
            let mut forged = id.clone().into_bytes();
            forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).expect("ASCII");
            assert_eq!(app(&view, &forged).expect("readable"), None, "{forged}");
        }
    }

    #[tokio::test]
    async fn none_of_what_is_signed_can_be_passed_off_as_another() {
        let fixture = Fixture::new().await;
        let view = view(&fixture.state.reader());
        let user = fixture.account("ann").user;
        let session = SessionKey { number: 1, begun_at: UnixMillis::EPOCH };
        let claims = AppClaims {
            app: AppId::of("x"),
            name: AppName::new("x").expect("a name"),
            website: None,
            scopes: Scopes::parse("read").expect("scopes"),
            at: UnixMillis::EPOCH,
        };
        let id = client_id(&view, &registration(1)).expect("signed");
        let secret = client_secret(&view, &id).expect("signed");
        let code = grant_code(&view, &GrantClaims { user, session }).expect("signed");
        let token = app_token(&view, &claims).expect("signed");
        let of_a_session = fixture.token("ann");
        let all = [&id, &secret, &code, &token, &of_a_session];
        let is_session = |text: &str| fixture.sessions.check(text, UnixMillis::EPOCH).is_ok();
        for text in all {
            let taken = [
                (&id, app(&view, text).expect("readable").is_some()),
                (&secret, is_secret(&view, &id, text).expect("readable")),
                (&code, granted(&view, text).expect("readable").is_some()),
                (&token, app_of_token(&view, text).expect("readable").is_some()),
                (&of_a_session, is_session(text)),
            ];
            for (own, is_taken) in taken {
                assert_eq!(is_taken, own == text, "{text} for {own}");
            }
        }
        // Nor is an envelope of another kind, signed for this purpose, or the same signed for another.
        let sealed = envelope::seal(Kind::GrantCode, &GrantClaims { user, session });
        let misplaced = sign(&view, Purpose::AppToken, &sealed).expect("signed");
        assert_eq!(app_of_token(&view, &misplaced).expect("readable"), None);
        assert_eq!(granted(&view, &misplaced).expect("readable"), None);
        let as_session = fixture.sessions.sign(&sealed).expect("signed");
        assert!(!is_session(&as_session));
        assert_eq!(granted(&view, &as_session).expect("readable"), None);
    }

    #[tokio::test]
    async fn a_token_that_acts_for_nobody_is_told_that_somebody_is_needed() {
        let fixture = Fixture::new().await;
        let view = view(&fixture.state.reader());
        let claims = AppClaims {
            app: AppId::of("x"),
            name: AppName::new("x").expect("a name"),
            website: None,
            scopes: Scopes::parse("read").expect("scopes"),
            at: UnixMillis::EPOCH,
        };
        let token = app_token(&view, &claims).expect("signed");
        let refused = fixture.sessions.check(&token, UnixMillis::EPOCH);
        assert!(matches!(refused, Err(SessionError::UserNeeded)), "{refused:?}");
    }
}
