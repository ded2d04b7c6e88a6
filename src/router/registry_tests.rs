//! Stories of the registry: what the router decides while masters join, lead, hang, leave and die.
//!
//! Time is a number that the stories advance; a master reports when the story says so.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;
use tokio::time::Instant;

use super::{
    election::Voter,
    presentation::{View, problems},
    registry::{Effect, Input, MasterStreamId, Registry, Silence, State},
};
use crate::{
    control::{
        Hello, Progress, Room, RoomCondition, VoterConfig, VoterName, directive::LostWitness,
    },
    domain::{ClusterId, LogPosition, NodeId, UnixMillis},
    envelope::{SupportedVersions, Version},
    replication::node::LeaderContact,
};

pub(super) const DOWN_AFTER: Duration = Duration::from_secs(1);
const HEARTBEAT: Duration = Duration::from_millis(100);
pub(super) const OWN: ClusterId = ClusterId::new(1);
pub(super) const OTHER: ClusterId = ClusterId::new(2);
const NEW_CLUSTER: ClusterId = ClusterId::new(7);

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The masters in a story.
#[derive(Default)]
pub(super) struct Fake {
    pub(super) stream: MasterStreamId,
    pub(super) progress: Progress,
    /// Hung: does not report as time passes.
    pub(super) hung: bool,
}

/// The node of the router's own witness.
pub(super) const WITNESS: u64 = 100;

pub(super) struct Story {
    pub(super) registry: Registry,
    pub(super) now: Instant,
    pub(super) masters: BTreeMap<u64, Fake>,
    pub(super) witness: Progress,
    /// The leader that the witness hears.
    pub(super) witness_leader: Option<u64>,
    /// The leader whose entries the witness gets, unless it hangs.
    contact: Option<u64>,
    heard: Option<LeaderContact>,
    /// The versions that masters speak when they say hello.
    pub(super) supported_versions: SupportedVersions,
    streams: MasterStreamId,
    pub(super) effects: Vec<Effect>,
}

impl Story {
    pub(super) fn new(cluster: Option<ClusterId>) -> Self {
        let now = Instant::now();
        Self {
            registry: Registry::new(cluster, NEW_CLUSTER, Silence::of(DOWN_AFTER, HEARTBEAT), now),
            now,
            masters: BTreeMap::new(),
            witness: Progress::default(),
            supported_versions: SupportedVersions::default(),
            witness_leader: None,
            contact: None,
            heard: None,
            streams: 0,
            effects: Vec::new(),
        }
    }

    /// Masters 1 to `count` vote, and the first of them leads in term 1.
    pub(super) fn settled(count: u64) -> Self {
        let mut story = Self::new(Some(OWN));
        for node in 1..=count {
            story.hello(node, Some(OWN));
            story.change(node, |progress| {
                *progress = Progress {
                    term: 1,
                    voter: true,
                    last_log: LogPosition::new(1, 10),
                    ..progress.clone()
                };
            });
        }
        story.change(1, |progress| {
            progress.leading = true;
            progress.voters = NodeId::all(1..=count);
        });
        assert_eq!(story.available(), Some(1));
        story.effects.clear();
        story
    }

    fn step(&mut self, input: Input) {
        let effects = self.registry.step(input, self.now, UnixMillis::EPOCH);
        self.effects.extend(effects);
    }

    fn hello_named(&mut self, node: u64, name: &str, cluster: Option<ClusterId>) {
        self.introduce(node, name, cluster, None);
    }

    /// A master comes whose cluster was abandoned for another.
    pub(super) fn hello_after_abandonment(&mut self, node: u64, cluster: ClusterId, to: ClusterId) {
        self.introduce(node, &format!("server-{node}"), Some(cluster), Some(to));
    }

    fn introduce(
        &mut self,
        node: u64,
        name: &str,
        cluster: Option<ClusterId>,
        abandoned_for: Option<ClusterId>,
    ) {
        self.streams += 1;
        let hello = Hello {
            node: NodeId::new(node),
            name: name.to_owned(),
            cluster,
            client_address: format!("host:{node}"),
            peer_address: format!("host:1{node}"),
            pid: 1,
            reboots: 0,
            host: String::new(),
            supported_versions: self.supported_versions,
            address_version: 0,
            metrics_address: String::new(),
            process: node,
            started: UnixMillis::EPOCH,
            abandoned_for,
        };
        let progress = Progress { cluster, ..Progress::default() };
        self.masters.insert(node, Fake { stream: self.streams, progress, hung: false });
        self.step(Input::Hello(self.streams, hello));
    }

    pub(super) fn hello(&mut self, node: u64, cluster: Option<ClusterId>) {
        self.hello_named(node, &format!("server-{node}"), cluster);
    }

    pub(super) fn report(&mut self, node: u64) {
        let master = &self.masters[&node];
        self.step(Input::Progress(master.stream, master.progress.clone()));
    }

    pub(super) fn change(&mut self, node: u64, change: impl FnOnce(&mut Progress)) {
        change(&mut self.masters.get_mut(&node).expect("introduced").progress);
        self.report(node);
    }

    pub(super) fn hang(&mut self, node: u64) {
        self.masters.get_mut(&node).expect("introduced").hung = true;
    }

    pub(super) fn lose(&mut self, node: u64) {
        let master = self.masters.remove(&node).expect("introduced");
        self.step(Input::Lost(master.stream));
    }

    pub(super) fn leave(&mut self, node: u64) {
        self.step(Input::Leaving(self.masters[&node].stream));
    }

