//! Stories of a second cluster beside an older one: which of them goes on, and who is told when.

use super::{
    election::Voter,
    presentation::{View, problems},
    registry::{Effect, Input},
    registry_tests::{OTHER, OWN, Story, WITNESS, ms},
};
use crate::{
    control::{Progress, VoterConfig, VoterName},
    domain::{ClusterId, LogPosition, NodeId},
};

/// What the masters of the other cluster know: they are 11, 12 and 13, and their witness is lost.
const OTHERS: [u64; 3] = [11, 12, 13];
const LOST_WITNESS: u64 = 99;
const NEW_WITNESS: u64 = 101;

fn voter_config(masters: &[u64]) -> VoterConfig {
    let voters: Vec<NodeId> = NodeId::all(masters.iter().copied().chain([LOST_WITNESS]));
    let name = |node: NodeId| VoterName {
        node,
        name: format!("server-{node}"),
        witness: node.get() == LOST_WITNESS,
    };
    VoterConfig {
        index: 5,
        voter_sets: vec![voters.iter().copied().collect()],
        names: voters.into_iter().map(name).collect(),
    }
}

impl Story {
    /// Master 1 leads a cluster in which nobody has made anything.
    fn empty() -> Self {
        let mut story = Self::settled(1);
        story.change_witness(|progress| progress.cluster = Some(OWN));
        story.change(1, |progress| progress.is_empty = true);
        story.effects.clear();
        story
    }

    /// `node` of the other cluster comes, which knows of `masters`.
    fn report_foreign(&mut self, node: u64, masters: &[u64]) {
        self.hello(node, Some(OTHER));
        self.change(node, |progress| progress.voter_config = voter_config(masters).into());
    }

    fn told_to_abandon_cluster(&self) -> usize {
        self.effects
            .iter()
            .filter(|effect| matches!(effect, Effect::AbandonCluster(_, OTHER)))
            .count()
    }

    fn told_to_reset(&self) -> Vec<u64> {
        let told = self.effects.iter().filter_map(|effect| match effect {
            Effect::ResetNode(_, node) => Some(node.get()),
            _ => None,
        });
        told.collect()
    }

    fn abandon(&mut self, node: u64) {
        self.change(node, |progress| progress.abandoned_for = Some(OTHER));
    }

    /// The witness is back as a new node.
    fn witness_is_reset(&mut self) {
        let witness = Input::WitnessProgress(NodeId::new(NEW_WITNESS), Progress::default());
        let effects = self.registry.step(witness, self.now, crate::domain::UnixMillis::EPOCH);
        self.effects.extend(effects);
    }
}

#[test]
fn an_empty_cluster_is_abandoned_when_enough_of_an_older_one_are_here() {
    // The masters of the older cluster, and how many of them must be here to elect a leader.
    for (masters, enough) in [(1, 1), (2, 2), (3, 2)] {
        let mut story = Story::empty();
        let masters = &OTHERS[..masters];
        for (here, node) in (1..).zip(masters) {
            assert_eq!(
                story.told_to_abandon_cluster(),
                usize::from(here > enough),
                "{masters:?} {here}"
            );
            story.report_foreign(*node, masters);
            story.pass(ms(500));
        }
        assert_eq!(story.told_to_abandon_cluster(), 1, "{masters:?}: once");
        assert_eq!(story.rejected(), 0);
        assert_eq!(story.registry.cluster(), Some(OWN), "until it is abandoned");

        story.abandon(1);
        assert_eq!(story.registry.cluster(), Some(OTHER));
        assert_eq!(story.known(), masters, "the older one's are taken in, with what they reported");
        story.lead(11, 7);
        assert_eq!(story.available(), Some(11));
    }
}

#[test]
fn a_cluster_in_which_something_was_made_turns_the_others_away() {
    let mut story = Story::empty();
    story.report_foreign(11, &OTHERS);
    story.change(1, |progress| progress.is_empty = false);
    assert_eq!(story.rejected(), 1);
    for node in [12, 13] {
        story.report_foreign(node, &OTHERS);
    }
    assert_eq!((story.rejected(), story.told_to_abandon_cluster()), (3, 0));
    assert_eq!(story.available(), Some(1));
}

#[test]
fn before_the_leader_has_reported_nobody_is_rejected() {
    let mut story = Story::new(Some(OWN));
    story.report_foreign(11, &OTHERS[..1]);
    story.hello(1, Some(OWN));
    assert_eq!(story.rejected(), 0);
    assert!(
        problems(&story.registry, View::Operator)
            .iter()
            .any(|problem| problem.contains("is abandoned if"))
    );
    story.lead(1, 1);
    assert_eq!(
        (story.rejected(), story.told_to_abandon_cluster()),
        (1, 0),
        "something was made in it"
    );
}

#[test]
fn an_empty_cluster_is_not_abandoned_to_another_empty_one() {
    let mut story = Story::empty();
    story.hello(11, Some(OTHER));
    story.change(11, |progress| {
        progress.voter_config = voter_config(&OTHERS[..1]).into();
        progress.is_empty = true;
    });
    story.pass(ms(2_000));
    assert_eq!(story.told_to_abandon_cluster(), 0);
    // One that has just started does not know what its log comes to.
    story.change(11, |progress| progress.last_log = LogPosition::new(3, 9));
    assert_eq!(story.told_to_abandon_cluster(), 1);
}

