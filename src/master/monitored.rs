//! What monitoring is told about this master.

use std::path::PathBuf;

use futures::{FutureExt as _, future::BoxFuture};
use tokio_util::sync::CancellationToken;

use super::{delivery::Delivery, reporter::RouterContact};
use crate::{
    metrics::{self, whole},
    monitoring::{Check, Finding, Monitored},
    replication::{monitored, node::Node},
};

/// A master that runs.
pub struct MonitoredMaster {
    /// Its part in the consensus.
    pub node: Node,
    /// Its live timelines.
    pub delivery: Delivery,
    /// Its slot.
    pub directory: PathBuf,
    /// Whether it reaches the router.
    pub router: RouterContact,
    /// Cancelled when it is about to stop.
    pub stop: CancellationToken,
}

impl Monitored for MonitoredMaster {
    fn measure(&self) -> BoxFuture<'_, ()> {
        async {
            monitored::measure(&self.node, &self.directory).await;
            let (streams, longest) = self.delivery.amounts();
            metrics::STREAMS.set(whole(streams));
            metrics::LONGEST_QUEUE.set(whole(longest));
        }
        .boxed()
    }

    fn checks(&self) -> Vec<Check> {
        let router = if self.router.is_reached() {
            Finding::Good("it is reached".to_owned())
        } else {
            // Those who know this master are served all the same.
            Finding::Notable("it is not reached: the log says why".to_owned())
        };
        let mut checks =
            vec![monitored::check(&self.node), Check { what: "router", finding: router }];
        if self.stop.is_cancelled() {
            let finding = Finding::Bad("this master is about to stop".to_owned());
            checks.push(Check { what: "stop", finding });
        }
        checks
    }
}
