//! Reports, directives and rosters to and from their messages, once each way.
//!
//! What a message says is checked here, and what cannot be is an [`InvalidMessage`]: whoever
//! receives it ends the stream. A message that a newer program added is none
//! ([`ReportDecoder::decode`] and [`Directive::from_wire`] return nothing), and is left out.

use std::{sync::Arc, time::Duration};

use super::{
    Directive, Hello, NodeInfo, ProbeRequest, Progress, Report, Room, RoomCondition, Roster,
    RosterEntry, VoterConfig, VoterDirective, VoterName, roster::AvailableServer,
};
use crate::{
    domain::{
        AcmeChallenge, Certification, ClusterId, DomainCertificate, LogPosition, NodeId,
        PrivateText, UnixMillis,
    },
    envelope::{SupportedVersions, Version},
    wire::internal::{self, directive, master_report, voter_config::VoterSet},
};

/// A message that no program of this cluster sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    /// A node that must be named is not.
    #[error("that names no node")]
    NoNode,
    /// An id of a cluster, but not 32 hexadecimal digits.
    #[error("that is not the id of a cluster")]
    ClusterId,
    /// The cluster that must be named is not.
    #[error("that names no cluster")]
    NoCluster,
    /// Versions that are out of range, or in the wrong order.
    #[error("those are not versions of the format")]
    Versions,
}

/// Makes the messages of one stream from a master's reports.
#[derive(Debug, Default)]
pub struct ReportEncoder {
    /// The voter configuration that was last sent: it is sent only when it changes.
    sent: Option<Arc<VoterConfig>>,
    /// The term that was last sent.
    term: u64,
}

/// Reads the reports of one stream.
#[derive(Debug, Default)]
pub struct ReportDecoder {
    /// The voter configuration that came last.
    voter_config: Arc<VoterConfig>,
}

impl ReportEncoder {
    /// The message that says this.
    pub fn encode(&mut self, report: Report) -> internal::MasterReport {
        let report = match report {
            Report::Hello(hello) => master_report::Report::Hello(hello_to_wire(hello)),
            Report::Progress(progress) => {
                master_report::Report::Progress(self.progress_to_wire(progress))
            }
            Report::Certification(certification) => {
                master_report::Report::Certification(certification_to_wire(&certification))
            }
            Report::Leaving => master_report::Report::Leaving(internal::Leaving {}),
        };
        internal::MasterReport { report: Some(report) }
    }

    /// **Invariants.** The term never goes back on one stream, because a node's own never does. A
    /// node that leads is not cut off. The router relies on neither: it does not know who reports.
    fn progress_to_wire(&mut self, progress: Progress) -> internal::Progress {
        debug_assert!(progress.term >= self.term, "a node's term never goes back");
        debug_assert!(!(progress.leading && progress.cut_off), "who is cut off does not lead");
        self.term = progress.term;
        let is_known =
            self.sent.as_ref().is_some_and(|sent| Arc::ptr_eq(sent, &progress.voter_config));
        let voter_config =
            (!is_known).then(|| voter_config_to_wire(VoterConfig::clone(&progress.voter_config)));
        self.sent = Some(progress.voter_config);
        internal::Progress {
            term: progress.term,
            last_log_term: progress.last_log.term,
            last_log_index: progress.last_log.index,
            applied_index: progress.applied,
            leading: progress.leading,
            voter: progress.voter,
            voters: progress.voters.into_iter().map(NodeId::get).collect(),
            cluster_id: id_or_empty(progress.cluster),
            probe: progress.probe,
            voter_config,
            clock_ms: progress.clock.get(),
            is_empty: progress.is_empty,
            abandoned_for: id_or_empty(progress.abandoned_for),
            format: progress.version.into(),
            cut_off: progress.cut_off,
            known_leader: NodeId::to_wire(progress.known_leader),
            electable: progress.electable,
            cannot_accept: progress.cannot_accept,
            room: room_to_wire(progress.room.condition).into(),
            room_left: progress.room.left,
            open_to_all: progress.open_to_all,
        }
    }
}