#[test]
fn a_leader_that_came_after_the_one_that_was_asked_is_asked_again() {
    let mut story = Story::empty();
    story.report_foreign(11, &OTHERS[..1]);
    story.lose(1);
    story.hello(2, Some(OWN));
    story.change(2, |progress| progress.is_empty = true);
    story.lead(2, 3);
    assert_eq!(story.told_to_abandon_cluster(), 2);
}

#[test]
fn masters_are_reset_after_the_witness() {
    let mut story = Story::empty();
    story.hello(2, Some(OWN));
    story.report_foreign(11, &OTHERS[..1]);
    story.abandon(1);
    assert_eq!(story.told_to_reset(), [WITNESS]);
    // It was broken, and did not hear.
    story.change_witness(|_| {});
    assert_eq!(story.told_to_reset(), [WITNESS, WITNESS]);
    assert_eq!(story.registry.witness(), None, "it is no witness of the older cluster");
    story.hello(3, Some(OWN));
    story.witness_is_reset();
    let mut told = story.told_to_reset().split_off(2);
    told.sort_unstable();
    assert_eq!(told, [1, 2, 3]);
    assert!(
        story.effects.contains(&Effect::AdoptCluster(OTHER)),
        "the new one joins the older cluster"
    );
    story.hello(4, Some(OWN));
    assert_eq!(story.told_to_reset().last(), Some(&4), "whoever comes later, at once");
}

#[test]
fn a_router_that_has_forgotten_everything_hears_of_it_from_the_masters() {
    let mut story = Story::new(None);
    story.hello_after_abandonment(1, OWN, OTHER);
    assert_eq!(story.registry.cluster(), Some(OTHER));
    let mut story = Story::settled(1);
    story.hello_after_abandonment(11, OTHER, OWN);
    let stream = story.masters[&11].stream;
    assert!(story.effects.contains(&Effect::ResetNode(Voter::Master(stream), NodeId::new(11))));
}

/// A cluster that was made of what was left of ours.
const SUCCESSOR: ClusterId = OWN.successor(7);

impl Story {
    /// Master 1 has led a cluster of three, and then its other masters are gone.
    fn without_a_quorum() -> Self {
        let mut story = Self::settled(1);
        story.change_witness(|progress| progress.cluster = Some(OWN));
        story.change(1, |progress| {
            progress.voter_config = voter_config(&[1, 2, 3]).into();
            progress.is_empty = false;
        });
        story.change(1, |progress| progress.leading = false);
        story.effects.clear();
        story
    }
}

#[test]
fn a_cluster_that_has_lost_its_quorum_gives_way_to_its_successor_and_is_put_aside() {
    let mut story = Story::without_a_quorum();
    story.hello(11, Some(SUCCESSOR));
    assert_eq!(story.registry.cluster(), Some(OWN), "others may only be slow to come");
    assert!(
        problems(&story.registry, View::Operator)
            .iter()
            .any(|problem| problem.contains("made of what was left"))
    );
    story.pass(ms(1_500));
    story.change(1, |_| {});
    assert_eq!(story.registry.cluster(), Some(SUCCESSOR));
    assert_eq!(story.rejected(), 0);
    assert_eq!(story.known(), [11]);
    assert_eq!(story.told_to_reset(), [WITNESS], "before its masters");
    story.witness_is_reset();
    assert_eq!(story.told_to_reset(), [WITNESS, 1]);
    // A late survivor cannot split the network.
    story.hello(2, Some(OWN));
    assert_eq!(story.told_to_reset(), [WITNESS, 1, 2]);
    assert_eq!(story.rejected(), 0);
}

#[test]
fn a_cluster_that_serves_does_not_give_way_to_what_somebody_made_of_it_by_mistake() {
    let mut story = Story::settled(1);
    story.change(1, |progress| progress.is_empty = false);
    story.hello(11, Some(SUCCESSOR));
    assert_eq!((story.rejected(), story.registry.cluster()), (1, Some(OWN)));
    assert_eq!(story.available(), Some(1));
    story.pass(ms(5_000));
    assert_eq!(story.registry.cluster(), Some(OWN));
    assert!(
        problems(&story.registry, View::Operator)
            .iter()
            .any(|problem| problem.contains("serves after all"))
    );
}

#[test]
fn whoever_comes_first_to_a_new_router_the_successor_goes_on() {
    let mut story = Story::new(None);
    story.hello(2, Some(OWN));
    story.hello(11, Some(SUCCESSOR));
    story.pass(ms(1_500));
    story.change(2, |progress| progress.voter_config = voter_config(&[1, 2, 3]).into());
    story.pass(ms(1_500));
    story.change(2, |_| {});
    assert_eq!(story.registry.cluster(), Some(SUCCESSOR));
    let mut story = Story::new(None);
    story.hello(11, Some(SUCCESSOR));
    story.hello(2, Some(OWN));
    assert_eq!(story.registry.cluster(), Some(SUCCESSOR));
    assert_eq!(story.told_to_reset(), [2], "there is no witness of the old one");
}
