//! A network that orders the certificate for its domain by itself.

use std::{fs, process::Command, sync::Arc, time::Duration};

use nix::sys::signal::Signal;
use tinysns::{
    client::{Client, ClientOptions},
    tls::{self, Trust},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{
    BINARY,
    authority::Authority,
    ports::free_ports,
    processes::{Cluster, eventually, signal},
};

const DOMAIN: &str = "sns.example.net";
/// A certificate is renewed after two thirds of that.
const SHORT: Duration = Duration::from_secs(15);
const LONG: Duration = Duration::from_hours(24);

/// The certificate that is shown at `address`, if whoever believes `trust` believes it.
async fn shown(address: &str, trust: &Trust) -> Option<Vec<u8>> {
    let connector = TlsConnector::from(Arc::new(tls::web_client(trust).expect("usable")));
    let socket = TcpStream::connect(address).await.ok()?;
    let stream = connector.connect(DOMAIN.try_into().expect("a name"), socket).await.ok()?;
    let (_, session) = stream.get_ref();
    Some(session.peer_certificates()?.first()?.to_vec())
}

/// What all of these show, if that is the same.
async fn shown_by_all(addresses: &[String], trust: &Trust) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    for address in addresses {
        all.push(shown(address, trust).await?);
    }
    all.dedup();
    if all.len() == 1 { all.pop() } else { None }
}

/// Where all nodes of a cluster with three masters are reached, once all vote.
async fn nodes(cluster: &Cluster) -> Vec<String> {
    let status = cluster.all_vote(3).await;
    let masters = status.masters.into_iter().map(|master| master.address);
    masters.chain([cluster.router()]).collect()
}

/// The head and the body of an answer.
fn get(url: &str, more: &[&str]) -> String {
    let fetched = Command::new("curl").args(["-si", url]).args(more).output().expect("curl");
    assert!(fetched.status.success(), "{url}: {fetched:?}");
    String::from_utf8(fetched.stdout).expect("text")
}

fn settings(authority: &Authority, http: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut settings = authority.settings(DOMAIN);
    settings.extend([("TINYSNS_ROUTER_HTTP_LISTEN", http), ("TINYSNS_PLAIN", "allow")]);
    settings
}

fn free_address() -> &'static str {
    format!("127.0.0.1:{}", free_ports(1)).leak()
}

#[tokio::test]
async fn a_network_orders_its_certificate_and_renews_it_whoever_leads() {
    let mut authority = Authority::start(SHORT).await;
    let http = free_address();
    authority.door.leads_to([http.to_owned()]);
    let mut cluster = Cluster::start_with(BINARY, 3, "1s", &settings(&authority, http)).await;
    let nodes = nodes(&cluster).await;
    let trust = authority.trust();
    let same = async || shown_by_all(&nodes, &trust).await;
    let first = eventually("all nodes show one certificate", same, Option::is_some).await;
    assert_eq!(authority.issued(), 1, "it is ordered once");

    // A client believes every node, also after the loss of one.
    let security = tls::security_for(DOMAIN, &trust).expect("usable");
    let options = ClientOptions { security, ..ClientOptions::new(cluster.router()) };
    let client = Client::connect(options).expect("an address");
    client.log_in("ann", None).await.expect("logged in");
    client.publish("before").await.expect("posted");
    signal(cluster.available().await.pid, Signal::SIGKILL);
    client.publish("after").await.expect("posted");

    // The authority asks every node in turn, the one that has come back too.
    let nodes = self::nodes(&cluster).await;
    authority.door.leads_to(nodes.clone());
    let same = async || shown_by_all(&nodes, &trust).await;
    let renewed = |now: &Option<Vec<u8>>| now.is_some() && *now != first;
    eventually("all nodes show a new certificate", same, renewed).await;

    // An authority that has forgotten everything is given another account.
    authority.restart().await;
    let trust = authority.trust();
    let renewed = async || shown(&cluster.router(), &trust).await;
    let last = eventually("the new authority certifies", renewed, Option::is_some).await;

    // The router shows it before a master is up.
    let kept = cluster.folder().join("router/certification");
    let is_kept = async || fs::metadata(&kept).is_ok();
    eventually("the router keeps it", is_kept, |is_kept| *is_kept).await;
    cluster.kill_everything();
    cluster.start_router();
    let shown = async || shown(&cluster.router(), &trust).await;
    eventually("the router shows what it kept", shown, |now| *now == last).await;
}

#[tokio::test]
async fn browsers_are_led_to_encrypted_pages_and_told_how_to_use_the_network() {
    let authority = Authority::start(LONG).await;
    let (http, https) = (free_address(), free_address());
    authority.door.leads_to([http.to_owned()]);
    let mut settings = settings(&authority, http);
    settings.push(("TINYSNS_ROUTER_HTTPS_LISTEN", https));
    let cluster = Cluster::start_with(BINARY, 1, "1s", &settings).await;
    let trust = authority.trust();
    let is_shown = async || shown(https, &trust).await;
    let certificate = eventually("there is a certificate", is_shown, Option::is_some).await;
    assert_eq!(shown(&cluster.router(), &trust).await, certificate);

    let referred = get(&format!("http://{http}/some/page?x=y"), &[]);
    assert!(referred.starts_with("HTTP/1.1 308 "), "{referred}");
    assert!(referred.contains("location: https://sns.example.net/some/page?x=y\r\n"), "{referred}");

    let Trust::File(root) = &trust else { panic!("a file") };
    let root = root.display().to_string();
    let port = cluster.router().split_once(':').expect("a port").1.to_owned();
    let to_here = format!("{DOMAIN}:{port}:127.0.0.1");
    let url = format!("https://{DOMAIN}:{port}/");
    for (version, begins) in [("--http1.1", "HTTP/1.1 200 "), ("--http2", "HTTP/2 200 ")] {
        let page = get(&url, &["--cacert", &root, "--resolve", &to_here, version]);
        assert!(page.starts_with(begins), "{page}");
        assert!(page.contains("strict-transport-security: max-age=31536000\r\n"), "{page}");
        assert!(page.contains(&format!("tinysns client --router https://{DOMAIN}:{port}")));
    }
    let in_clear = get(&format!("http://{}/", cluster.router()), &[]);
    assert!(in_clear.starts_with("HTTP/1.1 200 ") && !in_clear.contains("strict"), "{in_clear}");
    let nothing = get(&format!("http://{}/nothing", cluster.router()), &["-X", "POST"]);
    assert!(nothing.starts_with("HTTP/1.1 404 "), "{nothing}");
    let metrics = get(&format!("http://{}/metrics", cluster.metrics()), &[]);
    let expires = metrics.lines().find(|line| line.starts_with("tinysns_certificate_expiry_"));
    assert!(expires.is_some_and(|line| !line.ends_with(" 0")), "{expires:?}");
}

#[tokio::test]
async fn an_authority_that_does_not_find_the_network_is_told_of_with_the_remedy() {
    let authority = Authority::start(LONG).await;
    // Its door leads nowhere.
    let log = tempfile::NamedTempFile::new().expect("a file");
    let handle = log.reopen().expect("another handle").into();
    let settings = settings(&authority, free_address());
    let cluster = Cluster::start_logging_to(handle, BINARY, 1, "1s", &settings).await;
    let told = async || fs::read_to_string(log.path()).expect("readable");
    let explains = |log: &String| {
        log.contains("does not see that sns.example.net is this network")
            && log.contains("the domain has to lead to a node of this network")
    };
    eventually("it is told of", told, explains).await;
    // People are served all the same.
    let client = cluster.client("ann").await;
    client.publish("here").await.expect("posted");
}
