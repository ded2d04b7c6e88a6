//! The stream to the router: this master's reports, and the router's directives.
//!
//! If the router is away, it is tried again and again; nothing else waits for it.

use std::{
    net::{IpAddr, SocketAddr},
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use openraft::ServerState;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    abandonment, address, cluster_id_file,
    openness::Openness,
    room::RoomHandle,
    router_stream::{DirectiveError, RouterStream},
};
use crate::{
    backoff::Backoff,
    control::{
        Directive, Hello, NodeInfo, Progress, ReceivedRoster, Report, Roster, VoterDirective,
    },
    directory::split_address,
    domain::{Certification, ClusterId, UnixMillis},
    host::{clock, net, random},
    node_auth::NodeAuth,
    replication::{
        addresses::AddressSource,
        node::{Node, ProbeAnswer},
    },
    serving::{Acceptance, Encryption},
    settings::MasterSettings,
    slot::SlotInfo,
};

/// First and longest wait between attempts to reach the router.
const RETRY: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
/// After being rejected: somebody has to change something first.
const AFTER_REJECTION: Duration = Duration::from_secs(5);
/// If the router does not answer the first report within this time, it is tried again.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A handle for the reporter.
pub struct ReporterHandle {
    leaving: watch::Sender<bool>,
    contact: RouterContact,
}

/// Whether a master and the router are in contact; clones share it.
#[derive(Clone, Default)]
pub struct RouterContact(Arc<AtomicBool>);

impl RouterContact {
    /// Whether the router hears this master.
    pub fn is_reached(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, is_reached: bool) {
        self.0.store(is_reached, Ordering::Relaxed);
    }
}

impl ReporterHandle {
    /// Asks the router to have another master elected, because this one is about to stop.
    pub fn leaving(&self) {
        self.leaving.send_replace(true);
    }

    /// Whether the router is reached.
    pub fn contact(&self) -> RouterContact {
        self.contact.clone()
    }
}

/// The task that reports.
pub struct Reporter {
    router: String,
    auth: NodeAuth,
    interval: Duration,
    slot: SlotInfo,
    node: Node,
    info: NodeInfo,
    /// When this process started, by its own clock.
    started: UnixMillis,
    /// Why the router last rejected this master; logged once.
    last_rejection: Option<String>,
    /// Whether the settings name the host by which others reach this master.
    fixed_host: bool,
    /// Where it listens.
    listening: [IpAddr; 2],
    /// Where it answers monitoring.
    metrics: SocketAddr,
    roster: watch::Sender<ReceivedRoster>,
    leaving: watch::Receiver<bool>,
    contact: RouterContact,
    abandonment: abandonment::AbandonmentHandle,
    room: RoomHandle,
    openness: Openness,
    /// What proves that the network is its domain, if it has one.
    certification: Option<watch::Receiver<Arc<Certification>>>,
    acceptance: Acceptance,
    cancelled: CancellationToken,
}

enum StreamEnd {
    Cancelled,
    Lost,
    Rejected,
}

/// The outcome of a directive.
enum DirectiveOutcome {
    Nothing,
    /// The router is waiting for a report.
    ReportNow,
    /// The router has rejected this master.
    Rejected,
    /// This node's cluster was abandoned.
    NodeReset,
}

