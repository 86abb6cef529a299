//! What would become of the alerts in a file: decided as the daemon decides, and the exact JSON that would be posted.
//!
//! Nothing is sent but questions about names, and nothing is kept. Whether one is a repeat is told by its key: the ledger
//! alone knows what came before.

use std::path::Path;

use alertbridge_alert::{Alert, split_glued};
use alertbridge_pipeline::AlertView;
use alertbridge_sinks::{Change, Outgoing, Sink, iris::IrisSink};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    rules::{self, Rules, Said},
    way,
};
use crate::{
    clock,
    commands::{print_json, reader},
    config::Config,
    exit::Exit,
    failure::Failure,
    output,
    table::printable,
    triage::iris_sink,
};

/// What would become of one alert.
#[derive(Serialize)]
struct Decided {
    reference: String,
    outcome: String,
    rules: Vec<Said>,
    /// What would be posted to DFIR-IRIS.
    #[serde(skip_serializing_if = "Option::is_none")]
    iris: Option<Posted>,
}

#[derive(Serialize)]
struct Posted {
    /// As it would be sent, byte for byte.
    json: Box<RawValue>,
    /// Why names stand in it in the place of ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    unresolved: Option<String>,
    /// What is changed or left out.
    changes: Vec<Change>,
}

/// Runs it on each line of the file, or on the whole of it where it is one alert.
pub fn run(mut config: Config, file: &Path, source: &str, json: bool) -> Result<Exit, Failure> {
    let bytes = std::fs::read(file).map_err(|error| Failure::io("read", file, &error))?;
    // Without a ledger (nothing ran here yet) there are no silences.
    let ledger = reader(&config).ok();
    let rules = Rules::of(&config, ledger.as_ref())?;
    let sink = match config.sinks.iris.take() {
        Some(iris) => Some(iris_sink(iris, &config)?),
        None => None,
    };
    if config.intel.is_some() {
        eprintln!(
            "threat intelligence is not asked here: `alertbridge intel test FILE` tells its hits and what comes of them"
        );
    }
    let runtime = crate::runtime()?;
    let mut worst = Exit::Success;
    let mut all = Vec::new();
    for (number, raw) in alerts(&bytes) {
        match Alert::parse(raw) {
            Ok(alert) => {
                let decided = runtime.block_on(decide(&rules, source, sink.as_ref(), alert))?;
                match json {
                    true => all.push(decided),
                    false => print(&decided)?,
                }
            }
            Err(error) => {
                worst = Exit::Partial;
                eprintln!("line {number}: no alert: {error}");
            }
        }
    }
    if json {
        print_json(&all)?;
    }
    Ok(worst)
}

/// The alerts of a file with their lines: one over several lines, or one a line.
fn alerts(bytes: &[u8]) -> Vec<(usize, &[u8])> {
    if Alert::parse(bytes).is_ok() && split_glued(bytes).is_none() {
        return vec![(1, bytes)];
    }
    (1..)
        .zip(bytes.split(|byte| *byte == b'\n'))
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .collect()
}

async fn decide(
    rules: &Rules,
    source: &str,
    sink: Option<&IrisSink>,
    alert: Alert,
) -> Result<Decided, Failure> {
    let said = rules.say(&alert, source);
    let reference = alert.reference().as_str().to_owned();
    let outcome = outcome(rules, source, &alert);
    let posted = outcome.is_none();
    let iris = match sink.filter(|_| posted) {
        Some(sink) => {
            let outgoing = Outgoing {
                reference: reference.clone(),
                lane: sink.lane(&alert),
                received_at: clock::now(),
                attempt: 1,
                digest: None,
                continues: None,
                intel: Vec::new(),
                tags: Vec::new(),
                alert,
            };
            let dry = sink.dry_run(&outgoing).await;
            Some(Posted {
                json: RawValue::from_string(dry.json).map_err(Failure::fault)?,
                unresolved: dry.unresolved,
                changes: dry.changes,
            })
        }
        None => None,
    };
    Ok(Decided {
        reference,
        outcome: outcome.unwrap_or_else(|| "routed (or folded, where it is a repeat)".to_owned()),
        rules: said,
        iris,
    })
}

/// Why it would not be routed.
fn outcome(rules: &Rules, source: &str, alert: &Alert) -> Option<String> {
    let text = alert.text();
    let view = AlertView::new(alert.head(), &text);
    if rules.gate(source).is_some_and(|gate| !gate.passes(&view)) {
        return Some(format!("filtered by the gate of the source {source}"));
    }
    if rules
        .sink_gate("iris")
        .is_some_and(|gate| !gate.passes(&view))
    {
        return Some("filtered by the gate of the sink iris".to_owned());
    }
    let silences = rules.quieting.silences();
    rules
        .quieting
        .silenced(&view, &silences, clock::now())
        .map(|by| way::silenced(&by))
}

fn print(decided: &Decided) -> Result<(), Failure> {
    output::line(printable(&format!("alert        {}", decided.reference)))?;
    output::line(printable(&format!("would be     {}", decided.outcome)))?;
    output::print(rules::text(&decided.rules))?;
    if let Some(posted) = &decided.iris {
        for change in &posted.changes {
            output::line(format_args!(
                "changed      {} × {}",
                change.what, change.count
            ))?;
        }
        if let Some(why) = &posted.unresolved {
            output::line(printable(&format!("names instead of ids: {why}")))?;
        }
        output::line("what would be posted to DFIR-IRIS:")?;
        output::line(posted.json.get())?;
    }
    Ok(())
}
