//! One request, read: who asks, as what, and with which parameters.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::{Bytes, to_bytes},
    extract::{FromRequest, FromRequestParts as _, Multipart, RawPathParams, Request},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE, LINK},
    },
    response::{IntoResponse as _, Response},
};
use http_body::Body as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use tonic::{Code, Status, metadata::MetadataMap};

use super::{
    api::Api,
    base_url::BaseUrl,
    fault::Fault,
    paging::{self, Limits, Neighbours, Paging},
    parameters::Parameters,
};
use crate::{
    domain::{Hashtag, LoginId, OpaqueKey, PostId, RequestKey},
    host::random,
    network::{Call, Deadline, SessionToken},
    serving::WEB_REQUEST_BYTES,
    tls::Protection,
    wire::RETRY_KEY,
};

/// How long a call is held while there is no available server. Apps give up after half a minute, and would not know
/// what has become of it.
const HOLD: Duration = Duration::from_secs(25);
/// How a repetition says that it is one (<https://docs.joinmastodon.org/methods/statuses/#create>).
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What comes of a call.
pub type Answered = Result<Response, Fault>;

/// One request.
pub struct Asked {
    /// Who makes it, from where, and until when.
    pub call: Call,
    /// All links begin with this.
    pub base: BaseUrl,
    /// Those of the query and of the body.
    pub parameters: Parameters,
    /// Its headers.
    pub headers: HeaderMap,
    path: String,
    in_path: Vec<(Arc<str>, String)>,
}

impl FromRequest<Api> for Asked {
    type Rejection = Fault;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Fault> {
        let (mut asked, request) = Self::of_head(request, api).await?;
        read_body(request, &mut asked.parameters, None).await?;
        if !asked.headers.contains_key(AUTHORIZATION) {
            // A page that opens a stream can send no header.
            asked.call.session = asked.parameters.filled("access_token").map(SessionToken::new);
        }
        Ok(asked)
    }
}

impl Asked {
    /// What is known of a request before its body has come, and the request.
    pub async fn of_head(request: Request, api: &Api) -> Result<(Self, Request), Fault> {
        let (mut head, body) = request.into_parts();
        let protection = head.extensions.get().copied().unwrap_or(Protection::InClear);
        let base = match &api.public_url {
            Some(url) => BaseUrl::of_setting(url),
            None => BaseUrl::of_request(&head.headers, &head.uri, protection),
        };
        let in_path = RawPathParams::from_request_parts(&mut head, api)
            .await
            .map_err(|_| Fault::not_found())?;
        let in_path = in_path.iter().map(|(name, text)| (name.into(), text.to_owned())).collect();
        let mut parameters = Parameters::default();
        parameters.add_form(head.uri.query().unwrap_or_default().as_bytes())?;
        let metadata = MetadataMap::from_headers(head.headers.clone());
        let of_call = tonic::Request::from_parts(metadata, head.extensions.clone(), ());
        let mut call = api.calls.read(&of_call);
        call.deadline = Self::deadline();
        let (headers, path) = (head.headers.clone(), head.uri.path().to_owned());
        let asked = Self { call, base, parameters, headers, path, in_path };
        Ok((asked, Request::from_parts(head, body)))
    }

    /// For so long a call that is made now is held.
    pub fn deadline() -> Deadline {
        Deadline::after(Instant::now(), HOLD)
    }
}

/// Reads the parameters in the body of a request; and the files in it, where there may be some.
pub async fn read_body(
    request: Request,
    parameters: &mut Parameters,
    mut files: Option<&mut Vec<(String, Bytes)>>,
) -> Result<(), Fault> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match kind.to_ascii_lowercase().as_str() {
        "application/json" => {
            let body = whole(request).await?;
            if body.is_empty() { Ok(()) } else { parameters.add_json(&body) }
        }
        "multipart/form-data" => {
            let broken = |why: &dyn std::fmt::Display| Fault::bad_request(why.to_string());
            let mut parts =
                Multipart::from_request(request, &()).await.map_err(|why| broken(&why))?;
            while let Some(part) = parts.next_field().await.map_err(|why| broken(&why))? {
                let Some(name) = part.name().map(str::to_owned) else { continue };
                if part.file_name().is_some() {
                    let Some(files) = files.as_deref_mut() else {
                        return Err(Fault::bad_request("This call takes no files"));
                    };
                    files.push((name, part.bytes().await.map_err(|why| broken(&why))?));
                    continue;
                }
                let text = part.text().await.map_err(|why| broken(&why))?;
                parameters.add_part(&name, text)?;
            }
            Ok(())
        }
        "application/x-www-form-urlencoded" => parameters.add_form(&whole(request).await?),
        _ => Ok(()),
    }
}

