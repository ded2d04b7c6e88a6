//! The stream to the router: this master's reports, and the router's directives.
//!
//! If the router is away, it is tried again and again; nothing else waits for it.

use std::{net::IpAddr, process, sync::Arc, time::Duration};

use openraft::ServerState;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status, Streaming};

use super::{abandonment, address, cluster_id_file};
use crate::{
    backoff::Backoff,
    directory::split_address,
    domain::{ClusterId, NodeId, UnixMillis},
    envelope::SupportedVersions,
    host::{clock, net, random},
    node_auth::{SECRET_KEY, secret_metadata},
    replication::{
        NodeInfo,
        addresses::AddressSource,
        node::{Node, ProbeAnswer},
        reconcile::{Roster, RosterEntry},
        voter_config::VoterConfig,
    },
    settings::MasterSettings,
    slot::SlotInfo,
    wire::internal::{
        self, Directive, Hello, Leaving, MasterReport, Progress, Reject, directive,
        master_report::Report, registry_service_client::RegistryServiceClient,
    },
};

/// First and longest wait between attempts to reach the router.
const RETRY: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
/// After being rejected: somebody has to change something first.
const AFTER_REJECTION: Duration = Duration::from_secs(5);
/// If the router does not answer the first report within this time, it is tried again.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Reports that may wait for the router; if there are more, it hangs.
const REPORTS_WAITING: usize = 64;

/// A handle for the reporter.
pub struct ReporterHandle {
    leaving: watch::Sender<bool>,
}

impl ReporterHandle {
    /// Asks the router to have another master elected, because this one is about to stop.
    pub fn leaving(&self) {
        self.leaving.send_replace(true);
    }
}

/// The task that reports.
pub struct Reporter {
    router: String,
    secret: tonic::metadata::AsciiMetadataValue,
    interval: Duration,
    slot: SlotInfo,
    node: Node,
    info: NodeInfo,
    /// When this process started, by its own clock.
    started: UnixMillis,
    /// Why the router last rejected this master; logged once.
    last_rejection: Option<String>,
    /// The voter configuration that was last reported on this stream.
    reported: Option<Arc<VoterConfig>>,
    /// Whether the settings name the host by which others reach this master.
    fixed_host: bool,
    /// Where it listens.
    listening: [IpAddr; 2],
    roster: watch::Sender<Roster>,
    leaving: watch::Receiver<bool>,
    abandonment: abandonment::AbandonmentHandle,
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

impl Reporter {
    /// A reporter for `node`, which others know by `info`; the router's information on the other
    /// nodes goes to `roster`.
    pub fn new(
        settings: &MasterSettings,
        slot: &SlotInfo,
        node: Node,
        info: NodeInfo,
        roster: watch::Sender<Roster>,
        abandonment: abandonment::AbandonmentHandle,
        cancelled: CancellationToken,
    ) -> (Self, ReporterHandle) {
        let (leave, leaving) = watch::channel(false);
        let reporter = Self {
            router: settings.router.clone(),
            secret: secret_metadata(&settings.secret),
            interval: settings.report_interval,
            slot: slot.clone(),
            node,
            info,
            started: clock::now(),
            last_rejection: None,
            reported: None,
            fixed_host: settings.advertise_host.is_some(),
            listening: address::listening(settings),
            roster,
            leaving,
            abandonment,
            cancelled,
        };
        (reporter, ReporterHandle { leaving: leave })
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
        let channel = net::channel(&self.router)
            .map_err(|error| Status::invalid_argument(format!("router: {error}")))?;
        self.refresh_address().await;
        self.reported = None;
        let mut client = RegistryServiceClient::new(channel);
        let (reports, outgoing) = mpsc::channel(REPORTS_WAITING);
        let _room = reports.try_send(report(Report::Hello(self.hello_message())));
        let mut request = Request::new(ReceiverStream::new(outgoing));
        request.metadata_mut().insert(SECRET_KEY, self.secret.clone());
        let mut directives = timeout(ANSWER_WITHIN, client.report(request))
            .await
            .map_err(|_| Status::deadline_exceeded("the router does not answer"))??
            .into_inner();
        self.follow(&reports, &mut directives).await
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

    async fn follow(
        &mut self,
        reports: &mpsc::Sender<MasterReport>,
        directives: &mut Streaming<Directive>,
    ) -> Result<StreamEnd, Status> {
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut metrics = self.node.raft().server_metrics();
        let mut cut_off = self.node.peers().cut_off();
        let mut probe = ProbeAnswer::default();
        let mut led = false;
        if *self.leaving.borrow_and_update() {
            let _room = reports.try_send(report(Report::Leaving(Leaving {})));
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
                _ = self.leaving.changed() => {
                    let _room = reports.try_send(report(Report::Leaving(Leaving {})));
                    true
                }
                directive = directives.message() => match directive {
                    Ok(Some(Directive { directive: Some(directive) })) => {
                        match self.apply_directive(directive, &mut probe).await {
                            DirectiveOutcome::Rejected => return Ok(StreamEnd::Rejected),
                            DirectiveOutcome::NodeReset => return Ok(StreamEnd::Cancelled),
                            DirectiveOutcome::ReportNow => true,
                            DirectiveOutcome::Nothing => false,
                        }
                    }
                    Ok(Some(Directive { directive: None })) => false,
                    Ok(None) | Err(_) => return Ok(StreamEnd::Lost),
                }
            };
            if !news {
                continue;
            }
            let progress = self.progress(probe).await;
            if reports.try_send(report(Report::Progress(progress))).is_err() {
                return Ok(StreamEnd::Lost);
            }
        }
    }

