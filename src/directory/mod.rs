//! Where the available server is, as the router and every master tell it to clients.
//!
//! - `watchers`: those who wait for the next one

mod watchers;

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tokio_stream::{Stream, StreamExt as _, wrappers::WatchStream};
use tonic::{Request, Response, Status};

use self::watchers::Watchers;
use crate::wire::v1::{
    self, ClusterRequest, ClusterStatus, LocateRequest, WatchRequest,
    directory_service_server::DirectoryService,
};

/// The longest that a `Locate` waits.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The available server, if there is one, and who else could be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// The available server.
    pub available: Option<Available>,
    /// The newest known term.
    pub term: u64,
    /// Client addresses, host:port, of every living master.
    pub masters: Vec<String>,
    /// Which masters are missing and what to do, if too few are up for one to be available.
    pub waiting: String,
    /// host:port of the master that is being elected, if none is available.
    pub candidate: Option<String>,
}

/// The available server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Available {
    /// Its display name.
    pub name: String,
    /// host:port of its client API.
    pub address: String,
}

/// Splits host:port; an IPv6 host may stand in brackets.
pub fn split_address(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    Some((host, port.parse().ok()?))
}

impl Location {
    /// In its wire form.
    pub fn to_wire(&self) -> v1::Location {
        let (name, address) = match &self.available {
            Some(available) => (available.name.as_str(), available.address.as_str()),
            None => ("", ""),
        };
        let (hostname, port) = split_address(address).unwrap_or(("", 0));
        v1::Location {
            hostname: hostname.to_owned(),
            port: port.into(),
            term: self.term,
            name: name.to_owned(),
            masters: self.masters.clone(),
            waiting: self.waiting.clone(),
            candidate: self.candidate.clone().unwrap_or_default(),
        }
    }

    fn leads_away_from(&self, failed: &str) -> bool {
        self.available.as_ref().is_some_and(|available| available.address != failed)
    }
}

/// Answers for the whole cluster; only the router can.
pub trait ClusterView: Send + Sync + 'static {
    /// The cluster as it is now, and as far as the caller may see it.
    fn status(
        &self,
        request: &Request<ClusterRequest>,
    ) -> impl Future<Output = Result<ClusterStatus, Status>> + Send;
}

/// Stands in for the router's view on a master.
pub struct AskTheRouter;

impl ClusterView for AskTheRouter {
    async fn status(&self, _request: &Request<ClusterRequest>) -> Result<ClusterStatus, Status> {
        Err(Status::unimplemented("only the router knows the whole cluster: ask it instead"))
    }
}

/// Serves a location that changes.
pub struct DirectoryServer<V> {
    watchers: Watchers,
    cluster: V,
}

impl<V: ClusterView> DirectoryServer<V> {
    /// Serves what `location` says.
    pub fn new(location: watch::Receiver<Location>, cluster: V) -> Self {
        Self { watchers: Watchers::new(location), cluster }
    }
}

type Locations = std::pin::Pin<Box<dyn Stream<Item = Result<v1::Location, Status>> + Send>>;

#[tonic::async_trait]
impl<V: ClusterView> DirectoryService for DirectoryServer<V> {
    async fn locate(
        &self,
        request: Request<LocateRequest>,
    ) -> Result<Response<v1::Location>, Status> {
        let LocateRequest { failed, wait_ms } = request.into_inner();
        let wait = Duration::from_millis(wait_ms.into()).min(LONGEST_WAIT);
        let is_known = self.watchers.newest().leads_away_from(&failed);
        if !is_known && !wait.is_zero() {
            let mut location = self.watchers.join();
            let other = location.wait_for(|location| location.leads_away_from(&failed));
            if let Ok(Err(_closed)) = timeout_at(Instant::now() + wait, other).await {
                return Err(Status::unavailable("this server is stopping"));
            }
        }
        let answer = self.watchers.newest().to_wire();
        Ok(Response::new(answer))
    }

    type WatchStream = Locations;

    async fn watch(&self, _request: Request<WatchRequest>) -> Result<Response<Locations>, Status> {
        let changes = WatchStream::new(self.watchers.join());
        Ok(Response::new(Box::pin(changes.map(|location| Ok(location.to_wire())))))
    }

    async fn cluster(
        &self,
        request: Request<ClusterRequest>,
    ) -> Result<Response<ClusterStatus>, Status> {
        self.cluster.status(&request).await.map(Response::new)
    }
}