async fn whole(request: Request) -> Result<Bytes, Fault> {
    let body = request.into_body();
    // Whoever says how much will come need not send it.
    if body.size_hint().lower() > WEB_REQUEST_BYTES as u64 {
        return Err(Fault::too_large());
    }
    to_bytes(body, WEB_REQUEST_BYTES).await.map_err(|why| {
        let why = why.into_inner();
        match why.downcast_ref::<Status>() {
            Some(why) if why.metadata().contains_key(RETRY_KEY) => {
                Fault::new(StatusCode::SERVICE_UNAVAILABLE, why.message().to_owned())
            }
            Some(why) if why.code() == Code::ResourceExhausted => Fault::too_large(),
            _ => Fault::bad_request(format!("the request did not arrive: {why}")),
        }
    })
}

impl Asked {
    /// The number in the path, of a post or a person: there is nothing where there is no number.
    pub fn id(&self) -> Result<u64, Fault> {
        self.in_path("id")?.parse().map_err(|_| Fault::not_found())
    }

    /// The post in the path.
    pub fn post(&self) -> Result<PostId, Fault> {
        self.id().map(PostId::new)
    }

    /// The hashtag in the path: what cannot be one is not there.
    pub fn hashtag(&self) -> Result<Hashtag, Fault> {
        Hashtag::new(self.in_path("tag")?).map_err(|_| Fault::not_found())
    }

    /// A part of the path, by its name.
    pub fn in_path(&self, name: &str) -> Result<&str, Fault> {
        let found = self.in_path.iter().find(|(named, _)| **named == *name);
        found.map(|(_, text)| text.as_str()).ok_or_else(Fault::not_found)
    }

    /// The page that is asked for.
    pub fn paging(&self, limits: Limits) -> Result<Paging, Fault> {
        Paging::of(&self.parameters, limits)
    }

    /// How many people a page has.
    pub fn paging_of_people(&self) -> Result<u32, Fault> {
        paging::limit(&self.parameters, paging::PEOPLE)
    }

    /// The key of the change: the caller's own, or one that nobody else has.
    pub fn key(&self) -> RequestKey {
        self.key_of("")
    }

    /// The key of one of several changes.
    pub fn key_of(&self, which: &str) -> RequestKey {
        let given = self.headers.get(IDEMPOTENCY_KEY);
        let bytes = match given {
            // Of any length; and not one with which something else of the same account is asked for.
            Some(given) => Sha256::new()
                .chain_update(self.path.as_bytes())
                .chain_update([0])
                .chain_update(which)
                .chain_update([0])
                .chain_update(given.as_bytes())
                .finalize()
                .to_vec(),
            None => random::bytes::<16>().to_vec(),
        };
        RequestKey::Opaque(OpaqueKey::new(bytes).expect("neither empty nor too long"))
    }

    /// A parameter that has to be there.
    pub fn required(&self, name: &str) -> Result<&str, Fault> {
        let missing = || Fault::bad_request(format!("the parameter {name} is missing"));
        self.parameters.filled(name).ok_or_else(missing)
    }

    /// A page of a list, with the way to its neighbours.
    pub fn page(&self, items: &impl Serialize, neighbours: Neighbours) -> Response {
        let mut answer = json(items);
        if let Some(link) = neighbours.link(&self.base, &self.path, &self.parameters) {
            answer.headers_mut().insert(LINK, link);
        }
        answer
    }
}

/// Tells one attempt from another, for what is harmless to repeat.
pub fn attempt() -> LoginId {
    LoginId(random::wide_id())
}

/// An answer in JSON.
pub fn json(value: &impl Serialize) -> Response {
    let mut answer = Json(value).into_response();
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// An answer that says nothing but that it was done.
pub fn done() -> Response {
    json(&serde_json::Map::new())
}
