//! `alertbridge triage`: what a language model is sent, who works on it, and how good it is.

mod again;
mod check;
mod eval;
mod feedback;
mod list;
mod redact;
mod show;
mod work;

use crate::{
    cli,
    config::Config,
    exit::Exit,
    failure::Failure,
    triage::{self, Reviewer, TriageConfig},
};

/// Runs it.
pub fn run(command: &cli::Triage) -> Result<Exit, Failure> {
    match command {
        cli::Triage::Show(arguments) => show::run(arguments),
        cli::Triage::Check(output) => check::run(output),
        cli::Triage::Work(arguments) => work::run(arguments),
        cli::Triage::List(arguments) => list::run(arguments),
        cli::Triage::Again(arguments) => again::run(arguments),
        cli::Triage::Feedback(arguments) => feedback::run(arguments),
        cli::Triage::Eval(arguments) => eval::run(arguments),
        cli::Triage::Redact(arguments) => redact::run(arguments),
    }
}

/// The configuration and its section.
fn section(file: &cli::ConfigFile) -> Result<(Config, TriageConfig), Failure> {
    let config = Config::load(&file.config)?;
    let section = config.triage.clone().ok_or_else(|| {
        Failure::new(Exit::Config, "the configuration has no [triage]")
            .remedy("docs/triage.md shows one")
    })?;
    Ok((config, section))
}

/// What reads alerts, as the daemon would have it.
fn reviewer(config: &Config, section: &TriageConfig) -> Result<Reviewer, Failure> {
    let secrets = triage::secrets(config.sinks.iris.as_ref(), Some(section));
    triage::reviewer(section, &secrets).map_err(|error| Failure::new(Exit::Config, error))
}
