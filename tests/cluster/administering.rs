//! A network is run by the commands of `docs/admin.md`, as its owners and moderators type them.

use std::{fs, process::Stdio, time::Duration};

use nix::sys::signal::Signal;
use serde_json::Value;
use tinysns::{
    client::{Client, ClientOptions, Cursor, NewReport, RefusalKind, SignUp, SignedUp},
    domain::{SecretCode, UserName},
};
use tokio::{io::AsyncWriteExt as _, time::timeout};

use super::{
    BINARY,
    processes::{Cluster, DEADLINE, eventually, signal},
    tmux::Tmux,
};

const PAGE: &str = include_str!("../../docs/admin.md");

/// What a command has printed, and its exit code.
struct Said {
    code: Option<i32>,
    out: String,
    error: String,
}

impl Said {
    fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.error);
        self.out
    }

    fn refused(self, why: &str) {
        assert_eq!(self.code, Some(65), "{}{}", self.out, self.error);
        assert!(self.error.contains(why), "{why} is not in {}", self.error);
    }

    fn json(self) -> Value {
        let out = self.ok();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }
}

/// Runs a command of the program, with its secret in the environment, and a password on standard input.
async fn run_with(cluster: &Cluster, words: &[&str], password: Option<&str>) -> Said {
    let (role, words) = words.split_first().expect("a role");
    let mut command = cluster.command(role);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = tokio::process::Command::from(command).spawn().expect("it runs");
    let mut stdin = running.stdin.take().expect("piped");
    if let Some(password) = password {
        // It may have ended before it asks.
        let _ = stdin.write_all(format!("{password}\n").as_bytes()).await;
    }
    drop(stdin);
    let output =
        timeout(DEADLINE, running.wait_with_output()).await.expect("in time").expect("ours");
    let [out, error] =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    Said { code: output.status.code(), out, error }
}

async fn admin(cluster: &Cluster, words: &[&str]) -> Said {
    run_with(cluster, &[&["admin"], words].concat(), None).await
}

/// As somebody whose password is their name and a tail.
async fn admin_as(cluster: &Cluster, name: &str, words: &[&str]) -> Said {
    run_with(cluster, &[&["admin", "--as", name], words].concat(), Some(&password(name))).await
}

fn password(name: &str) -> String {
    format!("{name} has a long one")
}

fn client(cluster: &Cluster) -> Client {
    Client::connect(ClientOptions::new(cluster.router())).expect("a valid address")
}

fn wanted(name: &str, password: String, invitation: Option<&str>) -> SignUp {
    SignUp {
        name: UserName::new(name).expect("valid"),
        password,
        invitation: invitation.map(|code| SecretCode::new(code).expect("valid")),
        reason: "I know ann".to_owned(),
    }
}

async fn signs_up(cluster: &Cluster, name: &str, invitation: Option<&str>) -> Client {
    let client = client(cluster);
    let signed_up = client.sign_up(&wanted(name, password(name), invitation)).await;
    assert!(matches!(signed_up.expect("signed up"), SignedUp::LoggedIn(_)));
    client
}

/// The code that a command has printed.
fn code(said: &str) -> String {
    said.trim_end().rsplit(' ').next().expect("a word").to_owned()
}

