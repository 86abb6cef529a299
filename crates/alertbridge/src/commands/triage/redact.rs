//! `alertbridge triage redact`: standard input without its secrets; how many of each kind on standard error.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Read},
    path::Path,
};

use alertbridge_triage::{Redactor, Rules};
use serde_json::Value;

use crate::{cli, exit::Exit, failure::Failure, output};

/// Bytes of a text, or of one line of JSON. The redactor takes no more.
const LARGEST: u64 = 16 << 20;
/// Bytes of a file with rules.
const LARGEST_RULES: u64 = 1 << 20;

/// Redacts; [`Exit::Partial`] where a line was no JSON and is left out.
pub fn run(arguments: &cli::TriageRedact) -> Result<Exit, Failure> {
    let redactor = redactor(arguments.rules.as_deref())?;
    let mut counts = BTreeMap::new();
    let refused = if arguments.json {
        lines(&redactor, &mut counts)?
    } else {
        text(&redactor, &mut counts)?;
        0
    };
    for (kind, count) in counts {
        eprintln!("{kind}: {count}");
    }
    Ok(if refused == 0 {
        Exit::Success
    } else {
        Exit::Partial
    })
}

fn redactor(rules: Option<&Path>) -> Result<Redactor, Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Config, error)
            .remedy("the form of the rules is told in docs/redaction.md")
    };
    let rules = match rules {
        None => Rules::built_in(),
        Some(path) => {
            let mut text = String::new();
            std::fs::File::open(path)
                .and_then(|file| file.take(LARGEST_RULES).read_to_string(&mut text))
                .map_err(|error| Failure::io("read", path, &error))?;
            Rules::with(&text)
        }
    };
    rules.and_then(Redactor::new).map_err(|error| wrong(&error))
}

fn text(redactor: &Redactor, counts: &mut BTreeMap<String, u64>) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Failure::new(
            Exit::Io,
            format!("standard input is larger than {} MiB", LARGEST >> 20),
        )
        .remedy("split it, or give JSON lines with --json"));
    }
    let redacted = redactor.redact_text(&String::from_utf8_lossy(&bytes));
    add(counts, redacted.found);
    output::print(redacted.text)
}

/// How many lines were refused.
fn lines(redactor: &Redactor, counts: &mut BTreeMap<String, u64>) -> Result<u64, Failure> {
    let mut input = io::stdin().lock();
    let mut refused = 0;
    for number in 1_u64.. {
        let mut line = Vec::new();
        let read = (&mut input).take(LARGEST + 1).read_until(b'\n', &mut line);
        if read.map_err(|error| unreadable(&error))? == 0 {
            break;
        }
        if line.len() as u64 > LARGEST && !line.ends_with(b"\n") {
            return Err(Failure::new(
                Exit::Io,
                format!("line {number} is larger than {} MiB", LARGEST >> 20),
            ));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        // The text of the error is not told: it may quote the line.
        let Ok(value) = serde_json::from_slice::<Value>(&line) else {
            eprintln!("line {number} is no JSON and is left out");
            refused += 1;
            continue;
        };
        let redacted = redactor.redact_alert(&value);
        add(counts, redacted.found);
        output::line(redacted.value)?;
    }
    Ok(refused)
}

fn add(counts: &mut BTreeMap<String, u64>, found: Vec<(String, u64)>) {
    for (kind, count) in found {
        *counts.entry(kind).or_default() += count;
    }
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::new(Exit::Io, format!("can't read standard input: {error}"))
}
