//! Who gets in over which connection.

use std::{path::Path, time::Duration};

use rcgen::{CertificateParams, KeyPair};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{
    Code, Request, Status,
    service::{Routes, interceptor::InterceptedService},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::{Encryption, Served, serve};
use crate::{
    acme::Authority,
    domain::{Certification, CertificationStep, DomainCertificate, PrivateText},
    host::net::{self, Security},
    node_auth::{NodeAuth, NodeInterceptor, ORIGIN_KEY, SECRET_KEY},
    settings::{
        CallerLimits, ClientCertificate, ClientSecurity, DomainSettings, NodeEncryption,
        NodeSecurity, PlainCalls, Secret,
    },
    tls::{self, CertificateFiles, NodeFiles, Trust},
};

const DEADLINE: Duration = Duration::from_mins(1);
const OLD: &str = "the old secret of the cluster";
const NEW: &str = "the new secret of the cluster";
/// Clients are shown nothing.
const IN_CLEAR: ClientSecurity = ClientSecurity {
    certificate: None,
    plain: PlainCalls::Allow,
    https_listen: None,
    http_listen: None,
};

fn node(secret: &str, encryption: NodeEncryption) -> NodeAuth {
    NodeAuth::new(Secret::new(secret), &NodeSecurity { encryption, files: None }).expect("usable")
}

fn router(secret: &str) -> NodeAuth {
    let security = NodeSecurity { encryption: NodeEncryption::On, files: None };
    NodeAuth::of_router(Secret::new(secret), &security).expect("usable")
}

/// A server for nodes that proves to be `auth`; returns its address.
async fn serves_nodes(auth: &NodeAuth) -> (String, DropGuard) {
    let (_, service) = tonic_health::server::health_reporter();
    let routes = Routes::new(InterceptedService::new(service, NodeInterceptor(auth.clone())));
    started(Served::to_nodes(routes, auth)).await
}

async fn started(served: Served) -> (String, DropGuard) {
    let listener = net::listen("test", ([127, 0, 0, 1], 0).into()).await.expect("a free port");
    let address = format!("127.0.0.1:{}", listener.port());
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, served, stop.clone()));
    (address, stop.drop_guard())
}

/// Calls a server.
async fn ask(address: &str, security: &Security, secret: Option<&NodeAuth>) -> Result<(), Status> {
    let mut client = HealthClient::new(net::channel(address, security).expect("an address"));
    let mut request = Request::new(HealthCheckRequest::default());
    if let Some(auth) = secret {
        request.metadata_mut().insert(SECRET_KEY, auth.metadata());
    }
    timeout(DEADLINE, client.check(request)).await.expect("it ends").map(drop)
}

async fn asks_as_a_node(caller: &NodeAuth, address: &str) -> Result<(), Status> {
    ask(address, &caller.to_node(), Some(caller)).await
}

#[tokio::test]
async fn a_secret_is_replaced_step_by_step_while_all_nodes_understand_each_other() {
    let stages = [OLD.to_owned(), format!("{OLD}\n{NEW}"), format!("{NEW}\n{OLD}"), NEW.to_owned()];
    let nodes = stages.map(|secret| node(&secret, NodeEncryption::On));
    for (one, called) in nodes.iter().enumerate() {
        let (address, _stop) = serves_nodes(called).await;
        for (other, caller) in nodes.iter().enumerate() {
            let understood = asks_as_a_node(caller, &address).await.is_ok();
            // Nodes are never more than a step apart.
            assert_eq!(understood, one.abs_diff(other) < 2, "stage {other} calls stage {one}");
        }
    }
}

#[tokio::test]
async fn nodes_change_to_encrypted_connections_while_they_run() {
    use NodeEncryption::{Off, On, Optional};
    let nodes = [Off, Optional, On].map(|encryption| node(OLD, encryption));
    for (one, called) in nodes.iter().enumerate() {
        let (address, _stop) = serves_nodes(called).await;
        for (other, caller) in nodes.iter().enumerate() {
            let outcome = asks_as_a_node(caller, &address).await;
            assert_eq!(
                outcome.is_ok(),
                one.abs_diff(other) < 2,
                "{other} calls {one}: {outcome:?}"
            );
        }
    }
}

