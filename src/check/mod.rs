//! `tinysns check`: looks at the data of stopped nodes, says what is damaged and what helps, and changes
//! nothing.
//!
//! - [`report`]: what was found, in words or JSON (pure)
//!
//! What is looked at, and how, is the affair of [`inspection`](crate::replication::inspection).

pub mod report;

use std::process::ExitCode;

use self::report::{CheckedNode, Report};
use crate::{host::stdio, replication::inspection::data::Data, settings::CheckSettings};

/// Something is damaged.
const DAMAGED: u8 = 1;

/// Prints what is found.
pub fn run(settings: &CheckSettings) -> anyhow::Result<ExitCode> {
    let data = Data::in_directory(&settings.directory)?;
    // Held until everything was looked at.
    let _claims = data.claim()?;
    let mut report = Report { findings: data.look_at_cluster_id()?, nodes: Vec::new() };
    for node in &data.nodes {
        let mut inspection = node.inspect(&node.name)?;
        inspection.findings.extend(node.look_at_certification()?);
        report.nodes.push(CheckedNode { name: node.name.clone(), inspection });
    }
    let text = if settings.json { report.to_json() } else { report.to_text() };
    let printed = stdio::print(&text);
    if printed.is_ok() && !report.is_good() {
        return Ok(DAMAGED.into());
    }
    Ok(stdio::exit_code(printed))
}
