//! What is said arrives as it was said, in both directions; and what cannot be is refused.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use proptest::{collection::vec, option, prelude::*};

use super::{
    Directive, Hello, NodeInfo, ProbeRequest, Progress, Report, Room, RoomCondition, Roster,
    RosterEntry, VoterConfig, VoterDirective, VoterName,
    roster::AvailableServer,
    wire::{InvalidMessage, ReportDecoder, ReportEncoder},
};
use crate::{
    domain::{
        AcmeAccount, AcmeChallenge, Certification, ClusterId, DomainCertificate, LogPosition,
        NodeId, PrivateText, UnixMillis,
    },
    envelope::{SupportedVersions, Version},
    wire::internal::{self, directive, master_report},
};

fn node() -> impl Strategy<Value = NodeId> {
    (1..=u64::MAX).prop_map(NodeId::new)
}

fn cluster() -> impl Strategy<Value = ClusterId> {
    any::<u128>().prop_map(ClusterId::new)
}

fn version() -> impl Strategy<Value = Version> {
    (1..=u8::MAX).prop_map(Version::new)
}

fn versions() -> impl Strategy<Value = SupportedVersions> {
    (version(), version()).prop_map(|(one, other)| SupportedVersions {
        oldest: one.min(other),
        newest: one.max(other),
    })
}

fn voter_config() -> impl Strategy<Value = Arc<VoterConfig>> {
    let name = (node(), any::<String>(), any::<bool>())
        .prop_map(|(node, name, witness)| VoterName { node, name, witness });
    let voter_sets = vec(prop::collection::btree_set(node(), 0..4), 0..3);
    (any::<u64>(), voter_sets, vec(name, 0..4))
        .prop_map(|(index, voter_sets, names)| VoterConfig { index, voter_sets, names }.into())
}

fn info() -> impl Strategy<Value = NodeInfo> {
    let addresses = (any::<String>(), any::<String>(), any::<String>());
    (addresses, any::<bool>(), versions(), any::<u64>()).prop_map(
        |((name, peer_address, client_address), witness, supported_versions, address_version)| {
            NodeInfo {
                name,
                peer_address,
                client_address,
                witness,
                supported_versions,
                address_version,
            }
        },
    )
}

fn hello() -> impl Strategy<Value = Hello> {
    let process = (any::<u32>(), any::<u32>(), any::<String>(), any::<u64>(), any::<i64>());
    (node(), info(), process, option::of(cluster()), option::of(cluster())).prop_map(
        |(node, info, (pid, reboots, host, process, started), cluster, abandoned_for)| Hello {
            node,
            name: info.name,
            cluster,
            metrics_address: info.client_address.clone(),
            client_address: info.client_address,
            peer_address: info.peer_address,
            pid,
            reboots,
            host,
            supported_versions: info.supported_versions,
            address_version: info.address_version,
            process,
            started: UnixMillis::new(started),
            abandoned_for,
        },
    )
}