#[tokio::test]
async fn whoever_lacks_the_secret_is_told_what_is_missing() {
    let (address, _stop) = serves_nodes(&node(OLD, NodeEncryption::On)).await;
    let stranger = node(NEW, NodeEncryption::On);
    let refused = asks_as_a_node(&stranger, &address).await.expect_err("no node");
    let said = crate::client::innermost_cause(&refused);
    assert!(said.contains("need the same secret"), "{said}");
}

#[tokio::test]
async fn a_master_cannot_pretend_to_be_the_router() {
    let caller = node(OLD, NodeEncryption::On);
    for (called, is_router) in [(router(OLD), true), (node(OLD, NodeEncryption::On), false)] {
        let (address, _stop) = serves_nodes(&called).await;
        let outcome = ask(&address, &caller.to_router(), Some(&caller)).await;
        assert_eq!(outcome.is_ok(), is_router, "{outcome:?}");
    }
}

#[tokio::test]
async fn nodes_that_were_given_certificates_know_each_other_by_their_authority() {
    let ours = tempfile::tempdir().expect("a folder");
    let names = ["router", "server-1"].map(str::to_owned);
    let made = tls::issue(ours.path(), &names).expect("made");
    assert!(made.iter().all(|file| !file.is_kept) && made.len() == 6, "{made:?}");
    // Another one later, by the same authority; the others stay as they are.
    let later = tls::issue(ours.path(), &["server-1", "server-2"].map(str::to_owned));
    let kept: Vec<bool> = later.expect("made").iter().map(|file| file.is_kept).collect();
    assert_eq!(kept, [true, true, true, true, false, false]);
    // Without its key, an authority is not replaced by another one.
    let [key, elsewhere] = ["authority.key", "elsewhere"].map(|name| ours.path().join(name));
    std::fs::rename(&key, &elsewhere).expect("renamed");
    let missing = tls::issue(ours.path(), &["server-3".to_owned()]).expect_err("no key");
    assert!(missing.to_string().contains("authority.key"), "{missing}");
    let others = tempfile::tempdir().expect("a folder");
    tls::issue(others.path(), &names).expect("made");
    let of = |folder: &Path, name: &str| {
        let file = |name: String| folder.join(name);
        let files = NodeFiles {
            authority: file("authority.pem".to_owned()),
            certificate: file(format!("{name}.pem")),
            key: file(format!("{name}.key")),
        };
        let security = NodeSecurity { encryption: NodeEncryption::On, files: Some(files) };
        NodeAuth::new(Secret::new(OLD), &security).expect("usable")
    };
    let (ours, others) = (ours.path(), others.path());
    let (address, _stop) = serves_nodes(&of(ours, "router")).await;
    for (caller, is_known) in [
        (of(ours, "server-1"), true),
        (of(ours, "server-2"), true),
        (of(others, "server-1"), false),
        (node(OLD, NodeEncryption::On), false),
    ] {
        assert_eq!(asks_as_a_node(&caller, &address).await.is_ok(), is_known);
    }
    let caller = of(ours, "server-2");
    let (impostor, _stop) = serves_nodes(&of(ours, "server-1")).await;
    for (address, is_router) in [(&address, true), (&impostor, false)] {
        let outcome = ask(address, &caller.to_router(), Some(&caller)).await;
        assert_eq!(outcome.is_ok(), is_router, "{outcome:?}");
    }
}

/// A certificate for `name`, which is its own authority.
fn certificate(folder: &Path, name: &str) -> CertificateFiles {
    let key = KeyPair::generate().expect("made");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    let made = params.self_signed(&key).expect("made");
    let files =
        CertificateFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificate, made.pem()).expect("written");
    std::fs::write(&files.key, key.serialize_pem()).expect("written");
    files
}

