//! Protobuf messages, and the headers of calls.

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
    client::{
        ClusterStatus,
        known_cluster::{DirectoryAnswer, KnownCluster},
    },
    control::{
        Directive, Hello, Progress, Report, Room, RoomCondition, VoterConfig, VoterName,
        wire::{ReportDecoder, ReportEncoder},
    },
    directory::{Available, Location},
    domain::{
        ClientId, ClusterId, LogPosition, NodeId, OpaqueKey, PostId, RequestKey, UnixMillis,
        UserName,
    },
    envelope::{SupportedVersions, Version},
    grpc::{
        messages,
        metadata::{CallReader, CallWriter},
        status,
    },
    network::{
        Cursor, ListKind, LoggedIn, Login, NamePage, NamePosition, PasswordChange, Post, PostPage,
        Published, Refusal, RefusalKind, SessionToken,
    },
    node_auth::{CALLER_KEY, NodeAuth, ORIGIN_KEY, SECRET_KEY},
    overview::{json, output_size::OutputSize, table},
    replication::{
        NodeInfo,
        node_credentials::{self, Caller},
    },
    settings::Secret,
    wire::{
        PUSHBACK_KEY,
        classic::{self, Regmessage},
        internal::{self, peer_call},
        v1::{self, posts_request, timeline_request},
    },
};

/// Decodes a message. What was decoded survives another journey; only unknown fields are left out.
fn message<M: Message + Default + PartialEq + Debug>(bytes: &[u8]) -> Option<M> {
    let message = M::decode(bytes).ok()?;
    let again = M::decode(message.encode_to_vec().as_slice());
    assert!(again.as_ref() == Ok(&message), "{again:?} instead of {message:?}");
    Some(message)
}

/// What was understood is understood in the same way if it is sent on.
fn is_sent_on<T: PartialEq + Debug, E: PartialEq + Debug>(
    found: Result<T, E>,
    again: impl FnOnce(&T) -> Result<T, E>,
) {
    if let Ok(found) = found {
        assert_eq!(again(&found), Ok(found));
    }
}

fn key(wire: Option<v1::RequestId>) {
    is_sent_on(messages::key_from_wire(wire), |key| {
        messages::key_from_wire(Some(messages::key_to_wire(key)))
    });
}

/// What clients send to servers.
pub fn requests(bytes: &[u8]) {
    let Some((kind, bytes)) = choice(bytes, 9) else { return };
    match kind {
        0 => {
            let Some(wire) = message::<v1::LogInRequest>(bytes) else { return };
            if let Ok(login) = messages::login_from_wire(wire.clone()) {
                assert_eq!(messages::login_to_wire(login), wire);
            }
        }
        1 => {
            let Some(wire) = message::<v1::SetPasswordRequest>(bytes) else { return };
            let v1::SetPasswordRequest { request_id, current_password, new_password } =
                wire.clone();
            if let Ok(key) = messages::key_from_wire(request_id) {
                let change = PasswordChange { current: current_password, new: new_password };
                let sent = messages::password_change_to_wire(&key, change);
                assert_eq!(sent.current_password, wire.current_password);
                assert_eq!(messages::key_from_wire(sent.request_id), Ok(key));
            }
        }
        2 => {
            let Some(wire) = message::<v1::FollowRequest>(bytes) else { return };
            key(wire.request_id);
            let _name = UserName::new(wire.username);
        }
        3 => {
            let Some(wire) = message::<v1::UnfollowRequest>(bytes) else { return };
            key(wire.request_id);
            let _name = UserName::new(wire.username);
        }
        4 => {
            let Some(wire) = message::<v1::PublishRequest>(bytes) else { return };
            key(wire.request_id);
            super::texts::post_text(&wire.text);
        }
        5 => {
            let Some(wire) = message::<v1::ListRequest>(bytes) else { return };
            is_sent_on(messages::list_kind_from_wire(wire.kind), |kind| {
                messages::list_kind_from_wire(messages::list_kind_to_wire(*kind).into())
            });
            let limit = messages::limit_from_wire(wire.page_size);
            assert_eq!(messages::limit_to_wire(limit), wire.page_size);
            let position = messages::name_position_from_wire(wire.page_token.clone());
            assert_eq!(messages::name_position_to_wire(position.as_ref()), wire.page_token);
        }
        6 => {
            let Some(wire) = message::<v1::TimelineRequest>(bytes) else { return };
            let cursor = Cursor::from(wire.cursor);
            assert_eq!(Option::<timeline_request::Cursor>::from(cursor), wire.cursor);
        }
        7 => {
            let Some(wire) = message::<v1::PostsRequest>(bytes) else { return };
            let cursor = Cursor::from(wire.cursor);
            assert_eq!(Option::<posts_request::Cursor>::from(cursor), wire.cursor);
            let _name = UserName::new(wire.username);
        }
        _ => {
            let _after = message::<v1::SubscribeRequest>(bytes);
            let _failed = message::<v1::LocateRequest>(bytes);
        }
    }
}