    /// `node` leads from now on, in `term`; the previous leader reports this too.
    pub(super) fn lead(&mut self, node: u64, term: u64) {
        let voters: Vec<NodeId> = NodeId::all(self.masters.keys().copied());
        self.change(node, |progress| {
            *progress = Progress { term, leading: true, voters, ..progress.clone() };
        });
    }

    /// `node` reports, with the number of the newest probe it was sent.
    pub(super) fn answer(&mut self, node: u64) {
        self.answer_pre_vote(node, true);
    }

    /// The same, with whether it would win an election.
    pub(super) fn answer_pre_vote(&mut self, node: u64, electable: bool) {
        let stream = self.masters[&node].stream;
        let newest = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Probe(asked, question) if *asked == Voter::Master(stream) => {
                Some(question.number)
            }
            _ => None,
        });
        let number = newest.expect("the master was asked");
        self.change(node, |progress| {
            *progress = Progress { probe: number, electable, ..progress.clone() };
        });
    }

    /// The witness reports.
    pub(super) fn change_witness(&mut self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.witness);
        self.step(Input::WitnessProgress(NodeId::new(WITNESS), self.witness.clone()));
    }

    /// The witness reports, with the number of the newest probe it was sent.
    pub(super) fn answer_as_witness(&mut self) {
        self.answer_pre_vote_as_witness(true);
    }

    /// The same, with whether it would win an election.
    pub(super) fn answer_pre_vote_as_witness(&mut self, electable: bool) {
        let newest = self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Probe(Voter::Witness, question) => Some(question.number),
            _ => None,
        });
        let number = newest.expect("the witness was asked");
        self.change_witness(|progress| {
            *progress = Progress { probe: number, electable, ..progress.clone() };
        });
    }

    /// Time passes, while every node that is not hung reports as often as the router looks.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = self.registry.next_tick().clamp(self.now + ms(1), end);
            let living = self.masters.iter().filter(|(_, master)| !master.hung);
            for node in living.map(|(node, _)| *node).collect::<Vec<_>>() {
                self.report(node);
            }
            self.tick();
        }
    }

    /// The router looks what its witness has heard.
    fn tick(&mut self) {
        let is_heard = |leader: &u64| !self.masters[leader].hung;
        if let Some(leader) = self.contact.filter(is_heard) {
            self.heard = Some(LeaderContact { leader: NodeId::new(leader), at: self.now });
        }
        let witness_leader = self.witness_leader.map(NodeId::new);
        self.step(Input::Tick { witness_leader, leader_contact: self.heard });
    }

    pub(super) fn available(&self) -> Option<u64> {
        self.registry.available().map(|master| master.hello.node.get())
    }

    fn state(&self, node: u64) -> State {
        self.registry.masters()[&NodeId::new(node)].state
    }

    /// The nodes that were asked, or told to campaign, since the effects were last cleared.
    fn candidate(&self) -> Option<u64> {
        self.registry.candidate().map(|master| master.hello.node.get())
    }

    pub(super) fn asked(&self) -> Vec<u64> {
        let asked = self.effects.iter().filter_map(|effect| match effect {
            Effect::Probe(Voter::Master(stream), _) => self.node_of(*stream),
            _ => None,
        });
        asked.collect()
    }

    pub(super) fn campaigned(&self) -> Vec<u64> {
        let campaigned = self.effects.iter().filter_map(|effect| match effect {
            Effect::Campaign(Voter::Master(stream), _) => self.node_of(*stream),
            _ => None,
        });
        campaigned.collect()
    }

    /// How often the witness was told to campaign since the effects were last cleared.
    pub(super) fn witness_campaigned(&self) -> usize {
        let to_witness = |effect: &&Effect| matches!(effect, Effect::Campaign(Voter::Witness, _));
        self.effects.iter().filter(to_witness).count()
    }

    fn bootstrapped(&self) -> Vec<(Option<u64>, ClusterId)> {
        let bootstrapped = self.effects.iter().filter_map(|effect| match effect {
            Effect::Bootstrap(stream, cluster) => Some((self.node_of(*stream), *cluster)),
            _ => None,
        });
        bootstrapped.collect()
    }

    pub(super) fn rejected(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Reject(..))).count()
    }

    /// The masters that the registry shows.
    pub(super) fn known(&self) -> Vec<u64> {
        self.registry.masters().keys().map(|node| node.get()).collect()
    }

    fn node_of(&self, stream: MasterStreamId) -> Option<u64> {
        self.masters.iter().find(|(_, master)| master.stream == stream).map(|(node, _)| *node)
    }
}

#[test]
fn a_cluster_is_bootstrapped_once_by_the_first_name_when_nobody_new_has_come_for_a_while() {
    let mut story = Story::new(None);
    story.pass(ms(900));
    story.hello(2, None);
    story.pass(ms(900));
    story.hello(1, None);
    story.pass(ms(900));
    assert!(story.bootstrapped().is_empty());
    story.pass(ms(200));
    assert_eq!(story.bootstrapped(), [(Some(1), NEW_CLUSTER)]);
    story.pass(ms(5_000));
    story.change(1, |progress| progress.cluster = Some(NEW_CLUSTER));
    assert!(story.effects.contains(&Effect::AdoptCluster(NEW_CLUSTER)));
    story.hello(3, None);
    story.pass(ms(5_000));
    assert_eq!(story.bootstrapped().len(), 1);
    assert_eq!(story.registry.cluster(), Some(NEW_CLUSTER));
}

