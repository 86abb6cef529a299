//! The way of a stored alert in words, from what the ledger kept of it.

use std::fmt::Write;

use alertbridge_alert::Alert;
use alertbridge_ledger::{
    DeliveryTrace, Group, GroupKind, JobRow, JobState, SilencedBy, Trace, TraceOutcome,
};
use jiff::Timestamp;

use crate::table::printable;

/// Values of a field shown of a group.
const SHOWN_VALUES: usize = 20;
/// References shown of a group.
const SHOWN_MEMBERS: usize = 10;

/// The whole way.
pub fn text(trace: &Trace) -> String {
    let mut text = String::new();
    row(&mut text, "alert", &trace.reference);
    row(&mut text, "rule", &rule(trace));
    row(&mut text, "agent", &agent(trace));
    row(&mut text, "received", &received(trace));
    row(&mut text, "outcome", &outcome(trace));
    if let Some(group) = trace.group.as_ref().filter(|group| group.folded > 0) {
        of_group(&mut text, group, &trace.reference);
    }
    if let Some(continues) = &trace.continues {
        let link = continues.link.as_deref().unwrap_or_default();
        row(
            &mut text,
            "goes on from",
            &format!("{} ({}) {link}", continues.id, continues.why),
        );
    }
    for delivery in &trace.deliveries {
        of_delivery(&mut text, delivery);
    }
    for (number, late) in trace.late.iter().enumerate() {
        row(
            &mut text,
            if number == 0 { "known later" } else { "" },
            &format!("{late}: threat intelligence that came after it; `explain` tells its way"),
        );
    }
    text
}

/// What a language model was asked about it.
pub fn reviews(jobs: &[JobRow]) -> String {
    let mut text = String::new();
    for job in jobs {
        let said = match job.state {
            JobState::Pending => "waits for its review".to_owned(),
            JobState::Claimed => {
                format!("is read by {}", job.worker.as_deref().unwrap_or("a worker"))
            }
            JobState::Reviewed => format!(
                "reviewed: {} by {}",
                job.verdict.as_deref().unwrap_or_default(),
                job.model.as_deref().unwrap_or_default()
            ),
            JobState::Failed => {
                format!("no review: {}", job.class.as_deref().unwrap_or_default())
            }
            JobState::Skipped => "left out".to_owned(),
        };
        let at = job
            .ended_at
            .map_or_else(String::new, |at| format!(" {}", time(at)));
        row(
            &mut text,
            "triage",
            &format!("{said}{at}, begun {} times", job.begun),
        );
        if let Some(why) = &job.why {
            more(&mut text, why);
        }
        if let Some(opinion) = &job.opinion {
            more(&mut text, &format!("analysts: {opinion}"));
        }
    }
    text
}

fn row(text: &mut String, name: &str, value: &str) {
    // Writing to a String can't fail.
    let _ = writeln!(text, "{name:<13} {}", printable(value.trim_end()));
}

fn more(text: &mut String, value: &str) {
    row(text, "", value);
}

fn rule(trace: &Trace) -> String {
    let description = head(trace, |alert| alert.head().rule_description.clone());
    format!(
        "{} (level {}) {}",
        trace.rule_id,
        trace.level,
        description.unwrap_or_default()
    )
}

fn agent(trace: &Trace) -> String {
    let name = head(trace, |alert| alert.head().agent.name.clone()).unwrap_or_default();
    match trace.agent == name {
        true => name,
        false => format!("{} {name}", trace.agent),
    }
}

fn head<T>(trace: &Trace, read: impl Fn(&Alert) -> Option<T>) -> Option<T> {
    let alert = Alert::parse(trace.payload.as_deref()?).ok()?;
    read(&alert)
}

fn received(trace: &Trace) -> String {
    let copies = match trace.copies {
        0 => String::new(),
        1 => "; 1 further copy came and was counted as duplicate".to_owned(),
        copies => format!("; {copies} further copies came and were counted as duplicates"),
    };
    match trace.source.as_str() {
        "digest" => format!("{}, made by alertbridge", time(trace.received_at)),
        source => format!("{} by {source}{copies}", time(trace.received_at)),
    }
}

