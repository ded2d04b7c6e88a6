//! People let an app in. The page asks for name and password each time: there is no cookie that another page could
//! make use of.

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header::LOCATION},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    apps::{USUAL_SCOPES, scopes},
    pages::{self, Authorize, CodePage, Wrong},
};
use crate::{
    domain::{App, OUT_OF_BAND, Scope, Scopes, UserName, Website},
    http::{
        api::Api,
        asked::{Asked, attempt},
        fault::Fault,
        mastodon::entities::instance,
    },
    network::{Login, RefusalKind, apps::Grant},
};

/// What the app wants to find again afterwards has at most so many bytes.
const STATE_BYTES: usize = 2_000;

/// What an app asks for, once it is clear that it is one, and where people are to be led.
struct Request {
    client_id: String,
    app: App,
    redirect_uri: String,
    scopes: Scopes,
    state: Option<String>,
    challenge: Option<[u8; 32]>,
    /// As it was sent.
    challenge_text: Option<String>,
}

/// Why nothing is granted.
enum Unclear {
    /// Whoever sees the page is told. Nobody is led anywhere who has not decided anything: whoever wants to lead
    /// people astray could register an address of their own, and have them led there by a link to here.
    Wrong(StatusCode, String),
    /// Somebody has denied it, and is led to the app.
    Denied { redirect_uri: String, state: Option<String> },
}

impl From<Fault> for Unclear {
    fn from(fault: Fault) -> Self {
        Self::Wrong(fault.status(), fault.message().to_owned())
    }
}

impl Unclear {
    fn answer(self) -> Response {
        match self {
            Self::Wrong(status, why) => pages::page(status, &Wrong { why: &why }),
            Self::Denied { redirect_uri, state } => {
                let why = "The resource owner or authorization server denied the request.";
                let mut told = vec![("error", "access_denied"), ("error_description", why)];
                told.extend(state.as_deref().map(|state| ("state", state)));
                lead_to(&redirect_uri, &told)
            }
        }
    }
}

/// Leads whoever sees the page to the app.
fn lead_to(redirect_uri: &str, told: &[(&str, &str)]) -> Response {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(told).finish();
    let and = if redirect_uri.contains('?') { '&' } else { '?' };
    let Ok(location) = HeaderValue::from_str(&format!("{redirect_uri}{and}{query}")) else {
        let why = "The address of the app cannot be written into an answer.";
        return pages::page(StatusCode::BAD_REQUEST, &Wrong { why });
    };
    let mut answer = StatusCode::FOUND.into_response();
    answer.headers_mut().insert(LOCATION, location);
    answer
}

impl Api {
    async fn request(&self, asked: &Asked) -> Result<Request, Unclear> {
        let parameter = |name: &str| asked.parameters.filled(name).map(str::to_owned);
        let wrong = |why: &str| Unclear::Wrong(StatusCode::BAD_REQUEST, why.to_owned());
        let client_id =
            parameter("client_id").ok_or_else(|| wrong("The app does not say who it is."))?;
        let app = self.network.app(&asked.call, &client_id).await.map_err(|refusal| {
            if refusal.kind == RefusalKind::UnknownApp {
                wrong("This network does not know the app.")
            } else {
                Fault::from(refusal).into()
            }
        })?;
        let redirect_uri =
            parameter("redirect_uri").filter(|uri| app.redirect_uris.contains(uri)).ok_or_else(
                || wrong("The app wants you to be led to an address that is not its own."),
            )?;
        let state = parameter("state");
        if state.as_ref().is_some_and(|state| state.len() > STATE_BYTES) {
            return Err(wrong("What the app wants to find again is too long."));
        }
        if asked.parameters.filled("response_type") != Some("code") {
            return Err(wrong("The app asks for something other than a code (response_type)."));
        }
        let scopes = scopes(asked, "scope", USUAL_SCOPES)?;
        if !scopes.is_subset_of(&app.scopes) {
            return Err(wrong("The app asks for more than it has registered for (scope)."));
        }
        let challenge_text = parameter("code_challenge");
        let challenge = match (&challenge_text, asked.parameters.filled("code_challenge_method")) {
            (None, _) => None,
            (Some(challenge), Some("S256")) => {
                let bytes = URL_SAFE_NO_PAD.decode(challenge).ok();
                let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
                Some(bytes.ok_or_else(|| wrong("The app's code_challenge is no hash of S256."))?)
            }
            (Some(_), _) => return Err(wrong("The app's code_challenge_method is not S256.")),
        };
        Ok(Request { client_id, app, redirect_uri, scopes, state, challenge, challenge_text })
    }

    async fn network_name(&self, asked: &Asked) -> Result<String, Unclear> {
        let about = self.network.about(&asked.call).await.map_err(Fault::from)?;
        Ok(instance::title(&about.settings).to_owned())
    }

