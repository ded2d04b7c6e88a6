//! Tables of what a leader changes next, and of which failures clusters of every size survive.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    NodeInfo,
    membership::{Change, Health, MembershipRole, Observation, Observed},
    quorum::missing_for_quorum,
};
use crate::domain::NodeId;

const LEADER: NodeId = NodeId::new(1);
const WITNESS: u64 = 9;

fn node(id: u64, role: MembershipRole, health: Health) -> Observed {
    let name = format!("server-{id}");
    let info = NodeInfo { witness: id == WITNESS, name, ..NodeInfo::default() };
    let (id, dead_for) = (NodeId::new(id), Duration::ZERO);
    Observed { id, info, role, health, moved: false, leaving: false, dead_for }
}

fn voter(id: u64, health: Health) -> Observed {
    node(id, MembershipRole::Voter, health)
}

fn settled(id: u64) -> Observed {
    voter(id, Health::CaughtUp)
}

fn leaving(node: Observed) -> Observed {
    Observed { leaving: true, ..node }
}

fn set(ids: &[u64]) -> BTreeSet<NodeId> {
    NodeId::all(ids.iter().copied())
}

/// What the leader sees when no change is half finished.
fn seen(nodes: &[Observed]) -> Observation {
    let votes = nodes.iter().filter(|node| node.role == MembershipRole::Voter).map(|node| node.id);
    Observation {
        own: LEADER,
        voter_sets: vec![votes.collect()],
        committed: true,
        nodes: nodes.to_vec(),
    }
}

fn plan(nodes: &[Observed]) -> Option<Change> {
    seen(nodes).plan()
}

fn planned_voters(nodes: &[Observed]) -> Option<Vec<u64>> {
    voters_of(plan(nodes))
}

fn voters_of(change: Option<Change>) -> Option<Vec<u64>> {
    match change {
        Some(Change::Voters(voters)) => Some(voters.into_iter().map(NodeId::get).collect()),
        _ => None,
    }
}

#[test]
fn every_death_takes_one_off_what_may_be_lost() {
    for (masters, dead, expected) in
        [(8, 0, 4), (8, 1, 3), (8, 2, 2), (8, 4, 0), (8, 5, 0), (4, 1, 1), (2, 0, 1), (2, 1, 0)]
    {
        let mut nodes: Vec<_> = (1..=masters).map(settled).collect();
        nodes.push(settled(WITNESS));
        nodes.push(node(10, MembershipRole::Learner, Health::CaughtUp));
        for lost in nodes.iter_mut().take(dead) {
            lost.health = Health::Dead;
        }
        assert_eq!(seen(&nodes).fault_margin(), expected, "{dead} of {masters}");
    }
    let half_made = Observation {
        voter_sets: vec![set(&[1, 2, WITNESS]), set(&[1])],
        ..seen(&[settled(1), settled(2), settled(WITNESS)])
    };
    assert_eq!(half_made.fault_margin(), 0, "of every voter set");
}

#[test]
fn a_settled_cluster_is_left_alone() {
    assert_eq!(plan(&[settled(1), settled(2), settled(WITNESS)]), None);
    assert_eq!(plan(&[settled(1), settled(2), settled(3), settled(WITNESS)]), None);
}

#[test]
fn the_dead_are_demoted_at_once() {
    let nodes = [settled(1), settled(2), voter(3, Health::Dead), settled(WITNESS)];
    assert_eq!(planned_voters(&nodes), Some(vec![1, 2, WITNESS]));
}

#[test]
fn doubt_changes_nothing() {
    for role in [MembershipRole::Voter, MembershipRole::Learner] {
        let nodes = [settled(1), settled(2), node(3, role, Health::Unclear), settled(WITNESS)];
        assert_eq!(plan(&nodes), None, "{role:?}");
    }
}

#[test]
fn a_returning_node_votes_only_when_it_has_caught_up() {
    let behind = [settled(1), settled(2), node(3, MembershipRole::Learner, Health::Behind)];
    assert_eq!(plan(&behind), None);
    let level = [settled(1), settled(2), node(3, MembershipRole::Learner, Health::CaughtUp)];
    assert_eq!(planned_voters(&level), Some(vec![1, 2, 3]));
}

