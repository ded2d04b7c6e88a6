//! `tinysns bench`: how fast a running network is, beside a bare server that answers the same.
//!
//! | file | what it is |
//! | --- | --- |
//! | `workload` | the people of a scenario at one network, and what they do |
//! | `people` | some clients, who follow twenty authors |
//! | `operation` | one call, as they make it again and again |
//! | `audience`, `deliveries` | `fanout`: one author and many readers; what has come to them (pure) |
//! | `crowd`, `zipf` | `mixed`: many who follow each other, a few of them followed by most; who is chosen (pure) |
//! | `load` | calls, as many at a time or as often as the settings say, and how long each takes |
//! | `ceiling`, `group_commit` | the bare server: tonic, with answers of the same sizes and nothing behind them; or with a file |
//! | `comparison` | rounds of a scenario, turn by turn with the bare servers |
//! | `failover` | pauses, while somebody crashes the available server |
//! | `acknowledgements`, `post_audit` | pure: who has acknowledged when; whether every post is there once |
//! | `numbered_text` | pure: posts that are recognised when they are read again |
//! | `footprint`, `process_figures` | what the network's processes take; what they say of it (pure) |
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
mod load;
mod mounts;
mod numbered_text;
mod operation;
mod people;
mod post_audit;
mod process_figures;
mod progress;
mod refusals;
mod report;
mod table;
mod workload;
mod zipf;

use std::{process::ExitCode, time::Duration};

use self::{
    comparison::{Bare, Comparison},
    operation::Operation,
    progress::Progress,
    report::Report,
    workload::Work,
};
use crate::{
    client::{self, ClientOptions, Viewer},
    host::stdio,
    settings::{BenchSettings, Scenario},
};

/// How long a call may take: longer than a failover, and shorter than people wait for an error.
const PATIENCE: Duration = Duration::from_secs(10);

/// Carries out all scenarios, and prints what came of them. Fails if a post was lost or doubled.
pub async fn run(settings: BenchSettings) -> anyhow::Result<ExitCode> {
    let progress = if settings.json { Progress::HIDDEN } else { Progress::SHOWN };
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
            Scenario::Failover => {
                let cluster = cluster.as_ref().ok();
                let watched = failover::watch(&options, &settings, cluster, progress).await?;
                let (watched, pushbacks) = watched;
                report.failover = Some(watched);
                report.refused.extend(refusals::of(scenario.name(), pushbacks));
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
        comparison.carry_out(scenario.name(), work, &mut report).await?;
    }
    if let Some(bare) = bare {
        bare.end().await;
    }
    let text = if settings.json { report.to_json() } else { report.to_table() };
    let printed = stdio::exit_code(stdio::print(&text));
    Ok(if report.lost_nothing() { printed } else { ExitCode::FAILURE })
}
