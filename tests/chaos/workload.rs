//! What people do all the while, through the client library: they log in, follow, publish, read and
//! listen. Everything that they ask and are told goes into one history.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tinysns::{
    client::{Client, ClientError, ClientOptions, Cursor, ListKind},
    domain::PostId,
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::laboratory::history::{End, FinalState, History, Operation, Outcome, Reply};

/// People who publish.
const AUTHORS: usize = 4;
/// People who read pages.
const READERS: usize = 2;
/// People who keep their timelines open: every second one leaves now and then, and comes back.
const LISTENERS: usize = 2;
/// Between two things that one person does, in milliseconds: at least and at most. A few hundred
/// operations a second in all, so that a small machine has time for the cluster itself.
const THINK_MS: [u64; 2] = [15, 45];
/// Between two new accounts, in milliseconds.
const ARRIVE_MS: [u64; 2] = [200, 600];
/// The length of a page.
const PAGE: u32 = 20;

/// Records what everyone does, on one clock.
#[derive(Clone)]
pub struct Recorder {
    history: Arc<Mutex<History>>,
    /// When each client's last call was carried out.
    last_done: Arc<Mutex<BTreeMap<usize, u64>>>,
    began: Instant,
}

impl Recorder {
    fn new() -> Self {
        Self { history: Arc::default(), last_done: Arc::default(), began: Instant::now() }
    }

    /// Nanoseconds since the beginning.
    pub fn now(&self) -> u64 {
        self.began.elapsed().as_nanos().try_into().expect("a run takes less than centuries")
    }

    /// Writes something into the history, with the time.
    fn write<T>(&self, what: impl FnOnce(&mut History, u64) -> T) -> T {
        let mut history = self.history.lock();
        what(&mut history, self.now())
    }
}

/// One person with one client.
struct Person {
    number: usize,
    name: String,
    client: Client,
    recorder: Recorder,
    random: StdRng,
    /// When everything is over: the last post that there is.
    end: watch::Receiver<Ending>,
}

/// How near the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    NotYet,
    /// Nobody changes anything any more.
    Stop,
    /// Nobody will: this is the last post.
    LastPost(PostId),
}

/// Everyone, at work.
pub struct Workload {
    recorder: Recorder,
    router: String,
    end: watch::Sender<Ending>,
    people: JoinSet<()>,
    listeners: JoinSet<()>,
}

impl Workload {
    /// Everyone begins, who they are and what they do following from the seed.
    pub async fn start(router: &str, seed: u64) -> Self {
        let recorder = Recorder::new();
        let (end, _) = watch::channel(Ending::NotYet);
        let (people, listeners) = (JoinSet::new(), JoinSet::new());
        let mut workload = Self { recorder, router: router.to_owned(), end, people, listeners };
        let mut random = StdRng::seed_from_u64(seed);
        let names = names();
        let mut everyone = Vec::new();
        for name in &names {
            let person = workload.person(everyone.len(), name, random.random());
            person.log_in().await;
            everyone.push(person);
        }
        for person in &mut everyone {
            for author in authors().filter(|author| *author != person.name) {
                if !person.name.starts_with("fickle") {
                    person.follow(&author).await;
                }
            }
        }
        for person in everyone {
            let people = &mut workload.people;
            match person.name.split_once('-').expect("all names have two parts").0 {
                "author" => people.spawn(person.write_posts()),
                "reader" => people.spawn(person.read_pages()),
                "fickle" => people.spawn(person.follow_and_unfollow()),
                "steadfast" => workload.listeners.spawn(person.listen(false)),
                _ => workload.listeners.spawn(person.listen(true)),
            };
        }
        let arrivals = workload.person(names.len(), "guest-0", random.random());
        workload.people.spawn(arrivals.arrive_again_and_again(router.to_owned()));
        workload
    }

    fn person(&self, number: usize, name: &str, seed: u64) -> Person {
        Person {
            number,
            name: name.to_owned(),
            client: client(&self.router),
            recorder: self.recorder.clone(),
            random: StdRng::seed_from_u64(seed),
            end: self.end.subscribe(),
        }
    }

    /// The clock of the history, in nanoseconds.
    pub fn now(&self) -> u64 {
        self.recorder.now()
    }

