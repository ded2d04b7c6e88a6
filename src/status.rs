//! `tinysns status`: the cluster as the router sees it, once or continuously. How it is displayed
//! is in `overview`.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
    time::Duration,
};

use tokio::{signal, time};

use crate::{
    client::{self, ClientError, ClusterStatus, StatusView, Viewer},
    host::{clock, stdio},
    operator,
    overview::{json, output_size::OutputSize, table},
    settings::StatusSettings,
};

/// Between two updates.
const INTERVAL: Duration = Duration::from_secs(1);
/// Nobody answers: `EX_UNAVAILABLE` of sysexits.h.
const UNAVAILABLE: u8 = 69;
/// Puts the cursor into the corner and clears the screen below it.
const REDRAW: &str = "\u{1b}[H\u{1b}[J";

/// Shows the cluster. If the router cannot be reached at the start, that is an error; if it goes
/// away later, it is waited for.
pub async fn run(settings: StatusSettings) -> anyhow::Result<ExitCode> {
    let viewer = operator::viewer(&settings.client, settings.secret.as_ref(), &settings.nodes)?;
    match look(&settings, &viewer).await {
        Ok(status) => {
            if settings.secret.is_some() && status.view == StatusView::Public {
                stdio::print_error("the secret that was given is not this cluster's");
            }
            let first = stdio::print(&render(&settings, &Ok(status)));
            if first.is_err() || !settings.watch {
                return Ok(stdio::exit_code(first));
            }
        }
        Err(error) => {
            stdio::print_error(&error.to_string());
            return Ok(ExitCode::from(UNAVAILABLE));
        }
    }
    Ok(stdio::exit_code(tokio::select! {
        ended = keep_showing(&settings, &viewer) => ended,
        interrupted = signal::ctrl_c() => interrupted,
    }))
}

async fn look(settings: &StatusSettings, viewer: &Viewer) -> Result<ClusterStatus, ClientError> {
    client::cluster_for(&settings.client.router, viewer).await
}

async fn keep_showing(settings: &StatusSettings, viewer: &Viewer) -> io::Result<()> {
    let mut ticks = time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let status = look(settings, viewer).await;
        match &status {
            Err(error) if settings.json => stdio::print_error(&error.to_string()),
            _ => stdio::print(&render(settings, &status))?,
        }
    }
}

fn render(settings: &StatusSettings, status: &Result<ClusterStatus, ClientError>) -> String {
    let words = match status {
        Ok(status) if settings.json && settings.watch => return json::line(status),
        Ok(status) if settings.json => return json::pretty(status),
        Ok(status) => table::render(status, clock::now(), output_size(settings.watch)),
        Err(error) => format!("{error}\n"),
    };
    match (settings.watch, io::stdout().is_terminal()) {
        (true, true) => format!("{REDRAW}{words}"),
        (true, false) => format!("{words}\n"),
        (false, _) => words,
    }
}

fn output_size(is_watched: bool) -> OutputSize {
    if is_watched { OutputSize::on_one_screen() } else { OutputSize::on_output() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::tests::fake::Network,
        settings::{ClientSettings, NodeEncryption, NodeSecurity},
    };

    fn settings(router: String) -> StatusSettings {
        StatusSettings {
            client: ClientSettings { router, name: None },
            secret: None,
            nodes: NodeSecurity { encryption: NodeEncryption::On, files: None },
            watch: false,
            json: true,
        }
    }

    #[tokio::test]
    async fn a_router_that_is_away_is_an_error_with_an_exit_code_of_its_own() {
        let network = Network::default();
        let router = network.start("router");
        let settings = settings(router.address());
        let code = run(settings.clone()).await.expect("shown");
        assert_eq!(code, ExitCode::SUCCESS);
        router.kill();
        let code = run(settings.clone()).await.expect("told");
        assert_eq!(code, ExitCode::from(UNAVAILABLE));
        let error = client::cluster(&settings.client.router).await.expect_err("away").to_string();
        assert!(error.contains(&settings.client.router) && error.contains("refused"), "{error}");
    }
}
