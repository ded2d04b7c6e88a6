//! Sockets: listening, and channels to other nodes.

use std::{
    error::Error,
    future::poll_fn,
    io, iter,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use hyper_util::rt::TokioIo;
use nix::errno::Errno;
use rustls::{AlertDescription, CertificateError, ClientConfig, pki_types::ServerName};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::either::Either;
use tonic::{
    codegen::http::Uri,
    transport::{Channel, Endpoint},
};

#[cfg(feature = "laboratory")]
use super::simulated::{Machine, connector};
use super::socket::ListeningSocket;
pub use super::socket::Socket;

/// A connection that is not made within this time has failed. Generous on one machine, and enough
/// for a lost first packet on a network.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// When no connection can be accepted because descriptors or memory are lacking, it is tried again
/// after this time.
pub const ACCEPTS_AGAIN: Duration = Duration::from_millis(250);
/// So many streams share a connection where each of them is for another reader.
pub const STREAMS: usize = 32;
/// HTTP/2 pings: without them a partitioned connection hangs for ever.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
/// The same between nodes, which have a connection for each pair, and notice a missing answer
/// sooner than a missing ping.
const NODE_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(6);
/// How long a ping may stay unanswered before the connection counts as lost.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// A bound listener, not yet served.
pub struct Listener {
    listener: ListeningSocket,
}

/// A port that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({setting}): {source}{}", remedy(.source))]
pub struct ListenError {
    /// The setting that names the address.
    pub setting: &'static str,
    /// The address wanted.
    pub address: SocketAddr,
    source: io::Error,
}

fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            "; another process has this port, or another setting names it: stop that process, or choose \
             another port"
        }
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need privileges: choose another port"
        }
        _ => "",
    }
}

/// Binds `address`; port 0 takes a free one. A port in use is an error, never shared.
pub async fn listen(setting: &'static str, address: SocketAddr) -> Result<Listener, ListenError> {
    match ListeningSocket::bind(address).await {
        Ok(listener) => Ok(Listener { listener }),
        Err(source) => Err(ListenError { setting, address, source }),
    }
}

/// The same if there is an address.
pub async fn listen_also(
    setting: &'static str,
    address: Option<SocketAddr>,
) -> Result<Option<Listener>, ListenError> {
    match address {
        Some(address) => listen(setting, address).await.map(Some),
        None => Ok(None),
    }
}

impl Listener {
    /// The port that was bound.
    pub fn port(&self) -> u16 {
        self.listener.port()
    }

    /// The next connection, and the address that it comes from. While descriptors or memory for it are
    /// lacking, `lacks` is told, and it is tried again after a moment.
    pub async fn next(&self, mut lacks: impl FnMut(&io::Error)) -> (Socket, IpAddr) {
        loop {
            match self.accept().await {
                Ok(accepted) => return accepted,
                Err(why) if is_lack(&why) => {
                    lacks(&why);
                    sleep(ACCEPTS_AGAIN).await;
                }
                // It was gone before it was accepted.
                Err(_gone) => {}
            }
        }
    }

    async fn accept(&self) -> io::Result<(Socket, IpAddr)> {
        let socket = poll_fn(|context| self.listener.poll_accept(context)).await?;
        let peer = socket.peer()?;
        Ok((socket, peer.ip()))
    }
}

/// Whether a connection could not be accepted for want of descriptors or memory: then trying again at
/// once does not help.
fn is_lack(error: &io::Error) -> bool {
    const LACKS: [Errno; 4] = [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM];
    error.raw_os_error().is_some_and(|code| LACKS.contains(&Errno::from_raw(code)))
}

/// Where others reach what listens at `address` on `host`, as they know that.
pub fn reached_at(address: SocketAddr, host: &str) -> String {
    if address.ip().is_unspecified() {
        format!("{host}:{}", address.port())
    } else {
        address.to_string()
    }
}

/// A connection to `address` (host:port).
pub async fn connect(address: &str) -> io::Result<TcpStream> {
    timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await.map_err(io::Error::from)?
}

/// How connections to others are protected.
#[derive(Clone, Debug, Default)]
pub enum Security {
    /// Not at all.
    #[default]
    InClear,
    /// They are encrypted, for whoever proves to have this name.
    Tls {
        /// Whom this side believes, and what it proves itself.
        config: Arc<ClientConfig>,
        /// The name; connections go to any address.
        name: ServerName<'static>,
        /// Whom it is for.
        callee: Callee,
    },
}

