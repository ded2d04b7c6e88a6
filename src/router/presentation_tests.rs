//! Tables of what the registry shows to clients, nodes and people.

use super::{
    presentation::{self, RouterFacts, View},
    registry::Input,
    registry_tests::{OTHER, OWN, Story, WITNESS, ms},
};
use crate::{
    control::roster::AvailableServer,
    domain::{NodeId, UnixMillis},
    envelope::SupportedVersions,
    wire::v1::{MasterState, StatusView},
};

#[test]
fn clients_are_told_who_leads_in_which_term_and_whom_else_to_ask() {
    type Case = (&'static str, fn(&mut Story), Option<&'static str>, u64, &'static [u64]);
    let table: [Case; 5] = [
        ("all is well", |_| {}, Some("server-1"), 1, &[1, 2, 3]),
        ("a standby is lost", |story| story.lose(2), Some("server-1"), 1, &[1, 3]),
        ("the leader is lost", |story| story.lose(1), None, 1, &[2, 3]),
        ("another leads", |story| story.lead(2, 7), Some("server-2"), 7, &[1, 2, 3]),
        (
            "nobody leads, but somebody knows a newer term",
            |story| {
                story.change(3, |progress| progress.term = 9);
                story.lose(1);
            },
            None,
            9,
            &[2, 3],
        ),
    ];
    for (case, happens, name, term, masters) in table {
        let mut story = Story::settled(3);
        happens(&mut story);
        let location = presentation::location(&story.registry);
        let available = location.available.as_ref().map(|server| server.name.as_str());
        assert_eq!((available, location.term), (name, term), "{case}");
        let addresses: Vec<String> = masters.iter().map(|node| format!("host:{node}")).collect();
        assert_eq!(location.masters, addresses, "{case}");
        assert_eq!(location.waiting, "", "{case}: nobody is waited for yet");
    }
}

#[test]
fn nodes_are_told_of_everyone_who_is_down_and_who_leaves() {
    let mut story = Story::settled(3);
    story.lose(2);
    story.leave(3);
    let roster = presentation::roster(&story.registry, 3012);
    assert_eq!(roster.cluster, Some(OWN));
    assert_eq!(roster.available, Some(AvailableServer { node: NodeId::new(1), term: 1 }));
    let seen: Vec<_> = roster
        .members
        .iter()
        .map(|(node, listed)| (node.get(), &*listed.info.name, listed.down, listed.leaving))
        .collect();
    let expected = [(1, "server-1", false, false), (2, "server-2", true, false)];
    assert_eq!(seen, [&expected[..], &[(3, "server-3", false, true)]].concat());
    assert_eq!(roster.members[&NodeId::new(3)].info.peer_address, "host:13");

    story.lose(1);
    assert_eq!(presentation::roster(&story.registry, 3012).available, None);
}

#[test]
fn the_witness_is_listed_once_it_has_reported_and_down_while_it_is_broken() {
    let mut story = Story::settled(2);
    let listed = |story: &Story| {
        let mut roster = presentation::roster(&story.registry, 3012);
        roster.members.remove(&NodeId::new(WITNESS))
    };
    assert_eq!(listed(&story), None);
    story.change_witness(|_| {});
    let witness = listed(&story).expect("it has reported");
    assert!(witness.info.witness && !witness.down && !witness.leaving);
    assert_eq!((witness.info.name.as_str(), witness.info.client_address.as_str()), ("router", ""));
    assert_eq!(witness.info.peer_address, ":3012", "on the router's host");
    assert_eq!(witness.info.supported_versions, SupportedVersions::BUILD);
    let broken = Input::WitnessBroken("its disk is full".to_owned());
    story.registry.step(broken, story.now, UnixMillis::EPOCH);
    assert!(listed(&story).expect("it is known").down);
    let problems = presentation::problems(&story.registry, View::Operator);
    assert!(problems[0].starts_with("the router's witness does not work: its disk is full;"));
    story.change_witness(|_| {});
    assert!(!listed(&story).expect("it is known").down);
    assert!(presentation::problems(&story.registry, View::Operator).is_empty());
}

fn router() -> RouterFacts {
    RouterFacts {
        address: "router:3010".to_owned(),
        pid: 7,
        host: "machine".to_owned(),
        since: UnixMillis::new(5),
        term: 3,
        last_log_index: 12,
    }
}

#[test]
fn people_see_every_master_as_what_it_is_in_the_order_of_its_number() {
    let mut story = Story::settled(10);
    story.hello(11, None);
    story.lose(2);
    let status = presentation::status(&story.registry, router(), View::Operator);
    let seen: Vec<_> = status
        .masters
        .iter()
        .map(|master| (master.name.as_str(), master.state(), master.voter))
        .collect();
    let (standby, late) = (MasterState::Standby, MasterState::CatchingUp);
    assert_eq!(seen[0], ("server-1", MasterState::Available, true));
    assert_eq!(seen[1], ("server-2", MasterState::Down, false));
    assert_eq!(seen[2], ("server-3", standby, true));
    assert_eq!(seen[9..], [("server-10", standby, true), ("server-11", late, false)]);
    let first = &status.masters[0];
    assert_eq!((first.address.as_str(), first.term, first.last_log_index), ("host:1", 1, 10));
    assert_eq!((status.available.as_str(), status.cluster_id), ("server-1", OWN.to_string()));
    assert_eq!(status.format, 1);

    let status = presentation::status(&Story::new(None).registry, router(), View::Operator);
    assert_eq!((status.available.as_str(), status.cluster_id.as_str(), status.format), ("", "", 0));
    assert!(status.masters.is_empty());
}

#[test]
fn the_router_is_shown_as_a_voter_where_the_leader_counts_its_witness() {
    let mut story = Story::settled(2);
    let shown = |story: &Story| {
        presentation::status(&story.registry, router(), View::Operator)
            .router
            .expect("it describes itself")
    };
    let alone = shown(&story);
    assert_eq!(
        (alone.address.as_str(), alone.pid, alone.host.as_str()),
        ("router:3010", 7, "machine")
    );
    assert_eq!((alone.since_ms, alone.term, alone.last_log_index), (5, 3, 12));
    assert!(!alone.voter, "it has no witness");
    story.change_witness(|_| {});
    assert!(!shown(&story).voter, "the leader does not count it");
    story.change(1, |progress| progress.voters = NodeId::all([1, 2, WITNESS]));
    assert!(shown(&story).voter);
    story.lose(1);
    assert!(!shown(&story).voter, "nobody says so");
}

#[test]
fn everybody_sees_how_the_cluster_is_and_operators_where_everything_runs() {
    let mut story = Story::settled(2);
    story.change_witness(|_| {});
    let broken = Input::WitnessBroken("/var/lib/tinysns: its disk is full".to_owned());
    story.registry.step(broken, story.now, UnixMillis::EPOCH);
    let full = presentation::status(&story.registry, router(), View::Operator);
    let public = presentation::status(&story.registry, router(), View::Public);
    assert_eq!((full.view(), public.view()), (StatusView::Operator, StatusView::Public));
    assert!(full.problems[0].contains("/var/lib/tinysns: its disk is full"));
    assert!(!public.problems[0].contains('/'), "{:?}", public.problems);

    let mut expected = full.clone();
    for master in &mut expected.masters {
        assert!(!master.address.is_empty());
        assert!(!master.peer_address.is_empty() && master.node_id > 0);
        (master.address, master.pid, master.host) = Default::default();
        (master.node_id, master.peer_address) = Default::default();
    }
    let router = expected.router.as_mut().expect("it describes itself");
    (router.address, router.pid, router.host) = Default::default();
    expected.problems.clone_from(&public.problems);
    expected.view = StatusView::Public.into();
    assert_eq!(public, expected, "all else is the same");
}

#[test]
fn people_are_told_that_anybody_can_take_any_name_as_the_available_server_knows() {
    let mut story = Story::settled(2);
    story.change(2, |progress| progress.open_to_all = true);
    assert!(presentation::problems(&story.registry, View::Public).is_empty());
    story.change(1, |progress| progress.open_to_all = true);
    let told = presentation::problems(&story.registry, View::Public);
    assert!(told.len() == 1 && told[0].contains("tinysns admin init"), "{told:?}");
}

#[test]
fn people_are_told_of_masters_of_other_clusters() {
    let mut story = Story::settled(2);
    story.hello(11, Some(OTHER));
    let told = presentation::problems(&story.registry, View::Operator);
    let begins =
        format!("server-11 belongs to cluster {OTHER}, but this router to cluster {OWN}: ");
    assert!(told.len() == 1 && told[0].starts_with(&begins), "{told:?}");
    // Under that name, one of this cluster comes.
    story.hello(11, Some(OWN));
    story.pass(ms(100));
    assert!(presentation::problems(&story.registry, View::Operator).is_empty());
}
