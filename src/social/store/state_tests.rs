use std::ops::Bound;

use proptest::{prelude::*, test_runner::FileFailurePersistence};

use super::*;

type Rows = BTreeMap<u64, Option<u8>>;

/// Keys of one table, by a number.
fn key(number: u64) -> Key {
    keys::user(UserId(number))
}

fn put(change: &Change, number: u64, value: Option<u8>) {
    match value {
        Some(value) => change.put(&key(number), &[value]),
        None => change.remove(&key(number)),
    }
}

/// What is in the table, read in both directions and key by key.
fn read(moment: &Moment) -> BTreeMap<u64, u8> {
    let number = |row: Result<(Bytes, Bytes), StateError>| {
        let (key, value) = row.expect("readable");
        (keys::Parts::of(&key).number().expect("a number"), value[0])
    };
    let forwards: Vec<_> = moment.scan(keys::all(keys::Table::Users)).map(number).collect();
    let mut backwards: Vec<_> =
        moment.scan_back(keys::all(keys::Table::Users)).map(number).collect();
    backwards.reverse();
    assert_eq!(forwards, backwards);
    assert!(forwards.is_sorted());
    for (number, value) in &forwards {
        let found = moment.get(&key(*number)).expect("readable").expect("it was in the range");
        assert_eq!(found.as_ref(), [*value]);
    }
    forwards.into_iter().collect()
}

fn image(slot: &Path) -> tempfile::TempDir {
    let image = tempfile::tempdir().expect("a temporary directory");
    crate::replication::tests::entries::copy_all(slot, image.path());
    image
}

#[test]
fn a_change_takes_effect_whole_or_not_at_all() {
    let state = State::in_memory();
    let change = state.begin();
    put(&change, 1, Some(1));
    put(&change, 2, Some(2));
    assert_eq!(read(change.moment()).len(), 2, "it sees itself");
    assert!(read(state.reader().facts().moment()).is_empty(), "nobody else does");
    change.commit();
    let change = state.begin();
    put(&change, 1, None);
    put(&change, 2, Some(3));
    put(&change, 3, Some(3));
    drop(change);
    assert_eq!(read(state.reader().facts().moment()), BTreeMap::from([(1, 1), (2, 2)]));
}

#[test]
fn a_crash_takes_away_what_was_not_flushed_and_only_that() {
    let slot = tempfile::tempdir().expect("a temporary directory");
    let state = State::open(slot.path(), MemoryBudget::default()).expect("opens");
    for number in 0..500 {
        let change = state.begin();
        put(&change, number, Some(1));
        change.put_fact("applied", &number.to_be_bytes());
        change.commit();
        if number == 300 {
            state.flush().expect("on disk");
        }
    }
    let image = image(slot.path());
    let again = State::open(image.path(), MemoryBudget::default()).expect("opens");
    let facts = again.reader().facts();
    assert_eq!(facts.get("applied").expect("readable"), Some(300_u64.to_be_bytes().to_vec()));
    assert_eq!(read(facts.moment()).len(), 301);
}

#[test]
fn a_state_is_open_once() {
    let slot = tempfile::tempdir().expect("a temporary directory");
    assert!(!State::is_in_use(slot.path()).expect("asked"));
    let state = State::open(slot.path(), MemoryBudget::default()).expect("opens");
    let second = State::open(slot.path(), MemoryBudget::default()).err().expect("refused");
    assert_eq!(second.fault(), DatabaseFault::InUse);
    assert!(State::is_in_use(slot.path()).expect("asked"));
    let reader = state.reader();
    drop(state);
    assert!(!State::is_in_use(slot.path()).expect("asked"), "a reader writes nothing");
    drop(State::open(slot.path(), MemoryBudget::default()).expect("opens"));
    assert!(read(reader.facts().moment()).is_empty());
}

