//! How channels connect from a simulated machine.

use std::io;

use hyper_util::rt::TokioIo;
use tonic::codegen::{Service, http::Uri};
use tower::service_fn;

use super::{Machine, network, stream::SimulatedStream};

/// Connects from `machine` to the address in a URI.
pub(crate) fn from(
    machine: Machine,
) -> impl Service<Uri, Response = TokioIo<SimulatedStream>, Error = io::Error, Future: Send> {
    service_fn(move |uri: Uri| async move {
        let authority = uri.authority().map(|authority| authority.as_str().parse());
        let Some(Ok(address)) = authority else { return Err(io::ErrorKind::InvalidInput.into()) };
        network::connect(machine, address).await.map(TokioIo::new)
    })
}
