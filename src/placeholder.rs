//! Stands in for the roles until they are merged; each of these modules replaces its namesake here.

#![allow(missing_docs, clippy::missing_panics_doc, clippy::unused_async, reason = "stand-ins")]

pub mod terminal {
    use std::process::ExitCode;

    use crate::settings::TerminalSettings;

    pub fn run(_settings: TerminalSettings) -> anyhow::Result<ExitCode> {
        anyhow::bail!("the terminal client is not built yet")
    }
}

pub mod status {
    use std::process::ExitCode;

    use crate::settings::StatusSettings;

    pub async fn run(_settings: StatusSettings) -> anyhow::Result<ExitCode> {
        anyhow::bail!("the status is not built yet")
    }
}
