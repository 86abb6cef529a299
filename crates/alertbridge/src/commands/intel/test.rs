//! `alertbridge intel test`: what the alerts of a file hit, and what Wazuh and IRIS would be told. Sends nothing.

use std::{io::Read, sync::Arc};

use alertbridge_alert::Alert;
use alertbridge_sinks::{
    IntelHit, Outgoing, Sink,
    iris::IrisSink,
    wazuh::{Event, is_own_event},
};
use serde_json::{Value, json};

use super::section;
use crate::{
    cli,
    clock::{SystemClock, now},
    commands::print_json,
    exit::Exit,
    failure::Failure,
    intel::{Intelligence, hits::shown},
    output,
    table::printable,
    triage::iris_sink,
};

/// More is read by nobody.
const LONGEST: u64 = 256 << 20;

/// Runs the command. Exit code 1 where no alert hits anything.
pub fn run(arguments: &cli::IntelTest) -> Result<Exit, Failure> {
    let (mut config, section) = section(&arguments.output)?;
    let text = read(arguments)?;
    let fault = |error: String| Failure::new(Exit::Config, error);
    let has_queue = config.sinks.wazuh.is_some();
    let intelligence =
        Intelligence::new(&section, has_queue, Arc::new(SystemClock)).map_err(fault)?;
    if section.keeps_copy() {
        intelligence
            .open_reader()
            .map_err(|why| Failure::new(Exit::Io, why))?;
    }
    let iris = match config.sinks.iris.take() {
        Some(iris) => Some(iris_sink(iris, &config)?),
        None => None,
    };
    let runtime = super::super::super::runtime()?;
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let row = match Alert::parse(line.as_bytes()) {
            Ok(alert) => runtime.block_on(one(&intelligence, iris.as_ref(), &alert)),
            Err(error) => json!({"error": error.to_string()}),
        };
        rows.push((number + 1, row));
    }
    let any = rows
        .iter()
        .any(|(_, row)| row["hits"].is_array() && row["hits"] != json!([]));
    if arguments.output.json {
        let rows: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
        print_json(&rows)?;
    } else {
        for (number, row) in &rows {
            lines(*number, row)?;
        }
    }
    Ok(if any { Exit::Success } else { Exit::Unbalanced })
}

fn read(arguments: &cli::IntelTest) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let path = &arguments.file;
    let fault = |error: std::io::Error| Failure::io("read", path, &error);
    if path.as_os_str() == "-" {
        std::io::stdin()
            .lock()
            .take(LONGEST)
            .read_to_end(&mut bytes)
            .map_err(fault)?;
    } else {
        let file = std::fs::File::open(path).map_err(fault)?;
        file.take(LONGEST).read_to_end(&mut bytes).map_err(fault)?;
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // One alert in several lines, as people copy it.
    Ok(match serde_json::from_str::<Value>(&text) {
        Ok(alert @ Value::Object(_)) => alert.to_string(),
        _ => text,
    })
}

async fn one(intelligence: &Intelligence, iris: Option<&IrisSink>, alert: &Alert) -> Value {
    let reference = alert.reference().as_str().to_owned();
    if is_own_event(alert) {
        return json!({"reference": reference, "own_event": true, "observables": [], "hits": []});
    }
    let found = intelligence.observables(alert);
    let observables: Vec<Value> = found
        .list
        .iter()
        .map(|one| {
            json!({
                "kind": format!("{:?}", one.kind).to_lowercase(),
                "value": one.value,
                "field": one.field,
                "role": format!("{:?}", one.role).to_lowercase(),
                "via": format!("{:?}", one.via).to_lowercase(),
            })
        })
        .collect();
    let mut hits = intelligence.hits(alert);
    if let Some(live) = intelligence.live().filter(|live| live.matches) {
        let asked = live.hits(&found.list, now()).await;
        hits.extend(asked.iter().map(shown));
    }
    let rows: Vec<Value> = hits.iter().map(hit).collect();
    let mut row = json!({"reference": reference, "observables": observables, "filtered": found.dropped.filtered, "hits": rows});
    if hits.is_empty() {
        return row;
    }
    let events: Vec<Value> = hits
        .iter()
        .map(|hit| Event::hit(alert, &reference, hit).to_json())
        .collect();
    row["wazuh_events"] = events.into();
    if let Some(iris) = iris {
        let outgoing = Outgoing {
            alert: alert.clone(),
            lane: iris.lane(alert),
            reference,
            received_at: now(),
            attempt: 1,
            digest: None,
            continues: None,
            intel: hits,
            tags: Vec::new(),
        };
        let dry = iris.dry_run(&outgoing).await;
        row["iris"] = serde_json::from_str(&dry.json).unwrap_or(Value::String(dry.json));
        row["iris_unresolved"] = dry.unresolved.into();
    }
    row
}

fn hit(hit: &IntelHit) -> Value {
    json!({
        "value": hit.value,
        "indicator": hit.indicator,
        "indicator_id": hit.indicator_id,
        "provider": hit.provider,
        "score": hit.score,
        "confidence": hit.confidence,
        "labels": hit.labels,
        "marking": hit.marking,
        "pattern": hit.pattern,
        "link": hit.link,
        "how": format!("{:?}", hit.matched).to_lowercase(),
        "detail": hit.detail,
        "expired": hit.expired,
        "revoked": hit.revoked,
    })
}

fn lines(number: usize, row: &Value) -> Result<(), Failure> {
    if let Some(error) = row["error"].as_str() {
        output::line(format_args!(
            "line {number}: no alert: {}",
            printable(error)
        ))?;
        return Ok(());
    }
    let word = |value: &Value| printable(value.as_str().unwrap_or_default());
    output::line(format_args!("line {number}: {}", word(&row["reference"])))?;
    if row["own_event"] == true {
        output::line("  made of an event of our own: never matched")?;
        return Ok(());
    }
    for one in row["observables"].as_array().into_iter().flatten() {
        output::line(format_args!(
            "  {:<9} {}  ({}, {})",
            word(&one["kind"]),
            word(&one["value"]),
            word(&one["field"]),
            word(&one["role"])
        ))?;
    }
    for one in row["hits"].as_array().into_iter().flatten() {
        output::line(format_args!(
            "  HIT {}: {} ({}, score {}) {}",
            word(&one["value"]),
            word(&one["indicator"]),
            word(&one["provider"]),
            one["score"],
            word(&one["detail"])
        ))?;
    }
    for event in row["wazuh_events"].as_array().into_iter().flatten() {
        output::line(format_args!(
            "  to Wazuh: {}",
            printable(&event.to_string())
        ))?;
    }
    if let Some(iris) = row.get("iris") {
        output::line(format_args!("  to IRIS: {}", printable(&iris.to_string())))?;
    }
    Ok(())
}