    /// Carries out the router's directive.
    async fn apply_directive(
        &mut self,
        directive: directive::Directive,
        probe: &mut ProbeAnswer,
    ) -> DirectiveOutcome {
        match directive {
            directive::Directive::Roster(roster) => {
                self.apply_roster(roster).await;
                DirectiveOutcome::Nothing
            }
            directive::Directive::Bootstrap(bootstrap) => {
                if let Ok(cluster) = bootstrap.cluster_id.parse() {
                    self.bootstrap(cluster).await;
                }
                DirectiveOutcome::ReportNow
            }
            directive::Directive::Campaign(_) => {
                tracing::info!("campaigning");
                self.node.campaign().await;
                DirectiveOutcome::Nothing
            }
            directive::Directive::Probe(asked) => {
                let pre_vote = Duration::from_millis(asked.pre_vote_ms.into());
                *probe = self.node.answer_probe(asked.number, pre_vote).await;
                DirectiveOutcome::ReportNow
            }
            directive::Directive::Reject(reject) => {
                if self.last_rejection.as_ref() != Some(&reject.reason) {
                    let Reject { reason, temporary } = &reject;
                    if *temporary {
                        tracing::warn!(%reason, "the router lets this master wait");
                    } else {
                        tracing::error!(%reason, "the router rejected this master");
                    }
                    self.last_rejection = Some(reject.reason);
                }
                if reject.temporary {
                    DirectiveOutcome::Nothing
                } else {
                    DirectiveOutcome::Rejected
                }
            }
            directive::Directive::AbandonCluster(asked) => {
                if let Ok(cluster) = asked.cluster_id.parse() {
                    self.abandonment.abandon_cluster(cluster);
                }
                DirectiveOutcome::Nothing
            }
            directive::Directive::ResetNode(meant)
                if NodeId::new(meant.node_id) == self.node.id() =>
            {
                self.abandonment.reset_node();
                DirectiveOutcome::NodeReset
            }
            // For the node that was here before, and for the router's own witness.
            directive::Directive::ResetNode(_) | directive::Directive::ReplaceWitness(_) => {
                DirectiveOutcome::Nothing
            }
        }
    }

    async fn bootstrap(&self, cluster: ClusterId) {
        tracing::info!(%cluster, "bootstrapping the cluster");
        match self.node.bootstrap(cluster, self.info.clone()).await {
            Ok(()) => cluster_id_file::save(&self.slot, cluster),
            Err(error) => tracing::error!(%error, "cannot bootstrap the cluster"),
        }
    }

