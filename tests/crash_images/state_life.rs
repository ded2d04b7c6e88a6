//! The lives of a state: changes, flushes, replacement by a received state, an orderly end and another start,
//! and the removal of all of it.
//!
//! Changes are numbered, and what happens in each follows from its number and the seed. So it is known what the
//! state is as of each of them; a state says by a fact which one that is.

use std::{cell::RefCell, collections::BTreeSet, path::Path};

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};
use tinysns::{
    domain::{ClientId, Draft, PostText, RequestKey, UnixMillis, UserId, UserName},
    social::{
        Change, Command, Context, Graph, MemoryBudget, Row, StagedState, Stamped, State,
        StateError, sessions::SessionRef,
    },
};

use crate::recording::{Expectations, Life, Subject};

/// How much happens in a first life: so much that tables are merged.
const STEPS: usize = 24;
/// The same in another life.
const LATER_STEPS: usize = 5;
const PEOPLE: u64 = 5;
/// The longest post, in characters: several of them fill a block of a table.
const LONGEST_POST: usize = 1_500;
/// The fact that says how many changes there were.
const APPLIED: &str = "applied";

/// As of which changes the state may be found.
pub type Applied = BTreeSet<u64>;

pub struct StateLives;

impl Subject for StateLives {
    type Expected = Applied;

    const NAME: &'static str = "state";

    fn nothing() -> Applied {
        [0].into()
    }

    fn live(slot: &Path, life: Life, expectations: &mut Expectations<Applied>) {
        let mut random = life.random();
        let mut living = Living::begin(slot, life.seed, expectations);
        let steps = if life.number == 0 { STEPS } else { LATER_STEPS };
        if life.number > 0 {
            // Nothing has changed: what was found is on disk.
            living.flush(expectations);
        }
        for _ in 0..steps {
            match random.random_range(0..10) {
                0..4 => {
                    for _ in 0..random.random_range(1..4) {
                        living.change(expectations);
                    }
                }
                4..7 => living.flush(expectations),
                7 => living.change_durably(expectations),
                8 => living.is_replaced(random.random_range(1..4), expectations),
                _ => {
                    living.flush(expectations);
                    drop(living);
                    if random.random_bool(0.3) {
                        remove(slot, expectations);
                    }
                    living = Living::begin(slot, life.seed, expectations);
                }
            }
        }
    }

    fn examine(slot: &Path, seed: u64, expected: &Applied) -> Result<(), String> {
        let words = |error: StateError| format!("it cannot be read: {error}");
        let state = State::open(slot, MemoryBudget::default())
            .map_err(|error| format!("it does not open: {error}"))?;
        let found = applied(&state).map_err(words)?;
        if !expected.contains(&found) {
            return Err(format!("it is as of change {found}, and not of {expected:?}"));
        }
        if rows(&state).map_err(words)? != rows_after(seed, found) {
            return Err(format!("it is not what it was as of change {found}"));
        }
        // It can be used.
        applied_in(state.begin(), seed, found + 1).commit();
        state.flush().map_err(|error| format!("it is not flushed: {error}"))?;
        drop(state);
        let again = State::open(slot, MemoryBudget::default())
            .map_err(|error| format!("it does not open again: {error}"))?;
        let is_there = rows(&again).map_err(words)? == rows_after(seed, found + 1);
        if is_there { Ok(()) } else { Err("what came after the crash is not there".to_owned()) }
    }
}

/// Removes the state, which is not open.
fn remove(slot: &Path, expectations: &mut Expectations<Applied>) {
    let mut possible = expectations.now().clone();
    possible.insert(0);
    expectations.set(possible);
    State::remove(slot).expect("a good disk");
    expectations.set(StateLives::nothing());
}

/// A state while it is open.
struct Living {
    state: State,
    seed: u64,
    applied: u64,
}

impl Living {
    /// What an open state shows is on disk.
    fn begin(slot: &Path, seed: u64, expectations: &mut Expectations<Applied>) -> Self {
        let state = State::open(slot, MemoryBudget::default()).expect("sound");
        let applied = applied(&state).expect("sound");
        assert!(expectations.now().contains(&applied), "{applied} is not expected");
        expectations.set([applied].into());
        Self { state, seed, applied }
    }

    fn change(&mut self, expectations: &mut Expectations<Applied>) {
        self.next(1, expectations).commit();
    }

