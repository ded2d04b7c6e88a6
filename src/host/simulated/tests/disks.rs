//! What disks do, what they refuse, and what a process leaves on them that is killed.

use std::path::Path;

use redb::StorageBackend as _;

use super::*;
use crate::host::{
    random_access::RandomAccessFile as _,
    simulated::{
        backend::SimulatedFile,
        files::{self, DiskBehaviour},
        is_stopping,
        open_file::OpenFile,
        with,
    },
};

const NAME: &str = "/data/file";
const OTHER: &str = "/data/other";

type Outcome = Result<(), io::ErrorKind>;

fn kind<T>(outcome: io::Result<T>) -> Outcome {
    outcome.map(drop).map_err(|error| error.kind())
}

fn text(machine: Machine, name: &str) -> Result<String, io::ErrorKind> {
    files::read_to_string(machine, Path::new(name)).map_err(|error| error.kind())
}

fn write(machine: Machine, name: &str, contents: &[u8]) -> Outcome {
    kind(files::write(machine, Path::new(name), contents, false))
}

fn rename(machine: Machine, from: &str, to: &str) -> Outcome {
    kind(files::rename(machine, Path::new(from), Path::new(to)))
}

fn remove(machine: Machine, name: &str) -> Outcome {
    kind(files::remove(machine, Path::new(name)))
}

fn create_directory(machine: Machine) -> Outcome {
    kind(files::create_directory(machine, Path::new("/data")))
}

fn open(machine: Machine) -> io::Result<SimulatedFile> {
    SimulatedFile::open(machine, Path::new(NAME))
}

fn behaves(machine: Machine, behaviour: DiskBehaviour) {
    files::set_behaviour(machine, |disk| *disk = behaviour);
}

#[test]
fn what_was_written_is_read_under_the_name_that_it_has() {
    let [one, other] = world(1);
    assert_eq!(text(one, NAME), Err(io::ErrorKind::NotFound));
    write(one, NAME, b"first").expect("a good disk");
    write(one, NAME, b"second").expect("a good disk");
    assert_eq!(text(one, NAME).as_deref(), Ok("second"));
    assert_eq!(files::length(one, Path::new(NAME)).expect("it is there"), 6);
    assert!(!files::exists(other, Path::new(NAME)), "it is another machine's disk");
    write(one, OTHER, b"replaced").expect("a good disk");
    rename(one, NAME, OTHER).expect("a good disk");
    assert_eq!(text(one, OTHER).as_deref(), Ok("second"));
    assert!(!files::exists(one, Path::new(NAME)));
    assert_eq!(rename(one, NAME, OTHER), Err(io::ErrorKind::NotFound));
    remove(one, OTHER).expect("it is there");
    assert_eq!(remove(one, OTHER), Err(io::ErrorKind::NotFound));
    write(one, NAME, &[0xff]).expect("a good disk");
    assert_eq!(text(one, NAME), Err(io::ErrorKind::InvalidData));
}

#[test]
fn a_database_file_is_read_and_written_anywhere_within_its_length() {
    let [one] = world(1);
    let file = open(one).expect("a good disk");
    file.set_len(4).expect("a good disk");
    file.write(6, b"end").expect("a good disk");
    file.write(1, b"in").expect("a good disk");
    assert_eq!(file.len().expect("a good disk"), 9);
    let mut all = [1; 9];
    file.read(0, &mut all).expect("it is there");
    assert_eq!(&all, b"\0in\0\0\0end");
    assert_eq!(kind(file.read(1, &mut all)), Err(io::ErrorKind::UnexpectedEof));
    file.set_len(2).expect("a good disk");
    assert_eq!(file.len().expect("a good disk"), 2);
}

