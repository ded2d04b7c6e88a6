//! When posts were acknowledged and by whom: the pauses between them, and which server took over in one.
//! Pure.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::client::Server;

/// Every pause so far.
pub struct Acknowledgements {
    /// A shorter pause counts only if another server took over in it.
    shortest: Duration,
    last: Option<Last>,
    count: u64,
    pauses: Vec<Pause>,
}

struct Last {
    at: Instant,
    server: Server,
}

/// A time in which nobody was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pause {
    pub length_us: u64,
    /// The server that answered before it.
    pub from: String,
    /// The server that answered after it.
    pub to: String,
    /// Whether that is because the available server has changed.
    pub is_failover: bool,
}

impl Acknowledgements {
    /// None yet.
    pub fn new(shortest: Duration) -> Self {
        Self { shortest, last: None, count: 0, pauses: Vec::new() }
    }

    /// A post was acknowledged by a server now. Returns the pause that this has ended, if it counts.
    pub fn note(&mut self, server: &Server, now: Instant) -> Option<&Pause> {
        self.count += 1;
        let Some(last) = &mut self.last else {
            self.last = Some(Last { at: now, server: server.clone() });
            return None;
        };
        let length = now - last.at;
        last.at = now;
        // A late answer of the server before it changes nothing.
        let is_newer = server.term > last.server.term;
        let before = if is_newer {
            std::mem::replace(&mut last.server, server.clone())
        } else {
            last.server.clone()
        };
        let (from, to) = (label(&before), label(&last.server));
        let is_failover = from != to;
        if !is_failover && length < self.shortest {
            return None;
        }
        let length_us = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        self.pauses.push(Pause { length_us, from, to, is_failover });
        self.pauses.last()
    }

    /// Posts that were acknowledged.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All pauses that count.
    pub fn into_pauses(self) -> Vec<Pause> {
        self.pauses
    }
}

fn label(server: &Server) -> String {
    if server.name.is_empty() { server.address.clone() } else { server.name.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_count_if_they_are_long_or_another_server_took_over() {
        let server = |number: u32, term| Server {
            name: format!("server-{number}"),
            address: format!("h:{number}"),
            term,
        };
        let start = Instant::now();
        let mut all = Acknowledgements::new(Duration::from_millis(50));
        let mut counts = |ms, server| {
            all.note(&server, start + Duration::from_millis(ms))
                .map(|pause| (pause.length_us / 1_000, pause.to.clone(), pause.is_failover))
        };
        let seen = |ms, name: &str, is_failover| Some((ms, name.to_owned(), is_failover));
        assert_eq!(counts(0, server(1, 5)), None, "the first one ends no pause");
        assert_eq!(counts(49, server(1, 5)), None, "short");
        assert_eq!(counts(99, server(1, 5)), seen(50, "server-1", false));
        assert_eq!(counts(111, server(2, 6)), seen(12, "server-2", true), "short, but a failover");
        assert_eq!(counts(112, server(1, 5)), None, "a late answer");
        assert_eq!(counts(113, server(2, 6)), None);
        assert_eq!(counts(300, server(2, 7)), seen(187, "server-2", false), "it came back");
        assert_eq!(all.count(), 7);
        assert_eq!(all.into_pauses().len(), 3);
    }
}
