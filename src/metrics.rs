//! What is counted and measured: the one table of every metric. Relies on nothing of ours.
//!
//! A process runs one role, so its metrics are its own: statics, which whoever has something to count
//! counts in ([ADR 28](../docs/adr/0028-metrics-of-a-process.md)). Gauges that say how something is at
//! this moment are set by the role when it is asked (`monitoring`). `docs/observe.md` explains each one.
//!
//! Names follow Prometheus' conventions (<https://prometheus.io/docs/practices/naming/>): base units,
//! the unit at the end, `_total` behind what only grows.

use std::sync::LazyLock;

use prometheus::{
    Encoder as _, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
    process_collector::ProcessCollector,
};

/// The media type of [`text`].
pub const MEDIA_TYPE: &str = prometheus::TEXT_FORMAT;

/// From half a millisecond, the fastest write to a disk, to the time after which clients give up.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// The same for what takes only as long as a processor needs.
const SHORT_SECONDS: [f64; 12] =
    [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5];
/// Up to the most commands that share an entry.
const COMMANDS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

/// Defines each metric once; its comment is its help text.
macro_rules! metrics {
    ($(#[doc = $help:literal] $name:ident: $kind:ty = $make:ident($metric:literal $(, $more:expr)*);)+) => {
        $(
            #[doc = $help]
            pub static $name: LazyLock<$kind> =
                LazyLock::new(|| registered($make($metric, $help.trim() $(, $more)*)));
        )+

        /// The name and the help text of every metric but those of the process as the system sees it.
        pub const ALL: &[(&str, &str)] = &[$(($metric, $help)),+];

        /// Those that have counted nothing yet are shown too.
        fn define_all() {
            $(LazyLock::force(&$name);)+
        }
    };
}

metrics! {
    /// Always 1; its label says which program this is.
    BUILD_INFO: IntGaugeVec = gauges("tinysns_build_info", &["version"]);

    /// Calls that were answered, refused or given up by their callers; a stream counts when it begins.
    CALLS: IntCounterVec = counters("tinysns_calls_total", &["service", "method", "code"]);
    /// The time from the arrival of a call to the beginning of its answer.
    CALL_DURATION: HistogramVec =
        histograms("tinysns_call_duration_seconds", &["service", "method"], &SECONDS);
    /// Open connections, by who makes them: clients or nodes.
    CONNECTIONS: IntGaugeVec = gauges("tinysns_connections", &["from"]);
    /// Connections that were turned away, by reason: all, address or descriptors.
    CONNECTIONS_REFUSED: IntCounterVec = counters("tinysns_connections_refused_total", &["reason"]);
    /// Connections whose beginning failed, by reason: certificate, protocol, refused or late.
    HANDSHAKES_FAILED: IntCounterVec = counters("tinysns_handshakes_failed_total", &["reason"]);
    /// When the certificate that clients are shown expires, in seconds since 1970; 0 without one.
    CERTIFICATE_EXPIRES: IntGauge = gauge("tinysns_certificate_expiry_timestamp_seconds");
    /// Certificates that this node has ordered, by what came of it: issued or failed.
    CERTIFICATE_ORDERS: IntCounterVec = counters("tinysns_certificate_orders_total", &["outcome"]);
    /// Passwords that were not accepted, by reason: wrong, slowed (after wrong ones) or crowded.
    LOGIN_FAILURES: IntCounterVec = counters("tinysns_login_failures_total", &["reason"]);
    /// What was refused because somebody did it too often, by what it was.
    RATE_LIMITED: IntCounterVec = counters("tinysns_rate_limited_total", &["activity"]);

    /// The newest term that this node knows.
    TERM: IntGauge = gauge("tinysns_term");
    /// Whether this node leads, and a quorum answers it.
    LEADS: IntGauge = gauge("tinysns_leads");
    /// Whether this node votes.
    VOTES: IntGauge = gauge("tinysns_votes");
    /// The number of voters in the membership that this node knows.
    VOTERS: IntGauge = gauge("tinysns_voters");
    /// The index of the last entry in this node's log.
    LOG_INDEX: IntGauge = gauge("tinysns_log_index");
    /// The index up to which this node knows the log to be committed.
    COMMITTED_INDEX: IntGauge = gauge("tinysns_committed_index");
    /// The index of the last entry that this node has applied.
    APPLIED_INDEX: IntGauge = gauge("tinysns_applied_index");
    /// The entries that another node lacks, as its leader sees it; nothing at nodes that do not lead.
    PEER_LAG: IntGaugeVec = gauges("tinysns_peer_lag_entries", &["peer"]);
    /// The time that one write to the log took, until it was on disk.
    LOG_WRITE_DURATION: Histogram = histogram("tinysns_log_write_duration_seconds", &SECONDS);
    /// The commands that shared one entry of the log.
    BATCH_SIZE: Histogram = histogram("tinysns_batch_commands", &COMMANDS);
    /// The time that it took to apply a step of at most some entries.
    APPLY_DURATION: Histogram = histogram("tinysns_apply_duration_seconds", &SHORT_SECONDS);
    /// The time that it took to write what has changed of the state to disk.
    FLUSH_DURATION: Histogram = histogram("tinysns_state_flush_duration_seconds", &SECONDS);
    /// Commands that this node has applied.
    COMMANDS_APPLIED: IntCounter = counter("tinysns_commands_applied_total");
    /// Elections in which this node stood.
    CAMPAIGNS: IntCounter = counter("tinysns_campaigns_total");
    /// Elections that this node won.
    ELECTIONS_WON: IntCounter = counter("tinysns_elections_won_total");
    /// Changes of the membership that this node made as the leader.
    MEMBERSHIP_CHANGES: IntCounter = counter("tinysns_membership_changes_total");
    /// Votes that this node took from others as the leader, because they had died, left or lagged.
    VOTES_TAKEN: IntCounter = counter("tinysns_votes_taken_total");
    /// The size of what this node keeps, by what it is: log (all its files together) or state.
    FILE_SIZE: IntGaugeVec = gauges("tinysns_file_size_bytes", &["file"]);
    /// The bytes that this master may still take on its disk, by its quota and by what is left free there.
    ROOM_LEFT: IntGauge = gauge("tinysns_room_left_bytes");

    /// Open live timelines.
    STREAMS: IntGauge = gauge("tinysns_streams");
    /// The most posts that wait in the queue of one live timeline.
    LONGEST_QUEUE: IntGauge = gauge("tinysns_longest_stream_queue_posts");
    /// Posts that were put into the queue of a live timeline.
    POSTS_DELIVERED: IntCounter = counter("tinysns_posts_delivered_total");
    /// Live timelines that were closed because their reader was too slow.
    STREAMS_CUT_OFF: IntCounter = counter("tinysns_streams_cut_off_total");

    /// Whether the router knows an available server.
    AVAILABLE: IntGauge = gauge("tinysns_available");
    /// Masters that the router knows, by state.
    MASTERS: IntGaugeVec = gauges("tinysns_masters", &["state"]);
    /// The reboots of each master that the router knows.
    MASTER_REBOOTS: IntGaugeVec = gauges("tinysns_master_reboots", &["master"]);
    /// Problems that do not go away by themselves; `tinysns status` says what to do.
    PROBLEMS: IntGauge = gauge("tinysns_problems");
    /// The time from when the router noticed that the available server was gone until there was another.
    FAILOVER_DURATION: Histogram = histogram("tinysns_failover_duration_seconds", &SECONDS);
    /// The same for the last failover; 0 if there was none.
    LAST_FAILOVER: Gauge = seconds("tinysns_last_failover_duration_seconds");
}

/// Everything, in Prometheus' text format.
pub fn text() -> String {
    static PROCESS: LazyLock<()> = LazyLock::new(|| {
        let registered = REGISTRY.register(Box::new(ProcessCollector::for_self()));
        registered.expect("nobody else counts for the process");
        BUILD_INFO.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    });
    LazyLock::force(&PROCESS);
    define_all();
    let mut text = Vec::new();
    let encoded = TextEncoder::new().encode(&REGISTRY.gather(), &mut text);
    encoded.expect("names and labels are valid, and memory is not full");
    String::from_utf8(text).expect("the format is text")
}

/// An index or a count, as a gauge takes it.
pub fn whole(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn registered<M: Collector + Clone + 'static>(metric: prometheus::Result<M>) -> M {
    let metric = metric.expect("names and labels follow the rules");
    REGISTRY.register(Box::new(metric.clone())).expect("each name is used once");
    metric
}

fn counter(name: &str, help: &str) -> prometheus::Result<IntCounter> {
    IntCounter::new(name, help)
}

fn counters(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    IntCounterVec::new(Opts::new(name, help), labels)
}

fn gauge(name: &str, help: &str) -> prometheus::Result<IntGauge> {
    IntGauge::new(name, help)
}

fn seconds(name: &str, help: &str) -> prometheus::Result<Gauge> {
    Gauge::new(name, help)
}

fn gauges(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
    IntGaugeVec::new(Opts::new(name, help), labels)
}

fn histogram(name: &str, help: &str, buckets: &[f64]) -> prometheus::Result<Histogram> {
    Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))
}

fn histograms(
    name: &str,
    help: &str,
    labels: &[&str],
    buckets: &[f64],
) -> prometheus::Result<HistogramVec> {
    HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_counted_nothing_yet_is_shown_too() {
        let text = text();
        for name in ["tinysns_term 0", "tinysns_campaigns_total 0", "process_resident_memory_bytes"]
        {
            assert!(text.contains(name), "no {name} in:\n{text}");
        }
    }

    #[test]
    fn names_follow_the_conventions() {
        for (name, help) in ALL {
            assert!(name.starts_with("tinysns_"), "{name}");
            assert!(help.trim().ends_with('.'), "{name}: {help}");
        }
    }
}
