//! Protobuf messages other than those of the public API, and the headers of calls.

use std::{collections::BTreeSet, fmt::Debug, net::SocketAddr, sync::Arc, time::Duration};

use prost::Message;
use tonic::{
    Code, Extensions, Request, Status,
    codegen::http::{HeaderMap, HeaderName, HeaderValue},
    metadata::{MetadataMap, MetadataValue},
    transport::server::TcpConnectInfo,
};

use super::{choice, chosen, states};
use crate::{
    classic::{caller, service},
    control::{
        Directive, Hello, Progress, Report, Room, RoomCondition, VoterConfig, VoterName,
        wire::{ReportDecoder, ReportEncoder},
    },
    domain::{ClusterId, LogPosition, NodeId, UnixMillis},
    envelope::{SupportedVersions, Version},
    grpc::{
        metadata::{CallReader, CallWriter},
        status,
    },
    network::{Refusal, RefusalKind},
    node_auth::{CALLER_KEY, NodeAuth, ORIGIN_KEY, SECRET_KEY},
    replication::{
        NodeInfo,
        node_credentials::{self, Caller},
    },
    settings::Secret,
    wire::{
        PUSHBACK_KEY,
        classic::{self, Regmessage},
        internal::{self, peer_call},
    },
};

/// Decodes a message. What was decoded survives another journey; only unknown fields are left out.
pub fn message<M: Message + Default + PartialEq + Debug>(bytes: &[u8]) -> Option<M> {
    let message = M::decode(bytes).ok()?;
    let again = M::decode(message.encode_to_vec().as_slice());
    assert!(again.as_ref() == Ok(&message), "{again:?} instead of {message:?}");
    Some(message)
}

/// What clients of the classic protocol send.
pub fn classic(bytes: &[u8]) {
    let Some((kind, bytes)) = choice(bytes, 3) else { return };
    match kind {
        0 => {
            let Some(call) = message::<classic::Request>(bytes) else { return };
            for name in [service::text(&call.username).into_owned(), service::target(&call)] {
                super::texts::user_name(&name);
            }
        }
        1 => {
            let Some(wire) = message::<classic::Message>(bytes) else { return };
            super::texts::user_name(&service::text(&wire.username));
            if let Ok(text) = std::str::from_utf8(&wire.msg) {
                super::texts::post_text(text.trim_end());
            }
        }
        _ => {
            let Some(Regmessage { hostname, port }) = message(bytes) else { return };
            let claimed = format!("{}:{}", service::text(&hostname), service::text(&port));
            super::texts::address(&claimed);
            let _reached = caller::address(&claimed);
        }
    }
}

pub fn seeds_of_classic() -> Vec<Vec<u8>> {
    let call = |username: &[u8], target: &[u8]| classic::Request {
        username: username.to_vec(),
        arguments: vec![target.to_vec()],
    };
    let line = classic::Message {
        username: b"u1".to_vec(),
        msg: "hello 👋\n".as_bytes().to_vec(),
        timestamp: Some(prost_types::Timestamp { seconds: 1_517_528_845, nanos: 7 }),
    };
    let server = Regmessage { hostname: b"127.0.0.1".to_vec(), port: b"3010".to_vec() };
    vec![
        chosen(0, call(b"u1", b" u2\n").encode_to_vec()),
        chosen(0, call(b"u\xff", b"").encode_to_vec()),
        chosen(1, line.encode_to_vec()),
        chosen(2, server.encode_to_vec()),
    ]
}

/// What masters tell the router, as one stream of two messages.
pub fn reports(bytes: &[u8]) {
    let Some((length, bytes)) = bytes.split_first() else { return };
    let (first, second) = bytes.split_at(usize::from(*length).min(bytes.len()));
    let mut decoder = ReportDecoder::default();
    for bytes in [first, second] {
        let Some(wire) = message::<internal::MasterReport>(bytes) else { return };
        let Ok(Some(report)) = decoder.decode(wire) else { continue };
        // No master says that it leads though it is cut off.
        if matches!(&report, Report::Progress(progress) if progress.leading && progress.cut_off) {
            continue;
        }
        let sent = ReportEncoder::default().encode(report.clone());
        assert_eq!(ReportDecoder::default().decode(sent), Ok(Some(report)));
    }
}

