//! The context of a call on the wire: its session, its deadline, and where it comes from.
//!
//! The origin of a call decides what it may do, once addresses are limited. So it is the address of
//! the connection, unless a node of the cluster relays the call and names another: it proves that it
//! is one with the cluster's secret. What anybody else says of its origin is ignored.
//!
//! **The secret that comes with a relayed call is the relay's**, and proves nothing about its caller.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::time::Instant;
use tonic::{
    Request,
    codegen::http::HeaderMap,
    metadata::{Ascii, AsciiMetadataValue, MetadataMap, MetadataValue},
};

use crate::{
    host::label,
    network::{Call, CallId, Connection, Deadline, SessionToken},
    node_auth::{NodeAuth, OPERATOR_KEY, ORIGIN_KEY, SECRET_KEY, metadata_text, protection_of},
    tls::Protection,
    wire::CALL_ID_KEY,
};

/// How long a call may take, unless its caller gives up earlier. Longer than the 30 s for which a
/// classic call is held, and than rebooting all masters.
pub const CALL_TIMEOUT: Duration = Duration::from_mins(1);
/// How much longer than its caller a server may work on a call: so a caller gives up first, and says
/// why.
const SLACK: Duration = Duration::from_secs(1);
const TIMEOUT_KEY: &str = "grpc-timeout";
const SESSION_KEY: &str = "authorization";
const SCHEME: &str = "Bearer ";
/// How proxies say from whom they have a call.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Reads the context of calls at a server.
#[derive(Clone)]
pub struct CallReader {
    nodes: NodeAuth,
    /// Proxies, which are believed, too.
    proxies: Arc<[IpAddr]>,
}

impl CallReader {
    /// Believes what these nodes say about the origin of a call.
    pub fn new(nodes: NodeAuth) -> Self {
        Self { nodes, proxies: Arc::default() }
    }

    /// The same, which believes these proxies, too.
    #[must_use]
    pub fn believing(self, proxies: Arc<[IpAddr]>) -> Self {
        Self { proxies, ..self }
    }

    /// The context of a request.
    pub fn read<T>(&self, request: &Request<T>) -> Call {
        Call {
            id: call_id(request),
            session: session(request.metadata()),
            deadline: Deadline::after(Instant::now(), patience(request.metadata())),
            origin: self.origin(request),
            connection: self.connection(request),
            by_operator: self.has_proved_to_be_operator(request),
        }
    }

    /// The connection of a request, unless a node or a proxy relays it.
    fn connection<T>(&self, request: &Request<T>) -> Option<Connection> {
        let peer = request.remote_addr()?;
        let is_its_own = self.origin(request) == Some(peer.ip().to_canonical())
            && self.origin_named_by_a_node(request).is_none();
        is_its_own.then(|| Connection(peer.port()))
    }

    /// Where a request comes from.
    pub fn origin<T>(&self, request: &Request<T>) -> Option<IpAddr> {
        let connection = request.remote_addr().map(|address| address.ip());
        self.origin_named_by_a_node(request)
            .or_else(|| Some(self.behind_proxies(request.metadata().as_ref(), connection?)))
    }

    /// Where a connection from `address` comes from: what the proxies say that we believe, and else itself.
    fn behind_proxies(&self, headers: &HeaderMap, address: IpAddr) -> IpAddr {
        let address = address.to_canonical();
        if !self.proxies.contains(&address) {
            return address;
        }
        // Each proxy adds at the end from whom it has the call; what is before the last that we believe, anybody may
        // have written.
        let named = headers.get_all(FORWARDED_FOR).iter().filter_map(|named| named.to_str().ok());
        let named: Vec<&str> = named.flat_map(|named| named.split(',')).collect();
        let mut last = address;
        for named in named.into_iter().rev() {
            match named.trim().parse::<IpAddr>() {
                Ok(named) => last = named.to_canonical(),
                Err(_) => break,
            }
            if !self.proxies.contains(&last) {
                break;
            }
        }
        last
    }

    /// Where a request with these headers comes from, if its connection is from `address` and
    /// protected like this.
    pub fn origin_of(
        &self,
        headers: &HeaderMap,
        address: IpAddr,
        protection: Protection,
    ) -> IpAddr {
        self.origin_in(headers, protection).unwrap_or_else(|| self.behind_proxies(headers, address))
    }

