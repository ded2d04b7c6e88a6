//! The command line: which role, and its settings from all layers.
//!
//! Made from the table of settings, so that a flag, its help and its default are defined in one
//! place. clap is given no defaults: they are the lowest of the layers.

use std::{collections::BTreeMap, error::Error, ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Arg, ArgAction, ArgMatches, builder::StyledStr};
use tracing::error;

use crate::{
    admin::arguments::{self, AdminCommand},
    backup, documents,
    domain::Importable,
    envelope,
    host::{database_fault::DatabaseFault, disk::DirectoryError, net::ListenError, stdio},
    logging,
    operator::OperatorError,
    recover,
    replication::{
        backup::place::PlaceError,
        inspection::{InspectionError, data},
        log_error::LogError,
        node::StartError,
    },
    restore,
    settings::{
        AdminSettings, BackupPlace, BackupSettings, BenchSettings, CertsSettings, CheckSettings,
        CompactSettings, ExportSettings, HealthcheckSettings, ImportSettings, Key, Layers,
        LogChangeSettings, LogSettings, MasterSettings, RecoverSettings, RestoreSettings, Role,
        RouterSettings, Scenario, SettingsError, SignUpSettings, SlaveSettings, StatusSettings,
        TerminalSettings, VARIABLE_PREFIX, ValueKind,
    },
    slave::REFUSED,
    slot::{NewDataError, SlotError},
    social::StateError,
    tls::TlsError,
};

/// A command line that was understood, with everything that is needed to carry it out.
#[derive(Debug)]
pub struct Invocation {
    /// What to log, and in which form.
    pub log: LogSettings,
    /// Which settings are allowed, but probably not meant.
    pub warnings: Vec<String>,
    /// Which role to run.
    pub command: Subcommand,
}

impl Invocation {
    /// Starts the log, beginning with the warnings, and returns what to run.
    pub fn start_log(self) -> Subcommand {
        logging::start(&self.log);
        for warning in self.warnings {
            tracing::warn!("{warning}");
        }
        self.command
    }
}

/// Which role to run.
#[derive(Debug)]
pub enum Subcommand {
    /// `tinysns router`
    Router(RouterSettings),
    /// `tinysns slave`
    Slave(SlaveSettings),
    /// `tinysns master`
    Master(MasterSettings),
    /// `tinysns client`
    Client(TerminalSettings),
    /// `tinysns status`
    Status(StatusSettings),
    /// `tinysns healthcheck`
    Healthcheck(HealthcheckSettings),
    /// `tinysns log`
    Log(LogChangeSettings),
    /// `tinysns certs`
    Certs(CertsSettings),
    /// `tinysns bench`
    Bench(BenchSettings),
    /// `tinysns check`
    Check(CheckSettings),
    /// `tinysns backup`
    Backup(BackupSettings),
    /// `tinysns restore`
    Restore(RestoreSettings),
    /// `tinysns recover`
    Recover(RecoverSettings),
    /// `tinysns compact`
    Compact(CompactSettings),
    /// `tinysns admin`
    Admin(AdminSettings, Box<AdminCommand>),
    /// `tinysns sign-up`
    SignUp(SignUpSettings),
    /// `tinysns export`
    Export(ExportSettings),
    /// `tinysns import`
    Import(ImportSettings),
}

/// Why a command line is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum EarlyExit {
    /// It cannot be parsed, or only asks for help.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// The command line, the file or the environment holds a setting that is refused.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// It only asks for this document.
    #[error("{0}")]
    Document(String),
}

impl EarlyExit {
    /// Tells the user, and returns the exit code.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Arguments(error) if error.use_stderr() => {
                // If standard error is gone, there is nobody to tell.
                let _ = error.print();
                REFUSED.into()
            }
            Self::Arguments(help) => stdio::exit_code(help.print()),
            Self::Settings(refusal) => {
                stdio::print_error(&format!("tinysns: {refusal}"));
                REFUSED.into()
            }
            Self::Document(text) => stdio::exit_code(stdio::print(text)),
        }
    }
}

/// Logs why a node ended, if it failed, and returns the exit code: 64 if a setting cannot be used
/// in the present situation (a port in use, a data directory that cannot be written, a damaged
/// log), otherwise 1. This is the last thing a node does.
pub fn exit_code(outcome: anyhow::Result<()>) -> u8 {
    let code = outcome.map_or_else(|error| failed(&error), |()| 0);
    logging::finish();
    code
}