impl ReportDecoder {
    /// What a message says; nothing for one that a newer program added.
    pub fn decode(
        &mut self,
        message: internal::MasterReport,
    ) -> Result<Option<Report>, InvalidMessage> {
        Ok(match message.report {
            Some(master_report::Report::Progress(progress)) => {
                Some(Report::Progress(self.progress_from_wire(progress)?))
            }
            Some(master_report::Report::Certification(certification)) => {
                Some(Report::Certification(Arc::new(certification_from_wire(certification))))
            }
            Some(master_report::Report::Leaving(internal::Leaving {})) => Some(Report::Leaving),
            Some(master_report::Report::Hello(hello)) => {
                Some(Report::Hello(hello_from_wire(hello)?))
            }
            None => None,
        })
    }

    fn progress_from_wire(&mut self, wire: internal::Progress) -> Result<Progress, InvalidMessage> {
        let room = room_from_wire(wire.room());
        if let Some(news) = wire.voter_config {
            self.voter_config = Arc::new(voter_config_from_wire(news)?);
        }
        Ok(Progress {
            term: wire.term,
            last_log: LogPosition::new(wire.last_log_term, wire.last_log_index),
            applied: wire.applied_index,
            leading: wire.leading,
            cut_off: wire.cut_off,
            known_leader: NodeId::from_wire(wire.known_leader),
            electable: wire.electable,
            cannot_accept: wire.cannot_accept,
            voter: wire.voter,
            voters: wire.voters.into_iter().map(node).collect::<Result<_, _>>()?,
            cluster: cluster(&wire.cluster_id)?,
            probe: wire.probe,
            voter_config: Arc::clone(&self.voter_config),
            clock: UnixMillis::new(wire.clock_ms),
            version: version(wire.format)?,
            is_empty: wire.is_empty,
            abandoned_for: cluster(&wire.abandoned_for)?,
            room: Room { condition: room, left: wire.room_left },
            open_to_all: wire.open_to_all,
        })
    }
}

fn room_to_wire(condition: RoomCondition) -> internal::Room {
    match condition {
        RoomCondition::Plenty => internal::Room::Plenty,
        RoomCondition::Low => internal::Room::Low,
        RoomCondition::None => internal::Room::None,
    }
}

fn room_from_wire(room: internal::Room) -> RoomCondition {
    match room {
        internal::Room::Plenty => RoomCondition::Plenty,
        internal::Room::Low => RoomCondition::Low,
        internal::Room::None => RoomCondition::None,
    }
}

fn hello_to_wire(hello: Hello) -> internal::Hello {
    internal::Hello {
        node_id: hello.node.get(),
        name: hello.name,
        cluster_id: id_or_empty(hello.cluster),
        client_address: hello.client_address,
        peer_address: hello.peer_address,
        metrics_address: hello.metrics_address,
        pid: hello.pid,
        reboots: hello.reboots,
        host: hello.host,
        oldest_format: hello.supported_versions.oldest.into(),
        newest_format: hello.supported_versions.newest.into(),
        address_version: hello.address_version,
        process: hello.process,
        started_ms: hello.started.get(),
        abandoned_for: id_or_empty(hello.abandoned_for),
    }
}

fn hello_from_wire(wire: internal::Hello) -> Result<Hello, InvalidMessage> {
    Ok(Hello {
        node: node(wire.node_id)?,
        name: wire.name,
        cluster: cluster(&wire.cluster_id)?,
        client_address: wire.client_address,
        peer_address: wire.peer_address,
        metrics_address: wire.metrics_address,
        pid: wire.pid,
        reboots: wire.reboots,
        host: wire.host,
        supported_versions: versions(wire.oldest_format, wire.newest_format)?,
        address_version: wire.address_version,
        process: wire.process,
        started: UnixMillis::new(wire.started_ms),
        abandoned_for: cluster(&wire.abandoned_for)?,
    })
}

