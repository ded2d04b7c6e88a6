//! One service, served in two ways: here alone, or wherever the available server is, if the caller asks for that.
//!
//! A master answers for itself, so that a client that can dial the others is sent to the available server. Whoever
//! reaches this node only says so ([`RELAY_KEY`]), and is relayed.

use std::task::{Context, Poll};

use futures::future::Either;
use tonic::{codegen::http, server::NamedService};
use tower::Service;

use crate::wire::RELAY_KEY;

/// The two ways.
#[derive(Clone)]
pub struct RelayOnRequest<Here, Relayed> {
    /// Serves who does not ask to be relayed.
    pub here: Here,
    /// Serves who does.
    pub relayed: Relayed,
}

impl<Here: NamedService, Relayed> NamedService for RelayOnRequest<Here, Relayed> {
    const NAME: &'static str = Here::NAME;
}

impl<Here, Relayed, Body> Service<http::Request<Body>> for RelayOnRequest<Here, Relayed>
where
    Here: Service<http::Request<Body>>,
    Relayed: Service<http::Request<Body>, Response = Here::Response, Error = Here::Error>,
{
    type Response = Here::Response;
    type Error = Here::Error;
    type Future = Either<Here::Future, Relayed::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Here::Error>> {
        match self.here.poll_ready(context) {
            Poll::Ready(Ok(())) => self.relayed.poll_ready(context),
            other => other,
        }
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.headers().get(RELAY_KEY).is_some_and(|asked| asked == "yes") {
            Either::Right(self.relayed.call(request))
        } else {
            Either::Left(self.here.call(request))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[tokio::test]
    async fn who_asks_to_be_relayed_is_and_nobody_else() {
        let answers = |answer: &'static str| {
            tower::service_fn(
                move |_: http::Request<()>| async move { Ok::<_, Infallible>(answer) },
            )
        };
        let mut service = RelayOnRequest { here: answers("here"), relayed: answers("relayed") };
        for (asked, answer) in [(None, "here"), (Some("no"), "here"), (Some("yes"), "relayed")] {
            let mut request = http::Request::new(());
            if let Some(asked) = asked {
                request.headers_mut().insert(RELAY_KEY, http::HeaderValue::from_static(asked));
            }
            assert_eq!(service.call(request).await, Ok(answer), "{asked:?}");
        }
    }
}
