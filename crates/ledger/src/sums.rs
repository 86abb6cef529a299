//! Adding the books up and holding the sums against each other; the same for every ledger.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{Books, HourRow, SinkRow, SourceRow};

/// The counters of one hour, and what was counted from the rows.
#[derive(Default)]
pub(crate) struct HourSums {
    pub(crate) sources: BTreeMap<String, SourceSums>,
    pub(crate) sinks: BTreeMap<String, SinkSums>,
}

/// A source's counters, and the rows behind them (with those forgotten since).
#[derive(Default)]
pub(crate) struct SourceSums {
    pub(crate) row: SourceRow,
    pub(crate) stored: u64,
    pub(crate) silenced_stored: u64,
    pub(crate) folded_stored: u64,
    pub(crate) malformed_stored: u64,
}

/// A sink's counters, and the rows behind them (with those forgotten since).
#[derive(Default)]
pub(crate) struct SinkSums {
    pub(crate) row: SinkRow,
    pub(crate) pending_stored: u64,
    pub(crate) delivered_stored: u64,
    pub(crate) dead_stored: u64,
}

impl HourSums {
    pub(crate) fn source(&mut self, name: &str) -> &mut SourceSums {
        let sums = self.sources.entry(name.into()).or_default();
        sums.row.source = name.into();
        sums
    }

    pub(crate) fn sink(&mut self, name: &str) -> &mut SinkSums {
        let sums = self.sinks.entry(name.into()).or_default();
        sums.row.sink = name.into();
        sums
    }
}

/// The books of these hours, oldest first.
pub(crate) fn books_of(since: Option<Timestamp>, hours: Vec<(Timestamp, HourSums)>) -> Books {
    let mut faults = Vec::new();
    let mut sources: BTreeMap<String, SourceRow> = BTreeMap::new();
    let mut sinks: BTreeMap<String, SinkRow> = BTreeMap::new();
    let mut rows = Vec::with_capacity(hours.len());
    for (hour, sums) in hours {
        let mut row = HourRow {
            hour,
            ..HourRow::default()
        };
        for (name, sums) in sums.sources {
            check_source(hour, &sums, &mut faults);
            let total = sources.entry(name.clone()).or_insert_with(|| SourceRow {
                source: name,
                ..SourceRow::default()
            });
            add_source(total, &sums.row);
            row.sources.push(sums.row);
        }
        for (name, sums) in sums.sinks {
            check_sink(hour, &sums, &mut faults);
            let total = sinks.entry(name.clone()).or_insert_with(|| SinkRow {
                sink: name,
                ..SinkRow::default()
            });
            add_sink(total, &sums.row);
            row.sinks.push(sums.row);
        }
        rows.push(row);
    }
    Books {
        since,
        sources: sources.into_values().collect(),
        sinks: sinks.into_values().collect(),
        hours: rows,
        faults,
    }
}

fn check_source(hour: Timestamp, sums: &SourceSums, faults: &mut Vec<String>) {
    let row = &sums.row;
    let accounted =
        row.malformed + row.duplicate + row.filtered + row.silenced + row.folded + row.routed;
    let mut fault = |said: &str, count: u64, found: &str, other: u64| {
        if count != other {
            let source = &row.source;
            faults.push(format!(
                "source {source}, hour {hour}: {said} {count}, {found} {other}"
            ));
        }
    };
    fault("received", row.received, "accounted for", accounted);
    fault("routed", row.routed, "alerts stored", sums.stored);
    fault(
        "silenced",
        row.silenced,
        "alerts stored",
        sums.silenced_stored,
    );
    fault("folded", row.folded, "alerts stored", sums.folded_stored);
    fault("malformed", row.malformed, "stored", sums.malformed_stored);
    let kept = row.silenced + row.folded + row.routed;
    if row.collisions > kept {
        fault("collisions", row.collisions, "more than stored", kept);
    }
}

fn check_sink(hour: Timestamp, sums: &SinkSums, faults: &mut Vec<String>) {
    let row = &sums.row;
    let mut fault = |said: &str, count: u64, found: &str, other: u64| {
        if count != other {
            let sink = &row.sink;
            faults.push(format!(
                "sink {sink}, hour {hour}: {said} {count}, {found} {other}"
            ));
        }
    };
    let accounted = row.delivered + row.dead + row.pending;
    fault("routed", row.routed, "accounted for", accounted);
    fault(
        "delivered",
        row.delivered,
        "deliveries stored",
        sums.delivered_stored,
    );
    fault("dead", row.dead, "deliveries stored", sums.dead_stored);
    fault(
        "pending",
        row.pending,
        "deliveries stored",
        sums.pending_stored,
    );
    if row.adopted > row.delivered {
        fault("adopted", row.adopted, "more than delivered", row.delivered);
    }
}

fn add_source(total: &mut SourceRow, row: &SourceRow) {
    total.received += row.received;
    total.malformed += row.malformed;
    total.duplicate += row.duplicate;
    total.filtered += row.filtered;
    total.silenced += row.silenced;
    total.folded += row.folded;
    total.routed += row.routed;
    total.collisions += row.collisions;
}

fn add_sink(total: &mut SinkRow, row: &SinkRow) {
    total.routed += row.routed;
    total.delivered += row.delivered;
    total.adopted += row.adopted;
    total.dead += row.dead;
    total.pending += row.pending;
}
