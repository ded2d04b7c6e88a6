//! Whole nodes in this process: masters and a witness that serve each other over loopback.
//!
//! Leases and natural elections last longer than any test, so leaders change only when the test
//! makes them.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use openraft::{RaftMetrics, ServerState};
use tempfile::TempDir;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_stream::Once;
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Status,
    service::{Routes, interceptor::InterceptedService},
    transport::Channel,
};

use super::{
    entries::{account, copy_all, crash},
    slow_disk::SlowDisk,
};
use crate::{
    control::{ReceivedRoster, RosterEntry},
    domain::{ClusterId, NodeId},
    envelope::SupportedVersions,
    host::{
        clock,
        net::{self, Security},
    },
    node_auth::{NodeAuth, NodeInterceptor},
    replication::{
        NodeInfo, address_gossip,
        addresses::AddressSource,
        cluster_clock::Clock,
        log_store::LogStore,
        node::{Node, StartError},
        node_credentials::NodeCredentials,
        peer_service::PeerServer,
        pre_vote,
        reads::Reads,
        reconcile,
        writes::Writes,
    },
    serving::{self, Served},
    settings::{ConsensusSettings, Secret},
    social::{MemoryBudget, StateReader},
    wire::internal::{
        PeerCall, peer_call::Call, peer_service_client::PeerServiceClient,
        peer_service_server::PeerServiceServer,
    },
};

pub const CLUSTER: ClusterId = ClusterId::new(77);
const SECRET: &str = "a secret of the tests";

/// What all nodes prove to each other.
pub fn auth() -> NodeAuth {
    NodeAuth::in_clear(Secret::new(SECRET))
}
/// Generous, because the machine may be busy.
pub const DEADLINE: Duration = Duration::from_mins(1);

const TIMING: ConsensusSettings = ConsensusSettings {
    heartbeat: Duration::from_millis(200),
    election_min: Duration::from_mins(5),
    election_max: Duration::from_mins(6),
};

/// The credentials of a node of the cluster.
pub fn credentials() -> Arc<NodeCredentials> {
    let credentials = NodeCredentials::new(&auth());
    credentials.join(CLUSTER);
    Arc::new(credentials)
}

/// Waits until `so` is true of the metrics of `member`.
pub async fn until(
    member: &Member,
    what: &str,
    so: impl FnMut(&RaftMetrics<NodeId, NodeInfo>) -> bool + Send,
) {
    let mut metrics = member.node.raft().metrics();
    timeout(DEADLINE, metrics.wait_for(so)).await.expect(what).expect("runs");
}

/// Starts a witness with `log`, without a server.
pub async fn start_witness_with_log(log: LogStore) -> Result<Node, StartError> {
    Node::start_witness_with_log(log, Path::new("in memory"), &auth(), TIMING).await
}

/// For tests in which nodes hold elections by themselves.
pub const QUICK: ConsensusSettings = ConsensusSettings {
    heartbeat: Duration::from_millis(100),
    election_min: Duration::from_millis(300),
    election_max: Duration::from_millis(600),
};

/// Starts a master's node in `directory`, without a server.
pub async fn start_master(directory: &Path) -> Result<(Node, StateReader), StartError> {
    Node::start_master(directory, &auth(), TIMING, Arc::new(|_| {})).await
}

/// The same with a program that speaks other versions of the format.
pub async fn start_as(
    supported_versions: SupportedVersions,
    directory: &Path,
) -> Result<(Node, StateReader), StartError> {
    let log = LogStore::open(&directory.join("raft.redb"))?;
    let (memory, auth) = (MemoryBudget::default(), auth());
    let started = Node::start_master_as(
        supported_versions,
        log,
        directory,
        memory,
        &auth,
        TIMING,
        Arc::new(|_| {}),
    );
    started.await
}

