//! The stream from one node to another, when it breaks or hangs.

use std::time::Duration;

use openraft::{
    Vote,
    raft::{VoteRequest, VoteResponse},
};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};
use tonic::Code;

use super::cluster::{CLUSTER, DEADLINE, Member, credentials};
use crate::{
    domain::NodeId,
    envelope::{Kind, open, seal},
    replication::link::Link,
    wire::internal::peer_call::Call,
};

/// More calls than may wait for a node.
const MANY: usize = 200;

fn link(member: &Member) -> Link {
    let address = member.info.peer_address.clone();
    Link::new(member.id(), address, credentials()).expect("an address")
}

fn ask_for_a_vote(term: u64) -> Call {
    let request: VoteRequest<NodeId> = VoteRequest::new(Vote::new(term, NodeId::new(1)), None);
    Call::Vote(seal(Kind::Ballot, &request).into())
}

async fn is_granted(link: &Link, term: u64) -> Result<bool, Code> {
    let answer = timeout(DEADLINE, link.call(ask_for_a_vote(term))).await.expect("in time");
    let answer = answer.map_err(|status| status.code())?;
    let answer: VoteResponse<NodeId> = open(Kind::Voted, &answer.payload).expect("an answer");
    Ok(answer.vote_granted)
}

#[tokio::test]
async fn a_node_that_was_heard_of_is_connected_to_before_it_is_called() {
    let member = Member::master("server-1").await;
    let link = link(&member);
    link.open();
    // The node joins the cluster of the first one that it admits.
    let joined = async {
        while member.node.cluster() != Some(CLUSTER) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(DEADLINE, joined).await.expect("admitted without a call");
    assert_eq!(is_granted(&link, 1).await, Ok(true));
    assert_eq!(is_granted(&link, 2).await, Ok(true));
}

#[tokio::test]
async fn a_call_to_a_node_that_is_gone_fails_at_once() {
    let member = Member::master("server-1").await;
    let link = link(&member);
    assert_eq!(is_granted(&link, 1).await, Ok(true));
    member.cut();
    while is_granted(&link, 2).await.is_ok() {}
    assert_eq!(is_granted(&link, 3).await, Err(Code::Unavailable));
}

#[tokio::test]
async fn a_connection_that_breaks_is_noticed_though_nobody_calls() {
    let member = Member::master("server-1").await;
    let link = link(&member);
    assert_eq!(link.broken_since(), None);
    assert_eq!(is_granted(&link, 1).await, Ok(true));
    assert_eq!(link.broken_since(), None);
    member.cut();
    let noticed = async {
        while link.broken_since().is_none() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(DEADLINE, noticed).await.expect("in time");
}

#[tokio::test]
async fn calls_to_a_node_that_hangs_do_not_pile_up_and_end() {
    let deaf = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = deaf.local_addr().expect("bound").to_string();
    let link = Link::new(NodeId::new(7), address, credentials()).expect("an address");
    let calls = (0..MANY).map(|_| is_granted(&link, 1));
    let codes = futures::future::join_all(calls).await;
    let refused = codes.iter().filter(|code| **code == Err(Code::ResourceExhausted)).count();
    assert!((1..MANY).contains(&refused), "{refused} of {MANY} are refused");
    let lost = codes.iter().filter(|code| **code == Err(Code::Unavailable)).count();
    assert_eq!(refused + lost, MANY);
}