fn counted() -> RequestKey {
    RequestKey::Counted { client: ClientId(u128::MAX / 3), sequence: 9, answered_below: 3 }
}

fn opaque() -> RequestKey {
    RequestKey::Opaque(OpaqueKey::new(*b"a key of somebody's own").expect("valid"))
}

fn name(name: &str) -> UserName {
    UserName::new(name).expect("valid")
}

pub fn seeds_of_requests() -> Vec<Vec<u8>> {
    let login = Login { name: name("ann"), password: "secret".to_owned(), must_exist: true };
    let change = PasswordChange { current: "old".to_owned(), new: "new".to_owned() };
    let [counted, opaque] = [counted(), opaque()];
    let request_id = || Some(messages::key_to_wire(&counted));
    let follow = v1::FollowRequest { request_id: request_id(), username: "bob".to_owned() };
    let unfollow = v1::UnfollowRequest {
        request_id: Some(messages::key_to_wire(&opaque)),
        username: "Bob-2_.x".to_owned(),
    };
    let publish = v1::PublishRequest {
        request_id: request_id(),
        text: "Grüße\n\tan alle 👋🏽".to_owned(),
    };
    let list = v1::ListRequest {
        kind: messages::list_kind_to_wire(ListKind::Followers).into(),
        page_size: 20,
        page_token: "bob".to_owned(),
    };
    let before = Cursor::Before(PostId::new(7));
    let timeline = v1::TimelineRequest { cursor: before.into(), page_size: 20 };
    let after = Cursor::After(PostId::new(300));
    let posts =
        v1::PostsRequest { username: "ann".to_owned(), cursor: after.into(), page_size: 1_000 };
    let subscribe = v1::SubscribeRequest { after: Some(0) };
    vec![
        chosen(0, messages::login_to_wire(login).encode_to_vec()),
        chosen(1, messages::password_change_to_wire(&counted, change).encode_to_vec()),
        chosen(2, follow.encode_to_vec()),
        chosen(3, unfollow.encode_to_vec()),
        chosen(4, publish.encode_to_vec()),
        chosen(5, list.encode_to_vec()),
        chosen(6, timeline.encode_to_vec()),
        chosen(7, posts.encode_to_vec()),
        chosen(8, subscribe.encode_to_vec()),
    ]
}

/// What servers send to clients.
pub fn answers(bytes: &[u8]) {
    let Some((kind, bytes)) = choice(bytes, 7) else { return };
    match kind {
        0 => {
            let Some(wire) = message::<v1::LogInReply>(bytes) else { return };
            is_sent_on(messages::logged_in_from_wire(wire), |logged_in| {
                messages::logged_in_from_wire(messages::logged_in_to_wire(logged_in.clone()))
            });
        }
        1 => {
            let Some(wire) = message::<v1::PublishReply>(bytes) else { return };
            let published = messages::published_from_wire(wire);
            assert_eq!(messages::published_to_wire(published), wire);
        }
        2 => {
            let Some(wire) = message::<v1::PostPage>(bytes) else { return };
            is_sent_on(messages::post_page_from_wire(wire), |page| {
                messages::post_page_from_wire(messages::post_page_to_wire(page.clone()))
            });
        }
        3 => {
            let Some(wire) = message::<v1::ListReply>(bytes) else { return };
            is_sent_on(messages::name_page_from_wire(wire), |page| {
                messages::name_page_from_wire(messages::name_page_to_wire(page.clone()))
            });
        }
        4 => {
            let Some(wire) = message::<v1::SubscribeEvent>(bytes) else { return };
            if let Ok(Some(event)) = messages::event_from_wire(wire) {
                let again = messages::event_from_wire(messages::event_to_wire(event.clone()));
                assert_eq!(again, Ok(Some(event)));
            }
        }
        5 => {
            let Some(wire) = message::<v1::Location>(bytes) else { return };
            let mut known = KnownCluster::default();
            known.learn(DirectoryAnswer::from(wire.clone()));
            assert!(!known.learn(DirectoryAnswer::from(wire)), "the same is no news: {known:?}");
        }
        _ => {
            let Some(wire) = message::<v1::ClusterStatus>(bytes) else { return };
            let status = ClusterStatus::from(wire);
            for (now, columns) in
                [(UnixMillis::MIN, 0), (UnixMillis::EPOCH, 80), (UnixMillis::MAX, 9)]
            {
                let _table = table::render(&status, now, OutputSize { columns, rows: 24 });
            }
            for json in [json::line(&status), json::pretty(&status)] {
                let read: Result<serde_json::Value, _> = serde_json::from_str(&json);
                assert!(read.is_ok(), "{json}");
            }
        }
    }
}