/// For whom an encrypted connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callee {
    /// A server of the network with this name, called by somebody's program.
    Server,
    /// A node of this cluster.
    Node,
    /// A node of this cluster, which is called in clear if it does not encrypt connections.
    NodeInTransition,
}

/// A channel to `address` (host:port) that connects when first used, and reconnects by itself.
pub fn channel(address: &str, security: &Security) -> Result<Channel, tonic::transport::Error> {
    Ok(connecting(&endpoint(address, KEEPALIVE_INTERVAL)?, security))
}

/// The same for [`STREAMS`] streams whose readers may be slow: what waits for one of them takes nothing
/// from the others.
pub fn streams_channel(
    address: &str,
    security: &Security,
) -> Result<Channel, tonic::transport::Error> {
    /// What may be on its way on one stream, in bytes: HTTP/2's own figure.
    const WINDOW: u32 = 65_535;
    let of_all = WINDOW.saturating_mul(u32::try_from(STREAMS).unwrap_or(u32::MAX));
    let endpoint = endpoint(address, KEEPALIVE_INTERVAL)?
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(of_all);
    Ok(connecting(&endpoint, security))
}

/// The same from one node to another.
pub fn node_channel(
    address: &str,
    security: &Security,
) -> Result<Channel, tonic::transport::Error> {
    Ok(connecting(&endpoint(address, NODE_KEEPALIVE_INTERVAL)?, security))
}

fn endpoint(address: &str, ping: Duration) -> Result<Endpoint, tonic::transport::Error> {
    Ok(Endpoint::from_shared(format!("http://{address}"))?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(ping)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true))
}

fn connecting(endpoint: &Endpoint, security: &Security) -> Channel {
    #[cfg(feature = "laboratory")]
    if let Some(machine) = Machine::current() {
        return endpoint.connect_with_connector_lazy(connector::from(machine));
    }
    match security {
        Security::InClear => endpoint.connect_lazy(),
        Security::Tls { config, name, callee } => {
            let (config, name, callee) = (Arc::clone(config), name.clone(), *callee);
            endpoint.connect_with_connector_lazy(tower::service_fn(move |uri: Uri| {
                let (connector, name) = (TlsConnector::from(Arc::clone(&config)), name.clone());
                async move { encrypted(&uri, connector, name, callee).await.map(TokioIo::new) }
            }))
        }
    }
}

/// A connection that is encrypted, or as well as the other side can.
async fn encrypted(
    uri: &Uri,
    connector: TlsConnector,
    name: ServerName<'static>,
    callee: Callee,
) -> io::Result<Either<TlsStream<TcpStream>, TcpStream>> {
    let address = uri.authority().map_or("", |authority| authority.as_str());
    let dialled = async || {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok::<_, io::Error>(socket)
    };
    match connector.connect(name, dialled().await?).await {
        Ok(stream) => Ok(Either::Left(stream)),
        Err(why) if callee == Callee::NodeInTransition && is_not_understood(&why) => {
            Ok(Either::Right(dialled().await?))
        }
        Err(why) => Err(explained(why, callee)),
    }
}

/// Whether the other side does not know what a handshake is.
fn is_not_understood(error: &io::Error) -> bool {
    let is_closed = matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    );
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    is_closed || matches!(inner, Some(rustls::Error::InvalidMessage(_)))
}

/// The other side is no node of this cluster, or does not take this one for it.
#[derive(Debug, thiserror::Error)]
#[error(
    "it does not prove to be a node of this cluster: all nodes need the same secret, or certificates of one \
     authority"
)]
struct NotOfThisCluster;

