//! `alertbridge triage`: what a language model is sent, who works on it, and how good it is.

mod again;
mod check;
mod eval;
mod feedback;
mod list;
mod redact;
mod show;
mod work;

use std::{path::Path, sync::Arc};

use alertbridge_ledger::{Ledger, LedgerError, OpenOptions, SqliteLedger};
use tokio::sync::watch;

use crate::{
    cli,
    clock::{self, SystemClock},
    commands::writer,
    config::Config,
    exit::Exit,
    failure::Failure,
    intel::{Enrich, Enricher, Herald, IntelConfig, Intelligence},
    metrics::Metrics,
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
    let secrets = triage::secrets(config);
    triage::reviewer(section, &secrets).map_err(|error| Failure::new(Exit::Config, error))
}

/// What workers of a process of their own stand on: IRIS, and the ledger beside a running daemon.
fn parts(config: &mut Config) -> Result<(Vec<String>, triage::Parts), Failure> {
    let secrets = triage::secrets(config);
    let iris = config
        .sinks
        .iris
        .take()
        .ok_or_else(|| Failure::new(Exit::Config, "the configuration has no [sinks.iris]"))?;
    let iris = Arc::new(triage::iris_sink(iris, config)?);
    make_ledger(&config.ledger.path)?;
    let ledger: Arc<dyn Ledger> = Arc::new(writer(config)?);
    let metrics = Arc::new(Metrics::default());
    let intel = match &config.intel {
        Some(intel) => Some(kept_intelligence(intel, &ledger, &metrics)?),
        None => None,
    };
    let parts = triage::Parts {
        ledger,
        iris,
        intel,
        clock: Arc::new(SystemClock),
        metrics,
    };
    Ok((secrets, parts))
}

/// Only asked for what is kept here: it has nothing to tell anybody.
fn kept_intelligence(
    config: &IntelConfig,
    ledger: &Arc<dyn Ledger>,
    metrics: &Arc<Metrics>,
) -> Result<Arc<dyn Enrich>, Failure> {
    let known = Intelligence::new(config, false, Arc::new(SystemClock))
        .map_err(|error| Failure::new(Exit::Config, error))?;
    if let Err(why) = known.open_reader() {
        eprintln!("questions are asked without threat intelligence: {why}");
    }
    let known = Arc::new(known);
    let herald = Herald {
        intelligence: known.clone(),
        ledger: ledger.clone(),
        clock: Arc::new(SystemClock),
        metrics: metrics.clone(),
        arrived: watch::channel(()).0,
        routes: Vec::new(),
    };
    Ok(Arc::new(Enricher {
        intelligence: known,
        herald,
    }))
}

/// Workers may be all that runs here: without a daemon nobody else makes the ledger.
fn make_ledger(path: &Path) -> Result<(), Failure> {
    if path.try_exists().unwrap_or(true) {
        return Ok(());
    }
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::io("make the folder", folder, &error))?;
    }
    // Another worker may be making it right now; then it is there, too.
    match SqliteLedger::open(path, OpenOptions::new(clock::now)) {
        Ok(_) | Err(LedgerError::InUse { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
