//! A leader's own disk: the followers do not wait for it, but everyone else does.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{StreamExt as _, stream::BoxStream};
use openraft::{
    CommittedLeaderId, EntryPayload, Membership, Vote,
    network::{RPCOption, RaftNetwork as _, RaftNetworkFactory as _},
    raft::{AppendEntriesRequest, AppendEntriesResponse},
    storage::{RaftLogStorage as _, RaftLogStorageExt as _},
};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming, service::Routes};

use super::{
    cluster::{CLUSTER, DEADLINE, Member, cluster_led_by},
    entries::account,
    slow_disk::SlowDisk,
};
use crate::{
    domain::NodeId,
    envelope::{self, Kind},
    host::{clock, net},
    node_auth::NodeAuth,
    replication::{
        Consensus, Entry, LogId, NodeInfo,
        durability::WriterGone,
        log_store::LogStore,
        peers::{Connection, Peers},
    },
    serving::{self, Served},
    settings::Secret,
    wire::internal::{
        CompactReply, CompactRequest, FetchStateRequest, PeerAnswer, PeerCall, PeerReply,
        SnapshotChunk,
        peer_call::Call,
        peer_service_server::{PeerService, PeerServiceServer},
    },
};

/// To check that something does not happen, however long one waits.
const A_MOMENT: Duration = Duration::from_millis(100);
const OTHER: NodeId = NodeId::new(2);

/// The first entry of `leader`, in term 3, which makes the two nodes voters.
fn membership(leader: NodeId) -> Entry {
    let voters = BTreeSet::from([leader, OTHER]);
    let nodes = voters.iter().map(|id| (*id, NodeInfo::default()));
    let nodes: BTreeMap<_, _> = nodes.collect();
    Entry {
        log_id: LogId::new(CommittedLeaderId::new(3, leader), 1),
        payload: EntryPayload::Membership(Membership::new(vec![voters], nodes)),
    }
}

/// A log on a hung `disk`, whose node leads term 3 and has just appended an entry after the first.
async fn ahead_of(disk: &SlowDisk) -> (LogStore, Entry) {
    let mut log = disk.log();
    let entry = membership(log.node_id());
    log.save_vote(&Vote::new_committed(3, log.node_id())).await.expect("saved");
    let first = Entry { log_id: first(&entry), payload: EntryPayload::Blank };
    log.blocking_append([first]).await.expect("appended");
    disk.hang(true);
    let appended = log.blocking_append([entry.clone()]);
    timeout(DEADLINE, appended).await.expect("before the disk has it").expect("appended");
    (log, entry)
}

/// The entry before `entry`, which is on disk.
fn first(entry: &Entry) -> LogId {
    LogId { index: entry.log_id.index - 1, ..entry.log_id }
}

#[tokio::test]
async fn a_leader_that_needs_others_goes_on_before_its_disk_has_an_entry() {
    let disk = SlowDisk::default();
    let (log, entry) = ahead_of(&disk).await;
    assert!(!log.durable().has(Some(entry.log_id)), "nothing is on the disk");
    disk.hang(false);
    let reached = timeout(DEADLINE, log.durable().wait_for_entry(Some(entry.log_id))).await;
    reached.expect("the disk goes on").expect("written");
}

#[tokio::test]
async fn after_a_truncation_a_leader_cannot_tell_who_votes() {
    let disk = SlowDisk::default();
    let mut log = disk.log();
    let entry = membership(log.node_id());
    log.save_vote(&Vote::new_committed(3, log.node_id())).await.expect("saved");
    log.blocking_append([entry.clone()]).await.expect("appended");
    log.truncate(entry.log_id).await.expect("truncated");
    disk.hang(true);
    let last = Some(entry.log_id);
    let blank = Entry { payload: EntryPayload::Blank, ..entry };
    assert!(timeout(A_MOMENT, log.blocking_append([blank])).await.is_err());
    assert!(!log.durable().has(last), "what was cut off is not written");
    disk.hang(false);
    timeout(DEADLINE, log.durable().wait_for_entry(last)).await.expect("goes on").expect("written");
}

#[tokio::test]
#[should_panic(expected = "commit behind the disk")]
async fn a_leader_never_commits_what_its_own_disk_does_not_have() {
    let disk = SlowDisk::default();
    let (mut log, entry) = ahead_of(&disk).await;
    let _never = timeout(A_MOMENT, log.save_committed(Some(entry.log_id))).await;
}

