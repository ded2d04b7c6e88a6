//! Python with packages, in a virtual environment that is created once.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A Python that has these packages of `PyPI`, such as `grpcio==1.74.0`.
pub fn environment(name: &str, packages: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = folder.join("bin/python");
    let made = folder.join(packages.join("-"));
    if !made.exists() {
        let _older = fs::remove_dir_all(&folder);
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages));
        fs::write(made, "").expect("the folder was just made");
    }
    python
}

fn run(command: &mut Command) {
    let missing = "python3 with venv is missing? `sh scripts/setup packages` installs it";
    let output = command.stdin(Stdio::null()).output().expect(missing);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}; {missing}");
}
