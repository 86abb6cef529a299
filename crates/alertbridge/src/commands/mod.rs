//! The commands, one file each.

pub mod books;
pub mod check_config;
pub mod dead_letters;
pub mod demo;
pub mod explain;
pub mod intel;
pub mod iris;
pub mod ledger;
pub mod noise;
pub mod silence;
pub mod status;
pub mod triage;

use std::path::Path;

use alertbridge_ledger::{LedgerError, OpenOptions, Receipt, SqliteLedger};
use serde::Serialize;

use crate::{clock, config::Config, exit::Exit, failure::Failure, output};

/// Opens the ledger beside a running daemon, to read.
fn reader(config: &Config) -> Result<SqliteLedger, Failure> {
    exists(&config.ledger.path)?;
    Ok(SqliteLedger::open_reader(&config.ledger.path)?)
}

/// Opens the ledger beside a running daemon, for one short change.
fn writer(config: &Config) -> Result<SqliteLedger, Failure> {
    exists(&config.ledger.path)?;
    Ok(SqliteLedger::open_writer(
        &config.ledger.path,
        OpenOptions::new(clock::now),
    )?)
}

fn exists(path: &Path) -> Result<(), Failure> {
    match path.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::new(
            Exit::Config,
            format!("there is no ledger at {}", path.display()),
        )
        .remedy(
            "give the daemon's configuration with --config; the ledger is made at its first start",
        )),
        Err(error) => {
            Err(Failure::io("look at the ledger", path, &error)
                .remedy("run this as the daemon's user"))
        }
    }
}

/// Waits for the ledger's answer.
fn answer<T>(receipt: Receipt<T>) -> Result<T, Failure> {
    Ok(receipt
        .blocking_recv()
        .unwrap_or(Err(LedgerError::Closed))?)
}

/// Prints a value as JSON.
fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::fault)?;
    output::line(&text)?;
    Ok(())
}
