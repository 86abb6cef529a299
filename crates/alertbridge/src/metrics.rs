//! What is counted and shown under `/metrics`, in Prometheus' format. One typed struct, no global.

use std::sync::atomic::AtomicU64;

use alertbridge_ledger::{Intake, IntakeReport, Status};
use alertbridge_sinks::{Amended, Change, Outcome};
use jiff::Timestamp;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use crate::{intel::IntelMetrics, triage::TriageMetrics};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceOutcome {
    source: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkOutcome {
    sink: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkLabel {
    sink: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkChange {
    sink: String,
    change: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AlarmLabel {
    alarm: String,
}

/// All metrics of the daemon.
pub struct Metrics {
    registry: Registry,
    received: Family<SourceOutcome, Counter>,
    attempts: Family<SinkOutcome, Counter>,
    tellings: Family<SinkOutcome, Counter>,
    tellings_waiting: Family<SinkLabel, Gauge>,
    digests: Counter,
    crowded_out: Counter,
    open_groups: Gauge,
    changes: Family<SinkChange, Counter>,
    latency: Family<SinkLabel, Histogram>,
    pending: Family<SinkLabel, Gauge>,
    oldest_pending: Family<SinkLabel, Gauge<f64, AtomicU64>>,
    dead_letters: Gauge,
    ledger_bytes: Gauge,
    follower_lag_bytes: Gauge,
    follower_gaps: Gauge,
    alarms: Family<AlarmLabel, Gauge>,
    /// What is counted of threat intelligence.
    pub intel: IntelMetrics,
    /// What is counted of triage.
    pub triage: TriageMetrics,
}

/// What one batch held, counted before it was kept.
#[derive(Clone, Debug)]
pub struct IntakeCounts {
    source: String,
    filtered: u64,
    malformed: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("alertbridge");
        let latency = Family::<SinkLabel, Histogram>::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.005, 2.0, 18))
        });
        let metrics = Self {
            received: Family::default(),
            attempts: Family::default(),
            tellings: Family::default(),
            tellings_waiting: Family::default(),
            digests: Counter::default(),
            crowded_out: Counter::default(),
            open_groups: Gauge::default(),
            changes: Family::default(),
            latency,
            pending: Family::default(),
            oldest_pending: Family::default(),
            dead_letters: Gauge::default(),
            ledger_bytes: Gauge::default(),
            follower_lag_bytes: Gauge::default(),
            follower_gaps: Gauge::default(),
            alarms: Family::default(),
            intel: IntelMetrics::default(),
            triage: TriageMetrics::default(),
            registry: Registry::default(),
        };
        registry.register(
            "received",
            "Records kept, by source and what became of them",
            metrics.received.clone(),
        );
        registry.register(
            "delivery_attempts",
            "Attempts to deliver, by what came of them",
            metrics.attempts.clone(),
        );
        registry.register(
            "tellings",
            "Counts of repeats brought to delivered alerts, by what came of it",
            metrics.tellings.clone(),
        );
        registry.register(
            "tellings_waiting",
            "Delivered alerts whose count of repeats the sink does not show yet",
            metrics.tellings_waiting.clone(),
        );
        registry.register(
            "digests",
            "Digests of bursts and spent budgets opened",
            metrics.digests.clone(),
        );
        registry.register(
            "open_groups",
            "Groups that repeats may still be folded into",
            metrics.open_groups.clone(),
        );
        registry.register(
            "groups_crowded_out",
            "Groups of repeats that ended before their time because there were too many",
            metrics.crowded_out.clone(),
        );
        registry.register(
            "alert_changes",
            "Changes made so that a sink would take an alert",
            metrics.changes.clone(),
        );
        registry.register_with_unit(
            "delivery_latency",
            "From reception to the sink's confirmation",
            Unit::Seconds,
            metrics.latency.clone(),
        );
        registry.register("pending", "Deliveries waiting", metrics.pending.clone());
        registry.register_with_unit(
            "oldest_pending_age",
            "Age of the oldest waiting delivery",
            Unit::Seconds,
            metrics.oldest_pending.clone(),
        );
        registry.register(
            "dead_letters",
            "Dead letters nobody has handled",
            metrics.dead_letters.clone(),
        );
        registry.register_with_unit(
            "ledger_size",
            "Size of the ledger on disk",
            Unit::Bytes,
            metrics.ledger_bytes.clone(),
        );
        registry.register_with_unit(
            "follower_lag",
            "Bytes of alerts.json not read yet",
            Unit::Bytes,
            metrics.follower_lag_bytes.clone(),
        );
        registry.register(
            "follower_gaps",
            "Places where alerts may be missing from the files",
            metrics.follower_gaps.clone(),
        );
        registry.register(
            "alarm",
            "1 while an alarm is raised",
            metrics.alarms.clone(),
        );
        metrics.intel.register(&mut registry);
        metrics.triage.register(&mut registry);
        Self {
            registry,
            ..metrics
        }
    }
}

