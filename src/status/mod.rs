//! `tinysns status`: the cluster as the router sees it, as a table for people or as JSON for
//! programs.
//!
//! | file | what it is |
//! | --- | --- |
//! | `table` | pure: for people |
//! | `json` | pure: for programs, with names that stay |

mod json;
mod table;

use std::{
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
    time::Duration,
};

use tokio::{signal, time};

use crate::{
    client::{self, ClientError, ClusterStatus},
    host::clock,
};

/// What `tinysns status` takes.
#[derive(Clone, Debug)]
pub struct StatusOptions {
    /// The router, host:port.
    pub router: String,
    /// Show the cluster anew every second, until Ctrl-C.
    pub watch: bool,
    /// One JSON object instead of a table; with `watch`, one line an update.
    pub json: bool,
}

/// Between two updates.
const INTERVAL: Duration = Duration::from_secs(1);
/// Nobody answers: `EX_UNAVAILABLE` of sysexits.h.
const UNAVAILABLE: u8 = 69;
/// Puts the cursor into the corner and clears the screen below it.
const REDRAW: &str = "\u{1b}[H\u{1b}[J";

/// Shows the cluster. A router that cannot be reached at the start is an error; one that goes away
/// later is waited for.
pub async fn run(options: StatusOptions) -> anyhow::Result<ExitCode> {
    match client::cluster(&options.router).await {
        Ok(status) => show(&render(&options, &Ok(status)))?,
        Err(error) => {
            writeln!(io::stderr(), "{error}")?;
            return Ok(ExitCode::from(UNAVAILABLE));
        }
    }
    if !options.watch {
        return Ok(ExitCode::SUCCESS);
    }
    let ended = tokio::select! {
        ended = keep_showing(&options) => ended,
        interrupted = signal::ctrl_c() => interrupted,
    };
    match ended {
        // Whoever read our output has gone, like `head`.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

async fn keep_showing(options: &StatusOptions) -> io::Result<()> {
    let mut ticks = time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let status = client::cluster(&options.router).await;
        match &status {
            Err(error) if options.json => writeln!(io::stderr(), "{error}")?,
            _ => show(&render(options, &status))?,
        }
    }
}

fn render(options: &StatusOptions, status: &Result<ClusterStatus, ClientError>) -> String {
    let words = match status {
        Ok(status) if options.json && options.watch => return json::line(status),
        Ok(status) if options.json => return json::pretty(status),
        Ok(status) => table::render(status, clock::now()),
        Err(error) => format!("{error}\n"),
    };
    match (options.watch, io::stdout().is_terminal()) {
        (true, true) => format!("{REDRAW}{words}"),
        (true, false) => format!("{words}\n"),
        (false, _) => words,
    }
}

fn show(words: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(words.as_bytes())?;
    out.flush()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::client::{MasterState, MasterStatus, RouterStatus, tests::fake::Network};

    pub fn cluster() -> ClusterStatus {
        let master = |name: &str, state, since| MasterStatus {
            name: name.to_owned(),
            address: "10.0.0.1:3011".to_owned(),
            pid: 41,
            state,
            term: 7,
            last_log_index: 120,
            applied_index: 119,
            reboots: 2,
            since,
            voter: state != MasterState::Down,
        };
        ClusterStatus {
            cluster_id: Some("0123456789abcdef0123456789abcdef".to_owned()),
            available: Some("server-2".to_owned()),
            masters: vec![
                master("server-1", MasterState::Down, 1_000),
                master("server-2", MasterState::Available, 61_000),
            ],
            router: RouterStatus {
                address: "10.0.0.9:3010".to_owned(),
                pid: 40,
                since: 0,
                term: 7,
                last_log_index: 120,
            },
        }
    }

    fn options(router: String) -> StatusOptions {
        StatusOptions { router, watch: false, json: true }
    }

    #[tokio::test]
    async fn a_router_that_is_away_is_an_error_with_an_exit_code_of_its_own() {
        let network = Network::default();
        let router = network.start("router");
        let options = options(router.address());
        let code = run(options.clone()).await.expect("shown");
        assert_eq!(code, ExitCode::SUCCESS);
        router.kill();
        let code = run(options.clone()).await.expect("told");
        assert_eq!(code, ExitCode::from(UNAVAILABLE));
        let error = client::cluster(&options.router).await.expect_err("away").to_string();
        assert!(error.contains(&options.router) && error.contains("refused"), "{error}");
    }
}
