//! The tests of this target, listed and run as test runners ask for it.

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use rand::{SeedableRng as _, rngs::StdRng};

use crate::{
    damage,
    faults::Fault,
    laboratory::history::History,
    namespaces, page,
    report::{Report, Struck},
    schedule::{Schedule, Step, Target, sites},
    staleness,
    stories::{self, Story},
};

const TESTS: [(&str, fn()); 8] = [
    ("nothing_acknowledged_is_lost_under_every_kind_of_fault", every_kind_of_fault),
    ("a_seed_gives_the_same_schedule", a_seed_gives_the_same_schedule),
    ("every_kind_strikes_once_before_any_strikes_again", every_kind_strikes_once),
    ("together_faults_never_lose_two_disks", together_faults_never_lose_two_disks),
    ("the_page_of_faults_lists_those_of_the_code", the_page_lists_the_faults),
    ("damage_changes_what_is_in_use", damage_changes_what_is_in_use),
    ("a_page_that_lacks_an_acknowledged_post_is_stale", a_page_may_be_stale),
    ("options_that_are_not_understood_are_refused", options_are_refused),
];

/// Lists the tests, or runs those that are asked for.
pub fn run(arguments: &[String]) -> ExitCode {
    stories::run(TESTS.map(|(name, test)| Story::new(name, test)), arguments)
}

/// With the time that it takes to begin and to read everything at the end, less than three minutes.
fn every_kind_of_fault() {
    let status = namespaces::run_inside(&[crate::INSIDE, "--seconds", "100"]);
    assert!(status.is_none_or(|status| status.success()), "what is wrong was printed");
}

fn steps(seed: u64, count: usize) -> Vec<Step> {
    Schedule::new(seed, 5, &Fault::ALL).take(count).collect()
}

fn a_seed_gives_the_same_schedule() {
    assert_eq!(steps(7, 100), steps(7, 100));
    assert_ne!(steps(7, 100), steps(8, 100));
    let printed: Vec<String> = steps(7, 3).iter().map(ToString::to_string).collect();
    assert_eq!(printed, SEVEN, "it has changed: seeds that failed do not repeat what they did");
}

const SEVEN: [&str; 3] = [
    "  1. master-paused: the available server, for 1036 ms",
    "  2. slow-link: server-3, for 1940 ms",
    "  3. flapping-link: the available server, for 1787 ms",
];

fn every_kind_strikes_once() {
    let round = Fault::ALL.len();
    for seed in 0..20 {
        let steps = steps(seed, 3 * round);
        let firsts: Vec<Fault> = steps.iter().map(|step| step.injections[0].fault).collect();
        for kinds in firsts.chunks(round) {
            assert_eq!(kinds.iter().collect::<BTreeSet<_>>().len(), round, "{kinds:?}");
        }
        assert!(steps[..round].iter().all(|step| step.injections.len() == 1), "one at a time");
        assert!(steps.iter().any(|step| step.injections.len() == 2), "two at once later");
    }
}

fn together_faults_never_lose_two_disks() {
    for step in (0..20).flat_map(|seed| steps(seed, 100)) {
        let is_alone = step.injections.len() == 1;
        for injection in &step.injections {
            assert!(is_alone || injection.fault.combines(), "{step}");
            let nodes = match &injection.target {
                Target::Available => vec![1],
                Target::Node(node) => vec![*node],
                Target::Nodes(nodes) => nodes.clone(),
            };
            assert!(nodes.iter().all(|node| *node <= 5), "{step}");
        }
    }
    for masters in 1..=8 {
        let mut nodes = sites(masters).concat();
        nodes.sort_unstable();
        assert!(nodes.into_iter().eq(0..=masters), "each node is at one site");
    }
}

/// The names in the first column of a table.
fn first_column(text: &str) -> Vec<&str> {
    let cell = |line: &'_ str| line.strip_prefix("| `").is_some();
    let rows = text.lines().filter(|line| cell(line));
    rows.filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect()
}

