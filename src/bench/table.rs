//! A report as text, for people. Pure.

use super::{
    failover::Watched,
    figures::{Figures, median},
    footprint::{Footprint, NodeFootprint},
    growth::GrowthStep,
    http::IdleStreams,
    recovery::Recovery,
    report::Report,
};

/// The whole report.
pub fn of(report: &Report) -> String {
    let mut parts = vec![vec![head(report)]];
    if report.debug_build {
        let useless = "This program was built without optimisation: its figures are of no use.";
        parts.push(vec![useless.to_owned()]);
    }
    if !report.scenarios.is_empty() {
        parts.push(rounds(report));
    }
    parts.extend(report.http_idle.as_ref().map(|idle| vec![idle_streams(idle)]));
    parts.extend(report.failover.as_ref().map(|watched| failover("failover", watched)));
    parts.extend(report.standstill.as_ref().map(|watched| failover("standstill", watched)));
    parts.extend(report.footprint.as_ref().map(footprint));
    parts.extend(report.recovery.as_ref().map(recovery));
    if !report.growth.is_empty() {
        parts.push(growth(&report.growth));
    }
    if !report.left_out.is_empty() {
        parts.push(report.left_out.clone());
    }
    if !report.refused.is_empty() {
        parts.push(refused(report));
    }
    let parts = parts.into_iter().map(|lines| lines.join("\n") + "\n");
    parts.collect::<Vec<_>>().join("\n")
}

fn head(report: &Report) -> String {
    let masters = report.masters.map_or("?".to_owned(), |masters| masters.to_string());
    let load = match report.rate {
        Some(rate) => format!("{rate} calls a second by at most {} callers", report.callers),
        None => format!("{} callers", report.callers),
    };
    let (clients, rounds, seconds) = (report.clients, report.rounds, report.round_seconds);
    let load = format!(" {load} on {clients} connections, {rounds} rounds of {seconds} s;");
    // Nothing else is done in rounds.
    let load = if report.scenarios.is_empty() { "" } else { load.as_str() };
    let encrypted = if report.encrypted { "encrypted" } else { "not encrypted" };
    let processor = report.processor.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    format!(
        "tinysns {}, {masters} masters;{load} {encrypted}; {} processors{processor}",
        report.version, report.processors,
    )
}

fn rounds(report: &Report) -> Vec<String> {
    let titles = "             a second  (min to max)         p50       p99       max     bare server    ratio";
    let mut lines = vec![titles.to_owned()];
    lines.extend(report.scenarios.iter().map(row));
    lines.extend(report.scenarios.iter().filter_map(|figures| durable(figures, report)));
    let has = |name| report.scenarios.iter().any(|figures| figures.scenario == name);
    if has("fanout") {
        let readers = report.readers;
        lines.push(format!(
            "fanout: deliveries to {readers} readers, each from when its post was begun."
        ));
    }
    if has("http events") {
        let readers = report.readers;
        lines.push(format!(
            "http: each caller has a connection of its own; events to {readers} readers, each from when its post was \
             begun."
        ));
    }
    if has("mixed") {
        let people = report.people;
        lines.push(format!("mixed: {people} people, a few of whom are followed by many."));
    }
    lines
}

fn row(figures: &Figures) -> String {
    let spread = format!("({:.0} to {:.0})", figures.rate_min, figures.rate_max);
    format!(
        "{:<11}{:>10.0}  {:<18}{:>7} {:>9} {:>9} {:>12.0}/s {:>8.2}",
        figures.scenario,
        figures.rate_median,
        spread,
        time(figures.p50_us),
        time(figures.p99_us),
        time(figures.max_us),
        figures.bare_rate_median,
        figures.ratio,
    )
}

fn durable(figures: &Figures, report: &Report) -> Option<String> {
    let (rate, ratio) = (figures.durable_rate_median?, figures.durable_ratio?);
    let disk = report.disk.as_ref()?;
    let caution = if disk.is_memory() {
        " That is memory, where nothing is durable: set TMPDIR to a directory on a disk."
    } else {
        ""
    };
    Some(format!(
        "{}: a bare server that also writes each post to a disk, once, answers {rate:.0}/s: ratio {ratio:.2} \
         ({}, {} on {}).{caution}",
        figures.scenario, disk.directory, disk.file_system, disk.device,
    ))
}

