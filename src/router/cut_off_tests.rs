//! Stories of leaders that are alive but answered by no quorum, and of leaders that a router which
//! has just started does not know yet.

use std::{collections::BTreeSet, time::Duration};

use super::{
    election::Voter,
    registry::Effect,
    registry_tests::{OWN, Story, WITNESS, ms},
};
use crate::{
    control::Progress,
    domain::{LogPosition, NodeId},
};

/// How long the router may take to replace a leader that has just reported that it is cut off: half
/// of what the whole may take, which is twice the default of `down_after`.
const REPLACED_WITHIN: Duration = ms(500);

/// Masters 1 to `count` and the witness vote, and the first leads.
fn with_witness(count: u64) -> Story {
    let mut story = Story::settled(count);
    let voters = NodeId::all((1..=count).chain([WITNESS]));
    story.change(1, |progress| progress.voters = voters);
    story.change_witness(|progress| {
        *progress = Progress {
            term: 1,
            voter: true,
            last_log: LogPosition::new(1, 10),
            ..Progress::default()
        };
    });
    story
}

/// The leader learns that no quorum answers it, and reports it.
fn cut_off(story: &mut Story, leader: u64) {
    story.change(leader, |progress| {
        *progress = Progress { leading: false, cut_off: true, ..progress.clone() };
    });
}

#[test]
fn a_leader_that_is_cut_off_is_not_available_and_only_one_that_would_win_campaigns() {
    let mut story = with_witness(3);
    story.change(3, |progress| progress.last_log = LogPosition::new(1, 99));
    cut_off(&mut story, 1);
    assert_eq!(
        (story.available(), story.asked()),
        (None, vec![2, 3]),
        "and it is not asked itself"
    );
    story.answer_pre_vote(3, false);
    assert!(story.campaigned().is_empty(), "a long log is not enough");
    story.answer_pre_vote(2, true);
    assert_eq!(story.campaigned(), [2]);
    story.lead(2, 2);
    story.report(1);
    assert_eq!(story.available(), Some(2));
}

#[test]
fn a_leader_that_a_quorum_answers_again_leads_on() {
    let mut story = with_witness(3);
    cut_off(&mut story, 1);
    story.answer_pre_vote(2, false);
    story.lead(1, 1);
    story.pass(ms(5_000));
    assert_eq!((story.available(), story.campaigned()), (Some(1), vec![]));
}

#[test]
fn where_nobody_would_win_nobody_campaigns_and_all_are_asked_again() {
    let mut story = with_witness(3);
    cut_off(&mut story, 1);
    for _ in 0..3 {
        assert_eq!(story.asked(), [2, 3]);
        for node in story.asked() {
            story.answer_pre_vote(node, false);
        }
        story.answer_pre_vote_as_witness(false);
        story.effects.clear();
        story.pass(ms(100));
        assert!(story.registry.next_tick() > story.now, "there is nothing to be done at once");
        assert!(story.asked().is_empty(), "not at once");
        while story.asked().is_empty() {
            story.pass(ms(100));
        }
        assert_eq!((story.campaigned(), story.witness_campaigned()), (vec![], 0));
    }
}

#[test]
fn all_are_asked_again_soon_when_someone_comes_whose_vote_may_be_the_missing_one() {
    let mut story = with_witness(3);
    cut_off(&mut story, 1);
    story.pass(ms(9_000));
    story.effects.clear();
    while story.asked().is_empty() {
        story.pass(ms(100));
    }
    story.effects.clear();
    story.hello(4, Some(OWN));
    story.pass(ms(300));
    assert_eq!(story.asked(), [2, 3]);
}

#[test]
fn who_is_told_to_campaign_stands_in_a_later_term_than_those_who_were_told_before() {
    let mut story = with_witness(4);
    let newest = story.masters[&2].progress.term;
    cut_off(&mut story, 1);
    for (wait, after_term) in [(0, 0), (300, newest + 1), (600, newest + 2)] {
        story.pass(ms(wait));
        story.answer_pre_vote(2, true);
        let mut campaigns = story.effects.iter().rev().filter_map(|effect| match effect {
            Effect::Campaign(_, after_term) => Some(*after_term),
            _ => None,
        });
        assert_eq!(campaigns.next(), Some(after_term));
    }
}

