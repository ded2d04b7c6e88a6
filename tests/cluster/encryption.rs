//! What can be read on the network, and how people call a network whose connections are encrypted.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use nix::sys::signal::Signal;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tinysns::{
    client::{self, Client, ClientOptions, ClusterStatus, MasterState, MasterStatus, Viewer},
    settings::{Layers, Role, Secret},
    tls::{self, Trust},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp},
};

use super::{
    BINARY,
    ports::free_ports,
    processes::{Cluster, eventually, signal, voters},
};

const SECRET: &str = "the secret of a cluster under test";
const A_MOMENT: Duration = Duration::from_secs(1);
/// What every certificate here is for: tests have no other name that is theirs.
pub const NAME: &str = "localhost";

/// Stands between a master and the router, and writes down what they say.
struct Tap {
    address: &'static str,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    async fn before(router: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string().leak();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(&router).await else { continue };
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(pass_on(near_in, far_out, Arc::clone(&notes)));
                tokio::spawn(pass_on(far_in, near_out, Arc::clone(&notes)));
            }
        });
        Self { address, heard }
    }

    fn has_heard(&self, words: &str) -> bool {
        let heard = self.heard.lock().expect("nobody panics with it");
        heard.windows(words.len()).any(|window| window == words.as_bytes())
    }
}

async fn pass_on(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    notes: Arc<Mutex<Vec<u8>>>,
) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        notes.lock().expect("nobody panics with it").extend(&buffer[..count]);
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn what_nodes_tell_each_other_can_be_read_only_where_encryption_is_off() {
    for (encryption, is_read) in [("off", true), ("on", false)] {
        let router: &'static str = format!("127.0.0.1:{}", free_ports(1)).leak();
        let tap = Tap::before(router.to_owned()).await;
        let settings = [
            ("TINYSNS_ROUTER_LISTEN", router),
            ("TINYSNS_ROUTER", tap.address),
            ("TINYSNS_NODE_ENCRYPTION", encryption),
        ];
        let mut cluster = Cluster::prepare(BINARY, "1s", &settings);
        cluster.start_router();
        cluster.start_slaves(1);
        let serves =
            async || client::cluster(router).await.is_ok_and(|status| status.available.is_some());
        eventually("it serves", serves, |serves| *serves).await;
        // HTTP/2 compresses headers, and so the secret; what is in messages could be read.
        assert_eq!(tap.has_heard("server-1"), is_read, "{encryption}");
    }
}

/// An authority, and a certificate of it for [`NAME`], as files.
pub struct Certificates {
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Certificates {
    /// New ones in `folder`, in place of those that were there.
    pub fn make(folder: &Path) -> Self {
        let key = KeyPair::generate().expect("made");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).expect("made");
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().expect("made");
        let params = CertificateParams::new(vec![NAME.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &issuer).expect("made");
        let [authority_file, certificate_file, key_file] =
            ["authority.pem", "cert.pem", "key.pem"].map(|name| folder.join(name));
        fs::write(&authority_file, authority.pem()).expect("written");
        fs::write(&certificate_file, certificate.pem()).expect("written");
        fs::write(&key_file, key.serialize_pem()).expect("written");
        Self { authority: authority_file, certificate: certificate_file, key: key_file }
    }

    /// The settings of nodes that show them.
    fn settings(&self) -> [(&'static str, &'static str); 2] {
        let text = |path: &Path| -> &'static str { path.display().to_string().leak() };
        [("TINYSNS_TLS_CERTIFICATE", text(&self.certificate)), ("TINYSNS_TLS_KEY", text(&self.key))]
    }

    fn trusted(&self) -> Trust {
        Trust::File(self.authority.clone())
    }
}

fn by_https(router: &str, trust: &Trust) -> ClientOptions {
    let security = tls::security_for(NAME, trust).expect("usable");
    ClientOptions { security, ..ClientOptions::new(router) }
}

/// What the program says to somebody who has nothing but an address.
fn says(cluster: &Cluster, role: &str, arguments: &[&str]) -> Output {
    let mut command = cluster.command(role);
    command.env_remove("TINYSNS_SECRET").env_remove("TINYSNS_ROUTER").stdin(Stdio::null());
    command.args(arguments).output().expect("the program starts")
}

/// What stands in the page about security between "```" and a language, and "```".
fn blocks(language: &str) -> Vec<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/security.md");
    let page = fs::read_to_string(page).expect("readable");
    let begins = format!("```{language}\n");
    let blocks = page.split(&begins).skip(1);
    blocks.map(|block| block.split_once("```").expect("a block ends").0.to_owned()).collect()
}

