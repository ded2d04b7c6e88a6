//! The tree for Kubernetes. There is no Kubernetes here that would run it: what it says is compared with the
//! schemas of the API, and with our own settings and ports.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tinysns::settings::{Key, Role, VARIABLE_PREFIX};

use super::python;

const PACKAGES: [&str; 1] = ["kubernetes-validate==1.37.0"];
/// The oldest version whose API it is compared with, and the newest that the package knows.
const VERSIONS: [&str; 2] = ["1.27.0", "1.37.0"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kubernetes")
}

/// The files that `kustomization.yaml` lists.
fn resources() -> Vec<PathBuf> {
    let list = fs::read_to_string(folder().join("kustomization.yaml")).expect("readable");
    let names = list.lines().filter_map(|line| line.trim().strip_prefix("- "));
    let files = names.map(|name| folder().join(name));
    files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect()
}

fn validate(version: &str, files: &[PathBuf]) -> Output {
    let python = python::environment("kubernetes", &PACKAGES);
    Command::new(python.with_file_name("kubernetes-validate"))
        .args(["--strict", "-k", version])
        .args(files)
        .output()
        .expect("the package has this program")
}

#[test]
fn kubernetes_knows_every_field_of_the_tree() {
    let resources = resources();
    let files = fs::read_dir(folder()).expect("readable").count();
    assert_eq!(resources.len() + 1, files, "the kustomization lists all other files");
    for version in VERSIONS {
        let said = validate(version, &resources);
        assert!(said.status.success(), "{version}: {said:?}");
    }

    // What it does not know, it says.
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let budget = fs::read_to_string(folder().join("disruption-budget.yaml")).expect("readable");
    let misspelt = temporary.path().join("misspelt.yaml");
    fs::write(&misspelt, budget.replace("maxUnavailable", "maxUnavailabel")).expect("writable");
    let said = validate(VERSIONS[1], &[misspelt]);
    assert!(!said.status.success(), "{said:?}");
}

#[test]
fn its_nodes_get_settings_that_they_have() {
    for (file, role) in [("router.yaml", Role::Router), ("servers.yaml", Role::Slave)] {
        let text = fs::read_to_string(folder().join(file)).expect("readable");
        let known: BTreeSet<String> = Key::of(role)
            .map(|key| format!("{VARIABLE_PREFIX}{}", key.name.to_uppercase()))
            .collect();
        let variables = text.lines().filter_map(|line| line.trim().strip_prefix("- name: "));
        let ours: Vec<&str> = variables.filter(|name| name.starts_with(VARIABLE_PREFIX)).collect();
        assert!(ours.len() >= 3, "{file}: {ours:?}");
        for name in ours {
            assert!(known.contains(name), "{file}: {name}");
        }
    }
}
