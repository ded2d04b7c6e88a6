//! Stories of two masters with one identity: the router distinguishes a restarted master from one
//! with a copy of its slot.

use std::time::Duration;

use tokio::time::Instant;

use super::registry::{Effect, Input, MasterStreamId, Registry, Silence};
use crate::{
    control::{Hello, Progress},
    domain::{ClusterId, NodeId, UnixMillis},
};

const DOWN_AFTER: Duration = Duration::from_secs(1);
const HEARTBEAT: Duration = Duration::from_millis(100);
const REPORT_EVERY: Duration = Duration::from_millis(200);
const OWN: ClusterId = ClusterId::new(1);
const NODE: NodeId = NodeId::new(7);

/// One node with several processes. A process is identified by its number, which is also that of
/// its stream.
struct Story {
    registry: Registry,
    now: Instant,
    effects: Vec<Effect>,
}

impl Story {
    fn new() -> Self {
        let now = Instant::now();
        let registry =
            Registry::new(Some(OWN), ClusterId::new(2), Silence::of(DOWN_AFTER, HEARTBEAT), now);
        Self { registry, now, effects: Vec::new() }
    }

    fn step(&mut self, input: Input) {
        let effects = self.registry.step(input, self.now, UnixMillis::EPOCH);
        self.effects.extend(effects);
    }

    fn hello(&mut self, stream: MasterStreamId, process: u64, started_ms: i64) {
        let hello = Hello {
            metrics_address: String::new(),
            node: NODE,
            name: "server-1".to_owned(),
            cluster: Some(OWN),
            client_address: format!("host:{process}"),
            peer_address: format!("host:1{process}"),
            pid: 1,
            reboots: 0,
            host: String::new(),
            supported_versions: crate::envelope::SupportedVersions::default(),
            address_version: process,
            process,
            started: UnixMillis::new(started_ms),
            abandoned_for: None,
        };
        self.step(Input::Hello(stream, hello));
    }

    /// Time passes, while these streams report.
    fn pass(&mut self, time: Duration, reporting: &[MasterStreamId]) {
        let end = self.now + time;
        while self.now < end {
            self.now += REPORT_EVERY / 2;
            for stream in reporting {
                let progress = Progress { cluster: Some(OWN), ..Progress::default() };
                self.step(Input::Progress(*stream, progress));
            }
            self.step(Input::Tick { witness_leader: None, leader_contact: None });
        }
    }

    /// The process that is the master, according to the registry.
    fn master(&self) -> u64 {
        self.registry.masters()[&NODE].hello.process
    }

    fn rejected(&self) -> Vec<MasterStreamId> {
        let rejected = self.effects.iter().filter_map(|effect| match effect {
            Effect::Reject(stream, _) => Some(*stream),
            _ => None,
        });
        rejected.collect()
    }

    fn closed(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Close(_))).count()
    }
}

#[test]
fn the_later_of_two_that_live_is_rejected_with_a_reason_and_the_first_is_left_alone() {
    let mut story = Story::new();
    story.hello(1, 41, 1_000);
    story.pass(DOWN_AFTER, &[1]);
    for attempt in 2..5 {
        story.hello(attempt, 42, 2_000);
        story.pass(DOWN_AFTER, &[1, attempt]);
        assert_eq!(story.rejected(), (2..=attempt).collect::<Vec<_>>());
        assert_eq!(story.master(), 41);
    }
    assert_eq!(story.closed(), 0, "no stream is closed in favour of another");
    let reason = story.effects.iter().find_map(|effect| match effect {
        Effect::Reject(_, reason) => Some(reason.clone()),
        _ => None,
    });
    let reason = reason.expect("rejected");
    assert!(reason.contains("host:41") && reason.contains("remove the copy"), "{reason}");
}

#[test]
fn whoever_comes_first_the_later_started_one_is_rejected() {
    let mut story = Story::new();
    story.hello(1, 42, 2_000);
    story.hello(2, 41, 1_000);
    story.pass(DOWN_AFTER, &[1, 2]);
    assert_eq!(story.rejected(), [1]);
    assert_eq!(story.master(), 41);
    assert!(story.registry.masters()[&NODE].lives());
    story.hello(3, 42, 2_000);
    story.pass(DOWN_AFTER, &[2, 3]);
    assert_eq!(story.rejected(), [1, 3]);
    assert_eq!(story.master(), 41);
}

#[test]
fn one_that_was_restarted_takes_its_place_at_once_where_the_old_stream_has_ended() {
    let mut story = Story::new();
    story.hello(1, 41, 1_000);
    story.step(Input::Lost(1));
    story.hello(2, 42, 2_000);
    assert_eq!(story.master(), 42);
    assert!(story.rejected().is_empty());

    // The end of the old stream may be noticed late.
    let mut story = Story::new();
    story.hello(1, 41, 1_000);
    story.hello(2, 42, 2_000);
    assert_eq!(story.master(), 41);
    story.step(Input::Lost(1));
    assert_eq!(story.master(), 42);
    story.pass(DOWN_AFTER * 3, &[2]);
    assert!(story.rejected().is_empty());
    assert!(story.registry.masters()[&NODE].lives());
}

#[test]
fn one_that_was_restarted_takes_its_place_when_the_old_stream_is_silent() {
    let mut story = Story::new();
    story.hello(1, 41, 1_000);
    story.hello(2, 42, 2_000);
    // Reports that were on their way.
    story.pass(DOWN_AFTER / 4, &[1, 2]);
    assert_eq!(story.master(), 41);
    story.pass(DOWN_AFTER * 2, &[2]);
    assert_eq!(story.master(), 42);
    assert!(story.rejected().is_empty());
    assert_eq!(story.closed(), 1, "the dead process's stream");
}

#[test]
fn the_same_process_may_come_by_another_stream() {
    let mut story = Story::new();
    story.hello(1, 41, 1_000);
    story.hello(2, 41, 1_000);
    assert_eq!(story.closed(), 1);
    story.pass(DOWN_AFTER * 2, &[2]);
    assert!(story.rejected().is_empty());
    assert!(story.registry.masters()[&NODE].lives());
}

#[test]
fn a_duplicate_that_gives_up_leaves_nothing_behind() {
    let mut story = Story::new();
    story.hello(1, 41, 1_000);
    story.hello(2, 42, 2_000);
    story.step(Input::Lost(2));
    story.pass(DOWN_AFTER * 2, &[1]);
    assert!(story.rejected().is_empty());
    story.step(Input::Lost(1));
    assert!(!story.registry.masters()[&NODE].lives());
}
