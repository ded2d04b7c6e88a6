//! The client against servers that die, hang, move, and send things twice.

pub(crate) mod fake;
mod routes;

use std::{future::Future, time::Duration};

use tokio::{sync::watch, time};
use tonic::Code;

use super::{
    Changed, Client, ClientError, ClientOptions, Cursor, EventSubscription, FeedChange, ListKind,
    Post, Refusal, RefusalKind, Relayed, StreamKind, Subscription, TimelineEvent,
};
use crate::{
    directory::{Available, Location},
    domain::{Mark, PostId, UserName},
    node_auth::NodeAuth,
    settings::Secret,
    wire::v1::{self, subscribe_event::Event},
};
use fake::{Behaviour, Network, Node, SECRET};

/// Far longer than any step takes; a test that reaches it has failed.
const DEADLINE: Duration = Duration::from_secs(20);
/// So long that no call can have been rescued by this timeout.
const NEVER: Duration = Duration::from_hours(1);

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    time::timeout(DEADLINE, what).await.expect("this takes no time")
}

async fn client_of(router: &Node) -> Client {
    let options = ClientOptions {
        attempt_timeout: NEVER,
        ask_masters_after: Duration::from_millis(1),
        ..ClientOptions::new(router.address())
    };
    let client = Client::connect(options).expect("an address");
    soon(client.log_in("u1", None)).await.expect("anybody may log in");
    client
}

/// A router and two masters, the first of which is available in term 1.
fn cluster() -> (Network, Node, Node, Node) {
    let network = Network::default();
    let [router, first, second] =
        ["router", "server-1", "server-2"].map(|name| network.start(name));
    router.name_available(&first, 1, &[&first, &second]);
    (network, router, first, second)
}

#[tokio::test]
async fn a_call_cut_off_by_a_death_is_repeated_under_the_same_id_and_done_once() {
    let (network, router, first, second) = cluster();
    let client = client_of(&router).await;
    client.publish("before").await.expect("published");
    first.behave(Behaviour::ApplyWithoutAnswer);
    let publishing = tokio::spawn({
        let client = client.clone();
        async move { client.publish("during").await }
    });
    soon(network.until(|seen| seen.len() == 2)).await;
    first.kill();
    router.name_available(&second, 2, &[&second]);

    let published = soon(publishing).await.expect("no panic").expect("published");
    assert_eq!(published.id, PostId::new(2), "the post that the first master made");
    assert_eq!(network.texts(), ["before", "during"]);
    let seen = network.seen();
    assert_eq!(
        seen.iter().map(|seen| &*seen.node).collect::<Vec<_>>(),
        ["server-1", "server-1", "server-2"]
    );
    assert_eq!(seen[1].id, seen[2].id);
    assert_ne!(seen[0].id, seen[1].id);

    let active_server = client.active_server().borrow().clone().expect("a server has answered");
    assert_eq!((&*active_server.server.name, active_server.server.term), ("server-2", 2));
    assert!(active_server.move_took.is_some_and(|took| took < DEADLINE));
}

#[tokio::test]
async fn a_hung_server_is_left_as_soon_as_another_is_named() {
    let (network, router, first, second) = cluster();
    let client = client_of(&router).await;
    first.behave(Behaviour::Hang);
    let publishing = tokio::spawn({
        let client = client.clone();
        async move { client.publish("hello").await }
    });
    soon(network.until(|seen| seen.len() == 1)).await;
    router.name_available(&second, 2, &[&first, &second]);
    soon(publishing).await.expect("no panic").expect("published");
    assert_eq!(network.seen().last().map(|seen| seen.node.clone()).as_deref(), Some("server-2"));
}

#[tokio::test]
async fn whoever_is_being_elected_is_dialled_before_it_is_available() {
    let (network, router, first, second) = cluster();
    let client = client_of(&router).await;
    first.kill();
    router.name_candidate(&second);
    soon(network.until_dialled("server-2")).await;
    assert!(network.seen().is_empty(), "nothing is asked of it that only a leader may answer");
    router.name_available(&second, 2, &[&second]);
    soon(client.publish("hello")).await.expect("published");
    assert_eq!(network.seen().last().map(|seen| seen.node.clone()).as_deref(), Some("server-2"));
}