#[test]
fn who_campaigned_in_vain_is_passed_over_where_another_would_win() {
    let mut story = with_witness(4);
    story.change(2, |progress| progress.last_log = LogPosition::new(1, 11));
    cut_off(&mut story, 1);
    story.answer_pre_vote(2, true);
    assert_eq!(story.campaigned(), [2]);
    story.effects.clear();
    story.pass(ms(300));
    assert_eq!(story.asked(), [2, 3, 4]);
    story.answer_pre_vote(2, true);
    assert_eq!(story.campaigned(), [2], "nobody else is there");
    story.effects.clear();
    story.pass(ms(600));
    story.masters.get_mut(&3).expect("introduced").progress.probe = 3;
    story.answer_pre_vote(3, true);
    story.answer_pre_vote(2, true);
    assert_eq!(story.campaigned(), [3]);
}

#[test]
fn after_a_quick_election_that_brought_nobody_the_next_is_a_careful_one() {
    let mut story = with_witness(5);
    story.lose(1);
    for node in [2, 3, 4, 5] {
        story.answer_pre_vote(node, false);
    }
    assert_eq!(story.campaigned(), [2], "the first attempt is the fast one");
    story.effects.clear();
    story.pass(ms(300));
    for node in [2, 3, 5] {
        story.answer_pre_vote(node, false);
    }
    assert!(story.campaigned().is_empty());
    story.answer_pre_vote(4, true);
    assert_eq!(story.campaigned(), [4]);
}

/// Masters of which some are cut off from the others, while the router and its witness reach all of
/// them.
struct Broken {
    story: Story,
    /// The nodes that the leader still reaches, itself included; the others reach each other.
    with_leader: BTreeSet<u64>,
    count: u64,
    /// Questions and orders, and when they are answered or followed.
    due: Vec<(Duration, Effect)>,
    passed: Duration,
    term: u64,
}

impl Broken {
    /// The leader has written one more entry, to the nodes that it reaches and the witness.
    fn new(count: u64, with_leader: BTreeSet<u64>) -> Self {
        let mut story = with_witness(count);
        for node in &with_leader {
            story.change(*node, |progress| progress.last_log = LogPosition::new(1, 11));
        }
        story.change_witness(|progress| progress.last_log = LogPosition::new(1, 11));
        story.effects.clear();
        Self { story, with_leader, count, due: Vec::new(), passed: ms(0), term: 1 }
    }

    fn reach(&self, a: u64, b: u64) -> bool {
        let is_witness = a == WITNESS || b == WITNESS;
        is_witness || self.with_leader.contains(&a) == self.with_leader.contains(&b)
    }

    fn last_log(&self, node: u64) -> LogPosition {
        if node == WITNESS {
            return self.story.witness.last_log;
        }
        self.story.masters[&node].progress.last_log
    }

    fn wins(&self, candidate: u64) -> bool {
        let votes = (1..=self.count).chain([WITNESS]).filter(|voter| {
            self.reach(candidate, *voter) && self.last_log(*voter) <= self.last_log(candidate)
        });
        votes.count() > usize::try_from(self.count + 1).expect("few") / 2
    }

    fn node(&self, voter: Voter) -> u64 {
        let Voter::Master(stream) = voter else { return WITNESS };
        let of = self.story.masters.iter().find(|(_, master)| master.stream == stream);
        *of.expect("introduced").0
    }

    /// A hundredth of a second passes: nodes that were asked answer after their pre-vote, and nodes
    /// that were told to campaign do so.
    fn go_on(&mut self) {
        for effect in std::mem::take(&mut self.story.effects) {
            let after = match effect {
                Effect::Probe(_, question) => question.pre_vote + ms(10),
                _ => ms(10),
            };
            self.due.push((self.passed + after, effect));
        }
        self.story.pass(ms(10));
        self.passed += ms(10);
        let passed = self.passed;
        let due: Vec<_> = self.due.extract_if(.., |(at, _)| *at <= passed).collect();
        for (_, effect) in due {
            match effect {
                Effect::Probe(voter, question) => {
                    let node = self.node(voter);
                    let electable = self.wins(node);
                    let answer = |progress: &mut Progress| {
                        progress.probe = question.number;
                        progress.electable = electable;
                    };
                    if node == WITNESS {
                        self.story.change_witness(answer);
                    } else {
                        self.story.change(node, answer);
                    }
                }
                Effect::Campaign(voter, _) => self.campaign(self.node(voter)),
                _ => {}
            }
        }
    }

