//! The cluster for people. Pure.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};

use super::json;
use crate::{client::ClusterStatus, domain::UnixMillis};

const COLUMNS: [&str; 10] =
    ["master", "address", "pid", "state", "term", "log", "applied", "reboots", "voter", "since"];
/// The columns with numbers, which stand to the right.
const NUMBERS: [usize; 5] = [2, 4, 5, 6, 7];

/// One line on the cluster, one on the router, and a table with a row for every master.
pub fn render(status: &ClusterStatus, now: UnixMillis) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_header(COLUMNS);
    for number in NUMBERS {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for master in &status.masters {
        table.add_row([
            master.name.clone(),
            master.address.clone(),
            master.pid.to_string(),
            json::state(master.state).to_owned(),
            master.term.to_string(),
            master.last_log_index.to_string(),
            master.applied_index.to_string(),
            master.reboots.to_string(),
            (if master.voter { "yes" } else { "no" }).to_owned(),
            age(master.since, now),
        ]);
    }
    let router = &status.router;
    format!(
        "cluster {}, available: {}\nrouter {}, pid {}, term {}, log {}, voter {}, up {}\n{table}\n",
        status.cluster_id.as_deref().unwrap_or("not founded yet"),
        status.available.as_deref().unwrap_or("none"),
        router.address,
        router.pid,
        router.term,
        router.last_log_index,
        if router.voter { "yes" } else { "no" },
        age(router.since, now),
    )
}

/// How long ago `since` was, in whole seconds.
fn age(since: UnixMillis, now: UnixMillis) -> String {
    let milliseconds = u64::try_from(now.saturating_sub(since)).unwrap_or(0);
    humantime::format_duration(Duration::from_secs(milliseconds / 1_000)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_every_master_the_router_and_who_is_available() {
        let shown = render(&super::super::tests::cluster(), 62_500);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "cluster 0123456789abcdef0123456789abcdef, available: server-2");
        assert_eq!(lines[1], "router 10.0.0.9:3010, pid 40, term 7, log 120, voter yes, up 1m 2s");
        let row = |name: &str| {
            let row = lines.iter().find(|line| line.contains(name) && line.starts_with('│'));
            let cells = row.expect("a row").split(['│', '┆']).map(str::trim);
            cells.filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(row("server-1"), "server-1 10.0.0.1:3011 41 down 7 120 119 2 no 1m 1s");
        assert_eq!(row("server-2"), "server-2 10.0.0.1:3011 41 available 7 120 119 2 yes 1s");
    }

    #[test]
    fn a_clock_that_runs_ahead_does_not_make_the_past_the_future() {
        assert_eq!(age(2_000, 1_000), "0s");
    }
}
