//! Apps that act for people.

use super::{
    people::{person_from_wire, person_to_wire},
    personal::{preferences_from_wire, preferences_to_wire},
    some_text, unreadable,
};
use crate::{
    domain::{
        App, AppName, ClientName, LoginId, RedirectUris, Role, Scopes, UnixMillis, UserName,
        Website,
    },
    network::{
        Login, Refusal, SessionToken,
        apps::{
            AppCredentials, AppLabel, AppOfToken, AppToken, Grant, GrantCode, Me, NewApp,
            Redemption, RegisteredApp,
        },
    },
    wire::v1,
};

/// An app that wants to register.
pub fn new_app_to_wire(app: NewApp) -> v1::RegisterAppRequest {
    let NewApp { name, website, redirect_uris, scopes } = app;
    let website = website.unwrap_or_default();
    v1::RegisterAppRequest { name, website, redirect_uris, scopes: scopes.into() }
}

/// An app that wants to register.
pub fn new_app_from_wire(wire: v1::RegisterAppRequest) -> Result<NewApp, Refusal> {
    let v1::RegisterAppRequest { name, website, redirect_uris, scopes } = wire;
    let scopes = Scopes::parse(&scopes)?;
    Ok(NewApp { name, website: some_text(website), redirect_uris, scopes })
}

/// An app.
pub fn app_to_wire(app: App) -> v1::App {
    let App { name, website, redirect_uris, scopes, registered_at } = app;
    v1::App {
        name: name.into(),
        website: website.map(String::from).unwrap_or_default(),
        redirect_uris: redirect_uris.into(),
        scopes: scopes.into(),
        registered_at_ms: registered_at.get(),
    }
}

/// An app.
pub fn app_from_wire(wire: Option<v1::App>) -> Result<App, Refusal> {
    let wire = wire.ok_or_else(|| unreadable("the app is missing"))?;
    let v1::App { name, website, redirect_uris, scopes, registered_at_ms } = wire;
    let website = some_text(website).map(|website| Website::new(&website)).transpose();
    Ok(App {
        name: AppName::new(&name).map_err(unreadable)?,
        website: website.map_err(unreadable)?,
        redirect_uris: RedirectUris::new(redirect_uris).map_err(unreadable)?,
        scopes: Scopes::parse(&scopes).map_err(unreadable)?,
        registered_at: UnixMillis::new(registered_at_ms),
    })
}

/// An app that has registered.
pub fn registered_to_wire(registered: RegisteredApp) -> v1::RegisterAppReply {
    let RegisteredApp { client_id, client_secret, app } = registered;
    v1::RegisterAppReply { client_id, client_secret, app: Some(app_to_wire(app)) }
}

/// An app that has registered.
pub fn registered_from_wire(wire: v1::RegisterAppReply) -> Result<RegisteredApp, Refusal> {
    let v1::RegisterAppReply { client_id, client_secret, app } = wire;
    Ok(RegisteredApp { client_id, client_secret, app: app_from_wire(app)? })
}

/// What somebody lets an app do.
pub fn grant_to_wire(grant: Grant) -> v1::GrantRequest {
    let Grant { client_id, redirect_uri, scopes, challenge, login, attempt } = grant;
    let Login { name, password, must_exist: _ } = login;
    v1::GrantRequest {
        client_id,
        redirect_uri,
        scopes: scopes.into(),
        code_challenge: challenge.map(Vec::from).unwrap_or_default(),
        username: name.into(),
        password,
        attempt: attempt_to_wire(attempt),
    }
}

/// What somebody lets an app do; `drawn` is random, for an attempt that has no id.
pub fn grant_from_wire(wire: v1::GrantRequest, drawn: LoginId) -> Result<Grant, Refusal> {
    let v1::GrantRequest { client_id, redirect_uri, scopes, username, password, .. } = wire;
    let challenge = wire.code_challenge;
    let challenge = if challenge.is_empty() {
        None
    } else {
        let whole = challenge.try_into();
        Some(whole.map_err(|_| Refusal::invalid("code_challenge must have 32 bytes"))?)
    };
    Ok(Grant {
        client_id,
        redirect_uri,
        scopes: Scopes::parse(&scopes)?,
        challenge,
        login: Login { name: UserName::new(username)?, password, must_exist: true },
        attempt: attempt_from_wire(wire.attempt, drawn)?,
    })
}

/// The code of a grant.
pub fn code_to_wire(code: &GrantCode) -> v1::GrantReply {
    v1::GrantReply { code: code.expose().to_owned() }
}

/// The code of a grant.
pub fn code_from_wire(wire: v1::GrantReply) -> GrantCode {
    GrantCode::new(wire.code)
}

/// A code that is redeemed.
pub fn redemption_to_wire(redemption: Redemption) -> v1::RedeemRequest {
    let Redemption { client_id, client_secret, code, redirect_uri, verifier, attempt } = redemption;
    v1::RedeemRequest {
        client_id,
        client_secret,
        code: code.expose().to_owned(),
        redirect_uri,
        code_verifier: verifier,
        attempt: attempt_to_wire(attempt),
    }
}

/// A code that is redeemed; `drawn` is random, for an attempt that has no id.
pub fn redemption_from_wire(
    wire: v1::RedeemRequest,
    drawn: LoginId,
) -> Result<Redemption, Refusal> {
    let v1::RedeemRequest { client_id, client_secret, code, redirect_uri, code_verifier, attempt } =
        wire;
    Ok(Redemption {
        client_id,
        client_secret,
        code: GrantCode::new(code),
        redirect_uri,
        verifier: code_verifier,
        attempt: attempt_from_wire(attempt, drawn)?,
    })
}