fn failed(error: &anyhow::Error) -> u8 {
    error!(error = error_text(error), "ended with an error");
    let refused = error.chain().any(is_configuration_error);
    if refused { REFUSED } else { 1 }
}

/// Whether a setting cannot be used in the present situation, or a file is damaged of which there
/// is no other copy.
fn is_configuration_error(cause: &(dyn Error + 'static)) -> bool {
    let is_of_another_version = |fault| fault == DatabaseFault::OtherVersion;
    cause.is::<ListenError>()
        || cause.is::<SlotError>()
        || cause.is::<DirectoryError>()
        || cause.is::<TlsError>()
        || cause.is::<data::Refusal>()
        || cause.is::<NewDataError>()
        || cause.is::<backup::Refusal>()
        || cause.is::<restore::Refusal>()
        || cause.is::<recover::Refusal>()
        || cause.downcast_ref().is_some_and(OperatorError::is_refusal)
        || cause.downcast_ref().is_some_and(PlaceError::is_refusal)
        || cause.downcast_ref().is_some_and(InspectionError::is_refusal)
        || cause.downcast_ref().is_some_and(StartError::is_refusal)
        || cause
            .downcast_ref()
            .is_some_and(|error: &StateError| is_of_another_version(error.fault()))
        || cause.downcast_ref().is_some_and(|error: &LogError| is_of_another_version(error.fault()))
        || cause.downcast_ref().is_some_and(envelope::Error::is_another_version)
}

/// Tells the user of a short-lived role why it failed; with the exit code 64 if something of what was asked
/// for is refused.
#[expect(clippy::needless_pass_by_value, reason = "it ends here")]
pub fn report_failure(error: anyhow::Error) -> ExitCode {
    stdio::print_error(&format!("tinysns: {}", error_text(&error)));
    let refused = error.chain().any(is_configuration_error);
    if refused { REFUSED.into() } else { ExitCode::FAILURE }
}

/// The error and its causes. Many errors repeat the text of their cause, so each text is included
/// once.
fn error_text(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |mut words, cause| {
        if !words.contains(&cause) {
            words.push_str(if words.is_empty() { "" } else { ": " });
            words.push_str(&cause);
        }
        words
    })
}

