//! `alertbridge explain`: why an alert is in DFIR-IRIS, or is not.
//!
//! An alert that was received is told from the ledger: source, outcome, group, deliveries with every answer. What today's rules
//! say of it is told beside it and apart from it, because they may have been changed since. Alerts of a file are only decided:
//! a dry run that sends nothing and keeps nothing.

mod dry_run;
mod rules;
mod way;

use std::path::Path;

use alertbridge_alert::Alert;
use alertbridge_ledger::{JobFilter, JobRow, Ledger, SqliteLedger, Trace};
use serde::Serialize;

use self::rules::Rules;
use super::{answer, print_json, reader};
use crate::{cli, config::Config, exit::Exit, failure::Failure, output};

/// References read at a time of a group.
const PAGE: usize = 1000;

/// The way of a stored alert in words.
pub fn way(trace: &Trace) -> String {
    way::text(trace)
}

/// Runs the command.
pub fn run(arguments: &cli::Explain) -> Result<Exit, Failure> {
    let config = Config::load(&arguments.output.config.config)?;
    let json = arguments.output.json;
    let what = arguments.what.as_deref().unwrap_or_default();
    if arguments.last.is_none() && Path::new(what).is_file() {
        return dry_run::run(config, Path::new(what), &arguments.source, json);
    }
    let ledger = reader(&config)?;
    let references = match arguments.last {
        Some(last) => answer(ledger.newest(last))?,
        None => vec![what.to_owned()],
    };
    let rules = Rules::of(&config, Some(&ledger))?;
    let mut found = Vec::new();
    for reference in &references {
        match trace(&ledger, reference)? {
            Some(trace) => found.push(trace),
            None if arguments.last.is_some() => {}
            None => return Err(unknown(reference)),
        }
    }
    if json {
        let found: Vec<Explained<'_>> = found
            .iter()
            .map(|trace| Explained::of(&ledger, &rules, trace))
            .collect::<Result<_, _>>()?;
        print_json(&found)?;
        return Ok(Exit::Success);
    }
    for (number, trace) in found.iter().enumerate() {
        if number > 0 {
            output::line("")?;
        }
        output::print(way::text(trace))?;
        output::print(way::reviews(&reviews(&ledger, trace)?))?;
        if let Some(said) = rules_now(&rules, trace) {
            output::line("by the present rules")?;
            output::print(rules::text(&said))?;
        }
    }
    Ok(Exit::Success)
}

/// For machines.
#[derive(Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    trace: &'a Trace,
    /// All references of the group it opened.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members: Vec<String>,
    /// What a language model was asked about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    triage: Vec<JobRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    present_rules: Option<Vec<rules::Said>>,
}

impl<'a> Explained<'a> {
    fn of(ledger: &SqliteLedger, rules: &Rules, trace: &'a Trace) -> Result<Self, Failure> {
        let mut members = Vec::new();
        if let Some(group) = trace
            .group
            .as_ref()
            .filter(|group| group.parent == trace.reference)
        {
            loop {
                let page = answer(ledger.members(group.id, members.last().cloned(), PAGE))?;
                let last = page.len() < PAGE;
                members.extend(page);
                if last {
                    break;
                }
            }
        }
        Ok(Self {
            trace,
            members,
            triage: reviews(ledger, trace)?,
            present_rules: rules_now(rules, trace),
        })
    }
}

/// The triage jobs of what was delivered.
fn reviews(ledger: &SqliteLedger, trace: &Trace) -> Result<Vec<JobRow>, Failure> {
    let mut found = Vec::new();
    for delivery in &trace.deliveries {
        let Some(id) = &delivery.id else { continue };
        found.extend(answer(ledger.jobs(JobFilter {
            sink: Some(delivery.sink.clone()),
            id: Some(id.clone()),
            limit: 1,
            ..JobFilter::default()
        }))?);
    }
    Ok(found)
}

fn rules_now(rules: &Rules, trace: &Trace) -> Option<Vec<rules::Said>> {
    // A digest was made by rules, no rule looks at it.
    let payload = trace
        .payload
        .as_deref()
        .filter(|_| trace.source != "digest")?;
    let alert = Alert::parse(payload).ok()?;
    Some(rules.say(&alert, &trace.source))
}

/// By reference, else by the id of a sink.
fn trace(ledger: &SqliteLedger, what: &str) -> Result<Option<Trace>, Failure> {
    if let Some(trace) = answer(ledger.trace(what))? {
        return Ok(Some(trace));
    }
    let id = what.trim_start_matches('#');
    match answer(ledger.reference_of("iris", id))? {
        Some(reference) => answer(ledger.trace(&reference)),
        None => Ok(None),
    }
}

fn unknown(what: &str) -> Failure {
    Failure::new(
        Exit::Unbalanced,
        format!("the ledger has no alert {what:?}"),
    )
    .remedy(
        "it was filtered (filtered alerts are counted, not stored), or never came: put the line of alerts.json into a file, and \
         `alertbridge explain FILE` tells what the rules say; `alertbridge explain --last 5` shows what references look like",
    )
}
