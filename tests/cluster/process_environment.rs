//! What a process inherits, and outputs that are full, closed or not read.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::TcpListener,
    os::fd::OwnedFd,
    path::Path,
    process::{Child, Command, Stdio},
};

use nix::{sys::signal::Signal, unistd};

use super::{
    BINARY,
    ports::free_ports,
    processes::{Cluster, eventually, is_alive, signal},
};

/// Accepts nothing, like a full disk.
fn full() -> File {
    File::options().write(true).open("/dev/full").expect("Linux has it")
}

/// A pipe that is not read.
fn unread() -> (File, OwnedFd) {
    let (reader, writer) = unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).expect("a pipe");
    (File::from(reader), writer)
}

/// A pipe whose reader has gone.
fn left() -> OwnedFd {
    unread().1
}

#[tokio::test]
async fn a_log_that_is_full_or_unread_costs_nobody_the_service() {
    let (reader, stalled) = unread();
    for (what, log) in [("full", full().into()), ("left", left()), ("stalled", stalled)] {
        // Fills a pipe at once.
        let chatty = [("TINYSNS_LOG", "info,h2=trace")];
        let cluster = Cluster::start_logging_to(log, BINARY, 1, "50ms", &chatty).await;
        let router = cluster.status().await.expect("it answers").router.pid;
        let client = cluster.client("ann").await;
        client.publish("before").await.expect("published");
        signal(cluster.available().await.pid, Signal::SIGKILL);
        cluster
            .until("the slave has brought it back", |status| {
                status.available.is_some() && status.masters.iter().all(|m| m.reboots == 1)
            })
            .await;
        client.publish("after").await.expect("published");
        assert!(cluster.slave_pids().into_iter().all(is_alive), "{what}");
        let now = cluster.status().await.expect("it answers").router.pid;
        assert_eq!(now, router, "{what}: the router is the same process");
        if what == "stalled" {
            // Limited by what a cluster logs in a few seconds.
            let mut lines = BufReader::new(&reader).lines().take(500_000).map_while(Result::ok);
            assert!(lines.any(|line| line.contains("log lines were lost")), "it is told");
        }
    }
}

/// A process that ends with its story.
struct Node(Child);

impl Node {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("the program starts"))
    }

    fn stop(&mut self) -> Option<i32> {
        signal(self.0.id(), Signal::SIGTERM);
        self.0.wait().expect("ours").code()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Runs a command with these outputs until it ends; returns its exit code, and its standard error
/// unless that was given.
fn run(command: &mut Command, output: impl Into<Stdio>, error: Option<Stdio>) -> (i32, String) {
    let child = command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(error.unwrap_or_else(Stdio::piped))
        .spawn()
        .expect("the program starts");
    let output = child.wait_with_output().expect("ours");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().expect("no signal ends it"), said)
}

#[tokio::test]
async fn exit_codes_hold_where_the_output_is_full_or_its_reader_has_left() {
    let cluster = Cluster::start(BINARY, 1, "1s").await;
    let commands: [(&[&str], i32); 7] = [
        (&["man"], 0),
        (&["man", "slave"], 0),
        (&["completions", "bash"], 0),
        (&["--help"], 0),
        (&["status"], 0),
        (&["status", "--json", "--watch"], 0),
        (&["client", "--", "LIST"], 141),
    ];
    for (arguments, of_a_pipe) in commands {
        let command = || {
            let mut command = cluster.command(arguments[0]);
            command.args(&arguments[1..]);
            command
        };
        let (code, said) = run(&mut command(), full(), None);
        assert_eq!(code, 1, "{arguments:?}: {said}");
        assert!(said.contains("No space left") && said.starts_with("tinysns: "), "{said}");
        assert_eq!(run(&mut command(), full(), Some(full().into())).0, 1, "{arguments:?}");
        let (code, said) = run(&mut command(), left(), None);
        assert_eq!((code, said.as_str()), (of_a_pipe, ""), "{arguments:?}");
    }
    // What is printed on standard error only.
    let nobody = format!("127.0.0.1:{}", free_ports(1));
    for (arguments, expected) in [
        (&["status", "--router", &nobody][..], 69),
        (&["slave", "--heartbeat", "1h"], 64),
        (&["queen"], 64),
        (&["healthcheck", "--address", &nobody], 1),
        (&["client", "--password-file", "/nowhere/password"], 64),
    ] {
        for error in [full().into(), left().into()] {
            let mut command = Command::new(BINARY);
            let (code, _) = run(command.args(arguments), Stdio::null(), Some(error));
            assert_eq!(code, expected, "{arguments:?}");
        }
    }
}