    fn change_durably(&mut self, expectations: &mut Expectations<Applied>) {
        self.next(1, expectations).commit_durably().expect("a good disk");
        expectations.set([self.applied].into());
    }

    fn next(&mut self, changes: u64, expectations: &mut Expectations<Applied>) -> Change {
        self.applied += changes;
        let mut possible = expectations.now().clone();
        possible.insert(self.applied);
        expectations.set(possible);
        applied_in(self.state.begin(), self.seed, self.applied)
    }

    fn flush(&self, expectations: &mut Expectations<Applied>) {
        self.state.flush().expect("a good disk");
        expectations.set([self.applied].into());
    }

    /// By a state that is so many changes ahead.
    fn is_replaced(&mut self, ahead: u64, expectations: &mut Expectations<Applied>) {
        self.applied += ahead;
        let mut staged = StagedState::create(self.state.slot()).expect("a good disk");
        for rows in rows_after(self.seed, self.applied).chunks(7) {
            staged.add(rows.to_vec()).expect("in their order");
            staged.flush().expect("a good disk");
        }
        let change = staged.begin();
        change.put_fact(APPLIED, &self.applied.to_be_bytes());
        change.commit();
        let mut possible = expectations.now().clone();
        possible.insert(self.applied);
        expectations.set(possible);
        self.state.replace(staged).expect("a good disk");
        expectations.set([self.applied].into());
    }
}

fn applied(state: &State) -> Result<u64, StateError> {
    let applied = state.reader().facts().get(APPLIED)?;
    Ok(applied.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().expect("eight bytes"))))
}

fn rows(state: &State) -> Result<Vec<Row>, StateError> {
    state.reader().view()?.rows().collect()
}

/// The rows of the state as of a change.
fn rows_after(seed: u64, applied: u64) -> Vec<Row> {
    /// Those of one seed, and a state as of the last of them.
    struct Known {
        seed: u64,
        state: State,
        rows: Vec<Vec<Row>>,
    }
    thread_local! {
        static KNOWN: RefCell<Option<Known>> = const { RefCell::new(None) };
    }
    KNOWN.with_borrow_mut(|known| {
        let known = match known {
            Some(known) if known.seed == seed => known,
            other => other.insert(Known { seed, state: State::in_memory(), rows: vec![vec![]] }),
        };
        let number = usize::try_from(applied).expect("few");
        while known.rows.len() <= number {
            applied_in(known.state.begin(), seed, known.rows.len() as u64).commit();
            known.rows.push(rows(&known.state).expect("in memory"));
        }
        known.rows[number].clone()
    })
}

/// What happens in the change with this number.
fn applied_in(change: Change, seed: u64, number: u64) -> Change {
    let mut random = SmallRng::seed_from_u64(seed << 32 | number);
    {
        let mut graph = Graph::open(&change).expect("readable");
        for command in 0..random.random_range(1..6) {
            let at = UnixMillis::new(i64::try_from(number).expect("few"));
            let command = command_of(number * 10 + command, &mut random);
            graph.apply(Stamped { at, command }).expect("readable");
        }
    }
    change.put_fact(APPLIED, &number.to_be_bytes());
    change
}

/// Some are refused, such as those of people who have no account yet.
fn command_of(sequence: u64, random: &mut SmallRng) -> Command {
    let name = |number| UserName::new(format!("user-{number}")).expect("valid");
    let (user, other) = (random.random_range(1..=PEOPLE), random.random_range(1..=PEOPLE));
    let client = ClientId(user.into());
    let key = RequestKey::Counted { client, sequence, answered_below: sequence.saturating_sub(9) };
    let context = Context { user: UserId(user), session: SessionRef::Unlisted(0), key };
    match random.random_range(0..10) {
        0..3 => Command::CreateAccount { name: name(user), password_hash: None },
        3 => Command::Follow { context, target: name(other) },
        4 => Command::Unfollow { context, target: name(other) },
        _ => {
            let length = random.random_range(1..LONGEST_POST);
            let letters = (0..length).map(|_| char::from(random.random_range(b'a'..=b'z')));
            let text = PostText::new(letters.collect::<String>(), LONGEST_POST).expect("valid");
            Command::Publish { context, draft: Draft::of(text) }
        }
    }
}
