//! A run: a cluster, people who use it, faults one after the other, and what became of all that.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use nix::sys::signal::Signal;
use tinysns::client::ClientError;
use tokio::time::{Instant, sleep};

use crate::{
    cluster::{Cluster, LOOK_EVERY, name},
    injection::{self, Active},
    laboratory::{
        self,
        history::{FinalState, History},
        violation::Violation,
    },
    network,
    operator::{self, Recovery},
    options::Options,
    page,
    pids::signal,
    report::{Report, Struck},
    schedule::{Schedule, Step},
    staleness,
    workload::{Workload, read_everything},
};

/// Of so many operations an order is looked for, which takes seconds.
const ORDERED_OPERATIONS: usize = 40_000;
/// How long reading everything may take, at each server.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// Runs, prints what happened, and succeeds if every promise was kept.
pub fn run(options: &Options) -> ExitCode {
    let folder = options.keep.clone().unwrap_or_else(|| {
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chaos-{}", options.seed))
    });
    fs::create_dir_all(&folder).expect("a folder for logs");
    println!("seed {}, {} masters, logs in {}", options.seed, options.masters, folder.display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let report = runtime.expect("a runtime").block_on(story(options, &folder));
    print!("{report}");
    let is_kept = report.is_kept();
    if is_kept && options.keep.is_none() {
        fs::remove_dir_all(&folder).expect("our own");
    }
    if let Some(file) = &options.page {
        page::write(file, "chaos", &report.to_markdown());
    }
    if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn story(options: &Options, folder: &Path) -> Report {
    network::build(options.masters).await;
    let mut cluster = Cluster::start(options.masters, folder).await;
    let begun = operator::recover(&mut cluster).await;
    assert!(begun.faults.is_empty(), "it never began: {begun:?}");
    let mut workload = Workload::start(&Cluster::router(), options.seed).await;
    let began = Instant::now();
    let mut struck = Vec::new();
    for step in Schedule::new(options.seed, options.masters, &options.faults) {
        if began.elapsed() >= options.lasting {
            break;
        }
        let outcome = carry_out(&mut cluster, &workload, &step).await;
        let is_broken = outcome.whole_after.is_none();
        struck.push(outcome);
        if is_broken {
            break;
        }
    }
    workload.stop().await;
    let (state, mut failures) = audit(&mut cluster).await;
    let history = workload.finish(state).await;
    let (path, lines): (PathBuf, String) = (folder.join("history"), history.to_string());
    fs::write(path, lines).expect("there is room");
    let violations = violations(&history);
    failures.extend(struck.iter().flat_map(|step| step.failures.iter().cloned()));
    Report::new(options.seed, options.masters, history, &struck, violations, failures)
}

/// Every promise that was not kept. An order that explains all answers is looked for in the history of
/// some minutes; in a longer one, reads are compared with what was acknowledged before.
fn violations(history: &History) -> Vec<Violation> {
    let began = Instant::now();
    let operations = history.operations().len();
    let mut violations = if operations <= ORDERED_OPERATIONS {
        laboratory::check(history)
    } else {
        println!("{operations} operations are too many to look for one order of them all");
        let numbered = laboratory::numbering::without_gaps(history);
        let mut violations = laboratory::exactly_once::check(&numbered);
        violations.extend(laboratory::feeds::check(&numbered));
        violations
    };
    violations.extend(staleness::check(history));
    println!("{operations} operations were checked in {:.1} s", began.elapsed().as_secs_f64());
    violations
}

/// Lets faults strike, heals them, and waits until everything is well again.
async fn carry_out(cluster: &mut Cluster, workload: &Workload, step: &Step) -> Struck {
    let from = workload.now();
    let before = operator::identities(cluster);
    let mut active: Vec<Active> = Vec::new();
    for injection in &step.injections {
        active.push(injection::inject(cluster, injection).await);
    }
    let words: Vec<&str> = active.iter().map(|active| active.what.as_str()).collect();
    let lasting = step.lasting.as_millis();
    let seconds = from / 1_000_000_000;
    println!("{seconds:4} s {:3}. {}, for {lasting} ms", step.number, words.join(", and "));
    sleep(step.lasting).await;
    let faults = active.iter().map(|active| active.fault).collect();
    let damaged = active.iter().find_map(|active| active.damaged);
    for active in active {
        active.heal(cluster).await;
    }
    let Recovery { whole_after, mut notes, faults: mut failures } =
        operator::recover(cluster).await;
    if let Err(words) = operator::served(workload).await {
        failures.push(words);
    }
    if let Some(node) = damaged
        && notes.is_empty()
    {
        let (note, is_silent) = outcome_of_damage(cluster, node, &before);
        if is_silent {
            failures.push(format!("{} {note}", name(node)));
        }
        notes.push(note);
    }
    for note in notes.iter().chain(&failures) {
        println!("             {note}");
    }
    let until = workload.now();
    Struck { faults, from, until, whole_after, notes, failures }
}

/// What became of a node whose file was damaged and that was not refused; and whether it began anew
/// without a word.
fn outcome_of_damage(
    cluster: &Cluster,
    node: network::Node,
    before: &operator::Identities,
) -> (String, bool) {
    if node == network::ROUTER {
        // A router may begin with an empty disk: its witness is then another.
        return ("the router goes on, with what it has or with an empty disk".to_owned(), false);
    }
    let said = cluster.said(node);
    let repaired = ["rebuilding it from the log", "asking the others for theirs"];
    let how = repaired.into_iter().find(|words| said.contains(words));
    let now = operator::identities(cluster);
    let is_another = now.get(&node) != before.get(&node);
    match how {
        Some(words) => (format!("repaired: {words}"), false),
        None if is_another => ("began anew, without a word".to_owned(), true),
        None => ("what was damaged was not in use".to_owned(), false),
    }
}

/// Reads everything from as many masters as a cluster survives the loss of at once, and one more: each is
/// made to serve in turn by pausing those before it.
async fn audit(cluster: &mut Cluster) -> (FinalState, Vec<String>) {
    let mut failures = Vec::new();
    let mut first: Option<FinalState> = None;
    let mut paused = Vec::new();
    for _ in 0..=cluster.masters / 2 {
        match read_in_time().await {
            Ok((node, state)) => {
                match &first {
                    None => first = Some(state),
                    Some(first) if *first != state => {
                        failures.push(format!("{} has another state", name(node)));
                    }
                    Some(_) => {}
                }
                if paused.len() < cluster.masters / 2
                    && let Some(pid) = cluster.pid(node)
                {
                    signal(pid, Signal::SIGSTOP);
                    paused.push(pid);
                }
            }
            Err(error) => failures.push(format!("not everything could be read: {error}")),
        }
    }
    println!("everything was read from {} masters", paused.len() + 1);
    for pid in paused {
        signal(pid, Signal::SIGCONT);
    }
    (first.unwrap_or_default(), failures)
}

async fn read_in_time() -> Result<(network::Node, FinalState), ClientError> {
    let deadline = Instant::now() + READ_WITHIN;
    loop {
        let before = Cluster::available().await;
        let outcome = read_everything(&Cluster::router()).await;
        let after = Cluster::available().await;
        match (outcome, after) {
            (Ok(state), Some(node)) if before == after => return Ok((node, state)),
            (Err(error), _) if Instant::now() >= deadline => return Err(error),
            _ => sleep(LOOK_EVERY).await,
        }
    }
}
