//! Namespaces of our own: this program runs itself again in them, and everything that it starts,
//! mounts or connects there is invisible outside and gone when they end, however they end.
//!
//! Process ids, mounts and the network are separate. The first process is a shell, which prepares the
//! rest and collects orphans; when it ends, the kernel kills whatever is left. It ends with its parent.

use std::{
    env,
    io::{self, Read as _},
    process::{self, Command, ExitStatus, Stdio},
    thread,
};

/// Makes missing rights a failure: continuous integration must not skip this test.
const REQUIRED: &str = "REQUIRE_NAMESPACES";
/// As root, or as a user who may be root in a namespace of his own.
const WAYS: [&[&str]; 2] = [&[], &["--map-root-user"]];
/// The folder for everything that lives as long as the namespaces.
pub const FOLDER: &str = "/run/chaos";

/// Hides what this machine has in `/run` and `/dev/shm`, so that nothing is left behind there.
const PREPARE: &str = "set -e
    mount --make-rprivate /
    mount -t tmpfs tmpfs /run
    mount -t tmpfs tmpfs /dev/shm
    mkdir -p /run/chaos
    ip link set lo up";
/// What the run needs beyond that.
const TRY: &str = "
    ip netns add probe
    ip link add name probe0 type veth peer name probe1 netns probe
    ip link add name probe2 type bridge
    nsenter --net=/run/netns/probe iptables -w -A INPUT -m statistic --mode random --probability 0.1 -j DROP
    nsenter --net=/run/netns/probe iptables -w -t nat -A OUTPUT -p tcp -j DNAT --to-destination 127.0.0.1:9
    nsenter --net=/run/netns/probe iptables -w -A INPUT -m conntrack --ctstate DNAT -j ACCEPT";

fn unshare(way: &[&str], script: &str) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(way)
        .args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["sh", "-c", script]);
    command
}

/// Runs this program with these arguments in namespaces of its own, until it ends. None if this
/// machine does not allow it: that is said, and with `REQUIRE_NAMESPACES=1` it is a failure.
pub fn run_inside(arguments: &[&str]) -> Option<ExitStatus> {
    let mut reasons = Vec::new();
    for way in WAYS {
        let attempt = unshare(way, &format!("{PREPARE}{TRY}")).stdin(Stdio::null()).output();
        match attempt {
            Ok(output) if output.status.success() => return Some(run(way, arguments)),
            Ok(output) => {
                reasons.push(String::from_utf8_lossy(&output.stderr).trim().to_owned());
            }
            Err(error) => reasons.push(format!("unshare: {error}")),
        }
    }
    let reasons = reasons.join("; ");
    let missing = format!("this machine does not let a test make its own network: {reasons}");
    assert_ne!(env::var(REQUIRED).as_deref(), Ok("1"), "{missing}, and {REQUIRED} is 1");
    eprintln!("SKIPPED: {missing}");
    None
}

fn run(way: &[&str], arguments: &[&str]) -> ExitStatus {
    // Not the last command, or the shell would be replaced by it and collect no orphans.
    let script = format!("{PREPARE}\n\"$0\" \"$@\" || exit $?\nexit 0");
    let program = env::current_exe().expect("this program");
    let mut command = unshare(way, &script);
    // This end of the pipe closes when this process ends, however it does.
    command.arg(program).args(arguments).stdin(Stdio::piped());
    let mut child = command.spawn().expect("it has just been tried");
    let parent_lives = child.stdin.take();
    let status = child.wait().expect("ours");
    drop(parent_lives);
    status
}

/// Ends this process, which runs in the namespaces, and so all others there, when its parent has ended.
pub fn end_with_parent() {
    thread::spawn(|| {
        let _nothing_is_said = io::stdin().read_to_end(&mut Vec::new());
        process::exit(1);
    });
}
