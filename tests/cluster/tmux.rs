//! A real terminal: a tmux server of its own with one window, in which a shell runs. Dropping it
//! ends everything in it.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{
    BINARY,
    processes::{DEADLINE, eventually},
};

/// Between two checks of the screen.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The prompt of the shell.
pub const SHELL: &str = "shell$ ";

/// A terminal, and a person at it.
pub struct Tmux {
    folder: TempDir,
}

impl Tmux {
    /// Opens a terminal of this size, whose shell has the environment of `command`, and the program
    /// under test as `$PROGRAM`.
    pub async fn open(command: &Command, columns: u16, rows: u16) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(
            folder.path().join("tmux.conf"),
            "set -g status off\nset -g escape-time 0\nset -g default-terminal screen-256color\n",
        )
        .expect("its own folder");
        let terminal = Self { folder };
        let size = [columns.to_string(), rows.to_string()];
        let mut tmux = terminal.tmux(&["new-session", "-d", "-x", &size[0], "-y", &size[1], "sh"]);
        tmux.env_remove("NO_COLOR");
        for (name, value) in command.get_envs() {
            tmux.env(name, value.expect("none is taken away"));
        }
        // The shell reads this when it starts; it does not take its prompt from the environment.
        let profile = terminal.folder.path().join("profile");
        fs::write(&profile, format!("PS1='{SHELL}'\n")).expect("its own folder");
        tmux.env("PROGRAM", BINARY).env("ENV", profile).env_remove("TMUX");
        run(&mut tmux);
        terminal.until("the shell waits", |screen| screen.starts_with(SHELL.trim_end())).await;
        terminal
    }

    /// A terminal at which `user` has entered the timeline.
    pub async fn in_timeline(command: &Command, user: &str, columns: u16, rows: u16) -> Self {
        let terminal = Self::open(command, columns, rows).await;
        terminal.enters(&format!("\"$PROGRAM\" client -u {user}"));
        terminal.shows("Cmd>").await;
        terminal.enters_timeline(user).await;
        terminal
    }

    /// Enters the timeline from the prompt.
    pub async fn enters_timeline(&self, user: &str) {
        self.enters("TIMELINE");
        self.until("the timeline", |screen| {
            let status = format!(" {user} · server-");
            screen.lines().rev().nth(1).is_some_and(|line| line.starts_with(&status))
        })
        .await;
    }

    /// Types these characters.
    pub fn types(&self, text: &str) {
        run(&mut self.tmux(&["send-keys", "-l", "--", text]));
    }

    /// Presses keys, named as in tmux.
    pub fn presses(&self, keys: &[&str]) {
        run(self.tmux(&["send-keys"]).args(keys));
    }

    /// Types a line, and presses Enter.
    pub fn enters(&self, line: &str) {
        self.types(line);
        self.presses(&["Enter"]);
    }

    /// Pastes text, as a terminal does that marks pasted text.
    pub fn pastes(&self, text: &str) {
        let file = self.folder.path().join("pasted");
        fs::write(&file, text).expect("its own folder");
        run(self.tmux(&["load-buffer"]).arg(file));
        run(&mut self.tmux(&["paste-buffer", "-p", "-d"]));
    }

    /// Resizes the window.
    pub fn resizes(&self, columns: u16, rows: u16) {
        let size = [columns.to_string(), rows.to_string()];
        run(&mut self.tmux(&["resize-window", "-x", &size[0], "-y", &size[1]]));
    }

    /// The contents of the screen, without trailing spaces. The screen may be half drawn, so wait
    /// for what should appear (`until`) instead of checking once.
    fn screen(&self) -> String {
        let screen = run(&mut self.tmux(&["capture-pane", "-p"]));
        screen.lines().map(str::trim_end).flat_map(|line| [line, "\n"]).collect()
    }

    /// The same, with the codes for colours and the like.
    fn screen_with_codes(&self) -> String {
        run(&mut self.tmux(&["capture-pane", "-p", "-e"]))
    }

    /// The processes that the shell has started.
    pub fn children(&self) -> Vec<u32> {
        let shell = run(&mut self.tmux(&["display-message", "-p", "#{pane_pid}"]));
        let shell = shell.trim();
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"));
        let children = children.expect("the shell lives");
        children.split_whitespace().map(|pid| pid.parse().expect("a process id")).collect()
    }

    /// Waits until the cursor is at the beginning of a line.
    pub async fn begins_a_line(&self) {
        let column = async || run(&mut self.tmux(&["display-message", "-p", "#{cursor_x}"]));
        eventually("the cursor begins a line", column, |column| column.trim() == "0").await;
    }

    /// Waits until the screen is as it should be.
    pub async fn until(&self, what: &str, accept: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let screen = self.screen();
            if accept(&screen) {
                return screen;
            }
            assert!(Instant::now() < deadline, "never on the screen: {what}; it shows\n{screen}");
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the screen, with the codes for colours and the like, is as it should be.
    pub async fn until_with_codes(&self, what: &str, accept: impl Fn(&str) -> bool) -> String {
        eventually(what, async || self.screen_with_codes(), |screen| accept(screen)).await
    }

    /// Waits until this text is on the screen.
    pub async fn shows(&self, words: &str) -> String {
        self.until(words, |screen| screen.contains(words)).await
    }

    fn tmux(&self, arguments: &[&str]) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.env("LC_ALL", "C.UTF-8")
            .arg("-S")
            .arg(self.socket())
            .arg("-f")
            .arg(self.folder.path().join("tmux.conf"))
            .args(arguments);
        tmux
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let screen = self.tmux(&["capture-pane", "-p"]).output();
            let screen = screen.map(|output| output.stdout).unwrap_or_default();
            eprintln!("--- the screen\n{}", String::from_utf8_lossy(&screen));
        }
        let _ended = self.tmux(&["kill-server"]).output();
    }
}

fn run(tmux: &mut Command) -> String {
    let output = tmux
        .stdin(Stdio::null())
        .output()
        .expect("tmux is missing? `sh scripts/setup packages` installs it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tmux:?}: {said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
