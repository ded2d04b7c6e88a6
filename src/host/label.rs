//! Labels that nobody else gives, to find something again in the logs of several processes.
//!
//! They draw no random numbers: nothing depends on them, and a simulated history stays the same.

use std::{
    process,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use super::clock;

/// A new label: when this process gave its first one, its id, and a number; some 20 characters.
pub fn next() -> String {
    static PROCESS: OnceLock<String> = OnceLock::new();
    static GIVEN: AtomicU64 = AtomicU64::new(0);
    let process = PROCESS.get_or_init(|| format!("{:x}-{:x}", clock::now().get(), process::id()));
    format!("{process}-{:x}", GIVEN.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_is_given_twice() {
        let labels: std::collections::BTreeSet<_> = (0..100).map(|_| next()).collect();
        assert_eq!(labels.len(), 100);
    }
}