    /// Whether everyone has been served since then, newcomers too.
    pub fn is_served_since(&self, then: u64) -> bool {
        let last_done = self.recorder.last_done.lock();
        let listens = |name: &String| name.starts_with("steadfast") || name.starts_with("restless");
        let names = names();
        let others = (0..names.len()).filter(|number| !listens(&names[*number]));
        let mut active = others.chain([names.len()]);
        active.all(|number| last_done.get(&number).is_some_and(|at| *at >= then))
    }

    /// Everyone stops, except for those who listen.
    pub async fn stop(&mut self) {
        self.end.send_replace(Ending::Stop);
        while let Some(ended) = self.people.join_next().await {
            ended.expect("nobody fails");
        }
    }

    /// Those who listen wait for the last post, and everything is over.
    pub async fn finish(mut self, state: FinalState) -> History {
        let last = state.posts.last().map_or(PostId::NONE, |post| post.id);
        self.end.send_replace(Ending::LastPost(last));
        while let Some(ended) = self.listeners.join_next().await {
            ended.expect("nobody fails");
        }
        self.recorder.write(|history, at| history.finished(at, state));
        let history = self.recorder.history.lock();
        history.clone()
    }
}

fn client(router: &str) -> Client {
    Client::connect(ClientOptions::new(router)).expect("it is an address")
}

fn authors() -> impl Iterator<Item = String> {
    (0..AUTHORS).map(|number| format!("author-{number}"))
}

/// Everyone who has a part from the beginning.
fn names() -> Vec<String> {
    let others = (0..READERS).map(|number| format!("reader-{number}"));
    let listeners = (0..LISTENERS).map(|number| match number % 2 {
        0 => format!("steadfast-{number}"),
        _ => format!("restless-{number}"),
    });
    authors().chain(others).chain(listeners).chain(["fickle-0".to_owned()]).collect()
}

/// The whole state, read page by page from whichever server is available.
pub async fn read_everything(router: &str) -> Result<FinalState, ClientError> {
    let mut state = FinalState::default();
    let reader = client(router);
    reader.log_in_existing("reader-0", None).await?;
    let users = reader.list(&ListKind::Users).await?;
    state.accounts = users.into_iter().map(String::from).collect();
    for author in authors() {
        let mut cursor = PostId::NONE;
        loop {
            let page = reader.posts(&author, Cursor::After(cursor), Some(100)).await?;
            cursor = page.posts.last().map_or(cursor, |post| post.id);
            state.posts.extend(page.posts);
            if !page.more {
                break;
            }
        }
    }
    state.posts.sort_by_key(|post| post.id);
    for name in names() {
        let client = client(router);
        client.log_in_existing(&name, None).await?;
        let followed = client.list(&ListKind::Following).await?;
        state.follows.extend(followed.into_iter().map(|other| (name.clone(), other.into())));
    }
    Ok(state)
}

