//! The client where servers cannot be dialled at the addresses that the directory names.

use std::{net::TcpListener, time::Duration};

use tokio::time::Instant;

use super::{
    DEADLINE, NEVER,
    fake::{Behaviour, Network, Node},
    next_ids, soon,
};
use crate::client::{ActiveServer, Client, ClientOptions, Subscription};

/// A router and a master that it names, but that is not there.
fn cluster_out_of_reach() -> (Network, Node, String) {
    let network = Network::default();
    let [router, server] = ["router", "server-1"].map(|name| network.start(name));
    router.name_available(&server, 1, &[&server]);
    let address = server.address();
    server.kill();
    (network, router, address)
}

async fn client_of(entries: &str) -> Client {
    let options = ClientOptions { attempt_timeout: NEVER, ..ClientOptions::new(entries) };
    let client = Client::connect(options).expect("addresses");
    soon(client.log_in("u1", None)).await.expect("anybody may log in");
    client
}

/// Who has seen the changes, one after the other.
fn seen_by(network: &Network) -> Vec<String> {
    network.seen().into_iter().map(|seen| seen.node).collect()
}

async fn until(client: &Client, is_so: impl Fn(&ActiveServer) -> bool) {
    let mut active_server = client.active_server();
    soon(active_server.wait_for(|active| active.as_ref().is_some_and(&is_so)))
        .await
        .expect("the client lives");
}

/// What comes next, if it is posted once `node` streams. (Nothing is done for a timeline that nobody reads.)
async fn next_over(
    node: &str,
    network: &Network,
    subscription: &mut Subscription,
    text: &str,
) -> Vec<u64> {
    let posting = async {
        soon(network.until_streaming(node)).await;
        network.post(text);
    };
    let (next, ()) = tokio::join!(next_ids(subscription, 1), posting);
    next
}

#[tokio::test]
async fn a_server_that_can_be_dialled_is_asked_itself() {
    let network = Network::default();
    let [router, server] = ["router", "server-1"].map(|name| network.start(name));
    router.name_available(&server, 1, &[&server]);
    let client = client_of(&router.address()).await;
    soon(client.publish("hello")).await.expect("published");
    assert_eq!(seen_by(&network), ["server-1"]);
    assert_eq!(network.relayed(), [""; 0], "nobody was asked to relay anything");
    until(&client, |active| active.through.is_none()).await;
}

#[tokio::test]
async fn a_server_that_cannot_be_dialled_is_reached_through_the_node_that_was_reached() {
    let (network, router, _address) = cluster_out_of_reach();
    let client = client_of(&router.address()).await;
    soon(client.publish("hello")).await.expect("published");
    assert_eq!(seen_by(&network), ["router"]);
    assert!(network.relayed().iter().all(|node| node == "router"));
    assert!(!network.relayed().is_empty(), "it was told that it is no server's own address");
    let active = client.active_server().borrow().clone().expect("one has answered");
    assert_eq!(
        (active.server.name, active.through),
        ("server-1".to_owned(), Some(router.address()))
    );
}

#[tokio::test]
async fn an_address_that_swallows_what_is_sent_costs_one_short_wait_and_no_more() {
    let (_network, router, address) = cluster_out_of_reach();
    let silent = TcpListener::bind(address).expect("its port is free");
    let begin = Instant::now();
    let client = client_of(&router.address()).await;
    let waited = begin.elapsed();
    assert!(waited >= Duration::from_millis(250), "it had its chance: {waited:?}");
    // A connection that is not made would be given up after two seconds.
    assert!(waited < Duration::from_millis(1_500), "{waited:?}");
    let begin = Instant::now();
    for text in ["one", "two", "three"] {
        soon(client.publish(text)).await.expect("published");
    }
    assert!(begin.elapsed() < Duration::from_millis(250), "{:?}", begin.elapsed());
    drop(silent);
}

