//! What may be typed after `tinysns admin` and `tinysns sign-up`, and what it means.

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser};

use crate::{
    client::{AdminAnswer, AdminQuestion, AdminRequest},
    domain::{
        Joining, Judgement, NetworkSetting, NetworkSettings, PostId, Role, SecretCode, Standing,
        UserName,
    },
    host::{clock, random},
};

/// A command that was understood, with the code that it hands out, if it is one that does.
#[derive(Debug)]
pub struct AdminCommand {
    /// What is wanted.
    pub wish: Wish,
    /// The code that comes with it.
    pub code: Option<SecretCode>,
}

/// What is wanted.
#[derive(Debug)]
pub enum Wish {
    /// Something is to be done.
    Do(AdminRequest),
    /// Something is to be shown.
    See(AdminQuestion, Only),
    /// The settings are to be shown.
    Settings,
}

/// What of an answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only {
    /// All of it.
    Everything,
    /// Reports that nobody has resolved.
    Waiting,
}

/// Leaves out what is not shown.
pub fn only(answer: AdminAnswer, wanted: Only) -> AdminAnswer {
    match (answer, wanted) {
        (AdminAnswer::Reports(reports, more), Only::Waiting) => {
            let waiting = reports.into_iter().filter(|report| report.resolved.is_none());
            AdminAnswer::Reports(waiting.collect(), more)
        }
        (answer, _) => answer,
    }
}

const AS: &str = "as";
const NAME: &str = "name";
const WHY: &str = "why";
const ID: &str = "id";
const TEXT: &str = "text";
const VALUE: &str = "value";
const OWNER: &str = "owner";
const TITLE: &str = "title";
const JOINING: &str = "joining";
const ROLE: &str = "role";
const STANDING: &str = "standing";
const USES: &str = "uses";
const LASTS: &str = "for";
const CODE: &str = "code";
const ALL: &str = "all";
const INVITATION: &str = "invitation";
const REASON: &str = "reason";

/// What may be typed after `tinysns sign-up`.
pub fn of_sign_up(command: Command) -> Command {
    command
        .arg(
            Arg::new(INVITATION)
                .long(INVITATION)
                .value_name("CODE")
                .value_parser(SecretCode::new)
                .help("The code of an invitation"),
        )
        .arg(
            Arg::new(REASON)
                .long(REASON)
                .value_name("TEXT")
                .help("Why you want to join, for the moderators, where they approve accounts"),
        )
}

/// What was typed after `tinysns sign-up`: the code of an invitation, and a reason.
pub fn sign_up(matches: &ArgMatches) -> (Option<SecretCode>, Option<String>) {
    (matches.get_one(INVITATION).cloned(), matches.get_one(REASON).cloned())
}

/// Who asks; none for an operator.
pub fn as_user(matches: &ArgMatches) -> Option<UserName> {
    matches.get_one(AS).cloned()
}

