//! `tinysns backup`: a copy of a running network in one file, once or every so often.
//!
//! - [`choice`]: from which master it is taken (pure)
//! - [`rotation`]: what backups of a directory are called, and which are kept (pure)
//!
//! The router says where the masters are, to operators alone. What a file holds, and how a master is asked, is the
//! affair of [`replication::backup`](crate::replication::backup).

pub mod choice;
pub mod rotation;

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::time::{self, Interval};

use self::choice::Candidate;
use crate::{
    client::{self, ClusterStatus, StatusView, Viewer},
    domain::ClusterId,
    host::{clock, disk, new_file::NewFile, stdio},
    node_auth::NodeAuth,
    progress,
    replication::backup::source::BackupSource,
    runtime::StopSignals,
    settings::{BackupPlan, BackupSettings},
};

/// A standby that is behind catches up within a moment; only after this is the available server asked, if there are
/// others.
const STANDBYS_ALONE: Duration = Duration::from_secs(3);
/// For all together.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two rounds of asking.
const ASKS_AGAIN_AFTER: Duration = Duration::from_millis(200);
const KIB: u64 = 1 << 10;

/// Something that was asked for cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nothing is replaced.
    #[error("{0} is there already, and is not replaced: name another file, or remove it first")]
    IsThere(PathBuf),
    /// The file cannot be made there.
    #[error("cannot make {path}: {source}{}", disk::remedy(.source))]
    Unusable {
        /// The file or the directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The router does not take the caller for an operator.
    #[error(
        "the router at {0} tells only operators where its masters are: the secret that was given is not this \
         cluster's (secret_file)"
    )]
    NotAnOperator(String),
}

/// A backup that was made.
struct Made {
    path: PathBuf,
    cluster: ClusterId,
    index: u64,
    from: String,
    bytes: u64,
    took: Duration,
}

/// Makes what the settings ask for, and says what was made.
pub async fn run(settings: BackupSettings) -> anyhow::Result<ExitCode> {
    let operator = NodeAuth::new(settings.secret.clone(), &settings.nodes)?;
    let mut signals = StopSignals::listen()?;
    match &settings.plan {
        BackupPlan::Once { file } => {
            let made = tokio::select! {
                biased;
                made = make(&settings, &operator, file) => made?,
                () = signals.received() => anyhow::bail!("interrupted: no backup was made"),
            };
            Ok(stdio::exit_code(stdio::print(&made.words())))
        }
        BackupPlan::Every { directory, every, keep } => {
            let unusable = |source| Refusal::Unusable { path: directory.clone(), source };
            disk::create_named_directory(directory).map_err(unusable)?;
            let mut ticks = time::interval(*every);
            ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    () = signals.received() => return Ok(ExitCode::SUCCESS),
                    said = next(&settings, &operator, &mut ticks, (directory.as_path(), *keep)) => {
                        match said {
                            Ok(words) => stdio::print(&words)?,
                            Err(error) => stdio::print_error(&format!("tinysns: {error:#}")),
                        }
                    }
                }
            }
        }
    }
}

/// Makes the next backup of a directory, when it is time, and removes those that are no longer kept. Says what
/// it has done.
async fn next(
    settings: &BackupSettings,
    operator: &NodeAuth,
    ticks: &mut Interval,
    (directory, keep): (&Path, usize),
) -> anyhow::Result<String> {
    ticks.tick().await;
    let path = directory.join(rotation::name(clock::now()));
    let made = make(settings, operator, &path).await.context("no backup was made")?;
    let mut words = made.words();
    for old in rotation::surplus(&disk::names(directory)?, keep) {
        let path = directory.join(old);
        disk::remove(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        let removed = format!("{}: removed, {keep} newer ones are kept\n", path.display());
        words.push_str(&removed);
    }
    Ok(words)
}

/// Makes a backup at `path`.
async fn make(settings: &BackupSettings, operator: &NodeAuth, path: &Path) -> anyhow::Result<Made> {
    let file = NewFile::create(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Refusal::IsThere(path.to_owned()),
        _ => Refusal::Unusable { path: path.to_owned(), source },
    })?;
    let begun = Instant::now();
    let status = look(settings, operator).await?;
    let cluster = status.cluster_id.as_deref().and_then(|cluster| cluster.parse().ok());
    let cluster: ClusterId = cluster.context("there is no cluster yet: nothing was ever posted")?;
    let (from, source) = first_that_sends(operator, cluster, &status).await?;
    let index = source.applied().index;
    let written = Arc::new(AtomicU64::new(0));
    let bytes = || written.load(Ordering::Relaxed);
    let writing = source.write_to(file, clock::now(), Arc::clone(&written));
    let file = tokio::select! {
        biased;
        file = writing => file.with_context(|| format!("{from} has not given all of its state"))?,
        () = tell(&bytes) => unreachable!("it tells until the other has ended"),
    };
    let unfinished = |source| Refusal::Unusable { path: path.to_owned(), source };
    file.finish().map_err(unfinished)?;
    let path = path.to_owned();
    Ok(Made { path, cluster, index, from, bytes: bytes(), took: begun.elapsed() })
}

/// Says how far it is, as long as it is not stopped.
async fn tell(bytes: &impl Fn() -> u64) {
    loop {
        time::sleep(progress::EVERY).await;
        stdio::print_error(&format!("wrote {} KiB", bytes() / KIB));
    }
}

async fn look(settings: &BackupSettings, operator: &NodeAuth) -> anyhow::Result<ClusterStatus> {
    let operator = Some(operator.clone());
    let viewer = Viewer { security: client::security(&settings.client)?, operator };
    let router = &settings.client.router;
    let status = client::cluster_for(router, &viewer).await?;
    match status.view {
        StatusView::Operator => Ok(status),
        StatusView::Public => Err(Refusal::NotAnOperator(router.clone()).into()),
    }
}

/// The first of the masters that has everything and sends it.
async fn first_that_sends(
    operator: &NodeAuth,
    cluster: ClusterId,
    status: &ClusterStatus,
) -> anyhow::Result<(String, BackupSource)> {
    let (candidates, goal) = (choice::in_order(status), choice::must_reach(status));
    anyhow::ensure!(!candidates.is_empty(), "no master is up: {}", status.problems.join("; "));
    let asked_since = Instant::now();
    loop {
        let mut failures = Vec::new();
        let spares_leader = !candidates[0].leads && asked_since.elapsed() < STANDBYS_ALONE;
        let asked = candidates.iter().filter(|candidate| !(candidate.leads && spares_leader));
        for Candidate { name, node, address, .. } in asked {
            match BackupSource::open(operator, cluster, (*node, address)).await {
                Ok(source) if source.applied().index >= goal => return Ok((name.clone(), source)),
                Ok(source) => failures.push(format!(
                    "{name} has applied entry {} and not yet {goal}",
                    source.applied().index
                )),
                Err(status) => failures.push(format!("{name}: {}", status.message())),
            }
        }
        if asked_since.elapsed() > PATIENCE {
            anyhow::bail!("no master gives its state: {}", failures.join("; "));
        }
        time::sleep(ASKS_AGAIN_AFTER).await;
    }
}

impl Made {
    fn words(&self) -> String {
        let Self { path, cluster, index, from, bytes, took } = self;
        let (kib, seconds) = (bytes.div_ceil(KIB), took.as_secs_f64());
        format!(
            "{}: a backup of cluster {cluster} up to entry {index}, from {from}; {kib} KiB in {seconds:.1} s\n",
            path.display()
        )
    }
}