#[tokio::test]
async fn a_timeline_moves_to_a_server_that_can_be_dialled_again_and_back_and_loses_nothing() {
    let (network, router, address) = cluster_out_of_reach();
    let client = client_of(&router.address()).await;
    let mut subscription = soon(client.subscribe(None)).await.expect("subscribed");
    assert_eq!(next_over("router", &network, &mut subscription, "1").await, [1]);

    // Every stream starts one post too early.
    router.behave(Behaviour::RepeatOnePost);
    let server = network.start_at("server-1", &address);
    server.behave(Behaviour::RepeatOnePost);
    assert_eq!(next_over("server-1", &network, &mut subscription, "2").await, [2]);
    soon(client.publish("3")).await.expect("published");
    assert_eq!(next_ids(&mut subscription, 1).await, [3]);
    assert_eq!(seen_by(&network), ["server-1"]);
    until(&client, |active| active.through.is_none()).await;

    server.kill();
    network.post("4");
    assert_eq!(next_ids(&mut subscription, 1).await, [4]);
    soon(client.publish("5")).await.expect("published");
    assert_eq!(next_ids(&mut subscription, 1).await, [5]);
    assert_eq!(seen_by(&network).last().map(String::as_str), Some("router"));
    until(&client, |active| active.through.is_some()).await;
}

#[tokio::test]
async fn a_call_cut_off_by_the_loss_of_the_direct_route_is_repeated_under_the_same_id_and_done_once()
 {
    let network = Network::default();
    let [router, server] = ["router", "server-1"].map(|name| network.start(name));
    router.name_available(&server, 1, &[&server]);
    let client = client_of(&router.address()).await;
    server.behave(Behaviour::ApplyWithoutAnswer);
    let publishing = tokio::spawn({
        let client = client.clone();
        async move { client.publish("during").await }
    });
    soon(network.until(|seen| seen.len() == 1)).await;
    server.kill();
    soon(publishing).await.expect("no panic").expect("published");
    assert_eq!(network.texts(), ["during"]);
    let seen = network.seen();
    assert_eq!(seen_by(&network), ["server-1", "router"]);
    assert_eq!(seen[0].id, seen[1].id);
}

#[tokio::test]
async fn a_new_available_server_is_dialled_at_once_by_whoever_could_not_dial_the_last_one() {
    let (network, router, _address) = cluster_out_of_reach();
    let client = client_of(&router.address()).await;
    until(&client, |active| active.through.is_some()).await;
    let second = network.start("server-2");
    let begin = Instant::now();
    router.name_available(&second, 2, &[&second]);
    soon(network.until_dialled("server-2")).await;
    let client_is_direct = async {
        while client.active_server().borrow().as_ref().is_some_and(|it| it.through.is_some()) {
            client.publish("hello").await.expect("published");
        }
    };
    soon(client_is_direct).await;
    // Sooner than the next probe that would have come by itself.
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn of_several_entries_the_first_that_answers_is_used_and_the_next_one_when_it_dies() {
    let (network, gone, address) = cluster_out_of_reach();
    let [first, second] = ["entry-1", "entry-2"].map(|name| network.start(name));
    for entry in [&first, &second] {
        let server = network.start_at("server-1", &address);
        entry.name_available(&server, 1, &[]);
    }
    let entries = format!("{},{}, {}", gone.address(), first.address(), second.address());
    gone.kill();
    let client = client_of(&entries).await;
    soon(client.publish("one")).await.expect("published");
    first.kill();
    soon(client.publish("two")).await.expect("published");
    assert_eq!(seen_by(&network), ["entry-1", "entry-2"]);
    assert_eq!(network.texts(), ["one", "two"]);
}

#[tokio::test]
async fn an_entry_that_knows_of_no_available_server_is_left_for_the_next_one() {
    let (network, router, _address) = cluster_out_of_reach();
    let cut_off = network.start("entry-1");
    let begin = Instant::now();
    let client = client_of(&format!("{},{}", cut_off.address(), router.address())).await;
    soon(client.publish("hello")).await.expect("published");
    assert_eq!(seen_by(&network), ["router"]);
    assert!(begin.elapsed() < DEADLINE / 2, "{:?}", begin.elapsed());
}
