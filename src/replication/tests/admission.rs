//! Who is admitted on the port for nodes.

use openraft::{
    Vote,
    raft::{VoteRequest, VoteResponse},
};
use tokio_stream::Once;
use tonic::{Code, Request};

use super::cluster::{CLUSTER, Member};
use crate::{
    domain::{ClusterId, NodeId},
    envelope::{Kind, Version, open, seal, seal_in},
    node_auth::{CLUSTER_KEY, NODE_KEY, SECRET_KEY},
    wire::internal::{PeerCall, peer_call::Call},
};

fn vote(member: &Member) -> Request<Once<PeerCall>> {
    let vote: VoteRequest<NodeId> = VoteRequest::new(Vote::new(1, NodeId::new(1)), None);
    member.request(Call::Vote(seal(Kind::Ballot, &vote).into()))
}

async fn code(member: &Member, request: Request<Once<PeerCall>>) -> Code {
    member.ask(request).await.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn a_call_without_the_clusters_secret_is_not_heard() {
    let member = Member::master("server-1").await;
    let mut missing = vote(&member);
    missing.metadata_mut().remove(SECRET_KEY);
    assert_eq!(code(&member, missing).await, Code::Unauthenticated);
    let mut wrong = vote(&member);
    wrong.metadata_mut().insert(SECRET_KEY, "another secret".parse().expect("ASCII"));
    assert_eq!(code(&member, wrong).await, Code::Unauthenticated);
    assert_eq!(member.node.cluster(), None);
    assert_eq!(code(&member, vote(&member)).await, Code::Ok);
}

#[tokio::test]
async fn a_call_for_another_node_is_refused() {
    let member = Member::master("server-1").await;
    let mut wrong = vote(&member);
    wrong.metadata_mut().insert(NODE_KEY, (member.id().get() ^ 1).into());
    assert_eq!(code(&member, wrong).await, Code::FailedPrecondition);
    let mut missing = vote(&member);
    missing.metadata_mut().remove(NODE_KEY);
    assert_eq!(code(&member, missing).await, Code::FailedPrecondition);
    assert_eq!(member.node.cluster(), None);
}

#[tokio::test]
async fn a_node_of_no_cluster_joins_the_callers_and_then_refuses_every_other() {
    let member = Member::master("server-1").await;
    let mut nowhere = vote(&member);
    nowhere.metadata_mut().remove(CLUSTER_KEY);
    assert_eq!(code(&member, nowhere).await, Code::FailedPrecondition);
    assert_eq!(member.node.cluster(), None);

    assert_eq!(code(&member, vote(&member)).await, Code::Ok);
    assert_eq!(member.node.cluster(), Some(CLUSTER));

    let mut other = vote(&member);
    let other_id = ClusterId::new(1).to_string().parse().expect("ASCII");
    other.metadata_mut().insert(CLUSTER_KEY, other_id);
    let refused = member.ask(other).await.expect_err("another cluster's");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains(&CLUSTER.to_string()), "{}", refused.message());
    assert!(member.node.join(ClusterId::new(1)).await.is_err());
    assert_eq!(member.node.cluster(), Some(CLUSTER));
}

#[tokio::test]
async fn what_is_damaged_or_of_another_version_is_refused_as_that_and_harms_nothing() {
    let member = Member::master("server-1").await;
    let garbage = Call::DirectedVote(vec![0xff; 40].into());
    assert_eq!(code(&member, member.request(garbage)).await, Code::DataLoss);
    let newer = seal_in(Version::new(9), Kind::Ballot, &"whatever");
    let newer = member.request(Call::Vote(newer.into()));
    let refused = member.ask(newer).await.expect_err("refused");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("upgrade this node"), "{refused}");
    let answer = member.ask(vote(&member)).await.expect("heard");
    let answer: VoteResponse<NodeId> = open(Kind::Voted, &answer).expect("a vote");
    assert!(answer.vote_granted);
}
