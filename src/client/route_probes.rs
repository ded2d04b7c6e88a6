//! Finds out by which [`route`](super::route) the available server is reached, and writes it into what is known of
//! the cluster: so calls and live timelines that wait hear of it as they hear of another server.
//!
//! A probe is a call that costs a server nothing, over the connection that calls use or will use: whoever can
//! dial the servers has no connection more for it, and waits for nothing.

use std::{future::pending, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    time::{self, Instant},
};

use super::{
    connections::Connections,
    early_dialling,
    known_cluster::{KnownCluster, Server},
    route::{DirectDialling, Probe, Route},
};
use crate::host::random;

/// Learns from all calls of one client how far the direct route leads.
pub struct RouteMonitor {
    dialling: Mutex<DirectDialling>,
    news: Notify,
}

impl RouteMonitor {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self { dialling: Mutex::new(DirectDialling::new(Instant::now())), news: Notify::new() }
    }

    /// A call was answered over `route`.
    pub fn answered(&self, route: &Route) {
        if *route == Route::Direct && self.dialling.lock().answered() {
            self.news.notify_one();
        }
    }

    /// A call has failed on the way over `route`.
    pub fn failed(&self, route: &Route) {
        if *route == Route::Direct && self.dialling.lock().failed(Instant::now()) {
            self.news.notify_one();
        }
    }
}

/// What of the cluster makes another probe worth while, and what is probed.
#[derive(Clone, PartialEq, Eq)]
struct Occasion {
    /// The available server, if the directory names one.
    server: Option<Server>,
    /// Whether the node by which the network was entered answers.
    has_entry: bool,
}

impl Occasion {
    fn of(view: &KnownCluster) -> Self {
        let server = view.server.clone().filter(|_| view.certain);
        Self { server, has_entry: view.router_error.is_none() }
    }

    /// Waits for another one.
    async fn passes(&self, news: &mut watch::Receiver<KnownCluster>) -> Self {
        let another = news.wait_for(|view| Self::of(view) != *self).await;
        Self::of(&another.expect("whoever waits here has a sender, too"))
    }
}

/// Probes the direct route when that is due, and says in `views` whether it is given up; never returns.
pub async fn run(
    views: watch::Sender<KnownCluster>,
    connections: Arc<Connections>,
    monitor: Arc<RouteMonitor>,
) {
    let mut news = views.subscribe();
    let mut occasion = Occasion::of(&news.borrow());
    loop {
        let due = {
            let dialling = monitor.dialling.lock();
            // Nothing is given up for what is not there.
            let can_choose = occasion.has_entry || dialling.is_given_up();
            dialling.next_probe(news.borrow().entry_took).filter(|_| can_choose)
        };
        tokio::select! {
            biased;
            another = occasion.passes(&mut news) => {
                occasion = another;
                monitor.dialling.lock().doubted(Instant::now());
            }
            () = monitor.news.notified() => {}
            works = probed(occasion.server.as_ref().zip(due), &connections) => {
                monitor.dialling.lock().probed(works, Instant::now(), random::id());
            }
        }
        let is_given_up = monitor.dialling.lock().is_given_up();
        views.send_if_modified(|view| {
            let before = view.route();
            view.direct_is_given_up = is_given_up;
            let route = view.route();
            if route != before {
                tracing::debug!(through = route.entry(), "another route to the available server");
            }
            route != before
        });
    }
}

/// Makes the probe when it is due, and says whether the server answers; without one, never.
async fn probed(due: Option<(&Server, Probe)>, connections: &Connections) -> bool {
    let Some((server, Probe { at, within })) = due else { return pending().await };
    time::sleep_until(at).await;
    let Some(channel) = connections.channel_to(&server.address) else { return false };
    time::timeout(within, early_dialling::open(channel)).await.is_ok_and(|answer| answer)
}
