//! Stands in for the roles until they are merged; each of these modules replaces its namesake here.

#![allow(missing_docs, clippy::missing_panics_doc, clippy::unused_async, reason = "stand-ins")]

pub mod router {
    use crate::settings::RouterSettings;

    pub async fn run(_settings: RouterSettings) -> anyhow::Result<()> {
        anyhow::bail!("the router is not built yet")
    }
}

pub mod master {
    use crate::{settings::MasterSettings, slot::Berth};

    pub async fn run(_settings: MasterSettings, _berth: Berth) -> anyhow::Result<()> {
        anyhow::bail!("the master is not built yet")
    }
}

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