#[test]
fn a_slot_without_a_state_has_none_to_remove_and_one_that_had_it_is_as_new() {
    let slot = tempfile::tempdir().expect("a temporary directory");
    State::remove(slot.path()).expect("as that of a witness");
    let state = State::open(slot.path(), MemoryBudget::default()).expect("opens");
    let change = state.begin();
    put(&change, 1, Some(1));
    change.commit_durably().expect("on disk");
    drop(state);
    assert!(State::is_there(slot.path()).expect("asked"));
    State::remove(slot.path()).expect("removed");
    assert!(!State::is_there(slot.path()).expect("asked"));
    assert!(
        read(
            State::open(slot.path(), MemoryBudget::default())
                .expect("opens")
                .reader()
                .facts()
                .moment()
        )
        .is_empty()
    );
}

#[test]
fn what_a_crash_leaves_half_done_is_removed() {
    let slot = tempfile::tempdir().expect("a temporary directory");
    let state = State::open(slot.path(), MemoryBudget::default()).expect("opens");
    let change = state.begin();
    put(&change, 1, Some(1));
    change.commit_durably().expect("on disk");
    drop(state);
    for left in ["state.incoming/tables", "state/2/tables"] {
        std::fs::create_dir_all(slot.path().join(left)).expect("made");
    }
    let state = State::open(slot.path(), MemoryBudget::default()).expect("opens");
    assert_eq!(read(state.reader().facts().moment()), BTreeMap::from([(1, 1)]));
    assert!(!slot.path().join("state.incoming").exists() && !slot.path().join("state/2").exists());
}

/// What is done to a state.
#[derive(Clone, Debug)]
enum Step {
    Change(Rows),
    /// As a change that is dropped.
    Undo(Rows),
    Flush,
    /// Somebody begins to read, and goes on to the end.
    Read,
    Reopen,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let rows = || proptest::collection::btree_map(0..40_u64, any::<Option<u8>>(), 0..12);
    prop_oneof![
        10 => rows().prop_map(Step::Change),
        1 => rows().prop_map(Step::Undo),
        3 => Just(Step::Flush),
        2 => Just(Step::Read),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ]
}

fn change(state: &State, rows: &Rows) -> Change {
    let change = state.begin();
    for (number, value) in rows {
        // What is overwritten in the same change is never seen.
        put(&change, *number, Some(200));
        put(&change, *number, *value);
    }
    change
}

fn apply(model: &mut BTreeMap<u64, u8>, rows: &Rows) {
    for (number, value) in rows {
        match value {
            Some(value) => _ = model.insert(*number, *value),
            None => _ = model.remove(number),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn readers_see_the_rows_of_their_moment_whatever_happens_meanwhile(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut slot = tempfile::tempdir().expect("a temporary directory");
        let mut state = State::open(slot.path(), MemoryBudget::default()).expect("opens");
        let mut now = BTreeMap::new();
        let mut on_disk = BTreeMap::new();
        let mut readers: Vec<(Facts, BTreeMap<u64, u8>)> = Vec::new();
        for step in steps {
            match step {
                Step::Change(rows) => {
                    change(&state, &rows).commit();
                    apply(&mut now, &rows);
                }
                Step::Undo(rows) => drop(change(&state, &rows)),
                Step::Flush => {
                    state.flush().expect("on disk");
                    on_disk = now.clone();
                }
                Step::Read => readers.push((state.reader().facts(), now.clone())),
                Step::Reopen => {
                    state.flush().expect("on disk");
                    on_disk = now.clone();
                    drop(state);
                    state = State::open(slot.path(), MemoryBudget::default()).expect("opens");
                }
                Step::Crash => {
                    let left = image(slot.path());
                    drop(state);
                    readers.clear();
                    slot = left;
                    state = State::open(slot.path(), MemoryBudget::default()).expect("opens");
                    now = on_disk.clone();
                }
            }
            prop_assert_eq!(&read(state.reader().facts().moment()), &now);
            for (facts, then) in &readers {
                prop_assert_eq!(&read(facts.moment()), then);
            }
        }
        let in_part = |range: keys::KeyRange| state.reader().facts().moment().scan(range).count();
        for number in 0..40 {
            let part = (Bound::Excluded(key(number)), Bound::Excluded(key(30)));
            prop_assert_eq!(in_part(part), now.keys().filter(|key| (number + 1..30).contains(*key)).count());
        }
    }
}