#[tokio::test]
async fn a_silent_server_is_left_after_the_attempts_time_limit() {
    let (network, router, first, second) = cluster();
    let options = ClientOptions {
        attempt_timeout: Duration::from_millis(50),
        ..ClientOptions::new(router.address())
    };
    let client = Client::connect(options).expect("an address");
    soon(client.log_in("u1", None)).await.expect("logged in");
    first.behave(Behaviour::Hang);
    let publishing = client.publish("hello");
    let waking = async {
        soon(network.until(|seen| seen.len() == 2)).await;
        first.behave(Behaviour::Serve);
    };
    let (published, ()) = tokio::join!(soon(publishing), waking);
    published.expect("published");
    assert!(network.seen().iter().all(|seen| seen.node == "server-1"), "no other was named");
    drop(second);
}

#[tokio::test]
async fn a_router_that_dies_and_returns_disturbs_nobody() {
    let (network, router, first, second) = cluster();
    let client = client_of(&router).await;
    second.name_available(&second, 2, &[&second]);
    let address = router.address();
    router.kill();
    client.publish("the router is away").await.expect("published");

    first.kill();
    soon(client.publish("another master tells where to go")).await.expect("published");

    let third = network.start("server-3");
    let router = network.start_at("router", &address);
    // It names no server at first, then one that is no longer available, then the right one.
    router.name_nobody();
    router.name_available(&third, 1, &[&second, &third]);
    soon(client.publish("an old answer counts for nothing")).await.expect("published");
    second.kill();
    router.name_available(&third, 3, &[&third]);
    soon(client.publish("the router is back")).await.expect("published");
    let nodes: Vec<String> = network.seen().into_iter().map(|seen| seen.node).collect();
    assert_eq!(nodes, ["server-1", "server-2", "server-2", "server-3"]);
    assert_eq!(network.texts().len(), 4);
}

#[tokio::test]
async fn a_server_that_is_not_available_sends_the_call_on_without_a_pause() {
    let (network, router, first, second) = cluster();
    let client = client_of(&router).await;
    first.behave(Behaviour::Elsewhere(second.address()));
    soon(client.publish("hello")).await.expect("published");
    let nodes: Vec<String> = network.seen().into_iter().map(|seen| seen.node).collect();
    assert_eq!(nodes, ["server-1", "server-2"]);
}

#[tokio::test]
async fn a_refusal_is_final() {
    let (network, router, first, _second) = cluster();
    let client = client_of(&router).await;
    first.behave(Behaviour::Refuse(Code::InvalidArgument));
    let refusal = soon(client.publish("hello")).await.expect_err("refused");
    assert!(
        matches!(&refusal, ClientError::Refused(refused) if *refused == Refusal::invalid("no")),
        "{refusal:?}"
    );
    assert_eq!(network.seen().len(), 1);
}

#[tokio::test]
async fn a_session_that_has_ended_is_renewed_once_for_all_calls() {
    let (network, router, _first, _second) = cluster();
    let client = client_of(&router).await;
    network.end_sessions();
    let calls = (0..20).map(|number| {
        let client = client.clone();
        async move { client.publish(&number.to_string()).await.map(|published| published.id.get()) }
    });
    let mut ids = soon(futures::future::try_join_all(calls)).await.expect("published");
    ids.sort_unstable();
    assert_eq!(ids, (1..=20).collect::<Vec<_>>());
    assert_eq!(network.logins(), 2);
}

#[tokio::test]
async fn a_changed_password_ends_the_sessions_and_the_client_stays_logged_in() {
    let (network, router, _first, _second) = cluster();
    let client = client_of(&router).await;
    assert!(!client.has_password());
    soon(client.set_password(None, Some("one"))).await.expect("set");
    assert!(client.has_password());
    client.publish("with a new session").await.expect("published");
    soon(client.set_password(Some("one"), Some("two"))).await.expect("changed");
    soon(client.set_password(Some("two"), None)).await.expect("taken away");
    assert_eq!((network.password().as_str(), network.logins()), ("", 2));
    assert!(!client.has_password());
}

