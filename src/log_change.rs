//! `tinysns log`: shows what a node of this machine logs, or changes it while the node runs.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context as _, bail};
use http_body_util::BodyExt as _;
use hyper::{Method, Request, StatusCode, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::{
    host::{net, stdio, task},
    settings::LogChangeSettings,
};

/// A node answers in milliseconds, unless it hangs.
const DEADLINE: Duration = Duration::from_secs(5);

/// Prints what is logged from now on.
pub async fn run(settings: LogChangeSettings) -> anyhow::Result<ExitCode> {
    let address = &settings.metrics;
    let answer = timeout(DEADLINE, ask(&settings)).await;
    let answer = answer.with_context(|| format!("{address} did not answer within {DEADLINE:?}"))?;
    Ok(stdio::exit_code(stdio::print(&answer?)))
}

async fn ask(LogChangeSettings { metrics, filter }: &LogChangeSettings) -> anyhow::Result<String> {
    let socket = net::connect(metrics).await.with_context(|| {
        format!(
            "no node answers monitoring at {metrics}: `--metrics HOST:PORT` says where one does"
        )
    })?;
    let (mut node, connection) = http1::handshake(TokioIo::new(socket)).await?;
    let _until_answered = task::spawn_owned(connection);
    let method = if filter.is_some() { Method::PUT } else { Method::GET };
    let request = Request::builder().method(method).uri("/log").header(HOST, "localhost");
    let request = request.body(filter.clone().unwrap_or_default())?;
    let answer = node.send_request(request).await?;
    let status = answer.status();
    let words =
        String::from_utf8_lossy(&answer.into_body().collect().await?.to_bytes()).into_owned();
    if status != StatusCode::OK {
        bail!("{metrics} answers: {}", words.trim());
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitoring::Monitor;

    async fn asked(metrics: String, filter: Option<&str>) -> Result<String, String> {
        let filter = filter.map(str::to_owned);
        let asked = ask(&LogChangeSettings { metrics, filter }).await;
        asked.map_err(|error| format!("{error:#}"))
    }

    #[tokio::test]
    async fn a_node_says_what_it_logs_and_why_a_filter_cannot_be_used() {
        let monitor =
            Monitor::start("test", ([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let address = monitor.address().to_string();
        // Unit tests log nothing.
        assert_eq!(asked(address.clone(), None).await, Ok("off\n".to_owned()));
        let refused = asked(address, Some("level=loud")).await.expect_err("refused");
        assert!(refused.contains("is not a filter"), "{refused}");
    }

    #[tokio::test]
    async fn where_no_node_answers_is_said() {
        let monitor =
            Monitor::start("test", ([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let address = monitor.address().to_string();
        monitor.end().await;
        let refused = asked(address.clone(), None).await.expect_err("refused");
        assert!(refused.contains(&address) && refused.contains("--metrics"), "{refused}");
    }
}
