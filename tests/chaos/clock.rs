//! The wall clocks of nodes: libfaketime, loaded into each, reads from a file how far its clock is
//! from the machine's. Clocks that only measure how long something takes stay right.

use std::{fs, path::PathBuf};

use crate::{cluster::name, namespaces::FOLDER, network::Node};

/// Where Debian's package `libfaketime` has it.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

fn library() -> Option<&'static str> {
    LIBRARIES.into_iter().find(|path| fs::exists(path).unwrap_or_default())
}

/// Whether the library is there: `scripts/setup` installs it.
pub fn can_be_set() -> bool {
    library().is_some()
}

fn file(node: Node) -> PathBuf {
    PathBuf::from(FOLDER).join(format!("{}.clock", name(node)))
}

/// The variables by which a node's process gets its clock; none without the library.
pub fn variables(node: Node) -> String {
    let Some(library) = library() else { return String::new() };
    let file = file(node);
    format!(
        "LD_PRELOAD={library} FAKETIME_TIMESTAMP_FILE={} FAKETIME_CACHE_DURATION=1 \
         FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1 FAKETIME_DISABLE_SHM=1 NO_FAKE_STAT=1",
        file.display()
    )
}

/// Sets a node's clock this many seconds ahead of the machine's, or behind it.
pub fn set(node: Node, seconds: i64) {
    let (file, new) = (file(node), file(node).with_extension("new"));
    // In one step: the node reads it all the time.
    fs::write(&new, format!("{seconds:+}\n")).expect("a small file");
    fs::rename(new, file).expect("in the same folder");
}

/// Sets a node's clock right.
pub fn set_right(node: Node) {
    set(node, 0);
}
