//! What all calls over HTTP need, and the routes.

use std::sync::Arc;

use axum::{Router, extract::Request, http::Uri, middleware, routing::get};
use tokio_util::sync::CancellationToken;

use super::{
    any_network::AnyNetwork,
    cross_origin,
    fault::Fault,
    mastodon, oauth, pictures,
    stream::{self, SharedEntities},
    uploaded::{self, Uploads},
};
use crate::{grpc::metadata::CallReader, serving::Web};

/// What all calls need. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// The network.
    pub network: Arc<dyn AnyNetwork>,
    /// Reads who makes a call, and from where.
    pub calls: CallReader,
    /// The address by which browsers and apps know the network, if that is not what they call.
    pub public_url: Option<Arc<str>>,
    /// When streams end.
    pub stop: CancellationToken,
    /// What many readers are told alike.
    pub shared: SharedEntities,
    /// Whose pictures are received.
    pub uploads: Uploads,
}

/// All that is served over HTTP.
pub fn served(api: Api) -> Web {
    let brings_pictures = (uploaded::may_bring_pictures as fn(&_, &_) -> _, uploaded::MOST_BYTES);
    Web { routes: routes(api), brings_pictures }
}

fn routes(api: Api) -> Router {
    let open = Router::new()
        .merge(mastodon::routes())
        .merge(oauth::open_routes())
        .merge(stream::routes())
        .merge(pictures::routes())
        .route("/health", get(health))
        .method_not_allowed_fallback(no_such_call)
        .fallback(no_such_call)
        .layer(middleware::from_fn(cross_origin::allow));
    let routes = open.merge(oauth::page_routes()).with_state(api);
    // A slash at the end of a path makes no difference. That has to be seen to before a route is chosen.
    Router::new().fallback_service(
        tower::ServiceBuilder::new().map_request(without_last_slash).service(routes),
    )
}

async fn health() -> &'static str {
    "OK"
}

async fn no_such_call() -> Fault {
    Fault::not_found()
}

fn without_last_slash(mut request: Request) -> Request {
    let uri = request.uri();
    let path = uri.path();
    if path.len() > 1 && path.ends_with('/') {
        let path = path.trim_end_matches('/');
        let path = if path.is_empty() { "/" } else { path };
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = format!("{path}{query}").parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}
