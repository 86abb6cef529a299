//! `alertbridge silence import`: each entry of a JSON list by itself; what is wrong with one keeps no other out.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use alertbridge_ledger::Ledger;
use serde_json::Value;

use super::{answer, entry, print_json, writer};
use crate::{cli, clock, config::Config, exit::Exit, failure::Failure, output, table::printable};

/// A list of silences is written by hand or by `export`; 100,000 of them fit.
const MOST_BYTES: u64 = 64 << 20;

/// Runs it; [`Exit::Partial`] where an entry was refused.
pub fn run(arguments: &cli::SilenceImport) -> Result<Exit, Failure> {
    let now = clock::now();
    let entries = list(&arguments.file)?;
    let (mut taken, mut ended, mut refused) = (Vec::new(), 0_u64, 0_u64);
    for (place, value) in entries.iter().enumerate() {
        match entry::read(value, now) {
            Ok(silence) if silence.ends_at <= now => ended += 1,
            Ok(silence) => taken.push(silence),
            Err(why) => {
                refused += 1;
                eprintln!("entry {}: {}", place + 1, lines(&why));
            }
        }
    }
    let ledger = writer(&Config::load(&arguments.output.config.config)?)?;
    // All are asked for before the first is waited for: one commit takes what waits.
    let receipts: Vec<_> = taken
        .iter()
        .map(|silence| ledger.put_silence(silence.clone()))
        .collect();
    for receipt in receipts {
        answer(receipt)?;
    }
    if arguments.output.json {
        let ids: Vec<&str> = taken.iter().map(|silence| &*silence.id).collect();
        let report = serde_json::json!({ "imported": ids, "ended": ended, "refused": refused });
        print_json(&report)?;
    } else {
        output::line(format_args!(
            "imported: {}, left out because they have ended: {ended}, refused: {refused}",
            taken.len()
        ))?;
    }
    Ok(if refused == 0 {
        Exit::Success
    } else {
        Exit::Partial
    })
}

fn list(path: &Path) -> Result<Vec<Value>, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin()
            .lock()
            .take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::io("read", path, &error))?;
    let failure = |what: String| {
        Failure::new(Exit::Io, format!("{}: {what}", path.display())).remedy(
            "it must be a JSON list of silences, as `alertbridge silence export` or `amtool silence query -o json` prints it",
        )
    };
    if bytes.len() as u64 > MOST_BYTES {
        return Err(failure(format!(
            "it is larger than {} MiB",
            MOST_BYTES >> 20
        )));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Array(entries)) => Ok(entries),
        Ok(_) => Err(failure("it is no list".into())),
        Err(error) => Err(failure(error.to_string())),
    }
}

/// Safe for a terminal, line by line.
fn lines(text: &str) -> String {
    let safe: Vec<String> = text.lines().map(printable).collect();
    safe.join("\n")
}
