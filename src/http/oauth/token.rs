//! What an app gets for a code, and how it gives it back.

use axum::{extract::State, http::StatusCode};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use serde_json::json as value;

use super::apps::{USUAL_SCOPES, scopes};
use crate::{
    http::{
        api::Api,
        asked::{Answered, Asked, attempt, done, json},
        fault::Fault,
    },
    network::{
        RefusalKind,
        apps::{AppCredentials, GrantCode, Redemption},
    },
};

/// Who an app says it is: in the body, or as a browser would (RFC 6749, section 2.3.1).
fn credentials(asked: &Asked) -> (Option<String>, Option<String>) {
    let in_body =
        ["client_id", "client_secret"].map(|name| asked.parameters.filled(name).map(str::to_owned));
    let [id, secret] = in_body;
    if id.is_some() {
        return (id, secret);
    }
    let basic = || {
        let header = asked.headers.get("authorization")?.to_str().ok()?;
        let encoded = header.strip_prefix("Basic ")?;
        let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (id, secret) = text.split_once(':')?;
        let decoded = |text| percent_decode_str(text).decode_utf8().ok().map(String::from);
        Some((decoded(id)?, decoded(secret)?))
    };
    basic().map_or((None, None), |(id, secret)| (Some(id), Some(secret)))
}

fn invalid_request(why: &'static str) -> Fault {
    Fault::oauth(StatusCode::BAD_REQUEST, "invalid_request", why)
}

/// Gives a token for a code, or for nothing but who the app is.
pub async fn token(State(api): State<Api>, asked: Asked) -> Answered {
    let parameter = |name: &str| asked.parameters.filled(name).map(str::to_owned);
    let (client_id, client_secret) = credentials(&asked);
    let client_id = client_id.ok_or_else(|| invalid_request("client_id is missing"))?;
    let token = match asked.parameters.filled("grant_type") {
        Some("authorization_code") => {
            let code = parameter("code").map(GrantCode::new);
            let code = code.ok_or_else(|| invalid_request("code is missing"))?;
            let redirect_uri = parameter("redirect_uri")
                .ok_or_else(|| invalid_request("redirect_uri is missing"))?;
            let verifier = parameter("code_verifier");
            let attempt = attempt();
            let redemption =
                Redemption { client_id, client_secret, code, redirect_uri, verifier, attempt };
            api.network.redeem(&asked.call, &redemption).await?
        }
        Some("client_credentials") => {
            let client_secret =
                client_secret.ok_or_else(|| invalid_request("client_secret is missing"))?;
            let scopes = scopes(&asked, "scope", USUAL_SCOPES)?;
            let credentials = AppCredentials { client_id, client_secret };
            api.network.app_token(&asked.call, &credentials, &scopes).await?
        }
        Some(_) => {
            let why = "grant_type is authorization_code or client_credentials";
            return Err(Fault::oauth(StatusCode::BAD_REQUEST, "unsupported_grant_type", why));
        }
        None => return Err(invalid_request("grant_type is missing")),
    };
    Ok(json(&value!({
        "access_token": token.token.expose(),
        "token_type": "Bearer",
        "scope": token.scopes.as_str(),
        "created_at": token.created_at.get().div_euclid(1_000),
    })))
}

/// Ends a token of the app that asks for it, if it has not ended yet (RFC 7009).
pub async fn revoke(State(api): State<Api>, asked: Asked) -> Answered {
    let refused = || {
        let why = "You are not authorized to revoke this token";
        Fault::oauth(StatusCode::FORBIDDEN, "unauthorized_client", why)
    };
    let (Some(client_id), Some(client_secret)) = credentials(&asked) else {
        return Err(refused());
    };
    let token = asked.parameters.filled("token").ok_or_else(refused)?;
    let credentials = AppCredentials { client_id, client_secret };
    match api.network.revoke_token(&asked.call, &credentials, token).await {
        Ok(()) => Ok(done()),
        Err(why) if [RefusalKind::UnknownApp, RefusalKind::NotPossible].contains(&why.kind) => {
            Err(refused())
        }
        Err(why) => Err(why.into()),
    }
}

/// Says who somebody is, to an app that may know (`OpenID` Connect Core, section 5.3).
pub async fn userinfo(State(api): State<Api>, asked: Asked) -> Answered {
    let person = api.network.me(&asked.call).await?.person;
    let (base, name) = (&asked.base, person.name.as_str());
    let page = base.person(name);
    let shown =
        if person.profile.display_name.is_empty() { name } else { &person.profile.display_name };
    Ok(json(&value!({
        "iss": format!("{base}/"),
        "sub": page,
        "name": shown,
        "preferred_username": name,
        "profile": page,
        "picture": crate::http::mastodon::avatar(base),
    })))
}