#[test]
fn a_master_that_knows_a_cluster_stops_the_bootstrap() {
    let mut story = Story::new(None);
    story.hello(1, None);
    story.pass(ms(500));
    story.hello(2, Some(OTHER));
    story.pass(ms(5_000));
    assert_eq!(story.registry.cluster(), Some(OTHER));
    assert!(story.bootstrapped().is_empty());
}

#[test]
fn a_master_that_is_lost_while_it_bootstraps_may_come_back_before_another_does_under_another_id() {
    let mut back = Story::new(None);
    back.hello(1, None);
    back.hello(2, None);
    back.pass(ms(1_100));
    back.lose(1);
    back.pass(ms(900));
    back.hello(1, Some(NEW_CLUSTER));
    back.pass(ms(5_000));
    assert_eq!((back.bootstrapped().len(), back.registry.cluster()), (1, Some(NEW_CLUSTER)));

    let mut gone = Story::new(None);
    gone.hello(1, None);
    gone.hello(2, None);
    gone.pass(ms(1_100));
    gone.lose(1);
    gone.pass(ms(1_200));
    assert_eq!(gone.bootstrapped().last(), Some(&(Some(2), NEW_CLUSTER.next())));
}

#[test]
fn another_clusters_master_is_rejected_and_never_available() {
    let mut story = Story::settled(2);
    story.hello(3, Some(OTHER));
    assert_eq!(story.rejected(), 1);
    story.lead(3, 9);
    assert_eq!(story.available(), Some(1));
    assert!(!story.known().contains(&3));
}

#[test]
fn a_master_that_does_not_speak_the_clusters_format_is_rejected_with_what_to_do() {
    let mut story = Story::settled(2);
    story.hello(3, None);
    story.supported_versions.newest = Version::new(2);
    story.hello(1, Some(OWN));
    story.hello(2, Some(OWN));
    assert_eq!(story.rejected(), 0, "as long as the cluster writes in the first");
    let rises = |progress: &mut Progress| progress.version = Version::new(2);
    story.change(2, rises);
    assert_eq!(story.rejected(), 0, "no leader has said so");
    story.change(1, |progress| {
        rises(progress);
        progress.leading = true;
    });
    assert_eq!(story.registry.version(), Some(Version::new(2)));
    assert_eq!(story.rejected(), 1, "it came before that was known");
    story.supported_versions = SupportedVersions::default();
    story.hello(4, None);
    assert_eq!(story.rejected(), 2);
    let reason = story.effects.iter().rev().find_map(|effect| match effect {
        Effect::Reject(_, reason) => Some(reason.as_str()),
        _ => None,
    });
    let expected = "the cluster writes in format 2, server-4 speaks format 1: upgrade it";
    assert_eq!(reason, Some(expected));
    assert_eq!(story.known(), [1, 2]);
}

#[test]
fn a_master_that_turns_out_to_belong_to_another_cluster_is_rejected() {
    let mut story = Story::settled(2);
    story.hello(3, None);
    story.change(3, |progress| {
        *progress = Progress { cluster: Some(OTHER), term: 9, leading: true, ..progress.clone() };
    });
    assert_eq!(story.rejected(), 1);
    assert_eq!(story.available(), Some(1));
    assert!(!story.known().contains(&3));
}

#[test]
fn the_leader_of_the_newest_term_is_available_whatever_an_old_one_believes() {
    let mut story = Story::settled(3);
    story.lead(3, 2);
    assert_eq!(story.available(), Some(3));
    story.report(1);
    assert_eq!(story.available(), Some(3));
    story.lead(2, 3);
    story.report(3);
    story.report(1);
    assert_eq!(story.available(), Some(2));
    assert!(story.campaigned().is_empty());
}

#[test]
fn a_lost_leader_is_succeeded_by_the_most_caught_up() {
    let mut story = Story::settled(4);
    story.lose(1);
    assert_eq!(story.available(), None);
    assert_eq!(story.asked(), [2, 3, 4]);
    assert!(story.effects.contains(&Effect::Publish));
    story.masters.get_mut(&3).expect("introduced").progress.last_log = LogPosition::new(1, 12);
    story.masters.get_mut(&4).expect("introduced").progress.last_log = LogPosition::new(1, 11);
    story.answer(2);
    story.answer(3);
    assert!(story.campaigned().is_empty(), "not before all have answered");
    assert_eq!(story.candidate(), None);
    story.answer(4);
    assert_eq!(story.campaigned(), [3]);
    assert_eq!(story.candidate(), Some(3), "clients may dial it");
    assert_eq!(story.effects.last(), Some(&Effect::Publish));
    story.lead(3, 2);
    assert_eq!((story.available(), story.candidate()), (Some(3), None));
    story.pass(ms(5_000));
    assert_eq!(story.campaigned(), [3]);
}

#[test]
fn a_later_term_counts_more_than_a_longer_log() {
    let mut story = Story::settled(3);
    story.lose(1);
    story.masters.get_mut(&2).expect("introduced").progress.last_log = LogPosition::new(1, 99);
    story.masters.get_mut(&3).expect("introduced").progress.last_log = LogPosition::new(2, 11);
    story.answer(2);
    story.answer(3);
    assert_eq!(story.campaigned(), [3]);
}

#[test]
fn who_does_not_answer_does_not_campaign_however_good_it_looked() {
    let mut story = Story::settled(3);
    story.change(3, |progress| progress.last_log = LogPosition::new(1, 99));
    story.hang(3);
    story.lose(1);
    story.answer(2);
    assert!(story.campaigned().is_empty());
    story.pass(ms(25));
    assert_eq!(story.campaigned(), [2]);
}

