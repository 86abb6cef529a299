//! `alertbridge ledger`: its health.

use alertbridge_ledger as ledger;

use super::{exists, print_json};
use crate::{cli, config::Config, exit::Exit, failure::Failure, output, table::printable};

/// Runs the command.
pub fn run(command: &cli::Ledger) -> Result<Exit, Failure> {
    match command {
        cli::Ledger::Check(output) => check(output),
        cli::Ledger::Backup { config, file } => {
            let config = Config::load(&config.config)?;
            exists(&config.ledger.path)?;
            ledger::backup(&config.ledger.path, file)?;
            output::line(format_args!("written: {}", file.display()))?;
            Ok(Exit::Success)
        }
        cli::Ledger::Vacuum(config) => {
            let config = Config::load(&config.config)?;
            exists(&config.ledger.path)?;
            ledger::vacuum(&config.ledger.path)?;
            output::line(format_args!("done"))?;
            Ok(Exit::Success)
        }
    }
}

fn check(output: &cli::LedgerCheck) -> Result<Exit, Failure> {
    let config = Config::load(&output.output.config.config)?;
    exists(&config.ledger.path)?;
    let report = ledger::check(&config.ledger.path, output.thorough)?;
    let faults: Vec<&String> = report
        .damage
        .iter()
        .chain(&report.dangling)
        .chain(&report.faults)
        .collect();
    let output = &output.output;
    if output.json {
        print_json(&serde_json::json!({ "sound": faults.is_empty(), "faults": faults }))?;
    } else if faults.is_empty() {
        output::line(format_args!(
            "{}: sound, and the books balance",
            config.ledger.path.display()
        ))?;
    } else {
        for fault in &faults {
            output::line(format_args!("{}", printable(fault)))?;
        }
    }
    Ok(if faults.is_empty() {
        Exit::Success
    } else {
        Exit::Unbalanced
    })
}
