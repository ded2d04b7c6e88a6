//! What a new user meets: `run.sh`, and the prompt for a password.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
};

use nix::sys::signal::Signal;
use tempfile::TempDir;
use tinysns::client;

use super::{
    BINARY,
    ports::free_ports,
    processes::{Cluster, signal},
    tmux::{SHELL, Tmux},
};

#[tokio::test]
async fn a_password_that_is_needed_is_asked_for_at_a_terminal_and_never_shown() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let owner = cluster.client("ann").await;
    owner.set_password(None, Some("correct horse")).await.expect("set");
    let terminal = Tmux::open(&cluster.command("client"), 80, 24).await;
    let at_shell = |screen: &str| screen.trim_end().ends_with(SHELL.trim_end());

    terminal.enters("\"$PROGRAM\" client -u ann");
    terminal.shows("Password for ann:").await;
    terminal.enters("wrong battery");
    terminal.shows("wrong password").await;
    terminal.enters("correct horse");
    let screen = terminal.shows("Cmd>").await;
    assert!(!screen.contains("battery") && !screen.contains("horse"), "{screen}");
    terminal.enters("WHOAMI");
    terminal.shows("You are ann").await;
    terminal.enters("QUIT");
    terminal.until("the shell", at_shell).await;

    terminal.enters("clear; \"$PROGRAM\" client -u ann -- LIST >/dev/null; echo \"code $?\"");
    // The first time it was asked for is on the screen until that is cleared.
    let anew = |screen: &str| screen.trim_start().starts_with("Password for ann:");
    terminal.until("the prompt on a clear screen", anew).await;
    terminal.presses(&["C-c"]);
    terminal.shows("code 130").await;
    terminal.enters("clear; \"$PROGRAM\" client -u ann </dev/null; echo \"code $?\"");
    let screen = terminal.shows("code 77").await;
    assert!(screen.contains("--password-file FILE"), "{screen}");
    terminal.enters("echo 'still' 'seen'");
    terminal.shows("still seen").await;
}

#[tokio::test]
async fn what_is_typed_while_a_command_is_carried_out_reaches_the_next_line() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let terminal = Tmux::open(&cluster.command("client"), 80, 24).await;
    terminal.enters("\"$PROGRAM\" client -u ann --full-screen off; echo \"code $?\"");
    terminal.shows("Cmd>").await;
    let master = cluster.master_pids()[0];
    signal(master, Signal::SIGSTOP);
    terminal.enters("LIST");
    terminal.begins_a_line().await;
    terminal.presses(&["C-d"]);
    signal(master, Signal::SIGCONT);
    let screen = terminal.shows("code 0").await;
    assert!(screen.contains("All users: ann"), "{screen}");
    // The terminal is as it was.
    terminal.enters("echo 'still' 'seen'");
    terminal.shows("still seen").await;
}

/// `run.sh` with one server and no client, and with the same secret everywhere.
fn run_sh(data: &Path, port: u16) -> Command {
    let mut command = Command::new("sh");
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/run.sh"))
        .env("SERVERS", "1")
        .env("CLIENTS", "0")
        .env("ROUTER_PORT", port.to_string())
        .env("DATA_DIR", data)
        .env("TINYSNS_BIN", BINARY)
        .env("TINYSNS_SECRET", "the secret of a cluster under test")
        .stdin(Stdio::null());
    command
}

/// Stops it, and with it everything that it has started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        signal(self.0.id(), Signal::SIGTERM);
        let _ended = self.0.wait();
    }
}

#[tokio::test]
async fn a_second_run_on_one_directory_or_port_is_refused_and_does_not_join_the_first() {
    let folder = TempDir::new().expect("a temporary folder");
    let [ours, other] = ["ours", "other"].map(|name| folder.path().join(name));
    // The witness takes the next.
    let port = free_ports(3);
    let errors = folder.path().join("errors");
    let mut first = run_sh(&ours, port);
    first.stdout(Stdio::piped()).stderr(File::create(&errors).expect("a file"));
    let mut first = first.spawn().expect("sh is there");
    let mut lines = BufReader::new(first.stdout.take().expect("piped")).lines();
    let _first = Running(first);
    let serves = lines.by_ref().map_while(Result::ok).any(|line| line.contains("serves at"));
    assert!(serves, "it starts: {}", fs::read_to_string(&errors).expect("readable"));

    for (data, at, why) in [
        (&ours, free_ports(1), "a cluster runs in"),
        (&other, port, "another cluster has the port"),
    ] {
        let output = run_sh(data, at).output().expect("sh is there");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("run.sh: ") && said.contains(why), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let status = client::cluster(&format!("127.0.0.1:{port}")).await.expect("it goes on");
    assert_eq!(status.masters.len(), 1, "{status:?}");
}

#[tokio::test]
async fn a_run_keeps_its_secret_and_its_logs_for_its_user() {
    let folder = TempDir::new().expect("a temporary folder");
    let data = folder.path().join("data");
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec sh \"$0\""]).args(run_sh(&data, free_ports(3)).get_args());
    for (name, value) in run_sh(&data, free_ports(3)).get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.env_remove("TINYSNS_SECRET").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut run = command.spawn().expect("sh is there");
    let mut lines = BufReader::new(run.stdout.take().expect("piped")).lines();
    let _run = Running(run);
    let serves = lines.by_ref().map_while(Result::ok).any(|line| line.contains("serves at"));
    assert!(serves, "it starts");
    for (name, expected) in [
        ("", 0o700),
        ("logs", 0o700),
        ("router", 0o700),
        ("slot-001", 0o700),
        ("secret", 0o600),
        ("run.lock", 0o600),
        ("logs/router.log", 0o600),
    ] {
        let mode = fs::metadata(data.join(name)).expect("made").permissions().mode() & 0o777;
        assert_eq!(mode, expected, "{name}");
    }
}
