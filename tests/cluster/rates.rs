//! Whoever does something without a pause is slowed down, and nobody else is.
//!
//! Times are only compared with what the limits make them take at least.

use std::{collections::BTreeSet, time::Duration};

use futures::stream;
use tinysns::{
    client::{Client, Cursor},
    domain::PostId,
    wire::classic::{
        Message, Reply, Request, sns_service_client::SnsServiceClient as ClassicClient,
    },
};
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Status};

use super::{
    BINARY,
    callers::{Api, Caller, channel, connect, log_in, pushback},
    processes::{Cluster, DEADLINE, eventually},
};

/// What an account may post at once, and from then on one each second.
const POSTS: u32 = 100;
/// How many accounts may be made from one address at once.
const ACCOUNTS: u32 = 200;
/// How many live timelines an account may have open, and an address classic ones.
const TIMELINES: usize = 100;
/// For so long, our client library waits by itself.
const CLIENTS_WAIT: Duration = Duration::from_secs(5);

async fn cluster(servers: usize) -> Cluster {
    Cluster::start(BINARY, servers, "1s").await
}

async fn caller(cluster: &Cluster, from: &str, username: &str) -> Caller {
    Caller::new(connect(cluster, from).await, username).await
}

/// The texts of all that somebody has posted.
async fn texts(client: &Client, username: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut cursor = PostId::NONE;
    loop {
        let page = client.posts(username, Cursor::After(cursor), Some(100)).await.expect("read");
        cursor = page.posts.last().map_or(cursor, |post| post.id);
        texts.extend(page.posts.into_iter().map(|post| post.text));
        if !page.more {
            return texts;
        }
    }
}

/// Posts so often, and comes again when it may. Returns how often it was refused.
async fn posts(caller: &mut Caller, name: &str, count: u32) -> u32 {
    let mut refusals = 0;
    for number in 0..count {
        let text = format!("{name} {number}");
        while let Err(refused) = caller.publish(&text, &text).await {
            refusals += 1;
            let words = "you have made too many posts: try again in 1 s";
            assert_eq!(refused.message(), words);
            sleep(pushback(&refused)).await;
        }
    }
    refusals
}

/// Posts until that is refused.
async fn posts_until_refused(caller: &mut Caller) -> Status {
    for number in 0.. {
        let text = format!("more {number}");
        if let Err(refused) = caller.publish(&text, &text).await {
            return refused;
        }
    }
    unreachable!("it is refused")
}

#[tokio::test]
async fn whoever_posts_without_a_pause_is_slowed_down_wherever_he_is_and_a_neighbour_is_not() {
    const MORE: u32 = 3;
    let cluster = cluster(1).await;
    let mut flooder = caller(&cluster, "127.0.0.2", "flooder").await;
    let mut neighbour = caller(&cluster, "127.0.0.3", "neighbour").await;
    let began = Instant::now();
    let flood = posts(&mut flooder, "flooder", POSTS + MORE);
    let (refusals, unhindered) = tokio::join!(flood, posts(&mut neighbour, "neighbour", POSTS / 2));
    let took = began.elapsed();
    println!("{} posts in {took:?}, refused {refusals} times", POSTS + MORE);
    assert!(refusals > 0 && unhindered == 0, "{refusals}, {unhindered}");
    assert!(took >= Duration::from_secs(MORE.into()), "{took:?}");

    // Our client library waits, at another address too.
    let client = cluster.client("flooder").await;
    for number in 0..MORE {
        client.publish(&format!("in patience {number}")).await.expect("published in the end");
    }
    let took = began.elapsed();
    assert!(took >= Duration::from_secs((2 * MORE).into()), "{took:?}");
    let published = texts(&client, "flooder").await;
    assert_eq!(published.len(), usize::try_from(POSTS + 2 * MORE).expect("few"), "each once");
    assert_eq!(published.iter().collect::<BTreeSet<_>>().len(), published.len());
}

#[tokio::test]
async fn what_was_refused_has_had_no_effect_and_what_was_acknowledged_is_acknowledged_again() {
    let cluster = cluster(1).await;
    let mut ann = caller(&cluster, "127.0.0.2", "ann").await;
    let first = ann.publish("first", "first").await.expect("published");
    posts_until_refused(&mut ann).await;
    // More often than could be made up for meanwhile.
    for _ in 0..2 * POSTS {
        assert_eq!(ann.publish("first", "first").await.expect("answered"), first);
    }
    let reused = ann.publish("first", "something else").await.expect_err("refused");
    assert_eq!(reused.code(), Code::InvalidArgument, "{reused:?}");
    let refused = posts_until_refused(&mut ann).await;
    let oneself = ann.follow("follow", "ann").await.expect_err("refused");
    assert_eq!(oneself.code(), Code::AlreadyExists, "too many posts are not too many follows");
    let client = cluster.client("reader").await;
    let before = texts(&client, "ann").await;
    sleep(pushback(&refused)).await;
    let mut last = ann.publish("last", "last").await;
    while let Err(refused) = &last {
        sleep(pushback(refused)).await;
        last = ann.publish("last", "last").await;
    }
    let mut expected = before;
    expected.push("last".to_owned());
    let published = texts(&client, "ann").await;
    assert_eq!(published, expected);
    assert_eq!(published.iter().collect::<BTreeSet<_>>().len(), published.len());
}

