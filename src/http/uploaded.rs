//! One request that may bring pictures. They are received for those who are known, a few at a time: nothing is read of
//! the others until it is their turn.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::Method,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{
    api::Api,
    asked::{Asked, read_body},
    fault::Fault,
};
use crate::domain::MOST_UPLOADED_BYTES;

/// So many requests with pictures are received at a time, each of some megabytes.
const AT_A_TIME: usize = 8;
/// How long a turn may take to come, and then the request.
const TURN_WITHIN: Duration = Duration::from_secs(20);
const ARRIVES_WITHIN: Duration = Duration::from_mins(1);
/// The most bytes of such a request: a portrait and the wide picture of a profile, and some words.
pub const MOST_BYTES: usize = 2 * MOST_UPLOADED_BYTES + (256 << 10);

/// The places of those whose pictures are received. Clones share them.
#[derive(Clone)]
pub struct Uploads(Arc<Semaphore>);

impl Default for Uploads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_A_TIME)))
    }
}

/// Whether a request may bring pictures: it may be larger, and take longer, than others.
pub fn may_bring_pictures(method: &Method, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    match *method {
        Method::POST => ["/api/v1/media", "/api/v2/media"].contains(&path),
        Method::PATCH => path == "/api/v1/accounts/update_credentials",
        _ => false,
    }
}

/// One request, with the files that came with it.
pub struct Uploaded {
    /// The rest of it.
    pub asked: Asked,
    files: Vec<(String, Bytes)>,
    /// Until it is answered.
    _place: OwnedSemaphorePermit,
}

impl FromRequest<Api> for Uploaded {
    type Rejection = Fault;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Fault> {
        let (mut asked, request) = Asked::of_head(request, api).await?;
        // What it may do is asked when it does so; but nobody who is unknown takes a place.
        api.network.me(&asked.call).await?;
        let turn = timeout(TURN_WITHIN, Arc::clone(&api.uploads.0).acquire_owned());
        let place = turn.await.map_err(|_late| crowded())?.expect("never closed");
        let mut files = Vec::new();
        let arrives = read_body(request, &mut asked.parameters, Some(&mut files));
        timeout(ARRIVES_WITHIN, arrives).await.map_err(|_late| too_slow())??;
        asked.call.deadline = Asked::deadline();
        Ok(Self { asked, files, _place: place })
    }
}

impl Uploaded {
    /// The file with a name, if one came.
    pub fn file(&self, name: &str) -> Option<Bytes> {
        let found = self.files.iter().find(|(named, _)| named == name);
        found.map(|(_, bytes)| bytes.clone()).filter(|bytes| !bytes.is_empty())
    }
}

fn crowded() -> Fault {
    use axum::http::StatusCode;
    let why = "Many pictures are being uploaded: try again in a moment";
    Fault::new(StatusCode::SERVICE_UNAVAILABLE, why)
}

fn too_slow() -> Fault {
    use axum::http::StatusCode;
    Fault::new(StatusCode::REQUEST_TIMEOUT, "The picture did not arrive in time: try again")
}