/// A server for clients; its service answers nodes only.
async fn serves_clients(
    auth: &NodeAuth,
    certificate: Option<&CertificateFiles>,
    plain: PlainCalls,
) -> (String, DropGuard) {
    let certificate = certificate.cloned().map(ClientCertificate::Files);
    let clients = ClientSecurity { certificate, plain, https_listen: None, http_listen: None };
    let encryption = Encryption::new(auth.clone(), &clients).expect("usable");
    let service = crate::reflection::service();
    let (_, health) = tonic_health::server::health_reporter();
    let guarded = InterceptedService::new(health, NodeInterceptor(auth.clone()));
    let routes = Routes::new(service).add_service(guarded);
    started(Served::to_anybody(routes).protected(&encryption)).await
}

#[tokio::test]
async fn the_secret_is_believed_only_where_nobody_else_can_have_read_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = certificate(folder.path(), "sns.example.net");
    let auth = node(OLD, NodeEncryption::On);
    let (address, _stop) = serves_clients(&auth, Some(&files), PlainCalls::Allow).await;
    let trust = Trust::File(files.certificate);
    let public = tls::security_for("sns.example.net", &trust).expect("usable");
    for (security, is_believed) in
        [(auth.to_node(), true), (public, false), (Security::InClear, false)]
    {
        let outcome = ask(&address, &security, Some(&auth)).await;
        match outcome {
            Ok(()) => assert!(is_believed),
            Err(status) => {
                assert!(!is_believed, "{status}");
                assert_eq!(status.code(), Code::Unauthenticated, "{status}");
                assert!(status.message().contains("node_encryption"), "{status}");
            }
        }
    }
}

#[tokio::test]
async fn nodes_are_let_in_however_much_clients_hold() {
    let auth = node(OLD, NodeEncryption::On);
    let encryption = Encryption::new(auth.clone(), &IN_CLEAR).expect("usable");
    let (_, service) = tonic_health::server::health_reporter();
    let no_calls = CallerLimits { calls_per_address: 0, ..CallerLimits::UNLIMITED };
    let served = Served::to_clients(Routes::new(service), 16, no_calls, |_, address, _| address);
    let (address, _stop) = started(served.protected(&encryption)).await;
    let refused = ask(&address, &Security::InClear, None).await.expect_err("no room");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    asks_as_a_node(&auth, &address).await.expect("a node is let in");
    let channel = net::channel(&address, &auth.to_node()).expect("an address");
    let mut relayed = Request::new(HealthCheckRequest::default());
    relayed.metadata_mut().insert(SECRET_KEY, auth.metadata());
    relayed.metadata_mut().insert(ORIGIN_KEY, "192.0.2.7".parse().expect("ASCII"));
    let refused = HealthClient::new(channel).check(relayed).await.expect_err("a client's call");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
}

#[tokio::test]
async fn a_node_is_let_in_where_strangers_have_taken_all_connections() {
    /// More than may begin at a time in order to prove to come from a node.
    const STRANGERS: usize = 40;
    let auth = node(OLD, NodeEncryption::On);
    let encryption = Encryption::new(auth.clone(), &IN_CLEAR).expect("usable");
    let (_, service) = tonic_health::server::health_reporter();
    let one = CallerLimits { connections: 1, ..CallerLimits::UNLIMITED };
    let served = Served::to_clients(Routes::new(service), 16, one, |_, address, _| address);
    let (address, _stop) = started(served.protected(&encryption)).await;
    let mut strangers = Vec::new();
    for _ in 0..STRANGERS {
        strangers.push(TcpStream::connect(&address).await.expect("it listens"));
    }
    ask(&address, &Security::InClear, None).await.expect_err("no room");
    asks_as_a_node(&auth, &address).await.expect("a node is let in");
}

