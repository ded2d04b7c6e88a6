//! The rules that ARCHITECTURE.md draws: imports point down, roles never import each other, and what
//! is pure knows no clock, randomness, I/O or async.
//!
//! Reads the sources as text: modules of tests are left out, comments are not.

#![allow(missing_docs, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// From the base up. A module imports from lower layers only, and so none of its own.
const LAYERS: [&[&str]; 12] = [
    &["ansi", "backoff", "domain", "envelope", "metrics", "planted", "sanitise", "wire"],
    &["host", "imaging", "network"],
    &["tls"],
    &["acme", "object_storage"],
    &["control", "directory", "progress", "reflection", "settings", "slot", "social"],
    &["node_auth"],
    &["logging", "serving"],
    &["grpc", "monitoring"],
    &["client"],
    &["classic", "http", "log_in", "operator", "overview", "portability", "replication", "runtime"],
    &[
        "admin",
        "backup",
        "bench",
        "certs",
        "check",
        "compact",
        "documents",
        "healthcheck",
        "log_change",
        "master",
        "recover",
        "restore",
        "router",
        "slave",
        "status",
        "terminal",
        "transfer",
    ],
    &["cli", "decoders"],
];

/// What ARCHITECTURE.md calls pure; folders with all that is in them.
const PURE: [&str; 136] = [
    "admin/json.rs",
    "admin/words.rs",
    "ansi.rs",
    "backoff.rs",
    "backup/choice.rs",
    "backup/rotation.rs",
    "bench/acknowledgements.rs",
    "bench/deliveries.rs",
    "bench/figures.rs",
    "bench/mounts.rs",
    "bench/numbered_text.rs",
    "bench/post_audit.rs",
    "bench/process_figures.rs",
    "bench/refusals.rs",
    "bench/table.rs",
    "bench/zipf.rs",
    "check/report.rs",
    "classic/reply_text.rs",
    "client/choice.rs",
    "client/known_cluster.rs",
    "client/retry_policy.rs",
    "client/route.rs",
    "control",
    "domain",
    "envelope",
    "grpc/messages",
    "grpc/status.rs",
    "http/base_url.rs",
    "http/mastodon/content.rs",
    "http/mastodon/entities",
    "http/paging.rs",
    "http/parameters.rs",
    "http/stream/handshake.rs",
    "http/stream/message.rs",
    "http/stream/name.rs",
    "http/stream/subscriptions.rs",
    "imaging",
    "master/here/scopes.rs",
    "master/passwords/asker.rs",
    "master/passwords/bursts.rs",
    "master/passwords/fair_queue.rs",
    "master/passwords/guesses.rs",
    "master/rate_limits.rs",
    "master/rates.rs",
    "master/remembered.rs",
    "monitoring/checks.rs",
    "network",
    "object_storage/address.rs",
    "object_storage/failure.rs",
    "overview/json.rs",
    "overview/table.rs",
    "portability/json.rs",
    "portability/mastodon_csv.rs",
    "recover/words.rs",
    "replication/addresses.rs",
    "replication/backup/format.rs",
    "replication/cluster_clock.rs",
    "replication/inspection/finding.rs",
    "replication/log_segments/damage.rs",
    "replication/log_segments/frame.rs",
    "replication/log_segments/frame_index.rs",
    "replication/log_segments/scan.rs",
    "replication/membership.rs",
    "replication/quorum.rs",
    "replication/reachability.rs",
    "replication/recovery/assessment.rs",
    "router/duplicates.rs",
    "router/election.rs",
    "router/foreign_masters.rs",
    "router/observed_voters.rs",
    "router/presentation.rs",
    "router/quorum_loss.rs",
    "router/registry",
    "sanitise.rs",
    "settings/keys.rs",
    "settings/value.rs",
    "slave/supervision.rs",
    "social/apply",
    "social/chore.rs",
    "social/command.rs",
    "social/requests.rs",
    "social/sessions.rs",
    "social/store/acquaintance.rs",
    "social/store/audit",
    "social/store/chore_records.rs",
    "social/store/deletion.rs",
    "social/store/dump.rs",
    "social/store/keys.rs",
    "social/store/memtable.rs",
    "social/store/merge.rs",
    "social/store/moment.rs",
    "social/store/people_records.rs",
    "social/store/people_view.rs",
    "social/store/people_writing.rs",
    "social/store/post_records.rs",
    "social/store/post_view.rs",
    "social/store/post_writing.rs",
    "social/store/reading.rs",
    "social/store/records.rs",
    "social/store/replies.rs",
    "social/store/session_rows.rs",
    "social/store/view.rs",
    "social/store/writing.rs",
    "social/timeline.rs",
    "social/visibility.rs",
    "terminal/answering.rs",
    "terminal/colour.rs",
    "terminal/filtered.rs",
    "terminal/fullscreen/acts.rs",
    "terminal/fullscreen/bars.rs",
    "terminal/fullscreen/desk.rs",
    "terminal/fullscreen/draw.rs",
    "terminal/fullscreen/help.rs",
    "terminal/fullscreen/keys.rs",
    "terminal/fullscreen/live.rs",
    "terminal/fullscreen/mentions.rs",
    "terminal/fullscreen/model.rs",
    "terminal/fullscreen/post_verb.rs",
    "terminal/fullscreen/shown_post.rs",
    "terminal/fullscreen/taste.rs",
    "terminal/fullscreen/view.rs",
    "terminal/json.rs",
    "terminal/json_facts.rs",
    "terminal/json_personal.rs",
    "terminal/output_format.rs",
    "terminal/people_text.rs",
    "terminal/personal_command.rs",
    "terminal/personal_text.rs",
    "terminal/post_options.rs",
    "terminal/post_text.rs",
    "terminal/prompt_command.rs",
    "terminal/report.rs",
    "terminal/social_command.rs",
    "terminal/text.rs",
    "terminal/verb.rs",
    "transfer/words.rs",
];

