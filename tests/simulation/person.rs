//! What people do: each client of the world is one of them, with a session, habits and a live
//! timeline; the last is the second device of the first. Now and then everybody is busy at the same
//! time. Everything is recorded.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use rand::{
    Rng as _, SeedableRng as _,
    distr::uniform::{SampleRange, SampleUniform},
    rngs::SmallRng,
};
use tinysns::{
    client::{Client, ClientError, ClientOptions},
    domain::PostId,
    host::simulated::clock,
    network::{Cursor, ListKind, RefusalKind},
};
use tokio::{join, task::LocalSet, time::sleep};

use crate::{
    cluster::Ended,
    laboratory::history::{FinalState, Operation, Outcome, Reply},
    reader::{LOOK_AGAIN, Reader},
    workload::{Phase, Stamped, Workload},
};

/// The most things of a kind that somebody does in a rush, one after the other.
const RUSH: u32 = 6;

/// Somebody who uses the network.
struct Person {
    number: usize,
    name: String,
    client: Client,
    random: RefCell<SmallRng>,
    workload: Workload,
    /// How many texts this person has thought of.
    texts: Cell<u32>,
    /// The newest post that this person has heard of.
    newest: Cell<PostId>,
    /// The session has ended, as far as this person knows.
    is_out: Cell<bool>,
}

fn name_of(user: usize) -> String {
    format!("user{user}")
}

/// Runs a client until the end of the world.
pub async fn run(workload: Workload, number: usize, router: String, seed: u64) -> Ended {
    let options = ClientOptions {
        // Some give up soon: then it is unknown what became of a call.
        call_timeout: Duration::from_secs(if number.is_multiple_of(2) { 60 } else { 8 }),
        ..ClientOptions::new(router)
    };
    let is_second_device = number + 1 == workload.clients();
    let person = Person {
        number,
        name: name_of(if is_second_device { 0 } else { number }),
        client: Client::connect(options)?,
        random: RefCell::new(SmallRng::seed_from_u64(seed ^ (number as u64) << 32)),
        workload,
        texts: Cell::default(),
        newest: Cell::default(),
        is_out: Cell::default(),
    };
    let tasks = LocalSet::new();
    Box::pin(tasks.run_until(person.live())).await;
    Ok(())
}

impl Person {
    async fn live(&self) {
        while !self.logs_in().await {}
        let reader = Reader {
            number: self.number,
            user: self.name.clone(),
            client: self.client.clone(),
            workload: self.workload.clone(),
            random: SmallRng::seed_from_u64(self.any(0..=u64::MAX)),
        };
        let reads = tokio::task::spawn_local(reader.reads());
        while self.workload.phase() == Phase::Use {
            if self.rests().await {
                Box::pin(self.is_busy()).await;
            } else {
                self.does_something().await;
            }
        }
        self.workload.rests();
        while !self.workload.all_rest() {
            sleep(LOOK_AGAIN).await;
        }
        self.finishes().await;
        // Whoever reads the live timeline may go on for a while.
        _ = reads.await;
        self.workload.client_has_finished();
        std::future::pending::<()>().await;
    }

    fn any<T: SampleUniform>(&self, range: impl SampleRange<T>) -> T {
        self.random.borrow_mut().random_range(range)
    }

    /// Rests for a while, or until everybody becomes busy; then it is true.
    async fn rests(&self) -> bool {
        let pause = self.any(0..=2 * self.workload.thinks_ms());
        let rush = self.workload.next_rush().filter(|rush| *rush <= pause);
        sleep(Duration::from_millis(rush.unwrap_or(pause))).await;
        while let Some(hush) = self.workload.hush() {
            sleep(Duration::from_millis(hush)).await;
        }
        rush.is_some()
    }

    /// Posts and does other things at the same time, and without a pause.
    async fn is_busy(&self) {
        let posts = async || {
            for _ in 0..self.any(1..=RUSH) {
                self.publishes().await;
            }
        };
        let others = async || {
            for _ in 0..self.any(1..=RUSH) {
                self.does_something().await;
            }
        };
        join!(posts(), posts(), others());
    }

