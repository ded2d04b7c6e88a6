//! Apps make themselves known, and ask what they are known as.

use axum::extract::State;
use serde_json::{Value, json as value};

use crate::{
    domain::{App, OUT_OF_BAND, Scopes, Website},
    http::{
        api::Api,
        asked::{Answered, Asked, json},
        fault::Fault,
    },
    network::apps::NewApp,
};

/// What an app may do that does not say.
pub const USUAL_SCOPES: &str = "read";

/// The scopes that a parameter names.
pub fn scopes(asked: &Asked, name: &str, usual: &str) -> Result<Scopes, Fault> {
    let text = asked.parameters.filled(name).unwrap_or(usual);
    Scopes::parse(text).map_err(|why| {
        Fault::oauth(axum::http::StatusCode::BAD_REQUEST, "invalid_scope", why.to_string())
    })
}

fn words(scopes: &Scopes) -> Vec<&str> {
    scopes.as_str().split(' ').collect()
}

/// What is known of an app.
fn entity(app: &App) -> Value {
    value!({
        // There is no number of an app; nobody asks for one.
        "id": "1",
        "name": app.name.as_str(),
        "website": app.website.as_ref().map(Website::as_str),
        "scopes": words(&app.scopes),
        "redirect_uris": app.redirect_uris.as_slice(),
        "redirect_uri": app.redirect_uris.as_slice().join("\n"),
    })
}

/// Makes an app known.
pub async fn register(State(api): State<Api>, asked: Asked) -> Answered {
    let name = asked.required("client_name").map_err(|_| missing("client_name"))?.to_owned();
    // Several in one text stand on lines of their own.
    let uris = asked.parameters.list("redirect_uris").into_iter().flat_map(str::lines);
    let redirect_uris: Vec<String> =
        uris.filter(|uri| !uri.is_empty()).map(str::to_owned).collect();
    if redirect_uris.is_empty() {
        return Err(missing("redirect_uris"));
    }
    // What is no page is no reason to refuse an app: it is left out.
    let website = asked.parameters.filled("website");
    let website = website.filter(|text| Website::new(text).is_ok()).map(str::to_owned);
    let scopes = scopes(&asked, "scopes", USUAL_SCOPES)?;
    let new = NewApp { name, website, redirect_uris, scopes };
    let made = api.network.register_app(&asked.call, &new).await?;
    let mut app = entity(&made.app);
    app["client_id"] = value!(made.client_id);
    app["client_secret"] = value!(made.client_secret);
    app["client_secret_expires_at"] = value!(0);
    Ok(json(&app))
}

fn missing(name: &str) -> Fault {
    Fault::unprocessable(format!("the parameter {name} is missing"))
}

/// Tells an app what its token says of it.
pub async fn verify_credentials(State(api): State<Api>, asked: Asked) -> Answered {
    let known = api.network.app_of_token(&asked.call).await?;
    Ok(json(&value!({
        "id": "1",
        "name": known.name.as_str(),
        "website": known.website,
        "scopes": words(&known.scopes),
        "redirect_uris": [OUT_OF_BAND],
        "redirect_uri": OUT_OF_BAND,
    })))
}
