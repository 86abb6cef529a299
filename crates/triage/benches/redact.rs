//! What redaction costs per real alert, beside the floor: reading the same bytes as JSON.
//!
//! Run: `cargo bench -p alertbridge-triage --bench redact`

use std::hint::black_box;
use std::time::{Duration, Instant};

use alertbridge_triage::Redactor;
use serde_json::Value;

const ALERTS: &str = include_str!("../../../data/alerts.jsonl");
const ROUNDS: usize = 20;

fn best(mut work: impl FnMut()) -> Duration {
    (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let redactor = Redactor::built_in()?;
    let alerts: Vec<Value> = ALERTS
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let floor = best(|| {
        for line in ALERTS.lines() {
            let _ = black_box(serde_json::from_str::<Value>(line));
        }
    });
    let walked = best(|| {
        for alert in &alerts {
            black_box(redactor.redact_alert(alert));
        }
    });
    let text = best(|| {
        for line in ALERTS.lines() {
            black_box(redactor.redact_text(line));
        }
    });
    let scan = best(|| {
        for line in ALERTS.lines() {
            black_box(redactor.scan(line));
        }
    });
    println!(
        "redact: {} real alerts, {} bytes, best of {ROUNDS}",
        alerts.len(),
        ALERTS.len()
    );
    for (name, time) in [
        ("floor: serde_json parse", floor),
        ("redact_alert", walked),
        ("redact_text of the line", text),
        ("scan of the line", scan),
    ] {
        println!(
            "  {name:<26} {:>9.1} us an alert  {:>8.1} MB/s  {:>6.1} x floor",
            time.as_secs_f64() * 1e6 / alerts.len() as f64,
            ALERTS.len() as f64 / time.as_secs_f64() / 1e6,
            time.as_secs_f64() / floor.as_secs_f64()
        );
    }
    Ok(())
}