#[test]
fn a_voter_that_falls_far_behind_votes_again_when_it_is_nearly_level() {
    let third = |role, health| [settled(1), settled(2), node(3, role, health), settled(WITNESS)];
    assert_eq!(plan(&third(MembershipRole::Voter, Health::Behind)), None);
    assert_eq!(
        planned_voters(&third(MembershipRole::Voter, Health::Lagging)),
        Some(vec![1, 2, WITNESS])
    );
    assert_eq!(plan(&third(MembershipRole::Learner, Health::Lagging)), None);
    assert_eq!(plan(&third(MembershipRole::Learner, Health::Behind)), None);
    assert_eq!(
        planned_voters(&third(MembershipRole::Learner, Health::CaughtUp)),
        Some(vec![1, 2, 3, 9])
    );
    // The same for the witness.
    let slow = voter(WITNESS, Health::Lagging);
    let three = [settled(1), settled(2), settled(3), slow.clone()];
    assert_eq!(planned_voters(&three), Some(vec![1, 2, 3]));
    // But the second copy keeps its vote, and so does the node that makes the number odd.
    assert_eq!(plan(&[settled(1), settled(2), slow]), None);
    assert_eq!(plan(&[settled(1), voter(2, Health::Lagging), settled(WITNESS)]), None);
}

#[test]
fn the_second_master_keeps_its_vote_while_it_is_expected_back() {
    for health in [Health::Dead, Health::Away] {
        assert_eq!(plan(&[settled(1), voter(2, health), settled(WITNESS)]), None);
    }
    for health in [Health::Left, Health::Gone] {
        let nodes = [settled(1), voter(2, health), settled(WITNESS)];
        assert_eq!(planned_voters(&nodes), Some(vec![1]), "{health:?}");
    }
    let restarting = leaving(voter(2, Health::Dead));
    assert_eq!(plan(&[settled(1), restarting, settled(WITNESS)]), None);
}

#[test]
fn a_single_master_votes_alone_until_a_second_has_caught_up() {
    let witness = || node(WITNESS, MembershipRole::Learner, Health::CaughtUp);
    for health in [Health::Behind, Health::Unclear, Health::Dead] {
        assert_eq!(plan(&[settled(1), node(2, MembershipRole::Learner, health), witness()]), None);
    }
    let level = [settled(1), node(2, MembershipRole::Learner, Health::CaughtUp), witness()];
    assert_eq!(planned_voters(&level), Some(vec![1, 2, WITNESS]));
}

#[test]
fn whoever_of_the_dead_comes_back_first_takes_the_seat_of_one_that_does_not() {
    let third = node(3, MembershipRole::Learner, Health::CaughtUp);
    let nodes = [settled(1), voter(2, Health::Dead), third, settled(WITNESS)];
    assert_eq!(planned_voters(&nodes), Some(vec![1, 3, WITNESS]));
}

#[test]
fn of_two_that_may_return_the_seat_goes_to_the_one_that_was_lost_last_and_has_no_successor() {
    let lost = |id, seconds| Observed {
        dead_for: Duration::from_secs(seconds),
        ..node(id, MembershipRole::Learner, Health::Dead)
    };
    let last = |lost: [Observed; 2]| {
        let [two, three] = lost;
        planned_voters(&[settled(1), two, three, leaving(settled(4)), settled(WITNESS)])
    };
    assert_eq!(last([lost(2, 60), lost(3, 5)]), Some(vec![1, 3, WITNESS]));
    assert_eq!(last([lost(2, 5), lost(3, 60)]), Some(vec![1, 2, WITNESS]));
    let mut replaced = lost(2, 5);
    replaced.info.name = settled(4).info.name;
    assert_eq!(last([replaced, lost(3, 60)]), Some(vec![1, 3, WITNESS]));
}

#[test]
fn an_even_number_keeps_a_dead_voter_since_it_costs_no_answer() {
    let dead = |id| voter(id, Health::Dead);
    assert_eq!(plan(&[settled(1), settled(2), settled(3), dead(4), settled(WITNESS)]), None);
    // The router is away.
    assert_eq!(plan(&[settled(1), settled(2), dead(3)]), None);
    assert_eq!(plan(&[settled(1), settled(2), dead(WITNESS)]), None);
    let two = [settled(1), settled(2), dead(3), dead(4), settled(WITNESS)];
    assert_eq!(planned_voters(&two), Some(vec![1, 2, WITNESS]));
    let router_too = [settled(1), settled(2), settled(3), settled(4), dead(5), dead(WITNESS)];
    assert_eq!(planned_voters(&router_too), Some(vec![1, 2, 3, 4, WITNESS]));
}