    /// The page, once more if something was wrong with the answer before.
    async fn ask(
        &self,
        asked: &Asked,
        request: &Request,
        again: Option<(StatusCode, &str)>,
    ) -> Result<Response, Unclear> {
        let network = self.network_name(asked).await?;
        let optional = [("state", &request.state), ("code_challenge", &request.challenge_text)];
        let optional =
            optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        let fields: Vec<(&'static str, String)> = [
            ("response_type", "code".to_owned()),
            ("client_id", request.client_id.clone()),
            ("redirect_uri", request.redirect_uri.clone()),
            ("scope", request.scopes.as_str().to_owned()),
            ("code_challenge_method", "S256".to_owned()),
        ]
        .into_iter()
        .chain(optional)
        .collect();
        let page = Authorize {
            network: &network,
            app: request.app.name.as_str(),
            website: request.app.website.as_ref().map(Website::as_str),
            leads_to: if request.redirect_uri == OUT_OF_BAND {
                "a page that shows you a code"
            } else {
                &request.redirect_uri
            },
            wishes: &wishes(&request.scopes),
            fields: &fields,
            name: asked.parameters.text("username").unwrap_or_default(),
            wrong: again.map(|(_, why)| why),
        };
        Ok(pages::page(again.map_or(StatusCode::OK, |(status, _)| status), &page))
    }

    async fn decided(&self, asked: &Asked) -> Result<Response, Unclear> {
        let request = self.request(asked).await?;
        if asked.parameters.filled("decision") != Some("allow") {
            let Request { redirect_uri, state, .. } = request;
            if redirect_uri == OUT_OF_BAND {
                let why = "You have not let the app in.".to_owned();
                return Err(Unclear::Wrong(StatusCode::OK, why));
            }
            return Err(Unclear::Denied { redirect_uri, state });
        }
        let name = asked.parameters.text("username").unwrap_or_default().trim();
        let name = match UserName::new(name) {
            Ok(name) => name,
            Err(why) => {
                let why = (StatusCode::UNPROCESSABLE_ENTITY, &*why.to_string());
                return self.ask(asked, &request, Some(why)).await;
            }
        };
        let password = asked.parameters.text("password").unwrap_or_default().to_owned();
        let grant = Grant {
            client_id: request.client_id.clone(),
            redirect_uri: request.redirect_uri.clone(),
            scopes: request.scopes.clone(),
            challenge: request.challenge,
            login: Login { name, password, must_exist: true },
            attempt: attempt(),
        };
        let granted = match self.network.grant(&asked.call, &grant).await {
            Ok(granted) => granted,
            Err(refusal) => {
                let why = match refusal.kind {
                    // Who is here is not told to strangers.
                    RefusalKind::NotFound | RefusalKind::WrongPassword => {
                        "There is nobody of that name with that password."
                    }
                    _ => &refusal.message,
                };
                let status = Fault::from(refusal.clone()).status();
                return self.ask(asked, &request, Some((status, why))).await;
            }
        };
        let code = granted.expose();
        if request.redirect_uri == OUT_OF_BAND {
            let network = self.network_name(asked).await?;
            let page = CodePage { network: &network, app: request.app.name.as_str(), code };
            return Ok(pages::page(StatusCode::OK, &page));
        }
        let mut told = vec![("code", code)];
        told.extend(request.state.as_deref().map(|state| ("state", state)));
        Ok(lead_to(&request.redirect_uri, &told))
    }
}

/// What an app wants to do, in words.
fn wishes(scopes: &Scopes) -> Vec<&'static str> {
    const WISHES: [(&[Scope], &str); 8] = [
        (&[Scope::ReadStatuses], "read all posts that you can read"),
        (&[Scope::ReadNotifications], "read your notifications"),
        (
            &[Scope::ReadFollows, Scope::ReadLists, Scope::ReadBookmarks, Scope::ReadFilters],
            "see whom you follow, and what you keep for yourself",
        ),
        (&[Scope::WriteStatuses], "post, change and delete posts in your name"),
        (
            &[Scope::WriteFollows, Scope::WriteBlocks, Scope::WriteMutes],
            "follow, block and mute people for you",
        ),
        (
            &[Scope::WriteFavourites, Scope::WriteBookmarks, Scope::WriteLists],
            "like posts, and change what you keep for yourself",
        ),
        (&[Scope::WriteAccounts], "change your profile"),
        (&[Scope::WriteReports], "report people and posts in your name"),
    ];
    let wanted = WISHES.into_iter();
    let wanted: Vec<&str> = wanted
        .filter(|(any, _)| any.iter().any(|scope| scopes.contains(*scope)))
        .map(|(_, words)| words)
        .collect();
    if wanted.is_empty() { vec!["know who you are"] } else { wanted }
}

/// Shows the page.
pub async fn show(State(api): State<Api>, asked: Asked) -> Response {
    let shown = async {
        let request = api.request(&asked).await?;
        api.ask(&asked, &request, None).await
    };
    shown.await.unwrap_or_else(Unclear::answer)
}

/// Takes the answer.
pub async fn decide(State(api): State<Api>, asked: Asked) -> Response {
    api.decided(&asked).await.unwrap_or_else(Unclear::answer)
}
