//! `tinysns bench`: how fast a running network is, beside a bare server that answers the same.
//!
//! - `people`: who takes part, and what there is to read
//! - `operation`: one call of a scenario
//! - `load`: calls, as many at a time or as often as the settings say, and how long each takes
//! - `ceiling`: the bare server: tonic, with answers of the same sizes and nothing behind them
//! - `report`: the figures for people and for programs
//!
//! What is measured depends on the machine and on who else uses it. So the bare server is measured in
//! the same run, turn by turn, by the same client library, and what counts is the ratio. The medians
//! are those of the rounds; latencies are those of all rounds together.

mod ceiling;
mod load;
mod operation;
mod people;
mod report;

use std::{process::ExitCode, time::Duration};

use self::{
    ceiling::Ceiling,
    load::Load,
    people::People,
    report::{Measured, Report},
};
use crate::{client::ClientOptions, host::stdio, settings::BenchSettings};

/// How long a call may take: longer than a failover, and shorter than people wait for an error.
const PATIENCE: Duration = Duration::from_secs(10);

/// Carries out all scenarios, and prints what came of them.
pub async fn run(settings: BenchSettings) -> anyhow::Result<ExitCode> {
    let options = ClientOptions { call_timeout: PATIENCE, ..ClientOptions::of(&settings.client)? };
    let people = People::gather(&options, settings.clients).await?;
    let ceiling = Ceiling::start(people.answers().await?)?;
    let bare = People::at(&ceiling.options(), settings.clients).await?;
    let load = Load { callers: settings.callers, rate: settings.rate };
    let mut report = Report::begin(&settings, people.masters().await);
    for scenario in &settings.scenarios {
        let mut measured = Measured::new(*scenario);
        // The first round warms up connections and caches, and does not count.
        for round in 0..=settings.rounds {
            if !settings.json {
                let round =
                    if round == 0 { "warm-up".to_owned() } else { format!("round {round}") };
                stdio::print_error(&format!("{}, {round}", scenario.name()));
            }
            let length = if round == 0 { settings.round / 4 } else { settings.round };
            let ours = load.carry_out(&people, *scenario, length).await?;
            let ceiling = load.carry_out(&bare, *scenario, length).await?;
            if round > 0 {
                measured.add(&ours, &ceiling)?;
            }
        }
        report.add(measured);
    }
    ceiling.end().await;
    let text = if settings.json { report.to_json() } else { report.to_table() };
    Ok(stdio::exit_code(stdio::print(&text)))
}
