//! `tinysns backup`: a copy of a running network in one file or object, once or every so often.
//!
//! - [`choice`]: from which master it is taken (pure)
//! - [`rotation`]: what backups of a directory are called, and which are kept (pure)
//!
//! The router says where the masters are, to operators alone. What a file holds, and how a master is asked, is the
//! affair of [`replication::backup`](crate::replication::backup).

pub mod choice;
pub mod rotation;

use std::{
    fmt::Write as _,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::time;
use tonic::{Code, Status};

use self::choice::Candidate;
use crate::{
    client::ClusterStatus,
    domain::ClusterId,
    host::{clock, net, stdio},
    node_auth::NodeAuth,
    object_storage::upload::FillError,
    operator, progress,
    replication::backup::{
        place::{NewBackup, Place, PlaceError},
        source::BackupSource,
    },
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
    /// The masters do not.
    #[error(
        "no master gives its state to somebody who does not prove to be of its cluster (secret_file): {0}"
    )]
    NotOfTheCluster(String),
}

/// It was asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("interrupted: no backup was made")]
struct Interrupted;

/// A backup that was made.
struct Made {
    place: Place,
    cluster: ClusterId,
    index: u64,
    from: String,
    bytes: u64,
    took: Duration,
}

/// Makes what the settings ask for, and says what was made.
pub async fn run(settings: BackupSettings) -> anyhow::Result<ExitCode> {
    let operator = NodeAuth::new(settings.secret.clone(), &settings.nodes)?;
    let mut maker = Maker { signals: StopSignals::listen()?, operator, settings };
    match maker.settings.plan.clone() {
        BackupPlan::Once { place } => {
            let made = maker.make(&Place::open(place).await?).await?;
            Ok(stdio::exit_code(stdio::print(&made.words())))
        }
        BackupPlan::Every { directory, every, keep } => {
            let directory = Place::open(directory).await?;
            directory.create_directory()?;
            if let Err(refused @ PlaceError::Store(_)) = directory.names().await
                && refused.is_refusal()
            {
                return Err(refused.into());
            }
            let mut ticks = time::interval(every);
            ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    biased;
                    () = maker.signals.received() => return Ok(ExitCode::SUCCESS),
                    _ = ticks.tick() => {}
                }
                match maker.next(&directory, keep).await {
                    Ok(words) => stdio::print(&words)?,
                    Err(error) if error.is::<Interrupted>() => return Ok(ExitCode::SUCCESS),
                    Err(error) => {
                        let why = format!("tinysns: no backup was made: {error:#}");
                        stdio::print_error(&why);
                    }
                }
            }
        }
    }
}

/// Makes backups, until it is asked to stop.
struct Maker {
    settings: BackupSettings,
    operator: NodeAuth,
    signals: StopSignals,
}

impl Maker {
    /// Makes the next backup of a directory, and removes what was left unfinished of earlier ones, and those that are
    /// no longer kept. Says what it has done.
    async fn next(&mut self, directory: &Place, keep: usize) -> anyhow::Result<String> {
        let mut words = String::new();
        let name = rotation::name(clock::now());
        for left in rotation::begun_before(&directory.names().await?, &name) {
            let place = directory.child(left);
            if place.remove_unfinished()? {
                let _ = writeln!(
                    words,
                    "{place}: removed what was left of it, which was never finished"
                );
            }
        }
        let made = self.make(&directory.child(&name)).await?;
        words.push_str(&made.words());
        for old in rotation::surplus(&directory.names().await?, keep) {
            let place = directory.child(old);
            place.remove().await?;
            let _ = writeln!(words, "{place}: removed, {keep} newer ones are kept");
        }
        Ok(words)
    }

    /// Makes a backup here.
    async fn make(&mut self, place: &Place) -> anyhow::Result<Made> {
        let mut backup = tokio::select! {
            biased;
            begun = place.begin() => begun?,
            () = self.signals.received() => return Err(Interrupted.into()),
        };
        let filled = tokio::select! {
            biased;
            filled = fill(&self.settings, &self.operator, place, &mut backup) => filled,
            () = self.signals.received() => Err(Interrupted.into()),
        };
        match filled {
            Ok(made) => backup.finish().await.map(|()| made).map_err(Into::into),
            Err(error) => {
                backup.discard().await;
                Err(error)
            }
        }
    }
}

async fn fill(
    settings: &BackupSettings,
    operator: &NodeAuth,
    place: &Place,
    backup: &mut NewBackup,
) -> anyhow::Result<Made> {
    let begun = Instant::now();
    let status = operator::look(&settings.client, operator).await?;
    let cluster = status.cluster().context("there is no cluster yet: nothing was ever posted")?;
    let (from, source) = first_that_sends(operator, cluster, &status).await?;
    let index = source.applied().index;
    let written = Arc::new(AtomicU64::new(0));
    let bytes = || written.load(Ordering::Relaxed);
    tokio::select! {
        biased;
        filled = backup.fill(source, clock::now(), &written) => match filled {
            Ok(()) => {}
            Err(FillError::Store(error)) => return Err(error.into()),
            Err(FillError::Writer(error)) => {
                let why = format!("{from} has not given all of its state");
                return Err(anyhow::Error::new(error).context(why));
            }
        },
        () = tell(&bytes) => unreachable!("it tells until the other has ended"),
    }
    let place = place.clone();
    Ok(Made { place, cluster, index, from, bytes: bytes(), took: begun.elapsed() })
}

/// Says how far it is, as long as it is not stopped.
async fn tell(bytes: &impl Fn() -> u64) {
    loop {
        time::sleep(progress::EVERY).await;
        stdio::print_error(&format!("wrote {} KiB", bytes() / KIB));
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
        let mut may_change = false;
        for Candidate { name, node, address, .. } in asked {
            match BackupSource::open(operator, cluster, (*node, address)).await {
                Ok(source) if source.applied().index >= goal => return Ok((name.clone(), source)),
                Ok(source) => {
                    may_change = true;
                    let index = source.applied().index;
                    failures.push(format!("{name} has applied entry {index} and not yet {goal}"));
                }
                Err(status) => {
                    may_change |= !is_of_credentials(&status);
                    failures.push(format!("{name}: {}", status.message()));
                }
            }
        }
        if !may_change {
            return Err(Refusal::NotOfTheCluster(failures.join("; ")).into());
        }
        if asked_since.elapsed() > PATIENCE {
            anyhow::bail!("no master gives its state: {}", failures.join("; "));
        }
        time::sleep(ASKS_AGAIN_AFTER).await;
    }
}

/// Whether a master refuses those who ask, whatever they ask for.
fn is_of_credentials(status: &Status) -> bool {
    status.code() == Code::Unauthenticated || net::is_not_of_this_cluster(status)
}

impl Made {
    fn words(&self) -> String {
        let Self { place, cluster, index, from, bytes, took } = self;
        let (kib, seconds) = (bytes.div_ceil(KIB), took.as_secs_f64());
        format!(
            "{place}: a backup of cluster {cluster} up to entry {index}, from {from}; {kib} KiB in {seconds:.1} s\n"
        )
    }
}
