//! `alertbridge intel lookup`: what is known about a value, and what keeps it from matching.

use alertbridge_intel::{How, Lookup, LookupEntry, Verdict};
use serde_json::{Value, json};

use super::{reader, section};
use crate::{
    cli, clock,
    commands::print_json,
    exit::Exit,
    failure::Failure,
    intel::{IntelConfig, Live},
    output,
    table::printable,
};

/// Runs the command. Exit code 1 where no value matches.
pub fn run(arguments: &cli::IntelLookup) -> Result<Exit, Failure> {
    let (_, section) = section(&arguments.output)?;
    let looked = if arguments.live {
        ask(arguments, &section)?
    } else {
        look(arguments, &section)?
    };
    if arguments.output.json {
        print_json(&looked.iter().map(as_json).collect::<Vec<_>>())?;
    } else {
        for (value, lookup) in &looked {
            text(value, lookup)?;
        }
    }
    let found = looked.iter().any(|(_, lookup)| matches(lookup));
    Ok(if found {
        Exit::Success
    } else {
        Exit::Unbalanced
    })
}

/// In the local copy.
fn look<'a>(
    arguments: &'a cli::IntelLookup,
    section: &IntelConfig,
) -> Result<Vec<(&'a str, Lookup)>, Failure> {
    if !section.keeps_copy() {
        let failure = Failure::new(Exit::Config, "no local copy is kept of any source");
        return Err(failure.remedy("--live asks OpenCTI itself"));
    }
    let store = reader(section)?;
    let (index, rules, now) = (store.index(), section.rules(), clock::now());
    let values = arguments.values.iter();
    Ok(values
        .map(|value| (value.as_str(), index.lookup(value, &rules, now)))
        .collect())
}

/// At OpenCTI.
fn ask<'a>(
    arguments: &'a cli::IntelLookup,
    section: &IntelConfig,
) -> Result<Vec<(&'a str, Lookup)>, Failure> {
    let live = Live::by_hand(section).map_err(|error| Failure::new(Exit::Config, error))?;
    let runtime = super::super::super::runtime()?;
    let mut looked = Vec::new();
    for value in &arguments.values {
        let lookup = runtime
            .block_on(live.explain(value, clock::now()))
            .map_err(|error| Failure::new(Exit::Unavailable, error))?;
        looked.push((value.as_str(), lookup));
    }
    Ok(looked)
}

fn matches(lookup: &Lookup) -> bool {
    lookup
        .entries
        .iter()
        .any(|entry| entry.verdict == Verdict::Match)
}

fn text(value: &str, lookup: &Lookup) -> Result<(), Failure> {
    let kinds: Vec<String> = lookup
        .observables
        .iter()
        .map(|one| format!("{:?} {}", one.kind, printable(&one.value)))
        .collect();
    let taken = match kinds.is_empty() {
        true => "nothing that can be looked up".to_owned(),
        false => kinds.join(", or "),
    };
    output::line(format_args!("{}: taken for {taken}", printable(value)))?;
    if lookup.entries.is_empty() {
        output::line("  no indicator is about it")?;
    }
    for entry in &lookup.entries {
        entry_text(entry)?;
    }
    if lookup.more > 0 {
        output::line(format_args!("  and {} more", lookup.more))?;
    }
    Ok(())
}

fn entry_text(entry: &LookupEntry) -> Result<(), Failure> {
    let indicator = &entry.indicator;
    let verdict = match &entry.verdict {
        Verdict::Match => "MATCH".to_owned(),
        Verdict::NoMatch(reasons) => {
            let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            format!("no match: {}", reasons.join("; "))
        }
    };
    output::line(format_args!(
        "  {verdict}\n    {} ({}, {})",
        printable(&indicator.name),
        printable(&indicator.provider),
        how(entry.how)
    ))?;
    let score = indicator
        .score
        .map_or("no score".to_owned(), |score| format!("score {score}"));
    let until = match (indicator.valid_from, indicator.valid_until) {
        (from, Some(until)) => format!(
            "valid {}until {until}",
            from.map_or(String::new(), |from| format!("from {from} "))
        ),
        (Some(from), None) => format!("valid from {from}"),
        (None, None) => "valid without end".to_owned(),
    };
    let mut facts = vec![score, until];
    facts.extend(indicator.markings.iter().map(|text| printable(text)));
    if !indicator.labels.is_empty() {
        facts.push(format!("labels {}", printable(&indicator.labels.join(" "))));
    }
    output::line(format_args!("    {}", facts.join(", ")))?;
    if !indicator.pattern.is_empty() {
        output::line(format_args!("    {}", printable(&indicator.pattern)))?;
    }
    if let Some(link) = &indicator.link {
        output::line(format_args!("    {}", printable(link)))?;
    }
    Ok(())
}

fn how(how: How) -> &'static str {
    match how {
        How::Exact => "the value itself",
        How::Cidr => "in its network",
        How::Pattern => "by its pattern",
        How::UrlHost => "the host of the URL",
        How::Parent => "below its domain",
    }
}

fn as_json((value, lookup): &(&str, Lookup)) -> Value {
    let entries: Vec<Value> = lookup
        .entries
        .iter()
        .map(|entry| {
            let reasons: Vec<String> = match &entry.verdict {
                Verdict::Match => Vec::new(),
                Verdict::NoMatch(reasons) => reasons.iter().map(ToString::to_string).collect(),
            };
            json!({
                "matches": reasons.is_empty(),
                "reasons": reasons,
                "how": how(entry.how),
                "indicator": &*entry.indicator,
            })
        })
        .collect();
    let taken: Vec<Value> = lookup
        .observables
        .iter()
        .map(|one| json!({"kind": format!("{:?}", one.kind).to_lowercase(), "value": one.value}))
        .collect();
    json!({"value": value, "taken_for": taken, "matches": matches(lookup), "indicators": entries, "more": lookup.more})
}
