//! Clients of the classic protocol in Python, with the official gRPC library, in a virtual
//! environment that is created once.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    time::Instant,
};

use super::{processes::DEADLINE, python};

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/classic_client.py");
const CONTRACT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto/classic/sns.proto");
/// From `PyPI`.
const PACKAGES: [&str; 2] = ["grpcio==1.74.0", "grpcio-tools==1.74.0"];

/// One Python process, in which any number of users use one cluster.
pub struct PythonClient {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    /// Printed lines that were not waited for yet.
    unread: Vec<String>,
}

impl PythonClient {
    /// Uses `package`, and finds the servers through the router.
    pub fn by_router(package: &str, router: &str) -> Self {
        Self::start(&[package, router])
    }

    /// Uses `package` with one server, and never leaves it.
    pub fn staying(package: &str, address: &str) -> Self {
        Self::start(&[package, address, "stay"])
    }

    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(python::environment("classic-client", &PACKAGES))
            .args([CLIENT, CONTRACT])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the virtual environment has a python");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut client = Self { child, input, lines, unread: Vec::new() };
        client.read_until("ready");
        client
    }

    /// `user` does something; returns the outcome.
    pub fn does(&mut self, user: &str, verb: &str, text: &str) -> String {
        writeln!(self.input, "{user} {verb} {text}").expect("the client reads");
        self.input.flush().expect("the client reads");
        self.read_until(&format!("{user} {verb} "))
    }

    /// Waits for a line that begins like this, and returns the rest of it. Others are kept for
    /// later.
    pub fn read_until(&mut self, start: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(at) = self.unread.iter().position(|line| line.starts_with(start)) {
                return self.unread.remove(at)[start.len()..].to_owned();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.unread.push(line),
                Err(why) => panic!("no line {start:?} ({why}); there are {:#?}", self.unread),
            }
        }
    }

    /// The next `count` posts in a user's timeline, each as author and text.
    pub fn gets(&mut self, user: &str, count: usize) -> Vec<String> {
        (0..count).map(|_| self.read_until(&format!("{user} got "))).collect()
    }

    /// Checks that nothing was printed for `user` besides what was waited for, up to the answer of
    /// a call that is made now.
    pub fn got_nothing_else(&mut self, user: &str) {
        self.does(user, "list", "");
        let start = format!("{user} got ");
        let more: Vec<&String> = self.unread.iter().filter(|l| l.starts_with(&start)).collect();
        assert!(more.is_empty(), "{more:?}");
    }
}

impl Drop for PythonClient {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
