//! Fifty people use a network of eight masters with apps, and fifty streams tell what happens, while the available
//! server is killed again and again: nothing that was acknowledged is lost, nothing is there twice, and no stream
//! leaves anything out or tells it twice.
//!
//! `KILLS_SECONDS` says for how long (`just kills 60`).

use std::{
    collections::{BTreeMap, BTreeSet},
    env, iter, mem,
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt as _, future::join_all};
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use nix::sys::signal::Signal;
use parking_lot::Mutex;
use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};
use serde_json::Value;
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use super::{
    BINARY,
    api_client::{ApiClient, App, Asks, Nodes},
    processes::{Cluster, NO_RATE_LIMITS, eventually, signal, voters},
    raw_http,
};

const MASTERS: usize = 8;
/// Killed is when so many vote, all but those that have just been lost.
const ENOUGH: usize = 6;
const PEOPLE: usize = 50;
/// Streams of events, and others over `WebSockets`.
const EVENT_STREAMS: usize = 25;
const WEB_SOCKETS: usize = 25;
/// For how long without `KILLS_SECONDS`.
const SECONDS: u64 = 20;
/// Between two things that somebody does, at most.
const PAUSE_MS: u64 = 600;
const PASSWORD: &str = "correct horse battery";
const PAGE: usize = 40;

/// What people were told that it is done.
#[derive(Default)]
struct Acknowledged {
    /// What each post says, by its number.
    posts: BTreeMap<u64, String>,
    deleted: BTreeSet<u64>,
    /// Who likes each.
    likes: BTreeMap<u64, BTreeSet<usize>>,
    /// How often something had to be asked again.
    repeated: usize,
}

type World = Arc<Mutex<Acknowledged>>;

/// Somebody, and what they have posted and not deleted.
struct Person {
    number: usize,
    client: ApiClient,
    lots: SmallRng,
    posted: usize,
    own: Vec<u64>,
    world: World,
}

fn id(entity: &Value) -> u64 {
    entity["id"].as_str().expect("an id").parse().expect("a number")
}

fn ids(page: &Value) -> Vec<u64> {
    page.as_array().expect("a page").iter().map(id).collect()
}

impl Person {
    /// Does this and that until then.
    async fn lives_until(mut self, end: Instant) {
        while Instant::now() < end {
            match self.lots.random_range(0..10) {
                0..5 => self.posts().await,
                5..7 => self.reads_home().await,
                7..9 => self.likes().await,
                _ => self.deletes().await,
            }
            let pause = self.lots.random_range(0..PAUSE_MS);
            sleep(Duration::from_millis(pause)).await;
        }
    }

    async fn posts(&mut self) {
        self.posted += 1;
        let text = format!("{} by {}", self.posted, self.number);
        let form = [("status", text.as_str()), ("visibility", "public")];
        let asks = Asks { key: Some(&text), ..Asks::post("/api/v1/statuses", &form) };
        let answered = self.client.ask(asks).await;
        let post = id(&answered.json());
        self.own.push(post);
        let mut world = self.world.lock();
        world.repeated += usize::from(answered.repeated);
        let before = world.posts.insert(post, text);
        assert_eq!(before, None, "two posts have the number {post}");
    }

    /// What somebody has posted last is there.
    async fn reads_home(&mut self) {
        let path = format!("/api/v1/timelines/home?limit={PAGE}");
        let page = ids(&self.client.ask(Asks::get(&path)).await.json());
        assert!(page.is_sorted_by(|newer, older| newer > older), "{page:?}");
        let (newest, oldest) = (self.own.last().copied(), page.last().copied());
        let is_there = newest.is_none_or(|newest| {
            page.contains(&newest) || page.len() == PAGE && oldest > Some(newest)
        });
        assert!(is_there, "{newest:?} is not in {page:?}");
    }

    async fn likes(&mut self) {
        let any = {
            let world = self.world.lock();
            let count = world.posts.len().max(1);
            world.posts.keys().nth(self.lots.random_range(0..count)).copied()
        };
        let Some(post) = any else { return };
        let path = format!("/api/v1/statuses/{post}/favourite");
        let key = format!("{} likes {post}", self.number);
        let asks = Asks { key: Some(&key), ..Asks::post(&path, &[]) };
        let answered = self.client.ask(asks).await;
        // Its author may have deleted it meanwhile.
        if answered.status != StatusCode::NOT_FOUND {
            assert_eq!(answered.json()["favourited"], true);
            self.world.lock().likes.entry(post).or_default().insert(self.number);
        }
    }

    async fn deletes(&mut self) {
        if self.own.len() < 2 {
            return;
        }
        let post = self.own.remove(self.lots.random_range(0..self.own.len() - 1));
        let path = format!("/api/v1/statuses/{post}");
        let key = format!("without {post}");
        let asks = Asks { method: "DELETE", key: Some(&key), ..Asks::get(&path) };
        let answered = self.client.ask(asks).await;
        let is_gone = answered.status == StatusCode::NOT_FOUND && answered.repeated;
        assert!(answered.status == StatusCode::OK || is_gone, "{}", answered.text);
        self.world.lock().deleted.insert(post);
    }
}

