//! `alertbridge intel status`.

use alertbridge_intel::StoreStatus;
use alertbridge_ledger::{Ledger, TalliesWaiting};
use jiff::Timestamp;
use serde_json::json;

use super::{grouped, reader, section};
use crate::{
    cli, clock,
    commands::{answer, print_json, reader as ledger_reader},
    config::Config,
    exit::Exit,
    failure::Failure,
    intel::sightings::KIND,
    output,
    table::printable,
};

/// Runs the command.
pub fn run(output: &cli::Output) -> Result<Exit, Failure> {
    let (config, section) = section(output)?;
    let status = reader(&section)?.status();
    let sightings = match section.sightings {
        Some(_) => waiting(&config)?,
        None => None,
    };
    let now = clock::now();
    if output.json {
        let mut status = as_json(&status, now);
        status["sightings_waiting"] = json!(sightings);
        print_json(&status)?;
    } else {
        text(&status, now)?;
        if let Some(sightings) = &sightings {
            sightings_text(sightings, now)?;
        }
    }
    Ok(Exit::Success)
}

/// Sightings that OpenCTI was not told of yet, by the ledger; `None` where there is no ledger yet.
fn waiting(config: &Config) -> Result<Option<TalliesWaiting>, Failure> {
    if !config.ledger.path.exists() {
        return Ok(None);
    }
    let status = answer(ledger_reader(config)?.status())?;
    let mut waiting = status.tallies_waiting.into_iter();
    Ok(waiting.find(|waiting| waiting.kind == KIND))
}

fn sightings_text(waiting: &TalliesWaiting, now: Timestamp) -> Result<(), Failure> {
    let late = now.duration_since(waiting.oldest_due).as_secs().max(0);
    output::line(format_args!(
        "  {} sightings wait for OpenCTI, the oldest due {late} s ago{}",
        grouped(waiting.rows),
        waiting
            .why
            .as_ref()
            .map_or(String::new(), |why| format!(": {}", printable(why)))
    ))
}

fn text(status: &StoreStatus, now: Timestamp) -> Result<(), Failure> {
    output::line(format_args!(
        "{} indicators, {} values; {} on disk, {} in memory",
        grouped(status.indicators),
        grouped(status.values),
        size(status.bytes),
        size(status.memory)
    ))?;
    for (name, provider) in &status.providers {
        let age = match provider.last_sync {
            Some(at) => format!("current {} ago", age(at, now)),
            None => "not read to its end yet".to_owned(),
        };
        let full = if provider.full_sync {
            ", a whole list is being taken in"
        } else {
            ""
        };
        output::line(format_args!(
            "  {:<16} {:>12}  {age}{full}",
            printable(name),
            grouped(provider.indicators)
        ))?;
    }
    if status.partly_supported > 0 {
        output::line(format_args!(
            "  {} can match only in part",
            grouped(status.partly_supported)
        ))?;
    }
    for (reason, count) in &status.unsupported {
        output::line(format_args!(
            "  {} can't match: {}",
            grouped(*count),
            printable(reason)
        ))?;
    }
    Ok(())
}

fn as_json(status: &StoreStatus, now: Timestamp) -> serde_json::Value {
    let providers: serde_json::Map<_, _> = status
        .providers
        .iter()
        .map(|(name, one)| {
            let row = json!({
                "indicators": one.indicators,
                "last_sync": one.last_sync,
                "age_seconds": one.last_sync.map(|at| now.duration_since(at).as_secs()),
                "full_sync": one.full_sync,
            });
            (name.clone(), row)
        })
        .collect();
    json!({
        "indicators": status.indicators,
        "values": status.values,
        "unsupported": status.unsupported,
        "partly_supported": status.partly_supported,
        "providers": providers,
        "bytes": status.bytes,
        "memory": status.memory,
    })
}

/// In the largest whole unit.
fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        ..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{} MiB", bytes >> 20),
    }
}
