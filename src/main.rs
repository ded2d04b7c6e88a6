//! The program `tinysns`: parses its command line, then runs the role it names.
//!
//! Synchronous, and starts no thread: a slave forks.

use std::{
    env,
    process::{self, ExitCode},
};

use mimalloc::MiMalloc;
use tinysns::{
    admin, backup, bench, certs, check,
    cli::{self, Subcommand},
    compact, healthcheck,
    host::process_setup,
    log_change, master, recover, restore, router, runtime,
    settings::MasterSettings,
    slave,
    slot::{Slot, SlotInfo},
    status, terminal, transfer,
};

/// It gives back what hashing a password took, which the system's allocator keeps for each thread
/// ([ADR 29](../docs/adr/0029-an-allocator-that-gives-back.md)).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    process_setup::reset_inherited();
    process_setup::hide_memory();
    #[cfg(feature = "laboratory")]
    tinysns::envelope::version::simulate_next_version(
        env::var_os("LABORATORY_NEXT_VERSION").is_some(),
    );
    let command = match cli::parse(env::args_os(), env::vars_os()) {
        Ok(invocation) => invocation.start_log(),
        Err(stop) => return stop.report(),
    };
    match command {
        Subcommand::Router(settings) => {
            cli::exit_code(runtime::serve(|stop| router::run(settings, stop))).into()
        }
        Subcommand::Slave(settings) => slave::run(settings, run_master)
            .unwrap_or_else(|error| cli::exit_code(Err(error.into())).into()),
        Subcommand::Master(settings) => cli::exit_code(run_master_without_slave(settings)).into(),
        Subcommand::Client(settings) => {
            runtime::run(terminal::run(settings)).unwrap_or_else(cli::report_failure)
        }
        Subcommand::Status(settings) => {
            runtime::run(status::run(settings)).unwrap_or_else(cli::report_failure)
        }
        Subcommand::Healthcheck(settings) => {
            runtime::run(healthcheck::run(settings)).unwrap_or_else(cli::report_failure)
        }
        Subcommand::Certs(settings) => certs::run(&settings).unwrap_or_else(cli::report_failure),
        Subcommand::Check(settings) => check::run(&settings).unwrap_or_else(cli::report_failure),
        Subcommand::Backup(settings) => {
            runtime::run(backup::run(settings)).unwrap_or_else(cli::report_failure)
        }
        Subcommand::Restore(settings) => {
            runtime::run(restore::run(settings)).unwrap_or_else(cli::report_failure)
        }
        Subcommand::Compact(settings) => {
            runtime::run(compact::run(settings)).unwrap_or_else(cli::report_failure)
        }
        Subcommand::Admin(settings, command) => {
            runtime::run(admin::run(settings, *command)).unwrap_or_else(cli::report_failure)
        }
        Subcommand::SignUp(settings) => {
            runtime::run(admin::sign_up(settings)).unwrap_or_else(cli::report_failure)
        }
        Subcommand::Export(settings) => {
            runtime::run(transfer::export(settings)).unwrap_or_else(cli::report_failure)
        }
        Subcommand::Import(settings) => {
            runtime::run(transfer::import(settings)).unwrap_or_else(cli::report_failure)
        }
        Subcommand::Recover(settings) => {
            runtime::run(recover::run(settings)).unwrap_or_else(cli::report_failure)
        }
        Subcommand::Bench(settings) => {
            runtime::run(bench::run(settings)).unwrap_or_else(cli::report_failure)
        }
        Subcommand::Log(settings) => {
            runtime::run(log_change::run(settings)).unwrap_or_else(cli::report_failure)
        }
    }
}

/// The whole life of a master in the process that a slave forked for it; returns the exit code.
fn run_master(settings: MasterSettings, slot: SlotInfo) -> u8 {
    cli::exit_code(runtime::serve(|stop| master::run(settings, slot, stop)))
}

/// The whole life of a master without a slave.
fn run_master_without_slave(settings: MasterSettings) -> anyhow::Result<()> {
    let slot = Slot::claim(&settings.data_dir)?;
    slot.record_master(process::id())?;
    let outcome = runtime::serve(|stop| master::run(settings, slot.info(0), stop));
    slot.forget_master()?;
    outcome
}