/// Whether a call failed because one of the two sides is not of the other's cluster: no later call will do better.
pub fn is_not_of_this_cluster(error: &(dyn Error + 'static)) -> bool {
    iter::successors(Some(error), |&error| error.source())
        .filter_map(|cause| cause.downcast_ref::<io::Error>()?.get_ref())
        .any(<dyn Error + Send + Sync>::is::<NotOfThisCluster>)
}

/// Says what the failure of a handshake means, if that is known.
fn explained(error: io::Error, callee: Callee) -> io::Error {
    use rustls::Error as Tls;
    let is_node = callee != Callee::Server;
    if is_not_understood(&error) {
        let meaning = "it does not encrypt connections of this kind, or has no room for another";
        return io::Error::new(error.kind(), meaning);
    }
    let meaning = match error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>()) {
        Some(
            Tls::InvalidCertificate(_)
            | Tls::AlertReceived(AlertDescription::UnknownCA | AlertDescription::DecryptError),
        ) if is_node => return io::Error::new(error.kind(), NotOfThisCluster),
        Some(Tls::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => {
            "its certificate comes from an authority that is not trusted here; if that is yours, name a \
             file with its certificate by ca_file"
        }
        Some(Tls::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => "its certificate is for another name",
        Some(Tls::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => "its certificate has expired",
        _ => return error,
    };
    io::Error::new(error.kind(), meaning)
}

/// The address of this machine on the way to `peer` (host:port): others can reach it there, if it
/// listens at all of `listening`. Sends nothing except the name lookup of `peer`.
pub async fn local_ip_towards(peer: &str, listening: &[IpAddr]) -> io::Result<IpAddr> {
    #[cfg(feature = "laboratory")]
    if let Some(machine) = Machine::current() {
        return Ok(machine.ip());
    }
    let mut addresses = lookup_host(peer).await?;
    let peer =
        addresses.find(|address| is_reachable_at(address.ip(), listening)).ok_or_else(|| {
            let why = format!("{peer} has no address of the kind that this machine listens at");
            io::Error::new(io::ErrorKind::NotFound, why)
        })?;
    let unspecified: SocketAddr = match peer {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(unspecified)?;
    socket.connect(peer)?;
    Ok(socket.local_addr()?.ip())
}

/// Whether a machine that is called at `ip` listens there at all of these addresses. A listener at
/// `::` accepts both families, one at `0.0.0.0` only its own.
fn is_reachable_at(ip: IpAddr, listening: &[IpAddr]) -> bool {
    let hears = |at: &IpAddr| match at {
        IpAddr::V4(_) => ip.is_ipv4(),
        IpAddr::V6(at) => at.is_unspecified() || ip.is_ipv6(),
    };
    listening.iter().all(hears)
}

/// The address to which this machine's own name resolves, unless only this machine can reach it, and
/// if it listens at all of `listening`. In a container, that is its address on its first network.
pub async fn own_ip(listening: &[IpAddr]) -> io::Result<IpAddr> {
    let name = nix::unistd::gethostname()?;
    lookup_host((name.to_string_lossy().as_ref(), 0))
        .await?
        .map(|address| address.ip())
        .find(|ip| !ip.is_loopback() && !ip.is_unspecified() && is_reachable_at(*ip, listening))
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "this machine's name is local"))
}

/// What this machine or container calls itself; empty if it has no name.
pub fn host_name() -> String {
    #[cfg(feature = "laboratory")]
    if let Some(machine) = Machine::current() {
        return machine.name();
    }
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// `ip` as it is written before a port.
pub fn host_of(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_reached_by_the_name_of_its_host() {
        for (listening, host, reached) in [
            ("0.0.0.0:3012", "10.0.0.3", "10.0.0.3:3012"),
            ("[::]:3012", "[2001:db8::1]", "[2001:db8::1]:3012"),
            ("127.0.0.1:3012", "10.0.0.3", "127.0.0.1:3012"),
        ] {
            let listening = listening.parse().expect("an address");
            assert_eq!(reached_at(listening, host), reached);
        }
    }

    #[test]
    fn an_address_counts_where_it_is_listened_to() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        for (dialled, listening, heard) in [
            ("10.0.0.1", ["0.0.0.0", "0.0.0.0"], true),
            ("10.0.0.1", ["::", "::"], true),
            ("10.0.0.1", ["0.0.0.0", "::1"], false),
            ("::1", ["0.0.0.0", "0.0.0.0"], false),
            ("::1", ["::", "0.0.0.0"], false),
            ("::1", ["::", "::1"], true),
        ] {
            let listening = listening.map(ip);
            assert_eq!(is_reachable_at(ip(dialled), &listening), heard, "{dialled} {listening:?}");
        }
    }

    #[tokio::test]
    async fn the_own_address_is_one_at_which_this_machine_listens() {
        let any = |text: &str| [text.parse::<IpAddr>().expect("an address")];
        let ip = local_ip_towards("127.0.0.1:9", &any("0.0.0.0")).await.expect("loopback");
        assert_eq!(host_of(ip), "127.0.0.1");
        let error =
            local_ip_towards("[::1]:9", &any("0.0.0.0")).await.expect_err("not listened to");
        assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
    }
}