#[tokio::test]
async fn an_owner_is_named_people_are_invited_judged_and_reported_and_all_of_it_outlives_a_server()
{
    let cluster = Cluster::start_unlimited(BINARY, 3, "1s").await;
    // As on the page.
    let said =
        admin(&cluster, &["init", "--owner", "ann", "--title", "The Club", "--joining", "invite"]);
    let said = said.await.ok();
    assert!(said.contains("ann owns The Club. Who may join: whoever is invited"), "{said}");
    let first = code(&said);
    let again = admin(&cluster, &["init", "--owner", "bob"]).await;
    again.refused("this network has an owner already");

    // The owner chooses a password.
    let ann = client(&cluster);
    ann.log_in_existing("ann", Some(&first)).await.expect("the code works");
    ann.set_password(Some(&first), Some("12345678")).await.expect_err("among the commonest");
    ann.set_password(Some(&first), Some(&password("ann"))).await.expect("chosen");

    // Nobody comes without an invitation, and not without a password.
    let stranger = client(&cluster);
    let refused = stranger.log_in("mallory", None).await.expect_err("not invited");
    assert!(refused.to_string().contains("those who are invited"), "{refused}");
    let invitation =
        code(&admin_as(&cluster, "ann", &["invites", "create", "--uses", "2"]).await.ok());
    let weak = wanted("bob", "password1".to_owned(), Some(&invitation));
    let weak = stranger.sign_up(&weak).await.expect_err("too easy to guess");
    assert!(weak.to_string().contains("among the commonest"), "{weak}");
    let bob = signs_up(&cluster, "bob", Some(&invitation)).await;
    let sign_up = ["sign-up", "--user", "cat", "--invitation", &invitation];
    let said = run_with(&cluster, &sign_up, Some(&password("cat"))).await.ok();
    assert!(said.contains("cat has joined"), "{said}");
    let used_up = stranger.sign_up(&wanted("dan", password("dan"), Some(&invitation))).await;
    let used_up = used_up.expect_err("it was for two");
    assert!(used_up.to_string().contains("does not work"), "{used_up}");

    let another = code(&admin_as(&cluster, "ann", &["invites", "create"]).await.ok());
    admin_as(&cluster, "ann", &["invites", "revoke", &another]).await.ok();
    let invites = admin_as(&cluster, "ann", &["invites", "list"]).await.ok();
    assert!(invites.contains("2 of 2 used") && invites.contains("taken back"), "{invites}");

    // A user may do nothing of it; a moderator some.
    admin_as(&cluster, "cat", &["users", "list"]).await.refused("not yours to decide");
    admin_as(&cluster, "ann", &["role", "cat", "moderator"]).await.ok();
    admin_as(&cluster, "cat", &["suspend", "ann"]).await.refused("not yours to decide");
    let users = admin_as(&cluster, "cat", &["users", "list", "--json"]).await.json();
    let roles: Vec<_> = users["users"].as_array().expect("a list").iter().collect();
    let roles: Vec<_> = roles.iter().map(|user| user["role"].as_str().expect("a text")).collect();
    assert_eq!(roles, ["owner", "user", "moderator"]);

    // Somebody is reported; the available server dies; the report is there.
    let post = bob.publish("buy this").await.expect("published").id;
    let report = NewReport {
        about: UserName::new("bob").expect("valid"),
        posts: vec![post],
        comment: "advertising".to_owned(),
    };
    assert_eq!(ann.report(&report).await.expect("reported"), 1);
    let old = cluster.available().await;
    signal(old.pid, Signal::SIGKILL);
    let reports = admin_as(&cluster, "cat", &["reports", "list", "--json"]).await.json();
    assert_eq!(reports["reports"][0]["about"], "bob");
    assert_eq!(reports["reports"][0]["posts"][0], post.get());
    assert_eq!(reports["reports"][0]["resolved"], Value::Null);

    // Who is suspended is logged out and hidden, on the new server and on all.
    let mut live = bob.subscribe(None).await.expect("subscribed");
    admin_as(&cluster, "cat", &["suspend", "bob", "--why", "advertising"]).await.ok();
    let ended = timeout(DEADLINE, live.next()).await.expect("in time");
    assert!(matches!(ended, Some(Err(_))), "{ended:?}");
    let refused = bob.publish("still here").await.expect_err("logged out");
    assert!(refused.to_string().contains("have suspended your account"), "{refused}");
    let hidden = ann.posts("bob", Cursor::Newest, None).await;
    assert!(hidden.as_ref().is_ok_and(|page| page.posts.is_empty()), "{hidden:?}");
    let person = ann.person("bob").await.expect_err("nobody sees him");
    assert_eq!(person.refusal_kind(), Some(&RefusalKind::NotFound));
    admin_as(&cluster, "cat", &["reports", "resolve", "1", "suspended"]).await.ok();
    let again = admin_as(&cluster, "cat", &["reports", "resolve", "1"]).await;
    again.refused("resolved already");

    // The log has all of it.
    let log = admin(&cluster, &["log", "--json"]).await.json();
    let entries = log["log"].as_array().expect("a list");
    let what: Vec<_> =
        entries.iter().map(|entry| entry["what"].as_str().expect("a text")).collect();
    assert_eq!(what, ["resolve", "suspend", "role", "revoke", "invite", "invite", "init"]);
    assert_eq!(entries[1]["by"], "cat");
    assert_eq!(entries[1]["words"], "advertising");
    assert_eq!(entries[6]["by"], Value::Null, "an operator");
    let log = admin(&cluster, &["log"]).await.ok();
    assert!(log.contains("cat: suspend bob (advertising)"), "{log}");

    // What is taken back is as it was.
    admin(&cluster, &["unsuspend", "bob"]).await.ok();
    bob.log_in_existing("bob", Some(&password("bob"))).await.expect("he may");
    let shown = ann.posts("bob", Cursor::Newest, None).await.expect("readable");
    assert_eq!(shown.posts.len(), 1);
}