#[test]
fn a_file_is_open_as_often_as_it_is_opened_until_its_process_has_ended() {
    let [one, other] = world(1);
    create_directory(one).expect("a good disk");
    assert_eq!(
        OpenFile::open(one, Path::new(NAME)).map(drop).map_err(|e| e.kind()),
        Err(io::ErrorKind::NotFound)
    );
    write(one, NAME, b"first").expect("a good disk");
    let [file, again] = [(); 2].map(|()| OpenFile::open(one, Path::new(NAME)).expect("there"));
    file.write_at(3, b"ever").expect("a good disk");
    let mut all = [0; 7];
    again.read_at(0, &mut all).expect("as long as that");
    assert_eq!((&all, again.length().expect("a good disk")), (b"firever", 7));
    write(one, OTHER, b"").expect("a good disk");
    write(one, "/elsewhere/file", b"").expect("a good disk");
    assert_eq!(files::names(one, Path::new("/data")).expect("there"), ["file", "other"]);
    assert!(
        files::names(other, Path::new("/data")).is_err(),
        "another machine has no such directory"
    );
    one.kill();
    assert!(file.write_at(0, b"late").is_err() && file.sync_data().is_err());
}

#[test]
fn a_database_is_open_once_until_it_is_closed_or_its_process_has_ended() {
    let [one] = world(1);
    let first = open(one).expect("a good disk");
    assert_eq!(kind(open(one)), Err(io::ErrorKind::WouldBlock));
    first.close().expect("it is open");
    for end in [Machine::kill, Machine::power_off] {
        let dead = open(one).expect("it is closed");
        dead.sync_data().expect("a good disk");
        files::sync_directory(one).expect("a good disk");
        end(one);
        let next = open(one).expect("whoever had it open is dead");
        dead.close().expect("nothing happens");
        assert_eq!(kind(open(one)), Err(io::ErrorKind::WouldBlock), "the next one still has it");
        assert!(dead.write(0, b"late").is_err() && dead.sync_data().is_err());
        assert!(dead.set_len(9).is_err());
        assert_eq!(next.len().expect("a good disk"), 0);
        next.close().expect("it is open");
    }
}

#[test]
fn a_process_that_is_killed_loses_nothing_that_it_wrote() {
    for seed in SEEDS {
        let [one] = world(seed);
        write(one, OTHER, b"a text").expect("a good disk");
        let file = open(one).expect("a good disk");
        file.write(0, &[7; 3_000]).expect("a good disk");
        one.kill();
        assert_eq!(text(one, OTHER).as_deref(), Ok("a text"));
        let mut all = [0; 3_000];
        open(one).expect("a good disk").read(0, &mut all).expect("it is there");
        assert!(all.iter().all(|byte| *byte == 7), "seed {seed}");
    }
}

/// Tries everything that changes something and needs no more room, and then what needs more.
fn try_everything(machine: Machine, file: &SimulatedFile) -> (Vec<Outcome>, Vec<Outcome>) {
    let within = vec![
        kind(file.write(0, b"ab")),
        kind(file.set_len(2)),
        kind(file.sync_data()),
        kind(files::sync_directory(machine)),
        rename(machine, OTHER, "/data/renamed"),
        rename(machine, "/data/renamed", OTHER),
    ];
    let growing = vec![
        kind(file.write(1, b"cd")),
        kind(file.set_len(9)),
        write(machine, "/data/new", b"one"),
        create_directory(machine),
        kind(SimulatedFile::open(machine, Path::new("/data/database"))),
    ];
    (within, growing)
}

fn all_are(outcomes: &[Outcome], expected: Outcome) -> bool {
    outcomes.iter().all(|outcome| *outcome == expected)
}

#[test]
fn a_disk_that_fails_refuses_every_change_until_it_fails_no_more() {
    let [one, unconcerned] = world(1);
    let file = open(one).expect("a good disk");
    file.write(0, b"abc").expect("a good disk");
    write(one, OTHER, b"one").expect("a good disk");
    assert!(!one.disk_fails());
    behaves(one, DiskBehaviour { fails: true, ..DiskBehaviour::default() });
    assert!(one.disk_fails() && !unconcerned.disk_fails());
    let (within, growing) = try_everything(one, &file);
    assert!(all_are(&within, Err(io::ErrorKind::Other)), "{within:?}");
    assert!(all_are(&growing, Err(io::ErrorKind::Other)), "{growing:?}");
    assert_eq!(text(one, OTHER).as_deref(), Ok("one"), "it can be read");
    assert_eq!(text(one, NAME).as_deref(), Ok("abc"));
    assert_eq!(create_directory(unconcerned), Ok(()));
    behaves(one, DiskBehaviour::default());
    let (within, growing) = try_everything(one, &file);
    assert!(all_are(&within, Ok(())) && all_are(&growing, Ok(())), "{within:?} {growing:?}");
}