#[test]
fn the_settings_of_the_page_about_security_are_allowed() {
    let found = blocks("toml");
    assert_eq!(found.len(), 4, "{found:?}");
    for text in found {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(&file, &text).expect("written");
        let config = file.path().to_str().expect("UTF-8").to_owned();
        let secret = [("TINYSNS_SECRET".to_owned(), SECRET.to_owned())];
        let layers = Layers::gather(Role::Master, secret, [("config", config)].into());
        layers.and_then(|layers| layers.master()).unwrap_or_else(|why| panic!("{why}: {text}"));
    }
}

/// Runs the commands of the page about security, at this address instead of the one that it names.
fn the_commands_of_the_page_work(address: &str, authority: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let found = blocks("sh");
    assert_eq!(found.len(), 2, "{found:?}");
    for script in found {
        let script = script.replace("sns.example.net:3010", address);
        let script = script.replace("-u alice", &format!("-u alice --ca-file {authority} -- LIST"));
        let script = script.replace("tinysns ", &format!("{BINARY} "));
        let mut shell = Command::new("sh");
        shell.arg("-euc").arg(&script).current_dir(folder.path()).stdin(Stdio::null());
        let ended = shell.output().expect("it starts");
        assert!(ended.status.success(), "{script}: {ended:?}");
    }
    for file in ["authority.pem", "authority.key", "router.pem", "server-2.key"] {
        let path = folder.path().join("certs").join(file);
        let mode = fs::metadata(path).expect("made").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn people_call_by_https_and_plain_calls_are_refused_but_for_classic_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = Certificates::make(folder.path());
    let mut cluster = Cluster::prepare(BINARY, "1s", &certificates.settings());
    cluster.start_router();
    cluster.start_slaves(3);
    let trust = certificates.trusted();
    let operator = Viewer::with_secret(Secret::new(SECRET)).expect("usable");
    let look = async || client::cluster_for(&cluster.router(), &operator).await.ok();
    let all_vote = |status: &Option<ClusterStatus>| {
        status.as_ref().is_some_and(|status| status.available.is_some() && voters(status) == 3)
    };
    eventually("three masters vote", look, all_vote).await;

    let port = cluster.router().split_once(':').expect("a port").1.to_owned();
    let url = format!("https://{NAME}:{port}");
    let authority = certificates.authority.to_str().expect("UTF-8");
    let secure = ["--router", &url, "--ca-file", authority];
    let posts = [&secure[..], &["-u", "ann", "--", "POST", "encrypted"]].concat();
    let said = says(&cluster, "client", &posts);
    assert!(said.status.success(), "{said:?}");
    let reads = [&secure[..], &["-u", "ann", "--", "POSTS", "ann"]].concat();
    let said = says(&cluster, "client", &reads);
    assert!(String::from_utf8_lossy(&said.stdout).contains("encrypted"), "{said:?}");
    assert!(says(&cluster, "status", &secure).status.success());
    the_commands_of_the_page_work(&format!("{NAME}:{port}"), authority);

    let plain = ["--router", &cluster.router(), "-u", "ann", "--", "LIST"];
    let said = says(&cluster, "client", &plain);
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(!said.status.success() && words.contains("https://"), "{said:?}");
    let distrusted = says(&cluster, "client", &["--router", &url, "-u", "ann", "--", "LIST"]);
    assert!(!distrusted.status.success(), "{distrusted:?}");
    let healthy = says(&cluster, "healthcheck", &["--address", &cluster.router()]);
    assert!(healthy.status.success(), "{healthy:?}");

    // Those who are connected go on when a server is lost.
    let client = Client::connect(by_https(&cluster.router(), &trust)).expect("an address");
    client.log_in("ann", None).await.expect("logged in");
    client.publish("before").await.expect("posted");
    let status = look().await.expect("it answers");
    let leads = |master: &&MasterStatus| master.state == MasterState::Available;
    let leader = status.masters.iter().find(leads).expect("one");
    signal(leader.pid, Signal::SIGKILL);
    client.publish("after").await.expect("posted");
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = Certificates::make(folder.path());
    let settings = [&old.settings()[..], &[("TINYSNS_PLAIN", "allow")]].concat();
    let cluster = Cluster::start_with(BINARY, 1, "1s", &settings).await;
    let before = fs::read(&old.authority).expect("read");
    let new = Certificates::make(folder.path());
    let old_trust = folder.path().join("old.pem");
    fs::write(&old_trust, before).expect("written");
    let look = async || {
        let client = Client::connect(by_https(&cluster.router(), &new.trusted())).expect("valid");
        client.log_in("ann", None).await.is_ok()
    };
    eventually("the new certificate is shown", look, |shown| *shown).await;
    let options = ClientOptions {
        call_timeout: A_MOMENT,
        ..by_https(&cluster.router(), &Trust::File(old_trust))
    };
    let late = Client::connect(options).expect("valid");
    let refused = late.log_in("ann", None).await.expect_err("the old one is shown no more");
    assert!(refused.to_string().contains("not trusted here"), "{refused}");
}
