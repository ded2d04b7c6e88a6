//! Random executions of the model by several clients at the same time: what is asked for is carried out
//! at some moment before it returns, or, if nobody is told, at any later moment or never.

use tinysns::{
    domain::PostId,
    network::{Cursor, ListKind},
};

use crate::laboratory::{
    history::{End, History, Operation, OperationNumber, Outcome, SubscriptionNumber},
    model::{Answer, Model},
};

/// How large an execution is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub clients: usize,
    pub operations: usize,
    /// Of a hundred operations, how many get no answer.
    pub unanswered: u64,
    /// Whether people begin and cease to follow each other. If not, everybody follows everybody from
    /// the beginning.
    pub changes: bool,
}

/// Numbers that follow from a seed (splitmix64).
pub struct Lots(pub u64);

impl Lots {
    /// Less than a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % (bound as u64)).expect("less than the bound")
    }

    fn percent(&mut self, percent: u64) -> bool {
        (self.below(100) as u64) < percent
    }
}

/// An operation in progress.
#[derive(Clone)]
struct Asked {
    number: OperationNumber,
    user: String,
    operation: Operation,
    outcome: Option<Outcome>,
}

/// A subscription, and what is on its way to it.
struct Reader {
    number: SubscriptionNumber,
    user: String,
    arriving: Vec<u64>,
}

struct Execution {
    lots: Lots,
    size: Size,
    history: History,
    model: Model,
    now: u64,
    /// What each client waits for.
    clients: Vec<Option<Asked>>,
    /// What nobody waits for any more, and may still be carried out.
    forsaken: Vec<Asked>,
    readers: Vec<Reader>,
}

fn user(client: usize) -> String {
    format!("u{client}")
}

/// A history that keeps all promises.
pub fn execution(seed: u64, size: Size) -> History {
    let users = (0..size.clients).map(user);
    let mut execution = Execution {
        lots: Lots(seed),
        size,
        history: History::new(),
        model: Model::new(&users.collect()),
        now: 0,
        clients: vec![None; size.clients],
        forsaken: Vec::new(),
        readers: Vec::new(),
    };
    execution.begin();
    while execution.history.operations().len() < size.operations {
        let client = execution.lots.below(size.clients);
        execution.step(client);
    }
    execution.finish();
    execution.history
}