/// Who knows the engine of the log's database: the log in its own files, and what opens it. Nobody else
/// sees a type of it.
const KNOW_REDB: [&str; 7] = [
    "host/database_fault.rs",
    "host/disk.rs",
    "host/file_header.rs",
    "host/files.rs",
    "host/simulated/backend.rs",
    "replication/log_error.rs",
    "replication/log_facts.rs",
];

/// Who knows the engine of the state.
const KNOW_LSM_TREE: [&str; 2] = ["social/store/error.rs", "social/store/tree.rs"];

/// Who knows the crate that speaks to stores of objects.
const KNOW_OBJECT_STORE: [&str; 1] = ["object_storage"];

/// Whose `select!`s draw lots among what is ready: people's terminals, and what has no order yet. All
/// others are `biased`, in an order that was thought about, so that a seed determines what happens.
const DRAWS_LOTS: [&str; 6] = [
    "classic",
    "client",
    "master/reporter.rs",
    "router/witness_supervisor.rs",
    "status.rs",
    "terminal",
];

/// Words that no pure module has. A moment as a number (`Instant`) is a value; reading a clock is not.
const IMPURE: [&str; 18] = [
    "async fn",
    "async move",
    ".await",
    "Instant::now()",
    "SystemTime::now()",
    "clock::now()",
    "random::",
    "std::fs",
    "std::net::Tcp",
    "std::thread",
    "tokio::spawn",
    "tokio::net",
    "tokio::fs",
    "tokio::sync",
    "tonic::transport",
    "host::net",
    "host::disk",
    "nix::",
];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file below `path`, tests left out.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).expect("a folder of sources");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    let is_test = |path: &PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy();
        name == "tests" || name.ends_with("_tests")
    };
    paths.iter().filter(|path| !is_test(path)).flat_map(|path| files(path)).collect()
}