    async fn call<R: Into<Reply>>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<R, ClientError>>,
    ) -> Outcome {
        let number = self.workload.invoked(self.number, &self.name, operation);
        let outcome = Outcome::of(call.await);
        self.workload.returned(number, &outcome);
        if let Outcome::Refused(
            RefusalKind::SessionEnded | RefusalKind::SessionRevoked | RefusalKind::WrongPassword,
        ) = outcome
        {
            self.is_out.set(true);
        }
        outcome
    }

    /// Tries the passwords that the account may have; false if none has opened it.
    async fn logs_in(&self) -> bool {
        for password in self.workload.passwords(&self.name) {
            let operation = Operation::LogIn { password: password.clone(), must_exist: false };
            let call = self.client.log_in(&self.name, password.as_deref());
            if let Outcome::Done(_) = self.call(operation, call).await {
                self.is_out.set(false);
                return true;
            }
        }
        false
    }

    async fn does_something(&self) {
        let other = name_of(self.any(0..self.workload.clients() - 1));
        let limit = Some(self.any(1..=30));
        let client = self.client.clone();
        match self.any(0..1_000) {
            _ if self.is_out.get() => _ = self.logs_in().await,
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
            840..990 => {
                let kinds = [ListKind::Users, ListKind::Following, ListKind::Followers];
                let kind = &kinds[self.any(0..3)];
                let operation = Operation::List { kind: kind.clone(), after: None, limit: None };
                self.call(operation, client.list_page(kind, None, None)).await;
            }
            // Hashing takes long.
            990..992 => self.changes_password().await,
            _ => _ = self.logs_in().await,
        }
    }

    /// A text that nobody has written before.
    fn text(&self) -> String {
        self.texts.set(self.texts.get() + 1);
        format!("{} of {} on {}", self.texts.get(), self.name, self.number)
    }

    async fn publishes(&self) {
        let text = self.text();
        let operation = Operation::Publish { text: text.clone() };
        let asked = clock::now();
        let outcome = self.call(operation, self.client.publish(&text)).await;
        if let Outcome::Done(Reply::Published { id, posted_at }) = outcome {
            let acknowledged = clock::now();
            self.workload.stamped(Stamped { asked, acknowledged, posted_at });
            self.newest.set(self.newest.get().max(id));
        }
    }

    async fn changes_password(&self) {
        let [current] = &self.workload.passwords(&self.name)[..1] else { return };
        let new = Some(format!("password {}", self.text()));
        self.workload.may_have_password(&self.name, new.clone());
        let operation = Operation::SetPassword { current: current.clone(), new: new.clone() };
        let call = self.client.set_password(current.as_deref(), new.as_deref());
        if self.call(operation, call).await == Outcome::Unknown {
            // Finds out, as a person would.
            self.is_out.set(true);
        }
    }

    fn any_cursor(&self) -> Cursor {
        let some = PostId::new(self.any(0..=self.newest.get().get() + 3));
        match self.any(0..3) {
            0 => Cursor::Newest,
            1 => Cursor::Before(some),
            _ => Cursor::After(some),
        }
    }

    /// Reads what there is: what this person follows, and has written.
    async fn finishes(&self) {
        let follows =
            self.until_answered(async |client| client.list(&ListKind::Following).await).await;
        let mut posts = Vec::new();
        let mut cursor = Cursor::After(PostId::default());
        loop {
            let read = async |client: &Client| client.posts(&self.name, cursor, Some(50)).await;
            let page = self.until_answered(read).await;
            if let Some(last) = page.posts.last() {
                cursor = Cursor::After(last.id);
            }
            posts.extend(page.posts);
            if !page.more {
                break;
            }
        }
        let accounts =
            self.until_answered(async |client| client.list(&ListKind::Users).await).await;
        self.workload.has_read(FinalState {
            accounts: accounts.into_iter().map(String::from).collect(),
            follows: follows.into_iter().map(|name| (self.name.clone(), name.into())).collect(),
            posts,
        });
    }

    async fn until_answered<T>(&self, call: impl AsyncFn(&Client) -> Result<T, ClientError>) -> T {
        loop {
            match call(&self.client).await {
                Ok(answer) => return answer,
                Err(ClientError::Refused(_)) => _ = self.logs_in().await,
                Err(_unanswered) => {}
            }
            sleep(LOOK_AGAIN).await;
        }
    }
}
