//! What it takes to serve, and what was found. Pure.

use std::fmt::Write as _;

/// Something that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is looked at.
    pub what: &'static str,
    /// How it is.
    pub finding: Finding,
}

/// How something is, in words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// As it should be.
    Good(String),
    /// Not as it should be, but one can serve without it.
    Notable(String),
    /// One cannot serve like that.
    Bad(String),
}

/// Whether one can serve who was found like that.
pub fn is_ready(checks: &[Check]) -> bool {
    !checks.iter().any(|check| matches!(check.finding, Finding::Bad(_)))
}

/// One line for each check, and one for all of them.
pub fn report(checks: &[Check]) -> String {
    let mut text = String::new();
    for Check { what, finding } in checks {
        let (mark, words) = match finding {
            Finding::Good(words) => ('+', words),
            Finding::Notable(words) => ('!', words),
            Finding::Bad(words) => ('-', words),
        };
        writeln!(text, "[{mark}] {what}: {words}").expect("a text takes everything");
    }
    text + if is_ready(checks) { "ready\n" } else { "not ready\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_can_serve_unless_something_is_bad() {
        let check = |what, finding: fn(String) -> Finding| Check {
            what,
            finding: finding(format!("words about the {what}")),
        };
        let checks = [check("log", Finding::Good), check("router", Finding::Notable)];
        assert!(is_ready(&checks) && is_ready(&[]));
        assert_eq!(
            report(&checks),
            "[+] log: words about the log\n[!] router: words about the router\nready\n"
        );
        let checks = [check("log", Finding::Good), check("leader", Finding::Bad)];
        assert!(!is_ready(&checks));
        assert!(report(&checks).ends_with("[-] leader: words about the leader\nnot ready\n"));
    }
}