/// Parses a command line, together with the settings file and `environment`.
#[expect(clippy::missing_panics_doc, reason = "clap has made sure of what is expected")]
pub fn parse(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    environment: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>,
) -> Result<Invocation, EarlyExit> {
    let mut matches = command().try_get_matches_from(arguments)?;
    let (name, matches) = matches.remove_subcommand().expect("clap insists on a subcommand");
    if let Some(text) = document(&name, &matches) {
        return Err(EarlyExit::Document(text));
    }
    let role = ROLES
        .into_iter()
        .map(|(role, _)| role)
        .find(|role| role.name() == name)
        .expect("clap knows the same roles");
    let layers = Layers::gather(role, as_text(environment)?, flags(role, &matches))?;
    let (log, warnings) = (layers.log()?, layers.warnings()?);
    let command = match role {
        Role::Router => Subcommand::Router(layers.router()?),
        Role::Slave => Subcommand::Slave(layers.slave()?),
        Role::Master => Subcommand::Master(layers.master()?),
        Role::Client => {
            Subcommand::Client(layers.terminal(matches.get_flag(JSON), only_command(&matches))?)
        }
        Role::Status => {
            Subcommand::Status(layers.status(matches.get_flag(WATCH), matches.get_flag(JSON))?)
        }
        Role::Healthcheck => Subcommand::Healthcheck(layers.healthcheck()?),
        Role::Log => {
            Subcommand::Log(layers.log_change(matches.get_one::<String>(FILTER).cloned())?)
        }
        Role::Certs => {
            let directory = matches.get_one::<String>(DIRECTORY).expect("clap insists on one");
            let nodes = matches.get_many::<String>(NODE).into_iter().flatten().cloned();
            Subcommand::Certs(layers.certs(directory, nodes.collect()))
        }
        Role::Check => {
            let directory = matches.get_one::<String>(DIRECTORY).expect("clap insists on one");
            Subcommand::Check(layers.check(directory, matches.get_flag(JSON)))
        }
        Role::Backup => {
            let place = matches.get_one::<BackupPlace>(FILE).expect("clap insists on one");
            Subcommand::Backup(layers.backup(place.clone())?)
        }
        Role::Restore => {
            let place = matches.get_one::<BackupPlace>(FILE).expect("clap insists on one");
            let keeps_sessions = matches.get_flag(KEEP_SESSIONS);
            Subcommand::Restore(layers.restore(place.clone(), keeps_sessions)?)
        }
        Role::Compact => Subcommand::Compact(layers.compact()?),
        Role::Admin => {
            let command = arguments::admin(&matches)?;
            let settings = layers.admin(arguments::as_user(&matches), matches.get_flag(JSON))?;
            Subcommand::Admin(settings, Box::new(command))
        }
        Role::SignUp => {
            let (invitation, reason) = arguments::sign_up(&matches);
            Subcommand::SignUp(layers.sign_up(invitation, reason)?)
        }
        Role::Export => {
            let of = layers.transfer(host_in_addresses(&matches), matches.get_flag(JSON))?;
            let folder = matches.get_one::<String>(DIRECTORY).expect("clap insists on one").into();
            Subcommand::Export(ExportSettings { of, folder, replaces: matches.get_flag(FORCE) })
        }
        Role::Import => {
            let of = layers.transfer(host_in_addresses(&matches), matches.get_flag(JSON))?;
            let what = matches.get_one::<String>(WHAT).and_then(|what| Importable::named(what));
            let what = what.expect("clap insists on one that there is");
            let file = matches.get_one::<String>(FILE).expect("clap insists on one").into();
            Subcommand::Import(ImportSettings { of, what, file })
        }
        Role::Recover => {
            let directories = matches.get_many::<String>(DIRECTORY).into_iter().flatten();
            let directories = directories.map(PathBuf::from).collect();
            Subcommand::Recover(layers.recover(directories, matches.get_flag(YES))?)
        }
        Role::Bench => {
            let named = matches.get_many::<String>(SCENARIO).into_iter().flatten();
            let mut scenarios: Vec<_> = named.filter_map(|name| Scenario::named(name)).collect();
            if scenarios.is_empty() {
                scenarios = Scenario::USUAL.to_vec();
            }
            Subcommand::Bench(layers.bench(scenarios, matches.get_flag(JSON))?)
        }
    };
    Ok(Invocation { log, warnings, command })
}

/// The requested document, if `name` is not a role but a document.
fn document(name: &str, matches: &ArgMatches) -> Option<String> {
    match name {
        COMPLETIONS => documents::completions(command(), matches.get_one::<String>(SHELL)?),
        MAN => documents::man_page(command(), matches.get_one::<String>(ROLE).map(String::as_str)),
        _ => None,
    }
}

const ROLES: [(Role, &str); 18] = [
    (Role::Router, "Choose the available server, and tell clients where it is"),
    (Role::Slave, "Fork a master, watch it, and fork another when it crashes"),
    (Role::Master, "Run a server without a slave that supervises it"),
    (Role::Client, "Follow people, post, and read your timeline"),
    (Role::Status, "Show every server of the cluster"),
    (Role::Healthcheck, "Check whether one process serves; if not, say why and exit with 1"),
    (Role::Log, "Show what a node of this machine logs, or change it while the node runs"),
    (Role::Certs, "Make certificates by which the nodes of a cluster prove who they are"),
    (Role::Bench, "Measure how fast a running network is, beside a bare server on this machine"),
    (Role::Check, "Look at the data of stopped nodes, and say what is damaged and what helps"),
    (Role::Backup, "Copy a running network to a file, once or every so often"),
    (Role::Restore, "Make the beginning of a new cluster of a backup, in an empty data directory"),
    (Role::Recover, "Make a new cluster of what is left of one that has lost most of its disks"),
    (Role::Compact, "Have all masters remove from their disks what is not needed any more"),
    (Role::Admin, "Run the network: its settings, who may join, and what is not allowed"),
    (Role::SignUp, "Join the network, with a password of your own"),
    (
        Role::Export,
        "Write all that is yours into files: posts, profile, follows, blocks, mutes, bookmarks",
    ),
    (
        Role::Import,
        "Follow, block or mute whom a file lists that this or another network has written",
    ),
];

const LAYERS: &str = "\
Every setting can be given in a TOML file (named by --config or TINYSNS_CONFIG), in a variable \
TINYSNS_<SETTING>, or as a flag. A flag overrides a variable, and a variable overrides the file. One \
file or environment can serve a whole cluster: a role ignores the settings of the others.