#[test]
fn a_full_disk_refuses_what_grows_and_nothing_else() {
    let [one] = world(1);
    let file = open(one).expect("a good disk");
    file.write(0, b"abc").expect("a good disk");
    write(one, OTHER, b"one").expect("a good disk");
    behaves(one, DiskBehaviour { full: true, ..DiskBehaviour::default() });
    assert!(one.disk_fails());
    let (within, growing) = try_everything(one, &file);
    assert!(all_are(&within, Ok(())), "{within:?}");
    assert!(all_are(&growing, Err(io::ErrorKind::StorageFull)), "{growing:?}");
    assert_eq!(remove(one, OTHER), Ok(()));
    assert_eq!(text(one, NAME).as_deref(), Ok("ab"));
}

#[test]
fn a_machine_stops_after_just_so_many_operations_that_change_something() {
    let [one, other] = world(1);
    let [mut client, mut server] = connection(one, other);
    let file = open(one).expect("a good disk");
    behaves(one, DiskBehaviour { stops_after: Some(4), ..DiskBehaviour::default() });
    file.write(0, b"one").expect("the first");
    file.sync_data().expect("the second");
    assert_eq!(text(one, NAME).as_deref(), Ok("one"), "which changes nothing");
    write(one, OTHER, b"two").expect("the third");
    files::sync_directory(one).expect("the fourth");
    assert!(!is_stopping(one));
    send(&mut client, b"still");
    assert!(file.write(0, b"late").is_err());
    assert!(is_stopping(one) && !is_stopping(other));
    // From then on it does nothing that anybody hears of.
    assert!(file.sync_data().is_err() && rename(one, OTHER, NAME).is_err());
    assert!(try_send(&mut client, b"late").is_none() && sees_nothing(&mut client));
    drop(client);
    pass(SECOND);
    assert_eq!(received(&mut server), b"still");
    assert!(sees_nothing(&mut server));
    one.power_off();
    assert!(!is_stopping(one));
    assert_eq!(text(one, NAME).as_deref(), Ok("one"));
    assert_eq!(create_directory(one), Ok(()), "it is over");
}

#[test]
fn a_stop_that_was_asked_for_is_forgotten_when_the_machine_ends_before() {
    for end in [Machine::kill, Machine::power_off] {
        let [one] = world(1);
        behaves(one, DiskBehaviour { stops_after: Some(1), ..DiskBehaviour::default() });
        create_directory(one).expect("the first");
        end(one);
        assert_eq!([(); 3].map(|()| create_directory(one)), [Ok(()); 3]);
        assert!(!is_stopping(one));
    }
}

#[test]
fn a_lost_disk_is_an_empty_good_one() {
    let [one] = world(1);
    open(one).expect("a good disk").sync_data().expect("a good disk");
    write(one, OTHER, b"one").expect("a good disk");
    create_directory(one).expect("a good disk");
    files::sync_directory(one).expect("a good disk");
    behaves(one, DiskBehaviour { fails: true, ..DiskBehaviour::default() });
    one.power_off();
    one.lose_disk();
    for name in [NAME, OTHER] {
        assert!(!files::exists(one, Path::new(name)));
    }
    assert!(!files::is_directory(one, Path::new("/data")));
    assert!(files::is_directory(one, Path::new("/")));
    assert!(!one.disk_fails());
    assert_eq!(open(one).expect("nobody has it open").len().expect("a good disk"), 0);
}

#[test]
fn a_job_takes_what_the_disk_takes() {
    let [one] = world(1);
    for (shortest, longest) in [(100, 1_500), (20_000, 90_000)] {
        files::set_behaviour(one, |disk| disk.takes = (shortest, longest));
        let taken = SEEDS.map(|_| with(|w| w.disks.next_job_takes(one, &mut w.random)).as_micros());
        let taken: Vec<u64> = taken.map(|took| took.try_into().expect("it is short")).collect();
        assert!(taken.iter().all(|took| (shortest..=longest).contains(took)), "{taken:?}");
        let middle = u64::midpoint(shortest, longest);
        assert!(taken.iter().any(|took| *took < middle) && taken.iter().any(|took| *took > middle));
    }
}
