//! Apps that speak the Mastodon API use a network while its available server is killed again and again.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

use nix::sys::signal::Signal;
use tokio::{sync::mpsc, time::timeout};

use super::{
    BINARY,
    processes::{Cluster, DEADLINE, signal},
    python,
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/mastodon_story.py");
/// From `PyPI`: unmodified clients.
const PACKAGES: [&str; 3] = ["Mastodon.py==2.1.4", "toot==0.52.1", "pillow==13.0.0"];
const PASSWORD: &str = "correct horse battery";

/// A process that ends with the test.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[tokio::test]
async fn unmodified_apps_are_content_while_the_available_server_is_killed() {
    const MASTERS: usize = 3;
    let cluster = Cluster::start(BINARY, MASTERS, "1s").await;
    for name in ["ann", "bob"] {
        let client = cluster.client(name).await;
        client.set_password(None, Some(PASSWORD)).await.expect("set");
    }
    let base = format!("http://{}", cluster.router());
    let mut command = Command::new(python::environment("mastodon-apps", &PACKAGES));
    command.args([SCRIPT, &base]).env("PYTHONDONTWRITEBYTECODE", "1");
    let script = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut script = Script(script.expect("the virtual environment has a python"));
    let mut input = script.0.stdin.take().expect("piped");
    let output = BufReader::new(script.0.stdout.take().expect("piped"));
    let (sender, mut lines) = mpsc::channel(99);
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    let mut told = Vec::new();
    loop {
        let line = timeout(DEADLINE, lines.recv()).await.expect("in time").unwrap_or_default();
        match line.as_str() {
            "crash" => {
                // What the script asks next is held until there is another one.
                cluster.all_vote(MASTERS).await;
                signal(cluster.available().await.pid, Signal::SIGKILL);
                writeln!(input, "crashed").expect("the script reads");
            }
            "end" => break,
            "" => panic!("the script has failed after {told:?}"),
            _ => told.push(line),
        }
    }
    assert_eq!(told.len(), 8, "{told:?}");
}