pub fn seeds_of_reports() -> Vec<Vec<u8>> {
    let [one, other] = [1, u64::MAX].map(NodeId::new);
    let names = vec![
        VoterName { node: one, name: "server-1".to_owned(), witness: false },
        VoterName { node: other, name: "witness".to_owned(), witness: true },
    ];
    let sets = vec![BTreeSet::from([one, other]), BTreeSet::from([one])];
    let hello = Report::Hello(Hello {
        node: one,
        name: "server-1".to_owned(),
        cluster: Some(ClusterId::new(5)),
        client_address: "10.0.0.1:3011".to_owned(),
        peer_address: "10.0.0.1:3012".to_owned(),
        metrics_address: "10.0.0.1:3013".to_owned(),
        pid: 41,
        reboots: 2,
        host: "here".to_owned(),
        supported_versions: SupportedVersions::BUILD,
        address_version: 9,
        process: 77,
        started: UnixMillis::new(1_000),
        abandoned_for: None,
    });
    let progress = Report::Progress(Progress {
        term: 7,
        last_log: LogPosition::new(7, 120),
        applied: 119,
        leading: true,
        cut_off: false,
        known_leader: Some(one),
        electable: true,
        voter: true,
        voters: vec![one, other],
        cluster: Some(ClusterId::new(5)),
        probe: 3,
        voter_config: Arc::new(VoterConfig { index: 100, voter_sets: sets, names }),
        clock: UnixMillis::new(2_000),
        version: Version::FIRST,
        cannot_accept: true,
        is_empty: false,
        abandoned_for: Some(ClusterId::new(6)),
        room: Room { condition: RoomCondition::Low, left: 900 },
        open_to_all: true,
    });
    let mut encoder = ReportEncoder::default();
    let certification = Report::Certification(Arc::new(states::some_certification()));
    let reports = [hello, progress, certification, Report::Leaving];
    let [hello, progress, certification, leaving] =
        reports.map(|report| encoder.encode(report).encode_to_vec());
    let stream = |first: &[u8], second: &[u8]| {
        chosen(u8::try_from(first.len()).expect("short"), [first, second].concat())
    };
    vec![
        stream(&hello, &progress),
        stream(&progress, &leaving),
        stream(&certification, &certification),
    ]
}

/// What the router tells masters.
pub fn directives(bytes: &[u8]) {
    let Some(wire) = message::<internal::Directive>(bytes) else { return };
    if let Ok(Some(directive)) = Directive::from_wire(wire) {
        let again = Directive::from_wire(internal::Directive::from(directive.clone()));
        assert_eq!(again, Ok(Some(directive)));
    }
}

pub fn seeds_of_directives() -> Vec<Vec<u8>> {
    use internal::directive::Directive;
    let member = |node_id, witness| internal::Member {
        node_id,
        name: format!("server-{node_id}"),
        client_address: "10.0.0.1:3011".to_owned(),
        peer_address: "10.0.0.1:3012".to_owned(),
        witness,
        down: !witness,
        leaving: witness,
        full: !witness,
        oldest_format: 1,
        newest_format: 2,
        address_version: 9,
    };
    let cluster_id = || ClusterId::new(5).to_string();
    [
        Directive::Roster(internal::Roster {
            cluster_id: cluster_id(),
            members: vec![member(1, false), member(2, true)],
            available: 1,
            available_term: 7,
        }),
        Directive::Bootstrap(internal::Bootstrap { cluster_id: cluster_id() }),
        Directive::Campaign(internal::Campaign { after_term: 7 }),
        Directive::Reject(internal::Reject { reason: "too old".to_owned(), temporary: true }),
        Directive::Probe(internal::Probe { number: 3, pre_vote_ms: 250 }),
        Directive::AbandonCluster(internal::AbandonCluster { cluster_id: cluster_id() }),
        Directive::ResetNode(internal::ResetNode { node_id: 2 }),
    ]
    .into_iter()
    .map(|directive| internal::Directive { directive: Some(directive) }.encode_to_vec())
    .collect()
}

/// What nodes say to each other, without what is in an envelope.
pub fn peer_calls(bytes: &[u8]) {
    let Some((kind, bytes)) = choice(bytes, 6) else { return };
    match kind {
        0 => {
            let Some(wire) = message::<internal::PeerCall>(bytes) else { return };
            let Some(peer_call::Call::KnownAddresses(known)) = wire.call else { return };
            for (node, info) in known.nodes.into_iter().map(node_credentials::from_wire) {
                let sent = node_credentials::to_wire(node, &info);
                assert_eq!(node_credentials::from_wire(sent), (node, info));
            }
        }
        1 => {
            let mut metadata = MetadataMap::new();
            metadata.insert_bin(CALLER_KEY, MetadataValue::from_bytes(bytes));
            if let Some(caller) = Caller::of(&metadata) {
                let sent = caller.to_wire().encode_to_vec();
                metadata.insert_bin(CALLER_KEY, MetadataValue::from_bytes(&sent));
                assert_eq!(Caller::of(&metadata), Some(caller));
            }
        }
        2 => _ = message::<internal::PeerAnswer>(bytes),
        3 => _ = message::<internal::Pong>(bytes),
        4 => _ = message::<internal::PreVoteAnswer>(bytes),
        _ => _ = message::<internal::SnapshotChunk>(bytes),
    }
}