#[tokio::test]
#[should_panic(expected = "first in, first out")]
async fn entries_that_leave_a_gap_are_not_queued() {
    let disk = SlowDisk::default();
    let (mut log, entry) = ahead_of(&disk).await;
    let log_id = LogId { index: entry.log_id.index + 2, ..entry.log_id };
    let _never = log.blocking_append([Entry { log_id, payload: EntryPayload::Blank }]).await;
}

#[tokio::test]
async fn one_that_led_before_waits_for_its_disk_with_what_another_commits() {
    let disk = SlowDisk::default();
    let (mut log, entry) = ahead_of(&disk).await;
    let mut follower = log.clone();
    let follows = tokio::spawn(async move {
        follower.save_vote(&Vote::new_committed(4, OTHER)).await.expect("saved");
        follower.save_committed(Some(entry.log_id)).await
    });
    assert!(!follows.is_finished());
    disk.hang(false);
    timeout(DEADLINE, follows).await.expect("in time").expect("no panic").expect("written");
    log.save_committed(Some(entry.log_id)).await.expect("written");
}

/// A node that acknowledges everything that is appended to its log, and records how many entries
/// each call had.
struct Recorder(mpsc::Sender<usize>);

#[tonic::async_trait]
impl PeerService for Recorder {
    type ExchangeStream = BoxStream<'static, Result<PeerAnswer, Status>>;

    async fn exchange(
        &self,
        request: Request<Streaming<PeerCall>>,
    ) -> Result<Response<Self::ExchangeStream>, Status> {
        let entries = self.0.clone();
        let answers = request.into_inner().map(move |call| {
            let PeerCall { number, call } = call?;
            let Some(Call::Append(payload)) = call else {
                return Err(Status::invalid_argument("appends only"));
            };
            let request: AppendEntriesRequest<Consensus> =
                envelope::open(Kind::Append, &payload).expect("an append");
            entries.try_send(request.entries.len()).expect("room");
            let answer = AppendEntriesResponse::<NodeId>::Success;
            let payload = envelope::seal(Kind::Appended, &answer).into();
            Ok(PeerAnswer { number, payload, clock_ms: clock::now().get() })
        });
        Ok(Response::new(answers.boxed()))
    }

    type FetchStateStream = BoxStream<'static, Result<SnapshotChunk, Status>>;

    async fn fetch_state(
        &self,
        _request: Request<FetchStateRequest>,
    ) -> Result<Response<Self::FetchStateStream>, Status> {
        Err(Status::unimplemented("appends only"))
    }

    async fn compact(
        &self,
        _request: Request<CompactRequest>,
    ) -> Result<Response<CompactReply>, Status> {
        Err(Status::unimplemented("appends only"))
    }

    async fn install_snapshot(
        &self,
        _request: Request<Streaming<SnapshotChunk>>,
    ) -> Result<Response<PeerReply>, Status> {
        Err(Status::unimplemented("appends only"))
    }
}

/// Where a [`Recorder`] listens, and what it records.
async fn recorder() -> (NodeInfo, mpsc::Receiver<usize>) {
    let (noted, entries) = mpsc::channel(64);
    let listener = net::listen("test", ([127, 0, 0, 1], 0).into()).await.expect("bound");
    let peer_address = format!("127.0.0.1:{}", listener.port());
    let routes = Routes::new(PeerServiceServer::new(Recorder(noted)));
    tokio::spawn(serving::serve(
        listener,
        Served::to_nodes(routes, &NodeAuth::in_clear(Secret::new("a secret of the tests"))),
        CancellationToken::new(),
    ));
    (NodeInfo { peer_address, ..NodeInfo::default() }, entries)
}

/// The leader's connection to a [`Recorder`], and its call that carries `entry`.
async fn connection(
    log: &LogStore,
    entry: &Entry,
) -> (Connection, AppendEntriesRequest<Consensus>, mpsc::Receiver<usize>) {
    let (info, entries) = recorder().await;
    let mut peers =
        Peers::new(log.clone(), &NodeAuth::in_clear(Secret::new("a secret of the tests")));
    peers.set_cluster(CLUSTER);
    let request = AppendEntriesRequest {
        vote: Vote::new_committed(3, log.node_id()),
        prev_log_id: Some(first(entry)),
        entries: vec![entry.clone()],
        leader_commit: None,
    };
    (peers.new_client(OTHER, &info).await, request, entries)
}

