//! The command line: for people (`just crash-images`, `just crash-image`), and for `nextest`.

use std::process::ExitCode;

use clap::{Arg, Command, value_parser};

use crate::{
    log_life::LogLives,
    recording::{Life, Subject},
    run::{Case, Summary, examine_case},
    state_life::StateLives,
    suite,
};

/// Does what the arguments say.
pub fn run() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let first = arguments.get(1).map(String::as_str);
    if !matches!(first, Some("seeds" | "case" | "help" | "--help")) {
        return suite::run(&arguments[1..]);
    }
    let matches = command().get_matches_from(arguments);
    let succeeded = match matches.subcommand() {
        Some(("seeds", arguments)) => {
            let number = |name: &str| *arguments.get_one::<u64>(name).expect("it has a default");
            let seeds = number("from")..number("from") + number("count");
            [suite::examine::<StateLives>(seeds.clone()), suite::examine::<LogLives>(seeds)]
                .iter()
                .all(Summary::is_good)
        }
        Some(("case", arguments)) => {
            let number = |name: &str| *arguments.get_one::<u64>(name).expect("it is required");
            let case = Case {
                life: Life { seed: number("seed"), number: number("life") },
                point: usize::try_from(number("point")).expect("a number of operations"),
                choice: number("choice"),
            };
            match arguments.get_one::<String>("subject").map(String::as_str) {
                Some(StateLives::NAME) => examine_case::<StateLives>(case),
                _ => examine_case::<LogLives>(case),
            }
        }
        _ => unreachable!("a subcommand is required"),
    };
    if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn command() -> Command {
    let number = |name: &'static str| Arg::new(name).value_parser(value_parser!(u64));
    Command::new("crash_images")
        .subcommand_required(true)
        .subcommand(
            Command::new("seeds")
                .about("Examines all crash images of the lives of these seeds")
                .arg(number("from").long("from").default_value("1").help("The first"))
                .arg(number("count").long("seeds").default_value("50").help("How many")),
        )
        .subcommand(
            Command::new("case")
                .about("Examines one image, as a failure has named it, and keeps it")
                .arg(
                    Arg::new("subject")
                        .required(true)
                        .value_parser([StateLives::NAME, LogLives::NAME]),
                )
                .arg(number("seed").required(true))
                .arg(number("life").required(true).help("0 is the first"))
                .arg(number("point").required(true).help("After so many operations"))
                .arg(number("choice").required(true).help("0 has all, 1 what was synced")),
        )
}