fn failover(name: &str, watched: &Watched) -> Vec<String> {
    let Watched { acknowledged, unanswered, findings, failovers, .. } = watched;
    let unanswered = match unanswered {
        0 => String::new(),
        some => format!(", {some} not answered"),
    };
    let posts = format!(
        "{name}: in {} s, {acknowledged} posts of {} clients acknowledged (p50 {}, p99 {}){unanswered}; {} \
         lost, {} doubled",
        watched.seconds,
        watched.clients,
        time(watched.p50_us),
        time(watched.p99_us),
        findings.lost,
        findings.doubled,
    );
    let lengths = (watched.failover_p50_us, watched.failover_p99_us, watched.failover_max_us);
    let changes = match lengths {
        (Some(p50), Some(p99), Some(max)) => format!(
            "{name}: another server has taken over {}; nobody was answered for {} (p50), {} (p99), {} \
             at most",
            times(*failovers),
            time(p50),
            time(p99),
            time(max)
        ),
        _ => format!("{name}: the available server has not changed"),
    };
    let mut lines = vec![posts, changes];
    let others = watched.pauses.iter().filter(|pause| !pause.is_failover);
    let others: Vec<u64> = others.map(|pause| pause.length_us).collect();
    if let Some(longest) = others.iter().max() {
        lines.push(format!(
            "{name}: {} other pauses of {} or more, {} at most, with the same server before and after",
            others.len(),
            time(watched.shortest_pause_us),
            time(*longest),
        ));
    }
    lines
}

fn footprint(footprint: &Footprint) -> Vec<String> {
    let Footprint { seconds, streams, nodes, left_out } = footprint;
    let mut lines = vec![
        format!("footprint: {seconds} s idle, and {seconds} s with {streams} idle live timelines"),
        format!("{:<22}{:>12}{:>9}{:>18}{:>9}", "", "idle", "cpu", "with timelines", "cpu"),
    ];
    lines.extend(nodes.iter().map(process));
    lines.push(process(&footprint.sum()));
    let unit =
        "The processor's time is counted in whole seconds: --duration says how long is watched.";
    lines.push(unit.to_owned());
    lines.extend(left_out.iter().map(|node| format!("Left out: {node}")));
    lines
}

fn process(of: &NodeFootprint) -> String {
    let NodeFootprint { role, node, idle_bytes, idle_cpu, streams_bytes, streams_cpu } = of;
    let name =
        if node.is_empty() || node == role { role.clone() } else { format!("{role} {node}") };
    format!(
        "{name:<22}{:>12}{:>8.1}%{:>18}{:>8.1}%",
        memory(*idle_bytes),
        100.0 * idle_cpu,
        memory(*streams_bytes),
        100.0 * streams_cpu
    )
}

fn idle_streams(idle: &IdleStreams) -> String {
    let IdleStreams { streams, without_bytes, with_bytes, bytes_per_stream } = idle;
    format!(
        "http: {streams} idle streams of events take {:.1} KiB each of the masters' memory ({} without them, {} with \
         them).",
        bytes_per_stream / 1_024.0,
        memory(*without_bytes),
        memory(*with_bytes),
    )
}

fn recovery(recovery: &Recovery) -> Vec<String> {
    let Recovery { posts, disk_bytes, .. } = recovery;
    let of = |what: &str, all: &[f64]| {
        let (least, most) = all
            .iter()
            .fold((f64::MAX, 0.0_f64), |(least, most), took| (least.min(*took), most.max(*took)));
        let (median, least, most) = (seconds(median(all)), seconds(least), seconds(most));
        format!("{what:<52}{median:>9}  ({least} to {most})")
    };
    vec![
        format!(
            "recovery: with {posts} posts, {} on a master's disk",
            memory(as_float(*disk_bytes))
        ),
        of("one killed, until it has everything and votes", &recovery.restart_seconds),
        of("all killed, until a post is acknowledged", &recovery.restart_of_all_seconds),
        of("an empty one, until it has everything and votes", &recovery.join_seconds),
    ]
}