fn the_page_lists_the_faults() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/faults.md");
    let page = fs::read_to_string(path).expect("the page is there");
    let all: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
    let (written, _) = page.split_once("## ").expect("it has parts");
    assert_eq!(first_column(written), all, "the table of {path}");
    let figures = page::read(&page, "chaos").expect("it has a part for figures");
    assert_eq!(first_column(figures), all, "run `just chaos --minutes 30 --page docs/faults.md`");

    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), &page).expect("written");
    let struck = Struck {
        faults: vec![Fault::ClockStep],
        from: 0,
        until: 1,
        whole_after: Some(Duration::from_secs(7)),
        notes: vec!["port 4000 is in use".to_owned()],
        failures: vec![],
    };
    let report = Report::new(1, 5, History::new(), &[struck], vec![], vec![]);
    page::write(file.path(), "chaos", &report.to_markdown());
    let rewritten = fs::read_to_string(file.path()).expect("read");
    let figures = page::read(&rewritten, "chaos").expect("it still has it");
    assert_eq!(first_column(figures), all);
    assert!(figures.contains("| 7.0 s | 1 × port N is in use |"), "{figures}");
    assert_eq!(
        rewritten.split_once("<!--").map(|(before, _)| before.to_owned()),
        page.split_once("<!--").map(|(before, _)| before.to_owned()),
        "the rest is as it was"
    );
}

fn damage_changes_what_is_in_use() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("a file");
    // Two pages in use, among eight.
    let mut whole = vec![0_u8; 8 * 4096];
    whole[4096..2 * 4096].fill(7);
    whole[5 * 4096..6 * 4096].fill(9);
    for seed in 0..50 {
        let random = &mut StdRng::seed_from_u64(seed);
        for damage in [damage::flip, damage::tear] {
            fs::write(&file, &whole).expect("written");
            let what = damage(&file, random).expect("a file like another");
            let damaged = fs::read(&file).expect("read");
            assert_ne!(damaged, whole, "{what}");
            let mut pages = damaged.chunks(4096).zip(whole.chunks(4096)).enumerate();
            let unused = pages
                .all(|(page, (now, before))| [1, 5].contains(&page) || now == &before[..now.len()]);
            assert!(unused, "{what}: what was not in use is as it was");
        }
    }
}

fn a_page_may_be_stale() {
    use tinysns::{
        client::{Cursor, PostPage, Published},
        domain::{PostId, UnixMillis},
    };

    use crate::laboratory::history::{Operation, Outcome};

    let publish = || Operation::Publish { text: "hello".to_owned() };
    let read = || Operation::Timeline { cursor: Cursor::Newest, limit: None };
    let page = |as_of| {
        let as_of = PostId::new(as_of);
        Outcome::of(Ok(PostPage { posts: vec![], as_of, more: false, last: None }))
    };
    let published =
        || Outcome::of(Ok(Published { id: PostId::new(5), posted_at: UnixMillis::EPOCH }));
    let mut history = History::new();
    let earlier = history.invoked(1, 0, "bob", read());
    let asked = history.invoked(0, 1, "ann", publish());
    history.returned(asked, 2, published());
    history.returned(earlier, 3, page(4));
    let fresh = history.invoked(1, 4, "bob", read());
    history.returned(fresh, 5, page(5));
    assert!(staleness::check(&history).is_empty(), "asked for before, and up to date");
    let stale = history.invoked(1, 6, "bob", read());
    history.returned(stale, 7, page(4));
    let found = staleness::check(&history);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].operations, [asked, stale]);
}

fn options_are_refused() {
    for words in [
        &["--seed"][..],
        &["--seed", "x"],
        &["--masters", "0"],
        &["--faults", "rain"],
        &["--loud", "1"],
    ] {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let output = command.arg("run").args(words).stdin(Stdio::null()).output();
        let output = output.expect("it starts");
        assert_eq!(output.status.code(), Some(64), "{words:?}: {output:?}");
    }
}