/// Without the account, which only masters need.
fn certification_to_wire(
    Certification { account: _, challenges, certificate }: &Certification,
) -> internal::Certification {
    let challenge = |AcmeChallenge { token, answer }: &AcmeChallenge| internal::Challenge {
        token: token.clone(),
        answer: answer.clone(),
    };
    let certificate = certificate.as_ref().map(|DomainCertificate { domain, chain, key }| {
        internal::DomainCertificate {
            domain: domain.clone(),
            chain: chain.clone(),
            key: key.reveal().to_owned(),
        }
    });
    internal::Certification { challenges: challenges.iter().map(challenge).collect(), certificate }
}

fn certification_from_wire(
    internal::Certification { challenges, certificate }: internal::Certification,
) -> Certification {
    let challenge = |internal::Challenge { token, answer }| AcmeChallenge { token, answer };
    let certificate = certificate.map(|internal::DomainCertificate { domain, chain, key }| {
        DomainCertificate { domain, chain, key: PrivateText::new(key) }
    });
    Certification {
        account: None,
        challenges: challenges.into_iter().map(challenge).collect(),
        certificate,
    }
}

fn voter_config_to_wire(
    VoterConfig { index, voter_sets, names }: VoterConfig,
) -> internal::VoterConfig {
    let set = |set: std::collections::BTreeSet<NodeId>| VoterSet {
        node_ids: set.into_iter().map(NodeId::get).collect(),
    };
    let voter = |VoterName { node, name, witness }| internal::VoterName {
        node_id: node.get(),
        name,
        witness,
    };
    internal::VoterConfig {
        index,
        voter_sets: voter_sets.into_iter().map(set).collect(),
        voters: names.into_iter().map(voter).collect(),
    }
}

fn voter_config_from_wire(
    internal::VoterConfig { index, voter_sets, voters }: internal::VoterConfig,
) -> Result<VoterConfig, InvalidMessage> {
    let set = |set: VoterSet| set.node_ids.into_iter().map(node).collect::<Result<_, _>>();
    let voter = |internal::VoterName { node_id, name, witness }| {
        Ok(VoterName { node: node(node_id)?, name, witness })
    };
    Ok(VoterConfig {
        index,
        voter_sets: voter_sets.into_iter().map(set).collect::<Result<_, _>>()?,
        names: voters.into_iter().map(voter).collect::<Result<_, _>>()?,
    })
}

impl From<Directive> for internal::Directive {
    fn from(directive: Directive) -> Self {
        let directive = match directive {
            Directive::Roster(roster) => {
                directive::Directive::Roster(Arc::unwrap_or_clone(roster).into())
            }
            Directive::Bootstrap(cluster) => directive::Directive::Bootstrap(internal::Bootstrap {
                cluster_id: cluster.to_string(),
            }),
            Directive::Voter(VoterDirective::Probe(ProbeRequest { number, pre_vote })) => {
                let pre_vote_ms = u32::try_from(pre_vote.as_millis()).unwrap_or(u32::MAX);
                directive::Directive::Probe(internal::Probe { number, pre_vote_ms })
            }
            Directive::Voter(VoterDirective::Campaign { after_term }) => {
                directive::Directive::Campaign(internal::Campaign { after_term })
            }
            Directive::Voter(VoterDirective::ResetNode(node)) => {
                directive::Directive::ResetNode(internal::ResetNode { node_id: node.get() })
            }
            Directive::Reject(reason) => {
                directive::Directive::Reject(internal::Reject { reason, temporary: false })
            }
            Directive::Defer(reason) => {
                directive::Directive::Reject(internal::Reject { reason, temporary: true })
            }
            Directive::AbandonCluster(cluster) => {
                directive::Directive::AbandonCluster(internal::AbandonCluster {
                    cluster_id: cluster.to_string(),
                })
            }
        };
        Self { directive: Some(directive) }
    }
}