#[tokio::test]
async fn a_wrong_current_password_changes_nothing() {
    let (network, router, _first, _second) = cluster();
    let client = client_of(&router).await;
    soon(client.set_password(None, Some("one"))).await.expect("set");
    for new in ["one", "two"] {
        let refusal = soon(client.set_password(Some("wrong"), Some(new))).await;
        let refusal = refusal.expect_err("refused");
        assert_eq!(refusal.refusal_kind(), Some(&RefusalKind::WrongPassword));
    }
    network.end_sessions();
    client.publish("with the old password").await.expect("published");
    assert_eq!(network.password(), "one");
}

/// The first server changes the password and dies before it says so.
async fn cut_off_a_change_of_password(has_session: bool) {
    let (network, router, first, second) = cluster();
    let client = client_of(&router).await;
    soon(client.set_password(None, Some("old"))).await.expect("set");
    first.behave(Behaviour::ApplyWithoutAnswer);
    if !has_session {
        network.end_sessions();
    }
    let changing = tokio::spawn({
        let client = client.clone();
        async move { client.set_password(Some("old"), Some("new")).await }
    });
    soon(network.until(|seen| seen.len() == 2)).await;
    first.kill();
    router.name_available(&second, 2, &[&second]);
    soon(changing).await.expect("no panic").expect("it was done");
    assert_eq!((network.password().as_str(), network.seen().len()), ("new", 3));
    client.publish("with the new password").await.expect("published");
    soon(client.set_password(Some("new"), Some("newer"))).await.expect("changed");
    assert_eq!(network.password(), "newer");
}

#[tokio::test]
async fn a_change_of_password_whose_answer_was_lost_is_recognised_as_done() {
    cut_off_a_change_of_password(true).await;
}

#[tokio::test]
async fn so_is_one_that_had_to_begin_a_session_first() {
    cut_off_a_change_of_password(false).await;
}

#[tokio::test]
async fn other_calls_survive_a_change_of_password_that_nobody_has_answered_yet() {
    let (network, router, first, _second) = cluster();
    let client = client_of(&router).await;
    first.behave(Behaviour::ApplyWithoutAnswer);
    let changing = tokio::spawn({
        let client = client.clone();
        async move { client.set_password(None, Some("new")).await }
    });
    soon(network.until(|seen| seen.len() == 1)).await;
    first.behave(Behaviour::Serve);
    soon(client.publish("meanwhile")).await.expect("published");
    assert!(!changing.is_finished());
    changing.abort();
    soon(client.set_password(Some("new"), None)).await.expect("the doubt is over");
    assert_eq!(network.password(), "");
}

#[tokio::test]
async fn nothing_is_asked_without_a_session() {
    let (_network, router, _first, _second) = cluster();
    let client = Client::connect(ClientOptions::new(router.address())).expect("an address");
    assert!(matches!(client.publish("hello").await, Err(ClientError::NotLoggedIn)));
    assert!(matches!(client.subscribe(Some(PostId::NONE)).await, Err(ClientError::NotLoggedIn)));
}

#[tokio::test]
async fn a_call_that_nobody_answers_fails_when_patience_ends_and_says_why() {
    let network = Network::default();
    let gone = network.start("router");
    let address = gone.address();
    gone.kill();
    let options =
        ClientOptions { call_timeout: Duration::from_millis(100), ..ClientOptions::new(&address) };
    let client = Client::connect(options).expect("an address");
    let error = soon(client.log_in("u1", None)).await.expect_err("nobody is there").to_string();
    assert!(error.contains("100ms") && error.contains(&address), "{error}");
}

#[tokio::test]
async fn a_call_that_nobody_can_answer_says_who_is_missing() {
    const MISSING: &str = "waiting for server-1";
    let (_network, router, first, _second) = cluster();
    first.kill();
    router.name_the_missing(MISSING);
    let call_timeout = Duration::from_millis(100);
    let options = ClientOptions { call_timeout, ..ClientOptions::new(router.address()) };
    let client = Client::connect(options).expect("an address");
    let says_so = async {
        let mut said = String::new();
        while !said.contains(MISSING) {
            said = client.log_in("u1", None).await.expect_err("nobody serves").to_string();
        }
    };
    soon(says_so).await;
}

#[tokio::test]
async fn an_address_without_a_port_is_refused_at_once() {
    for address in ["", "localhost", "not an address:1"] {
        let result = Client::connect(ClientOptions::new(address));
        assert!(matches!(result, Err(ClientError::Address { .. })), "{address:?}");
    }
}