    async fn apply_roster(&self, wire: internal::Roster) {
        if let Ok(cluster) = wire.cluster_id.parse() {
            match self.node.join(cluster).await {
                Ok(()) => cluster_id_file::save(&self.slot, cluster),
                Err(error) => tracing::error!(%error, "cannot join the cluster"),
            }
        }
        let router_host = split_address(&self.router).map_or("", |(host, _)| host);
        let mut members = std::collections::BTreeMap::new();
        for member in wire.members {
            let peer_address = match member.peer_address.strip_prefix(':') {
                Some(port) => format!("{router_host}:{port}"),
                None => member.peer_address,
            };
            let info = NodeInfo {
                name: member.name,
                peer_address,
                client_address: member.client_address,
                witness: member.witness,
                supported_versions: SupportedVersions::from_wire(
                    member.oldest_format,
                    member.newest_format,
                )
                .unwrap_or_default(),
                address_version: member.address_version,
            };
            let node = NodeId::new(member.node_id);
            self.node.peers().learn(node, info.clone(), AddressSource::Router);
            if !member.down {
                self.node.peers().open(node);
            }
            members.insert(node, RosterEntry { info, down: member.down, leaving: member.leaving });
        }
        self.roster.send_replace(Roster { members, received: Some(Instant::now()) });
    }

    fn hello_message(&mut self) -> Hello {
        let applied = self.node.raft().metrics().borrow().last_applied;
        let (_, abandoned_for) = self.abandonment.observe(applied.map_or(0, |at| at.index));
        let cluster =
            self.node.cluster().or_else(|| cluster_id_file::load(&self.slot).ok().flatten());
        Hello {
            node_id: self.node.id().get(),
            name: self.info.name.clone(),
            cluster_id: id_or_empty(cluster),
            client_address: self.info.client_address.clone(),
            peer_address: self.info.peer_address.clone(),
            pid: process::id(),
            reboots: self.slot.reboots,
            oldest_format: self.info.supported_versions.oldest.into(),
            newest_format: self.info.supported_versions.newest.into(),
            host: net::host_name(),
            address_version: self.info.address_version,
            process: self.node.peers().process(),
            started_ms: self.started.get(),
            abandoned_for: id_or_empty(abandoned_for),
        }
    }

    /// The voter configuration, unless it is the last one reported on this stream.
    fn news_of(&mut self, voter_config: &Arc<VoterConfig>) -> Option<internal::VoterConfig> {
        let is_known = self.reported.as_ref().is_some_and(|known| Arc::ptr_eq(known, voter_config));
        (!is_known).then(|| {
            self.reported = Some(Arc::clone(voter_config));
            (**voter_config).clone().into()
        })
    }

    /// This master's progress. If the consensus waits for a hung disk, it does not answer, and the
    /// report is missing, as it should be.
    async fn progress(&mut self, ProbeAnswer { number, electable }: ProbeAnswer) -> Progress {
        let now = self.node.progress(number).await;
        let (is_empty, abandoned_for) = self.abandonment.observe(now.applied);
        Progress {
            term: now.term,
            last_log_term: now.last_log.0,
            last_log_index: now.last_log.1,
            applied_index: now.applied,
            leading: now.leading,
            cut_off: now.cut_off,
            known_leader: NodeId::to_wire(now.known_leader),
            electable,
            voter: now.voter,
            voters: now.voters.into_iter().map(NodeId::get).collect(),
            cluster_id: id_or_empty(now.cluster),
            probe: now.probe,
            voter_config: self.news_of(&now.voter_config),
            clock_ms: now.clock.get(),
            format: now.version.into(),
            is_empty,
            abandoned_for: id_or_empty(abandoned_for),
        }
    }
}

/// Empty for none.
fn id_or_empty(cluster: Option<ClusterId>) -> String {
    cluster.map_or_else(String::new, |id| id.to_string())
}

fn report(report: Report) -> MasterReport {
    MasterReport { report: Some(report) }
}
