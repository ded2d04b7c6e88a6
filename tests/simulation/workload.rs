//! What clients share: the history of everything that they do and see, whom nobody has answered yet,
//! and what whoever runs the world tells them.

use std::{
    cell::{RefCell, RefMut},
    collections::BTreeMap,
    rc::Rc,
};

use tinysns::{
    domain::UnixMillis,
    host::simulated::clock::{self, MILLISECOND},
};

use crate::{
    laboratory::history::{FinalState, History, Operation, OperationNumber, Outcome},
    plan::Plan,
};

/// What all clients share with whoever runs the world.
#[derive(Clone)]
pub struct Workload(Rc<RefCell<Shared>>);

struct Shared {
    history: History,
    /// How many clients there are.
    clients: usize,
    /// A pause between two things that somebody does, on average, in milliseconds.
    thinks_ms: u64,
    /// When everybody becomes busy, in milliseconds.
    rushes: Vec<u64>,
    /// From when until when nobody does anything.
    hushes: Vec<(u64, u64)>,
    phase: Phase,
    /// The operations in progress, with whose they are, and the time at which they began.
    open: Vec<(OperationNumber, usize, u64)>,
    /// Posts with their times that nobody has looked at yet.
    stamped: Vec<Stamped>,
    /// By the name of a user: the passwords that were asked for, the newest last.
    passwords: BTreeMap<String, Vec<Option<String>>>,
    /// How many do nothing any more that changes anything.
    resting: usize,
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

/// A post's time, and when it was asked for and acknowledged, in the world's time.
#[derive(Clone, Copy, Debug)]
pub struct Stamped {
    pub asked: u64,
    pub acknowledged: u64,
    pub posted_at: UnixMillis,
}

impl Workload {
    pub fn new(plan: &Plan) -> Self {
        Self(Rc::new(RefCell::new(Shared {
            history: History::new(),
            clients: plan.clients,
            thinks_ms: plan.thinks_ms,
            rushes: plan.rushes(),
            hushes: plan.hushes(),
            phase: Phase::Use,
            open: Vec::new(),
            stamped: Vec::new(),
            passwords: BTreeMap::new(),
            resting: 0,
            finished: 0,
            end: FinalState::default(),
        })))
    }

    // For whoever runs the world.

    /// Nobody is to begin anything new.
    pub fn finish(&self) {
        self.shared().phase = Phase::Finish;
    }

    /// Whether all clients have read what there is in the end.
    pub fn is_finished(&self) -> bool {
        let shared = self.shared();
        shared.finished == shared.clients
    }

    /// Whoever waits for an answer, and since when.
    pub fn oldest_open(&self) -> BTreeMap<usize, u64> {
        let mut oldest = BTreeMap::new();
        for (_, client, at) in &self.shared().open {
            let known = oldest.entry(*client).or_insert(*at);
            *known = (*known).min(*at);
        }
        oldest
    }

    /// The times of posts that were acknowledged since this was last asked.
    pub fn take_stamped(&self) -> Vec<Stamped> {
        std::mem::take(&mut self.shared().stamped)
    }

    /// Everything that happened.
    pub fn take_history(&self) -> History {
        let shared = &mut *self.shared();
        let end = std::mem::take(&mut shared.end);
        if shared.finished == shared.clients {
            shared.history.finished(clock::now(), end);
        }
        std::mem::take(&mut shared.history)
    }

    // For clients.

    fn shared(&self) -> RefMut<'_, Shared> {
        self.0.borrow_mut()
    }

    pub fn clients(&self) -> usize {
        self.shared().clients
    }

    pub fn thinks_ms(&self) -> u64 {
        self.shared().thinks_ms
    }

    pub fn phase(&self) -> Phase {
        self.shared().phase
    }

    /// In how many milliseconds everybody becomes busy again.
    pub fn next_rush(&self) -> Option<u64> {
        let now = clock::now() / MILLISECOND;
        self.shared().rushes.iter().find(|at| **at > now).map(|at| at - now)
    }

    /// For how many milliseconds nobody does anything yet.
    pub fn hush(&self) -> Option<u64> {
        let now = clock::now() / MILLISECOND;
        let shared = self.shared();
        let mut hushes =
            shared.hushes.iter().filter(|(from, until)| (*from..*until).contains(&now));
        hushes.next().map(|(_, until)| until - now)
    }

    /// Notes something in the history, with the time.
    pub fn note<T>(&self, note: impl FnOnce(&mut History, u64) -> T) -> T {
        note(&mut self.shared().history, clock::now())
    }

    /// A client asks for something.
    pub fn invoked(&self, client: usize, user: &str, operation: Operation) -> OperationNumber {
        let now = clock::now();
        let shared = &mut *self.shared();
        let number = shared.history.invoked(client, now, user, operation);
        shared.open.push((number, client, now));
        number
    }

    /// It was told what came of that.
    pub fn returned(&self, number: OperationNumber, outcome: &Outcome) {
        let shared = &mut *self.shared();
        shared.open.retain(|(open, ..)| *open != number);
        shared.history.returned(number, clock::now(), outcome.clone());
    }

    /// A post was acknowledged.
    pub fn stamped(&self, stamped: Stamped) {
        self.shared().stamped.push(stamped);
    }

    /// The passwords that the account may have, the likeliest first.
    pub fn passwords(&self, user: &str) -> Vec<Option<String>> {
        let shared = self.shared();
        let asked_for = shared.passwords.get(user).into_iter().flatten().rev().cloned();
        asked_for.chain([None]).collect()
    }

    /// Somebody asks for another password.
    pub fn may_have_password(&self, user: &str, password: Option<String>) {
        self.shared().passwords.entry(user.to_owned()).or_default().push(password);
    }

    /// A client does nothing any more that changes anything.
    pub fn rests(&self) {
        self.shared().resting += 1;
    }

    /// Whether that is so of all.
    pub fn all_rest(&self) -> bool {
        let shared = self.shared();
        shared.resting == shared.clients
    }

    /// A client has read this in the end.
    pub fn has_read(&self, read: FinalState) {
        let end = &mut self.shared().end;
        end.accounts.extend(read.accounts);
        end.follows.extend(read.follows);
        end.posts.extend(read.posts);
        end.posts.sort_by_key(|post| post.id);
        // Of two devices of one person, both have read the same.
        end.posts.dedup_by_key(|post| post.id);
    }

    /// A client has everything that it waited for.
    pub fn client_has_finished(&self) {
        self.shared().finished += 1;
    }
}