Exit codes: 0 done; 1 failed, or for check something is damaged; 64 a setting was refused; for client and status also 69 nobody answers; \
for client also 65 a command was refused, 77 the login was refused, 130 interrupted, 141 the reader \
of its output has gone.";

const COMPLETIONS: &str = "completions";
const SHELL: &str = "shell";
const MAN: &str = "man";
const ROLE: &str = "role";
const CONFIG: &str = "config";
const WATCH: &str = "watch";
const JSON: &str = "json";
const COMMAND: &str = "command";
const FILTER: &str = "filter";
const DIRECTORY: &str = "directory";
const NODE: &str = "node";
const FILE: &str = "file";
const KEEP_SESSIONS: &str = "keep-sessions";
const YES: &str = "yes";
const FORCE: &str = "force";
const WHAT: &str = "what";
const SCENARIO: &str = "scenario";
const HOST: &str = "host";
const PORT: &str = "port";
const CLASSIC_HOST: &str = "localhost";
const CLASSIC_PORT: &str = "3010";

fn command() -> clap::Command {
    clap::Command::new("tinysns")
        .about(
            "A small social network that keeps running, and loses nothing, when its machines fail",
        )
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(LAYERS)
        .subcommands(ROLES.map(|(role, about)| subcommand(role, about)))
        .subcommand(
            clap::Command::new(COMPLETIONS).about("Print the completions for a shell").arg(
                Arg::new(SHELL)
                    .required(true)
                    .value_name("SHELL")
                    .value_parser(documents::shells().collect::<Vec<_>>()),
            ),
        )
        .subcommand(
            clap::Command::new(MAN).about("Print the man page of the program or of one role").arg(
                Arg::new(ROLE).value_name("ROLE").value_parser(ROLES.map(|(role, _)| role.name())),
            ),
        )
}

fn subcommand(role: Role, about: &'static str) -> clap::Command {
    let settings = Key::of(role).filter(|key| key.flag).map(argument);
    let command = clap::Command::new(role.name())
        .about(about)
        .after_long_help(LAYERS)
        .args(settings)
        .arg(Arg::new(CONFIG).long(CONFIG).value_name("PATH").help("A TOML file of settings"));
    match role {
        Role::Router | Role::Slave | Role::Master | Role::Healthcheck | Role::Compact => command,
        Role::Status => command
            .arg(switch(WATCH, "Keep showing the status until interrupted"))
            .arg(switch(JSON, "Print JSON, with stable field names")),
        Role::Log => command.arg(
            Arg::new(FILTER)
                .value_name("FILTER")
                .help("What to log from now on, such as debug or info,openraft=warn"),
        ),
        Role::Certs => command
            .arg(Arg::new(DIRECTORY).value_name("DIRECTORY").required(true).help(
                "Where the files are made: the authority's, unless it is there, and each node's",
            ))
            .arg(
                Arg::new(NODE)
                    .value_name("NODE")
                    .num_args(1..)
                    .required(true)
                    .value_parser(node_name)
                    .help("The names of nodes, such as server-1; router is the router's"),
            ),
        Role::Bench => command
            .arg(
                Arg::new(SCENARIO)
                    .value_name("SCENARIO")
                    .num_args(0..)
                    .value_parser(Scenario::ALL.map(Scenario::name))
                    .help("What to measure; by default, everything from publish to mixed"),
            )
            .mut_arg("start", |start| start.conflicts_with("router"))
            .arg(switch(JSON, "Print JSON, with stable field names")),
        Role::Check => command
            .arg(Arg::new(DIRECTORY).value_name("DIR").required(true).help(
                "What to look at: a data directory, one of its slots, or the router's directory",
            ))
            .arg(switch(JSON, "Print JSON, with stable field names")),
        Role::Backup => command.arg(backup_place(
            "The file to make, which must not be there yet; with --every, the directory of the files",
        )),
        Role::Restore => command
            .arg(backup_place("The backup"))
            .arg(switch(KEEP_SESSIONS, "Let those stay logged in who were when it was made")),
        Role::Recover => command
            .arg(Arg::new(DIRECTORY).value_name("DIR").num_args(1..).required(true).help(
                "What is left: data directories, slots, or the router's directory, of nodes that are stopped",
            ))
            .arg(switch(YES, "Do not ask, but say what is about to be made, and make it")),
        Role::Admin => arguments::of_admin(
            command.arg(switch(JSON, "Print JSON, with stable field names")),
        ),
        Role::SignUp => arguments::of_sign_up(command),
        Role::Export => of_transfer(command)
            .arg(
                Arg::new(DIRECTORY)
                    .value_name("FOLDER")
                    .required(true)
                    .help("Where the files are made; it is made, too, unless it is there"),
            )
            .arg(switch(FORCE, "Replace files that are there")),
        Role::Import => of_transfer(command)
            .arg(
                Arg::new(WHAT)
                    .value_name("WHAT")
                    .required(true)
                    .value_parser(Importable::ALL.map(Importable::name))
                    .help("What is to be done with those in the file"),
            )
            .arg(
                Arg::new(FILE)
                    .value_name("FILE")
                    .required(true)
                    .help("A file of CSV, as Mastodon writes it; - is standard input"),
            ),
        Role::Client => classic(command)
            .arg(switch(JSON, "Print JSON, one object a line, with stable field names"))
            .arg(Arg::new(COMMAND).last(true).num_args(1..).value_name("COMMAND").help(
                "One command to carry out; without it, commands are read from standard input",
            )),
    }
}