/// What a stream has told.
#[derive(Default)]
struct Told {
    /// Positions of events, in the order in which they came.
    positions: Vec<u64>,
    updates: Vec<u64>,
    deletes: Vec<u64>,
    /// How often it was opened.
    opened: usize,
}

impl Told {
    fn event(&mut self, name: &str, payload: &str) {
        match name {
            "update" => self.updates.push(id(&serde_json::from_str(payload).expect("an entity"))),
            "delete" => self.deletes.push(payload.parse().expect("a number")),
            other => panic!("nobody has done anything that is told as {other}"),
        }
    }

    fn has_all(&self, world: &Acknowledged) -> bool {
        let (updates, deletes) = (set(&self.updates), set(&self.deletes));
        let mut kept = world.posts.keys().filter(|post| !world.deleted.contains(post));
        kept.all(|post| updates.contains(post)) && world.deleted.is_subset(&deletes)
    }

    /// Nothing twice, nothing that nobody has done since or `before`, and all in order.
    fn check(&self, world: &Acknowledged, before: &Acknowledged) {
        assert!(self.positions.is_sorted_by(|one, next| one < next), "{:?}", self.positions);
        assert!(self.updates.is_sorted_by(|one, next| one < next), "{:?}", self.updates);
        assert_eq!(set(&self.deletes).len(), self.deletes.len(), "{:?}", self.deletes);
        let is_known = |post: &u64| [world, before].iter().any(|of| of.posts.contains_key(post));
        assert!(self.updates.iter().all(is_known), "{:?}", self.updates);
        assert!(self.deletes.iter().all(|post| world.deleted.contains(post)));
    }
}

fn set(numbers: &[u64]) -> BTreeSet<u64> {
    numbers.iter().copied().collect()
}

/// Reads events, and comes back to another node after the last one whenever that ends.
async fn read_events(mut client: ApiClient, told: Arc<Mutex<Told>>) {
    let mut last = None;
    loop {
        let stream = client.open_stream("/api/v1/streaming/public", last.as_deref()).await;
        let Some(mut stream) = stream else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        told.lock().opened += 1;
        let mut text = String::new();
        while let Some(Ok(frame)) = stream.frame().await {
            let data = frame.into_data().expect("no trailers");
            text.push_str(std::str::from_utf8(&data).expect("events come whole"));
            while let Some((line, rest)) = text.split_once('\n') {
                // What it begins with, and signs of life.
                if line.is_empty() || line.starts_with(':') {
                    text = rest.to_owned();
                    continue;
                }
                let Some((event, rest)) = text.split_once("\n\n") else { break };
                let value = |name: &str| {
                    let mut lines = event.lines();
                    lines.find_map(|line| line.strip_prefix(name)).expect("it is there").to_owned()
                };
                let (position, name, payload) = (value("id: "), value("event: "), value("data: "));
                let mut told = told.lock();
                told.positions.push(position.parse().expect("a number"));
                told.event(&name, &payload);
                last = Some(position);
                text = rest.to_owned();
            }
        }
    }
}

/// Reads messages on a WebSocket. It is never lost, as the node lives.
async fn read_messages(node: String, token: String, told: Arc<Mutex<Told>>) {
    let mut stream = TcpStream::connect(&node).await.expect("it listens");
    let handshake = raw_http::handshake(&token).replacen("streaming", "streaming?stream=public", 1);
    stream.write_all(handshake.as_bytes()).await.expect("sent");
    let head = raw_http::head(&mut stream).await.expect("answered");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    told.lock().opened += 1;
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                let message: Value = serde_json::from_str(&text).expect("JSON");
                let text = |name: &str| message[name].as_str().expect("a text").to_owned();
                told.lock().event(&text("event"), &text("payload"));
            }
            Some(Ok(Message::Ping(_))) => {}
            ended => panic!("the stream has ended: {ended:?}"),
        }
    }
}

/// Kills the available server again and again until then, and returns how often that was.
async fn kill_until(end: Instant, cluster: &Cluster, nodes: &Nodes) -> usize {
    let mut kills = 0;
    while Instant::now() < end {
        let lost = cluster.available().await;
        signal(lost.pid, Signal::SIGKILL);
        kills += 1;
        let status = cluster
            .until("another has taken over", |status| {
                let other = status.available.as_ref().is_some_and(|name| *name != lost.name);
                other && voters(status) >= ENOUGH
            })
            .await;
        let masters = status.masters.into_iter().map(|master| master.address);
        nodes.are([cluster.router()].into_iter().chain(masters).collect());
    }
    kills
}