#[tokio::test]
async fn the_networks_settings_and_passwords_are_changed_by_command() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let classic = cluster.client("old").await;
    admin(&cluster, &["init", "--owner", "old", "--joining", "approval"]).await.ok();
    classic.publish("hello").await.expect_err("a code has taken the place of no password");

    // Whoever asks to join waits for a moderator.
    let newcomer = client(&cluster);
    let signed_up = newcomer.sign_up(&wanted("new", password("new"), None)).await;
    assert_eq!(signed_up.expect("asked"), SignedUp::Pending);
    let waits = newcomer.log_in("new", Some(&password("new"))).await.expect_err("not yet");
    assert!(waits.to_string().contains("waits for a moderator"), "{waits}");
    let pending = admin(&cluster, &["users", "list", "--standing", "pending"]).await.ok();
    assert!(pending.contains("new: user, pending") && pending.contains("I know ann"), "{pending}");
    admin(&cluster, &["approve", "new"]).await.ok();
    newcomer.log_in("new", Some(&password("new"))).await.expect("approved");
    let asks = client(&cluster);
    asks.log_in("third", Some(&password("third"))).await.expect_err("it asks to join");
    admin(&cluster, &["reject", "third", "--why", "nobody knows them"]).await.ok();
    let rejected = asks.log_in("third", Some(&password("third"))).await.expect_err("rejected");
    assert!(rejected.to_string().contains("have not approved"), "{rejected}");

    // Settings.
    admin(&cluster, &["settings", "set", "title", "Ours"]).await.ok();
    admin(&cluster, &["settings", "set", "post-chars", "5"]).await.ok();
    newcomer.publish("too long").await.expect_err("more than five characters");
    admin(&cluster, &["settings", "set", "post-chars", "default"]).await.ok();
    admin(&cluster, &["settings", "set", "posts-per-account", "2/5s"]).await.ok();
    newcomer.publish("one").await.expect("published");
    newcomer.publish("two").await.expect("published");
    let refused = newcomer.pushbacks();
    let third = timeout(Duration::from_secs(1), newcomer.publish("three")).await;
    assert!(third.is_err(), "it waits: {third:?}, {refused:?}");
    let wrong = admin(&cluster, &["settings", "set", "joining", "maybe"]).await;
    assert_eq!(wrong.code, Some(64), "{}", wrong.error);
    let settings = admin(&cluster, &["settings", "show", "--json"]).await.json();
    assert_eq!(settings["settings"]["title"], "Ours");
    assert_eq!(settings["settings"]["posts-per-account"], "2/5s");

    // What everybody is told.
    let said = admin(&cluster, &["announce", "We move on Sunday"]).await.ok();
    assert!(said.contains("number 1"), "{said}");
    let about = newcomer.about().await.expect("told");
    assert_eq!(about.announcements[0].text, "We move on Sunday");
    admin(&cluster, &["retract", "1"]).await.ok();
    assert!(newcomer.about().await.expect("told").announcements.is_empty());

    // A lost password.
    let reset = admin(&cluster, &["reset-password", "new"]).await.ok();
    let lost = client(&cluster);
    lost.log_in_existing("new", Some(&password("new"))).await.expect_err("it works no longer");
    lost.log_in_existing("new", Some(&code(&reset))).await.expect("the code works");

    // A deleted post.
    let post = lost.publish("spam").await;
    let post = post.expect("published").id.to_string();
    admin(&cluster, &["delete-post", &post, "--why", "spam"]).await.ok();
    admin(&cluster, &["delete-post", &post]).await.refused("there is no such post");

    // Everything is whole, and a state that is read again is the same.
    let mut cluster = cluster;
    cluster.stop_slaves(1);
    cluster.kill_router();
    let mut check = cluster.command("check");
    check.arg(cluster.folder().join("masters"));
    let checked = tokio::process::Command::from(check).output().await.expect("it runs");
    assert!(checked.status.success(), "{checked:?}");
    cluster.start_router();
    cluster.start_slaves(1);
    cluster.all_vote(1).await;
    let settings = admin(&cluster, &["settings", "show"]).await.ok();
    assert!(settings.contains("Ours"), "{settings}");
}

