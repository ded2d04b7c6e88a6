//! What people do meanwhile: each client of the world is one of them, with a session, habits and a
//! live timeline. Everything is recorded.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};
use tinysns::{
    client::{Client, ClientError, ClientOptions},
    domain::PostId,
    host::simulated::clock,
    network::{Cursor, ListKind},
};
use tokio::{
    task::LocalSet,
    time::{sleep, timeout},
};

use crate::{
    cluster::Ended,
    laboratory::history::{End, FinalState, History, Operation, OperationNumber, Outcome, Reply},
};

/// A pause between two things that somebody does, on average.
const THINKS_MS: u64 = 1_200;
/// How long a reader waits for what may still come in the end.
const LAST_POSTS_WITHIN: Duration = Duration::from_secs(20);
/// How many change their password during a run, of a thousand operations: hashing takes long.
const PER_MILLE_PASSWORDS: u32 = 2;

/// What all clients share with whoever runs the world.
#[derive(Clone)]
pub struct Workload(Rc<RefCell<Shared>>);

struct Shared {
    history: History,
    /// How many clients there are.
    clients: usize,
    phase: Phase,
    /// The operations in progress, with the time at which they began.
    open: Vec<(OperationNumber, u64)>,
    finished: usize,
    end: FinalState,
}

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// They use the network.
    Use,
    /// They finish what they do, and read what there is.
    Finish,
}

impl Workload {
    pub fn new(clients: usize) -> Self {
        Self(Rc::new(RefCell::new(Shared {
            history: History::new(),
            clients,
            phase: Phase::Use,
            open: Vec::new(),
            finished: 0,
            end: FinalState::default(),
        })))
    }

    pub fn finish(&self) {
        self.0.borrow_mut().phase = Phase::Finish;
    }

    /// Whether all clients have read what there is in the end.
    pub fn is_finished(&self) -> bool {
        let shared = self.0.borrow();
        shared.finished == shared.clients
    }

    /// The time at which the oldest operation began that has not returned.
    pub fn oldest_open(&self) -> Option<u64> {
        self.0.borrow().open.iter().map(|(_, at)| *at).min()
    }

    /// Everything that happened.
    pub fn take_history(&self) -> History {
        let mut shared = self.0.borrow_mut();
        let end = std::mem::take(&mut shared.end);
        if shared.finished == shared.clients {
            shared.history.finished(clock::now(), end);
        }
        std::mem::take(&mut shared.history)
    }

    fn phase(&self) -> Phase {
        self.0.borrow().phase
    }
}

/// Somebody who uses the network.
struct Person {
    number: usize,
    name: String,
    client: Client,
    random: SmallRng,
    workload: Workload,
    password: Option<String>,
    posts: u32,
    /// The newest post that this person has heard of.
    newest: PostId,
}

fn name_of(client: usize) -> String {
    format!("user{client}")
}

/// Runs a client until the end of the world.
pub async fn run(workload: Workload, number: usize, router: String, seed: u64) -> Ended {
    let options = ClientOptions {
        // Some give up soon: then it is unknown what became of a call.
        call_timeout: Duration::from_secs(if number.is_multiple_of(2) { 60 } else { 8 }),
        ..ClientOptions::new(router)
    };
    let client = Client::connect(options)?;
    let random = SmallRng::seed_from_u64(seed ^ (number as u64) << 32);
    let mut person = Person {
        number,
        name: name_of(number),
        client,
        random,
        workload,
        password: None,
        posts: 0,
        newest: PostId::default(),
    };
    let tasks = LocalSet::new();
    Box::pin(tasks.run_until(person.live())).await;
    Ok(())
}