fn growth(steps: &[GrowthStep]) -> Vec<String> {
    let titles = "growth: posts   publish       p50       p99       max   timeline       p50       p99      memory        disk";
    let step = |step: &GrowthStep| {
        format!(
            "{:>13}{:>8.0}/s {:>9} {:>9} {:>9} {:>8.0}/s {:>9} {:>9} {:>11} {:>11}",
            step.posts,
            step.publish_rate,
            time(step.publish_p50_us),
            time(step.publish_p99_us),
            time(step.publish_max_us),
            step.timeline_rate,
            time(step.timeline_p50_us),
            time(step.timeline_p99_us),
            memory(step.memory_bytes),
            memory(as_float(step.disk_bytes)),
        )
    };
    let mut lines = vec![titles.to_owned()];
    lines.extend(steps.iter().map(step));
    lines.push(
        "Memory is that of the master that takes most; the disk is that of one master.".to_owned(),
    );
    lines
}

fn refused(report: &Report) -> Vec<String> {
    let warning = "WARNING: the network has limits, and this run has met them. What was measured is these \
                   limits:";
    let refused = report.refused.iter().map(|refused| format!("- {}", refused.line()));
    [warning.to_owned()].into_iter().chain(refused).collect()
}

/// A length of time with its unit.
pub fn time(micros: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "nobody waits for so long")]
    let millis = micros as f64 / 1_000.0;
    if millis < 10.0 { format!("{millis:.2} ms") } else { format!("{millis:.0} ms") }
}

/// A longer time with its unit.
pub fn seconds(seconds: f64) -> String {
    if seconds < 10.0 { format!("{seconds:.2} s") } else { format!("{seconds:.0} s") }
}

fn times(count: usize) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn memory(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / f64::from(1 << 20))
}