/// Everything that is there, read page by page.
async fn all_posts(reader: &mut ApiClient) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let before = all.last().map(|post| format!("&max_id={}", id(post))).unwrap_or_default();
        let path = format!("/api/v1/timelines/public?limit={PAGE}{before}");
        match reader.ask(Asks::get(&path)).await.json() {
            Value::Array(page) if page.is_empty() => return all,
            Value::Array(page) => all.extend(page),
            other => panic!("this is no page: {other}"),
        }
    }
}

fn check_posts(all: &[Value], world: &Acknowledged) {
    let mut left = world.posts.clone();
    left.retain(|post, _| !world.deleted.contains(post));
    for post in all {
        let (number, content) = (id(post), post["content"].as_str().expect("a text"));
        let text = left.remove(&number);
        let text = text.unwrap_or_else(|| panic!("{number} is there twice, or never was: {post}"));
        assert_eq!(content, format!("<p>{text}</p>"));
        let likes = world.likes.get(&number).map_or(0, BTreeSet::len);
        assert_eq!(post["favourites_count"], likes, "{post}");
    }
    assert!(left.is_empty(), "these are lost: {left:?}");
    let texts: BTreeSet<&String> = world.posts.values().collect();
    assert_eq!(texts.len(), world.posts.len(), "nothing was posted twice");
}

#[tokio::test]
async fn apps_lose_nothing_while_the_available_server_is_killed_again_and_again() {
    let seconds = env::var("KILLS_SECONDS").map_or(SECONDS, |text| text.parse().expect("seconds"));
    let cluster = Cluster::start_with(BINARY, MASTERS, "1s", &[NO_RATE_LIMITS]).await;
    let nodes = Nodes::default();
    nodes.are(vec![cluster.router()]);
    let mut stranger = ApiClient::new(nodes.clone(), 0);
    let app = App::register(&mut stranger).await;
    let mut tokens = Vec::new();
    for number in 0..PEOPLE {
        let name = format!("person-{number}");
        let client =
            tinysns::client::Client::connect(tinysns::client::ClientOptions::new(cluster.router()));
        client.expect("an address").log_in(&name, Some(PASSWORD)).await.expect("an account");
        tokens.push(app.let_in(&mut stranger, &name, PASSWORD).await);
    }
    let masters = cluster.all_vote(MASTERS).await.masters.into_iter().map(|master| master.address);
    nodes.are([cluster.router()].into_iter().chain(masters).collect());

    let mut streams = JoinSet::new();
    let mut told = Vec::new();
    for (number, token) in tokens.iter().cloned().enumerate().take(EVENT_STREAMS + WEB_SOCKETS) {
        let tells = Arc::new(Mutex::new(Told::default()));
        told.push(Arc::clone(&tells));
        if number < EVENT_STREAMS {
            let client = ApiClient::new(nodes.clone(), number).with(token);
            streams.spawn(read_events(client, tells));
        } else {
            streams.spawn(read_messages(cluster.router(), token, tells));
        }
    }
    let world = World::default();
    let person = |number: usize| Person {
        number,
        client: ApiClient::new(nodes.clone(), number).with(tokens[number].clone()),
        lots: SmallRng::seed_from_u64(number as u64),
        posted: 0,
        own: Vec::new(),
        world: Arc::clone(&world),
    };
    // Streams are read from when something has come: nothing is known of what was before.
    let mut first = person(0);
    let mut posts_once_more = async || {
        first.posts().await;
        told.iter().all(|told| !told.lock().updates.is_empty())
    };
    eventually("all streams are open", &mut posts_once_more, |all| *all).await;
    let before = mem::take(&mut *world.lock());
    first.own.clear();
    let end = Instant::now() + Duration::from_secs(seconds);
    let people = iter::once(first).chain((1..PEOPLE).map(person));
    let living: Vec<_> = people.map(|person| person.lives_until(end)).collect();
    let (kills, _) = tokio::join!(kill_until(end, &cluster, &nodes), join_all(living));

    let world = &mem::take(&mut *world.lock());
    let complete = async || told.iter().filter(|told| !told.lock().has_all(world)).count();
    eventually("all streams have told everything", complete, |missing| *missing == 0).await;
    streams.abort_all();
    while let Some(ended) = streams.join_next().await {
        assert!(ended.is_err_and(|why| why.is_cancelled()), "no stream ends by itself");
    }
    let mut opened = 0;
    for told in &told {
        let told = told.lock();
        told.check(world, &before);
        opened += told.opened;
    }
    let mut reader = ApiClient::new(nodes, 0).with(tokens[0].clone());
    let mut all = all_posts(&mut reader).await;
    all.retain(|post| !before.posts.contains_key(&id(post)));
    check_posts(&all, world);
    println!(
        "{kills} kills in {seconds} s: {} posts, {} deleted, {} likes; {} were posted again under the same key; \
         {} streams were opened {opened} times",
        world.posts.len(),
        world.deleted.len(),
        world.likes.values().map(BTreeSet::len).sum::<usize>(),
        world.repeated,
        told.len(),
    );
    assert!(kills >= 2 && !world.posts.is_empty());
}
