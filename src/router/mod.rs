//! The router: knows all masters, chooses the available server, tells clients where it is, and is
//! the cluster's witness.
//!
//! - [`service`]: the router built from its parts, and run
//! - [`registry`], with [`election`] and [`observed_voters`]: the router's decisions (pure)
//! - [`presentation`]: what these come to, for clients, nodes and people (pure)
//! - [`duplicates`]: what to do about two masters with one identity (pure)
//! - [`foreign_masters`]: whether an empty cluster is abandoned for an older one (pure)
//! - [`quorum_loss`]: which nodes are missing if there can be no leader, and which lost witness a
//!   new one replaces (pure)
//! - [`registry_actor`]: the one task that owns the registry
//! - [`monitored`]: what monitoring is told about this router
//! - [`callers_view`]: who is told what of the cluster
//! - [`witness_supervisor`]: votes, and reports to the registry; restarted when it breaks
//! - [`registry_service`]: the masters' streams
//!
//! No running master or client depends on this: the router's process may be restarted and its disk
//! lost at any time.

pub mod callers_view;
pub mod certification;
#[cfg(test)]
mod cut_off_tests;
pub mod duplicates;
#[cfg(test)]
mod duplicates_tests;
pub mod election;
pub mod foreign_masters;
#[cfg(test)]
mod foreign_masters_tests;
#[cfg(test)]
mod invariants_tests;
pub mod monitored;
pub mod observed_voters;
#[cfg(test)]
mod partition_tests;
pub mod presentation;
#[cfg(test)]
mod presentation_tests;
pub mod quorum_loss;
pub mod registry;
pub mod registry_actor;
pub mod registry_service;
#[cfg(test)]
mod registry_tests;
pub mod service;
pub mod witness_supervisor;

use tokio_util::sync::CancellationToken;

use self::service::{Listeners, Router};
use crate::{monitoring::Monitor, serving::Encryption, settings::RouterSettings};

/// Runs the router until `stop`.
pub async fn run(mut settings: RouterSettings, stop: CancellationToken) -> anyhow::Result<()> {
    let listeners = Listeners::bind(&settings).await?;
    let monitor = Monitor::start("router_metrics_listen", settings.metrics_listen).await?;
    settings.metrics_listen = monitor.address();
    let encryption = Encryption::of_router(&settings)?;
    let router = Router::build(&settings, encryption, listeners).await?;
    monitor.speaks_for(router.monitored());
    let ended = router.run(&stop).await;
    monitor.end().await;
    ended
}
