//! `tinysns certs`: makes certificates for the nodes of a cluster whose authority is in somebody's hands.

use std::process::ExitCode;

use crate::{
    host::stdio,
    settings::CertsSettings,
    tls::{self, IssuedFile},
};

/// Makes what is missing, and prints what is there.
pub fn run(settings: &CertsSettings) -> anyhow::Result<ExitCode> {
    let files = tls::issue(&settings.directory, &settings.nodes)?;
    let line = |IssuedFile { path, is_kept }: &IssuedFile| {
        format!("{} {}\n", if *is_kept { "kept" } else { "made" }, path.display())
    };
    let lines: String = files.iter().map(line).collect();
    Ok(stdio::exit_code(stdio::print(&lines)))
}