fn post(text: &str) -> Post {
    Post {
        id: PostId::new(3),
        author: name("ann"),
        posted_at: UnixMillis::new(1_517_528_845_000),
        text: text.to_owned(),
    }
}

fn cluster_status() -> v1::ClusterStatus {
    let master = |name: &str, state: v1::MasterState| v1::MasterStatus {
        name: name.to_owned(),
        address: "10.0.0.1:3011".to_owned(),
        pid: 41,
        state: state.into(),
        term: 7,
        last_log_index: 120,
        applied_index: 119,
        reboots: 2,
        since_ms: 1_000,
        voter: true,
        host: "here".to_owned(),
        clock_ahead_ms: -3,
        metrics_address: "10.0.0.1:3012".to_owned(),
        node_id: 4,
        peer_address: "10.0.0.1:3013".to_owned(),
    };
    v1::ClusterStatus {
        cluster_id: ClusterId::new(5).to_string(),
        available: "server-2".to_owned(),
        masters: vec![
            master("server-1", v1::MasterState::Down),
            master("server-2", v1::MasterState::Available),
        ],
        router: Some(v1::RouterStatus {
            address: "10.0.0.9:3010".to_owned(),
            pid: 40,
            since_ms: 5,
            term: 7,
            last_log_index: 120,
            voter: true,
            host: "there".to_owned(),
        }),
        problems: vec!["server-1 has been down for two minutes: start it again".to_owned()],
        format: 1,
        view: v1::StatusView::Operator.into(),
    }
}

pub fn seeds_of_answers() -> Vec<Vec<u8>> {
    let logged_in = LoggedIn {
        session: SessionToken::new("token"),
        name: name("ann"),
        created: true,
        expires_at: UnixMillis::new(11),
    };
    let published = Published { id: PostId::new(8), posted_at: UnixMillis::new(-9) };
    let posts = vec![post("two\nlines"), post("🙂")];
    let page = PostPage { posts, as_of: PostId::new(7), more: true };
    let names = vec![name("ann"), name("bob")];
    let names = NamePage { names, next: Some(NamePosition::new("bob")) };
    let position = messages::WireEvent::Position(PostId::new(300));
    let location = Location {
        available: Some(Available {
            name: "server-2".to_owned(),
            address: "[::1]:3011".to_owned(),
        }),
        term: 7,
        masters: vec!["10.0.0.1:3011".to_owned(), "[::1]:3011".to_owned()],
        waiting: "waiting for server-1".to_owned(),
        candidate: Some("10.0.0.1:3011".to_owned()),
    };
    vec![
        chosen(0, messages::logged_in_to_wire(logged_in).encode_to_vec()),
        chosen(1, messages::published_to_wire(published).encode_to_vec()),
        chosen(2, messages::post_page_to_wire(page).encode_to_vec()),
        chosen(3, messages::name_page_to_wire(names).encode_to_vec()),
        chosen(4, messages::event_to_wire(messages::WireEvent::Post(post("hi"))).encode_to_vec()),
        chosen(4, messages::event_to_wire(position).encode_to_vec()),
        chosen(5, location.to_wire().encode_to_vec()),
        chosen(6, cluster_status().encode_to_vec()),
    ]
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
