//! What monitoring asks of a router or a master, over HTTP/1.1 at a listener of its own.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /metrics` | every metric, in Prometheus' text format |
//! | `GET /livez` | that the process still answers |
//! | `GET /readyz` | whether it can serve, and why not: 200 or 503, and one line for each check |
//! | `GET /targets` | at the router: where every node answers, for Prometheus to discover |
//! | `GET /log`, `PUT /log` | what is logged; from this machine only |
//!
//! - `checks`: what it takes to serve, and what was found (pure)
//! - `requests`: one request, answered
//! - `asking`: the other side: asks a node
//! - this file: the listener, and the connections
//!
//! A [`Monitor`] answers from the beginning, and is told later whom it speaks for: a master may take
//! long until it is up. What is asked here costs little, but somebody may ask often, so that there
//! are few connections, and none lasts.

pub mod asking;
mod checks;
mod requests;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::timeout};

pub use checks::{Check, Finding};

use crate::host::{
    net::{self, ListenError, Listener, Socket},
    task::Tasks,
};

/// Connections at a time: some people, and two Prometheus servers.
const CONNECTIONS: usize = 16;
/// A connection brings one request, which is answered within this time.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// A role, as far as monitoring is concerned.
pub trait Monitored: Send + Sync {
    /// Sets the gauges that say how it is at this moment.
    fn measure(&self) -> BoxFuture<'_, ()>;

    /// What it takes to serve.
    fn checks(&self) -> Vec<Check>;

    /// All nodes that answer monitoring, if this one knows them.
    fn targets(&self) -> BoxFuture<'_, Option<Vec<Target>>> {
        Box::pin(async { None })
    }
}

/// A node that answers monitoring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where, host:port.
    pub address: String,
    /// What it is for.
    pub role: &'static str,
    /// Its display name.
    pub node: String,
}

/// Answers for a role. It ends when this is dropped; clones share it.
#[derive(Clone)]
pub struct Monitor {
    role: Role,
    address: SocketAddr,
    tasks: Tasks,
}

/// None while it is starting.
type Role = Arc<Mutex<Option<Arc<dyn Monitored>>>>;

impl Monitor {
    /// Answers at `address`, as this setting says, at first for a role that is starting.
    pub async fn start(setting: &'static str, address: SocketAddr) -> Result<Self, ListenError> {
        let listener = net::listen(setting, address).await?;
        let (role, tasks) = (Role::default(), Tasks::default());
        let address = SocketAddr::new(address.ip(), listener.port());
        tracing::info!(%address, "answers monitoring");
        tasks.spawn(accept(listener, Arc::clone(&role), tasks.clone()));
        Ok(Self { role, address, tasks })
    }

    /// The address at which it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it speaks for `role`.
    pub fn speaks_for(&self, role: impl Monitored + 'static) {
        *self.role.lock() = Some(Arc::new(role));
    }

    /// From now on it speaks for a role that is starting.
    pub fn speaks_for_nobody(&self) {
        *self.role.lock() = None;
    }

    /// Returns when nothing of it runs any more.
    pub async fn end(self) {
        self.tasks.end().await;
    }
}

async fn accept(listener: Listener, role: Role, tasks: Tasks) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // What lacks here is lacking for callers too, and told of there.
        let (socket, peer) = listener.next(|_lack| {}).await;
        // Whoever finds no place may come again.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let role = Arc::clone(&role);
        tasks.spawn(async move {
            let from_here = peer.to_canonical().is_loopback();
            let _too_slow = timeout(ANSWERED_WITHIN, serve(socket, &role, from_here)).await;
            drop(place);
        });
    }
}