fn as_float(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "only the first digits are told")]
    let bytes = bytes as f64;
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{
        acknowledgements::Pause, mounts::Mount, post_audit::AuditFindings, refusals::Refused,
    };

    fn report() -> Report {
        Report {
            version: "1",
            debug_build: false,
            processors: 2,
            processor: None,
            disk: None,
            masters: Some(3),
            encrypted: false,
            callers: 64,
            clients: 4,
            rate: None,
            rounds: 3,
            round_seconds: 5.0,
            readers: 100,
            people: 50,
            scenarios: Vec::new(),
            http_idle: None,
            failover: None,
            standstill: None,
            footprint: None,
            recovery: None,
            growth: Vec::new(),
            left_out: Vec::new(),
            refused: Vec::new(),
        }
    }

    fn figures(scenario: &'static str, durable_rate_median: Option<f64>) -> Figures {
        Figures {
            scenario,
            rate_median: 50.0,
            rate_min: 10.0,
            rate_max: 90.0,
            p50_us: 100,
            p99_us: 900,
            max_us: 12_400,
            bare_rate_median: 200.0,
            bare_p50_us: 10,
            bare_p99_us: 10,
            ratio: 0.25,
            durable_rate_median,
            durable_p50_us: durable_rate_median.map(|_| 50),
            durable_p99_us: durable_rate_median.map(|_| 50),
            durable_ratio: durable_rate_median.map(|rate| 50.0 / rate),
        }
    }

    #[test]
    fn rounds_are_told_beside_the_bare_servers() {
        let scenarios = vec![figures("publish", Some(100.0)), figures("fanout", None)];
        let disk = |file_system: &str| {
            let [directory, device] = ["/tmp", "/dev/sda1"].map(str::to_owned);
            Some(Mount { directory, device, file_system: file_system.to_owned() })
        };
        let report = Report { scenarios, disk: disk("ext4"), ..report() };
        let table = of(&report);
        assert!(
            table.starts_with("tinysns 1, 3 masters; 64 callers on 4 connections, "),
            "{table}"
        );
        let row = "publish            50  (10 to 90)        0.10 ms   0.90 ms     12 ms          200/s     0.25";
        assert!(table.lines().any(|line| line == row), "{table}");
        assert!(table.contains("answers 100/s: ratio 0.50 (/tmp, ext4 on /dev/sda1)."), "{table}");
        assert!(table.contains("fanout: deliveries to 100 readers") && !table.contains("mixed"));
        let told: serde_json::Value = serde_json::from_str(&report.to_json()).expect("JSON");
        assert_eq!(told["scenarios"][0]["durable_ratio"], 0.5);
        assert_eq!(told["scenarios"][1]["durable_ratio"], serde_json::Value::Null);
        let in_memory = of(&Report { disk: disk("tmpfs"), ..report });
        assert!(in_memory.contains("set TMPDIR"), "{in_memory}");
    }

    #[test]
    fn failovers_are_told_apart_from_other_pauses() {
        let pause = |length_us, is_failover| {
            let [from, to] = ["a", "b"].map(str::to_owned);
            Pause { length_us, from, to, is_failover }
        };
        let watched = Watched {
            seconds: 60.0,
            clients: 4,
            shortest_pause_us: 50_000,
            acknowledged: 900,
            unanswered: 0,
            findings: AuditFindings { lost: 1, doubled: 0 },
            p50_us: 2_000,
            p99_us: 9_000,
            failovers: 1,
            failover_p50_us: Some(15_000),
            failover_p99_us: Some(26_000),
            failover_max_us: Some(26_000),
            pauses: vec![pause(15_000, true), pause(70_000, false)],
        };
        let mut report = Report { failover: Some(watched), ..report() };
        let table = of(&report);
        assert!(table.contains("900 posts of 4 clients") && table.contains("; 1 lost, 0 doubled"));
        assert!(
            table.contains("another server has taken over once") && table.contains("26 ms at most")
        );
        assert!(table.contains("1 other pauses of 50 ms or more, 70 ms at most"), "{table}");
        assert!(!report.lost_nothing());
        let told: serde_json::Value = serde_json::from_str(&report.to_json()).expect("JSON");
        assert_eq!(
            (&told["failover"]["lost"], &told["failover"]["failovers"]),
            (&1.into(), &1.into())
        );
        let none = report.failover.as_mut().expect("set");
        (none.failover_p50_us, none.failover_p99_us, none.failover_max_us) = (None, None, None);
        none.findings = AuditFindings::default();
        let table = of(&report);
        assert!(table.contains("the available server has not changed") && report.lost_nothing());
        assert!(
            table.starts_with("tinysns 1, 3 masters; not encrypted; 2 processors\n"),
            "{table}"
        );
    }

    #[test]
    fn what_processes_take_is_told_for_each_and_for_all() {
        let node = |role: &str, node: &str| NodeFootprint {
            role: role.to_owned(),
            node: node.to_owned(),
            idle_bytes: 16.0 * 1_048_576.0,
            idle_cpu: 0.01,
            streams_bytes: 17.5 * 1_048_576.0,
            streams_cpu: 0.02,
        };
        let nodes = vec![node("router", "router"), node("master", "server-1")];
        let left_out = vec!["server-2: it is away".to_owned()];
        let footprint = Footprint { seconds: 60.0, streams: 100, nodes, left_out };
        let table = of(&Report { footprint: Some(footprint), ..report() });
        let rows = [
            "router                    16.0 MiB     1.0%          17.5 MiB     2.0%",
            "master server-1           16.0 MiB     1.0%          17.5 MiB     2.0%",
            "all                       32.0 MiB     2.0%          35.0 MiB     4.0%",
            "Left out: server-2: it is away",
        ];
        for row in rows {
            assert!(table.lines().any(|line| line == row), "{row} is not in\n{table}");
        }
    }

    #[test]
    fn a_run_that_has_met_limits_says_which_and_what_to_do() {
        let refused = Refused {
            scenario: "publish",
            reason: "you have made too many posts".to_owned(),
            calls: 12,
            setting: Some("rate_limits"),
            remedy: "start the nodes with rate_limits = off",
        };
        let left_out = vec!["footprint is left out: nobody answers".to_owned()];
        let report = Report { refused: vec![refused], left_out, ..report() };
        let table = of(&report);
        assert!(
            table.contains("WARNING") && table.contains("publish: 12 calls were refused"),
            "{table}"
        );
        assert!(
            table.contains("rate_limits = off") && table.contains("left out: nobody"),
            "{table}"
        );
        let told: serde_json::Value = serde_json::from_str(&report.to_json()).expect("JSON");
        assert_eq!(told["refused"][0]["setting"], "rate_limits");
    }
}