#[test]
fn newcomers_are_added_movers_noted_and_the_gone_forgotten() {
    let newcomer = node(2, MembershipRole::Absent, Health::Unclear);
    let info = newcomer.info.clone();
    assert_eq!(plan(&[settled(1), newcomer]), Some(Change::Add(NodeId::new(2), info.clone())));
    let mover = Observed { moved: true, ..settled(2) };
    assert_eq!(plan(&[settled(1), mover]), Some(Change::UpdateAddress(NodeId::new(2), info)));
    let gone = node(2, MembershipRole::Learner, Health::Gone);
    assert_eq!(plan(&[settled(1), gone]), Some(Change::Remove(NodeId::new(2))));
    let left = node(2, MembershipRole::Learner, Health::Left);
    assert_eq!(plan(&[settled(1), left]), None, "it may be started again");
    let dead_stranger = node(2, MembershipRole::Absent, Health::Dead);
    assert_eq!(plan(&[settled(1), dead_stranger]), None);
}

#[test]
fn those_about_to_stop_are_demoted_before_they_do_but_never_below_two_masters() {
    let three_of_five = [
        settled(1),
        leaving(settled(2)),
        leaving(settled(3)),
        settled(4),
        leaving(node(5, MembershipRole::Learner, Health::CaughtUp)),
        settled(WITNESS),
    ];
    assert_eq!(planned_voters(&three_of_five), Some(vec![1, 4, WITNESS]));
    let all = [leaving(settled(1)), leaving(settled(2)), leaving(settled(3)), settled(WITNESS)];
    assert_eq!(planned_voters(&all), Some(vec![1, 2, WITNESS]));
    let one_of_four = [settled(1), settled(2), settled(3), leaving(settled(4)), settled(WITNESS)];
    assert_eq!(planned_voters(&one_of_four), Some(vec![1, 2, 3, WITNESS]));
}

#[test]
fn a_master_that_waits_for_its_reboot_is_counted_on_rather_than_those_that_stop() {
    let crashed = node(3, MembershipRole::Learner, Health::Dead);
    // Both others are stopped for good, including the leader.
    let nodes = [leaving(settled(1)), leaving(settled(2)), crashed.clone(), settled(WITNESS)];
    assert_eq!(planned_voters(&nodes), Some(vec![1, 3, WITNESS]));
    // One of them is stopped.
    let nodes = [settled(1), leaving(settled(2)), crashed, settled(WITNESS)];
    assert_eq!(planned_voters(&nodes), Some(vec![1, 3, WITNESS]));
    // But not a master that has been away for longer, or that has itself stopped on purpose.
    let long_away = node(3, MembershipRole::Learner, Health::Away);
    let stopped = leaving(node(3, MembershipRole::Learner, Health::Dead));
    for other in [long_away, stopped] {
        let nodes = [settled(1), leaving(settled(2)), other, settled(WITNESS)];
        assert_eq!(planned_voters(&nodes), None);
    }
}

#[test]
fn voters_come_before_everything_else() {
    let stranger = node(4, MembershipRole::Absent, Health::Unclear);
    let nodes = [settled(1), settled(2), settled(WITNESS), stranger, voter(3, Health::Dead)];
    assert_eq!(planned_voters(&nodes), Some(vec![1, 2, WITNESS]));
}

#[test]
fn a_change_that_is_half_made_is_finished() {
    let well = [settled(1), settled(2), settled(3), settled(WITNESS)];
    let half_made = |nodes: &[Observed], voter_sets: &[&[u64]]| {
        let voter_sets = voter_sets.iter().map(|voters| set(voters)).collect();
        Observation { voter_sets, ..seen(nodes) }.plan()
    };
    let all = &[1, 2, 3, WITNESS];
    let finished = Some(vec![1, 2, 3, WITNESS]);
    assert_eq!(voters_of(half_made(&well, &[all, &[1]])), finished, "back, as all have returned");
    assert_eq!(voters_of(half_made(&well, &[&[1], all])), finished, "forward");
    assert_eq!(voters_of(half_made(&well, &[all, &[1, 2, WITNESS]])), finished);
    let mut one_dead = well.clone();
    one_dead[2].health = Health::Dead;
    let planned = half_made(&one_dead, &[all, &[1]]);
    assert_eq!(voters_of(planned), Some(vec![1, 2, WITNESS]));
    one_dead[1].health = Health::Dead;
    assert_eq!(half_made(&one_dead, &[all, &[1]]), None, "the larger voter set has no majority");
    assert_eq!(half_made(&one_dead, &[&[1], all]), None);
}

