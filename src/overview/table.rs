//! The cluster for people. Pure.
//!
//! The table is as wide as there is room: the least important columns are dropped first, so that
//! headers stay above their columns and no row is wrapped. The columns that only operators are told
//! are left out for others.

use super::{json, output_size::OutputSize};
use crate::{
    client::{ClusterStatus, MasterStatus, StatusView},
    domain::UnixMillis,
};

/// One column.
struct Column {
    title: &'static str,
    /// Columns with the highest number are dropped first; those with 0 stay.
    gives_way: u8,
    /// Numbers are aligned to the right.
    is_number: bool,
    cell: fn(&MasterStatus, UnixMillis) -> String,
}

impl Column {
    const fn text(
        title: &'static str,
        gives_way: u8,
        cell: fn(&MasterStatus, UnixMillis) -> String,
    ) -> Self {
        Self { title, gives_way, is_number: false, cell }
    }

    const fn number(
        title: &'static str,
        gives_way: u8,
        cell: fn(&MasterStatus, UnixMillis) -> String,
    ) -> Self {
        Self { title, gives_way, is_number: true, cell }
    }
}

/// From left to right.
static COLUMNS: [Column; 11] = [
    Column::text("master", 0, |master, _| master.name.clone()),
    Column::text(HOST, 3, |master, _| short(&master.host)),
    Column::text(ADDRESS, 2, |master, _| master.address.clone()),
    Column::number(PID, 4, |master, _| master.pid.to_string()),
    Column::text("state", 0, |master, _| json::state(master.state).to_owned()),
    Column::number("since", 1, |master, now| age(master.since, now)),
    Column::text("vote", 5, |master, _| yes_or_no(master.voter).to_owned()),
    Column::number("log", 6, |master, _| master.last_log_index.to_string()),
    Column::number("applied", 8, |master, _| master.applied_index.to_string()),
    Column::number("reboots", 7, |master, _| master.reboots.to_string()),
    Column::number("term", 9, |master, _| master.term.to_string()),
];
/// Shown only if the masters do not all run on one host.
const HOST: &str = "host";
const ADDRESS: &str = "address";
const PID: &str = "pid";
/// What only operators are told.
const PLACES: [&str; 3] = [HOST, ADDRESS, PID];
const HOW_TO_SEE_PLACES: &str = "Addresses, pids and hosts are shown by `tinysns status` on the \
                                 router's machine, or with the cluster's secret (secret_file).";
/// Characters of a host's name: as many as a container's id has.
const HOST_CHARS: usize = 12;
const GAP: &str = "  ";

/// A few lines about the cluster and its router, and a table with one row for each master.
pub fn render(status: &ClusterStatus, now: UnixMillis, room: OutputSize) -> String {
    let router = &status.router;
    let is_told = status.view == StatusView::Operator;
    let is_spread = status.masters.iter().any(|master| master.host != router.host);
    let place = if is_spread { format!(" on {}", short(&router.host)) } else { String::new() };
    let mut facts = if is_told {
        vec![format!("router {}{place}", router.address), format!("pid {}", router.pid)]
    } else {
        vec!["router".to_owned()]
    };
    facts.extend([
        format!("up {}", age(router.since, now)),
        format!("vote {}", yes_or_no(router.voter)),
        format!("log {}", router.last_log_index),
        format!("term {}", router.term),
    ]);
    let mut lines = vec![format!(
        "cluster {}, available: {}",
        status.cluster_id.as_deref().unwrap_or("not bootstrapped yet"),
        status.available.as_deref().unwrap_or("none"),
    )];
    lines.extend(filled(&facts, ", ", room.columns));
    let problems = status.problems.iter().map(|problem| format!("problem: {problem}"));
    let hint = (!is_told).then(|| HOW_TO_SEE_PLACES.to_owned());
    for sentence in problems.chain(hint) {
        let words: Vec<String> = sentence.split(' ').map(str::to_owned).collect();
        lines.extend(filled(&words, " ", room.columns));
    }
    let is_shown = |column: &&Column| match column.title {
        HOST => is_told && is_spread,
        title => is_told || !PLACES.contains(&title),
    };
    let columns = COLUMNS.iter().filter(is_shown).collect();
    let table = table(&status.masters, now, columns, room.columns);
    lines.extend(cut(table, room.rows.saturating_sub(lines.len())));
    lines.into_iter().map(|line| line + "\n").collect()
}