#[tokio::test]
async fn without_the_clusters_secret_nobody_runs_the_network() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let mut command = cluster.command("admin");
    command
        .args(["init", "--owner", "mallory"])
        .env("TINYSNS_SECRET", "another secret of somebody");
    let output = tokio::process::Command::from(command).output().await.expect("it runs");
    assert!(!output.status.success(), "{output:?}");
    let page = client(&cluster);
    page.log_in("mallory", None).await.expect("a classic network");
    let users =
        tinysns::client::AdminQuestion::People { standing: None, position: None, limit: None };
    let refused = page.inspect(&users).await.expect_err("not theirs");
    assert_eq!(refused.refusal_kind(), Some(&RefusalKind::NotPossible));
}

#[tokio::test]
async fn a_classic_network_that_is_open_to_the_outside_says_so_until_it_is_said_who_may_join() {
    let mut cluster = Cluster::prepare(BINARY, "1s", &[]);
    cluster.start_router();
    cluster.start_slave_with("masters", &[("TINYSNS_CLIENT_LISTEN", "0.0.0.0:0".to_owned())]);
    cluster.all_vote(1).await;
    let problems =
        async || cluster.status().await.map(|status| status.problems).unwrap_or_default();
    let is_told =
        |problems: &Vec<String>| problems.iter().any(|it| it.contains("without a password"));
    eventually("the status says so", problems, is_told).await;
    let log = fs::read_dir(cluster.folder()).expect("ours").flatten();
    let logs = log.filter_map(|file| fs::read_to_string(file.path()).ok()).collect::<String>();
    assert!(logs.contains("can take any name that is free"), "{logs}");
    admin(&cluster, &["init", "--owner", "ann"]).await.ok();
    eventually("the status is content", problems, Vec::is_empty).await;
}

#[test]
fn every_command_of_the_page_is_known_to_these_tests() {
    let this = include_str!("administering.rs");
    let commands = PAGE.lines().filter_map(|line| line.trim().strip_prefix("tinysns admin "));
    let commands = commands.filter(|command| !command.starts_with('-'));
    let mut seen = 0;
    for command in commands {
        let mut words = command.split_whitespace().filter(|word| !word.starts_with('-'));
        let first = words.next().expect("a command");
        let is_known =
            this.contains(&format!("\"{first}\"")) || ["silence", "unsilence"].contains(&first);
        assert!(is_known, "{command}");
        seen += 1;
    }
    assert!(seen >= 20, "{seen}");
}

#[tokio::test]
async fn ctrl_c_at_a_password_ends_the_program_and_leaves_the_terminal_as_it_was() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let terminal = Tmux::open(&cluster.command("admin"), 80, 24).await;
    terminal.enters("\"$PROGRAM\" admin --as ann settings show; echo \"code\" \"is $?.\"");
    terminal.shows("\nPassword for ann:\n").await;
    terminal.types("secret");
    terminal.presses(&["C-c"]);
    let ended = terminal.shows("code is 130.").await;
    assert!(!ended.contains("secret"), "{ended}");
    terminal.types("visible");
    terminal.shows("visible").await;
}
