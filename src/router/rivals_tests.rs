//! Stories of two masters with one identity: the router distinguishes a restarted master from one
//! with a copy of its slot.

use std::time::Duration;

use tokio::time::Instant;

use super::registry::{Effect, Hello, Input, Registry, SessionId};
use crate::{
    domain::{ClusterId, NodeId, UnixMillis},
    replication::node::Progress,
};

const DOWN_AFTER: Duration = Duration::from_secs(1);
const REPORT_EVERY: Duration = Duration::from_millis(200);
const OWN: ClusterId = ClusterId::new(1);
const NODE: NodeId = 7;

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
        let registry = Registry::new(Some(OWN), ClusterId::new(2), DOWN_AFTER, now);
        Self { registry, now, effects: Vec::new() }
    }

    fn step(&mut self, input: Input) {
        let effects = self.registry.step(input, self.now, 0);
        self.effects.extend(effects);
    }

    fn hello(&mut self, session: SessionId, process: u64, started: UnixMillis) {
        let hello = Hello {
            node: NODE,
            name: "server-1".to_owned(),
            cluster: Some(OWN),
            client_address: format!("host:{process}"),
            peer_address: format!("host:1{process}"),
            pid: 1,
            reboots: 0,
            host: String::new(),
            speaks: crate::envelope::Speaks::default(),
            edition: process,
            process,
            started,
            gave_way_to: None,
        };
        self.step(Input::Hello(session, hello));
    }

    /// Time passes, while these streams report.
    fn pass(&mut self, time: Duration, reporting: &[SessionId]) {
        let end = self.now + time;
        while self.now < end {
            self.now += REPORT_EVERY / 2;
            for session in reporting {
                let progress = Progress { cluster: Some(OWN), ..Progress::default() };
                self.step(Input::Progress(*session, progress));
            }
            self.step(Input::Tick { witness_hears: None });
        }
    }

    /// The process that is the master, according to the registry.
    fn master(&self) -> u64 {
        self.registry.masters()[&NODE].hello.process
    }

    fn turned(&self) -> Vec<SessionId> {
        let turned = self.effects.iter().filter_map(|effect| match effect {
            Effect::Turn(session, _) => Some(*session),
            _ => None,
        });
        turned.collect()
    }

    fn closed(&self) -> usize {
        self.effects.iter().filter(|effect| matches!(effect, Effect::Close(_))).count()
    }
}

#[test]
fn the_later_of_two_that_live_is_turned_away_with_a_reason_and_the_first_is_left_alone() {
    let mut story = Story::new();
    story.hello(1, 41, 1_000);
    story.pass(DOWN_AFTER, &[1]);
    for attempt in 2..5 {
        story.hello(attempt, 42, 2_000);
        story.pass(DOWN_AFTER, &[1, attempt]);
        assert_eq!(story.turned(), (2..=attempt).collect::<Vec<_>>());
        assert_eq!(story.master(), 41);
    }
    assert_eq!(story.closed(), 0, "no stream is closed in favour of another");
    let reason = story.effects.iter().find_map(|effect| match effect {
        Effect::Turn(_, reason) => Some(reason.clone()),
        _ => None,
    });
    let reason = reason.expect("turned away");
    assert!(reason.contains("host:41") && reason.contains("remove the copy"), "{reason}");
}

#[test]
fn whoever_comes_first_the_later_started_one_is_turned_away() {
    let mut story = Story::new();
    story.hello(1, 42, 2_000);
    story.hello(2, 41, 1_000);
    story.pass(DOWN_AFTER, &[1, 2]);
    assert_eq!(story.turned(), [1]);
    assert_eq!(story.master(), 41);
    assert!(story.registry.masters()[&NODE].lives());
    story.hello(3, 42, 2_000);
    story.pass(DOWN_AFTER, &[2, 3]);
    assert_eq!(story.turned(), [1, 3]);
    assert_eq!(story.master(), 41);
}

#[test]
fn one_that_was_born_again_takes_its_place_at_once_where_the_old_stream_has_ended() {
    let mut story = Story::new();
    story.hello(1, 41, 1_000);
    story.step(Input::Lost(1));
    story.hello(2, 42, 2_000);
    assert_eq!(story.master(), 42);
    assert!(story.turned().is_empty());

    // The end of the old stream may be noticed late.
    let mut story = Story::new();
    story.hello(1, 41, 1_000);
    story.hello(2, 42, 2_000);
    assert_eq!(story.master(), 41);
    story.step(Input::Lost(1));
    assert_eq!(story.master(), 42);
    story.pass(DOWN_AFTER * 3, &[2]);
    assert!(story.turned().is_empty());
    assert!(story.registry.masters()[&NODE].lives());
}

#[test]
fn one_that_was_born_again_takes_its_place_when_the_old_stream_is_silent() {
    let mut story = Story::new();
    story.hello(1, 41, 1_000);
    story.hello(2, 42, 2_000);
    // Reports that were on their way.
    story.pass(DOWN_AFTER / 4, &[1, 2]);
    assert_eq!(story.master(), 41);
    story.pass(DOWN_AFTER * 2, &[2]);
    assert_eq!(story.master(), 42);
    assert!(story.turned().is_empty());
    assert_eq!(story.closed(), 1, "the dead process's stream");
}

#[test]
fn the_same_process_may_come_by_another_stream() {
    let mut story = Story::new();
    story.hello(1, 41, 1_000);
    story.hello(2, 41, 1_000);
    assert_eq!(story.closed(), 1);
    story.pass(DOWN_AFTER * 2, &[2]);
    assert!(story.turned().is_empty());
    assert!(story.registry.masters()[&NODE].lives());
}

#[test]
fn a_rival_that_gives_up_leaves_nothing_behind() {
    let mut story = Story::new();
    story.hello(1, 41, 1_000);
    story.hello(2, 42, 2_000);
    story.step(Input::Lost(2));
    story.pass(DOWN_AFTER * 2, &[1]);
    assert!(story.turned().is_empty());
    story.step(Input::Lost(1));
    assert!(!story.registry.masters()[&NODE].lives());
}
