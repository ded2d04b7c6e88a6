//! Every decoder of bytes from outside, on the corpus that fuzzing has left (`fuzz/corpus`), and on
//! what is like it.
//!
//! - What is kept is decoded without a panic, and so are a few thousand mutations of it, which follow
//!   from a seed.
//! - What nodes of earlier versions have told each other is understood as it was then
//!   (`tests/cluster/written`). `WRITE_FORMAT=2` writes what a new version tells.
//! - Every decoder has a corpus, with its seeds, and every corpus has a decoder. `WRITE_SEEDS=1` writes
//!   the seeds.

#![allow(missing_docs, reason = "tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::Instant,
};

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};
use tinysns::{
    decoders::{
        DECODERS, Decoder,
        traffic::{TRAFFIC, Traffic},
    },
    envelope::SupportedVersions,
};

/// Mutations of each decoder's corpus, unless `MUTATIONS` says another number: all together take a few
/// seconds, unoptimised.
const MUTATIONS: u64 = 1_500;
/// From which they follow, unless `SEED` says another number.
const SEED: u64 = 7;
/// The longest that a mutation becomes: more has the chance to be slow, but not to be new.
const LONGEST: usize = 4_096;

fn number(variable: &str, usual: u64) -> u64 {
    env::var(variable).map_or(usual, |number| number.parse().expect("a number"))
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// The files of a decoder's corpus, by name.
fn kept(decoder: &Decoder) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = fs::read_dir(corpus().join(decoder.name)) else { return BTreeMap::new() };
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().expect("a name of ours");
        (name, fs::read(entry.path()).expect("readable"))
    };
    entries.map(|entry| file(entry.expect("readable"))).collect()
}

/// Decodes; a panic is reported with what caused it, as a file that can be kept.
fn decode(decoder: &Decoder, bytes: &[u8], from: &str) {
    if catch_unwind(AssertUnwindSafe(|| (decoder.decode)(bytes))).is_err() {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.fault", decoder.name));
        fs::write(&path, bytes).expect("writable");
        panic!(
            "{} fails on {}, made from {from}: keep it in its corpus",
            decoder.name,
            path.display()
        );
    }
}

#[test]
fn every_decoder_has_a_corpus_and_every_corpus_a_decoder() {
    let names: BTreeSet<String> = DECODERS.iter().map(|it| it.name.to_owned()).collect();
    assert_eq!(names.len(), DECODERS.len(), "two decoders have one name");
    let folders = fs::read_dir(corpus()).expect("there is a corpus");
    let folders: BTreeSet<String> = folders
        .map(|entry| entry.expect("readable").file_name().into_string().expect("a name of ours"))
        .collect();
    assert_eq!(folders, names);
}

#[test]
fn the_corpus_of_a_decoder_has_its_seeds() {
    let mut wrong = Vec::new();
    for decoder in DECODERS {
        let kept = kept(decoder);
        let seeds: BTreeMap<String, Vec<u8>> = (decoder.seeds)()
            .into_iter()
            .zip(1..)
            .map(|(seed, n)| (format!("seed-{n:02}"), seed))
            .collect();
        assert!(!seeds.is_empty(), "{} has no seeds", decoder.name);
        let folder = corpus().join(decoder.name);
        if env::var_os("WRITE_SEEDS").is_some() {
            fs::create_dir_all(&folder).expect("writable");
            for old in kept.keys().filter(|name| name.starts_with("seed-")) {
                fs::remove_file(folder.join(old)).expect("writable");
            }
            for (name, seed) in seeds {
                fs::write(folder.join(name), seed).expect("writable");
            }
            continue;
        }
        let is_seed = |(name, _): &(String, Vec<u8>)| name.starts_with("seed-");
        if kept.into_iter().filter(is_seed).collect::<BTreeMap<_, _>>() != seeds {
            wrong.push(decoder.name);
        }
    }
    assert!(wrong.is_empty(), "other seeds are kept of {wrong:?}: `just fuzz-seeds` writes them");
}

#[test]
fn what_is_kept_is_decoded() {
    for decoder in DECODERS {
        for (name, bytes) in kept(decoder) {
            decode(decoder, &bytes, &name);
        }
    }
}