impl Person {
    async fn live(&mut self) {
        while !self.logs_in().await {}
        let reads = self.reads_live();
        while self.workload.phase() == Phase::Use {
            self.does_something().await;
            let pause = self.random.random_range(0..=2 * THINKS_MS);
            sleep(Duration::from_millis(pause)).await;
        }
        self.finishes().await;
        // Whoever reads the live timeline may go on for a while.
        _ = reads.await;
        self.workload.0.borrow_mut().finished += 1;
        std::future::pending::<()>().await;
    }

    async fn call<R: Into<Reply>>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<R, ClientError>>,
    ) -> Outcome {
        let number = {
            let shared = &mut *self.workload.0.borrow_mut();
            let number = shared.history.invoked(self.number, clock::now(), &self.name, operation);
            shared.open.push((number, clock::now()));
            number
        };
        let outcome = Outcome::of(call.await);
        let shared = &mut *self.workload.0.borrow_mut();
        shared.open.retain(|(open, _)| *open != number);
        shared.history.returned(number, clock::now(), outcome.clone());
        outcome
    }

    async fn logs_in(&mut self) -> bool {
        let operation = Operation::LogIn { password: self.password.clone(), must_exist: false };
        let call = self.client.log_in(&self.name, self.password.as_deref());
        matches!(self.call(operation, call).await, Outcome::Done(_))
    }

    async fn does_something(&mut self) {
        let other = name_of(self.random.random_range(0..self.workload.0.borrow().clients));
        let limit = Some(self.random.random_range(1..=30));
        let client = self.client.clone();
        match self.random.random_range(0..1_000) {
            0..400 => self.publishes().await,
            400..530 => {
                let cursor = self.any_cursor();
                let operation = Operation::Timeline { cursor, limit };
                self.call(operation, client.timeline(cursor, limit)).await;
            }
            530..640 => {
                let cursor = self.any_cursor();
                let operation = Operation::Posts { author: other.clone(), cursor, limit };
                self.call(operation, client.posts(&other, cursor, limit)).await;
            }
            640..760 => {
                let operation = Operation::Follow { target: other.clone() };
                self.call(operation, client.follow(&other)).await;
            }
            760..840 => {
                let operation = Operation::Unfollow { target: other.clone() };
                self.call(operation, client.unfollow(&other)).await;
            }
            840..985 => {
                let kinds = [ListKind::Users, ListKind::Following, ListKind::Followers];
                let kind = kinds[self.random.random_range(0..3)];
                let operation = Operation::List { kind, after: None, limit: None };
                self.call(operation, client.list_page(kind, None, None)).await;
            }
            _ if self.random.random_range(0..15) < PER_MILLE_PASSWORDS => {
                self.changes_password().await;
            }
            _ => _ = self.logs_in().await,
        }
    }

    async fn publishes(&mut self) {
        self.posts += 1;
        let text = format!("{} of {}", self.posts, self.name);
        let client = self.client.clone();
        let operation = Operation::Publish { text: text.clone() };
        let outcome = self.call(operation, client.publish(&text)).await;
        if let Outcome::Done(Reply::Published { id, .. }) = outcome {
            self.newest = self.newest.max(id);
        }
    }

    async fn changes_password(&mut self) {
        let current = self.password.clone();
        let new = current.is_none().then(|| format!("password {}", self.posts));
        let operation = Operation::SetPassword { current: current.clone(), new: new.clone() };
        let client = self.client.clone();
        let call = client.set_password(current.as_deref(), new.as_deref());
        match self.call(operation, call).await {
            Outcome::Done(_) => self.password = new,
            Outcome::Refused(_) => {}
            Outcome::Unknown => {
                // Finds out, as a person would.
                for password in [new, current] {
                    self.password = password;
                    if self.logs_in().await {
                        break;
                    }
                }
            }
        }
    }

    fn any_cursor(&mut self) -> Cursor {
        let newest = self.newest.get();
        let some = PostId::new(self.random.random_range(0..=newest + 3));
        match self.random.random_range(0..3) {
            0 => Cursor::Newest,
            1 => Cursor::Before(some),
            _ => Cursor::After(some),
        }
    }

    /// Reads the live timeline, again and again; the last time, to the end.
    fn reads_live(&self) -> tokio::task::JoinHandle<()> {
        let (client, workload) = (self.client.clone(), self.workload.clone());
        let (number, name) = (self.number, self.name.clone());
        let mut random = SmallRng::seed_from_u64(self.random.clone().random());
        tokio::task::spawn_local(async move {
            let mut after = Some(PostId::default());
            loop {
                let is_last = workload.phase() == Phase::Finish;
                let subscription =
                    workload.0.borrow_mut().history.subscribing(number, clock::now(), &name, after);
                let note = |f: &mut dyn FnMut(&mut History, u64)| {
                    f(&mut workload.0.borrow_mut().history, clock::now());
                };
                let mut live = match client.subscribe(after).await {
                    Ok(live) => live,
                    Err(ClientError::Refused(refusal)) => {
                        let end = End::Refused(refusal.kind);
                        note(&mut |history, at| {
                            history.unsubscribed(subscription, at, end.clone());
                        });
                        sleep(Duration::from_secs(1)).await;
                        continue;
                    }
                    Err(_unanswered) => {
                        note(&mut |history, at| history.unsubscribed(subscription, at, End::Left));
                        sleep(Duration::from_secs(1)).await;
                        continue;
                    }
                };
                note(&mut |history, at| history.subscribed(subscription, at));
                let leaves_at = random.random_range(5..=120);
                let leaves = tokio::time::Instant::now() + Duration::from_secs(leaves_at);
                let end = loop {
                    let is_over = workload.phase() == Phase::Finish;
                    let patience = if is_over { LAST_POSTS_WITHIN } else { Duration::from_secs(1) };
                    match timeout(patience, live.next()).await {
                        Ok(Some(Ok(post))) => {
                            after = Some(post.id);
                            note(&mut |history, at| {
                                history.received(subscription, at, post.clone());
                            });
                        }
                        Ok(Some(Err(ClientError::Refused(refusal)))) => {
                            break End::Refused(refusal.kind);
                        }
                        Ok(Some(Err(_)) | None) => break End::Left,
                        Err(_) if is_over && is_last => break End::Settled,
                        Err(_) if is_over => break End::Left,
                        Err(_) if tokio::time::Instant::now() >= leaves => break End::Left,
                        Err(_) => {}
                    }
                };
                let is_settled = end == End::Settled;
                note(&mut |history, at| history.unsubscribed(subscription, at, end.clone()));
                if is_settled {
                    return;
                }
                if random.random_bool(0.3) && workload.phase() == Phase::Use {
                    after = None;
                }
            }
        })
    }

    /// Reads what there is: what this person follows, and has written.
    async fn finishes(&mut self) {
        let follows =
            self.until_answered(async |client| client.list(ListKind::Following).await).await;
        let mut posts = Vec::new();
        let mut cursor = Cursor::After(PostId::default());
        loop {
            let name = self.name.clone();
            let page = self
                .until_answered(async |client| client.posts(&name, cursor, Some(50)).await)
                .await;
            if let Some(last) = page.posts.last() {
                cursor = Cursor::After(last.id);
            }
            posts.extend(page.posts);
            if !page.more {
                break;
            }
        }
        let accounts = self.until_answered(async |client| client.list(ListKind::Users).await).await;
        let end = &mut self.workload.0.borrow_mut().end;
        end.accounts.extend(accounts.into_iter().map(String::from).collect::<BTreeSet<_>>());
        let own = |name| (self.name.clone(), String::from(name));
        end.follows.extend(follows.into_iter().map(own));
        end.posts.extend(posts);
        end.posts.sort_by_key(|post| post.id);
    }

    async fn until_answered<T>(&self, call: impl AsyncFn(&Client) -> Result<T, ClientError>) -> T {
        loop {
            if let Ok(answer) = call(&self.client).await {
                return answer;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }
}