#[tokio::test]
async fn a_disk_slower_than_a_heartbeat_sends_nothing_again_and_acknowledges_nothing() {
    let disk = SlowDisk::default();
    let (log, entry) = ahead_of(&disk).await;
    let (mut other, request, mut sent) = connection(&log, &entry).await;
    let brief = RPCOption::new(Duration::from_millis(200));
    for entries in [1, 0, 0] {
        let answer = loop {
            // The first call may find that the connection is still being set up.
            if let Ok(answer) = other.append_entries(request.clone(), brief.clone()).await {
                break answer;
            }
        };
        let follows = AppendEntriesResponse::PartialSuccess(Some(first(&entry)));
        assert_eq!(answer, follows, "it follows, but nothing counts yet");
        assert_eq!(sent.recv().await, Some(entries));
    }
    disk.hang(false);
    let patient = RPCOption::new(DEADLINE);
    let answer = other.append_entries(request, patient).await.expect("answered");
    assert_eq!(answer, AppendEntriesResponse::Success);
}

#[tokio::test]
async fn nothing_is_acknowledged_once_the_log_cannot_be_written() {
    let disk = SlowDisk::default();
    let (log, entry) = ahead_of(&disk).await;
    let (mut other, request, _sent) = connection(&log, &entry).await;
    disk.break_down();
    disk.hang(false);
    assert_eq!(timeout(DEADLINE, log.durable().writer_lost()).await, Ok(WriterGone));
    let patient = RPCOption::new(DEADLINE);
    let answer = other.append_entries(request, patient).await;
    assert!(answer.is_err(), "{answer:?} counts a copy that is not there");
    let mut log = log;
    let log_id = LogId { index: 2, ..entry.log_id };
    let next = Entry { log_id, payload: EntryPayload::Blank };
    log.blocking_append([next]).await.expect_err("nobody writes it");
}

#[tokio::test]
async fn whose_leadership_is_over_sends_nothing_more() {
    let disk = SlowDisk::default();
    let (mut log, entry) = ahead_of(&disk).await;
    disk.hang(false);
    let (mut other, request, mut sent) = connection(&log, &entry).await;
    let later = Vote::new(4, OTHER);
    log.save_vote(&later).await.expect("saved");
    let answer = other.append_entries(request, RPCOption::new(DEADLINE)).await;
    assert_eq!(answer.expect("answered"), AppendEntriesResponse::HigherVote(later));
    sent.try_recv().expect_err("nothing was sent");
}

#[tokio::test]
async fn a_leader_whose_disk_breaks_is_broken() {
    let disk = SlowDisk::default();
    let first = Member::master_on(&disk, "server-1").await;
    let (masters, _witness) = cluster_led_by(first, 2).await;
    disk.break_down();
    let _unanswered = timeout(A_MOMENT, masters[0].writes().submit(account("ann"))).await;
    timeout(DEADLINE, masters[0].node.broken()).await.expect("says so");
}

#[tokio::test]
async fn what_all_others_have_is_acknowledged_when_the_leaders_own_disk_has_it_too() {
    let disk = SlowDisk::default();
    let first = Member::master_on(&disk, "server-1").await;
    let (masters, _witness) = cluster_led_by(first, 3).await;
    let leader = &masters[0];
    let before = masters[1].node.last_log().await.expect("a log").index;
    disk.hang(true);
    let writes = leader.writes();
    let mut written = tokio::spawn(async move { writes.submit(account("ann")).await });
    for other in &masters[1..] {
        let has_it = other.node.raft().wait(Some(DEADLINE));
        has_it.log_index_at_least(Some(before + 1), "sent").await.expect("in time");
    }
    assert!(timeout(A_MOMENT, &mut written).await.is_err(), "acknowledged, but on too few disks");
    for other in &masters[1..] {
        let applied = other.node.progress(0).await.applied;
        assert_eq!(applied, before, "applied before it is committed");
    }
    leader.node.progress(0).await;
    let stands = timeout(A_MOMENT, leader.node.progress(0)).await;
    assert!(stands.is_err(), "a leader with a hung disk must not report as if it were healthy");

    disk.hang(false);
    let written = timeout(DEADLINE, written).await.expect("in time").expect("no panic");
    written.expect("written");
    timeout(DEADLINE, leader.node.progress(0)).await.expect("well again");
}