/// One node with its server.
pub struct Member {
    pub node: Node,
    current: watch::Receiver<Option<Node>>,
    pub info: NodeInfo,
    state: Option<StateReader>,
    serving: CancellationToken,
    /// Cancelled when it is killed.
    ended: CancellationToken,
    /// What it is told by the router.
    pub roster: watch::Sender<ReceivedRoster>,
    timing: ConsensusSettings,
    directory: TempDir,
}

impl Member {
    /// A master whose program speaks other versions of the format than this one.
    pub async fn master_as(supported_versions: SupportedVersions, name: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self::indirectory(supported_versions, name, directory).await
    }

    /// The same master with another program, on the same files; this one must have been killed.
    pub async fn started_as(&self, supported_versions: SupportedVersions) -> Self {
        Self::indirectory(supported_versions, &self.info.name, crash(&self.directory)).await
    }

    async fn indirectory(
        supported_versions: SupportedVersions,
        name: &str,
        directory: TempDir,
    ) -> Self {
        let (node, state) = start_as(supported_versions, directory.path()).await.expect("started");
        Self::new(name, watch::channel(Some(node)).1, Some(state), directory).await
    }

    pub async fn master(name: &str) -> Self {
        Self::master_timed(name, TIMING).await
    }

    pub async fn master_timed(name: &str, timing: ConsensusSettings) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self::started_in(name, directory, timing).await
    }

    /// A master that continues with what is in `directory`.
    pub async fn master_in(directory: TempDir, name: &str) -> Self {
        Self::started_in(name, directory, TIMING).await
    }

    /// A master in `directory`, started as soon as that is free.
    pub async fn started_in(name: &str, directory: TempDir, timing: ConsensusSettings) -> Self {
        let auth = auth();
        let start = || Node::start_master(directory.path(), &auth, timing, Arc::new(|_| {}));
        let started = async {
            loop {
                match start().await {
                    Ok(started) => return started,
                    Err(_taken) => sleep(Duration::from_millis(5)).await,
                }
            }
        };
        let (node, state) = timeout(DEADLINE, started).await.expect("started in time");
        let current = watch::channel(Some(node)).1;
        let mut member = Self::new(name, current, Some(state), directory).await;
        member.timing = timing;
        member
    }

    /// Killed, and started again in the same slot at another address.
    pub async fn restarted(self) -> Self {
        self.kill().await;
        let Self { info, timing, directory, node, current, state, .. } = self;
        drop((node, current, state));
        Self::started_in(&info.name, directory, timing).await
    }

    /// A second master in a copy of this one's slot, which must not be in use.
    pub async fn copy_of(directory: &Path, name: &str) -> Self {
        let copy = tempfile::tempdir().expect("a temporary directory");
        copy_all(directory, copy.path());
        Self::started_in(name, copy, TIMING).await
    }

    /// Starts the background tasks of a master, except serving.
    pub fn start_background_tasks(&self) {
        let ended = || self.ended.clone();
        tokio::spawn(reconcile::run(self.node.clone(), self.roster.subscribe(), ended()));
        tokio::spawn(address_gossip::run(self.node.clone(), ended()));
        tokio::spawn(pre_vote::run(self.node.clone(), ended()));
    }

    /// Its slot.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A master whose log is on `disk`.
    pub async fn master_on(disk: &SlowDisk, name: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let auth = auth();
        let started = Node::start_master_with_log(
            disk.log(),
            directory.path(),
            MemoryBudget::default(),
            &auth,
            TIMING,
            Arc::new(|_| {}),
        );
        let (node, state) = started.await.expect("started");
        Self::new(name, watch::channel(Some(node)).1, Some(state), directory).await
    }

    pub async fn witness() -> Self {
        Self::witness_timed(TIMING).await
    }

    pub async fn witness_timed(timing: ConsensusSettings) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let auth = auth();
        let node = Node::start_witness(directory.path(), &auth, timing).await.expect("started");
        Self::new("router", watch::channel(Some(node)).1, None, directory).await
    }

    /// A witness that is restarted when it breaks; `current` is the present one.
    pub async fn supervised_witness(current: watch::Receiver<Option<Node>>) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self::new("router", current, None, directory).await
    }

    async fn new(
        name: &str,
        current: watch::Receiver<Option<Node>>,
        state: Option<StateReader>,
        directory: TempDir,
    ) -> Self {
        let node = current.borrow().clone().expect("just started");
        let info = NodeInfo {
            name: name.to_owned(),
            witness: state.is_none(),
            supported_versions: node.supported_versions(),
            ..NodeInfo::default()
        };
        let mut member = Self {
            node,
            current,
            info,
            state,
            serving: CancellationToken::new(),
            ended: CancellationToken::new(),
            roster: watch::Sender::new(ReceivedRoster::default()),
            timing: TIMING,
            directory,
        };
        member.heal().await;
        member
    }

    /// Serves the other nodes, on a new port.
    pub async fn heal(&mut self) {
        let listener = net::listen("test", ([127, 0, 0, 1], 0).into()).await.expect("bound");
        self.info.peer_address = format!("127.0.0.1:{}", listener.port());
        if !self.info.witness {
            self.info.address_version =
                self.node.first_address_version().max(self.info.address_version + 1);
            self.node.peers().set_own_address(self.info.clone());
        }
        self.serving = CancellationToken::new();
        let server =
            PeerServiceServer::new(PeerServer::of(self.current.clone(), self.serving.clone()));
        let guard = NodeInterceptor(auth());
        let routes = Routes::new(InterceptedService::new(server, guard));
        tokio::spawn(serving::serve(
            listener,
            Served::to_nodes(routes, &auth()),
            self.serving.clone(),
        ));
    }

    /// A copy of its disk.
    pub fn image(&self) -> TempDir {
        crash(&self.directory)
    }

    /// No other node can reach this node any more.
    pub fn cut(&self) {
        self.serving.cancel();
    }

    /// Has the same effect as killing it.
    pub async fn kill(&self) {
        self.cut();
        self.ended.cancel();
        self.node.stop().await;
    }

    pub fn id(&self) -> NodeId {
        self.node.id()
    }

    pub fn state(&self) -> &StateReader {
        self.state.as_ref().expect("a master")
    }

    pub fn writes(&self) -> Writes {
        self.writes_by(Arc::new(clock::now))
    }

    /// Writes stamped by `clock`.
    pub fn writes_by(&self, clock: Clock) -> Writes {
        Writes::start(&self.node, 1_024, clock)
    }

    pub fn reads(&self) -> Reads {
        Reads::start(&self.node)
    }

    /// A client of this node's peer service, and a request as a peer would make it.
    pub fn client(&self) -> PeerServiceClient<Channel> {
        PeerServiceClient::new(
            net::channel(&self.info.peer_address, &Security::InClear).expect("valid"),
        )
    }

    /// One call, alone on its stream.
    pub fn request(&self, call: Call) -> Request<Once<PeerCall>> {
        let calls = tokio_stream::once(PeerCall { number: 1, call: Some(call) });
        credentials().request(self.id(), calls)
    }

    /// The node's answer to one call.
    pub async fn ask(&self, request: Request<Once<PeerCall>>) -> Result<Bytes, Status> {
        let mut answers = self.client().exchange(request).await?.into_inner();
        let answer = answers.message().await?.expect("every call is answered");
        Ok(answer.payload)
    }

    pub async fn leads(&self) {
        let leading = self.node.raft().wait(Some(DEADLINE));
        leading.state(ServerState::Leader, "leads").await.expect("leads in time");
    }

    /// Waits until the membership that this node knows has exactly these voters, and no change is
    /// in progress.
    pub async fn votes(&self, voters: &[&Self]) {
        let voters: BTreeSet<NodeId> = voters.iter().map(|member| member.id()).collect();
        let mut metrics = self.node.raft().metrics();
        let settled = metrics.wait_for(|now| {
            let membership = &now.membership_config;
            let is_committed =
                now.last_applied.map(|id| id.index) >= membership.log_id().map(|id| id.index);
            is_committed && *membership.membership().get_joint_config() == [voters.clone()]
        });
        timeout(DEADLINE, settled).await.expect("in time").expect("runs");
    }

    /// Waits until this node, which leads, has been unable to reach `other` for long enough to act
    /// on it.
    pub async fn misses(&self, other: &Self) {
        const LONG_ENOUGH: Duration = Duration::from_secs(1);
        let missed = async {
            let refused = || self.node.peers().contact(other.id()).refused_since;
            while refused().is_none_or(|since| since.elapsed() < LONG_ENOUGH) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(DEADLINE, missed).await.expect("in time");
    }

    /// Waits until this node has applied as much as `other`.
    pub async fn level_with(&self, other: &Self) {
        let index = other.node.raft().metrics().borrow().last_log_index;
        let applied = self.node.raft().wait(Some(DEADLINE));
        applied.applied_index_at_least(index, "level").await.expect("in time");
    }
}