impl Metrics {
    /// The text of `/metrics`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// Counts a batch's filtered and malformed records, to be added when it is kept.
    pub fn count_intake(&self, intake: &Intake) -> IntakeCounts {
        IntakeCounts {
            source: intake.source.clone(),
            filtered: intake.filtered,
            malformed: intake.malformed.len() as u64,
        }
    }

    /// A batch is durable.
    pub fn intake_kept(&self, counts: &IntakeCounts, report: &IntakeReport) {
        self.digests.inc_by(report.digests);
        self.crowded_out.inc_by(report.crowded_out);
        for (outcome, count) in [
            ("filtered", counts.filtered),
            ("malformed", counts.malformed),
            (
                "routed",
                report
                    .stored
                    .saturating_sub(report.silenced + report.folded),
            ),
            ("silenced", report.silenced),
            ("folded", report.folded),
            ("duplicate", report.duplicates),
        ] {
            if count > 0 {
                let labels = SourceOutcome {
                    source: counts.source.clone(),
                    outcome,
                };
                self.received.get_or_create(&labels).inc_by(count);
            }
        }
    }

    /// An attempt ended.
    pub fn attempt(&self, sink: &str, outcome: &Outcome) {
        let outcome = match outcome {
            Outcome::Delivered(_) => "delivered",
            Outcome::AlreadyThere(_) => "already_there",
            Outcome::Retry { .. } => "retry",
            Outcome::Unknown { .. } => "unknown",
            Outcome::Paused { .. } => "paused",
            Outcome::Never { .. } => "never",
        };
        self.attempts
            .get_or_create(&SinkOutcome {
                sink: sink.to_owned(),
                outcome,
            })
            .inc();
    }

    /// A count was told, or not.
    pub fn told(&self, sink: &str, amended: &Amended) {
        let outcome = match amended {
            Amended::Written(changes) => {
                self.changed(sink, changes);
                "written"
            }
            Amended::TagsKept(changes) => {
                self.changed(sink, changes);
                "tags_kept"
            }
            Amended::Unchanged => "unchanged",
            Amended::Ended { .. } => "ended",
            Amended::Overruled => "overruled",
            Amended::Retry { .. } => "retry",
            Amended::Paused { .. } => "paused",
            Amended::Never { .. } => "never",
        };
        self.tellings
            .get_or_create(&SinkOutcome {
                sink: sink.to_owned(),
                outcome,
            })
            .inc();
    }

    /// A count will not be told any more.
    pub fn count_given_up(&self, sink: &str) {
        self.tellings
            .get_or_create(&SinkOutcome {
                sink: sink.to_owned(),
                outcome: "given_up",
            })
            .inc();
    }

    /// An alert is at its sink.
    pub fn delivered(
        &self,
        sink: &str,
        adopted: bool,
        received: Timestamp,
        now: Timestamp,
        changes: &[Change],
    ) {
        // An adopted one was there before; its latency would be a tale of the restart.
        if !adopted {
            let seconds = now.duration_since(received).as_secs_f64();
            self.latency
                .get_or_create(&SinkLabel {
                    sink: sink.to_owned(),
                })
                .observe(seconds.max(0.0));
        }
        self.changed(sink, changes);
    }

    fn changed(&self, sink: &str, changes: &[Change]) {
        for change in changes {
            let labels = SinkChange {
                sink: sink.to_owned(),
                change: change.what.clone(),
            };
            self.changes
                .get_or_create(&labels)
                .inc_by(change.count.into());
        }
    }

    /// How the ledger stands.
    pub fn ledger(&self, status: &Status, now: Timestamp) {
        for (sink, pending) in &status.pending {
            let labels = SinkLabel { sink: sink.clone() };
            self.pending.get_or_create(&labels).set(gauge(*pending));
            let oldest = status.oldest_pending.iter().find(|(name, _)| name == sink);
            let age = oldest.map_or(0.0, |(_, at)| now.duration_since(*at).as_secs_f64());
            self.oldest_pending.get_or_create(&labels).set(age.max(0.0));
        }
        self.dead_letters.set(gauge(status.dead_letters));
        for (sink, waiting) in &status.tellings_waiting {
            let labels = SinkLabel { sink: sink.clone() };
            self.tellings_waiting
                .get_or_create(&labels)
                .set(gauge(*waiting));
        }
        self.intel.ledger(status);
        self.open_groups.set(gauge(status.open_groups));
        self.ledger_bytes.set(gauge(status.bytes));
    }

    /// How the follower stands.
    pub fn follower(&self, lag_bytes: u64, gaps: u64) {
        self.follower_lag_bytes.set(gauge(lag_bytes));
        self.follower_gaps.set(gauge(gaps));
    }

    /// Raises or clears an alarm.
    pub fn alarm(&self, alarm: &str, raised: bool) {
        self.alarms
            .get_or_create(&AlarmLabel {
                alarm: alarm.to_owned(),
            })
            .set(raised.into());
    }
}

/// As gauges hold it.
pub fn gauge(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