    /// The same as a function, for whoever serves them.
    pub fn origins(
        self,
    ) -> impl Fn(&HeaderMap, IpAddr, Protection) -> IpAddr + Send + Sync + 'static {
        move |headers, address, protection| self.origin_of(headers, address, protection)
    }

    /// Whether a request comes from an operator of the cluster: from one who has its secret, or is on
    /// the machine of the node that was called.
    pub fn is_from_operator<T>(&self, request: &Request<T>) -> bool {
        let headers = request.metadata().as_ref();
        let is_relayed = headers.contains_key(ORIGIN_KEY);
        let is_local = || self.origin(request).is_some_and(|origin| origin.is_loopback());
        (self.nodes.is_node(headers, protection_of(request)) && !is_relayed) || is_local()
    }

    /// Whether a request proves with the cluster's secret that it is an operator's, to this node or to the one
    /// that relays it. To be on the same machine is not enough to change anything.
    fn has_proved_to_be_operator<T>(&self, request: &Request<T>) -> bool {
        let headers = request.metadata().as_ref();
        let is_relayed = headers.contains_key(ORIGIN_KEY);
        let is_said = !is_relayed || headers.contains_key(OPERATOR_KEY);
        is_said && self.nodes.is_node(headers, protection_of(request))
    }

    fn origin_named_by_a_node<T>(&self, request: &Request<T>) -> Option<IpAddr> {
        self.origin_in(request.metadata().as_ref(), protection_of(request))
    }

    fn origin_in(&self, headers: &HeaderMap, protection: Protection) -> Option<IpAddr> {
        let origin = headers.get(ORIGIN_KEY)?.to_str().ok()?.parse().ok()?;
        self.nodes.is_node(headers, protection).then_some(origin)
    }
}

/// How long the caller waits.
fn patience(metadata: &MetadataMap) -> Duration {
    let wanted = metadata_text(metadata, TIMEOUT_KEY).and_then(timeout_from_wire);
    wanted.unwrap_or(CALL_TIMEOUT).min(CALL_TIMEOUT)
}

/// Up to eight digits and a unit, as gRPC writes a timeout.
fn timeout_from_wire(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(u64::saturating_mul(number, 3_600))),
        "M" => Some(Duration::from_secs(u64::saturating_mul(number, 60))),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// The name that whoever serves the request has found or given.
fn call_id<T>(request: &Request<T>) -> CallId {
    let found = request.extensions().get::<CallId>().cloned();
    found.unwrap_or_else(|| CallId::new(&label::next()).expect("a label is short"))
}

fn session(metadata: &MetadataMap) -> Option<SessionToken> {
    let token = metadata_text(metadata, SESSION_KEY)?.strip_prefix(SCHEME)?;
    Some(SessionToken::new(token))
}

/// Writes the context of calls that this process makes.
#[derive(Clone, Default)]
pub struct CallWriter {
    /// Proves that this process is a node of the cluster.
    secret: Option<AsciiMetadataValue>,
}

/// A session token that no header can carry.
#[derive(Debug)]
pub struct UnusableToken;

impl CallWriter {
    /// For a process that is no node of the cluster.
    pub fn of_client() -> Self {
        Self::default()
    }

    /// For a node of the cluster, which tells where the calls that it relays come from.
    pub fn of_node(auth: &NodeAuth) -> Self {
        Self { secret: Some(auth.metadata()) }
    }

    /// For an operator of the cluster, who asks for nobody else.
    pub fn of_operator(auth: &NodeAuth) -> Self {
        Self::of_node(auth)
    }