impl Execution {
    fn later(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    /// Everybody logs in and subscribes.
    fn begin(&mut self) {
        for client in 0..self.size.clients {
            let operation = Operation::LogIn { password: None, must_exist: false };
            self.ask(client, operation);
            self.carry_out(client);
            self.answer(client);
            let at = self.later();
            let user = user(client);
            let after = Some(PostId::new(self.model.newest()));
            let number = self.history.subscribing(client, at, &user, after);
            let at = self.later();
            self.history.subscribed(number, at);
            self.readers.push(Reader { number, user, arriving: Vec::new() });
        }
        if self.size.changes {
            return;
        }
        for client in 0..self.size.clients {
            for other in (0..self.size.clients).filter(|other| *other != client) {
                self.ask(client, Operation::Follow { target: user(other) });
                self.carry_out(client);
                self.answer(client);
            }
        }
    }

    fn step(&mut self, client: usize) {
        let is_idle = self.clients[client].is_none();
        let is_carried_out =
            self.clients[client].as_ref().is_some_and(|asked| asked.outcome.is_some());
        // A subscription is served while its client waits for something else.
        match self.lots.below(8) {
            0 => self.arrive(client),
            1 if !self.forsaken.is_empty() => {
                let which = self.lots.below(self.forsaken.len());
                let asked = self.forsaken.swap_remove(which);
                self.perform(&asked);
            }
            _ if is_idle => {
                let operation = self.draw(client);
                self.ask(client, operation);
            }
            _ if self.lots.percent(self.size.unanswered) => self.forsake(client),
            _ if is_carried_out => self.answer(client),
            _ => self.carry_out(client),
        }
    }

    fn draw(&mut self, client: usize) -> Operation {
        let other = user(self.lots.below(self.size.clients));
        let limit = Some(u32::try_from(1 + self.lots.below(30)).expect("a small number"));
        let newest = usize::try_from(self.model.newest()).expect("a small number");
        let cursor = |lots: &mut Lots| {
            let post = PostId::new(lots.below(newest + 2) as u64);
            [Cursor::Newest, Cursor::Before(post), Cursor::After(post)][lots.below(3)]
        };
        let first = if self.size.changes { 0 } else { 4 };
        match first + self.lots.below(13 - first) {
            0 => {
                let must_exist = self.lots.percent(50);
                Operation::LogIn { password: self.password(), must_exist }
            }
            12 => Operation::SetPassword { current: self.password(), new: self.password() },
            1 | 2 => Operation::Follow { target: other },
            3 => Operation::Unfollow { target: other },
            4..=7 => {
                let number = self.history.operations().len();
                Operation::Publish { text: format!("{number} by {client}") }
            }
            8 => {
                let kinds = [ListKind::Users, ListKind::Following, ListKind::Followers];
                let kind = kinds[self.lots.below(3)].clone();
                let after = self.lots.percent(30).then_some(other);
                let limit = limit.filter(|_| self.lots.percent(50));
                Operation::List { kind, after, limit }
            }
            9 | 10 => Operation::Timeline { cursor: cursor(&mut self.lots), limit },
            _ => Operation::Posts { author: other, cursor: cursor(&mut self.lots), limit },
        }
    }

    /// The right one, as often as not.
    fn password(&mut self) -> Option<String> {
        self.lots.percent(50).then(|| "secret".to_owned())
    }

    fn ask(&mut self, client: usize, operation: Operation) {
        let (at, user) = (self.later(), user(client));
        let number = self.history.invoked(client, at, &user, operation.clone());
        self.clients[client] = Some(Asked { number, user, operation, outcome: None });
    }

    fn carry_out(&mut self, client: usize) {
        let asked = self.clients[client].clone().expect("it has asked");
        let outcome = self.perform(&asked);
        self.clients[client] = Some(Asked { outcome: Some(outcome), ..asked });
    }

    fn answer(&mut self, client: usize) {
        let asked = self.clients[client].take().expect("it has asked");
        let at = self.later();
        self.history.returned(asked.number, at, asked.outcome.expect("it was carried out"));
    }

    /// The client gives up, whether it was carried out or not.
    fn forsake(&mut self, client: usize) {
        let asked = self.clients[client].take().expect("it has asked");
        let at = self.later();
        self.history.returned(asked.number, at, Outcome::Unknown);
        if asked.outcome.is_none() {
            self.forsaken.push(asked);
        }
    }

    fn perform(&mut self, Asked { user, operation, .. }: &Asked) -> Outcome {
        let (answer, change) = self.model.answer(user, operation);
        if let Some(change) = change {
            self.model.apply(&change);
            if matches!(operation, Operation::Publish { .. }) {
                self.deliver();
            }
        }
        self.model.outcome(answer)
    }

    /// Sends the newest post on its way to those whose timelines it belongs to.
    fn deliver(&mut self) {
        let newest = self.model.newest();
        let only = Operation::Timeline { cursor: Cursor::Newest, limit: Some(1) };
        for reader in &mut self.readers {
            let (answer, _) = self.model.answer(&reader.user, &only);
            if let Answer::Page { posts, .. } = answer
                && posts == [newest]
            {
                reader.arriving.push(newest);
            }
        }
    }

    fn arrive(&mut self, client: usize) {
        let Some(reader) = self.readers.get_mut(client) else { return };
        if reader.arriving.is_empty() {
            return;
        }
        let id = reader.arriving.remove(0);
        let number = reader.number;
        let post = self.model.post(id);
        let at = self.later();
        self.history.received(number, at, post);
    }

    /// What is asked for is carried out, and everybody receives everything.
    fn finish(&mut self) {
        for client in 0..self.size.clients {
            let Some(asked) = &self.clients[client] else { continue };
            if asked.outcome.is_none() {
                self.carry_out(client);
            }
            self.answer(client);
        }
        for client in 0..self.size.clients {
            while !self.readers[client].arriving.is_empty() {
                self.arrive(client);
            }
            let at = self.later();
            self.history.unsubscribed(self.readers[client].number, at, End::Settled);
        }
        let at = self.later();
        self.history.finished(at, self.model.final_state());
    }
}
