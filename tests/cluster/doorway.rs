//! One port of one node, and nothing else of the cluster: a port in front of a node that passes everything on, and
//! names servers by addresses that lead nowhere, as those of containers do on another machine. While it is open,
//! they lead to tunnels to the servers.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::{Stream, StreamExt as _};
use tinysns::wire::v1::{
    ClusterRequest, ClusterStatus, LocateRequest, Location, WatchRequest,
    directory_service_client::DirectoryServiceClient,
    directory_service_server::{DirectoryService, DirectoryServiceServer},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::sleep,
};
use tokio_stream::wrappers::{TcpListenerStream, WatchStream};
use tokio_util::task::AbortOnDropHandle;
use tonic::{
    Request, Response, Status,
    codegen::http,
    service::Routes,
    transport::{Channel, Endpoint, Server},
};
use tower::Service as _;

use super::{ports::free_ports, processes::LOOK_EVERY};

/// Where the addresses lead that the doorway names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Servers {
    /// Nothing listens there.
    Refused,
    /// The name does not exist.
    Unknown,
    /// Somebody listens who never says anything.
    Silent,
    /// To the servers.
    Open,
}

/// A port in front of a node. Everything that it has started ends with it.
pub struct Doorway {
    /// Its address, host:port.
    pub address: String,
    servers: watch::Sender<Servers>,
    tunnels: Tunnels,
    _serving: AbortOnDropHandle<()>,
}

impl Doorway {
    /// In front of the node at `node` (host:port).
    pub async fn before(node: &str, servers: Servers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let servers = watch::Sender::new(servers);
        let tunnels = Tunnels { servers: servers.clone(), ..Tunnels::begin() };
        let node = Endpoint::from_shared(format!("http://{node}")).expect("an address");
        let channel = node.connect_lazy();
        let directory = Directory {
            node: DirectoryServiceClient::new(channel.clone()),
            servers: servers.clone(),
            tunnels: tunnels.clone(),
        };
        let onward = axum::Router::new().fallback(move |request| pass_on(channel.clone(), request));
        let routes = Routes::from(onward).add_service(DirectoryServiceServer::new(directory));
        let serving = tokio::spawn(async move {
            let served = Server::builder().add_routes(routes);
            served.serve_with_incoming(TcpListenerStream::new(listener)).await.expect("it serves");
        });
        Self { address, servers, tunnels, _serving: AbortOnDropHandle::new(serving) }
    }

    /// From now on the servers' addresses lead there. Connections through tunnels end if they are closed.
    pub fn lead(&self, servers: Servers) {
        self.servers.send_replace(servers);
    }

    /// How many connections were made to servers without the node.
    pub fn passages(&self) -> u64 {
        self.tunnels.passages.load(Ordering::Relaxed)
    }
}

/// Passes a request on, and its answer back.
async fn pass_on(
    mut node: Channel,
    request: axum::extract::Request,
) -> Result<http::Response<tonic::body::Body>, Infallible> {
    let answered = async {
        std::future::poll_fn(|context| node.poll_ready(context)).await?;
        node.call(request.map(tonic::body::Body::new)).await
    };
    let answer: Result<_, tonic::transport::Error> = answered.await;
    Ok(answer.unwrap_or_else(|error| Status::unavailable(error.to_string()).into_http()))
}

/// The tunnels to servers, by the servers' own addresses.
#[derive(Clone)]
struct Tunnels {
    ports: Arc<Mutex<BTreeMap<String, u16>>>,
    running: Arc<Mutex<JoinSet<()>>>,
    passages: Arc<AtomicU64>,
    servers: watch::Sender<Servers>,
    /// Listens, and accepts nobody.
    silent: Arc<std::net::TcpListener>,
}

impl Tunnels {
    fn begin() -> Self {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self {
            ports: Arc::default(),
            running: Arc::default(),
            passages: Arc::default(),
            servers: watch::Sender::new(Servers::Refused),
            silent: Arc::new(silent),
        }
    }