#[tokio::test]
async fn many_calls_at_a_time_all_survive_a_failover_and_each_is_done_once() {
    const CALLS: usize = 700;
    let (network, router, first, second) = cluster();
    let client = client_of(&router).await;
    let calls = (0..CALLS).map(|number| {
        let client = client.clone();
        tokio::spawn(
            async move { client.publish(&number.to_string()).await.map(|done| done.id.get()) },
        )
    });
    let calls: Vec<_> = calls.collect();
    soon(network.until(|seen| seen.len() > 100)).await;
    first.kill();
    router.name_available(&second, 2, &[&second]);
    let mut ids = Vec::new();
    for call in calls {
        ids.push(soon(call).await.expect("no panic").expect("published"));
    }
    ids.sort_unstable();
    assert_eq!(ids, (1..=CALLS as u64).collect::<Vec<_>>());
    let spread = network.widest_spread();
    assert!(spread <= 256, "a request came {spread} behind the newest");
}

async fn next_ids(subscription: &mut Subscription, count: usize) -> Vec<u64> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(soon(subscription.next()).await.expect("open").expect("a post").id.get());
    }
    ids
}

#[tokio::test]
async fn a_subscription_goes_on_elsewhere_without_a_gap_or_a_duplicate() {
    let (network, router, first, second) = cluster();
    let client = client_of(&router).await;
    network.post("1");
    let mut subscription = soon(client.subscribe(None)).await.expect("subscribed");
    network.post("2");
    network.post("3");
    assert_eq!(next_ids(&mut subscription, 2).await, [2, 3], "from now on");

    first.kill();
    network.post("4");
    // It starts one post too early.
    second.behave(Behaviour::RepeatOnePost);
    router.name_available(&second, 2, &[&second]);
    network.post("5");
    assert_eq!(next_ids(&mut subscription, 2).await, [4, 5]);

    // The next one takes over while the second still streams, but has nothing new to send.
    let third = network.start("server-3");
    second.behave(Behaviour::Hang);
    router.name_available(&third, 3, &[&third]);
    let posting = async {
        soon(network.until_streaming("server-3")).await;
        network.post("6");
    };
    let (next, ()) = tokio::join!(next_ids(&mut subscription, 1), posting);
    assert_eq!(next, [6]);
}

/// The next events, in words.
async fn next_events(subscription: &mut EventSubscription, count: usize) -> Vec<String> {
    let mut events = Vec::new();
    for _ in 0..count {
        let event = soon(subscription.next()).await.expect("open").expect("an event");
        events.push(match event {
            TimelineEvent::Posts(posts) => format!("{posts:?}", posts = ids(&posts)),
            TimelineEvent::Position(position) => format!("up to {position}"),
            TimelineEvent::ReadAgain(position) => format!("read again up to {position}"),
            TimelineEvent::Change(FeedChange { position, what }) => match what {
                Changed::Edited(post) => format!("{position}: {} says {}", post.id, post.text),
                Changed::Deleted(post) => format!("{position}: {post} is gone"),
                Changed::Notified(told) => format!("{position}: {} {:?}", told.actor, told.kind),
            },
        });
    }
    events
}

fn ids(posts: &[Post]) -> Vec<u64> {
    posts.iter().map(|post| post.id.get()).collect()
}

#[tokio::test]
async fn changes_come_in_order_and_each_once_also_through_a_failover() {
    let (network, router, first, second) = cluster();
    let client = client_of(&router).await;
    let subscribing = client.subscribe_to(&StreamKind::Home, Some(PostId::NONE));
    let mut subscription = soon(subscribing).await.expect("subscribed");
    let post = |id, text: &str| v1::Post {
        id,
        author: "other".to_owned(),
        text: text.to_owned(),
        ..v1::Post::default()
    };
    network.happen(Event::Post(post(1, "one")));
    assert_eq!(next_events(&mut subscription, 1).await, ["[1]"]);
    network.happen(Event::Edited(v1::Edited { position: 2, post: Some(post(1, "two")) }));
    network.happen(Event::Deleted(v1::Deleted { position: 3, id: 1 }));
    assert_eq!(next_events(&mut subscription, 2).await, ["2: 1 says two", "3: 1 is gone"]);

    first.kill();
    let notified = v1::Notification {
        id: 4,
        kind: v1::NotificationKind::Liked.into(),
        actor: "other".to_owned(),
        ..v1::Notification::default()
    };
    network.happen(Event::Notified(notified));
    // It starts one event too early.
    second.behave(Behaviour::RepeatOnePost);
    router.name_available(&second, 2, &[&second]);
    // What was posted before that position is not lost.
    network.happen(Event::ReadAgain(100));
    network.happen(Event::Post(post(6, "six")));
    assert_eq!(
        next_events(&mut subscription, 3).await,
        ["4: other Liked", "read again up to 100", "[6]"]
    );
}