fn outcome(trace: &Trace) -> String {
    match (&trace.outcome, &trace.group) {
        (TraceOutcome::Routed, _) if trace.deliveries.is_empty() => {
            "routed to no sink: none is configured for it".to_owned()
        }
        (TraceOutcome::Routed, _) => {
            let sinks: Vec<&str> = trace.deliveries.iter().map(|to| to.sink.as_str()).collect();
            format!("routed to {}", sinks.join(", "))
        }
        (TraceOutcome::Silenced(by), _) => silenced(by),
        (TraceOutcome::Folded, Some(group)) => format!("folded into {}", group.parent),
        (TraceOutcome::Folded, None) => "folded into an alert that is forgotten".to_owned(),
    }
}

/// By what.
pub fn silenced(by: &SilencedBy) -> String {
    match by {
        SilencedBy::Silence(id) => format!("silenced by silence {id}"),
        SilencedBy::Allowlist(name) => format!("silenced by the allowlist entry {name:?}"),
        SilencedBy::Mute(name) => format!("silenced by the mute time interval {name:?}"),
    }
}

fn of_group(text: &mut String, group: &Group, reference: &str) {
    let what = match group.kind {
        GroupKind::Repeats => "repeats",
        GroupKind::Burst => "burst digest",
        GroupKind::Budget => "budget digest",
    };
    let told = match group.told {
        told if told == group.folded => "all told to the sink".to_owned(),
        told => format!("{told} told to the sink"),
    };
    row(
        text,
        what,
        &format!(
            "{} folded into {} since {}, the last {}; {told}",
            group.folded,
            if group.parent == reference {
                "this one"
            } else {
                &group.parent
            },
            time(group.opened_at),
            time(group.last_at)
        ),
    );
    for field in &group.fields {
        let about = if field.estimated { "about " } else { "" };
        let shown: Vec<&str> = field
            .values
            .iter()
            .take(SHOWN_VALUES)
            .map(String::as_str)
            .collect();
        more(
            text,
            &format!(
                "{about}{} {}: {}",
                field.distinct,
                singular(&field.label, field.distinct),
                shown.join(", ")
            ),
        );
    }
    if group.parent == reference && !group.members.is_empty() {
        let shown: Vec<&str> = group
            .members
            .iter()
            .take(SHOWN_MEMBERS)
            .map(String::as_str)
            .collect();
        let rest = group.folded.saturating_sub(shown.len() as u64);
        let and = match rest {
            0 => String::new(),
            rest => format!(" and {rest} more (--json lists all)"),
        };
        more(text, &format!("holds {}{and}", shown.join(", ")));
    }
    if let Some(why) = &group.ended {
        more(text, &format!("takes no more: {why}"));
    }
}

/// Labels are plural: `users`.
fn singular(label: &str, count: u64) -> &str {
    match count {
        1 => label.strip_suffix('s').unwrap_or(label),
        _ => label,
    }
}

fn of_delivery(text: &mut String, delivery: &DeliveryTrace) {
    let mut state = match delivery.state.as_str() {
        "delivered" if delivery.adopted => "delivered (found there by a look-up)".to_owned(),
        state => state.to_owned(),
    };
    if let Some(at) = delivery.finished_at {
        let _ = write!(state, " {}", time(at));
    }
    if let Some(due) = delivery.due_at {
        let _ = write!(state, ", to be tried {}", time(due));
    }
    let attempts = match delivery.attempts {
        1 => "1 attempt".to_owned(),
        attempts => format!("{attempts} attempts"),
    };
    row(
        text,
        &delivery.sink,
        &format!("customer {}: {state}, {attempts}", delivery.lane),
    );
    if let Some(id) = &delivery.id {
        more(
            text,
            &format!("id {id} {}", delivery.link.as_deref().unwrap_or_default()),
        );
    }
    if let Some(why) = &delivery.why {
        more(text, why);
    }
    if !delivery.changes.is_empty() {
        more(text, &format!("changed: {}", changes(&delivery.changes)));
    }
    for attempt in &delivery.history {
        more(
            text,
            &format!("  {} {} {}", time(attempt.at), attempt.what, attempt.why),
        );
    }
}

/// `title_cut × 1, ioc_refused × 2`.
fn changes(stored: &str) -> String {
    let list: Vec<alertbridge_sinks::Change> = match serde_json::from_str(stored) {
        Ok(list) => list,
        // Written by another version; shown as it is.
        Err(_) => return stored.to_owned(),
    };
    let words: Vec<String> = list
        .iter()
        .map(|change| format!("{} × {}", change.what, change.count))
        .collect();
    words.join(", ")
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