/// What may be typed after `tinysns admin`.
pub fn of_admin(command: Command) -> Command {
    let judge = |judgement: Judgement, about| {
        Command::new(judgement.name()).about(about).arg(user()).arg(why())
    };
    command
        .mut_args(|arg| arg.global(true))
        .arg(
            Arg::new(AS)
                .long(AS)
                .global(true)
                .value_name("NAME")
                .value_parser(|name: &str| UserName::new(name))
                .help("Ask as this owner or moderator, who logs in, instead of with the cluster's secret"),
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(
            Command::new("init")
                .about("Name the first owner, and say what the network is and who may join")
                .arg(named(OWNER, "NAME").required(true).value_parser(|name: &str| UserName::new(name)))
                .arg(named(TITLE, "TITLE").default_value("Tiny SNS").help("How the network is called"))
                .arg(joining().default_value(Joining::Open.name())),
        )
        .subcommand(users())
        .subcommand(
            Command::new("role").about("Make somebody an owner, a moderator or a user").arg(user()).arg(
                Arg::new(ROLE)
                    .required(true)
                    .value_name("ROLE")
                    .value_parser(PossibleValuesParser::new(Role::ALL.map(Role::name))),
            ),
        )
        .subcommand(judge(Judgement::Approve, "Let somebody in who has asked to join"))
        .subcommand(judge(Judgement::Reject, "Do not let somebody in who has asked to join"))
        .subcommand(judge(Judgement::Suspend, "Hide somebody from everybody, and log them out"))
        .subcommand(judge(Judgement::Unsuspend, "Take a suspension back"))
        .subcommand(judge(Judgement::Silence, "Show somebody to those alone who follow them"))
        .subcommand(judge(Judgement::Unsilence, "Take that back"))
        .subcommand(
            Command::new("delete-post").about("Delete a post").arg(number(ID, "POST")).arg(why()),
        )
        .subcommand(
            Command::new("reset-password")
                .about("Replace somebody's password by a code that works for a day")
                .arg(user()),
        )
        .subcommand(invites())
        .subcommand(
            Command::new("settings")
                .about("See or change what the network is")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommand(Command::new("show").about("Show all settings, and what is announced"))
                .subcommand(
                    Command::new("set")
                        .about("Change a setting")
                        .arg(
                            Arg::new(NAME)
                                .required(true)
                                .value_name("SETTING")
                                .value_parser(PossibleValuesParser::new(NetworkSettings::NAMES)),
                        )
                        .arg(Arg::new(VALUE).required(true).value_name("VALUE").allow_hyphen_values(true)),
                ),
        )
        .subcommand(
            Command::new("announce")
                .about("Tell everybody something")
                .arg(Arg::new(TEXT).required(true).value_name("TEXT")),
        )
        .subcommand(
            Command::new("retract").about("Take an announcement back").arg(number(ID, "NUMBER")),
        )
        .subcommand(
            Command::new("reports")
                .about("See what was reported, and say what has come of it")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommand(
                    Command::new("list").about("List the newest that wait").arg(
                        Arg::new(ALL).long(ALL).action(ArgAction::SetTrue).help("Also those that are resolved"),
                    ),
                )
                .subcommand(
                    Command::new("resolve")
                        .about("Say what has come of a report")
                        .arg(number(ID, "NUMBER"))
                        .arg(Arg::new(TEXT).value_name("OUTCOME").default_value("")),
                ),
        )
        .subcommand(Command::new("log").about("See what was done to run the network, the newest first"))
}

fn users() -> Command {
    let standings = PossibleValuesParser::new(Standing::ALL.map(Standing::name));
    let standing = named(STANDING, "STANDING").value_parser(standings);
    let list = Command::new("list")
        .about("List everybody")
        .arg(standing.help("Only those of this standing"));
    Command::new("users")
        .about("See who has an account")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(list)
        .subcommand(Command::new("show").about("Show one of them").arg(user()))
}

fn invites() -> Command {
    Command::new("invites")
        .about("Invite people")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("create")
                .about("Make an invitation, and print its code")
                .arg(
                    named(USES, "COUNT")
                        .default_value("1")
                        .value_parser(clap::value_parser!(u32).range(1..=10_000))
                        .help("How many may accept it"),
                )
                .arg(
                    named(LASTS, "DURATION")
                        .value_parser(humantime::parse_duration)
                        .help("For how long it can be accepted, such as 7d; for ever without it"),
                ),
        )
        .subcommand(Command::new("list").about("List all invitations"))
        .subcommand(
            Command::new("revoke").about("Take an invitation back").arg(
                Arg::new(CODE).required(true).value_name("CODE").value_parser(SecretCode::new),
            ),
        )
}

fn named(name: &'static str, value: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value)
}

fn user() -> Arg {
    Arg::new(NAME).required(true).value_name("NAME").value_parser(|name: &str| UserName::new(name))
}

fn why() -> Arg {
    named(WHY, "TEXT").default_value("").help("Why, for the log of those who run the network")
}

fn number(name: &'static str, value: &'static str) -> Arg {
    let numbers = clap::value_parser!(u64).range(1..);
    Arg::new(name).required(true).value_name(value).value_parser(numbers)
}

fn joining() -> Arg {
    named(JOINING, "MODE")
        .value_parser(PossibleValuesParser::new(Joining::ALL.map(Joining::name)))
        .help("Who may join")
}