    /// How a server is named whose own address is `address`: host and port.
    fn name(&self, address: String, servers: Servers) -> (String, u16) {
        let here = "127.0.0.1".to_owned();
        match servers {
            Servers::Unknown => ("server.invalid".to_owned(), 3010),
            Servers::Silent => (here, self.silent.local_addr().expect("it is bound").port()),
            Servers::Refused | Servers::Open => {
                let mut ports = self.ports.lock().expect("no panic");
                let port = *ports.entry(address.clone()).or_insert_with(|| {
                    let port = free_ports(1);
                    let (passages, servers) =
                        (Arc::clone(&self.passages), self.servers.subscribe());
                    let mut running = self.running.lock().expect("no panic");
                    running.spawn(tunnel(port, address, passages, servers));
                    port
                });
                (here, port)
            }
        }
    }

    fn rename(&self, mut location: Location, servers: Servers) -> Location {
        if !location.hostname.is_empty() {
            let own = format!("{}:{}", location.hostname, location.port);
            let (hostname, port) = self.name(own, servers);
            (location.hostname, location.port) = (hostname, port.into());
        }
        for other in location.masters.iter_mut().filter(|other| !other.is_empty()) {
            let (hostname, port) = self.name(std::mem::take(other), servers);
            *other = format!("{hostname}:{port}");
        }
        location.candidate.clear();
        location
    }
}

/// Leads from a port to a server while it is open.
async fn tunnel(
    port: u16,
    server: String,
    passages: Arc<AtomicU64>,
    mut servers: watch::Receiver<Servers>,
) {
    loop {
        if servers.wait_for(|servers| *servers == Servers::Open).await.is_err() {
            return;
        }
        let listener = loop {
            match TcpListener::bind(("127.0.0.1", port)).await {
                Ok(listener) => break listener,
                Err(_still_in_use) => sleep(LOOK_EVERY).await,
            }
        };
        // Ends what is on its way when it is dropped.
        let mut under_way = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = servers.wait_for(|servers| *servers != Servers::Open) => break,
            };
            let Ok((mut caller, _)) = accepted else { continue };
            passages.fetch_add(1, Ordering::Relaxed);
            let server = server.clone();
            under_way.spawn(async move {
                if let Ok(mut onward) = TcpStream::connect(server).await {
                    let _ended = copy_bidirectional(&mut caller, &mut onward).await;
                }
            });
        }
    }
}

/// What the node says, with other addresses.
struct Directory {
    node: DirectoryServiceClient<Channel>,
    servers: watch::Sender<Servers>,
    tunnels: Tunnels,
}

type Locations = std::pin::Pin<Box<dyn Stream<Item = Result<Location, Status>> + Send>>;

#[tonic::async_trait]
impl DirectoryService for Directory {
    async fn locate(&self, request: Request<LocateRequest>) -> Result<Response<Location>, Status> {
        let location = self.node.clone().locate(request.into_inner()).await?.into_inner();
        Ok(Response::new(self.tunnels.rename(location, *self.servers.borrow())))
    }

    type WatchStream = Locations;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Locations>, Status> {
        let locations = self.node.clone().watch(request.into_inner()).await?.into_inner();
        let tunnels = self.tunnels.clone();
        let changes = WatchStream::new(self.servers.subscribe()).map(|_| None);
        // The stream ends with that of the node.
        let locations = locations.map(Some).chain(futures::stream::iter([Some(Err(
            Status::unavailable("the node has ended it"),
        ))]));
        let both = futures::stream::select(locations, changes);
        let named = both.scan(Location::default(), move |last, news| {
            let servers = *tunnels.servers.borrow();
            let named = match news {
                Some(Err(status)) => Some(Err(status)),
                Some(Ok(location)) => {
                    *last = location.clone();
                    Some(Ok(tunnels.rename(location, servers)))
                }
                None => Some(Ok(tunnels.rename(last.clone(), servers))),
            };
            std::future::ready(named)
        });
        Ok(Response::new(Box::pin(named)))
    }

    async fn cluster(
        &self,
        request: Request<ClusterRequest>,
    ) -> Result<Response<ClusterStatus>, Status> {
        self.node.clone().cluster(request.into_inner()).await
    }
}