/// The header, a rule, and a line for every master.
fn table(
    masters: &[MasterStatus],
    now: UnixMillis,
    columns: Vec<&Column>,
    room: usize,
) -> Vec<String> {
    let mut columns: Vec<(&Column, Vec<String>, usize)> = columns
        .into_iter()
        .map(|column| {
            let cells: Vec<String> = masters.iter().map(|it| (column.cell)(it, now)).collect();
            let widths = cells.iter().map(|cell| cell.chars().count());
            let width = widths.chain([column.title.len()]).max().unwrap_or(0);
            (column, cells, width)
        })
        .collect();
    let width = |columns: &[(&Column, Vec<String>, usize)]| {
        let cells: usize = columns.iter().map(|(_, _, width)| width).sum();
        cells + GAP.len() * columns.len().saturating_sub(1)
    };
    while width(&columns) > room {
        let first = columns.iter().map(|(column, ..)| column.gives_way).max().unwrap_or(0);
        if first == 0 {
            break;
        }
        columns.retain(|(column, ..)| column.gives_way != first);
    }
    let line = |cell: &dyn Fn(&Column, &[String]) -> String| {
        let cells = columns.iter().map(|(column, cells, width)| {
            let cell = cell(column, cells);
            if column.is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    };
    let header = [line(&|column, _| column.title.to_owned()), "─".repeat(width(&columns))];
    let rows = (0..masters.len()).map(|row| line(&|_, cells| cells[row].clone()));
    header.into_iter().chain(rows).collect()
}

/// As many of `lines` as fit. A last line says how many do not.
fn cut(mut lines: Vec<String>, room: usize) -> Vec<String> {
    if lines.len() > room {
        let shown = room.saturating_sub(1);
        let missing = lines.len() - shown;
        lines.truncate(shown);
        lines.push(format!("and {missing} more that do not fit on this screen"));
    }
    lines
}

/// `pieces` with `separator` between them, on as many lines as needed.
fn filled(pieces: &[String], separator: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces {
        let width = |line: &String| line.chars().count() + separator.len() + piece.chars().count();
        match lines.last_mut() {
            Some(line) if width(line) <= columns => {
                line.push_str(separator);
                line.push_str(piece);
            }
            _ => lines.push(piece.clone()),
        }
    }
    lines
}

fn yes_or_no(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

/// The name of a host without its domain, cut to a limited length.
fn short(host: &str) -> String {
    let name = host.split('.').next().unwrap_or_default();
    match name.char_indices().nth(HOST_CHARS) {
        None => name.to_owned(),
        Some(_) => name.chars().take(HOST_CHARS - 1).chain(['…']).collect(),
    }
}

/// How long ago `since` was, in the largest unit of which at least one has passed.
fn age(since: UnixMillis, now: UnixMillis) -> String {
    let seconds = now.saturating_ms_since(since).max(0) / 1_000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::MasterState;

    const NOW: UnixMillis = UnixMillis::new(62_500);

    fn lines(status: &ClusterStatus, columns: usize) -> Vec<String> {
        let room = OutputSize { columns, ..OutputSize::ENDLESS };
        render(status, NOW, room).lines().map(str::to_owned).collect()
    }

    /// Eight masters in containers, with the longest values that occur.
    fn containers() -> ClusterStatus {
        let mut status = super::super::tests::cluster();
        let one = MasterStatus {
            address: "172.18.0.10:3020".to_owned(),
            state: MasterState::CatchingUp,
            last_log_index: 1_234_567,
            applied_index: 1_234_567,
            ..status.masters[0].clone()
        };
        status.masters = (1..=8)
            .map(|number| MasterStatus {
                name: format!("server-{number}"),
                host: format!("0123456789a{number}"),
                ..one.clone()
            })
            .collect();
        status.router.host = "ba9876543210".to_owned();
        status
    }

    #[test]
    fn shows_every_master_the_router_and_who_is_available() {
        assert_eq!(
            lines(&super::super::tests::cluster(), 120),
            [
                "cluster 0123456789abcdef0123456789abcdef, available: server-2",
                "router 10.0.0.9:3010, pid 40, up 1m, vote yes, log 120, term 7",
                "master    address        pid  state      since  vote  log  applied  reboots  term",
                &"─".repeat(81),
                "server-1  10.0.0.1:3011   41  down          1m  no    120      119        2     7",
                "server-2  10.0.0.1:3011   41  available     1s  yes   120      119        2     7",
            ]
        );
    }

    #[test]
    fn who_is_not_told_where_everything_runs_sees_the_rest_and_how_to_see_it_all() {
        assert_eq!(
            lines(&super::super::tests::public_cluster(), 200),
            [
                "cluster 0123456789abcdef0123456789abcdef, available: server-2",
                "router, up 1m, vote yes, log 120, term 7",
                HOW_TO_SEE_PLACES,
                "master    state      since  vote  log  applied  reboots  term",
                &"─".repeat(61),
                "server-1  down          1m  no    120      119        2     7",
                "server-2  available     1s  yes   120      119        2     7",
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_said_above_the_table() {
        let mut status = super::super::tests::cluster();
        status.problems.push("the disk of the router is full".to_owned());
        let shown = lines(&status, 120);
        assert_eq!(shown[2], "problem: the disk of the router is full");
        assert_eq!(lines(&status, 30)[4..6], ["problem: the disk of the", "router is full"]);
    }

    #[test]
    fn fits_into_80_columns_with_a_header_over_every_column() {
        let status = containers();
        for columns in [120, 100, 80, 60, 40] {
            let shown = lines(&status, columns);
            // The first line holds the cluster's id, which cannot be wrapped.
            let widest = shown[1..].iter().map(|line| line.chars().count()).max().unwrap_or(0);
            assert!(widest <= columns, "{columns}: {shown:#?}");
            let header = shown.iter().position(|line| line.starts_with("master ")).expect("one");
            assert_eq!(shown.len(), header + 2 + 8, "a line each: {shown:#?}");
        }
        let shown = lines(&status, 80).join("\n");
        for title in ["master", "host", "address", "pid", "state", "since", "vote"] {
            assert!(shown.contains(title), "{title}: {shown}");
        }
        assert!(shown.contains("router 10.0.0.9:3010 on ba9876543210,"), "{shown}");
        assert!(shown.contains("server-3  0123456789a3  172.18.0.10:3020"), "{shown}");
    }

    #[test]
    fn a_screen_without_room_for_all_keeps_the_header_and_says_what_is_missing() {
        let shown = render(&containers(), NOW, OutputSize { columns: 80, rows: 8 });
        let shown: Vec<&str> = shown.lines().collect();
        assert_eq!(shown.len(), 8, "{shown:#?}");
        assert!(shown[2].starts_with("master ") && shown[6].starts_with("server-3 "), "{shown:#?}");
        assert_eq!(shown[7], "and 5 more that do not fit on this screen");
    }

    #[test]
    fn hosts_are_told_by_their_first_name() {
        for (host, told) in [
            ("", ""),
            ("0123456789ab", "0123456789ab"),
            ("node-1.example.net", "node-1"),
            ("a-host-with-a-long-name", "a-host-with…"),
        ] {
            assert_eq!(short(host), told);
        }
    }

    #[test]
    fn ages_have_one_unit_and_a_clock_that_runs_ahead_does_not_make_the_past_the_future() {
        for (seconds, told) in
            [(-1, "0s"), (0, "0s"), (59, "59s"), (60, "1m"), (7_199, "1h"), (172_800, "2d")]
        {
            assert_eq!(age(UnixMillis::EPOCH, UnixMillis::new(seconds * 1_000)), told);
        }
    }
}