/// What `tinysns export` and `tinysns import` have in common.
fn of_transfer(command: clap::Command) -> clap::Command {
    command
        .arg(switch(JSON, "Print JSON, with stable field names"))
        .arg(Arg::new(HOST).long(HOST).value_name("HOST").help(
        "What the network is called in addresses such as ann@HOST; by default, the router's host",
    ))
}

fn host_in_addresses(matches: &ArgMatches) -> Option<String> {
    matches.get_one(HOST).cloned()
}

/// The name of a node that gets a certificate.
fn node_name(text: &str) -> Result<String, String> {
    let kind = ValueKind::Name;
    let is_free = !["authority", ".", ".."].contains(&text);
    if kind.allows(text) && is_free {
        Ok(text.to_owned())
    } else {
        Err(format!("allowed: {kind}, but not authority"))
    }
}

/// A file or directory of backups, or what stands for it in a store.
fn backup_place(help: &'static str) -> Arg {
    Arg::new(FILE)
        .value_name("FILE")
        .required(true)
        .value_parser(BackupPlace::parse)
        .help(format!("{help}; a path, or s3://BUCKET/KEY in an S3-compatible store"))
        .long_help(format!(
            "{help}: a path, or s3://BUCKET/KEY in an S3-compatible store. How the store is reached is in the usual \
             variables: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_REGION, and AWS_ENDPOINT if it is not \
             Amazon's"
        ))
}

/// The flags of the classic client, which takes `-h` for the host.
fn classic(command: clap::Command) -> clap::Command {
    let host = Arg::new(HOST)
        .short('h')
        .value_name("HOST")
        .conflicts_with("router")
        .help(format!("The router's host, as in the classic client [default: {CLASSIC_HOST}]"));
    let port = Arg::new(PORT)
        .short('p')
        .value_name("PORT")
        .conflicts_with("router")
        .help(format!("The router's port, as in the classic client [default: {CLASSIC_PORT}]"));
    let help = Arg::new("help").long("help").action(ArgAction::HelpLong).help("Print help");
    command.disable_help_flag(true).mut_arg("user", |user| user.short('u')).args([host, port, help])
}