/// Reports of one stream: terms never go back, and the voter configuration is often the same.
fn stream() -> impl Strategy<Value = Vec<Progress>> {
    let numbers = (0..5_u64, any::<(u64, u64)>(), any::<u64>(), any::<u64>(), any::<i64>());
    let flags = (0..3_u8, any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let clusters = (option::of(cluster()), option::of(cluster()));
    let nodes = (option::of(node()), vec(node(), 0..4));
    let one = (numbers, flags, clusters, nodes, version(), 0..2_usize);
    (vec(one, 0..6), [voter_config(), voter_config()]).prop_map(|(reports, voter_configs)| {
        let mut newest = 0;
        let progress =
            |(numbers, flags, clusters, nodes, version, which): (_, _, _, _, _, usize)| {
                let (later, (last_term, last_index), applied, probe, clock) = numbers;
                let (leads, electable, voter, is_empty, cannot_accept) = flags;
                newest += later;
                let (known_leader, voters) = nodes;
                let (cluster, abandoned_for) = clusters;
                Progress {
                    term: newest,
                    last_log: LogPosition::new(last_term, last_index),
                    applied,
                    leading: leads == 1,
                    cut_off: leads == 2,
                    cannot_accept,
                    known_leader,
                    electable,
                    voter,
                    voters,
                    cluster,
                    probe,
                    voter_config: Arc::clone(&voter_configs[which]),
                    clock: UnixMillis::new(clock),
                    version,
                    is_empty,
                    abandoned_for,
                    room: Room {
                        condition: if is_empty { RoomCondition::Low } else { RoomCondition::None },
                        left: applied,
                    },
                    open_to_all: !is_empty,
                }
            };
        reports.into_iter().map(progress).collect()
    })
}

fn roster() -> impl Strategy<Value = Roster> {
    let entry = (info(), any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(info, down, leaving, full)| RosterEntry { info, down, leaving, full });
    let available = (node(), any::<u64>()).prop_map(|(node, term)| AvailableServer { node, term });
    let members = prop::collection::btree_map(node(), entry, 0..4);
    (option::of(cluster()), members, option::of(available))
        .prop_map(|(cluster, members, available)| Roster { cluster, members, available })
}

fn directive() -> impl Strategy<Value = Directive> {
    let probe = (any::<u64>(), any::<u32>()).prop_map(|(number, pre_vote_ms)| {
        let pre_vote = Duration::from_millis(pre_vote_ms.into());
        VoterDirective::Probe(ProbeRequest { number, pre_vote })
    });
    let voter = prop_oneof![
        probe,
        any::<u64>().prop_map(|after_term| VoterDirective::Campaign { after_term }),
        node().prop_map(VoterDirective::ResetNode)
    ];
    prop_oneof![
        roster().prop_map(|roster| Directive::Roster(roster.into())),
        cluster().prop_map(Directive::Bootstrap),
        voter.prop_map(Directive::Voter),
        any::<String>().prop_map(Directive::Reject),
        any::<String>().prop_map(Directive::Defer),
        cluster().prop_map(Directive::AbandonCluster),
    ]
}

fn certification() -> impl Strategy<Value = Certification> {
    let challenge =
        any::<(String, String)>().prop_map(|(token, answer)| AcmeChallenge { token, answer });
    let certificate = any::<(String, String, String)>().prop_map(|(domain, chain, key)| {
        DomainCertificate { domain, chain, key: PrivateText::new(key) }
    });
    (vec(challenge, 0..3), option::of(certificate)).prop_map(|(challenges, certificate)| {
        Certification { account: None, challenges, certificate }
    })
}

#[test]
fn the_router_does_not_hear_of_the_account() {
    let directory = "https://ca.example/directory".to_owned();
    let account = AcmeAccount { directory, credentials: PrivateText::new("secret") };
    let certification = Certification { account: Some(account), ..Certification::default() };
    let wire = ReportEncoder::default().encode(Report::Certification(Arc::new(certification)));
    let heard = ReportDecoder::default().decode(wire);
    assert_eq!(heard, Ok(Some(Report::Certification(Arc::default()))));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn what_a_master_reports_arrives(
        hello in hello(),
        reports in stream(),
        certification in certification(),
    ) {
        let mut encoder = ReportEncoder::default();
        let mut decoder = ReportDecoder::default();
        let said = reports.into_iter().map(Report::Progress);
        let last = [Report::Certification(Arc::new(certification)), Report::Leaving];
        for report in [Report::Hello(hello)].into_iter().chain(said).chain(last) {
            let heard = decoder.decode(encoder.encode(report.clone()));
            prop_assert_eq!(heard, Ok(Some(report)));
        }
    }

    #[test]
    fn what_the_router_says_arrives(directive in directive()) {
        prop_assert_eq!(Directive::from_wire(directive.clone().into()), Ok(Some(directive)));
    }
}

#[test]
fn who_votes_is_sent_again_only_when_it_has_changed() {
    let first = Arc::new(VoterConfig { index: 5, ..VoterConfig::default() });
    let second = Arc::new(VoterConfig { index: 6, ..VoterConfig::default() });
    let mut encoder = ReportEncoder::default();
    let mut sent = |voter_config: &Arc<VoterConfig>| {
        let voter_config = Arc::clone(voter_config);
        let report = Report::Progress(Progress { voter_config, ..Progress::default() });
        let Some(master_report::Report::Progress(wire)) = encoder.encode(report).report else {
            panic!("another report");
        };
        wire.voter_config.map(|config| config.index)
    };
    assert_eq!(
        [&first, &first, &second, &second, &first].map(&mut sent),
        [Some(5), None, Some(6), None, Some(5)]
    );
}

fn decoded(report: master_report::Report) -> Result<Option<Report>, InvalidMessage> {
    ReportDecoder::default().decode(internal::MasterReport { report: Some(report) })
}

#[test]
fn reports_that_cannot_be_are_refused() {
    let hello = internal::Hello { node_id: 7, ..internal::Hello::default() };
    let progress = internal::Progress::default();
    let voter_set = internal::voter_config::VoterSet { node_ids: vec![1, 0] };
    let voter_config =
        internal::VoterConfig { voter_sets: vec![voter_set], ..internal::VoterConfig::default() };
    let text = || "not an id".to_owned();
    assert!(decoded(master_report::Report::Hello(hello.clone())).is_ok());
    assert!(decoded(master_report::Report::Progress(progress.clone())).is_ok());
    for (hello, error) in [
        (internal::Hello { node_id: 0, ..hello.clone() }, InvalidMessage::NoNode),
        (internal::Hello { cluster_id: text(), ..hello.clone() }, InvalidMessage::ClusterId),
        (internal::Hello { abandoned_for: text(), ..hello.clone() }, InvalidMessage::ClusterId),
        (
            internal::Hello { oldest_format: 2, newest_format: 1, ..hello.clone() },
            InvalidMessage::Versions,
        ),
        (
            internal::Hello { oldest_format: 1, newest_format: 256, ..hello },
            InvalidMessage::Versions,
        ),
    ] {
        assert_eq!(decoded(master_report::Report::Hello(hello)), Err(error));
    }
    for (progress, error) in [
        (internal::Progress { voters: vec![1, 0], ..progress.clone() }, InvalidMessage::NoNode),
        (
            internal::Progress { voter_config: Some(voter_config), ..progress.clone() },
            InvalidMessage::NoNode,
        ),
        (internal::Progress { cluster_id: text(), ..progress.clone() }, InvalidMessage::ClusterId),
        (internal::Progress { format: 256, ..progress }, InvalidMessage::Versions),
    ] {
        assert_eq!(decoded(master_report::Report::Progress(progress)), Err(error));
    }
}

#[test]
fn directives_that_cannot_be_are_refused() {
    let text = || "not an id".to_owned();
    let member = internal::Member { node_id: 0, ..internal::Member::default() };
    let roster = internal::Roster { members: vec![member], ..internal::Roster::default() };
    for (directive, error) in [
        (
            directive::Directive::Bootstrap(internal::Bootstrap { cluster_id: text() }),
            InvalidMessage::ClusterId,
        ),
        (
            directive::Directive::Bootstrap(internal::Bootstrap { cluster_id: String::new() }),
            InvalidMessage::NoCluster,
        ),
        (
            directive::Directive::AbandonCluster(internal::AbandonCluster { cluster_id: text() }),
            InvalidMessage::ClusterId,
        ),
        (
            directive::Directive::ResetNode(internal::ResetNode { node_id: 0 }),
            InvalidMessage::NoNode,
        ),
        (directive::Directive::Roster(roster), InvalidMessage::NoNode),
    ] {
        let message = internal::Directive { directive: Some(directive) };
        assert_eq!(Directive::from_wire(message), Err(error));
    }
}

#[test]
fn what_a_newer_program_says_is_left_out() {
    let report = internal::MasterReport { report: None };
    assert_eq!(ReportDecoder::default().decode(report), Ok(None));
    assert_eq!(Directive::from_wire(internal::Directive { directive: None }), Ok(None));
}

#[test]
fn programs_of_the_first_version_need_not_say_so() {
    let hello = internal::Hello { node_id: 7, ..internal::Hello::default() };
    let Ok(Some(Report::Hello(hello))) = decoded(master_report::Report::Hello(hello)) else {
        panic!("refused");
    };
    assert_eq!(hello.supported_versions, SupportedVersions::default());
    let member = internal::Member { node_id: 7, ..internal::Member::default() };
    let roster = internal::Roster { members: vec![member], ..internal::Roster::default() };
    let expected =
        RosterEntry { info: NodeInfo::default(), down: false, leaving: false, full: false };
    assert_eq!(
        Roster::try_from(roster).map(|roster| roster.members),
        Ok(BTreeMap::from([(NodeId::new(7), expected)]))
    );
}