#[tokio::test]
async fn a_change_cut_off_by_a_death_is_made_once() {
    let (network, router, first, second) = cluster();
    let client = client_of(&router).await;
    first.behave(Behaviour::ApplyWithoutAnswer);
    let liking = tokio::spawn({
        let client = client.clone();
        async move { client.mark(PostId::new(7), Mark::Like, true).await }
    });
    soon(network.until(|seen| seen.len() == 1)).await;
    first.kill();
    router.name_available(&second, 2, &[&second]);
    soon(liking).await.expect("no panic").expect("done");
    assert_eq!((network.asked(), network.seen().len()), (vec!["mark 7 Like true".to_owned()], 2));
}

#[tokio::test]
async fn a_slow_consumer_loses_nothing() {
    let (network, router, _first, _second) = cluster();
    let client = client_of(&router).await;
    let mut subscription = soon(client.subscribe(Some(PostId::NONE))).await.expect("subscribed");
    for number in 0..1_000 {
        network.post(&number.to_string());
    }
    assert_eq!(next_ids(&mut subscription, 1_000).await, (1..=1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_refused_subscription_ends_with_the_refusal() {
    let (_network, router, first, _second) = cluster();
    let client = client_of(&router).await;
    first.behave(Behaviour::Refuse(Code::PermissionDenied));
    let mut subscription =
        client.subscribe(Some(PostId::NONE)).await.expect("it is asked in the stream");
    let refusal = soon(subscription.next()).await.expect("an event").expect_err("refused");
    assert_eq!(refusal.refusal_kind(), Some(&RefusalKind::WrongPassword));
    assert!(soon(subscription.next()).await.is_none());
}

#[tokio::test]
async fn lists_run_through_all_pages() {
    let (_network, router, _first, _second) = cluster();
    let client = client_of(&router).await;
    let names = soon(client.list(&ListKind::Users)).await.expect("listed");
    assert_eq!(names.iter().map(UserName::as_str).collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
    let page = soon(client.timeline(Cursor::Before(PostId::new(9)), Some(3))).await.expect("read");
    assert!(page.posts.is_empty());
}

#[tokio::test]
async fn a_subscription_outlives_its_session() {
    let (network, router, first, second) = cluster();
    let client = client_of(&router).await;
    let mut subscription = soon(client.subscribe(None)).await.expect("subscribed");
    network.post("1");
    assert_eq!(next_ids(&mut subscription, 1).await, [1]);
    network.end_sessions();
    first.kill();
    router.name_available(&second, 2, &[&second]);
    network.post("2");
    assert_eq!(next_ids(&mut subscription, 1).await, [2]);
    assert_eq!(network.logins(), 2);
}

#[tokio::test]
async fn a_node_tells_where_the_calls_that_it_relays_come_from_and_others_are_not_believed() {
    let network = Network::default();
    let server = network.start("server-1");
    let address = server.address();
    let available = Some(Available { name: "server-1".to_owned(), address });
    let (_location, known) = watch::channel(Location { available, term: 1, ..Location::default() });
    let [caller, this_host] = ["192.0.2.7", "127.0.0.1"].map(|ip| ip.parse().expect("an address"));
    for (secret, seen) in [(SECRET, caller), ("a guess", this_host)] {
        let relayed = Relayed::by_node(known.clone(), &NodeAuth::in_clear(Secret::new(secret)));
        let client = Client::of(relayed, DEADLINE).for_another_user(Some(caller));
        soon(client.log_in("u1", None)).await.expect("logged in");
        assert_eq!(network.origins().last(), Some(&seen));
    }
}