#[test]
fn the_answers_of_a_majority_are_enough() {
    let mut story = Story::settled(8);
    story.lose(1);
    for node in [2, 3, 4, 5] {
        story.answer(node);
    }
    assert!(story.campaigned().is_empty(), "four of eight are not a majority");
    story.masters.get_mut(&6).expect("introduced").progress.last_log = LogPosition::new(1, 99);
    story.answer(6);
    assert_eq!(story.campaigned(), [6]);
}

#[test]
fn whom_the_leader_calls_a_voter_is_asked_and_campaigns_if_it_says_so_itself() {
    let mut story = Story::settled(4);
    for node in [2, 3, 4] {
        story.change(node, |progress| progress.voter = false);
    }
    story.change(1, |progress| progress.voters = NodeId::all([1, 2, 3]));
    story.lose(1);
    assert_eq!(story.asked(), [2, 3]);
    story.masters.get_mut(&3).expect("introduced").progress.voter = true;
    story.answer(2);
    story.answer(3);
    assert!(story.campaigned().is_empty(), "one of two answers counts");
    story.pass(ms(25));
    assert_eq!(story.campaigned(), [3]);
}

#[test]
fn an_answer_to_an_older_question_counts_for_nothing() {
    let mut story = Story::settled(2);
    story.lose(1);
    story.answer(2);
    story.lead(2, 2);
    story.hello(1, Some(OWN));
    story.change(1, |progress| progress.voter = true);
    story.effects.clear();
    story.lose(2);
    story.change(1, |progress| progress.probe = 1);
    assert_eq!((story.asked(), story.campaigned()), (vec![1], vec![]));
    story.answer(1);
    assert_eq!(story.campaigned(), [1]);
}

#[test]
fn where_all_answer_late_the_first_to_answer_campaigns_at_once() {
    let mut story = Story::settled(3);
    story.lose(1);
    story.pass(ms(100));
    assert!(story.campaigned().is_empty());
    story.answer(3);
    assert_eq!(story.campaigned(), [3]);
}

#[test]
fn an_answer_counts_no_more_when_its_giver_leaves() {
    let mut story = Story::settled(3);
    story.hang(3);
    story.lose(1);
    story.answer(2);
    story.leave(2);
    story.pass(ms(25));
    assert!(story.campaigned().is_empty());
    assert!(story.registry.next_tick() > story.now, "there is nothing to be done at once");
    story.answer(3);
    assert_eq!(story.campaigned(), [3]);
}

#[test]
fn when_the_chosen_one_dies_the_next_is_asked_at_once() {
    let mut story = Story::settled(4);
    story.lose(1);
    for node in [2, 3, 4] {
        story.answer(node);
    }
    assert_eq!(story.campaigned(), [2]);
    story.lose(2);
    story.answer(3);
    story.answer(4);
    assert_eq!(story.campaigned(), [3]);
}

/// Two masters and the witness vote, and only the witness has what the first master wrote last.
fn only_the_witness_knows() -> Story {
    let mut story = Story::settled(2);
    story.change(1, |progress| progress.voters = NodeId::all([1, 2, WITNESS]));
    story.change_witness(|progress| {
        *progress = Progress {
            term: 1,
            voter: true,
            last_log: LogPosition::new(1, 11),
            ..Progress::default()
        };
    });
    story.lose(1);
    story
}

#[test]
fn what_only_the_witness_knows_it_hands_over_as_leader() {
    let mut story = only_the_witness_knows();
    story.answer(2);
    assert_eq!(
        (story.campaigned(), story.witness_campaigned()),
        (vec![], 0),
        "its answer is awaited"
    );
    story.answer_as_witness();
    assert_eq!((story.campaigned(), story.witness_campaigned()), (vec![], 1));

    story.change_witness(|progress| {
        *progress = Progress {
            term: 2,
            last_log: LogPosition::new(2, 12),
            applied: 11,
            leading: true,
            ..progress.clone()
        };
    });
    assert!(story.campaigned().is_empty(), "no master has its entries yet");
    assert_eq!(story.available(), None);
    story.masters.get_mut(&2).expect("introduced").progress.last_log = LogPosition::new(2, 12);
    story.change_witness(|progress| progress.applied = 12);
    story.answer(2);
    assert_eq!((story.campaigned(), story.witness_campaigned()), (vec![2], 1));
    story.lead(2, 3);
    assert_eq!(story.available(), Some(2));
}

#[test]
fn a_master_as_far_as_the_witness_campaigns_itself() {
    let mut story = only_the_witness_knows();
    story.masters.get_mut(&2).expect("introduced").progress.last_log = LogPosition::new(1, 11);
    story.answer(2);
    story.answer_as_witness();
    assert_eq!((story.campaigned(), story.witness_campaigned()), (vec![2], 0));
}

#[test]
fn masters_that_are_a_majority_do_without_the_witness() {
    let mut story = Story::settled(4);
    story.change(1, |progress| progress.voters = NodeId::all([1, 2, 3, 4, WITNESS]));
    story.change_witness(|progress| {
        *progress = Progress {
            term: 1,
            voter: true,
            last_log: LogPosition::new(1, 99),
            ..Progress::default()
        };
    });
    story.lose(1);
    for node in [2, 3, 4] {
        story.answer(node);
    }
    assert_eq!((story.campaigned(), story.witness_campaigned()), (vec![2], 0));
}

#[test]
fn a_witness_that_hangs_is_not_waited_for_and_one_without_a_vote_not_asked() {
    let mut story = only_the_witness_knows();
    story.answer(2);
    story.pass(ms(25));
    assert_eq!((story.campaigned(), story.witness_campaigned()), (vec![2], 0));

    let mut story = Story::settled(2);
    story.change_witness(|progress| progress.last_log = LogPosition::new(1, 11));
    story.lose(1);
    story.answer(2);
    assert_eq!((story.campaigned(), story.witness_campaigned()), (vec![2], 0));
}

