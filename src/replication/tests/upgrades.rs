//! A cluster goes from one version of the format to the next, with programs that pretend to speak
//! two.

use std::{collections::BTreeMap, sync::Arc};

use openraft::{
    ChangeMembers, EntryPayload, RaftSnapshotBuilder as _, storage::RaftStateMachine as _,
};
use serde::Serialize;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::{
    cluster::{CLUSTER, DEADLINE, Member, start_as},
    entries::{account, applied, batch, crash, dump, log_id, members, open_state, upgrade},
};
use crate::{
    cli,
    domain::NodeId,
    envelope::{Kind, SupportedVersions, Version, seal, seal_in},
    node_auth::FORMAT_KEY,
    replication::{
        Batch, Entry, NodeInfo, StorageError, addresses::AddressSource, state_store::StateStore,
        upgrade, writes::WriteError,
    },
    social::{Command, MemoryBudget, Reply, StateError},
};

const ONE: SupportedVersions = SupportedVersions { oldest: Version::FIRST, newest: Version::FIRST };
const BOTH: SupportedVersions =
    SupportedVersions { oldest: Version::FIRST, newest: Version::new(2) };

/// Waits until this master knows that the cluster writes in `version`.
async fn writes_in(member: &Member, version: u8) {
    let mut known = member.node.version();
    let reached = known.wait_for(|known| *known == Version::new(version));
    timeout(DEADLINE, reached).await.expect("in time").expect("runs");
}

fn watch_the_format(member: &Member) -> CancellationToken {
    let cancelled = CancellationToken::new();
    tokio::spawn(upgrade::run(member.node.clone(), cancelled.clone()));
    cancelled
}

async fn note(leader: &Member, id: NodeId, info: &NodeInfo) {
    let nodes = ChangeMembers::SetNodes(BTreeMap::from([(id, info.clone())]));
    leader.node.raft().change_membership(nodes, true).await.expect("changed");
}

#[tokio::test]
async fn no_new_command_is_logged_before_the_last_member_is_upgraded_and_then_it_is() {
    let leader = Member::master_as(BOTH, "server-1").await;
    let second = Member::master_as(BOTH, "server-2").await;
    let old = Member::master_as(ONE, "server-3").await;
    leader.node.bootstrap(CLUSTER, leader.info.clone()).await.expect("bootstrapped");
    leader.leads().await;
    for member in [&second, &old] {
        let raft = leader.node.raft();
        raft.add_learner(member.id(), member.info.clone(), true).await.expect("added");
    }
    let voters = [leader.id(), second.id(), old.id()];
    leader.node.raft().change_membership(voters, true).await.expect("changed");
    let _watches = [&leader, &second, &old].map(watch_the_format);
    let writes = leader.writes();
    let before = leader.node.last_log().await;
    assert_eq!(writes.submit(Command::TestNoop).await, Err(WriteError::Upgrading));
    assert_eq!(leader.node.last_log().await, before, "nothing was logged");
    writes.submit(account("ann")).await.expect("what all know goes on");

    old.level_with(&leader).await;
    old.kill().await;
    let upgraded = old.started_as(BOTH).await;
    assert_eq!(upgraded.id(), old.id());
    leader.node.peers().learn(upgraded.id(), upgraded.info.clone(), AddressSource::Router);
    watch_the_format(&upgraded);
    note(&leader, upgraded.id(), &upgraded.info).await;
    for member in [&leader, &second, &upgraded] {
        writes_in(member, 2).await;
    }
    assert_eq!(writes.submit(Command::TestNoop).await, Ok(Reply::Done));
    for member in [&second, &upgraded] {
        member.level_with(&leader).await;
        assert_eq!(dump(member.state()), dump(leader.state()));
    }

    // A node that later says that it speaks only the first version changes nothing for the others.
    note(&leader, old.id(), &old.info).await;
    assert_eq!(writes.submit(Command::TestNoop).await, Ok(Reply::Done));
    assert_eq!(*leader.node.version().borrow(), Version::new(2));
}