    /// Adds the context of `call` to a request.
    pub fn write<T>(&self, call: &Call, request: &mut Request<T>) -> Result<(), UnusableToken> {
        request.set_timeout(call.deadline.at().saturating_duration_since(Instant::now()) + SLACK);
        let metadata = request.metadata_mut();
        metadata.insert(CALL_ID_KEY, call.id.as_str().parse().expect("it is ASCII"));
        if let Some(session) = &call.session {
            let bearer: MetadataValue<Ascii> =
                format!("{SCHEME}{}", session.expose()).parse().map_err(|_| UnusableToken)?;
            metadata.insert(SESSION_KEY, bearer);
        }
        if let (Some(secret), true) = (&self.secret, call.by_operator) {
            metadata.insert(SECRET_KEY, secret.clone());
            metadata.insert(OPERATOR_KEY, AsciiMetadataValue::from_static("yes"));
        }
        if let (Some(secret), Some(origin)) = (&self.secret, call.origin) {
            metadata.insert(SECRET_KEY, secret.clone());
            metadata.insert(ORIGIN_KEY, origin.to_string().parse().expect("ASCII"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tonic::transport::server::TcpConnectInfo;

    use super::*;
    use crate::settings::Secret;

    const CALLER: &str = "192.0.2.7";
    const RELAY: &str = "198.51.100.1";

    fn nodes(secret: &str) -> NodeAuth {
        NodeAuth::in_clear(Secret::new(secret))
    }

    fn ip(address: &str) -> IpAddr {
        address.parse().expect("an address")
    }

    /// A request that has come over a connection from `peer`, with what `writer` adds for `origin`.
    fn request(writer: &CallWriter, origin: Option<IpAddr>, peer: &str) -> Request<()> {
        let call = Call {
            id: CallId::new("a-call").expect("allowed"),
            session: Some(SessionToken::new("a token")),
            deadline: Deadline::after(Instant::now(), CALL_TIMEOUT),
            origin,
            connection: None,
            by_operator: false,
        };
        let mut request = Request::new(());
        writer.write(&call, &mut request).unwrap_or_else(|_| panic!("ASCII"));
        let remote_addr = Some((ip(peer), 4_000).into());
        request.extensions_mut().insert(TcpConnectInfo { local_addr: None, remote_addr });
        request
    }

    #[test]
    fn an_origin_is_believed_from_nodes_of_the_cluster_alone() {
        let nodes = nodes("the cluster's");
        let reader = CallReader::new(nodes.clone());
        let node = CallWriter::of_node(&nodes);
        let stranger = CallWriter::of_node(&self::nodes("a guess"));
        let origin = Some(ip(CALLER));
        for (writer, named, seen) in [
            (&node, origin, CALLER),
            (&node, None, RELAY),
            (&stranger, origin, RELAY),
            (&CallWriter::of_client(), origin, RELAY),
        ] {
            let call = reader.read(&request(writer, named, RELAY));
            assert_eq!(call.origin, Some(ip(seen)));
            let own = Some(Connection(4_000)).filter(|_| seen == RELAY);
            assert_eq!(call.connection, own, "that of the caller or none");
            assert_eq!(call.session, Some(SessionToken::new("a token")));
        }
        let mut bare = request(&CallWriter::of_client(), None, RELAY);
        bare.metadata_mut().insert(ORIGIN_KEY, CALLER.parse().expect("ASCII"));
        assert_eq!(reader.origin(&bare), Some(ip(RELAY)), "said without proof");
    }

    #[test]
    fn an_operator_has_the_secret_or_is_on_the_machine_and_a_relay_lends_its_secret_to_nobody() {
        let nodes = nodes("the cluster's");
        let reader = CallReader::new(nodes.clone());
        let node = CallWriter::of_node(&nodes);
        let stranger = CallWriter::of_node(&self::nodes("a guess"));
        let client = CallWriter::of_client();
        for (writer, origin, peer, expected) in [
            (&client, None, "127.0.0.1", true),
            (&client, None, "::1", true),
            (&client, None, "::ffff:127.0.0.1", true),
            (&client, None, CALLER, false),
            (&client, Some("127.0.0.1"), CALLER, false),
            (&stranger, Some("127.0.0.1"), CALLER, false),
            (&node, Some(CALLER), RELAY, false),
            (&node, Some(CALLER), "127.0.0.1", false),
            (&node, Some("127.0.0.1"), RELAY, true),
        ] {
            let request = request(writer, origin.map(ip), peer);
            assert_eq!(reader.is_from_operator(&request), expected, "{origin:?} by {peer}");
        }
        for (proof, expected) in [(&nodes, true), (&self::nodes("a guess"), false)] {
            let mut request = request(&client, None, CALLER);
            request.metadata_mut().insert(SECRET_KEY, proof.metadata());
            assert_eq!(reader.is_from_operator(&request), expected);
            request.metadata_mut().insert(ORIGIN_KEY, "unknown".parse().expect("ASCII"));
            assert!(!reader.is_from_operator(&request), "relayed from who knows where");
        }
    }

    #[test]
    fn only_the_secret_makes_an_operator_and_a_relay_says_of_whom_it_has_seen_it() {
        let nodes = nodes("the cluster's");
        let reader = CallReader::new(nodes.clone());
        let node = CallWriter::of_node(&nodes);
        let stranger = CallWriter::of_node(&self::nodes("a guess"));
        let operator = |writer: &CallWriter, origin: Option<&str>| {
            let mut call = reader.read(&request(writer, None, "127.0.0.1"));
            (call.by_operator, call.origin) = (true, origin.map(ip));
            let mut request = Request::new(());
            writer.write(&call, &mut request).unwrap_or_else(|_| panic!("ASCII"));
            let remote_addr = Some((ip("127.0.0.1"), 4_000).into());
            request.extensions_mut().insert(TcpConnectInfo { local_addr: None, remote_addr });
            reader.read(&request).by_operator
        };
        assert!(operator(&CallWriter::of_operator(&nodes), None), "with the secret");
        assert!(operator(&node, Some(CALLER)), "relayed by a node that has seen it");
        assert!(!operator(&stranger, None), "with another secret");
        assert!(!operator(&stranger, Some(CALLER)), "relayed by who knows whom");
        assert!(!operator(&CallWriter::of_client(), None), "on the same machine is not enough");
        let relayed = request(&node, Some(ip(CALLER)), RELAY);
        assert!(!reader.read(&relayed).by_operator, "a relay lends its secret to nobody");
        let mut forged = request(&CallWriter::of_client(), None, CALLER);
        forged.metadata_mut().insert(OPERATOR_KEY, "yes".parse().expect("ASCII"));
        assert!(!reader.read(&forged).by_operator, "said without proof");
    }

    #[test]
    fn what_proxies_say_is_believed_from_those_that_are_named_alone() {
        let proxies = [ip("10.0.0.7"), ip("10.0.0.8")].into();
        let reader = CallReader::new(nodes("the cluster's")).believing(proxies);
        for (peer, said, origin) in [
            ("10.0.0.7", "192.0.2.7", "192.0.2.7"),
            ("::ffff:10.0.0.7", "192.0.2.7", "192.0.2.7"),
            ("10.0.0.7", "203.0.113.1, 192.0.2.7", "192.0.2.7"),
            ("10.0.0.7", "203.0.113.1, 192.0.2.7, 10.0.0.8", "192.0.2.7"),
            ("10.0.0.7", "2001:db8::1", "2001:db8::1"),
            ("10.0.0.7", "", "10.0.0.7"),
            ("10.0.0.7", "nobody", "10.0.0.7"),
            ("10.0.0.7", "192.0.2.7, nobody", "10.0.0.7"),
            ("10.0.0.9", "192.0.2.7", "10.0.0.9"),
        ] {
            let mut request = request(&CallWriter::of_client(), None, peer);
            request.metadata_mut().insert(FORWARDED_FOR, said.parse().expect("ASCII"));
            let call = reader.read(&request);
            assert_eq!(call.origin, Some(ip(origin)), "{said:?} by {peer}");
            assert_eq!(call.connection.is_some(), ip(origin) == ip(peer).to_canonical());
            let headers = request.metadata().as_ref();
            let seen = reader.origin_of(headers, ip(peer), Protection::InClear);
            assert_eq!(seen, ip(origin), "the same for those who serve it");
        }
    }

    #[test]
    fn an_address_is_the_same_however_the_socket_writes_it() {
        let reader = CallReader::new(nodes("the cluster's"));
        let mapped = request(&CallWriter::of_client(), None, "::ffff:192.0.2.7");
        assert_eq!(reader.origin(&mapped), Some(ip(CALLER)));
    }

    #[test]
    fn a_deadline_is_passed_on_and_limited() {
        let reader = CallReader::new(nodes("the cluster's"));
        let patience = |text: &str| {
            let mut request = Request::new(());
            request.metadata_mut().insert(TIMEOUT_KEY, text.parse().expect("ASCII"));
            reader.read(&request).deadline.patience()
        };
        for (text, expected) in [
            ("250m", Duration::from_millis(250)),
            ("7S", Duration::from_secs(7)),
            ("1000000u", Duration::from_secs(1)),
            ("99999999n", Duration::from_nanos(99_999_999)),
            ("1M", CALL_TIMEOUT),
            ("2H", CALL_TIMEOUT),
            ("soon", CALL_TIMEOUT),
            ("", CALL_TIMEOUT),
        ] {
            assert_eq!(patience(text), expected, "{text}");
        }
        let relayed = reader.read(&request(&CallWriter::of_client(), None, RELAY));
        assert!(relayed.deadline.patience() + SLACK > CALL_TIMEOUT);
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_told() {
        let session = Some(SessionToken::new("line\nbreak"));
        let deadline = Deadline::after(Instant::now(), CALL_TIMEOUT);
        let id = CallId::new("a-call").expect("allowed");
        let call =
            Call { id, session, deadline, origin: None, connection: None, by_operator: false };
        assert!(CallWriter::of_client().write(&call, &mut Request::new(())).is_err());
    }
}
