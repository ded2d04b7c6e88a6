//! The classic protocol: what the clients of many years speak, on the router and on every master.
//!
//! - [`service`]: the calls
//! - [`caller`]: by which address a caller has reached this server
//! - `timeline`: one classic timeline, there and back
//! - `words`: what a reply says, to the letter
//! - [`twin`]: the same service under the protocol's second package
//!
//! A thin adapter: every call goes on to the available server, which may be this one, through our
//! own client library, as the user whom the call names. So there is no second copy of any rule, a
//! server without the role serves as well as the one that has it, and calls and timelines outlive
//! failovers by the same means as our own clients'.
//!
//! The protocol knows no passwords: an account that has one refuses these log-ins like any other
//! without it. And it has no request ids: what a classic client repeats, it may do twice.

pub mod caller;
pub mod service;
#[cfg(test)]
mod tests;
mod timeline;
pub mod twin;
mod words;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

pub use self::service::Host;
use self::{caller::Addressed, service::Classic, twin::Twin};
use crate::{
    directory::Location, serving::CLIENT_MESSAGE_BYTES, settings::ClassicMode,
    wire::classic::sns_service_server::SnsServiceServer,
};

/// Adds the classic protocol, under both packages, to what a server serves, unless `mode` is that it
/// is off. `location` is where it knows the available server to be; timelines end at `stop`.
pub fn add(
    routes: Routes,
    host: Host,
    mode: ClassicMode,
    location: watch::Receiver<Location>,
    stop: CancellationToken,
) -> Routes {
    let is_relayed = match mode {
        ClassicMode::Off => return routes,
        ClassicMode::Relay => true,
        ClassicMode::Direct => false,
    };
    let service = SnsServiceServer::new(Classic::new(host, is_relayed, location, stop))
        .max_decoding_message_size(CLIENT_MESSAGE_BYTES);
    routes
        .add_service(Addressed::new(Twin::new(service.clone())))
        .add_service(Addressed::new(service))
}