#[test]
fn a_witness_never_campaigns_where_no_master_answers() {
    let mut story = only_the_witness_knows();
    story.hang(2);
    story.answer_as_witness();
    story.pass(ms(200));
    assert_eq!((story.campaigned(), story.witness_campaigned()), (vec![], 0));
    story.answer(2);
    assert_eq!(story.witness_campaigned(), 1);
}

#[test]
fn a_witness_that_hands_nothing_over_gives_way_in_time() {
    let mut story = only_the_witness_knows();
    story.answer(2);
    story.answer_as_witness();
    story.change_witness(|progress| {
        *progress = Progress {
            term: 2,
            last_log: LogPosition::new(2, 12),
            leading: true,
            ..progress.clone()
        };
    });
    story.pass(ms(200));
    assert!(story.campaigned().is_empty());
    story.pass(ms(100));
    story.answer(2);
    assert_eq!(story.campaigned(), [2]);
}

#[test]
fn silence_counts_as_death_after_a_while() {
    let mut story = Story::settled(3);
    story.hang(1);
    story.pass(ms(900));
    assert_eq!((story.available(), story.asked()), (Some(1), vec![]));
    story.pass(ms(300));
    assert_eq!((story.available(), story.asked()), (None, vec![2, 3]));
    assert_eq!(story.state(1), State::Down);
}

#[test]
fn a_leader_that_the_witness_does_not_hear_either_is_missed_in_half_the_time() {
    let mut story = Story::settled(3);
    story.pass(ms(300));
    story.hang(1);
    story.pass(DOWN_AFTER * 3 / 4);
    assert_eq!(story.available(), Some(1), "nothing but its reports could be heard");

    let mut story = Story::settled(3);
    story.contact = Some(1);
    story.pass(ms(300));
    story.hang(1);
    story.pass(ms(490));
    assert_eq!(story.available(), Some(1));
    story.pass(ms(20));
    assert_eq!((story.available(), story.state(1)), (None, State::Down));
    assert_eq!(story.asked(), [2, 3], "who is to follow it is asked for at once");
}

#[test]
fn a_leader_is_not_missed_that_could_not_be_heard_while_the_router_stood_still() {
    let mut story = Story::settled(3);
    story.contact = Some(1);
    story.pass(ms(300));
    story.hang(1);
    story.pass(DOWN_AFTER / 5);
    // Too short a pause to forgive everybody's silence.
    story.now += DOWN_AFTER * 2 / 5;
    story.tick();
    assert_eq!(story.available(), Some(1), "what it has sent meanwhile is heard only now");
    story.pass(DOWN_AFTER / 2 + ms(10));
    assert_eq!(story.available(), None);
}

#[test]
fn nobody_is_blamed_for_the_routers_own_pause() {
    let mut story = Story::settled(3);
    story.pass(ms(500));
    story.now += ms(60_000);
    story.step(Input::Tick { witness_leader: None, leader_contact: None });
    assert_eq!((story.available(), story.asked()), (Some(1), vec![]));
    assert_eq!(story.state(2), State::Standby);
    story.hang(2);
    story.pass(ms(1_500));
    assert_eq!(story.state(2), State::Down, "later silence counts again");
}

#[test]
fn a_hung_leader_that_wakes_up_after_its_succession_stays_deposed() {
    let mut story = Story::settled(3);
    story.hang(1);
    story.pass(ms(1_200));
    story.answer(2);
    story.answer(3);
    story.lead(2, 2);
    story.report(1);
    assert_eq!((story.available(), story.state(1)), (Some(2), State::Standby));
}

#[test]
fn a_leaving_leader_is_available_until_the_next_one_leads_and_is_no_candidate() {
    let mut story = Story::settled(3);
    story.leave(1);
    assert_eq!(story.asked(), [2, 3]);
    story.answer(2);
    story.answer(3);
    assert_eq!((story.campaigned(), story.available()), (vec![2], Some(1)));
    story.pass(ms(200));
    assert_eq!(story.available(), Some(1));
    story.lead(2, 2);
    assert_eq!(story.available(), Some(2));
    story.change(1, |progress| *progress = Progress { leading: false, ..progress.clone() });
    story.effects.clear();
    story.lose(2);
    assert_eq!(story.asked(), [3], "the master that is leaving is not asked");
}

#[test]
fn a_leader_that_is_not_fit_to_lead_hands_over_to_one_that_is() {
    let cannot_accept: fn(&mut Progress) = |progress| progress.cannot_accept = true;
    let has_no_room: fn(&mut Progress) = |progress| progress.room.condition = RoomCondition::None;
    for becomes_unfit in [cannot_accept, has_no_room] {
        let mut story = Story::settled(3);
        story.change(2, becomes_unfit);
        story.change(1, becomes_unfit);
        assert_eq!(story.asked(), [3], "the other one is fit");
        story.answer(3);
        assert_eq!((story.campaigned(), story.available()), (vec![3], Some(1)));
        story.lead(3, 2);
        story.change(1, |progress| progress.leading = false);
        assert_eq!(story.available(), Some(3));

        // Who has nobody to hand over to goes on, for those who are connected.
        story.effects.clear();
        story.change(3, becomes_unfit);
        story.pass(ms(1_000));
        assert_eq!((story.available(), story.asked()), (Some(3), vec![]));
        // It is elected all the same if nobody else could be.
        story.lose(3);
        assert_eq!(story.asked(), [1, 2]);
    }
}

