//! `tinysns log`: shows what a node of this machine logs, or changes it while the node runs.

use std::process::ExitCode;

use anyhow::Context as _;

use crate::{
    host::stdio,
    monitoring::asking::{self, AskError},
    settings::LogChangeSettings,
};

/// Prints what is logged from now on.
pub async fn run(settings: LogChangeSettings) -> anyhow::Result<ExitCode> {
    let answer = ask(&settings).await?;
    Ok(stdio::exit_code(stdio::print(&answer)))
}

async fn ask(LogChangeSettings { metrics, filter }: &LogChangeSettings) -> anyhow::Result<String> {
    let answer = match filter {
        None => asking::get(metrics, "/log").await,
        Some(filter) => asking::put(metrics, "/log", filter.clone()).await,
    };
    match answer {
        Err(error @ AskError::NotReached { .. }) => {
            Err(error).context("`--metrics HOST:PORT` says where a node answers monitoring")
        }
        answer => Ok(answer?),
    }
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