async fn serve(socket: Socket, role: &Role, from_here: bool) {
    let answer = service_fn(|request| {
        let role = role.lock().clone();
        requests::answer(request, role, from_here)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(ANSWERED_WITHIN).keep_alive(false);
    if let Err(why) = builder.serve_connection(TokioIo::new(socket), answer).await {
        tracing::debug!(%why, "a connection of monitoring failed");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;
    use crate::metrics;

    struct Well(bool);

    impl Monitored for Well {
        fn measure(&self) -> BoxFuture<'_, ()> {
            Box::pin(async { metrics::TERM.set(7) })
        }

        fn checks(&self) -> Vec<Check> {
            let finding = if self.0 {
                Finding::Good("leads".to_owned())
            } else {
                Finding::Bad("hears no leader".to_owned())
            };
            vec![Check { what: "consensus", finding }]
        }

        fn targets(&self) -> BoxFuture<'_, Option<Vec<Target>>> {
            let [router, server] = [("router", "10.0.0.1:3012"), ("server-1", "[::1]:3012")];
            let target = |role, (node, address): (&str, &str)| Target {
                address: address.to_owned(),
                role,
                node: node.to_owned(),
            };
            let targets = vec![target("router", router), target("master", server)];
            let knows = self.0;
            Box::pin(async move { knows.then_some(targets) })
        }
    }

    async fn started() -> Monitor {
        Monitor::start("test", ([127, 0, 0, 1], 0).into()).await.expect("a free port")
    }

    /// The answer to these lines.
    async fn ask(monitor: &Monitor, request: &str) -> String {
        let mut socket = TcpStream::connect(monitor.address()).await.expect("it is up");
        socket.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.expect("answered");
        answer
    }

    async fn get(monitor: &Monitor, path: &str) -> String {
        ask(monitor, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await
    }

    #[tokio::test]
    async fn a_role_that_starts_lives_but_is_not_ready() {
        let monitor = started().await;
        assert!(get(&monitor, "/livez").await.starts_with("HTTP/1.1 200"));
        let answer = get(&monitor, "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("starting"), "{answer}");
        assert!(get(&monitor, "/metrics").await.contains("tinysns_leads 0"));
    }

    #[tokio::test]
    async fn a_role_says_whether_it_can_serve_and_why_not() {
        let monitor = started().await;
        monitor.speaks_for(Well(true));
        let answer = get(&monitor, "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("[+] consensus: leads"));
        assert!(get(&monitor, "/metrics").await.contains("tinysns_term 7"));
        let answer = get(&monitor, "/targets").await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.to_lowercase().contains("content-type: application/json"), "{head}");
        assert_eq!(
            body,
            r#"[{"targets":["10.0.0.1:3012"],"labels":{"role":"router","node":"router"}},{"targets":["[::1]:3012"],"labels":{"role":"master","node":"server-1"}}]"#
        );
        monitor.speaks_for(Well(false));
        assert!(get(&monitor, "/targets").await.starts_with("HTTP/1.1 404"));
        let answer = get(&monitor, "/readyz?verbose").await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("[-] consensus: hears no leader"), "{answer}");
        monitor.speaks_for_nobody();
        assert!(get(&monitor, "/readyz").await.contains("starting"));
    }

    #[tokio::test]
    async fn what_nobody_understands_is_answered_with_what_is_understood() {
        let monitor = started().await;
        for (request, status) in [
            ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
            ("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "405"),
            ("PUT /log HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na=b", "400"),
            ("PUT /log HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 4\r\n\r\ninfo", "403"),
            ("PUT /log HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n", "413"),
            ("nonsense\r\n\r\n", "400"),
        ] {
            let answer = ask(&monitor, request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {answer}");
        }
        assert!(get(&monitor, "/").await.contains("/readyz"));
    }

    #[tokio::test]
    async fn those_who_wait_in_silence_keep_nobody_else_out_for_long() {
        let monitor = started().await;
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS {
            silent.push(TcpStream::connect(monitor.address()).await.expect("it is up"));
        }
        silent.pop();
        loop {
            let mut socket = TcpStream::connect(monitor.address()).await.expect("it is up");
            let request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
            let _closed = socket.write_all(request).await;
            let mut answer = String::new();
            if socket.read_to_string(&mut answer).await.is_ok() && answer.contains("200") {
                return;
            }
        }
    }

    #[tokio::test]
    async fn nothing_of_it_runs_when_it_has_ended() {
        let monitor = started().await;
        let address = monitor.address();
        let _silent = TcpStream::connect(address).await.expect("it is up");
        monitor.end().await;
        assert!(TcpStream::connect(address).await.is_err());
    }
}