/// What an app wants a token for that acts for nobody.
pub fn app_token_to_wire(credentials: AppCredentials, scopes: Scopes) -> v1::AppTokenRequest {
    let AppCredentials { client_id, client_secret } = credentials;
    v1::AppTokenRequest { client_id, client_secret, scopes: scopes.into() }
}

/// What an app wants a token for that acts for nobody.
pub fn app_token_from_wire(wire: v1::AppTokenRequest) -> Result<(AppCredentials, Scopes), Refusal> {
    let v1::AppTokenRequest { client_id, client_secret, scopes } = wire;
    Ok((AppCredentials { client_id, client_secret }, Scopes::parse(&scopes)?))
}

/// A token of an app.
pub fn token_to_wire(token: AppToken) -> v1::AppTokenReply {
    let AppToken { token, scopes, created_at } = token;
    v1::AppTokenReply {
        token: token.expose().to_owned(),
        scopes: scopes.into(),
        created_at_ms: created_at.get(),
    }
}

/// A token of an app.
pub fn token_from_wire(wire: v1::AppTokenReply) -> Result<AppToken, Refusal> {
    let v1::AppTokenReply { token, scopes, created_at_ms } = wire;
    Ok(AppToken {
        token: SessionToken::new(token),
        scopes: Scopes::parse(&scopes).map_err(unreadable)?,
        created_at: UnixMillis::new(created_at_ms),
    })
}

/// A token that is taken back.
pub fn revocation_to_wire(credentials: AppCredentials, token: &str) -> v1::RevokeTokenRequest {
    let AppCredentials { client_id, client_secret } = credentials;
    v1::RevokeTokenRequest { client_id, client_secret, token: token.to_owned() }
}

/// A token that is taken back.
pub fn revocation_from_wire(wire: v1::RevokeTokenRequest) -> (AppCredentials, String) {
    let v1::RevokeTokenRequest { client_id, client_secret, token } = wire;
    (AppCredentials { client_id, client_secret }, token)
}

/// Who calls.
pub fn me_to_wire(me: Me) -> v1::MeReply {
    let Me { person, role, preferences, follow_requests, app, scopes } = me;
    v1::MeReply {
        person: Some(person_to_wire(person)),
        role: role.name().to_owned(),
        preferences: Some(preferences_to_wire(preferences)),
        follow_requests,
        app: app.map(|AppLabel { name, website }| label_to_wire(name, website)),
        scopes: scopes_to_wire(scopes),
    }
}

/// Who calls.
pub fn me_from_wire(wire: v1::MeReply) -> Result<Me, Refusal> {
    let v1::MeReply { person, role, preferences, follow_requests, app, scopes } = wire;
    let person = person.ok_or_else(|| unreadable("the person is missing"))?;
    Ok(Me {
        person: person_from_wire(person)?,
        role: Role::named(&role).ok_or_else(|| unreadable("a role is unknown"))?,
        preferences: preferences_from_wire(preferences.unwrap_or_default()).map_err(unreadable)?,
        follow_requests,
        app: app.map(|app| {
            let (name, website) = label_from_wire(app);
            AppLabel { name, website }
        }),
        scopes: scopes_from_wire(scopes)?,
    })
}

/// Which app's a token is.
pub fn app_of_token_to_wire(app: AppOfToken) -> v1::AppOfTokenReply {
    let AppOfToken { name, website, scopes } = app;
    v1::AppOfTokenReply { app: Some(label_to_wire(name, website)), scopes: scopes_to_wire(scopes) }
}

/// Which app's a token is.
pub fn app_of_token_from_wire(wire: v1::AppOfTokenReply) -> Result<AppOfToken, Refusal> {
    let v1::AppOfTokenReply { app, scopes } = wire;
    let (name, website) = label_from_wire(app.unwrap_or_default());
    Ok(AppOfToken { name, website, scopes: scopes_from_wire(scopes)? })
}

fn label_to_wire(name: ClientName, website: Option<String>) -> v1::AppLabel {
    v1::AppLabel { name: name.into(), website: website.unwrap_or_default() }
}

fn label_from_wire(wire: v1::AppLabel) -> (ClientName, Option<String>) {
    let v1::AppLabel { name, website } = wire;
    (ClientName::new(&name), some_text(website))
}

/// What may be done with a token; none if that is everything.
fn scopes_to_wire(scopes: Scopes) -> Option<String> {
    (!scopes.is_all()).then(|| scopes.into())
}

fn scopes_from_wire(wire: Option<String>) -> Result<Scopes, Refusal> {
    wire.map_or(Ok(Scopes::all()), |text| Scopes::parse(&text).map_err(unreadable))
}

fn attempt_to_wire(LoginId(attempt): LoginId) -> Vec<u8> {
    attempt.to_be_bytes().to_vec()
}

fn attempt_from_wire(wire: Vec<u8>, drawn: LoginId) -> Result<LoginId, Refusal> {
    if wire.is_empty() {
        return Ok(drawn);
    }
    let id = wire.try_into().map_err(|_| Refusal::invalid("attempt must have 16 bytes"))?;
    Ok(LoginId(u128::from_be_bytes(id)))
}