/// Returns when there is something new; never if there never is.
async fn changed<T>(news: &mut Option<watch::Receiver<T>>) {
    if let Some(news) = news
        && news.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

impl Reporter {
    /// A reporter for `node`, which others know by `info`; the router's information on the other
    /// nodes goes to `roster`.
    pub fn new(
        (settings, encryption, acceptance): (&MasterSettings, &Encryption, Acceptance),
        slot: &SlotInfo,
        node: Node,
        info: NodeInfo,
        roster: watch::Sender<ReceivedRoster>,
        (abandonment, room, openness): (abandonment::AbandonmentHandle, RoomHandle, Openness),
        cancelled: CancellationToken,
    ) -> (Self, ReporterHandle) {
        let (leave, leaving) = watch::channel(false);
        let contact = RouterContact::default();
        let reporter = Self {
            router: settings.router.clone(),
            auth: encryption.nodes.clone(),
            certification: encryption.heard(),
            acceptance,
            interval: settings.report_interval,
            slot: slot.clone(),
            node,
            info,
            started: clock::now(),
            last_rejection: None,
            fixed_host: settings.advertise_host.is_some(),
            listening: address::listening(settings),
            metrics: settings.metrics_listen,
            roster,
            leaving,
            contact: contact.clone(),
            abandonment,
            room,
            openness,
            cancelled,
        };
        (reporter, ReporterHandle { leaving: leave, contact })
    }

    /// Reports until cancelled.
    pub async fn run(mut self) {
        let mut failures = 0;
        let mut reachable = true;
        loop {
            let began = Instant::now();
            let wait = match self.run_stream().await {
                Ok(StreamEnd::Cancelled) => return,
                Ok(StreamEnd::Rejected) => AFTER_REJECTION,
                Ok(StreamEnd::Lost) => {
                    tracing::warn!(router = %self.router, "lost the router");
                    reachable = false;
                    failures = 0;
                    RETRY.pause(failures, random::id())
                }
                Err(status) => {
                    if reachable || began.elapsed() > AFTER_REJECTION {
                        tracing::warn!(router = %self.router, %status, "cannot reach the router");
                        reachable = false;
                    }
                    failures += 1;
                    RETRY.pause(failures, random::id())
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.cancelled.cancelled() => return,
            }
        }
    }

    /// One stream, from beginning to end.
    async fn run_stream(&mut self) -> Result<StreamEnd, Status> {
        let channel = net::channel(&self.router, &self.auth.to_router())
            .map_err(|error| Status::invalid_argument(format!("router: {error}")))?;
        self.refresh_address().await;
        let stream = RouterStream::open(channel, self.auth.metadata(), self.hello());
        let router = timeout(ANSWER_WITHIN, stream)
            .await
            .map_err(|_| Status::deadline_exceeded("the router does not answer"))??;
        self.contact.set(true);
        let ended = self.follow(router).await;
        self.contact.set(false);
        ended
    }

    /// Updates the address by which others reach this master: a container that was cut off from its
    /// network may come back with another one.
    async fn refresh_address(&mut self) {
        if self.fixed_host {
            return;
        }
        let look = net::local_ip_towards(&self.router, &self.listening);
        let Ok(Ok(ip)) = timeout(ANSWER_WITHIN, look).await else { return };
        let host = net::host_of(ip);
        let mut moved = false;
        for address in [&mut self.info.client_address, &mut self.info.peer_address] {
            let Some((before, port)) = split_address(address) else { continue };
            if before != host {
                let now = format!("{host}:{port}");
                tracing::info!(before = %address, %now, "the address of this master has changed");
                *address = now;
                moved = true;
            }
        }
        if moved {
            self.info.address_version += 1;
            self.node.peers().set_own_address(self.info.clone());
        }
    }

    async fn follow(&mut self, mut router: RouterStream) -> Result<StreamEnd, Status> {
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut metrics = self.node.raft().server_metrics();
        let mut cut_off = self.node.peers().cut_off();
        let mut probe = ProbeAnswer::default();
        let mut led = false;
        let mut told = None;
        if *self.leaving.borrow_and_update() {
            let _room = router.report(Report::Leaving);
        }
        loop {
            let news = tokio::select! {
                () = self.cancelled.cancelled() => return Ok(StreamEnd::Cancelled),
                _ = ticks.tick() => true,
                // Only a leader's changes are urgent: those of all the others would arrive
                // together, just when clients wait for a new leader.
                changed = metrics.changed() => {
                    if changed.is_err() {
                        return Ok(StreamEnd::Cancelled);
                    }
                    let leads = metrics.borrow_and_update().state == ServerState::Leader;
                    std::mem::replace(&mut led, leads) || leads
                }
                changed = cut_off.changed() => {
                    if changed.is_err() {
                        return Ok(StreamEnd::Cancelled);
                    }
                    true
                }
                () = changed(&mut self.certification) => false,
                _ = self.leaving.changed() => {
                    let _room = router.report(Report::Leaving);
                    true
                }
                directive = router.directive() => match directive {
                    Ok(Some(directive)) => {
                        match self.apply_directive(directive, &mut probe).await {
                            DirectiveOutcome::Rejected => return Ok(StreamEnd::Rejected),
                            DirectiveOutcome::NodeReset => return Ok(StreamEnd::Cancelled),
                            DirectiveOutcome::ReportNow => true,
                            DirectiveOutcome::Nothing => false,
                        }
                    }
                    Err(error @ DirectiveError::Invalid(_)) => return Err(error.into()),
                    Ok(None) | Err(DirectiveError::Broken(_)) => return Ok(StreamEnd::Lost),
                }
            };
            if let Some(known) = self.news_of_certification(&mut told)
                && !router.report(Report::Certification(known))
            {
                return Ok(StreamEnd::Lost);
            }
            if !news {
                continue;
            }
            let progress = self.progress(probe).await;
            if !router.report(Report::Progress(progress)) {
                return Ok(StreamEnd::Lost);
            }
        }
    }

    /// What the router has to hear of the certification, after what it was `told`, if this master leads.
    fn news_of_certification(
        &mut self,
        told: &mut Option<Arc<Certification>>,
    ) -> Option<Arc<Certification>> {
        let known = self.certification.as_mut()?.borrow_and_update().clone();
        let is_news = told.as_ref() != Some(&known) && *known != Certification::default();
        if !is_news || !self.node.leads() {
            return None;
        }
        *told = Some(Arc::clone(&known));
        Some(known)
    }

    /// Carries out the router's directive.
    async fn apply_directive(
        &mut self,
        directive: Directive,
        probe: &mut ProbeAnswer,
    ) -> DirectiveOutcome {
        match directive {
            Directive::Roster(roster) => {
                self.apply_roster(Arc::unwrap_or_clone(roster)).await;
                DirectiveOutcome::Nothing
            }
            Directive::Bootstrap(cluster) => {
                self.bootstrap(cluster).await;
                DirectiveOutcome::ReportNow
            }
            Directive::Voter(VoterDirective::Campaign { after_term }) => {
                tracing::info!("campaigning");
                self.node.campaign(after_term).await;
                DirectiveOutcome::Nothing
            }
            Directive::Voter(VoterDirective::Probe(asked)) => {
                *probe = self.node.answer_probe(asked).await;
                DirectiveOutcome::ReportNow
            }
            Directive::Voter(VoterDirective::ResetNode(meant)) => {
                if meant != self.node.id() {
                    // For the node that was here before.
                    return DirectiveOutcome::Nothing;
                }
                self.abandonment.reset_node();
                DirectiveOutcome::NodeReset
            }
            Directive::Reject(reason) => {
                if self.is_new_rejection(&reason) {
                    tracing::error!(%reason, "the router rejected this master");
                }
                DirectiveOutcome::Rejected
            }
            Directive::Defer(reason) => {
                if self.is_new_rejection(&reason) {
                    tracing::warn!(%reason, "the router lets this master wait");
                }
                DirectiveOutcome::Nothing
            }
            Directive::AbandonCluster(cluster) => {
                self.abandonment.abandon_cluster(cluster);
                DirectiveOutcome::Nothing
            }
        }
    }

    /// Whether this is another reason than the last one, which was logged.
    fn is_new_rejection(&mut self, reason: &str) -> bool {
        let is_new = self.last_rejection.as_deref() != Some(reason);
        self.last_rejection = Some(reason.to_owned());
        is_new
    }

    async fn bootstrap(&self, cluster: ClusterId) {
        tracing::info!(%cluster, "bootstrapping the cluster");
        match self.node.bootstrap(cluster, self.info.clone()).await {
            Ok(()) => cluster_id_file::save(&self.slot, cluster),
            Err(error) => tracing::error!(%error, "cannot bootstrap the cluster"),
        }
    }

    async fn apply_roster(&self, roster: Roster) {
        if let Some(cluster) = roster.cluster {
            match self.node.join(cluster).await {
                Ok(()) => cluster_id_file::save(&self.slot, cluster),
                Err(error) => tracing::error!(%error, "cannot join the cluster"),
            }
        }
        let router_host = split_address(&self.router).map_or("", |(host, _)| host);
        let members = roster.members_seen_from(router_host);
        for (node, listed) in &members {
            self.node.peers().learn(*node, listed.info.clone(), AddressSource::Router);
            if !listed.down {
                self.node.peers().open(*node);
            }
        }
        self.roster.send_replace(ReceivedRoster { members, received: Some(Instant::now()) });
    }

    fn hello(&mut self) -> Hello {
        let applied = self.node.raft().metrics().borrow().last_applied;
        let (_, abandoned_for) = self.abandonment.observe(applied.map_or(0, |at| at.index));
        // Where clients reach it, so that this moves with the address.
        let host = split_address(&self.info.client_address).map_or("", |(host, _)| host);
        let cluster =
            self.node.cluster().or_else(|| cluster_id_file::load(&self.slot).ok().flatten());
        Hello {
            node: self.node.id(),
            name: self.info.name.clone(),
            cluster,
            client_address: self.info.client_address.clone(),
            peer_address: self.info.peer_address.clone(),
            metrics_address: net::reached_at(self.metrics, host),
            pid: process::id(),
            reboots: self.slot.reboots,
            host: net::host_name(),
            supported_versions: self.info.supported_versions,
            address_version: self.info.address_version,
            process: self.node.peers().process(),
            started: self.started,
            abandoned_for,
        }
    }

    /// This master's progress. If the consensus waits for a hung disk, it does not answer, and the
    /// report is missing, as it should be.
    async fn progress(&mut self, ProbeAnswer { number, electable }: ProbeAnswer) -> Progress {
        let progress = self.node.progress(number).await;
        let (is_empty, abandoned_for) = self.abandonment.observe(progress.applied);
        let cannot_accept = !self.acceptance.works();
        let room = self.room.room();
        let open_to_all = self.openness.observe(progress.applied);
        Progress {
            electable,
            cannot_accept,
            is_empty,
            abandoned_for,
            room,
            open_to_all,
            ..progress
        }
    }
}