pub fn seeds_of_peer_calls() -> Vec<Vec<u8>> {
    use peer_call::Call;
    let node = NodeId::new(7);
    let info = NodeInfo {
        name: "server-1".to_owned(),
        peer_address: "10.0.0.1:3012".to_owned(),
        client_address: "10.0.0.1:3011".to_owned(),
        witness: false,
        supported_versions: SupportedVersions::BUILD,
        address_version: 9,
    };
    let address = node_credentials::to_wire(node, &info);
    let known = internal::KnownAddresses { process: 77, nodes: vec![address.clone(), address] };
    let call = |call| internal::PeerCall { number: 3, call: Some(call) }.encode_to_vec();
    let payload = || b"sealed".to_vec().into();
    let asked = internal::PreVoteRequest { last_log_term: 7, last_log_index: 120 };
    let caller = Caller { node, process: 77, info: Some(info) };
    let answer = internal::PeerAnswer { number: 3, payload: payload(), clock_ms: -1 };
    let last_log = Some(internal::LogPosition { term: 7, leader: 7, index: 120 });
    vec![
        chosen(0, call(Call::KnownAddresses(known))),
        chosen(0, call(Call::Append(payload()))),
        chosen(0, call(Call::PreVote(asked))),
        chosen(0, call(Call::Ping(internal::Ping {}))),
        chosen(1, caller.to_wire().encode_to_vec()),
        chosen(2, answer.encode_to_vec()),
        chosen(3, internal::Pong { last_log, known_leader: 7 }.encode_to_vec()),
        chosen(4, internal::PreVoteAnswer { granted: true }.encode_to_vec()),
        chosen(5, internal::SnapshotChunk { payload: payload() }.encode_to_vec()),
    ]
}

const SECRET: &str = "0123456789abcdef";

/// The headers of a call, and of its answer: a line each, `name: value`.
pub fn headers(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        let header = HeaderName::from_bytes(name).ok().zip(HeaderValue::from_bytes(value).ok());
        if let Some((name, value)) = header {
            headers.insert(name, value);
        }
    }
    let metadata = MetadataMap::from_headers(headers);
    read_call(&metadata);
    let _caller = Caller::of(&metadata);
    for code in 0..=16 {
        let sent = Status::with_metadata(Code::from_i32(code), "because", metadata.clone());
        let refusal = status::refusal(&sent);
        let again = status::refusal(&Status::from(refusal.clone()));
        assert_eq!(again, refusal);
    }
}

fn read_call(metadata: &MetadataMap) {
    let mut request = Request::from_parts(metadata.clone(), Extensions::default(), ());
    let remote_addr = Some(SocketAddr::from(([10, 0, 0, 1], 4_000)));
    request.extensions_mut().insert(TcpConnectInfo { local_addr: None, remote_addr });
    let reader = CallReader::new(NodeAuth::in_clear(Secret::new(SECRET)));
    let call = reader.read(&request);
    let _operator = reader.is_from_operator(&request);
    assert!(call.origin.is_some(), "every call comes from somewhere");
    let mut relayed = Request::new(());
    CallWriter::of_client()
        .write(&call, &mut relayed)
        .expect("what came in a header fits into one");
    assert_eq!(reader.read(&relayed).session, call.session);
}

pub fn seeds_of_headers() -> Vec<Vec<u8>> {
    let caller = Caller { node: NodeId::new(7), process: 77, info: None };
    let caller = MetadataValue::from_bytes(&caller.to_wire().encode_to_vec());
    let caller = String::from_utf8(caller.as_encoded_bytes().to_vec()).expect("base64");
    let refusal = Refusal::new(RefusalKind::Elsewhere(Some("[::1]:3011".to_owned())), "elsewhere");
    let refusal = Refusal { again_after: Some(Duration::from_millis(250)), ..refusal };
    let sent = Status::from(refusal).metadata().clone().into_headers();
    let sent: Vec<String> = sent
        .iter()
        .map(|(name, value)| format!("{name}:{}\n", value.to_str().expect("ASCII")))
        .collect();
    vec![
        format!("authorization:Bearer token\ngrpc-timeout:59999m\n{CALLER_KEY}:{caller}\n").into(),
        format!("{SECRET_KEY}:{SECRET}\n{ORIGIN_KEY}:::ffff:10.0.0.7\ngrpc-timeout:2H\n").into(),
        format!("{}{PUSHBACK_KEY}:18446744073709551615\n", sent.concat()).into(),
    ]
}