fn argument(key: &'static Key) -> Arg {
    Arg::new(key.name)
        .long(key.flag_name())
        .value_name(key.kind.placeholder())
        // A negative duration or number is refused by its setting, with its own message.
        .allow_hyphen_values(true)
        .help(help(key, false))
        .long_help(help(key, true))
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn help(key: &Key, long: bool) -> StyledStr {
    let mut text = key.help.to_owned();
    if long && !matches!(key.kind, ValueKind::Path | ValueKind::LogFilter) {
        text = format!("{text}: {}", key.kind);
    }
    if let Some(default) = key.default {
        text = format!("{text} [default: {default}]");
    }
    text.into()
}

/// What follows `--`, as if it had been typed.
fn only_command(matches: &ArgMatches) -> Option<String> {
    let words = matches.get_many::<String>(COMMAND)?;
    Some(words.map(String::as_str).collect::<Vec<_>>().join(" "))
}

/// The variables whose values are text. One of ours that is not text would be altered, so it is
/// refused.
fn as_text(
    variables: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>,
) -> Result<Vec<(String, String)>, SettingsError> {
    let mut texts = Vec::new();
    for (name, value) in variables {
        let Ok(name) = name.into().into_string() else { continue };
        match value.into().into_string() {
            Ok(value) => texts.push((name, value)),
            Err(_) if name.starts_with(VARIABLE_PREFIX) => {
                return Err(SettingsError::NoText { name });
            }
            Err(_) => {}
        }
    }
    Ok(texts)
}

/// The flags that were given, by setting.
fn flags(role: Role, matches: &ArgMatches) -> BTreeMap<&'static str, String> {
    let given = |name: &str| matches.get_one::<String>(name).cloned();
    let mut flags: BTreeMap<_, _> = Key::of(role)
        .filter(|key| key.flag)
        .filter_map(|key| Some((key.name, given(key.name)?)))
        .collect();
    flags.extend(given(CONFIG).map(|path| (CONFIG, path)));
    if role == Role::Client {
        let (host, port) = (given(HOST), given(PORT));
        if host.is_some() || port.is_some() {
            let host = ValueKind::Host.normal(host.as_deref().unwrap_or(CLASSIC_HOST));
            let port = port.as_deref().unwrap_or(CLASSIC_PORT);
            flags.insert("router", format!("{host}:{port}"));
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::unix::ffi::OsStringExt as _};

    use super::*;
    use crate::{host::disk, slave::SlaveError, slot::Slot};

    const SECRET: [(&str, &str); 1] = [("TINYSNS_SECRET", "0123456789012345")];

    fn parse_words(line: &str, variables: &[(&str, &str)]) -> Result<Subcommand, EarlyExit> {
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        parse(line.split_whitespace(), variables).map(|invocation| invocation.command)
    }

    fn router_of(line: &str) -> String {
        match parse_words(line, &[("TINYSNS_ROUTER", "variable:1")]).unwrap() {
            Subcommand::Client(settings) => settings.client.router,
            Subcommand::Status(settings) => settings.client.router,
            other => panic!("not a visitor: {other:?}"),
        }
    }

    #[test]
    fn the_command_line_holds_together() {
        command().debug_assert();
    }

    #[test]
    fn a_client_finds_its_router_by_new_flags_classic_flags_or_the_environment() {
        for (line, router) in [
            ("tinysns client", "variable:1"),
            ("tinysns client --router flag:2", "flag:2"),
            ("tinysns client -h host", "host:3010"),
            ("tinysns client -p 4000", "localhost:4000"),
            ("tinysns client -h host -p 4000 -u ann", "host:4000"),
            ("tinysns client -h ::1", "[::1]:3010"),
            ("tinysns client -h [::1] -p 4000", "[::1]:4000"),
            ("tinysns client --router [2001:db8::7]:4000", "[2001:db8::7]:4000"),
            ("tinysns status --router flag:2", "flag:2"),
        ] {
            assert_eq!(router_of(line), router, "{line}");
        }
    }

    #[test]
    fn a_client_is_the_classic_default_user_unless_told_otherwise() {
        for (line, expected) in [("tinysns client", "default"), ("tinysns client -u ann", "ann")] {
            let Subcommand::Client(settings) = parse_words(line, &[]).unwrap() else {
                panic!("not a client")
            };
            assert_eq!(settings.user.as_str(), expected);
        }
    }

    #[test]
    fn flags_reach_the_settings_of_the_role() {
        let line = "tinysns slave --reboot-delay 1s --page-size 5 --name one";
        let Subcommand::Slave(settings) = parse_words(line, &SECRET).unwrap() else {
            panic!("not a slave")
        };
        assert_eq!(settings.reboot_delay.as_secs(), 1);
        assert_eq!(settings.master.limits.page_size, 5);
        assert_eq!(settings.master.name.as_deref(), Some("one"));
    }

    #[test]
    fn what_cannot_be_understood_is_refused_with_exit_code_64_and_help_is_not() {
        for line in [
            "tinysns",
            "tinysns queen",
            "tinysns router --reboot-delay 1s",
            "tinysns slave --heartbeat -1s",
            "tinysns slave --secret 0123456789012345",
            "tinysns client -h one --router two:2",
            "tinysns client -u ../escape",
        ] {
            let stop = parse_words(line, &SECRET).unwrap_err();
            assert_eq!(stop.report(), ExitCode::from(64), "{line}");
        }
        for line in ["tinysns --help", "tinysns client --help", "tinysns router -h"] {
            let stop = parse_words(line, &SECRET).unwrap_err();
            assert_eq!(stop.report(), ExitCode::SUCCESS, "{line}");
        }
    }

    #[test]
    fn a_variable_of_ours_that_is_no_text_is_refused_and_others_do_not_matter() {
        let latin = || OsString::from_vec(b"caf\xe9".to_vec());
        let parse_with = |name: &str| {
            let line = ["tinysns", "status"].map(OsString::from);
            parse(line, [(OsString::from(name), latin())]).map(|_| ())
        };
        assert!(parse_with("LANG").is_ok());
        let stop = parse_with("TINYSNS_ROUTER").unwrap_err();
        assert!(stop.to_string().contains("TINYSNS_ROUTER"), "{stop}");
        assert_eq!(stop.report(), ExitCode::from(64));
    }

    fn document_of(line: &str) -> String {
        match parse_words(line, &[]) {
            Err(EarlyExit::Document(text)) => text,
            other => panic!("no document: {other:?}"),
        }
    }

    #[test]
    fn completions_know_every_role_and_flag() {
        for shell in documents::shells() {
            let script = document_of(&format!("tinysns completions {shell}"));
            for (role, _) in ROLES {
                assert!(script.contains(role.name()), "{shell}: {}", role.name());
                for key in Key::of(role).filter(|key| key.flag) {
                    assert!(script.contains(&key.flag_name()), "{shell}: {}", key.name);
                }
            }
        }
        let stop = parse_words("tinysns completions abacus", &[]).unwrap_err();
        assert_eq!(stop.report(), ExitCode::from(64));
    }

    #[test]
    fn bash_understands_its_completions() {
        let script = document_of("tinysns completions bash");
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(script.as_bytes()).unwrap();
        match std::process::Command::new("bash").arg("-n").arg(file.path()).status() {
            Ok(status) => assert!(status.success(), "{status}"),
            Err(error) => eprintln!("NOT CHECKED: there is no bash: {error}"),
        }
    }

    #[test]
    fn man_pages_know_every_role_and_setting() {
        let plain = |line: &str| document_of(line).replace('\\', "");
        let page = plain("tinysns man");
        for (role, about) in ROLES {
            assert!(page.contains(&format!("tinysns-{}(1)", role.name())), "{page}");
            let page = plain(&format!("tinysns man {}", role.name()));
            assert!(page.contains(&format!(".TH tinysns-{} 1", role.name())), "{page}");
            assert!(page.contains(about), "{page}");
            assert!(page.contains("Exit codes"), "{page}");
            for key in Key::of(role).filter(|key| key.flag) {
                assert!(page.contains(&format!("--{}", key.flag_name())), "{}", key.name);
            }
        }
    }

    #[test]
    fn one_command_may_follow_the_flags_of_a_client() {
        for (line, expected) in [
            ("tinysns client", None),
            ("tinysns client -u ann -- POST hello world", Some("POST hello world")),
            ("tinysns client --json -- POST -h", Some("POST -h")),
        ] {
            let Subcommand::Client(settings) = parse_words(line, &[]).unwrap() else {
                panic!("not a client")
            };
            assert_eq!(settings.command.as_deref(), expected, "{line}");
            assert_eq!(settings.json, line.contains("--json"));
        }
    }

    #[test]
    fn an_unusable_port_or_directory_is_a_refusal_and_told_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Slot::claim(file.path()).unwrap_err();
        let error = anyhow::Error::new(SlaveError::from(error)).context("the slave cannot begin");
        let words = error_text(&error);
        assert_eq!(words.matches("os error").count(), 1, "{words}");
        assert_eq!(exit_code(Err(error)), REFUSED);
        let error = disk::prepare("router_data_dir", file.path(), "raft.redb").unwrap_err();
        let error = anyhow::Error::new(error);
        let words = error_text(&error);
        assert!(words.contains("(router_data_dir)") && words.contains("a directory"), "{words}");
        assert_eq!(exit_code(Err(error)), REFUSED);
        assert_eq!(exit_code(Err(anyhow::anyhow!("something else"))), 1);
        assert_eq!(exit_code(Ok(())), 0);
    }

    #[test]
    fn help_tells_the_unit_and_the_default_of_a_setting() {
        let help = parse_words("tinysns slave --help", &[]).unwrap_err().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "--reboot-delay <DURATION>",
            "a duration with its unit",
            "[default: 25s]",
            "1 to 10000",
        ] {
            assert!(help.contains(part), "{part} is not in {help}");
        }
    }
}