/// A cluster of this many masters and a witness; the first master leads and all vote.
pub async fn cluster(masters: usize) -> (Vec<Member>, Member) {
    cluster_led_by(Member::master("server-1").await, masters).await
}

/// The same, with `first` as the first master.
pub async fn cluster_led_by(first: Member, masters: usize) -> (Vec<Member>, Member) {
    cluster_with(first, masters, Member::witness().await).await
}

/// The same, with this witness.
pub async fn cluster_with(first: Member, masters: usize, witness: Member) -> (Vec<Member>, Member) {
    let mut members = vec![first];
    for number in 2..=masters {
        members.push(Member::master(&format!("server-{number}")).await);
    }
    assembled(members, witness).await
}

/// The same with these nodes.
pub async fn assembled(members: Vec<Member>, witness: Member) -> (Vec<Member>, Member) {
    let first = &members[0];
    first.node.bootstrap(CLUSTER, first.info.clone()).await.expect("bootstrapped");
    first.leads().await;
    let mut voters = BTreeSet::from([first.id()]);
    for other in members[1..].iter().chain([&witness]) {
        let info = other.info.clone();
        first.node.raft().add_learner(other.id(), info, true).await.expect("added");
        voters.insert(other.id());
    }
    first.node.raft().change_membership(voters, true).await.expect("changed");
    for other in members.iter().chain([&witness]) {
        other.level_with(first).await;
    }
    (members, witness)
}

/// What is left of two masters and a witness: the leader is dead, and only the witness knows the
/// account "ann", which the leader created and acknowledged. The other master is at a new address.
pub async fn only_the_witness_knows() -> (Member, Member) {
    let (mut masters, witness) = cluster(2).await;
    masters[1].cut();
    let written = masters[0].writes().submit(account("ann")).await;
    written.expect("acknowledged by the leader and the witness");
    masters[0].kill().await;
    let mut master = masters.pop().expect("two were made");
    master.heal().await;
    (master, witness)
}

/// Tells each of `members` the current addresses of the others, as a roster would.
pub fn introduce(members: &[&Member]) {
    for from in members {
        for to in members.iter().filter(|to| to.id() != from.id()) {
            from.node.peers().learn(to.id(), to.info.clone(), AddressSource::Router);
        }
    }
}

/// The roster that a router would publish.
pub fn roster<'a>(members: impl IntoIterator<Item = &'a Member>) -> ReceivedRoster {
    let listed = |member: &'a Member| {
        (
            member.id(),
            RosterEntry { info: member.info.clone(), down: false, leaving: false, full: false },
        )
    };
    ReceivedRoster {
        members: members.into_iter().map(listed).collect(),
        received: Some(Instant::now()),
    }
}
