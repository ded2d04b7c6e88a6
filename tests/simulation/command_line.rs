//! The command line: for people (`just sim`), for the processes of single seeds, and for `nextest`.

use std::{panic::catch_unwind, path::PathBuf, process::ExitCode};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use tinysns::planted::PlantedFault;

use crate::{
    cluster, page, report,
    seed::{self, Life, Options},
    seeds::{self, Batch},
    suite,
};

/// Does what the arguments say.
pub fn run() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let first = arguments.get(1).map(String::as_str);
    if !matches!(first, Some("seed" | "seeds" | "shrink" | "planted" | "help" | "--help")) {
        return suite::run(&arguments[1..]);
    }
    let matches = command().get_matches_from(arguments);
    let succeeded = match matches.subcommand() {
        Some(("seed", arguments)) => one(arguments),
        Some(("seeds", arguments)) => many(arguments),
        Some(("shrink", arguments)) => shrink(arguments),
        Some(("planted", arguments)) => find_planted(arguments),
        _ => unreachable!("a subcommand is required"),
    };
    if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn command() -> Command {
    let number = |name: &'static str| Arg::new(name).value_parser(value_parser!(u64));
    Command::new("simulation")
        .subcommand_required(true)
        .subcommand(
            Command::new("seed")
                .about("Runs the world of one seed")
                .arg(number("seed").required(true))
                .arg(Arg::new("keep").long("keep").help("The numbers of the faults that come"))
                .arg(Arg::new("log").long("log").help("Prints the nodes' log, by this filter"))
                .arg(planted())
                .arg(ordinary())
                .arg(flag("print", "Prints the plan, the history and what happened")),
        )
        .subcommand(
            Command::new("seeds")
                .about("Runs many, each in a process of its own")
                .arg(number("from").long("from").default_value("1").help("The first"))
                .arg(number("count").long("seeds").default_value("100").help("How many"))
                .arg(number("jobs").long("jobs").default_value("2").help("How many at a time"))
                .arg(ordinary())
                .arg(for_page())
                .arg(planted()),
        )
        .subcommand(
            Command::new("planted")
                .about("Says how many seeds it takes to find each deliberate bug")
                .arg(number("from").long("from").default_value("1").help("The first seed"))
                .arg(number("count").long("seeds").default_value("2000").help("The most seeds"))
                .arg(number("jobs").long("jobs").default_value("2").help("How many at a time"))
                .arg(for_page())
                .arg(planted().help("Only this one")),
        )
        .subcommand(
            Command::new("shrink")
                .about("Finds out which faults of its plan a seed needs in order to fail")
                .arg(number("seed").required(true))
                .arg(ordinary()),
        )
}

fn ordinary() -> Arg {
    flag("ordinary", "Days of ordinary life, instead of ten minutes of faults")
}

fn life(arguments: &ArgMatches) -> Life {
    if arguments.get_flag("ordinary") { Life::Ordinary } else { Life::Faults }
}

fn planted() -> Arg {
    Arg::new("planted")
        .long("planted")
        .value_parser(|name: &str| name.parse::<PlantedFault>())
        .help("A deliberate bug that is in the program meanwhile")
}

fn for_page() -> Arg {
    let page = Arg::new("page").long("page").value_parser(value_parser!(PathBuf));
    page.help("Writes the figures to this page: docs/faults.md")
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn count(arguments: &ArgMatches, name: &str) -> u64 {
    *arguments.get_one(name).expect("it is required or has a default")
}

fn one(arguments: &ArgMatches) -> bool {
    let keep = arguments.get_one::<String>("keep");
    let options = Options {
        seed: count(arguments, "seed"),
        keep: keep.map(|list| list.split(',').filter_map(|number| number.parse().ok()).collect()),
        log: arguments.get_one::<String>("log").cloned(),
        life: life(arguments),
        planted: arguments.get_one::<PlantedFault>("planted").copied(),
        print: arguments.get_flag("print"),
    };
    let Ok(outcome) = catch_unwind(|| seed::run(&options)) else {
        eprintln!("the simulation itself has failed: {:?}", cluster::unseen_panics());
        std::process::exit(2);
    };
    if options.print {
        report::print_counts(&outcome.counts);
        for violation in &outcome.violations {
            println!("VIOLATION: {violation}");
        }
    }
    let succeeded = outcome.violations.is_empty();
    println!("{}", serde_json::to_string(&outcome).expect("plain data"));
    // What still runs in the world is not ended in good order: that would take long.
    std::process::exit(i32::from(!succeeded));
}

fn many(arguments: &ArgMatches) -> bool {
    let from = count(arguments, "from");
    let batch = Batch {
        seeds: from..from + count(arguments, "count"),
        life: life(arguments),
        jobs: jobs(arguments),
        planted: arguments.get_one::<PlantedFault>("planted").copied(),
    };
    let summary = batch.run(|line| println!("{line}"));
    summary.print();
    if let Some(file) = page(arguments) {
        let part = if batch.life == Life::Ordinary { "days" } else { "simulation" };
        page::write(&file, part, &summary.to_markdown());
    }
    summary.failed.is_empty()
}

fn find_planted(arguments: &ArgMatches) -> bool {
    let wanted = arguments.get_one::<PlantedFault>("planted");
    let from = count(arguments, "from");
    let all = PlantedFault::ALL.into_iter().filter(|fault| wanted.is_none_or(|one| one == fault));
    let seeds = from..from + count(arguments, "count");
    println!("{}", report::FOUND);
    let tell = |found: &report::Found| println!("{}", found.line());
    let found = seeds::find_planted(all, seeds, jobs(arguments), tell);
    println!("\n{}", report::how_soon(&found));
    if let Some(file) = page(arguments) {
        page::write(&file, "planted faults", &report::found_to_markdown(&found));
    }
    found.iter().all(|found| found.seeds.is_some())
}

/// The page whose figures are to be written.
fn page(arguments: &ArgMatches) -> Option<PathBuf> {
    arguments.get_one::<PathBuf>("page").cloned()
}

fn jobs(arguments: &ArgMatches) -> usize {
    usize::try_from(count(arguments, "jobs")).unwrap_or(1)
}

fn shrink(arguments: &ArgMatches) -> bool {
    seeds::shrink(count(arguments, "seed"), life(arguments))
}