impl Person {
    async fn call<R: Into<Reply>>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<R, ClientError>>,
    ) -> Outcome {
        let (number, name) = (self.number, &self.name);
        let invoked =
            self.recorder.write(|history, at| history.invoked(number, at, name, operation));
        let outcome = Outcome::of(call.await);
        let is_done = matches!(outcome, Outcome::Done(_));
        self.recorder.write(|history, at| {
            history.returned(invoked, at, outcome.clone());
            if is_done {
                self.recorder.last_done.lock().insert(number, at);
            }
        });
        outcome
    }

    async fn log_in(&self) -> Outcome {
        let operation = Operation::LogIn { password: None, must_exist: false };
        self.call(operation, self.client.log_in(&self.name, None)).await
    }

    /// For an account that has none.
    async fn set_password(&self, password: &str) -> Outcome {
        let new = Some(password.to_owned());
        let operation = Operation::SetPassword { current: None, new };
        self.call(operation, self.client.set_password(None, Some(password))).await
    }

    async fn follow(&self, target: &str) -> Outcome {
        let operation = Operation::Follow { target: target.to_owned() };
        self.call(operation, self.client.follow(target)).await
    }

    async fn unfollow(&self, target: &str) -> Outcome {
        let operation = Operation::Unfollow { target: target.to_owned() };
        self.call(operation, self.client.unfollow(target)).await
    }

    async fn publish(&self, text: String) -> Outcome {
        let operation = Operation::Publish { text: text.clone() };
        self.call(operation, self.client.publish(&text)).await
    }

    async fn read_timeline(&self) -> Outcome {
        let (cursor, limit) = (Cursor::Newest, Some(PAGE));
        let operation = Operation::Timeline { cursor, limit };
        self.call(operation, self.client.timeline(cursor, limit)).await
    }

    async fn read_posts(&self, author: &str) -> Outcome {
        let (cursor, limit) = (Cursor::Newest, Some(PAGE));
        let operation = Operation::Posts { author: author.to_owned(), cursor, limit };
        self.call(operation, self.client.posts(author, cursor, limit)).await
    }

    async fn list(&self, kind: &ListKind) -> Outcome {
        let limit = Some(PAGE);
        let operation = Operation::List { kind: kind.clone(), after: None, limit };
        self.call(operation, self.client.list_page(kind, None, limit)).await
    }

    fn is_over(&self) -> bool {
        *self.end.borrow() != Ending::NotYet
    }

    async fn think(&mut self, [least, most]: [u64; 2]) {
        sleep(Duration::from_millis(self.random.random_range(least..=most))).await;
    }

    fn any_author(&mut self) -> String {
        format!("author-{}", self.random.random_range(0..AUTHORS))
    }

    async fn write_posts(mut self) {
        let mut count = 0_u64;
        while !self.is_over() {
            count += 1;
            self.publish(format!("{} writes {count}", self.name)).await;
            if self.random.random_ratio(1, 8) {
                let own = self.name.clone();
                self.read_posts(&own).await;
            }
            self.think(THINK_MS).await;
        }
    }

    async fn read_pages(mut self) {
        while !self.is_over() {
            match self.random.random_range(0..4) {
                0 | 1 => self.read_timeline().await,
                2 => {
                    let author = self.any_author();
                    self.read_posts(&author).await
                }
                _ => self.list(&ListKind::Following).await,
            };
            self.think(THINK_MS).await;
        }
    }

    async fn follow_and_unfollow(mut self) {
        let mut followed = BTreeSet::new();
        while !self.is_over() {
            let author = self.any_author();
            // Whatever the outcome is: if it is unknown, the next one may be a refusal.
            if followed.remove(&author) {
                self.unfollow(&author).await;
            } else {
                self.follow(&author).await;
                followed.insert(author);
            }
            self.list(&ListKind::Following).await;
            self.think(THINK_MS).await;
        }
    }

    async fn arrive_again_and_again(mut self, router: String) {
        let mut count = 0_u64;
        while !self.is_over() {
            self.name = format!("guest-{count}");
            self.client = client(&router);
            self.log_in().await;
            if count.is_multiple_of(4) {
                self.set_password("correct horse").await;
            }
            count += 1;
            self.think(ARRIVE_MS).await;
        }
    }

    /// From the first post to the last: in one go, or leaving and coming back.
    async fn listen(mut self, restless: bool) {
        let mut cursor = PostId::NONE;
        loop {
            let stay = restless.then(|| self.random.random_range(1..200));
            if self.listen_for(stay, &mut cursor).await {
                return;
            }
            self.think(ARRIVE_MS).await;
        }
    }

    /// For this many posts, or to the end; whether that has been reached.
    async fn listen_for(&mut self, most: Option<usize>, cursor: &mut PostId) -> bool {
        let (number, name, after) = (self.number, self.name.clone(), Some(*cursor));
        let asked =
            self.recorder.write(|history, at| history.subscribing(number, at, &name, after));
        let mut timeline = self.client.subscribe(after).await.expect("it is logged in");
        self.recorder.write(|history, at| history.subscribed(asked, at));
        let mut left = most;
        let end = loop {
            let at_end = |end: &Ending| matches!(end, Ending::LastPost(last) if last <= cursor);
            let next = tokio::select! {
                biased;
                next = timeline.next() => next,
                over = self.end.wait_for(at_end) => {
                    over.expect("the workload waits for it");
                    break End::Settled;
                }
            };
            match next {
                Some(Ok(post)) => {
                    *cursor = post.id;
                    self.recorder.write(|history, at| history.received(asked, at, post));
                }
                Some(Err(ClientError::Refused(refusal))) => break End::Refused(refusal.kind),
                Some(Err(_)) | None => break End::Left,
            }
            left = left.map(|left| left - 1);
            if left == Some(0) {
                break End::Left;
            }
        };
        let is_over = end == End::Settled;
        self.recorder.write(|history, at| history.unsubscribed(asked, at, end));
        is_over
    }
}
