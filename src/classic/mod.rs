//! The classic protocol, which existing Tiny SNS clients speak, on the router and on every master.
//!
//! - [`service`]: the calls
//! - [`caller`]: the address by which a caller has reached this server
//! - `timeline_stream`: one classic timeline, in both directions
//! - `open_timelines`: how many may be open
//! - `reply_text`: the exact texts of replies
//! - [`alias`]: the same service under the protocol's second package
//!
//! An adapter on [`Network`]: every call is made on behalf of the user whom it names. So no rule is
//! implemented twice, a server that is not available serves as well as the one that is, and calls
//! and timelines survive failovers in the same way as those of our own clients.
//!
//! The protocol has no passwords, so logins to an account with a password are refused. It has no
//! request ids either, so a request that a classic client repeats may be carried out twice.

pub mod alias;
pub mod caller;
mod open_timelines;
mod reply_text;
pub mod service;
#[cfg(test)]
mod tests;
mod timeline_stream;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

pub use self::service::Host;
use self::{alias::Alias, caller::Addressed, service::Classic};
use crate::{
    directory::Location, grpc::metadata::CallReader, network::Network,
    serving::CLIENT_MESSAGE_BYTES, settings::ClassicMode,
    wire::classic::sns_service_server::SnsServiceServer,
};

/// Adds the classic protocol for `network`, under both packages, to what a server serves, unless
/// `mode` turns it off. `location` says where the available server is; timelines end at `stop`.
pub fn add<N: Network>(
    routes: Routes,
    host: Host,
    mode: ClassicMode,
    network: N,
    calls: CallReader,
    location: watch::Receiver<Location>,
    stop: CancellationToken,
) -> Routes {
    let is_relayed = match mode {
        ClassicMode::Off => return routes,
        ClassicMode::Relay => true,
        ClassicMode::Direct => false,
    };
    let service =
        SnsServiceServer::new(Classic::new(host, is_relayed, network, calls, location, stop))
            .max_decoding_message_size(CLIENT_MESSAGE_BYTES);
    routes
        .add_service(Addressed::new(Alias::new(service.clone())))
        .add_service(Addressed::new(service))
}
