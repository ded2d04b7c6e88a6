//! The same service under the protocol's second package, `csce438`: only the calls' paths differ.

use std::task::{Context, Poll};

use tonic::{
    codegen::{Service, http},
    server::NamedService,
};

const PACKAGE: &str = "/csce662.";
const ALIAS_PACKAGE: &str = "/csce438.";

/// Passes calls of the second package on to the service of the first.
#[derive(Clone)]
pub struct Alias<S> {
    service: S,
}

impl<S> Alias<S> {
    /// Wraps `service`, which is that of `csce662`.
    pub fn new(service: S) -> Self {
        Self { service }
    }
}

impl<S> NamedService for Alias<S> {
    const NAME: &'static str = "csce438.SNSService";
}

impl<S, Body> Service<http::Request<Body>> for Alias<S>
where
    S: Service<http::Request<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let path = request.uri().path().replacen(ALIAS_PACKAGE, PACKAGE, 1);
        // A path that does not parse stays as it is, and nobody serves it.
        if let Ok(uri) = path.parse() {
            *request.uri_mut() = uri;
        }
        self.service.call(request)
    }
}
