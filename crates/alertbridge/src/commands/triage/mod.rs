//! `alertbridge triage`: what happens to an alert before a language model sees it.

mod redact;

use crate::{cli, exit::Exit, failure::Failure};

/// Runs it.
pub fn run(command: &cli::Triage) -> Result<Exit, Failure> {
    match command {
        cli::Triage::Redact(arguments) => redact::run(arguments),
    }
}