#[test]
fn little_room_is_a_problem_well_before_there_is_none() {
    let mut story = Story::settled(3);
    story.change(2, |progress| {
        progress.room = Room { condition: RoomCondition::Low, left: 900 << 20 };
    });
    let told = problems(&story.registry, View::Public);
    assert!(
        told.iter().any(|told| told.contains("server-2 has room for 900 MiB more")),
        "{told:?}"
    );
    story.effects.clear();
    story.change(2, |progress| progress.room = Room { condition: RoomCondition::None, left: 0 });
    assert!(story.effects.contains(&Effect::Publish), "the available server hears of it at once");
    let told = problems(&story.registry, View::Public);
    assert!(told.iter().any(|told| told.contains("server-2 has no room for more")), "{told:?}");
    story.change(2, |progress| progress.room = Room::default());
    assert_eq!(problems(&story.registry, View::Public), Vec::<String>::new());
}

#[test]
fn if_all_others_leave_when_the_leader_is_lost_one_of_them_leads() {
    let mut story = Story::settled(3);
    story.leave(2);
    story.leave(3);
    assert!(story.asked().is_empty(), "there is a leader");
    story.lose(1);
    assert_eq!(story.asked(), [2, 3]);
    story.answer(2);
    story.answer(3);
    assert_eq!(story.campaigned(), [2]);
    story.effects.clear();
    story.lead(2, 2);
    story.pass(ms(1_000));
    assert_eq!((story.available(), story.asked()), (Some(2), vec![]), "nobody to hand over to");
}

#[test]
fn a_leader_that_has_given_up_a_router_that_paused_is_waited_for() {
    let mut story = Story::settled(3);
    for node in [2, 3] {
        story.change(node, |progress| progress.known_leader = Some(NodeId::new(1)));
    }
    story.now += ms(60_000);
    story.lose(1);
    story.pass(ms(2_000));
    assert_eq!((story.available(), story.asked()), (None, vec![]));
    story.hello(1, Some(OWN));
    story.lead(1, 1);
    assert_eq!((story.available(), story.asked()), (Some(1), vec![]));
    // Later, a stream that ends is a leader that is lost.
    story.pass(ms(5_000));
    story.lose(1);
    assert_eq!(story.asked(), [2, 3]);
}

#[test]
fn a_leader_that_returns_does_not_take_the_role_back() {
    let mut story = Story::settled(3);
    story.lose(1);
    story.answer(2);
    story.answer(3);
    story.lead(2, 2);
    story.effects.clear();
    story.hello(1, Some(OWN));
    story.change(1, |progress| {
        *progress = Progress {
            term: 2,
            voter: true,
            last_log: LogPosition::new(1, 99),
            ..progress.clone()
        };
    });
    story.pass(ms(5_000));
    assert_eq!((story.available(), story.campaigned()), (Some(2), vec![]));
    assert_eq!(story.state(1), State::CatchingUp);
    story.change(2, |progress| progress.voters = NodeId::all([1, 2, 3]));
    story.pass(ms(5_000));
    assert_eq!((story.available(), story.state(1)), (Some(2), State::Standby));
}

#[test]
fn a_cluster_found_without_a_leader_gets_a_moment_to_elect_one_itself() {
    let mut story = Story::new(Some(OWN));
    story.hello(1, Some(OWN));
    story.change(1, |progress| progress.voter = true);
    story.pass(ms(250));
    assert!(story.asked().is_empty());
    story.pass(ms(100));
    assert_eq!(story.asked(), [1]);
}

/// Lets time pass while every node answers; returns after how many milliseconds each `Campaign`
/// came.
fn attempts(story: &mut Story, time: u64) -> Vec<u64> {
    let mut attempts = Vec::new();
    for passed in (0..time).step_by(10) {
        story.effects.clear();
        story.pass(ms(10));
        for node in story.asked() {
            story.answer(node);
        }
        attempts.extend(story.campaigned().iter().map(|_| passed));
    }
    attempts
}

#[test]
fn an_election_without_a_winner_is_repeated_with_growing_patience_until_someone_joins() {
    let mut story = Story::settled(3);
    story.lose(1);
    story.lose(3);
    let waits = |attempts: &[u64]| -> Vec<u64> {
        attempts.windows(2).map(|pair| (pair[1] - pair[0]) / 10 * 10).collect()
    };
    story.answer(2);
    assert_eq!(story.campaigned(), [2]);
    let first = waits(&attempts(&mut story, 12_000));
    assert!(first.is_sorted() && first.len() >= 5, "{first:?}");
    assert!(first[0] < 600 && (1_900..2_200).contains(first.last().expect("some")), "{first:?}");
    story.hello(3, Some(OWN));
    let then = attempts(&mut story, 2_000);
    assert!(then.len() >= 2 && then[0] <= 300, "{then:?}");
}

#[test]
fn a_replaced_stream_is_closed_and_its_late_end_harms_nobody() {
    let mut story = Story::settled(2);
    let old = story.masters[&2].stream;
    story.hello(2, Some(OWN));
    assert!(story.effects.contains(&Effect::Close(old)));
    story.step(Input::Lost(old));
    story.change(2, |progress| progress.voter = true);
    assert_eq!(story.state(2), State::Standby);
}

#[test]
fn a_wiped_slots_old_entry_disappears_when_its_name_returns_and_a_living_one_never_does() {
    let mut story = Story::settled(3);
    story.lose(3);
    story.hello_named(13, "server-3", None);
    story.hello_named(12, "server-2", None);
    assert_eq!(story.known(), [1, 2, 12, 13]);
}