#[test]
fn nothing_is_proposed_that_a_majority_does_not_answer() {
    let stranger = || node(5, MembershipRole::Absent, Health::Unclear);
    for silent in [Health::Dead, Health::Unclear, Health::Away, Health::Gone] {
        let nodes = [settled(1), voter(2, silent), voter(3, silent), settled(WITNESS), stranger()];
        assert_eq!(plan(&nodes), None, "{silent:?}");
    }
    // Nor a change that the next voters would not answer: the old ones answer, and they are enough.
    let returned = node(3, MembershipRole::Learner, Health::CaughtUp);
    let nodes = [settled(1), settled(2), returned, voter(WITNESS, Health::Dead)];
    assert_eq!(planned_voters(&nodes), Some(vec![1, 2, 3]));
    let uncommitted = Observation {
        committed: false,
        ..seen(&[settled(1), settled(2), voter(3, Health::Dead), settled(WITNESS)])
    };
    assert_eq!(uncommitted.plan(), None, "one change after another");
}

#[test]
fn less_than_half_of_the_voters_lose_their_vote_at_once() {
    let mut nodes: Vec<_> = (1..=8).map(settled).collect();
    nodes.push(settled(WITNESS));
    for node in &mut nodes[2..8] {
        node.leaving = true;
    }
    let mut sizes = vec![nodes.len()];
    while let Some(voters) = planned_voters(&nodes) {
        sizes.push(voters.len());
        nodes.retain(|node| voters.contains(&node.id.get()));
    }
    assert_eq!(sizes, [9, 5, 3]);
    // The dead and the slow ones first.
    let mut nodes: Vec<_> = (1..=5).map(settled).collect();
    nodes[1].health = Health::Lagging;
    nodes[2].leaving = true;
    nodes[3].health = Health::Dead;
    nodes.push(settled(6));
    assert_eq!(planned_voters(&nodes), Some(vec![1, 3, 5, 6]));
}

#[test]
fn those_whom_a_quorum_waits_for_are_the_missing_of_the_voter_sets_that_have_none() {
    let voter_sets = [set(&[1, 2, 3, WITNESS]), set(&[1])];
    let among = |there: &'static [u64]| move |id: NodeId| there.contains(&id.get());
    assert_eq!(missing_for_quorum(&voter_sets, among(&[1, 2, WITNESS])), set(&[]));
    assert_eq!(missing_for_quorum(&voter_sets, among(&[1, WITNESS])), set(&[2, 3]));
    assert_eq!(missing_for_quorum(&voter_sets, among(&[2, 3, WITNESS])), set(&[1]));
    assert_eq!(missing_for_quorum(&voter_sets[..1], among(&[2, 3, WITNESS])), set(&[]));
}

/// A cluster of masters that were started together, and a router: who is alive, and who votes. Its
/// leader changes the membership according to plan as soon as it can.
#[derive(Clone)]
struct Cluster {
    alive: BTreeMap<u64, bool>,
    voters: BTreeSet<NodeId>,
}

impl Cluster {
    fn of(masters: u64, router: bool) -> Self {
        let mut cluster =
            Self { alive: (1..=masters).map(|id| (id, true)).collect(), voters: set(&[1]) };
        cluster.alive.insert(WITNESS, true);
        cluster.settle();
        if !router {
            cluster.kill(&[WITNESS]);
        }
        cluster
    }

    fn kill(&mut self, nodes: &[u64]) {
        self.alive.extend(nodes.iter().map(|id| (*id, false)));
        self.settle();
    }

    fn revive(&mut self, node: u64) {
        self.alive.insert(node, true);
        self.settle();
    }

    fn masters(&self) -> Vec<u64> {
        self.alive
            .iter()
            .filter(|(id, lives)| **id != WITNESS && **lives)
            .map(|(id, _)| *id)
            .collect()
    }

    /// The master that serves: one with a vote, if a quorum is alive. That it has all entries is
    /// what the votes are for; the witness hands over what only the witness has.
    fn leader(&self) -> Option<u64> {
        let quorum =
            missing_for_quorum(std::slice::from_ref(&self.voters), |id| self.alive[&id.get()])
                .is_empty();
        self.masters().into_iter().find(|id| quorum && self.voters.contains(&NodeId::new(*id)))
    }