#[test]
fn what_is_like_it_is_decoded_too() {
    let (seed, mutations) = (number("SEED", SEED), number("MUTATIONS", MUTATIONS));
    println!("seed {seed}");
    for decoder in DECODERS {
        let mut random = SmallRng::seed_from_u64(seed);
        let kept: Vec<(String, Vec<u8>)> = kept(decoder).into_iter().collect();
        let began = Instant::now();
        for (name, bytes) in kept.iter().cycle().zip(0..mutations).map(|(file, _)| file) {
            let mut bytes = bytes.clone();
            for _ in 0..random.random_range(1..=4) {
                mutate(&mut bytes, &kept[random.random_range(0..kept.len())].1, &mut random);
            }
            decode(decoder, &bytes, name);
        }
        println!("{}: {mutations} mutations in {:?}", decoder.name, began.elapsed());
    }
}

fn record(version: u8) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/written");
    folder.join(format!("traffic-{version}.txt"))
}

/// A line for each message: its kind, its bytes, and what it meant to whom it was written for.
fn recorded() -> String {
    let mut lines = String::new();
    for Traffic { name, sent, understood } in TRAFFIC {
        for bytes in sent() {
            let meaning = understood(&bytes).expect("what is sent is understood");
            lines = lines + name + " ";
            for byte in bytes {
                write!(lines, "{byte:02x}").expect("it is memory");
            }
            lines = lines + " " + &meaning + "\n";
        }
    }
    lines
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits");
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// Whether all that was said is still said, in its order. What came later may be in between.
fn says_all(now: &str, then: &str) -> bool {
    // Whether a comma follows depends on whether something was added behind.
    let mut now = now.split([' ', ',']);
    then.split([' ', ',']).all(|word| now.any(|other| other == word))
}

#[test]
fn what_nodes_of_every_earlier_version_told_each_other_is_understood_as_it_was_meant() {
    if let Ok(version) = env::var("WRITE_FORMAT") {
        fs::write(record(version.parse().expect("a number")), recorded()).expect("writable");
    }
    let SupportedVersions { oldest, newest } = SupportedVersions::BUILD;
    for version in oldest.byte()..=newest.byte() {
        let record = fs::read_to_string(record(version)).expect("every version has left one");
        let mut kinds = BTreeSet::new();
        for line in record.lines() {
            let mut parts = line.splitn(3, ' ');
            let [name, hex, then] = [(); 3].map(|()| parts.next().expect("three parts"));
            let kind = TRAFFIC.iter().find(|kind| kind.name == name).expect("a kind of traffic");
            let now = (kind.understood)(&bytes(hex)).expect("it is understood");
            assert!(says_all(&now, then), "version {version}, {name}: {now}\ninstead of {then}");
            kinds.insert(name);
        }
        assert_eq!(kinds.len(), TRAFFIC.len(), "version {version} has left something of each kind");
    }
}

#[test]
fn a_record_is_compared_word_by_word_and_what_is_new_may_be_added() {
    for (now, then, expected) in [
        ("A { a: 1, b: 2 }", "A { a: 1, b: 2 }", true),
        ("A { a: 1, new: 0, b: 2 }", "A { a: 1, b: 2 }", true),
        ("A { a: B(1), b: 2, new: 0 }", "A { a: B(1), b: 2 }", true),
        ("A { a: 1, b: 3 }", "A { a: 1, b: 2 }", false),
        ("A { b: 2, a: 1, }", "A { a: 1, b: 2 }", false),
        ("A { a: 1, }", "A { a: 1, b: 2 }", false),
    ] {
        assert_eq!(says_all(now, then), expected, "{now} for {then}");
    }
}

/// Changes something, somewhere.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut SmallRng) {
    if bytes.is_empty() {
        bytes.extend(other);
    }
    if bytes.is_empty() {
        return;
    }
    let at = random.random_range(0..bytes.len());
    let end = random.random_range(at..=bytes.len().min(at + 64));
    match random.random_range(0..7) {
        0 => bytes[at] ^= 1 << random.random_range(0..8),
        1 => bytes[at] = *[0, 1, 0x7f, 0x80, 0xff].get(random.random_range(0..5)).expect("five"),
        2 => bytes.truncate(at),
        3 => _ = bytes.drain(at..end),
        4 => {
            let twice = bytes[at..end].to_vec();
            bytes.splice(at..at, twice);
        }
        5 => bytes.insert(at, random.random()),
        _ => {
            let from = random.random_range(0..=other.len());
            bytes.truncate(at);
            bytes.extend(&other[from..]);
        }
    }
    bytes.truncate(LONGEST);
}
