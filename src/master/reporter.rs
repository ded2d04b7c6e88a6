//! The stream to the router: this master's reports, and the router's directives.
//!
//! If the router is away, it is tried again and again; nothing else waits for it.

use std::{net::IpAddr, process, sync::Arc, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use openraft::ServerState;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status, Streaming};

use super::{address, giving_way, kinship};
use crate::{
    credentials::{SECRET_KEY, presented},
    directory::split_address,
    domain::{ClusterId, UnixMillis},
    envelope::Speaks,
    host::{clock, net},
    replication::{
        NodeInfo,
        addresses::Source,
        electorate::Electorate,
        node::{Node, Probed},
        reconcile::{Listed, Roster},
    },
    settings::MasterSettings,
    slot::Berth,
    wire::internal::{
        self, Directive, Hello, Leaving, MasterReport, Progress, Turned, directive,
        master_report::Report, registry_service_client::RegistryServiceClient,
    },
};

/// First and longest wait between attempts to reach the router.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// After being turned away: somebody has to change something first.
const TURNED_AWAY: Duration = Duration::from_secs(5);
/// If the router does not answer the first report within this time, it is tried again.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Reports that may wait for the router; if there are more, it hangs.
const REPORTS_WAITING: usize = 64;

/// Handle for the reporter.
pub struct Handle {
    leaving: watch::Sender<bool>,
}

impl Handle {
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
    berth: Berth,
    node: Node,
    info: NodeInfo,
    /// When this process started, by its own clock.
    started: UnixMillis,
    /// Why the router last turned this master away; logged once.
    turned: Option<String>,
    /// The electorate that was last reported on this stream.
    reported: Option<Arc<Electorate>>,
    /// Whether the settings name the host by which others reach this master.
    fixed_host: bool,
    /// Where it listens.
    listening: [IpAddr; 2],
    roster: watch::Sender<Roster>,
    leaving: watch::Receiver<bool>,
    giving_way: giving_way::Handle,
    cancelled: CancellationToken,
}

enum Ended {
    Cancelled,
    Lost,
    Turned,
}

/// The outcome of a directive.
enum Obeyed {
    Nothing,
    /// The router is waiting for a report.
    News,
    /// The router has turned this master away.
    Turned,
    /// This node's cluster was given up.
    BeginsAnew,
}

impl Reporter {
    /// A reporter for `node`, which others know by `info`; the router's information on the other
    /// nodes goes to `roster`.
    pub fn new(
        settings: &MasterSettings,
        berth: &Berth,
        node: Node,
        info: NodeInfo,
        roster: watch::Sender<Roster>,
        giving_way: giving_way::Handle,
        cancelled: CancellationToken,
    ) -> (Self, Handle) {
        let (leave, leaving) = watch::channel(false);
        let reporter = Self {
            router: settings.router.clone(),
            secret: presented(&settings.secret),
            interval: settings.report_interval,
            berth: berth.clone(),
            node,
            info,
            started: clock::now(),
            turned: None,
            reported: None,
            fixed_host: settings.advertise_host.is_some(),
            listening: address::listening(settings),
            roster,
            leaving,
            giving_way,
            cancelled,
        };
        (reporter, Handle { leaving: leave })
    }

