//! Where all of this is (RFC 8414).

use axum::extract::State;
use serde_json::json as value;

use crate::{
    domain::Scope,
    http::{
        api::Api,
        asked::{Answered, Asked, json},
    },
};

/// The names of several scopes at once.
const SETS: [&str; 3] = ["read", "write", "follow"];

/// Says where all of this is.
pub async fn metadata(_: State<Api>, asked: Asked) -> Answered {
    let base = &asked.base;
    let at = |path: &str| format!("{base}{path}");
    let scopes = SETS.into_iter().chain(Scope::ALL.iter().map(|scope| scope.name()));
    Ok(json(&value!({
        "issuer": at("/"),
        "authorization_endpoint": at("/oauth/authorize"),
        "token_endpoint": at("/oauth/token"),
        "revocation_endpoint": at("/oauth/revoke"),
        "userinfo_endpoint": at("/oauth/userinfo"),
        "app_registration_endpoint": at("/api/v1/apps"),
        "service_documentation": "https://docs.joinmastodon.org/",
        "scopes_supported": scopes.collect::<Vec<_>>(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    })))
}