/// What was typed after `tinysns admin`, which clap has let through; or why it cannot be meant.
pub fn admin(matches: &ArgMatches) -> Result<AdminCommand, clap::Error> {
    let (name, given) = matches.subcommand().expect("clap insists on one");
    let inner = given.subcommand();
    let request = match (name, inner) {
        ("init", _) => return Ok(init(given)),
        ("users", Some(("list", given))) => {
            let standing = text(given, STANDING).and_then(|name| Standing::named(&name));
            return Ok(see(AdminQuestion::People { standing, position: None, limit: None }));
        }
        ("users", Some((_, given))) => return Ok(see(AdminQuestion::Person(name_of(given)))),
        ("role", _) => {
            let role = text(given, ROLE).and_then(|name| Role::named(&name)).unwrap_or_default();
            AdminRequest::SetRole { name: name_of(given), role }
        }
        ("delete-post", _) => {
            AdminRequest::DeletePost { post: PostId::new(id(given)), why: some(given, WHY) }
        }
        ("reset-password", _) => {
            let code = new_code();
            let request = AdminRequest::ResetPassword { name: name_of(given), code: code.clone() };
            return Ok(AdminCommand { wish: Wish::Do(request), code: Some(code) });
        }
        ("invites", Some(("create", given))) => {
            let code = new_code();
            let lasts: Option<&Duration> = given.get_one(LASTS);
            let until = lasts.map(|lasts| clock::now().saturating_add(*lasts));
            let uses = given.get_one(USES).copied().unwrap_or(1);
            let request = AdminRequest::Invite { code: code.clone(), uses, until };
            return Ok(AdminCommand { wish: Wish::Do(request), code: Some(code) });
        }
        ("invites", Some(("list", _))) => return Ok(see(AdminQuestion::Invitations)),
        ("invites", Some((_, given))) => {
            AdminRequest::Revoke(given.get_one(CODE).cloned().expect("clap insists on one"))
        }
        ("settings", Some(("show", _))) => {
            return Ok(AdminCommand { wish: Wish::Settings, code: None });
        }
        ("settings", Some((_, given))) => {
            let setting = NetworkSetting::read(&some(given, NAME), &some(given, VALUE));
            let invalid = |error| {
                clap::Error::raw(clap::error::ErrorKind::InvalidValue, format!("{error}\n"))
            };
            AdminRequest::Set(setting.map_err(invalid)?)
        }
        ("announce", _) => AdminRequest::Announce(some(given, TEXT)),
        ("retract", _) => AdminRequest::Retract(id(given)),
        ("reports", Some(("list", given))) => {
            let only = if given.get_flag(ALL) { Only::Everything } else { Only::Waiting };
            let question = AdminQuestion::Reports { before: None, limit: None };
            return Ok(AdminCommand { wish: Wish::See(question, only), code: None });
        }
        ("reports", Some((_, given))) => {
            AdminRequest::Resolve { report: id(given), outcome: some(given, TEXT) }
        }
        ("log", _) => return Ok(see(AdminQuestion::Log { before: None, limit: None })),
        (name, _) => {
            let judgement = Judgement::ALL.into_iter().find(|judgement| judgement.name() == name);
            let judgement = judgement.expect("clap knows the same commands");
            AdminRequest::Judge { name: name_of(given), judgement, why: some(given, WHY) }
        }
    };
    Ok(AdminCommand { wish: Wish::Do(request), code: None })
}

fn init(given: &ArgMatches) -> AdminCommand {
    let code = new_code();
    let joining = text(given, JOINING).and_then(|name| Joining::named(&name)).unwrap_or_default();
    let owner = given.get_one(OWNER).cloned().expect("clap insists on one");
    let title = some(given, TITLE);
    let request = AdminRequest::Begin { owner, title, joining, code: code.clone() };
    AdminCommand { wish: Wish::Do(request), code: Some(code) }
}

fn see(question: AdminQuestion) -> AdminCommand {
    AdminCommand { wish: Wish::See(question, Only::Everything), code: None }
}

fn new_code() -> SecretCode {
    SecretCode::of_random(random::bytes())
}

fn name_of(given: &ArgMatches) -> UserName {
    given.get_one(NAME).cloned().expect("clap insists on one")
}

fn id(given: &ArgMatches) -> u64 {
    given.get_one(ID).copied().expect("clap insists on one")
}

fn text(given: &ArgMatches, name: &str) -> Option<String> {
    given.get_one::<String>(name).cloned()
}

fn some(given: &ArgMatches, name: &str) -> String {
    text(given, name).unwrap_or_default()
}