fn open_as(
    supported_versions: SupportedVersions,
    directory: &std::path::Path,
) -> Result<StateStore, StateError> {
    let memory = MemoryBudget::default();
    StateStore::open_as(supported_versions, directory, memory, Arc::new(|_| {}))
}

/// An entry whose body this program did not make.
fn forged(index: u64, sealed: Vec<u8>) -> Entry {
    Entry { log_id: log_id(1, index), payload: EntryPayload::Normal(Batch(sealed.into())) }
}

#[tokio::test]
async fn what_a_program_does_not_know_in_the_log_ends_it_with_a_reason_and_is_never_left_out() {
    /// Encoded as postcard numbers variants: one that no program has.
    #[derive(Serialize)]
    struct Unknown(i64, u32);
    let unknown = [Unknown(1, 200)];
    for (entry, said) in [
        (batch(1, 3, [Command::TestNoop]), "written by a newer tinysns"),
        (upgrade(3, 2), "written by a newer tinysns"),
        (forged(3, seal_in(Version::new(9), Kind::Commands, &unknown[..])), "upgrade this node"),
        (forged(3, seal(Kind::Commands, &unknown[..])), "does not decode"),
        (forged(3, vec![0; 9]), "damaged"),
    ] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut state = open_as(ONE, directory.path()).expect("opens");
        let known = [members(1, BOTH), batch(1, 2, [account("ann")])];
        state.apply(known).await.expect("applied");
        for _ in 0..2 {
            let refused: StorageError = state.apply([entry.clone()]).await.expect_err("refused");
            assert!(refused.to_string().contains(said), "{refused}");
        }
        assert_eq!(applied(&mut state).await, Some(log_id(1, 2)));
    }
}

#[tokio::test]
async fn the_clusters_format_is_kept_with_the_state_and_rises_only_when_all_members_speak_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut state = open_as(BOTH, directory.path()).expect("opens");
    let version = state.version();
    state.apply([members(1, ONE), upgrade(2, 2)]).await.expect("applied");
    assert_eq!(*version.borrow(), Version::FIRST, "a member does not speak it");
    state.apply([members(3, BOTH), upgrade(4, 2), upgrade(5, 1)]).await.expect("applied");
    assert_eq!(*version.borrow(), Version::new(2));
    state.get_snapshot_builder().await.build_snapshot().await.expect("durable");
    let image = crash(&directory);
    let again = open_as(BOTH, image.path()).expect("opens");
    assert_eq!(*again.version().borrow(), Version::new(2));
    drop(again);

    let error = start_as(ONE, image.path()).await.err().expect("refused");
    let message = error.to_string();
    assert!(message.contains("the state of the cluster in format 2"), "{message}");
    assert!(message.contains("upgrade this node"), "{message}");
    assert_eq!(cli::exit_code(Err(error.into())), 64);
}

#[tokio::test]
async fn a_node_that_does_not_speak_the_clusters_format_tells_its_callers_so() {
    let member = Member::master("server-1").await;
    let vote = openraft::raft::VoteRequest::<u64>::new(openraft::Vote::new(1, 1), None);
    let mut request = member
        .request(crate::wire::internal::peer_call::Call::Vote(seal(Kind::Ballot, &vote).into()));
    request.metadata_mut().insert(FORMAT_KEY, 2_u32.into());
    let refused = member.ask(request).await.expect_err("refused");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let said = "the cluster writes in format 2, this node speaks format 1: upgrade it";
    assert_eq!(refused.message(), said);
    assert_eq!(member.node.cluster(), None, "it has not joined");
}

#[tokio::test]
async fn a_fresh_state_that_says_nothing_writes_in_the_first_format() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    assert_eq!(*open_state(directory.path()).version().borrow(), Version::FIRST);
}