#[tokio::test]
async fn a_certificate_is_shown_for_its_name_and_to_those_who_trust_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = certificate(folder.path(), "sns.example.net");
    let auth = node(OLD, NodeEncryption::On);
    let (address, _stop) = serves_clients(&auth, Some(&files), PlainCalls::Allow).await;
    let trusted = Trust::File(files.certificate.clone());
    let other = tempfile::tempdir().expect("a folder");
    let others = Trust::File(certificate(other.path(), "sns.example.net").certificate);
    for (name, trust, said) in [
        ("sns.example.net", &trusted, "this port is for"),
        ("other.example.net", &trusted, "for another name"),
        ("sns.example.net", &others, "not trusted here"),
    ] {
        let security = tls::security_for(name, trust).expect("usable");
        let refused = ask(&address, &security, None).await.expect_err("no node");
        let why = crate::client::innermost_cause(&refused);
        assert!(why.contains(said), "{name}: {why}");
    }
    let (address, _stop) = serves_clients(&auth, None, PlainCalls::Allow).await;
    let security = tls::security_for("sns.example.net", &trusted).expect("usable");
    let refused = ask(&address, &security, None).await.expect_err("no certificate");
    let why = crate::client::innermost_cause(&refused);
    assert!(why.contains("does not encrypt"), "{why}");
}

/// What comes back for a request in HTTP/1.1.
async fn raw(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut answer)).await.expect("it ends").expect("text");
    answer
}

#[tokio::test]
async fn who_speaks_grpc_without_http2_is_told_so_and_holds_nothing() {
    let auth = node(OLD, NodeEncryption::On);
    let (address, _stop) = serves_clients(&auth, None, PlainCalls::Allow).await;
    let answer = raw(
        &address,
        "POST /grpc.health.v1.Health/Watch HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
         content-type: application/grpc\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0",
    );
    assert!(answer.await.starts_with("HTTP/1.1 505 "));
}

#[tokio::test]
async fn a_listener_that_only_refers_serves_no_calls() {
    let auth = node(OLD, NodeEncryption::On);
    let encryption = Encryption::new(auth, &IN_CLEAR).expect("usable");
    let (_, service) = tonic_health::server::health_reporter();
    let served = Served::to_anybody(Routes::new(service)).protected(&encryption);
    let (address, _stop) = started(served.clone()).await;
    ask(&address, &Security::InClear, None).await.expect("calls are served");
    let (address, _stop) = started(served.referring()).await;
    ask(&address, &Security::InClear, None).await.expect_err("calls are not served");
    let answer = raw(&address, "GET /x HTTP/1.1\r\nhost: a:80\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 308 ") && answer.contains("https://a/x"), "{answer}");
}

#[tokio::test]
async fn a_certificate_for_another_domain_is_neither_shown_nor_taken_for_ours() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = certificate(folder.path(), "a.example");
    let [chain, key] = [&files.certificate, &files.key]
        .map(|path| std::fs::read_to_string(path).expect("readable"));
    let authority = Authority {
        directory: "https://ca.example/directory".to_owned(),
        trust: Trust::System,
        email: None,
    };
    for (domain, is_ours) in [("a.example", true), ("b.example", false)] {
        let ordered = DomainSettings { domain: domain.to_owned(), authority: authority.clone() };
        let certificate = Some(ClientCertificate::OfDomain(ordered));
        let clients = ClientSecurity { certificate, plain: PlainCalls::Allow, ..IN_CLEAR };
        let auth = node(OLD, NodeEncryption::On);
        let encryption = Encryption::new(auth, &clients).expect("usable");
        let of_a = DomainCertificate {
            domain: "a.example".to_owned(),
            chain: chain.clone(),
            key: PrivateText::new(key.clone()),
        };
        let step = CertificationStep::Certificate(of_a);
        assert_eq!(encryption.hears(&Certification::default().after(step)), is_ours);
        let (_, service) = tonic_health::server::health_reporter();
        let served = Served::to_anybody(Routes::new(service)).protected(&encryption);
        let (address, _stop) = started(served).await;
        let trust = Trust::File(files.certificate.clone());
        let security = tls::security_for("a.example", &trust).expect("usable");
        assert_eq!(ask(&address, &security, None).await.is_ok(), is_ours, "{domain}");
    }
}
