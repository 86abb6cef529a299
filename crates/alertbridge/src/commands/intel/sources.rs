//! `alertbridge intel sources`: where indicators come from, and whether each answers.

use alertbridge_intel::provider::opencti::OpenCti;
use serde_json::{Value, json};

use super::section;
use crate::{
    cli,
    commands::print_json,
    exit::Exit,
    failure::Failure,
    intel::config::{IntelConfig, OPENCTI},
    output,
    table::printable,
};

/// Runs the command. Exit code 69 where a source does not answer as it should.
pub fn run(output: &cli::Output) -> Result<Exit, Failure> {
    let (_, section) = section(output)?;
    let rows = rows(&section)?;
    let good = rows.iter().all(|row| row["ok"] == true);
    if output.json {
        print_json(&rows)?;
    } else {
        for row in &rows {
            let mark = if row["ok"] == true { "good" } else { "BAD " };
            let word = |key: &str| printable(row[key].as_str().unwrap_or_default());
            output::line(format_args!(
                "{mark}  {:<12} {:<16} {}",
                word("source"),
                word("what"),
                word("text")
            ))?;
        }
    }
    Ok(if good {
        Exit::Success
    } else {
        Exit::Unavailable
    })
}

fn rows(section: &IntelConfig) -> Result<Vec<Value>, Failure> {
    let mut rows = Vec::new();
    let sources = section
        .sources()
        .map_err(|error| Failure::new(Exit::Config, error))?;
    for source in &sources {
        let name = source.provider.name();
        rows.push(json!({"source": name, "ok": true, "what": "place", "text": source.place}));
    }
    if let Some(config) = &section.opencti {
        let opencti =
            OpenCti::new(OPENCTI, config).map_err(|error| Failure::new(Exit::Config, error))?;
        let findings = super::super::super::runtime()?.block_on(opencti.check());
        rows.extend(findings.into_iter().map(|finding| {
            json!({"source": OPENCTI, "ok": finding.ok, "what": finding.what, "text": finding.text})
        }));
    }
    for file in &section.files {
        let found = std::fs::metadata(&file.path);
        let text = match &found {
            Ok(found) => format!("{} bytes", found.len()),
            Err(error) => format!("{}: {error}", file.path.display()),
        };
        rows.push(
            json!({"source": file.name, "ok": found.is_ok(), "what": "readable", "text": text}),
        );
    }
    Ok(rows)
}
