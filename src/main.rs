//! The program `tinysns`: parses its command line, then runs the role it names.
//!
//! Synchronous, and starts no thread: a slave forks.

use std::{
    env,
    process::{self, ExitCode},
};

use tinysns::{
    cli::{self, Command},
    healthcheck,
    host::inheritance,
    logging, master, router, runtime,
    settings::MasterSettings,
    slave,
    slot::{Berth, Slot},
    status, terminal,
};

fn main() -> ExitCode {
    inheritance::put_right();
    let invocation = match cli::parse(env::args_os(), env::vars_os()) {
        Ok(invocation) => invocation,
        Err(stop) => return stop.report(),
    };
    logging::start(&invocation.log);
    match invocation.command {
        Command::Router(settings) => {
            cli::ended(runtime::serve(|stop| router::run(settings, stop))).into()
        }
        Command::Slave(settings) => {
            slave::run(settings, live).unwrap_or_else(|error| cli::ended(Err(error.into())).into())
        }
        Command::Master(settings) => cli::ended(live_alone(settings)).into(),
        Command::Client(settings) => {
            runtime::run(terminal::run(settings)).unwrap_or_else(cli::complain)
        }
        Command::Status(settings) => {
            runtime::run(status::run(settings)).unwrap_or_else(cli::complain)
        }
        Command::Healthcheck(settings) => {
            runtime::run(healthcheck::run(settings)).unwrap_or_else(cli::complain)
        }
    }
}

/// The whole life of a master in the process that a slave forked for it; returns the exit code.
fn live(settings: MasterSettings, berth: Berth) -> u8 {
    cli::ended(runtime::serve(|stop| master::run(settings, berth, stop)))
}

/// The whole life of a master without a slave.
fn live_alone(settings: MasterSettings) -> anyhow::Result<()> {
    let slot = Slot::claim(&settings.data_dir)?;
    slot.record_master(process::id())?;
    let outcome = runtime::serve(|stop| master::run(settings, slot.berth(0), stop));
    slot.forget_master()?;
    outcome
}
