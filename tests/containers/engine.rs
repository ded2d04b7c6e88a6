//! The Docker engine of this machine, its Compose, and the image under test. Only commands: the
//! shipped files are used as their users use them.

use std::{
    env,
    process::{Command, Stdio},
    sync::OnceLock,
};

use tokio::sync::{Mutex, MutexGuard};

/// Makes a missing engine a failure: continuous integration must not skip these tests.
const REQUIRED: &str = "REQUIRE_DOCKER";
/// The image to test; without it, one is built from this directory.
const IMAGE: &str = "TEST_IMAGE";
/// The image that is built here has a tag of its own, so that it does not replace a user's.
const OWN_IMAGE: &str = "tinysns:test";

/// What a test needs to run containers.
pub struct Engine {
    /// `docker compose` or `docker-compose`, whichever is installed.
    pub compose: &'static [&'static str],
    /// The image under test.
    pub image: String,
}

/// One test at a time within this process: eight servers fill a small machine.
static TURN: Mutex<()> = Mutex::const_new(());

/// The engine, for as long as the guard is held; none if this machine has none: the test then says
/// so and ends.
pub async fn turn() -> Option<(&'static Engine, MutexGuard<'static, ()>)> {
    let turn = TURN.lock().await;
    Some((engine()?, turn))
}

fn engine() -> Option<&'static Engine> {
    static ENGINE: OnceLock<Option<Engine>> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| {
        let compose: [&[&str]; 2] = [&["docker", "compose"], &["docker-compose"]];
        let compose = compose.into_iter().find(|words| succeeds(words, &["version"]));
        let compose = compose.filter(|_| succeeds(&["docker"], &["version"]))?;
        Some(Engine { compose, image: image() })
    });
    if engine.is_none() {
        let missing = "no Docker engine with Compose answers on this machine";
        assert_ne!(env::var(REQUIRED).as_deref(), Ok("1"), "{missing}, and {REQUIRED} is 1");
        eprintln!("SKIPPED: {missing}");
    }
    engine.as_ref()
}

fn succeeds(words: &[&str], arguments: &[&str]) -> bool {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Built once; when nothing has changed, every later test finds the layers in the cache.
fn image() -> String {
    if let Ok(image) = env::var(IMAGE) {
        return image;
    }
    let build = concat!(env!("CARGO_MANIFEST_DIR"), "/docker/build.sh");
    run(Command::new("sh").args([build, OWN_IMAGE]));
    OWN_IMAGE.to_owned()
}

/// Runs a command until it ends; returns its output.
pub fn run(command: &mut Command) -> String {
    match outcome(command) {
        Ok(printed) => printed,
        Err(words) => panic!("{words}"),
    }
}

/// Runs a command until it ends; returns its output, or how it failed.
pub fn outcome(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() {
        Ok(stdout.into_owned())
    } else {
        Err(format!("{command:?}: {}\n{stdout}{stderr}", output.status))
    }
}

/// Runs `docker` with these arguments; returns its output.
pub fn docker(arguments: &[&str]) -> String {
    run(Command::new("docker").args(arguments))
}

/// The output of `docker` with these arguments, line by line.
pub fn docker_lines(arguments: &[&str]) -> Vec<String> {
    docker(arguments).lines().map(str::to_owned).collect()
}
