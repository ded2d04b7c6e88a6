//! `tinysns bench`: how fast a running network is, beside a bare server that answers the same.
//!
//! | file | what it is |
//! | --- | --- |
//! | `workload` | the people of a scenario at one network, and what they do |
//! | `people` | some clients, who follow twenty authors |
//! | `operation` | one call, as they make it again and again |
//! | `audience`, `deliveries` | `fanout`: one author and many readers; what has come to them (pure) |
//! | `crowd`, `zipf` | `mixed`: many who follow each other, a few of them followed by most; who is chosen (pure) |
//! | `http/` | `http`: what apps do, over HTTP/1.1, and a bare server of axum |
//! | `load` | calls, as many at a time or as often as the settings say, and how long each takes |
//! | `ceiling`, `group_commit` | the bare server: tonic, with answers of the same sizes and nothing behind them; or with a file |
//! | `comparison` | rounds of a scenario, turn by turn with the bare servers |
//! | `own_cluster` | a network that the bench starts for itself, and ends |
//! | `failover`, `losses` | pauses, while the available server is crashed again and again; by the bench itself |
//! | `acknowledgements`, `post_audit` | pure: who has acknowledged when; whether every post is there once |
//! | `numbered_text` | pure: posts that are recognised when they are read again |
//! | `footprint`, `process_figures` | what the network's processes take; what they say of it (pure) |
//! | `recovery` | how soon a network with many posts is whole again |
//! | `growth` | what becomes of a network while it is filled |
//! | `refusals` | pure: which limits a run has met, and what to change |
//! | `mounts` | pure: on which disk a directory is |
//! | `report`, `figures`, `table` | everything that is told; of rounds (pure); as text (pure) |
//! | `progress` | what people see while they wait |
//!
//! What is measured depends on the machine and on who else uses it. So the bare server is measured in
//! the same run, turn by turn, by the same client library, and what counts is the ratio. The medians
//! are those of the rounds; latencies are those of all rounds together.

mod acknowledgements;
mod audience;
mod ceiling;
mod comparison;
mod crowd;
mod deliveries;
mod failover;
mod figures;
mod footprint;
mod group_commit;
mod growth;
mod http;
mod load;
mod losses;
mod mounts;
mod numbered_text;
mod operation;
mod own_cluster;
mod people;
mod post_audit;
mod process_figures;
mod progress;
mod recovery;
mod refusals;
mod report;
mod table;
mod workload;
mod zipf;

use std::{process::ExitCode, time::Duration};

use anyhow::bail;

use self::{
    comparison::{Bare, Comparison},
    failover::Takes,
    losses::Loss,
    operation::Operation,
    own_cluster::OwnCluster,
    progress::Progress,
    report::Report,
    workload::Work,
};
use crate::{
    client::{self, ClientOptions, Viewer},
    host::stdio,
    runtime::StopSignals,
    settings::{BenchSettings, ClientSettings, Scenario},
};

/// How long a call may take: longer than a failover, and shorter than people wait for an error.
const PATIENCE: Duration = Duration::from_secs(10);
/// Why there is a network of the bench's own where one is needed.
const OF_ITS_OWN: &str = "the settings insist on --start";

/// Carries out all scenarios, and prints what came of them. Fails if a post was lost or doubled.
pub async fn run(settings: BenchSettings) -> anyhow::Result<ExitCode> {
    let progress = if settings.json { Progress::HIDDEN } else { Progress::SHOWN };
    let Some(masters) = settings.start else {
        return Box::pin(measure(settings, None, progress)).await;
    };
    // Whoever interrupts it wants its processes and files to be gone, too.
    let mut signals = StopSignals::listen()?;
    let measuring = async {
        progress.say(&format!("a network of {masters} masters is started on this machine"));
        let own = OwnCluster::start(masters).await?;
        let client = ClientSettings { router: own.router().to_owned(), name: None };
        let metrics = own.metrics().to_owned();
        let settings = BenchSettings { client, metrics, ..settings };
        Box::pin(measure(settings, Some(own), progress)).await
    };
    tokio::select! {
        biased;
        outcome = measuring => outcome,
        () = signals.received() => bail!("interrupted, or asked to stop"),
    }
}

/// Of a network that is there, or of one of the bench's own.
async fn measure(
    settings: BenchSettings,
    mut own: Option<OwnCluster>,
    progress: Progress,
) -> anyhow::Result<ExitCode> {
    let options = ClientOptions { call_timeout: PATIENCE, ..ClientOptions::of(&settings.client)? };
    let viewer = Viewer { security: options.security.clone(), operator: None };
    let cluster = client::cluster_for(&options.router, &viewer).await;
    let masters = cluster.as_ref().ok().map(|cluster| cluster.masters.len());
    let mut report = Report::begin(&settings, masters);
    let mut bare = None;
    for scenario in &settings.scenarios {
        let work = match scenario {
            Scenario::Publish => Work::Repeat(Operation::Publish),
            Scenario::List => Work::Repeat(Operation::List),
            Scenario::Timeline => Work::Repeat(Operation::Timeline),
            Scenario::Posts => Work::Repeat(Operation::Posts),
            Scenario::Fanout => Work::Fanout,
            Scenario::Mixed => Work::Mixed,
            Scenario::Failover | Scenario::Standstill => {
                let takes = match (&mut own, scenario) {
                    (Some(own), Scenario::Failover) => Takes::Bench(own, Loss::Crash),
                    (Some(own), _) => Takes::Bench(own, Loss::Standstill),
                    (None, _) => Takes::Watcher(cluster.as_ref().ok()),
                };
                let watched = failover::watch(&options, &settings, takes, progress).await?;
                let (watched, pushbacks) = watched;
                let told = match scenario {
                    Scenario::Standstill => &mut report.standstill,
                    _ => &mut report.failover,
                };
                *told = Some(watched);
                report.refused.extend(refusals::of(scenario.name(), pushbacks));
                continue;
            }
            Scenario::Recovery => {
                let own = own.as_mut().expect(OF_ITS_OWN);
                let recovery = recovery::measure(own, &options, &settings, progress).await?;
                report.recovery = Some(recovery);
                continue;
            }
            Scenario::Growth => {
                let own = own.as_ref().expect(OF_ITS_OWN);
                report.growth = growth::measure(own, &options, &settings, progress).await?;
                continue;
            }
            Scenario::Http => {
                Box::pin(http::measure(&options, &settings, progress, &mut report)).await?;
                continue;
            }
            Scenario::Footprint => {
                match footprint::measure(&options, &settings, progress).await {
                    Ok((footprint, pushbacks)) => {
                        report.footprint = Some(footprint);
                        report.refused.extend(refusals::of(scenario.name(), pushbacks));
                    }
                    Err(why @ footprint::FootprintError::NotTold(_)) => {
                        report.left_out.push(why.to_string());
                    }
                    Err(why) => return Err(why.into()),
                }
                continue;
            }
        };
        let bare = match &mut bare {
            Some(bare) => bare,
            none => none.insert(Bare::start(&options, &settings, &mut report).await?),
        };
        let comparison = Comparison { settings: &settings, options: &options, bare, progress };
        Box::pin(comparison.carry_out(scenario.name(), work, &mut report)).await?;
    }
    if let Some(bare) = bare {
        bare.end().await;
    }
    let text = if settings.json { report.to_json() } else { report.to_table() };
    let printed = stdio::exit_code(stdio::print(&text));
    Ok(if report.lost_nothing() { printed } else { ExitCode::FAILURE })
}