    /// Reports until cancelled.
    pub async fn run(mut self) {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(RETRY.0)
            .with_max_delay(RETRY.1)
            .without_max_times();
        let mut waits = backoff.build();
        let mut reachable = true;
        loop {
            let began = Instant::now();
            let wait = match self.session().await {
                Ok(Ended::Cancelled) => return,
                Ok(Ended::Turned) => TURNED_AWAY,
                Ok(Ended::Lost) => {
                    tracing::warn!(router = %self.router, "lost the router");
                    reachable = false;
                    waits = backoff.build();
                    RETRY.0
                }
                Err(status) => {
                    if reachable || began.elapsed() > TURNED_AWAY {
                        tracing::warn!(router = %self.router, %status, "cannot reach the router");
                        reachable = false;
                    }
                    waits.next().unwrap_or(RETRY.1)
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.cancelled.cancelled() => return,
            }
        }
    }

    /// One stream, from beginning to end.
    async fn session(&mut self) -> Result<Ended, Status> {
        let channel = net::channel(&self.router)
            .map_err(|error| Status::invalid_argument(format!("router: {error}")))?;
        self.look_around().await;
        self.reported = None;
        let mut client = RegistryServiceClient::new(channel);
        let (reports, outgoing) = mpsc::channel(REPORTS_WAITING);
        let _room = reports.try_send(report(Report::Hello(self.hello())));
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
    async fn look_around(&mut self) {
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
            self.info.edition += 1;
            self.node.peers().introduce_as(self.info.clone());
        }
    }

    async fn follow(
        &mut self,
        reports: &mpsc::Sender<MasterReport>,
        directives: &mut Streaming<Directive>,
    ) -> Result<Ended, Status> {
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut metrics = self.node.raft().server_metrics();
        let mut cut_off = self.node.peers().cut_off();
        let mut probe = Probed::default();
        let mut led = false;
        if *self.leaving.borrow_and_update() {
            let _room = reports.try_send(report(Report::Leaving(Leaving {})));
        }
        loop {
            let news = tokio::select! {
                () = self.cancelled.cancelled() => return Ok(Ended::Cancelled),
                _ = ticks.tick() => true,
                // Only a leader's changes are urgent: those of all the others would arrive
                // together, just when clients wait for a new leader.
                changed = metrics.changed() => {
                    if changed.is_err() {
                        return Ok(Ended::Cancelled);
                    }
                    let leads = metrics.borrow_and_update().state == ServerState::Leader;
                    std::mem::replace(&mut led, leads) || leads
                }
                changed = cut_off.changed() => {
                    if changed.is_err() {
                        return Ok(Ended::Cancelled);
                    }
                    true
                }
                _ = self.leaving.changed() => {
                    let _room = reports.try_send(report(Report::Leaving(Leaving {})));
                    true
                }
                directive = directives.message() => match directive {
                    Ok(Some(Directive { directive: Some(directive) })) => {
                        match self.obey(directive, &mut probe).await {
                            Obeyed::Turned => return Ok(Ended::Turned),
                            Obeyed::BeginsAnew => return Ok(Ended::Cancelled),
                            Obeyed::News => true,
                            Obeyed::Nothing => false,
                        }
                    }
                    Ok(Some(Directive { directive: None })) => false,
                    Ok(None) | Err(_) => return Ok(Ended::Lost),
                }
            };
            if !news {
                continue;
            }
            let progress = self.progress(probe).await;
            if reports.try_send(report(Report::Progress(progress))).is_err() {
                return Ok(Ended::Lost);
            }
        }
    }

    /// Carries out the router's directive.
    async fn obey(&mut self, directive: directive::Directive, probe: &mut Probed) -> Obeyed {
        match directive {
            directive::Directive::Roster(roster) => {
                self.take_roster(roster).await;
                Obeyed::Nothing
            }
            directive::Directive::Found(found) => {
                if let Ok(cluster) = found.cluster_id.parse() {
                    self.found(cluster).await;
                }
                Obeyed::News
            }
            directive::Directive::Stand(_) => {
                tracing::info!("standing for election");
                self.node.stand().await;
                Obeyed::Nothing
            }
            directive::Directive::Probe(asked) => {
                let pre_vote = Duration::from_millis(asked.pre_vote_ms.into());
                *probe = self.node.probed(asked.number, pre_vote).await;
                Obeyed::News
            }
            directive::Directive::Turned(turned) => {
                if self.turned.as_ref() != Some(&turned.reason) {
                    let Turned { reason, for_now } = &turned;
                    if *for_now {
                        tracing::warn!(%reason, "the router lets this master wait");
                    } else {
                        tracing::error!(%reason, "the router turned this master away");
                    }
                    self.turned = Some(turned.reason);
                }
                if turned.for_now { Obeyed::Nothing } else { Obeyed::Turned }
            }
            directive::Directive::GiveWay(asked) => {
                if let Ok(cluster) = asked.cluster_id.parse() {
                    self.giving_way.give_way(cluster);
                }
                Obeyed::Nothing
            }
            directive::Directive::BeginAnew(meant) if meant.node_id == self.node.id() => {
                self.giving_way.begin_anew();
                Obeyed::BeginsAnew
            }
            // For the node that was here before, and for the router's own witness.
            directive::Directive::BeginAnew(_) | directive::Directive::Inherit(_) => {
                Obeyed::Nothing
            }
        }
    }

    async fn found(&self, cluster: ClusterId) {
        tracing::info!(%cluster, "founding the cluster");
        match self.node.found(cluster, self.info.clone()).await {
            Ok(()) => kinship::remember(&self.berth, cluster),
            Err(error) => tracing::error!(%error, "cannot found the cluster"),
        }
    }

    async fn take_roster(&self, wire: internal::Roster) {
        if let Ok(cluster) = wire.cluster_id.parse() {
            match self.node.join(cluster).await {
                Ok(()) => kinship::remember(&self.berth, cluster),
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
                speaks: Speaks::received(member.oldest_format, member.newest_format)
                    .unwrap_or_default(),
                edition: member.edition,
            };
            self.node.peers().learn(member.node_id, info.clone(), Source::Router);
            if !member.down {
                self.node.peers().open(member.node_id);
            }
            members.insert(
                member.node_id,
                Listed { info, down: member.down, leaving: member.leaving },
            );
        }
        self.roster.send_replace(Roster { members, received: Some(Instant::now()) });
    }

    fn hello(&mut self) -> Hello {
        let applied = self.node.raft().metrics().borrow().last_applied;
        let (_, gave_way_to) = self.giving_way.look(applied.map_or(0, |at| at.index));
        let cluster = self.node.cluster().or_else(|| kinship::recall(&self.berth).ok().flatten());
        Hello {
            node_id: self.node.id(),
            name: self.info.name.clone(),
            cluster_id: in_wire(cluster),
            client_address: self.info.client_address.clone(),
            peer_address: self.info.peer_address.clone(),
            pid: process::id(),
            reboots: self.berth.reboots,
            oldest_format: self.info.speaks.oldest.into(),
            newest_format: self.info.speaks.newest.into(),
            host: net::host_name(),
            edition: self.info.edition,
            process: self.node.peers().process(),
            started_ms: self.started,
            gave_way_to: in_wire(gave_way_to),
        }
    }

    /// The electorate, unless it is the last one reported on this stream.
    fn news_of(&mut self, electorate: &Arc<Electorate>) -> Option<internal::Electorate> {
        let is_known = self.reported.as_ref().is_some_and(|known| Arc::ptr_eq(known, electorate));
        (!is_known).then(|| {
            self.reported = Some(Arc::clone(electorate));
            (**electorate).clone().into()
        })
    }

    /// This master's progress. If the consensus waits for a hung disk, it does not answer, and the
    /// report is missing, as it should be.
    async fn progress(&mut self, Probed { number, electable }: Probed) -> Progress {
        let now = self.node.progress(number).await;
        let (is_empty, gave_way_to) = self.giving_way.look(now.applied);
        Progress {
            term: now.term,
            last_log_term: now.last_log.0,
            last_log_index: now.last_log.1,
            applied_index: now.applied,
            leading: now.leading,
            cut_off: now.cut_off,
            hears: now.hears.unwrap_or(0),
            electable,
            voter: now.voter,
            voters: now.voters,
            cluster_id: in_wire(now.cluster),
            probe: now.probe,
            electorate: self.news_of(&now.electorate),
            clock_ms: now.clock,
            format: now.version.into(),
            is_empty,
            gave_way_to: in_wire(gave_way_to),
        }
    }
}

/// Empty for none.
fn in_wire(cluster: Option<ClusterId>) -> String {
    cluster.map_or_else(String::new, |id| id.to_string())
}

fn report(report: Report) -> MasterReport {
    MasterReport { report: Some(report) }
}
