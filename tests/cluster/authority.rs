//! A real authority that speaks ACME: Let's Encrypt's own for tests, pebble, with its server of names.
//! Every domain leads to this machine. Dropping it ends its processes.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;
use tinysns::tls::Trust;
use tokio::{
    io,
    net::{TcpListener, TcpStream},
};

use super::{
    encryption::{Certificates, NAME},
    ports::free_ports,
    processes::eventually,
};

/// A running authority.
pub struct Authority {
    folder: TempDir,
    processes: Vec<Child>,
    /// Of the authority itself, of its management, and of the server of names with its own.
    ports: [u16; 4],
    /// What it calls itself by.
    certificates: Certificates,
    /// Where it looks for answers.
    pub door: Door,
    /// How long its certificates are good.
    validity: Duration,
}

/// The port 80 of the domain: whoever comes is led to one address after the other.
pub struct Door {
    port: u16,
    leads_to: Arc<Mutex<Vec<String>>>,
}

impl Door {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let leads_to: Arc<Mutex<Vec<String>>> = Arc::default();
        let addresses = Arc::clone(&leads_to);
        tokio::spawn(async move {
            for visit in 0.. {
                let Ok((mut visitor, _)) = listener.accept().await else { return };
                let address = {
                    let addresses = addresses.lock().expect("nobody panics with it");
                    addresses.get(visit % addresses.len().max(1)).cloned()
                };
                let Some(address) = address else { continue };
                tokio::spawn(async move {
                    let Ok(mut node) = TcpStream::connect(address).await else { return };
                    let _ended = io::copy_bidirectional(&mut visitor, &mut node).await;
                });
            }
        });
        Self { port, leads_to }
    }

    /// Leads to these from now on, one after the other.
    pub fn leads_to(&self, addresses: impl IntoIterator<Item = String>) {
        *self.leads_to.lock().expect("nobody panics with it") = addresses.into_iter().collect();
    }
}

impl Authority {
    /// One whose certificates are good for so long.
    pub async fn start(validity: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let first = free_ports(4);
        let mut authority = Self {
            processes: Vec::new(),
            ports: [first, first + 1, first + 2, first + 3],
            certificates: Certificates::make(folder.path()),
            door: Door::open().await,
            folder,
            validity,
        };
        authority.run().await;
        authority
    }

    /// Forgets everything: all accounts, and even by what it certifies.
    pub async fn restart(&mut self) {
        self.stop();
        self.run().await;
    }

    async fn run(&mut self) {
        let [port, management, names, names_management] = self.ports;
        let settings = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": self.certificates.certificate,
            "privateKey": self.certificates.key,
            "httpPort": self.door.port,
            "certificateValidityPeriod": self.validity.as_secs(),
        }});
        let path = self.folder.path().join("pebble.json");
        fs::write(&path, settings.to_string()).expect("written");
        let mut names_server = Command::new("pebble-challtestsrv");
        names_server
            .args(["-dns01", &format!("127.0.0.1:{names}")])
            .args(["-management", &format!("127.0.0.1:{names_management}")])
            .args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""]);
        let mut pebble = Command::new("pebble");
        pebble
            .arg("-config")
            .arg(&path)
            .args(["-dnsserver", &format!("127.0.0.1:{names}")])
            // It would wait and fail by chance, to train its callers.
            .envs([("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_WFE_NONCEREJECT", "0")])
            // What it has looked at once it would not look at again.
            .env("PEBBLE_AUTHZREUSE", "0");
        for (mut command, log) in [(names_server, "names.log"), (pebble, "pebble.log")] {
            let log = File::create(self.folder.path().join(log)).expect("a log file");
            command.stdin(Stdio::null()).stdout(log.try_clone().expect("another handle"));
            let started = command.stderr(log).spawn();
            self.processes.push(started.expect("pebble is installed: sh scripts/setup packages"));
        }
        eventually("the authority answers", async || self.root(), Option::is_some).await;
    }

    /// How many certificates it has issued since it was started.
    pub fn issued(&self) -> usize {
        let log = fs::read_to_string(self.folder.path().join("pebble.log")).expect("its log");
        log.matches("Issued certificate").count()
    }

    fn stop(&mut self) {
        for mut process in self.processes.drain(..) {
            let _ended = process.kill();
            let _status = process.wait();
        }
    }

    /// The settings of nodes that order their certificate for this domain from it.
    pub fn settings(&self, domain: &'static str) -> Vec<(&'static str, &'static str)> {
        let directory = format!("https://{NAME}:{}/dir", self.ports[0]);
        let trusted = self.certificates.authority.display().to_string();
        vec![
            ("TINYSNS_DOMAIN", domain),
            ("TINYSNS_ACME_DIRECTORY", directory.leak()),
            ("TINYSNS_CA_FILE", trusted.leak()),
        ]
    }

    /// The certificate by which it certifies others.
    fn root(&self) -> Option<String> {
        let url = format!("https://{NAME}:{}/roots/0", self.ports[1]);
        let mut curl = Command::new("curl");
        // Whom it certifies is checked; not by what it proves that.
        curl.args(["-sfk", &url]);
        let answered = curl.output().expect("curl is installed: sh scripts/setup packages");
        answered.status.success().then(|| String::from_utf8(answered.stdout).expect("PEM"))
    }

    /// How whoever believes it is told to.
    pub fn trust(&self) -> Trust {
        let path: PathBuf = self.folder.path().join("root.pem");
        fs::write(&path, self.root().expect("it answers")).expect("written");
        Trust::File(path)
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.folder.path().join("pebble.log"));
            eprintln!("--- pebble\n{}", log.unwrap_or_default());
        }
    }
}