/// Makes accounts until that is refused: how many, when the refused one was asked for, and how long
/// it has to wait.
async fn joins(api: &mut Api, name: &str) -> (u32, Instant, Duration) {
    for number in 0.. {
        let asked_at = Instant::now();
        if let Err(refused) = log_in(api, &format!("{name}-{number}"), "").await {
            assert!(refused.message().starts_with("too many accounts"), "{refused:?}");
            return (number, asked_at, pushback(&refused));
        }
    }
    unreachable!("it is refused")
}

/// Somebody joins through a classic client.
async fn joins_classically(server: &str, from: &str, username: &str) {
    let mut classic = ClassicClient::new(channel(server, from).await);
    let login = Request { username: username.into(), ..Request::default() };
    let answered = timeout(DEADLINE, classic.login(login)).await.expect("in time");
    let Reply { msg, .. } = answered.expect("answered").into_inner();
    assert_eq!(msg, "Login Successful!");
}

#[tokio::test]
async fn an_address_makes_only_so_many_accounts_whoever_relays_its_calls_and_others_join_meanwhile()
{
    let cluster = cluster(2).await;
    let available = cluster.available().await.address;
    let status = cluster.status().await.expect("it is there");
    let mut standbys = status.masters.into_iter().map(|master| master.address);
    let standby = standbys.find(|address| *address != available).expect("a second master");
    let mut farm = connect(&cluster, "127.0.0.2").await;
    let began = Instant::now();
    let (made, asked_at, wait) = joins(&mut farm, "farm").await;
    let took = began.elapsed();
    println!("{made} accounts in {took:?}; the next one in {wait:?}");
    let made_up = u32::try_from(took.as_secs()).expect("soon") / 5 + 1;
    assert!((ACCOUNTS..=ACCOUNTS + made_up).contains(&made), "{made}");
    assert!(wait <= CLIENTS_WAIT, "{wait:?}");
    log_in(&mut farm, "farm-0", "").await.expect("it has an account");

    // The router relays both, and waits for whoever has to.
    let router = cluster.router();
    let mut relayed = Api::new(channel(&router, "127.0.0.2").await);
    log_in(&mut relayed, "through-the-router", "").await.expect("in the end");
    let took = asked_at.elapsed();
    assert!(took >= wait, "{took:?} instead of {wait:?}");
    let mut other = Api::new(channel(&router, "127.0.0.3").await);
    for number in 0..50 {
        // Each would wait for longer than the one before, and all for longer than there is time.
        log_in(&mut other, &format!("other-{number}"), "").await.expect("not concerned");
    }
    let (_, asked_at, wait) = joins(&mut farm, "more").await;
    joins_classically(&standby, "127.0.0.2", "through-a-master").await;
    let took = asked_at.elapsed();
    assert!(took >= wait, "{took:?} instead of {wait:?}");
    for number in 0..30 {
        joins_classically(&standby, "127.0.0.3", &format!("classic-{number}")).await;
    }
}

#[tokio::test]
async fn nobody_is_slowed_down_where_rates_are_not_limited() {
    let cluster = Cluster::start_unlimited(BINARY, 1, "1s").await;
    let mut farm = connect(&cluster, "127.0.0.2").await;
    for number in 0..ACCOUNTS + 50 {
        log_in(&mut farm, &format!("farm-{number}"), "").await.expect("an account");
    }
    let mut flooder = Caller::new(farm, "farm-0").await;
    assert_eq!(posts(&mut flooder, "post", 2 * POSTS).await, 0);
}

#[tokio::test]
async fn an_account_has_only_so_many_live_timelines_open_and_others_have_their_own() {
    let cluster = cluster(1).await;
    let mut greedy = caller(&cluster, "127.0.0.2", "greedy").await;
    let mut other = caller(&cluster, "127.0.0.2", "other").await;
    let mut open = Vec::new();
    for _ in 0..TIMELINES {
        open.push(greedy.subscribe().await.expect("opened"));
    }
    let refused = greedy.subscribe().await.expect_err("refused");
    assert!(refused.message().contains("too many live timelines"), "{refused:?}");
    assert!(pushback(&refused) > CLIENTS_WAIT, "people are told");
    other.subscribe().await.expect("opened");
    drop(open);
    let opens = async || greedy.subscribe().await.is_ok();
    eventually("there is room again", opens, |is_open| *is_open).await;
}

#[tokio::test]
async fn an_address_has_only_so_many_classic_timelines_open_and_others_have_their_own() {
    let cluster = cluster(1).await;
    for server in [cluster.router(), cluster.available().await.address] {
        let mut greedy = ClassicClient::new(channel(&server, "127.0.0.2").await);
        let mut open = Vec::new();
        for _ in 0..TIMELINES {
            // It does not even say who it is.
            let silent = stream::pending::<Message>();
            open.push(greedy.timeline(silent).await.expect("opened"));
        }
        let refused = greedy.timeline(stream::pending()).await.expect_err("refused");
        assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
        let mut other = ClassicClient::new(channel(&server, "127.0.0.3").await);
        other.timeline(stream::pending()).await.expect("opened");
    }
}