impl Directive {
    /// What a message from the router says.
    pub fn from_wire(message: internal::Directive) -> Result<Option<Self>, InvalidMessage> {
        let Some(directive) = message.directive else { return Ok(None) };
        Ok(Some(match directive {
            directive::Directive::Roster(roster) => Self::Roster(Arc::new(roster.try_into()?)),
            directive::Directive::Bootstrap(internal::Bootstrap { cluster_id }) => {
                Self::Bootstrap(known_cluster(&cluster_id)?)
            }
            directive::Directive::Campaign(internal::Campaign { after_term }) => {
                Self::Voter(VoterDirective::Campaign { after_term })
            }
            directive::Directive::Probe(internal::Probe { number, pre_vote_ms }) => {
                let pre_vote = Duration::from_millis(pre_vote_ms.into());
                Self::Voter(VoterDirective::Probe(ProbeRequest { number, pre_vote }))
            }
            directive::Directive::Reject(internal::Reject { reason, temporary: false }) => {
                Self::Reject(reason)
            }
            directive::Directive::Reject(internal::Reject { reason, temporary: true }) => {
                Self::Defer(reason)
            }
            directive::Directive::AbandonCluster(internal::AbandonCluster { cluster_id }) => {
                Self::AbandonCluster(known_cluster(&cluster_id)?)
            }
            directive::Directive::ResetNode(internal::ResetNode { node_id }) => {
                Self::Voter(VoterDirective::ResetNode(node(node_id)?))
            }
        }))
    }
}

impl From<Roster> for internal::Roster {
    fn from(Roster { cluster, members, available }: Roster) -> Self {
        let member = |(node, RosterEntry { info, down, leaving, full }): (NodeId, RosterEntry)| {
            internal::Member {
                node_id: node.get(),
                name: info.name,
                client_address: info.client_address,
                peer_address: info.peer_address,
                witness: info.witness,
                down,
                leaving,
                full,
                oldest_format: info.supported_versions.oldest.into(),
                newest_format: info.supported_versions.newest.into(),
                address_version: info.address_version,
            }
        };
        Self {
            cluster_id: id_or_empty(cluster),
            members: members.into_iter().map(member).collect(),
            available: NodeId::to_wire(available.map(|server| server.node)),
            available_term: available.map_or(0, |server| server.term),
        }
    }
}

impl TryFrom<internal::Roster> for Roster {
    type Error = InvalidMessage;

    fn try_from(wire: internal::Roster) -> Result<Self, InvalidMessage> {
        let member = |member: internal::Member| {
            let info = NodeInfo {
                name: member.name,
                peer_address: member.peer_address,
                client_address: member.client_address,
                witness: member.witness,
                supported_versions: versions(member.oldest_format, member.newest_format)?,
                address_version: member.address_version,
            };
            let (down, leaving, full) = (member.down, member.leaving, member.full);
            let entry = RosterEntry { info, down, leaving, full };
            Ok((node(member.node_id)?, entry))
        };
        Ok(Self {
            cluster: cluster(&wire.cluster_id)?,
            members: wire.members.into_iter().map(member).collect::<Result<_, _>>()?,
            available: NodeId::from_wire(wire.available)
                .map(|node| AvailableServer { node, term: wire.available_term }),
        })
    }
}

fn node(number: u64) -> Result<NodeId, InvalidMessage> {
    NodeId::from_wire(number).ok_or(InvalidMessage::NoNode)
}

/// A cluster; none for an empty text.
fn cluster(text: &str) -> Result<Option<ClusterId>, InvalidMessage> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| InvalidMessage::ClusterId)
}

fn known_cluster(text: &str) -> Result<ClusterId, InvalidMessage> {
    cluster(text)?.ok_or(InvalidMessage::NoCluster)
}

/// Empty for none.
fn id_or_empty(cluster: Option<ClusterId>) -> String {
    cluster.map_or_else(String::new, |id| id.to_string())
}

/// A version; 0 from a program that does not say means the first.
fn version(number: u32) -> Result<Version, InvalidMessage> {
    let number = u8::try_from(number).map_err(|_| InvalidMessage::Versions)?;
    Ok(if number == 0 { Version::FIRST } else { Version::new(number) })
}

fn versions(oldest: u32, newest: u32) -> Result<SupportedVersions, InvalidMessage> {
    SupportedVersions::from_wire(oldest, newest).ok_or(InvalidMessage::Versions)
}