#[test]
fn the_dead_are_shown_for_a_while_and_then_forgotten() {
    let mut story = Story::settled(2);
    story.lose(2);
    story.pass(Duration::from_mins(9));
    assert_eq!(story.state(2), State::Down);
    story.pass(Duration::from_mins(2));
    assert!(!story.known().contains(&2));
}

#[test]
fn every_master_is_shown_as_what_it_is() {
    let mut story = Story::settled(3);
    story.hello(4, None);
    let states = |story: &Story| [1, 2, 3, 4].map(|node| story.state(node));
    let expected = [State::Available, State::Standby, State::Standby, State::CatchingUp];
    assert_eq!(states(&story), expected);
    story.change(1, |progress| progress.voters = NodeId::all([1, 2, 4]));
    story.report(2);
    let expected = [State::Available, State::Standby, State::CatchingUp, State::Standby];
    assert_eq!(states(&story), expected, "according to the leader");
    story.effects.clear();
    story.lose(2);
    assert_eq!(story.state(2), State::Down);
    assert!(story.effects.contains(&Effect::Publish));
}

#[derive(Clone, Debug)]
enum Happening {
    Hello(u64, Option<ClusterId>),
    Report(u64, Progress),
    Witness(Progress),
    Answer(u64),
    Leave(u64),
    Lose(u64),
    Hang(u64),
    Pass(u64),
    Pause(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    let node = || 1..5u64;
    let cluster = prop_oneof![3 => Just(Some(OWN)), 2 => Just(None), 1 => Just(Some(OTHER))];
    let progress = || {
        (0..5u64, 0..5u64, 0..9u64, any::<bool>(), any::<bool>()).prop_map(
            |(term, last, probe, leading, voter)| Progress {
                term,
                last_log: LogPosition::new(term, last),
                leading,
                voter,
                voters: NodeId::all([1, 2]),
                probe,
                ..Progress::default()
            },
        )
    };
    prop_oneof![
        3 => (node(), cluster).prop_map(|(node, cluster)| Happening::Hello(node, cluster)),
        6 => (node(), progress()).prop_map(|(node, progress)| Happening::Report(node, progress)),
        3 => progress().prop_map(Happening::Witness),
        3 => node().prop_map(Happening::Answer),
        1 => node().prop_map(Happening::Leave),
        2 => node().prop_map(Happening::Lose),
        1 => node().prop_map(Happening::Hang),
        3 => (0..1_500u64).prop_map(Happening::Pass),
        1 => (0..60_000u64).prop_map(Happening::Pause),
    ]
}

impl Story {
    fn happen(&mut self, happening: Happening) {
        let known = |story: &Self, node| story.masters.contains_key(&node);
        match happening {
            Happening::Hello(node, cluster) => self.hello(node, cluster),
            Happening::Report(node, progress) if known(self, node) => self.change(node, |own| {
                *own = Progress { cluster: own.cluster, probe: own.probe, ..progress };
            }),
            Happening::Witness(progress) => self.change_witness(|own| *own = progress),
            Happening::Answer(node) if known(self, node) && self.asked().contains(&node) => {
                self.answer(node);
            }
            Happening::Leave(node) if known(self, node) => self.leave(node),
            Happening::Lose(node) if known(self, node) => self.lose(node),
            Happening::Hang(node) if known(self, node) => self.hang(node),
            Happening::Pass(millis) => self.pass(ms(millis)),
            Happening::Pause(millis) => {
                self.now += ms(millis);
                self.tick();
            }
            _ => {}
        }
    }

