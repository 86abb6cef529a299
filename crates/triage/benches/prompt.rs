//! What a prompt costs per real alert, beside the floor: reading the same bytes as JSON and looking at each value once.
//!
//! Run: `cargo bench -p alertbridge-triage --bench prompt`

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alertbridge_triage::{Injections, PromptSettings, Prompter, Redactor, Subject};
use serde_json::Value;

const LABELLED: &str = include_str!("../tests/data/triage_labelled.jsonl");
const NONCE: &str = "9f3c1a7be2";
const ROUNDS: usize = 30;

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

fn walk(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(walk).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| key.len() + walk(value))
            .sum(),
        _ => 1,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let redactor = Arc::new(Redactor::built_in()?);
    let injections = Injections::built_in()?;
    let plain = Prompter::new(PromptSettings::default(), redactor.clone(), false)?;
    let renamed = Prompter::new(PromptSettings::default(), redactor.clone(), true)?;
    let mut alerts: Vec<Value> = LABELLED
        .lines()
        .map(|line| Ok(serde_json::from_str::<Value>(line)?["alert"]["_source"].take()))
        .collect::<Result<_, serde_json::Error>>()?;
    alerts.sort_by_cached_key(|alert| alert.to_string().len());
    let median = alerts.get(alerts.len() / 2).cloned().unwrap_or_default();
    let largest = alerts.last().cloned().unwrap_or_default();
    for (name, alerts) in [
        ("median", vec![median]),
        ("largest", vec![largest]),
        ("all", alerts),
    ] {
        let texts: Vec<String> = alerts.iter().map(Value::to_string).collect();
        let bytes: usize = texts.iter().map(String::len).sum();
        let floor = best(|| {
            for text in &texts {
                black_box(serde_json::from_str::<Value>(text).ok().as_ref().map(walk));
            }
        });
        println!(
            "prompt: {name}, {} alerts, {bytes} bytes, best of {ROUNDS}",
            alerts.len()
        );
        let build = |prompter: &Prompter, alert: &Value| {
            let subject = Subject {
                alert,
                title: None,
                description: None,
                facts: &[],
            };
            black_box(prompter.build(&subject, NONCE).is_ok());
        };
        for (part, time) in [
            ("floor: parse and walk", floor),
            (
                "build",
                best(|| alerts.iter().for_each(|alert| build(&plain, alert))),
            ),
            (
                "build with pseudonyms",
                best(|| alerts.iter().for_each(|alert| build(&renamed, alert))),
            ),
            (
                "of it redaction",
                best(|| {
                    alerts
                        .iter()
                        .for_each(|alert| drop(black_box(redactor.redact_alert(alert))))
                }),
            ),
            (
                "of it signs",
                best(|| {
                    alerts
                        .iter()
                        .for_each(|alert| drop(black_box(injections.scan_alert(alert, &redactor))))
                }),
            ),
        ] {
            println!(
                "  {part:<24} {:>9.1} us an alert  {:>6.1} x floor",
                time.as_secs_f64() * 1e6 / alerts.len() as f64,
                time.as_secs_f64() / floor.as_secs_f64()
            );
        }
    }
    Ok(())
}