    /// The minimum number of disks that an acknowledged post is on.
    fn copies(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    fn settle(&mut self) {
        while let Some(leader) = self.leader() {
            let own = NodeId::new(leader);
            let observed = |(id, lives): (&u64, &bool)| {
                let role = if self.voters.contains(&NodeId::new(*id)) {
                    MembershipRole::Voter
                } else {
                    MembershipRole::Learner
                };
                node(*id, role, if *lives { Health::CaughtUp } else { Health::Dead })
            };
            let nodes = self.alive.iter().map(observed).collect();
            let voter_sets = vec![self.voters.clone()];
            match (Observation { own, voter_sets, committed: true, nodes }).plan() {
                Some(Change::Voters(voters)) => self.voters = voters,
                None => return,
                other => panic!("{other:?}"),
            }
        }
    }

    /// Whether it survives, whichever `count` masters die at once.
    fn survives_at_once(&self, count: usize) -> bool {
        let masters = self.masters();
        (0..1_u32 << masters.len()).filter(|dead| dead.count_ones() as usize == count).all(|dead| {
            let dies = |(place, id): (usize, &u64)| (dead >> place & 1 == 1).then_some(*id);
            let dead: Vec<_> = masters.iter().enumerate().filter_map(dies).collect();
            let mut after = self.clone();
            after.kill(&dead);
            after.leader().is_some()
        })
    }

    /// How many masters are left when the last one serves, if the available server is killed again
    /// and again.
    fn serves_down_to(&self) -> usize {
        let mut cluster = self.clone();
        let mut left = 0;
        while let Some(leader) = cluster.leader() {
            left = cluster.masters().len();
            cluster.kill(&[leader]);
        }
        left
    }
}

/// The table of ADR 13: masters, whether the router is up, the minimum number of disks that an
/// acknowledged post is on, how many masters may die at once, and down to how many one after
/// another.
#[test]
fn what_clusters_of_every_size_survive() {
    for (masters, router, copies, at_once, down_to) in [
        (1, true, 1, 0, 1),
        (1, false, 1, 0, 1),
        (2, true, 2, 1, 1),
        (2, false, 2, 0, 2),
        (3, true, 3, 1, 1),
        (3, false, 2, 1, 2),
        (5, true, 4, 2, 1),
        (5, false, 3, 2, 2),
        (8, true, 5, 4, 1),
        (8, false, 5, 3, 2),
    ] {
        let row = format!("{masters} masters, router: {router}");
        let cluster = Cluster::of(masters, router);
        assert!(cluster.leader().is_some(), "{row}");
        assert_eq!(cluster.copies(), copies, "{row}");
        assert!(cluster.survives_at_once(at_once), "{row}");
        assert!(!cluster.survives_at_once(at_once + 1), "{row}");
        assert_eq!(cluster.serves_down_to(), down_to, "{row}");
    }
}

#[test]
fn with_the_router_and_a_second_master_expected_no_post_is_on_one_disk() {
    for masters in [2, 3, 5, 8] {
        let mut cluster = Cluster::of(masters, true);
        while let Some(leader) = cluster.leader() {
            assert!(cluster.copies() >= 2, "{masters} masters: {:?}", cluster.voters);
            cluster.kill(&[leader]);
        }
        // They were killed in the order of their ids: either of the last two is enough.
        for (node, enough) in (1..=masters).map(|id| (id, id + 1 >= masters)) {
            let mut after = cluster.clone();
            after.revive(node);
            assert_eq!(after.leader().is_some(), enough, "{masters} masters, {node} is back");
        }
    }
}

#[test]
fn the_last_of_two_masters_waits_for_the_router_or_the_other_whichever_is_back_first() {
    let mut cluster = Cluster::of(2, true);
    cluster.kill(&[1]);
    assert_eq!(cluster.leader(), Some(2));
    cluster.kill(&[WITNESS]);
    assert_eq!(cluster.leader(), None);
    for back in [1, WITNESS] {
        let mut after = cluster.clone();
        after.revive(back);
        assert!(after.leader().is_some(), "{back}");
    }
}

#[test]
fn whoever_returns_votes_again_and_the_cluster_is_as_before() {
    for masters in [2, 3, 5, 8] {
        let before = Cluster::of(masters, true);
        let mut cluster = before.clone();
        for _ in 1..masters {
            let leader = cluster.leader().expect("serves down to one");
            cluster.kill(&[leader]);
        }
        for back in 1..=masters {
            cluster.revive(back);
        }
        assert_eq!(cluster.voters, before.voters);
        cluster.kill(&[WITNESS]);
        cluster.revive(WITNESS);
        assert_eq!(cluster.voters, before.voters, "the router was away");
    }
}