    /// What must hold after every step.
    fn check(&self) {
        let masters = self.registry.masters();
        let shown: Vec<u64> = masters
            .iter()
            .filter(|(_, master)| master.state == State::Available)
            .map(|(node, _)| node.get())
            .collect();
        assert_eq!(shown, self.available().into_iter().collect::<Vec<_>>());
        let leaders = masters.values().filter(|master| master.lives() && master.progress.leading);
        let newest = leaders.map(|master| master.progress.term).max();
        assert_eq!(self.registry.available().map(|master| master.progress.term), newest);
        for node in self.campaigned() {
            assert!(self.known().contains(&node), "an unknown node was told to campaign");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn whatever_happens_one_master_at_most_is_available_and_a_leader_is_sought(
        cluster in prop_oneof![Just(None), Just(Some(OWN))],
        happenings in prop::collection::vec(happening(), 0..40),
    ) {
        let mut story = Story::new(cluster);
        for happening in happenings {
            story.happen(happening);
            story.check();
        }
        // In the end at least one voter is alive, and no node leads.
        let cluster = story.registry.cluster().unwrap_or(OWN);
        story.hello(9, Some(cluster));
        for node in story.masters.keys().copied().collect::<Vec<_>>() {
            story.change(node, |progress| {
                *progress = Progress { voter: node == 9, cluster: progress.cluster, ..Progress::default() };
            });
        }
        story.check();
        prop_assert!(!attempts(&mut story, 5_000).is_empty(), "nobody was told to campaign");
    }
}

#[test]
fn clocks_are_compared_with_the_one_in_the_middle() {
    const YEAR_MS: i64 = 365 * 24 * 60 * 60 * 1_000;
    let mut story = Story::settled(3);
    assert_eq!(story.registry.median_ahead_ms(), 0);
    // The router's own clock shows 0, and is wrong.
    for (node, clock) in [(1, 2 * YEAR_MS), (2, YEAR_MS), (3, YEAR_MS + 7)] {
        story.change(node, |progress| progress.clock = UnixMillis::new(clock));
    }
    assert_eq!(story.registry.masters()[&NodeId::new(1)].ahead_ms, 2 * YEAR_MS);
    assert_eq!(story.registry.median_ahead_ms(), YEAR_MS);
    let problems = problems(&story.registry, View::Operator);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("the clock of server-1 is 11months"), "{problems:?}");
    assert!(problems[0].contains(" ahead of the others'"), "{problems:?}");
    // The clocks of dead nodes do not count.
    story.lose(2);
    story.lose(3);
    assert_eq!(story.registry.median_ahead_ms(), 0);
}

#[test]
fn masters_that_are_no_quorum_are_told_for_whom_they_wait() {
    let mut story = Story::settled(3);
    assert_eq!(problems(&story.registry, View::Operator), [""; 0]);
    story.lose(1);
    assert_eq!(problems(&story.registry, View::Operator), [""; 0], "two of three are left");
    story.lose(2);
    let told = "no quorum: 1 of these must come back, with its data: server-1, server-2";
    assert_eq!(problems(&story.registry, View::Operator), [told]);
    story.hello(1, Some(OWN));
    assert_eq!(problems(&story.registry, View::Operator), [""; 0]);
}

#[test]
fn a_master_that_came_back_to_voters_without_it_is_not_shown_as_one() {
    let mut story = Story::settled(3);
    story.lose(3);
    story.change(1, |progress| {
        progress.voters = NodeId::all([1, 2]);
        progress.last_log = LogPosition::new(1, 20);
    });
    story.lose(1);
    story.lose(2);
    story.hello(3, Some(OWN));
    story.change(3, |progress| {
        progress.voter = true;
        progress.voters = NodeId::all([1, 2, 3]);
        progress.last_log = LogPosition::new(1, 10);
    });
    assert_eq!(story.state(3), State::CatchingUp);
    let told = "no quorum: 2 of these must come back, with its data: server-1, server-2";
    assert_eq!(problems(&story.registry, View::Operator), [told]);
}

/// Who votes, as masters report it: masters 1 to 3 and the witness `witness`.
fn voter_config(witness: u64) -> VoterConfig {
    let voter = |node: u64| VoterName {
        node: NodeId::new(node),
        name: format!("server-{node}"),
        witness: node == witness,
    };
    VoterConfig {
        index: 5,
        voter_sets: vec![NodeId::all::<BTreeSet<_>>([1, 2, 3, witness])],
        names: [1, 2, 3, witness].map(voter).into(),
    }
}

/// A router that has lost its data; of three masters and its witness `witness`, `here` report.
fn after_a_restart(witness: u64, here: &[u64]) -> Story {
    let mut story = Story::new(Some(OWN));
    for node in here {
        story.hello(*node, Some(OWN));
        story.change(*node, |progress| {
            progress.term = 7;
            progress.voter = true;
            progress.voter_config = voter_config(witness).into();
        });
    }
    story.change_witness(|progress| progress.cluster = Some(OWN));
    story
}

#[test]
fn who_is_missing_is_said_once_it_lasts_and_until_a_quorum_is_here() {
    let mut story = after_a_restart(WITNESS, &[2]);
    assert_eq!(
        problems(&story.registry, View::Operator),
        Vec::<String>::new(),
        "the others may be on their way"
    );
    story.pass(ms(1_200));
    story.report(2);
    let said = "waiting for server-1 and server-3: 2 of 4 voters are here, 3 are needed";
    let waiting = story.registry.quorum_loss().expect("it lasts");
    assert!(waiting.starts_with(said), "{waiting}");
    assert_eq!(problems(&story.registry, View::Operator), [waiting]);
    story.hello(3, Some(OWN));
    assert_eq!(story.registry.quorum_loss(), None);
}

#[test]
fn a_new_witness_takes_the_lost_ones_place_once_and_only_where_there_is_no_leader() {
    const LOST: LostWitness = LostWitness { node: NodeId::new(99), term: 7 };
    let replacements = |story: &Story| {
        story.effects.iter().filter(|effect| **effect == Effect::ReplaceWitness(LOST)).count()
    };
    let mut story = after_a_restart(99, &[2, 3]);
    assert_eq!(replacements(&story), 0, "they may elect a leader by themselves");
    for _ in 0..3 {
        story.pass(ms(400));
        story.report(2);
        story.report(3);
    }
    assert_eq!(replacements(&story), 1);

    let mut story = after_a_restart(99, &[2]);
    story.pass(ms(400));
    story.report(2);
    assert_eq!(replacements(&story), 0, "one of three is not a majority");

    let mut story = after_a_restart(99, &[2, 3]);
    story.lead(2, 8);
    story.pass(ms(400));
    story.report(3);
    assert_eq!(replacements(&story), 0, "the leader replaces the witness");

    let mut story = after_a_restart(99, &[2, 3]);
    story.change_witness(|progress| progress.last_log = LogPosition::new(1, 1));
    story.pass(ms(400));
    story.report(2);
    assert_eq!(replacements(&story), 0, "it is not new");
}

#[test]
fn a_master_of_another_cluster_is_named_with_the_way_out() {
    let mut story = Story::settled(1);
    story.hello(3, Some(OTHER));
    let said = problems(&story.registry, View::Operator).concat();
    assert!(said.contains("server-3 belongs to cluster") && said.contains("remove"), "{said}");
    story.hello(3, Some(OWN));
    assert_eq!(problems(&story.registry, View::Operator), Vec::<String>::new());
}