/// What the program itself consists of, without the module of tests at its end.
fn product(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("readable");
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let lines = text[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The top module that a file belongs to; none for the crate's own two files.
fn top_module(file: &Path) -> Option<String> {
    let inner = file.strip_prefix(sources()).expect("a source");
    let first = inner.components().next().expect("a name");
    let name = Path::new(first.as_os_str()).file_stem().expect("a name").to_string_lossy();
    (name != "lib" && name != "main").then(|| name.into_owned())
}

/// The top modules that a text imports or names, by `crate::`.
fn imported(text: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()
    };
    let mut found = Vec::new();
    for (at, path) in text.match_indices("crate::") {
        let rest = &text[at + path.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut begins = true;
        for (at, character) in list.char_indices() {
            if begins && !character.is_whitespace() {
                found.push(word(&list[at..]));
                begins = false;
            }
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                _ => {}
            }
        }
    }
    found.retain(|module| !module.is_empty());
    found
}

#[test]
fn imports_are_read_as_they_are_written() {
    let text = "use crate::{\n    client::{Client, a::b},\n    host,\n};\nlet x = crate::wire::v1;";
    assert_eq!(imported(text), ["client", "host", "wire"]);
}

#[test]
fn imports_point_down_and_roles_never_import_each_other() {
    let mut wrong = Vec::new();
    for file in files(&sources()) {
        let Some(own) = top_module(&file) else { continue };
        let own_layer = layer(&own).unwrap_or_else(|| panic!("{own} has no layer: give it one"));
        for other in imported(&product(&file)) {
            let is_below = layer(&other).is_some_and(|other| other < own_layer);
            // What the build makes and the crate's own macros have no layer.
            let is_module =
                sources().join(&other).exists() || sources().join(format!("{other}.rs")).exists();
            if is_module && other != own && !is_below {
                wrong.push(format!("{} imports {other}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_pure_has_no_clock_randomness_io_or_async() {
    let mut wrong = Vec::new();
    for file in PURE.iter().flat_map(|path| files(&sources().join(path))) {
        let text = product(&file);
        let found = IMPURE.iter().filter(|word| text.contains(*word));
        wrong.extend(found.map(|word| format!("{} has {word}", file.display())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nobody_but_the_state_and_the_log_knows_the_engine_of_their_databases() {
    known_only_to(&KNOW_REDB, "redb::");
    known_only_to(&KNOW_LSM_TREE, "lsm_tree::");
}

#[test]
fn nobody_but_the_storage_of_objects_knows_the_crate_that_speaks_to_stores() {
    known_only_to(&KNOW_OBJECT_STORE, "object_store::");
}

fn known_only_to(allowed: &[&str], engine: &str) {
    let names_it = |file: &PathBuf| product(file).contains(engine);
    let allowed: Vec<PathBuf> = allowed.iter().map(|path| sources().join(path)).collect();
    let found: Vec<PathBuf> = files(&sources()).into_iter().filter(names_it).collect();
    let is_allowed = |file: &&PathBuf| allowed.iter().any(|path| file.starts_with(path));
    let wrong: Vec<_> = found.iter().filter(|file| !is_allowed(file)).collect();
    assert!(wrong.is_empty(), "{wrong:#?} name {engine}");
    let knows = |path: &&PathBuf| found.iter().any(|file| file.starts_with(path));
    let surplus: Vec<_> = allowed.iter().filter(|path| !knows(path)).collect();
    assert!(surplus.is_empty(), "{surplus:#?} need not be on the list");
}

#[test]
fn what_is_ready_at_the_same_time_is_taken_in_a_fixed_order() {
    let draws_lots: Vec<PathBuf> =
        DRAWS_LOTS.iter().flat_map(|path| files(&sources().join(path))).collect();
    let mut wrong = Vec::new();
    for file in files(&sources()).iter().filter(|file| !draws_lots.contains(file)) {
        let text = product(file);
        let choices = text.split("select! {").skip(1);
        let drawn = choices.filter(|choice| !choice.trim_start().starts_with("biased;")).count();
        if drawn > 0 {
            wrong.push(format!("{}: {drawn}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