/// The same command as started by the worst possible parent: signals blocked and ignored, standard
/// streams closed, a low limit of open files. `SIGHUP` has its default action: the node itself must
/// see to it that it does not end it.
fn by_a_bad_parent(command: &Command) -> Command {
    let mut bad = Command::new("sh");
    bad.args(["-c", "ulimit -S -n 64; exec \"$0\" \"$@\" <&- >&- 2>&-", "env"])
        .args(["--ignore-signal=CHLD,INT,TERM,PIPE", "--block-signal=CHLD,HUP,INT,TERM,PIPE"])
        .arg("--default-signal=HUP")
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        bad.env(name, value.expect("none is taken away"));
    }
    bad
}

/// What a process has as its standard streams, and its limits of open files.
fn assert_put_right(pid: u32) {
    let process = Path::new("/proc").join(pid.to_string());
    for stream in 0..3 {
        let open = fs::read_link(process.join(format!("fd/{stream}"))).expect("it is open");
        assert_eq!(open, Path::new("/dev/null"), "{stream}");
    }
    let limits = fs::read_to_string(process.join("limits")).expect("a process has limits");
    let files = limits.lines().find(|line| line.starts_with("Max open files")).expect("of files");
    let numbers: Vec<&str> = files.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers[0], numbers[1], "soft and hard: {files}");
}

#[tokio::test]
async fn whatever_a_parent_hands_down_nodes_begin_in_order_and_outlive_their_terminal() {
    let mut cluster = Cluster::start(BINARY, 1, "50ms").await;
    cluster.kill_everything();
    let mut nodes =
        ["router", "slave"].map(|role| Node::start(&mut by_a_bad_parent(&cluster.command(role))));
    let [router, slave] = [0, 1].map(|node: usize| nodes[node].0.id());
    let master = cluster.available().await;
    for pid in [router, slave, master.pid] {
        assert_put_right(pid);
        signal(pid, Signal::SIGHUP);
    }
    // The slave is told of its master's end.
    signal(master.pid, Signal::SIGKILL);
    let rebooted = cluster
        .until("the slave has brought it back", |status| {
            status.available.is_some() && status.masters.iter().all(|m| m.reboots == 1)
        })
        .await;
    assert_eq!(rebooted.router.pid, router, "no node ends with its terminal");
    // In this order, so that the master has a router to tell that it is leaving.
    for node in nodes.iter_mut().rev() {
        assert_eq!(node.stop(), Some(0), "it obeys the request to stop");
    }
}

#[tokio::test]
async fn ipv6_addresses_are_understood_wherever_an_address_stands() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("SKIPPED: this machine has no IPv6");
        return;
    }
    let cluster = Cluster::prepare(BINARY, "1s", &[]);
    let port = free_ports(1);
    let command = |role: &str| {
        let mut command = cluster.command(role);
        command
            .env("TINYSNS_ROUTER", format!("[::1]:{port}"))
            .env("TINYSNS_ROUTER_LISTEN", format!("[::1]:{port}"))
            .env("TINYSNS_WITNESS_LISTEN", "[::1]:0")
            .env("TINYSNS_ROUTER_METRICS_LISTEN", "[::1]:0")
            .env("TINYSNS_CLIENT_LISTEN", "[::]:0")
            .env("TINYSNS_PEER_LISTEN", "[::1]:0")
            .env("TINYSNS_LOG", "error");
        command
    };
    let mut named = command("slave");
    named.env("TINYSNS_ADVERTISE_HOST", "::1");
    let mut nodes =
        [command("router"), command("slave"), named].map(|mut node| Node::start(&mut node));
    let port = port.to_string();
    for host in ["::1", "[::1]"] {
        let mut client = Command::new(BINARY);
        client.args(["client", "-h", host, "-p", &port, "--json", "--", "WHOAMI"]);
        let output = client.stdin(Stdio::null()).output().expect("the program starts");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("\"address\":\"[::1]:"), "{output:?}");
    }
    let status = async || tinysns::client::cluster(&format!("[::1]:{port}")).await.ok();
    eventually("both vote", status, |status| {
        status.as_ref().is_some_and(|status| status.masters.iter().filter(|m| m.voter).count() == 2)
    })
    .await;
    for node in nodes.iter_mut().rev() {
        assert_eq!(node.stop(), Some(0));
    }
}