    fn campaign(&mut self, node: u64) {
        assert!(self.wins(node), "{node} was told to campaign, but lost");
        self.term += 1;
        let last_log = LogPosition::new(self.term, 12);
        if node != WITNESS {
            self.story.lead(node, self.term);
            return;
        }
        let term = self.term;
        self.story.change_witness(|progress| {
            *progress = Progress { term, last_log, applied: 11, leading: true, ..progress.clone() };
        });
        for node in 1..=self.count {
            self.story.change(node, |progress| {
                *progress = Progress { term, last_log, cut_off: false, ..progress.clone() };
            });
        }
        self.story.change_witness(|progress| progress.applied = 12);
    }
}

#[test]
fn a_cut_off_leader_is_replaced_in_time_by_one_of_the_majority_however_many_are_cut_off_with_it() {
    let mut stories = 0;
    for count in 3..=8 {
        for chosen in 0..1u32 << (count - 1) {
            let others = (2..=count).filter(|node| chosen >> (node - 2) & 1 == 1);
            let with_leader: BTreeSet<u64> = others.chain([1]).collect();
            let mut broken = Broken::new(count, with_leader.clone());
            if broken.wins(1) {
                continue;
            }
            cut_off(&mut broken.story, 1);
            while broken.story.available().is_none() {
                broken.go_on();
                let late = broken.passed > REPLACED_WITHIN;
                assert!(!late, "{count} masters, of which {with_leader:?} are cut off");
            }
            let next = broken.story.available().expect("there is one");
            assert!(!with_leader.contains(&next), "{next} of {with_leader:?}");
            stories += 1;
        }
    }
    assert!(stories > 50, "{stories} stories");
}

/// A router that has just started, to which the voters 2 and 3 have reported; master 1 leads, but
/// has not reported yet.
fn started_anew() -> Story {
    let mut story = Story::new(Some(OWN));
    story.pass(ms(5_000));
    for node in [2, 3] {
        story.hello(node, Some(OWN));
        story.change(node, |progress| {
            *progress = Progress {
                term: 4,
                voter: true,
                last_log: LogPosition::new(4, 10),
                ..progress.clone()
            };
        });
    }
    story
}

/// After how many milliseconds an election begins, if within five seconds.
fn begins(story: &mut Story) -> Option<u64> {
    (0..500).map(|tick| tick * 10).find(|_| {
        story.pass(ms(10));
        !story.asked().is_empty()
    })
}

#[test]
fn a_router_that_starts_waits_a_moment_from_the_first_report_for_a_leader() {
    let mut story = started_anew();
    let began = begins(&mut story).expect("begins");
    assert!((250..=400).contains(&began), "{began}");
}

#[test]
fn a_leader_that_others_hear_may_come_later() {
    for witness_leader in [true, false] {
        let mut story = started_anew();
        if witness_leader {
            story.witness_leader = Some(1);
        } else {
            story.change(3, |progress| progress.known_leader = Some(NodeId::new(1)));
        }
        story.pass(ms(1_500));
        story.hello(1, Some(OWN));
        story.hang(1);
        story.pass(ms(500));
        assert!(story.asked().is_empty(), "it has not reported yet");
        story.masters.get_mut(&1).expect("introduced").hung = false;
        story.lead(1, 4);
        story.pass(ms(5_000));
        assert_eq!((story.available(), story.asked()), (Some(1), vec![]));
    }
}

#[test]
fn a_leader_that_others_hear_is_not_waited_for_for_ever() {
    let mut story = started_anew();
    story.witness_leader = Some(1);
    let began = begins(&mut story).expect("begins");
    assert!((2_900..=3_200).contains(&began), "{began}");

    let mut story = started_anew();
    story.witness_leader = Some(1);
    story.pass(ms(1_000));
    story.witness_leader = None;
    assert!(begins(&mut story).is_some_and(|after| after < 150), "it has died meanwhile");
}

#[test]
fn who_reports_that_it_does_not_lead_is_not_waited_for_whatever_others_hear() {
    let mut story = started_anew();
    story.witness_leader = Some(2);
    story.change(3, |progress| progress.known_leader = Some(NodeId::new(WITNESS)));
    story.change_witness(|progress| progress.term = 4);
    assert!(begins(&mut story).is_some_and(|after| after <= 400));
}
