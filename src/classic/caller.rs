//! The address by which a caller has reached this server. It is the one address that is sure to
//! lead the caller here again, whatever translates addresses in between.

use std::task::{Context, Poll};

use tonic::{
    Request,
    codegen::{Service, http},
    server::NamedService,
};

use crate::directory::split_address;

/// The address that the caller put on its call, host:port.
#[derive(Clone)]
struct Authority(String);

/// The address by which the caller of `request` has reached this server: the one on the call, or
/// else the connection's local address.
pub fn reached_at<T>(request: &Request<T>) -> Option<(String, u16)> {
    let says = request.extensions().get::<Authority>().and_then(|Authority(says)| address(says));
    says.or_else(|| address(&request.local_addr()?.to_string()))
}

/// A host and a port, unless one of them is missing.
pub(crate) fn address(text: &str) -> Option<(String, u16)> {
    let (host, port) = split_address(text)?;
    (!host.is_empty() && port > 0).then(|| (host.to_owned(), port))
}

/// Records the address that is on each call to a service.
#[derive(Clone)]
pub struct Addressed<S> {
    service: S,
}

impl<S> Addressed<S> {
    /// Wraps `service`.
    pub fn new(service: S) -> Self {
        Self { service }
    }
}

impl<S: NamedService> NamedService for Addressed<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, Body> Service<http::Request<Body>> for Addressed<S>
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
        if let Some(authority) = request.uri().authority() {
            // Without a user name before an `@`, which is not part of the address.
            let address = authority.as_str().rsplit('@').next().unwrap_or_default().to_owned();
            request.extensions_mut().insert(Authority(address));
        }
        self.service.call(request)
    }
}
